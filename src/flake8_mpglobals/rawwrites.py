"""What the code of a function writes on, before it is known what stands there."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flake8_mpglobals.evaluate import Evaluator, External, Mod, Type
from flake8_mpglobals.ir import (
    NOTHING,
    Attr,
    Call,
    Cell,
    Fresh,
    Function,
    Global,
    Module,
    Param,
    Result,
    Store,
    Value,
    anchor,
    global_of,
    root,
)
from flake8_mpglobals.mutations import (
    CALLS_BACK,
    FUNCTIONS,
    INPLACE,
    METHODS,
    ONLY_ITERATORS,
    READS_INTO,
    ROW_METHODS,
    SHUFFLERS,
    WRITERS,
    WRITES_TO,
)
from flake8_mpglobals.records import frozen

CALLED = "call"
"""The method of a write that is a call of a place itself: a bound method, by another name."""

_ALL_METHODS = frozenset(name for table in METHODS.values() for name in table)


@frozen(eq=False)
class RawWrite:
    """A possible write: the place written into (or bound), and the event that does it."""

    function: Function
    place: Value
    event: Store | Call
    method: str = ""
    verb: str = ""


def may_change_globals(module: Module) -> bool:
    """Whether any function of a module can change one of its globals; told from names alone."""
    for function in module.functions:
        for store in function.stores:
            if any(global_of(root(target)) is not None for target in store.targets):
                return True
        for call in function.calls:
            for callee in call.callee:
                if (
                    isinstance(callee, Attr)
                    and _may_change(callee.name)
                    and global_of(root(callee.base)) is not None
                ):
                    return True
            given = (value for values in call.args for value in values)
            if any(global_of(value) is not None for value in given):
                return True
    return False


def changed_globals(module: Module) -> frozenset[str]:
    """Return the globals of a module that its own functions may change, other than those that
    it calls when it is imported, in each process; from names alone.
    """
    found: set[str] = set()
    callees = (global_of(callee) for call in module.body.calls for callee in call.callee)
    called = {variable.name for variable in callees if variable is not None}
    for function in module.functions:
        if function.qualname in called:
            continue
        changed: list[Value] = [target for store in function.stores for target in store.targets]
        for call in function.calls:
            for callee in call.callee:
                if isinstance(callee, Attr) and _may_change(callee.name):
                    changed.append(callee.base)
        for value in changed:
            variable = global_of(root(value))
            if variable is not None and variable.module is module:
                found.add(variable.name)
    return frozenset(found)


def raw_writes(function: Function, evaluator: Evaluator) -> Iterator[RawWrite]:
    """Yield the possible writes of one function, on globals and on its parameters."""
    for store in function.stores:
        if store.how in ("bind", "augment", "unbind"):
            if function.is_module:
                continue
            for target in store.targets:
                if isinstance(target, Global) or (
                    isinstance(target, Cell) and target.function is not function
                ):
                    yield RawWrite(function, target, store)
        else:
            if store.how.endswith("attr") and isinstance(store.key, str):
                for state in _bound(store, evaluator):
                    yield RawWrite(function, state, store)
            for place in _known_places(store.targets, evaluator):
                yield RawWrite(function, place, store)
    for call in function.calls:
        yield from _written_by_call(function, call, evaluator)


def _known_places(values: Iterable[Value], evaluator: Evaluator) -> Iterator[Value]:
    """Yield the places among ``values`` that others than the function itself may know."""
    for place in evaluator.places(values):
        if not isinstance(anchor(place), Fresh | Result):
            yield place


def _bound(store: Store, evaluator: Evaluator) -> Iterator[Value]:
    """Yield the class and module attributes that an attribute store binds."""
    assert isinstance(store.key, str)
    for target in store.targets:
        if any(isinstance(thing, Type | External | Mod) for thing in evaluator.thing(target)):
            yield from evaluator.states(target, store.key)


def _written_by_call(function: Function, call: Call, evaluator: Evaluator) -> Iterator[RawWrite]:
    for callee in call.callee:
        if isinstance(callee, Attr) and _may_change(callee.name) and is_spelled(call, callee.name):
            for place in _known_places((callee.base,), evaluator):
                yield RawWrite(function, place, call, callee.name)
        if isinstance(callee, Attr) and INPLACE in call.keywords and _in_place(call):
            for place in _known_places((callee.base,), evaluator):
                yield RawWrite(function, place, call, INPLACE)
        if isinstance(callee, Attr) and callee.name in READS_INTO and call.args:
            for place in _known_places(call.args[0], evaluator):
                yield RawWrite(function, place, call, "()", "writes into")
        if isinstance(callee, Attr) and callee.name == "shuffle" and call.args:
            makers = evaluator.made_by((callee.base,))
            if any(_shuffles(maker, evaluator) for maker in makers):
                for place in _known_places(call.args[0], evaluator):
                    yield RawWrite(function, place, call, "()", "shuffles")
        if isinstance(callee, Attr) and callee.name in ROW_METHODS:
            for maker in evaluator.made_by((callee.base,)):
                for name in library_names(maker, evaluator):
                    position = WRITERS.get(name, len(maker.args))
                    if position < len(maker.args) and maker.starred < 0:
                        for place in _known_places(maker.args[position], evaluator):
                            yield RawWrite(function, place, call, "write")
    names = library_names(call, evaluator)
    passed = [
        call.args[position]
        for name in names
        for position in CALLS_BACK.get(name, ())
        if position < len(call.args)
    ]
    bare = frozenset(callee for callee in call.callee if not isinstance(callee, Attr | Result))
    for values in (bare, *passed):
        for place in _known_places(values, evaluator):
            if isinstance(place, Param) or (
                isinstance(place, Attr) and place != anchor(place) and _may_change(place.name)
            ):
                yield RawWrite(function, place, call, CALLED)
    for thing in names:
        stream = WRITES_TO.get(thing)
        if stream is not None and call.starred < 0:
            position, keyword = stream
            given = call.keywords.get(keyword) or NOTHING
            if 0 <= position < len(call.args):
                given = call.args[position]
            for place in _known_places(given, evaluator):
                yield RawWrite(function, place, call, "write")
        known = FUNCTIONS.get(thing)
        if known is not None and len(call.args) > known[0] and call.starred < 0:
            method = "__next__" if thing in ONLY_ITERATORS else "()"
            for place in _known_places(call.args[known[0]], evaluator):
                yield RawWrite(function, place, call, method, known[1])
        elif thing.startswith(("builtins.", "collections.")) and thing.count(".") == 2:
            # An unbound method: list.append(x, 1).
            method = thing.rpartition(".")[2]
            if call.args and call.starred != 0 and _may_change(method):
                for place in _known_places(call.args[0], evaluator):
                    yield RawWrite(function, place, call, method)
    if "out" in call.keywords:
        for thing in library_names(call, evaluator):
            if thing.startswith(("numpy.", "torch.")):
                for place in _known_places(call.keywords["out"], evaluator):
                    yield RawWrite(function, place, call, "()", "writes into")


def evicts(raw: RawWrite) -> bool:
    """Whether a write only takes something out: what a cache does to stay small."""
    if isinstance(raw.event, Store):
        return raw.event.how == "del item"
    return raw.method in ("pop", "popitem", "clear", "discard", "remove", "popleft")


def library_names(call: Call, evaluator: Evaluator) -> list[str]:
    """Return the library functions that a call can mean; cheap where it cannot be one."""
    return sorted(
        thing.name for thing in evaluator.things(call.callee) if isinstance(thing, External)
    )


def _may_change(method: str) -> bool:
    return method in _ALL_METHODS or (method.endswith("_") and not method.startswith("_"))


def is_spelled(call: Call, method: str) -> bool:
    """Whether a call of a special method stands in the text: others stand for a store, which
    is a write already.
    """
    node = call.node
    if not method.startswith("__"):
        return True
    if not isinstance(node, ast.Call):
        return False
    return not isinstance(node.func, ast.Attribute) or node.func.attr == method


def _in_place(call: Call) -> bool:
    """Whether a call is told to change its receiver (``inplace=True``)."""
    return isinstance(call.node, ast.Call) and any(
        given.arg == INPLACE and isinstance(given.value, ast.Constant) and given.value.value is True
        for given in call.node.keywords
    )


def _shuffles(maker: Call, evaluator: Evaluator) -> bool:
    return any(name in SHUFFLERS for name in library_names(maker, evaluator))
