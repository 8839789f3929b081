"""Which scope each name of a function belongs to, as Python's compiler decides it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any

from flake8_mpglobals.records import frozen

ScopeNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SPECIAL = frozenset(
    (
        *_SCOPES,
        *_COMPREHENSIONS,
        ast.Import,
        ast.ImportFrom,
        ast.Global,
        ast.Nonlocal,
        ast.ExceptHandler,
        ast.MatchAs,
        ast.MatchStar,
        ast.MatchMapping,
        ast.NamedExpr,
    )
)
"""Nodes that are more than the sum of their parts, as far as names go."""


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
    declared: list[ast.Global | ast.Nonlocal] = []
    nested: list[ast.AST] = []
    _look([node.body] if isinstance(node, ast.Lambda) else node.body, bound, declared, nested)
    declared_global: set[str] = set()
    declared_nonlocal: set[str] = set()
    for each in declared:
        (declared_global if isinstance(each, ast.Global) else declared_nonlocal).update(each.names)
    local = frozenset(bound - declared_global - declared_nonlocal)
    inner: set[str] = set()
    for scope in nested:
        if not isinstance(scope, _COMPREHENSIONS):
            _mentioned(scope, inner)
            continue
        # Of what is in there, only a function can outlive the statement.
        for part in ast.walk(scope):
            if isinstance(part, _SCOPES):
                _mentioned(part, inner)
    return Names(
        local, frozenset(declared_global), frozenset(declared_nonlocal), local & frozenset(inner)
    )


def assigned(body: Iterable[ast.AST]) -> frozenset[str]:
    """Return the names that running ``body`` can bind in its own scope."""
    found: set[str] = set()
    _look(body, found, [], [])
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


def _look(
    body: Iterable[ast.AST],
    bound: set[str],
    declared: list[ast.Global | ast.Nonlocal],
    nested: list[ast.AST],
) -> None:
    """Find what belongs to the scope of ``body``: the names that it binds, and declares;
    the scopes in it go to ``nested``.
    """
    stack: list[Any] = list(body)
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is ast.Name:
            if type(node.ctx) is not ast.Load:
                bound.add(node.id)
        elif kind is ast.Attribute:
            stack.append(node.value)
        elif kind in _SPECIAL:
            if isinstance(node, ast.Global | ast.Nonlocal):
                declared.append(node)
                continue
            bound.update(_binds(node))
            if isinstance(node, _COMPREHENSIONS):
                # Its targets live in a scope of their own; only := reaches out of it.
                nested.append(node)
                stack.extend(part for part in ast.walk(node) if type(part) is ast.NamedExpr)
            elif not isinstance(node, _SCOPES):
                _spread(node, kind, stack)
            else:
                nested.append(node)
                if not isinstance(node, ast.Lambda):
                    stack.extend(node.decorator_list)
                if isinstance(node, ast.ClassDef):
                    stack.extend(node.bases)
                else:
                    stack.extend(node.args.defaults)
                    stack.extend(node.args.kw_defaults)
        else:
            _spread(node, kind, stack)


def _mentioned(scope: ast.AST, names: set[str]) -> None:
    """Add all names that stand in a nested scope."""
    stack: list[Any] = [scope]
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is ast.Name:
            names.add(node.id)
        elif kind is ast.Attribute:
            stack.append(node.value)
        elif kind is ast.Nonlocal:
            names.update(node.names)
        else:
            _spread(node, kind, stack)


def _spread(node: Any, kind: type, stack: list[Any]) -> None:
    """Add the nodes right below ``node`` to the stack."""
    for name in _PARTS.get(kind) or _parts(kind):
        part = getattr(node, name, None)
        if part.__class__ is list:
            stack.extend(part)
        elif part is not None:
            stack.append(part)


_PARTS: dict[type, tuple[str, ...]] = {}
"""The fields of a class of nodes that can hold others."""

# fmt: off
_NO_NODES = frozenset((
    "ctx", "id", "attr", "arg", "op", "ops", "kind", "module", "level", "conversion", "simple",
    "type_comment", "is_async", "type_ignores", "rest", "kwd_attrs",
))
# fmt: on


def _parts(kind: type) -> tuple[str, ...]:
    known = _PARTS.get(kind)
    if known is None:
        fields: tuple[str, ...] = getattr(kind, "_fields", ())
        if issubclass(kind, ast.Constant):
            fields = ()
        known = _PARTS[kind] = tuple(name for name in fields if name not in _NO_NODES)
    return known


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
