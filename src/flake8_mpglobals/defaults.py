"""What a call leaves out decides, too: code that runs only if a parameter is given.

``build(names)`` starts nothing where the body says ``if workers:`` and ``workers=0``.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence

_OPS: Mapping[type[ast.cmpop], Callable[[object, object], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.Gt: lambda a, b: isinstance(a, int) and isinstance(b, int) and a > b,
    ast.GtE: lambda a, b: isinstance(a, int) and isinstance(b, int) and a >= b,
}

Defaults = Mapping[str, object]
_UNKNOWN = object()


def never_reached(function: ast.AST, call: ast.AST, node: ast.AST) -> bool:
    """Whether ``function``, entered by ``call``, does not come to ``node``."""
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    if not isinstance(call, ast.Call):
        return False
    left = _left_out(function, call)
    return bool(left) and _skips(function.body, node, left)


def _left_out(function: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call) -> Defaults:
    """Return the constant defaults of parameters that a call does not give, and that the
    function does not bind anew, other than to what is false as well.
    """
    if any(isinstance(part, ast.Starred) for part in call.args):
        return {}
    named = {keyword.arg for keyword in call.keywords}
    if None in named:
        return {}
    arguments = function.args
    placed = [*arguments.posonlyargs, *arguments.args]
    pairs: list[tuple[ast.arg, ast.expr | None]] = []
    given = len(call.args) + isinstance(call.func, ast.Attribute)
    first = len(placed) - len(arguments.defaults)
    for index, default in enumerate(arguments.defaults, first):
        if index >= given:
            pairs.append((placed[index], default))
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    found = {
        arg.arg: default.value
        for arg, default in pairs
        if isinstance(default, ast.Constant) and arg.arg not in named
    }
    for part in ast.walk(function):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store) and part.id in found:
            bound = _bound(function, part)
            if not (isinstance(bound, ast.Constant) and not bound.value and not found[part.id]):
                del found[part.id]
    return found


def _bound(function: ast.AST, name: ast.Name) -> ast.expr | None:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and name in node.targets:
            return node.value
    return None


def _skips(body: Sequence[ast.stmt], node: ast.AST, left: Defaults) -> bool:
    """Whether a block, run with these values, never comes to ``node``."""
    for statement in body:
        holds = any(part is node for part in ast.walk(statement))
        if isinstance(statement, ast.If):
            outcome = _outcome(statement.test, left)
            if holds:
                for taken, block in ((True, statement.body), (False, statement.orelse)):
                    if any(part is node for inner in block for part in ast.walk(inner)):
                        return outcome is (not taken) or _skips(block, node, left)
                return False
            for taken, block in ((True, statement.body), (False, statement.orelse)):
                if outcome is taken and block and isinstance(block[-1], ast.Return | ast.Raise):
                    return True
        elif holds:
            blocks = [getattr(statement, name, None) for name in ("body", "orelse", "finalbody")]
            return any(isinstance(b, list) and _skips(b, node, left) for b in blocks)
    return False


def _outcome(test: ast.expr, left: Defaults) -> bool | None:
    """Return what a test says; None where it is not decided by what was left out."""
    if isinstance(test, ast.Name):
        return bool(left[test.id]) if test.id in left else None
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _outcome(test.operand, left)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        outcomes = [_outcome(part, left) for part in test.values]
        decided = isinstance(test.op, ast.Or)
        if decided in outcomes:
            return decided
        return None if None in outcomes else not decided
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.left, ast.Name):
        value = left.get(test.left.id, _UNKNOWN)
        other, compare = test.comparators[0], _OPS.get(type(test.ops[0]))
        if value is not _UNKNOWN and isinstance(other, ast.Constant) and compare:
            return compare(value, other.value)
    return None
