"""Lines that a fix makes too long are split as black and ``ruff format`` would."""

from __future__ import annotations

import pytest

from flake8_mpglobals.fixes.edits import Edit, apply
from flake8_mpglobals.fixes.splitting import split
from flake8_mpglobals.source import Source

SPLITS = {
    "    value = call(one, two, three)": "    value = call(\n        one, two, three\n    )",
    "    value = call(one, two, three, four, five)": "    value = call(\n        one,\n"
    "        two,\n        three,\n        four,\n        five,\n    )",
    "    value = [one(1), two(2, 3), three]": "    value = [\n        one(1),\n        two(2, 3),\n"
    "        three,\n    ]",
    "    return [one + 1 for one in many]": "    return [\n        one + 1 for one in many\n    ]",
    "    return sum(one for one in plenty)": "    return sum(\n"
    "        one for one in plenty\n    )",
    "    return [await one(1) for one in range(10)]": "    return [\n        await one(1)\n"
    "        for one in range(10)\n    ]",
    "    for one in call(first, second, 3):\n        pass": "    for one in call(\n"
    "        first, second, 3\n    ):\n        pass",
    "    for (one, two), x in call(first):\n        pass": "    for (one, two), x in call(\n"
    "        first\n    ):\n        pass",
    "    value = {'a': 1, 'b': 'two', 'c': 3}": "    value = {\n        'a': 1,\n"
    "        'b': 'two',\n        'c': 3,\n    }",
}
LEFT = (
    "    value = call(one, two, three)  # why",
    "    value = call(one)(two, three, four)",
    "    value = 'a string that is long enough'",
    "    value = call(one,two, three, four)",
)


def edited(line: str) -> tuple[Source, tuple[Edit, ...]]:
    """Return a text with a shorter line, and the edit that makes it the line."""
    text = "async def f():\n    x\n"
    source = Source.from_text("x.py", text)
    start = source.starts[1] + 4
    old = text[start:].rstrip("\n")
    return source, (Edit(start, start + len(old), line.lstrip()),)


@pytest.mark.parametrize("line", SPLITS)
def test_the_last_bracket_is_split(line: str) -> None:
    source, edits = edited(line)
    assert apply(source.text, edits) == f"async def f():\n{line}\n"
    result = apply(source.text, split(source, edits, 32))
    assert result == f"async def f():\n{SPLITS[line]}\n"


@pytest.mark.parametrize("line", LEFT)
def test_what_is_not_plain_is_left(line: str) -> None:
    source, edits = edited(line)
    assert split(source, edits, 32) == edits


def test_a_line_that_was_too_long_before_is_left() -> None:
    source = Source.from_text("x.py", "value = call(one, two, three, four)\n")
    edits = (Edit(0, 0, "if True:\n    "),)
    assert split(source, edits, 32) == edits


def test_edits_beside_the_split_stay() -> None:
    source = Source.from_text("x.py", "a = 1\nvalue = call(one, two, three)\nb = 2\n")
    edits = (Edit(0, 0, "if True:\n    "), Edit(6, 6, "    "), Edit(36, 36, "    "))
    result = apply(source.text, split(source, edits, 32))
    assert result == (
        "if True:\n    a = 1\n    value = call(\n        one, two, three\n    )\n    b = 2\n"
    )
