"""Reads of the parent that do not look for what a worker changes.

Two kinds.  The parent runs the worker's own code as well (in a serial branch, or on
other data): what it reads there, it has put there itself.  And a function of another
module that nothing in sight calls belongs to some other program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from flake8_mpglobals.boundaries import Boundaries, DispatchSite
from flake8_mpglobals.effects import RawWrite
from flake8_mpglobals.ir import Function, Imported, Module, Result, Store
from flake8_mpglobals.program import Program
from flake8_mpglobals.reach import Reach


class Bystanders:
    """Answers, for one program, which readers are none that a lost write misses."""

    def __init__(self, program: Program, boundaries: Boundaries, reach: Reach) -> None:
        self._main = program.main
        self._boundaries = boundaries
        self._reach = reach
        self._below: dict[Function, frozenset[Function]] = {}

    def stands_by(
        self,
        reader: Function,
        write: RawWrite,
        sites: Iterable[DispatchSite],
        workers: Iterable[Function],
    ) -> bool:
        """Whether a read in ``reader`` is none that looks for ``write``, which ``workers``
        make that ``sites`` start.
        """
        makers = {site.call.function for site in sites}
        if reader.is_module or reader in makers:
            return False
        homes = {self._main, *(maker.module for maker in makers)}
        if reader.module not in homes and not self._used_in(reader, homes):
            return True
        return (
            (reader.module not in homes or _sets(write))
            and any(reader in self._reach.regions[worker].entered for worker in workers)
            and write.function in self._closure(reader)
        )

    def _used_in(self, function: Function, modules: Iterable[Module]) -> bool:
        """Whether the parent's code in ``modules`` calls a function, or at least names it."""
        return any(
            function in self._closure(caller)
            for module in modules
            for caller in (module.body, *module.functions)
            if caller in self._reach.parent
        ) or any(
            re.search(rf"\b{re.escape(function.name)}\b", module.source.text) for module in modules
        )

    def _closure(self, start: Function) -> frozenset[Function]:
        """Return ``start`` and what it calls, directly or not."""
        known = self._below.get(start)
        if known is None:
            found: set[Function] = set()
            stack = [start]
            while stack:
                function = stack.pop()
                if function not in found:
                    found.add(function)
                    stack.extend(t.function for _, t in self._boundaries.edges_of(function))
            known = self._below[start] = frozenset(found)
        return known


def looked_up(write: RawWrite) -> bool:
    """Whether a write stores what each process looks up by name: a logger."""
    event = write.event
    return (
        isinstance(event, Store)
        and bool(event.values)
        and all(
            isinstance(value, Result) and Imported("logging.getLogger") in value.call.callee
            for value in event.values
        )
    )


def _sets(write: RawWrite) -> bool:
    """Whether a write gives the place a new value, whatever it held."""
    event = write.event
    return isinstance(event, Store) and event.how in ("bind", "attr")
