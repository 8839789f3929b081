"""What a write changes, by what the place holds: ``x.pop()`` on a list, or on something unknown."""

from __future__ import annotations

import ast
from typing import Literal

from flake8_mpglobals.accessors import kept_by, setter_of
from flake8_mpglobals.evaluate import (
    Box,
    Evaluator,
    External,
    Func,
    Generator,
    Handle,
    Mod,
    Obj,
    Plain,
    Shared,
    Thing,
    Things,
    Type,
)
from flake8_mpglobals.ir import (
    UNKNOWN,
    Attr,
    Call,
    Cell,
    Class,
    ClassValue,
    Copied,
    Element,
    Global,
    Handed,
    Imported,
    Item,
    Param,
    Store,
    Value,
    anchor,
    is_receiver,
    unhand,
)
from flake8_mpglobals.mutations import (
    BUFFERS,
    CERTAIN,
    CONSTRUCTORS,
    CONTAINERS,
    SLICES_SHARE,
    changing_verb,
    in_place,
)
from flake8_mpglobals.ranks import rank
from flake8_mpglobals.rawwrites import CALLED, RawWrite
from flake8_mpglobals.reach import rebase, segments
from flake8_mpglobals.records import frozen, replace

Sort = Literal["mutate", "rebind", "buffer", "class", "module", "instance", "argument", "closure"]

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
    "tensor": "changes",
    "memoryview": "changes",
}


@frozen
class Effect:
    """A write that is one: its sort, the phrase for it, what the global holds, and where
    under the global it happens (:func:`~flake8_mpglobals.reach.segments`).
    """

    sort: Sort
    verb: str
    kind: str
    path: tuple[str, ...]


_KEYED = frozenset(("get", "setdefault", "pop"))
"""Methods of mappings that are about one item."""

_MAPPINGS = frozenset(("dict", "defaultdict", "OrderedDict", "Counter", "ChainMap"))

_STREAMS = frozenset(Attr(Imported("sys"), name) for name in ("stdin", "stdout", "stderr"))
"""What each process redirects for itself."""


def judge(write: RawWrite, place: Value, evaluator: Evaluator) -> Effect | None:
    """Decide what a possible write does to a place; None where it is no lost write.

    ``place`` is where it happens, part of a global or of a class or module attribute.
    """
    if write.method == CALLED:
        if not isinstance(place, Attr) or place == anchor(place):
            return None
        write, place = replace(write, method=place.name), place.base
    holder = anchor(place)
    if isinstance(holder, Handed | Cell):
        return _judge_copy(write, place, holder, evaluator)
    whole = evaluator.thing(holder)
    kind = kind_of(whole)
    through = isinstance(holder, Global) and _through_module(write, evaluator)
    in_module = (
        through and isinstance(holder, Global) and holder.module is not write.function.module
    )
    if (
        through
        and not in_module
        and write.place == holder
        and isinstance(write.event, Store)
        and write.event.how.endswith("attr")
    ):
        # A global of this module, by its name in the module object.
        bound = _binding(write.event, whole, kind)
        return bound and replace(bound, sort="rebind", verb="rebinds")
    if holder in _STREAMS:
        return None
    if isinstance(holder, Attr) or in_module:
        sort: Sort = "module"
        if isinstance(holder, Attr) and isinstance(holder.base, ClassValue):
            sort = "class"
        if (
            write.place == holder
            and isinstance(write.event, Store)
            and write.event.how.endswith("attr")
            and write.event.key == getattr(holder, "name", None)
        ):
            effect = _binding(write.event, whole, kind)
        else:
            effect = _judge(write, place, whole, evaluator)
        return None if effect is None else replace(effect, sort=sort)
    return _judge(write, place, whole, evaluator)


