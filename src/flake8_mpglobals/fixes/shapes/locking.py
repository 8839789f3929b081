"""Put statements of a worker under a lock, and what takes long before it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import Wrap
from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.naming import around, fresh
from flake8_mpglobals.fixes.shapes.atomic import Unit, cheap
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.touches import reached

_ALWAYS = (ast.Lambda, ast.IfExp, ast.BoolOp, ast.ListComp, ast.SetComp, ast.DictComp)


def lock(job: Job, units: Sequence[Unit], taken: str) -> None:
    """Put each unit under ``with taken:``."""
    for unit in units:
        first, last = job.sheet.lines(unit.statements)
        hoisted = _hoist(job, unit)
        job.sheet.wrap(Wrap(first, last, (*hoisted, f"with {taken}:")))


def inverted(module: Module) -> bool:
    """Whether two locks are taken in one order here and in the other there: a dead-lock."""
    orders = {
        (outer, inner)
        for statement in ast.walk(module.tree)
        if isinstance(statement, ast.With)
        for outer in _locks(statement)
        for inner in _inside(module, statement.body)
        if inner != outer
    }
    return any((inner, outer) in orders for outer, inner in orders)


def _locks(statement: ast.With) -> Iterator[str]:
    """Yield the locks that a ``with`` takes."""
    for item in statement.items:
        text = ast.unparse(item.context_expr)
        if text.endswith((".get_lock()", "lock")):
            yield text


def _inside(module: Module, block: Sequence[ast.stmt]) -> Iterator[str]:
    """Yield the locks that are taken in a block, or in what it calls."""
    names = {one.id for stmt in block for one in ast.walk(stmt) if isinstance(one, ast.Name)}
    called = reached(module, [one for one in module.functions.values() if one.name in names])
    for outer in (*block, *called):
        for node in ast.walk(outer):
            if isinstance(node, ast.With):
                yield from _locks(node)


def _hoist(job: Job, unit: Unit) -> tuple[str, ...]:
    """Return the line that calculates before the lock is taken, what may take long."""
    if unit.first != unit.last:
        return ()
    match unit.statements[0]:
        case ast.AugAssign(value=value) | ast.Assign(value=value) | ast.If(test=value):
            slow = list(_slow(job, value))
        case _:
            return ()
    if len(slow) != 1:
        return ()
    module = job.module
    whole: ast.expr = slow[0]
    statement = unit.statements[0]
    if isinstance(statement, ast.AugAssign) and not job.touch(statement.value):
        whole = statement.value
    if whole.lineno != whole.end_lineno or whole.lineno != statement.lineno:
        return ()
    wanted = "increment" if isinstance(statement, ast.AugAssign) else "value"
    name = fresh(wanted, around(module, whole))
    job.add(Edit(module.start(whole), module.end(whole), name))
    return (f"{name} = {module.text(whole)}",)


def _slow(job: Job, node: ast.expr) -> list[ast.Call]:
    """Return the outermost calls that may take long and do not need the number."""
    if isinstance(node, _ALWAYS):
        return []
    if isinstance(node, ast.Call) and not cheap(job.module, node):
        return [] if job.touch(node) else [node]
    found: list[ast.Call] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            found += _slow(job, child)
        elif isinstance(child, ast.keyword):
            found += _slow(job, child.value)
    return found
