"""By which other names a place may be reached: what holds it, or was made of it."""

from __future__ import annotations

import ast

from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.shapes.additions import SORTED
from flake8_mpglobals.fixes.shapes.pure import CALM_METHODS, PURE


def aliases(module: Module, key: str, *, whole: bool) -> dict[str, int]:
    """Return the names under which ``key`` may be found, too, with the lines that say so.

    ``key`` is a global or an attribute of one; with ``whole``, what holds the object of that
    attribute counts as well.  Names are taken for the same in all scopes.
    """
    root = key.partition(".")[0]
    found: dict[str, int] = {}
    while True:
        before = len(found)
        for node in ast.walk(module.tree):
            match node:
                case ast.Assign(targets=targets, value=value):
                    pass
                case (
                    ast.AnnAssign(target=target, value=ast.expr() as value)
                    | ast.NamedExpr(target=target, value=value)
                ):
                    targets = [target]
                case ast.Call(func=ast.Attribute(value=owner, attr=name)) if (
                    name not in CALM_METHODS and ast.unparse(node.func) not in SORTED
                ):
                    targets = [owner]
                    value = ast.Tuple(elts=[*node.args, *(one.value for one in node.keywords)])
                case _:
                    continue
            if not any(_reaches(part, key, found, whole) for part in _held(value)):
                continue
            for one in targets:
                name_ = _name(one)
                if name_ and name_ != root:
                    found.setdefault(name_, node.lineno)
        if len(found) == before:
            return found


def _held(value: ast.expr) -> list[ast.expr]:
    """Return the parts of an expression whose objects its value may be or hold."""
    match value:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return [inner for one in parts for inner in _held(one)]
        case ast.Dict(values=parts):
            return [inner for one in parts for inner in _held(one)]
        case ast.IfExp(body=body, orelse=orelse):
            return [*_held(body), *_held(orelse)]
        case ast.BoolOp(values=parts):
            return [inner for one in parts for inner in _held(one)]
        case ast.Starred(value=inner) | ast.NamedExpr(value=inner):
            return _held(inner)
        case ast.Call(func=ast.Name(id=name)) if name in PURE - {"dict", "enumerate", "zip"}:
            return []
        case ast.Call(args=args, keywords=keywords, func=func):
            given = [*args, *(one.value for one in keywords)]
            of = [func.value] if isinstance(func, ast.Attribute) else []
            return [inner for one in (*of, *given) for inner in _held(one)]
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return [value]
    return []


def _reaches(part: ast.expr, key: str, found: dict[str, int], whole: bool) -> bool:
    node = part
    while True:
        if ast.unparse(node) == key:
            return True
        match node:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner):
                node = inner
            case ast.Name(id=name):
                bare = whole and node is part and name == key.partition(".")[0]
                return bare or name in found
            case _:
                return False


def _name(target: ast.expr) -> str:
    while isinstance(target, (ast.Attribute, ast.Subscript, ast.Starred)):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""
