"""The writes of workers, each with the dispatches that run it and the ways there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flake8_mpglobals.dispatches import Boundaries, DispatchSite
from flake8_mpglobals.effects import Effect, judge
from flake8_mpglobals.evaluate import Evaluator
from flake8_mpglobals.ir import (
    Attr,
    Call,
    Cell,
    Element,
    Function,
    Global,
    Handed,
    Item,
    ModuleValue,
    Param,
    Scalar,
    Store,
    Value,
    anchor,
    global_of,
    root,
)
from flake8_mpglobals.program import Program
from flake8_mpglobals.rawwrites import RawWrite, raw_writes
from flake8_mpglobals.reach import Reach
from flake8_mpglobals.records import frozen
from flake8_mpglobals.standpoint import Chain, at
from flake8_mpglobals.tasks import never_comes

Way = tuple[DispatchSite, Function, Chain]
"""A dispatch, the worker that it runs, and the functions from there to a write."""


@frozen(eq=False)
class Write:
    """A write on one global, in one worker function, with the ways that lead to it."""

    raw: RawWrite
    place: Value
    effect: Effect
    ways: tuple[Way, ...]

    @property
    def rebinds(self) -> bool:
        """Whether a name gets another object: only reads by that name see the loss."""
        event = self.raw.event
        if self.effect.sort == "closure" and isinstance(event, Store):
            return event.how in ("bind", "augment", "unbind")
        return self.effect.sort == "rebind"


class WorkerWrites:
    """Finds what the workers of one program write."""

    def __init__(
        self, program: Program, boundaries: Boundaries, reach: Reach, evaluator: Evaluator
    ) -> None:
        self.program = program
        self.boundaries = boundaries
        self.reach = reach
        self.evaluator = evaluator
        self._found: tuple[Write, ...] | None = None
        self._raw_writes: dict[Function, tuple[RawWrite, ...]] = {}

    def all(self) -> tuple[Write, ...]:
        """Return every real write of a worker function, once per place."""
        if self._found is None:
            self._found = tuple(self._find_writes())
        return self._found

    def owned(self) -> frozenset[Value]:
        """Return the globals that belong to the worker: initializers set them, or a
        process is started with the value that it binds them to.
        """
        found: set[Value] = set()
        for function in self.reach.initialized:
            for raw in self.raw(function):
                for place, _ in self.reach.globals_for(raw.place, self.reach.initialized_with):
                    if judge(raw, place, self.evaluator) is not None:
                        found.add(anchor(place))
        entries = {
            target.function
            for site in self.boundaries.sites
            if site.api.method
            for target in site.workers
        }
        for function in entries:
            for raw in self.raw(function):
                store = raw.event
                if (
                    isinstance(store, Store)
                    and store.how in ("bind", "attr")
                    and store.values
                    and not (store.guards & store.targets and self._number(raw.place))
                    and all(
                        isinstance(value, Param) and value.function is function
                        for value in store.values
                    )
                    and self._used_by_workers(anchor(raw.place))
                ):
                    found.add(anchor(raw.place))
        return frozenset(found)

    def raw(self, function: Function) -> tuple[RawWrite, ...]:
        """Return what one function writes, wherever it runs."""
        known = self._raw_writes.get(function)
        if known is None:
            known = self._raw_writes[function] = tuple(raw_writes(function, self.evaluator))
        return known

    def _find_writes(self) -> Iterable[Write]:
        for function in sorted(self.reach.workers, key=position):
            for raw in self.raw(function):
                for place, param in self.reach.globals_for(raw.place, self.reach.passed):
                    effect = judge(raw, place, self.evaluator)
                    if effect is None:
                        continue
                    holder = anchor(place)
                    ways = self._ways(function, raw, place, param)
                    if ways:
                        yield Write(raw, holder, effect, tuple(ways))

    def _ways(
        self, function: Function, raw: RawWrite, place: Value, param: Param | None
    ) -> list[Way]:
        """Return the dispatches that run the write, with the worker and the chain of each."""
        starts: dict[Function, tuple[tuple[Call, Function], ...]] = {function: ()}
        if param is not None:
            given = _strip(place, raw.place)
            starts = self.reach.origins(param, given) if given is not None else {}
        ways = []
        for start, tail in starts.items():
            for entry in self.reach.entries(start):
                head = self.reach.regions[entry].chain(start)
                chain = (*head, *((entered, call) for call, entered in tail))
                if _made_on_the_way(anchor(place), chain):
                    continue
                for site in self._running(entry, anchor(place)):
                    if not never_comes(site, chain, raw.event.node):
                        ways.append((site, entry, chain))
        ways.sort(key=self._nearness)
        return ways

    def _nearness(self, way: Way) -> tuple[object, ...]:
        """Sort the ways to a write: dispatches of this file first, then by position."""
        site, entry, chain = way
        module = site.call.function.module
        inner = (module is not self.program.main, module.source.path, at(site.call.node))
        return (*inner, len(chain), position(entry))

    def _running(self, entry: Function, holder: Value) -> list[DispatchSite]:
        """Return the dispatches that run ``entry`` on ``holder``."""
        sites = self.reach.sites_of[entry]
        if isinstance(holder, Handed) and holder.param.function not in self.reach.initialized:
            if not self.reach.begins_with(entry, holder.param):
                return []
            return [site for site in sites if site in self.reach.handed_by.get(holder, ())]
        return sites

    def _used_by_workers(self, place: Value) -> bool:
        """Whether workers look at what they bind: else it is bound for nobody but the parent."""
        if isinstance(place, Attr):
            names = {part.name for value in self._looked_at() for part in _attributes(value)}
            return place.name in names
        if not isinstance(place, Global):
            return True
        return any(self._leads_to_global(value, place) for value in self._looked_at())

    def _looked_at(self) -> Iterator[Value]:
        """Yield what workers read and call."""
        for function in self.reach.workers:
            for load in function.loads:
                yield from load.values
            for call in function.calls:
                yield from call.callee

    @staticmethod
    def _leads_to_global(value: Value, place: Global) -> bool:
        start = global_of(root(value))
        if start is None:
            return isinstance(root(value), ModuleValue)
        return start.name == place.name or start.module is not place.module

    def _number(self, place: Value) -> bool:
        """Whether a global begins as a number: bound under a test of it, it is the best so far."""
        return isinstance(place, Global) and any(
            isinstance(value, Scalar) and value.kind in ("int", "float")
            for value in place.module.stores.get(place.name, ())
        )


def _made_on_the_way(holder: Value, chain: Chain) -> bool:
    """Whether a worker itself comes through the function of which ``holder`` is a variable."""
    return isinstance(holder, Cell) and any(function is holder.function for function, _ in chain)


def _attributes(value: Value) -> Iterator[Attr]:
    """Yield the attributes that an access path leads through."""
    walk = value
    while isinstance(walk, Attr | Item | Element):
        if isinstance(walk, Attr):
            yield walk
        walk = walk.base


def _strip(place: Value, template: Value) -> Value | None:
    """Return what was handed to the parameter at the root of ``template`` to make ``place``."""
    while isinstance(template, Attr | Item | Element):
        if not isinstance(place, Attr | Item | Element):
            return None
        place, template = place.base, template.base
    return place


def position(function: Function) -> tuple[int, int]:
    """Return what orders functions as they stand in their module."""
    return at(function.start)