def _judge_copy(
    write: RawWrite, place: Value, holder: Handed | Cell, evaluator: Evaluator
) -> Effect | None:
    """Judge a write on a copy of what the parent knows; only what is sure is one."""
    known = unhand(place)
    whole = evaluator.thing(unhand(holder))
    path = segments(place)
    things = evaluator.thing(known) if path else whole
    if path and UNKNOWN in things and isinstance(holder, Handed) and is_self(holder.param):
        # Whoever starts it knows the object by a base of the class that has this method.
        for own in rebase(place, frozenset((holder.param,))):
            known, things = own, evaluator.thing(own)
    event = write.event
    binds = isinstance(event, Store) and event.how in ("bind", "augment", "unbind")
    if isinstance(holder, Handed) and (binds or (isinstance(holder.base, Copied) and not path)):
        return None  # a name of the worker's, or a list that is its own
    if not binds and (UNKNOWN in things or UNKNOWN in whole):
        return None
    if path and not things and isinstance(event, Store):
        return None  # what a container holds that nothing is seen to fill
    held = things
    if isinstance(event, Store) and event.how.endswith("attr"):
        key = stored_as(event, things, evaluator)
        if key is None:
            return None
        held = evaluator.thing(Attr(known, key))
        if any(isinstance(thing, Shared) for thing in held):
            return None
    effect = _judge(write, place, whole, evaluator, things)
    if effect is None or (isinstance(holder, Handed) and kind_of(held) == "tensor"):
        return None  # what travels of torch's tensors travels in shared memory
    sort: Sort = "closure"
    if isinstance(holder, Handed):
        sort = "instance" if is_self(holder.param) else "argument"
    return replace(effect, sort=sort, kind=kind_of(held))


def is_self(param: Param) -> bool:
    """Whether a parameter is the instance of a method."""
    return is_receiver(param) and not param.function.classmethod


def stored_as(event: Store, things: Things, evaluator: Evaluator) -> str | None:
    """Return the attribute of ``things`` that a store changes in the end, behind a property
    that does nothing else; None where other code decides what happens, or it has no name.
    """
    if not isinstance(event.key, str):
        return None
    names = {
        _stored_in(thing.cls, event.key, evaluator) if isinstance(thing, Obj) else event.key
        for thing in things
    } or {event.key}
    return names.pop() if len(names) == 1 else None


def _stored_in(cls: Class, name: str, evaluator: Evaluator) -> str | None:
    setter = setter_of(cls, name, evaluator)
    if setter is not None:
        return kept_by(setter)
    if any(evaluator.method(cls, method) is not None for method in (name, "__setattr__")):
        return None
    return name


def _through_module(write: RawWrite, evaluator: Evaluator) -> bool:
    """Whether a write names the global of another module as an attribute of that module."""
    event = write.event
    if isinstance(event, Store):
        bases = list(event.targets)
        if event.how.endswith("attr") and any(
            isinstance(thing, Mod) for thing in evaluator.things(event.targets)
        ):
            return True
    else:
        bases = [callee.base for callee in event.callee if isinstance(callee, Attr)]
    for base in bases:
        walk = base
        while isinstance(walk, Attr | Item | Element):
            if isinstance(walk, Attr) and any(
                isinstance(thing, Mod) for thing in evaluator.thing(walk.base)
            ):
                return True
            walk = walk.base
    return False


def _binding(event: Store, whole: Things, kind: str) -> Effect | None:
    """Judge a store that binds an attribute of a class or of an imported module."""
    if any(isinstance(thing, Shared) for thing in whole):
        return None
    verb = "deletes" if event.how == "del attr" else "sets"
    if event.how == "augment attr":
        verb = _AUGMENTS.get(kind, "changes")
    return Effect("class", verb, kind, ())


def _judge(
    write: RawWrite,
    place: Value,
    whole: Things,
    evaluator: Evaluator,
    held: Things | None = None,
) -> Effect | None:
    kind = kind_of(whole)
    event = write.event
    if isinstance(event, Store) and event.how in ("bind", "augment", "unbind"):
        return _rebinding(event, whole, kind, evaluator)
    path = segments(place)
    held = evaluator.thing(place) if held is None and path else held
    whole = _as_containers(whole, write, evaluator)
    kind = kind_of(whole) or kind
    if _elsewhere(whole) or _shared_by_hand(place, kind, evaluator):
        return None
    things = whole if held is None else _as_containers(held, write, evaluator)
    if path and _elsewhere(things, nested=True):
        return None
    known = {thing for thing in things if thing != UNKNOWN}
    vague = UNKNOWN in things and (not path or bool(known))
    if isinstance(event, Store):
        key = stored_as(event, things, evaluator) or event.key
        inner = all(part[:1] == "[" for part in path)
        depth = rank(whole) if inner else 0
        return _stored(event, things, kind, path, vague=vague, key=key, rank=depth)
    return _called(write, things, kind, path, vague=vague)


def _shared_by_hand(place: Value, kind: str, evaluator: Evaluator) -> bool:
    """Whether a tensor is moved to shared memory by a call of its own."""
    if kind != "tensor":
        return False
    known = {anchor(found) for found in evaluator.places((unhand(place),))}
    return not known.isdisjoint(evaluator.shared_by_hand())


