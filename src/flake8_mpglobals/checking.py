"""One file, or many, from bytes on disk to findings that count.

What goes wrong with one file is an error of that file; the others are checked.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from flake8_mpglobals.cache import Cache, Looked, Signature, Verdict, digest, settled, signature_of
from flake8_mpglobals.model import FileError, FileReport, Finding
from flake8_mpglobals.options import Options
from flake8_mpglobals.workspace import Workspace

TRACEBACK = "MPGLOBALS_TRACEBACK"
_TRIAL = 0.1
"""Seconds of work after which other processes are thought of,"""
_WORTH = 0.2
"""and what the rest has to take, by what the first files took, for them to pay."""
_CHUNK = 128
"""Files that a process is given at a time."""
_OBJECTS = 200_000
"""Objects that may be made before garbage is collected."""


@dataclass(frozen=True, slots=True)
class Task:
    """One file to check; ``explicit`` where a PATH names it, not a folder above it."""

    path: str
    explicit: bool
    options: Options


@dataclass(frozen=True, slots=True)
class Job:
    """One file whose bytes are read already."""

    path: str
    data: bytes
    options: Options


class Workspaces:
    """The project files of one run, for each choice of options that bears on them.

    What has been read of them is remembered: make a new value for each run.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Workspace] = {}

    def of(self, options: Options) -> Workspace:
        """Return the workspace that holds under ``options``."""
        key = (options.src, options.boundaries)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = Workspace(options.src, options.boundaries)
        return known


_own = Workspaces()
"""What a process that was started for a run knows of its files."""


def read(path: str) -> bytes:
    """Return the bytes of a file; raises ``OSError``."""
    return read_signed(path)[1]


def read_signed(path: str) -> tuple[Signature | None, bytes]:
    """Return the bytes of a file, and by what to know whether it is changed later.

    Raises ``OSError``.
    """
    now = time.time_ns()
    with open(path, "rb", buffering=0) as handle:
        # One read of the known size, one more where that was not the end (pipes, growing files).
        stat = os.fstat(handle.fileno())
        data = handle.read(stat.st_size + 1) or b""
        if len(data) != stat.st_size:
            return None, data + handle.readall()
    signature = signature_of(stat)
    return signature if settled(signature, now) else None, data


def check_bytes(job: Job, workspaces: Workspaces, *, full: bool = True) -> FileReport:
    """Check one file; never raises, whatever the file holds.

    ``full`` false: only say whether it can be decoded and parsed.
    """
    return examine(job, workspaces, full=full).report


def examine(
    job: Job, workspaces: Workspaces, signature: Signature | None = None, *, full: bool = True
) -> Verdict:
    """Check one file as :func:`check_bytes` does; say also what that depends on."""
    from flake8_mpglobals.source import Source, SourceError

    looked: Looked = "examined" if full else "parsed"
    path = job.path
    try:
        source = Source.from_bytes(path, job.data)
        if not full:
            source.parse()
            return Verdict(FileReport(path), looked, signature)
        from flake8_mpglobals import analysis
        from flake8_mpglobals.noqa import keep

        workspace = workspaces.of(job.options)
        findings = keep(source, analysis.check(source, job.options, None, workspace))
    except SourceError as error:
        report = FileReport(path, errors=(error.error,))
        return Verdict(report, looked, signature, digest(job.data))
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        report = FileReport(path, errors=(internal(path, error),))
        return Verdict(report, looked, lasts=False)
    report = FileReport(path, findings, lines=_mentioned(source.lines, path, findings))
    return Verdict(report, looked, signature, digest(job.data), lasts=False)


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
    cache: Cache | None = None,
) -> Iterator[FileReport]:
    """Yield a report for each file with findings or errors, in the order of ``targets``.

    ``targets`` are paths, each with whether it was named itself: such a file is
    parsed even if it can start no process, so that a broken one is reported.
    ``jobs`` 0 chooses; ``done`` is called after each file.
    """
    tasks = [Task(path, explicit, options_for(path)) for path, explicit in targets]
    reports: Iterable[FileReport] = (
        (verdict.report for verdict in _run(tasks, jobs))
        if cache is None
        else _remembering(cache, tasks, jobs)
    )
    for report in reports:
        done()
        if report.findings or report.errors:
            yield report


def _remembering(cache: Cache, tasks: list[Task], jobs: int) -> list[FileReport]:
    """Return a report for each file, from the cache where what it depends on is unchanged."""
    reports = [cache.shelf(task.options).known(task.path, task.explicit) for task in tasks]
    # Once more where a changed file bears otherwise on those that are not changed.
    for _ in range(2):
        todo = [number for number, report in enumerate(reports) if report is None]
        for number, verdict in zip(todo, _run([tasks[n] for n in todo], jobs), strict=True):
            task = tasks[number]
            reports[number] = verdict.report
            if not cache.shelf(task.options).note(task.path, verdict):
                for other, each in enumerate(tasks):
                    if each.options == task.options and other not in todo:
                        reports[other] = None
    cache.save()
    return [report for report in reports if report is not None]


def check_file(task: Task, workspaces: Workspaces) -> Verdict:
    """Read one file and check it, if it is worth it; never raises."""
    path = task.path
    try:
        signature, data = read_signed(path)
    except OSError as error:
        message = f"cannot read: {(error.strerror or str(error)).lower()}"
        report = FileReport(path, errors=(FileError(path, 0, 0, message),))
        return Verdict(report, "passed", lasts=False)
    if workspaces.of(task.options).is_candidate(path, data):
        return examine(Job(path, data, task.options), workspaces, signature)
    if task.explicit:
        return examine(Job(path, data, task.options), workspaces, signature, full=False)
    return Verdict(FileReport(path), "passed", signature)


def check_chunk(tasks: Sequence[Task]) -> list[Verdict]:
    """Check some files: what a process that was started for a run is given at a time."""
    with gc_at_leisure() as rest:
        return [rest(check_file(task, _own)) for task in tasks]


def _run(tasks: list[Task], jobs: int) -> Iterator[Verdict]:
    """Check the files, in other processes where that pays or was asked for."""
    limit = jobs or _cpus()
    workspaces = Workspaces()
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
        for verdicts in _in_pool(tasks[finished:], limit):
            yield from verdicts
            finished += len(verdicts)
    with gc_at_leisure() as rest:
        for task in tasks[finished:]:
            yield rest(check_file(task, workspaces))


def _in_pool(tasks: list[Task], jobs: int) -> Iterator[list[Verdict]]:
    """Yield the verdicts of chunks, in order; ends early where no processes are to be had."""
    size = max(1, min(_CHUNK, len(tasks) // (jobs * 4)))
    chunks = [tasks[start : start + size] for start in range(0, len(tasks), size)]
    if not chunks:
        return
    from concurrent.futures import BrokenExecutor, ProcessPoolExecutor

    try:
        with ProcessPoolExecutor(min(jobs, len(chunks))) as pool:
            yield from pool.map(check_chunk, chunks)
    except (BrokenExecutor, OSError, ImportError, NotImplementedError):
        return


@contextmanager
def gc_at_leisure() -> Iterator[Callable[[Verdict], Verdict]]:
    """Collect garbage between files, and only after many objects were made.

    Trees hold no cycles: the collector would go through them again and again for
    nothing, which takes as long as parsing.  What is yielded is called with each verdict.
    """

    def rest(verdict: Verdict) -> Verdict:
        if gc.get_count()[0] > _OBJECTS:
            gc.collect()
        return verdict

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
