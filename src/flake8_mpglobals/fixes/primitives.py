"""MPG306: hand what the parent makes to the workers, which bind their global to it.

Each pool and executor gets an initializer, each process a wrapper of its target, that
gives the worker the parent's object.  In a script the object is made under the main
guard from then on; else it stays where it is, and each worker's own is put aside.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from typing import ClassVar

from flake8_mpglobals.facts import Facts, SharedUse, Site
from flake8_mpglobals.fixes import moving
from flake8_mpglobals.fixes.imports import context_of
from flake8_mpglobals.fixes.layout import Sheet
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix, Plan
from flake8_mpglobals.fixes.shapes import dispatches
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.lifetimes import Region
from flake8_mpglobals.fixes.shapes.pools import PoolShare
from flake8_mpglobals.fixes.shapes.processes import ProcessShare, Span
from flake8_mpglobals.fixes.touches import Touches, reached
from flake8_mpglobals.model import Finding

_WITHOUT_LOCK = frozenset({"RawValue", "RawArray", "Pipe"})
"""These have nothing of the context that made them."""
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_FORK = "fork"


class _Shared(Touches):
    """An object that all processes may use at any time."""

    def uses(self, _: ast.AST, exempt: Collection[ast.AST] = ()) -> Iterator[ast.expr]:
        """Yield nothing: whoever uses the object is not in the way."""
        assert exempt is not None
        yield from ()


class _HandJob(Job):
    """Hands over what is there already: nothing is made or brought back."""

    ends: ClassVar[bool] = False


def plan(facts: Facts, findings: Sequence[Finding]) -> Plan:
    """Return the plan that hands one object to all workers that reach it as a global.

    Raises :class:`CannotFix` where one of them cannot get it that way.
    """
    place = findings[0].place
    module = Module(facts.source, facts.tree)
    uses = [one for one in facts.shared if one.kind == "import" and one.place == place]
    made = _made(module, place, uses)
    touches = Touches(module, place)
    sites = list(_sites(facts, module, touches))
    if not sites:
        raise CannotFix(f"what starts the workers of {place!r} is not in this file")
    users = [one for one in facts.in_workers if isinstance(one, Function)]
    moved = moving.edits(module, place, users)
    for maker in {one.maker for one in uses}:
        known = (
            maker.startswith("multiprocessing.") and maker.rpartition(".")[2] in moving.PRIMITIVES
        )
        if not known and not (moved and maker.startswith("manager.")):
            raise CannotFix(
                f"{maker.rpartition('.')[2] or 'what makes it'}() runs in each process on import: "
                f"make {place!r} (line {made.lineno}) under the main guard and hand it over"
            )
    makers = {_maker(site): site for site in sites}
    for call, site in makers.items():
        _check(module, place, made, call, site, proxy=uses[0].maker.startswith("manager."))
    job = _HandJob(module, _Shared(module, place), "", Sheet(module), [], list(makers))
    for call, site in makers.items():
        behind = _behind(module, touches, site)
        if dispatches.is_process(site) and not site.initializer:
            ProcessShare(job, Span([], 0, 0, [call])).hand_over(call, place)
        else:
            executor = dispatches.of_executor(site)
            PoolShare(job, Region(call, "", [], [], [], executor=executor), behind).hand_over(place)
    return Plan(
        tuple(findings),
        place,
        "safe",
        f"Hand {place!r} to the workers, which bind their global to it",
        tuple(sorted([*job.edits(), *moved])),
    )


def _made(module: Module, place: str, uses: Sequence[SharedUse]) -> ast.Call:
    """Return the call that makes the object, once and for all, on import."""
    if any(one.origin is not None for one in uses):
        raise CannotFix("another file is concerned: make the object in the parent and hand it over")
    if not place.isidentifier():
        raise CannotFix(
            f"{place!r} is no plain global: make it in the parent and hand it over as an argument"
        )
    bound = module.bindings(place)
    statement = module.statement(bound[0]) if bound else None
    value = getattr(statement, "value", None)
    if len(bound) != 1 or statement not in module.tree.body or not isinstance(value, ast.Call):
        raise CannotFix(f"{place!r} is not bound once, by one statement at module level")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("set_start_method"):
            raise CannotFix(
                f"set_start_method (line {node.lineno}) comes after {place!r} is made on import "
                f"(line {value.lineno}): make it behind that, under the main guard"
            )
    return value


def _sites(facts: Facts, module: Module, touches: Touches) -> Iterator[Site]:
    """Yield the dispatches that run code which uses the object."""
    for site in facts.sites:
        run = [one for one in site.workers if isinstance(one, Function)]
        named = [one for one in reached(module, run) if one in touches.definitions]
        nameless = [one for one in site.workers if isinstance(one, ast.Lambda)]
        if named or any(next(touches.uses(one), None) is not None for one in nameless):
            yield site


def _maker(site: Site) -> ast.Call:
    """Return the call that makes the pool or the process."""
    if site.initializer:
        return site.call
    line, api = site.dispatch.location.line, site.dispatch.api
    if dispatches.is_process(site):
        return site.call
    if not (dispatches.of_pool(site) or dispatches.of_executor(site)):
        raise CannotFix(f"{api} (line {line}) has no initializer that the fix knows")
    if site.wrapper or site.pool is None:
        raise CannotFix(
            f"the pool of {api} (line {line}) is made elsewhere: give it an initializer"
        )
    return site.pool


def _check(
    module: Module, place: str, made: ast.Call, call: ast.Call, site: Site, *, proxy: bool
) -> None:
    """Refuse where the object does not mean the same, or may not be handed over."""
    for above in module.ancestors(call):
        if isinstance(above, _SCOPES) and module.binds(above, place) == "local":
            raise CannotFix(f"{place!r} is a local name where line {call.lineno} stands")
    dispatches.check_context(call)
    executor = dispatches.of_executor(site)
    others = context_of(module, call, executor=executor)
    if proxy or others == _FORK or ast.unparse(made.func).rpartition(".")[2] in _WITHOUT_LOCK:
        return
    if others != context_of(module, made):
        raise CannotFix(
            f"line {call.lineno} starts its processes by another context than the one that made "
            f"{place!r} (line {made.lineno}): make it by the same"
        )


def _behind(module: Module, touches: Touches, site: Site) -> Function:
    """Return the function below which an initializer goes."""
    run = [one for one in site.workers if isinstance(one, Function)]
    for one in (*run, *reached(module, run), *touches.definitions):
        if isinstance(one, Function) and module.is_plain(one):
            return one
    raise CannotFix(f"{touches.place!r} is used by no plain function of this module")
