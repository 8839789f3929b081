"""Which names of a module its functions may change, from its bytes.

What is assigned at the top level can be anything; what is imported is looked up where
it comes from: functions, classes and modules change by their attributes alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from flake8_mpglobals.imports import imports_in, listed
from flake8_mpglobals.mutations import METHODS
from flake8_mpglobals.outline import Part
from flake8_mpglobals.project import folder_and_stem

if TYPE_CHECKING:
    from flake8_mpglobals.project import Project

HOPS = 4
"""How many re-exports an imported name is followed through."""

_USED = re.compile(
    rb"\b([^\W\d]\w*)\s*(?:(\[)|\.\s*(\w+)\s*"
    rb"(?:(\()|\[|(?:\*\*|//|>>|<<|[-+*/|&^%@])?=(?!=)|\.\s*(\w+)\s*\())"
)
_GLOBAL = re.compile(rb"\bglobal\b([^\n]*)")
_NAME = re.compile(rb"[^\W\d]\w*")
_DEF_BEFORE = re.compile(rb"[ \t]*(?:async[ \t]+def|def|class)[ \t]+")
_MADE = re.compile(rb"[^=]*=\s*([^\W\d]\w*)[\w.]*\s*\(")
_CHANGING = frozenset(method.encode() for methods in METHODS.values() for method in methods)


def changed_names(
    parts: Iterable[Part],
    libraries: Iterable[str],
    imported: Iterable[tuple[str, str, str]],
    project: Project,
) -> set[str]:
    """Return the names that functions of a module may change, out of those that it
    assigns at its top level or imports from the project.

    ``libraries`` are names that stand for something outside the project, ``imported`` the
    path, the name there and the name here of what comes from within.
    """
    inside: set[str] = set()
    called: set[str] = set()
    outright: set[str] = set()
    for part in parts:
        if part.defines:
            for all_of, some in zip((inside, called, outright), _sorted(part.text), strict=True):
                all_of |= some
    outside = {name.encode() for name in libraries}
    known: set[str] = set()
    opaque: set[str] = set()
    for part in parts:
        if not part.defines and part.binds:
            known |= part.binds
            made = _MADE.match(part.text)
            if made is None or made[1] not in outside:
                opaque |= part.binds
    # A method of what a library made changes it by a known name only.
    found = known & (inside | outright | (called & opaque))
    for path, name, here in imported:
        if here in inside or (
            (here in called or here in outright) and not _is_definition(path, name, project, HOPS)
        ):
            found.add(here)
    return found


@lru_cache(maxsize=2_000)
def _sorted(text: bytes) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return the names that a definition may change: by something inside of them, by what
    may be a method of theirs that is called, or outright.

    Asked again for each number of imports followed.
    """
    inside: set[str] = set()
    called: set[str] = set()
    outright: set[str] = set()
    for name, item, attribute, call, method in set(_USED.findall(text)):
        if item or (call and _changes(attribute)):
            outright.add(name.decode("utf-8", "replace"))
        elif call:
            called.add(name.decode("utf-8", "replace"))
        elif not method or _changes(method):
            inside.add(name.decode("utf-8", "replace"))
    for names in _GLOBAL.findall(text):
        outright.update(name.decode("utf-8", "replace") for name in _NAME.findall(names))
    return frozenset(inside), frozenset(called), frozenset(outright)


def _changes(method: bytes) -> bool:
    """Whether a method is called as those are that change a container."""
    return method in _CHANGING or (method.endswith(b"_") and not method.startswith(b"_"))


def _is_definition(path: str, name: str, project: Project, hops: int) -> bool:
    """Whether what a module holds under ``name`` is a function, a class or a module."""
    if not hops:
        return False
    folder, stem = folder_and_stem(path)
    try:
        data = project.read(path)
    except (OSError, ValueError):
        return False
    if name.encode() not in data and b"*" not in data:
        return _is_module(path, folder, stem, b"." + name.encode(), project)
    if _defines(name.encode(), data):
        return True
    for module, names in imports_in(data).froms:
        for there, alias in listed(names):
            if there == "*" or (alias or there) == name:
                found = project.named(path, folder, stem, module)
                if found is None:
                    continue
                inner = name if there == "*" else there
                if inner in found.below or (
                    found.path is not None and _is_definition(found.path, inner, project, hops - 1)
                ):
                    return True
    return _is_module(path, folder, stem, b"." + name.encode(), project)


def _defines(name: bytes, data: bytes) -> bool:
    """Whether a line defines a function or a class of that name."""
    # A search for the name alone runs at the speed of memory.
    return any(
        _DEF_BEFORE.fullmatch(data, data.rfind(b"\n", 0, match.start()) + 1, match.start())
        for match in re.finditer(rb"%b(?!\w)" % re.escape(name), data)
    )


def _is_module(path: str, folder: str, stem: bytes, name: bytes, project: Project) -> bool:
    """Whether ``name`` is a module right below a package."""
    return stem == b"__init__" and project.named(path, folder, stem, name) is not None
