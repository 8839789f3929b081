"""Glob patterns over paths, as exclude lists use them.

A pattern matches a name anywhere (``build``, ``*_pb2.py``) or a path from the
folder in which it was written (``src/generated``, ``tests/*.py``); ``*`` also
crosses folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from flake8_mpglobals.records import frozen

_MAGIC = frozenset("*?[")


@frozen
class Patterns:
    """Patterns made ready: plain names, globs over names, globs over absolute paths."""

    names: frozenset[str] = frozenset()
    name_globs: tuple[re.Pattern[str], ...] = ()
    path_globs: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def of(cls, patterns: Iterable[str], root: str) -> Patterns:
        """Make patterns ready; those with a slash (and the rest, too) are anchored at ``root``."""
        names: set[str] = set()
        name_globs: list[re.Pattern[str]] = []
        path_globs: list[re.Pattern[str]] = []
        for written in patterns:
            text = _posix(written).removeprefix("./").rstrip("/")
            if not text:
                continue
            if "/" not in text:
                if not _MAGIC.isdisjoint(text):
                    name_globs.append(_compile(text))
                else:
                    names.add(os.path.normcase(text))
                continue
            anchored = text if os.path.isabs(text) else _join(_posix(root), text)
            path_globs.append(_compile(anchored))
        return cls(frozenset(names), tuple(name_globs), tuple(path_globs))

    def __add__(self, other: Patterns) -> Patterns:
        """Return the patterns of both."""
        return Patterns(
            self.names | other.names,
            self.name_globs + other.name_globs,
            self.path_globs + other.path_globs,
        )

    def match_entry(self, folder: str, name: str) -> bool:
        """Whether the file or folder ``name`` in the absolute ``folder`` is meant."""
        if os.path.normcase(name) in self.names:
            return True
        if any(glob.match(name) for glob in self.name_globs):
            return True
        if not self.path_globs:
            return False
        path = _join(_posix(folder), name)
        return any(glob.match(path) for glob in self.path_globs)

    def match(self, path: str) -> bool:
        """Whether an absolute path, or a folder that it lies in, is meant."""
        while True:
            folder, name = os.path.split(path)
            if not name:
                return False
            if self.match_entry(folder, name):
                return True
            path = folder


NONE = Patterns()


def _compile(glob: str) -> re.Pattern[str]:
    import fnmatch

    # "a/**/b" also means "a/b"
    text = fnmatch.translate(glob.replace("/**/", "/\0/"))
    text = text.replace("/\0/", "/(?:.*/)?")
    return re.compile(text, re.IGNORECASE if os.path.normcase("A") == "a" else 0)


def _posix(path: str) -> str:
    return path.replace(os.sep, "/") if os.sep != "/" else path


def _join(folder: str, rest: str) -> str:
    return f"{folder.rstrip('/')}/{rest}"
