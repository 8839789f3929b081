"""What earlier runs in this folder found, kept file by file: right first.

A report is believed while everything that it was derived from is as it was: the content
of the file and of the modules of the project that it led to, and every path and folder
that was looked for, there or not (:mod:`flake8_mpglobals.trace`); so is the answer to a
whole command, for which also settings files and folders were looked at.  Tool, Python, the
libraries that it asks and the working directory are part of the name under which all is
kept, options part of the key of a report.

* A file whose size, times and inode are the same is not read again.  Where one of them
  differs its content decides, as it does for a file which had been changed just before
  it was read: a later change could bear the same time.
* What was kept in one go is a *ledger* (:mod:`flake8_mpglobals.ledger`); what changed since
  is a *journal* beside it, which names it.  When the journal has grown to a share of the
  ledger, another ledger is written that holds both.
* What cannot be read, does not look as it was written (``Damaged``), or cannot be written
  is left alone: the files are checked anew.  A file is replaced whole, so concurrent runs see
  one state or the other; the last one to end is kept.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
import time
import zlib
from array import array
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from flake8_mpglobals import __version__
from flake8_mpglobals.disk import digest as content_digest
from flake8_mpglobals.disk import renewed, tag_of
from flake8_mpglobals.ledger import Answer, Ledger, opened, written
from flake8_mpglobals.model import (
    Dispatch,
    FileError,
    FileReport,
    Finding,
    Location,
    Related,
    Step,
)
from flake8_mpglobals.options import Options
from flake8_mpglobals.records import fields, plain
from flake8_mpglobals.trace import Trace

_MAGIC = b"mpglobals cache 3\n"
_DAY = 86_400
_MOST_DAYS = 30
_MOST_BYTES = 200 << 20
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by mpglobals: may be deleted.\n"
_ANSWERS = 8
"""So many answers to whole commands are kept, the last ones."""
_SHARE = 16
"""A journal is folded into a new ledger when it is larger than this part of the old one,"""
_SMALL = 1 << 18
"""and than this."""
_AT_ONCE = "ra"
"""Letters of nodes whose values are wanted where nothing has changed."""
_LIBRARIES = ("astroid", "flake8")


def default_folder() -> str | None:
    """Return the user's cache folder; None where there is none to be had."""
    try:
        from platformdirs import user_cache_dir
    except ImportError:
        return None
    return str(user_cache_dir("mpglobals", appauthor=False))


class Kept:
    """What was kept: a trace over a ledger, and for each command that was answered the node
    of the answer and the leaves that it depends on, None for all.

    ``refreshed`` says whether there is more to be known of leaves that are as they were.
    """

    __slots__ = ("answers", "ledger", "refreshed", "trace")

    def __init__(self, ledger: Ledger, journal: tuple[Any, ...]) -> None:
        ledger.name, keys, gone, names, states, made, values, answers = journal
        ledger.names.update(names)
        self.ledger = ledger
        self.answers: dict[str, Answer] = answers or dict(ledger.answers)
        self.refreshed = False
        self.trace = trace = Trace(ledger)
        trace.keys = keys
        trace.numbers = {key: number for number, key in enumerate(keys, ledger.count)}
        trace.gone = set(array("I", gone))
        trace.states, trace.made, trace.values = states, made, values

    def changed(self, among: set[int] | None) -> set[int]:
        """Return the leaves that are not as they were, of these or of all."""
        trace, ledger = self.trace, self.ledger
        states = {
            number: state
            for number, state in trace.states.items()
            if state is not None and (among is None or number in among)
        }
        for number in ledger.suspects(among, trace.gone.union(trace.states)):
            state = ledger.other(number) or ledger.state(number)
            if state is not None:
                states[number] = state
        found: set[int] = set()
        for number, state in states.items():
            now = renewed(trace.key(number), state)
            if now is None:
                found.add(number)
            elif now is not state:
                trace.states[number] = now
                self.refreshed = True
        return found


