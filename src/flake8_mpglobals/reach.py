"""Which functions run in workers, which in the parent, and what reaches them.

A *region* is what one worker function enters by plain calls.  Places that
callers inside a region hand to parameters are carried forward, so that a write
to a parameter is known as a write to the global that was passed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from flake8_mpglobals.contexts import Contexts, Key, told_apart
from flake8_mpglobals.dispatches import Boundaries, DispatchSite
from flake8_mpglobals.evaluate import (
    Box,
    Env,
    Evaluator,
    Obj,
    Plain,
    Target,
    Things,
    bound_to,
)
from flake8_mpglobals.ir import (
    ANYTHING,
    NOTHING,
    Attr,
    Call,
    Cell,
    Class,
    ClassValue,
    Copied,
    Element,
    Function,
    FunctionValue,
    Global,
    Handed,
    Item,
    Param,
    SuperOf,
    Value,
    Values,
    anchor,
    attr,
    depth_of,
    element,
    is_receiver,
    is_state,
    item,
    state_name,
)
from flake8_mpglobals.records import frozen

MOST_PLACES = 24
"""Places that one parameter is told apart for; what else is handed over is not followed."""

DEEPEST = 4
"""Steps of an access path below which a place is not followed from call to call."""


@frozen(eq=False)
class Region:
    """What one worker function enters: each function with the call that first enters it."""

    entry: Function
    entered: dict[Function, tuple[Call, Function] | None]

    def chain(self, function: Function) -> tuple[tuple[Function, Call | None], ...]:
        """Return the way from the worker to ``function``, each with the call that enters it."""
        steps: list[tuple[Function, Call | None]] = []
        current: Function | None = function
        while current is not None:
            came = self.entered[current]
            steps.append((current, came[0] if came else None))
            current = came[1] if came else None
        return tuple(reversed(steps))


_Way = tuple[Call, Function, "_Way | None"]
"""A call, the function that it enters, and the way from there on."""

_Giver = tuple[Function, Call | None, tuple[Param, Value] | None]


def _steps(way: _Way | None) -> Iterator[tuple[Call, Function]]:
    while way is not None:
        call, function, way = way
        yield call, function


class Reach:
    """The regions of all dispatch sites of a program, and the functions of the parent."""

    def __init__(self, boundaries: Boundaries, evaluator: Evaluator) -> None:
        self.boundaries = boundaries
        self.evaluator = evaluator
        self.regions: dict[Function, Region] = {}
        self._known_givers: dict[tuple[Param, Value], list[_Giver]] = {}
        self._children: dict[Function, list[Function]] = {}
        self.sites_of: dict[Function, list[DispatchSite]] = {}
        self._entries_of: dict[Function, list[Function]] = {}
        self._classes: dict[Function, list[Class | None]] = {}
        self._contexts = Contexts(evaluator)
        for site in boundaries.sites:
            for target in site.workers:
                sites = self.sites_of.setdefault(target.function, [])
                if site not in sites:
                    sites.append(site)
                classes = self._classes.setdefault(target.function, [])
                if target.cls not in classes:
                    classes.append(target.cls)
        for entry in self.sites_of:
            self._region(entry)
            if entry.block is not None:
                self._children.setdefault(_forker(entry), []).append(entry)
        self.workers: frozenset[Function] = frozenset(
            function for region in self.regions.values() for function in region.entered
        )
        self.initialized = self._closure(
            target.function for site in boundaries.sites for target in site.initializers
        )
        self._callers: dict[Function, list[tuple[Function, Call, Target]]] = {}
        for caller in sorted(self.workers, key=_line):
            for call, target in boundaries.edges_of(caller):
                self._callers.setdefault(target.function, []).append((caller, call, target))
        self._kept: dict[Value, set[Value]] = {}
        self.handed_by: dict[Value, list[DispatchSite]] = {}
        self.passed = self._carry(
            self.workers, [(site, t) for site in boundaries.sites for t in site.workers]
        )
        self.initialized_with = self._carry(
            self.initialized, [(site, t) for site in boundaries.sites for t in site.initializers]
        )
        self._kept = self._keep()
        self.parent = self._parent()

    def _region(self, entry: Function) -> None:
        """Walk the calls from a worker; calls on ``self`` stay in the class of the worker."""
        entered: dict[Function, tuple[Call, Function] | None] = {entry: None}
        queue: deque[tuple[Function, Class | None, Env | None, Key]] = deque(
            (entry, cls, None, ()) for cls in self._classes[entry]
        )
        seen: set[tuple[Function, Class | None, Key]] = {
            (entry, cls, ()) for cls in self._classes[entry]
        }
        contexts: dict[Function, set[Key]] = {}
        while queue:
            function, cls, env, key = queue.popleft()
            for call, target in self.boundaries.edges_of(function):
                inside = cls is not None and _on_self(call, function)
                if inside and not self._means(call, cls, target.function):
                    continue
                if not self._contexts.enters(call, target, env):
                    continue
                if target.function not in entered:
                    entered[target.function] = (call, function)
                after, by = self._contexts.enter(function, call, target, env, key)
                if not told_apart(contexts, target.function, by):
                    after, by = None, ()
                step = (target.function, cls if inside else target.cls, by)
                if step not in seen:
                    seen.add(step)
                    queue.append((*step[:2], after, by))
        self.regions[entry] = Region(entry, entered)
        for function in entered:
            self._entries_of.setdefault(function, []).append(entry)

    def classes_of(self, entry: Function) -> list[Class | None]:
        """Return the classes of which ``self`` is where a worker begins with ``entry``."""
        return self._classes.get(entry, [])

    def _means(self, call: Call, cls: Class | None, function: Function) -> bool:
        """Whether a call on ``self`` enters ``function`` when ``self`` is of class ``cls``."""
        if cls is None or function.cls is None or function.name == "<lambda>":
            return True
        for callee in call.callee:
            if isinstance(callee, Attr) and isinstance(callee.base, Param):
                method = self.evaluator.method(cls, callee.name)
                return method is None or method is function
        return True

    def _closure(self, start: Iterable[Function]) -> frozenset[Function]:
        """Return the functions that ``start`` enters, themselves included."""
        found: set[Function] = set()
        stack = list(start)
        while stack:
            function = stack.pop()
            if function in found:
                continue
            found.add(function)
            stack.extend(target.function for _, target in self.boundaries.edges_of(function))
        return frozenset(found)

    def entered(self, start: Iterable[Function]) -> frozenset[Function]:
        """Return the functions that ``start`` enters by plain calls, themselves included."""
        return self._closure(start)

    def callers(self, function: Function) -> list[Function]:
        """Return the functions of workers that call ``function``."""
        return [caller for caller, _, _ in self._callers.get(function, ())]

    def entries(self, function: Function) -> list[Function]:
        """Return the worker functions whose regions hold ``function``."""
        return self._entries_of.get(function, [])

    # -- places handed to parameters -----------------------------------------

    def _carry(
        self, functions: Iterable[Function], handed: Iterable[tuple[DispatchSite, Target]]
    ) -> dict[Param, set[Value]]:
        """Return the places that calls inside ``functions`` hand to parameters: shared
        ones, and copies of what dispatches hand over.
        """
        passed: dict[Param, set[Value]] = {}
        waiting: dict[Param, list[tuple[Param, Value]]] = {}
        queue: deque[tuple[Param, Value]] = deque()

        def give(param: Param, place: Value) -> None:
            known = passed.setdefault(param, set())
            if place not in known and len(known) < MOST_PLACES and depth_of(place) <= DEEPEST:
                known.add(place)
                queue.append((param, place))

        for site, target in handed:
            own = self._inherited(target.function) if site.api.runs == "child" else ()
            for param, place in (*self._handed(target, surely=True), *own):
                if self._can_change(place):
                    copy = Handed(param, place)
                    self.handed_by.setdefault(copy, []).append(site)
                    give(param, copy)
            for index, values in target.bindings.items():
                for cut in self.evaluator.slices(values):
                    copy = Handed(Param(target.function, index), cut)
                    self.handed_by.setdefault(copy, []).append(site)
                    give(copy.param, copy)
        for function in sorted(functions, key=_line):
            for index, default in function.defaults.items():
                for place in self.evaluator.places(default):
                    if is_state(anchor(place)):
                        give(Param(function, index), place)
            for _, target in self.boundaries.edges_of(function):
                for param, place in self._handed(target):
                    start = anchor(place)
                    if is_state(start):
                        give(param, place)
                    elif isinstance(start, Param) and start != param:
                        waiting.setdefault(start, []).append((param, place))
        while queue:
            source, place = queue.popleft()
            for param, path in waiting.get(source, ()):
                for moved in rebase(path, frozenset((place,))):
                    give(param, moved)
        return passed

    def _handed(self, target: Target, *, surely: bool = False) -> Iterable[tuple[Param, Value]]:
        """Yield the places that one call hands to the parameters of a function; ``surely``
        without those for which it may as well hand over a text.
        """
        for index, values in target.bindings.items():
            if surely and _perhaps_text(self.evaluator.things(values)):
                continue
            for place in sorted(self.evaluator.places(values), key=repr_place):
                yield Param(target.function, index), place

    def _inherited(self, child: Function) -> Iterator[tuple[Param, Value]]:
        """Yield the parameters that a forked child has from the function that forked."""
        forker = _forker(child)
        for index in range(len(forker.params)):
            yield Param(forker, index), Param(forker, index)

    def begins_with(self, entry: Function, param: Param) -> bool:
        """Whether a worker starts with ``param``: it is its own, or that of who forked it."""
        return entry is param.function or entry in self._children.get(param.function, ())

    def handed_with(self, copy: Value) -> list[Value]:
        """Return what else the dispatches that hand ``copy`` over can hand to its parameter."""
        sites = self.handed_by.get(copy, ())
        return [
            other
            for other, by in self.handed_by.items()
            if isinstance(other, Handed)
            and isinstance(copy, Handed)
            and other != copy
            and other.param == copy.param
            and any(site in sites for site in by)
        ]

    def _can_change(self, place: Value) -> bool:
        """Whether a place holds something that a worker's copy could differ in."""
        if isinstance(anchor(place), Handed):
            return False
        return any(isinstance(thing, Box | Obj) for thing in self.evaluator.thing(place))

    def _keep(self) -> dict[Value, set[Value]]:
        """Return what initializers put of their own arguments into globals."""
        kept: dict[Value, set[Value]] = {}
        for function in self.initialized:
            for store in function.stores:
                if store.how != "bind":
                    continue
                for place in self.evaluator.places(store.values):
                    for moved, _ in self.globals_for(place, self.initialized_with):
                        if isinstance(anchor(moved), Handed):
                            for target in store.targets:
                                kept.setdefault(target, set()).add(moved)
        return kept

    def globals_for(
        self, place: Value, passed: dict[Param, set[Value]]
    ) -> Iterable[tuple[Value, Param | None]]:
        """Yield the shared places (and copies of those of the parent) that ``place``
        stands for, and the parameter it came by.
        """
        start = anchor(place)
        if isinstance(start, Cell) and start.function in self.workers:
            return  # a variable that the worker itself made
        if is_state(start):
            yield place, None
            for copy in sorted(self._kept.get(start, ()), key=repr_place):
                for moved in rebase(place, frozenset((copy,))):
                    yield moved, None
        elif isinstance(start, Param):
            for given in sorted(passed.get(start, ()), key=repr_place):
                for moved in rebase(place, frozenset((given,))):
                    yield moved, start

    def origins(
        self, param: Param, place: Value
    ) -> dict[Function, tuple[tuple[Call, Function], ...]]:
        """Return the functions that first hand ``place`` over so that it reaches ``param``,
        each with the calls (and the functions they enter) from there on.
        """
        first: dict[Function, _Way | None] = {}
        queue: deque[tuple[Param, Value, _Way | None]] = deque(((param, place, None),))
        seen = {(param, place)}
        while queue:
            wanted, given, tail = queue.popleft()
            for function, call, handed in self._givers(wanted, given):
                way = tail if call is None else (call, wanted.function, tail)
                if handed is None:
                    first.setdefault(function, way)
                elif handed not in seen:
                    seen.add(handed)
                    queue.append((*handed, way))
        return {function: tuple(_steps(way)) for function, way in first.items()}

    def _givers(self, wanted: Param, given: Value) -> list[_Giver]:
        """Return who hands ``given`` to a parameter, with the call, if there is one, and the
        parameter that it has it from, if it does not have it itself.
        """
        known = self._known_givers.get((wanted, given))
        if known is None:
            known = self._known_givers[wanted, given] = list(self._find_givers(wanted, given))
        return known

    def _find_givers(self, wanted: Param, given: Value) -> Iterator[_Giver]:
        if isinstance(given, Handed) and given.param == wanted:
            for function in self._children.get(wanted.function, (wanted.function,)):
                yield function, None, None
        default = wanted.function.defaults.get(wanted.index, NOTHING)
        if wanted.function in self.sites_of and given in self.evaluator.places(default):
            yield wanted.function, None, None
        for caller, call, target in self._callers.get(wanted.function, ()):
            for handed in self.evaluator.places(bound_to(target.bindings, wanted) or ()):
                start = anchor(handed)
                if handed == given:
                    yield caller, call, None
                elif isinstance(start, Param):
                    for source in self.passed.get(start, ()):
                        if given in rebase(handed, frozenset((source,))):
                            yield caller, call, (start, source)

    # -- the parent -----------------------------------------------------------

    def _parent(self) -> frozenset[Function]:
        """Return the functions that run in the parent, the module bodies among them."""
        elsewhere = self._closure(self.boundaries.elsewhere)
        away = set(self.workers | self.initialized | elsewhere)
        looked_at = frozenset(self.boundaries.functions)
        for function in looked_at:
            outer = function.outer
            while outer is not None and not outer.is_module:
                if outer in away:
                    away.add(function)
                    break
                outer = outer.outer
        namers = self._namers(looked_at - away)
        while True:
            parent = self._closure(f for f in looked_at if f not in away) & looked_at
            more = {
                method
                for cls, makers in self.boundaries.made.items()
                if makers and not any(maker in parent for maker in makers)
                for method in cls.methods.values()
                if method not in away
            }
            # What nobody calls in sight, and only a worker names, is what the worker runs:
            # it hands it to a thread or a loop that is not known here.
            more |= {f for f, named in namers.items() if f not in away and named <= away}
            if not more:
                return parent
            away |= more

    def _namers(self, functions: Iterable[Function]) -> dict[Function, set[Function]]:
        """Return who names those of ``functions`` that are named, yet called by nobody."""
        if not self.workers:
            return {}
        called = {
            target.function
            for function in self.boundaries.functions
            for _, target in self.boundaries.edges_of(function)
        }
        uncalled = {f for f in functions if f not in called and not f.is_module}
        methods: dict[str, list[Function]] = {}
        for function in uncalled:
            if function.cls is not None:
                methods.setdefault(function.name, []).append(function)
        namers: dict[Function, set[Function]] = {}
        for function in self.boundaries.functions if uncalled else ():
            for load in function.loads:
                for value in load.values:
                    if isinstance(value, FunctionValue) and value.function in uncalled:
                        namers.setdefault(value.function, set()).add(function)
                    elif (
                        isinstance(value, Attr)
                        and value.name in methods
                        and is_receiver(value.base)
                    ):
                        for method in methods[value.name]:
                            namers.setdefault(method, set()).add(function)
        return namers


