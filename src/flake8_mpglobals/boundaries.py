"""Where callables cross into another process: dispatch sites, and plain call edges.

For every call of a module this stage says which project functions it enters in
the same process, and whether it is a dispatch: which functions it runs
elsewhere, with which arguments, and what made the pool it goes through.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from flake8_mpglobals.accessors import Accessors
from flake8_mpglobals.catalogue import SHARES, Catalogue
from flake8_mpglobals.crossings import Crossings
from flake8_mpglobals.dispatches import Boundaries, Crossing, DispatchSite, process_class
from flake8_mpglobals.evaluate import (
    GROWN,
    Bindings,
    Env,
    Evaluator,
    Handle,
    Obj,
    Target,
    Thing,
)
from flake8_mpglobals.extent import Extent, hands_pool
from flake8_mpglobals.ir import (
    Attr,
    Call,
    Cell,
    Class,
    Function,
    Module,
    Param,
    Phi,
    Result,
    SuperOf,
    Values,
    root,
)
from flake8_mpglobals.names import statements_of
from flake8_mpglobals.program import Program
from flake8_mpglobals.records import field, mutable

ROUNDS = 4
"""How often parameters are fed back before functions passed as arguments count as unknown."""

MOST_ROUNDS = 10
"""The same, where modules that turn out to matter are opened on the way."""


CALLERS = 16
"""How many callers of one function are told apart."""

_Passed = dict[Function, list[Bindings]]

_ALWAYS = -1
"""All bits: what hangs on which callers are told apart is found anew in each round."""


@mutable
class _Part:
    """What the calls of one function are: its share of the boundaries, the calls that hand a
    pool on with what they enter, and the bits of what all that hangs on.
    """

    found: Boundaries
    targets: list[Target] = field(default_factory=list)
    sent: list[Target] = field(default_factory=list)
    pools: list[tuple[Call, tuple[Target, ...]]] = field(default_factory=list)
    hangs_on: int = 0


class Resolved:
    """What the calls of a program were found to be, function by function.

    Kept from round to round: found anew is what hangs on something that became known.
    """

    def __init__(self, program: Program, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self._crossings = Crossings(evaluator)
        self._accessors = Accessors(program, evaluator)
        self._parts: dict[Function, _Part] = {}

    def refresh(self) -> None:
        """Forget what hangs on what has become known since the last time."""
        changed = self.evaluator.refresh()
        for function in [f for f, part in self._parts.items() if part.hangs_on & changed]:
            del self._parts[function]
        self._crossings.refresh(changed)

    def part(self, function: Function, extent: Extent, passed: _Passed) -> tuple[_Part, bool]:
        """Return what the calls of a function are, and whether that is found just now."""
        part = self._parts.get(function)
        if part is not None and part.hangs_on != _ALWAYS:
            for call, edges in part.pools:
                extent.hand_pool(call, edges)
            return part, False
        evaluator = self.evaluator
        before, evaluator.hangs_on = evaluator.hangs_on, GROWN
        part = self._parts[function] = _Part(Boundaries())
        found = part.found
        for call in function.calls:
            edges, sites = resolve(call, evaluator, self._crossings, found, passed)
            if extent.may_hand_pool(call, edges) and hands_pool(call, evaluator):
                part.pools.append((call, edges))
                extent.hand_pool(call, edges)
            if edges:
                found.edges[call] = edges
                part.targets.extend(edges)
            if sites:
                extent.dispatch(call)
                found.sites.extend(sites)
            for site in sites:
                part.sent.extend((*site.workers, *site.initializers))
            if _tells_callers_apart(call):
                evaluator.hangs_on = _ALWAYS
        for access in self._accessors.of(function):
            found.accessed(access)
            part.targets.extend(access.targets)
        part.hangs_on = evaluator.hangs_on
        evaluator.hangs_on |= before
        return part, True


def can_dispatch(tree: ast.Module, text: str, catalogue: Catalogue) -> bool:
    """Whether a module imports a package with process APIs, or its text holds a method
    that only such an API has; everything else needs no further look.
    """
    for node in statements_of(tree):
        if isinstance(node, ast.Import):
            if any(alias.name.partition(".")[0] in catalogue.roots for alias in node.names):
                return True
        elif (
            isinstance(node, ast.ImportFrom)
            and not node.level
            and (node.module or "").partition(".")[0] in catalogue.roots
        ):
            return True
    return catalogue.names_anywhere(text)


def find_boundaries(
    program: Program, resolved: Resolved, readers: frozenset[Module] = frozenset()
) -> Boundaries:
    """Resolve the calls of a program, feeding arguments to parameters until nothing is new.

    Looked at are all functions of the file under check, and of other modules what
    workers enter, what leads to a process API, and what the parent enters in ``readers``.
    ``resolved`` is what was found of this program before.
    """
    evaluator = resolved.evaluator
    extent = Extent(program, evaluator, readers)
    found = Boundaries()
    passed: _Passed = {}
    rounds = ROUNDS
    for _ in range(MOST_ROUNDS):
        rounds -= 1
        found = Boundaries()
        seen: _Passed = {}
        opened = program.opened
        new = False
        evaluator.learn(evaluator.registered(program.modules))
        resolved.refresh()
        for function in extent.round():
            part, is_new = resolved.part(function, extent, passed)
            found.take_in(part.found)
            for call in function.calls:
                for target in part.found.edges.get(call, ()):
                    bindings = seen.setdefault(target.function, [])
                    if len(bindings) < CALLERS:
                        bindings.append(target.bindings)
            if is_new:
                found.fed = found.fed or part.found.fed
                new = evaluator.learn((*part.targets, *part.sent)) or new
            extent.enters(function, part.targets, part.sent)
        extent.end_round()
        new = new or found.fed
        if extent.opened or program.opened != opened:
            rounds = max(rounds, 2)
        elif not rounds or not new or not (found.sites or _unsettled(extent.functions, evaluator)):
            break
        passed = seen
    found.functions = extent.functions
    found.sites = [site for site in found.sites if not _only_run(site, found, evaluator)]
    found.elsewhere.extend(evaluator.made_over(program.modules))
    for module in program.modules:
        for cls in module.classes:
            row, method = process_class(cls, evaluator)
            if row is not None and method is not None and row.kind not in SHARES:
                found.elsewhere.append(method)
    return found


def _only_run(site: DispatchSite, found: Boundaries, evaluator: Evaluator) -> bool:
    """Whether a process is made whose ``run()`` is called here and now, and that is never
    started: what it runs, it runs in the process that made it.
    """
    if not site.api.method:
        return False
    classes = {target.cls for target in site.workers}
    run = False
    for function in found.functions:
        for call in function.calls:
            for callee in call.callee:
                if not isinstance(callee, Attr) or callee.name not in ("start", site.api.method):
                    continue
                if isinstance(callee.base, SuperOf):
                    continue
                for thing in evaluator.thing(callee.base):
                    if callee.name == "start":
                        if not isinstance(thing, Handle | Obj) or _is_made(thing, site, classes):
                            return False
                    elif _is_made(thing, site, classes):
                        run = True
    return run


def _is_made(thing: Thing, site: DispatchSite, classes: set[Class | None]) -> bool:
    """Whether ``thing`` is the process that a dispatch makes."""
    if isinstance(thing, Obj):
        return thing.cls in classes
    return isinstance(thing, Handle) and thing.call is site.call


def _unsettled(functions: Iterable[Function], evaluator: Evaluator) -> bool:
    """Whether knowing what callers pass could still turn a call into a dispatch."""
    return any(
        _may_dispatch_yet(call, evaluator) for function in functions for call in function.calls
    )


def _may_dispatch_yet(call: Call, evaluator: Evaluator) -> bool:
    """Whether knowing what callers pass could still turn ``call`` into a dispatch."""
    for callee in call.callee:
        if isinstance(callee, Attr):
            if evaluator.catalogue.is_method(callee.name):
                return True
        elif isinstance(root(callee), Param | Cell | Phi) or isinstance(callee, Result):
            return True
    return False


def resolve(
    call: Call,
    evaluator: Evaluator,
    crossings: Crossings,
    found: Boundaries,
    passed: _Passed,
) -> tuple[tuple[Target, ...], list[DispatchSite]]:
    """Return the edges and the dispatch sites of one call."""
    crossing = Crossing(call, evaluator, crossings, found, list(evaluator.targets(call)))
    for env in _contexts(call, evaluator, passed):
        crossing.resolve(env)
    crossing.settle()
    return tuple(crossing.edges), list(crossing.sites.values())


def _contexts(call: Call, evaluator: Evaluator, passed: _Passed) -> list[Env | None]:
    """Return the callers to be told apart: those that pass both the pool and the callable."""
    function = call.function
    callers = passed.get(function, ())
    if len(callers) > 1 and _tells_callers_apart(call):
        return [evaluator.inside(function, bindings, None) for bindings in callers]
    return [None]


def _tells_callers_apart(call: Call) -> bool:
    """Whether the callers of a function pass both what a call in it calls and an argument."""
    function = call.function
    if not _is_passed(call.callee, function):
        return False
    return any(_is_passed(values, function) for values in (*call.args, *call.keywords.values()))


def _is_passed(values: Values, function: Function, depth: int = 0) -> bool:
    """Whether any of ``values`` comes from a caller of ``function``, or by calling such a one."""
    for value in values:
        start = root(value)
        if isinstance(start, Param) and start.function is function:
            return True
        if (
            isinstance(start, Result)
            and depth < 3
            and _is_passed(start.call.callee, function, depth + 1)
        ):
            return True
    return False
