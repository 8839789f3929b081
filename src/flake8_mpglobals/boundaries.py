"""Where callables cross into another process: dispatch sites, and plain call edges.

For every call of a module this stage says which project functions it enters in
the same process, and whether it is a dispatch: which functions it runs
elsewhere, with which arguments, and what made the pool it goes through.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from flake8_mpglobals.catalogue import SHARES, Api, Catalogue
from flake8_mpglobals.evaluate import (
    Evaluator,
    External,
    Handle,
    Plain,
    Target,
    Thing,
    Type,
    argument,
)
from flake8_mpglobals.ir import (
    NOTHING,
    Attr,
    Call,
    Class,
    Function,
    Module,
    Unknown,
    Values,
    element,
    item,
)

ROUNDS = 4
"""How often parameters are fed back before functions passed as arguments count as unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class DispatchSite:
    """A call that runs callables in another process.

    ``workers`` and ``initializers`` are what it runs there, with the arguments
    that travel; ``pool`` is the call that made the pool; ``resolved`` says whether
    every callable is known (a library's function is).
    """

    call: Call
    api: Api
    workers: tuple[Target, ...]
    initializers: tuple[Target, ...]
    pool: Call | None = None
    resolved: bool = True
    label: str = ""


@dataclass(slots=True)
class Boundaries:
    """The calls of a module: edges inside a process, and sites between processes.

    ``made`` says in which functions each class is instantiated; ``elsewhere`` are
    the methods that a process class runs in its own process, started here or not;
    ``loose`` are the functions that run some time after the call that names them
    (threads and callbacks).
    """

    edges: dict[Call, tuple[Target, ...]] = field(default_factory=dict)
    sites: list[DispatchSite] = field(default_factory=list)
    by_call: dict[Call, list[DispatchSite]] = field(default_factory=dict)
    made: dict[Class, list[Function]] = field(default_factory=dict)
    elsewhere: list[Function] = field(default_factory=list)
    loose: set[Function] = field(default_factory=set)

    def edges_of(self, function: Function) -> Iterable[tuple[Call, Target]]:
        """Yield the calls of ``function`` with the functions that each one enters."""
        for call in function.calls:
            for target in self.edges.get(call, ()):
                yield call, target


