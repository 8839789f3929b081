"""The ``[tool.mpglobals]`` table of a ``pyproject.toml``, read and checked.

A wrong setting is one :class:`~flake8_mpglobals.settings.ConfigError` with its place.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, get_args

from flake8_mpglobals.apis import Api, Kind, Slot
from flake8_mpglobals.model import FileError
from flake8_mpglobals.patterns import Patterns
from flake8_mpglobals.records import frozen
from flake8_mpglobals.settings import (
    OUTPUT_FORMATS,
    START_METHODS,
    TARGET_VERSIONS,
    Codes,
    ConfigError,
    Settings,
    check_code,
    parse_version,
)


@lru_cache(maxsize=64)
def parse(path: str, root: str, data: bytes) -> Settings | None:
    """Return the settings that the bytes of a file spell (same bytes, same value)."""
    try:
        text = data.decode("utf-8-sig")
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(FileError(path, line, 1, "not valid UTF-8")) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(_syntax(path, text, str(error))) from None
    tool = document.get("tool")
    table = tool.get("mpglobals") if isinstance(tool, dict) else None
    if table is None:
        return None
    reader = _Reader(path, root, text)
    if not isinstance(table, dict):
        raise reader.wrong("mpglobals", "[tool.mpglobals] has to be a table")
    values: dict[str, Any] = {}
    for key, value in table.items():
        take = KEYS.get(key)
        if take is None:
            raise reader.wrong(key, f"unknown key {key!r}{_suggest(key, KEYS)}")
        values[key.replace("-", "_")] = take(reader, key, value)
    return Settings(path=path, **values)


def _syntax(path: str, text: str, message: str) -> FileError:
    found = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if found:
        return FileError(path, int(found[1]), int(found[2]), message[: found.start()])
    message = re.sub(r" \(at end of document\)$", " at the end of the file", message)
    return FileError(path, text.count("\n") + 1, 1, message)


@frozen
class _Reader:
    """One TOML text, to say where in it a wrong setting stands."""

    path: str
    root: str
    text: str

    def wrong(self, key: str, message: str, *inside: str) -> ConfigError:
        """Make the error for a key (and for words after it, each sought in turn)."""
        where = max(self.text.find("mpglobals"), 0)
        for word in (key, *inside):
            found = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])").search(self.text, where)
            where = found.start() if found else where
        before = self.text[:where]
        line = before.count("\n") + 1
        column = where - (before.rfind("\n") + 1) + 1
        return ConfigError(FileError(self.path, line, column, message))

    def strings(self, key: str, value: object) -> tuple[str, ...]:
        """Return a list of strings."""
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.wrong(key, f"{key!r} has to be a list of strings")
        return tuple(value)

    def codes(self, key: str, value: object) -> Codes:
        """Return a list of rule codes or prefixes."""
        return tuple(self._code(key, one) for one in self.strings(key, value))

    def _code(self, key: str, text: str) -> str:
        try:
            return check_code(text)
        except ValueError as error:
            raise self.wrong(key, f"in {key!r}: {error}", text) from None

    def patterns(self, key: str, value: object) -> Patterns:
        """Return glob patterns, anchored at the folder of the file."""
        return Patterns.of(self.strings(key, value), self.root)

    def flag(self, key: str, value: object) -> bool:
        """Return true or false."""
        if not isinstance(value, bool):
            raise self.wrong(key, f"{key!r} has to be true or false")
        return value

    def choice(self, key: str, value: object, known: Iterable[str]) -> str:
        """Return one of several words."""
        if not isinstance(value, str) or value not in known:
            raise self.wrong(key, f"{key!r} has to be one of {', '.join(known)}, not {value!r}")
        return value

    def per_file(self, key: str, value: object) -> tuple[tuple[Patterns, Codes], ...]:
        """Return a table from pattern to codes."""
        if not isinstance(value, dict):
            raise self.wrong(key, f"{key!r} has to be a table of patterns and lists of codes")
        return tuple(
            (Patterns.of((pattern,), self.root), self.codes(key, codes))
            for pattern, codes in value.items()
        )

    def roots(self, key: str, value: object) -> tuple[str, ...]:
        """Return folders, made absolute."""
        return tuple(
            os.path.normpath(os.path.join(self.root, one)) for one in self.strings(key, value)
        )

    def start_methods(self, key: str, value: object) -> tuple[str, ...]:
        """Return start methods, each known."""
        for one in self.strings(key, value):
            if one not in START_METHODS:
                raise self.wrong(key, f"unknown start method {one!r}", one)
        return self.strings(key, value)

    def version(self, key: str, value: object) -> tuple[int, ...]:
        """Return a Python version."""
        return parse_version(self.choice(key, value, TARGET_VERSIONS))

    def output_format(self, key: str, value: object) -> str:
        """Return the name of a reporter."""
        return self.choice(key, value, OUTPUT_FORMATS)

    def boundaries(self, key: str, value: object) -> tuple[Api, ...]:
        """Return catalogue rows, one for each qualified name."""
        if not isinstance(value, dict):
            raise self.wrong(key, f"{key!r} has to be a table of qualified names")
        return tuple(self._boundary(name, row) for name, row in value.items())

    def _boundary(self, name: str, row: object) -> Api:
        dotted = name.split(".")
        if len(dotted) < 2 or not all(part.isidentifier() for part in dotted):
            hint = f'boundary {name!r} is not a qualified name in quotes ("package.function")'
            raise self.wrong("boundaries", hint, dotted[0])
        if not isinstance(row, dict) or "callable" not in row:
            hint = f"boundary {name!r} needs a table with 'callable'"
            raise self.wrong("boundaries", hint, name)
        values: dict[str, Any] = {}
        for key, value in row.items():
            if key not in _BOUNDARY_KEYS:
                hint = f"unknown key {key!r} in boundary {name!r}{_suggest(key, _BOUNDARY_KEYS)}"
                raise self.wrong("boundaries", hint, name, key)
            values[key] = self._cell(name, key, value)
        label = ".".join(dotted[-2:] if dotted[-2][:1].isupper() else dotted[-1:])
        return Api(name, label, tasks="call" if "args" in values else "", **values)

    def _cell(self, name: str, key: str, value: object) -> object:
        if key == "kind":
            return self.choice(key, value, get_args(Kind))
        if key in ("waits", "pickles"):
            return self.flag(key, value)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return Slot(value)
        if isinstance(value, str) and value.isidentifier():
            return Slot(-1, value)
        hint = f"{key!r} of boundary {name!r} has to be a position (from 0) or a keyword"
        raise self.wrong("boundaries", hint, name, key)


_BOUNDARY_KEYS = ("callable", "kind", "args", "initializer", "waits", "pickles")
KEYS: dict[str, Callable[[_Reader, str, object], object]] = {
    "select": _Reader.codes,
    "extend-select": _Reader.codes,
    "ignore": _Reader.codes,
    "exclude": _Reader.patterns,
    "extend-exclude": _Reader.patterns,
    "per-file-ignores": _Reader.per_file,
    "force-exclude": _Reader.flag,
    "respect-gitignore": _Reader.flag,
    "src": _Reader.roots,
    "start-methods": _Reader.start_methods,
    "boundaries": _Reader.boundaries,
    "target-version": _Reader.version,
    "output-format": _Reader.output_format,
}


def _suggest(word: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1)
    return f": did you mean {near[0]!r}?" if near else ""
