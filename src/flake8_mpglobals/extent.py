"""Which functions of a program are looked at, beyond those of the file under check.

Workers are followed into other modules, by plain calls and up to a bound; the
parent only where it leads to a process API.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from flake8_mpglobals.evaluate import Evaluator, Handle, Obj, Target, Type
from flake8_mpglobals.ir import Attr, Call, Function, Module, Param, Value, Values
from flake8_mpglobals.program import Program

DEEPEST = 4
"""How many calls deep a worker is followed once it has left the file under check."""

LINKS = 3
"""How many calls a callable may be passed through before it is sent."""

MOST = 120
"""How many functions of other modules are looked at."""


class Extent:
    """The functions that are looked at; it grows while their calls are resolved.

    ``readers`` are other modules into which the parent is followed, too.
    """

    def __init__(self, program: Program, evaluator: Evaluator, readers: frozenset[Module]) -> None:
        self._program = program
        self._evaluator = evaluator
        self._readers = readers
        main = program.main
        self._depths: dict[Function, int] = dict.fromkeys((main.body, *main.functions), 0)
        self._queue: deque[Function] = deque()
        self._resolved: dict[Function, list[Target]] = {}
        self._away: dict[Function, int] = {}
        self._with_pools: set[Module] = set()
        self.opened = False

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions looked at so far."""
        return tuple(self._depths)

    def round(self) -> Iterator[Function]:
        """Yield each function once, those that are found on the way, too.

        The caller tells what each one enters (:meth:`enters`) before it asks on.
        ``opened`` says afterwards whether an earlier answer may be out of date.
        """
        self.opened = False
        self._resolved = {}
        self._away = {}
        for method in inherited(self._program, self._evaluator):
            if method not in self._depths:
                self._take_in(method, 0)
        self._queue = deque(self._depths)
        while self._queue:
            yield self._queue.popleft()

    def enters(self, function: Function, targets: list[Target], sent: list[Target]) -> None:
        """Note what a function enters by plain calls, and what it sends to other processes."""
        self._resolved[function] = targets
        for target in sent:
            self._goes_away(target.function, 0)
        if function in self._away:
            for target in targets:
                self._goes_away(target.function, self._after(function))
            return
        for target in targets:
            entered = target.function
            if entered not in self._depths and (
                entered.module in self._readers
                or entered.module in self._with_pools
                or self._program.is_offered(entered)
            ):
                self._take_in(entered, 0)

    def may_hand_pool(self, call: Call, targets: Iterable[Target]) -> bool:
        """Whether it would matter that a call hands on a pool or executor."""
        away = self._others(targets)
        return not away <= self._with_pools or (not away and self._program.imports_any(call.callee))

    def hand_pool(self, call: Call, targets: Iterable[Target]) -> None:
        """Follow a call that hands a pool or executor to a function of another module."""
        self._note(self._program.reveal_values(call.callee))
        self._with_pools |= self._others(targets)

    def _others(self, targets: Iterable[Target]) -> set[Module]:
        """Return the modules that calls enter beside the file under check."""
        main = self._program.main
        return {t.function.module for t in targets if t.function.module is not main}

    def dispatch(self, call: Call) -> None:
        """Open the modules that the arguments of a dispatch lead to."""
        given = self._passed_on([value for values in _given(call) for value in values])
        self._note(self._program.reveal_values(given))
        receivers = [value.base for value in given if isinstance(value, Attr)]
        for thing in self._evaluator.things((*given, *receivers)):
            if isinstance(thing, Obj | Type):
                for cls in self._evaluator.lineage(thing.cls)[0]:
                    bases = [value for base in cls.bases for value in base]
                    self._note(self._program.reveal_values(bases))

    def _passed_on(self, values: list[Value]) -> list[Value]:
        """Return ``values`` with what callers pass for the parameters among them."""
        found = dict.fromkeys(values)
        layer = values
        for _ in range(LINKS):
            layer = [
                value
                for param in layer
                if isinstance(param, Param)
                for value in self._evaluator.passed(param) or ()
                if value not in found
            ]
            found.update(dict.fromkeys(layer))
        return list(found)

    def end_round(self) -> None:
        """Take in the module bodies that start processes on import."""
        for body in self._program.offering_bodies():
            if body not in self._depths:
                self._depths[body] = 0
                self.opened = True

    def _after(self, function: Function) -> int:
        """Return how deep a function lies that ``function`` calls."""
        return self._away[function] + (function.module is not self._program.main)

    def _goes_away(self, function: Function, depth: int) -> None:
        """Follow a worker into ``function``, and into what it is known to enter."""
        stack = [(function, depth)]
        while stack:
            current, depth = stack.pop()
            known = self._away.get(current)
            if known is not None and known <= depth:
                continue
            if depth > DEEPEST:
                continue
            self._away[current] = depth
            if known is None:
                stale = current in self._resolved
                self._note(self._program.reveal(current) and stale)
            if current not in self._depths:
                self._take_in(current, depth)
            stack.extend(
                (target.function, self._after(current))
                for target in self._resolved.get(current, ())
            )

    def _take_in(self, function: Function, depth: int) -> None:
        if len(self._depths) - len(self._program.main.functions) <= MOST:
            self._depths[function] = depth
            self._queue.append(function)

    def _note(self, opened: bool) -> None:
        self.opened = self.opened or opened


def inherited(program: Program, evaluator: Evaluator) -> Iterator[Function]:
    """Yield what leads to a process API of what classes of the file under check inherit: it
    can run there what they define in the place of a method of their base.
    """
    for cls in program.main.classes:
        own = {name for name in cls.methods if not name.startswith("__")}
        for owner in evaluator.lineage(cls)[0] if cls.bases and own else ():
            if owner.module is not program.main and not own.isdisjoint(owner.methods):
                for name, method in owner.methods.items():
                    if name not in own and program.is_offered(method):
                        yield method


def hands_pool(
    call: Call, evaluator: Evaluator, touches: Callable[[Value], bool] | None = None
) -> bool:
    """Whether a call passes something that runs callables in other processes; ``touches``
    says of a value whether it is worth asking what it is.
    """
    return any(
        isinstance(thing, Handle) and evaluator.catalogue.is_pool(thing.name)
        for values in _given(call)
        for thing in evaluator.things(filter(touches, values) if touches else values)
    )


def _given(call: Call) -> Iterator[Values]:
    yield from call.args
    yield from call.keywords.values()
