"""A first look at a file, to see whether any call can run something in another process.

Most files that name a process API, or what a module offers, do not come to use it in a
way that matters.  To resolve all their calls, round after round, would take most of the
time of a run; here only the calls are resolved that can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from flake8_mpglobals.apis import SHARES
from flake8_mpglobals.boundaries import resolve
from flake8_mpglobals.crossings import Crossings
from flake8_mpglobals.dispatches import Boundaries, process_class
from flake8_mpglobals.evaluate import (
    Box,
    Evaluator,
    External,
    Func,
    Handle,
    Mod,
    Obj,
    Partial,
    Thing,
    Type,
    Wrapped,
)
from flake8_mpglobals.extent import MOST, hands_pool, inherited
from flake8_mpglobals.ir import (
    Attr,
    Call,
    Cell,
    Class,
    ClassValue,
    Copied,
    Element,
    Entered,
    Fresh,
    Function,
    FunctionValue,
    Global,
    Handed,
    Imported,
    Instance,
    Item,
    Module,
    ModuleValue,
    Param,
    Phi,
    Result,
    Seen,
    Value,
    Values,
)
from flake8_mpglobals.program import Program
from flake8_mpglobals.records import frozen

_DEEPEST = 6
"""How many names one may stand for another until it is not asked further."""


def may_cross(program: Program, evaluator: Evaluator) -> bool:
    """Whether a call of the file under check can be a dispatch, or lead to one elsewhere.

    True where it is unknown.  The answers that ``evaluator`` remembers afterwards are of
    a program in which no call passes anything: forget them before other questions.
    """
    return _Glance(program, evaluator).may_cross()


@frozen(eq=False)
class _Given:
    """What runs callables elsewhere, as one call gives it to functions, or (``takes``) to
    what runs it; ``asks`` where it does so only if the text of some module asks for it.
    """

    targets: tuple[Function, ...]
    takes: bool
    asks: Callable[[str], bool] | None


class _Glance:
    def __init__(self, program: Program, evaluator: Evaluator) -> None:
        self._program = program
        self._evaluator = evaluator
        self._catalogue = evaluator.catalogue
        self._main = program.main
        self._functions = dict.fromkeys((self._main.body, *self._main.functions))
        self._by_name: dict[str, list[Function]] = {}
        for function in self._main.functions:
            self._by_name.setdefault(function.name, []).append(function)
        self._waiting = list(self._functions)
        self._crossings = Crossings(evaluator)
        self._found = Boundaries()
        self._touching: dict[Value, bool] = {}
        self._held: set[str] = set()
        self._classes: set[Class] = set()
        self._offered: frozenset[str] = frozenset()
        self._waiting_for: list[_Given] = []
        self._entered_from: dict[Function, frozenset[Function]] = {}
        self._asking: dict[tuple[Callable[[str], bool], Module], bool] = {}

    def may_cross(self) -> bool:
        if self._main.star_modules:
            return True
        self._offered = self._program.offered
        evaluator = self._evaluator
        for body in self._program.offering_bodies():
            self._take_in(body)
        self._find_held()
        if any(function.block is not None for function in self._main.functions) or any(
            process_class(cls, evaluator)[0] is not None
            for cls in self._main.classes
            if any(self._leads(base) for base in cls.bases)
        ):
            return True
        for method in inherited(self._program, evaluator):
            self._take_in(method)
        evaluator.unfed = set()
        asked: set[Call] = set()
        while self._waiting:
            while self._waiting:
                if self._crosses(self._waiting.pop()):
                    return True
            if not evaluator.unfed:
                continue
            if any(self._hands_on(call) for call in self._unasked(asked)):
                return True
            if not self._waiting and any(map(self._bears_on, self._waiting_for)):
                return True
        return False

    def _unasked(self, asked: set[Call]) -> Iterator[Call]:
        """Yield the calls of all functions looked at, each one once."""
        for function in list(self._functions):
            for call in function.calls:
                if call not in asked:
                    asked.add(call)
                    yield call

    def _look_at(self, function: Function) -> None:
        """Look at a function of another module, too, if it is offered."""
        if self._program.is_offered(function):
            self._take_in(function)

    def _take_in(self, function: Function) -> None:
        if (
            function not in self._functions
            and len(self._functions) - len(self._main.functions) <= MOST
        ):
            self._functions[function] = None
            self._waiting.append(function)

    def _crosses(self, function: Function) -> bool:
        """Whether a call of ``function`` is a dispatch, whatever its callers pass."""
        for call in function.calls:
            away = function.module is not self._main or self._program.imports_any(call.callee)
            if away and hands_pool(call, self._evaluator, self._touches):
                return True
            if not self._tells(call):
                continue
            edges, sites = resolve(call, self._evaluator, self._crossings, self._found, {})
            if sites:
                return True
            for target in edges:
                self._look_at(target.function)
        return False

    def _tells(self, call: Call) -> bool:
        """Whether to resolve a call tells anything: it may be a dispatch, by its name or by
        what it goes through.
        """
        for callee in call.callee:
            if isinstance(callee, Attr):
                if self._is_plain(callee):
                    continue
                if self._names_one(callee.name) or self._catalogue.is_method(callee.name):
                    return True
            elif isinstance(callee, Param | Cell | Phi | Result | Item | Element):
                return True
            elif call.function.module is not self._main and _name(callee) in self._offered:
                # The functions of the file are looked at anyway.
                return True
        return self._leads(call.callee)

    def _names_one(self, attribute: str) -> bool:
        """Whether an attribute leads to a process API by its name, whatever it is one of."""
        return attribute in self._offered or bool(
            self._catalogue.anywhere(attribute, self._main.source.text)
        )

    def _is_plain(self, attribute: Attr) -> bool:
        """Whether an attribute is what a project module holds under a name that leads to no
        process API: nobody looks into the module for it.
        """
        of = self._module(attribute.base)
        return (
            of is not None
            and not self._catalogue.anywhere(attribute.name, self._main.source.text)
            and not self._program.member(of, attribute.name)
        )

    def _module(self, value: Value, depth: int = 0) -> ModuleValue | None:
        """Return the project module that a value is, if it is just that."""
        if isinstance(value, ModuleValue):
            return value
        held: Collection[Value] = ()
        if isinstance(value, Global):
            held = value.module.stores.get(value.name, ())
        elif isinstance(value, Seen):
            held = value.slot.values
        elif isinstance(value, Attr):
            of = self._module(value.base, depth + 1)
            held = self._program.member(of, value.name) if of is not None else ()
        if len(held) != 1 or depth > _DEEPEST:
            return None
        return self._module(next(iter(held)), depth + 1)

    def _hands_on(self, call: Call) -> bool:
        """Whether a call passes what runs callables elsewhere, or may be made to do so, to an
        API that runs it; to a function of the project: that is to be seen.

        What offers more than one function of a project is looked at, function by function.
        """
        given = [
            value
            for values in (*call.args, *call.keywords.values(), call.rest)
            for value in values
            if self._touches(value)
        ]
        if not given:
            return False
        targets = [target.function for target in self._evaluator.targets(call)]
        takes = self._takes_tasks(call)
        if not (targets or takes):
            return False
        things = list(self._evaluator.things(given))
        seen: set[Thing] = set()
        while things:
            thing = things.pop()
            if thing in seen:
                continue
            seen.add(thing)
            if self._is_sender(thing) or (isinstance(thing, Mod) and self._touches(thing.module)):
                asks = self._catalogue.asking(_class_name(thing))
                if takes and asks is None:
                    return True
                self._waiting_for.append(_Given(tuple(targets), takes, asks))
            if isinstance(thing, Func):
                self._look_at(thing.function)
            elif isinstance(thing, Type | Obj) and thing.cls not in self._classes:
                self._classes.add(thing.cls)
                for cls in self._evaluator.lineage(thing.cls)[0]:
                    for method in cls.methods.values():
                        self._look_at(method)
            elif isinstance(thing, Partial):
                things.extend(self._evaluator.things(thing.call.args[0]))
            elif isinstance(thing, Box) and thing.display is not None:
                things.extend(self._evaluator.things(thing.display.elements))
        return False

    def _bears_on(self, given: _Given) -> bool:
        """Whether what was given to functions gets where somebody asked what is given."""
        if given.asks is not None and not self._asked_for(given.asks):
            return False
        unfed = self._evaluator.unfed
        return given.takes or any(
            not self._reached_from(target).isdisjoint(unfed) for target in given.targets
        )

    def _asked_for(self, asks: Callable[[str], bool]) -> bool:
        for module in self._program.modules:
            key = (asks, module)
            if key not in self._asking:
                self._asking[key] = asks(module.source.text)
            if self._asking[key]:
                return True
        return False

    def _reached_from(self, start: Function) -> frozenset[Function]:
        """Return the functions that are entered from ``start``, itself among them."""
        known = self._entered_from.get(start)
        if known is None:
            found = {start}
            stack = [start]
            while stack:
                for call in stack.pop().calls:
                    for target in self._evaluator.targets(call):
                        if target.function not in found:
                            found.add(target.function)
                            stack.append(target.function)
            known = self._entered_from[start] = frozenset(found)
        return known

    def _takes_tasks(self, call: Call) -> bool:
        """Whether a call goes through a process API: it may be a dispatch once it is known
        which callable a task has.
        """
        for thing in self._evaluator.things(call.callee):
            if not self._is_sender(thing):
                continue
            name = _class_name(thing)
            row = self._catalogue.api(name if isinstance(thing, External) else f"{name}.__call__")
            if row is not None and row.defers:
                continue  # What takes the task is asked on its own.
            if row is None or not row.dispatches or row.where is not None or row.inherits:
                return True
            kind = self._crossings.kind(row, call, call.callee, None)
            if kind is not None and kind not in SHARES:
                return True
        return False

    def _is_sender(self, thing: Thing) -> bool:
        return isinstance(thing, Handle | Wrapped) or (
            isinstance(thing, External) and self._catalogue.may_touch(thing.name)
        )

    def _find_held(self) -> None:
        """Find the attributes in which something is kept that leads to a process API."""
        size = -1
        while size != len(self._held):
            size = len(self._held)
            self._touching.clear()
            for cls in self._main.classes:
                for attributes in (cls.attributes, cls.self_attributes):
                    for name, values in attributes.items():
                        if name not in self._held and self._leads(values):
                            self._held.add(name)
            for function in self._functions:
                for store in function.stores:
                    if (
                        isinstance(store.key, str)
                        and store.key not in self._held
                        and self._leads(store.values)
                    ):
                        self._held.add(store.key)

    def _leads(self, values: Iterable[Value]) -> bool:
        """Whether any of ``values`` may lead to a process API."""
        return any(self._touches(value) for value in values)

    def _touches(self, value: Value) -> bool:
        known = self._touching.get(value)
        if known is None:
            self._touching[value] = False
            known = self._touching[value] = self._find(value)
        return known

    def _find(self, value: Value) -> bool:
        match value:
            case Imported(name):
                return self._catalogue.may_touch(name)
            case Attr(base, name):
                return not self._is_plain(value) and (
                    name in self._held
                    or self._names_one(name)
                    or self._touches(base)
                    or any(
                        self._catalogue.may_touch(f"{owner}.{name}") for owner in self._dotted(base)
                    )
                )
            case Item(base) | Element(base) | Entered(base) | Copied(base) | Handed(_, base):
                return self._touches(base)
            case ModuleValue(path):
                return bool(path) and bool(self._program.workspace.offers(path))
            case Global(module, name):
                return self._leads(module.stores.get(name, ()))
            case Seen(place, slot):
                return self._touches(place) or self._leads(slot.values)
            case Cell(function, name):
                return self._leads(function.cells.get(name, ()))
            case Phi(slot):
                return self._leads(slot.values)
            case Fresh(display):
                return self._leads(display.elements)
            case Instance(of):
                return self._touches(of)
            case FunctionValue(function):
                return any(self._leads(values) for values in function.decorators)
            case ClassValue(cls):
                return any(self._leads(values) for values in (*cls.bases, *cls.decorators))
            case Result(call):
                return self._leads(call.callee) or self._returns(call) or self._sent(call)
        return False

    def _dotted(self, value: Value, depth: int = 0) -> Iterator[str]:
        """Yield the names of a library that a value may be."""
        if depth > _DEEPEST:
            return
        if isinstance(value, Imported):
            yield value.name
        elif isinstance(value, Attr):
            yield from (f"{owner}.{value.name}" for owner in self._dotted(value.base, depth + 1))
        elif isinstance(value, Seen):
            for each in value.slot.values:
                yield from self._dotted(each, depth + 1)
        elif isinstance(value, Global):
            for each in value.module.stores.get(value.name, ()):
                yield from self._dotted(each, depth + 1)

    def _sent(self, call: Call) -> bool:
        return any(self._leads(values) for values in (*call.args, *call.keywords.values()))

    def _returns(self, call: Call) -> bool:
        """Whether a function of this file that a call enters gives such a thing back."""
        return any(
            self._leads((*function.returns, *function.yields))
            for function in self._entered(call.callee)
        )

    def _entered(self, callee: Values) -> Iterator[Function]:
        names = set()
        for value in callee:
            if isinstance(value, FunctionValue):
                yield value.function
            elif isinstance(value, Attr | Global):
                names.add(value.name)
            elif isinstance(value, Seen):
                names.add(value.place.name)
        for name in sorted(names):
            yield from self._by_name.get(name, ())


def _class_name(thing: Thing) -> str:
    return thing.name if isinstance(thing, External | Handle | Wrapped) else ""


def _name(callee: Value) -> str:
    """Return the name by which a module names one of its own functions or classes."""
    match callee:
        case Global(_, name) | Seen(Global(_, name)):
            return name
        case FunctionValue(function):
            return function.name
        case ClassValue(cls):
            return cls.name
    return ""
