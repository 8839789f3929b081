"""The values that leave the pipeline: findings, their places, and fixes.

Everything here is frozen and free of ``ast`` nodes, so that it can be printed,
compared, pickled and cached.  Lines and columns count from 1; columns count
characters, not bytes.  Paths are spelled as they were handed in.
"""

from __future__ import annotations

from typing import Literal

from flake8_mpglobals.records import field, frozen

Applicability = Literal["safe", "unsafe", "display"]


@frozen(order=True)
class Location:
    """One point of a file: ``line`` and ``column`` count from 1."""

    path: str
    line: int
    column: int

    def seen_from(self, path: str) -> str:
        """Return the line as a message about the file ``path`` names it, ``line 3`` or
        ``app/work.py:3``.
        """
        return f"line {self.line}" if self.path == path else f"{self.path}:{self.line}"


@frozen
class Dispatch:
    """A call that hands a callable to another process (or the start of one).

    ``api`` is the name that people use (``Pool.map``), ``kind`` the way memory
    is treated (``process``, ``interpreter``, ``remote``).
    """

    location: Location
    api: str
    kind: str


@frozen
class Step:
    """One link of the way from the dispatch to the write: a function entered there."""

    location: Location
    name: str


@frozen
class Related:
    """Another place that explains the finding, such as the parent's read."""

    location: Location
    message: str


@frozen
class TextEdit:
    """Replace what stands between two positions by ``content``.

    Positions count from 1, columns in characters; ``end`` is exclusive.
    """

    path: str
    start_line: int
    start_column: int
    end_line: int
    end_column: int
    content: str


@frozen
class Fix:
    """A proved rewrite (``edits``), or why there is none (``reason``)."""

    applicability: Applicability
    title: str
    edits: tuple[TextEdit, ...] = ()
    reason: str = ""


@frozen
class Finding:
    """One report of one rule at one point of one file.

    ``message`` is the whole sentence without the code; ``remedy`` is the part of
    it that says what to use instead.  ``end_line``/``end_column`` are exclusive.
    ``origin`` is the write that it is about, where that is in another file.
    """

    code: str
    name: str
    message: str
    location: Location
    end_line: int
    end_column: int
    place: str = ""
    worker: str = ""
    remedy: str = ""
    dispatches: tuple[Dispatch, ...] = ()
    chain: tuple[Step, ...] = ()
    related: tuple[Related, ...] = ()
    fix: Fix | None = field(default=None, compare=False)
    origin: Location | None = None

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Findings are reported by path, line, column, code."""
        where = self.location
        return (where.path, where.line, where.column, self.code, self.message)


@frozen(order=True)
class FileError:
    """A file that could not be read, decoded or parsed, or a wrong setting.

    ``line`` and ``column`` are 0 where there is none.
    """

    path: str
    line: int
    column: int
    message: str


@frozen
class FileReport:
    """What checking one file gave.

    ``lines`` holds the text of the lines that the findings mention, by number,
    for reporters that show them.
    """

    path: str
    findings: tuple[Finding, ...] = ()
    errors: tuple[FileError, ...] = ()
    lines: tuple[tuple[int, str], ...] = ()
