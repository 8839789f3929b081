"""What is written depends on what was read: fine in one process, a race in several."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix, NeedsLock
from flake8_mpglobals.fixes.shapes.proxy_use import Uses
from flake8_mpglobals.fixes.shapes.pure import is_builtin
from flake8_mpglobals.fixes.shapes.sets import adds_what_is_missing
from flake8_mpglobals.fixes.touches import Touches


class Flow:
    """Judges the data and control flow of one worker's function."""

    def __init__(
        self, module: Module, touches: Touches, function: Function, uses: Uses, kind: str = ""
    ) -> None:
        self._kind = kind
        self._module = module
        self._touches = touches
        self._function = function
        self._uses = uses
        self._reads = {id(node) for node in uses.reads if not self._steady(node)}
        self._tainted = self._taint()

    def judge(self, *, helper: bool) -> None:
        """Raise :class:`CannotFix` where sharing the place would need more than a proxy.

        ``helper`` says that the function is called by other worker code, so that
        what it returns matters.
        """
        self._dependence(helper=helper)

    def _steady(self, read: ast.AST) -> bool:
        """Whether a read is the length of a list of which workers only store items by index."""
        module, call = self._module, self._module.parents[read]
        if self._kind != "list" or not isinstance(read, ast.Name) or not _measures(module, call):
            return False
        for use in self._touches.mentions:
            parent = module.parents[use]
            match parent:
                case ast.Subscript(slice=ast.Slice()) | ast.Subscript(ctx=ast.Del()):
                    return False
                case ast.Subscript() if parent.value is use:
                    continue
            function = module.function(use)
            if function is not None and not _measures(module, parent):
                return False
        return True

    # -- reads that decide writes

    def _taint(self) -> frozenset[str]:
        """Return the local names whose value may come from the place."""
        tainted: set[str] = set()
        while True:
            before = len(tainted)
            for node in ast.walk(self._function):
                match node:
                    case ast.Assign():
                        sources, targets = node.value, node.targets
                    case ast.AugAssign() | ast.AnnAssign() | ast.NamedExpr() if node.value:
                        sources, targets = node.value, [node.target]
                    case ast.For() | ast.AsyncFor() | ast.comprehension():
                        sources, targets = node.iter, [node.target]
                    case _:
                        continue
                if self._reads_place(sources, tainted):
                    tainted.update(name for target in targets for name in names(target))
            if len(tainted) == before:
                return frozenset(tainted - {self._touches.place})

    def _reads_place(self, node: ast.AST, tainted: set[str] | frozenset[str]) -> bool:
        return any(
            id(one) in self._reads or (isinstance(one, ast.Name) and one.id in tainted)
            for one in ast.walk(node)
        )

    def _dependence(self, *, helper: bool) -> None:
        place, function = self._touches.place, self._function
        names_writer = any(
            isinstance(node, ast.Call) and self._calls_touching(node) for node in ast.walk(function)
        )
        writes = bool(self._uses.writes) or names_writer
        for node in self._uses.writes:
            parts = self._parts(node)
            if any(self._reads_place(part, self._tainted) for part in parts):
                raise self._lock(node)
        for node in ast.walk(function):
            if (
                writes
                and any(self._reads_place(test, self._tainted) for test in _tests(node))
                and not (self._only_tells(node) or adds_what_is_missing(node))
            ):
                raise self._lock(node)
            if isinstance(node, ast.Call) and self._calls_touching(node):
                arguments = [*node.args, *(one.value for one in node.keywords)]
                if any(self._reads_place(one, self._tainted) for one in arguments):
                    raise self._lock(node)
            if (
                helper
                and isinstance(node, ast.Return)
                and node.value is not None
                and self._reads_place(node.value, self._tainted)
            ):
                raise NeedsLock(
                    f"{function.name!r} (line {node.lineno}) gives worker code what it read from "
                    f"{place!r}, and a write may depend on it: that needs a lock"
                )

    def _parts(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what decides a write: arguments, key and value, not the place itself."""
        match node:
            case ast.Call():
                yield from node.args
                yield from (one.value for one in node.keywords)
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign() if node.value is not None:
                yield node.value
            case _:
                yield node

    def _calls_touching(self, call: ast.Call) -> bool:
        return any(
            not (isinstance(use, ast.Name) and use.id == self._touches.place)
            for use in self._touches.uses(call.func)
        )

    def _lock(self, node: ast.AST) -> CannotFix:
        return NeedsLock(
            f"worker code {self._function.name!r} writes to {self._touches.place!r} what depends "
            f"on reading it (line {getattr(node, 'lineno', self._function.lineno)}): "
            "that needs a lock around both; or return the values and combine them in the parent"
        )

    def _only_tells(self, node: ast.AST) -> bool:
        """Whether an ``if`` or loop decides nothing but what is printed or logged."""
        if not isinstance(node, (ast.If, ast.For)):
            return False
        for statement in (*node.body, *node.orelse):
            if not isinstance(statement, ast.Expr):
                return False
            for inner in ast.walk(statement):
                if isinstance(inner, (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await)):
                    return False
                if isinstance(inner, ast.Call) and self._calls_touching(inner):
                    return False
                if any(inner is write for write in self._uses.writes):
                    return False
        return True


def _measures(module: Module, call: ast.AST) -> bool:
    return (isinstance(call, ast.Call) and ast.unparse(call.func) == "len") and is_builtin(
        module, call.func
    )


def names(target: ast.AST) -> Iterator[str]:
    """Yield the names that an assignment target binds."""
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _tests(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the expressions by which a statement or expression chooses what runs."""
    match node:
        case ast.If() | ast.While() | ast.IfExp() | ast.Assert():
            yield node.test
        case ast.BoolOp():
            yield from node.values[:-1]
        case ast.For() | ast.AsyncFor():
            yield node.iter
        case ast.comprehension():
            yield from node.ifs
        case ast.Match():
            yield node.subject
        case ast.Try():
            if node.handlers:
                yield from node.body