def can_dispatch(tree: ast.Module, catalogue: Catalogue) -> bool:
    """Whether a module imports a package with process APIs, or uses a method that only
    such an API has; everything else needs no further look.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            if any(alias.name.partition(".")[0] in catalogue.roots for alias in node.names):
                return True
        elif isinstance(node, ast.ImportFrom):
            if not node.level and (node.module or "").partition(".")[0] in catalogue.roots:
                return True
        elif isinstance(node, ast.Attribute) and catalogue.anywhere(node.attr):
            return True
    return False


def find_boundaries(module: Module, evaluator: Evaluator) -> Boundaries:
    """Resolve every call of ``module``, feeding arguments to parameters until nothing is new."""
    calls = [call for function in (module.body, *module.functions) for call in function.calls]
    found = Boundaries()
    for _ in range(ROUNDS):
        found = Boundaries()
        new = False
        for call in calls:
            edges, sites = _resolve(call, evaluator, found)
            if edges:
                found.edges[call] = edges
                new = evaluator.learn(edges) or new
            if sites:
                found.sites.extend(sites)
                found.by_call[call] = sites
                for site in sites:
                    new = evaluator.learn((*site.workers, *site.initializers)) or new
        if not new:
            break
        evaluator.forget()
    for cls in module.classes:
        row, method = _process_class(cls, evaluator)
        if row is not None and method is not None and row.kind not in SHARES:
            found.elsewhere.append(method)
    return found


def _resolve(
    call: Call, evaluator: Evaluator, found: Boundaries
) -> tuple[tuple[Target, ...], list[DispatchSite]]:
    """Return the edges and the dispatch sites of one call."""
    edges: list[Target] = list(evaluator.targets(call))
    sites: list[DispatchSite] = []
    seen: set[str] = set()
    catalogue = evaluator.catalogue
    for thing in _things_called(call, evaluator):
        if isinstance(thing, External):
            row = catalogue.api(thing.name)
            if row is None or row.name in seen:
                continue
            seen.add(row.name)
            start = len(edges)
            _through_row(call, row, thing, evaluator, edges, sites)
            found.loose.update(target.function for target in edges[start:])
        elif isinstance(thing, Type):
            found.made.setdefault(thing.cls, []).append(call.function)
            site = _subclass(call, thing.cls, evaluator)
            if site is not None:
                if site.api.kind in SHARES:
                    edges.extend(site.workers)
                    found.loose.update(target.function for target in site.workers)
                else:
                    sites.append(site)
    return tuple(edges), sites


def _things_called(call: Call, evaluator: Evaluator) -> Iterable[Thing]:
    """Yield what ``call`` calls; a method name that only one API has is enough."""
    for thing in evaluator.things(call.callee):
        if isinstance(thing, Unknown):
            for callee in call.callee:
                if isinstance(callee, Attr):
                    for row in evaluator.catalogue.anywhere(callee.name):
                        yield External(row.name)
        else:
            yield thing


def _through_row(
    call: Call,
    row: Api,
    thing: External,
    evaluator: Evaluator,
    edges: list[Target],
    sites: list[DispatchSite],
) -> None:
    """Add what one catalogue row makes of ``call``."""
    for keyword in row.callbacks:
        if keyword in call.keywords:
            edges.extend(evaluator.called_with(call.keywords[keyword], (), call))
    kind = _kind(call, row, evaluator)
    if kind is None:
        return
    row = row if kind == row.kind else replace(row, kind=kind)
    workers, resolved = _workers(call, row, evaluator)
    initializers = _initializers(call, row, evaluator)
    if kind in SHARES:
        edges.extend(workers)
        edges.extend(initializers)
        return
    if row.callable is None and not initializers:
        return
    if row.callable is not None and argument(call, row.callable) is None:
        return
    pool = next(
        (
            made.call
            for made in evaluator.things(thing.receiver)
            if isinstance(made, Handle) and made.call is not None
        ),
        None,
    )
    sites.append(DispatchSite(call, row, workers, initializers, pool, resolved, row.label))


def _kind(call: Call, row: Api, evaluator: Evaluator) -> str | None:
    """Return where the callable runs; None where the executor that decides it is unknown."""
    if row.where is None:
        return row.kind
    given = argument(call, row.where)
    if given is None:
        return "thread"
    kinds: set[str] = set()
    for thing in evaluator.things(given):
        if isinstance(thing, Handle):
            made = evaluator.catalogue.api(thing.name)
            if made is not None:
                kinds.add(made.kind)
        elif isinstance(thing, Plain) and thing.kind == "NoneType":
            # An attribute that starts as None; the executor it gets later decides.
            kinds.add("thread")
    copied = kinds - {"thread"}
    if copied:
        return min(copied)
    return "thread" if kinds else None


def _workers(call: Call, row: Api, evaluator: Evaluator) -> tuple[tuple[Target, ...], bool]:
    """Return the functions that ``call`` runs elsewhere, and whether all of them are known."""
    given = argument(call, row.callable)
    if given is None:
        return (), True
    args, keywords = _travelling(call, row)
    found: list[Target] = []
    resolved = True
    for thing in _sorted(evaluator, given):
        if isinstance(thing, Unknown):
            resolved = False
        elif isinstance(thing, External | Plain | Handle):
            continue
        else:
            made = Call(
                call.node, call.function, given, args, keywords, -1, NOTHING, call.guards
            )
            found.extend(evaluator.entered_by(thing, made))
    return tuple(found), resolved or bool(found)


def _travelling(call: Call, row: Api) -> tuple[tuple[Values, ...], dict[str, Values]]:
    """Return the arguments that reach the worker, as a call of it would pass them."""
    if row.tasks == "starcall":
        assert row.callable is not None
        first = row.callable.position + 1
        return call.args[first:], {
            name: values
            for name, values in call.keywords.items()
            if name != row.callable.keyword
        }
    if row.tasks == "zip":
        assert row.callable is not None
        return tuple(element(arg) for arg in call.args[row.callable.position + 1 :]), {}
    given = argument(call, row.args)
    if given is None:
        return (), {}
    if row.tasks == "each":
        return (element(given),), {}
    if row.tasks == "star_each":
        task = element(given)
        return tuple(item(task, index) for index in range(6)), {}
    return tuple(item(given, index) for index in range(8)), {}


def _initializers(call: Call, row: Api, evaluator: Evaluator) -> tuple[Target, ...]:
    """Return the functions that set up each worker."""
    given = argument(call, row.initializer)
    if given is None:
        return ()
    passed = argument(call, row.initargs)
    args = tuple(item(passed, index) for index in range(8)) if passed else ()
    return tuple(evaluator.called_with(given, args, call))


def _subclass(call: Call, cls: Class, evaluator: Evaluator) -> DispatchSite | None:
    """Return the site of making an instance of a class that derives from a process class."""
    row, method = _process_class(cls, evaluator)
    if row is None:
        return None
    workers = (Target(method, {}, cls),) if method is not None else ()
    return DispatchSite(call, row, workers, (), None, True, row.label)


def _process_class(cls: Class, evaluator: Evaluator) -> tuple[Api | None, Function | None]:
    """Return the row of the process class that ``cls`` derives from, and what it runs there."""
    _, bases, _ = evaluator.lineage(cls)
    for base in sorted(bases):
        row = evaluator.catalogue.api(base)
        if row is not None and row.method:
            return row, evaluator.method(cls, row.method)
    return None, None


def _sorted(evaluator: Evaluator, values: Values) -> list[Thing]:
    """Return what ``values`` can be, in a stable order."""
    return evaluator.ordered(evaluator.things(values))

