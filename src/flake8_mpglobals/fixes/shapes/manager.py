"""Share a module-level list or dict through a manager while the workers run.

The proxy is made beside the pool, rebound in each worker, and brought back into
the parent's own object in one call, also when an exception passes.  The rest of
the program keeps its plain list or dict.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from flake8_mpglobals.facts import Facts, LostWrite, Site
from flake8_mpglobals.fixes.layout import Sheet
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix, Plan
from flake8_mpglobals.fixes.setters import Arguments
from flake8_mpglobals.fixes.shapes.flow import Flow
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.lifetimes import Region, region
from flake8_mpglobals.fixes.shapes.parent_use import ParentUse, declaration
from flake8_mpglobals.fixes.shapes.pools import PoolShare
from flake8_mpglobals.fixes.shapes.processes import ProcessShare, spans
from flake8_mpglobals.fixes.shapes.proxy_use import ProxyUse, is_builtin
from flake8_mpglobals.fixes.shapes.stored import Stored
from flake8_mpglobals.fixes.touches import Touches, reached
from flake8_mpglobals.model import Finding

NAME = "manager"
_KINDS = ("list", "dict")
_DYNAMIC = frozenset({"exec", "eval", "globals", "vars", "__import__"})
_REPEATING = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_GENERATING = (ast.Yield, ast.YieldFrom, ast.Await)


def plan(facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding]) -> Plan:
    """Return the plan that shares the one place of ``writes``.

    Raises :class:`CannotFix` where the rewrite is not proved.
    """
    place = writes[0].place
    kind = writes[0].kind
    if kind not in _KINDS:
        what = f"a {kind}" if kind else "an object of unknown type"
        raise CannotFix(
            f"{place!r} is {what}: only a plain list or dict can be shared by a manager"
        )
    module = Module(facts.source, facts.tree)
    _check_static(module)
    sites = _sites(writes)
    for site in sites:
        if site.function in facts.in_workers:
            raise CannotFix(
                f"the dispatch in line {site.dispatch.location.line} runs in a worker itself: "
                "return the values"
            )
    touches = Touches(module, place)
    made = declaration(module, place, kind)
    exempt: list[ast.AST] = [
        one for site in facts.sites if (one := _callable(module, site)) is not None
    ]
    exempt += [one for site in sites if (one := _callable(module, site)) is not None]
    calls = _makers(sites)
    exempt += [one for call in calls for one in _initializers(call)]
    exempt += _measured(module, place, sites)
    workers = [_worker(module, site) for site in sites]
    deletes = _check_workers(module, touches, kind, workers)
    _check_parent(module, touches, made, workers, exempt)
    annotation = module.text(made.annotation) if isinstance(made, ast.AnnAssign) else ""
    if "Final" in annotation:
        raise CannotFix(f"{place!r} (line {made.lineno}) is Final, and workers would rebind it")
    job = Job(module, touches, kind, Sheet(module), exempt, calls, annotation, deletes)
    _share(job, sites, workers)
    return Plan(
        tuple(findings),
        place,
        "safe",
        f"Share {place!r} with the workers through multiprocessing.Manager().{kind}()",
        tuple(sorted(job.edits())),
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


def _measured(module: Module, place: str, sites: Sequence[Site]) -> Iterator[ast.AST]:
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


def _callable(module: Module, site: Site) -> ast.expr | None:
    slot = site.api.callable
    if slot is None:
        return None
    try:
        return Arguments(module, site.call).get(slot.position, slot.keyword)
    except CannotFix:
        return None


def _initializers(call: ast.Call) -> Iterator[ast.AST]:
    """Yield what may be the initializer of a pool: it is judged where it is composed."""
    yield from (one for one in call.args[1:] if isinstance(one, ast.Name))
    yield from (one.value for one in call.keywords if one.arg == "initializer")


def _worker(module: Module, site: Site) -> Function:
    """Return the function that a dispatch runs, if the shape can rebind a global for it."""
    line, api = site.dispatch.location.line, site.dispatch.api
    if site.initializer:
        raise CannotFix(f"the initializer in line {line} writes it: let only the workers write")
    if not (_is_pool(site) or _is_executor(site) or _is_process(site)):
        raise CannotFix(f"{api} (line {line}) has no manager rewrite yet: return the values")
    given = _callable(module, site)
    function = module.functions.get(given.id) if isinstance(given, ast.Name) else None
    if not isinstance(given, ast.Name) or function is None or not module.is_global(given):
        raise CannotFix(f"the worker of {api} (line {line}) is not a plain function of this module")
    if site.workers and not any(one is function for one in site.workers):
        raise CannotFix(f"the worker of {api} (line {line}) is not the function of that name")
    if function.decorator_list:
        raise CannotFix(f"the worker {function.name!r} is decorated: what runs is not known")
    if isinstance(function, ast.AsyncFunctionDef) or any(
        isinstance(node, _GENERATING) for node in ast.walk(function)
    ):
        raise CannotFix(f"the worker {function.name!r} is a generator or coroutine")
    return function


def _is_pool(site: Site) -> bool:
    return site.api.name.startswith("multiprocessing.pool.Pool.")


def _is_executor(site: Site) -> bool:
    return site.api.name.startswith("concurrent.futures.ProcessPoolExecutor.")


def _is_process(site: Site) -> bool:
    names = ("multiprocessing.Process", "multiprocessing.context.BaseContext.Process")
    return site.api.name in names


def _check_workers(
    module: Module, touches: Touches, kind: str, workers: Sequence[Function]
) -> bool:
    """Judge all worker code; return whether it takes anything out of the place."""
    plain = list(module.functions.values())
    deletes = False
    for function in reached(module, workers):
        if function not in touches.definitions:
            continue
        if touches.mentioned_in(function) and function not in plain:
            raise CannotFix(
                f"{function.name!r} (line {function.lineno}) is worker code that uses "
                f"{touches.place!r} and is not a plain function of this module"
            )
        uses = ProxyUse(module, touches, kind, function).judge()
        Flow(module, touches, function, uses).judge(helper=function not in workers)
        Stored(module, touches, function, uses).judge()
        deletes |= uses.deletes
    return deletes


def _check_parent(
    module: Module,
    touches: Touches,
    made: ast.stmt,
    workers: Sequence[Function],
    exempt: Sequence[ast.AST],
) -> None:
    """Judge what is not worker code only."""
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
    only = [one for one in inner if not any(one is other for other in parental)]
    ParentUse(module, touches, made).judge(only)
    lazy = touches.lazy()
    if lazy is not None and lazy not in only:
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


def _makers(sites: Sequence[Site]) -> list[ast.Call]:
    """Return the calls that make the pools and processes, each once, in order."""
    found: dict[ast.Call, None] = {}
    for site in sites:
        call = site.call if _is_process(site) else site.pool
        if call is None:
            raise CannotFix(
                f"the pool of {site.dispatch.api} (line {site.dispatch.location.line}) is made "
                "elsewhere: make it in the function that uses it"
            )
        found[call] = None
    return list(found)


def _share(job: Job, sites: Sequence[Site], workers: Sequence[Function]) -> None:
    module = job.module
    regions: list[tuple[Region, Function]] = []
    processes: list[ast.Call] = []
    for site, worker in zip(sites, workers, strict=True):
        function = module.function(site.call)
        _check_place(module, site, function, job.place)
        if _is_process(site):
            processes.append(site.call)
            continue
        assert site.pool is not None
        if module.function(site.pool) is not function:
            raise CannotFix(
                f"the pool of {site.dispatch.api} (line {site.dispatch.location.line}) is made "
                "in another function: make it where it is used"
            )
        if all(one.pool is not site.pool for one, _ in regions):
            regions.append((region(module, site.pool, executor=_is_executor(site)), worker))
        where = next(one for one, _ in regions if one.pool is site.pool)
        if not any(call is site.call for call in where.calls):
            raise CannotFix(f"line {site.dispatch.location.line} uses the pool under another name")
    joined = spans(module, processes)
    lines = [where.lines for where, _ in regions]
    lines += [range(s.statements[0].lineno, (s.statements[-1].end_lineno or 0) + 1) for s in joined]
    for number, one in enumerate(lines):
        if any(set(one) & set(other) for other in lines[:number]):
            raise CannotFix(f"two pools share {job.place!r} at once (line {one[0]}): use one pool")
    for where, worker in regions:
        PoolShare(job, where, worker).apply()
    for span in joined:
        ProcessShare(job, span).apply()


def _check_place(module: Module, site: Site, function: Function | None, place: str) -> None:
    """Refuse a dispatch that runs on import, or in a function that is no plain one."""
    line = site.dispatch.location.line
    no_guard = CannotFix(
        f"MPG202: {site.dispatch.api} (line {line}) runs on import: put it under "
        'if __name__ == "__main__":'
    )
    if function is None:
        if module.guard(site.call) is None:
            raise no_guard
        return
    if isinstance(function, ast.AsyncFunctionDef) or any(
        isinstance(node, _GENERATING) for node in ast.walk(function)
    ):
        raise CannotFix(f"{function.name!r} (line {function.lineno}) is a generator or coroutine")
    around = [above for above in module.ancestors(site.call) if isinstance(above, _SCOPES)]
    if any(module.binds(above, place) == "local" for above in around):
        raise CannotFix(f"{place!r} is a local name where line {line} stands")
    if any(isinstance(above, ast.Lambda) for above in module.ancestors(site.call)):
        raise CannotFix(f"the dispatch in line {line} stands in a lambda")
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
    outer = list(module.ancestors(site.call))
    if any(one is above for one in reached(module, run) for above in outer):
        raise no_guard
