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
    Bindings,
    Env,
    Evaluator,
    Handle,
    Obj,
    Target,
    Thing,
)
from flake8_mpglobals.extent import Extent
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

ROUNDS = 4
"""How often parameters are fed back before functions passed as arguments count as unknown."""

MOST_ROUNDS = 10
"""The same, where modules that turn out to matter are opened on the way."""


CALLERS = 16
"""How many callers of one function are told apart."""

_Passed = dict[Function, list[Bindings]]


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
    program: Program, evaluator: Evaluator, readers: frozenset[Module] = frozenset()
) -> Boundaries:
    """Resolve the calls of a program, feeding arguments to parameters until nothing is new.

    Looked at are all functions of the file under check, and of other modules what
    workers enter, what leads to a process API, and what the parent enters in ``readers``.
    """
    extent = Extent(program, evaluator, readers)
    accessors = Accessors(program, evaluator)
    found = Boundaries()
    passed: _Passed = {}
    rounds = ROUNDS
    for _ in range(MOST_ROUNDS):
        rounds -= 1
        found = Boundaries()
        crossings = Crossings(evaluator)
        seen: _Passed = {}
        opened = program.opened
        new = False
        if evaluator.learn(evaluator.registered(program.modules)):
            evaluator.forget()
        for function in extent.round():
            targets: list[Target] = []
            sent: list[Target] = []
            for call in function.calls:
                edges, sites = resolve(call, evaluator, crossings, found, passed)
                extent.hands_pool(call, edges)
                for target in edges:
                    bindings = seen.setdefault(target.function, [])
                    if len(bindings) < CALLERS:
                        bindings.append(target.bindings)
                if edges:
                    found.edges[call] = edges
                    targets.extend(edges)
                    new = evaluator.learn(edges) or new
                if sites:
                    extent.dispatch(call)
                    found.sites.extend(sites)
                for site in sites:
                    sent.extend((*site.workers, *site.initializers))
                    new = evaluator.learn((*site.workers, *site.initializers)) or new
            for access in accessors.of(function):
                found.accessed(access)
                targets.extend(access.targets)
                new = evaluator.learn(access.targets) or new
            extent.enters(function, targets, sent)
        extent.end_round()
        new = new or found.fed
        if extent.opened or program.opened != opened:
            rounds = max(rounds, 2)
        elif not rounds or not new or not (found.sites or _unsettled(extent.functions, evaluator)):
            break
        passed = seen
        evaluator.forget()
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
    if len(callers) > 1 and _is_passed(call.callee, function):
        given = (*call.args, *call.keywords.values())
        if any(_is_passed(values, function) for values in given):
            return [evaluator.inside(function, bindings, None) for bindings in callers]
    return [None]


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
