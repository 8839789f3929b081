"""Which names a scope binds, and which it declares to be global."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Literal

Verdict = Literal["local", "global"]

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.ClassDef, *COMPREHENSIONS)


def table(scope: ast.AST) -> dict[str, Verdict]:
    """Return what a function, lambda, class or comprehension decides about names.

    A name that is not there is looked up outside.
    """
    if isinstance(scope, COMPREHENSIONS):
        return {
            node.id: "local"
            for generator in scope.generators
            for node in ast.walk(generator.target)
            if isinstance(node, ast.Name)
        }
    found: dict[str, Verdict] = {}
    if isinstance(scope, (*FUNCTIONS, ast.Lambda)):
        for one in _arguments(scope.args):
            found[one.arg] = "local"
    if isinstance(scope, ast.Lambda):
        return found
    targets: set[int] = set()
    declared: dict[str, Verdict] = {}
    stored: list[ast.Name] = []
    for node in own_nodes(scope):
        match node:
            case ast.Global():
                declared.update((name, "global") for name in node.names)
            case ast.Nonlocal():
                declared.update((name, "local") for name in node.names)
            case ast.Name() if not isinstance(node.ctx, ast.Load):
                stored.append(node)
            case ast.comprehension():
                targets.update(id(one) for one in ast.walk(node.target))
            case _:
                for name in bound_names(node):
                    found[name] = "local"
    for node in stored:
        if id(node) not in targets:
            found[node.id] = "local"
    return found | declared


def _arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from (one for one in (arguments.vararg, arguments.kwarg) if one is not None)


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a body, not those of nested scopes.

    Comprehensions are looked into (an assignment expression there binds outside);
    of a nested function or class only the statement itself is yielded.
    """
    stack: list[ast.AST] = list(getattr(scope, "body", ()))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            stack.extend(ast.iter_child_nodes(node))


def bound_names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node other than ``Name`` binds in the scope where it stands."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Import() | ast.ImportFrom():
            yield from (one.asname or one.name.partition(".")[0] for one in node.names)
        case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name:
            yield node.name
        case ast.MatchMapping() if node.rest:
            yield node.rest


def identifiers(tree: ast.AST) -> frozenset[str]:
    """Return every identifier under ``tree``: names, attributes, arguments, imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name():
                found.add(node.id)
            case ast.Attribute():
                found.add(node.attr)
            case ast.arg():
                found.add(node.arg)
            case ast.keyword() if node.arg:
                found.add(node.arg)
            case ast.Global() | ast.Nonlocal():
                found.update(node.names)
            case ast.alias():
                found.update((node.asname or node.name).split("."))
            case _:
                found.update(bound_names(node))
    return frozenset(found)
