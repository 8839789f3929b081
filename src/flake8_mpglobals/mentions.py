"""How a file mentions the process APIs of the catalogue: names, and searches for them.

Loaded for a file that imports one of their packages, and compiled for that package alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache

from flake8_mpglobals.catalogue import CLONES, ROWS, SAME, SHARED, SHARES

Search = Callable[[bytes], object]

_STARTING = ("manager", "shared memory")
"""Shared objects that rules look at even where no process is dispatched to."""

_FEW = 6
_CALL = ".__call__"


@cache
def names_of(package: bytes) -> Search:
    """Return a search for the names of the process APIs of a package."""
    return _search(map(_mention, leading_names().get(package.decode(), ())))


@cache
def runs_of(package: bytes) -> Search:
    """Return a search for the names of what a package runs callables with."""
    words = map(_last, running_names().get(package.decode(), ()))
    return _search((word, re.escape(word)) for word in words)


@cache
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
    # A manager is made by a name of the package that it comes from.
    return _by_package({name for name in leading if not name.startswith("manager.")})


@cache
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


def _search(mentions: Iterable[tuple[str, str]]) -> Search:
    """Return a search for any of the expressions; words are looked for first where few."""
    found = sorted(set(mentions))
    joined = "|".join(expression for _, expression in found)
    search = re.compile(rf"(?<!\w)(?:{joined})(?!\w)".encode()).search
    words = tuple({word.encode() for word, _ in found})
    if len(words) > _FEW:
        return search
    return lambda data: any(word in data for word in words) and search(data)
