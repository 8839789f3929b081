"""Share a list, dict or set that workers are handed as an argument, and fill.

The workers stay as they are: they get a proxy in place of the object (that of a dict for a
set, which they then fill).  It is made beside the pool or the processes and brought back
into the parent's own object behind them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from flake8_mpglobals.facts import Facts, LostWrite, Site
from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import Sheet
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix, NeedsLock, Plan
from flake8_mpglobals.fixes.setters import Arguments
from flake8_mpglobals.fixes.shapes import dispatches, sets
from flake8_mpglobals.fixes.shapes.coroutines import check_alone
from flake8_mpglobals.fixes.shapes.flow import Flow
from flake8_mpglobals.fixes.shapes.lifetimes import Region, region
from flake8_mpglobals.fixes.shapes.pools import PoolShare
from flake8_mpglobals.fixes.shapes.processes import ProcessShare, Span, spans
from flake8_mpglobals.fixes.shapes.proxy_use import ProxyUse
from flake8_mpglobals.fixes.shapes.stored import Stored
from flake8_mpglobals.fixes.shapes.variables import ArgumentJob, Parameter, Variables
from flake8_mpglobals.fixes.touches import Touches, reached
from flake8_mpglobals.model import Finding

_KINDS = ("list", "dict", "set")
_DISPLAYS = (ast.Tuple, ast.List)
_KEYWORDS = {"apply": ("args", "kwds"), "apply_async": ("args", "kwds")}


def takes(writes: Sequence[LostWrite]) -> bool:
    """Whether all writes change a list, dict or set that their workers were handed."""
    return all(write.how == "argument" and write.kind in _KINDS for write in writes)


def plan(facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding]) -> Plan:
    """Return the plan that shares the one argument of ``writes``.

    Raises :class:`CannotFix` where the rewrite is not proved.
    """
    module = Module(facts.source, facts.tree)
    place, kind = writes[0].place, writes[0].kind
    sites = dispatches.found(facts, module, writes)
    if len({one.kind for one in writes}) > 1:
        raise CannotFix(f"workers take {place!r} for different things: hand over one for each")
    parameters: dict[Function, str] = {}
    deletes = False
    for worker in dict.fromkeys(dispatches.worker(module, site) for site in sites):
        changes = [write for write in writes if write.function is worker]
        if worker.decorator_list or not changes:
            raise CannotFix(f"{worker.name!r} hands {place!r} on: let the worker itself change it")
        parameters[worker] = parameter = parameter_of(worker, changes)
        deletes |= _check_worker(module, worker, parameter, kind)
    for write in writes:
        if not any(write.function is worker for worker in parameters):
            line = write.location.line
            raise CannotFix(f"line {line} changes {place!r} for a worker: let that change it")
    sites += [
        one
        for one in facts.sites
        if not any(one.call is site.call for site in sites)
        and any(worker is other for worker in parameters for other in one.workers)
    ]
    handed = [(site, _handed(module, parameters, site)) for site in sites]
    handed.sort(key=lambda pair: pair[0].dispatch.location)
    calls = dispatches.makers(sites)
    exempt = dispatches.exempt(facts, module, sites, calls) + [name for _, name in handed]
    sheet = Sheet(module)
    edits: set[Edit] = set()
    for home in dict.fromkeys(module.function(name) for _, name in handed):
        own = [pair for pair in handed if module.function(pair[1]) is home]
        names = [name for _, name in own]
        touches = touches_of(module, names, exempt)
        if isinstance(touches, Variables):
            touches.check([*dispatches.makers([site for site, _ in own]), *_calls(own)])
        else:
            dispatches.check_followed(touches, list(parameters), exempt)
            if any(touches.mentioned_in(one) for one in reached(module, list(parameters))):
                raise CannotFix(
                    f"worker code uses {touches.place!r} by two names: use the parameter"
                )
        job = ArgumentJob(module, touches, kind, sheet, exempt, calls, "", deletes)
        shown = {name.id for name in names}
        job.variables = tuple(dict.fromkeys(u.id for u in touches.mentions if u.id in shown))
        share(job, own)
        edits |= job.found
    if kind == "set":
        for worker, parameter in parameters.items():
            edits |= _as_dict(module, worker, parameter, exempt)
    edits = {*map(sheet.deepen, edits), *sheet.edits()}
    made = "list" if kind == "list" else "dict"
    return Plan(
        tuple(findings),
        place,
        "safe",
        f"Hand the workers a multiprocessing.Manager().{made}() in place of {place!r}",
        tuple(sorted(edits)),
        places=tuple(dict.fromkeys(name.id for _, name in handed)),
    )


def _calls(handed: Sequence[tuple[Site, ast.Name]]) -> list[ast.Call]:
    return [site.call for site, _ in handed]


def touches_of(module: Module, names: Sequence[ast.Name], exempt: Sequence[ast.AST]) -> Touches:
    """Return what may touch the variables that the workers are handed."""
    shown = {one.id for one in names}
    if module.is_global(names[0]) and any(
        module.function(use) is not module.function(names[0])
        for one in shown
        for use in module.mentions(one)
    ):
        if len(shown) == 1:
            return Touches(module, names[0].id, exempt)
        raise CannotFix(f"functions use {sorted(shown)} by name, too: hand them over")
    return Variables(module, names)


# -- the worker


def parameter_of(worker: Function, writes: Sequence[LostWrite]) -> str:
    """Return the parameter of the worker that the writes change."""
    names = [one.arg for one in (*worker.args.posonlyargs, *worker.args.args)]
    names += [one.arg for one in worker.args.kwonlyargs]
    found: set[str] = set()
    for write in writes:
        node: ast.AST = write.node
        while isinstance(node, (ast.Call, ast.Attribute, ast.Subscript, ast.AugAssign, ast.Assign)):
            match node:
                case ast.Call(func=inner) | ast.AugAssign(target=inner):
                    node = inner
                case ast.Assign(targets=[inner]):
                    node = inner
                case ast.Attribute(value=inner) | ast.Subscript(value=inner):
                    node = inner
                case _:
                    break
        found.add(node.id if isinstance(node, ast.Name) else "")
    if len(found) != 1 or not found <= {*names}:
        line = writes[0].location.line
        raise CannotFix(f"line {line} changes an argument by another name: use the one name")
    return found.pop()


def _check_worker(module: Module, worker: Function, parameter: str, kind: str) -> bool:
    """Judge what the worker does with it; return whether it takes anything out of it."""
    touches = Parameter(module, worker, parameter)
    found = ProxyUse(module, touches, kind, worker).judge()
    try:
        Flow(module, touches, worker, found).judge(helper=False)
    except NeedsLock:
        raise CannotFix(
            f"{worker.name!r} stores in {parameter!r} what depends on reading it: that needs a "
            "lock around both; or return the values and combine them in the parent"
        ) from None
    Stored(module, touches, worker, found).judge()
    return found.deletes


def _as_dict(
    module: Module, worker: Function, parameter: str, exempt: Sequence[ast.AST]
) -> set[Edit]:
    """Return the edits by which a worker fills a dict where it filled a set."""
    if not any(one is worker for one in dispatches.only_in_workers(module, [worker], exempt)):
        raise CannotFix(
            f"{worker.name!r} may also be called in the parent, with a set: give the workers a "
            "function of their own"
        )
    edits = set(sets.rewritten(module, Parameter(module, worker, parameter), worker))
    for one in (*worker.args.posonlyargs, *worker.args.args, *worker.args.kwonlyargs):
        if one.arg != parameter or one.annotation is None:
            continue
        start, end = module.start(one.annotation), module.end(one.annotation)
        match one.annotation:
            case ast.Name(id="set"):
                edits.add(Edit(start, end, "dict"))
            case ast.Subscript(value=ast.Name(id="set"), slice=item):
                edits.add(Edit(start, end, f"dict[{module.text(item)}, bool]"))
            case _:
                raise CannotFix(f"line {one.lineno} says that {parameter!r} is no dict")
    return edits


# -- what the dispatches hand over


def _handed(module: Module, parameters: Mapping[Function, str], site: Site) -> ast.Name:
    """Return the variable that a dispatch hands to the parameter of its worker."""
    worker = dispatches.worker(module, site)
    parameter = parameters[worker]
    names = [one.arg for one in (*worker.args.posonlyargs, *worker.args.args)]
    index = names.index(parameter) if parameter in names else -1
    for given in _given(module, site, index, parameter):
        if isinstance(given, ast.Name):
            return given
    raise CannotFix(
        f"line {site.dispatch.location.line} hands over {parameter!r} in a way that is not "
        "followed: name one list or dict there"
    )


def _given(module: Module, site: Site, index: int, parameter: str) -> Iterator[ast.expr | None]:
    call, method = site.call, site.api.name.rpartition(".")[2]
    arguments = Arguments(module, call)
    if dispatches.is_process(site):
        yield _item(arguments.get(3, "args"), index)
        yield _keyed(arguments.get(4, "kwargs"), parameter)
    elif method in _KEYWORDS:
        yield _item(arguments.get(1, "args"), index)
        yield _keyed(arguments.get(2, "kwds"), parameter)
    elif method in ("submit", "run_in_executor"):
        first = 1 if method == "submit" else 2
        yield arguments.get(first + index, parameter) if index >= 0 else None
        yield arguments.get(-1, parameter)
    elif method in ("starmap", "starmap_async"):
        match arguments.get(1, "iterable"):
            case ast.ListComp(elt=elt) | ast.GeneratorExp(elt=elt):
                yield _item(elt, index)
    match dispatches.callables(module, [site]):
        case [ast.Call(args=args, keywords=keywords)]:  # a partial
            if index + 1 < len(args) and index >= 0:
                yield args[index + 1]
            yield next((one.value for one in keywords if one.arg == parameter), None)


def _item(node: ast.expr | None, index: int) -> ast.expr | None:
    if not isinstance(node, _DISPLAYS) or not 0 <= index < len(node.elts):
        return None
    starred = any(isinstance(one, ast.Starred) for one in node.elts[: index + 1])
    return None if starred else node.elts[index]


def _keyed(node: ast.expr | None, key: str) -> ast.expr | None:
    if isinstance(node, ast.Dict):
        for one, value in zip(node.keys, node.values, strict=True):
            if isinstance(one, ast.Constant) and one.value == key:
                return value
    return None


# -- sharing it


def share(job: ArgumentJob, handed: Sequence[tuple[Site, ast.Name]]) -> None:
    """Put a manager around each pool and all processes, and hand over its proxy."""
    module = job.module
    regions: dict[ast.Call, list[tuple[Site, ast.Name]]] = {}
    processes: list[tuple[Site, ast.Name]] = []
    for site, name in handed:
        function = module.function(site.call)
        if isinstance(function, ast.AsyncFunctionDef):
            check_alone(job.touches, function, job.exempt)
        alone = dispatches.is_process(site) or site.pool is None
        dispatches.check_guard(module, site, function, site.call if alone else site.pool)
        if alone:
            processes.append((site, name))
        elif site.pool is not None:
            regions.setdefault(site.pool, []).append((site, name))
    for pool, members in regions.items():
        site = members[0][0]
        where = region(module, pool, executor=dispatches.of_executor(site))
        if any(not any(call is one.call for call in where.calls) for one, _ in members):
            raise CannotFix(f"the pool made in line {pool.lineno} is used elsewhere, too")
        _PoolArgument(job, where, dispatches.worker(module, site), members).apply()
    joined = spans(module, [site.call for site, _ in processes])
    for span in joined:
        _ProcessArgument(job, span, processes).apply()
    if len(regions) + len(joined) > 1 and len({module.function(one.call) for one, _ in handed}) < 2:
        raise CannotFix(f"several pools are handed {job.place!r}: use one")


def _hands(job: ArgumentJob, name: ast.Name, shared: str) -> Edit:
    proxy = job.proxy(name.id, shared)
    return Edit(job.module.start(name), job.module.end(name), proxy)


class _PoolArgument(PoolShare):
    """Hands the tasks of one pool the proxy."""

    def __init__(
        self,
        job: ArgumentJob,
        where: Region,
        behind: Function,
        members: Sequence[tuple[Site, ast.Name]],
    ) -> None:
        super().__init__(job, where, behind)
        self._handing = job
        self._members = members

    def hand_over(self, shared: str) -> None:
        """Name the proxy in each dispatch."""
        self._handing.add(*(_hands(self._handing, name, shared) for _, name in self._members))


class _ProcessArgument(ProcessShare):
    """Hands processes the proxy."""

    def __init__(
        self, job: ArgumentJob, span: Span, members: Sequence[tuple[Site, ast.Name]]
    ) -> None:
        super().__init__(job, span)
        self._handing = job
        self._members = members

    def hand_over(self, call: ast.Call, shared: str) -> None:
        """Name the proxy among the arguments of one process."""
        own = [name for site, name in self._members if site.call is call]
        self._handing.add(*(_hands(self._handing, name, shared) for name in own))
