"""The flake8 plugin: flake8's lines and tree in, flake8's tuples out.

flake8 hands its own options to every instance, in whatever process, so that
nothing is kept on the class.  What the files of one run have in common is kept for
as long as files follow one another.
"""

from __future__ import annotations

import ast
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from flake8_mpglobals import __version__

if TYPE_CHECKING:
    from argparse import Namespace

    from flake8_mpglobals.options import Options

_PAUSE = 1.0
"""Seconds without a file, and without work, after which another run is taken to begin."""
_IDLE = 0.1
"""The share of time that a process which waits works at most."""


class _Run:
    """What the files of one run share: the settings found, and the project's modules."""

    __slots__ = ("_last", "_worked", "configuration", "given", "seen", "workspaces")

    def __init__(self, given: Namespace | None) -> None:
        from flake8_mpglobals.config import Configuration
        from flake8_mpglobals.workspace import Workspaces

        self.given = given
        # flake8 takes --isolated off its arguments before it makes its options.
        isolated = bool(getattr(given, "isolated", False)) or "--isolated" in sys.argv[1:]
        self.configuration = Configuration(isolated=isolated)
        self.workspaces = Workspaces()
        self.seen: set[str] = set()
        self.rest()

    def rest(self) -> None:
        """Note that a file is done."""
        self._last, self._worked = time.monotonic(), time.process_time()

    def is_over(self) -> bool:
        """Whether the process has waited since the last file: a large one takes flake8's own
        checks seconds, and longer where many processes share a machine.
        """
        passed = time.monotonic() - self._last
        return passed > _PAUSE and time.process_time() - self._worked < _IDLE * passed


_runs: list[_Run] = []


def _run(given: Namespace | None, filename: str) -> _Run:
    """Return what belongs to the run that goes on, or begin one.

    A run has one object for its options, and looks at a file once.  In a process that lives
    on (an editor's), files may change between two runs with the same.
    """
    known = _runs[-1] if _runs else None
    if (
        known is None
        or given is None
        or known.given is not given
        or filename in known.seen
        or known.is_over()
        or known.workspaces.disk.cwd != os.getcwd()
    ):
        known = _Run(given)
        _runs[:] = [known]
    known.seen.add(filename)
    return known


class Plugin:
    """One file under flake8."""

    name = "flake8-mpglobals"
    version = __version__

    def __init__(
        self,
        tree: ast.Module,
        lines: list[str],
        filename: str,
        options: Namespace | None = None,
    ) -> None:
        self._tree = tree
        self._lines = lines
        self._filename = filename
        self._given = options

    @staticmethod
    def add_options(parser: Any) -> None:
        """Declare the flags; each wins over its key in ``[tool.mpglobals]``."""
        parser.add_option(
            "--mpg-start-methods",
            default=None,
            metavar="methods",
            comma_separated_list=True,
            parse_from_config=True,
            help="Start methods that the code has to work with: fork, forkserver, spawn "
            "(default: start-methods of [tool.mpglobals] in pyproject.toml, else all).",
        )
        parser.add_option(
            "--mpg-src",
            default=None,
            metavar="folders",
            comma_separated_list=True,
            parse_from_config=True,
            normalize_paths=True,
            help="Folders in which modules of the project are looked for "
            "(default: src of [tool.mpglobals] in pyproject.toml).",
        )

    @staticmethod
    def parse_options(options: Namespace) -> None:
        """Refuse unknown start methods before any file is checked."""
        from flake8_mpglobals.settings import START_METHODS

        for method in options.mpg_start_methods or ():
            if method not in START_METHODS:
                known = ", ".join(START_METHODS)
                _fail(f"--mpg-start-methods: unknown start method {method!r} (there are {known})")

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """Yield ``(line, column from 0, "CODE message", type)`` for each finding."""
        text = "".join(self._lines)
        data = text.encode("utf-8", "replace")
        run = _run(self._given, self._filename)
        try:
            yield from self._found(run, text, data)
        finally:
            run.rest()

    def _found(
        self, run: _Run, text: str, data: bytes
    ) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        options = self._options(run, data)
        if options is None:
            return
        from flake8_mpglobals import analysis
        from flake8_mpglobals.checking import gc_at_leisure
        from flake8_mpglobals.options import TRACEBACK
        from flake8_mpglobals.source import Source

        try:
            source = Source.from_text(self._filename, text)
            workspace = run.workspaces.of(options)
            with gc_at_leisure():
                found = analysis.check(source, options, self._tree, workspace)
        except Exception:
            # flake8 goes on with its other plugins; `mpglobals check` tells what went wrong.
            if os.environ.get(TRACEBACK):
                raise
            return
        for finding in found:
            where = finding.location
            yield where.line, where.column - 1, f"{finding.code} {finding.message}", type(self)

    def _options(self, run: _Run, data: bytes) -> Options | None:
        """Return what to look for; None where the file can start no process."""
        from flake8_mpglobals.records import replace
        from flake8_mpglobals.settings import ConfigError, default_on, opted_in

        given = self._given
        try:
            options = run.configuration.options_for(self._filename)
        except ConfigError as error:
            where = error.error
            place = ":".join(str(part) for part in (where.path, where.line, where.column) if part)
            _fail(f"{place}: error: {where.message}")
        src = tuple(getattr(given, "mpg_src", None) or options.src)
        if src != options.src:
            options = replace(options, src=src)
        if not run.workspaces.of(options).is_candidate(self._filename, data):
            return None
        chosen = (*(getattr(given, "select", None) or ()), *_extended(given))
        return replace(
            options,
            codes=default_on() | opted_in(chosen),
            start_methods=tuple(getattr(given, "mpg_start_methods", None) or options.start_methods),
        )


def _extended(given: Namespace | None) -> tuple[str, ...]:
    return tuple(getattr(given, "extend_select", None) or ())


def _fail(message: str) -> NoReturn:
    """End flake8 with one line."""
    from flake8.exceptions import ExecutionError

    raise ExecutionError(f"flake8-mpglobals: {message}")
