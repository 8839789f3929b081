"""Which branches of a worker the constants that its dispatch hands it leave out.

One function, told by an argument what it is to do: ``Process(target=work, args=("send",))``.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from flake8_mpglobals.conditions import Constants, constants, left_out
from flake8_mpglobals.crossings import argument_node
from flake8_mpglobals.dispatches import DispatchSite
from flake8_mpglobals.ir import NOTHING, Call, Function


def never_comes(
    site: DispatchSite, chain: Sequence[tuple[Function, Call | None]], node: ast.AST
) -> bool:
    """Whether a worker that ``site`` starts never goes the way ``chain`` to ``node``."""
    known = _handed(site, chain[0][0])
    for step, (function, call) in enumerate(chain):
        if step and call is not None:
            known = constants(call, function, known)
        after = chain[step + 1][1] if step + 1 < len(chain) else None
        if left_out(node if after is None else after.node, function, known):
            return True
    return False


def _handed(site: DispatchSite, worker: Function) -> Constants:
    """Return the parameters of a worker that a dispatch gives a constant."""
    call, api = site.call, site.api
    node = call.node
    if site.inner is not None or api.callable is None or not isinstance(node, ast.Call):
        return {}
    if api.shift or api.leading:
        return {}
    given: list[ast.expr] = []
    named: list[ast.keyword] = []
    if api.tasks == "starcall":
        given = node.args[api.callable.position + 1 :]
        named = [word for word in node.keywords if word.arg != api.callable.keyword]
    elif api.tasks == "call" and argument_node(call, api.kwargs) is None:
        passed = argument_node(call, api.args)
        if not isinstance(passed, ast.Tuple | ast.List):
            return {}
        given = passed.elts
    if not given or any(isinstance(part, ast.Starred) for part in given):
        return {}
    if any(word.arg is None for word in named):
        return {}
    made = Call(
        ast.Call(func=node.func, args=given, keywords=named),
        call.function,
        NOTHING,
        (),
        {},
        -1,
        NOTHING,
        frozenset(),
    )
    return constants(made, worker, {})
