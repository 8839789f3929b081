"""Calls that leave their arguments as they are."""

from __future__ import annotations

import ast

from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.mutations import FUNCTIONS

_LIBRARIES = frozenset(
    {"base64", "datetime", "decimal", "fractions", "gzip", "hashlib", "json", "logging", "math"}
    | {"os", "platform", "posixpath", "random", "re", "shutil", "statistics", "subprocess"}
    | {"textwrap", "time", "uuid", "zlib"}
)
"""Modules of the standard library that only read what they are handed, but for a few."""


def only_reads(module: Module, func: ast.expr) -> bool:
    """Whether ``func`` is a function of a library that changes none of its arguments."""
    name = _qualified(module, func)
    return name.partition(".")[0] in _LIBRARIES and name not in FUNCTIONS


def _qualified(module: Module, func: ast.expr) -> str:
    """Return the full name of an imported function, empty where it is none."""
    rest: list[str] = []
    while isinstance(func, ast.Attribute):
        rest.insert(0, func.attr)
        func = func.value
    if not (isinstance(func, ast.Name) and module.is_global(func)):
        return ""
    names = set()
    for one in module.bindings(func.id):
        match one:
            case ast.Import(names=aliases):
                names |= {x.name if x.asname else func.id for x in aliases if _binds(x, func.id)}
            case ast.ImportFrom(module=str(source), names=aliases, level=0):
                names |= {f"{source}.{x.name}" for x in aliases if _binds(x, func.id)}
            case _:
                return ""
    return ".".join([names.pop(), *rest]) if len(names) == 1 else ""


def _binds(alias: ast.alias, name: str) -> bool:
    return (alias.asname or alias.name.partition(".")[0]) == name
