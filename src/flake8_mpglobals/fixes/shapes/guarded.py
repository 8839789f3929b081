"""A shared list or dict that workers read and write again: a lock goes with the proxy."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.naming import around, fresh
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.setters import shared_of
from flake8_mpglobals.fixes.shapes.atomic import Atomic, Unit
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.locking import lock
from flake8_mpglobals.fixes.shapes.proxy_use import changes, counts, grown
from flake8_mpglobals.fixes.touches import Touches

Units = Mapping[Function, Sequence[Unit]]


def units_of(module: Module, touches: Touches, functions: Sequence[Function], kind: str) -> Units:
    """Return what each function of worker code must do under one lock.

    Raises :class:`CannotFix` where no lock around a few statements would do.
    """
    found: dict[Function, list[Unit]] = {}
    for function in functions:
        uses: list[ast.expr] = [*touches.mentioned_in(function)]
        atomic = Atomic(
            *(module, touches, function, uses),
            elements=True,
            changes=changes,
            renews=counts if kind == "Counter" else grown,
        )
        units = atomic.units()
        if units:
            found[function] = units
    return found


def check_only(touches: Touches, functions: Iterable[Function], only: Sequence[Function]) -> None:
    """Raise :class:`CannotFix` where one of ``functions``, which uses what only workers have,
    may run elsewhere.
    """
    for function in functions:
        if not any(function is one for one in only):
            raise CannotFix(
                f"{function.name!r} (line {function.lineno}) uses {touches.place!r} in workers "
                "and may be called in the parent, too: give the workers a function of their own"
            )


@dataclass
class LockedJob(Job):
    """A list or dict that is shared with a lock called ``lock``.

    ``again``: one who holds it may come to take it again; ``owner`` is what the parent keeps
    it in, with a dot, if it is no variable.
    """

    lock: str = ""
    again: bool = False
    owner: str = ""

    @property
    def body(self) -> tuple[str, ...]:
        """The lines by which a setter binds the place and the lock."""
        first, second = self.parameter.split(", ")
        return (
            f"global {self.place}, {self.lock}",
            f"{self.place} = {first}",
            f"{self.lock} = {second}",
        )

    @property
    def parameter(self) -> str:
        """The names of the setters' parameters."""
        return f"{shared_of(self.place)}, {shared_of(self.lock)}"

    def makes(self, shared: str, manager: str) -> tuple[str, ...]:
        """Return the lines by which ``manager`` makes the proxy and the lock."""
        made = "RLock" if self.again else "Lock"
        name = f"{self.owner}{shared_of(self.lock)}"
        return (*super().makes(shared, manager), f"{name} = {manager}.{made}()")

    def handed(self, shared: str) -> str:
        """Return the proxy and the lock, as arguments."""
        return f"{shared}, {self.owner}{shared_of(self.lock)}"

    def take(self, units: Units) -> None:
        """Put the lock around all that needs it."""
        for found in units.values():
            lock(self, found, self.lock)


def locked(job: Job, units: Units) -> LockedJob:
    """Return ``job`` with a lock for ``units``."""
    module, touches = job.module, job.touches
    stem = job.place.strip("_") or job.place
    name = fresh(f"{stem.lower() if stem.isupper() else stem}_lock", module.identifiers)
    for call in job.calls:
        if shared_of(name) in around(module, call):
            raise CannotFix(f"the name {shared_of(name)!r} is taken in line {call.lineno}")
    again = any(
        not (isinstance(use, ast.Name) and use.id == job.place)
        for found in units.values()
        for unit in found
        for statement in unit.statements
        for use in touches.uses(statement)
    )
    return LockedJob(
        *(module, touches, job.kind, job.sheet, job.exempt, job.calls, "", job.deletes),
        lock=name,
        again=again,
    )
