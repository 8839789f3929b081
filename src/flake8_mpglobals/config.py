"""``[tool.mpglobals]``: found, read and checked, one frozen value per file.

Every command and the flake8 plugin ask here for the settings of a file.  A wrong
setting is one :class:`ConfigError` with the place in the TOML file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, get_args

from flake8_mpglobals.catalogue import Api, Kind, Slot
from flake8_mpglobals.codes import CODES
from flake8_mpglobals.model import FileError
from flake8_mpglobals.options import Options
from flake8_mpglobals.patterns import NONE, Patterns
from flake8_mpglobals.records import frozen, replace

FILE = "pyproject.toml"
START_METHODS = ("fork", "forkserver", "spawn")
OUTPUT_FORMATS = ("full", "concise", "json")
TARGET_VERSIONS = ("py311", "py312", "py313", "py314", "py315")
DEFAULT_EXCLUDE = (
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".git-rewrite",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pants.d",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "CVS",
    "__pycache__",
    "__pypackages__",
    "_build",
    "buck-out",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)
_OPT_IN = "MPG9"

Codes = tuple[str, ...]


class ConfigError(Exception):
    """A setting that cannot be used; ``error`` says which, where and why."""

    def __init__(self, error: FileError) -> None:
        super().__init__(error.message)
        self.error = error


@frozen
class Settings:
    """What one source of settings says: a ``pyproject.toml``, or the flags of a command.

    None means "not said".  ``path`` is the file they came from (empty: flags or
    defaults); patterns and ``src`` are absolute already.
    """

    path: str = ""
    select: Codes | None = None
    extend_select: Codes = ()
    ignore: Codes | None = None
    exclude: Patterns | None = None
    extend_exclude: Patterns = NONE
    per_file_ignores: tuple[tuple[Patterns, Codes], ...] | None = None
    force_exclude: bool | None = None
    respect_gitignore: bool | None = None
    src: tuple[str, ...] | None = None
    start_methods: tuple[str, ...] | None = None
    boundaries: tuple[Api, ...] = ()
    target_version: tuple[int, ...] | None = None
    output_format: str | None = None

    def under(self, top: Settings) -> Settings:
        """Return these settings with those of ``top`` (the flags) over them."""
        said = {name: value for name in _REPLACED if (value := getattr(top, name)) is not None}
        return replace(
            self,
            extend_select=self.extend_select + top.extend_select,
            extend_exclude=self.extend_exclude + top.extend_exclude,
            boundaries=self.boundaries + top.boundaries,
            **said,
        )

    def excluded(self) -> Patterns:
        """Return the patterns of files and folders that are not walked into."""
        base = _default_exclude() if self.exclude is None else self.exclude
        return base + self.extend_exclude

    def options(self, path: str) -> Options:
        """Return what the analysis of the file ``path`` is told (``src`` made absolute)."""
        codes = resolve(self.select, self.extend_select, self.ignore or ())
        for patterns, ignored in self.per_file_ignores or ():
            if patterns.match(os.path.abspath(path)):
                codes = frozenset(
                    code for code in codes if not any(_matches(code, one) for one in ignored)
                )
        return Options(
            codes=codes,
            boundaries=self.boundaries,
            start_methods=self.start_methods or (),
            src=self.src or (),
            target_version=self.target_version or (),
        )


_REPLACED = (
    "select",
    "ignore",
    "exclude",
    "per_file_ignores",
    "force_exclude",
    "respect_gitignore",
    "src",
    "start_methods",
    "target_version",
    "output_format",
)


class Configuration:
    """The settings of every file of one run.

    ``isolated`` ignores all files, ``file`` names the only one to read, ``flags``
    lie over whatever is found.  Raises :class:`ConfigError` at once where
    ``file`` cannot be used, else where the settings of a folder are first asked.
    """

    __slots__ = ("_fixed", "_flags", "_known", "_options")

    def __init__(
        self,
        *,
        isolated: bool = False,
        file: str | None = None,
        flags: Settings | None = None,
    ) -> None:
        self._flags = flags = flags or Settings()
        self._known: dict[str, Settings] = {}
        self._options: dict[int, Options] = {}
        self._fixed: Settings | None = None
        if isolated:
            self._fixed = flags
        elif file is not None:
            found = load(file)
            if found is None:
                raise ConfigError(FileError(file, 0, 0, "there is no [tool.mpglobals] table"))
            self._fixed = found.under(flags)

    def for_folder(self, folder: str) -> Settings:
        """Return the settings that hold in a folder (any spelling)."""
        if self._fixed is not None:
            return self._fixed
        known = self._known.get(folder)
        if known is None:
            known = self._known[folder] = self._nearest(os.path.abspath(folder))
        return known

    def for_file(self, path: str) -> Settings:
        """Return the settings that hold for a file (which need not exist)."""
        return self.for_folder(os.path.dirname(path) or os.curdir)

    def options_for(self, path: str) -> Options:
        """Return what the analysis of a file is told."""
        settings = self.for_file(path)
        if settings.per_file_ignores:
            return settings.options(path)
        options = self._options.get(id(settings))
        if options is None:
            options = self._options[id(settings)] = settings.options(path)
        return options

    def _nearest(self, folder: str) -> Settings:
        climbed: list[str] = []
        while True:
            known = self._known.get(folder)
            if known is None:
                found = load(os.path.join(folder, FILE), missing_ok=True)
                known = None if found is None else found.under(self._flags)
            climbed.append(folder)
            parent = os.path.dirname(folder)
            if known is None and parent == folder:
                known = self._flags
            if known is not None:
                break
            folder = parent
        for one in climbed:
            self._known[one] = known
        return known


def resolve(select: Codes | None, extend: Codes = (), ignore: Codes = ()) -> frozenset[str]:
    """Return the codes of the rules to run.

    The longer prefix wins, and ``ignore`` where both are as long.  Rules that are
    off by default need a prefix of at least ``MPG9``.
    """
    chosen = ("MPG", *extend) if select is None else (*select, *extend)
    codes = set()
    for code, default in CODES:
        able = [one for one in chosen if default or one.startswith(_OPT_IN)]
        wanted = max((_length(one) for one in able if _matches(code, one)), default=-1)
        unwanted = max((_length(one) for one in ignore if _matches(code, one)), default=-1)
        if wanted > unwanted:
            codes.add(code)
    return frozenset(codes)


def opted_in(prefixes: Iterable[str]) -> frozenset[str]:
    """Return the default-off codes that flake8's select lists switch on."""
    wanted = tuple(one for one in prefixes if one.startswith(_OPT_IN))
    return frozenset(code for code, default in CODES if not default and code.startswith(wanted))


