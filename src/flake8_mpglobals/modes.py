"""Objects that work in one of two modes: with a process of their own, or without any.

``if self.sequential: return`` before a process is started, and the read behind
``if self.sequential``: never both for one object.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from flake8_mpglobals.conditions import leaves
from flake8_mpglobals.defaults import holds
from flake8_mpglobals.dispatches import Boundaries, DispatchSite
from flake8_mpglobals.ir import Class, Function
from flake8_mpglobals.reach import Reach

_LINKS = 3
"""How many calls a read is followed back through."""

Condition = tuple[str, bool]
"""An attribute of the own object, and whether it is true where some code runs."""


class Modes:
    """Tells which reads an object comes to only in a mode in which it starts no process."""

    def __init__(self, boundaries: Boundaries, reach: Reach) -> None:
        self._boundaries = boundaries
        self._reach = reach
        self._ways: dict[Function, list[tuple[Function, ast.AST]]] | None = None

    def exclude(self, reader: Function, node: ast.AST, sites: Iterable[DispatchSite]) -> bool:
        """Whether no object that makes one of the dispatches ``sites`` comes to ``node``."""
        return all(self._excludes(reader, node, site) for site in sites)

    def _excludes(self, reader: Function, node: ast.AST, site: DispatchSite) -> bool:
        maker = site.call.function
        if maker.cls is None or reader.cls is not maker.cls:
            return False
        needed = {
            (name, value)
            for name, value in conditions(maker, site.call.node)
            if _is_kept(maker.cls, name)
        }
        return bool(needed) and self._contradicts(needed, reader, node, _LINKS)

    def _contradicts(
        self, needed: set[Condition], function: Function, node: ast.AST, links: int
    ) -> bool:
        """Whether every way to ``node`` needs the contrary of one of ``needed``."""
        if any((name, not value) in needed for name, value in conditions(function, node)):
            return True
        ways = self._ways_to(function)
        return bool(ways and links) and all(
            caller.cls is function.cls and self._contradicts(needed, caller, call, links - 1)
            for caller, call in ways
        )

    def _ways_to(self, function: Function) -> list[tuple[Function, ast.AST]]:
        """Return the calls of the parent that enter ``function``, each with its caller."""
        if self._ways is None:
            self._ways = {}
            for caller in self._reach.parent:
                for call, target in self._boundaries.edges_of(caller):
                    self._ways.setdefault(target.function, []).append((caller, call.node))
        return self._ways.get(function, [])


def conditions(method: Function, node: ast.AST) -> Iterator[Condition]:
    """Yield what holds of the attributes of the own object where a method comes to ``node``."""
    body = method.node
    if method.has_self and isinstance(body, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _conditions(body.body, node, method.params[0])


def _conditions(block: Sequence[ast.stmt], node: ast.AST, own: str) -> Iterator[Condition]:
    for statement in block:
        here = holds((statement,), node)
        if isinstance(statement, ast.If):
            told = _tested(statement.test, own)
            for part, outcome in ((statement.body, True), (statement.orelse, False)):
                inside = here and holds(part, node)
                if inside and told is not None:
                    yield told[0], told[1] is outcome
                if inside:
                    yield from _conditions(part, node, own)
                elif told is not None and not here and part and leaves(part[-1]):
                    yield told[0], told[1] is not outcome
        elif here:
            for name in ("body", "orelse", "finalbody"):
                inner = getattr(statement, name, None)
                if isinstance(inner, list):
                    yield from _conditions(inner, node, own)
        if here:
            return


def _tested(test: ast.expr, own: str) -> Condition | None:
    """Return the attribute of the own object that a test asks for, and what it has to be."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _tested(test.operand, own)
        return None if inner is None else (inner[0], not inner[1])
    if isinstance(test, ast.Attribute) and isinstance(test.value, ast.Name):
        return (test.attr, True) if test.value.id == own else None
    return None


def _is_kept(cls: Class, name: str) -> bool:
    """Whether an attribute stays what it was made."""
    return not any(
        store.key == name
        for method in cls.methods.values()
        if method.name not in ("__init__", "__post_init__")
        for store in method.stores
    )
