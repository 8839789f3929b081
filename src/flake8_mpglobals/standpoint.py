"""Where a loss over several files is reported: by one rule that every file can apply alone.

A write, the dispatch that runs it and the read that misses it may stand in three
files.  The file under check reports what it can see from where it stands (section 2
of the design): at the write if that is here, else at the call that reaches it or at
the callable in the dispatch, else at the read.  So the findings of a file depend on
that file and what it imports, and no loss is reported by two files that know of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from flake8_mpglobals.crossings import argument_node
from flake8_mpglobals.dispatches import Boundaries, DispatchSite
from flake8_mpglobals.evaluate import Evaluator
from flake8_mpglobals.ir import (
    Attr,
    Call,
    ClassValue,
    Function,
    Global,
    Module,
    Value,
    anchor,
)
from flake8_mpglobals.model import Location
from flake8_mpglobals.observers import Touch
from flake8_mpglobals.program import Program
from flake8_mpglobals.reach import Reach
from flake8_mpglobals.records import frozen

Chain = tuple[tuple[Function, Call | None], ...]


@frozen(eq=False)
class Spot:
    """A point of the file under check: the node that is reported, and what contains it."""

    node: ast.AST
    function: Function


class Standpoint:
    """Answers where the file under check reports a loss."""

    def __init__(
        self, program: Program, boundaries: Boundaries, reach: Reach, evaluator: Evaluator
    ) -> None:
        self._program = program
        self._evaluator = evaluator
        self._boundaries = boundaries
        self._reach = reach
        self._reached: frozenset[Function] | None = None
        self._entered_from: dict[Module, frozenset[Function]] = {}

    def spot(
        self,
        place: Value,
        node: ast.AST,
        function: Function,
        ways: Sequence[tuple[DispatchSite, Function, Chain]],
        seen: Iterable[tuple[Function, Touch]],
    ) -> Spot | None:
        """Return where to report a write, None where another file does.

        ``node`` in ``function`` writes ``place``; ``ways`` lead there from dispatches,
        ``seen`` are the parent's reads.
        """
        main = self._program.main
        if function.module is main:
            return Spot(node, function)
        if home(place) is main:
            for _, _, chain in ways:
                for _, call in reversed(chain):
                    if call is not None and call.function.module is main:
                        return Spot(call.node, call.function)
        for site, _, _ in ways:
            if site.call.function.module is main:
                given = argument_node(site.call, site.api.callable)
                return Spot(given if given is not None else site.call.node, site.call.function)
        return self._reader(place, ways, list(seen))

    def _reader(
        self,
        place: Value,
        ways: Sequence[tuple[DispatchSite, Function, Chain]],
        seen: list[tuple[Function, Touch]],
    ) -> Spot | None:
        """Return the first read here of a loss that only a reader can see."""
        main = self._program.main
        here = [(function, touch) for function, touch in seen if function.module is main]
        if not any(self._reaches(site) for site, _, _ in ways):
            return None
        if not here:
            return self._caller(ways, seen)
        for site, _, _ in ways:
            module = site.call.function.module
            for function, _ in seen:
                if function.module is module or (
                    function.module is not main and function in self._entered(module)
                ):
                    return None  # the file of the dispatch sees a reader, and reports
        function, touch = here[0]
        return Spot(self._read(place, touch.node, function), function)

    def _caller(
        self,
        ways: Sequence[tuple[DispatchSite, Function, Chain]],
        seen: list[tuple[Function, Touch]],
    ) -> Spot | None:
        """Return the first call here that comes to a read, where this file alone brings the
        dispatch and the read together.
        """
        main = self._program.main
        readers = {function for function, _ in seen}
        dispatches = {site.call.function for site, _, _ in ways}
        for module in self._program.modules[1:]:
            entered = self._entered(module)
            if entered & readers and entered & dispatches:
                return None
        calls = [
            (at(call.node), call)
            for function in self._reach.parent
            if function.module is main
            for call, target in self._boundaries.edges_of(function)
            if (entered := self._reach.entered((target.function,))) & readers
            and not entered & dispatches
        ]
        if not calls:
            return None
        _, call = min(calls, key=_position_of)
        return Spot(call.node, call.function)

    def _read(self, place: Value, node: ast.AST, function: Function) -> ast.AST:
        """Return the argument by which a call reads ``place``; else the node itself."""
        if not isinstance(node, ast.Call):
            return node
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        for load in function.loads:
            if any(load.node is part for part in given) and any(
                anchor(read) == place for read in self._evaluator.places(load.values)
            ):
                return load.node
        return node

    def _entered(self, module: Module) -> frozenset[Function]:
        """Return what the parent's code of one module comes to, that code included."""
        known = self._entered_from.get(module)
        if known is None:
            own = (function for function in self._reach.parent if function.module is module)
            known = self._entered_from[module] = self._reach.entered(own)
        return known

    def _reaches(self, site: DispatchSite) -> bool:
        """Whether the parent's code of the file under check comes to a dispatch."""
        if self._reached is None:
            main = self._program.main
            bodies = {f for f in self._boundaries.functions if f.is_module}
            own = {f for f in self._reach.parent if f.module is main}
            self._reached = self._reach.entered(bodies | own)
        return site.call.function in self._reached


def _position_of(pair: tuple[tuple[int, int], Call]) -> tuple[int, int]:
    return pair[0]


def home(place: Value) -> Module | None:
    """Return the module that a piece of state belongs to."""
    if isinstance(place, Global):
        return place.module
    if isinstance(place, Attr) and isinstance(place.base, ClassValue):
        return place.base.cls.module
    return None


def at(node: ast.AST) -> tuple[int, int]:
    """Return the line and the byte offset of a node."""
    return (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))


def location(module: Module, node: ast.AST) -> Location:
    """Return where a node of ``module`` begins, for people."""
    line, offset = at(node)
    source = module.source
    return Location(source.path, line, source.column(line, offset))


def end(module: Module, node: ast.AST) -> tuple[int, int]:
    """Return where the frame of a finding ends; that of a block ends with its first line."""
    source = module.source
    line, offset = at(node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler):
        return line, len(source.lines[line - 1]) + 1
    end_line = getattr(node, "end_lineno", None) or line
    end_offset = getattr(node, "end_col_offset", None) or offset
    return end_line, source.column(end_line, end_offset)
