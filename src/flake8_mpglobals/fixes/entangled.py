"""Places that one decision of a worker changes together: mended together, or not at all.

``if score > best: best = score; winner = name`` with only ``best`` shared would print
a best score beside no winner, where before both were missing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from flake8_mpglobals.facts import Facts, LostWrite
from flake8_mpglobals.fixes.module import Module


def held_back(
    facts: Facts, planned: Iterable[str], left: Sequence[LostWrite]
) -> dict[str, LostWrite]:
    """Return which planned places must wait for a write in ``left`` that stays lost."""
    held: dict[str, LostWrite] = {}
    pending = [one for one in left if one.origin is None]
    if not pending:
        return held
    module = Module(facts.source, facts.tree)
    known = set(planned)
    while pending:
        other = pending.pop()
        for write in facts.writes:
            if write.place not in known or write.place in held or write.place == other.place:
                continue
            if write.function is other.function and _together(module, write, other):
                held[write.place] = other
                pending += [one for one in facts.writes if one.place == write.place]
    return held


def _together(module: Module, one: LostWrite, other: LostWrite) -> bool:
    """Whether one test, of either place, decides about both writes."""
    places = {one.place, other.place}
    for above in module.ancestors(one.node):
        if above is one.function:
            return False
        if isinstance(above, (ast.If, ast.While)) and module.inside(other.node, above):
            parts = [node for node in ast.walk(above.test) if isinstance(node, ast.expr)]
            if any(ast.unparse(node) in places for node in parts):
                return True
    return False
