"""Lost writes: the writes of workers, each with the dispatches that run it and the
parent's reads that observe the loss.

Here the earlier stages meet: effects say what worker functions change, reach says
which dispatches run them, observers say who would have to see it.  What is not a
loss is sorted out: what an initializer sets, caches and lazy resources that every
process fills for itself, snapshots that the worker returns and the parent merges.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from flake8_mpglobals.boundaries import Boundaries, DispatchSite
from flake8_mpglobals.bystanders import Bystanders
from flake8_mpglobals.copies import Copies, written_name
from flake8_mpglobals.effects import Effect, RawWrite, evicts, judge, raw_writes
from flake8_mpglobals.evaluate import Evaluator, External, Func, Shared
from flake8_mpglobals.facts import COPIES, FunctionNode, LostWrite, Site, Unresolved
from flake8_mpglobals.handback import HandBack
from flake8_mpglobals.ir import (
    UNKNOWN,
    Attr,
    Call,
    Cell,
    Copied,
    Element,
    Entered,
    Fresh,
    Function,
    Global,
    Handed,
    Imported,
    Item,
    Module,
    ModuleValue,
    Param,
    Phi,
    Result,
    Scalar,
    Seen,
    Store,
    Value,
    anchor,
    global_of,
    root,
    state_name,
)
from flake8_mpglobals.model import Dispatch, Location, Related, Step
from flake8_mpglobals.observers import Observers, Touch
from flake8_mpglobals.program import Program
from flake8_mpglobals.reach import Reach, repr_place
from flake8_mpglobals.standpoint import Chain, Standpoint, at, end, home, location

_DEEP = 3
"""Functions on the way from a worker to a write that still say something of the worker."""

_Way = tuple[DispatchSite, Function, Chain]
"""A dispatch, the worker that it runs, and the functions from there to a write."""


@dataclass(frozen=True, slots=True, eq=False)
class _Write:
    """A write on one global, in one worker function, with the ways that lead to it."""

    raw: RawWrite
    place: Value
    effect: Effect
    ways: tuple[_Way, ...]

    @property
    def rebinds(self) -> bool:
        """Whether a name gets another object: only reads by that name see the loss."""
        event = self.raw.event
        if self.effect.sort == "closure" and isinstance(event, Store):
            return event.how in ("bind", "augment", "unbind")
        return self.effect.sort == "rebind"


class Losses:
    """Finds the lost writes that the file under check can see."""

    def __init__(
        self, program: Program, boundaries: Boundaries, reach: Reach, evaluator: Evaluator
    ) -> None:
        self.program = program
        self.standpoint = Standpoint(program, boundaries, reach, evaluator)
        self.boundaries = boundaries
        self.reach = reach
        self.evaluator = evaluator
        self._sites: dict[DispatchSite, Site] = {}
        self._observers: Observers | None = None
        self._copies = Copies(reach, evaluator)
        self._by_workers: tuple[_Write, ...] | None = None
        self._bystanders = Bystanders(program, boundaries, reach, evaluator)
        self._writes: dict[Function, tuple[RawWrite, ...]] = {}

    def find(self) -> tuple[LostWrite, ...]:
        """Return the writes of workers on globals, in the order of their position."""
        owned = self._owned()
        by_node: dict[tuple[str, tuple[int, int], str], list[_Write]] = {}
        for write in self._worker_writes():
            if write.place not in owned:
                where = (write.raw.function.module.source.path, at(write.raw.event.node))
                by_node.setdefault((*where, write.effect.sort), []).append(write)
        guarded = self._guarded([write for group in by_node.values() for write in group])
        found: list[LostWrite] = []
        for group in by_node.values():
            best = self._choose(group, guarded)
            if best is not None:
                found.append(best)
        found.sort(key=lambda lost: (lost.location, lost.how, str(lost.origin)))
        return tuple(_each_place_once(_once(found)))

    def written(self) -> frozenset[Value]:
        """Return the places that workers write, observed or not."""
        return frozenset(write.place for write in self._worker_writes())

    def sites(self) -> tuple[Site, ...]:
        """Return the dispatches of the file in the order of their position."""
        made = [self._site(site) for site in self._own_sites()]
        return tuple(sorted(made, key=lambda site: site.dispatch.location))

    def in_workers(self) -> frozenset[FunctionNode]:
        """Return the functions of the file that run in some worker."""
        away = self.reach.workers | self.reach.initialized
        nodes = (_node(function) for function in away if function.module is self.program.main)
        return frozenset(node for node in nodes if node is not None)

    def unresolved(self) -> tuple[Unresolved, ...]:
        """Return the dispatches of which the callable is not known."""
        found = []
        for site in self._own_sites():
            if not site.resolved:
                end_line, end_column = end(self.program.main, site.call.node)
                found.append(Unresolved(self._site(site).dispatch, end_line, end_column))
        return tuple(sorted(found, key=lambda gap: gap.dispatch.location))

    def _own_sites(self) -> list[DispatchSite]:
        """Return the dispatches of the file under check."""
        main = self.program.main
        return [site for site in self.boundaries.sites if site.call.function.module is main]

    # -- the writes -----------------------------------------------------------

    def _raw(self, function: Function) -> tuple[RawWrite, ...]:
        known = self._writes.get(function)
        if known is None:
            known = self._writes[function] = tuple(raw_writes(function, self.evaluator))
        return known

    def _worker_writes(self) -> tuple[_Write, ...]:
        """Return every real write of a worker function, once per place."""
        if self._by_workers is None:
            self._by_workers = tuple(self._find_writes())
        return self._by_workers

    def _find_writes(self) -> Iterable[_Write]:
        for function in sorted(self.reach.workers, key=_position):
            for raw in self._raw(function):
                for place, param in self.reach.globals_for(raw.place, self.reach.passed):
                    effect = judge(raw, place, self.evaluator)
                    if effect is None:
                        continue
                    holder = anchor(place)
                    ways = self._ways(function, raw, place, param)
                    if ways:
                        yield _Write(raw, holder, effect, tuple(ways))

    def _ways(
        self, function: Function, raw: RawWrite, place: Value, param: Param | None
    ) -> list[_Way]:
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
                for site in self._running(entry, anchor(place)):
                    ways.append((site, entry, chain))
        ways.sort(key=self._nearness)
        return ways

    def _nearness(self, way: _Way) -> tuple[object, ...]:
        """Sort the ways to a write: dispatches of this file first, then by position."""
        site, entry, chain = way
        module = site.call.function.module
        inner = (module is not self.program.main, module.source.path, at(site.call.node))
        return (*inner, len(chain), _position(entry))

    def _running(self, entry: Function, holder: Value) -> list[DispatchSite]:
        """Return the dispatches that run ``entry`` on ``holder``."""
        sites = self.reach.sites_of[entry]
        if isinstance(holder, Handed) and holder.param.function not in self.reach.initialized:
            if holder.param.function is not entry:
                return []
            return [site for site in sites if site in self.reach.handed_by.get(holder, ())]
        return sites

    def _owned(self) -> frozenset[Value]:
        """Return the globals that belong to the worker: initializers set them, or a
        process is started with the value that it binds them to.
        """
        found: set[Value] = set()
        for function in self.reach.initialized:
            for raw in self._raw(function):
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
            for raw in self._raw(function):
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

    def _used_by_workers(self, place: Value) -> bool:
        """Whether workers look at what they bind: else it is bound for nobody but the parent."""
        if not isinstance(place, Global):
            return True
        for function in self.reach.workers:
            named = (value for load in function.loads for value in load.values)
            called = (value for call in function.calls for value in call.callee)
            if any(self._leads_to_global(value, place) for value in (*named, *called)):
                return True
        return False

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

    # -- who sees it ------------------------------------------------------------

    def _choose(
        self, group: list[_Write], guarded: dict[Value, frozenset[Function]]
    ) -> LostWrite | None:
        """Make one lost write of all that one statement writes: an observed place first."""
        private: LostWrite | None = None
        main = self.program.main
        for write in sorted(group, key=lambda one: (home(one.place) is not main, _preference(one))):
            verdict = self._judge(write, guarded)
            if verdict is None:
                continue
            if verdict.observers:
                return verdict
            private = private or verdict
        return private

    def _judge(self, write: _Write, guarded: dict[Value, frozenset[Function]]) -> LostWrite | None:
        if self._observers is None:
            self._observers = Observers(self.boundaries, self.reach, self.evaluator)
        sites: list[DispatchSite] = []
        for site, _, _ in write.ways:
            if site not in sites:
                sites.append(site)
        if self._carried_back(write, sites) or self._own_copy(write):
            return None
        if self._bystanders.looked_up(write.raw) or self._bystanders.has_shared_twin(write.raw):
            return None
        workers = frozenset(entry for _, entry, _ in write.ways)
        if self._bystanders.starts_anew(write.raw, sites, workers):
            return None
        copy = write.effect.sort in COPIES
        own = copy or all(worker.cls is not None for worker in workers)
        if own and self._bystanders.in_either_process(sites, workers):
            return None
        if isinstance(write.place, Handed):
            param = write.place.param
            if param.index == 0 and param.function.name == "__init__":
                return None  # an object that is made in the worker
            if self._is_shared(param):
                return None
        fillers = guarded.get(write.place, frozenset())
        if write.effect.sort in COPIES:
            if self._copies.same_anyway(write.raw, write.place, write.effect):
                return None
            fillers = self._copies.fillers(write.place, write.effect)
        seen = self._observers.observe(
            write.place,
            _changed(write),
            sites,
            rebinds=write.rebinds,
            skip=fillers | self._same_code(write),
        )
        if fillers and seen:
            seen = [pair for pair in seen if not self._excused(write, *pair, fillers)]
            if not seen:
                return None
        seen = [
            (reader, touch)
            for reader, touch in seen
            if not self._bystanders.stands_by(reader, touch, write.raw, sites, workers, copy=copy)
            and not self._deep_elsewhere(write, reader)
        ]
        return self._lost(write, sites, seen)

    def _deep_elsewhere(self, write: _Write, reader: Function) -> bool:
        """Whether a write and its reader are both the business of modules that the dispatch
        knows nothing of: what a library does for itself, wherever it is used.
        """
        homes = {self.program.main, *(site.call.function.module for site, _, _ in write.ways)}
        return (
            write.raw.function.module not in homes
            and reader.module not in homes
            and all(len(chain) > _DEEP for _, _, chain in write.ways)
        )

    def _same_code(self, write: _Write) -> frozenset[Function]:
        """Return the functions that come to the write wherever they run, in each worker of
        it and in the parent: what they read there is their own process's.
        """
        writer = write.raw.function
        found = {writer}
        stack = [writer]
        while stack:
            for caller in self.reach.callers(stack.pop()):
                if caller not in found:
                    found.add(caller)
                    stack.append(caller)
        regions = [self.reach.regions[entry].entered for _, entry, _ in write.ways]
        return frozenset(found).intersection(*regions)

    def _guarded(self, writes: list[_Write]) -> dict[Value, frozenset[Function]]:
        """Return the places that every worker write fills only after a look at them, with
        the functions that do so: caches and lazy resources.
        """
        found: dict[Value, set[Function]] = {}
        careless: set[Value] = set()
        for write in writes:
            if write.effect.sort in COPIES:
                self._copies.note(write.raw, write.place, write.effect)
                continue
            event = write.raw.event
            if evicts(write.raw):
                continue
            if self._fills(write):
                found.setdefault(write.place, set()).add(event.function)
            else:
                careless.add(write.place)
        return {
            place: frozenset(functions)
            for place, functions in found.items()
            if place not in careless
        }

    def _fills(self, write: _Write) -> bool:
        """Whether a write fills a place under a test of it (or of what is filled with it)."""
        event = write.raw.event
        if isinstance(event, Store) and event.how in ("augment", "inplace", "augment item"):
            return False
        if isinstance(event, Call) and write.raw.method == "setdefault":
            return True
        if root(write.raw.place) in event.guards:
            return True
        if isinstance(event, Store) and any(root(t) in event.guards for t in event.targets):
            return True
        if isinstance(event, Store) and any(
            self._leads_to_place(value, write.place) for value in event.values
        ):
            return event.how == "item"  # table[key] = table.get(key, default)
        together = {
            target
            for store in event.function.stores
            if store.guards == event.guards
            for target in store.targets
            if isinstance(target, Global)
        }
        return bool(event.guards & together)

    def _excused(
        self, write: _Write, reader: Function, touch: Touch, fillers: frozenset[Function]
    ) -> bool:
        """Whether a parent's read of a cache or lazy resource does not look for the worker's."""
        if write.effect.sort in COPIES:
            name = written_name(write.place, write.effect)
            return self._copies.excused(write.raw, write.effect, reader, touch, name)
        filled_here = any(function in self.reach.parent for function in fillers)
        aggregate = write.effect.sort != "rebind" and not touch.path and touch.direct
        if filled_here and not aggregate:
            return True
        event = write.raw.event
        if write.effect.sort != "rebind" or not isinstance(event, Store):
            return False
        own_task = any(isinstance(root(value), Param) for value in event.values) or any(
            _mentions_param(value) for value in event.values
        )
        tested = write.place in touch.guards or (
            isinstance(touch.node, ast.Name) and (_only_tested(reader.module.tree, touch.node))
        )
        return not own_task and tested

    def _own_copy(self, write: _Write) -> bool:
        """Whether a worker binds the name to a thing of its own that the parent makes the
        same way for itself: a logger, a connection, a model.
        """
        event = write.raw.event
        if write.effect.sort == "module" and write.raw.function in self.reach.parent:
            # A setting of a library that the parent makes for itself by the same code.
            return True
        if not isinstance(event, Store) or not isinstance(write.place, Global):
            return False
        if event.how != "bind":
            return False
        if self._sets_flag(write, event):
            return True
        makers = {name for value in event.values for name in self._makers(value)}
        others = write.place.module.stores.get(write.place.name, set()) - event.values
        return bool(makers) and any(
            name in makers
            for value in others
            if isinstance(value, Result) and value.call.function in self.reach.parent
            for name in self._makers(value)
        )

    def _sets_flag(self, write: _Write, event: Store) -> bool:
        """Whether a write sets a constant in a function that each process calls for itself,
        or has called at its end.
        """
        setter = event.function
        if setter in (entry for _, entry, _ in write.ways):
            return False
        if not all(isinstance(value, Scalar) for value in event.values):
            return False
        return setter in self.reach.parent or any(
            Func(setter) in self.evaluator.things(values)
            for function in self.reach.parent
            for call in function.calls
            if call not in self.boundaries.edges and not self._dispatches(call)
            for values in call.args
        )

    def _dispatches(self, call: Call) -> bool:
        return any(site.call is call for site in self.boundaries.sites)

    def _makers(self, value: Value) -> list[str]:
        """Return the library calls that make ``value``, where nothing more is known of it."""
        if not isinstance(value, Result) or self.evaluator.thing(value) != frozenset((UNKNOWN,)):
            return []
        return [
            thing.name
            for thing in self.evaluator.things(value.call.callee)
            if isinstance(thing, External)
        ]

    def _carried_back(self, write: _Write, sites: list[DispatchSite]) -> bool:
        """Whether workers return what they changed and the parent merges it into the place."""
        if isinstance(write.place, Handed | Cell):
            entries = {entry for _, entry, _ in write.ways}
            back = HandBack(self.reach, self.evaluator)
            return back.carries(write.place, write.effect.path, entries, sites)
        calls = {site.call for site in sites}
        entries = {entry for _, entry, _ in write.ways}
        returned = any(
            self._leads_to_place(value, write.place)
            for entry in entries
            for value in (*entry.returns, *entry.yields)
        )
        if not returned and not self._sent(write, entries):
            return False
        for function in self.reach.parent:
            for store in function.stores:
                held = self.evaluator.places(store.targets)
                if any(anchor(place) == write.place for place in held) and any(
                    self._comes_from(value, calls) for value in store.values
                ):
                    return True
            for call in function.calls:
                for callee in call.callee:
                    if isinstance(callee, Attr) and any(
                        anchor(place) == write.place
                        for place in self.evaluator.places((callee.base,))
                    ):
                        given = [value for arg in call.args for value in arg]
                        if any(self._comes_from(value, calls) for value in given):
                            return True
        return False

    def _leads_to_place(self, value: Value, place: Value) -> bool:
        """Whether ``value`` is the place, a copy of it, or made from it."""
        return _search(value, lambda found: found == place)

    def _comes_from(self, value: Value, calls: set[Call]) -> bool:
        """Whether ``value`` is made from what one of ``calls``, a shared object or a file gave
        back.
        """

        def carries(found: Value) -> bool:
            if isinstance(found, Result):
                return (
                    found.call in calls
                    or bool(_last_names(found.call) & _RECEIVES)
                    or any(
                        isinstance(callee, Attr) and self._is_shared(callee.base)
                        for callee in found.call.callee
                    )
                )
            return isinstance(found, Item | Element) and self._is_shared(found.base)

        return _search(value, carries)

    def _is_shared(self, value: Value) -> bool:
        return any(
            isinstance(thing, Shared) and not thing.threads for thing in self.evaluator.thing(value)
        )

    def _sent(self, write: _Write, entries: set[Function]) -> bool:
        """Whether a worker puts the place, or what is made from it, into a shared object or
        a file.
        """

        def leads(values: Iterable[Value]) -> bool:
            return any(self._leads_to_place(value, write.place) for value in values)

        for entry in entries:
            for function in self.reach.regions[entry].entered:
                for call in function.calls:
                    given = [value for arg in call.args for value in arg]
                    receivers = [c.base for c in call.callee if isinstance(c, Attr)]
                    sends = _last_names(call) & _SENDS or any(map(self._is_shared, receivers))
                    if sends and leads(given):
                        return True
                for store in function.stores:
                    if any(map(self._is_shared, store.targets)) and leads(store.values):
                        return True
        return False

    # -- values for rules -------------------------------------------------------

    def _lost(
        self, write: _Write, sites: list[DispatchSite], seen: list[tuple[Function, Touch]]
    ) -> LostWrite | None:
        raw = write.raw
        node = raw.event.node
        spot = self.standpoint.spot(write.place, node, raw.function, write.ways, seen)
        if spot is None:
            return None
        _, entry, chain = write.ways[0]
        main = self.program.main
        end_line, end_column = end(main, spot.node)
        here = raw.function.module is main
        return LostWrite(
            place=_place_name(write.place, main),
            kind=write.effect.kind,
            how=write.effect.sort,
            verb=write.effect.verb,
            node=spot.node,
            location=location(main, spot.node),
            end_line=end_line,
            end_column=end_column,
            worker=_worker_name(entry, main),
            function=_node(spot.function),
            sites=tuple(self._site(site) for site in sites),
            chain=tuple(self._step(function, call) for function, call in chain),
            observers=self._reads(write, seen),
            collects=sites[0].api.result == "values",
            origin=None if here else location(raw.function.module, node),
            elsewhere=self._elsewhere(write, sites),
        )

    def _elsewhere(self, write: _Write, sites: list[DispatchSite]) -> str:
        """Return what of a loss is not in the file under check, for people."""
        main = self.program.main
        parts: list[tuple[str, Module | None]] = [
            (f"the dispatch {site.label} is", site.call.function.module) for site in sites
        ]
        parts.append((f"{state_name(write.place)!r} is", home(write.place)))
        parts.append(("the write is", write.raw.function.module))
        for _, _, chain in write.ways:
            parts.extend((f"{function.qualname!r} is", function.module) for function, _ in chain)
        for what, module in parts:
            if module is not None and module is not main:
                return f"{what} in {module.source.path}"
        for site in sites:
            if site.inner is not None:
                return f"the dispatch goes through the function {site.label!r}"
        return ""

    def _reads(self, write: _Write, seen: list[tuple[Function, Touch]]) -> tuple[Related, ...]:
        """Return the parent's reads for people, each place of the file once."""
        found: dict[Location, Related] = {}
        for function, touch in seen:
            where = "" if function.is_module else f", in {function.qualname!r}"
            spot = location(function.module, touch.node)
            text = f"the parent reads {state_name(write.place)!r} here{where}"
            found.setdefault(spot, Related(spot, text))
        return tuple(found.values())

    def _step(self, function: Function, call: Call | None) -> Step:
        if call is not None:
            return Step(location(call.function.module, call.node), function.qualname)
        return Step(location(function.module, function.start), function.qualname)

    def _site(self, site: DispatchSite) -> Site:
        known = self._sites.get(site)
        if known is None:
            node = site.call.node
            made = site.pool.node if site.pool is not None else None
            assert isinstance(node, ast.Call)
            known = self._sites[site] = Site(
                node,
                site.api,
                Dispatch(location(site.call.function.module, node), site.label, site.api.kind),
                _node(site.call.function),
                made if isinstance(made, ast.Call) else None,
                tuple(
                    run
                    for target in site.workers or site.initializers
                    if (run := _node(target.function)) is not None
                ),
                bool(site.initializers) and not site.workers,
                site.inner is not None,
            )
        return known


