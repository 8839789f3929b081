"""What every reporter is given."""

from __future__ import annotations

from collections.abc import Mapping

from flake8_mpglobals.model import FileError, Finding
from flake8_mpglobals.records import field, frozen


@frozen
class Report:
    """The outcome of one run: findings in their order, and what went wrong.

    ``lines`` holds source lines by path and number, as far as findings mention
    them; ``files`` counts the files that were looked at.
    """

    findings: tuple[Finding, ...]
    errors: tuple[FileError, ...] = ()
    lines: Mapping[tuple[str, int], str] = field(default_factory=dict)
    files: int = 0


@frozen
class Style:
    """How to print: ``colour`` with ANSI colours, ``quiet`` without a summary."""

    colour: bool = False
    quiet: bool = False


def place(error: FileError) -> str:
    """Return ``path:line:col``, as much of it as is known."""
    if not error.line:
        return error.path
    return f"{error.path}:{error.line}:{max(error.column, 1)}"


def sentence(finding: Finding) -> str:
    """Return the message without the remedy that ends it."""
    return (
        finding.message.removesuffix(f": {finding.remedy}") if finding.remedy else finding.message
    )
