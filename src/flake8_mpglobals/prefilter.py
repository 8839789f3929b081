"""Can this file start a process at all?  A search over its bytes.

A file *names* a process API where it imports a package that has some, and holds the
name of one: a class, a factory or a function, not the methods of what those give
back.  It *may start* a process where it also holds the name of something that runs
callables elsewhere.  Packages and names are those of the catalogue; nothing here
knows a library.
"""

from __future__ import annotations

import re

from flake8_mpglobals.imports import Imports, imports_in
from flake8_mpglobals.packages import ALONE, PACKAGES, TELLING

_NAMED = re.compile(rf"\b(?:{'|'.join(PACKAGES)})\b".encode()).findall
_TELLING = {package.encode(): word for package, word in TELLING.items()}


def names_process_api(data: bytes, imports: Imports | None = None) -> bool:
    """Whether the bytes of a file name a process API that the catalogue has."""
    packages = _packages(data, imports)
    if packages:
        from flake8_mpglobals.mentions import names_of

        if any(names_of(package)(data) for package in packages):
            return True
    return any(word in data for word in ALONE)


def may_start_process(
    data: bytes, imports: Imports | None = None, but: frozenset[str] = frozenset()
) -> bool:
    """Whether a file names a process API, and what runs callables with it; ``but`` those of
    some packages.
    """
    packages = [one for one in _packages(data, imports) if one.decode() not in but]
    if packages:
        from flake8_mpglobals.mentions import names_of, runs_of

        # Names first: the rarer of the two, and the shorter search.
        if any(names_of(package)(data) and runs_of(package)(data) for package in packages):
            return True
    return any(word in data for word in ALONE)


def _packages(data: bytes, imports: Imports | None) -> list[bytes]:
    """Return the packages with process APIs that a file may import."""
    if imports is None:
        imports = imports_in(data)
    return [
        package
        for package in set(_NAMED(imports.text()))
        if package not in _TELLING or _TELLING[package] in data
    ]
