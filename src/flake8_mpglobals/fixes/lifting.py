"""MPG203: move a nested function to module level, where pickle finds it."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import Sheet, first_line, newline
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix, Plan
from flake8_mpglobals.model import Finding

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def plan(facts: Facts, findings: Sequence[Finding]) -> Plan:
    """Return the plan that lifts the nested function of one finding.

    Raises :class:`CannotFix` for a lambda, and for a function that needs variables of
    the functions around it.
    """
    finding = findings[0]
    module = Module(facts.source, facts.tree)
    hazard = next(one for one in facts.hazards.unpicklable if one.span.location == finding.location)
    line = hazard.defined.location.line
    function = next(
        (
            one
            for one in module.definitions
            if isinstance(one, Function)
            and first_line(one) <= line <= one.body[0].lineno
            and one.lineno >= line
        ),
        None,
    )
    outer = module.function(function) if function is not None else None
    if function is None or outer is None or module.block(function) is not outer.body:
        raise CannotFix("move the callable to module level, under a name of its own")
    _check(module, function, outer)
    top: ast.AST = outer
    while not isinstance(module.parents[top], ast.Module):
        top = module.parents[top]
    assert isinstance(top, ast.stmt)
    return Plan(
        tuple(findings),
        finding.place,
        "safe",
        f"Move {function.name!r} to module level",
        _moved(module, function, outer, top),
    )


def _check(module: Module, function: Function, outer: Function) -> None:
    name = function.name
    if function.decorator_list:
        raise CannotFix(f"{name!r} (line {function.lineno}) is decorated: move it by hand")
    if isinstance(module.parents[outer], ast.ClassDef) and any(
        isinstance(one, ast.Name) and one.id in ("super", "__class__") for one in ast.walk(function)
    ):
        raise CannotFix(f"{name!r} (line {function.lineno}) uses its class: move it by hand")
    if module.bindings(name) or any(
        one is not function and one.name == name for one in module.definitions
    ):
        raise CannotFix(f"{name!r} is a name of the module already: give the function another one")
    if len(outer.body) == 1:
        raise CannotFix(f"{outer.name!r} does nothing else")
    stores = [
        one
        for one in ast.walk(outer)
        if isinstance(one, ast.Name) and one.id == name and not isinstance(one.ctx, ast.Load)
    ]
    if stores:
        raise CannotFix(f"{name!r} is bound again in line {stores[0].lineno}")
    for node in ast.walk(function):
        if isinstance(node, ast.Nonlocal):
            raise CannotFix(f"{name!r} changes variables of {outer.name!r}")
        if not isinstance(node, ast.Name) or _inner(module, node, function):
            continue
        if node.id != name and not module.is_global(node):
            raise CannotFix(
                f"{name!r} needs {node.id!r} of {outer.name!r} (line {node.lineno}): "
                "hand it over by functools.partial"
            )


def _inner(module: Module, node: ast.Name, function: Function) -> bool:
    """Whether a name belongs to the function itself, or to a scope inside of it."""
    for above in module.ancestors(node):
        if module.binds(above, node.id) == "local" if _is_scope(above) else False:
            return True
        if above is function:
            return False
    return False


def _is_scope(node: ast.AST) -> bool:
    comprehensions = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    return isinstance(node, (*_SCOPES, *comprehensions))


def _moved(module: Module, function: Function, outer: Function, top: ast.stmt) -> tuple[Edit, ...]:
    source = module.source
    first, last = Sheet(module).lines([function])
    while source.lines[first - 2].strip().startswith("#"):
        first -= 1
    indent = source.lines[function.lineno - 1]
    depth = len(indent) - len(indent.lstrip())
    held = Sheet(module).held
    text = newline(source).join(
        line if number in held else line[depth:]
        for number, line in enumerate(source.lines[first - 1 : last], first)
    )
    blank = last < len(source.lines) and not source.lines[last].strip()
    end = last + 1 if blank else last
    if outer.body[-1] is function:
        raise CannotFix(f"{function.name!r} stands at the end of {outer.name!r}")
    cut = Edit(source.starts[first - 1], source.starts[end], "")
    at = first_line(top)
    while at > 1 and source.lines[at - 2].startswith("#"):
        at -= 1
    gap = newline(source) * 3
    put = Edit(source.starts[at - 1], source.starts[at - 1], text + gap)
    return (put, cut)
