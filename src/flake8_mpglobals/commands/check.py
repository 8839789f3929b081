"""``mpglobals check``: find, check, report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from flake8_mpglobals.checking import (
    Job,
    check_bytes,
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
from flake8_mpglobals.config import Configuration
from flake8_mpglobals.model import FileError, FileReport, Finding, Fix
from flake8_mpglobals.options import TRACEBACK
from flake8_mpglobals.recall import Command
from flake8_mpglobals.records import replace
from flake8_mpglobals.reporters import Report, Style, render
from flake8_mpglobals.workspace import Workspaces

_MANY = 500
"""From so many files on, a terminal is shown how far the run is."""


def run(
    paths: tuple[str, ...],
    flags: Flags,
    *,
    output_format: str | None = None,
    output_file: str | None = None,
    quiet: bool = False,
    statistics: bool = False,
    exit_zero: bool = False,
    jobs: int = 0,
    cache: bool = True,
    cache_dir: str | None = None,
) -> int:
    """Check the paths, print the report and return the exit status.

    ``cache`` false: nothing is kept from one run for the next; ``cache_dir`` is where
    it is kept.  Raises ``UsageError`` for flags that do not go together and
    ``ConfigError`` for a wrong setting.
    """
    configuration = flags.configuration()
    data = None
    output_format = output_format or configuration.for_folder(".").output_format or "full"
    if is_stdin(paths):
        data = sys.stdin.buffer.read()
        report = _check_stdin(data, flags, configuration)
    else:
        command = Command(
            paths or (".",), configuration, repr(flags), jobs, partial(_progress, quiet)
        )
        outcome = command.run((cache_dir or None) if cache else "")
        report = _report(outcome.reports, outcome.errors, outcome.files)
        if not report.files and not report.errors and not quiet:
            print("warning: no Python files found under the given paths", file=sys.stderr)
    if output_format == "json":
        report = _with_fixes(report, configuration, data)
    complain(report.errors)
    colour = output_file is None and coloured(sys.stdout)
    if statistics:
        text = _statistics(report.findings, as_json=output_format == "json")
    else:
        text = render(output_format, report, Style(colour, quiet))
    status = 2 if report.errors else 1 if report.findings and not exit_zero else 0
    if output_file is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        try:
            from pathlib import Path

            Path(output_file).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            reason = f"cannot write: {(error.strerror or str(error)).lower()}"
            complain([FileError(output_file, 0, 0, reason)])
            return 2
    return status


def _check_stdin(data: bytes, flags: Flags, configuration: Configuration) -> Report:
    path = stdin_path(flags)
    if stdin_excluded(flags, configuration):
        return Report((), files=1)
    options = configuration.options_for(path)
    workspaces = Workspaces()
    full = workspaces.of(options).is_candidate(path, data)
    checked = check_bytes(Job(path, data, options), workspaces, full=full)
    return _report([checked], [], 1)


def _report(reports: Iterable[FileReport], errors: Iterable[FileError], files: int) -> Report:
    findings = [finding for report in reports for finding in report.findings]
    errors = [*errors, *(error for report in reports for error in report.errors)]
    return Report(
        tuple(sorted(findings, key=lambda finding: finding.sort_key)),
        tuple(sorted(errors)),
        {(report.path, line): text for report in reports for line, text in report.lines},
        files,
    )


def _with_fixes(report: Report, configuration: Configuration, stdin: bytes | None) -> Report:
    """Return the report with a fix, or the reason why there is none, on each finding.

    Where the planner of fixes cannot cope with a file, its findings stay as they are.
    """
    from flake8_mpglobals import analysis
    from flake8_mpglobals.fixes.engine import propose
    from flake8_mpglobals.source import Source

    fixes: dict[tuple[str, int, int, str], Fix] = {}
    for path in dict.fromkeys(finding.location.path for finding in report.findings):
        options = configuration.options_for(path)
        try:
            source = Source.from_bytes(path, read(path) if stdin is None else stdin)
            fixes.update(propose(analysis.examine(source, options), options))
        except Exception:
            if os.environ.get(TRACEBACK):
                raise
    findings = (
        replace(finding, fix=fixes.get(finding.sort_key[:4], finding.fix))
        for finding in report.findings
    )
    return replace(report, findings=tuple(findings))


def _statistics(findings: tuple[Finding, ...], *, as_json: bool) -> str:
    """Return how often each rule fired, the most frequent first."""
    import json
    from collections import Counter

    counts = Counter((one.code, one.name) for one in findings)
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    if as_json:
        table = [{"code": code, "name": name, "count": count} for (code, name), count in rows]
        return json.dumps(table, indent=2) + "\n"
    wide = max((len(str(count)) for _, count in rows), default=0)
    return "".join(f"{count:>{wide}}\t{code}\t{name}\n" for (code, name), count in rows)


@contextmanager
def _progress(quiet: bool, files: int) -> Iterator[Callable[[], object]]:
    """Show a bar on standard error where someone watches a long run."""
    if quiet or files < _MANY or not sys.stderr.isatty():
        yield lambda: None
        return
    import click

    with click.progressbar(length=files, label="Checking", file=sys.stderr) as bar:
        yield lambda: bar.update(1)
