"""Functions of other modules that read what workers write.

They are looked for where the file under check leads, and only by the names of the
places that are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flake8_mpglobals.boundaries import Boundaries
from flake8_mpglobals.evaluate import Evaluator
from flake8_mpglobals.ir import Attr, Function, Value, anchor, state_name
from flake8_mpglobals.program import Program
from flake8_mpglobals.standpoint import home


def other_readers(
    program: Program, boundaries: Boundaries, places: frozenset[Value], evaluator: Evaluator
) -> tuple[Function, ...]:
    """Return the functions, not yet among those of ``boundaries``, that name one of ``places``."""
    names: dict[str, set[str]] = {}
    for place in places:
        module = home(place)
        if module is not None:
            names.setdefault(module.source.path, set()).add(state_name(place).rpartition(".")[2])
    if not names:
        return ()
    modules = program.reveal_readers({path: frozenset(some) for path, some in names.items()})
    looked_at = frozenset(boundaries.functions)
    return tuple(
        function
        for module in modules
        for function in module.functions
        if function not in looked_at and _names_any(function, places, evaluator)
    )


def _names_any(function: Function, places: frozenset[Value], evaluator: Evaluator) -> bool:
    return any(
        anchor(place) in places
        for values in _mentioned(function)
        for place in evaluator.places(values)
    )


def _mentioned(function: Function) -> Iterator[Iterable[Value]]:
    for load in function.loads:
        yield load.values
    for call in function.calls:
        yield frozenset(callee.base for callee in call.callee if isinstance(callee, Attr))
