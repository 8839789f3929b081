"""Which findings a ``# noqa`` silences, decided by flake8's own functions.

flake8 is imported only where a text says ``noqa`` at all.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flake8_mpglobals.model import Finding
from flake8_mpglobals.source import Source

if TYPE_CHECKING:
    from flake8.processor import FileProcessor

_WORD = re.compile("noqa", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n?")


class Noqa:
    """The ``noqa`` comments of one text; asking changes nothing.

    Lines count from 1.  A comment counts for the lines that flake8 joins: those
    of a string that it follows, and those that a backslash continues.
    """

    __slots__ = ("_path", "_processor", "whole_file")

    def __init__(self, source: Source) -> None:
        self._path = source.path
        self._processor: FileProcessor | None = None
        self.whole_file = False
        if _WORD.search(source.text):
            self._processor = _processor(source)
            self.whole_file = self._processor.should_ignore_file()

    def silences(self, line: int, code: str) -> bool:
        """Whether a finding of ``code`` that points at ``line`` is silenced."""
        if self._processor is None:
            return False
        if self.whole_file:
            return True
        from flake8.violation import Violation

        physical = self._processor.noqa_line_for(line)
        if physical is None:
            lines = self._processor.lines
            physical = lines[line - 1] if 0 < line <= len(lines) else ""
        violation = Violation(code, self._path, line, 1, "", physical)
        return bool(violation.is_inline_ignored(False))

    def silences_any(self, lines: Iterable[int], codes: Iterable[str]) -> bool:
        """Whether on one of the lines one of the codes is silenced (then no fix may go there)."""
        if self._processor is None:
            return False
        asked = tuple(codes)
        return any(self.silences(line, code) for line in lines for code in asked)


def keep(source: Source, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings of ``source`` that no ``noqa`` silences."""
    found = tuple(findings)
    if not found:
        return ()
    noqa = Noqa(source)
    return tuple(one for one in found if not noqa.silences(one.location.line, one.code))


def _processor(source: Source) -> FileProcessor:
    from flake8.processor import FileProcessor

    # What FileProcessor reads of flake8's options; none of it bears on noqa but the first.
    options = argparse.Namespace(
        disable_noqa=False,
        hang_closing=False,
        indent_size=4,
        max_line_length=79,
        max_doc_length=None,
        verbose=0,
        stdin_display_name=source.path,
    )
    text = _LINE_END.sub("\n", source.text)
    lines = [line + "\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return FileProcessor(source.path, options, lines=[*lines, last] if last else lines)
