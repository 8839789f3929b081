"""Whether what workers write may depend on another place whose changes are lost."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from flake8_mpglobals.facts import Facts, LostWrite
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.shapes.additions import additions, statements_in
from flake8_mpglobals.fixes.touches import reached


def check_independent(facts: Facts, writes: Sequence[LostWrite]) -> None:
    """Raise :class:`CannotFix` where the workers read a place that is lost as well.

    They would go on to see only what they wrote themselves; that place comes first.
    """
    place = writes[0].place
    others = {
        write.place: write.kind
        for write in facts.writes
        if write.place != place and write.observers and write.place.isidentifier()
    }
    if not others:
        return
    module = Module(facts.source, facts.tree)
    workers = [
        one
        for write in writes
        for site in write.sites
        for one in site.workers
        if isinstance(one, Function)
    ]
    for function in reached(module, workers):
        for other, kind in others.items():

            def is_place(node: ast.AST, name: str = other) -> bool:
                return isinstance(node, ast.Name) and node.id == name and module.is_global(node)

            used = any(is_place(node) for node in ast.walk(function))
            if not used:
                continue
            _, read = additions(function, is_place, kind, list(statements_in(function)))
            if read is not None and not _also_reads(module, function, place, facts, other):
                raise CannotFix(
                    f"worker code {function.name!r} reads {other!r} (line "
                    f"{getattr(read, 'lineno', function.lineno)}), whose changes are lost: "
                    "that has to be mended first"
                )


def _also_reads(module: Module, function: Function, place: str, facts: Facts, other: str) -> bool:
    """Whether a function reads both places, and this one is the first of them."""
    kinds = {write.place: write.kind for write in facts.writes}

    def is_place(node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == place and module.is_global(node)

    _, read = additions(function, is_place, kinds[place], list(statements_in(function)))
    order = list(dict.fromkeys(write.place for write in facts.writes))
    return read is not None and order.index(place) < order.index(other)
