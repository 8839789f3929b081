"""Exact both ways: a finding that a fixture does not want fails, and so does a want not met."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest
from wants import (
    DEFAULT_ON,
    FIXTURES,
    Fixture,
    ProjectCase,
    Want,
    complaints,
    folder,
    parse_wants,
    projects,
)

from flake8_mpglobals import analysis
from flake8_mpglobals.model import Finding, Location
from flake8_mpglobals.options import Options
from flake8_mpglobals.source import Source

DETECT = folder("detect")
CLEAN = folder("clean")
LIMITS = folder("limits")
PROJECTS = projects()
_LINE = re.compile(
    r"(?P<path>[^:]+):(?P<line>\d+):(?P<column>\d+): (?P<code>MPG\d{3}) (?P<text>.*)"
)


def check(fixture: Fixture) -> tuple[Finding, ...]:
    source = Source.from_bytes(str(fixture.path), fixture.path.read_bytes())
    return analysis.check(source, Options(codes=fixture.codes))


@pytest.mark.parametrize("fixture", DETECT, ids=[fixture.name for fixture in DETECT])
def test_detect(fixture: Fixture) -> None:
    assert fixture.wants, "a fixture that wants nothing belongs to clean/"
    assert complaints(fixture.wants, check(fixture)) == []


@pytest.mark.parametrize("fixture", CLEAN, ids=[fixture.name for fixture in CLEAN])
def test_clean(fixture: Fixture) -> None:
    assert not fixture.wants, "a fixture that wants something belongs to detect/"
    assert complaints((), check(fixture)) == []


@pytest.mark.parametrize("fixture", LIMITS, ids=[fixture.name for fixture in LIMITS])
def test_limits(fixture: Fixture) -> None:
    """Losses that are not found; one that is found from now on moves to detect/."""
    said = complaints(fixture.wants, check(fixture))
    assert said != []
    assert [line for line in said if not line.startswith("missing ")] == []


@pytest.mark.parametrize("case", PROJECTS, ids=[case.name for case in PROJECTS])
def test_projects(case: ProjectCase) -> None:
    """Each module says what it can see; those of a case named ``clean_…`` say nothing."""
    said = {
        module.path.name: found
        for module in case.modules
        if (found := complaints(module.wants, check(module)))
    }
    assert said == {}
    wanted = any(module.wants for module in case.modules)
    assert not (wanted and case.name.startswith("clean_"))


@pytest.mark.parametrize(
    "command",
    [
        ["flake8_mpglobals", "check", "--isolated", "--output-format", "concise"],
        ["flake8", "--isolated", "--select=MPG1,MPG2,MPG3,MPG4"],
    ],
    ids=["command", "plugin"],
)
def test_the_faces_agree_with_the_wants(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command, "detect", "clean", "projects"],
        cwd=FIXTURES,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "" or "flake8" not in command
    found: dict[str, list[Finding]] = {}
    for line in done.stdout.splitlines():
        if match := _LINE.fullmatch(line):
            found.setdefault(match["path"].replace("\\", "/"), []).append(
                _finding(int(match["line"]), match["code"], match["text"])
            )
    wrong = {}
    modules = [module for case in PROJECTS for module in case.modules]
    for fixture in (*DETECT, *CLEAN, *modules):
        path = fixture.path.relative_to(FIXTURES).as_posix()
        wants = [want for want in fixture.wants if want.code in DEFAULT_ON]
        if said := complaints(wants, found.pop(path, [])):
            wrong[path] = said
    assert wrong == {}
    assert found == {}
    assert done.returncode == 1


def test_names_are_told_apart() -> None:
    """A fixture's file name is its identity in reports."""
    for fixtures in (DETECT, CLEAN):
        names = Counter(fixture.name.lower() for fixture in fixtures)
        assert [name for name, count in names.items() if count > 1] == []


# The harness itself


def _finding(line: int, code: str = "MPG101", message: str = "appends to 'x'") -> Finding:
    return Finding(code, "name", message, Location("f.py", line, 1), line, 2)


def test_wants_are_read_from_comments_only() -> None:
    text = (
        'a = "# want MPG101 \\"no\\""\n'
        'b.append(1)  # want MPG101 "x" MPG102 "y z"\n'
        '# want+1 MPG301 "next"\n'
        "c = 1\n"
        "# I want nothing\n"
        "# wanted: nothing\n"
    )
    assert parse_wants(text) == (
        Want(2, "MPG101", "x"),
        Want(2, "MPG102", "y z"),
        Want(4, "MPG301", "next"),
    )


@pytest.mark.parametrize(
    "comment",
    [
        "# want to see more",
        "# want MPG101",
        "# want MPG101 'single'",
        '# want "no code"',
        '# want MPG101 "x" and more',
        '# want MPG101 "x" MPG102',
        '# want+1 MPG101 "x',
    ],
)
def test_a_want_that_cannot_be_read_is_an_error(comment: str) -> None:
    with pytest.raises(ValueError, match="not a want"):
        parse_wants(f"x = 1  {comment}\n")


def test_nothing_to_complain_of() -> None:
    assert complaints([Want(1, "MPG101", "'x'")], [_finding(1)]) == []
    assert complaints([], []) == []


def test_a_missing_finding_fails() -> None:
    assert complaints([Want(1, "MPG101", "'x'")], []) == ["missing 1: MPG101 \"'x'\""]


def test_a_surplus_finding_fails() -> None:
    assert complaints([], [_finding(3)]) == ["surplus 3: MPG101 appends to 'x'"]


@pytest.mark.parametrize(
    "finding",
    [_finding(2), _finding(1, "MPG102"), _finding(1, "MPG101", "appends to 'y'")],
    ids=["line", "code", "message"],
)
def test_a_finding_that_is_almost_right_fails_twice(finding: Finding) -> None:
    said = complaints([Want(1, "MPG101", "'x'")], [finding])
    assert [line.split()[0] for line in said] == ["missing", "surplus"]


def test_each_want_needs_a_finding_of_its_own() -> None:
    want = Want(1, "MPG101", "'x'")
    assert complaints([want, want], [_finding(1)]) == ["missing 1: MPG101 \"'x'\""]
    assert complaints([want], [_finding(1), _finding(1)]) == ["surplus 1: MPG101 appends to 'x'"]


def test_the_general_want_leaves_the_particular_one_its_finding() -> None:
    wants = [Want(1, "MPG101", "appends"), Want(1, "MPG101", "appends to 'x'")]
    findings = [_finding(1), _finding(1, "MPG101", "appends to 'y'")]
    assert complaints(wants, findings) == []
