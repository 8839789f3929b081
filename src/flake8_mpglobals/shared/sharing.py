"""Which values are shared objects, who runs the code that uses them, and how many at once."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator

from flake8_mpglobals.crossings import argument_node
from flake8_mpglobals.dispatches import Boundaries, DispatchSite
from flake8_mpglobals.evaluate import Box, Evaluator, Handle, Obj, Plain, Shared
from flake8_mpglobals.facts import SharedUse, SharedUseKind
from flake8_mpglobals.ir import (
    UNKNOWN,
    Attr,
    Call,
    Function,
    Global,
    Value,
    root,
)
from flake8_mpglobals.model import Dispatch, Related, Step
from flake8_mpglobals.program import Program
from flake8_mpglobals.reach import Reach
from flake8_mpglobals.records import frozen
from flake8_mpglobals.shared.code import Code
from flake8_mpglobals.standpoint import at, end, location

_Life = tuple[tuple[int, int], tuple[int, int]]

_ONE_PER_TASK = ("each", "zip", "star_each")
_DEEP = 4


@frozen(eq=False)
class Run:
    """One way in which a function comes to run in a worker: the dispatch and its worker."""

    site: DispatchSite
    entry: Function


class Sharing:
    """Answers for one program what is shared, and which dispatches run its uses."""

    def __init__(
        self, program: Program, boundaries: Boundaries, reach: Reach, evaluator: Evaluator
    ) -> None:
        self.program = program
        self.boundaries = boundaries
        self.reach = reach
        self.evaluator = evaluator
        self._codes: dict[Function, Code] = {}
        self._runs: dict[Function, tuple[Run, ...]] = {}
        self._callers: dict[Function, list[Call]] | None = None

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions looked at, module bodies among them: those of this file first."""
        return self.boundaries.functions

    def code(self, function: Function) -> Code:
        """Return the text of a function beside its events."""
        known = self._codes.get(function)
        if known is None:
            known = self._codes[function] = Code(function)
        return known

    def shared(self, values: Iterable[Value]) -> list[Shared]:
        """Return the shared objects that ``values`` can be, threads' primitives among them."""
        found = [thing for thing in self.evaluator.things(values) if isinstance(thing, Shared)]
        return sorted(found, key=lambda thing: (thing.kind, thing.maker, _made_at(thing)))

    def surely(self, values: Iterable[Value]) -> list[Shared]:
        """Return the shared objects that ``values`` are; nothing where they can be else.

        A hint that promises a plain container, and a None from before, do not count.
        """
        things = self.evaluator.things(values)
        for thing in things:
            if isinstance(thing, Plain) and thing.kind == "NoneType":
                continue
            if isinstance(thing, Box) and thing.display is None and thing.call is None:
                continue
            if not isinstance(thing, Shared) or thing.threads:
                return []
        return self.shared(values)

    def likely(self, value: Value) -> list[Shared]:
        """Return the shared objects that ``value`` is, as far as workers are concerned.

        A global may hold something else until an initializer binds it to the object.
        """
        found = self.surely((value,))
        if found or UNKNOWN in self.evaluator.thing(value) or not isinstance(root(value), Global):
            return found
        return [thing for thing in self.shared((value,)) if not thing.threads]

    # -- who runs it ------------------------------------------------------------

    def runs(self, function: Function) -> tuple[Run, ...]:
        """Return the ways in which ``function`` comes to run in a worker, or sets one up."""
        known = self._runs.get(function)
        if known is not None:
            return known
        found = [
            Run(site, entry)
            for entry in self.reach.entries(function)
            for site in self.reach.sites_of[entry]
        ]
        if function in self.reach.initialized:
            for site in self.boundaries.sites:
                for target in site.initializers:
                    if function in self._reached(target.function):
                        found.append(Run(site, target.function))
        found.sort(key=lambda run: (at(run.site.call.node), at(run.entry.node)))
        self._runs[function] = tuple(found)
        return self._runs[function]

    def _reached(self, start: Function) -> set[Function]:
        found: set[Function] = set()
        stack = [start]
        while stack:
            function = stack.pop()
            if function not in found:
                found.add(function)
                stack.extend(t.function for _, t in self.boundaries.edges_of(function))
        return found

    def in_worker(self, function: Function) -> bool:
        """Whether ``function`` runs in workers or sets them up."""
        return bool(self.runs(function))

    # -- how many at once ---------------------------------------------------------

    def several(self, runs: Iterable[Run], thing: Shared) -> bool:
        """Whether ``runs`` are several workers at once that have the object ``thing``."""
        lives: dict[object, tuple[Function, _Life]] = {}
        for run in runs:
            if self._many(run, thing):
                return True
            site = run.site
            if site.api.waits or self._one_by_one(site):
                continue
            one = _only_one(site)
            lives[site.pool if one else (site, run.entry)] = (site.call.function, self._life(site))
        return any(
            first[0] is not second[0] or _meet(first[1], second[1])
            for first, second in itertools.combinations(lives.values(), 2)
        )

    def _life(self, site: DispatchSite) -> _Life:
        """Return from where to where a worker that is dispatched once runs at most."""
        start = at(site.call.node)
        ends: list[tuple[int, int]] = []
        for call in site.call.function.calls:
            for callee in call.callee:
                if isinstance(callee, Attr) and callee.name in _WAITS:
                    if not self._is_of(callee.base, site):
                        continue
                    if callee.name == "start":
                        start = at(call.node)
                    else:
                        ends.append(at(call.node))
        return start, max(ends, default=(1 << 30, 0))

    def _many(self, run: Run, thing: Shared) -> bool:
        site = run.site
        if _only_one(site) or (site.api.tasks == "call" and site.api.waits):
            return False
        if run.entry in {target.function for target in site.initializers}:
            return True
        if site.api.tasks in _ONE_PER_TASK:
            return True
        return self._repeated(site.call, thing, 0) and not self._one_by_one(site)

    def _repeated(self, call: Call, thing: Shared, depth: int) -> bool:
        """Whether ``call`` runs more than once for one object ``thing``."""
        function = call.function
        code = self.code(function)
        loops = code.loops(call)
        made = self._made_in(function, thing)
        if made is not None:
            inside = code.loops(made)
            return any(loop not in inside for loop in loops)
        if loops:
            return True
        callers = [other for other in self._calls_of(function) if other.function is not function]
        if len(callers) > 1:
            return True
        return depth < _DEEP and any(self._repeated(c, thing, depth + 1) for c in callers)

    def _made_in(self, function: Function, thing: Shared) -> Call | None:
        """Return the call in ``function`` that makes ``thing``, itself or by what it enters."""
        if thing.call is None:
            return None
        if thing.call.function is function:
            return thing.call
        if function.is_module and thing.call.function.is_module:
            return thing.call
        for call, target in self.boundaries.edges_of(function):
            if thing.call.function in self._reached(target.function):
                return call
        return None

    def _calls_of(self, function: Function) -> list[Call]:
        if self._callers is None:
            self._callers = {}
            for caller in self.functions:
                for call, target in self.boundaries.edges_of(caller):
                    self._callers.setdefault(target.function, []).append(call)
        return self._callers.get(function, [])

    def _one_by_one(self, site: DispatchSite) -> bool:
        """Whether each worker is waited for before the next one is dispatched."""
        code = self.code(site.call.function)
        rounds = {code.loops(site.call)[-1:]}
        waits = []
        for call in site.call.function.calls:
            for callee in call.callee:
                if not isinstance(callee, Attr) or callee.name not in _WAITS:
                    continue
                if callee.name in ("result", "get") and _called_on(call, site.call):
                    return True
                if self._is_of(callee.base, site):
                    if callee.name == "start":
                        rounds.add(code.loops(call)[-1:])
                    else:
                        waits.append(code.loops(call)[-1:])
        return any(loop and loop in rounds for loop in waits)

    def _is_of(self, value: Value, site: DispatchSite) -> bool:
        """Whether ``value`` is the process (or the future) that a dispatch gives back."""
        classes = {target.cls for target in site.workers if target.cls is not None}
        return any(
            (isinstance(thing, Handle) and thing.call is site.call)
            or (isinstance(thing, Obj) and thing.cls in classes)
            for thing in self.evaluator.thing(value)
        )

    # -- what rules are told ------------------------------------------------------

    def use(
        self,
        kind: SharedUseKind,
        function: Function,
        node: ast.AST,
        place: str,
        *,
        verb: str,
        thing: Shared,
        runs: tuple[Run, ...] = (),
    ) -> Iterator[SharedUse]:
        """Yield the fact that code does something with ``thing`` that goes wrong.

        It is reported where it is done, or else, if that is in another file, at the
        callable in a dispatch of this one.
        """
        main = self.program.main
        spot, origin = node, None
        if function.module is not main:
            runs = tuple(sorted(runs, key=lambda run: run.site.call.function.module is not main))
            if not runs or runs[0].site.call.function.module is not main:
                return
            site = runs[0].site
            given = argument_node(site.call, site.api.callable)
            spot = given if given is not None else site.call.node
            origin = location(function.module, node)
        end_line, end_column = end(main, spot)
        dispatches: list[Dispatch] = []
        for run in runs:
            where = location(run.site.call.function.module, run.site.call.node)
            dispatch = Dispatch(where, run.site.label, run.site.api.kind)
            if dispatch not in dispatches:
                dispatches.append(dispatch)
        made: tuple[Related, ...] = ()
        if thing.call is not None:
            made = (
                Related(
                    location(thing.call.function.module, thing.call.node),
                    f"{thing.maker} is made here",
                ),
            )
        yield SharedUse(
            kind,
            place,
            verb,
            thing.maker,
            node,
            location(main, spot),
            end_line,
            end_column,
            runs[0].entry.qualname if runs else "",
            tuple(dispatches),
            self._chain(function, runs[0]) if runs else (),
            made,
            origin,
        )

    def _chain(self, function: Function, run: Run) -> tuple[Step, ...]:
        region = self.reach.regions.get(run.entry)
        if region is None or function not in region.entered:
            return (Step(location(run.entry.module, run.entry.node), run.entry.qualname),)
        return tuple(
            Step(
                location(step.module, step.node)
                if call is None
                else location(call.function.module, call.node),
                step.qualname,
            )
            for step, call in region.chain(function)
        )


def _only_one(site: DispatchSite) -> bool:
    """Whether the pool of a dispatch has one worker, which runs one task after the other."""
    if site.pool is None or not isinstance(site.pool.node, ast.Call):
        return False
    node = site.pool.node
    sizes = [*node.args[:1], *(k.value for k in node.keywords if k.arg in _SIZES)]
    return any(isinstance(size, ast.Constant) and size.value == 1 for size in sizes)


def _meet(one: _Life, other: _Life) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _called_on(call: Call, dispatch: Call) -> bool:
    """Whether ``call`` is a method of what ``dispatch`` gives back, called there and then."""
    return (
        isinstance(call.node, ast.Call)
        and isinstance(call.node.func, ast.Attribute)
        and call.node.func.value is dispatch.node
    )


_WAITS = ("start", "join", "result", "get")

_SIZES = ("processes", "max_workers", "n_jobs")


def same(one: Shared, other: Shared) -> bool:
    """Whether two shared objects can be one; what is not known can be any of its kind."""
    if one.call is None or other.call is None:
        return one.kind == other.kind
    return one.call is other.call


def _made_at(thing: Shared) -> tuple[int, int]:
    return at(thing.call.node) if thing.call is not None else (0, 0)