def _each_place_once(found: Iterable[LostWrite]) -> Iterable[LostWrite]:
    """Leave out further writes to a place that are reported from afar at the same point."""
    seen: set[tuple[Location, str, str]] = set()
    for lost in found:
        key = (lost.location, lost.how, lost.place)
        if lost.origin is None or key not in seen:
            seen.add(key)
            yield lost


def _once(found: Iterable[LostWrite]) -> Iterable[LostWrite]:
    """Leave out what one write does to a copy where it is lost in another sense already."""
    found = list(found)
    for lost in found:
        rank = COPIES.index(lost.how) if lost.how in COPIES else -1
        if rank < 0 or not any(
            other.location == lost.location
            and bool(other.observers) >= bool(lost.observers)
            and (other.how not in COPIES or COPIES.index(other.how) < rank)
            for other in found
        ):
            yield lost


_SENDS = frozenset(("dump", "dumps", "write", "writelines", "send", "sendall", "send_bytes"))
_RECEIVES = frozenset(("load", "loads", "read", "readline", "readlines", "recv", "recv_bytes"))
"""How data goes into a file, a pipe or a socket, and comes out again."""


def _last_names(call: Call) -> set[str]:
    """Return the last parts of the names by which a call is made."""
    return {
        callee.name.rpartition(".")[2]
        for callee in call.callee
        if isinstance(callee, Attr | Imported | Global)
    }


