"""Whether what workers write may depend on another place whose changes are lost."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from typing import TypeGuard

from flake8_mpglobals.facts import Facts, LostWrite
from flake8_mpglobals.fixes.deciding import COMPOUND, header, mentions, test_of
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import MendFirst
from flake8_mpglobals.fixes.private import check_private
from flake8_mpglobals.fixes.shapes.additions import statements_in
from flake8_mpglobals.fixes.touches import reached


def check_independent(facts: Facts, writes: Sequence[LostWrite]) -> None:
    """Raise :class:`MendFirst` where the workers read a place that is lost as well.

    They would go on to see only what they wrote themselves; that place comes first.
    """
    place = writes[0].place
    others = {
        write.place
        for write in facts.writes
        if write.place != place and write.observers and write.place.isidentifier()
    }
    module = Module(facts.source, facts.tree)
    workers = [
        one
        for write in writes
        for site in write.sites
        for one in site.workers
        if isinstance(one, Function)
    ]
    reach = reached(module, workers)
    check_private(module, facts, writes, reach)
    if not others:
        return
    writers = {
        one.name for one in reach if any(_names(module, node, place) for node in ast.walk(one))
    }
    for function in reach:
        for other in others:
            if not any(_names(module, node, other) for node in ast.walk(function)):
                continue
            line = _decides(module, function, (place, other), writers)
            if line and not _first(facts, place, other):
                raise MendFirst(
                    f"worker code {function.name!r} reads {other!r} (line {line}), whose changes "
                    f"are lost, before it changes {place!r}: mend that first"
                )


def _names(module: Module, node: ast.AST, place: str) -> bool:
    return isinstance(node, ast.Name) and node.id == place and module.is_global(node)


def _decides(
    module: Module, function: Function, places: tuple[str, str], writers: Collection[str]
) -> int:
    """Return the line by which the second place decides what is written to the first, or 0."""
    place, other = places
    tainted = {other}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and mentions(node.value, tainted):
            tainted |= {one.id for t in node.targets for one in ast.walk(t) if _stored(one)}
    own = function.name
    for statement in statements_in(function):
        if not any(
            _names(module, node, place)
            or (isinstance(node, ast.Name) and node.id in writers and node.id != own)
            for node in header(statement)
        ):
            continue
        if not isinstance(statement, COMPOUND) and mentions(statement, tainted - {place}):
            return statement.lineno
        line = test_of(module, function, statement, tainted)
        if line:
            return line
    return 0


def _stored(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _first(facts: Facts, place: str, other: str) -> bool:
    """Whether each place decides about the other and this one comes first."""
    order = list(dict.fromkeys(write.place for write in facts.writes))
    module = Module(facts.source, facts.tree)
    mutual = place.isidentifier() and any(
        _decides(module, one, (other, place), ()) for one in module.functions.values()
    )
    return mutual and order.index(place) < order.index(other)
