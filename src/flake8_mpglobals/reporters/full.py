"""The report for people: each finding with its code, and how the change is lost.

One frame shows, in the order of the file, where the worker is started, the
functions on the way, the write and the parent's read; what lies in other files
is named below the frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from flake8_mpglobals.model import Finding, Location
from flake8_mpglobals.records import frozen
from flake8_mpglobals.reporters.base import Report, Style, sentence

_READS = 3
"""So many of the parent's reads are shown; the rest is counted."""
_DISPATCHES = 3
_TAB = 4
_DEF = re.compile(r"(?:async\s+)?def\s+|class\s+")
_NAME = re.compile(r"[\w.]+")
_CODES = {"red": "1;31", "blue": "1;34", "cyan": "36", "bold": "1", "green": "1;32", "dim": "2"}


@frozen
class _Mark:
    """One underlined stretch: columns from 1, ``end`` exclusive; 0: to the end of the name."""

    line: int
    column: int
    end: int
    label: str
    main: bool = False


def render(report: Report, style: Style) -> str:
    """Return the findings, each with its frame, and a closing line."""
    paint = _Paint(style.colour)
    blocks = ["\n".join(_finding(one, report, paint)) + "\n" for one in report.findings]
    if not style.quiet:
        blocks.append(_summary(report, paint))
    return "\n".join(blocks)


def _summary(report: Report, paint: _Paint) -> str:
    count = len(report.findings)
    if not count:
        return "" if report.errors or not report.files else "All checks passed!\n"
    files = len({one.location.path for one in report.findings})
    codes = sorted({one.code for one in report.findings})
    found = f"Found {_many(count, 'problem')} in {_many(files, 'file')}."
    return f"{paint(found, 'bold')} `mpglobals explain {codes[0]}` tells more.\n"


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _finding(finding: Finding, report: Report, paint: _Paint) -> Iterator[str]:
    """Yield the lines of one finding."""
    where = finding.location
    code = paint(finding.code, "red")
    yield f"{code} {paint(finding.name, 'bold')}: {_clean(sentence(finding))}"
    marks, notes = _story(finding)
    wide = max((len(str(mark.line)) for mark in marks), default=1)
    gutter = " " * wide
    arrow = paint("-->", "blue")
    yield f"{gutter}{arrow} {_clean(where.path)}:{where.line}:{where.column}"
    frame = list(_frame(marks, where.path, report, wide, paint))
    if frame:
        yield f"{gutter} {paint('|', 'blue')}"
        yield from frame
        yield f"{gutter} {paint('|', 'blue')}"
    for note in notes:
        yield f"{gutter} {paint('=', 'blue')} {_clean(note)}"
    if finding.remedy:
        yield f"{gutter} {paint('=', 'blue')} {paint('help:', 'green')} {_clean(finding.remedy)}"


def _story(finding: Finding) -> tuple[list[_Mark], list[str]]:
    """Return what is marked in the frame, and what is told in words below it."""
    where = finding.location
    same_line = finding.end_line == where.line
    end = max(finding.end_column, where.column + 1) if same_line else -1
    marks = [_Mark(where.line, where.column, end, _main_label(finding), True)]
    notes: list[str] = []

    def tell(location: Location, label: str) -> None:
        if location.path != where.path:
            notes.append(f"{_spot(location)}: {label}")
        elif (location.line, location.column) != (where.line, where.column):
            marks.append(_Mark(location.line, location.column, 0, label))

    for dispatch in finding.dispatches[:_DISPATCHES]:
        tell(
            dispatch.location,
            f"{dispatch.api} starts {_worker(finding)} in {_elsewhere(dispatch.kind)}",
        )
    for number, step in enumerate(finding.chain):
        if number == 0:
            tell(step.location, f"{step.name!r} runs in the worker")
        else:
            tell(step.location, f"... which calls {step.name!r}")
    for related in finding.related[:_READS]:
        tell(related.location, related.message)
    for word, seen, limit in (
        ("dispatch", finding.dispatches, _DISPATCHES),
        ("place in the parent", finding.related, _READS),
    ):
        if len(seen) > limit:
            notes.append(_rest(len(seen) - limit, word, seen[limit].location))
    return marks, notes


