"""The text of one function beside its events: what stands where, and what it can be."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_mpglobals.ir import (
    NOTHING,
    Block,
    Branch,
    Call,
    Function,
    Load,
    Loop,
    Result,
    Store,
    Try,
    Values,
)

Span = tuple[tuple[int, int], tuple[int, int]]
"""Where something begins and ends in its file, as line and byte offset."""

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Code:
    """One function (or module body): its nodes, without those of nested functions.

    ``parents`` leads from each node to the one around it.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self.parents: dict[ast.AST, ast.AST] = {}
        self.nodes: list[ast.AST] = []
        self._values: dict[ast.AST, Values] = {}
        self._calls: dict[ast.AST, Call] = {}
        self._loops: dict[object, tuple[Loop, ...]] = {}
        node = function.node
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        for part in body:
            self.parents[part] = node
            self._walk(part)
        for load in function.loads:
            self._values.setdefault(load.node, load.values)
        for call in function.calls:
            if isinstance(call.node, ast.Call):
                self._values[call.node] = frozenset((Result(call),))
                self._calls[call.node] = call
        self._index(function.body, ())

    def _walk(self, start: ast.AST) -> None:
        stack = [start]
        while stack:
            node = stack.pop()
            self.nodes.append(node)
            if isinstance(node, _SCOPES):
                continue
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
                stack.append(child)

    def _index(self, block: Block, loops: tuple[Loop, ...]) -> None:
        for event in block:
            if isinstance(event, Load | Store | Call):
                self._loops[event] = loops
            elif isinstance(event, Branch):
                for part in event.blocks:
                    self._index(part, loops)
            elif isinstance(event, Loop):
                self._index(event.body, (*loops, event))
            elif isinstance(event, Try):
                for part in (event.body, *event.handlers, event.orelse, event.final):
                    self._index(part, loops)

    def values(self, node: ast.AST) -> Values:
        """Return what an expression that is read or called here can be."""
        return self._values.get(node, NOTHING)

    def call(self, node: ast.AST) -> Call | None:
        """Return the call that ``node`` is."""
        return self._calls.get(node)

    def loops(self, event: Load | Store | Call) -> tuple[Loop, ...]:
        """Return the loops (and comprehensions) around an event, outermost first."""
        return self._loops.get(event, ())

    def around(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Yield each node around ``node`` with the part of it that holds ``node``."""
        while (outer := self.parents.get(node)) is not None:
            yield outer, node
            node = outer

    def rest_of_block(self, node: ast.AST) -> Span:
        """Return what follows the statement of ``node`` in the block that it stands in."""
        for outer, inner in self.around(node):
            for _, block in ast.iter_fields(outer):
                if isinstance(inner, ast.stmt) and isinstance(block, list) and inner in block:
                    return span(inner)[1], span(block[-1])[1]
        return span(node)


def span(node: ast.AST) -> Span:
    """Return where a node begins and ends."""
    start = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
    end = (getattr(node, "end_lineno", 0) or 0, getattr(node, "end_col_offset", 0) or 0)
    return start, end


def within(node: ast.AST, outer: Span) -> bool:
    """Whether ``node`` begins inside a span."""
    start, _ = span(node)
    return outer[0] <= start < outer[1]


def leaves(body: list[ast.stmt]) -> bool:
    """Whether control never runs out of the end of a block."""
    return bool(body) and isinstance(body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)
