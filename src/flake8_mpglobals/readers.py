"""Other modules that may read what workers write.

They are looked for where the file under check leads, and by the names of the places
that are written.
"""

from __future__ import annotations

from collections.abc import Iterable

from flake8_mpglobals.ir import Module, Value, state_name
from flake8_mpglobals.program import Program
from flake8_mpglobals.standpoint import home


def reading_modules(program: Program, places: Iterable[Value]) -> frozenset[Module]:
    """Return the modules, opened, that name one of ``places``; not the file under check."""
    names: dict[str, set[str]] = {}
    for place in places:
        module = home(place)
        if module is not None:
            names.setdefault(module.source.path, set()).add(state_name(place).rpartition(".")[2])
    if not names:
        return frozenset()
    wanted = {path: frozenset(some) for path, some in names.items()}
    return frozenset(program.reveal_readers(wanted))
