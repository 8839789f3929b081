"""What earlier runs found out, kept in a folder: right first, fast second.

One file on disk holds the verdicts of one working directory under one choice of
options.  A verdict is believed while everything that it came from is as it was: the
file itself, the project modules that were read for it, whether the paths that were
looked for exist, and what other files of the project offer to their importers.

* A file counts as unchanged where size, times and inode are the same, unless it had
  been changed so shortly before it was read that a later change may bear the same
  time; then its content is compared.
* Tool, libraries that answers come from, Python and options are part of the name of
  the file, so that another version or choice reads another one.
* What cannot be read, does not look as it was written or cannot be written is left
  alone: the files are checked anew.  A file is replaced whole, so concurrent runs
  see one state or the other.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass, fields
from typing import Any, Literal

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

_FORMAT = 1
_MAGIC = b"mpglobals cache\n"
_RACY = 2_000_000_000
"""Nanoseconds for which a change may leave the time of a file as it was (FAT: 2 s)."""
_DAY = 86_400
_MOST_DAYS = 30
_MOST_BYTES = 200 << 20
_MOST_FILES = 200_000
"""Files of one shelf beyond those of the last run."""
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by flake8-mpglobals: may be deleted.\n"
_LIBRARIES = ("astroid", "flake8")

Signature = tuple[int, int, int, int]
"""Size, time of modification, time of the last change of any kind, inode."""

Looked = Literal["passed", "parsed", "examined"]
"""How far a file was looked at: not at all, whether it parses, or wholly."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking one file gave, and what that depends on.

    ``signature`` is that of the file when it was read, None where its times do not
    tell whether it changes; ``digest`` stands for its bytes; ``reads`` are the other
    files that were read, each with its digest (empty: could not be read);
    ``bears`` stands for all of this file on which the verdicts on others depend.
    ``lasts`` is false for what may be otherwise next time, all being the same.
    """

    report: FileReport
    looked: Looked
    signature: Signature | None = None
    digest: bytes = b""
    reads: tuple[tuple[str, bytes], ...] = ()
    bears: bytes = b""
    lasts: bool = True


def signature_of(stat: os.stat_result) -> Signature:
    """Return by what a file is known to be unchanged."""
    return (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def settled(signature: Signature, now: int) -> bool:
    """Whether a change after ``now`` must show in the times of a file."""
    _, modified, changed, _ = signature
    return max(modified, changed) < now - _RACY


def digest(data: bytes) -> bytes:
    """Return what stands for the content of a file."""
    from hashlib import blake2b

    return blake2b(data, digest_size=16).digest()


def default_folder() -> str | None:
    """Return the user's cache folder; None where there is none to be had."""
    try:
        from platformdirs import user_cache_dir
    except ImportError:
        return None
    return str(user_cache_dir("mpglobals", appauthor=False))


class Cache:
    """The shelves of one run, by options; each is read when it is first asked for.

    ``read`` returns the bytes of a path and raises ``OSError``; ``kind`` says what a
    path is, as :meth:`flake8_mpglobals.project.Disk.kind` does.
    """

    def __init__(
        self,
        folder: str,
        read: Callable[[str], bytes],
        kind: Callable[[str], str],
    ) -> None:
        self._folder = os.path.join(folder, f"{__version__}-{sys.implementation.cache_tag}")
        self._top = folder
        self._read = read
        self._kind = kind
        self._tool = _tool()
        self._shelves: dict[Options, Shelf] = {}

    def shelf(self, options: Options) -> Shelf:
        """Return what is known under ``options`` in the working directory."""
        known = self._shelves.get(options)
        if known is None:
            what = (self._tool, os.getcwd(), _plain(options), sys.version, _FORMAT)
            name = digest(repr(what).encode("utf-8", "surrogatepass")).hex()
            path = os.path.join(self._folder, name)
            known = self._shelves[options] = Shelf(path, self._read, self._kind)
        return known

    def save(self) -> None:
        """Write what is new; whatever keeps that from working is no error."""
        changed = [shelf for shelf in self._shelves.values() if shelf.changed]
        if not changed:
            return
        with contextlib.suppress(OSError):
            os.makedirs(self._folder, exist_ok=True)
            self._mark()
            for shelf in changed:
                shelf.save()
            _prune(self._top)

    def _mark(self) -> None:
        """Say to backup programs and to git that this folder is of no worth."""
        for name, text in (("CACHEDIR.TAG", _TAG), (".gitignore", "*\n")):
            path = os.path.join(self._top, name)
            if not os.path.exists(path):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)


_Entry = tuple[Signature | None, int, bytes]
"""Signature, number of the record (or one of the two below), ``bears``."""
_PASSED = -1
_PARSED = -2
_Record = tuple[bytes, bool, tuple[tuple[str, bytes], ...], tuple[Any, ...]]
"""Digest of the file, whether it was examined, ``reads``, the report."""


