"""Edits over the text of one file: how they are ordered, merged and applied.

An edit replaces a range of *characters* of :attr:`Source.text`; everything that
no edit covers stays as it is, line ends included.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from flake8_mpglobals.model import TextEdit
from flake8_mpglobals.source import Source


class EditConflictError(Exception):
    """Two different edits that want the same characters or the same point."""


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace ``text[start:end]`` by ``text``; ``start == end`` inserts."""

    start: int
    end: int
    text: str

    def __post_init__(self) -> None:
        """Reject a range that runs backwards: ``ValueError``."""
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not a range: {self.start}..{self.end}")


def overlap(one: Edit, other: Edit) -> bool:
    """Whether two different edits cannot both be applied.

    Ranges that only touch do not overlap.  Two insertions at one point do (their
    order would be a guess), and so does an insertion inside a replaced range.
    """
    if one.start == one.end and other.start == other.end:
        return one.start == other.start
    if one.start == one.end:
        return other.start < one.start < other.end
    if other.start == other.end:
        return one.start < other.start < one.end
    return one.start < other.end and other.start < one.end


def merge(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Return the edits in order of position, identical ones once.

    Raises :class:`EditConflictError` where two different ones overlap.
    """
    ordered = sorted(set(edits))
    widest: Edit | None = None  # of those seen so far, the one that reaches furthest
    for before, after in pairwise(ordered):
        if widest is None or before.end >= widest.end:
            widest = before
        if overlap(before, after) or overlap(widest, after):
            raise EditConflictError(f"{before} and {after}")
    return tuple(ordered)


def compatible(one: Iterable[Edit], other: Iterable[Edit]) -> bool:
    """Whether two plans can be applied together."""
    try:
        merge((*one, *other))
    except EditConflictError:
        return False
    return True


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return ``text`` with all edits made.

    Raises :class:`EditConflictError` where they overlap, ``ValueError`` where one lies
    outside of the text.
    """
    ordered = merge(edits)
    if ordered and max(edit.end for edit in ordered) > len(text):
        raise ValueError("an edit lies behind the end of the text")
    # An insertion stands before a replacement that begins at the same point:
    # sorted order has it first, so going from the right it is made last.
    for edit in reversed(ordered):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def position(source: Source, offset: int) -> tuple[int, int]:
    """Return line and column (from 1, in characters) of a character offset."""
    low, high = 0, len(source.starts) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if source.starts[middle] <= offset:
            low = middle
        else:
            high = middle - 1
    return low + 1, offset - source.starts[low] + 1


def lines_of(source: Source, edits: Iterable[Edit]) -> frozenset[int]:
    """Return the numbers of the lines that the edits replace or insert into."""
    touched: set[int] = set()
    for edit in edits:
        first, _ = position(source, edit.start)
        last, _ = position(source, edit.end)
        touched.update(range(first, last + 1))
    return frozenset(touched)


def as_text_edits(source: Source, edits: Iterable[Edit]) -> tuple[TextEdit, ...]:
    """Return the edits as values that leave the pipeline, in order of position."""
    return tuple(
        TextEdit(source.path, *position(source, edit.start), *position(source, edit.end), edit.text)
        for edit in merge(edits)
    )


def breaks_moved(text: str, moving: Iterable[Edit], others: Iterable[Edit]) -> bool:
    """Whether ``others`` break a line of ``text`` that ``moving`` moves to the right."""
    moved = {
        edit.start
        for edit in moving
        if edit.start == edit.end and edit.text and not edit.text.strip(" \t")
    }
    return bool(moved) and any(
        "\n" in edit.text.rstrip("\n") and text.rfind("\n", 0, edit.start) + 1 in moved
        for edit in others
    )
