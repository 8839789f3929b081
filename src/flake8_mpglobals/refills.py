"""Containers that the parent fills again itself, after the dispatch, from what came back.

The worker stores into its copy as well, as the function did before it ran in a worker; what
the parent looks at afterwards is what it has put there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_mpglobals.dispatches import DispatchSite
from flake8_mpglobals.evaluate import Evaluator
from flake8_mpglobals.ir import Handed, Store, Value, anchor
from flake8_mpglobals.reach import Path, segments


def refilled(
    place: Value, path: Path, event: object, site: DispatchSite, evaluator: Evaluator
) -> bool:
    """Whether who makes the dispatch then stores into the same container: under the same
    constant key, or one item after the other.  What is stored on a way that leaves the
    worker with nothing to return, where other ways return something, cannot come back.
    """
    if not isinstance(place, Handed) or not isinstance(event, Store) or event.how != "item":
        return False
    if _ends_with_nothing(event):
        return False
    wanted = {
        (anchor(base), (*segments(base), *path[:-1]))
        for base in evaluator.places((place.base,)) or (place.base,)
    }
    maker = site.call.function
    return any(
        store.how == "item"
        and store.node.lineno > site.call.node.lineno
        and any((anchor(t), segments(t)) in wanted for t in evaluator.places(store.targets))
        and _alike(event.node, store.node, maker.node)
        for store in maker.stores
        if isinstance(store.node, ast.Subscript)
    )


def _ends_with_nothing(store: Store) -> bool:
    """Whether the statements beside this one end with a bare ``return``, and others do not."""
    ends = [node for node in _own(store.function.node) if isinstance(node, ast.Return)]
    if not any(_gives(end) for end in ends):
        return False
    return any(
        isinstance(block[-1], ast.Return)
        and not _gives(block[-1])
        and any(store.node in ast.walk(statement) for statement in block)
        for node in _own(store.function.node)
        for block in (getattr(node, "body", None), getattr(node, "orelse", None))
        if isinstance(block, list) and block and isinstance(node, ast.stmt | ast.excepthandler)
    )


def _gives(end: ast.Return) -> bool:
    """Whether this returns something other than nothing."""
    return end.value is not None and not (
        isinstance(end.value, ast.Constant) and end.value.value is None
    )


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function, without those of functions defined in it."""
    waiting = [function]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [
            child
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        ]


def _alike(theirs: ast.AST, mine: ast.Subscript, scope: ast.AST) -> bool:
    """Whether the parent's store can be meant for the items of the worker's."""
    if not isinstance(theirs, ast.Subscript):
        return False
    one, other = _constant(theirs.slice), _constant(mine.slice)
    if one is not None or other is not None:
        return one == other
    return any(
        mine in ast.walk(loop)
        for loop in ast.walk(scope)
        if isinstance(loop, ast.For | ast.AsyncFor)
    )


def _constant(key: ast.expr) -> str | None:
    """Return the constant that ends a key, as text."""
    if isinstance(key, ast.Tuple) and key.elts:
        key = key.elts[-1]
    return ast.dump(key) if isinstance(key, ast.Constant) else None
