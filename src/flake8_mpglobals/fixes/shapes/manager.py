"""Share a module-level list, dict or set through a manager while the workers run.

The proxy is made beside the pool, rebound in each worker, and brought back into
the parent's own object in one call, also when an exception passes.  The rest of
the program keeps its plain list or dict.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from flake8_mpglobals.facts import Facts, LostWrite, Site
from flake8_mpglobals.fixes.layout import Sheet
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix, NeedsLock, Plan
from flake8_mpglobals.fixes.shapes import defaults, dispatches, kept, sets
from flake8_mpglobals.fixes.shapes.flow import Flow
from flake8_mpglobals.fixes.shapes.guarded import LockedJob, Units, check_only, locked, units_of
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.memo import is_memo
from flake8_mpglobals.fixes.shapes.parent_use import ParentUse, declaration
from flake8_mpglobals.fixes.shapes.proxy_use import ProxyUse, Uses
from flake8_mpglobals.fixes.shapes.stored import Stored
from flake8_mpglobals.fixes.shapes.workers import check_decorators
from flake8_mpglobals.fixes.touches import Touches, reached
from flake8_mpglobals.model import Finding

NAME = "manager"
_KINDS = ("list", "dict")
_OTHERS = ("set", *defaults.KINDS)


def takes(writes: Sequence[LostWrite]) -> bool:
    """Whether all writes change a list or dict in place."""
    return all(write.how == "mutate" and write.kind in _KINDS for write in writes)


def takes_others(writes: Sequence[LostWrite]) -> bool:
    """Whether all writes change in place what a dict can stand for."""
    return all(write.how == "mutate" and write.kind in _OTHERS for write in writes)


def plan(facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding]) -> Plan:
    """Return the plan that shares the one place of ``writes`` for as long as a pool lives.

    Raises :class:`CannotFix` where the rewrite is not proved.
    """
    return _plan(facts, writes, findings, dispatches.share)


def plan_kept(facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding]) -> Plan:
    """Return the same plan for a pool that an object keeps."""
    return _plan(facts, writes, findings, _share_kept)


def _share_kept(job: Job, sites: Sequence[Site], workers: Sequence[Function]) -> None:
    pool = kept.kept(job.module, sites)
    if pool is None:
        raise CannotFix("")
    for site in sites:
        dispatches.check_place(job, site, pool.pool)
        dispatches.check_place(job, site, site.call)
    kept.share(job, pool, workers[0])


def _plan(
    facts: Facts,
    writes: Sequence[LostWrite],
    findings: Sequence[Finding],
    share: Callable[[Job, Sequence[Site], Sequence[Function]], None],
) -> Plan:
    place = writes[0].place
    kind = writes[0].kind
    module = Module(facts.source, facts.tree)
    sites = dispatches.found(facts, module, writes)
    workers = [dispatches.worker(module, site) for site in sites]
    made = declaration(module, place, kind)
    calls = dispatches.makers(sites)
    exempt = dispatches.exempt(facts, module, sites, calls)
    exempt += dispatches.measured(module, place, sites)
    touches = Touches(module, place, exempt)
    check_decorators(module, touches, workers)
    deletes, units = _check_workers(module, touches, kind, workers)
    only = dispatches.only_in_workers(module, workers, exempt)
    changed = [one for one in reached(module, workers) if touches.mentioned_in(one)]
    check_only(touches, changed if kind in _OTHERS else units, only)
    parent = ParentUse(module, touches, made)
    parent.judge(only)
    if units:
        parent.check_items(only, [site.call for site in sites])
    dispatches.check_followed(touches, only, exempt)
    deletes |= kind == "Counter"  # its update() would add
    annotation = module.text(made.annotation) if isinstance(made, ast.AnnAssign) else ""
    if "Final" in annotation:
        raise CannotFix(f"{place!r} (line {made.lineno}) is Final, and workers would rebind it")
    job: Job = Job(module, touches, kind, Sheet(module), exempt, calls, annotation, deletes)
    if units:
        job = locked(job, units)
    share(job, sites, workers)
    if isinstance(job, LockedJob):
        job.take(units)
    for one in changed if kind in _OTHERS else ():
        if kind == "set":
            job.add(*sets.rewritten(module, touches, one, locked=bool(units)))
        else:
            value = getattr(made, "value", None)
            assert isinstance(value, ast.expr)
            job.add(*defaults.rewritten(module, touches, one, value, kind))
    if kind == "dict" and units:
        for one in changed:
            job.add(*defaults.begun(module, touches, one))
    made_as = "dict" if kind in _OTHERS else kind
    return Plan(
        tuple(findings),
        place,
        "safe",
        f"Share {place!r} with the workers through multiprocessing.Manager().{made_as}()",
        tuple(sorted(job.edits())),
    )


def _check_workers(
    module: Module, touches: Touches, kind: str, workers: Sequence[Function]
) -> tuple[bool, Units]:
    """Judge all worker code; return whether it takes anything out of the place, and what of it
    needs a lock.
    """
    users = [one for one in reached(module, workers) if one in touches.definitions]
    users = [one for one in users if not _within(module, one, users)]
    for function in users:
        if touches.mentioned_in(function) and not module.is_plain(function):
            raise CannotFix(
                f"{function.name!r} (line {function.lineno}) is worker code that uses "
                f"{touches.place!r} and is no plain function or method of this module"
            )
    try:
        uses = [_judged(module, touches, kind, one, helper=one not in workers) for one in users]
    except NeedsLock as need:
        uses = [ProxyUse(module, touches, kind, one, locked=True).judge() for one in users]
        for one, found in zip(users, uses, strict=True):
            Stored(module, touches, one, found).judge()
        try:
            units = units_of(module, touches, [one for one in users if module.is_plain(one)], kind)
        except CannotFix:
            if kind == "dict" and all(is_memo(module, touches, one) for one in users):
                return False, {}
            raise
        if not units:
            raise need from None
        return any(one.deletes for one in uses), units
    return any(one.deletes for one in uses), {}


def _within(module: Module, function: Function, users: Sequence[Function]) -> bool:
    """Whether a function is defined inside of another one, and judged with it."""
    around = module.function(function)
    return around is not None and any(around is one for one in users)


def _judged(
    module: Module, touches: Touches, kind: str, function: Function, *, helper: bool
) -> Uses:
    """Return what one function of worker code does with the place, without a lock."""
    uses = ProxyUse(module, touches, kind, function).judge()
    Flow(module, touches, function, uses, kind).judge(helper=helper)
    Stored(module, touches, function, uses).judge()
    return uses
