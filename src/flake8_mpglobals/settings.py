"""What can be set, and what it means for one file: one frozen value per source of settings."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from flake8_mpglobals.codes import CODES
from flake8_mpglobals.options import Options
from flake8_mpglobals.patterns import NONE, Patterns
from flake8_mpglobals.records import frozen, replace

if TYPE_CHECKING:
    from flake8_mpglobals.apis import Api
    from flake8_mpglobals.model import FileError

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


@lru_cache(maxsize=1)
def _default_exclude() -> Patterns:
    return Patterns.of(DEFAULT_EXCLUDE, os.sep)


def _matches(code: str, selector: str) -> bool:
    return selector == "ALL" or code.startswith(selector)


def _length(selector: str) -> int:
    return 0 if selector == "ALL" else len(selector)
