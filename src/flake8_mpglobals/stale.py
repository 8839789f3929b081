"""Reads of workers that see what was there at import, not what the parent made of it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property

from flake8_mpglobals.crossings import argument_node
from flake8_mpglobals.dispatches import DispatchSite
from flake8_mpglobals.effects import kind_of
from flake8_mpglobals.evaluate import Func, Shared
from flake8_mpglobals.hazards import StaleRead
from flake8_mpglobals.ir import (
    UNKNOWN,
    Attr,
    Call,
    ClassValue,
    Copied,
    Element,
    Entered,
    Function,
    Global,
    Handed,
    Imported,
    Item,
    Load,
    Module,
    Param,
    Result,
    Value,
    Values,
    anchor,
    global_of,
    is_once,
    is_state,
    root,
    state_name,
)
from flake8_mpglobals.libraries import BY_VALUE
from flake8_mpglobals.model import Dispatch, Location, Related, Step
from flake8_mpglobals.mutations import METHODS
from flake8_mpglobals.observers import Observers
from flake8_mpglobals.rawwrites import raw_writes
from flake8_mpglobals.reach import overlaps, segments
from flake8_mpglobals.records import frozen, replace
from flake8_mpglobals.runtime import Change, RunTime, changes_by_calls, changes_in
from flake8_mpglobals.scene import Scene
from flake8_mpglobals.spans import span

_DEEP = 4
"""Calls of methods, one on the result of the other, that are followed back."""

_Chain = tuple[tuple[Function, Call | None], ...]


@frozen(eq=False)
class _Read:
    """One read of a worker: which state, which part of it, where.

    Not ``direct``: by another name for the object, which a new binding does not change.
    ``givers``: the functions that hand it to the method that reads, if one does.
    """

    state: Value
    path: tuple[str, ...]
    node: ast.AST
    function: Function
    direct: bool = True
    givers: frozenset[Function] | None = None


WORK = 600_000
"""Events of the parent that are looked at for one file; huge files are not judged wholly."""


@frozen(eq=False)
class _Entry:
    """A function with which a worker begins, and what it enters from there."""

    function: Function
    entered: frozenset[Function]
    sites: tuple[DispatchSite, ...]


class StaleReads:
    """Finds the reads of one module that depend on fork."""

    def __init__(self, scene: Scene) -> None:
        self._module = scene.module
        self._boundaries = scene.boundaries
        self._reach = scene.reach
        self._evaluator = scene.evaluator
        self._methods = scene.methods
        self._scene = scene
        self._written: dict[Function, frozenset[Value]] = {}

    @cached_property
    def _runtime(self) -> RunTime:
        return RunTime(self._scene)

    @cached_property
    def _observers(self) -> Observers:
        scene = self._scene
        return Observers(scene.boundaries, scene.reach, scene.evaluator)

    def find(self) -> tuple[StaleRead, ...]:
        """Return the reads, one for each place and function that reads it."""
        found: dict[object, StaleRead] = {}
        size = sum(len(f.loads) + len(f.stores) + len(f.calls) for f in self._reach.parent)
        left = WORK // max(size, 1) + 1
        for entry in self._entries():
            reads: dict[Value, list[_Read]] = {}
            for function in sorted(entry.entered, key=_position):
                for read in self._reads(function):
                    given = read.givers is None or not read.givers.isdisjoint(entry.entered)
                    given = given and not self._of_a_sibling(entry, read)
                    if given and read.state in self._runtime.changes:
                        reads.setdefault(read.state, []).append(read)
            for state, group in reads.items():
                if self._is_own(state, entry.entered):
                    continue
                left -= 1
                if left < 0:
                    return tuple(sorted(found.values(), key=_by_location))
                sites = [site for site in entry.sites if not self._set_up(site, state)]
                for stale in self._judge(entry, state, group, sites):
                    found.setdefault((stale.place, stale.span.location), stale)
        return tuple(sorted(found.values(), key=_by_location))

    def _entries(self) -> Iterator[_Entry]:
        """Yield where workers begin: with the callables of dispatches, and initializers."""
        sites_of: dict[Function, list[DispatchSite]] = {}
        for site in self._boundaries.sites:
            if not _by_name(site) or self._methods.forks_only(site):
                continue
            for target in (*site.workers, *site.initializers):
                sites_of.setdefault(target.function, []).append(site)
        for function in sorted(sites_of, key=_position):
            region = self._reach.regions.get(function)
            entered = frozenset(region.entered) if region else self._closure(function)
            yield _Entry(function, entered, tuple(sites_of[function]))

    def _of_a_sibling(self, entry: _Entry, read: _Read) -> bool:
        """Whether a method that the worker's class inherits reads an attribute of another
        class that inherits it: the worker's ``self`` is of its own.
        """
        state, owner = read.state, read.function.cls
        if owner is None or not (isinstance(state, Attr) and isinstance(state.base, ClassValue)):
            return False
        cls, lineage = state.base.cls, self._evaluator.lineage
        workers = self._reach.classes_of(entry.function)
        return owner in lineage(cls)[0] and all(
            worker is not None and owner in lineage(worker)[0] and cls not in lineage(worker)[0]
            for worker in workers or (None,)
        )

    def _closure(self, start: Function) -> frozenset[Function]:
        found: set[Function] = set()
        stack = [start]
        while stack:
            function = stack.pop()
            if function not in found:
                found.add(function)
                stack.extend(t.function for _, t in self._boundaries.edges_of(function))
        return frozenset(found)

    # -- what belongs to the worker ---------------------------------------------------

    def _is_own(self, state: Value, functions: Iterable[Function]) -> bool:
        """Whether a worker has its own ``state``: a name that is not there at import it has
        to bind, what is there it may as well change.
        """
        if self._must_bind(state):
            return self._bind(functions, state)
        return state in self._writes(functions)

    def _writes(self, functions: Iterable[Function]) -> frozenset[Value]:
        """Return the state that ``functions`` change or bind themselves."""
        found: set[Value] = set()
        for function in functions:
            known = self._written.get(function)
            if known is None:
                changes = (
                    *changes_in(function, self._evaluator),
                    *changes_by_calls(function, self._runtime.passing),
                )
                known = self._written[function] = frozenset(
                    change.state for change in changes
                ) | frozenset(self._touched(function))
            found |= known
        return frozenset(found)

    def _touched(self, function: Function) -> Iterator[Value]:
        """Yield the state into which ``function`` stores anything, whatever it holds."""
        for store in function.stores:
            if store.how in ("bind", "augment", "unbind"):
                yield from (target for target in store.targets if is_state(target))
                continue
            for place in self._evaluator.places(store.targets):
                if is_state(anchor(place)) and not self._is_shared(anchor(place)):
                    yield anchor(place)

    def _is_shared(self, state: Value) -> bool:
        """Whether a change of what ``state`` holds is seen by every process."""
        return any(
            isinstance(thing, Shared) and not thing.threads
            for thing in self._evaluator.thing(state)
        )

    def _set_up(self, site: DispatchSite, state: Value) -> bool:
        """Whether an initializer gives the workers of a dispatch a value of their own."""
        makers = [
            other
            for other in self._boundaries.sites
            if other.initializers and (site.pool in (None, other.call) or other is site)
        ]
        return any(
            self._fills(self._closure(target.function), state)
            for other in makers
            for target in other.initializers
        ) or any(self._fills(self._closure(function), state) for function in self._initializers)

    @cached_property
    def _initializers(self) -> tuple[Function, ...]:
        """Return what is passed as ``initializer=`` to calls that are no dispatch: to a pool of
        the project's own making.
        """
        sites = {site.call for site in self._boundaries.sites}
        return tuple(
            thing.function
            for function in self._boundaries.functions
            for call in function.calls
            if "initializer" in call.keywords and call not in sites
            for thing in self._evaluator.ordered(
                self._evaluator.things(call.keywords["initializer"])
            )
            if isinstance(thing, Func)
        )

    def _fills(self, functions: frozenset[Function], state: Value) -> bool:
        """Whether any of ``functions`` gives ``state`` a value or changes what it holds, be
        that shared in some process or not.
        """
        if self._must_bind(state):
            return self._bind(functions, state)
        return state in self._writes(functions) or any(
            anchor(raw.place) == state
            for function in functions
            for raw in raw_writes(function, self._evaluator)
        )

    def _must_bind(self, state: Value) -> bool:
        """Whether a worker has no such name until it binds it, whatever it does to it."""
        return not is_once(state) and self._runtime.missing(state)

    @staticmethod
    def _bind(functions: Iterable[Function], state: Value) -> bool:
        return any(
            state in store.targets and store.how in ("bind", "augment")
            for function in functions
            for store in function.stores
        )

    # -- the reads ----------------------------------------------------------------------

    def _reads(self, function: Function) -> Iterator[_Read]:
        """Yield what a function reads of the state that all functions have in common, what
        a property reads where that is asked for.
        """
        if function.is_property:
            return
        yield from self._own_reads(function)
        waiting = [(access, access.node) for access in self._boundaries.implied.get(function, ())]
        done: set[Function] = set()
        for access, node in waiting:
            for target in self._boundaries.edges.get(access, ()):
                getter = target.function
                for read in self._own_reads(getter):
                    yield replace(read, node=node, function=function)
                if getter not in done:
                    done.add(getter)
                    inner = self._boundaries.implied.get(getter, ())
                    waiting.extend((other, node) for other in inner)

    def _own_reads(self, function: Function) -> Iterator[_Read]:
        """Yield what stands in a function itself."""
        for load in function.loads:
            yield from self._at(load, load.values, (), function)
        for store in function.stores:
            if store.how in ("bind", "augment", "unbind"):
                continue
            mine = [t for t in store.targets if not isinstance(anchor(t), Param | Handed)]
            named = {name for target in mine for name in _names_in(target)}
            for place in self._evaluator.places(mine):
                state = anchor(place)
                if isinstance(state, Global) and state.name not in named:
                    continue  # what another name was bound to came with the worker's object
                if is_state(state) and self._is_shared(state):
                    yield _Read(state, segments(place), store.node, function)
        for call in function.calls:
            for callee in call.callee:
                variable = global_of(callee)
                if variable is not None:
                    yield _Read(variable, (), _callee_node(call), function)
                elif isinstance(callee, Attr):
                    yield from self._received(call, callee, function)

    def _received(self, call: Call, callee: Attr, function: Function) -> Iterator[_Read]:
        """Yield what a method call reads of its receiver."""
        receiver: Values = frozenset((callee.base,))
        held = kind_of(self._evaluator.things(receiver))
        below: tuple[str, ...] = (f".{callee.name}",)
        if held in METHODS:
            if callee.name in METHODS[held] and not call.used:
                return
            below = _key(call) if callee.name in ("get", "pop", "setdefault") else ()
        yield from self._at(call, receiver, below, function)

    def _at(
        self, event: Load | Call, values: Values, below: tuple[str, ...], function: Function
    ) -> Iterator[_Read]:
        node = event.node if isinstance(event, Load) else _receiver_node(event)
        for value in values:
            # What arrives as an argument or as ``self`` was copied at the dispatch, and is what
            # the parent had then; but a class arrives as its name.
            handed = _came(value)
            named = set(_names_in(value))
            for place in self._evaluator.places((value,)):
                for known, param in self._reach.globals_for(place, self._reach.passed):
                    state = anchor(known)
                    method = param is not None and param.index == 0 and param.function.has_self
                    came = value if handed else place
                    by_name = isinstance(state, Attr) and not (
                        (handed or param) and len(segments(known)) >= len(segments(came))
                    )
                    if by_name or method or not (handed or param):
                        direct = not isinstance(state, Global) or state.name in named
                        path = (*segments(known), *below)
                        givers = self._givers(param, state) if param and method else None
                        yield _Read(state, path, node, function, direct, givers)

    def _givers(self, param: Param, state: Value) -> frozenset[Function]:
        """Return the functions that hand ``state`` on to a parameter, and have it by name."""
        return frozenset(
            function
            for given in self._reach.passed.get(param, ())
            if anchor(given) == state
            for function, way in self._reach.origins(param, given).items()
            if way and self._names(way[0][0], given)
        )

    def _names(self, call: Call, given: Value) -> bool:
        """Whether a call is given a place that does not come from the caller's callers."""
        receivers = (callee.base for callee in call.callee if isinstance(callee, Attr))
        return any(
            not isinstance(anchor(value), Param | Handed)
            and given in self._evaluator.places((value,))
            for value in (
                *receivers,
                *(value for values in (*call.args, *call.keywords.values()) for value in values),
            )
        )

    # -- the verdict --------------------------------------------------------------------

    def _judge(
        self, entry: _Entry, state: Value, reads: list[_Read], sites: list[DispatchSite]
    ) -> Iterator[StaleRead]:
        """Yield the first read of each function that misses a change."""
        starts: dict[Call, bool] = {}
        site_of: dict[Call, DispatchSite] = {}
        for site in sites:
            for origin in self._observers.from_parent((site,)):
                for call in self._observers.begins(origin):
                    starts[call] = starts.get(call, False) or not origin.api.waits
                    site_of.setdefault(call, site)
        missed = self._runtime.before(state, starts)
        done: set[Function] = set()
        for read in sorted(reads, key=lambda read: _at_node(read.node)):
            if read.function in done:
                continue
            found: list[tuple[Change, bool]] = []
            used: list[DispatchSite] = []
            for call, changes in missed.items():
                fitting = [(change, late) for change, late in changes if _misses(read, change)]
                if fitting and site_of[call] not in used:
                    used.append(site_of[call])
                found += [pair for pair in fitting if pair not in found]
            where = self._spot(read, used, [change for change, _ in found])
            if found and where is not None:
                done.add(read.function)
                yield self._stale(entry, read, found, used, where)

    def _spot(
        self, read: _Read, sites: list[DispatchSite], changes: list[Change]
    ) -> ast.AST | None:
        """Return where this file reports a read: there, else at the callable that it hands
        over, else at a change that only this file knows of.
        """
        if read.function.module is self._module:
            return read.node
        for site in sites:
            if site.call.function.module is self._module:
                return argument_node(site.call, site.api.callable) or site.call.node
        here = [change for change in changes if change.function.module is self._module]
        if not here or len(here) < len(changes):
            return None
        for site in sites:
            if self._knows(site.call.function.module, {change.function for change in here}):
                return None
        return min((change.node for change in here), key=_at_node)

    def _knows(self, module: Module, functions: set[Function]) -> bool:
        """Whether what the parent runs of another module comes to one of ``functions``."""
        own = (function for function in self._reach.parent if function.module is module)
        return not functions.isdisjoint(self._reach.entered(own))

    def _stale(
        self,
        entry: _Entry,
        read: _Read,
        missed: list[tuple[Change, bool]],
        sites: list[DispatchSite],
        where: ast.AST,
    ) -> StaleRead:
        first, late = missed[0]
        region = self._reach.regions.get(entry.function)
        chain: _Chain = region.chain(read.function) if region else ((entry.function, None),)
        changes: dict[Location, Related] = {}
        for change, _ in missed:
            at = span(change.function.module, change.node).location
            inside = "" if change.function.is_module else f", in {change.function.qualname!r}"
            text = f"the parent {change.verb} {state_name(read.state)!r} here{inside}"
            changes.setdefault(at, Related(at, text))
        return StaleRead(
            place=state_name(read.state),
            what=_what(read.state),
            span=span(self._module, where),
            origin=None if where is read.node else span(read.function.module, read.node).location,
            worker=entry.function.qualname,
            dispatches=tuple(
                Dispatch(
                    span(site.call.function.module, site.call.node).location,
                    site.label,
                    site.api.kind,
                )
                for site in sorted(sites, key=lambda site: _at_node(site.call.node))
            ),
            chain=tuple(
                Step(
                    span(
                        function.module, call.node if call is not None else function.node
                    ).location,
                    function.qualname,
                )
                for function, call in chain
            ),
            changes=tuple(changes.values()),
            verb=first.verb,
            missing=self._runtime.missing(read.state),
            late=late,
        )


