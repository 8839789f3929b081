"""Bound methods of containers as workers: ``pool.map(results.append, items)``.

The method is the library's, and so is its code; here it becomes a function of one call,
which every later stage reads like any other worker.
"""

from __future__ import annotations

import ast

from flake8_mpglobals.evaluate import Bindings, Box, Evaluator, Target
from flake8_mpglobals.ir import (
    NOTHING,
    Attr,
    Call,
    Function,
    Param,
    Values,
    global_of,
    root,
)
from flake8_mpglobals.mutations import changing_verb


def bound_methods(
    given: Values, call: Call, node: ast.expr | None, evaluator: Evaluator
) -> list[Target]:
    """Return what runs where ``call`` sends methods of containers, which ``node`` spells."""
    found: list[Target] = []
    for value in given:
        if node is None or not isinstance(value, Attr):
            continue
        kinds = [t.kind for t in evaluator.thing(value.base) if isinstance(t, Box)]
        if any(changing_verb(kind, value.name) for kind in kinds):
            by_name = global_of(root(value.base)) is not None
            bound: Bindings = {} if by_name else {0: frozenset((value.base,))}
            known = evaluator.made.get((call, value))
            if known is None:
                known = evaluator.made[call, value] = _function(value, call, node, by_name)
            found.append(Target(known, bound))
    return found


def _function(method: Attr, call: Call, node: ast.expr, by_name: bool) -> Function:
    """Make the function that calls ``method`` on the container's global, or on what is handed."""
    outer = call.function
    name = ast.unparse(node)
    block = ast.copy_location(ast.Expr(node), node)
    tree = ast.Module([block], [])
    function = Function(outer.module, tree, name, name, outer=outer, block=block)
    function.params, function.positional = (name.rpartition(".")[0], "item"), 2
    callee: Values = frozenset((method if by_name else Attr(Param(function, 0), method.name),))
    item: Values = frozenset((Param(function, 1),))
    inner = Call(node, function, callee, (item,), {}, -1, NOTHING, frozenset(), used=False)
    function.body.append(inner)
    function.calls.append(inner)
    return function
