"""What the last run with the same arguments found, kept in a folder: right first.

An answer is believed while everything that the run looked at is as it was: every file
that was read, under check or not, and every path and folder that was looked for, there
or not.  Arguments, options, working directory, tool, the libraries that it asks and
Python are part of the name under which it is kept.

* A file counts as unchanged where size, times and inode are the same; a run that read
  one which had been changed just before is not kept, as a later change could bear the
  same time.
* What cannot be read, does not look as it was written, or cannot be written is left
  alone: the files are checked anew.  A file is replaced whole, so concurrent runs see
  one state or the other.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from typing import Any

from flake8_mpglobals import __version__
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
from flake8_mpglobals.project import Seen, state_of

_MAGIC = b"mpglobals cache 1\n"
_DAY = 86_400
_MOST_DAYS = 30
_MOST_BYTES = 200 << 20
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by mpglobals: may be deleted.\n"
_LIBRARIES = ("astroid", "flake8")


def default_folder() -> str | None:
    """Return the user's cache folder; None where there is none to be had."""
    try:
        from platformdirs import user_cache_dir
    except ImportError:
        return None
    return str(user_cache_dir("mpglobals", appauthor=False))


class Cache:
    """The answer to one run, in a folder that is made when there is something to keep.

    ``targets`` are the files under check, each with whether it is named itself and
    with its options.
    """

    def __init__(self, folder: str, targets: Sequence[tuple[str, bool, Options]]) -> None:
        numbers: dict[int, int] = {}
        distinct: list[list[object]] = []
        listed: list[tuple[str, bool, int]] = []
        for path, explicit, options in targets:
            number = numbers.get(id(options))
            if number is None:
                number = numbers[id(options)] = len(distinct)
                distinct.append(_plain(options))
            listed.append((path, explicit, number))
        what = repr((_tool(), os.getcwd(), sys.version, distinct, listed))
        self._top = folder
        self._folder = os.path.join(folder, f"{__version__}-{sys.implementation.cache_tag}")
        self._path = os.path.join(self._folder, _digest(what.encode("utf-8", "surrogatepass")))

    def load(self) -> list[FileReport] | None:
        """Return the reports of that run, None where something may have changed."""
        try:
            with open(self._path, "rb") as file:
                data = file.read()
            if time.time() - os.stat(self._path).st_mtime > _DAY:
                os.utime(self._path)
        except (OSError, ValueError):
            return None
        head = len(_MAGIC) + 4
        body = memoryview(data)[head:]
        sum_ = int.from_bytes(data[len(_MAGIC) : head], "big")
        if data[: len(_MAGIC)] != _MAGIC or zlib.crc32(body) != sum_:
            return None
        try:
            seen, reports = marshal.loads(body)
        except (EOFError, ValueError, TypeError):
            return None
        if any(state_of(what, path) != state for (what, path), state in seen.items()):
            return None
        return [_unpacked(report) for report in reports]

    def save(self, seen: Seen, reports: Iterable[FileReport]) -> None:
        """Keep the reports of a run that looked at ``seen``; never raises ``OSError``."""
        if any(state is None for state in seen.values()):
            return
        body = marshal.dumps((seen, [astuple(report) for report in reports]))
        with contextlib.suppress(OSError, ValueError):
            os.makedirs(self._folder, exist_ok=True)
            for name, text in (("CACHEDIR.TAG", _TAG), (".gitignore", "*\n")):
                path = os.path.join(self._top, name)
                if not os.path.exists(path):
                    with open(path, "w", encoding="utf-8") as file:
                        file.write(text)
            self._replace(_MAGIC + zlib.crc32(body).to_bytes(4, "big") + body)
            _prune(self._top)

    def _replace(self, data: bytes) -> None:
        handle, temporary = tempfile.mkstemp(dir=self._folder)
        try:
            with open(handle, "wb") as file:
                file.write(data)
            os.replace(temporary, self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


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


def _digest(data: bytes) -> str:
    from hashlib import blake2b

    return blake2b(data, digest_size=16).hexdigest()


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


def _plain(options: Options) -> list[object]:
    """Return options in a form whose ``repr`` is the same in every process."""
    values = (getattr(options, each.name) for each in fields(options))
    return [sorted(value) if isinstance(value, frozenset) else value for value in values]


def _unpacked(packed: tuple[Any, ...]) -> FileReport:
    """Return the report that ``astuple`` took apart."""
    path, findings, errors, lines = packed
    return FileReport(
        path,
        tuple(_finding(*each) for each in findings),
        tuple(FileError(*each) for each in errors),
        lines,
    )


def _finding(*values: Any) -> Finding:
    given = dict(zip((each.name for each in fields(Finding)), values, strict=True))
    for name, make in (("dispatches", Dispatch), ("chain", Step), ("related", Related)):
        given[name] = tuple(make(Location(*where), *rest) for where, *rest in given[name])
    for name in ("location", "origin"):
        if given[name] is not None:
            given[name] = Location(*given[name])
    given["fix"] = None
    return Finding(**given)
