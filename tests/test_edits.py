"""Edits keep what they do not cover, merge what is the same and refuse what collides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flake8_mpglobals.fixes.edits import (
    Edit,
    EditConflictError,
    apply,
    as_text_edits,
    breaks_moved,
    compatible,
    lines_of,
    merge,
    overlap,
    position,
)
from flake8_mpglobals.source import Source

TEXT = st.text(alphabet="ab é\t\n\r\U0001f40d", max_size=30)


@st.composite
def texts_and_edits(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    text = draw(TEXT)
    edits = []
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, len(text)))
        edits.append(Edit(start, end, draw(TEXT)))
    return text, edits


def collide(one: Edit, other: Edit) -> bool:
    """Say in another way whether both edits can be made: by the characters they take."""
    if one == other:
        return False
    if one.start == one.end == other.start == other.end:
        return True
    gaps = {(edit.start, edit.end) for edit in (one, other)}
    taken = [set(range(start, end)) for start, end in gaps]
    if len(gaps) == 1 and one.start != one.end:
        return True
    if len(taken) == 2 and taken[0] & taken[1]:
        return True
    return any(
        point.start == point.end and wide.start < point.start < wide.end
        for point, wide in ((one, other), (other, one))
    )


@given(texts_and_edits())
def test_merge_refuses_exactly_the_collisions(case: tuple[str, list[Edit]]) -> None:
    _, edits = case
    pairs = [(one, other) for one in edits for other in edits if one != other]
    expected = any(collide(one, other) for one, other in pairs)
    assert any(overlap(one, other) for one, other in pairs) == expected
    if expected:
        with pytest.raises(EditConflictError):
            merge(edits)
    else:
        assert set(merge(edits)) == set(edits)
        assert list(merge(edits)) == sorted(set(edits))


@given(texts_and_edits())
def test_apply_changes_only_what_is_covered(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    try:
        ordered = merge(edits)
    except EditConflictError:
        return
    pieces, reach = [], 0
    for edit in ordered:
        pieces += [text[reach : edit.start], edit.text]
        reach = edit.end
    assert apply(text, edits) == "".join([*pieces, text[reach:]])
    assert apply(text, reversed(edits)) == apply(text, edits)


@given(texts_and_edits())
def test_a_plan_goes_with_itself_or_not_at_all(case: tuple[str, list[Edit]]) -> None:
    _, edits = case
    assert compatible(edits, edits) == compatible(edits, [])


@given(TEXT)
def test_positions_and_offsets_agree(text: str) -> None:
    source = Source.from_text("a.py", text)
    for offset in range(len(text) + 1):
        line, column = position(source, offset)
        assert source.starts[line - 1] + column - 1 == offset
        assert line == len(source.starts) or offset < source.starts[line]


@given(texts_and_edits())
def test_text_edits_say_the_same(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    source = Source.from_text("a.py", text)
    try:
        given_out = as_text_edits(source, edits)
    except EditConflictError:
        return
    again = [
        Edit(
            source.starts[one.start_line - 1] + one.start_column - 1,
            source.starts[one.end_line - 1] + one.end_column - 1,
            one.content,
        )
        for one in given_out
    ]
    assert apply(text, again) == apply(text, edits)


def test_the_same_import_twice_is_added_once() -> None:
    once = Edit(0, 0, "import os\n")
    assert apply("x\n", [once, once]) == "import os\nx\n"


def test_an_insertion_goes_before_a_replacement_at_the_same_point() -> None:
    assert apply("abc", [Edit(1, 2, "B"), Edit(1, 1, "-")]) == "a-Bc"


def test_two_insertions_at_one_point_collide() -> None:
    assert not compatible([Edit(1, 1, "x")], [Edit(1, 1, "y")])


def test_a_wide_edit_collides_with_each_inside_of_it() -> None:
    with pytest.raises(EditConflictError):
        merge([Edit(0, 9, ""), Edit(1, 2, "x"), Edit(9, 9, "y")])


def test_ranges_run_forwards_and_inside_the_text() -> None:
    with pytest.raises(ValueError, match="not a range"):
        Edit(2, 1, "")
    with pytest.raises(ValueError, match="behind the end"):
        apply("ab", [Edit(3, 3, "x")])


def test_the_lines_of_edits() -> None:
    source = Source.from_text("a.py", "one\r\ntwo\r\nthree")
    assert lines_of(source, [Edit(1, 2, "x"), Edit(6, 11, "")]) == {1, 2, 3}


def test_a_line_that_moves_to_the_right_takes_no_new_lines() -> None:
    text = "a\nb(c)\n"
    moved = [Edit(2, 2, "    ")]
    assert breaks_moved(text, moved, [Edit(4, 5, "\n    c,\n")])
    assert not breaks_moved(text, moved, [Edit(4, 5, "d")])
    assert not breaks_moved(text, moved, [Edit(0, 0, "x\ny\n")])
    assert not breaks_moved(text, [Edit(2, 2, "z")], [Edit(4, 5, "\n    c,\n")])
