"""New names that collide with nothing in the file."""

from __future__ import annotations

import ast
import builtins
import keyword
from collections.abc import Collection

from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.scopes import identifiers

_TAKEN = frozenset(dir(builtins)) | frozenset(keyword.kwlist)


def fresh(wanted: str, taken: Collection[str]) -> str:
    """Return ``wanted``, or with the first number behind it that makes it free."""
    name, number = wanted, 2
    while name in taken or name in _TAKEN:
        name, number = f"{wanted}_{number}", number + 1
    return name


def around(module: Module, node: ast.AST) -> frozenset[str]:
    """Return the names that a new local beside ``node`` must not take.

    In a function these are the identifiers of the outermost function around it;
    at module level those of the whole file, since any function may read a global.
    """
    outermost: ast.AST | None = None
    for above in module.ancestors(node):
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef)):
            outermost = above
    return module.identifiers if outermost is None else identifiers(outermost)
