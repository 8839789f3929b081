"""The return type of a worker that gives back what it adds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from flake8_mpglobals.fixes.shapes.outcome import Added, Outcome

_ITEMS = frozenset({"append", "add", "insert", "appendleft"})


def returned(
    places: Sequence[Added], outcome: Outcome, annotated: Callable[[str], ast.expr | None]
) -> str:
    """Return the annotation of what the worker gives back; empty where it is not known."""
    if len(places) > 1 and outcome.gathered:
        each = [annotated(one.key) for one in places]
        if all(one is not None for one in each):
            return f"tuple[{', '.join(ast.unparse(one) for one in each if one is not None)}]"
    if len(places) != 1:
        return ""
    added = places[0]
    annotation = annotated(added.key)
    if annotation is None:
        return ""
    whole = ast.unparse(annotation)
    if outcome.gathered or {one.op for one in added.found} <= {"extend", "update"}:
        return whole
    ops = {one.op for one in added.found}
    match annotation:
        case ast.Name(id="int" | "float" | "str" | "bool"):
            return whole
        case ast.Subscript(slice=ast.Tuple(elts=[key, value])) if ops == {"item"}:
            return f"tuple[{ast.unparse(key)}, {ast.unparse(value)}]"
        case ast.Subscript(slice=item) if ops <= _ITEMS:
            return ast.unparse(item)
    return ""
