"""flake8 and ``mpglobals check`` agree on every fixture, to the byte."""

from __future__ import annotations

import ast
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent.parent / "fixtures"


def parses(path: Path) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def run(*command: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=FIXTURES,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("folder", ["detect", "clean", "projects"])
def test_both_say_the_same(folder: str) -> None:
    paths = sorted(
        path.relative_to(FIXTURES).as_posix()
        for path in (FIXTURES / folder).rglob("*.py")
        if parses(path)
    )
    if not paths:
        pytest.skip("no fixtures")
    by_flake8 = run("flake8", "--isolated", "--select=MPG1,MPG2,MPG3,MPG4", *paths)
    by_command = run(
        "flake8_mpglobals", "check", "--isolated", "--output-format", "concise", *paths
    )
    assert by_command == by_flake8