def _as_containers(things: Things, write: RawWrite, evaluator: Evaluator) -> Things:
    """Return ``things`` with instances of container subclasses as what they inherit from,
    where the class itself does not define what the write does.
    """
    event = write.event
    method = write.method
    if isinstance(event, Store):
        method = "__delitem__" if event.how == "del item" else "__setitem__"
    found: set[Thing] = set()
    for thing in things:
        kinds: set[str] = set()
        if isinstance(thing, Obj):
            bases = evaluator.lineage(thing.cls)[1]
            kinds = {CONSTRUCTORS[base] for base in bases if base in CONSTRUCTORS} - {"object"}
            if evaluator.method(thing.cls, method) is not None:
                kinds.clear()
        elif isinstance(thing, Generator):
            kinds.add("iterator")
        by_attribute = isinstance(event, Store) and event.how.endswith("attr")
        if not kinds or by_attribute:
            found.add(thing)
        found.update(Box(kind) for kind in kinds)
    return frozenset(found)


def _by_method(event: Store, things: Things, evaluator: Evaluator) -> bool:
    """Whether ``place op= value`` changes the object in place by a method of its class."""
    if not isinstance(event.node, ast.AugAssign):
        return False
    method, _ = in_place(event.node.op)
    return any(
        evaluator.method(thing.cls, method) is not None
        for thing in things
        if isinstance(thing, Obj)
    )


def _rebinding(event: Store, whole: Things, kind: str, evaluator: Evaluator) -> Effect | None:
    if any(isinstance(thing, Shared) for thing in whole):
        return None
    if event.how != "bind" and not any(_is_bound(target) for target in event.targets):
        return None  # it raises NameError, in every process
    if event.how == "augment" and kind == "object" and _by_method(event, whole, evaluator):
        return None  # what the method does is seen where it stands
    if event.how == "augment" and kind in _AUGMENTS:
        sort: Sort = "buffer" if kind in BUFFERS else "mutate"
        return Effect(sort, _AUGMENTS[kind], kind, ())
    if event.how == "unbind":
        return Effect("rebind", "deletes", kind, ())
    return Effect("rebind", "rebinds", kind, ())


def _is_bound(target: Value) -> bool:
    """Whether anything gives a variable its first value."""
    if isinstance(target, Cell):
        return True
    if not isinstance(target, Global):
        return False
    return bool(target.module.star_imports) or target.name in target.module.bound


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
    event: Store,
    things: Things,
    kind: str,
    path: tuple[str, ...],
    *,
    vague: bool,
    key: str | int | None,
    rank: int,
) -> Effect | None:
    """Judge an item, attribute or in-place operator; ``key`` is what is changed in the end,
    ``rank`` how many indices lead to a number.
    """
    if vague and not path:
        return None
    if event.how == "inplace":
        held = kind_of(things)
        if held not in _AUGMENTS or (held in SLICES_SHARE and len(path) >= max(rank, 1)):
            return None  # nothing, or perhaps a number of an array
        return Effect(_sort(held), _nested(_AUGMENTS[held], path), kind, path)
    deletes = event.how.startswith("del")
    if event.how.endswith("attr"):
        if not any(isinstance(thing, Obj | Func) or _is_object(thing) for thing in things):
            return None
        named = f"attribute {event.key!r}" if event.key is not None else "an attribute"
        verb = f"{'deletes' if deletes else 'sets'} {named} of"
        where = f".{key}" if key is not None else ".*"
        held = kind_of(things)
        sort = _sort(held) if held == "ctypes" else "mutate"
        return Effect(sort, verb, kind, (*path, where))
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
    verb = changing_verb(held, write.method)
    if verb is None and path and not held and write.method in CERTAIN:
        verb = CERTAIN[write.method]
    if verb is None or (vague and not path):
        return None
    verb = _nested(verb, path)
    if held in _MAPPINGS and isinstance(write.event, Call):
        path = (*path, *item_asked_for(write.event, write.method))
    return Effect(_sort(held), verb, kind, path)


def item_asked_for(call: Call, method: str) -> tuple[str, ...]:
    """Return the path of the item that ``get(key)`` and its like ask for: of other methods,
    that of the whole container.
    """
    if method not in _KEYED or not isinstance(call.node, ast.Call) or not call.node.args:
        return ()
    first = call.node.args[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str | int):
        return (f"[{first.value!r}]",)
    return ("[]",)


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