def _search(value: Value, wanted: object) -> bool:
    """Walk what ``value`` is made from, up to a bound, until ``wanted`` holds."""
    seen: set[Value] = set()
    stack: list[Value] = [value]
    while stack and len(seen) < 300:
        current = stack.pop()
        if current in seen:
            continue
        seen.add(current)
        if wanted(current):  # type: ignore[operator]
            return True
        if isinstance(current, Attr | Item | Element | Entered | Copied):
            stack.append(current.base)
        elif isinstance(current, Phi):
            stack.extend(current.slot.values)
        elif isinstance(current, Seen):
            stack.append(current.place)
            stack.extend(current.slot.values)
        elif isinstance(current, Fresh):
            stack.extend(current.display.elements)
        elif isinstance(current, Result):
            for part in (current.call.callee, *current.call.args):
                stack.extend(part)
    return False


def _mentions_param(value: Value) -> bool:
    return _search(value, lambda found: isinstance(found, Param))


def _only_tested(tree: ast.Module, name: ast.Name) -> bool:
    """Whether a read stands in ``x is None``, ``x is not None`` or as a whole test."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and name in (node.left, *node.comparators):
            return all(isinstance(op, ast.Is | ast.IsNot) for op in node.ops)
        if isinstance(node, ast.If | ast.While | ast.IfExp) and node.test is name:
            return True
        if isinstance(node, ast.UnaryOp) and node.operand is name:
            return isinstance(node.op, ast.Not)
    return False


def _strip(place: Value, template: Value) -> Value | None:
    """Return what was handed to the parameter at the root of ``template`` to make ``place``."""
    while isinstance(template, Attr | Item | Element):
        if not isinstance(place, Attr | Item | Element):
            return None
        place, template = place.base, template.base
    return place


def _preference(write: _Write) -> tuple[object, ...]:
    """Sort the writes that begin at one point: the longest expression says most."""
    node = write.raw.event.node
    end = (getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0))
    return (-end[0], -end[1], repr_place(write.place))


def _changed(write: _Write) -> tuple[str, ...]:
    """Return the access path of what changes; of a container that was handed, what it holds."""
    event = write.raw.event
    inside = isinstance(event, Call) or event.how == "inplace"
    if inside and isinstance(write.place, Handed):
        return (*write.effect.path, "[]")
    return write.effect.path


def _node(function: Function) -> FunctionNode | None:
    node = function.node
    return None if isinstance(node, ast.Module) or function.block is not None else node


def _position(function: Function) -> tuple[int, int]:
    return at(function.start)


def _place_name(place: Value, main: Module) -> str:
    """Return what a place is called: in another module, with the name of that module."""
    module = home(place)
    name = state_name(place)
    return name if module in (None, main) else f"{module.name}.{name}"


def _worker_name(entry: Function, main: Module) -> str:
    return entry.qualname if entry.module is main else f"{entry.module.name}.{entry.qualname}"
