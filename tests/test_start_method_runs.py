"""Fixtures whose fate hangs on the start method go wrong, or right, as they say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from wants import Fixture, folder

METHODS = ("fork", "spawn", "forkserver")
START_METHOD = Path(__file__).with_name("start_method")
_SECONDS = 60
_ENOUGH = 8
"""Seconds that a program may run which replaces its dead workers for ever."""

FAILING = [fixture for fixture in folder("detect") if fixture.breaks_under]
STEADY = [fixture for fixture in folder("clean") if "same under" in fixture.headers]

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform only spawns"),
]


def run(fixture: Fixture, method: str, seconds: int = _SECONDS) -> tuple[int | None, str, str]:
    """Return the status (None: it had to be ended), what is printed and what is on stderr."""
    process = subprocess.Popen(
        [sys.executable, str(fixture.path)],
        env={
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(START_METHOD),
            "MPGLOBALS_START_METHOD": method,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return None, out, err
    return process.returncode, out, err


@pytest.mark.parametrize("fixture", FAILING, ids=[fixture.name for fixture in FAILING])
@pytest.mark.parametrize("method", METHODS)
def test_it_fails_where_it_says(fixture: Fixture, method: str) -> None:
    fails = method in fixture.breaks_under
    status, out, err = run(fixture, method, _ENOUGH if fails else _SECONDS)
    if fails:
        assert fixture.symptom
        assert fixture.symptom in out + err
    else:
        assert (status, out.splitlines()[-1]) == (0, fixture.headers["parent sees"]), err[-2000:]
        assert fixture.symptom not in out + err


@pytest.mark.parametrize("fixture", STEADY, ids=[fixture.name for fixture in STEADY])
def test_it_is_the_same_everywhere(fixture: Fixture) -> None:
    methods = [method.strip() for method in fixture.headers["same under"].split(",")]
    outcomes = {method: run(fixture, method) for method in methods}
    for status, out, err in outcomes.values():
        assert (status, out) == (0, outcomes[methods[0]][1]), err[-2000:]
