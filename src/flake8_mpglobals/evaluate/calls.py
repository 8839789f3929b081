"""Which functions a call enters, and what it binds to their parameters."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from flake8_mpglobals.catalogue import SHARES
from flake8_mpglobals.evaluate.elements import SPREAD
from flake8_mpglobals.evaluate.hidden import Hidden
from flake8_mpglobals.evaluate.places import put_around
from flake8_mpglobals.evaluate.query import GROWN
from flake8_mpglobals.evaluate.things import (
    Box,
    External,
    Func,
    Obj,
    Partial,
    Target,
    Thing,
    Type,
    Wrapped,
)
from flake8_mpglobals.ir import (
    NOTHING,
    Call,
    Cell,
    Class,
    ClassValue,
    Function,
    FunctionValue,
    Imported,
    Module,
    Param,
    Result,
    Value,
    Values,
    element,
    item,
    root,
    union,
)
from flake8_mpglobals.mutations import (
    CALLS_BACK,
    PROTOCOL,
    PROTOCOL_OF_ITEMS,
    SHOWS,
)

_MAPPINGS = frozenset(("dict", "defaultdict", "OrderedDict"))

_SEQUENCES = frozenset(("list", "tuple", "set", "deque"))


class Evaluator(Hidden):
    """Answers questions about the values of one program."""

    def targets(self, call: Call) -> tuple[Target, ...]:
        """Return the project functions that ``call`` enters here and now."""
        found: list[Target] = []
        for thing in self.ordered(self.things(call.callee)):
            if isinstance(thing, External):
                found.extend(self._calls_back(thing.name, call))
                found.extend(self._by_protocol(thing.name, call))
            else:
                found.extend(self.entered_by(thing, call))
        found.extend(self.driven_by(call))
        return tuple(found)

    def entered_by(self, thing: Thing, call: Call) -> list[Target]:
        """Return the functions entered when ``thing`` is called as ``call`` calls it."""
        found: list[Target] = []
        if isinstance(thing, Func):
            function = thing.function
            bound = self.bind(call, function, thing.receiver)
            found.append(Target(function, bound, self._only_class(thing.receiver)))
            for wrapper in self.wrappers(function):
                found.append(Target(wrapper, self.bind(call, wrapper)))
            for other in self.by_type(function) if function.decorators else ():
                found.append(Target(other, self.bind(call, other, thing.receiver)))
        elif isinstance(thing, Type):
            made: Values = frozenset((Result(call),))
            maker = self.method(thing.cls, "__new__")
            if maker is not None:
                bound = self.bind(call, maker, frozenset((ClassValue(thing.cls),)))
                found.append(Target(maker, bound, thing.cls))
            for name in ("__init__", "__post_init__"):
                method = self.method(thing.cls, name)
                if method is not None:
                    bound = self.bind(call, method, made) if name == "__init__" else {0: made}
                    found.append(Target(method, bound, thing.cls))
        elif isinstance(thing, Obj):
            method = self.method(thing.cls, "__call__")
            if method is not None:
                found.append(Target(method, self.bind(call, method, call.callee), thing.cls))
        elif isinstance(thing, Partial):
            found.extend(self._through_partial(thing.call, call))
        elif isinstance(thing, Wrapped):
            row = self.catalogue.api(f"{thing.name}.__call__")
            if row is not None and row.kind in SHARES and not row.defers:
                for inner in self.ordered(thing.inner):
                    found.extend(self.entered_by(inner, call))
        return found

    def _only_class(self, receiver: Values) -> Class | None:
        """Return the class of a receiver that can be of one class only."""
        classes = {thing.cls for thing in self.things(receiver) if isinstance(thing, Obj)}
        return classes.pop() if len(classes) == 1 else None

    def _through_partial(self, made: Call, call: Call) -> list[Target]:
        if not made.args or made in self._partials:
            return []  # `func = partial(func, …)` in a loop is a partial of itself, too
        merged = Call(
            call.node,
            call.function,
            made.args[0],
            (*made.args[1:], *call.args),
            {**made.keywords, **call.keywords},
            -1,
            union(made.rest, call.rest),
            call.guards,
        )
        found: list[Target] = []
        self._partials.add(made)
        for thing in self.ordered(self.things(made.args[0])):
            found.extend(self.entered_by(thing, merged))
        self._partials.discard(made)
        return found

    def _by_protocol(self, name: str, call: Call) -> list[Target]:
        """Return the special methods that a builtin such as ``next`` calls."""
        if not call.args:
            return []
        special, given = PROTOCOL.get(name, ()), call.args[0]
        if name in PROTOCOL_OF_ITEMS and "key" not in call.keywords:
            special = PROTOCOL_OF_ITEMS[name]
            given = union(*call.args) if len(call.args) > 1 else element(given)
        if not special:
            return []
        if name not in SHOWS:
            return self._special(special, given)
        # Of what is inside a container the text shows what repr() gives.
        given = union(*call.args)
        found = self._special(special, given)
        for inner in self.held_inside(given):
            found.extend(self._special(("__repr__",), inner))
        return found

    def _special(self, names: tuple[str, ...], given: Values) -> list[Target]:
        """Return the first of some special methods that each of ``given`` has."""
        methods: dict[Function, None] = {}
        for thing in self.ordered(self.things(given)):
            if isinstance(thing, Obj):
                there = (method for each in names if (method := self.method(thing.cls, each)))
                methods.update(dict.fromkeys(itertools.islice(there, 1)))
        if not methods:
            return []
        return [Target(method, {0: given}, self._only_class(given)) for method in methods]

    def held_inside(self, given: Values) -> list[Values]:
        """Return what the containers among ``given`` hold, if any is one."""
        kinds = {thing.kind for thing in self.things(given) if isinstance(thing, Box)}
        found = [item(given)] if kinds & _MAPPINGS else []
        return [*found, element(given)] if kinds & _SEQUENCES else found

    def _calls_back(self, name: str, call: Call) -> list[Target]:
        """Return the functions that a builtin such as ``map`` calls for its caller."""
        positions = CALLS_BACK.get(name)
        if positions is None:
            return []
        found: list[Target] = []
        for position in positions:
            if position < len(call.args):
                rest = tuple(element(arg) for i, arg in enumerate(call.args) if i != position)
                if name == "itertools.starmap" and rest:
                    rest = tuple(item(rest[0], index) for index in range(SPREAD))
                found.extend(self.called_with(call.args[position], rest, call))
        if "key" in call.keywords and call.args:
            found.extend(self.called_with(call.keywords["key"], (element(call.args[0]),), call))
        return found

    def called_with(self, callee: Values, args: tuple[Values, ...], at: Call) -> list[Target]:
        """Return the functions entered when ``callee`` is called with ``args``."""
        made = Call(at.node, at.function, callee, args, {}, -1, NOTHING, at.guards)
        found: list[Target] = []
        for thing in self.ordered(self.things(callee)):
            found.extend(self.entered_by(thing, made))
        return found

    def decorated(self, values: Values) -> tuple[Thing, ...]:
        """Return the functions that decorators of the program get, where ``values`` are
        the parameter that a decorator gets its function by.
        """
        found: list[Thing] = []
        stack = list(values)
        seen: set[Value] = set()
        while stack:
            value = stack.pop()
            if value in seen:
                continue
            seen.add(value)
            if isinstance(value, Cell):
                stack.extend(value.function.cells.get(value.name, ()))
            elif isinstance(value, Param) and value.index == 0:
                self.hangs_on |= GROWN
                for module in self.program.modules:
                    for function in module.functions:
                        for decorator in function.decorators:
                            if Func(value.function) in self.things(decorator):
                                found.append(Func(function))
        return tuple(self.ordered(frozenset(found)))

    def registered(self, modules: Iterable[Module]) -> list[Target]:
        """Return the decorators of the program that give back what they get, with that: they
        note it for later.
        """
        definitions: list[tuple[Value, tuple[Values, ...]]] = [
            (FunctionValue(f), f.decorators) for m in modules for f in m.functions if f.decorators
        ]
        definitions += [
            (ClassValue(c), c.decorators) for m in modules for c in m.classes if c.decorators
        ]
        found: list[Target] = []
        for definition, decorators in definitions:
            for values in decorators:
                if all(isinstance(root(value), Imported) for value in values):
                    continue
                for thing in self.ordered(self.things(values)):
                    if isinstance(thing, Func) and Param(thing.function, 0) in (
                        thing.function.returns
                    ):
                        found.append(Target(thing.function, {0: frozenset((definition,))}))
        return found

    def made_over(self, modules: Iterable[Module]) -> list[Function]:
        """Return the functions of modules that decorators of the catalogue make over:
        those, and the methods of such classes, run where the library says.
        """
        modules = list(modules)
        definitions = [FunctionValue(f) for m in modules for f in m.functions if f.decorators]
        classes = [ClassValue(cls) for m in modules for cls in m.classes if cls.decorators]
        found: list[Function] = []
        for thing in self.ordered(self.things((*definitions, *classes))):
            for inner in thing.inner if isinstance(thing, Wrapped) else ():
                if isinstance(inner, Func):
                    found.append(inner.function)
                elif isinstance(inner, Type):
                    found.extend(inner.cls.methods.values())
        return found

    def wrappers(self, function: Function) -> tuple[Function, ...]:
        """Return the functions of this project that decorators put around ``function``."""
        found: list[Function] = []
        for values in function.decorators:
            for thing in self.ordered(self.things(values)):
                if isinstance(thing, Func):
                    for inner in self.ordered(self.things(put_around(thing.function))):
                        if isinstance(inner, Func) and inner.function is not function:
                            found.append(inner.function)
                elif isinstance(thing, Type | Obj):
                    method = self.method(thing.cls, "__call__")
                    if method is not None:
                        found.append(method)
        return tuple(found)
