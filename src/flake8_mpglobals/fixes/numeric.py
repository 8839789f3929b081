"""Which expressions of a file are surely numbers, of which type, and how large.

Nothing is guessed: what is not proved by literals, by calls whose results are
known, or by what the dispatches and calls hand to a parameter, is None.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flake8_mpglobals.facts import Site
from flake8_mpglobals.fixes.interval import (
    ANY_INT,
    BOOL,
    FLOAT,
    INDEX,
    REPEATS,
    Number,
    binary,
    constant,
    integer,
    unary,
    union,
)
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.scopes import COMPREHENSIONS
from flake8_mpglobals.fixes.shapes.proxy_use import is_builtin

_DEPTH = 12
_SIZE = integer(0, 1 << 40)
_FLOATS = frozenset(
    {"math.sqrt", "math.sin", "math.cos", "math.tan", "math.exp", "math.log", "math.log2"}
    | {"math.log10", "math.hypot", "math.pow", "math.fsum", "math.radians", "math.degrees"}
    | {"math.atan", "math.atan2", "math.fabs", "time.time", "time.perf_counter"}
    | {"time.monotonic", "time.process_time", "random.random", "random.uniform", "random.gauss"}
)
_FLOAT_CONSTANTS = frozenset({"math.pi", "math.e", "math.inf", "math.tau", "math.nan"})
_METHODS = {
    "count": _SIZE,
    "bit_length": integer(0, 1 << 32),
    "total_seconds": FLOAT,
    "startswith": BOOL,
    "endswith": BOOL,
    "isdigit": BOOL,
    "isalpha": BOOL,
    "isupper": BOOL,
    "islower": BOOL,
    "isspace": BOOL,
    "isalnum": BOOL,
}
_GROWING = frozenset({"append", "extend", "insert", "update", "add", "setdefault", "appendleft"})
_SAME_ITEMS = frozenset({"list", "tuple", "set", "frozenset", "sorted", "reversed", "iter"})


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter that is asked about: its place, its default, and the part of it."""

    name: str
    index: int
    fallback: ast.expr | None
    path: tuple[int, ...]


