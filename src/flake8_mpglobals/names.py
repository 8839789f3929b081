"""Which scope each name of a function belongs to, as Python's compiler decides it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flake8_mpglobals.records import frozen

ScopeNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@frozen
class Names:
    """The names of one function scope.

    ``bound``: local variables and parameters; ``globals`` and ``nonlocals``: as
    declared; ``captured``: local names that also occur in a nested function.
    """

    bound: frozenset[str]
    globals: frozenset[str]
    nonlocals: frozenset[str]
    captured: frozenset[str]


def parameters(args: ast.arguments) -> tuple[ast.arg, ...]:
    """Return the parameters in the order that :class:`~flake8_mpglobals.ir.Function` uses."""
    found = [*args.posonlyargs, *args.args]
    if args.vararg:
        found.append(args.vararg)
    found.extend(args.kwonlyargs)
    if args.kwarg:
        found.append(args.kwarg)
    return tuple(found)


def names_of(node: ScopeNode) -> Names:
    """Return the names of a function or lambda, without those of nested scopes."""
    bound = {arg.arg for arg in parameters(node.args)}
    declared_global: set[str] = set()
    declared_nonlocal: set[str] = set()
    nested: list[ast.AST] = []
    body: Iterable[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else node.body
    for child in _own(body, nested):
        if isinstance(child, ast.Global):
            declared_global.update(child.names)
        elif isinstance(child, ast.Nonlocal):
            declared_nonlocal.update(child.names)
        else:
            bound.update(_binds(child))
    local = frozenset(bound - declared_global - declared_nonlocal)
    inner: set[str] = set()
    for scope in _functions(nested):
        for child in ast.walk(scope):
            if isinstance(child, ast.Name):
                inner.add(child.id)
            elif isinstance(child, ast.Nonlocal):
                inner.update(child.names)
    return Names(
        local, frozenset(declared_global), frozenset(declared_nonlocal), local & frozenset(inner)
    )


def _functions(nested: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nested scopes that can outlive a statement; a comprehension cannot."""
    for scope in nested:
        if isinstance(scope, _COMPREHENSIONS):
            yield from (node for node in ast.walk(scope) if isinstance(node, _SCOPES))
        else:
            yield scope


def assigned(body: Iterable[ast.AST]) -> frozenset[str]:
    """Return the names that running ``body`` can bind in its own scope."""
    found: set[str] = set()
    for child in _own(body, []):
        found.update(_binds(child))
    return frozenset(found)


def is_main_guard(test: ast.expr) -> bool:
    """Whether a test is ``__name__ == "__main__"``, either way round."""
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1):
        return False
    sides = (test.left, test.comparators[0])
    return (
        isinstance(test.ops[0], ast.Eq)
        and any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
        and any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)
    )


def statements_of(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield every statement of a module, nested ones too, without looking at expressions."""
    stack: list[ast.stmt] = list(tree.body)
    while stack:
        node = stack.pop()
        yield node
        for part in ("body", "orelse", "finalbody"):
            stack.extend(getattr(node, part, ()))
        for part in ("handlers", "cases"):
            for inner in getattr(node, part, ()):
                stack.extend(inner.body)


def _own(body: Iterable[ast.AST], nested: list[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of ``body`` that belong to its own scope; put the rest in ``nested``."""
    stack = list(body)
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, _SCOPES):
            nested.append(node)
            if isinstance(node, ast.Lambda):
                stack.extend(node.args.defaults)
                stack.extend(default for default in node.args.kw_defaults if default)
            else:
                stack.extend(node.decorator_list)
                if isinstance(node, ast.ClassDef):
                    stack.extend(node.bases)
                else:
                    stack.extend(node.args.defaults)
                    stack.extend(default for default in node.args.kw_defaults if default)
        elif isinstance(node, _COMPREHENSIONS):
            # Its targets live in a scope of their own; only := reaches out of it.
            nested.append(node)
            stack.extend(walrus for walrus in ast.walk(node) if isinstance(walrus, ast.NamedExpr))
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            stack.extend(part for part in node.elts if not isinstance(part, ast.Constant))
        elif not isinstance(node, ast.Constant | ast.Name):
            stack.extend(ast.iter_child_nodes(node))


def _binds(node: ast.AST) -> Iterator[str]:
    """Yield the names that ``node`` itself binds."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        if node.name:
            yield node.name
    elif isinstance(node, ast.MatchMapping):
        if node.rest:
            yield node.rest
    elif isinstance(node, ast.NamedExpr):
        # The target of := is not stepped into where a comprehension holds it.
        yield node.target.id
