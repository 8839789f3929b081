"""New names that collide with nothing in the file."""

from __future__ import annotations

import ast
import builtins
import keyword
from collections.abc import Collection

from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.scopes import COMPREHENSIONS, bound_names, identifiers

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


def variables(module: Module, node: ast.AST) -> frozenset[str]:
    """Return the names of variables that a new variable beside ``node`` would hide or change.

    In a function these are the names that stand in the outermost function around it;
    at module level those of all globals.
    """
    outermost: ast.AST | None = None
    for above in module.ancestors(node):
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef)):
            outermost = above
    if outermost is not None:
        found = {
            one.id
            for one in ast.walk(outermost)
            if isinstance(one, ast.Name) and not _comprehended(module, one)
        }
        found |= {one.arg for one in ast.walk(outermost) if isinstance(one, ast.arg)}
        for one in ast.walk(outermost):
            if isinstance(one, (ast.Global, ast.Nonlocal)):
                found.update(one.names)
            found.update(bound_names(one))
        return frozenset(found)
    names = (name for name in module.identifiers if module.mentions(name))
    return frozenset(names) | {name for name in module.identifiers if module.bindings(name)}


def _comprehended(module: Module, name: ast.Name) -> bool:
    """Whether a name is a variable of a comprehension, which nothing outside of it sees."""
    for above in module.ancestors(name):
        if isinstance(above, COMPREHENSIONS) and module.binds(above, name.id) == "local":
            return True
        if isinstance(above, ast.stmt):
            return False
    return False
