"""Which names an expression may hold the objects of."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.shapes.flow import names
from flake8_mpglobals.fixes.shapes.pure import CALM_METHODS, PURE


def roots(module: Module, value: ast.expr) -> Iterator[ast.Name]:
    """Yield the names whose object ``value`` may be or hold."""
    match value:
        case ast.Name():
            yield value
        case ast.Attribute() | ast.Subscript() | ast.Starred() | ast.NamedExpr() | ast.Await():
            yield from roots(module, value.value)
        case ast.Tuple() | ast.List() | ast.Set():
            for one in value.elts:
                yield from roots(module, one)
        case ast.Dict():
            for part in (*value.keys, *value.values):
                if part is not None:
                    yield from roots(module, part)
        case ast.IfExp():
            yield from roots(module, value.body)
            yield from roots(module, value.orelse)
        case ast.BoolOp():
            for one in value.values:
                yield from roots(module, one)
        case ast.Call():
            func = value.func
            if isinstance(func, ast.Name) and func.id in PURE - {"list", "tuple", "dict", "zip"}:
                return
            if isinstance(func, ast.Attribute):
                if func.attr in CALM_METHODS - {"get", "copy", "values", "items"}:
                    return
                if isinstance(func.value, (ast.Name, ast.Attribute)) and not _is_module(
                    module, func.value
                ):
                    yield from roots(module, func.value)
            for one in (*value.args, *(keyword.value for keyword in value.keywords)):
                yield from roots(module, one)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            inner = {name for g in value.generators for name in names(g.target)}
            yield from (one for one in roots(module, value.elt) if one.id not in inner)
        case ast.DictComp():
            inner = {name for g in value.generators for name in names(g.target)}
            for key_or_value in (value.key, value.value):
                found = roots(module, key_or_value)
                yield from (one for one in found if one.id not in inner)


def _is_module(module: Module, node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and any(
        isinstance(one, (ast.Import, ast.ImportFrom)) for one in module.bindings(node.id)
    )


def immutable(value: ast.expr) -> bool:
    """Whether an expression gives an object that nothing can change."""
    match value:
        case ast.Constant() | ast.JoinedStr():
            return True
        case ast.UnaryOp():
            return immutable(value.operand)
        case ast.BinOp():
            return immutable(value.left) and immutable(value.right)
        case ast.Tuple():
            return all(immutable(one) for one in value.elts)
    return False
