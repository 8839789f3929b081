"""Which branches of a function the constants that one call passes leave out.

``def run(func, items, parallel=False)`` starts processes for those who ask for them; who
leaves the flag alone stays in this process.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from flake8_mpglobals.defaults import holds
from flake8_mpglobals.ir import Call, Function
from flake8_mpglobals.names import parameters

Constants = Mapping[str, object]
"""The parameters of one function of which a call fixes the value."""


class Symbol(NamedTuple):
    """A constant that is spelled with the name of what it belongs to: ``Kind.PROCESS``."""

    owner: str
    name: str


def constants(call: Call, function: Function, outer: Constants) -> Constants:
    """Return the parameters of ``function`` that ``call`` gives a constant, or leaves to one;
    ``outer`` are those of the function that calls.
    """
    node = function.node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or call.starred >= 0:
        return {}
    if not isinstance(call.node, ast.Call) or call.rest:
        return {}
    arguments = node.args
    values = (
        *call.node.args,
        *(word.value for word in call.node.keywords),
        *arguments.defaults,
        *arguments.kw_defaults,
    )
    telling = ast.Constant | ast.Attribute | ast.Name if outer else ast.Constant | ast.Attribute
    if not any(isinstance(value, telling) for value in values):
        return {}
    names = [arg.arg for arg in (*arguments.posonlyargs, *arguments.args)]
    given: dict[str, ast.expr | None] = dict.fromkeys(arg.arg for arg in parameters(arguments))
    given.update(
        zip(names[len(names) - len(arguments.defaults) :], arguments.defaults, strict=True)
    )
    given.update(
        (arg.arg, default)
        for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    )
    passed: dict[str, ast.expr] = dict(
        zip(names[function.has_self :], call.node.args, strict=False)
    )
    passed.update((word.arg, word.value) for word in call.node.keywords if word.arg)
    found: dict[str, object] = {}
    for name, default in given.items():
        value = passed.get(name, default)
        if isinstance(value, ast.Constant):
            found[name] = value.value
        elif value is not None and (symbol := _symbol(value)) is not None:
            found[name] = symbol
        elif isinstance(value, ast.Name) and name in passed and value.id in outer:
            found[name] = outer[value.id]
    changed = _assigned(node) if found else ()
    return {name: value for name, value in found.items() if name not in changed}


def left_out(node: ast.AST, function: Function, known: Constants) -> bool:
    """Whether ``function`` never comes to ``node`` when its parameters are ``known``."""
    body = function.node
    if not known or not isinstance(body, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return _left_out(body.body, node, known)


def _left_out(block: Sequence[ast.stmt], node: ast.AST, known: Constants) -> bool:
    for statement in block:
        here = holds((statement,), node)
        if isinstance(statement, ast.If):
            told = _truth(statement.test, known)
            for part, needed in ((statement.body, True), (statement.orelse, False)):
                if here and holds(part, node):
                    return told is (not needed) or _left_out(part, node, known)
                if not here and told is needed and part and leaves(part[-1]):
                    return True
        elif here:
            return any(
                _left_out(inner, node, known)
                for name in ("body", "orelse", "finalbody")
                if isinstance(inner := getattr(statement, name, None), list) and holds(inner, node)
            )
        if here:
            return False
    return False


def leaves(statement: ast.stmt) -> bool:
    """Whether a statement leaves the function."""
    return isinstance(statement, ast.Return | ast.Raise)


def _assigned(node: ast.AST) -> set[str]:
    """Return the names that are bound anywhere in a function."""
    return {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store | ast.Del)
    }


def _truth(test: ast.expr, known: Constants) -> bool | None:
    """Return whether a test holds, None where that is not known."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _truth(test.operand, known)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        parts = [_truth(part, known) for part in test.values]
        decides = isinstance(test.op, ast.Or)
        if decides in parts:
            return decides
        return None if None in parts else not decides
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        compare = _COMPARES.get(type(test.ops[0]))
        sides = (test.left, test.comparators[0])
        if compare is None or not all(_is_known(side, known) for side in sides):
            return None
        values = [_value(side, known) for side in sides]
        symbols = [value for value in values if isinstance(value, Symbol)]
        if symbols:
            alike = len(symbols) == len(values) and symbols[0].owner == symbols[1].owner
            if not alike or not isinstance(test.ops[0], ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
                return None
            return (symbols[0] == symbols[1]) is isinstance(test.ops[0], ast.Eq | ast.Is)
        try:
            return bool(compare(*values))
        except TypeError:
            return None
    if not _is_known(test, known):
        return None
    value = _value(test, known)
    return None if isinstance(value, Symbol) else bool(value)


def _symbol(node: ast.expr) -> Symbol | None:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr.isupper():
        return Symbol(node.value.id, node.attr)
    return None


def _is_known(node: ast.expr, known: Constants) -> bool:
    if isinstance(node, ast.Name):
        return node.id in known
    return isinstance(node, ast.Constant) or _symbol(node) is not None


def _value(node: ast.expr, known: Constants) -> object:
    if isinstance(node, ast.Constant):
        return node.value
    symbol = _symbol(node)
    if symbol is not None:
        return symbol
    assert isinstance(node, ast.Name)
    return known[node.id]


_COMPARES: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
