"""How many indices lead to a number of an array, by the call that made it."""

from __future__ import annotations

import ast

from flake8_mpglobals.evaluate import Box, Things
from flake8_mpglobals.ir import Attr, Call, Fresh, Imported, Values

_BY_SHAPE = frozenset(("zeros", "ones", "empty", "full"))
_BY_SIZES = frozenset(("rand", "randn"))
_BY_DATA = frozenset(("array", "tensor"))
_SQUARE = frozenset(("eye", "identity"))


def rank(things: Things) -> int:
    """Return the number of dimensions that every array among ``things`` has at least; 0
    where one is unknown.
    """
    made = [thing.call for thing in things if isinstance(thing, Box)]
    return min((_rank(call) if call is not None else 0 for call in made), default=0)


def _rank(call: Call) -> int:
    names = {
        callee.name.rpartition(".")[2]
        for callee in call.callee
        if isinstance(callee, Attr | Imported)
    }
    if len(names) != 1 or call.starred >= 0:
        return 0
    name = names.pop()
    if name in _SQUARE:
        return 2
    if name in _BY_SIZES:
        return len(call.args)
    first = call.keywords.get("shape") if not call.args else call.args[0]
    if name in _BY_SHAPE and first is not None:
        return _length(first)
    if name in _BY_DATA and call.args and isinstance(call.node, ast.Call):
        return _depth(call.node.args[0])
    return 0


def _length(shape: Values) -> int:
    """Return how long a shape is that is written out."""
    lengths = [
        len(value.display.items) if isinstance(value, Fresh) and value.display.whole else 0
        for value in shape
    ]
    return min(lengths, default=0)


def _depth(data: ast.expr) -> int:
    """Return how deep lists are nested that are written out."""
    depth = 0
    while isinstance(data, ast.List) and data.elts:
        depth += 1
        data = data.elts[0]
    return depth
