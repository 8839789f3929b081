"""The answer to a whole command, as far as what an earlier run found still holds.

Where nothing has changed that the answer depends on, it is the one that was given before,
and not even the files are listed.  Else what depends on a change is found out anew, as far
as it turns out otherwise.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import islice

from flake8_mpglobals.blocks import Damaged
from flake8_mpglobals.cache import (
    Cache,
    Kept,
    default_folder,
    digest,
    report_key,
    unpacked,
)
from flake8_mpglobals.checking import Task, check_files, gc_at_leisure
from flake8_mpglobals.config import Configuration
from flake8_mpglobals.discovery import Target, discover
from flake8_mpglobals.disk import Disk
from flake8_mpglobals.ledger import Ledger
from flake8_mpglobals.model import FileError, FileReport
from flake8_mpglobals.records import frozen, plain
from flake8_mpglobals.trace import Trace
from flake8_mpglobals.workspace import Workspace, Workspaces

_FEW = 8
"""So few files are as soon checked as looked up."""
_MOST = 6
"""Where there are no more than so many nodes for each report, all leaves are looked at."""
_MANY_TIMES = 16
"""Where so many times more nodes are kept than reports asked for, not all leaves are looked at."""
_RENEWED = "bls0123"
"""Letters of nodes below reports, each after those from which it is derived."""

Progress = Callable[[int], AbstractContextManager[Callable[[], object]]]


@frozen
class Outcome:
    """What a run found: reports with findings or errors, and how many files there were."""

    reports: tuple[FileReport, ...]
    errors: tuple[FileError, ...]
    files: int


class Command:
    """The PATHs of a command with all that bears on what is found under them.

    ``flags`` are those of the command as they were given, ``progress`` is told how many
    files there are to check and returns what to call after each.
    """

    def __init__(
        self,
        paths: tuple[str, ...],
        configuration: Configuration,
        flags: str,
        jobs: int,
        progress: Progress,
    ) -> None:
        self._paths = paths
        self._configuration = configuration
        self._flags = flags
        self._jobs = jobs
        self._progress = progress

    def run(self, cache: str | None) -> Outcome:
        """Check the files.

        ``cache`` is the folder in which the answer is kept, empty for none, None for the
        user's own, where there are more than a few files.
        """
        if cache is None:
            found = tuple(islice(discover(self._paths, self._configuration), _FEW + 1))
            cache = (default_folder() or "") if len(found) > _FEW else ""
            if not cache and len(found) <= _FEW:
                return self._afresh(found)
        if not cache:
            return self._afresh(discover(self._paths, self._configuration))
        return self._recalled(Cache(cache))

    def _afresh(self, found: Iterable[Target | FileError]) -> Outcome:
        targets, errors = _parted(found)
        tasks = [self._task(target) for target in targets]
        return Outcome(self._checked(tasks, Workspaces()), errors, len(tasks))

    def _checked(self, tasks: Sequence[Task], workspaces: Workspaces) -> tuple[FileReport, ...]:
        with self._progress(len(tasks)) as done:
            reports = check_files(tasks, self._jobs, done, workspaces)
            return tuple(report for report in reports if report.findings or report.errors)

    def _task(self, target: Target) -> Task:
        configuration, path = self._configuration, target.path
        if target.settings is None:
            options = configuration.options_for(path)
        else:
            options = configuration.options_under(target.settings, path)
        return Task(path, target.explicit, options)

    # -- from what was kept ------------------------------------------------------

    def _recalled(self, cache: Cache) -> Outcome:
        question = self._question()
        kept = cache.load()
        if kept is not None:
            try:
                with gc_at_leisure():
                    outcome = self._again(cache, kept, question)
                return outcome or self._anew(cache, kept, question)
            except Damaged:
                """Nothing that was kept can be relied on."""
            finally:
                kept.ledger.close()
        return self._anew(cache, None, question)

    def _question(self) -> str:
        folders = {os.path.dirname(os.path.abspath(path)) for path in self._paths}
        folders.update(path for path in self._paths if os.path.islink(path))
        what = repr((self._paths, sorted(map(os.path.realpath, folders)), self._flags))
        return f"a{digest(what.encode('utf-8', 'surrogatepass'))} {self._paths[0]}"

    def _again(self, cache: Cache, kept: Kept, question: str) -> Outcome | None:
        """Return the answer that was given before, with what has changed in it; None where
        other files may be looked at.
        """
        answer = kept.answers.get(question)
        if answer is None:
            return None
        number, packed, own = answer
        trace, reports = kept.trace, array("I", packed)
        changed = kept.changed(None if own is None else set(array("I", own)))
        if trace.unknown((number, *reports)):
            return None
        files, errors, paths = trace.value(number)
        if changed:
            workspaces = Workspaces(trace)
            options = [self._configuration.options_for(path) for path in paths]
            _renew(trace, changed, map(workspaces.of, options))
            if trace.unknown((number,)):
                return None
            waiting = trace.unknown(reports)
            tasks: list[Task] = []
            for each in waiting:
                head, _, path = trace.key(each).partition(" ")
                task = Task(path, head[1] == "+", self._configuration.options_for(path))
                if report_key(task.path, task.explicit, task.options) != trace.key(each):
                    return None
                tasks.append(task)
            self._checked(tasks, workspaces)
            if own is not None:
                new = trace.leaves_of(waiting).difference(array("I", own))
                if _stale(kept, new):
                    return None
                own = array("I", sorted(new.union(array("I", own)))).tobytes() if new else own
            answers = dict(kept.answers)
            answers[question] = (number, packed, own)
            outcome = _outcome(trace, reports, files, errors)
            cache.save(trace, answers)
            return outcome
        if kept.refreshed:
            cache.refresh(kept)
        return _outcome(trace, reports, files, errors)

    def _anew(self, cache: Cache, kept: Kept | None, question: str) -> Outcome:
        """Look for the files, and check those of which nothing is known."""
        with gc_at_leisure():
            looks = Trace()
            disk = Disk(trace=looks)
            targets, errors = looks.derive(question, lambda: self._targets(disk))
            tasks = [self._task(target) for target in targets]
            keys = [report_key(task.path, task.explicit, task.options) for task in tasks]
            trace = kept.trace if kept is not None else Trace()
            workspaces = Workspaces(trace)
            tags = {workspaces.of(task.options).tag: task for task in tasks}
            numbers = [trace.number(key) for key in keys]
            by_number = dict(zip(numbers, tasks, strict=True))
            among = None
            if kept is not None and len(keys) * _MANY_TIMES < len(kept.ledger.nodes()):
                among = trace.leaves_of(n for n in numbers if trace.edges(n) is not None)
                among.update(map(trace.number, looks.keys))
                among.update(trace.number(f"t {disk.absolute(task.path)}") for task in tasks)
            changed = set() if kept is None else kept.changed(among)
        while True:
            if changed:
                with gc_at_leisure():
                    _renew(trace, changed, [workspaces.of(task.options) for task in tags.values()])
            waiting = [n for n in by_number if trace.edges(n) is None]
            self._checked([by_number[n] for n in waiting], workspaces)
            if kept is None or among is None:
                break
            # What is there of others may be out of date, too.
            new = trace.leaves_of(numbers) - among
            changed = _stale(kept, new)
            if not changed:
                break
            among |= new
        with gc_at_leisure():
            trace.add(looks.take())
            number = trace.number(question)
            said = plain(errors)
            trace.keep(number, (len(tasks), said, tuple(task.path for task in tags.values())))
            outcome = _outcome(trace, numbers, len(tasks), said)
            trace.settle()
            answers = dict(kept.answers) if kept is not None else {}
            answers.pop(question, None)
            packed = array("I", numbers).tobytes()
            answers[question] = (number, packed, _own(trace, number, numbers))
            cache.save(trace, answers)
        return outcome

    def _targets(self, disk: Disk) -> tuple[list[Target], tuple[FileError, ...]]:
        """Return the files to look at, and note what that depends on."""
        found = _parted(discover(self._paths, self._configuration, disk=disk))
        for path, was in self._configuration.read.items():
            try:
                data = disk.read(path)
            except OSError:
                data = None
            if data != was and disk.trace is not None:
                disk.trace.doubt(f"t {path}")
        return found


def _parted(found: Iterable[Target | FileError]) -> tuple[list[Target], tuple[FileError, ...]]:
    targets: list[Target] = []
    errors: list[FileError] = []
    for each in found:
        if isinstance(each, Target):
            targets.append(each)
        else:
            errors.append(each)
    return targets, tuple(errors)


def _outcome(
    trace: Trace, numbers: Sequence[int], files: int, errors: Iterable[tuple[object, ...]]
) -> Outcome:
    """Return what the reports with these numbers say."""
    telling = {*trace.values, *(trace.base.found if isinstance(trace.base, Ledger) else ())}
    reports = (unpacked(trace.value(number)) for number in numbers if number in telling)
    return Outcome(
        tuple(report for report in reports if report.findings or report.errors),
        tuple(FileError(*each) for each in errors),  # type: ignore[arg-type]
        files,
    )


def _own(trace: Trace, number: int, reports: Sequence[int]) -> bytes | None:
    """Return the leaves that an answer depends on, None where those are most of all."""
    nodes = len(trace.made) + (len(trace.base.nodes()) if isinstance(trace.base, Ledger) else 0)
    if len(reports) * _MOST > nodes:
        return None
    return array("I", sorted(trace.leaves_of((number, *reports)))).tobytes()


def _stale(kept: Kept, leaves: set[int]) -> set[int]:
    """Return those of the leaves that are not as they were, or were met otherwise in this run."""
    states = kept.trace.states
    odd = {number for number in leaves if states.get(number, ()) is None}
    return odd | kept.changed(leaves - odd)


def _renew(trace: Trace, changed: set[int], workspaces: Iterable[Workspace]) -> None:
    """Forget what is derived from leaves that ``changed``, as far as it turns out otherwise.

    What searches over files say is found out anew: where that is what it was, it changes
    nothing for what is derived from it.
    """
    by_tag = {workspace.tag: workspace for workspace in workspaces}
    waiting: dict[str, set[int]] = {}

    def spread(numbers: set[int]) -> None:
        for node in trace.dependents(numbers) if numbers else ():
            waiting.setdefault(trace.key(node)[0], set()).add(node)

    for number in changed:
        trace.forget(number)
    spread(changed)
    for letter in _RENEWED:
        was = {number: trace.forget(number) for number in waiting.pop(letter, ())}
        moved: set[int] = set()
        for number, value in was.items():
            head, _, path = trace.key(number).partition(" ")
            workspace = by_tag.get(head[1:])
            if workspace is not None and letter == "s":
                workspace.text(path)
            elif workspace is not None and letter.isdigit():
                workspace.offers(path, int(letter))
            if trace.edges(number) is None or trace.value(number) != value:
                moved.add(number)
        spread(moved)
    for rest in waiting.values():
        for number in rest:
            trace.forget(number)
