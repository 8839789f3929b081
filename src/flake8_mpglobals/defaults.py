"""What a call gives, and what it leaves out, decides which code of a function runs.

``build(names)`` starts nothing where the body says ``if workers:`` and ``workers=0``.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence

_OPS: Mapping[type[ast.cmpop], Callable[[object, object], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.Gt: lambda a, b: isinstance(a, int) and isinstance(b, int) and a > b,
    ast.GtE: lambda a, b: isinstance(a, int) and isinstance(b, int) and a >= b,
}

_NUMBERS = ("job", "worker", "proc", "cpu", "core", "pool")
"""What the names of parameters have in them that say how many processes there are to be."""

Known = Mapping[str, frozenset[object]]
"""The constants that parameters can be, where that is known."""


def entered(function: ast.AST, call: ast.AST, outer: Known) -> Known:
    """Return what is known of the parameters of ``function``, entered by ``call`` from where
    ``outer`` is known: constants that are given, or the defaults of what is left out.
    """
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return {}
    if not isinstance(call, ast.Call):
        return {}
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if None in named or any(isinstance(part, ast.Starred) for part in call.args):
        return {}
    arguments = function.args
    placed = [*arguments.posonlyargs, *arguments.args]
    method = bool(placed) and placed[0].arg in ("self", "cls")
    first = len(placed) - len(arguments.defaults)
    values: dict[str, ast.expr] = {
        arg.arg: default for arg, default in zip(placed[first:], arguments.defaults, strict=True)
    }
    for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            values[arg.arg] = default
    values |= {arg.arg: value for arg, value in zip(placed[method:], call.args, strict=False)}
    values |= {name: value for name, value in named.items() if name}
    found: dict[str, frozenset[object]] = {}
    for name, value in values.items():
        if isinstance(value, ast.Constant):
            found[name] = frozenset((value.value,))
        elif isinstance(value, ast.Name) and value.id in outer:
            found[name] = outer[value.id]
    for name in list(found):
        bound = _bound(function, name)
        constants = {value.value for value in bound if isinstance(value, ast.Constant)}
        if all(isinstance(value, ast.Constant) for value in bound):
            found[name] |= constants
        else:
            del found[name]
    return found


def _bound(function: ast.AST, name: str) -> list[ast.expr | None]:
    """Return what a function binds a name to; None where that is no plain assignment."""
    plain: dict[ast.AST, ast.expr] = {
        target: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
    }
    return [
        plain.get(part)
        for part in ast.walk(function)
        if isinstance(part, ast.Name) and part.id == name and not isinstance(part.ctx, ast.Load)
    ]


def never_reached(function: ast.AST, node: ast.AST, known: Known) -> bool:
    """Whether ``function`` does not come to ``node`` where this is known of its parameters."""
    return _skips(_body(function), node, known)


def calls_another(node: ast.AST, name: str, known: Known) -> bool:
    """Whether ``(this if flag else that)()`` calls the one that is not called ``name``."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.IfExp):
        return False
    outcome = _outcome(node.func.test, known)
    chosen = node.func.body if outcome else node.func.orelse
    told = chosen.attr if isinstance(chosen, ast.Attribute) else getattr(chosen, "id", name)
    return outcome is not None and told != name


def by_number(function: ast.AST, node: ast.AST) -> bool:
    """Whether ``function`` comes to ``node`` or not by how many processes there are to be:
    by a test against one, or none.
    """
    return _counted(_body(function), node)


def by_word(function: ast.AST, node: ast.AST, call: ast.AST) -> bool:
    """Whether ``function`` comes to ``node`` only where something is a word (``mode ==
    "process"``) that ``call`` does not spell.
    """
    spelled = {part.value for part in ast.walk(call) if isinstance(part, ast.Constant)}
    return any(
        isinstance(branch, ast.If)
        and holds(branch.body, node)
        and isinstance(branch.test, ast.Compare)
        and isinstance(branch.test.ops[0], ast.Eq)
        and isinstance(word := branch.test.comparators[0], ast.Constant)
        and isinstance(word.value, str)
        and word.value not in spelled
        for branch in ast.walk(function)
    )


def gives_number(call: ast.AST) -> bool:
    """Whether a call says by a keyword that there are to be several processes."""
    if not isinstance(call, ast.Call):
        return False
    for keyword in call.keywords:
        value: object = keyword.value
        if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
            value = value.operand
            if isinstance(value, ast.Constant) and isinstance(value.value, int):
                return True
        several = isinstance(value, ast.Constant) and type(value.value) is int and value.value > 1
        if several and any(word in (keyword.arg or "") for word in _NUMBERS):
            return True
    return False


def _counted(body: Sequence[ast.stmt], node: ast.AST) -> bool:
    for statement in body:
        inside = holds((statement,), node)
        if isinstance(statement, ast.If):
            left = isinstance(statement.body[-1], ast.Return | ast.Raise)
            asked = holds((statement.test,), node)
            if (inside or left) and not asked and _is_number_test(statement.test):
                return True
        if inside:
            blocks = [getattr(statement, name, None) for name in ("body", "orelse", "finalbody")]
            return any(isinstance(b, list) and _counted(b, node) for b in blocks)
    return False


def _is_number_test(test: ast.expr) -> bool:
    return any(
        isinstance(part, ast.Compare)
        and isinstance(part.left, ast.Name | ast.Attribute)
        and len(part.comparators) == 1
        and isinstance(other := part.comparators[0], ast.Constant)
        and type(other.value) is int
        and other.value in (0, 1)
        for part in ast.walk(test)
    )


def _body(function: ast.AST) -> Sequence[ast.stmt]:
    body = getattr(function, "body", ())
    return body if isinstance(body, list) else ()


def _skips(body: Sequence[ast.stmt], node: ast.AST, known: Known) -> bool:
    """Whether a block never comes to ``node``."""
    for statement in body:
        if isinstance(statement, ast.If):
            outcome = _outcome(statement.test, known)
            for taken, block in ((True, statement.body), (False, statement.orelse)):
                if holds(block, node):
                    return outcome is (not taken) or _skips(block, node, known)
                if outcome is taken and block and isinstance(block[-1], ast.Return | ast.Raise):
                    return not holds((statement.test,), node)
        elif holds((statement,), node):
            blocks = [getattr(statement, name, None) for name in ("body", "orelse", "finalbody")]
            return any(isinstance(b, list) and _skips(b, node, known) for b in blocks)
    return False


def holds(block: Iterable[ast.AST], node: ast.AST) -> bool:
    """Whether a node stands in one of several."""
    return any(part is node for inner in block for part in ast.walk(inner))


def _outcome(test: ast.expr, known: Known) -> bool | None:
    """Return what a test says; None where it is not decided by what is known."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.Name):
        return _agreed({bool(value) for value in known.get(test.id, ())})
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _outcome(test.operand, known)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        outcomes = [_outcome(part, known) for part in test.values]
        decided = isinstance(test.op, ast.Or)
        if decided in outcomes:
            return decided
        return None if None in outcomes else not decided
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.left, ast.Name):
        other, compare = test.comparators[0], _OPS.get(type(test.ops[0]))
        if isinstance(other, ast.Constant) and compare:
            values = known.get(test.left.id, ())
            return _agreed({compare(value, other.value) for value in values})
    return None


def _agreed(outcomes: set[bool]) -> bool | None:
    return outcomes.pop() if len(outcomes) == 1 else None