def _came(value: Value) -> bool:
    """Whether a value arrived with the worker: as an argument, or from a method of one."""
    start = anchor(value)
    for _ in range(_DEEP):
        if not isinstance(start, Result):
            break
        bases = [root(callee.base) for callee in start.call.callee if isinstance(callee, Attr)]
        start = bases[0] if bases else UNKNOWN
    return isinstance(start, Param | Handed)


def _misses(read: _Read, change: Change) -> bool:
    """Whether a read of a worker would have to see a change of the parent.

    What another module does with the whole of an object says nothing of one part of it.
    """
    if not overlaps(change.path, read.path) or not (read.direct or not change.binds):
        return False
    if change.path and _does_without(read):
        return False
    whole = len(read.path) < len(change.path)
    return not whole or read.function.module is change.function.module


def _does_without(read: _Read) -> bool:
    """Whether the function that reads an item sees to it where it is not there."""
    name = state_name(read.state).rpartition(".")[2]
    return any(
        isinstance(test, ast.If)
        and isinstance(test.test, ast.Compare)
        and isinstance(test.test.ops[-1], ast.NotIn)
        and getattr(test.test.comparators[-1], "id", getattr(test.test.comparators[-1], "attr", ""))
        == name
        and _gets_it(test.body[0])
        for test in ast.walk(read.function.node)
    )


