"""Process objects that are made and never started."""

from __future__ import annotations

import ast

from flake8_mpglobals.ir import Call


def never_started(call: Call) -> bool:
    """Whether a process object is kept under a local name of which no method is called that
    could start it, and which is not handed on; or as an attribute whose ``run`` is called
    as any other method, and ``start`` never.
    """
    scope = call.function.node
    if (kept := _attribute_of(scope, call.node)) is not None:
        return _only_run_here(call.function.module.tree, kept)
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


def _attribute_of(scope: ast.AST, made: ast.AST) -> str | None:
    """Return the name of the attribute in which a new object is kept, if it is one."""
    for statement in ast.walk(scope):
        if isinstance(statement, ast.Assign) and statement.value is made:
            target = statement.targets[0]
            if len(statement.targets) == 1 and isinstance(target, ast.Attribute):
                return target.attr
    return None


def _only_run_here(tree: ast.Module, name: str) -> bool:
    """Whether a module calls ``run`` on this attribute, never ``start``, and hands on none."""
    bases: dict[int, str] = {}
    called: set[int] = set()
    kept: list[ast.Attribute] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            bases[id(node.value)] = node.attr
            if node.attr == name and isinstance(node.ctx, ast.Load):
                kept.append(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called.add(id(node.func.value))
    uses = [bases.get(id(node), "start") for node in kept]
    runs = any(bases.get(id(node)) == "run" and id(node) in called for node in kept)
    return runs and "start" not in uses


def _goes_elsewhere(scope: ast.AST, name: str) -> bool:
    """Whether other functions can see a variable of this one."""
    return any(
        name in node.names
        for node in ast.walk(scope)
        if isinstance(node, ast.Global | ast.Nonlocal)
    )
