"""A set is shared as the keys of a dict: before Python 3.14 a manager has no sets."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.touches import Touches

VALUE = "True"
"""What the keys of the dict stand for."""


def rewritten(
    module: Module, touches: Touches, function: Function, *, locked: bool = False
) -> Iterator[Edit]:
    """Yield the edits by which a worker changes a dict where it changes a set.

    ``locked``: statements go under a lock as they are.

    Raises :class:`CannotFix` where one has no such spelling.
    """
    for name in touches.mentioned_in(function):
        match module.parents[name], module.parents[module.parents[name]]:
            case ast.Attribute(attr=method), ast.Call(args=[value], keywords=[]) as call:
                head, tail = _spelling(module, call, method)
                start, end = module.start(value), module.end(value)
                asked = module.parents[module.parents[call]]
                if adds_what_is_missing(asked) and not locked:
                    assert isinstance(asked, ast.If)
                    text = module.source.text[module.start(asked) : module.end(asked)]
                    if "#" in text.replace(module.text(value), ""):
                        raise CannotFix(f"line {asked.lineno} has a comment inside of the test")
                    yield Edit(module.start(asked), start, f"{touches.place}[")
                    yield Edit(end, module.end(asked), tail)
                    continue
                if isinstance(value, ast.GeneratorExp) and module.text(value)[:1] == "(":
                    head, tail, start, end = f"{head}(", f"){tail}", start + 1, end - 1
                text = module.source.text
                if "#" in text[module.end(name) : start] + text[end : module.end(call)]:
                    raise CannotFix(f"line {call.lineno} has a comment inside of the call")
                yield Edit(module.end(name), start, head)
                yield Edit(end, module.end(call), tail)
            case ast.Attribute(attr=method), ast.Call() as call:
                raise _unclear(call, method)


def adds_what_is_missing(node: ast.AST) -> bool:
    """Whether a statement is ``if item not in place: place.add(item)``, which asks in vain."""
    match node:
        case ast.If(
            test=ast.Compare(left=ast.Name() as item, ops=[ast.NotIn()], comparators=[place]),
            body=[
                ast.Expr(
                    value=ast.Call(
                        func=ast.Attribute(value=held, attr="add"),
                        args=[ast.Name() as same],
                        keywords=[],
                    )
                )
            ],
            orelse=[],
        ):
            return item.id == same.id and ast.unparse(held) == ast.unparse(place)
    return False


def _spelling(module: Module, call: ast.Call, method: str) -> tuple[str, str]:
    """Return what goes before and behind the argument of a call."""
    if method == "add" and isinstance(module.parents[call], ast.Expr):
        return "[", f"] = {VALUE}"
    if method == "discard":
        return ".pop(", ", None)"
    starred = isinstance(call.args[0], ast.Starred)
    if method == "update" and not starred and not module.bindings("dict"):
        return ".update(dict.fromkeys(", f", {VALUE}))"
    raise _unclear(call, method)


def _unclear(call: ast.Call, method: str) -> CannotFix:
    return CannotFix(
        f"line {call.lineno} calls {method}() in a way that a dict has no word for: "
        "use add(), discard() or update() with one argument, each by itself"
    )