def _forker(child: Function) -> Function:
    """Return the function in which a forked child begins."""
    while child.block is not None:
        assert child.outer is not None
        child = child.outer
    return child


def _on_self(call: Call, function: Function) -> bool:
    """Whether a call is one on ``self`` or ``super()``."""
    return function.has_self and any(
        isinstance(callee, Attr)
        and (
            (isinstance(callee.base, Param) and callee.base.index == 0)
            or isinstance(callee.base, SuperOf)
        )
        for callee in call.callee
    )


Path = tuple[str, ...]
"""An access path below an object (:func:`segments`)."""


def rebase(path: Value, bases: Values) -> Values:
    """Return ``path`` with what it starts from replaced by each of ``bases``."""
    if isinstance(path, Param | Global | Handed):
        return bases
    if isinstance(path, Attr):
        return attr(rebase(path.base, bases), path.name) - ANYTHING
    if isinstance(path, Item):
        return item(rebase(path.base, bases), path.key) - ANYTHING
    if isinstance(path, Element):
        return element(rebase(path.base, bases)) - ANYTHING
    return NOTHING


def segments(place: Value) -> tuple[str, ...]:
    """Return the access path of a place as text: ``.name``, ``[key]``, or ``[]`` for any item."""
    parts: list[str] = []
    top = anchor(place)
    while isinstance(place, Attr | Item | Element | Copied) and place is not top:
        if isinstance(place, Copied):
            pass  # what a slice holds is what it is cut from holds
        elif isinstance(place, Attr):
            parts.append(".*" if place.name == "__dict__" else f".{place.name}")
        elif isinstance(place, Item) and place.key is not None:
            parts.append(f"[{place.key!r}]")
        else:
            parts.append("[]")
        place = place.base
    return tuple(reversed(parts))


