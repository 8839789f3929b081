"""Changes that the function that makes them takes back: of a stack, a mark, a setting.

``path.append(x)`` … ``path.pop()``, ``seen.add(x)`` … ``seen.remove(x)``, ``depth += 1`` …
``depth -= 1``, ``old = level; level = 1`` … ``level = old``: when the function is done, the
place is as it was, in whatever process that happens.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

Change = tuple[str, str, str]
"""What a statement does, to what, and with what: the text of the two expressions."""

_PARTNERS = {"push": "pull", "first": "unfirst", "in": "out", "plus": "minus", "set": "back"}
_TAKEN_BACK = {undo: do for do, undo in _PARTNERS.items()}
_METHODS = {
    ("append", 1): "push",
    ("pop", 0): "pull",
    ("appendleft", 1): "first",
    ("popleft", 0): "unfirst",
    ("add", 1): "in",
    ("remove", 1): "out",
    ("discard", 1): "out",
    ("pop", 1): "out",
    ("pop", 2): "out",
}


def undone(function: ast.AST) -> frozenset[ast.AST]:
    """Return the statements of ``function``, with all that is in them, that are taken back on
    every way on from there, or take back what was done on every way to them.
    """
    saved = dict(_saved(function))
    found: set[ast.AST] = set()
    for outer in ast.walk(function):
        for block in _blocks(outer):
            afterwards = outer.finalbody if isinstance(outer, ast.Try) else []
            row = [*block, *afterwards] if block is not afterwards else block
            spots = [(spot, each) for spot, whole in enumerate(row) for each in _sure(whole)]
            made = [(spot, each, _changes(each, saved)) for spot, each in spots]
            first: dict[Change, int] = {}
            last: dict[Change, int] = {}
            for spot, _, changes in made:
                for change in changes:
                    first.setdefault(change, spot)
                    last[change] = spot
            for spot, statement, changes in made:
                for kind, place, given in changes:
                    undo = (_PARTNERS.get(kind, ""), place, given)
                    do = (_TAKEN_BACK.get(kind, ""), place, given)
                    if last.get(undo, spot) > spot or first.get(do, spot) < spot:
                        found.update(ast.walk(statement))
    return frozenset(found)


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def _sure(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Yield the simple statements of one that run whatever happens in it."""
    if isinstance(statement, ast.Try):
        yield from statement.finalbody
    elif not hasattr(statement, "body"):
        yield statement


def _saved(function: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names that are bound to what some place holds, with that place."""
    for node in ast.walk(function):
        match node:
            case ast.Assign([ast.Name(name)], ast.Name() | ast.Attribute() | ast.Subscript()):
                yield name, ast.unparse(node.value)


def _changes(statement: ast.stmt, saved: dict[str, str]) -> set[Change]:
    """Return what a statement changes, as far as it can be taken back."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(base, method), args, [])):
            kind = _METHODS.get((method, len(args)), "")
            told = ast.unparse(args[0]) if kind in ("in", "out") else ""
            return {(kind, ast.unparse(base), told)} if kind else set()
        case ast.AugAssign(target, ast.Add() | ast.Sub() as op, value):
            kind = "plus" if isinstance(op, ast.Add) else "minus"
            return {(kind, ast.unparse(target), ast.unparse(value))}
        case ast.Delete([ast.Subscript(base, key)]):
            return {("out", ast.unparse(base), ast.unparse(key))}
        case ast.Assign([target], value):
            text = ast.unparse(target)
            if isinstance(value, ast.Name) and saved.get(value.id) == text:
                return {("back", text, "")}
            found = {("set", text, "")}
            if isinstance(target, ast.Subscript):
                found.add(("in", ast.unparse(target.value), ast.unparse(target.slice)))
            return found
    return set()