class Numeric:
    """Answers for one file in which ``sites`` are the dispatches."""

    def __init__(self, module: Module, sites: Sequence[Site]) -> None:
        self._module = module
        self._sites = sites
        self._known: dict[str, Number] = {}
        self._busy: set[object] = set()

    def assume(self, name: str, number: Number) -> None:
        """Take a module global to be ``number``, whatever binds it."""
        self._known[name] = number

    def of(self, value: ast.expr | None) -> Number | None:
        """Return what is known of an expression, None where it may be no number."""
        if value is None or id(value) in self._busy or len(self._busy) > 4 * _DEPTH:
            return None
        self._busy.add(id(value))
        try:
            return self._of(value)
        finally:
            self._busy.discard(id(value))

    def _of(self, value: ast.expr) -> Number | None:
        match value:
            case ast.Constant():
                return constant(value.value)
            case ast.UnaryOp():
                if isinstance(value.op, ast.Not):
                    return BOOL
                operand = self.of(value.operand)
                return unary(value.op, operand) if operand else None
            case ast.BinOp():
                left, right = self.of(value.left), self.of(value.right)
                return binary(value.op, left, right) if left and right else None
            case ast.Compare():
                return BOOL if self._plainly(value) else None
            case ast.BoolOp():
                return union(self.of(one) for one in value.values)
            case ast.IfExp():
                return union((self.of(value.body), self.of(value.orelse)))
            case ast.NamedExpr():
                return self.of(value.value)
            case ast.Call():
                return self._call(value)
            case ast.Attribute():
                return FLOAT if self._qualified(value) in _FLOAT_CONSTANTS else None
            case ast.Subscript():
                if isinstance(value.slice, ast.Slice):
                    return None
                match value.slice:
                    case ast.Constant(value=int(place)) if place >= 0:
                        return self._part(value.value, (place,)) or self.items(value.value)
                return self.items(value.value)
            case ast.Name():
                return self._name(value, ())
        return None

    def _plainly(self, value: ast.Compare) -> bool:
        """Whether a comparison gives a bool: none does of which a side may be an array."""
        if all(isinstance(op, (ast.In, ast.NotIn, ast.Is, ast.IsNot)) for op in value.ops):
            return True
        sides = (value.left, *value.comparators)
        return any(isinstance(one, ast.Constant) for one in sides) or all(
            self.of(one) is not None for one in sides
        )

    # -- calls

    def _call(self, call: ast.Call) -> Number | None:
        func = call.func
        if isinstance(func, ast.Name) and is_builtin(self._module, func):
            return self._builtin(func.id, call)
        name = self._qualified(func)
        if name in _FLOATS:
            return FLOAT
        if name == "random.randint" and len(call.args) == 2:
            return self._between(union(self.of(one) for one in call.args))
        if name == "random.randrange" and call.args:
            return self._between(union([integer(0, 0), *(self.of(one) for one in call.args)]))
        if name in ("math.floor", "math.ceil", "math.comb", "math.factorial"):
            return ANY_INT
        if name == "os.getpid":
            return INDEX
        if isinstance(func, ast.Name):
            function = self._module.functions.get(func.id)
            if function is not None and self._module.is_global(func):
                return self._returned(function)
        if isinstance(func, ast.Attribute) and not name:
            return _METHODS.get(func.attr)
        return None

    def _between(self, number: Number | None) -> Number | None:
        return number if number is not None and number.kind == "int" else None

    def _builtin(self, name: str, call: ast.Call) -> Number | None:
        first = call.args[0] if call.args else None
        given = self.of(first) if first is not None and name not in ("len", "any", "all") else None
        match name:
            case "len":
                return _SIZE
            case "bool" | "any" | "all" | "isinstance" | "callable" | "hasattr" | "issubclass":
                return BOOL
            case "float":
                return FLOAT
            case "ord":
                return integer(0, 0x10FFFF)
            case "int" if not call.keywords:
                small = given is not None and "float" not in given.kinds
                return integer(given.low, given.high) if given and small else ANY_INT
            case "abs" if given:
                limit = max(abs(given.low), abs(given.high))
                kinds = (given.kinds & {"float"}) | ({"int"} if given.kinds != {"float"} else set())
                return Number(frozenset(kinds), 0, limit)
            case "round" if given:
                if len(call.args) > 1:
                    return given if "bool" not in given.kinds else None
                return ANY_INT if "float" in given.kinds else integer(given.low, given.high)
            case "min" | "max" if len(call.args) > 1 and not call.keywords:
                return union(self.of(one) for one in call.args)
            case "min" | "max" if first is not None:
                others = [one.value for one in call.keywords if one.arg == "default"]
                return union([self.items(first), *(self.of(one) for one in others)])
            case "sum" if first is not None and len(call.args) == 1 and not call.keywords:
                item = self.items(first)
                if item is None:
                    return None
                whole = item.kinds != {"float"}
                kinds = (item.kinds & {"float"}) | {"int"}
                low, high = min(item.low, 0) * REPEATS, max(item.high, 0) * REPEATS
                return Number(frozenset(kinds), low, high) if whole else Number(frozenset(kinds))
        return None

    def _qualified(self, func: ast.expr) -> str:
        """Return ``module.name`` where an import of the file surely gives it."""
        match func:
            case ast.Attribute(value=ast.Name(id=owner) as name):
                for one in self._module.bindings(owner) if self._module.is_global(name) else ():
                    if isinstance(one, ast.Import):
                        for alias in one.names:
                            if (alias.asname or alias.name) == owner:
                                return f"{alias.name}.{func.attr}"
            case ast.Name(id=owner):
                for one in self._module.bindings(owner) if self._module.is_global(func) else ():
                    if isinstance(one, ast.ImportFrom) and not one.level:
                        for alias in one.names:
                            if (alias.asname or alias.name) == owner:
                                return f"{one.module}.{alias.name}"
        return ""

    def _returned(self, function: Function) -> Number | None:
        if function.decorator_list or isinstance(function, ast.AsyncFunctionDef):
            return None
        found: list[Number | None] = []
        for node in ast.walk(function):
            if isinstance(node, (ast.Yield, ast.YieldFrom)):
                return None
            if isinstance(node, ast.Return) and self._module.function(node) is function:
                found.append(self.of(node.value))
        return union(found) if _ends(function.body) else None

    # -- names

    def _name(self, name: ast.Name, path: tuple[int, ...]) -> Number | None:
        """Return what is known of a name (or of the part of it that ``path`` leads to)."""
        if self._module.is_global(name):
            if name.id in self._known and not path:
                return self._known[name.id]
            bound = self._module.bindings(name.id)
            if path:
                return None
            return self._bound(name.id, bound)
        for above in self._module.ancestors(name):
            if isinstance(above, COMPREHENSIONS):
                for generator in above.generators:
                    way = _way(generator.target, name.id)
                    if way is not None and not self._module.inside(name, generator.iter):
                        return self.items(generator.iter, (*way, *path))
            if isinstance(above, ast.Lambda):
                return None
            if isinstance(above, Function):
                return self._local(above, name.id, path)
        return None

    def _local(self, function: Function, name: str, path: tuple[int, ...]) -> Number | None:
        if self._module.binds(function, name) != "local":
            return None
        stores = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        ]
        values = [] if path else [self._bound(name, stores)] if stores else []
        if name in {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}:
            values.append(self.parameter(function, name, path))
        return union(values)

    def _bound(self, name: str, nodes: Sequence[ast.AST]) -> Number | None:
        """Return what all bindings of a variable come to."""
        key = (name, id(nodes[0]) if nodes else 0)
        if key in self._busy:
            return None  # it comes from itself
        self._busy.add(key)
        try:
            plain: list[Number | None] = []
            added: list[tuple[ast.operator, Number | None]] = []
            for node in nodes:
                parent = self._module.parents.get(node)
                match parent:
                    case ast.AugAssign():
                        added.append((parent.op, self.of(parent.value)))
                    case _:
                        plain.append(self.bound_by(node))
            found = union(plain)
            for op, number in added:
                found = _repeated(op, found, number)
            return found
        finally:
            self._busy.discard(key)

    def bound_by(self, node: ast.AST) -> Number | None:
        """Return what one assignment or loop gives to the name that it binds."""
        if not isinstance(node, ast.Name):
            return None
        for above in self._module.ancestors(node):
            match above:
                case ast.Assign():
                    ways = [way for t in above.targets if (way := _to(t, node)) is not None]
                    return self._part(above.value, ways[0]) if len(ways) == 1 else None
                case ast.AnnAssign() | ast.NamedExpr():
                    return self.of(above.value)
                case ast.For() | ast.comprehension():
                    way = _to(above.target, node)
                    return self.items(above.iter, way) if way is not None else None
                case ast.Tuple() | ast.List() | ast.Starred():
                    continue
            return None
        return None

    def parameter(self, function: Function, name: str, path: tuple[int, ...] = ()) -> Number | None:
        """Return what all calls and dispatches of a function hand to a parameter."""
        key = (function, name, path)
        if key in self._busy:
            return None
        self._busy.add(key)
        try:
            found = list(self._given(function, name, path))
        finally:
            self._busy.discard(key)
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
        module, arguments = self._module, function.args
        names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
        if name not in names or module.functions.get(function.name) is not function:
            yield None
            return
        index = names.index(name)
        default = len(arguments.defaults) - len(names) + index
        fallback = arguments.defaults[default] if default >= 0 else None
        wanted = _Parameter(name, index, fallback, path)
        for use in module.mentions(function.name):
            parent = module.parents[use]
            if isinstance(parent, ast.Call) and parent.func is use:
                yield self._argument(parent.args, parent.keywords, wanted)
                continue
            call = module.parents[parent] if isinstance(parent, ast.keyword) else parent
            sites = [one for one in self._sites if one.call is call]
            yield self._task(sites[0], use, wanted) if sites else None

    def _argument(
        self, args: Sequence[ast.expr], keywords: Sequence[ast.keyword], wanted: _Parameter
    ) -> Number | None:
        if any(isinstance(one, ast.Starred) for one in args):
            return None
        for one in keywords:
            if one.arg is None:
                return None
            if one.arg == wanted.name:
                return self._part(one.value, wanted.path)
        value = args[wanted.index] if wanted.index < len(args) else wanted.fallback
        return self._part(value, wanted.path) if value is not None else None

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
                if api.kwargs is not None and api.kwargs.keyword in by_name:
                    return None
                if tasks is None:
                    return self.of(wanted.fallback)
                if isinstance(tasks, (ast.Tuple, ast.List)):
                    return self._argument(tasks.elts, (), wanted)
        return None

    # -- what is inside of containers

    def _part(self, value: ast.expr, path: tuple[int, ...]) -> Number | None:
        """Return what ``value[path[0]][path[1]]…`` is, ``value`` itself for no path."""
        if not path:
            return self.of(value)
        if isinstance(value, (ast.Tuple, ast.List)):
            if any(isinstance(one, ast.Starred) for one in value.elts) or path[0] >= len(
                value.elts
            ):
                return None
            return self._part(value.elts[path[0]], path[1:])
        if isinstance(value, ast.Name):
            return self._name(value, path)
        return None

    def items(self, value: ast.expr, path: tuple[int, ...] = ()) -> Number | None:
        """Return what each item of an iterable is (or the part of each item at ``path``)."""
        if ("items", id(value), path) in self._busy or len(self._busy) > 4 * _DEPTH:
            return None
        self._busy.add(("items", id(value), path))
        try:
            return self._items(value, path)
        finally:
            self._busy.discard(("items", id(value), path))

    def _items(self, value: ast.expr, path: tuple[int, ...]) -> Number | None:
        match value:
            case ast.List() | ast.Tuple() | ast.Set():
                if any(isinstance(one, ast.Starred) for one in value.elts):
                    return None
                return union(self._part(one, path) for one in value.elts)
            case ast.Dict() if not path:
                return union(self.of(one) for one in value.keys)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return self._part(value.elt, path)
            case ast.BinOp(op=ast.Mult()):
                return self.items(value.left, path)
            case ast.BinOp(op=ast.Add()):
                return union((self.items(value.left, path), self.items(value.right, path)))
            case ast.Constant(value=bytes()):
                return integer(0, 255)
            case ast.Subscript(slice=ast.Slice()):
                return self.items(value.value, path)
            case ast.Call(func=ast.Name(id=name)) if is_builtin(self._module, value.func):
                return self._built(name, value, path)
            case ast.Call(func=ast.Attribute(value=ast.Name() as owner, attr="values" | "items")):
                return self._of_dict(value, owner, path)
            case ast.Name():
                return self._listed(value, path)
        return None

    def _built(self, name: str, call: ast.Call, path: tuple[int, ...]) -> Number | None:
        args = call.args
        if name == "range" and not path and args and not call.keywords:
            ends = [self.of(one) for one in args[:2]]
            if len(args) == 1:
                number = ends[0]
                small = number is not None and number.kind == "int"
                return integer(0, min(number.high, REPEATS)) if number and small else INDEX
            return self._between(union(ends))
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
            return union(self._part(one, path) for one in made.values)
        if not path:
            return None
        parts = made.values if path[0] else [one for one in made.keys if one is not None]
        return union(self._part(one, path[1:]) for one in parts)

    def _listed(self, name: ast.Name, path: tuple[int, ...]) -> Number | None:
        """Return what the items of the container under a name are, if nothing adds others."""
        made = self._made_once(name)
        if made is not None:
            if isinstance(made, ast.Dict):
                parent = self._module.parents[name]
                if isinstance(parent, ast.Subscript) and parent.value is name:
                    return union(self._part(one, path) for one in made.values)
            return self.items(made, path)
        function = self._module.function(name)
        if function is None or self._module.is_global(name):
            return None
        arguments = {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}
        if name.id not in arguments or _stores(function, name.id):
            return None
        return self._handed(function, name.id, path)

    def _handed(self, function: Function, name: str, path: tuple[int, ...]) -> Number | None:
        """Return what the items of a parameter are: of each container that is handed over."""
        found: list[Number | None] = []
        names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
        if name not in names or function.args.defaults:
            return None
        index = names.index(name)
        for use in self._module.mentions(function.name):
            parent = self._module.parents[use]
            if not (isinstance(parent, ast.Call) and parent.func is use):
                sites = [one for one in self._sites if parent is one.call]
                if len(sites) != 1 or sites[0].api.tasks != "each" or index:
                    return None
                position = sites[0].api.callable.position if sites[0].api.callable else 0
                tasks = sites[0].call.args[position + 1 : position + 2]
                if not tasks or not isinstance(tasks[0], (ast.List, ast.Tuple)):
                    return None
                found += [self.items(one, path) for one in tasks[0].elts]
                continue
            if parent.keywords or index >= len(parent.args):
                return None
            found.append(self.items(parent.args[index], path))
        return union(found)

    def _made_once(self, name: ast.Name) -> ast.expr | None:
        """Return the one value that a name has, if no method or item store adds to it."""
        module = self._module
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
            if isinstance(use, ast.Attribute) and use.attr in _GROWING:
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


def _stores(function: Function, name: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        for node in ast.walk(function)
    )


def _ends(body: Sequence[ast.stmt]) -> bool:
    """Whether a body always ends in ``return`` or ``raise``."""
    match body[-1]:
        case ast.Return() | ast.Raise():
            return True
        case ast.If(body=then, orelse=other):
            return bool(other) and _ends(then) and _ends(other)
        case ast.With(body=inner):
            return _ends(inner)
    return False
