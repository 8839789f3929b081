from __future__ import annotations

import subprocess
import sys

import pytest

from flake8_mpglobals.model import Finding, Location
from flake8_mpglobals.noqa import Noqa, keep
from flake8_mpglobals.source import Source


def silenced(text: str, line: int = 1, code: str = "MPG101") -> bool:
    return Noqa(Source.from_text("x.py", text)).silences(line, code)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("x.append(1)\n", False),
        ("x.append(1)  # noqa\n", True),
        ("x.append(1)  # NOQA\n", True),
        ("x.append(1)  # noqa: MPG101\n", True),
        ("x.append(1)  # noqa:MPG1\n", True),
        ("x.append(1)  # noqa: E501,MPG101\n", True),
        ("x.append(1)  # noqa: E501 MPG101 why\n", True),
        ("x.append(1)  # noqa: MPG102\n", False),
        ("x.append(1)  # noqa: E501\n", False),
        ("x.append(1)  # noqa : MPG102\n", True),
        ('x.append("# noqa")\n', True),
        ("# flake8: noqa\nx.append(1)\n", True),
        ("x = 1  # flake8: noqa\n", False),
    ],
)
def test_comments(text: str, want: bool) -> None:
    assert silenced(text, text.count("\n")) is want


def test_a_comment_counts_for_the_lines_that_flake8_joins() -> None:
    text = 'x.append("""\n    1\n""")  # noqa: MPG101\nx.append(\\\n    1)  # noqa\nx.append(2)\n'
    noqa = Noqa(Source.from_text("x.py", text))
    assert [noqa.silences(line, "MPG101") for line in range(1, 7)] == [True] * 5 + [False]
    assert noqa.silences_any([6, 3], ["MPG102", "MPG101"])
    assert not noqa.silences_any([6], ["MPG101"])
    assert not noqa.silences_any([1, 2], ["MPG102"])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end: str) -> None:
    text = end.join(["x = 1", "x.append(1)  # noqa", "x.append(2)", ""])
    assert silenced(text, 2)
    assert not silenced(text, 3)


def test_keep() -> None:
    source = Source.from_text("x.py", "a\nb  # noqa: MPG101\n")
    findings = [
        Finding(code, "name", "m", Location("x.py", line, 1), line, 2)
        for line in (1, 2)
        for code in ("MPG101", "MPG102")
    ]
    kept = keep(source, findings)
    assert [(one.location.line, one.code) for one in kept] == [
        (1, "MPG101"),
        (1, "MPG102"),
        (2, "MPG102"),
    ]
    assert keep(source, []) == ()


def test_flake8_is_imported_only_for_texts_that_say_noqa() -> None:
    code = """
import sys
from flake8_mpglobals.noqa import Noqa
from flake8_mpglobals.source import Source
assert not Noqa(Source.from_text("x.py", "x = 1\\n")).silences(1, "MPG101")
assert "flake8" not in sys.modules
assert Noqa(Source.from_text("x.py", "x = 1  # noqa\\n")).silences(1, "MPG101")
assert "flake8" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
