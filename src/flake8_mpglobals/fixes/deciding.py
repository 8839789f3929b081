"""Whether names decide what a statement of worker code does, or whether it runs at all."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from flake8_mpglobals.fixes.module import Function, Module

COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)
"""Statements that hold others."""

_LEAVING = (ast.Return, ast.Continue, ast.Break, ast.Raise)


def test_of(module: Module, function: Function, statement: ast.stmt, names: Collection[str]) -> int:
    """Return the line of a test of ``names`` that decides whether ``statement`` runs, or 0."""
    for above in module.ancestors(statement):
        if above is function:
            break
        if isinstance(above, (ast.If, ast.While)) and mentions(above.test, names):
            return above.lineno
        if isinstance(above, ast.For) and mentions(above.iter, names):
            return above.lineno
    for one in ast.walk(function):
        if (
            isinstance(one, (ast.If, ast.While))
            and one.lineno < statement.lineno
            and mentions(one.test, names)
            and any(isinstance(node, _LEAVING) for node in ast.walk(one))
        ):
            return one.lineno
    return 0


def header(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes of a statement, without the statements inside of it."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        yield node
        stack += [one for one in ast.iter_child_nodes(node) if not isinstance(one, ast.stmt)]


def mentions(node: ast.AST, names: Collection[str]) -> bool:
    """Whether one of ``names`` stands somewhere in ``node``."""
    return any(is_one(one, names) for one in ast.walk(node))


def is_one(node: ast.AST, names: Collection[str]) -> bool:
    """Whether a node is one of the names; of dotted ones, the last part tells."""
    match node:
        case ast.Name(id=name):
            return name in names
        case ast.Attribute(attr=name):
            return any("." in one and one.rpartition(".")[2] == name for one in names)
    return False
