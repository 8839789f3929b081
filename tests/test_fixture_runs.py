"""The fixtures are programs: what they are said to lose is really lost.

Each program runs twice: as it is, and with its processes replaced by threads
(``in_threads.py``), which shows what the parent would see if memory were shared.
A write that is reported must make a difference there; a program that is left in
peace must print the same.  Programs that need another package run where it is
installed, and only as they are: their workers are the package's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from wants import Fixture, folder, projects

pytestmark = pytest.mark.long

_SCRIPTS = {case.name: case.script for case in projects()}
_LOSING = {name: script for name, script in _SCRIPTS.items() if not name.startswith("clean_")}
DETECT = [*folder("detect"), *folder("limits"), *_LOSING.values()]
CLEAN = [*folder("clean"), *(s for name, s in _SCRIPTS.items() if name not in _LOSING)]
START_METHOD = str(Path(__file__).with_name("start_method"))
IN_THREADS = str(Path(__file__).with_name("in_threads.py"))
# What goes wrong under fork, too, is run by test_start_method_runs.py.
DETECT = [fixture for fixture in DETECT if "fork" not in fixture.breaks_under]
_LOST = re.compile(r"MPG1\d\d")
_SECONDS = 60
_SECONDS_OF_LIBRARIES = 300
_SETTINGS = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYSPARK_PYTHON": sys.executable,
}


def run(*command: str, method: str = "") -> tuple[int, str, str]:
    """Return the exit status, the last line of the output and what is on stderr.

    ``method`` is the start method that the program has by default.
    """
    default = {"PYTHONPATH": START_METHOD, "MPGLOBALS_START_METHOD": method} if method else {}
    with tempfile.TemporaryDirectory() as folder:  # for what a program writes
        done = subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            env={**os.environ, **_SETTINGS, **default},
            capture_output=True,
            text=True,
            timeout=_SECONDS_OF_LIBRARIES if "lib_" in command[-1] else _SECONDS,
            check=False,
        )
    return done.returncode, (done.stdout.splitlines() or [""])[-1], done.stderr


def _ids(fixtures: list[Fixture]) -> list[str]:
    return [f"{fixture.path.parent.name}/{fixture.name}" for fixture in fixtures]


def skip_unless_it_can_run(fixture: Fixture) -> bool:
    """Skip a program that needs what is not there; return whether it needs anything."""
    if missing := fixture.missing():
        pytest.skip(f"needs {missing}")
    return "needs" in fixture.headers


@pytest.mark.parametrize("fixture", DETECT, ids=_ids(DETECT))
def test_what_is_wanted_is_lost(fixture: Fixture) -> None:
    seen = fixture.headers["parent sees"]
    needs = skip_unless_it_can_run(fixture)
    status, printed, errors = run(str(fixture.path))
    assert (status, printed) == (0, seen), errors
    if needs:
        return
    if "warns" in fixture.headers:
        assert fixture.headers["warns"] in errors
    else:
        assert errors == ""
    if "only processes" in fixture.headers:
        return
    if any(_LOST.fullmatch(want.code) for want in fixture.wants):
        status, shared, errors = run(IN_THREADS, str(fixture.path))
        assert status == 0, errors
        assert shared != seen


def _failing() -> list[tuple[Fixture, str]]:
    """Return the fixtures that say under which start methods they fail, with each method."""
    told = [fixture for fixture in DETECT if "fails under" in fixture.headers]
    return [(fixture, method) for fixture in told for method in ("fork", "spawn", "forkserver")]


@pytest.mark.parametrize(
    ("fixture", "method"), _failing(), ids=lambda part: getattr(part, "name", part)
)
def test_it_fails_under_the_start_methods_that_it_names(fixture: Fixture, method: str) -> None:
    methods, _, text = fixture.headers["fails under"].partition(": ")
    status, printed, errors = run(str(fixture.path), method=method)
    assert status == 0, errors
    assert (printed == text) == (method in methods.split(", "))


@pytest.mark.parametrize("fixture", CLEAN, ids=_ids(CLEAN))
def test_what_is_silent_loses_nothing(fixture: Fixture) -> None:
    needs = skip_unless_it_can_run(fixture)
    status, seen, errors = run(str(fixture.path))
    assert status == 0, errors
    if not needs and "only processes" not in fixture.headers:
        status, shared, errors = run(IN_THREADS, str(fixture.path))
        assert (status, shared) == (0, seen), errors
