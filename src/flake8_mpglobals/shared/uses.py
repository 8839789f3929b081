"""Where shared objects are used: each operation with what it is done to, and by which name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_mpglobals.evaluate import Shared
from flake8_mpglobals.ir import Attr, Element, Entered, Function, Item, Value, Values
from flake8_mpglobals.records import frozen
from flake8_mpglobals.shared.sharing import Sharing


@frozen(eq=False)
class Use:
    """One operation on ``value``, which is ``thing``; ``method`` is the attribute asked for."""

    function: Function
    node: ast.AST
    value: Value
    thing: Shared
    method: str = ""


def uses(sharing: Sharing, function: Function) -> Iterator[Use]:
    """Yield the operations of one function on shared objects, once for each node and object."""
    seen: set[tuple[object, ...]] = set()
    for node, values in _touched(function):
        for value in values:
            for use in _of(sharing, function, node, value):
                key = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0), use.thing)
                if key not in seen:
                    seen.add(key)
                    yield use


def _touched(function: Function) -> Iterator[tuple[ast.AST, Values]]:
    """Yield nodes with what they touch; method calls first, since they say most."""
    for call in function.calls:
        if isinstance(call.node, ast.Call):
            yield call.node, frozenset(c for c in call.callee if isinstance(c, Attr))
    for store in function.stores:
        if store.how not in ("bind", "augment", "unbind"):
            key = store.key if isinstance(store.key, str) and "attr" in store.how else None
            targets = store.targets
            yield store.node, frozenset(Attr(t, key) for t in targets) if key else targets
    for load in function.loads:
        yield load.node, load.values


def _of(sharing: Sharing, function: Function, node: ast.AST, value: Value) -> Iterator[Use]:
    """Yield the use of the object at the end of an access path, or of what leads there."""
    method = ""
    while True:
        things = sharing.shared((value,))
        if things:
            for thing in things:
                yield Use(function, node, value, thing, method)
            return
        if not isinstance(value, Attr | Item | Element | Entered):
            return
        method = value.name if isinstance(value, Attr) else ""
        value = value.base
