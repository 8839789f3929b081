"""Can this file start a process at all?  A search over its bytes.

A file *names* a process API where it imports a package that has some, and holds the
name of one: a class, a factory or a function, not the methods of what those give
back.  It *may start* a process where it also holds the name of something that runs
callables elsewhere.  Packages and names are taken from the catalogue; nothing here
knows a library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache

from flake8_mpglobals.catalogue import CLONES, ROWS, SAME, SHARED, SHARES
from flake8_mpglobals.imports import Imports, imports_in
from flake8_mpglobals.records import frozen

_STARTING = ("manager", "shared memory")
"""Shared objects that rules look at even where no process is dispatched to."""

_FEW = 6
_CALL = ".__call__"

_Search = Callable[[bytes], object]


class _Compiled(dict[bytes, _Search]):
    """A search for each package, compiled when it is first asked for."""

    def __init__(self, make: Callable[[bytes], _Search]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, package: bytes) -> _Search:
        search = self[package] = self._make(package)
        return search


@frozen
class _Searches:
    """Packages among imports, for each package the names of its APIs and of what runs
    callables; ``alone`` are words that suffice without an import.
    """

    packages: Callable[[bytes], list[bytes]]
    names: _Compiled
    runs: _Compiled
    alone: tuple[bytes, ...]


def names_process_api(data: bytes, imports: Imports | None = None) -> bool:
    """Whether the bytes of a file name a process API that the catalogue has."""
    searches = _searches()
    return any(
        searches.names[package](data) for package in _packages(data, imports, searches)
    ) or any(word in data for word in searches.alone)


def may_start_process(data: bytes, imports: Imports | None = None) -> bool:
    """Whether a file names a process API, and what runs callables with it."""
    searches = _searches()
    return any(
        searches.runs[package](data) and searches.names[package](data)
        for package in _packages(data, imports, searches)
    ) or any(word in data for word in searches.alone)


def _packages(data: bytes, imports: Imports | None, searches: _Searches) -> set[bytes]:
    """Return the packages with process APIs that a file may import."""
    if imports is None:
        imports = imports_in(data)
    return set(searches.packages(imports.text()))


def leading_names() -> dict[str, frozenset[str]]:
    """Return, by package, the qualified names of which a file needs one to name an API.

    A class with such a method is one of them, and so is whatever gives it back; where
    only an argument makes it a process, the keyword stands for it.
    """
    rows = [row for row in ROWS if not row.alone and not (row.sets and not row.returns)]
    leading: set[str] = set()
    more = {row.name for row in rows if row.kind not in SHARES}
    while more:
        leading |= more | {_owner(name) for name in more} - {""}
        more = {row.name for row in rows if row.returns in leading} - leading
    leading.update(name for name, known in SAME.items() if known in leading)
    leading.update(name for name, kind in SHARED.items() if kind in _STARTING)
    leading = {name for name in leading if "." in name and not _owner(name)}
    for row in rows:
        package = row.name.partition(".")[0]
        if row.anywhere:
            leading.add(f"{package}.{_last(row.name)}")
        if row.kind in SHARES:
            leading.update(f"{package}.{word}" for word in row.asked_by)
    return _by_package(leading)


def running_names() -> dict[str, frozenset[str]]:
    """Return, by package, the qualified names of what runs callables elsewhere."""
    running = {
        row.name
        for row in ROWS
        if row.may_cross
        and (row.dispatches or row.defers or row.initializer or row.method or row.hooks)
    }
    # What is called without a method is named where it is made.
    called = {name.removesuffix(_CALL) for name in running if name.endswith(_CALL)}
    running |= called | {row.name for row in ROWS if row.returns in called}
    running.update(name for name, known in SAME.items() if known in running)
    running.update(name for name, kind in SHARED.items() if kind in _STARTING)
    return _by_package(running, named=False)


def _by_package(names: Iterable[str], *, named: bool = True) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name in names:
        found.setdefault(name.partition(".")[0], set()).add(name)
    for clone, original in CLONES.items():
        package, _, rest = clone.partition(".")
        of = found.get(original.partition(".")[0], set())
        # Who uses a clone inside a package has to name it.
        found.setdefault(package, set()).update({f"{clone}."} if rest and named else of)
    return {package: frozenset(all_of) for package, all_of in found.items()}


def _owner(name: str) -> str:
    """Return the class of which ``name`` is a method; empty for what is none."""
    above = name.rpartition(".")[0]
    return above if _last(above)[:1].isupper() else ""


def _last(name: str) -> str:
    return name.rpartition(".")[2]


@cache
def _searches() -> _Searches:
    leading = leading_names()
    running = running_names()
    every = "|".join(map(re.escape, sorted(leading)))

    def names(package: bytes) -> _Search:
        return _search(map(_mention, leading[package.decode()]))

    def runs(package: bytes) -> _Search:
        words = map(_last, running.get(package.decode(), ()))
        return _search((word, re.escape(word)) for word in words)

    return _Searches(
        re.compile(rf"\b(?:{every})\b".encode()).findall,
        _Compiled(names),
        _Compiled(runs),
        tuple({_last(row.name).encode() for row in ROWS if row.alone}),
    )


def _mention(name: str) -> tuple[str, str]:
    """Return a word, and an expression with it, for the ways in which a file names ``name``."""
    package, *between, last = name.split(".")
    if last not in ("", "*") and not (between and last.isalpha() and last.islower()):
        return last, re.escape(last)
    # A module (of a clone), or a plain word in one, which says nothing alone: "map", "range".
    module = re.escape(between[-1])
    whole = r"\.".join(map(re.escape, (package, *between)))
    if last == "*":
        return between[-1], rf"{whole}|{module}(?:(?=\.)|\s+as)"
    if last:
        return between[-1], rf"{whole}|{module}(?:\.{re.escape(last)}|\s+as)"
    return between[-1], rf"{whole}|(?:\bimport|\bas|[.,(])\s*{module}"


def _search(mentions: Iterable[tuple[str, str]]) -> _Search:
    """Return a search for any of the expressions; words are looked for first where few."""
    found = sorted(set(mentions))
    joined = "|".join(expression for _, expression in found)
    search = re.compile(rf"(?<!\w)(?:{joined})(?!\w)".encode()).search
    words = tuple({word.encode() for word, _ in found})
    if len(words) > _FEW:
        return search
    return lambda data: any(word in data for word in words) and search(data)
