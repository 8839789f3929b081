"""``os.fork()`` in tests: which branch of an ``if`` runs in the child."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from flake8_mpglobals.ir import Attr, Call, Imported, Item, Phi, Result, Seen, Value, global_of

FORKS = frozenset(("os.fork", "posix.fork", "pty.fork", "os.forkpty"))
"""Calls that return twice: 0 in the child."""

_DEPTH = 4


def forks_in(node: ast.AST) -> bool:
    """Whether a function names anything called ``fork``."""
    return any(
        "fork" in (part.attr if isinstance(part, ast.Attribute) else part.id)
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute | ast.Name)
    )


def fork_among(values: Iterable[Value], depth: int = 0) -> Call | None:
    """Return the call of ``fork`` that one of ``values`` is what it returned."""
    for value in values:
        found = None
        if isinstance(value, Result):
            if any(_dotted(callee) in FORKS for callee in value.call.callee):
                return value.call
        elif depth >= _DEPTH:
            continue
        elif isinstance(value, Seen | Phi):
            found = fork_among(value.slot.values, depth + 1)
        elif isinstance(value, Item):
            found = fork_among((value.base,), depth + 1)
        if found is not None:
            return found
    return None


def _dotted(value: Value) -> str:
    """Return the qualified name that a value is, as far as imports tell it."""
    if isinstance(value, Imported):
        return value.name
    if isinstance(value, Attr):
        return f"{_dotted(value.base)}.{value.name}"
    place = global_of(value)
    if place is None:
        return ""
    return next(
        (v.name for v in place.module.stores.get(place.name, ()) if isinstance(v, Imported)), ""
    )


def child_of(test: ast.expr, fork: Callable[[ast.expr], Call | None]) -> tuple[Call, bool] | None:
    """Return the call of ``fork`` that a test tells child and parent apart by, and whether
    the child is where the test holds.

    ``fork`` says which call an expression holds the result of.
    """
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        found = child_of(test.operand, fork)
        return None if found is None else (found[0], not found[1])
    if not isinstance(test, ast.Compare):
        call = fork(test)
        return None if call is None else (call, False)
    if len(test.ops) != 1:
        return None
    left, right, op = test.left, test.comparators[0], type(test.ops[0])
    if _is_zero(left):
        left, right = right, left
        op = _TURNED.get(op, op)
    call = fork(left)
    if call is None:
        return None
    if _is_zero(right) and op in _AGAINST_ZERO:
        return call, _AGAINST_ZERO[op]
    return None


_AGAINST_ZERO: dict[type[ast.cmpop], bool] = {
    ast.Eq: True,
    ast.Is: True,
    ast.NotEq: False,
    ast.IsNot: False,
    ast.Gt: False,
}
_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.Gt, ast.Gt: ast.Lt}


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0 and node.value is not False
