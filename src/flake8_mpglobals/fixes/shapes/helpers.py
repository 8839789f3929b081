"""What worker code runs besides the worker itself, as far as names tell."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from flake8_mpglobals.fixes.module import Function, Module

_MAKING = ("__init__", "__new__", "__post_init__")


def helpers(
    module: Module, worker: Function, is_place: Callable[[ast.AST], bool]
) -> list[Function]:
    """Return the functions and methods that may run when ``worker`` does, itself left out.

    A method counts wherever its name stands, but for what is asked of a place itself; the
    special methods of a class count where one of its methods hands ``self`` on.
    """
    found: list[Function] = []
    pending = [worker]
    while pending:
        function = pending.pop()
        for one in _named(module, function, is_place):
            if one is not worker and one not in found:
                found.append(one)
                pending.append(one)
    return found


def _named(
    module: Module, function: Function, is_place: Callable[[ast.AST], bool]
) -> Iterator[Function]:
    own = module.parents[function]
    first = function.args.args[0].arg if function.args.args else ""
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name) if isinstance(own, ast.ClassDef) and name == first:
                if not isinstance(module.parents[node], ast.Attribute):
                    yield from _methods(own, _is_special)
            case ast.Name(id=name):
                for one in module.definitions:
                    if one.name != name:
                        continue
                    if isinstance(one, ast.ClassDef):
                        yield from _methods(one, lambda method: method.name in _MAKING)
                    else:
                        yield one
            case ast.Attribute(value=value, attr=name) if not is_place(value):
                for one in module.definitions:
                    in_class = isinstance(module.parents[one], ast.ClassDef)
                    if one.name == name and in_class and not isinstance(one, ast.ClassDef):
                        yield one


def _is_special(method: Function) -> bool:
    return method.name.startswith("__") and method.name not in _MAKING


def _methods(made: ast.ClassDef, wanted: Callable[[Function], bool]) -> Iterator[Function]:
    for one in made.body:
        if isinstance(one, Function) and wanted(one):
            yield one
