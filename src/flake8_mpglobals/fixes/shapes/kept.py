"""A pool that an object keeps: made by ``__init__``, used by methods that wait for what they start.

What its workers share is kept beside it, filled before each dispatch and brought back behind it.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from flake8_mpglobals.facts import Site
from flake8_mpglobals.fixes.imports import Spelling, beside, beside_executor
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.naming import fresh
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.setters import Arguments, method_class, shared_of
from flake8_mpglobals.fixes.shapes.guarded import LockedJob
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.lifetimes import Region, waits
from flake8_mpglobals.fixes.shapes.pools import PoolShare

_ENDS = frozenset({"join", "shutdown"})
_QUIET = frozenset({"close", "terminate"}) | _ENDS
_PICKLES = frozenset({"__getstate__", "__reduce__", "__reduce_ex__"})
_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return)


@dataclass(frozen=True)
class Kept:
    """A pool in an attribute of ``own``, as the methods of one class call their object."""

    own: str
    assigned: ast.Assign
    pool: ast.Call
    calls: list[ast.Call]
    executor: bool


def kept(module: Module, sites: Sequence[Site]) -> Kept | None:
    """Return the pool of all dispatches, where an object keeps it; None where none does.

    Raises :class:`CannotFix` where it is used in a way that is not followed.
    """
    pool = sites[0].pool
    assigned = module.parents.get(pool) if pool is not None else None
    if pool is None or not isinstance(assigned, ast.Assign) or assigned.value is not pool:
        return None
    match assigned.targets:
        case [ast.Attribute(value=ast.Name(id=own), attr=name)]:
            pass
        case _:
            return None
    made = module.function(pool)
    owner = method_class(module, made) if isinstance(made, ast.FunctionDef) else None
    if owner is None or made is None or made.name != "__init__" or made.args.args[0].arg != own:
        return None
    if any(site.pool is not pool for site in sites):
        raise CannotFix(f"several pools run what changes (line {pool.lineno}): use one")
    if not any(assigned is one for one in made.body):
        raise CannotFix(f"line {pool.lineno} may not make the pool: make it always")
    if any(isinstance(one, Function) and one.name in _PICKLES for one in owner.body):
        raise CannotFix(f"{owner.name!r} says how it is pickled, and a manager cannot be")
    calls: list[ast.Call] = []
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Attribute) and node.attr == name):
            continue
        if node is assigned.targets[0]:
            continue
        method = module.parents[node]
        call = module.parents[method]
        inside = module.inside(node, owner) and ast.unparse(node.value) == own
        if not (inside and isinstance(method, ast.Attribute) and isinstance(call, ast.Call)):
            raise CannotFix(
                f"line {node.lineno} hands on the pool made in line {pool.lineno}: use it only in "
                f"the methods of {owner.name!r}"
            )
        calls.append(call)
    executor = sites[0].api.name.startswith("concurrent.futures.")
    return Kept(own, assigned, pool, calls, executor)


def share(job: Job, where: Kept, behind: Function) -> None:
    """Keep the shared place beside the pool; fill it before each dispatch and bring it back."""
    module = job.module
    if isinstance(job, LockedJob):
        job.owner = f"{where.own}."
    region = Region(where.pool, "", [where.assigned], [], where.calls, executor=where.executor)
    shared = f"{where.own}.{fresh(shared_of(job.place), module.identifiers)}"
    statements: list[ast.stmt] = []
    ends: list[ast.stmt] = []
    for call in where.calls:
        assert isinstance(call.func, ast.Attribute)
        statement = module.statement(call)
        if call.func.attr in _QUIET:
            _check_end(call, statement)
            ends += [statement] if call.func.attr in _ENDS else []
            continue
        if not waits(module, region, call) or not isinstance(statement, _SIMPLE):
            raise CannotFix(
                f"line {call.lineno} does not wait for the workers of a pool that is kept: take "
                "the results in the same statement"
            )
        job.untouched([statement])
        around = module.parents[statement]
        if isinstance(around, ast.Try) and job.brought_back([around]) is not None:
            statement = around
        if not any(statement is one for one in statements):
            statements.append(statement)
    manager = f"{where.own}.manager"
    first, _ = job.sheet.lines([where.assigned])
    if not _has_manager(module, where, manager):
        if "manager" in module.identifiers:
            raise CannotFix(f"the name 'manager' is taken: the pool in line {first} needs one")
        spelling = _maker(job, where)
        job.add(*spelling.edits)
        job.sheet.before(first, f"{manager} = {spelling.text}()")
        for end in ends:
            job.sheet.after(job.sheet.lines([end])[1], f"{manager}.shutdown()")
    job.sheet.before(first, *job.makes(shared, manager))
    for statement in statements:
        job.guard([statement], shared, fill=True)
    PoolShare(job, region, behind).hand_over(shared)


def _maker(job: Job, where: Kept) -> Spelling:
    """Return how to write the manager beside the pool."""
    if not where.executor:
        return beside(job.module, where.pool, "the pool", job.maker)
    context = Arguments(job.module, where.pool).get(1, "mp_context")
    return beside_executor(job.module, where.pool, context, job.maker)


def _has_manager(module: Module, where: Kept, manager: str) -> bool:
    """Whether an earlier fix keeps a manager beside the pool."""
    block = module.block(where.assigned)
    return any(
        isinstance(one, ast.Assign)
        and ast.unparse(one.targets[0]) == manager
        and ast.unparse(one.value).endswith("Manager()")
        for one in block[: block.index(where.assigned)]
    )


def _check_end(call: ast.Call, statement: ast.stmt) -> None:
    if not (isinstance(statement, ast.Expr) and statement.value is call):
        raise CannotFix(f"line {call.lineno} ends the pool: do that in its own statement")
