"""Dispatches that go through a function of the file which only maps and gives the results back.

``def parallel(func, items)`` with ``return pool.map(func, items)`` at its end is to its callers
what ``pool.map`` is: they get what the workers return.
"""

from __future__ import annotations

import ast

from flake8_mpglobals.facts import Facts, LostWrite, Site
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.shapes.grouping import SORTS
from flake8_mpglobals.fixes.shapes.lists import single, uses
from flake8_mpglobals.records import replace

_MAP = "multiprocessing.pool.Pool.map"
_EAGER = (_MAP, "multiprocessing.pool.Pool.starmap")
_LAZY = "concurrent.futures.ProcessPoolExecutor.map"


def followed(facts: Facts) -> Facts:
    """Return ``facts`` with the calls of such functions as the dispatches that they are."""
    if not any(one.wrapper for write in facts.writes for one in write.sites):
        return facts
    module = Module(facts.source, facts.tree)
    return replace(facts, writes=tuple(_followed(facts, module, one) for one in facts.writes))


def _followed(facts: Facts, module: Module, write: LostWrite) -> LostWrite:
    if write.how not in SORTS or not write.elsewhere:
        return write
    sites = [_mapped(facts, module, one) if one.wrapper else one for one in write.sites]
    known = tuple(one for one in sites if one is not None)
    if len(known) < len(sites) or "goes through" not in write.elsewhere:
        return write
    return replace(write, sites=known, elsewhere="")


def _mapped(facts: Facts, module: Module, site: Site) -> Site | None:
    """Return a dispatch by a function as one by what the function gives back; None if unclear."""
    func = site.call.func
    function = module.functions.get(func.id) if isinstance(func, ast.Name) else None
    if function is None or isinstance(function, ast.AsyncFunctionDef) or function.decorator_list:
        return None
    own = [one for one in facts.sites if module.function(one.call) is function]
    if len(own) != 1 or own[0].initializer or own[0].wrapper:
        return None
    nodes = list(ast.walk(function))
    if any(isinstance(one, (ast.Yield, ast.YieldFrom, ast.ExceptHandler)) for one in nodes):
        return None
    if not _given_back(module, function, own[0]):
        return None
    return replace(site, wrapper=False, api=replace(site.api, name=_MAP))


def _given_back(module: Module, function: Function, inner: Site) -> bool:
    """Whether a function returns the list of what one dispatch gives, and that alone."""
    value: ast.expr = inner.call
    parent = module.parents[value]
    if inner.api.name == _LAZY:
        if not (isinstance(parent, ast.Call) and ast.unparse(parent.func) == "list"):
            return False
        value, parent = parent, module.parents[parent]
    elif inner.api.name not in _EAGER:
        return False
    returns = [one for one in ast.walk(function) if isinstance(one, ast.Return)]
    if len(returns) != 1:
        return False
    if returns[0].value is value:
        return True
    name = single(parent)
    if name is None or getattr(parent, "value", None) is not value:
        return False
    others = [one for one in uses(module, name) if one is not name]
    return others == [returns[0].value]
