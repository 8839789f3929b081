"""``global`` statements that a fix needs, or that it leaves without a use."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import first_line, newline
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix


def declare(module: Module, function: Function, *names: str) -> Iterator[Edit]:
    """Yield the edit that lets ``function`` bind the globals ``names``, if it cannot yet."""
    name = ", ".join(one for one in names if module.binds(function, one) != "global")
    if not name:
        return
    first = function.body[0]
    begin = first
    match function.body:
        case [ast.Expr(value=ast.Constant(value=str())), second, *_]:
            begin = second
    if isinstance(begin, ast.Global):
        end = module.end(begin)
        yield Edit(end, end, f", {name}")
        return
    line = first_line(begin)
    if line == function.lineno or line == getattr(first, "end_lineno", 0) != first.lineno:
        raise CannotFix(f"line {line} holds more than one statement: put each on its own line")
    text = module.source.lines[line - 1]
    indent = text[: len(text) - len(text.lstrip())]
    while not (above := module.source.lines[line - 2].strip()) or above.startswith("#"):
        line -= 1
    at = module.source.starts[line - 2] + len(module.source.lines[line - 2])
    yield Edit(at, at, f"{newline(module.source)}{indent}global {name}")


def forget(module: Module, function: Function, *names: str) -> Iterator[Edit]:
    """Yield the edits that take ``names`` out of the ``global`` statements of ``function``."""
    for node in ast.walk(function):
        if isinstance(node, ast.Global) and not set(names).isdisjoint(node.names):
            yield _without(module, node, names)


def _without(module: Module, node: ast.Global, names: Sequence[str]) -> Edit:
    source = module.source
    start, end = module.start(node), module.end(node)
    left = ", ".join(one for one in node.names if one not in names)
    if left:
        return Edit(start, end, f"global {left}")
    block = module.block(node)
    line = source.starts[node.lineno - 1]
    assert node.end_lineno is not None
    text = source.lines[node.end_lineno - 1]
    behind = source.text[end : source.starts[node.end_lineno - 1] + len(text)].strip()
    if len(block) == 1 or source.text[line:start].strip() or behind[:1] not in ("", "#"):
        raise CannotFix(f"line {node.lineno}: put the global statement on a line of its own")
    if behind:
        return Edit(start, start + source.text[start:].index("#"), "")
    last = node.end_lineno
    if block[0] is node and isinstance(module.parents[node], Function):
        while not source.lines[last].strip():
            last += 1  # no blank line directly below the header
    elif (
        last < len(source.lines)
        and not (source.lines[last] + source.lines[node.lineno - 2]).strip()
    ):
        last += 1  # no two blank lines
    return Edit(line, source.starts[last], "")
