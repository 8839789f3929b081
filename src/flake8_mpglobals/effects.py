"""What a function changes and reads: writes and reads on places, by what the places hold.

Writes are found symbolically, per function; whether one is a change at all
(``x.pop()`` on a list, or on something unknown) is decided when the place is
known to be a global, by asking what it holds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from flake8_mpglobals.evaluate import (
    Box,
    Evaluator,
    External,
    Func,
    Handle,
    Obj,
    Plain,
    Shared,
    Target,
    Things,
    Type,
)
from flake8_mpglobals.ir import (
    UNKNOWN,
    Attr,
    Call,
    Function,
    Global,
    Module,
    Param,
    Store,
    Value,
    Values,
    global_of,
    root,
)
from flake8_mpglobals.mutations import (
    BUFFERS,
    CERTAIN,
    CONTAINERS,
    FUNCTIONS,
    METHODS,
    ONLY_ITERATORS,
)
from flake8_mpglobals.reach import segments

Sort = Literal["mutate", "rebind", "buffer"]

_AUGMENTS = {
    "list": "extends",
    "deque": "extends",
    "set": "updates",
    "dict": "updates",
    "defaultdict": "updates",
    "OrderedDict": "updates",
    "Counter": "updates",
    "bytearray": "extends",
    "array": "extends",
    "ndarray": "changes",
    "DataFrame": "changes",
}


@dataclass(frozen=True, slots=True, eq=False)
class RawWrite:
    """A possible write: the place written into (or bound), and the event that does it."""

    function: Function
    place: Value
    event: Store | Call
    method: str = ""
    verb: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """A write that is one: its sort, the phrase for it, what the global holds, and where
    under the global it happens (:func:`~flake8_mpglobals.reach.segments`).
    """

    sort: Sort
    verb: str
    kind: str
    path: tuple[str, ...]


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


def raw_writes(function: Function, evaluator: Evaluator) -> Iterator[RawWrite]:
    """Yield the possible writes of one function, on globals and on its parameters."""
    for store in function.stores:
        if store.how in ("bind", "augment", "unbind"):
            if function.is_module:
                continue
            for target in store.targets:
                if isinstance(target, Global):
                    yield RawWrite(function, target, store)
        else:
            for place in evaluator.places(store.targets):
                yield RawWrite(function, place, store)
    for call in function.calls:
        yield from _written_by_call(function, call, evaluator)


def _written_by_call(function: Function, call: Call, evaluator: Evaluator) -> Iterator[RawWrite]:
    for callee in call.callee:
        if isinstance(callee, Attr) and _may_change(callee.name):
            for place in evaluator.places((callee.base,)):
                yield RawWrite(function, place, call, callee.name)
    for thing in _library_names(call, evaluator):
        known = FUNCTIONS.get(thing)
        if known is not None and len(call.args) > known[0] and call.starred < 0:
            method = "__next__" if thing in ONLY_ITERATORS else "()"
            for place in evaluator.places(call.args[known[0]]):
                yield RawWrite(function, place, call, method, known[1])
        elif thing.startswith(("builtins.", "collections.")) and thing.count(".") == 2:
            # An unbound method: list.append(x, 1).
            method = thing.rpartition(".")[2]
            if call.args and call.starred != 0 and _may_change(method):
                for place in evaluator.places(call.args[0]):
                    yield RawWrite(function, place, call, method)
    if "out" in call.keywords:
        for thing in _library_names(call, evaluator):
            if thing.startswith("numpy."):
                for place in evaluator.places(call.keywords["out"]):
                    yield RawWrite(function, place, call, "()", "writes into")


def _library_names(call: Call, evaluator: Evaluator) -> list[str]:
    """Return the library functions that a call can mean; cheap where it cannot be one."""
    return sorted(
        thing.name for thing in evaluator.things(call.callee) if isinstance(thing, External)
    )


_ALL_METHODS = frozenset(name for table in METHODS.values() for name in table)


def _may_change(method: str) -> bool:
    return method in _ALL_METHODS


def judge(write: RawWrite, place: Value, evaluator: Evaluator) -> Effect | None:
    """Decide what a possible write does to a global place; None where it is no lost write.

    ``place`` is where it happens, with a global at its root.
    """
    holder = root(place)
    assert isinstance(holder, Global)
    whole = evaluator.thing(holder)
    kind = kind_of(whole)
    event = write.event
    if isinstance(event, Store) and event.how in ("bind", "augment", "unbind"):
        return _rebinding(event, whole, kind)
    if _elsewhere(whole):
        return None
    path = segments(place)
    things = evaluator.thing(place) if path else whole
    if path and _elsewhere(things, nested=True):
        return None
    known = {thing for thing in things if thing != UNKNOWN}
    vague = UNKNOWN in things and (not path or bool(known))
    if isinstance(event, Store):
        return _stored(event, things, kind, path, vague=vague)
    return _called(write, things, kind, path, vague=vague)


def _rebinding(event: Store, whole: Things, kind: str) -> Effect | None:
    if any(isinstance(thing, Shared) for thing in whole):
        return None
    if event.how == "augment" and kind in _AUGMENTS:
        sort: Sort = "buffer" if kind in BUFFERS else "mutate"
        return Effect(sort, _AUGMENTS[kind], kind, ())
    if event.how == "unbind":
        return Effect("rebind", "deletes", kind, ())
    return Effect("rebind", "rebinds", kind, ())


def _elsewhere(things: Things, *, nested: bool = False) -> bool:
    """Whether an object is not plain memory of one process, or not a container at all."""
    for thing in things:
        if isinstance(thing, Shared | Handle | Type):
            return True
        if isinstance(thing, External):
            return True
    if nested:
        return False
    return not any(isinstance(thing, Box | Obj | Func) for thing in things)


def _stored(
    event: Store, things: Things, kind: str, path: tuple[str, ...], *, vague: bool
) -> Effect | None:
    """Judge an item, attribute or in-place operator."""
    if vague and not path:
        return None
    if event.how == "inplace":
        held = kind_of(things)
        if held not in _AUGMENTS:
            return None
        return Effect(_sort(held), _nested(_AUGMENTS[held], path), kind, path)
    deletes = event.how.startswith("del")
    if event.how.endswith("attr"):
        if not any(isinstance(thing, Obj | Func) or _is_object(thing) for thing in things):
            return None
        named = f"attribute {event.key!r}" if event.key is not None else "an attribute"
        verb = f"{'deletes' if deletes else 'sets'} {named} of"
        where = f".{event.key}" if event.key is not None else ".*"
        return Effect("mutate", verb, kind, (*path, where))
    held = kind_of(things)
    if held and held not in CONTAINERS and held != "object":
        return None
    if any(isinstance(thing, Obj) for thing in things):
        return None
    if path and UNKNOWN in things:
        return None
    where = f"[{event.key!r}]" if event.key is not None else "[]"
    verb = "deletes an item of" if deletes else "stores an item in"
    if isinstance(event.node, ast.Subscript) and isinstance(event.node.slice, ast.Slice):
        verb = "deletes a slice of" if deletes else "replaces a slice of"
        where = "[]"
    return Effect(_sort(held), _nested(verb, path), kind, (*path, where))


def _called(
    write: RawWrite, things: Things, kind: str, path: tuple[str, ...], *, vague: bool
) -> Effect | None:
    """Judge a method, or a function that changes its argument."""
    held = kind_of(things)
    if write.method == "()":
        if vague or (held and held not in CONTAINERS):
            return None
        return Effect(_sort(held), _nested(write.verb, path), kind, path)
    if any(isinstance(thing, Obj) for thing in things):
        return None
    verb = METHODS.get(held, {}).get(write.method)
    if verb is None and path and not held and write.method in CERTAIN:
        verb = CERTAIN[write.method]
    if verb is None or (vague and not path):
        return None
    return Effect(_sort(held), _nested(verb, path), kind, path)


def _sort(held: str) -> Sort:
    return "buffer" if held in BUFFERS else "mutate"


def _nested(verb: str, path: tuple[str, ...]) -> str:
    """Return the phrase for a change inside something that the place holds."""
    if not path:
        return verb
    last = path[-1]
    if last.startswith("."):
        return f"{verb} {last[1:]!r} of"
    return f"{verb} an item of"


def _is_object(thing: object) -> bool:
    return isinstance(thing, Box) and thing.kind == "object"


def kind_of(things: Things) -> str:
    """Return the kind of the mutable (else of the plain) object among ``things``, or ``""``."""
    boxes = sorted({thing.kind for thing in things if isinstance(thing, Box)})
    if boxes:
        return boxes[0]
    if any(isinstance(thing, Obj) for thing in things):
        return "object"
    if any(isinstance(thing, Func) for thing in things):
        return "function"
    plain = {thing.kind for thing in things if isinstance(thing, Plain)} - {"NoneType"}
    for kind in ("float", "int", "bool", "str", "tuple"):
        if kind in plain:
            return kind
    return min(plain) if plain else ""


# -- reads ---------------------------------------------------------------------


class Reads:
    """Which parts of its parameters a function reads, itself or in what it calls."""

    def __init__(self, evaluator: Evaluator, edges: dict[Call, tuple[Target, ...]]) -> None:
        self._evaluator = evaluator
        self._edges = edges
        self._known: dict[Param, frozenset[tuple[str, ...]]] = {}
        self._active: set[Param] = set()

    def of(self, param: Param) -> frozenset[tuple[str, ...]]:
        """Return the access paths below ``param`` that are read; ``()`` is the whole object."""
        known = self._known.get(param)
        if known is not None:
            return known
        if param in self._active or len(self._active) > 30:
            return frozenset()
        self._active.add(param)
        found: set[tuple[str, ...]] = set()
        function = param.function
        for load in function.loads:
            if not load.argument:
                found.update(self._below(load.values, param))
        if param in function.returns or param in function.yields:
            found.add(())
        for call in function.calls:
            found.update(self._in_call(call, param))
        self._active.discard(param)
        result = frozenset(found)
        if not self._active:
            self._known[param] = result
        return result

    def _below(self, values: Values, param: Param) -> Iterator[tuple[str, ...]]:
        for place in self._evaluator.places(values):
            if root(place) == param:
                yield segments(place)

    def _in_call(self, call: Call, param: Param) -> Iterator[tuple[str, ...]]:
        for values, read in call_reads(call, self._evaluator, self._edges, self):
            for path in self._below(values, param):
                for below in read:
                    yield (*path, *below)


WHOLE: frozenset[tuple[str, ...]] = frozenset(((),))


def call_reads(
    call: Call,
    evaluator: Evaluator,
    edges: dict[Call, tuple[Target, ...]],
    reads: Reads,
) -> Iterator[tuple[Values, frozenset[tuple[str, ...]]]]:
    """Yield what ``call`` gets, with the parts of it that the call reads.

    The receiver of a mutating method whose result is not used is not read; an
    argument of a project function is read as far as that function reads it;
    anything else that a call is given is read whole.
    """
    entered = edges.get(call, ())
    names = set(_library_names(call, evaluator))
    for callee in call.callee:
        if not isinstance(callee, Attr):
            continue
        receiver: Values = frozenset((callee.base,))
        things = evaluator.things(receiver)
        held = kind_of(things)
        if held in METHODS:
            if callee.name not in METHODS[held] or call.used:
                yield receiver, WHOLE if not _keyed(call, callee.name) else _key_of(call)
        elif entered:
            yield from _into(entered, 0, receiver, reads)
        elif (call.used or callee.name not in CERTAIN) and not any(
            isinstance(thing, Shared | Handle | External | Type) for thing in things
        ):
            yield receiver, frozenset(((f".{callee.name}",),))
    for position, values in enumerate(call.args):
        if not call.used and any(_changes(name, position) for name in names):
            continue
        if entered and not names:
            yield from _into(entered, None, values, reads)
        else:
            yield values, WHOLE
    for values in (*call.keywords.values(), call.rest):
        if entered and not names:
            yield from _into(entered, None, values, reads)
        else:
            yield values, WHOLE


def _changes(name: str, position: int) -> bool:
    """Whether the library function ``name`` changes its argument at ``position``."""
    if name in FUNCTIONS:
        return FUNCTIONS[name][0] == position and name not in ONLY_ITERATORS
    return position == 0 and name.startswith("builtins.") and name.count(".") == 2


def _keyed(call: Call, method: str) -> bool:
    return (
        method in ("get", "setdefault", "pop")
        and isinstance(call.node, ast.Call)
        and bool(call.node.args)
    )


def _key_of(call: Call) -> frozenset[tuple[str, ...]]:
    """Return the path of the item that ``get(key)`` and its like ask for."""
    assert isinstance(call.node, ast.Call)
    first = call.node.args[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str | int):
        return frozenset(((f"[{first.value!r}]",),))
    return frozenset((("[]",),))


def _into(
    entered: tuple[Target, ...], index: int | None, values: Values, reads: Reads
) -> Iterator[tuple[Values, frozenset[tuple[str, ...]]]]:
    """Yield what the functions that a call enters read of ``values``."""
    for target in entered:
        function = target.function
        bindings = target.bindings
        for position, bound in bindings.items():
            if (index is not None and position == index) or (index is None and bound == values):
                yield values, reads.of(Param(function, position))
