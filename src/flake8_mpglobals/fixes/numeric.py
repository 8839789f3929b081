"""Which expressions of a file are surely numbers, of which type, and how large.

Nothing is guessed: what is not proved by literals, by calls whose results are
known, or by what the dispatches and calls hand to a parameter, is None.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from flake8_mpglobals.fixes.handed import DEPTH, GROWING, Bound
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
    whole,
)
from flake8_mpglobals.fixes.module import Function
from flake8_mpglobals.fixes.shapes.pure import is_builtin
from flake8_mpglobals.mutations import MODULE_NUMBERS

_SIZE = integer(0, 1 << 40)
_MAXSIZE = integer((1 << 63) - 1, (1 << 63) - 1)
_FLOATS = frozenset(
    {"math.sqrt", "math.sin", "math.cos", "math.tan", "math.exp", "math.log", "math.log2"}
    | {"math.log10", "math.hypot", "math.pow", "math.fsum", "math.radians", "math.degrees"}
    | {"math.atan", "math.atan2", "math.fabs", "time.time", "time.perf_counter"}
    | {"time.monotonic", "time.process_time", "random.random", "random.uniform", "random.gauss"}
    | {"random.expovariate", "random.betavariate", "random.triangular", "random.normalvariate"}
    | {"math.dist", "math.asin", "math.acos", "math.tanh", "math.log1p", "math.expm1"}
)
_FLOAT_CONSTANTS = frozenset(name for name, kind in MODULE_NUMBERS.items() if kind == "float")
_ARRAYS = frozenset({"numpy", "pandas", "polars", "torch", "jax", "cupy", "xarray"})
"""Modules whose objects compare item by item."""

_GENERATORS = frozenset({"random.Random", "random.SystemRandom"})
"""What makes an object with the methods that the module ``random`` has as functions."""

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


class Numeric(Bound):
    """Answers for one file in which ``sites`` are the dispatches."""

    def of(self, value: ast.expr | None) -> Number | None:
        """Return what is known of an expression, None where it may be no number."""
        if value is None or id(value) in self.busy or len(self.busy) > DEPTH:
            return None
        self.busy.add(id(value))
        try:
            return self._of(value)
        finally:
            self.busy.discard(id(value))

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
                if self._qualified(value) in _FLOAT_CONSTANTS:
                    return FLOAT
                if self._qualified(value) == "sys.maxsize":
                    return _MAXSIZE
                return self.attribute(value, ())
            case ast.Subscript():
                if isinstance(value.slice, ast.Slice):
                    return None
                match value.slice:
                    case ast.Constant(value=int(place)) if place >= 0:
                        return self.part(value.value, (place,)) or self.items(value.value)
                return self.items(value.value)
            case ast.Name():
                if self._qualified(value) in _FLOAT_CONSTANTS:
                    return FLOAT
                return self.name(value, ())
        return None

    def _plainly(self, value: ast.Compare) -> bool:
        """Whether a comparison gives a bool: none does of which a side may be an array."""
        if all(isinstance(op, (ast.In, ast.NotIn, ast.Is, ast.IsNot)) for op in value.ops):
            return True
        sides = (value.left, *value.comparators)
        if all(self.of(one) is not None for one in sides):
            return True
        single = _ARRAYS.isdisjoint(self.module.identifiers)
        return single and any(isinstance(one, ast.Constant) for one in sides)

    # -- attributes of the object of a method

    def attribute(self, value: ast.Attribute, path: tuple[int, ...]) -> Number | None:
        """Return what all of the file gives to an attribute that a method asks of its object."""
        key = ("attribute", value.attr, path)
        if not self.module.identifiers.isdisjoint(("setattr", "__dict__")):
            return None
        if key in self.busy or self._owner(value) is None:
            return None
        self.busy.add(key)
        try:
            return union(self._stores(value.attr, path))
        finally:
            self.busy.discard(key)

    def _stores(self, name: str, path: tuple[int, ...]) -> list[Number | None]:
        module = self.module
        found: list[Number | None] = []
        for node in ast.walk(module.tree):
            if not (isinstance(node, ast.Attribute) and node.attr == name):
                continue
            match module.parents[node]:
                case ast.Assign(targets=[target], value=value) if target is node:
                    found.append(self.part(value, path))
                case ast.Subscript(ctx=ast.Store() | ast.Del()):
                    found.append(None)
                case ast.Attribute(attr=method) if method in GROWING:
                    found.append(None)
                case _ if not isinstance(node.ctx, ast.Load):
                    found.append(None)
        return found

    def _owner(self, value: ast.Attribute) -> ast.ClassDef | None:
        """Return the class of whose object a method asks an attribute, if it is a plain one."""
        module = self.module
        method = module.function(value)
        owner = module.parents[method] if method is not None else None
        if method is None or not isinstance(owner, ast.ClassDef) or method.decorator_list:
            return None
        own = method.args.args[0].arg if method.args.args else ""
        if not (isinstance(value.value, ast.Name) and value.value.id == own):
            return None
        defined = {n.name for n in owner.body if isinstance(n, (Function, ast.ClassDef))}
        plain = [one for one in owner.body if not isinstance(one, Function)]
        bound = {n.id for one in plain for n in ast.walk(one) if isinstance(n, ast.Name)}
        return owner if value.attr not in defined | bound else None

    def constructed(self, function: Function) -> list[ast.Call] | None:
        """Return the calls of the class of an ``__init__``, where nothing else makes objects."""
        module = self.module
        owner = module.parents[function]
        if function.name != "__init__" or not isinstance(owner, ast.ClassDef):
            return None
        if module.bindings(owner.name) != [owner] or owner.decorator_list:
            return None
        calls: list[ast.Call] = []
        for use in module.mentions(owner.name):
            parent = module.parents[use]
            if isinstance(parent, ast.Call) and parent.func is use:
                calls.append(parent)
            elif not (isinstance(parent, ast.Call) and ast.unparse(parent.func) == "super"):
                return None
        return calls

    # -- calls

    def _call(self, call: ast.Call) -> Number | None:
        func = call.func
        if isinstance(func, ast.Name) and is_builtin(self.module, func):
            return self._builtin(func.id, call)
        name = self._qualified(func)
        if name in _FLOATS:
            return FLOAT
        if name == "random.randint" and len(call.args) == 2:
            return whole(union(self.of(one) for one in call.args))
        if name == "random.randrange" and call.args:
            return whole(union([integer(0, 0), *(self.of(one) for one in call.args)]))
        if name in ("math.floor", "math.ceil", "math.comb", "math.factorial"):
            return ANY_INT
        if name == "os.getpid":
            return INDEX
        if isinstance(func, ast.Name):
            function = self.module.functions.get(func.id)
            if function is not None and self.module.is_global(func):
                return self._returned(function)
        if isinstance(func, ast.Attribute) and not name:
            return _METHODS.get(func.attr)
        return None

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
                ints = item.kinds != {"float"}
                kinds = (item.kinds & {"float"}) | {"int"}
                low, high = min(item.low, 0) * REPEATS, max(item.high, 0) * REPEATS
                return Number(frozenset(kinds), low, high) if ints else Number(frozenset(kinds))
        return None

    def _qualified(self, func: ast.expr) -> str:
        """Return ``module.name`` where an import of the file surely gives it."""
        match func:
            case ast.Attribute(value=ast.Name(id=owner) as name):
                for one in self.module.bindings(owner) if self.module.is_global(name) else ():
                    if isinstance(one, ast.Import):
                        for alias in one.names:
                            if (alias.asname or alias.name) == owner:
                                return f"{alias.name}.{func.attr}"
                made = self._made_once(name)
                if isinstance(made, ast.Call) and self._qualified(made.func) in _GENERATORS:
                    return f"random.{func.attr}"
            case ast.Attribute(value=ast.Call() as made):
                if self._qualified(made.func) in _GENERATORS:
                    return f"random.{func.attr}"
            case ast.Name(id=owner):
                for one in self.module.bindings(owner) if self.module.is_global(func) else ():
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
            if isinstance(node, ast.Return) and self.module.function(node) is function:
                found.append(self.of(node.value))
        return union(found) if _ends(function.body) else None


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
