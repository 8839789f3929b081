"""The dispatches that run a place's workers: what is common to every way of sharing it.

Which calls they are, whether their workers are plain functions, whether the parent
leaves the place alone meanwhile; and the edits at each pool and process.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flake8_mpglobals.facts import Facts, LostWrite, Site
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.setters import Arguments
from flake8_mpglobals.fixes.shapes.coroutines import check_alone
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.lifetimes import Region, region
from flake8_mpglobals.fixes.shapes.lists import single, uses
from flake8_mpglobals.fixes.shapes.pools import PoolShare
from flake8_mpglobals.fixes.shapes.processes import ProcessShare, spans
from flake8_mpglobals.fixes.shapes.pure import is_builtin
from flake8_mpglobals.fixes.shapes.subclasses import process_class
from flake8_mpglobals.fixes.shapes.workers import check_decorators, decorators, method
from flake8_mpglobals.fixes.touches import Touches, reached

_DYNAMIC = frozenset({"exec", "eval", "globals", "vars", "__import__"})
_REPEATING = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_GENERATING = (ast.Yield, ast.YieldFrom, ast.Await)


@dataclass(frozen=True)
class Cast:
    """Who has to do with a place that workers get by a name of its own.

    ``sites`` are the dispatches of the pools and processes that ``calls`` make,
    ``workers`` the functions that they run, ``users`` those of the functions
    reached from there that use the place; ``exempt`` as in :class:`Job`.
    """

    module: Module
    touches: Touches
    sites: list[Site]
    calls: list[ast.Call]
    exempt: list[ast.AST]
    workers: list[Function]
    users: list[Function]
    only: list[Function]


def cast(
    facts: Facts,
    writes: Sequence[LostWrite],
    harmless: Callable[[Module, ast.Name], bool] | None = None,
) -> Cast:
    """Return who has to do with the place of ``writes``.

    ``harmless`` tells which uses of it do not see what workers change.  Raises
    :class:`CannotFix` where that is not known, or where a user of the place may also
    run in the parent or in other workers.
    """
    place = writes[0].place
    module = Module(facts.source, facts.tree)
    written = found(facts, module, writes)
    calls = makers(written)
    for call in calls:
        check_context(call)
    sites = beside(facts, written, calls)
    spared = exempt(facts, module, sites, calls)
    spared += measured(module, place, sites)
    if harmless is not None:
        spared += [name for name in module.mentions(place) if harmless(module, name)]
    touches = Touches(module, place, spared)
    workers = [worker(module, site) for site in sites]
    check_decorators(module, touches, workers)
    only = only_in_workers(module, workers, spared)
    check_followed(touches, only, spared)
    users = [one for one in reached(module, workers) if touches.mentioned_in(one)]
    for function in users:
        if not module.is_plain(function):
            raise CannotFix(
                f"{function.name!r} (line {function.lineno}) is worker code that uses "
                f"{place!r} and is no plain function or method of this module"
            )
        if not any(function is one for one in only):
            raise CannotFix(
                f"{function.name!r} (line {function.lineno}) uses {place!r} in workers "
                "and may be called in the parent, too: give the workers a function of their own"
            )
        if touches.lazy() is function:
            raise CannotFix(f"{function.name!r} (line {function.lineno}) is a generator")
    check_elsewhere(facts, module, sites, users, place)
    return Cast(module, touches, sites, calls, spared, workers, users, only)


def check_context(pool: ast.Call) -> None:
    """Raise :class:`CannotFix` for an executor that may not use the default start method."""
    given = {one.arg for one in pool.keywords}
    if "max_tasks_per_child" in given and "mp_context" not in given:
        raise CannotFix(
            f"line {pool.lineno} passes max_tasks_per_child, which changes the start method "
            "silently: pass mp_context, too"
        )


def found(facts: Facts, module: Module, writes: Sequence[LostWrite]) -> list[Site]:
    """Return the dispatches that run the writes.

    Raises :class:`CannotFix` where the file does what nobody can follow, or where
    one of them runs in a worker itself.
    """
    _check_static(module)
    sites = _sites(writes)
    for site in sites:
        if site.function in facts.in_workers:
            raise CannotFix(
                f"the dispatch in line {site.dispatch.location.line} runs in a worker itself: "
                "return the values"
            )
    return sites


def beside(facts: Facts, sites: Sequence[Site], calls: Sequence[ast.Call]) -> list[Site]:
    """Return ``sites`` with all others of the pools and processes that ``calls`` make."""
    more = [
        one
        for one in facts.sites
        if not one.initializer
        and any(call is one.call or call is one.pool for call in calls)
        and not any(one.call is site.call for site in sites)
    ]
    return sorted([*sites, *more], key=lambda site: site.dispatch.location)


def check_elsewhere(
    facts: Facts,
    module: Module,
    sites: Sequence[Site],
    users: Sequence[Function],
    place: str,
) -> None:
    """Raise :class:`CannotFix` where another dispatch runs one of ``users``."""
    for other in facts.sites:
        if any(other.call is site.call for site in sites):
            continue
        run = [one for one in other.workers if isinstance(one, Function)]
        if any(one is user for one in reached(module, run) for user in users):
            raise CannotFix(
                f"{other.dispatch.api} (line {other.dispatch.location.line}) runs what uses "
                f"{place!r} as well, in a way that the fix does not share"
            )


def _check_static(module: Module) -> None:
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in _DYNAMIC:
                raise CannotFix(f"line {node.lineno} calls {name}(), which can reach any name")
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                raise CannotFix(f"line {node.lineno} imports *, which can bind any name")


def _sites(writes: Sequence[LostWrite]) -> list[Site]:
    """Return the dispatches of all writes, each once, in order of position."""
    found: dict[ast.Call, Site] = {}
    for write in writes:
        for site in write.sites:
            found.setdefault(site.call, site)
    return sorted(found.values(), key=lambda site: site.dispatch.location)


def exempt(
    facts: Facts, module: Module, sites: Sequence[Site], calls: Sequence[ast.Call]
) -> list[ast.AST]:
    """Return the callables of the dispatches and pools: naming them there touches nothing."""
    spared: list[ast.AST] = [
        one for site in (*facts.sites, *sites) if (one := _callable(module, site)) is not None
    ]
    spared += [name for one in spared if (name := _called(module, one)) is not None]
    spared += [one.value for one in spared if isinstance(one, ast.Attribute)]
    return spared + [one for call in calls for one in _initializers(call)]


def measured(module: Module, place: str, sites: Sequence[Site]) -> Iterator[ast.AST]:
    """Yield the uses of the place in ``len(place)`` among the arguments of the only dispatch.

    ``pool.map(work, range(len(rows)))`` measures the parent's own list before any
    worker runs; it is the usual way to let workers fill a list by index.
    """
    if len(sites) != 1:
        return
    call = sites[0].call
    if any(isinstance(one, _REPEATING) for one in module.ancestors(call)):
        return
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        if isinstance(argument, (ast.GeneratorExp, ast.Lambda)):
            continue
        for node in ast.walk(argument):
            match node:
                case ast.Call(func=ast.Name(id="len") as name, args=[ast.Name(id=measured) as use]):
                    if measured == place and is_builtin(module, name):
                        yield use


def callables(module: Module, sites: Sequence[Site]) -> list[ast.expr]:
    """Return the expressions by which the dispatches name what they run."""
    return [one for site in sites if (one := _callable(module, site)) is not None]


def _callable(module: Module, site: Site) -> ast.expr | None:
    if is_process(site) and _subclassed(module, site.call):
        return site.call.func
    slot = site.api.callable
    if slot is None:
        return None
    try:
        return Arguments(module, site.call).get(slot.position, slot.keyword)
    except CannotFix:
        return None


def _called(module: Module, given: ast.AST) -> ast.Name | None:
    """Return the name of the function that a callable calls: its own, or that in a partial."""
    if isinstance(given, ast.Name) and given.id not in module.functions:
        bound = [one for one in uses(module, given) if not isinstance(one.ctx, ast.Load)]
        if len(bound) != 1 or single(module.parents[bound[0]]) is not bound[0]:
            return None
        given = getattr(module.parents[bound[0]], "value", given)
    match given:
        case ast.Call(func=func, args=[ast.Name() as first, *_]):
            return first if ast.unparse(func) in ("partial", "functools.partial") else None
    return given if isinstance(given, ast.Name) else None


def _subclassed(module: Module, call: ast.Call) -> bool:
    """Whether a process is made by a class of this file."""
    return isinstance(call.func, ast.Name) and any(
        isinstance(one, ast.ClassDef) for one in module.bindings(call.func.id)
    )


def _initializers(call: ast.Call) -> Iterator[ast.AST]:
    """Yield what may be the initializer of a pool: it is judged where it is composed."""
    yield from (one for one in call.args[1:] if isinstance(one, ast.Name))
    yield from (one.value for one in call.keywords if one.arg == "initializer")


def worker(module: Module, site: Site) -> Function:
    """Return the function that a dispatch runs, if the shape can rebind a global for it."""
    line, api = site.dispatch.location.line, site.dispatch.api
    if site.initializer:
        raise CannotFix(f"the initializer in line {line} writes it: let only the workers write")
    if not (of_pool(site) or of_executor(site) or is_process(site)):
        raise CannotFix(f"{api} (line {line}) has no manager rewrite yet: return the values")
    own = process_class(module, site.call) if is_process(site) else None
    if own is not None:
        return own.run
    given = _callable(module, site)
    if isinstance(given, ast.Attribute):
        return method(module, site, given)
    if given is not None and not is_process(site):
        given = _called(module, given)
    function = module.functions.get(given.id) if isinstance(given, ast.Name) else None
    if not isinstance(given, ast.Name) or function is None or not module.is_global(given):
        raise CannotFix(f"the worker of {api} (line {line}) is not a plain function of this module")
    wrappers = decorators(module, function)
    if site.workers and not any(
        one is function or any(module.inside(one, wrapper) for wrapper in wrappers)
        for one in site.workers
    ):
        raise CannotFix(f"the worker of {api} (line {line}) is not the function of that name")
    if isinstance(function, ast.AsyncFunctionDef) or any(
        isinstance(node, _GENERATING) for node in ast.walk(function)
    ):
        raise CannotFix(f"the worker {function.name!r} is a generator or coroutine")
    return function


def of_pool(site: Site) -> bool:
    """Whether a dispatch goes through a pool of multiprocessing."""
    return site.api.name.startswith("multiprocessing.pool.Pool.")


def of_executor(site: Site) -> bool:
    """Whether a dispatch goes through an executor of concurrent.futures."""
    if site.api.name.endswith(".run_in_executor") and site.pool is not None:
        return ast.unparse(site.pool.func).endswith("ProcessPoolExecutor")
    return site.api.name.startswith("concurrent.futures.ProcessPoolExecutor.")


def is_process(site: Site) -> bool:
    """Whether a dispatch makes a process of its own."""
    names = ("multiprocessing.Process", "multiprocessing.context.BaseContext.Process")
    return site.api.name in names


def only_in_workers(
    module: Module, workers: Sequence[Function], exempt: Sequence[ast.AST]
) -> list[Function]:
    """Return the functions that run in workers and that nothing else can call."""
    inner = reached(module, workers)
    names = {one.name: one for one in inner}
    spared = {id(one) for one in exempt}
    also: list[Function] = []
    for node in ast.walk(module.tree):
        name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", None)
        if name not in names or id(node) in spared:
            continue
        if not any(module.inside(node, one) for one in inner):
            also.append(names[name])
    parental = reached(module, also)
    return [one for one in inner if not any(one is other for other in parental)]


def check_followed(
    touches: Touches, workers: Sequence[Function], exempt: Sequence[ast.AST]
) -> None:
    """Raise :class:`CannotFix` where the parent may use the place at any time."""
    lazy = touches.lazy()
    if lazy is not None and lazy not in workers:
        raise CannotFix(
            f"{lazy.name!r} (line {lazy.lineno}) uses {touches.place!r} and is a generator: "
            "nobody sees when it goes on"
        )
    passed = touches.handed_on(exempt)
    if passed is not None:
        named = ast.unparse(passed)
        what = "in a lambda" if named == touches.place else f"in {named!r}, which is handed on"
        raise CannotFix(
            f"line {passed.lineno} uses {touches.place!r} {what}: nobody sees when it runs"
        )


def makers(sites: Sequence[Site]) -> list[ast.Call]:
    """Return the calls that make the pools and processes, each once, in order."""
    found: dict[ast.Call, None] = {}
    for site in sites:
        call = site.call if is_process(site) else site.pool
        if call is None:
            raise CannotFix(
                f"the pool of {site.dispatch.api} (line {site.dispatch.location.line}) is made "
                "elsewhere: make it in the function that uses it"
            )
        found[call] = None
    return list(found)


def share(job: Job, sites: Sequence[Site], workers: Sequence[Function]) -> None:
    """Let the workers of all ``sites`` have the place of ``job``, and bring it back."""
    module = job.module
    regions: list[tuple[Region, Function]] = []
    processes: list[ast.Call] = []
    for site, worker in zip(sites, workers, strict=True):
        check_place(job, site, site.call if is_process(site) else site.pool)
        if is_process(site):
            processes.append(site.call)
            continue
        assert site.pool is not None
        if all(one.pool is not site.pool for one, _ in regions):
            made = region(module, site.pool, executor=of_executor(site))
            check_place(job, site, made.made)
            regions.append((made, worker))
        where = next(one for one, _ in regions if one.pool is site.pool)
        if not any(call is site.call for call in where.calls):
            raise CannotFix(
                f"the pool of {site.dispatch.api} (line {site.dispatch.location.line}) is made "
                "in another function, or has another name there: make it where it is used"
            )
    joined = spans(module, processes)
    lines = [where.lines for where, _ in regions]
    lines += [range(s.statements[0].lineno, (s.statements[-1].end_lineno or 0) + 1) for s in joined]
    for number, one in enumerate(lines):
        if any(set(one) & set(other) for other in lines[:number]):
            raise CannotFix(f"two pools share {job.place!r} at once (line {one[0]}): use one pool")
    for where, worker in regions:
        PoolShare(job, where, worker).apply()
    for span in joined:
        for helper in span.helpers:
            site = next(one for one in sites if one.call is span.calls[0])
            check_place(job, site, helper.call)
        ProcessShare(job, span).apply()


def check_place(job: Job, site: Site, made: ast.Call | None) -> None:
    """Refuse a dispatch that runs on import, or in a function that is no plain one.

    ``made`` is what gives the pool or makes the process.
    """
    module, touches = job.module, job.touches
    line = site.dispatch.location.line
    home = made or site.call
    function = module.function(home)
    check_guard(module, site, function, home)
    if function is None:
        return
    if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(function)):
        raise CannotFix(f"{function.name!r} (line {function.lineno}) is a generator")
    if isinstance(function, ast.AsyncFunctionDef):
        check_alone(touches, function, job.exempt)
    around = [above for above in module.ancestors(home) if isinstance(above, _SCOPES)]
    if any(module.binds(above, touches.place) == "local" for above in around):
        raise CannotFix(f"{touches.place!r} is a local name where line {line} stands")
    if any(isinstance(above, ast.Lambda) for above in module.ancestors(home)):
        raise CannotFix(f"the dispatch in line {line} stands in a lambda")


def check_guard(
    module: Module, site: Site, function: Function | None, home: ast.AST | None = None
) -> None:
    """Raise :class:`CannotFix` for a dispatch that runs on import.

    ``function`` is where ``home`` stands: the dispatch, or what makes its pool.
    """
    home = site.call if home is None else home
    no_guard = CannotFix(
        f"MPG202: {site.dispatch.api} (line {site.dispatch.location.line}) runs on import: "
        'put it under if __name__ == "__main__":'
    )
    if function is None:
        if module.guard(home) is None:
            raise no_guard
        return
    started: set[str] = set()
    for statement in module.at_import():
        for call in ast.walk(statement):
            if isinstance(call, ast.Call):
                started |= {n.id for n in ast.walk(call) if isinstance(n, ast.Name)}
                started |= {n.attr for n in ast.walk(call) if isinstance(n, ast.Attribute)}
    run: list[Function] = []
    for one in module.definitions:
        if one.name in started:
            run += [
                n for n in ast.walk(one) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
            ]
    outer = list(module.ancestors(home))
    if any(one is above for one in reached(module, run) for above in outer):
        raise no_guard
