"""What a shape answers for one place: a plan, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.model import Applicability, Finding


class CannotFix(Exception):  # noqa: N818 - an answer, not an error
    """No rewrite is proved; ``reason`` is one line that says what stands in the way."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MendFirst(CannotFix):
    """Another place has to be mended before this one can be."""


class NeedsLock(CannotFix):
    """Nothing can be shared without a lock around what reads and what writes."""


class Unsuited(CannotFix):
    """The shape is not meant for such a dispatch: what other shapes lack tells more."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All edits that one place needs: declaration, workers, dispatches, imports.

    ``findings`` are the reports that the plan answers; it is applied whole or not
    at all.  ``why`` says why it needs a look, where it is not safe; ``places`` are what
    its edits mend besides.
    """

    findings: tuple[Finding, ...]
    place: str
    applicability: Applicability
    title: str
    edits: tuple[Edit, ...]
    why: str = ""
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A finding that is left as it is, and the reason: one line for people."""

    finding: Finding
    reason: str
