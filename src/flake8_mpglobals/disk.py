"""What is on the disk: asked once per run, and noted in the trace of the file under check."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flake8_mpglobals.trace import State, Trace

PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
"""Files of which one marks the folder of a project."""


class Disk:
    """Whether a path is a file or a folder, asked of the system once per run.

    One value is made for a run and passed to whoever looks; it is the only memory
    of the file system that the resolver has.  A folder about which much is asked is
    listed: that answers all further questions.  ``trace`` is told what was looked at.
    """

    __slots__ = ("_absolute", "_asked", "_kinds", "_listed", "cwd", "trace")

    def __init__(self, cwd: str | None = None, trace: Trace | None = None) -> None:
        self.cwd = os.getcwd() if cwd is None else cwd
        self.trace = trace
        self._absolute: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._asked: dict[str, int] = {}
        self._listed: dict[str, dict[str, str] | None] = {}

    def kind(self, path: str) -> str:
        """Return ``"file"``, ``"folder"``, or ``""`` for what is neither or not there."""
        known = self._kinds.get(path)
        if known is None:
            folder, name = os.path.split(path)
            asked = self._asked[folder] = self._asked.get(folder, 0) + 1
            listing = self._list(folder) if asked > _FEW and not self._above(folder) else None
            known = _kind(path) if listing is None or not name else listing.get(name, "")
            self._kinds[path] = known.removesuffix(_LINK)
        if self.trace is not None:
            folder, name = os.path.split(path)
            listing = self._listed.get(folder)
            if listing is not None:
                self.trace.note(f"n {folder}")
            if listing is None or listing.get(name, "").endswith(_LINK):
                self.trace.saw(f"k {path}", (self._kinds[path],))
        return self._kinds[path]

    def _above(self, folder: str) -> bool:
        """Whether the run is inside a folder: what else is in there comes and goes."""
        return self.cwd.startswith(os.path.join(folder, ""))

    def look(self, path: str) -> str:
        """Return the kind of a path, and depend on no more than that."""
        known = _kind(path)
        if self.trace is not None:
            self.trace.saw(f"k {path}", (known,))
        return known

    def entries(self, folder: str) -> list[os.DirEntry[str]]:
        """Return what is in a folder, by name; raises ``OSError``."""
        now = time.time_ns()
        status = _status(folder) if self.trace is not None else None
        try:
            with os.scandir(folder) as listing:
                found = sorted(listing, key=_name)
        except OSError:
            if self.trace is not None:
                self.trace.saw(f"n {folder}", (_settled(status, now), _UNREADABLE))
            raise
        if self.trace is not None:
            kinds = {entry.name: _entry_kind(entry) for entry in found}
            self.trace.saw(f"n {folder}", (_settled(status, now), _modules(kinds)))
            for name, kind in kinds.items():
                if kind.endswith(_LINK):
                    self.look(os.path.join(folder, name))
        return found

    def names(self, folder: str) -> Iterable[str]:
        """Return what is in a folder, by name; nothing where it cannot be listed."""
        return self._list(folder) or ()

    def read(self, path: str) -> bytes:
        """Return the bytes of a file; raises ``OSError``."""
        now = time.time_ns()
        try:
            # One read of the known size, one more where that was not the end.
            with open(path, "rb", buffering=0) as handle:
                status = os.fstat(handle.fileno())
                data = handle.read(status.st_size + 1) or b""
                if len(data) != status.st_size:
                    data += handle.readall()
        except (OSError, ValueError):
            if self.trace is not None:
                self.trace.saw(f"t {path}", file_state(path))
            raise
        if self.trace is not None:
            self.trace.saw(f"t {path}", _content_state(status, data, now))
        return data

    def _list(self, folder: str) -> dict[str, str] | None:
        if folder not in self._listed:
            now = time.time_ns()
            status = _status(folder) if self.trace is not None else None
            listing = self._listed[folder] = _listing(folder)
            if self.trace is not None:
                self.trace.saw(f"n {folder}", (_settled(status, now), _modules(listing)))
        elif self.trace is not None:
            self.trace.note(f"n {folder}")
        return self._listed[folder]

    def absolute(self, path: str) -> str:
        """Return ``path`` from the root of the file system; links are not followed."""
        known = self._absolute.get(path)
        if known is None:
            known = self._absolute[path] = os.path.normpath(os.path.join(self.cwd, path))
        return known


_RACY = 2_000_000_000
"""Nanoseconds for which a change may leave the time of a file as it was (FAT: 2 s)."""


def renewed(key: str, state: State) -> State | None:
    """Return the state of a leaf of a trace that is as it was, None where it is not.

    The content of a file decides, and what is in a folder; where size, times and inode
    are the same as when it was looked at, it is not looked into.
    """
    what, _, path = key.partition(" ")
    if what == "k":
        return state if state == (_kind(path),) else None
    now = time.time_ns()
    status = _status(path)
    signature = () if status is None else _signature(status)
    if state[0] == signature and (signature or (what == "t" and not state[1])):
        return state
    new: State
    if what == "n":
        new = (_settled(status, now), _modules(_listing(path)))
    elif not state[1]:
        return None
    else:
        try:
            with open(path, "rb") as handle:
                new = _content_state(os.fstat(handle.fileno()), handle.read(), now)
        except (OSError, ValueError):
            return None
    return state if new == state else new if new[1] == state[1] else None


def file_state(path: str) -> State:
    """Return the state of a file that cannot be read."""
    status = _status(path)
    return ((), b"") if status is None else (_signature(status), b"")


def _content_state(status: os.stat_result, data: bytes, now: int) -> State:
    settled = _settled(status, now) if status.st_size == len(data) else ()
    return (settled, digest(data))


def digest(data: bytes) -> bytes:
    """Return what stands for a content: 16 bytes."""
    try:
        # hashlib imports OpenSSL, which takes longer than all that is to be done with it.
        from _blake2 import blake2b
    except ImportError:
        from hashlib import blake2b

    return blake2b(data, digest_size=16).digest()


def tag_of(choice: object) -> str:
    """Return by what one choice of options is told from others, the same in every process."""
    return digest(repr(choice).encode("utf-8", "surrogatepass")).hex()[:12]


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def _signature(status: os.stat_result) -> tuple[int, int, int, int]:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _settled(status: os.stat_result | None, now: int) -> tuple[int, ...]:
    """Return by what a change after ``now`` shows; nothing where it may not show in the times."""
    if status is None or max(status.st_mtime_ns, status.st_ctime_ns) >= now - _RACY:
        return ()
    return _signature(status)


def _modules(listing: dict[str, str] | None) -> State:
    """Return what of a folder bears on imports and on which files are looked at."""
    if listing is None:
        return _UNREADABLE
    return tuple(
        sorted(
            (name, kind)
            for name, kind in listing.items()
            if kind.startswith("folder") or name.endswith(_TOLD) or name in PROJECT_FILES
        )
    )


def _listing(folder: str) -> dict[str, str] | None:
    try:
        with os.scandir(folder) as entries:
            return {entry.name: _entry_kind(entry) for entry in entries}
    except (NotADirectoryError, FileNotFoundError):
        return {}
    except (OSError, ValueError):
        return None


_FEW = 3
"""Questions about a folder that are put one by one."""


def _kind(path: str) -> str:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return ""
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else ""


def _entry_kind(entry: os.DirEntry[str]) -> str:
    try:
        kind = "folder" if entry.is_dir() else "file" if entry.is_file() else ""
        return kind + _LINK if entry.is_symlink() else kind
    except OSError:
        return ""


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


_LINK = "@"
"""What the kind of a link ends with in a listing: it is that of what it leads to."""
_UNREADABLE = (("", ""),)
_TOLD = (".py", ".pyw", ".gitignore", ".git")
