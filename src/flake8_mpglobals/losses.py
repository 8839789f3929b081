"""Lost writes: the writes of workers, each with the dispatches that run it and the
parent's reads that observe the loss.

Here the earlier stages meet: effects say what worker functions change, reach says
which dispatches run them, observers say who would have to see it.  What is not a
loss is sorted out: what an initializer sets, caches and lazy resources that every
process fills for itself, snapshots that the worker returns and the parent merges.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property

from flake8_mpglobals.bystanders import Bystanders
from flake8_mpglobals.dispatches import Boundaries, DispatchSite
from flake8_mpglobals.effects import item_asked_for
from flake8_mpglobals.evaluate import Evaluator
from flake8_mpglobals.evidence import distance, furthest, of_another_item
from flake8_mpglobals.excuses import Excuses, Guarded
from flake8_mpglobals.facts import COPIES, FunctionNode, LostWrite, Site, Unresolved
from flake8_mpglobals.given import own_keywords
from flake8_mpglobals.ir import (
    Attr,
    Call,
    Function,
    Handed,
    Module,
    Store,
    Value,
    anchor,
    global_of,
    is_once,
    state_name,
)
from flake8_mpglobals.model import Dispatch, Location, Related, Step
from flake8_mpglobals.modes import Modes
from flake8_mpglobals.mutations import KEEP_THEIR_SIZE, REORDERS
from flake8_mpglobals.observers import Observers, Touch
from flake8_mpglobals.program import Program
from flake8_mpglobals.reach import SAME, Reach, repr_place
from flake8_mpglobals.reads import ENVIRON
from flake8_mpglobals.refills import refilled
from flake8_mpglobals.standpoint import Standpoint, at, end, home, location
from flake8_mpglobals.undone import undone
from flake8_mpglobals.unreached import Unreached
from flake8_mpglobals.writes import WorkerWrites, Write

_DEEP = 3
"""Functions on the way from a worker to a write that still say something of the worker."""

_NEAR = 2
"""Functions on the way from a dispatch to a write of which one call shows the other."""


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
        self._steps: dict[tuple[Function, Call | None], Step] = {}
        self._bystanders = Bystanders(program, boundaries, reach, evaluator)
        self._writes = WorkerWrites(program, boundaries, reach, evaluator)
        self._excuses = Excuses(boundaries, reach, evaluator)
        self._modes = Modes(boundaries, reach)
        self._unreached = Unreached()
        self._undone: dict[ast.AST, frozenset[ast.AST]] = {}
        self._furthest = furthest(reach.workers | reach.parent)

    @cached_property
    def _observers(self) -> Observers:
        return Observers(self.boundaries, self.reach, self.evaluator)

    def find(self) -> tuple[LostWrite, ...]:
        """Return the writes of workers on globals, in the order of their position."""
        owned = self._writes.owned()
        by_node: dict[tuple[str, tuple[int, int], str], list[Write]] = {}
        for write in self._writes.all():
            if write.place not in owned:
                where = (write.raw.function.module.source.path, at(write.raw.event.node))
                by_node.setdefault((*where, write.effect.sort), []).append(write)
        guarded = self._excuses.guarded([write for group in by_node.values() for write in group])
        found: list[LostWrite] = []
        for group in by_node.values():
            best = self._choose(group, guarded)
            if best is not None:
                found.append(best)
        found.sort(key=lambda lost: (lost.location, lost.how, str(lost.origin)))
        return tuple(_each_place_once(_once(found)))

    def written(self) -> frozenset[tuple[Value, tuple[str, ...]]]:
        """Return the places that workers write, with the path below, observed or not."""
        return frozenset((write.place, write.effect.path) for write in self._writes.all())

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

    # -- who sees it ------------------------------------------------------------

    def _choose(self, group: list[Write], guarded: Guarded) -> LostWrite | None:
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

    def _judge(self, write: Write, guarded: Guarded) -> LostWrite | None:
        sites: list[DispatchSite] = []
        for site, _, _ in write.ways:
            if site not in sites:
                sites.append(site)
        if self._excuses.carried_back(write, sites) or self._excuses.own_copy(write):
            return None
        if self._excuses.tidied(write) or self._is_undone(write):
            return None
        place, path = write.place, write.effect.path
        if all(refilled(place, path, write.raw.event, s, self.evaluator) for s in sites):
            return None
        if self._bystanders.looked_up(write.raw) or self._bystanders.has_shared_twin(write.raw):
            return None
        workers = frozenset(entry for _, entry, _ in write.ways)
        if self._bystanders.starts_anew(write.raw, sites, workers):
            return None
        if self._bystanders.set_alike(write.raw, workers):
            return None
        here = any(site.call.function.module is self.program.main for site in sites)
        if not here and self._deep(write):
            return None  # how another module does what it is asked for
        copy = write.effect.sort in COPIES
        own = copy or all(worker.cls is not None for worker in workers)
        if own and self._bystanders.in_either_process(sites, workers):
            return None
        if is_once(write.place) and write.raw.function.name in ("__init__", "__new__"):
            return None  # the one object is made, in each process that asks for it
        if isinstance(write.place, Handed):
            param = write.place.param
            if param.index == 0 and param.function.name == "__init__":
                return None  # an object that is made in the worker
            if self._excuses.is_shared(param) or own_keywords(write.place, path):
                return None
        fillers = guarded.get((write.place, write.effect.path), frozenset())
        # Who hands out an object that is made at the first call looks at nothing in it.
        makers = guarded.get((write.place, ()), frozenset())
        if write.effect.sort in COPIES:
            if self._excuses.copies.same_anyway(write.raw, write.place, write.effect):
                return None
            fillers = self._excuses.copies.fillers(write.place, write.effect)
        skip = fillers | makers | self._same_code(write)
        seen = self._seen(write, sites, skip, seen_to_follow=False)
        if seen:
            kept_up = write.place == ENVIRON or self._bystanders.keeps_up(
                write.raw, write.effect.path, workers, {reader for reader, _ in seen}, copy=copy
            )
            if kept_up or not all(self._near(write, reader) for reader, _ in seen):
                follow = self._seen(write, sites, skip, seen_to_follow=True)
                near = [] if kept_up else [pair for pair in seen if self._near(write, pair[0])]
                seen = [pair for pair in seen if pair in follow or pair in near]
        if any(self._bystanders.strikes_off(reader, touch, write.raw) for reader, touch in seen):
            return None
        if fillers and seen:
            seen = [pair for pair in seen if not self._excuses.excused(write, *pair, fillers)]
            if not seen:
                return None
        seen = [
            (reader, touch)
            for reader, touch in seen
            if not self._modes.exclude(reader, touch.node, sites)
            and not self._bystanders.stands_by(reader, touch, write.raw, sites, workers, copy=copy)
            and not self._deep_elsewhere(write, reader)
            and not of_another_item(_changed(write), reader, touch.path, touch.node)
        ]
        plain = [pair for pair in seen if self._is_plain(write, pair[0])]
        return None if seen and not plain else self._lost(write, sites, plain)

    def _is_undone(self, write: Write) -> bool:
        """Whether the function that makes a change takes it back, or takes it back by that."""
        node = write.raw.function.node
        if node not in self._undone:
            self._undone[node] = undone(node)
        return write.raw.event.node in self._undone[node]

    def _seen(
        self,
        write: Write,
        sites: list[DispatchSite],
        skip: frozenset[Function],
        *,
        seen_to_follow: bool,
    ) -> list[tuple[Function, Touch]]:
        """Return the parent's reads that can follow one of ``sites``."""
        again = self._bystanders.done_again(write.raw, (entry for _, entry, _ in write.ways))
        return self._observers.observe(
            write.place,
            _changed(write),
            sites,
            rebinds=write.rebinds,
            skip=skip,
            again=again,
            seen_to_follow=seen_to_follow,
        )

    def _near(self, write: Write, reader: Function) -> bool:
        """Whether a read stands so near a write, and the dispatch that runs it, that whoever
        calls the one is taken to call the other: in the same module or class, few calls away;
        or in the very function that dispatches what a derived class defines.
        """
        module = write.raw.function.module
        if reader.cls not in (None, write.raw.function.cls) and any(
            site.call.function is reader and reader.cls in self.evaluator.lineage(entry.cls)[0]
            for site, entry, _ in write.ways
            if entry.cls is not None
        ):
            return True
        if reader.module is not module:
            return False
        ways = [
            (site, entry)
            for site, entry, chain in write.ways
            if len(chain) <= _NEAR
            and site.call.function.module is module
            and reader.cls in (None, site.call.function.cls, entry.cls)
        ]
        return bool(ways) and not (
            all(self._unreached.of_main_program(site.call) for site, _ in ways)
            and self._unreached.unnamed(reader)
        )

    def _is_plain(self, write: Write, reader: Function) -> bool:
        """Whether a loss is as plain as the size of the program asks for."""
        return self._furthest is None or distance(write, reader) <= self._furthest

    def _deep(self, write: Write) -> bool:
        """Whether a write is many calls away from every worker that comes to it."""
        return all(len(chain) > _DEEP for _, _, chain in write.ways)

    def _deep_elsewhere(self, write: Write, reader: Function) -> bool:
        """Whether a write deep down, and its reader, are the business of modules that the
        dispatch knows nothing of: what a library does for itself, wherever it is used.
        """
        homes = {self.program.main, *(site.call.function.module for site, _, _ in write.ways)}
        away = write.raw.function.module not in homes and reader.module not in homes
        return away and self._deep(write)

    def _same_code(self, write: Write) -> frozenset[Function]:
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

    # -- values for rules -------------------------------------------------------

    def _lost(
        self, write: Write, sites: list[DispatchSite], seen: list[tuple[Function, Touch]]
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

    def _elsewhere(self, write: Write, sites: list[DispatchSite]) -> str:
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

    def _reads(self, write: Write, seen: list[tuple[Function, Touch]]) -> tuple[Related, ...]:
        """Return the parent's reads for people, each place of the file once."""
        found: dict[Location, Related] = {}
        for function, touch in seen:
            where = "" if function.is_module else f", in {function.qualname!r}"
            spot = location(function.module, touch.node)
            text = f"the parent reads {_looked_for(write)} here{where}"
            found.setdefault(spot, Related(spot, text))
        return tuple(found.values())

    def _step(self, function: Function, call: Call | None) -> Step:
        # Many writes may be far down the same way.
        known = self._steps.get((function, call))
        if known is None:
            module = function.module if call is None else call.function.module
            node = function.start if call is None else call.node
            known = self._steps[function, call] = Step(location(module, node), function.qualname)
        return known

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


def _looked_for(write: Write) -> str:
    """Return what the parent looks at, as it knows it: a worker's ``self`` and arguments are
    copies of its own objects.
    """
    name = state_name(write.place)
    if not isinstance(write.place, Handed):
        return repr(name)
    first = next(iter(write.effect.path), "")
    part = f"attribute {first[1:]!r} of " if first[:1] == "." and first != ".*" else ""
    own = "its own object" if write.effect.sort == "instance" else f"what it passed as {name!r}"
    return part + own


def _preference(write: Write) -> tuple[object, ...]:
    """Sort the writes that begin at one point: the longest expression says most, and of
    several names for an object the one that stands there.
    """
    event = write.raw.event
    node = event.node
    named = event.targets if isinstance(event, Store) else _receivers(event)
    end = (getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0))
    calls = [site.call.node for site, _, _ in write.ways]
    first = min(((call.lineno, call.col_offset) for call in calls), default=(0, 0))
    other = all((global_of(anchor(value)) or anchor(value)) != write.place for value in named)
    path = write.effect.path
    return (-end[0], -end[1], other, repr_place(write.place), path, -len(calls), first)


