"""The shapes of rewrites, in order of preference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flake8_mpglobals.facts import Facts, LostWrite
from flake8_mpglobals.fixes.plan import Plan
from flake8_mpglobals.fixes.shapes import (
    arguments,
    buffers,
    carried,
    collect,
    items,
    manager,
    states,
    values,
)
from flake8_mpglobals.model import Finding


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of rewrite.

    ``strategy`` is what ``--strategy`` calls it (empty: only where none is asked for),
    ``takes`` whether it is meant for the writes of a place at all.  ``plan`` takes the
    facts of a file and the writes and findings of one place, and gives a plan or raises
    :class:`~flake8_mpglobals.fixes.plan.CannotFix`.  A ``last_resort`` is tried when
    all others refuse, and its own reason tells least.
    """

    strategy: str
    takes: Callable[[Sequence[LostWrite]], bool]
    plan: Callable[[Facts, Sequence[LostWrite], Sequence[Finding]], Plan]
    last_resort: bool = False


SHAPES: tuple[Shape, ...] = (
    Shape(collect.NAME, collect.takes, collect.plan),
    Shape(manager.NAME, manager.takes, manager.plan),
    Shape(manager.NAME, values.takes, values.plan),
    Shape(manager.NAME, buffers.takes, buffers.plan),
    Shape(collect.NAME, collect.takes, collect.plan_beside, last_resort=True),
    Shape(collect.NAME, collect.takes, collect.plan_processes, last_resort=True),
    Shape(manager.NAME, states.takes, states.plan),
    Shape(manager.NAME, carried.takes, carried.plan),
    Shape(manager.NAME, manager.takes_others, manager.plan),
    Shape(manager.NAME, arguments.takes, arguments.plan),
    Shape(collect.NAME, items.takes, items.plan),
    Shape("", collect.takes, collect.plan_paired, last_resort=True),
    Shape(manager.NAME, manager.takes, manager.plan_kept),
    Shape(manager.NAME, manager.takes_others, manager.plan_kept),
)
