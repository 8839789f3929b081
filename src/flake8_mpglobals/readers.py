"""Other modules that may read what workers write, or set what workers read.

They are looked for where the file under check leads, and by the names of the places
that are written.
"""

from __future__ import annotations

from collections.abc import Iterable

from flake8_mpglobals.evaluate import Evaluator, Obj
from flake8_mpglobals.ir import Global, Handed, Module, Value, root, state_name
from flake8_mpglobals.program import Program
from flake8_mpglobals.rawwrites import changed_globals
from flake8_mpglobals.reach import Reach
from flake8_mpglobals.standpoint import home

Written = tuple[Value, tuple[str, ...]]
"""A place, and the access path below it that is written."""


def reading_modules(
    program: Program, written: Iterable[Written], evaluator: Evaluator
) -> frozenset[Module]:
    """Return the modules, opened, that name one of the places ``written``, or define methods
    of an object that workers have copies of; not the file under check.
    """
    names: dict[str, set[str]] = {}
    own: set[Module] = set()
    for place, path in written:
        module = home(place)
        if module is not None:
            names.setdefault(module.source.path, set()).add(state_name(place).rpartition(".")[2])
        elif isinstance(place, Handed) and path[:1] and path[0].startswith("."):
            for thing in evaluator.thing(place):
                if isinstance(thing, Obj):
                    own.update(cls.module for cls in evaluator.lineage(thing.cls)[0])
    if not names:
        return frozenset(own - {program.main})
    wanted = {path: frozenset(some) for path, some in names.items()}
    return frozenset((*program.reveal_readers(wanted), *own)) - {program.main}


def setting_modules(program: Program, reach: Reach, evaluator: Evaluator) -> frozenset[Module]:
    """Return the modules that change at run time one of their globals that a worker reads;
    not the file under check.
    """
    read: dict[Module, set[str]] = {}
    for function in reach.workers:
        for load in function.loads:
            for place in evaluator.places(load.values):
                variable = root(place)
                if isinstance(variable, Global) and variable.module is not program.main:
                    read.setdefault(variable.module, set()).add(variable.name)
    return frozenset(
        module for module, names in read.items() if not names.isdisjoint(changed_globals(module))
    )
