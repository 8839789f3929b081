"""One file, or many, from bytes on disk to findings that count.

What goes wrong with one file is an error of that file; the others are checked.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from flake8_mpglobals.disk import Disk
from flake8_mpglobals.model import FileError, FileReport
from flake8_mpglobals.options import TRACEBACK
from flake8_mpglobals.records import frozen
from flake8_mpglobals.workspace import Workspaces

if TYPE_CHECKING:
    from flake8_mpglobals.model import Finding
    from flake8_mpglobals.options import Options
    from flake8_mpglobals.trace import Notes, Trace

_TRIAL = 0.1
"""Seconds of work after which other processes are thought of,"""
_WORTH = 0.2
"""and what the rest has to take, by what the first files took, for them to pay."""
_CHUNK = 128
"""Files that a process is given at a time."""
_OBJECTS = 200_000
"""Objects that may be made before garbage is collected,"""
_WHOLE = 12
"""and so many times only among those: going through what is kept takes much longer."""


@frozen
class Task:
    """One file to check; ``explicit`` where a PATH names it, not a folder above it.

    Such a file is parsed even if it can start no process, so that a broken one is reported.
    """

    path: str
    explicit: bool
    options: Options


@frozen
class Job:
    """One file whose bytes are read already."""

    path: str
    data: bytes
    options: Options


_own: list[Workspaces] = []
"""What a process that was started for a run knows of its files."""


def read(path: str) -> bytes:
    """Return the bytes of a file; raises ``OSError``."""
    return Disk().read(path)


def check_bytes(job: Job, workspaces: Workspaces, *, full: bool = True) -> FileReport:
    """Check one file; never raises, whatever the file holds.

    ``full`` false: only say whether it can be decoded and parsed.
    """
    from flake8_mpglobals.source import Source, SourceError

    try:
        source = Source.from_bytes(job.path, job.data)
        if not full:
            source.parse()
            return FileReport(job.path)
        from flake8_mpglobals import analysis
        from flake8_mpglobals.noqa import keep

        workspace = workspaces.of(job.options)
        findings = keep(source, analysis.check(source, job.options, None, workspace))
        workspace.tidy()
    except SourceError as error:
        return FileReport(job.path, errors=(error.error,))
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        if workspaces.disk.trace is not None:
            # It may go well next time: not to be kept.
            workspaces.disk.trace.doubt(f"t {workspaces.disk.absolute(job.path)}")
        return FileReport(job.path, errors=(internal(job.path, error),))
    return FileReport(job.path, findings, lines=_mentioned(source.lines, job.path, findings))


def internal(path: str, error: BaseException) -> FileError:
    """Return the error of a file that the analysis could not cope with."""
    what = f"{type(error).__name__}: {error}".strip().splitlines()[0].rstrip(": ")
    message = f"internal error ({what}); please report it (MPGLOBALS_TRACEBACK=1 shows where)"
    return FileError(path, 1, 1, message)


def check_files(
    tasks: Sequence[Task],
    jobs: int = 0,
    done: Callable[[], object] = lambda: None,
    workspaces: Workspaces | None = None,
) -> Iterator[FileReport]:
    """Yield a report for each file, in their order.

    ``jobs`` 0 chooses how many processes there are, ``done`` is called after each file.
    """
    for report in _run(tasks, jobs, workspaces or Workspaces()):
        done()
        yield report


def check_file(task: Task, workspaces: Workspaces) -> FileReport:
    """Read one file and check it, if it is worth it; never raises."""
    trace = workspaces.disk.trace
    if trace is None:
        return _check_file(task, workspaces)
    from flake8_mpglobals.cache import packed, report_key, unpacked

    key = report_key(task.path, task.explicit, task.options)
    return trace.remembered(key, partial(_check_file, task, workspaces), packed, unpacked)


def _check_file(task: Task, workspaces: Workspaces) -> FileReport:
    path = task.path
    workspace = workspaces.of(task.options)
    if not task.explicit and workspace.cannot_matter(path):
        return FileReport(path)
    try:
        data = workspace.project.read(path)
    except OSError as error:
        message = f"cannot read: {(error.strerror or str(error)).lower()}"
        return FileReport(path, errors=(FileError(path, 0, 0, message),))
    if workspace.is_candidate(path, data):
        return check_bytes(Job(path, data, task.options), workspaces)
    if task.explicit:
        return check_bytes(Job(path, data, task.options), workspaces, full=False)
    return FileReport(path)


def check_chunk(tasks: Sequence[Task], traced: bool) -> tuple[list[FileReport], Notes | None]:
    """Check some files: what a process that was started for a run is given at a time.

    Return also what it noted since the last time, where that is wanted.
    """
    if not _own:
        trace = None
        if traced:
            from flake8_mpglobals.trace import Trace

            trace = Trace()
        _own.append(Workspaces(trace))
    workspaces = _own[0]
    with gc_at_leisure() as rest:
        reports = [rest(check_file(task, workspaces)) for task in tasks]
    trace = workspaces.disk.trace
    return reports, None if trace is None else trace.take()


def _run(tasks: Sequence[Task], jobs: int, workspaces: Workspaces) -> Iterator[FileReport]:
    """Check the files, in other processes where that pays or was asked for."""
    limit = jobs or _cpus()
    finished = 0
    if limit > 1:
        if jobs == 0:
            # What the first files cost tells whether the others are worth a pool.
            begin = time.perf_counter()
            with gc_at_leisure() as rest:
                for task in tasks:
                    yield rest(check_file(task, workspaces))
                    finished += 1
                    spent = time.perf_counter() - begin
                    if spent > _TRIAL and spent * (len(tasks) - finished) > _WORTH * finished:
                        break
        trace = workspaces.disk.trace
        for reports in _in_crew(tasks[finished:], limit, trace):
            yield from reports
            finished += len(reports)
    with gc_at_leisure() as rest:
        for task in tasks[finished:]:
            yield rest(check_file(task, workspaces))


def _in_crew(tasks: Sequence[Task], jobs: int, trace: Trace | None) -> Iterator[list[FileReport]]:
    """Yield the reports of chunks, in order; ends early where no processes are to be had."""
    size = max(1, min(_CHUNK, len(tasks) // (jobs * 4)))
    chunks = [tasks[start : start + size] for start in range(0, len(tasks), size)]
    if not chunks:
        return
    from flake8_mpglobals.crew import Crew, CrewError

    def heard(answer: tuple[list[FileReport], Notes | None]) -> None:
        notes = answer[1]
        if trace is not None and notes is not None:
            trace.add(notes)

    work = partial(check_chunk, traced=trace is not None)
    try:
        for reports, _ in Crew(work, min(jobs, len(chunks)), heard).run(chunks):
            yield reports
    except CrewError:
        return


@contextmanager
def gc_at_leisure() -> Iterator[Callable[[FileReport], FileReport]]:
    """Collect garbage between files, and only after many objects were made.

    Trees hold no cycles: the collector would go through them again and again for
    nothing, which takes as long as parsing.  What is yielded is called with each report.
    """
    young = 0

    def rest(report: FileReport) -> FileReport:
        nonlocal young
        if gc.get_count()[0] > _OBJECTS:
            young = (young + 1) % _WHOLE
            gc.collect(0 if young else 2)
        return report

    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield rest
    finally:
        if was_enabled:
            gc.enable()


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