class Cache:
    """What is kept of the runs in one working directory; ``folder`` is made when needed."""

    def __init__(self, folder: str) -> None:
        self._cwd = os.getcwd()
        what = repr((_tool(), self._cwd, sys.version, sys.byteorder))
        self._top = folder
        self._folder = os.path.join(folder, f"{__version__}-{sys.implementation.cache_tag}")
        self._name = digest(what.encode("utf-8", "surrogatepass"))

    def load(self) -> Kept | None:
        """Return what was kept, None where that is nothing."""
        try:
            path = self._path("")
            with open(path, "rb", buffering=0) as file:
                data = file.readall()
            journal = _unsealed(data)
            ledger = opened(self._path(journal[0]))
            if ledger is None:
                return None
            if time.time() - os.stat(path).st_mtime > _DAY:
                os.utime(path)
                os.utime(self._path(journal[0]))
            return Kept(ledger, journal)
        except (OSError, EOFError, IndexError, TypeError, ValueError):
            return None

    def save(self, trace: Trace, answers: dict[str, Answer]) -> None:
        """Keep what a run noted; raises no ``OSError``, but ``Damaged``."""
        trace.settle()
        trace.drop_doubtful()
        while len(answers) > _ANSWERS:
            trace.forget(answers.pop(next(iter(answers)))[0])
        for key, (number, reports, _) in list(answers.items()):
            if trace.unknown((number, *array("I", reports))):
                del answers[key]
        with contextlib.suppress(OSError, ValueError):
            self._begin()
            if isinstance(trace.base, Ledger) and self._add(trace, trace.base, answers):
                return
            parts = written(trace, answers, self._cwd, _AT_ONCE)
            if isinstance(trace.base, Ledger):
                trace.base.close()
            name = f"-{os.urandom(8).hex()}"
            self._replace(name, parts)
            self._replace("", _sealed((name, [], b"", {}, {}, {}, {}, {})))
            for other in os.listdir(self._folder):
                if other.startswith(f"{self._name}-") and other != self._name + name:
                    if "." in other:
                        continue  # another run is about to write it
                    os.unlink(os.path.join(self._folder, other))
            _prune(self._top)

    def refresh(self, kept: Kept) -> None:
        """Keep what is known better of what has not changed; raises no ``OSError``."""
        with contextlib.suppress(OSError, ValueError):
            if not self._add(kept.trace, kept.ledger, kept.answers):
                self.save(kept.trace, kept.answers)

    def _add(self, trace: Trace, ledger: Ledger, answers: dict[str, Answer]) -> bool:
        """Write down what is not in the ledger; false where that is too much."""
        known = {} if answers == ledger.answers else answers
        gone = array("I", sorted(trace.gone)).tobytes()
        names = {number: trace.key(number) for number in trace.states if number < ledger.count}
        name, states = ledger.name, trace.states
        parts = _sealed((name, trace.keys, gone, names, states, trace.made, trace.values, known))
        if len(parts[-1]) > max(_SMALL, ledger.size // _SHARE):
            return False
        # Where another run has written a new ledger this one is worth nothing.
        if os.path.exists(self._path(name)):
            self._replace("", parts)
        return True

    def _begin(self) -> None:
        """Make the folder, with marks for those who make backups and for git."""
        os.makedirs(self._folder, exist_ok=True)
        for mark, text in (("CACHEDIR.TAG", _TAG), (".gitignore", "*\n")):
            path = os.path.join(self._top, mark)
            if not os.path.exists(path):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, self._name + name)

    def _replace(self, name: str, parts: Iterable[bytes]) -> None:
        """Write a file of the cache whole, or not at all; raises ``OSError``."""
        temporary = self._path(f"{name}.{os.urandom(6).hex()}")
        try:
            with open(temporary, "xb", buffering=0) as file:
                for part in parts:
                    if file.write(part) != len(part):
                        raise OSError("not written whole")
            os.replace(temporary, self._path(name))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def _sealed(content: tuple[Any, ...]) -> tuple[bytes, ...]:
    body = marshal.dumps(content)
    return (_MAGIC, zlib.crc32(body).to_bytes(4, "big"), body)


