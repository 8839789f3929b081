"""MPG302: take the lock of a ``Value`` or ``Array`` around a read and the store that follows."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from flake8_mpglobals.facts import Facts, SharedUse
from flake8_mpglobals.fixes.layout import Sheet
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix, Plan
from flake8_mpglobals.fixes.shapes.atomic import Atomic, Unit
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.locking import lock
from flake8_mpglobals.fixes.touches import Touches
from flake8_mpglobals.model import Finding

_OWN_LOCK = ("multiprocessing.Value", "multiprocessing.Array")


class _Object(Touches):
    """A shared object under one name in one function: nothing else is known to use it."""

    def __init__(self, place: str) -> None:
        self.place = place

    def uses(self, node: ast.AST, exempt: object = ()) -> Iterator[ast.expr]:
        """Yield the expressions under ``node`` that are the object."""
        assert exempt is not None
        yield from _named(node, self.place)


_BLOCKING = frozenset({"acquire", "release", "join", "wait", "recv", "put", "wait_for"})
"""Methods that may wait for another process, or end what somebody waits for."""


def plan(facts: Facts, findings: Sequence[Finding]) -> Plan:
    """Return the plan that puts the updates of one object under its lock.

    Raises :class:`CannotFix` where it has none, or where no few statements hold
    both the read and the store.
    """
    module = Module(facts.source, facts.tree)
    sheet = Sheet(module)
    jobs: list[Job] = []
    seen: set[tuple[Function, str]] = set()
    for use in _uses(facts, findings):
        function, name = _where(module, use)
        if (function, name) in seen:
            continue
        seen.add((function, name))
        job = Job(module, _Object(name), "", sheet, [], [])
        units = _units(module, function, job.touches, findings)
        lock(job, units, f"{name}.get_lock()")
        jobs.append(job)
    edits = {sheet.deepen(edit) for job in jobs for edit in job.found} | set(sheet.edits())
    return Plan(
        tuple(findings),
        findings[0].place,
        "safe",
        "Take the lock around the read and the store",
        tuple(sorted(edits)),
    )


def _uses(facts: Facts, findings: Sequence[Finding]) -> Iterator[SharedUse]:
    places = {finding.location for finding in findings}
    for use in facts.shared:
        if use.kind == "unlocked" and use.location in places:
            yield use


def _where(module: Module, use: SharedUse) -> tuple[Function, str]:
    """Return the function of an update, and the name of the object there."""
    line = use.location.line
    if use.origin is not None or use.maker not in _OWN_LOCK:
        raise CannotFix(f"what line {line} updates has no lock of its own: hand one over")
    _check_made(module, use)
    function = module.function(use.node)
    if function is None:
        raise CannotFix(f"line {line} stands outside of functions")
    target = use.node
    if isinstance(target, ast.Assign) and len(target.targets) == 1:
        target = target.targets[0]
    elif isinstance(target, ast.AugAssign):
        target = target.target
    match target:
        case ast.Attribute(value=owner, attr="value") | ast.Subscript(value=owner):
            root = owner
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name):
                return function, ast.unparse(owner)
    raise CannotFix(f"line {line} updates the object in a way that the fix does not follow")


def _check_made(module: Module, use: SharedUse) -> None:
    """Refuse an object that may have been made without a lock."""
    lines = {one.location.line for one in use.made}
    made = [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and node.lineno in lines
        and ast.unparse(node.func).rpartition(".")[2] in ("Value", "Array")
    ]
    if not made or any(one.arg in ("lock", None) for call in made for one in call.keywords):
        raise CannotFix(f"it is not seen that what line {use.location.line} updates has a lock")


def _units(
    module: Module, function: Function, touches: Touches, findings: Sequence[Finding]
) -> list[Unit]:
    """Return the statements to lock of those that hold a finding."""
    name = touches.place
    mentions = list(_named(function, name))
    if any(module.function(one) is not function for one in mentions):
        raise CannotFix(f"a nested function uses {name!r} as well")
    if any(isinstance(getattr(one, "ctx", None), ast.Store) for one in mentions):
        raise CannotFix(f"{name!r} is bound in the function that updates it")
    lines = {finding.location.line for finding in findings}
    units = Atomic(module, touches, function, mentions, elements=True, changes=_changes).units()
    found = [
        unit
        for unit in units
        if lines & set(range(unit.statements[0].lineno, (unit.statements[-1].end_lineno or 0) + 1))
    ]
    if not found:
        raise CannotFix(f"the read that line {min(lines)} depends on is not in that function")
    for unit in found:
        for statement in unit.statements:
            if any(isinstance(node, (ast.With, ast.AsyncWith)) for node in ast.walk(statement)):
                raise CannotFix(
                    f"line {statement.lineno} has a 'with' of its own between read and store"
                )
            for node in ast.walk(statement):
                match node:
                    case ast.Call(func=ast.Attribute(attr=name)) if name in _BLOCKING:
                        raise CannotFix(
                            f"line {node.lineno} calls {name}() between read and store, which may "
                            "wait for whoever needs the lock"
                        )
    return found


def _named(node: ast.AST, name: str) -> Iterator[ast.expr]:
    for one in ast.walk(node):
        if isinstance(one, (ast.Name, ast.Attribute)) and ast.unparse(one) == name:
            yield one


def _changes(module: Module, name: ast.expr) -> bool:
    """Whether a use of the object stores its value or an item of it."""
    parent = module.parents[name]
    if isinstance(parent, ast.Attribute):
        return parent.attr == "value" and isinstance(parent.ctx, ast.Store)
    return (
        isinstance(parent, ast.Subscript)
        and parent.value is name
        and isinstance(parent.ctx, ast.Store)
    )
