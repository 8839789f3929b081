"""Process objects that are made and never started."""

from __future__ import annotations

import ast

from flake8_mpglobals.ir import Call


def never_started(call: Call) -> bool:
    """Whether a process object is kept under a local name of which no method is called that
    could start it, and which is not handed on.
    """
    scope = call.function.node
    names = [
        statement.targets[0].id
        for statement in ast.walk(scope)
        if isinstance(statement, ast.Assign)
        and statement.value is call.node
        and len(statement.targets) == 1
        and isinstance(statement.targets[0], ast.Name)
    ]
    if len(names) != 1 or _goes_elsewhere(scope, names[0]):
        return False
    uses = {
        id(node.value): node.attr for node in ast.walk(scope) if isinstance(node, ast.Attribute)
    }
    return all(
        uses.get(id(node), "start") not in ("start", "run")
        for node in ast.walk(scope)
        if isinstance(node, ast.Name) and node.id == names[0] and isinstance(node.ctx, ast.Load)
    )


def _goes_elsewhere(scope: ast.AST, name: str) -> bool:
    """Whether other functions can see a variable of this one."""
    return any(
        name in node.names
        for node in ast.walk(scope)
        if isinstance(node, ast.Global | ast.Nonlocal)
    )
