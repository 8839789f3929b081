"""What variables, parameters and the items of containers are, where that is proved."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from flake8_mpglobals.facts import Site
from flake8_mpglobals.fixes.interval import (
    ANY_INT,
    BOOL,
    INDEX,
    REPEATS,
    Number,
    binary,
    integer,
    union,
    whole,
)
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.scopes import COMPREHENSIONS
from flake8_mpglobals.fixes.shapes.pure import is_builtin

DEPTH = 48
ANY = -1
"""In a path: any item of a container; other numbers are the places of items."""

GROWING = frozenset({"append", "extend", "insert", "update", "add", "setdefault", "appendleft"})
_SAME_ITEMS = frozenset({"list", "tuple", "set", "frozenset", "sorted", "reversed", "iter"})


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter that is asked about: its place, its default, and the part of it."""

    name: str
    index: int
    fallback: ast.expr | None
    path: tuple[int, ...]


class Bound(ABC):
    """The part that follows names; what an expression is, is asked of :meth:`of`."""

    def __init__(self, module: Module, sites: Sequence[Site]) -> None:
        self.module = module
        self.sites = sites
        self.known: dict[str, Number] = {}
        self.busy: set[object] = set()

    def assume(self, name: str, number: Number) -> None:
        """Take a module global to be ``number``, whatever binds it."""
        self.known[name] = number

    @abstractmethod
    def of(self, value: ast.expr | None) -> Number | None:
        """Return what is known of an expression, None where it may be no number."""

    @abstractmethod
    def attribute(self, value: ast.Attribute, path: tuple[int, ...]) -> Number | None:
        """Return what is known of an attribute of ``self`` (or of the part at ``path``)."""

    @abstractmethod
    def constructed(self, function: Function) -> list[ast.Call] | None:
        """Return all calls that come to an ``__init__``; None for what is none."""

    def name(self, name: ast.Name, path: tuple[int, ...]) -> Number | None:
        """Return what is known of a name (or of the part of it that ``path`` leads to)."""
        if self.module.is_global(name):
            if name.id in self.known and not path:
                return self.known[name.id]
            return self._bound(name.id, self.module.bindings(name.id), path)
        for above in self.module.ancestors(name):
            if isinstance(above, COMPREHENSIONS):
                for generator in above.generators:
                    way = _way(generator.target, name.id)
                    if way is not None and not self.module.inside(name, generator.iter):
                        return self.items(generator.iter, (*way, *path))
            if isinstance(above, ast.Lambda):
                return None
            if isinstance(above, Function):
                return self._local(above, name.id, path)
        return None

    def _local(self, function: Function, name: str, path: tuple[int, ...]) -> Number | None:
        if self.module.binds(function, name) != "local":
            return None
        stores = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        ]
        values = [self._bound(name, stores, path)] if stores else []
        if name in {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}:
            values.append(self.parameter(function, name, path))
        return union(values)

    def _bound(self, name: str, nodes: Sequence[ast.AST], path: tuple[int, ...]) -> Number | None:
        """Return what all bindings of a variable (or the part of them at ``path``) come to."""
        key = (name, id(nodes[0]) if nodes else 0, path)
        if key in self.busy:
            return None  # it comes from itself
        self.busy.add(key)
        try:
            plain: list[Number | None] = []
            added: list[tuple[ast.operator, Number | None]] = []
            for node in nodes:
                parent = self.module.parents.get(node)
                match parent:
                    case ast.AugAssign() if path:
                        return None
                    case ast.AugAssign():
                        added.append((parent.op, self.of(parent.value)))
                    case _:
                        plain.append(self.bound_by(node, path))
            found = union(plain)
            for op, number in added:
                found = _repeated(op, found, number)
            return found
        finally:
            self.busy.discard(key)

    def bound_by(self, node: ast.AST, path: tuple[int, ...] = ()) -> Number | None:
        """Return what one assignment or loop gives to the name that it binds."""
        if not isinstance(node, ast.Name):
            return None
        for above in self.module.ancestors(node):
            match above:
                case ast.Assign():
                    ways = [way for t in above.targets if (way := _to(t, node)) is not None]
                    return self.part(above.value, (*ways[0], *path)) if ways else None
                case ast.AnnAssign() | ast.NamedExpr() if above.value is not None:
                    return self.part(above.value, path)
                case ast.For() | ast.comprehension():
                    way = _to(above.target, node)
                    return self.items(above.iter, (*way, *path)) if way is not None else None
                case ast.Tuple() | ast.List() | ast.Starred():
                    continue
            return None
        return None

    def parameter(self, function: Function, name: str, path: tuple[int, ...] = ()) -> Number | None:
        """Return what all calls and dispatches of a function hand to a parameter."""
        key = (function, name, path)
        if key in self.busy:
            return None
        self.busy.add(key)
        try:
            found = list(self._given(function, name, path))
        finally:
            self.busy.discard(key)
        number = union(found)
        if number is not None or path:
            return number
        for one in ast.walk(function.args):
            if isinstance(one, ast.arg) and one.arg == name and one.annotation is not None:
                match ast.unparse(one.annotation):
                    case "int":
                        return ANY_INT
                    case "bool":
                        return BOOL
                    case "float":
                        return Number(frozenset({"int", "float"}), ANY_INT.low, ANY_INT.high)
        return None

    def _given(
        self, function: Function, name: str, path: tuple[int, ...]
    ) -> Iterator[Number | None]:
        arguments = function.args
        names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
        if name not in names:
            yield None
            return
        index = names.index(name)
        default = len(arguments.defaults) - len(names) + index
        fallback = arguments.defaults[default] if default >= 0 else None
        yield from self._uses(function, _Parameter(name, index, fallback, path))

    def _uses(self, function: Function, wanted: _Parameter) -> Iterator[Number | None]:
        """Yield what each call and dispatch of a function hands over."""
        module = self.module
        calls = self.constructed(function)
        if calls is not None:
            later = replace(wanted, index=wanted.index - 1)
            yield from (self._argument(one.args, one.keywords, later) for one in calls)
            return
        if module.functions.get(function.name) is not function:
            yield None
            return
        for use in module.mentions(function.name):
            parent = module.parents[use]
            if isinstance(parent, ast.Call) and parent.func is use:
                if wrapper := self._passes_on(parent):
                    before = len((*wrapper.args.posonlyargs, *wrapper.args.args))
                    yield from self._uses(wrapper, replace(wanted, index=before + wanted.index))
                else:
                    yield self._argument(parent.args, parent.keywords, wanted)
                continue
            call = module.parents[parent] if isinstance(parent, ast.keyword) else parent
            sites = [one for one in self.sites if one.call is call]
            yield self._task(sites[0], use, wanted) if sites else None

    def _passes_on(self, call: ast.Call) -> Function | None:
        """Return the function that hands its own ``*args, **kwargs`` on by a call, and no more.

        The wrappers that an earlier fix put around a worker do.
        """
        around = self.module.function(call)
        if around is None or around.args.vararg is None:
            return None
        match call.args:
            case [ast.Starred(value=ast.Name(id=name))] if name == around.args.vararg.arg:
                named = around.args.kwarg.arg if around.args.kwarg is not None else None
                rest = [ast.unparse(one.value) for one in call.keywords if one.arg is None]
                alone = len(rest) == len(call.keywords) and rest in ([], [named])
                return around if alone else None
        return None

    def _argument(
        self, args: Sequence[ast.expr], keywords: Sequence[ast.keyword], wanted: _Parameter
    ) -> Number | None:
        if any(isinstance(one, ast.Starred) for one in args):
            return None
        for one in keywords:
            if one.arg is None:
                return None
            if one.arg == wanted.name:
                return self.part(one.value, wanted.path)
        value = args[wanted.index] if wanted.index < len(args) else wanted.fallback
        return self.part(value, wanted.path) if value is not None else None

    def _task(self, site: Site, use: ast.Name, wanted: _Parameter) -> Number | None:
        """Return what a dispatch hands to a parameter of its worker."""
        call, api = site.call, site.api
        slot, index, path = api.callable, wanted.index, wanted.path
        if slot is None or any(isinstance(one, ast.Starred) for one in call.args):
            return None
        by_name = {one.arg: one.value for one in call.keywords}
        worker = by_name.get(slot.keyword)
        if worker is None and 0 <= slot.position < len(call.args):
            worker = call.args[slot.position]
        if worker is not use:
            return None
        behind = [one for place, one in enumerate(call.args) if place > slot.position]
        tasks = by_name.get(api.args.keyword) if api.args is not None else None
        if tasks is None and api.args is not None and 0 <= api.args.position < len(call.args):
            tasks = call.args[api.args.position]
        match api.tasks:
            case "each" | "star_each":
                tasks = tasks if tasks is not None else next(iter(behind), None)
                way = path if api.tasks == "each" else (index, *path)
                first = api.tasks == "star_each" or index == 0
                return self.items(tasks, way) if tasks is not None and first else None
            case "zip":
                if index < len(behind):
                    return self.items(behind[index], path)
                return self.of(wanted.fallback)
            case "starcall":
                return self._argument(behind, call.keywords, wanted)
            case "call":
                named = by_name.get(api.kwargs.keyword) if api.kwargs is not None else None
                if isinstance(named, ast.Dict):
                    for key, one in zip(named.keys, named.values, strict=True):
                        if isinstance(key, ast.Constant) and key.value == wanted.name:
                            return self.part(one, path)
                elif named is not None:
                    return None
                if tasks is None:
                    return self.of(wanted.fallback)
                if isinstance(tasks, (ast.Tuple, ast.List)):
                    return self._argument(tasks.elts, (), wanted)
        return None

    # -- what is inside of containers

    def part(self, value: ast.expr, path: tuple[int, ...]) -> Number | None:
        """Return what ``value[path[0]][path[1]]…`` is, ``value`` itself for no path."""
        if not path:
            return self.of(value)
        if path[0] == ANY:
            return self.items(value, path[1:])
        if isinstance(value, (ast.Tuple, ast.List)):
            if any(isinstance(one, ast.Starred) for one in value.elts) or path[0] >= len(
                value.elts
            ):
                return None
            return self.part(value.elts[path[0]], path[1:])
        if isinstance(value, ast.Name):
            return self.name(value, path)
        if isinstance(value, ast.Attribute):
            return self.attribute(value, path)
        return None

    def items(self, value: ast.expr, path: tuple[int, ...] = ()) -> Number | None:
        """Return what each item of an iterable is (or the part of each item at ``path``)."""
        if ("items", id(value), path) in self.busy or len(self.busy) > DEPTH:
            return None
        self.busy.add(("items", id(value), path))
        try:
            return self._items(value, path)
        finally:
            self.busy.discard(("items", id(value), path))

    def _items(self, value: ast.expr, path: tuple[int, ...]) -> Number | None:
        match value:
            case ast.List() | ast.Tuple() | ast.Set():
                if any(isinstance(one, ast.Starred) for one in value.elts):
                    return None
                return union(self.part(one, path) for one in value.elts)
            case ast.Dict() if not path:
                return union(self.of(one) for one in value.keys)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return self.part(value.elt, path)
            case ast.BinOp(op=ast.Mult()):
                return self.items(value.left, path)
            case ast.BinOp(op=ast.Add()):
                return union((self.items(value.left, path), self.items(value.right, path)))
            case ast.Constant(value=bytes()):
                return integer(0, 255)
            case ast.Subscript(slice=ast.Slice()):
                return self.items(value.value, path)
            case ast.Call(func=ast.Name(id=name)) if is_builtin(self.module, value.func):
                return self._built(name, value, path)
            case ast.Call(func=ast.Attribute(value=ast.Name() as owner, attr="values" | "items")):
                return self._of_dict(value, owner, path)
            case ast.Name():
                return self._listed(value, path)
            case ast.Attribute():
                return self.attribute(value, (ANY, *path))
        return None

    def _built(self, name: str, call: ast.Call, path: tuple[int, ...]) -> Number | None:
        args = call.args
        if name == "range" and not path and args and not call.keywords:
            ends = [self.of(one) for one in args[:2]]
            if len(args) == 1:
                number = ends[0]
                small = number is not None and number.kind == "int"
                return integer(0, min(number.high, REPEATS)) if number and small else INDEX
            return whole(union(ends))
        if name == "enumerate" and path and args:
            if path[0] == 0:
                return INDEX if len(args) == 1 and not call.keywords else None
            return self.items(args[0], path[1:])
        if name == "zip" and path and path[0] < len(args):
            return self.items(args[path[0]], path[1:])
        if name in _SAME_ITEMS and len(args) == 1:
            return self.items(args[0], path)
        return None

    def _of_dict(self, call: ast.Call, owner: ast.Name, path: tuple[int, ...]) -> Number | None:
        made = self._made_once(owner)
        if not isinstance(made, ast.Dict) or None in made.keys:
            return None
        assert isinstance(call.func, ast.Attribute)
        if call.func.attr == "values":
            return union(self.part(one, path) for one in made.values)
        if not path:
            return None
        parts = made.values if path[0] else [one for one in made.keys if one is not None]
        return union(self.part(one, path[1:]) for one in parts)

    def _listed(self, name: ast.Name, path: tuple[int, ...]) -> Number | None:
        """Return what the items of the container under a name are, if nothing adds others."""
        made = self._made_once(name)
        if made is not None:
            if isinstance(made, ast.Dict):
                parent = self.module.parents[name]
                if isinstance(parent, ast.Subscript) and parent.value is name:
                    return union(self.part(one, path) for one in made.values)
            return self.items(made, path)
        return self.name(name, (ANY, *path))

    def _made_once(self, name: ast.Name) -> ast.expr | None:
        """Return the one value that a name has, if no method or item store adds to it."""
        module = self.module
        if module.is_global(name):
            bound: list[ast.AST] = module.bindings(name.id)
            mentions = module.mentions(name.id)
        else:
            function = module.function(name)
            if function is None or module.binds(function, name.id) != "local":
                return None
            mentions = [
                one for one in ast.walk(function) if isinstance(one, ast.Name) and one.id == name.id
            ]
            bound = [one for one in mentions if isinstance(one.ctx, ast.Store)]
        if len(bound) != 1:
            return None
        parent = module.parents.get(bound[0])
        if not isinstance(parent, (ast.Assign, ast.AnnAssign)) or parent.value is None:
            return None
        if isinstance(parent, ast.Assign) and parent.targets != [bound[0]]:
            return None
        for one in mentions:
            use = module.parents[one]
            if isinstance(use, ast.Attribute) and use.attr in GROWING:
                return None
            if isinstance(use, ast.Subscript) and not isinstance(use.ctx, ast.Load):
                return None
        return parent.value


def _repeated(op: ast.operator, number: Number | None, added: Number | None) -> Number | None:
    """Return what a variable comes to that ``op`` is applied to again and again."""
    if number is None or added is None:
        return None
    once = binary(op, number, added)
    if once is None:
        return None
    kinds = number.kinds | once.kinds
    if isinstance(op, (ast.Add, ast.Sub)):
        step = max(abs(added.low), abs(added.high)) * REPEATS
        low, high = number.low - step, number.high + step
        if isinstance(op, ast.Add) and added.low >= 0:
            low = number.low
        return Number(kinds, low, high)
    return Number(kinds, ANY_INT.low, ANY_INT.high)


def _way(target: ast.expr, name: str) -> tuple[int, ...] | None:
    """Return how an assignment target takes a name out of a value; None where it does not."""
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and node.id == name:
            return _to(target, node)
    return None


def _to(target: ast.expr, node: ast.Name) -> tuple[int, ...] | None:
    if target is node:
        return ()
    if isinstance(target, (ast.Tuple, ast.List)):
        for place, one in enumerate(target.elts):
            if isinstance(one, ast.Starred):
                return None
            way = _to(one, node)
            if way is not None:
                return (place, *way)
    return None
