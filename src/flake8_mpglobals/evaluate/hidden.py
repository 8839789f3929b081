"""Functions that a call enters although it names another: by way of what a library does."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.driving import DRIVERS, driven
from flake8_mpglobals.evaluate.places import Places
from flake8_mpglobals.evaluate.query import GROWN
from flake8_mpglobals.evaluate.things import External, Func, Obj, Target
from flake8_mpglobals.ir import Attr, Call, Class, Function, Param, Result, SuperOf, Values

DISPATCHERS = frozenset(("functools.singledispatch", "functools.singledispatchmethod"))
"""Decorators of functions that call another one by the type of an argument."""


class Hidden(Places):
    """Answers what calls enter by way of a library."""

    def by_type(self, function: Function) -> tuple[Function, ...]:
        """Return the functions that are registered with one that chooses by type."""
        decorators = (thing for values in function.decorators for thing in self.things(values))
        if not any(isinstance(d, External) and d.name in DISPATCHERS for d in decorators):
            return ()
        registered = self.remembered(self._registered, None, self._find_registered)
        return tuple(registered.get(function, ()))

    def _find_registered(self) -> dict[Function, list[Function]]:
        self.hangs_on |= GROWN
        found: dict[Function, list[Function]] = {}
        for owner, registered in self._registrations():
            known = found.setdefault(owner, [])
            if registered not in known:
                known.append(registered)
        return found

    def _registrations(self) -> Iterator[tuple[Function, Function]]:
        """Yield the functions that are registered for a type, after whom they stand in for."""
        for module in self.program.modules:
            for function in module.functions:
                for values in function.decorators:
                    for owner in self._registers(values):
                        yield owner, function
            for call in module.body.calls:
                if len(call.args) == 2:
                    for owner in self._registers(call.callee):
                        for thing in self.ordered(self.things(call.args[1])):
                            if isinstance(thing, Func):
                                yield owner, thing.function

    def _registers(self, values: Values) -> Iterator[Function]:
        """Yield the functions whose ``register`` is among ``values``, or was called for them."""
        for value in values:
            names = value.call.callee if isinstance(value, Result) else (value,)
            for name in names:
                if isinstance(name, Attr) and name.name == "register":
                    for thing in self.thing(name.base):
                        if isinstance(thing, Func):
                            yield thing.function

    def driven_by(self, call: Call) -> Iterator[Target]:
        """Yield the methods of the project that a method calls which its class inherits from
        a library: ``visit_Name`` of a visitor.
        """
        for callee in call.callee:
            if not isinstance(callee, Attr) or callee.name not in DRIVERS:
                continue
            start = callee.base.cls if isinstance(callee.base, SuperOf) else None
            receiver: Values = frozenset((callee.base,))
            if isinstance(callee.base, SuperOf):
                receiver = frozenset((Param(callee.base.function, 0),))
            classes = [t.cls for t in self.ordered(self.thing(callee.base)) if isinstance(t, Obj)]
            for cls in classes:
                if self.method(cls, callee.name, start) is None:
                    for method in self._driven(cls, callee.name):
                        yield Target(method, {0: receiver}, cls if len(classes) == 1 else None)

    def _driven(self, cls: Class, name: str) -> Iterator[Function]:
        """Yield the methods of a class that the method ``name`` of its library bases calls."""
        order, libraries, _ = self.lineage(cls)
        defined = {each: None for owner in order for each in owner.methods}
        for base in sorted(libraries):
            for each in driven(base, name, defined):
                if (method := self.method(cls, each)) is not None:
                    yield method
