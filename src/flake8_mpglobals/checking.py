"""One file, or many, from bytes on disk to findings that count.

What goes wrong with one file is an error of that file; the others are checked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from flake8_mpglobals.model import FileError, Finding
from flake8_mpglobals.options import Options
from flake8_mpglobals.prefilter import may_start_process

TRACEBACK = "MPGLOBALS_TRACEBACK"
_SEQUENTIAL = 64
"""Up to so many candidates, starting processes costs more than it saves."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """What checking one file gave.

    ``lines`` holds the text of the lines that the findings mention, by number,
    for reporters that show them.
    """

    path: str
    findings: tuple[Finding, ...] = ()
    errors: tuple[FileError, ...] = ()
    lines: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One file whose bytes are read already."""

    path: str
    data: bytes
    options: Options


def is_candidate(data: bytes, options: Options) -> bool:
    """Whether the bytes of a file can name a process API, a configured one included."""
    return may_start_process(data) or any(
        row.name.rpartition(".")[2].encode() in data for row in options.boundaries
    )


def read(path: str) -> bytes:
    """Return the bytes of a file; raises ``OSError``."""
    with open(path, "rb", buffering=0) as handle:
        # One read of the known size, one more where that was not the end (pipes, growing files).
        size = os.fstat(handle.fileno()).st_size
        data = handle.read(size + 1) or b""
        return data if len(data) == size else data + handle.readall()


def check_bytes(job: Job, *, full: bool = True) -> FileReport:
    """Check one file; never raises, whatever the file holds.

    ``full`` false: only say whether it can be decoded and parsed.
    """
    from flake8_mpglobals import analysis
    from flake8_mpglobals.noqa import keep
    from flake8_mpglobals.source import Source, SourceError

    try:
        source = Source.from_bytes(job.path, job.data)
        if not full:
            source.parse()
            return FileReport(job.path)
        findings = keep(source, analysis.check(source, job.options))
    except SourceError as error:
        return FileReport(job.path, errors=(error.error,))
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        return FileReport(job.path, errors=(internal(job.path, error),))
    return FileReport(job.path, findings, lines=_mentioned(source.lines, job.path, findings))


def internal(path: str, error: BaseException) -> FileError:
    """Return the error of a file that the analysis could not cope with."""
    what = f"{type(error).__name__}: {error}".strip().splitlines()[0].rstrip(": ")
    message = f"internal error ({what}); please report it (MPGLOBALS_TRACEBACK=1 shows where)"
    return FileError(path, 1, 1, message)


def check_files(
    targets: Iterable[tuple[str, bool]],
    options_for: Callable[[str], Options],
    jobs: int = 0,
    done: Callable[[], object] = lambda: None,
) -> Iterator[FileReport]:
    """Yield a report for each file with findings or errors, in the order of ``targets``.

    ``targets`` are paths, each with whether it was named itself: such a file is
    parsed even if it can start no process, so that a broken one is reported.
    ``jobs`` 0 chooses; ``done`` is called after each file.
    """
    waiting: list[Job] = []
    early: list[FileReport] = []
    order: dict[str, int] = {}
    for path, explicit in targets:
        order[path] = len(order)
        try:
            data = read(path)
        except OSError as error:
            message = f"cannot read: {(error.strerror or str(error)).lower()}"
            early.append(FileReport(path, errors=(FileError(path, 0, 0, message),)))
            done()
            continue
        options = options_for(path)
        if is_candidate(data, options):
            waiting.append(Job(path, data, options))
            continue
        if explicit:
            early.append(check_bytes(Job(path, data, options), full=False))
        done()
    reports = [*early]
    for report in _run(waiting, jobs):
        reports.append(report)
        done()
    reports.sort(key=lambda report: order[report.path])
    yield from (report for report in reports if report.findings or report.errors)


def _run(waiting: list[Job], jobs: int) -> Iterator[FileReport]:
    """Check the files, in other processes where that pays or was asked for."""
    if jobs == 0:
        jobs = _cpus() if len(waiting) > _SEQUENTIAL else 1
    jobs = min(jobs, len(waiting))
    finished = 0
    if jobs > 1:
        from concurrent.futures import BrokenExecutor, ProcessPoolExecutor

        size = max(1, min(16, len(waiting) // (jobs * 4)))
        try:
            with ProcessPoolExecutor(jobs) as pool:
                for report in pool.map(check_bytes, waiting, chunksize=size):
                    yield report
                    finished += 1
        except (BrokenExecutor, OSError, ImportError, NotImplementedError):
            pass  # no processes to be had here: the rest is checked in this one
    yield from map(check_bytes, waiting[finished:])


def _cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _mentioned(
    lines: tuple[str, ...], path: str, findings: tuple[Finding, ...]
) -> tuple[tuple[int, str], ...]:
    wanted: set[int] = set()
    for finding in findings:
        last = max(finding.end_line, finding.location.line)
        wanted.update(range(finding.location.line, last + 1))
        places = (
            *(one.location for one in finding.dispatches),
            *(one.location for one in finding.chain),
            *(one.location for one in finding.related),
        )
        wanted.update(place.line for place in places if place.path == path)
    return tuple((line, lines[line - 1]) for line in sorted(wanted) if 0 < line <= len(lines))
