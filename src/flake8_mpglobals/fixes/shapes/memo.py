"""A dict in which workers keep what they found out: a race makes them do it twice, no more."""

from __future__ import annotations

import ast

from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.touches import Touches


def is_memo(module: Module, touches: Touches, function: Function) -> bool:
    """Whether a function only looks a key up in the place and stores what it finds for that key.

    The key is made of all its parameters, the value of nothing that was read, and the
    function does nothing else that others could see.
    """
    keys: set[str] = set()
    stored = 0
    for use in touches.mentioned_in(function):
        parent = module.parents[use]
        match parent:
            case ast.Subscript(slice=key) if parent.value is use:
                outer = module.parents[parent]
                if isinstance(parent.ctx, ast.Store):
                    if not (isinstance(outer, ast.Assign) and outer.targets == [parent]):
                        return False
                    if any(True for _ in touches.mentioned_in(outer.value)):
                        return False
                    stored += 1
                elif not isinstance(parent.ctx, ast.Load) or not isinstance(outer, ast.Return):
                    return False
                keys.add(ast.unparse(key))
            case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[other]):
                if other is not use:
                    return False
                keys.add(ast.unparse(key))
            case _:
                return False
    return stored == 1 and len(keys) == 1 and _only_that(function, keys.pop())


def _only_that(function: Function, key: str) -> bool:
    """Whether a function binds nothing but local names, and the key tells all its arguments."""
    nodes = list(ast.walk(ast.parse(key, mode="eval").body))
    names = {one.id for one in nodes if isinstance(one, ast.Name)}
    plain = all(isinstance(one, (ast.Name, ast.Tuple, ast.expr_context)) for one in nodes)
    arguments = {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}
    if not plain or names != arguments:
        return False
    stores = 0
    for node in ast.walk(function):
        match node:
            case ast.Global() | ast.Nonlocal() | ast.Delete() | ast.Yield() | ast.Await():
                return False
            case ast.Name(id=name, ctx=ast.Store()) if name in names:
                return False
            case ast.Attribute(ctx=ast.Store()):
                return False
            case ast.Subscript(ctx=ast.Store()):
                stores += 1
            case ast.Expr(value=value) if not isinstance(value, ast.Constant):
                return False
    return stores == 1
