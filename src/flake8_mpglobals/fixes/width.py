"""How long a line may get: what the formatter of the project is told, or its linter."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLACK = 88
"""What black and ``ruff format`` take where nothing else is said."""
_RUFF = ("ruff.toml", ".ruff.toml")
_LINTERS = (("setup.cfg", "flake8"), (".flake8", "flake8"), ("tox.ini", "flake8"))
_LEAST, _MOST = 20, 1000


def line_length(path: str) -> int | None:
    """Return the limit for lines of the file ``path``; None where no settings say one.

    The folders from that of the file upwards are asked, up to the root of a repository:
    first for a formatter (black, ruff), then for flake8.  A file that is not there
    belongs to no project.
    """
    if not Path(path).is_file():
        return None
    folders = list(_upwards(Path(path).absolute().parent))
    for ask in (_formatter, _linter):
        for folder in folders:
            found = ask(folder)
            if found is not None:
                return found
    return None


def _upwards(folder: Path) -> Iterator[Path]:
    for one in (folder, *folder.parents):
        yield one
        if (one / ".git").exists():
            return


def _formatter(folder: Path) -> int | None:
    tool = _toml(folder / "pyproject.toml").get("tool", {})
    if isinstance(tool, dict):
        for name in ("black", "ruff"):
            if isinstance(table := tool.get(name), dict):
                return _number(table.get("line-length")) or BLACK
    for file in _RUFF:
        if (folder / file).is_file():
            return _number(_toml(folder / file).get("line-length")) or BLACK
    return None


def _linter(folder: Path) -> int | None:
    for file, section in _LINTERS:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(folder / file, encoding="utf-8")
            text = parser.get(section, "max-line-length", fallback="")
            text = text or parser.get(section, "max_line_length", fallback="")
        except (configparser.Error, OSError, UnicodeError):
            continue
        if (found := _number(text)) is not None:
            return found
    return None


def _toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file says; nothing where it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError):
        return {}


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _LEAST <= value <= _MOST:
        return value
    return None
