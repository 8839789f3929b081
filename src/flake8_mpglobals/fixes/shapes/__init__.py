"""The shapes of rewrites, in order of preference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flake8_mpglobals.facts import Facts, LostWrite
from flake8_mpglobals.fixes.plan import Plan
from flake8_mpglobals.fixes.shapes import manager
from flake8_mpglobals.model import Finding


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of rewrite.

    ``plan`` takes the facts of a file and the writes and findings of one place,
    and gives a plan or raises :class:`~flake8_mpglobals.fixes.plan.CannotFix`.
    """

    name: str
    plan: Callable[[Facts, Sequence[LostWrite], Sequence[Finding]], Plan]


SHAPES: tuple[Shape, ...] = (Shape(manager.NAME, manager.plan),)
