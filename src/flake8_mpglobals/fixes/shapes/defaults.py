"""A Counter or defaultdict is shared as a dict: workers name the value that a key begins with."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import newline, unit
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.naming import around, fresh
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.shapes.proxy_use import grows_begun
from flake8_mpglobals.fixes.shapes.pure import CALM_METHODS, PURE
from flake8_mpglobals.fixes.touches import Touches

KINDS = ("Counter", "defaultdict")
GROWING = {"append": "[{0}]", "extend": "list({0})", "add": "{{{0}}}", "update": "set({0})"}
"""Methods of what a key begins with, and what is added by an operator instead."""
_OPERATORS = {"list": "+", "set": "|"}
_OF = {"append": "list", "extend": "list", "add": "set", "update": "set"}
_BEGINS = {"int": "0", "float": "0.0", "list": "[]", "set": "set()"}
_SIMPLE = (
    *(ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Tuple, ast.BinOp, ast.JoinedStr),
    *(ast.FormattedValue, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context),
)
_TIGHT = (ast.Name, ast.Constant, ast.Attribute, ast.Call, ast.Subscript)
_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.BitOr: "|"}


def factory(value: ast.expr, kind: str) -> str:
    """Return the name of the type with which a key begins; empty where it is not known."""
    match value:
        case ast.Call(args=[], keywords=[]) if kind == "Counter":
            return "int"
        case ast.Call(args=[ast.Name(id=name)], keywords=[]) if kind == "defaultdict":
            return name if name in _BEGINS else ""
    return ""


def rewritten(
    module: Module, touches: Touches, function: Function, made: ast.expr, kind: str
) -> Iterator[Edit]:
    """Yield the edits by which a worker does with a plain dict what it does with ``kind``.

    ``made`` is the call that makes the place.  Raises :class:`CannotFix` where there is no
    such spelling.
    """
    name_of = factory(made, kind)
    begin = _BEGINS[name_of]
    for use in touches.mentioned_in(function):
        parent = module.parents[use]
        statement = module.statement(use)
        match parent:
            case ast.Subscript(value=owner, slice=key) if owner is use:
                if not isinstance(parent.ctx, ast.Load):
                    yield from _stored(module, statement, parent, key, begin)
                elif isinstance(module.parents[parent], ast.Attribute):
                    yield _grown(module, use, module.text(parent), key, name_of)
                elif kind == "Counter":
                    yield Edit(module.end(use), module.start(key), ".get(")
                    yield Edit(module.end(key), module.end(parent), ", 0)")
                else:
                    raise CannotFix(
                        f"line {parent.lineno} reads an item of {touches.place!r}, which may make "
                        "the key: use get()"
                    )
            case ast.Attribute(attr="update") if kind == "Counter":
                yield _counted(module, statement, use, made)
            case _:
                pass


def begun(module: Module, touches: Touches, function: Function) -> Iterator[Edit]:
    """Yield the edits by which a worker stores anew what it adds to an item that it may begin.

    Raises :class:`CannotFix` where an item may be something else than what it begins with.
    """
    for use in touches.mentioned_in(function):
        attribute = module.parents[use]
        match module.parents[attribute]:
            case ast.Call(func=ast.Attribute(attr="setdefault"), args=[key, first]) as call:
                if grows_begun(module, call) is None:
                    continue
                for other in touches.mentions:
                    parent = module.parents[other]
                    if isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store):
                        raise CannotFix(
                            f"line {parent.lineno} stores an item of {touches.place!r} that may be "
                            f"something else than what line {call.lineno} begins with"
                        )
                kind = "list" if isinstance(first, ast.List) else "set"
                target = f"{module.text(use)}[{module.text(key)}]"
                yield _grown(module, use, target, key, kind)
            case _:
                pass


def _stored(
    module: Module, statement: ast.stmt, item: ast.Subscript, key: ast.expr, begin: str
) -> Iterator[Edit]:
    if not isinstance(statement, ast.AugAssign):
        return
    _check_key(key)
    sign = _SIGNS.get(type(statement.op))
    if sign is None:
        raise CannotFix(f"line {statement.lineno} changes an item by an operator not followed")
    value = statement.value
    got = f"{module.text(item.value)}.get({module.text(key)}, {begin})"
    text = module.text(value)
    lists = isinstance(value, (ast.List, ast.ListComp))
    if begin == "[]" and not lists:
        text = f"list({text})"
    elif not (lists or isinstance(value, (*_TIGHT, ast.Set, ast.SetComp))):
        text = f"({text})"
    yield Edit(module.end(item), module.end(value), f" = {got} {sign} {text}")


def _grown(module: Module, use: ast.Name, target: str, key: ast.expr, kind: str) -> Edit:
    """Return the edit for ``place[key].append(value)``, ``target`` being ``place[key]``."""
    _check_key(key)
    statement = module.statement(use)
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=method), args=[value], keywords=[])):
            if _OF.get(method) == kind and not isinstance(value, ast.Starred):
                added = GROWING[method].format(_bare(module, value))
                text = f"{use.id}.get({module.text(key)}, {_BEGINS[kind]})"
                if "\n" not in added and "#" not in module.text(statement):
                    text = f"{target} = {text} {_OPERATORS[kind]} {added}"
                    return Edit(module.start(statement), module.end(statement), text)
    raise CannotFix(
        f"line {statement.lineno} changes an item in a way that the fix has no other word for"
    )


def _counted(module: Module, statement: ast.stmt, use: ast.Name, made: ast.expr) -> Edit:
    """Return the edit for ``place.update(things)`` of a Counter."""
    assert isinstance(made, ast.Call)
    match statement:
        case ast.Expr(value=ast.Call(args=[value], keywords=[])) if not isinstance(
            value, ast.Starred
        ):
            counter = module.text(made.func)
            taken = set(around(module, use))
            key = fresh("key", taken)
            count = fresh("number", taken | {key})
            text = module.text(statement)
            if "\n" in text or "#" in text:
                raise CannotFix(f"line {statement.lineno}: put what is counted into a variable")
            inner = _bare(module, value)
            line = module.source.lines[statement.lineno - 1]
            indent = line[: len(line) - len(line.lstrip())]
            lines = (
                f"for {key}, {count} in {counter}({inner}).items():",
                f"{indent}{unit(module)}{use.id}[{key}] = {use.id}.get({key}, 0) + {count}",
            )
            return Edit(
                module.start(statement), module.end(statement), newline(module.source).join(lines)
            )
    raise CannotFix(f"line {statement.lineno} counts in a way that the fix has no other word for")


def _bare(module: Module, value: ast.expr) -> str:
    """Return the text of the one argument of a call."""
    text = module.text(value)
    return text[1:-1] if isinstance(value, ast.GeneratorExp) and text[:1] == "(" else text


def _check_key(key: ast.expr) -> None:
    for node in ast.walk(key):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in PURE:
                continue
            case ast.Call(func=ast.Attribute(attr=name)) if name in CALM_METHODS:
                continue
        if not isinstance(node, _SIMPLE):
            raise CannotFix(f"line {key.lineno}: put the key into a variable, it is used twice")
