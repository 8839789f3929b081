"""``mpglobals fix``: rewrite what is proved, and say what is left and why."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from flake8_mpglobals.checking import (
    Job,
    check_bytes,
    internal,
    read,
)
from flake8_mpglobals.commands.common import (
    Flags,
    coloured,
    complain,
    is_stdin,
    stdin_excluded,
    stdin_path,
)
from flake8_mpglobals.discovery import Target, discover
from flake8_mpglobals.fixes.engine import FixResult, fix_source
from flake8_mpglobals.fixes.write import WriteError, replace_file
from flake8_mpglobals.model import FileError, Finding
from flake8_mpglobals.options import TRACEBACK
from flake8_mpglobals.records import mutable
from flake8_mpglobals.source import Source, SourceError
from flake8_mpglobals.workspace import Workspaces

_COLOURS = {b"+": b"\x1b[32m", b"-": b"\x1b[31m", b"@": b"\x1b[36m"}


@mutable
class _Tally:
    """What the run came to so far."""

    fixed: int = 0
    left: int = 0
    changed: int = 0
    errors: int = 0

    def complain(self, error: FileError) -> None:
        """Print an error and count it."""
        complain([error])
        self.errors += 1


def run(
    paths: tuple[str, ...],
    flags: Flags,
    *,
    diff: bool = False,
    unsafe: bool = False,
    strategy: str = "auto",
    quiet: bool = False,
) -> int:
    """Fix the paths (or standard input, to standard output) and return the exit status.

    Raises ``UsageError`` for flags that do not go together and ``ConfigError``
    for a wrong setting.
    """
    configuration = flags.configuration()
    tally = _Tally()
    from_stdin = is_stdin(paths)
    # Where standard output carries code or a diff, people read standard error.
    notes = sys.stderr if from_stdin or diff else sys.stdout
    if from_stdin:
        data = sys.stdin.buffer.read()
        path = stdin_path(flags)
        job = Job(path, data, configuration.options_for(path))
        result = None
        if not stdin_excluded(flags, configuration):
            result = _fix(job, True, tally, Workspaces(), unsafe=unsafe, strategy=strategy)
        new = data if result is None else result.source_before.encode(result.text)
        if diff:
            _print_diff(path, data, new)
        else:
            _write_bytes(new)
        if result is not None:
            _tell(result, tally, notes_to=notes, quiet=quiet, changed=new != data, diff=diff)
    else:
        workspaces = Workspaces()
        for found in discover(paths or (".",), configuration):
            if not isinstance(found, Target):
                tally.complain(found)
                continue
            try:
                data = read(found.path)
            except OSError as error:
                reason = f"cannot read: {(error.strerror or str(error)).lower()}"
                tally.complain(FileError(found.path, 0, 0, reason))
                continue
            job = Job(found.path, data, configuration.options_for(found.path))
            result = _fix(
                *(job, found.explicit, tally, workspaces), unsafe=unsafe, strategy=strategy
            )
            if result is None:
                continue
            new = result.source_before.encode(result.text)
            if new != data and diff:
                _print_diff(found.path, data, new)
            elif new != data:
                try:
                    replace_file(found.path, data, new)
                    workspaces = Workspaces()  # what was read before is out of date
                except WriteError as error:
                    tally.complain(error.error)
                    continue
            _tell(result, tally, notes_to=notes, quiet=quiet, changed=new != data, diff=diff)
    if not quiet and (tally.fixed or tally.left):
        would = "would be fixed" if diff else "fixed"
        print(f"{tally.fixed} {would}, {tally.left} left", file=notes)
    if tally.errors:
        return 2
    return int(tally.changed > 0 if diff else tally.left > 0)


def _fix(
    job: Job,
    explicit: bool,
    tally: _Tally,
    workspaces: Workspaces,
    *,
    unsafe: bool,
    strategy: str,
) -> FixResult | None:
    """Return what fixing one file gives; None where there is nothing to do or it is broken."""
    workspace = workspaces.of(job.options)
    if not workspace.is_candidate(job.path, job.data):
        if explicit:
            for error in check_bytes(job, workspaces, full=False).errors:
                tally.complain(error)
        return None
    try:
        source = Source.from_bytes(job.path, job.data)
        return fix_source(
            source, job.options, unsafe=unsafe, strategy=strategy, workspace=workspace
        )
    except SourceError as error:
        tally.complain(error.error)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        tally.complain(internal(job.path, error))
    return None


def _tell(
    result: FixResult,
    tally: _Tally,
    *,
    notes_to: TextIO,
    quiet: bool,
    changed: bool,
    diff: bool,
) -> None:
    """Count and print what was fixed in one file, and what is left with its reason."""
    tally.fixed += len(result.fixed)
    tally.left += len(result.left)
    tally.changed += changed
    if not quiet:
        done = "would fix" if diff else "fixed"
        for finding in result.fixed:
            what = f" {finding.place!r}" if finding.place else ""
            print(f"{_head(finding)} {finding.name}: {done}{what}", file=notes_to)
    for refusal in result.left:
        print(f"{_head(refusal.finding)} {refusal.finding.message}", file=notes_to)
        print(f"  not fixed: {refusal.reason}", file=notes_to)


def _head(finding: Finding) -> str:
    where = finding.location
    return f"{where.path}:{where.line}:{where.column}: {finding.code}"


def _print_diff(path: str, old: bytes, new: bytes) -> None:
    colour = coloured(sys.stdout)
    for line in unified(path, old, new):
        tint = _COLOURS.get(line[:1]) if colour else None
        _write_bytes(line if tint is None else tint + line.rstrip(b"\n") + b"\x1b[0m\n")


def unified(path: str, old: bytes, new: bytes) -> Iterator[bytes]:
    """Yield a unified diff that ``patch`` takes, with the bytes of the lines as they are."""
    name = path.encode("utf-8", "surrogateescape")
    lines = difflib.diff_bytes(difflib.unified_diff, _lines(old), _lines(new), name, name)
    for line in lines:
        if line.endswith(b"\n"):
            yield line
        else:
            yield line + b"\n\\ No newline at end of file\n"


def _lines(data: bytes) -> list[bytes]:
    parts = [part + b"\n" for part in data.split(b"\n")]
    last = parts.pop()[:-1]
    return [*parts, last] if last else parts


def _write_bytes(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
