"""``id()`` of an object of one process, compared with one of another process.

A comparison is looked at from both sides: each side is walked back, through locals,
displays, harmless calls and the boundary, to the ``id()`` calls that it comes from,
with the process in which each was made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flake8_mpglobals.dispatches import DispatchSite
from flake8_mpglobals.evaluate import (
    External,
    Shared,
    bound_to,
)
from flake8_mpglobals.hazards import CarriedIdentity
from flake8_mpglobals.ir import (
    Attr,
    Call,
    Cell,
    Copied,
    Element,
    Entered,
    Fresh,
    Function,
    Global,
    Item,
    Param,
    Phi,
    Result,
    Seen,
    Value,
    Values,
)
from flake8_mpglobals.model import Dispatch, Related
from flake8_mpglobals.records import frozen
from flake8_mpglobals.scene import Scene
from flake8_mpglobals.spans import span

FUEL = 400
"""Values that one side of a comparison is walked back through."""

_GIVEN = "passed to"

_CLEAR = frozenset(
    f"builtins.{name}"
    for name in (
        *("hex", "str", "int", "repr", "list", "tuple", "set", "frozenset", "dict", "sorted"),
        *("zip", "enumerate", "reversed", "iter", "next", "min", "max", "all", "any"),
    )
)
"""Calls whose result still tells the numbers that they are given."""

_TAKES = frozenset(("get", "result", "recv", "get_nowait", "pop"))
_PUTS = frozenset(("put", "send", "put_nowait", "append", "add", "insert", "setdefault"))


@frozen(eq=False)
class _Source:
    """One ``id()`` call that a value comes from, and the boundary that it came over.

    ``site`` is None where it stayed in its process; ``way`` is the phrase for the way.
    """

    call: Call
    site: DispatchSite | None
    way: str


class Identities:
    """Finds the identities of one module that are carried over a boundary and compared."""

    def __init__(self, scene: Scene) -> None:
        self._module = scene.module
        self._boundaries = scene.boundaries
        self._reach = scene.reach
        self._evaluator = scene.evaluator
        self._functions = scene.functions
        self._sites: dict[Call, list[DispatchSite]] = {}
        for site in scene.boundaries.sites:
            self._sites.setdefault(site.call, []).append(site)
        self._ids = {
            call
            for function in self._functions
            for call in function.calls
            if any(
                isinstance(thing, External) and thing.name == "builtins.id"
                for thing in scene.evaluator.things(call.callee)
            )
        }

    def find(self) -> tuple[CarriedIdentity, ...]:
        """Return the ``id()`` calls whose number is compared in another process."""
        if not self._ids or not self._boundaries.sites:
            return ()
        found: dict[object, CarriedIdentity] = {}
        for function in self._functions:
            values = _values_of(function)
            for node in _comparisons(function):
                for source in self._crossed(function, node, values):
                    if source.call.function.module is not self._module:
                        continue
                    one = self._carried(source, node)
                    found.setdefault(one.span.location, one)
        return tuple(sorted(found.values(), key=lambda one: one.span.location))

    def _crossed(
        self, function: Function, node: ast.Compare, values: dict[ast.AST, Values]
    ) -> Iterator[_Source]:
        """Yield what comes from elsewhere on one side, if the other is an identity, too."""
        sides = [
            list(self._sources(function, side, values)) for side in (node.left, *node.comparators)
        ]
        for index, one in enumerate(sides):
            for other in sides[index + 1 :]:
                plain = len({a.call for a in one}) == len({b.call for b in other}) == 1
                for a in one:
                    for b in other:
                        if _of_two_processes(a, b, plain=plain):
                            yield from (each for each in (a, b) if each.site is not None)
        for side in (node.left, *node.comparators):
            if _counts_distinct(side):
                for source in self._sources(function, side, values):
                    if source.site is not None and source.way != _GIVEN:
                        yield source

    def _sources(
        self, function: Function, side: ast.expr, values: dict[ast.AST, Values]
    ) -> Iterator[_Source]:
        for part in ast.walk(side):
            for value in values.get(part, ()):
                yield from self._trace(function, value)

    # -- where a value comes from -------------------------------------------------------

    def _trace(self, function: Function, start: Value) -> Iterator[_Source]:
        """Yield the ``id()`` calls that ``start``, a value of ``function``, comes from."""
        stack: list[tuple[Value, DispatchSite | None, str]] = [(start, None, "")]
        seen: set[tuple[Value, object]] = set()
        while stack and len(seen) < FUEL:
            value, site, way = stack.pop()
            if (value, site) in seen:
                continue
            seen.add((value, site))
            if isinstance(value, Result):
                if value.call in self._ids:
                    yield _Source(value.call, site, way)
                else:
                    stack.extend(self._through_call(value.call, site, way))
            elif isinstance(value, Attr | Item | Element | Entered | Copied):
                stack.append((value.base, site, way))
                if site is None and isinstance(value, Attr | Item):
                    stack.extend(self._from_shared(function, value.base))
            elif isinstance(value, Phi | Seen):
                stack.extend((v, site, way) for v in value.slot.values)
            elif isinstance(value, Cell):
                held = value.function.cells.get(value.name, ())
                stack.extend((v, site, way) for v in held)
            elif isinstance(value, Global):
                stores = value.module.stores.get(value.name, ())
                if function in self._reach.workers:
                    continue  # each process has its own: by which way it came is unknown
                stack.extend((v, site, way) for v in stores)
            elif isinstance(value, Fresh):
                stack.extend((v, site, way) for v in value.display.elements)
            elif isinstance(value, Param):
                stack.extend(self._through_param(value, site, way))

    def _through_call(
        self, call: Call, site: DispatchSite | None, way: str
    ) -> Iterator[tuple[Value, DispatchSite | None, str]]:
        """Yield what the result of a call is made of."""
        for crossing in self._sites.get(call, ()):
            if site is None:
                for target in crossing.workers:
                    for value in (*target.function.returns, *target.function.yields):
                        yield value, crossing, "returned by"
        for thing in self._evaluator.things(call.callee):
            if isinstance(thing, External) and (
                thing.name in _CLEAR or thing.name.endswith(("gather", "as_completed"))
            ):
                for values in call.args:
                    for value in values:
                        yield value, site, way
        for target in self._boundaries.edges.get(call, ()):
            for value in target.function.returns:
                yield value, site, way
        for callee in call.callee:
            if isinstance(callee, Attr) and callee.name in _TAKES:
                yield callee.base, site, way
                if site is None:
                    yield from self._from_shared(call.function, callee.base)

    def _through_param(
        self, param: Param, site: DispatchSite | None, way: str
    ) -> Iterator[tuple[Value, DispatchSite | None, str]]:
        """Yield what is passed for a parameter, over a boundary or by a plain call."""
        for crossing in self._boundaries.sites:
            for target in (*crossing.workers, *crossing.initializers):
                if target.function is param.function and site is None:
                    for value in bound_to(target.bindings, param) or ():
                        yield value, crossing, _GIVEN
        for function in self._functions:
            for _, target in self._boundaries.edges_of(function):
                if target.function is param.function:
                    for value in bound_to(target.bindings, param) or ():
                        yield value, site, way

    def _from_shared(
        self, here: Function, base: Value
    ) -> Iterator[tuple[Value, DispatchSite | None, str]]:
        """Yield what the other side puts into a queue, a connection, a Value or a proxy."""
        if not self._is_shared((base,)):
            return
        in_worker = here in self._reach.workers
        for function in self._functions:
            there = function in self._reach.workers
            site = self._site_of(function if there else here)
            if there == in_worker or site is None:
                continue
            for values in self._put_by(function):
                for value in values:
                    yield value, site, "sent by" if there else _GIVEN

    def _put_by(self, function: Function) -> Iterator[Values]:
        """Yield what a function puts into shared objects."""
        for call in function.calls:
            for callee in call.callee:
                if (
                    isinstance(callee, Attr)
                    and callee.name in _PUTS
                    and self._is_shared((callee.base,))
                ):
                    yield from call.args
        for store in function.stores:
            if store.how in ("attr", "item") and self._is_shared(store.targets):
                yield store.values

    def _is_shared(self, values: Iterable[Value]) -> bool:
        return any(
            isinstance(thing, Shared) and not thing.threads
            for thing in self._evaluator.things(values)
        )

    def _site_of(self, function: Function) -> DispatchSite | None:
        for entry in self._reach.entries(function):
            for site in self._reach.sites_of[entry]:
                return site
        return None

    # -- the value for the rule ------------------------------------------------------------

    def _carried(self, source: _Source, node: ast.Compare) -> CarriedIdentity:
        site = source.site
        assert site is not None
        run = (*site.workers, *site.initializers)
        worker = next((target.function.qualname for target in run), "")
        where = span(site.call.function.module, site.call.node).location
        at = span(self._module, node).location
        return CarriedIdentity(
            span(source.call.function.module, source.call.node),
            source.way,
            worker,
            Dispatch(where, site.label, site.api.kind),
            Related(at, "it is compared here with an id() of another process"),
        )


def _of_two_processes(one: _Source, other: _Source, *, plain: bool) -> bool:
    """Whether two identities are of different processes, or of different tasks.

    ``plain``: each side comes from one ``id()`` call only.
    """
    if one.site is None or other.site is None:
        return one.site is not other.site
    if _GIVEN in (one.way, other.way):
        return one.way != other.way
    # Two numbers that one task returns are of one process; those of two tasks need not be.
    return one.site is not other.site or (plain and one.call is other.call)


def _comparisons(function: Function) -> Iterator[ast.Compare]:
    """Yield the comparisons of numbers that a function makes itself."""
    body = function.node.body
    stack: list[ast.AST] = list(body) if isinstance(body, list) else [body]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Compare) and all(
            isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn | ast.Is | ast.IsNot)
            or _counts_distinct(node.left)
            for op in node.ops
        ):
            yield node
        stack.extend(ast.iter_child_nodes(node))


def _values_of(function: Function) -> dict[ast.AST, Values]:
    """Return what the expressions of a function can be, by node."""
    found: dict[ast.AST, Values] = {load.node: load.values for load in function.loads}
    for call in function.calls:
        found[call.node] = frozenset((Result(call),))
    return found


def _counts_distinct(node: ast.expr) -> bool:
    """Whether an expression is ``len(set(...))`` or ``len({...})``."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    if node.func.id != "len" or len(node.args) != 1:
        return False
    inner = node.args[0]
    if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name):
        return inner.func.id in ("set", "frozenset")
    return isinstance(inner, ast.Set | ast.SetComp)
