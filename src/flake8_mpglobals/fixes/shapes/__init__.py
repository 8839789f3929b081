"""The shapes of rewrites, in order of preference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flake8_mpglobals.facts import Facts, LostWrite
from flake8_mpglobals.fixes.plan import Plan
from flake8_mpglobals.fixes.shapes import buffers, manager, values
from flake8_mpglobals.model import Finding


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of rewrite.

    ``strategy`` is what ``--strategy`` calls it, ``takes`` whether it is meant for
    the writes of a place at all.  ``plan`` takes the facts of a file and the writes
    and findings of one place, and gives a plan or raises
    :class:`~flake8_mpglobals.fixes.plan.CannotFix`.
    """

    strategy: str
    takes: Callable[[Sequence[LostWrite]], bool]
    plan: Callable[[Facts, Sequence[LostWrite], Sequence[Finding]], Plan]


SHAPES: tuple[Shape, ...] = (
    Shape(manager.NAME, manager.takes, manager.plan),
    Shape(manager.NAME, values.takes, values.plan),
    Shape(manager.NAME, buffers.takes, buffers.plan),
)
