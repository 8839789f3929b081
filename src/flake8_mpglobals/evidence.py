"""How plain a loss has to be before it is told: the more code takes part, the plainer.

In a script everything that could excuse a write stands in view.  Where a hundred functions
of many modules take part, what a process sets for itself, or what comes back by a way that
nobody followed, looks the same as a loss.  On public code (benchmarks/realworld) three of
four right findings are of programs in which at most ten functions take part; beyond forty,
in several modules, nearly all were wrong but those whose worker itself writes what the
function that dispatches reads.
"""

from __future__ import annotations

import ast
from collections.abc import Collection

from flake8_mpglobals.ir import Function, Module
from flake8_mpglobals.reach import Path
from flake8_mpglobals.writes import Write

FEW = 2
"""Modules that a reader can be taken to have in view, however many functions they have."""
_STEPS = ((20, None), (40, 2), (80, 1))
"""Up to how many functions, a loss may be shown in how many steps (None: in any number);
above, in none.
"""


def furthest(taking_part: Collection[Function]) -> int | None:
    """Return how far apart write, dispatch and read may stand, None for any distance.

    ``taking_part`` are the functions that run in workers or in the parent.
    """
    if len({function.module for function in taking_part}) <= FEW:
        return None
    return next((steps for most, steps in _STEPS if len(taking_part) <= most), 0)


def distance(write: Write, reader: Function) -> int:
    """Return in how many steps a write is shown to be lost to ``reader``: 0 where the worker
    itself writes and the function that dispatches it reads, one more for each call on the
    way to the write, and one for a reader that is another function.
    """
    return min(len(chain) - 1 + (reader is not site.call.function) for site, _, chain in write.ways)


def of_another_item(changed: Path, reader: Function, read: Path, node: ast.AST) -> bool:
    """Whether a write is of an item with a name that a read cannot mean: it looks up some
    name, and its module spells that one nowhere but where it looks up just that.
    """
    at = next((n for n, part in enumerate(changed) if part.startswith(("['", '["'))), None)
    if at is None or not (
        read[at : at + 1] == ("[]",) or (len(read) == at and _is_looked_into(reader.module, node))
    ):
        return False
    return not _spells(reader.module, changed[at][1:-1])


def _is_looked_into(module: Module, node: ast.AST) -> bool:
    """Whether an expression is what something is asked to be ``in``."""
    return any(
        isinstance(test, ast.Compare)
        and node in test.comparators
        and all(isinstance(op, ast.In | ast.NotIn) for op in test.ops)
        for test in ast.walk(module.tree)
    )


def _spells(module: Module, text: str) -> bool:
    """Whether a constant stands in a module, ``text`` as ``repr`` gives it, other than as the
    whole of a subscript.
    """
    keys = {node.slice for node in ast.walk(module.tree) if isinstance(node, ast.Subscript)}
    return any(
        isinstance(node, ast.Constant) and node not in keys and repr(node.value) == text
        for node in ast.walk(module.tree)
    )