def _receivers(call: Call) -> Iterator[Value]:
    """Yield the objects of which a call calls a method."""
    for callee in call.callee:
        if isinstance(callee, Attr):
            yield callee.base


def _changed(write: Write) -> tuple[str, ...]:
    """Return the access path of what changes; of a container that was handed, what it holds."""
    event, path = write.raw.event, write.effect.path
    if isinstance(event, Call) and path[-1:] == item_asked_for(event, write.raw.method) != ():
        return path
    reorders = write.effect.verb.partition(" ")[0] in REORDERS
    inside = isinstance(event, Call) or event.how == "inplace"
    if reorders or (inside and isinstance(write.place, Handed)):
        path = (*path, "[]")
    replaces = isinstance(event, Store) and event.how == "item" and _is_one_item(event.node)
    if reorders or (replaces and len(path) == 1 and write.effect.kind in KEEP_THEIR_SIZE):
        return (*path, SAME)
    return path


def _is_one_item(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice)


def _node(function: Function) -> FunctionNode | None:
    node = function.node
    return None if isinstance(node, ast.Module) or function.block is not None else node


def _place_name(place: Value, main: Module) -> str:
    """Return what a place is called: in another module, with the name of that module."""
    module = home(place)
    name = state_name(place)
    return name if module in (None, main) else f"{module.name}.{name}"


def _worker_name(entry: Function, main: Module) -> str:
    return entry.qualname if entry.module is main else f"{entry.module.name}.{entry.qualname}"
