"""Properties and descriptors: attributes of which a read or a store enters a method of the
project.

No call stands in the text for them.  Each gets one here, beside the event that makes
it, so that regions, reads and the run of the parent lead through properties as they
lead through methods.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_mpglobals.evaluate import Bindings, Evaluator, Obj, Target
from flake8_mpglobals.ir import (
    NOTHING,
    Attr,
    Call,
    Class,
    ClassValue,
    Element,
    Function,
    Item,
    Load,
    Param,
    Result,
    Store,
    Value,
    Values,
    root,
)
from flake8_mpglobals.program import Program
from flake8_mpglobals.records import frozen

Accessing = Load | Store | Call
"""An event that may read attributes."""


@frozen(eq=False)
class Access:
    """An event that enters a property: the call that stands for it, and what that enters."""

    event: Accessing
    call: Call
    targets: tuple[Target, ...]


class Accessors:
    """Finds, for one program, the properties that functions read."""

    def __init__(self, program: Program, evaluator: Evaluator) -> None:
        self._program = program
        self._evaluator = evaluator
        self._names: frozenset[str] = frozenset()
        self._described: frozenset[str] = frozenset()
        self._modules = 0
        self._calls: dict[tuple[Accessing, Value], Call] = {}

    def of(self, function: Function) -> Iterator[Access]:
        """Yield what ``function`` enters by reading attributes."""
        names = self._properties()
        if not names:
            return
        for load in function.loads:
            yield from self._read(function, load, load.values, names)
        for store in function.stores:
            yield from self._read(function, store, store.targets, names)
            yield from self._set(function, store)
        for call in function.calls:
            bases = frozenset(v.base for v in call.callee if isinstance(v, Attr))
            yield from self._read(function, call, bases, names)

    def _set(self, function: Function, store: Store) -> Iterator[Access]:
        """Yield the setter that a store enters, unless all it does is to keep the value."""
        if not store.how.endswith("attr") or not isinstance(store.key, str):
            return
        if not isinstance(store.node, ast.expr) or store.key not in self._names:
            return
        for base in store.targets:
            for thing in self._evaluator.ordered(self._evaluator.thing(base)):
                if not isinstance(thing, Obj):
                    continue
                setter = setter_of(thing.cls, store.key, self._evaluator)
                if setter is not None and kept_by(setter) is None:
                    call = self._call(function, store, store.node, Attr(base, store.key))
                    given: Bindings = {0: frozenset((base,)), 1: store.values}
                    yield Access(store, call, (Target(setter, given),))
                for setter, kept in self._descriptors(thing.cls, store.key, "__set__"):
                    call = self._call(function, store, store.node, Attr(base, store.key))
                    given = {0: kept, 1: frozenset((base,)), 2: store.values}
                    yield Access(store, call, (Target(setter, given),))

    def _properties(self) -> frozenset[str]:
        """Return the names of all properties of the modules lowered so far."""
        if len(self._program.modules) != self._modules:
            self._modules = len(self._program.modules)
            functions = [f for module in self._program.modules for f in module.functions]
            self._names = frozenset(f.name for f in functions if f.is_property)
            if any(f.cls is not None and f.name in ("__get__", "__set__") for f in functions):
                self._described = frozenset(
                    name
                    for module in self._program.modules
                    for cls in module.classes
                    for name, values in cls.attributes.items()
                    if any(isinstance(value, Result) for value in values)
                )
                self._names |= self._described
        return self._names

    def _descriptors(
        self, cls: Class, name: str, special: str
    ) -> Iterator[tuple[Function, Values]]:
        """Yield the methods of descriptors that reading or storing an attribute enters, with
        the attribute of the class that is the descriptor.
        """
        if name not in self._described:
            return
        for owner in self._evaluator.lineage(cls)[0]:
            if name in owner.attributes:
                for thing in self._evaluator.ordered(
                    self._evaluator.things(owner.attributes[name])
                ):
                    if isinstance(thing, Obj):
                        method = self._evaluator.method(thing.cls, special)
                        if method is not None:
                            yield method, frozenset((Attr(ClassValue(owner), name),))
                return

    def _read(
        self, function: Function, event: Accessing, values: Values, names: frozenset[str]
    ) -> Iterator[Access]:
        for value in values:
            walk = value
            while isinstance(walk, Attr | Item | Element):
                if isinstance(walk, Attr) and walk.name in names:
                    targets = tuple(self._getters(walk))
                    if targets and isinstance(event.node, ast.expr):
                        call = self._call(function, event, event.node, walk)
                        yield Access(event, call, targets)
                walk = walk.base

    def _getters(self, value: Attr) -> Iterator[Target]:
        receiver: Values = frozenset((value.base,))
        things = self._evaluator.ordered(self._evaluator.thing(value.base))
        found = [thing.cls for thing in things if isinstance(thing, Obj)]
        for cls in found:
            method = self._evaluator.method(cls, value.name)
            if method is not None and method.is_property:
                yield Target(method, {0: receiver}, cls if len(found) == 1 else None)
            for getter, kept in self._descriptors(cls, value.name, "__get__"):
                yield Target(getter, {0: kept, 1: receiver})

    def _call(
        self,
        function: Function,
        event: Accessing,
        node: ast.expr,
        value: Attr,
    ) -> Call:
        """Return the call that stands for one access, the same one in every round."""
        known = self._calls.get((event, value))
        if known is None:
            callee: Values = frozenset((value,))
            known = Call(node, function, callee, (), {}, -1, NOTHING, event.guards)
            self._calls[event, value] = known
        return known


def setter_of(cls: Class, name: str, evaluator: Evaluator) -> Function | None:
    """Return the setter of the project that storing attribute ``name`` of an instance enters."""
    order = evaluator.lineage(cls)[0]
    return next((cls.setters[name] for cls in order if name in cls.setters), None)


def kept_by(setter: Function) -> str | None:
    """Return the attribute that a setter stores, if that is all it does to its object."""
    own = Param(setter, 0)
    if any(isinstance(c, Attr) and root(c) == own for call in setter.calls for c in call.callee):
        return None
    keys = {store.key for store in setter.stores if store.how.endswith("attr")}
    others = any(store.targets != frozenset((own,)) for store in setter.stores)
    key = keys.pop() if len(keys) == 1 and not others else None
    return key if isinstance(key, str) else None
