from __future__ import annotations

import json
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator

from flake8_mpglobals.model import (
    Dispatch,
    FileError,
    Finding,
    Fix,
    Location,
    Related,
    Step,
    TextEdit,
)
from flake8_mpglobals.reporters import Report, Style, render
from flake8_mpglobals.settings import OUTPUT_FORMATS

LINES = {
    ("a.py", 6): "def worker(item):",
    ("a.py", 7): "\tRESULTS.append(item)",
    ("a.py", 12): "        pool.map(worker, [1, 2])",
    ("a.py", 13): '    print("世界", RESULTS)',
}
FINDING = Finding(
    "MPG101",
    "lost-container-write",
    "worker 'worker' appends to module-level list 'RESULTS': share it",
    Location("a.py", 7, 2),
    7,
    22,
    "RESULTS",
    "worker",
    "share it",
    (Dispatch(Location("a.py", 12, 9), "Pool.map", "process"),),
    (Step(Location("a.py", 6, 1), "worker"), Step(Location("b.py", 3, 1), "helper")),
    (Related(Location("a.py", 13, 17), "the parent reads 'RESULTS'"),),
    Fix("safe", "collect", (TextEdit("a.py", 7, 2, 7, 22, "return item"),), ""),
)
REPORT = Report((FINDING,), (FileError("c.py", 0, 0, "cannot read"),), LINES, 3)


def validator() -> Draft202012Validator:
    text = (files("flake8_mpglobals") / "schema" / "report-v1.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_concise_is_one_line_each() -> None:
    assert render("concise", REPORT, Style()) == (
        "a.py:7:2: MPG101 worker 'worker' appends to module-level list 'RESULTS': share it\n"
    )
    assert render("concise", Report(()), Style()) == ""


@pytest.mark.parametrize("report", [REPORT, Report(()), Report((), REPORT.errors)])
def test_json_keeps_to_its_schema(report: Report) -> None:
    text = render("json", report, Style())
    assert text.isascii()
    validator().validate(json.loads(text))


def test_json_holds_everything() -> None:
    document = json.loads(render("json", REPORT, Style()))
    assert document == {
        "version": 1,
        "findings": [
            {
                "code": "MPG101",
                "name": "lost-container-write",
                "message": FINDING.message,
                "path": "a.py",
                "line": 7,
                "column": 2,
                "end_line": 7,
                "end_column": 22,
                "place": "RESULTS",
                "worker": "worker",
                "dispatches": [
                    {"path": "a.py", "line": 12, "column": 9, "api": "Pool.map", "kind": "process"}
                ],
                "chain": [
                    {"path": "a.py", "line": 6, "column": 1, "name": "worker"},
                    {"path": "b.py", "line": 3, "column": 1, "name": "helper"},
                ],
                "related": [
                    {
                        "path": "a.py",
                        "line": 13,
                        "column": 17,
                        "message": "the parent reads 'RESULTS'",
                    }
                ],
                "fix": {
                    "applicability": "safe",
                    "title": "collect",
                    "edits": [
                        {
                            "path": "a.py",
                            "start": {"line": 7, "column": 2},
                            "end": {"line": 7, "column": 22},
                            "content": "return item",
                        }
                    ],
                    "reason": "",
                },
            }
        ],
        "errors": [{"path": "c.py", "line": 1, "column": 1, "message": "cannot read"}],
    }


FULL = """\
MPG101 lost-container-write: worker 'worker' appends to module-level list 'RESULTS'
  --> a.py:7:2
   |
 6 | def worker(item):
   |     ------ 'worker' runs in the worker
 7 |     RESULTS.append(item)
   |     ^^^^^^^^^^^^^^^^^^^^ only the worker's own copy changes
...
12 |         pool.map(worker, [1, 2])
   |         -------- Pool.map starts 'worker' in another process
13 |     print("世界", RESULTS)
   |                   ------- the parent reads 'RESULTS'
   |
   = b.py:3:1: ... which calls 'helper'
   = help: share it

Found 1 problem in 1 file. `mpglobals explain MPG101` tells more.
"""


def test_full_shows_the_story_in_one_frame() -> None:
    assert render("full", REPORT, Style()) == FULL


def test_colours_change_nothing_but_colour() -> None:
    import re

    coloured = render("full", REPORT, Style(colour=True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == FULL


def test_quiet_has_no_summary() -> None:
    assert "Found" not in render("full", REPORT, Style(quiet=True))
    assert render("full", Report((), files=1), Style(quiet=True)) == ""
    assert render("full", Report((), files=1), Style()) == "All checks passed!\n"


def test_a_source_line_cannot_steer_the_terminal() -> None:
    lines = {("a.py", 7): "\tx\x1b[2J.append(item)"}
    assert "\x1b" not in render("full", Report((FINDING,), (), lines, 1), Style())


def test_full_without_source_lines_and_with_odd_places() -> None:
    odd = Finding("MPG902", "n", "m", Location("a.py", 1, 1), 3, 1)
    text = render("full", Report((odd,), (), {("a.py", 1): ""}, 1), Style())
    assert text.startswith("MPG902 n: m\n --> a.py:1:1\n")
    assert render("full", Report((FINDING,), (), {}, 1), Style()).count("\n") > 3


def test_every_format_renders() -> None:
    for name in OUTPUT_FORMATS:
        assert render(name, REPORT, Style()).endswith("\n")