def default_on() -> frozenset[str]:
    """Return the codes of the rules that run when nothing is chosen."""
    return frozenset(code for code, default in CODES if default)


def check_code(text: str) -> str:
    """Return a selector as it is written in codes, or raise ``ValueError`` saying why not."""
    code = text.strip()
    if code != "ALL" and not (
        code.startswith("MPG") and any(rule.startswith(code) for rule, _ in CODES)
    ):
        raise ValueError(f"unknown rule code {code!r} (`mpglobals rules` lists them)")
    return code


def parse_version(text: str) -> tuple[int, ...]:
    """Turn ``py312`` into ``(3, 12)``; raise ``ValueError`` for an unknown one."""
    if text not in TARGET_VERSIONS:
        raise ValueError(f"unknown version {text!r} (one of {', '.join(TARGET_VERSIONS)})")
    return (3, int(text[3:]))


def load(path: str, *, missing_ok: bool = False) -> Settings | None:
    """Read one TOML file; None where it has no ``[tool.mpglobals]`` table.

    Raises :class:`ConfigError` for a file that cannot be read or parsed, or with
    a wrong setting.  A file that nowhere says ``mpglobals`` is not parsed.
    """
    try:
        with open(path, "rb") as handle:
            data = handle.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        if missing_ok:
            return None
        raise ConfigError(FileError(path, 0, 0, _reason(error))) from None
    except OSError as error:
        raise ConfigError(FileError(path, 0, 0, _reason(error))) from None
    if b"mpglobals" not in data:
        return None
    return _parse(path, os.path.dirname(os.path.abspath(path)), data)


@lru_cache(maxsize=64)
def _parse(path: str, root: str, data: bytes) -> Settings | None:
    """Return the settings that the bytes of a file spell (same bytes, same value)."""
    import tomllib

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
        take = _KEYS.get(key)
        if take is None:
            raise reader.wrong(key, f"unknown key {key!r}{_suggest(key, _KEYS)}")
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
_KEYS: dict[str, Callable[[_Reader, str, object], object]] = {
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


@lru_cache(maxsize=1)
def _default_exclude() -> Patterns:
    return Patterns.of(DEFAULT_EXCLUDE, os.sep)


def _matches(code: str, selector: str) -> bool:
    return selector == "ALL" or code.startswith(selector)


def _length(selector: str) -> int:
    return 0 if selector == "ALL" else len(selector)


def _suggest(word: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1)
    return f": did you mean {near[0]!r}?" if near else ""


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
