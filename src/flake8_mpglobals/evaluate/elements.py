"""What a container holds: its items, and what iterating over it gives."""

from __future__ import annotations

from flake8_mpglobals.evaluate.classes import Classes
from flake8_mpglobals.evaluate.memory import keeps_places
from flake8_mpglobals.evaluate.things import (
    KEYWORDS,
    Bindings,
    Box,
    Env,
    External,
    Generator,
    Obj,
    Plain,
    Thing,
    Type,
)
from flake8_mpglobals.ir import (
    ANYTHING,
    NOTHING,
    UNKNOWN,
    Attr,
    Call,
    Copied,
    Element,
    Function,
    Imported,
    Item,
    Result,
    Scalar,
    Unknown,
    Value,
    Values,
    element,
    global_of,
    held_in,
    item,
)
from flake8_mpglobals.mutations import ITERATES, SLICES_SHARE

SPREAD = 6
"""How many arguments a tuple of unknown length is taken to hold."""


class Elements(Classes):
    """Answers which values an item or an element of something can be."""

    def parts(
        self, base: Value, key: str | int | None, env: Env | None, *, iterated: bool
    ) -> Values:
        """Return the values that an item (or, ``iterated``, an element) of ``base`` can be."""
        found: set[Value] = set()
        key = None if isinstance(base, Copied) else key  # a slice counts anew
        variable = global_of(base)
        if variable is not None:
            found.update(held_in(variable.module.contents, variable.name, key))
        elif isinstance(base, Attr):
            for thing in self.thing(base.base, env):
                if isinstance(thing, Obj | Type):
                    for owner in self.lineage(thing.cls)[0]:
                        found.update(held_in(owner.contents, base.name, key))
        inner = _through(base)
        if inner is not None:
            return self._of_pairs(inner, key)
        for thing in self.thing(base, env):
            if isinstance(thing, Box):
                found |= self._held(thing, key, env, iterated=iterated)
            elif isinstance(thing, Generator):
                found |= thing.function.yields
            elif isinstance(thing, Plain):
                found.add(Scalar("str"))
            elif iterated or self._subscribed(thing) is None:
                found.add(UNKNOWN)
        return frozenset(found)

    def subscribed(
        self, base: Value, key: str | int | None, env: Env | None
    ) -> list[tuple[Values, Env]]:
        """Return what each ``__getitem__`` of the project returns for an item of ``base``,
        and in which environment.
        """
        asked = ANYTHING if key is None else frozenset((Scalar(type(key).__name__),))
        given: Bindings = {0: frozenset((base,)), 1: asked}
        return [
            (frozenset(method.returns), self.inside(method, given, env))
            for thing in self.ordered(self.thing(base, env))
            if (method := self._subscribed(thing)) is not None
        ]

    def _subscribed(self, thing: Thing) -> Function | None:
        """Return the method by which an object of the project gives out an item."""
        return self.method(thing.cls, "__getitem__") if isinstance(thing, Obj) else None

    @staticmethod
    def _of_pairs(call: Call, key: str | int | None) -> Values:
        """Return part ``key`` of what iterating over ``enumerate``/``zip``/``items`` gives."""
        for callee in call.callee:
            if isinstance(callee, Attr):
                return frozenset((Item(callee.base),)) if key == 1 else ANYTHING
            name = callee.name if isinstance(callee, Imported) else ""
            if name == "builtins.enumerate":
                return element(call.args[0]) if key == 1 and call.args else NOTHING
            if name == "builtins.zip" and isinstance(key, int) and key < len(call.args):
                return element(call.args[key])
        return ANYTHING

    def _held(self, box: Box, key: str | int | None, env: Env | None, *, iterated: bool) -> Values:
        if box.display is not None:
            display = box.display
            if iterated and display.kind in ("dict", KEYWORDS):
                return frozenset((Scalar("str"),))
            if isinstance(key, str) and display.kind == KEYWORDS:
                return display.items.get(key, NOTHING)
            if key is not None and key in display.items and keeps_places(display):
                return display.items[key]
            return frozenset(display.elements)
        call = box.call
        if call is not None and box.kind in SLICES_SHARE:
            return frozenset((Result(call),))
        if call is None:
            return NOTHING
        if box.kind == "defaultdict" and call.args and not iterated:
            made = Call(call.node, call.function, call.args[0], (), {}, -1, NOTHING, call.guards)
            return frozenset((Result(made),))
        for thing in self.things(call.callee, env):
            if isinstance(thing, External):
                position = ITERATES.get(thing.name)
                if position is not None and len(call.args) > position:
                    return element(call.args[position])
                if thing.name == "itertools.repeat" and call.args:
                    return call.args[0]
                if thing.name in ("builtins.map", "itertools.starmap") and call.args:
                    given = tuple(element(arg) for arg in call.args[1:])
                    if thing.name == "itertools.starmap" and given:
                        given = tuple(item(given[0], index) for index in range(SPREAD))
                    made = Call(
                        call.node,
                        call.function,
                        call.args[0],
                        given,
                        {},
                        -1,
                        NOTHING,
                        call.guards,
                    )
                    return frozenset((Result(made),))
            elif isinstance(thing, Unknown):
                for callee in call.callee:
                    if isinstance(callee, Attr) and callee.name == "values":
                        return frozenset((Item(callee.base),))
        return NOTHING


def _through(value: Value) -> Call | None:
    """Return the call of ``enumerate``/``zip``/``items`` of which ``value`` is one element."""
    if isinstance(value, Element) and isinstance(value.base, Result):
        call = value.base.call
        for callee in call.callee:
            if isinstance(callee, Imported) and callee.name in (
                "builtins.enumerate",
                "builtins.zip",
            ):
                return call
            if isinstance(callee, Attr) and callee.name == "items":
                return call
    return None
