"""Can this file start a process at all?  A search over its bytes.

A file is worth parsing where it imports a package with process APIs *and* has a
word without which none of them can be named: a class, a factory or a function,
not the methods of what those give back.  Packages and words are taken from the
catalogue; nothing here knows a library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from flake8_mpglobals.apis import When
from flake8_mpglobals.catalogue import CLONES, ROWS, SAME, SHARED, SHARES, Api

_STARTING = ("manager", "shared memory")
"""Shared objects that rules look at even where no process is dispatched to."""

_BLANK = r"(?:[ \t\f]|\\\r?\n?)+"


@dataclass(frozen=True, slots=True)
class _Search:
    """Compiled searches: import lines of the packages, and for each package its words.

    ``anywhere`` are words that alone suffice.
    """

    after_from: Callable[[bytes], list[bytes]]
    after_import: Callable[[bytes], list[bytes]]
    package: Callable[[bytes], list[bytes]]
    words: dict[bytes, Callable[[bytes], object]]
    anywhere: tuple[bytes, ...]

    def matches(self, data: bytes) -> bool:
        found = set(self.after_from(data))
        for line in self.after_import(data):
            found.update(self.package(line))
        return any(self.words[name](data) for name in found) or any(
            word in data for word in self.anywhere
        )


def may_start_process(data: bytes) -> bool:
    """Whether the bytes of a file name a process API that the catalogue has."""
    return _search().matches(data)


def words(
    rows: Iterable[Api] = ROWS,
    same: dict[str, str] = SAME,
    clones: dict[str, str] = CLONES,
    shared: dict[str, str] = SHARED,
) -> dict[str, frozenset[str]]:
    """Return, for each package with process APIs, the words of which a file needs one.

    A class with such a method is one of them, and so is whatever gives it back.
    """
    rows = [row for row in rows if not row.alone and not (row.sets and not row.returns)]
    leading: set[str] = set()
    more = {row.name for row in rows if row.kind not in SHARES}
    while more:
        leading |= more | {_owner(name) for name in more} - {""}
        more = {row.name for row in rows if row.returns in leading} - leading
    leading.update(name for name, known in same.items() if known in leading)
    leading.update(name for name, kind in shared.items() if kind in _STARTING)
    found: dict[str, set[str]] = {}
    for row in rows:
        package, *_, last = row.name.split(".")
        if row.anywhere:
            found.setdefault(package, set()).add(last)
        if row.kind in SHARES:
            # Only an argument makes it a process.
            found.setdefault(package, set()).update(
                when.slot.keyword
                for when in row.kinds
                if isinstance(when, When) and when.kind is not None and when.kind not in SHARES
            )
    for name in leading:
        if "." in name and not _owner(name):
            package, *between, word = name.split(".")
            if between and (word == "*" or (word.isalpha() and word.islower())):
                word = between[-1]  # the module of a plain word says more: "bag", not "range"
            found.setdefault(package, set()).add(word)
    for clone, original in clones.items():
        of = found.get(original.partition(".")[0], set())
        found.setdefault(clone.partition(".")[0], set()).update(of)
    return {package: frozenset(all_of) for package, all_of in found.items() if all_of}


def _owner(name: str) -> str:
    """Return the class of which ``name`` is a method; empty for what is none."""
    above = name.rpartition(".")[0]
    return above if above.rpartition(".")[2][:1].isupper() else ""


@cache
def _search() -> _Search:
    table = words()
    packages = f"(?:{_alternatives(table)})"
    line = r"[^\n\\]*(?:\\\r?\n?[^\n\\]*)*"
    return _Search(
        # Literal beginnings: the search then runs at the speed of memory.
        re.compile(rf"from{_BLANK}\.*({packages})\b".encode()).findall,
        re.compile(rf"import(?=[ \t\f\\]){line}\b{packages}\b".encode()).findall,
        re.compile(rf"\b{packages}\b".encode()).findall,
        {
            package.encode(): re.compile(rf"\b(?:{_alternatives(some)})\b".encode()).search
            for package, some in table.items()
        },
        tuple({row.name.rpartition(".")[2].encode() for row in ROWS if row.alone}),
    )


def _alternatives(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(names)))
