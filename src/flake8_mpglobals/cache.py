"""What earlier runs in this folder found, kept file by file: right first.

A report is believed while everything that it was derived from is as it was: the content
of the file and of the modules of the project that it led to, and every path and folder
that was looked for, there or not (:mod:`flake8_mpglobals.trace`).  Tool, Python, the
libraries that it asks and the working directory are part of the name under which all is
kept, options part of the key of a report.

* A file whose size, times and inode are the same is not read again.  Where one of them
  differs its content decides, as it does for a file which had been changed just before
  it was read: a later change could bear the same time.
* What cannot be read, does not look as it was written, or cannot be written is left
  alone: the files are checked anew.  A file is replaced whole, so concurrent runs see
  one state or the other; the last one to end is kept.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
import tempfile
import time
import zlib
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from flake8_mpglobals import __version__
from flake8_mpglobals.disk import renewed, tag_of
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

_MAGIC = b"mpglobals cache 2\n"
_DAY = 86_400
_MOST_DAYS = 30
_MOST_BYTES = 200 << 20
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by mpglobals: may be deleted.\n"
_MANY_TIMES = 4
"""Where so many times more reports are kept than asked for, not all leaves are looked at."""
_LIBRARIES = ("astroid", "flake8")


def default_folder() -> str | None:
    """Return the user's cache folder; None where there is none to be had."""
    try:
        from platformdirs import user_cache_dir
    except ImportError:
        return None
    return str(user_cache_dir("mpglobals", appauthor=False))


class Kept:
    """What was kept: leaves with their states, and reports by key.

    After :meth:`holds`, ``changed`` are the numbers of leaves that are not as they were,
    and ``refreshed`` says whether there is more to be known of some that are.
    """

    __slots__ = ("_cache", "_content", "_graph", "_leaves", "_reports", "_states", "_trace",
                 "changed", "refreshed")  # fmt: skip

    def __init__(self, cache: Cache, content: tuple[Any, ...]) -> None:
        self._cache = cache
        self._content = content
        self._graph, leaves, leaf_keys, self._states, reports, report_keys, _ = content
        self._leaves = dict(zip(array("I", leaves), _split(leaf_keys), strict=True))
        self._reports = dict(zip(_split(report_keys), array("I", reports), strict=True))
        self._trace: Trace | None = None
        self.changed: set[int] = set()
        self.refreshed = False

    def holds(self, keys: Sequence[str]) -> bool:
        """Whether all these reports are there, and nothing has changed that they depend on."""
        among = None
        if len(keys) * _MANY_TIMES < len(self._reports):
            trace = self.trace()
            known = [self._reports[key] for key in keys if key in self._reports]
            among = None if trace is None else trace.leaves_of(known)
        for index, (number, key) in enumerate(self._leaves.items()):
            if among is None or number in among:
                state = renewed(key, self._states[index])
                if state is None:
                    self.changed.add(number)
                elif state is not self._states[index]:
                    self._states[index] = state
                    self.refreshed = True
        return not self.changed and all(key in self._reports for key in keys)

    def report(self, key: str) -> FileReport | None:
        """Return a report; None where it says nothing."""
        value = self._content[-1].get(self._reports[key])
        return None if value is None else unpacked(value)

    def trace(self) -> Trace | None:
        """Return all that was kept; None where it is not to be had."""
        content = self._cache.read(self._graph) if self._trace is None else None
        if content is not None:
            keys, nodes, sizes, flat, values = content
            trace = self._trace = Trace()
            trace.keys = _split(keys)
            trace.numbers = {key: number for number, key in enumerate(trace.keys)}
            start = 0
            for node, size in zip(array("I", nodes), array("I", sizes), strict=True):
                trace.made[node] = flat[start : start + size]
                start += size
            trace.values = {**values, **self._content[-1]}
        if self._trace is not None:
            self._trace.states = dict(zip(self._leaves, self._states, strict=True))
        return self._trace

    def save(self) -> None:
        """Keep what is known better of what has not changed; never raises ``OSError``."""
        with contextlib.suppress(OSError, ValueError):
            self._cache.replace("", marshal.dumps(self._content))


