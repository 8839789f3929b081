"""How long a line may get comes from the settings of the formatter, or of flake8."""

from __future__ import annotations

from pathlib import Path

import pytest

from flake8_mpglobals.fixes.engine import fix_source
from flake8_mpglobals.fixes.width import line_length
from flake8_mpglobals.options import Options
from flake8_mpglobals.rules import RULES
from flake8_mpglobals.source import Source

OPTIONS = Options(frozenset(rule.code for rule in RULES if rule.default))
PROGRAM = """\
from multiprocessing import Pool

visited = []


def worker(city):
    visited.append(city)


if __name__ == "__main__":
    with Pool() as pool:
        pool.map(worker, ["beijing", "shanghai", "guangzhou", "shenzhen"])
    print(sorted(visited))
"""
LONG = 'visited.extend(pool.map(worker, ["beijing", "shanghai", "guangzhou", "shenzhen"]))'


@pytest.mark.parametrize(
    ("file", "text", "length"),
    [
        ("pyproject.toml", "[tool.black]\nline-length = 100\n", 100),
        ("pyproject.toml", "[tool.black]\npreview = true\n", 88),
        ("pyproject.toml", "[tool.ruff]\nline-length = 79\n", 79),
        ("pyproject.toml", "[tool.ruff.format]\nquote-style = 'single'\n", 88),
        ("pyproject.toml", "[tool.ruff]\nline-length = '100'\n", 100),
        ("pyproject.toml", "[tool.ruff]\nline-length = -1\n", 88),
        ("pyproject.toml", "[project]\nname = 'x'\n", None),
        ("pyproject.toml", "[tool.black\n", None),
        ("ruff.toml", "line-length = 110\n", 110),
        ("setup.cfg", "[flake8]\nmax-line-length = 95\n", 95),
        (".flake8", "[flake8]\nmax_line_length = 120\n", 120),
        (".flake8", "max-line-length = 120\n", None),
        ("tox.ini", "[flake8]\nmax-line-length = many\n", None),
    ],
)
def test_the_settings_are_read(tmp_path: Path, file: str, text: str, length: int | None) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / file).write_text(text, encoding="utf-8")
    program = tmp_path / "pkg" / "program.py"
    program.parent.mkdir()
    program.write_text("", encoding="utf-8")
    assert line_length(str(program)) == length


def test_a_formatter_goes_before_a_linter_and_the_nearest_first(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "inner"
    inner.mkdir()
    program = inner / "program.py"
    program.write_text("", encoding="utf-8")
    (inner / ".flake8").write_text("[flake8]\nmax-line-length = 120\n", encoding="utf-8")
    assert line_length(str(program)) == 120
    (tmp_path / "pyproject.toml").write_text("[tool.black]\nline-length = 99\n", encoding="utf-8")
    assert line_length(str(program)) == 99
    (inner / "pyproject.toml").write_text("[tool.ruff]\nline-length = 77\n", encoding="utf-8")
    assert line_length(str(program)) == 77


def test_a_file_that_is_not_there_has_no_settings() -> None:
    assert line_length("no_such_program.py") is None


@pytest.mark.parametrize(("limit", "joined"), [(88, False), (100, True)])
def test_a_fix_keeps_to_it(tmp_path: Path, limit: int, joined: bool) -> None:
    (tmp_path / ".git").mkdir()
    settings = f"[tool.black]\nline-length = {limit}\n"
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    result = fix_source(Source.from_bytes(str(program), program.read_bytes()), OPTIONS)
    assert result.changed
    assert (LONG in result.text) == joined