def _rest(count: int, word: str, first: Location) -> str:
    what = (
        f"1 more {word}" if count == 1 else f"{count} more {word.replace('dispatch', 'dispatche')}s"
    )
    if "place" in word and count > 1:
        what = f"{count} more places in the parent"
    return f"{what}, from {_spot(first)}" if count > 1 else f"{what}: {_spot(first)}"


def _main_label(finding: Finding) -> str:
    if finding.code.startswith("MPG1"):
        return "only the worker's own copy changes"
    return ""


def _worker(finding: Finding) -> str:
    return f"{finding.worker!r}" if finding.worker else "it"


def _elsewhere(kind: str) -> str:
    return {"interpreter": "another interpreter", "remote": "a remote process"}.get(
        kind, "another process"
    )


def _spot(location: Location) -> str:
    return f"{location.path}:{location.line}:{location.column}"


def _frame(
    marks: list[_Mark], path: str, report: Report, wide: int, paint: _Paint
) -> Iterator[str]:
    """Yield the marked lines in order, with what is said about them underneath."""
    by_line: dict[int, list[_Mark]] = {}
    for mark in marks:
        by_line.setdefault(mark.line, []).append(mark)
    bar = paint("|", "blue")
    before = 0
    for line in sorted(by_line):
        text = report.lines.get((path, line))
        if text is None:
            continue
        if before and line > before + 1:
            yield paint("...", "blue")
        yield f"{paint(f'{line:>{wide}}', 'blue')} {bar} {_expand(text)}".rstrip()
        # The mark furthest right comes first, so that labels never cross.
        for mark in _merged(sorted(by_line[line], key=lambda one: (-one.column, not one.main))):
            begin, length = _span(text, mark)
            sign = "^" if mark.main else "-"
            tint = "red" if mark.main else "cyan"
            under = f"{sign * length} {_clean(mark.label)}".rstrip()
            yield f"{' ' * wide} {bar} {' ' * begin}{paint(under, tint)}"
        before = line


def _merged(marks: Iterable[_Mark]) -> Iterator[_Mark]:
    """Drop marks that say nothing new at a place that is marked already."""
    seen: set[tuple[int, str]] = set()
    for mark in marks:
        if (mark.column, mark.label) not in seen:
            seen.add((mark.column, mark.label))
            yield mark


def _span(text: str, mark: _Mark) -> tuple[int, int]:
    """Return where the underline begins on the screen, and how long it is."""
    start = mark.column - 1
    if mark.end > 0:
        end = mark.end - 1
    elif mark.end < 0:
        end = len(text.rstrip())
    else:
        head = _DEF.match(text, start)
        start = head.end() if head else start
        name = _NAME.match(text, start)
        end = name.end() if name else start + 1
    begin = _width(text[:start])
    return begin, max(_width(text[:end]) - begin, 1)


def _expand(text: str) -> str:
    """Return a source line as the screen can show it: tabs set, no control characters."""
    shown = []
    column = 0
    for character in text:
        if character == "\t":
            step = _TAB - column % _TAB
            shown.append(" " * step)
            column += step
        else:
            shown.append(_clean(character))
            column += _cells(character)
    return "".join(shown)


def _width(text: str) -> int:
    column = 0
    for character in text:
        column += _TAB - column % _TAB if character == "\t" else _cells(character)
    return column


def _cells(character: str) -> int:
    if character.isascii():
        return 1
    import unicodedata

    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _clean(text: str) -> str:
    """Replace what could steer a terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


class _Paint:
    """Colours text, or leaves it as it is."""

    __slots__ = ("_on",)

    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, text: str, colour: str) -> str:
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self._on else text
