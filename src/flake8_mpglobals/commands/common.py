"""What ``check`` and ``fix`` share: flags that choose rules and files, streams, errors."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from typing import TextIO

from flake8_mpglobals.config import Configuration
from flake8_mpglobals.discovery import display
from flake8_mpglobals.model import FileError
from flake8_mpglobals.patterns import NONE, Patterns
from flake8_mpglobals.records import frozen
from flake8_mpglobals.reporters.base import place
from flake8_mpglobals.settings import Codes, Settings, check_code, parse_version

STDIN = "-"
STDIN_NAME = "stdin"


class UsageError(Exception):
    """A wrong flag: one line for the user, exit status 2."""


@frozen
class Flags:
    """The flags as they were given; comma-separated lists are not split yet."""

    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extend_exclude: tuple[str, ...] = ()
    per_file_ignores: tuple[str, ...] = ()
    force_exclude: bool | None = None
    respect_gitignore: bool | None = None
    target_version: str | None = None
    config: str | None = None
    isolated: bool = False
    stdin_filename: str | None = None

    def configuration(self) -> Configuration:
        """Return the settings of the run; raises ``UsageError`` and ``ConfigError``."""
        if self.isolated and self.config is not None:
            raise UsageError("--isolated and --config exclude each other")
        version = None if self.target_version is None else parse_version(self.target_version)
        here = os.getcwd()
        flags = Settings(
            select=_codes("--select", self.select) if self.select else None,
            extend_select=_codes("--extend-select", self.extend_select),
            ignore=_codes("--ignore", self.ignore) if self.ignore else None,
            exclude=Patterns.of(_split(self.exclude), here) if self.exclude else None,
            extend_exclude=Patterns.of(_split(self.extend_exclude), here)
            if self.extend_exclude
            else NONE,
            per_file_ignores=_per_file(self.per_file_ignores, here)
            if self.per_file_ignores
            else None,
            force_exclude=self.force_exclude,
            respect_gitignore=self.respect_gitignore,
            target_version=version,
        )
        return Configuration(isolated=self.isolated, file=self.config, flags=flags)


def stdin_path(flags: Flags) -> str:
    """Return the path that stands for standard input."""
    return display(flags.stdin_filename) if flags.stdin_filename else STDIN_NAME


def stdin_excluded(flags: Flags, configuration: Configuration) -> bool:
    """Whether excludes are forced on the file that standard input stands for."""
    if not flags.stdin_filename:
        return False
    settings = configuration.for_file(flags.stdin_filename)
    full = os.path.abspath(flags.stdin_filename)
    return bool(settings.force_exclude) and settings.excluded().match(full)


def is_stdin(paths: tuple[str, ...]) -> bool:
    """Whether to read standard input; raises ``UsageError`` where paths stand beside it."""
    if STDIN not in paths:
        return False
    if len(paths) > 1:
        raise UsageError("'-' (standard input) cannot be combined with other paths")
    return True


def line_of(error: FileError) -> str:
    """Return the one line that tells of an error."""
    return f"{place(error)}: error: {error.message}"


def complain(errors: Iterable[FileError]) -> None:
    """Print errors on standard error, one line each."""
    for error in errors:
        print(line_of(error), file=sys.stderr)


def coloured(stream: TextIO) -> bool:
    """Whether to colour what goes to ``stream`` (``NO_COLOR`` and ``FORCE_COLOR`` honoured)."""
    if os.environ.get("NO_COLOR"):
        return False
    force = os.environ.get("FORCE_COLOR")
    if force:
        return force != "0"
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _split(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _codes(flag: str, values: Iterable[str]) -> Codes:
    try:
        return tuple(check_code(one) for one in _split(values))
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None


def _per_file(values: Iterable[str], root: str) -> tuple[tuple[Patterns, Codes], ...]:
    """Parse ``pattern:CODE,CODE`` items, separated by commas or blanks."""
    found: list[tuple[str, list[str]]] = []
    for part in (part for value in values for part in re.split(r"[\s,]+", value) if part):
        pattern, colon, code = part.rpartition(":")
        if colon:
            found.append((pattern, [code] if code else []))
        elif found:
            found[-1][1].append(code)
        else:
            raise UsageError(f"--per-file-ignores: {part!r} is not PATTERN:CODE")
    return tuple(
        (Patterns.of((pattern,), root), _codes("--per-file-ignores", codes))
        for pattern, codes in found
    )
