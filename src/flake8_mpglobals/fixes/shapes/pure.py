"""Built-in functions and methods that leave what they are given as it is."""

from __future__ import annotations

import ast

from flake8_mpglobals.fixes.module import Module

READERS = frozenset({"len", "print", "str", "bool", "id"})
"""Built-in functions that take a proxy of any kind as they take a list or dict."""

ITERATING = frozenset(
    {"sum", "min", "max", "sorted", "list", "tuple", "set", "frozenset", "any", "all"}
)
"""Built-in functions that read a list's proxy from end to end (a dict's keys may change)."""

PURE = (
    READERS
    | ITERATING
    | frozenset(
        {"int", "float", "abs", "round", "repr", "format", "enumerate", "zip", "range"}
        | {"reversed", "isinstance", "type", "hash", "ord", "chr", "divmod", "pow", "bytes"}
        | {"dict", "ascii", "bin", "hex", "oct", "complex", "callable", "issubclass"}
    )
)
"""Built-in functions that change nothing that they are given."""

CALM_METHODS = frozenset(
    {"upper", "lower", "title", "strip", "lstrip", "rstrip", "split", "rsplit", "format"}
    | {"startswith", "endswith", "join", "replace", "encode", "decode", "zfill", "count"}
    | {"index", "find", "items", "keys", "values", "get", "copy", "isdigit", "isalpha"}
    | {"splitlines", "partition", "rpartition", "capitalize", "casefold", "total_seconds"}
    | {"isoformat", "strftime", "timestamp", "bit_length", "is_integer", "hexdigest"}
)
"""Methods that leave their object as it is, on every type of the standard library."""

TELLING = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
"""Methods of a logger, which leave what they tell as it is."""


def is_builtin(module: Module, func: ast.expr) -> bool:
    """Whether ``func`` is a name that the module itself does not bind."""
    return isinstance(func, ast.Name) and module.is_global(func) and not module.bindings(func.id)
