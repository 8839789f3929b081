"""Write what a worker adds in its last statements as one display: ``return [a, b]``."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from itertools import pairwise

from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.shapes.additions import Addition
from flake8_mpglobals.fixes.shapes.rewriting import quiet
from flake8_mpglobals.fixes.shapes.ways import own_nodes

_OTHERS = (ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.NamedExpr)
_NO_ITEMS = (ast.Starred, ast.Slice)


def at_the_end(module: Module, function: Function, found: Sequence[Addition]) -> bool:
    """Whether a worker ends with several additions, one a line, and returns nowhere before."""
    last = function.body[-len(found) :]
    return (
        len(found) > 1
        and all(one.statement is end for one, end in zip(found, last, strict=False))
        and all(one.lineno == one.end_lineno for one in last)
        and all(one.lineno + 1 == other.lineno for one, other in pairwise(last))
        and not any("#" in module.source.lines[one.lineno - 1] for one in last)
        and not any(isinstance(op, _NO_ITEMS) for one in found for op in one.operands)
        and not any(isinstance(node, _OTHERS) for node in own_nodes(function))
    )


def display(made: str, found: Sequence[Addition], texts: Sequence[Sequence[str]]) -> str:
    """Return the display of what would be gathered in what ``made`` makes; empty if there is none.

    ``texts`` are those of the operands of each addition.
    """
    match made, {one.op for one in found}:
        case ("[]", ops) if ops == {"append"}:
            return f"[{', '.join(one for (one,) in texts)}]"
        case ("set()", ops) if ops == {"add"}:
            return f"{{{', '.join(one for (one,) in texts)}}}"
        case ("{{}}", ops) if ops == {"item"}:
            # A store evaluates its value before its key.
            if all(sum(not quiet(op) for op in one.operands) < 2 for one in found):
                return f"{{{', '.join(f'{key}: {value}' for key, value in texts)}}}"
    return ""
