"""Whether a coroutine that hands out work is the only one to use a place while it waits."""

from __future__ import annotations

import ast
from collections.abc import Collection

from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.touches import Touches

_RUNNING = ("asyncio.run", "run", "run_until_complete")
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.GeneratorExp)


def check_alone(
    touches: Touches, coroutine: ast.AsyncFunctionDef, exempt: Collection[ast.AST]
) -> None:
    """Raise :class:`CannotFix` where another coroutine may use the place meanwhile.

    ``coroutine`` has to run once at a time: it is named once, where it is awaited or
    run to its end, and so are those that wait for it.  To name one of ``exempt`` is no use.
    """
    module = touches.module
    chain: list[ast.AsyncFunctionDef] = []
    current: ast.AsyncFunctionDef | None = coroutine
    while current is not None and not any(current is one for one in chain):
        chain.append(current)
        current = _waiting(module, current)
    for other in module.definitions:
        if isinstance(other, ast.AsyncFunctionDef) and not any(other is one for one in chain):
            use = next(touches.uses(other, exempt), None)
            if use is not None:
                raise CannotFix(
                    f"{other.name!r} (line {use.lineno}) may use {touches.place!r} while "
                    f"{coroutine.name!r} waits for its workers"
                )


def _waiting(module: Module, coroutine: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef | None:
    """Return the coroutine that awaits another one; None where plain code runs it."""
    unclear = CannotFix(
        f"{coroutine.name!r} (line {coroutine.lineno}) is a coroutine that may run more than once "
        "at a time: await it in one place"
    )
    method = isinstance(module.parents.get(coroutine), ast.ClassDef)
    named = [
        node
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Name) and node.id == coroutine.name and not method)
        or (
            isinstance(node, ast.Attribute)
            and node.attr == coroutine.name
            and method
            and not _of_package(module, node)
        )
    ]
    if len(named) != 1:
        raise unclear
    call = module.parents[named[0]]
    if not (isinstance(call, ast.Call) and call.func is named[0]):
        raise unclear
    around = module.parents[call]
    function = module.function(call)
    if any(isinstance(one, _LOOPS) for one in module.ancestors(call)):
        raise unclear
    if isinstance(around, ast.Await) and isinstance(function, ast.AsyncFunctionDef):
        return function
    running = isinstance(around, ast.Call) and ast.unparse(around.func).rpartition(".")[2]
    if running not in _RUNNING or isinstance(function, ast.AsyncFunctionDef):
        raise unclear
    return None


def _of_package(module: Module, node: ast.Attribute) -> bool:
    """Whether an attribute is that of an imported module, such as ``asyncio.run``."""
    owner = node.value
    bound = module.bindings(owner.id) if isinstance(owner, ast.Name) else []
    return bool(bound) and all(isinstance(one, ast.Import) for one in bound)
