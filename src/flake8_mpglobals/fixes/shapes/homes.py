"""Pools that are not made where they are used: by a helper function, or for an ``ExitStack``.

What is shared is handed to such a function by one more argument.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.importers import named_elsewhere
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.scopes import identifiers
from flake8_mpglobals.fixes.shapes.lists import single, uses


@dataclass(frozen=True, slots=True)
class Helper:
    """A function that makes a pool or processes for others, and the one call of it."""

    function: Function
    call: ast.Call


def made_by(module: Module, pool: ast.Call) -> Helper | None:
    """Return the function that only makes ``pool`` and returns it, where one call takes it."""
    function = module.function(pool)
    statement = module.statement(pool)
    if function is None or module.functions.get(function.name) is not function:
        return None
    if isinstance(function, ast.AsyncFunctionDef) or function.decorator_list:
        return None
    body = function.body
    returned = isinstance(statement, ast.Return) and statement.value is pool
    name = single(statement)
    if name is not None and getattr(statement, "value", None) is pool and len(body) > 1:
        match body[-1]:
            case ast.Return(value=ast.Name(id=given)):
                returned = given == name.id and len(uses(module, name)) == 2
        returned = returned and body[-2] is statement
    elif body[-1] is not statement:
        return None
    if not returned or sum(isinstance(one, ast.Return) for one in ast.walk(function)) != 1:
        return None
    if not everywhere(module, pool):
        return None
    mentions = module.mentions(function.name)
    call = module.parents[mentions[0]] if len(mentions) == 1 else None
    if isinstance(call, ast.Call) and call.func is mentions[0]:
        return None if module.inside(call, function) else Helper(function, call)
    return None


def entered(module: Module, call: ast.AST) -> tuple[ast.With, ast.Name] | None:
    """Return the ``with ExitStack()`` that ends what ``call`` enters there, and its name."""
    assign = module.parents.get(call)
    name = single(assign) if isinstance(assign, ast.Assign) else None
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=stack), attr="enter_context")):
            if name is None or not isinstance(assign, ast.Assign) or assign.value is not call:
                return None
            around = module.parents[assign]
            match around:
                case ast.With(
                    items=[ast.withitem(context_expr=made, optional_vars=ast.Name(id=n))]
                ):
                    made_there = ast.unparse(made) in ("ExitStack()", "contextlib.ExitStack()")
                    stays = all(
                        isinstance(module.parents[one], ast.Attribute)
                        and ast.unparse(module.parents[one]) == f"{stack}.enter_context"
                        for item in around.body
                        for one in ast.walk(item)
                        if isinstance(one, ast.Name) and one.id == n
                    )
                    return (around, name) if n == stack and made_there and stays else None
    return None


def everywhere(module: Module, pool: ast.Call) -> bool:
    """Whether the names of what makes a pool or process mean the same everywhere."""
    given = [one.value for one in pool.keywords if one.arg in ("mp_context", "context")]
    return all(
        module.is_global(one)
        for part in (pool.func, *given)
        for one in ast.walk(part)
        if isinstance(one, ast.Name)
    )


def hand_through(module: Module, helper: Helper, shared: str) -> Iterator[Edit]:
    """Yield the edits that hand what is shared (names with commas between) to a helper."""
    function, call = helper.function, helper.call
    arguments = function.args
    names = shared.split(", ")
    taken = identifiers(function)
    if arguments.posonlyargs or any(name in taken for name in names):
        raise CannotFix(
            f"{function.name!r} makes the pool or processes and may not know {shared!r}: make "
            "them where they are used"
        )
    other = named_elsewhere(module.source.path, {function.name})
    if other:
        raise CannotFix(
            f"{other} imports this module and names {function.name!r}, which would take one more "
            "argument: make the pool or processes where they are used"
        )
    text = module.source.text
    given = (
        arguments.args[1:]
        if isinstance(module.parents[function], ast.ClassDef)
        else (arguments.args)
    )
    if len(given) < len(arguments.args):
        own = arguments.args[0]
        start = module.source.offset(own.end_lineno or 0, own.end_col_offset or 0)
        yield Edit(start, start, f", {shared}")
    else:
        start = text.index("(", module.start(function)) + 1
        more = given or arguments.kwonlyargs or arguments.vararg or arguments.kwarg
        yield Edit(start, start, f"{shared}, " if more else shared)
    start = text.index("(", module.end(call.func)) + 1
    yield Edit(start, start, f"{shared}, " if call.args or call.keywords else shared)