def _gets_it(statement: ast.stmt) -> bool:
    """Whether a statement calls something and goes on."""
    goes_on = isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr)
    return goes_on and any(isinstance(node, ast.Call) for node in ast.walk(statement))


def _by_location(read: StaleRead) -> tuple[Location, str]:
    return (read.span.location, read.place)


def _by_name(site: DispatchSite) -> bool:
    """Whether the workers of a dispatch find their globals by importing the module."""
    api = site.api
    if api.method:
        return api.kind == "process" and api.name.partition(".")[0] not in BY_VALUE
    return api.kind == "process" and api.pickles


def _names_in(value: Value) -> Iterator[str]:
    """Yield the names of the globals and attributes that an access path spells."""
    while isinstance(value, Attr | Item | Element | Entered | Copied):
        if isinstance(value, Attr):
            yield value.name
        value = value.base
    variable = global_of(value)
    if variable is not None:
        yield variable.name


def _what(state: Value) -> str:
    if isinstance(state, Attr):
        if isinstance(state.base, ClassValue):
            return "class attribute"
        if isinstance(state.base, Imported):
            return "module attribute"
    return "global"


def _key(call: Call) -> tuple[str, ...]:
    """Return the item that ``get(key)`` and its like ask for."""
    node = call.node
    if isinstance(node, ast.Call) and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str | int):
            return (f"[{first.value!r}]",)
    return ("[]",)


def _callee_node(call: Call) -> ast.AST:
    return call.node.func if isinstance(call.node, ast.Call) else call.node


def _receiver_node(call: Call) -> ast.AST:
    node = _callee_node(call)
    return node.value if isinstance(node, ast.Attribute) else node


def _at_node(node: ast.AST) -> tuple[int, int]:
    return (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))


def _position(function: Function) -> tuple[int, int, str]:
    return (*_at_node(function.node), function.qualname)