class Shelf:
    """The verdicts of one working directory under one choice of options."""

    def __init__(self, path: str, read: Callable[[str], bytes], kind: Callable[[str], str]) -> None:
        self._path = path
        self._read = read
        self._kind = kind
        self._entries: dict[str, _Entry] = {}
        self._records: dict[int, _Record] = {}
        self._kinds: dict[str, str] = {}
        self._asked: set[str] = set()
        self._digests: dict[str, bytes] = {}
        self.changed = False
        self._load()
        self._empty = not self._entries

    # -- asking ------------------------------------------------------------------

    def known(self, path: str, explicit: bool) -> FileReport | None:
        """Return the report on a file, None where it has to be checked.

        It holds only as long as no file checked in this run turns out to bear
        otherwise on others (:meth:`note`).
        """
        self._asked.add(path)
        entry = self._entries.get(path)
        if entry is None:
            return None
        signature, number, bears = entry
        try:
            now = signature_of(os.stat(path))
        except (OSError, ValueError):
            return None
        if number in (_PASSED, _PARSED):
            if now != signature or (explicit and number == _PASSED):
                return None
            return FileReport(path)
        record = self._records.get(number)
        if record is None:
            return None
        known_digest, examined, reads, packed = record
        if not examined and not explicit:
            # It was named then, and parsed for that alone.
            return FileReport(path) if now == signature else None
        if now != signature:
            if self._digest(path) != known_digest:
                return None
            if settled(now, time.time_ns()):
                self._entries[path] = (now, number, bears)
                self.changed = True
        if any(self._digest(other) != before for other, before in reads):
            return None
        return _unpacked(packed)

    def note(self, path: str, verdict: Verdict) -> bool:
        """Keep a verdict; return whether what was known of other files still holds."""
        before = self._entries.pop(path, None)
        holds = self._empty or (b"" if before is None else before[2]) == verdict.bears
        if not holds:
            self._entries.clear()
            self._records.clear()
            self._kinds.clear()
            self._empty = True
        self.changed = True
        if not verdict.lasts:
            return holds
        if verdict.looked == "examined" or verdict.report.errors:
            number = max(self._records, default=-1) + 1
            self._records[number] = (
                verdict.digest,
                verdict.looked == "examined",
                verdict.reads,
                astuple(verdict.report),
            )
            self._entries[path] = (verdict.signature, number, verdict.bears)
        elif verdict.signature is not None or verdict.bears:
            number = _PASSED if verdict.looked == "passed" else _PARSED
            self._entries[path] = (verdict.signature, number, verdict.bears)
        return holds

    def note_kinds(self, kinds: Iterable[tuple[str, str]]) -> None:
        """Keep what the paths that were looked for are."""
        self._kinds.update(kinds)

    def _digest(self, path: str) -> bytes:
        """Return the digest of a file, empty where it cannot be read; read once a run."""
        known = self._digests.get(path)
        if known is None:
            try:
                known = digest(self._read(path))
            except (OSError, ValueError):
                known = b""
            self._digests[path] = known
        return known

    # -- the file ----------------------------------------------------------------

    def _load(self) -> None:
        try:
            with open(self._path, "rb") as file:
                data = file.read()
        except OSError:
            return
        head = len(_MAGIC) + 4
        body = memoryview(data)[head:]
        if data[: len(_MAGIC)] != _MAGIC or zlib.crc32(body) != int.from_bytes(
            data[len(_MAGIC) : head], "big"
        ):
            return
        try:
            entries, records, kinds = marshal.loads(body)
        except (EOFError, ValueError, TypeError):
            return
        if all(self._kind(path) == kind for path, kind in kinds.items()):
            self._entries, self._records, self._kinds = entries, records, kinds
        with contextlib.suppress(OSError):
            if os.stat(self._path).st_mtime < time.time() - _DAY:
                os.utime(self._path)

    def save(self) -> None:
        """Replace the file; raises ``OSError``."""
        if len(self._entries) > len(self._asked) + _MOST_FILES:
            self._entries = {
                path: entry for path, entry in self._entries.items() if path in self._asked
            }
        used = {entry[1] for entry in self._entries.values()}
        self._records = {key: value for key, value in self._records.items() if key in used}
        body = marshal.dumps((self._entries, self._records, self._kinds))
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(self._path))
        try:
            with open(handle, "wb") as file:
                file.write(_MAGIC + zlib.crc32(body).to_bytes(4, "big"))
                file.write(body)
            os.replace(temporary, self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def _prune(top: str) -> None:
    """Delete what was not used for long, and the oldest where there is too much; once a day."""
    mark = os.path.join(top, "CACHEDIR.TAG")
    now = time.time()
    if os.stat(mark).st_mtime > now - _DAY:
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


def _tool() -> tuple[object, ...]:
    """Return by what another state of this package, or of what answers it, is told."""
    from importlib.util import find_spec

    own = os.path.dirname(os.path.abspath(__file__))
    stats: list[tuple[object, ...]] = [
        (os.path.relpath(os.path.join(folder, name), own), *_when(os.path.join(folder, name)))
        for folder, _, names in os.walk(own)
        for name in names
        if name.endswith(".py")
    ]
    for name in _LIBRARIES:
        spec = find_spec(name)
        origin = "" if spec is None else spec.origin or ""
        folder = os.path.dirname(origin)
        stats.append((origin, *_when(origin), *_when(folder)))
    return tuple(sorted(stats, key=repr))


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
    code, name, message, location, end_line, end_column, place, worker, remedy, *rest = values
    dispatches, chain, related, _ = rest
    return Finding(
        code,
        name,
        message,
        Location(*location),
        end_line,
        end_column,
        place,
        worker,
        remedy,
        tuple(Dispatch(Location(*where), *rest) for where, *rest in dispatches),
        tuple(Step(Location(*where), *rest) for where, *rest in chain),
        tuple(Related(Location(*where), *rest) for where, *rest in related),
    )