SIZE = "#"
"""The last part of the path of a read that asks only which items there are, or how many."""


SAME = "="
"""The last part of the path of a change of a container that has as many items afterwards."""


def overlaps(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether a change at one path can be seen at the other: one leads to the other."""
    if one[-1:] == (SIZE,) or other[-1:] == (SAME,):
        one, other = other, one
    if one[-1:] == (SAME,):
        one = one[:-1]
        if other[-1:] == (SIZE,):
            return len(one) < len(other) and overlaps(one, other[:-1])
    if other[-1:] == (SIZE,):
        top = other[:-1]
        return len(one) <= len(top) + 1 and overlaps(one, top)
    return all(
        a == b or (a[0] == b[0] and ("[]" in (a, b) or ".*" in (a, b)))
        for a, b in zip(one, other, strict=False)
    )


def _perhaps_text(things: Things) -> bool:
    """Whether something is a text for one caller, whatever it is for another."""
    return any(isinstance(thing, Plain) and thing.kind in ("str", "bytes") for thing in things)


def repr_place(place: Value) -> tuple[str, tuple[str, ...]]:
    """Return a key by which places sort the same in every run."""
    return (spelled_out(anchor(place)), segments(place))


def spelled_out(state: Value) -> str:
    """Return the name of a piece of state, after the file that it is in."""
    name = state.name if isinstance(state, Param) else state_name(state)
    if isinstance(state, Global):
        return f"{state.module.source.path} {name}"
    if isinstance(state, Attr) and isinstance(state.base, ClassValue):
        return f"{state.base.cls.module.source.path} {name}"
    if isinstance(state, Handed):
        # What has a name of its own comes before what only some display holds.
        start = spelled_out(anchor(state.base)).strip() or "~"
        return f" {name} {' '.join((start, *segments(state.base)))}"
    return f" {name}"


def _line(function: Function) -> tuple[str, int, int, str]:
    """Sort functions by where they are defined."""
    node = function.start
    line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
    return (function.module.source.path, line, column, function.qualname)
