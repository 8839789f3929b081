"""Which files a command looks at: the PATHs, walked in one fixed order.

A file that is named is always looked at (unless excludes are forced on it);
folders are walked for Python files, without what is excluded or ignored by git.
Links to folders are not followed, so a loop of links cannot catch the walk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from flake8_mpglobals.config import FILE as CONFIG_FILE
from flake8_mpglobals.config import Configuration
from flake8_mpglobals.disk import Disk
from flake8_mpglobals.model import FileError
from flake8_mpglobals.records import field, frozen
from flake8_mpglobals.settings import Settings

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_SUFFIXES = (".py", ".pyw")
_IGNORE_FILE = ".gitignore"
_JUNCTIONS = os.name == "nt"


@frozen
class Target:
    """One file to look at; ``explicit`` where a PATH names it, not a folder above it."""

    path: str
    explicit: bool
    settings: Settings | None = field(default=None, compare=False)


def display(path: str) -> str:
    """Return a path as reports spell it: relative where it lies below, with slashes."""
    here = os.getcwd()
    full = os.path.abspath(path)
    if os.path.normcase(full).startswith(os.path.normcase(here.rstrip(os.sep) + os.sep)):
        path = full[len(here.rstrip(os.sep)) + 1 :]
    elif os.path.normcase(full) == os.path.normcase(here):
        path = os.curdir
    else:
        path = os.path.normpath(path)
    return path.replace(os.sep, "/")


def discover(
    paths: Iterable[str],
    configuration: Configuration,
    *,
    force_exclude: bool = False,
    disk: Disk | None = None,
) -> Iterator[Target | FileError]:
    """Yield every file once, in a fixed order, and an error for each PATH that is not there.

    The trace of ``disk`` is told what the answer depends on, besides settings files.

    Raises :class:`~flake8_mpglobals.config.ConfigError` for a wrong setting in a
    ``pyproject.toml`` on the way.
    """
    seen: set[str] = set()
    walked: set[str] = set()
    disk = Disk() if disk is None else disk
    for path in paths:
        full = os.path.abspath(path)
        disk.look(full)
        if os.path.isdir(path):
            settings = configuration.for_folder(full)
            if _forced(settings, force_exclude) and settings.excluded().match(full):
                continue
            yield from _walk(
                full, display(path), configuration, settings, disk, walked=walked, seen=seen
            )
            continue
        if not os.path.lexists(path):
            yield FileError(display(path), 0, 0, "no such file or folder")
            continue
        settings = configuration.for_file(full)
        if _forced(settings, force_exclude) and settings.excluded().match(full):
            continue
        key = os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
        if key not in seen:
            seen.add(key)
            yield Target(display(path), True, settings)


def _forced(settings: Settings, flag: bool) -> bool:
    return flag or bool(settings.force_exclude)


def _walk(
    top: str,
    shown: str,
    configuration: Configuration,
    settings: Settings,
    disk: Disk,
    *,
    walked: set[str],
    seen: set[str],
) -> Iterator[Target | FileError]:
    """Walk one folder; ``shown`` is its spelling in reports.

    ``walked`` and ``seen`` hold the folders and files done, by real folder.
    """
    prefix = "" if shown == os.curdir else shown.rstrip("/") + "/"
    above = _above(top, disk) if settings.respect_gitignore is not False else ()
    stack = [(top, os.path.realpath(top), prefix, settings, above)]
    while stack:
        folder, real, prefix, settings, specs = stack.pop()
        if real in walked:
            continue
        walked.add(real)
        try:
            entries = disk.entries(folder)
        except OSError as error:
            message = (error.strerror or str(error)).lower()
            yield FileError(prefix.rstrip("/") or ".", 0, 0, message)
            continue
        names = {entry.name for entry in entries}
        if CONFIG_FILE in names:
            settings = configuration.for_folder(folder)
        if settings.respect_gitignore is False:
            specs = ()
        else:
            if ".git" in names:
                specs = ()
            if _IGNORE_FILE in names:
                specs = _with(specs, folder, disk)
        excluded = settings.excluded()
        inner = []
        for entry in entries:
            name = entry.name
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
            except OSError:
                continue
            if not is_folder and not name.endswith(_SUFFIXES):
                continue
            if excluded.match_entry(folder, name):
                continue
            if specs and _ignored(specs, os.path.join(folder, name), is_folder):
                continue
            if is_folder:
                path = os.path.join(folder, name)
                # It is no link; a junction of Windows passes for a folder.
                below = os.path.realpath(path) if _JUNCTIONS else os.path.join(real, name)
                inner.append((path, below, f"{prefix}{name}/", settings, specs))
            elif (key := os.path.join(real, name)) not in seen and _is_file(entry):
                seen.add(key)
                yield Target(prefix + name, False, settings)
        stack.extend(reversed(inner))


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


_Specs = tuple[tuple[str, "GitIgnoreSpec"], ...]


def _above(top: str, disk: Disk) -> _Specs:
    """Return the ignore files between the root of the git checkout and ``top`` (exclusive).

    Nothing where ``top`` itself is ignored: who names a folder wants it looked at.
    """
    if disk.look(os.path.join(top, ".git")):
        return ()
    folders: list[str] = []
    folder = os.path.dirname(top)
    while True:
        folders.append(folder)
        if disk.look(os.path.join(folder, ".git")):
            break
        parent = os.path.dirname(folder)
        if parent == folder:
            return ()
        folder = parent
    specs: _Specs = ()
    for folder in reversed(folders):
        if disk.look(os.path.join(folder, _IGNORE_FILE)) == "file":
            specs = _with(specs, folder, disk)
    while folders:
        inner = folders[-2] if len(folders) > 1 else top
        if specs and _ignored(specs, inner, True):
            return ()
        folders.pop()
    return specs


def _with(specs: _Specs, folder: str, disk: Disk) -> _Specs:
    from pathspec import GitIgnoreSpec

    try:
        text = disk.read(os.path.join(folder, _IGNORE_FILE)).decode("utf-8", "replace")
        spec = GitIgnoreSpec.from_lines(text.splitlines())
    except (OSError, ValueError):
        return specs
    return (*specs, (folder, spec))


def _ignored(specs: _Specs, path: str, is_folder: bool) -> bool:
    """Whether git ignores a path: the innermost file that says anything decides."""
    for folder, spec in reversed(specs):
        relative = path[len(folder.rstrip(os.sep)) + 1 :].replace(os.sep, "/")
        verdict = (
            _folder_verdict(spec, relative + "/")
            if is_folder
            else spec.check_file(relative).include
        )
        if verdict is not None:
            return verdict
    return False


def _folder_verdict(spec: GitIgnoreSpec, path: str) -> bool | None:
    """Return what the last matching line says of a folder, None where no line matches.

    The folders above are known not to be ignored, so that this is git's own rule;
    ``check_file`` judges files, and misreads ``*`` with ``!*/`` for folders.
    """
    for pattern in reversed(list(spec.patterns)):
        if pattern.include is not None and pattern.match_file(path) is not None:
            return bool(pattern.include)
    return None
