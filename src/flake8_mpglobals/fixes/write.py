"""Put new bytes in the place of a file: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from flake8_mpglobals.model import FileError


class WriteError(Exception):
    """The file was left as it was; ``error`` says why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.error = FileError(path, 0, 0, reason)


def replace_file(path: str | os.PathLike[str], expected: bytes, new: bytes) -> None:
    """Replace the content of ``path``, which must still be ``expected``, by ``new``.

    The new content is written beside the file, flushed to disk and renamed over
    it, so that no reader and no crash ever meets half of it.  Permissions stay; a
    symbolic link stays a link, its target is written.  Raises
    :class:`WriteError`, the file being untouched, where it changed since it was
    read, is read-only, is not a regular file or has other hard links (a rename
    would part them), and where the system refuses.
    """
    shown = os.fspath(path)
    try:
        target = Path(path).resolve(strict=True)
        _replace(shown, target, expected, new)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before 3.13
        reason = getattr(error, "strerror", None) or str(error)
        raise WriteError(shown, f"cannot write: {reason}") from None


def _replace(shown: str, target: Path, expected: bytes, new: bytes) -> None:
    """Check and replace ``target``; raise :class:`WriteError` or ``OSError``."""
    before = target.stat()
    _check(shown, before)
    if target.read_bytes() != expected:
        raise WriteError(shown, "not written: the file changed since it was read")
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(new)
            stream.flush()
            _keep_owner_and_mode(stream.fileno(), temporary, before)
            os.fsync(stream.fileno())
        after = target.stat()
        if _identity(after) != _identity(before) or target.read_bytes() != expected:
            raise WriteError(shown, "not written: the file changed since it was read")
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _flush_folder(target.parent)


def _check(shown: str, status: os.stat_result) -> None:
    """Raise :class:`WriteError` for a file that must not be replaced."""
    if not stat.S_ISREG(status.st_mode):
        raise WriteError(shown, "not written: not a regular file")
    if not status.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise WriteError(shown, "not written: the file is read-only")
    if status.st_nlink > 1:
        raise WriteError(
            shown,
            f"not written: the file has {status.st_nlink} hard links, "
            "and replacing it would break them",
        )


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    """Return what tells one file, and one state of its name, from another."""
    return status.st_dev, status.st_ino, status.st_nlink, status.st_mode


def _keep_owner_and_mode(descriptor: int, temporary: Path, status: os.stat_result) -> None:
    """Give the new file the owner (where allowed) and the mode of the old one."""
    mine = temporary.stat()
    if hasattr(os, "fchown") and (mine.st_uid, mine.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        except PermissionError:
            with contextlib.suppress(PermissionError):
                os.fchown(descriptor, -1, status.st_gid)
    temporary.chmod(stat.S_IMODE(status.st_mode))


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system has a way to."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
