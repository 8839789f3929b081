"""``dev.py demo`` does what it says: the seed program is found, repaired, and keeps its data."""

from __future__ import annotations

import runpy
import sys
import sysconfig
from pathlib import Path

import pytest

DEV = Path(__file__).parent.parent / "dev.py"


def test_the_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dev = runpy.run_path(str(DEV))
    # Methods look names up in the module's own dictionary: use this environment, not .venv.
    names = dev["main"].__globals__
    names["SCRIPTS"], names["PYTHON"] = Path(sysconfig.get_path("scripts")), Path(sys.executable)
    demo = dev["Demo"](tmp_path)
    assert demo.run() == 0, demo.wrong
    out = capsys.readouterr().out
    assert out.count("before: ['main']\n") == len(demo.methods)
    assert out.endswith(f"As it should be, under {', '.join(demo.methods)}.\n")
