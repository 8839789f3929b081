"""What a rule is: one declaration, from which docs, ``explain`` and tables come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flake8_mpglobals.records import frozen

if TYPE_CHECKING:
    from flake8_mpglobals.facts import Facts
    from flake8_mpglobals.model import Finding


@frozen
class Rule:
    """One rule.  ``bad`` must fire and ``good`` must be silent: tests run both.

    ``check`` takes the facts of one file and yields findings; ``why``, ``limits``
    and ``remedy`` are Markdown paragraphs for people.
    """

    code: str
    name: str
    summary: str
    why: str
    bad: str
    good: str
    limits: str
    remedy: str
    since: str
    default: bool
    check: Callable[[Facts], Iterable[Finding]]
