"""Helpers for tests of the faces: a stand-in for the analysis, and a way to run the command."""

from __future__ import annotations

import ast
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from flake8_mpglobals import analysis
from flake8_mpglobals.cli import main
from flake8_mpglobals.model import Dispatch, Finding, Location, Related, Step
from flake8_mpglobals.options import Options
from flake8_mpglobals.source import Source

LOSING = """\
from multiprocessing import Pool

results = []


def worker(item):
    results.append(item)


if __name__ == "__main__":
    with Pool() as pool:
        pool.map(worker, [1, 2])
    print(results)
"""
"""A program whose only defect is on line 7; the real analysis finds it, too."""

REMEDY = "share it with multiprocessing.Manager().list()"


def stand_in(
    source: Source, options: Options, tree: ast.Module | None = None, _workspace: object = None
) -> tuple[Finding, ...]:
    """Report every ``.append(`` as MPG101 and every ``.pop(`` as MPG901."""
    source.parse()
    found = []
    for number, line in enumerate(source.lines, 1):
        for needle, code, name in (
            (".append(", "MPG101", "lost-container-write"),
            (".pop(", "MPG901", "worker-private-state"),
        ):
            if needle in line and code in options.codes:
                column = len(line) - len(line.lstrip()) + 1
                found.append(
                    Finding(
                        code,
                        name,
                        f"worker 'worker' appends to module-level list 'results': {REMEDY}",
                        Location(source.path, number, column),
                        number,
                        len(line) + 1,
                        "results",
                        "worker",
                        REMEDY,
                        (Dispatch(Location(source.path, 12, 9), "Pool.map", "process"),),
                        (Step(Location(source.path, 6, 1), "worker"),),
                        (Related(Location(source.path, 13, 11), "the parent reads 'results'"),),
                    )
                )
    return tuple(found)


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


class Command:
    """Runs ``mpglobals`` in this process, in a folder of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = monkeypatch
        for name in ("NO_COLOR", "FORCE_COLOR", "MPGLOBALS_TRACEBACK"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.chdir(folder)

    def write(self, name: str, content: str | bytes = LOSING) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(data)
        return path

    def __call__(self, *args: str, stdin: bytes = b"") -> Outcome:
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with self._patch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            with pytest.raises(SystemExit) as stop:
                main(args)
        texts = []
        for stream in (out, err):
            stream.flush()
            buffer = stream.buffer
            assert isinstance(buffer, io.BytesIO)
            texts.append(buffer.getvalue().decode())
        code = stop.value.code
        assert isinstance(code, int)
        return Outcome(code, *texts)


def use_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "check", stand_in)
