"""Large programs: nothing breaks, and the work grows as the program does.

Work is counted in calls, so that a slow machine changes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from generated import BOUNDED, CASES, TELLING, Files

from flake8_mpglobals.checking import Job, check_bytes
from flake8_mpglobals.model import FileReport
from flake8_mpglobals.options import Options
from flake8_mpglobals.workspace import Workspaces

OPTIONS = Options(codes=frozenset(("MPG101",)))
SILENT = frozenset(("chain in the parent",))
"""Too long a way for an argument: nothing is concluded."""


def written(files: Files, folder: Path) -> bytes:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return files["main.py"].encode()


def checked(data: bytes, folder: Path) -> FileReport:
    return check_bytes(Job(str(folder / "main.py"), data, OPTIONS), Workspaces())


def work(make: Callable[[int], Files], size: int, folder: Path) -> int:
    """Return how many functions are called to check a program of a size."""
    folder.mkdir()
    data = written(make(size), folder)
    calls = 0

    def count(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        report = checked(data, folder)
    finally:
        sys.setprofile(None)
    assert not report.errors
    return calls


@pytest.mark.parametrize("name", sorted(CASES.keys() - TELLING - BOUNDED))
def test_work_grows_as_the_program(name: str, tmp_path: Path) -> None:
    make, full = CASES[name]
    size = max(full // 40, min(full // 4, 60))
    checked(written(make(3), tmp_path), tmp_path)  # what is imported and compiled once
    one, two, four = (work(make, size * times, tmp_path / str(times)) for times in (1, 2, 4))
    # twice of what is added for twice as much: 2 where it is linear, 4 where it is a square
    assert four - two <= 2.7 * (two - one) + 0.1 * one


@pytest.mark.parametrize("name", CASES)
def test_a_large_program_is_checked(name: str, tmp_path: Path) -> None:
    make, full = CASES[name]
    report = checked(written(make(max(full // 10, min(full, 90))), tmp_path), tmp_path)
    assert not report.errors
    assert bool(report.findings) != (name in SILENT)


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_the_largest_program_is_checked(name: str, tmp_path: Path) -> None:
    make, full = CASES[name]
    report = checked(written(make(full), tmp_path), tmp_path)
    assert not report.errors
    assert bool(report.findings) != (name in SILENT)