def _unsealed(data: bytes) -> tuple[Any, ...]:
    """Return what was sealed; raises ``ValueError`` where it is not as it was."""
    head = len(_MAGIC) + 4
    body = memoryview(data)[head:]
    sum_ = int.from_bytes(data[len(_MAGIC) : head], "big")
    if data[: len(_MAGIC)] != _MAGIC or zlib.crc32(body) != sum_:
        raise ValueError("damaged")
    content: tuple[Any, ...] = marshal.loads(body)
    return content


def _prune(top: str) -> None:
    """Delete what was not used for long, and the oldest where there is too much; once a day."""
    mark = os.path.join(top, "CACHEDIR.TAG")
    now = time.time()
    if now - os.stat(mark).st_mtime < _DAY:
        return
    os.utime(mark)
    found: list[tuple[float, int, str]] = []
    for folder in os.scandir(top):
        if folder.is_dir(follow_symlinks=False):
            for entry in os.scandir(folder):
                stat = entry.stat(follow_symlinks=False)
                found.append((stat.st_mtime, stat.st_size, entry.path))
    total = 0
    for used, size, path in sorted(found, reverse=True):
        total += size
        if used < now - _MOST_DAYS * _DAY or total > _MOST_BYTES:
            with contextlib.suppress(OSError):
                os.unlink(path)


def digest(what: bytes) -> str:
    """Return a short name for some bytes."""
    return content_digest(what).hex()


def report_key(path: str, explicit: bool, options: Options) -> str:
    """Return the key of the report on a file: the same in every process and run."""
    return f"r{'+' if explicit else '-'}{_name_of(options)} {path}"


@lru_cache(maxsize=64)
def _name_of(options: Options) -> str:
    values = (getattr(options, name) for name in fields(Options))
    plain = [sorted(value) if isinstance(value, frozenset) else value for value in values]
    return tag_of(plain)


def packed(report: FileReport) -> tuple[Any, ...]:
    """Return a report in plain types; an empty tuple for one that says nothing."""
    return plain(report) if report.findings or report.errors else ()


def _tool() -> list[tuple[object, ...]]:
    """Return by what another state of this package, or of what it asks, is told."""
    from importlib.util import find_spec

    own = os.path.dirname(os.path.abspath(__file__))
    stats: list[tuple[object, ...]] = []
    folders = [own]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    stat = entry.stat()
                    inside = entry.path[len(own) :]
                    stats.append((inside, stat.st_size, stat.st_mtime_ns))
                elif entry.is_dir():
                    folders.append(entry.path)
    for name in _LIBRARIES:
        spec = find_spec(name)
        origin = (spec.origin if spec is not None else None) or ""
        stats.append((origin, *_when(origin), *_when(os.path.dirname(origin))))
    return sorted(stats, key=repr)


def _when(path: str) -> tuple[int, int]:
    try:
        stat = os.stat(path)
    except OSError:
        return (0, 0)
    return (stat.st_size, stat.st_mtime_ns)


def unpacked(value: tuple[Any, ...]) -> FileReport:
    """Return the report that was packed."""
    if not value:
        return FileReport("")
    path, findings, errors, lines = value
    return FileReport(
        path,
        tuple(_finding(*each) for each in findings),
        tuple(FileError(*each) for each in errors),
        lines,
    )


def _finding(*values: Any) -> Finding:
    given = dict(zip(fields(Finding), values, strict=True))
    for name, make in (("dispatches", Dispatch), ("chain", Step), ("related", Related)):
        given[name] = tuple(make(Location(*where), *rest) for where, *rest in given[name])
    for name in ("location", "origin"):
        if given[name] is not None:
            given[name] = Location(*given[name])
    given["fix"] = None
    return Finding(**given)
