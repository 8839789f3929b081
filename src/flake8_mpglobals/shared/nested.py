"""Changes of what a proxy gave out: a copy, of which the manager's process knows nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flake8_mpglobals.evaluate import External, Shared
from flake8_mpglobals.facts import SharedUse
from flake8_mpglobals.ir import (
    Attr,
    Call,
    Element,
    Fresh,
    Function,
    Global,
    Item,
    Phi,
    Result,
    Seen,
    Store,
    Value,
    Values,
    element,
)
from flake8_mpglobals.mutations import FUNCTIONS, METHODS
from flake8_mpglobals.rawwrites import library_names
from flake8_mpglobals.records import frozen
from flake8_mpglobals.shared.sharing import Sharing
from flake8_mpglobals.sharedtypes import PROXIES

_TABLES = ("manager.dict", "manager.list")
_GIVES = ("get", "setdefault", "__getitem__")
_ITERATES = ("builtins.enumerate", "builtins.reversed", "builtins.sorted", "builtins.list",
             "builtins.tuple", "builtins.iter")  # fmt: skip
_MUTATES = frozenset(name for table in METHODS.values() for name in table) - {"send", "__next__"}
_VERBS = {name: verb for table in METHODS.values() for name, verb in table.items()}
_MAKES_PROXIES = frozenset((*PROXIES, "list", "dict", "set", "Namespace", "Value", "Array"))
_PURE = frozenset(
    (
        "print", "len", "sum", "min", "max", "sorted", "list", "tuple", "set", "dict", "str",
        "repr", "any", "all", "enumerate", "zip", "isinstance", "type", "id", "bool", "reversed",
    )
)  # fmt: skip
_DEEP = 12


@frozen
class _Copy:
    """What ``proxy`` gave out, possibly deep inside."""

    proxy: Shared
    through: Values


class Nested:
    """Finds the writes into copies, for one program."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing
        self._contents: dict[Call, set[Value]] | None = None

    def find(self) -> Iterator[SharedUse]:
        """Yield the changes of what a proxy gave out and never gets back."""
        for function in self._sharing.functions:
            for node, target, verb, values in self._changes(function):
                copies = [copy for value in values if (copy := self._copy(value, 0)) is not None]
                if not copies or len(copies) < len(values):
                    continue
                if any(self._holds_proxies(copy.proxy) for copy in copies):
                    continue
                if self._given_back(function, target, copies):
                    continue
                yield from self._sharing.use(
                    "nested",
                    function,
                    node,
                    _short(target),
                    verb=verb,
                    thing=copies[0].proxy,
                    runs=self._sharing.runs(function),
                )

    def _changes(
        self, function: Function
    ) -> Iterator[tuple[ast.AST, ast.expr, str, frozenset[Value]]]:
        """Yield what a function changes in place: the operation, and what it is done to."""
        for store in function.stores:
            if store.how in ("bind", "augment", "unbind", "inplace"):
                continue
            node = store.node
            target = node.target if isinstance(node, ast.AugAssign) else node
            if isinstance(target, ast.Subscript | ast.Attribute):
                if isinstance(target, ast.Attribute) and self._may_be_value(store):
                    continue
                verb = "deletes from" if store.how.startswith("del") else "stores into"
                yield node, target.value, verb, store.targets
        for call in function.calls:
            node = call.node
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATES:
                bases = frozenset(c.base for c in call.callee if isinstance(c, Attr))
                yield node, node.func.value, _VERBS[node.func.attr], bases
            elif node.args and call.starred < 0:
                for name in library_names(call, self._sharing.evaluator):
                    known = FUNCTIONS.get(name)
                    if known is not None and known[0] < len(node.args) and name != "builtins.next":
                        yield node, node.args[known[0]], known[1], call.args[known[0]]

    @staticmethod
    def _may_be_value(store: Store) -> bool:
        """Whether an attribute is that of a ``Value`` proxy, which anything could hold."""
        return store.key == "value"

    # -- what a value is a copy of ---------------------------------------------------

    def _copy(self, value: Value, depth: int) -> _Copy | None:
        """Return the proxy that gave ``value`` out, if one did."""
        if depth > _DEEP:
            return None
        depth += 1
        if isinstance(value, Item | Element):
            pair = self._of_pair(value)
            if pair is not None:
                return self._all(pair, depth)
            if isinstance(value, Item) or not isinstance(value.base, Result):
                table = self._proxy(value.base, _TABLES)
                if table is not None:
                    keys = isinstance(value, Element) and table.maker == "manager.dict"
                    return None if keys else _Copy(table, frozenset((value,)))
            return self._copy(value.base, depth)
        if isinstance(value, Attr):
            holder = self._proxy(value.base, ("manager.Namespace",))
            if holder is None and value.name == "value":
                holder = self._proxy(value.base, ("manager.Value",))
            if holder is not None:
                return _Copy(holder, frozenset((value,)))
            return self._copy(value.base, depth)
        if isinstance(value, Result):
            return self._result(value, depth)
        if isinstance(value, Phi | Seen):
            return self._all(value.slot.values, depth)
        if isinstance(value, Global):
            held = value.module.stores.get(value.name, set())
            return self._all(frozenset(held), depth)
        return None

    def _all(self, values: Values, depth: int) -> _Copy | None:
        """Return the proxy that gave out each of ``values``."""
        found = [self._copy(value, depth) for value in values]
        return found[0] if found and all(found) else None

    def _of_pair(self, value: Item | Element) -> Values | None:
        """Return what one round over ``values()``, ``items()`` or ``enumerate`` gives."""
        if isinstance(value, Element) and isinstance(value.base, Result):
            for callee in value.base.call.callee:
                if isinstance(callee, Attr) and callee.name == "values":
                    return frozenset((Item(callee.base),))
            return self._iterated(value.base.call)
        if isinstance(value, Item) and isinstance(value.base, Element):
            inner = value.base.base
            if isinstance(inner, Result) and value.key == 1:
                for callee in inner.call.callee:
                    if isinstance(callee, Attr) and callee.name == "items":
                        return frozenset((Item(callee.base),))
                return self._iterated(inner.call)
        return None

    def _iterated(self, call: Call) -> Values | None:
        """Return what going through ``list(x)`` and its like gives: the elements of ``x``."""
        for thing in self._sharing.evaluator.things(call.callee):
            if isinstance(thing, External) and thing.name in _ITERATES and call.args:
                return element(call.args[0])
        return None

    def _result(self, value: Result, depth: int) -> _Copy | None:
        for callee in value.call.callee:
            if not isinstance(callee, Attr) or callee.name not in _GIVES:
                return None
            table = self._proxy(callee.base, (*_TABLES, "manager.Value"))
            if table is not None:
                return _Copy(table, frozenset((value,)))
            return self._copy(callee.base, depth)
        return None

    def _proxy(self, value: Value, makers: tuple[str, ...]) -> Shared | None:
        """Return the proxy that ``value`` surely is, of one of ``makers``."""
        found = self._sharing.likely(value)
        return found[0] if found and all(thing.maker in makers for thing in found) else None

    # -- what proxies hold -------------------------------------------------------------

    def _holds_proxies(self, proxy: Shared) -> bool:
        """Whether something that is put into ``proxy`` is, or may be, a proxy itself."""
        if self._contents is None:
            self._contents = {}
            self._gather()
        if proxy.call is None:
            return False
        return any(self._may_be_proxy(v, 0) for v in self._contents.get(proxy.call, ()))

    def _gather(self) -> None:
        for function in self._sharing.functions:
            for store in function.stores:
                if store.how in ("item", "attr"):
                    self._put(store.targets, store.values)
            for call in function.calls:
                given = [*call.args, *call.keywords.values(), call.rest]
                for callee in call.callee:
                    if isinstance(callee, Attr) and callee.name in _FILLS:
                        for values in given:
                            self._put(frozenset((callee.base,)), values)
                made = self._sharing.evaluator.thing(Result(call))
                for thing in made:
                    if isinstance(thing, Shared) and thing.call is call:
                        for values in given:
                            self._hold(call, values)

    def _put(self, targets: Iterable[Value], values: Values) -> None:
        for thing in self._sharing.shared(targets):
            if thing.call is not None and thing.maker.startswith("manager."):
                self._hold(thing.call, values)

    def _hold(self, call: Call, values: Values) -> None:
        assert self._contents is not None
        self._contents.setdefault(call, set()).update(values)

    def _may_be_proxy(self, value: Value, depth: int) -> bool:
        """Whether a value is a proxy, holds one, or comes from a caller that nobody knows."""
        if depth > 4:
            return False
        if isinstance(value, Fresh):
            return any(self._may_be_proxy(part, depth + 1) for part in value.display.elements)
        things = self._sharing.evaluator.thing(value)
        if any(isinstance(thing, Shared) for thing in things):
            return True
        if isinstance(value, Result):
            return any(
                isinstance(callee, Attr) and callee.name in _MAKES_PROXIES
                for callee in value.call.callee
            )
        return False

    # -- what is stored back -------------------------------------------------------------

    def _given_back(self, function: Function, target: ast.expr, copies: list[_Copy]) -> bool:
        """Whether the changed copy has a name by which it can get back to the proxy."""
        node: ast.expr = target
        while isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
            node = node.func if isinstance(node, ast.Call) else node.value
        if not isinstance(node, ast.Name):
            return False
        code = self._sharing.code(function)
        for other in code.nodes:
            if (
                isinstance(other, ast.Name)
                and other.id == node.id
                and isinstance(other.ctx, ast.Load)
                and self._is_copy_name(function, node.id, copies)
                and _hands_on(code.parents.get(other), other)
            ):
                return True
        return False

    def _is_copy_name(self, function: Function, name: str, copies: list[_Copy]) -> bool:
        """Whether a name stands for the copy, not for the proxy itself."""
        code = self._sharing.code(function)
        makers = {copy.proxy.maker for copy in copies}
        for node in code.nodes:
            if isinstance(node, ast.Name) and node.id == name:
                values = code.values(node)
                if any(thing.maker in makers for thing in self._sharing.shared(values)):
                    return False
        return any(
            isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
            for node in code.nodes
        )


_FILLS = ("append", "insert", "extend", "setdefault", "update", "__setitem__", "set")


def _hands_on(outer: ast.AST | None, name: ast.Name) -> bool:
    """Whether a name is passed on, so that what it stands for may be stored somewhere."""
    if isinstance(outer, ast.Call):
        func = outer.func
        return name is not func and not (isinstance(func, ast.Name) and func.id in _PURE)
    if isinstance(outer, ast.keyword | ast.Assign | ast.AnnAssign | ast.NamedExpr):
        return True
    return isinstance(
        outer,
        ast.Return
        | ast.Yield
        | ast.List
        | ast.Tuple
        | ast.Set
        | ast.Dict
        | ast.Starred
        | ast.BinOp
        | ast.IfExp,
    )


def _short(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 40 else text[:37] + "..."
