"""The methods that workers run, and what decorates a worker."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from flake8_mpglobals.facts import Site
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.setters import method_class
from flake8_mpglobals.fixes.touches import Touches


def method(module: Module, site: Site, given: ast.Attribute) -> Function:
    """Return the method that a dispatch runs, where one class has one of that name."""
    api, line = site.dispatch.api, site.dispatch.location.line
    same = [one for one in module.definitions if one.name == given.attr]
    if len(same) == 1 and isinstance(same[0], ast.FunctionDef):
        function = same[0]
        known = len(site.workers) == 1 and site.workers[0] is function
        if known and isinstance(given.value, ast.Name) and method_class(module, function):
            return function
    raise CannotFix(f"the worker of {api} (line {line}) is not a plain function of this module")


def decorators(module: Module, function: Function) -> list[Function]:
    """Return the functions of this module that decorate a worker.

    Raises :class:`CannotFix` for a decorator that is none.
    """
    found: list[Function] = []
    for given in function.decorator_list:
        if ast.unparse(given) in ("staticmethod", "classmethod"):
            continue
        name = given.func if isinstance(given, ast.Call) else given
        known = module.functions.get(name.id) if isinstance(name, ast.Name) else None
        if known is None or known.decorator_list or isinstance(known, ast.AsyncFunctionDef):
            raise CannotFix(
                f"the worker {function.name!r} is decorated by {ast.unparse(name)!r}, "
                "which is no function of this module: what runs is not known"
            )
        found.append(known)
    return found


def check_decorators(module: Module, touches: Touches, workers: Sequence[Function]) -> None:
    """Raise :class:`CannotFix` where a decorator, which runs on import, uses the place."""
    for worker in workers:
        for one in decorators(module, worker):
            if one in touches.definitions:
                raise CannotFix(
                    f"the decorator {one.name!r} (line {one.lineno}) uses {touches.place!r}, also "
                    "on import: let the worker itself use it"
                )