class Cache:
    """What is kept of the runs in one working directory; ``folder`` is made when needed."""

    def __init__(self, folder: str) -> None:
        what = repr((_tool(), os.getcwd(), sys.version))
        self._top = folder
        self._folder = os.path.join(folder, f"{__version__}-{sys.implementation.cache_tag}")
        self._name = digest(what.encode("utf-8", "surrogatepass"))

    def load(self) -> Kept | None:
        """Return what was kept, None where that is nothing."""
        content = self.read("")
        try:
            return None if content is None else Kept(self, content)
        except (TypeError, ValueError):
            return None

    def read(self, name: str) -> tuple[Any, ...] | None:
        """Return what a file of the cache holds, None where it holds nothing of use."""
        path = self._path(name)
        try:
            with open(path, "rb") as file:
                data = file.read()
            if time.time() - os.stat(path).st_mtime > _DAY:
                os.utime(path)
        except (OSError, ValueError):
            return None
        head = len(_MAGIC) + 4
        body = memoryview(data)[head:]
        sum_ = int.from_bytes(data[len(_MAGIC) : head], "big")
        if data[: len(_MAGIC)] != _MAGIC or zlib.crc32(body) != sum_:
            return None
        try:
            content = marshal.loads(body)
        except (EOFError, ValueError, TypeError):
            return None
        return content if isinstance(content, tuple) else None

    def save(self, trace: Trace) -> None:
        """Keep what a run noted; never raises ``OSError``."""
        trace.settle()
        trace.drop_doubtful()
        leaves = {n: state for n, state in trace.states.items() if state is not None}
        reports = [n for n in trace.made if trace.keys[n].startswith("r")]
        values = dict(trace.values)
        found = {n: values.pop(n) for n in reports if n in values}
        graph = marshal.dumps(
            (
                _joined(trace.keys),
                array("I", trace.made).tobytes(),
                array("I", map(len, trace.made.values())).tobytes(),
                b"".join(trace.made.values()),
                values,
            )
        )
        name = f"-{digest(graph)}"
        state = marshal.dumps(
            (
                name,
                array("I", leaves).tobytes(),
                _joined(trace.keys[n] for n in leaves),
                list(leaves.values()),
                array("I", reports).tobytes(),
                _joined(trace.keys[n] for n in reports),
                found,
            )
        )
        with contextlib.suppress(OSError, ValueError):
            os.makedirs(self._folder, exist_ok=True)
            for mark, text in (("CACHEDIR.TAG", _TAG), (".gitignore", "*\n")):
                path = os.path.join(self._top, mark)
                if not os.path.exists(path):
                    with open(path, "w", encoding="utf-8") as file:
                        file.write(text)
            if not os.path.exists(self._path(name)):
                self.replace(name, graph)
            self.replace("", state)
            for other in os.listdir(self._folder):
                if other.startswith(f"{self._name}-") and other != self._name + name:
                    os.unlink(os.path.join(self._folder, other))
            _prune(self._top)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, self._name + name)

    def replace(self, name: str, body: bytes) -> None:
        """Write a file of the cache whole, or not at all; raises ``OSError``."""
        handle, temporary = tempfile.mkstemp(dir=self._folder)
        try:
            with open(handle, "wb") as file:
                file.write(_MAGIC + zlib.crc32(body).to_bytes(4, "big"))
                file.write(body)
            os.replace(temporary, self._path(name))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def _joined(keys: Iterable[str]) -> bytes:
    return "\0".join(keys).encode("utf-8", "surrogatepass")


def _split(keys: bytes) -> list[str]:
    return keys.decode("utf-8", "surrogatepass").split("\0") if keys else []


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
    from hashlib import blake2b

    return blake2b(what, digest_size=16).hexdigest()


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
    stats: list[tuple[object, ...]] = [
        (os.path.relpath(path, own), *_when(path))
        for folder, _, names in os.walk(own)
        for name in names
        if name.endswith(".py")
        for path in (os.path.join(folder, name),)
    ]
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
