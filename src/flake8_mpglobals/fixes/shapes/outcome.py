"""What one worker adds to a place, and what one of its tasks gives back instead."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flake8_mpglobals.fixes.shapes.additions import Addition, IsPlace


@dataclass(frozen=True, slots=True)
class Added:
    """All that one worker adds to one place: ``stem`` is what people call it."""

    key: str
    kind: str
    stem: str
    found: tuple[Addition, ...]
    declared: ast.expr | None
    is_place: IsPlace


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one task gives back, and how the parent adds it.

    ``names`` are what the parent may call the parts of one result; ``lines`` the
    statements that add it (``{n0}`` the names, ``{p0}`` the places, ``{key}`` the
    names that they bind themselves).  ``one`` adds the result ``{r}`` in one
    statement, ``whole`` the results of many tasks, ``listed`` those that are in a list;
    empty where there is no way.
    ``kept`` says that the worker returns what it always did, ``atomic`` that a task
    which raises has added nothing, ``calm`` that no task is expected to raise,
    ``gathered`` that a result is an object of the kind of the place.
    """

    names: tuple[str, ...]
    lines: tuple[str, ...]
    one: str = ""
    whole: str = ""
    listed: str = ""
    loops: tuple[str, ...] = ()
    kept: bool = False
    atomic: bool = False
    calm: bool = False
    gathered: bool = False
