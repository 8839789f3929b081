"""Who in the parent would have to see a worker's change: reads that can follow the dispatch.

For one place and the dispatches that change it, the parent's code is run
abstractly with one bit of state: has a dispatch happened since the parent last
gave the place a value of its own?  A read in that state observes the loss.
Branches join, loops go round twice, calls are entered; what only importers
could call counts as called in any order.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator

from flake8_mpglobals.dispatches import Boundaries, DispatchSite
from flake8_mpglobals.evaluate import Evaluator, External, Handle, Mod, Obj, Things, Type
from flake8_mpglobals.extent import inherited
from flake8_mpglobals.ir import (
    NOTHING,
    UNKNOWN,
    Attr,
    Block,
    Call,
    Cell,
    Fresh,
    Function,
    Global,
    Guards,
    Handed,
    Load,
    Make,
    Result,
    Store,
    Value,
    Values,
    anchor,
    global_of,
)
from flake8_mpglobals.objects import Objects, Wanted
from flake8_mpglobals.reach import SAME, SIZE, Path, Reach, overlaps, segments
from flake8_mpglobals.reads import ENVIRON, Reads
from flake8_mpglobals.records import frozen
from flake8_mpglobals.sieve import Chosen, Sieve
from flake8_mpglobals.unstarted import never_started
from flake8_mpglobals.walk import State, Walk, join

_WAITING = frozenset(
    ("wait", "waitpid", "waitid", "wait3", "wait4", "sleep", "read", "recv", "pause", "select")
)
"""Names of functions by which the one that forked gives its child the time to work."""

FRESH = 0
STALE = 1
"""A dispatch has happened since the parent gave the place a value of its own."""
AGAIN = 4
"""The parent has stored into it since then what the worker stores, under some name."""
FORKED = 2
"""A child was forked since then, which may not have begun to run."""


@frozen(eq=False)
class Touch:
    """One event of the parent on a global: a read of a path, or a new value for the whole.

    ``inside``: a function that the call enters reads it.  ``same`` are other names for
    the new value.
    """

    place: Value
    path: tuple[str, ...]
    node: ast.AST
    resets: bool = False
    direct: bool = True
    guards: Guards = frozenset()
    inside: bool = False
    same: Values = NOTHING


class Observers:
    """Answers, for one program, which reads of the parent observe a lost write."""

    def __init__(self, boundaries: Boundaries, reach: Reach, evaluator: Evaluator) -> None:
        self.boundaries = boundaries
        self.reach = reach
        self.evaluator = evaluator
        self.reads = Reads(evaluator, boundaries)
        self._objects = Objects(evaluator, reach.parent)
        self._touches: dict[object, tuple[Touch, ...]] = {}
        self._touched_in: dict[Value, set[Function]] = {}
        self._touching: dict[Value, list[object]] = {}
        self._callers: dict[Function, set[Function]] = {}
        self._calls_to: dict[Function, list[Call]] = {}
        self._events: dict[object, object] = {
            call: event for event, calls in boundaries.accesses.items() for call in calls
        }
        """For calls that stand for the access of a property: where in the code that is."""
        self.sieve = Sieve(reach.parent)
        self._entry_points: list[Function] = []
        self._starts: list[tuple[Call, Things]] | None = None
        self._index()

    def _index(self) -> None:
        """Note which parent functions touch which globals, and who calls whom there."""
        for function in self.reach.parent:
            events: list[Load | Store | Call] = [
                *function.loads,
                *function.stores,
                *self.boundaries.calls_of(function),
            ]
            for event in events:
                touches = tuple(self._of(event))
                if touches:
                    self._touches[event] = touches
                    for touch in touches:
                        self._touched_in.setdefault(touch.place, set()).add(function)
                        self._touching.setdefault(touch.place, []).append(event)
            for call, target in self.boundaries.edges_of(function):
                self._callers.setdefault(target.function, set()).add(function)
                self._calls_to.setdefault(target.function, []).append(call)
        # What other modules define runs in the parent where the file under check calls it, or
        # where somebody calls it of a class of that file.
        main = self.evaluator.program.main
        own = set(inherited(self.evaluator.program, self.evaluator))
        self._entry_points = [
            function
            for function in self.boundaries.functions
            if function in self.reach.parent
            and (
                function.is_module
                or (
                    (function.module is main or function in own)
                    and not self._callers.get(function, set()) - {function}
                )
            )
        ]

    def _of(self, event: Load | Store | Call) -> Iterator[Touch]:
        """Yield what one event does to globals, reads before resets."""
        if isinstance(event, Load):
            if not event.argument:
                end = (SIZE,) if event.shallow else ()
                for place, above in self._paths(event.values):
                    path = (*above, *end)
                    direct = event.direct and not _borrowed(event.values, place)
                    yield Touch(place, path, event.node, direct=direct, guards=event.guards)
        elif isinstance(event, Store):
            if event.how in ("bind", "unbind"):
                for target in event.targets:
                    if isinstance(target, Global | Cell):
                        same = self.evaluator.places(event.values)
                        yield Touch(target, (), event.node, resets=True, same=same)
            elif event.how in ("attr", "del attr") and isinstance(event.key, str):
                for target in event.targets:
                    things = self.evaluator.thing(target)
                    if any(isinstance(thing, Type | External | Mod) for thing in things):
                        for state in self.evaluator.states(target, event.key):
                            yield Touch(state, (), event.node, resets=True)
                    for place, path in self._paths((target,)):
                        yield Touch(place, (*path, f".{event.key}"), event.node, resets=True)
            elif event.how in ("item", "del item") and _whole_slice(event.node):
                for place, path in self._paths(event.targets):
                    if not path:
                        yield Touch(place, (), event.node, resets=True)
            elif event.how == "item" and event.key is not None:
                for place, path in self._paths(event.targets):
                    yield Touch(place, (*path, f"[{event.key!r}]"), event.node, resets=True)
        else:
            for values, read, inside in self.reads.given(event):
                named = any(global_of(value) or isinstance(value, Attr) for value in values)
                for place, path in self._paths(values):
                    for below in sorted(read | inside):
                        yield Touch(
                            place,
                            (*path, *below),
                            event.node,
                            direct=named and not _borrowed(values, place),
                            guards=event.guards,
                            inside=below not in read,
                        )
            for callee in event.callee:
                if isinstance(callee, Attr) and callee.name == "clear":
                    for place, path in self._paths((callee.base,)):
                        if not path:
                            yield Touch(place, (), event.node, resets=True)

    def _paths(self, values: Iterable[Value]) -> Iterator[tuple[Value, tuple[str, ...]]]:
        for place in self.evaluator.places(values):
            yield anchor(place), segments(place)

    # -- the question ---------------------------------------------------------

    def observe(
        self,
        place: Value,
        path: tuple[str, ...],
        sites: Iterable[DispatchSite],
        *,
        rebinds: bool,
        skip: frozenset[Function],
        again: frozenset[Store] = frozenset(),
        seen_to_follow: bool = False,
    ) -> list[tuple[Function, Touch]]:
        """Return the parent's reads of ``place`` that can follow one of ``sites``.

        ``path`` is what the worker changes; ``rebinds`` says that it changes which
        object the name stands for, so that only reads by that name count; reads in
        the functions ``skip`` do not count.  ``again`` are stores with which the
        parent has named items of its own.  ``seen_to_follow``: nor do those of which
        only importers could know that they follow.
        """
        sites = list(sites)
        calls = {call for site in self.from_parent(sites) for call in self.begins(site)}
        if rebinds:
            wanted: Wanted = {place: {path}}
        else:
            wanted = {}
            end = path[-1:] if path[-1:] == (SAME,) else ()
            bare = path[: len(path) - len(end)]
            for one in (place, *self.reach.handed_with(place)):
                for start, paths in self._objects.wanted(one, bare, self._touched_in).items():
                    wanted.setdefault(start, set()).update((*each, *end) for each in paths)
        calls = {call for call in calls if not self._asks(call, wanted)}
        forks = {site.call for site in sites if site.api.runs == "child"} - calls
        relevant = self._relevant(wanted, {*calls, *again})
        run = _Run(self, wanted, calls, forks, relevant, rebinds=rebinds, skip=skip, again=again)
        # Who takes an object out of a container does not read its attributes, either.
        run.refers = isinstance(place, Handed | Cell) or _of_an_item(path)
        if isinstance(place, Handed | Cell):
            run.passing = frozenset(
                node for site in sites for call in _handing(site) for node in ast.walk(call.node)
            )
        # Who makes a process object hands it what it is to work with.
        objects = [site for site in sites if site.api.method]
        run.handing = frozenset(site.call.node for site in objects)
        run.skip = skip | frozenset(self._constructors(objects))
        entries = [function for function in self._entry_points if function in relevant]
        # A forked child is the program itself going on: only what the code that forked
        # comes to read afterwards is missed, not what any other function may read.
        forked = all(site.api.runs == "child" for site in sites)
        main = self.evaluator.program.main
        for _ in range(4):
            before = dict(run.known)
            after_import = False
            stale: list[Function] = []
            for entry in entries:
                run.active.clear()
                if (run.enter(entry, FRESH) or FRESH) & STALE:
                    stale.append(entry)
                    after_import = after_import or entry.is_module
            for entry in entries:
                if forked:
                    continue
                if seen_to_follow and not entry.is_module:
                    continue
                if entry.is_module:
                    # What another module starts when it is imported has begun by then.
                    if entry.module is main and any(
                        other.is_module and other is not entry for other in stale
                    ):
                        run.active.clear()
                        run.enter(entry, STALE)
                    continue
                if after_import or any(follows(entry, other) for other in stale):
                    run.active.clear()
                    run.enter(entry, STALE)
            if run.staled and not forked and not seen_to_follow:
                for function in self.boundaries.loose:
                    if function in relevant:
                        run.active.clear()
                        run.enter(function, STALE)
            if run.known == before:
                break
        found = sorted(
            run.found.items(),
            key=lambda pair: (
                pair[1].module.source.path,
                getattr(pair[0].node, "lineno", 0),
                getattr(pair[0].node, "col_offset", 0),
            ),
        )
        return [(function, touch) for touch, function in found]

    def from_parent(self, sites: Iterable[DispatchSite]) -> list[DispatchSite]:
        """Return the dispatches of the parent by which ``sites`` come to run, if a worker
        makes them.
        """
        found: list[DispatchSite] = []
        stack = list(sites)
        while stack:
            site = stack.pop()
            if site in found:
                continue
            found.append(site)
            maker = site.call.function
            if maker not in self.reach.parent:
                for entry in self.reach.entries(maker):
                    stack.extend(self.reach.sites_of[entry])
        return found

    def begins(self, site: DispatchSite) -> frozenset[Call]:
        """Return the calls with which the worker of ``site`` begins to run.

        Who forks looks for nothing before it waits.  A process runs from its ``start()``
        on, whenever it was made; where no such call is in sight, from the call that made it.
        """
        if site.inner is not None:
            return self.begins(site.inner) | {site.call}
        if site.api.runs == "child":
            waits = frozenset(self._waits_after(site.call))
            if waits or site.call.function.is_module:
                return waits
            return frozenset((site.call,))
        if not site.api.method:
            return frozenset((site.call,))
        if self._starts is None:
            self._starts = [
                (call, self.evaluator.things(frozenset((callee.base,))))
                for function in self.reach.parent
                for call in function.calls
                for callee in call.callee
                if isinstance(callee, Attr) and callee.name == "start"
            ]
        classes = {target.cls for target in site.workers}
        begins = frozenset(
            call
            for call, things in self._starts
            if any(
                thing == UNKNOWN
                or (isinstance(thing, Handle) and thing.call in (site.call, None))
                or (isinstance(thing, Obj) and thing.cls in classes)
                for thing in things
            )
        )
        if not begins and never_started(site.call):
            return frozenset()
        return begins or frozenset((site.call,))

    def _waits_after(self, fork: Call) -> Iterator[Call]:
        """Yield the calls with which the code that forked then waits for something."""
        for call in fork.function.calls:
            if getattr(call.node, "lineno", 0) <= getattr(fork.node, "lineno", 0):
                continue
            things = self.evaluator.things(call.callee)
            names = {thing.name for thing in things if isinstance(thing, External)}
            names |= {callee.name for callee in call.callee if isinstance(callee, Attr)}
            if any(name.rpartition(".")[2] in _WAITING for name in names):
                yield call

    def _constructors(self, sites: Iterable[DispatchSite]) -> Iterator[Function]:
        """Yield what makes the process objects of ``sites``."""
        for site in sites:
            for target in site.workers:
                if target.cls is not None:
                    made = self.evaluator.method(target.cls, "__init__")
                    if made is not None:
                        yield made

    def _asks(self, call: Call, wanted: Wanted) -> bool:
        """Whether what seems to wait for a forked child is a method of the place itself."""
        return any(
            isinstance(callee, Attr) and callee.name in _WAITING and anchor(place) in wanted
            for callee in call.callee
            if isinstance(callee, Attr)
            for place in self.evaluator.places((callee.base,))
        )

    def _relevant(self, wanted: Wanted, given: set[Store | Call]) -> set[Function]:
        """Return the parent functions from which a place or a dispatch can be reached."""
        stack = [
            function
            for place in wanted
            for function in self._touched_in.get(place, ())
            if function in self.reach.parent
        ]
        stack.extend(
            place.call.function
            for place in wanted
            if isinstance(place, Result) and place.call.function in self.reach.parent
        )
        stack.extend(event.function for event in given if event.function in self.reach.parent)
        found: set[Function] = set()
        while stack:
            function = stack.pop()
            if function not in found:
                found.add(function)
                stack.extend(self._callers.get(function, ()))
        return found

    def events(
        self, wanted: Wanted, given: Iterable[Store | Call], relevant: Iterable[Function]
    ) -> Chosen:
        """Return where the parent's code touches a place, comes by one of the ``given``
        events, or enters a relevant function.
        """
        found: list[object] = [*given]
        for place in wanted:
            found += self._touching.get(place, ())
            if isinstance(place, Result):
                found.append(place.call)
            elif isinstance(place, Fresh):
                found.append(place.display)
        for function in relevant:
            found += self._calls_to.get(function, ())
        return self.sieve.choose(self._events.get(event, event) for event in found)

    def touches(self, event: object) -> tuple[Touch, ...]:
        """Return what an event of the parent does to globals."""
        return self._touches.get(event, ())


def _of_an_item(path: Path) -> bool:
    """Whether a path leads to an attribute of what a container holds."""
    return any(
        part.startswith("[") and below.startswith(".") for part, below in itertools.pairwise(path)
    )


class _Run(Walk):
    """One abstract run of the parent for one place.

    ``wanted`` says where a change of it can be seen.  ``refers``: the place is what a
    worker was handed, of which passing on a reference is no read; ``passing`` are the
    nodes of the calls that hand it over.
    """

    def __init__(
        self,
        observers: Observers,
        wanted: Wanted,
        calls: set[Call],
        forks: set[Call],
        relevant: set[Function],
        *,
        rebinds: bool,
        skip: frozenset[Function],
        again: frozenset[Store],
    ) -> None:
        super().__init__()
        self.observers = observers
        self.wanted = wanted
        self.refers = False
        self.passing: frozenset[ast.AST] = frozenset()
        self.handing: frozenset[ast.AST] = frozenset()
        self.calls = calls
        self.forks = forks
        in_parents = {fork.function for fork in forks}
        self.waits = {call for call in calls if call.function in in_parents}
        self.relevant = relevant
        self.rebinds = rebinds
        self.skip = skip
        self.again = again
        self.known: dict[tuple[Function, int], State] = {}
        self.active: set[tuple[Function, int]] = set()
        self.found: dict[Touch, Function] = {}
        self.staled = 0
        self.events = observers.events(wanted, {*calls, *forks, *again}, relevant)

    def block(self, block: Block, state: State) -> State:
        """Run those events of a block that matter."""
        return super().block(self.observers.sieve.sifted(block, self.events), state)

    def enter(self, function: Function, state: int) -> State:
        """Return the state after ``function`` when it is entered in ``state``."""
        key = (function, state)
        if key in self.active:
            return self.known.get(key, state)
        self.active.add(key)
        out = self.known[key] = self.body(function, state)
        return out

    def event(self, event: Load | Store | Call | Make, state: int) -> State:
        """Take note of reads; a dispatch makes the place stale, a new value ends that."""
        if isinstance(event, Make):
            return FRESH if Fresh(event.display) in self.wanted else state
        for access in self.observers.boundaries.accesses.get(event, ()):
            entered = self.call(access, state)
            if entered is None:
                return None
            state = entered
        if isinstance(event, Call):
            return self.call(event, state)
        state = self.touched(event, state)
        return state | AGAIN if event in self.again else state

    def tried(self, body: Block, state: int) -> tuple[State, State]:
        """Return any state that the body had, too: a handler may start in it."""
        before = self.staled
        end, start = super().tried(body, state)
        return end, join(start, STALE) if self.staled != before else start

    def touched(self, event: Load | Store | Call, state: int) -> int:
        """Take note of reads in a stale state; a reset ends it."""
        for touch in self.observers.touches(event):
            paths = self.wanted.get(touch.place)
            if paths is None:
                continue
            if touch.resets:
                if not touch.same.isdisjoint(self.wanted):
                    continue  # the same object, by one more name
                if any(path[: len(touch.path)] == touch.path for path in paths):
                    state = FRESH
            elif state & STALE and any(self.sees(touch, path) for path in paths):
                if self.rebinds and not touch.direct:
                    continue
                if state & AGAIN and any(part.startswith("['") for part in touch.path):
                    continue
                if self.function is not None and self.function not in self.skip:
                    self.found.setdefault(touch, self.function)
        return state

    def sees(self, touch: Touch, path: Path) -> bool:
        """Whether a read looks at what changes at ``path``."""
        if not overlaps(touch.path, path):
            return False
        if touch.place == ENVIRON and touch.path == ("[]",):
            return False  # a variable is set, some variable is read
        if touch.node in self.handing:
            return False
        if not self.refers:
            return True
        if touch.inside or touch.node in self.passing:
            return False  # seen where the function is entered
        # An attribute is not read by whoever holds the object, or asks for its size.
        held = len(touch.path) - (touch.path[-1:] == (SIZE,))
        return not any(part.startswith(".") for part in path[held:])

    def call(self, call: Call, state: int) -> State:
        """Run a call: what it reads, what it enters, and whether it dispatches."""
        state = self.touched(call, state)
        if Result(call) in self.wanted:
            state = FRESH  # a new object
        out: State = state
        entered: State = None
        for target in self.observers.boundaries.edges.get(call, ()):
            if target.function in self.relevant:
                entered = join(entered, self.enter(target.function, state))
        if entered is not None:
            out = entered
        if call in self.forks:
            return join(out, FORKED)
        if call in self.calls and self.has_begun(call, state):
            self.staled += 1
            return STALE
        return out

    def has_begun(self, call: Call, state: int) -> bool:
        """Whether a worker has begun to run by a call that begins it, or waits for it."""
        return call not in self.waits or bool(state & FORKED)


def _handing(site: DispatchSite) -> Iterator[Call]:
    """Yield the calls that hand a worker its arguments, those of wrappers among them."""
    walk: DispatchSite | None = site
    while walk is not None:
        yield walk.call
        walk = walk.inner


def follows(entry: Function, other: Function) -> bool:
    """Whether a function that nothing calls may run after another one: a test asks nothing
    of what another test did, and an object is made before its methods run.
    """
    if entry.name == "__init__" and entry.cls is not None and entry.cls is other.cls:
        return False
    if entry is other or (_is_test(entry) and _is_test(other)):
        return False
    return not (_is_test(entry) and other.name in _AROUND_TESTS and other.cls is not entry.cls)


_AROUND_TESTS = frozenset(
    ("setUp", "tearDown", "setUpClass", "tearDownClass", "setup_method", "teardown_method")
)
"""What is run before and after the tests of its own class."""


def _is_test(function: Function) -> bool:
    name = function.module.source.path.replace("\\", "/").rpartition("/")[2]
    return function.name.startswith("test") and ("test" in name)


def _borrowed(values: Values, place: Value) -> bool:
    """Whether the global that ``values`` name is another one than ``place``: what
    ``from m import name`` bound stays bound when the global of ``m`` is bound anew.
    """
    variables = [global_of(value) for value in values]
    return bool(variables) and all(
        variable is not None and variable != place for variable in variables
    )


def _whole_slice(node: ast.AST) -> bool:
    """Whether a subscript is ``x[:]``."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Slice)
        and node.slice.lower is None
        and node.slice.upper is None
        and node.slice.step is None
    )
