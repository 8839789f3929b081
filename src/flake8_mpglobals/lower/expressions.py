"""Lowering of expressions: what each can be, and what reading it loads and calls."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from flake8_mpglobals.ir import (
    ANYTHING,
    NOTHING,
    OPERATOR,
    Attr,
    Call,
    Copied,
    Display,
    Fresh,
    Function,
    FunctionValue,
    Guards,
    Imported,
    Instance,
    Loop,
    Make,
    ModuleValue,
    Result,
    Scalar,
    Seen,
    SuperOf,
    Value,
    Values,
    attr,
    element,
    item,
    union,
)
from flake8_mpglobals.lower.scope import Scope, const_key, looked_at, names_global
from flake8_mpglobals.lower.templates import first_filled, is_template
from flake8_mpglobals.mutations import (
    ARRAY_MAKERS,
    COMPARED,
    MODULE_NUMBERS,
    SIGNS,
    in_place,
    reflected,
)
from flake8_mpglobals.names import parameters

_STR = frozenset((Scalar("str"),))

_BOOL = frozenset((Scalar("bool"),))

_FORMAT: Values = frozenset((Imported("builtins.format"),))

_DICT: Values = frozenset((Imported("builtins.dict"),))

_UNPACKED = 8
"""How many places behind a ``*`` in a display are told apart from those before it."""
_BIG = 256
"""Displays longer than this are tables of data: their constants are not looked at."""

_FILLS = frozenset(("append", "add", "appendleft", "insert", "setdefault", "put", "put_nowait"))

_POURS = frozenset(("extend", "update", "extendleft"))

_HOLDS = {
    "list": 0,
    "set": 0,
    "deque": 0,
    "tuple": 0,
    "sequence": 0,
    "mutablesequence": 0,
    "iterable": 0,
    "iterator": 0,
    "collection": 0,
    "generator": 0,
    "dict": 1,
    "defaultdict": 1,
    "ordereddict": 1,
    "mapping": 1,
    "mutablemapping": 1,
}
"""Which argument of a generic type, by its name in small letters, is what it holds."""


class Expressions(Scope):
    """The lowering of expressions, on top of scopes."""

    def argument(self, node: ast.expr) -> Values:
        """Lower an argument; what the call does with a place handed over is decided later."""
        if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            return self.value(node)
        values = self.place(node)
        self.load(values, node, direct=names_global(values), argument=True)
        if isinstance(node, ast.Name) and (own := self.captured(node.id)) is not None:
            self.load(frozenset((own,)), node, direct=True, shallow=True)
        return values

    def iterated(self, node: ast.expr) -> Values:
        """Lower what a loop goes over."""
        if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            return self.value(node)
        values = self.place(node)
        seen = self.with_cell(node, values) if isinstance(node, ast.Name) else values
        self.load(seen, node, direct=True, shallow=True)
        return values

    def test(self, node: ast.expr) -> Guards:
        """Lower a test and return the globals that it looks at."""
        outer, self.tested = self.tested, set()
        values = self.value(node)
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            self.implied(node, values, ("__bool__",))
        found, self.tested = frozenset(self.tested), outer
        if outer is not None:
            outer.update(found)
        return found

    def value(self, node: ast.expr) -> Values:
        """Lower an expression that is read, and return what it can be."""
        handler = _EXPRESSIONS.get(type(node))
        if handler is not None:
            return handler(self, node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
        return ANYTHING

    def place(self, node: ast.expr) -> Values:
        """Lower the base of an access without counting it as a read."""
        if isinstance(node, ast.Name):
            return self.lookup(node.id)
        if isinstance(node, ast.Attribute):
            return attr(self.place(node.value), node.attr)
        if isinstance(node, ast.Subscript):
            return self.subscripted(node)
        return self.value(node)

    def name(self, node: ast.Name) -> Values:
        """Lower a read of a bare name."""
        values = self.lookup(node.id)
        seen = self.with_cell(node, values)
        direct = seen is not values or names_global(values, node.id)
        self.load(seen, node, direct=direct)
        return values

    def with_cell(self, node: ast.Name, values: Values) -> Values:
        """Add to the values of a local the variable that nested functions know it by."""
        own = self.captured(node.id)
        return values if own is None or self.class_scopes else values | {own}

    def attribute(self, node: ast.Attribute) -> Values:
        """Lower a read of an attribute."""
        values = self.place(node)
        self.load(values, node, direct=True)
        return values

    def subscript(self, node: ast.Subscript) -> Values:
        """Lower a read of an item or slice."""
        values = self.subscripted(node)
        self.load(values, node, direct=True)
        return values

    def subscripted(self, node: ast.Subscript) -> Values:
        """Return the item or slice that a subscript means."""
        if (variable := self.named_global(node)) is not None:
            return frozenset((variable,))
        owner = self.attributes_of(node.value)
        if owner is not None and isinstance(key := const_key(node.slice), str):
            return attr(self.place(owner), key)
        if dotted(node.slice) == "__name__" and dotted(node.value) == "sys.modules":
            return frozenset((ModuleValue(self.module.source.path, self.module.name),))
        base = self.place(node.value)
        if isinstance(node.slice, ast.Slice):
            for part in (node.slice.lower, node.slice.upper, node.slice.step):
                if part is not None:
                    self.value(part)
            self.load(base, node, direct=True)  # all of it is copied here and now
            return frozenset(Copied(value) for value in base)
        self.value(node.slice)
        self.implied(node.value, base, ("__getitem__", "__missing__"))
        return item(base, const_key(node.slice))

    def constant(self, node: ast.Constant) -> Values:
        """Return the kind of a constant."""
        return frozenset((Scalar(type(node.value).__name__),))

    def sequence(self, node: ast.List | ast.Tuple | ast.Set) -> Values:
        """Lower a list, tuple or set display."""
        display = Display(type(node).__name__.lower())
        big = len(node.elts) > _BIG
        first, behind = -1, NOTHING
        for index, part in enumerate(node.elts):
            if big and isinstance(part, ast.Constant):
                continue
            if isinstance(part, ast.Starred):
                values = element(self.value(part.value))
                first = index if first < 0 else first
            else:
                values = self.value(part)
            display.elements.update(values)
            if first >= 0:
                behind = union(behind, values)
            elif not big:
                display.items[index] = values
        display.whole = first < 0 and len(display.items) == len(node.elts)
        for index in range(first, first + _UNPACKED if first >= 0 else first):
            display.items[index] = behind  # what is before the first star stands where it is
        return self.made(display)

    def mapping(self, node: ast.Dict) -> Values:
        """Lower a dict display."""
        display = Display("dict")
        big = len(node.keys) > _BIG
        for key, part in zip(node.keys, node.values, strict=True):
            if big and isinstance(part, ast.Constant):
                continue
            if key is None:
                display.elements.update(element(self.value(part)))
                continue
            self.value(key)
            values = self.value(part)
            display.elements.update(values)
            known = const_key(key)
            if known is not None and not big:
                display.items[known] = values
        return self.made(display)

    def made(self, display: Display) -> Values:
        """Note that a display makes its object here, and return that."""
        self.block.append(Make(display))
        return frozenset((Fresh(display),))

    def comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> Values:
        """Lower a comprehension: a loop whose targets are its own."""
        saved: dict[str, Values | None] = {}
        guards = self.guards
        scopes, self.class_scopes = self.class_scopes, []
        outer, self.block = self.block, []
        for generator in node.generators:
            source = self.iterated(generator.iter)
            for part in ast.walk(generator.target):
                if isinstance(part, ast.Name):
                    saved.setdefault(part.id, self.env.get(part.id))
                    self.env[part.id] = NOTHING
            self.bind_inner(generator.target, element(source))
            for condition in generator.ifs:
                self.guards |= self.test(condition)
        kinds = {
            ast.ListComp: "list",
            ast.SetComp: "set",
            ast.GeneratorExp: "generator",
            ast.DictComp: "dict",
        }
        display = Display(kinds[type(node)])
        if isinstance(node, ast.DictComp):
            self.value(node.key)
            display.elements.update(self.value(node.value))
        else:
            display.elements.update(self.value(node.elt))
        inside, self.block = self.block, outer
        self.block.append(Loop(inside))
        self.guards, self.class_scopes = guards, scopes
        for name, values in saved.items():
            if values is None:
                self.env.pop(name, None)
            else:
                self.env[name] = values
        return self.made(display)

    def bind_inner(self, target: ast.expr, values: Values) -> None:
        """Bind the target of a comprehension, which is local whatever its name."""
        if isinstance(target, ast.Name):
            self.env[target.id] = values
        elif isinstance(target, ast.Tuple | ast.List):
            for index, part in enumerate(target.elts):
                self.bind_inner(part, item(values, index))
        elif isinstance(target, ast.Starred):
            self.bind_inner(target.value, values)
        else:
            self.bind(target, values, None)

    def binary(self, node: ast.BinOp) -> Values:
        """Lower an operator: a new object, of the type of a container among its sides."""
        left, right = self.value(node.left), self.value(node.right)
        self.implied(node.left, left, in_place(node.op)[1:])
        self.implied(node.right, right, (reflected(node.op),))
        if isinstance(node.op, ast.Mod) and is_template(node.left):
            parts = [value.display.elements for value in right if isinstance(value, Fresh)]
            self.shown(node.right, right, *map(frozenset, parts))
            return _STR
        if isinstance(node.op, ast.Mult) and any(
            dotted(side).rpartition(".")[2].startswith("c_") for side in (node.left, node.right)
        ):
            return frozenset((Fresh(Display("array type", set(left | right))),))
        for side in (left, right):
            for value in side:
                if isinstance(value, Fresh):
                    display = Display(value.display.kind, set(value.display.elements))
                    return frozenset((Fresh(display),))
        if any(makes_array(value) for value in left | right):
            return frozenset((Fresh(Display(OPERATOR, set(left | right))),))
        return arithmetic(left | right, isinstance(node.op, ast.Div))

    def unary(self, node: ast.UnaryOp) -> Values:
        """Lower a unary operator, however many stand in a row."""
        operand: ast.expr = node
        negated = False
        while isinstance(operand, ast.UnaryOp):
            negated = negated or isinstance(operand.op, ast.Not)
            sign = SIGNS[type(operand.op)]
            operand = operand.operand
        values = self.value(operand)
        self.implied(operand, values, (sign,))
        if not negated and any(map(makes_array, values)):
            return frozenset((Fresh(Display(OPERATOR, set(values))),))
        if not negated and dotted(operand) in MODULE_NUMBERS:
            return frozenset((Scalar(MODULE_NUMBERS[dotted(operand)]),))
        return _BOOL if negated else arithmetic(values)

    def boolean(self, node: ast.BoolOp) -> Values:
        """Lower ``and``/``or``: any of the operands, the later ones guarded by the first."""
        guards = self.guards
        found: list[Values] = []
        for part in node.values:
            outer, self.tested = self.tested, set()
            found.append(self.value(part))
            if part is not node.values[-1]:
                self.implied(part, found[-1], ("__bool__",))
            looked_at, self.tested = frozenset(self.tested), outer
            if outer is not None:
                outer.update(looked_at)
            self.guards |= looked_at
        self.guards = guards
        return union(*found)

    def conditional(self, node: ast.IfExp) -> Values:
        """Lower ``a if test else b``."""
        looked_at = self.test(node.test)
        guards = self.guards
        self.guards = guards | looked_at
        values = union(self.value(node.body), self.value(node.orelse))
        self.guards = guards
        return values

    def comparison(self, node: ast.Compare) -> Values:
        """Lower a comparison."""
        left, sides = node.left, self.value(node.left)
        for op, part in zip(node.ops, node.comparators, strict=True):
            values = self.value(part)
            for side, given, method in zip(
                (left, part), (sides, values), COMPARED.get(type(op), ()), strict=False
            ):
                if method:
                    self.implied(side, given, (method,))
            left, sides = part, values
        return _BOOL

    def text(self, node: ast.JoinedStr) -> Values:
        """Lower an f-string."""
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                shown = self.argument(part.value)
                if part.format_spec is not None:
                    self.value(part.format_spec)
                self.shown(part.value, shown)
        return _STR

    def shown(self, node: ast.expr, *args: Values) -> None:
        """Note that a template is filled with the text of ``args``."""
        if all(isinstance(value, Scalar) for values in args for value in values):
            return
        call = Call(node, self.owner, _FORMAT, args, {}, -1, NOTHING, self.guards)
        self.block.append(call)
        self.owner.calls.append(call)

    def walrus(self, node: ast.NamedExpr) -> Values:
        """Lower ``name := value``."""
        values = self.value(node.value)
        scopes, self.class_scopes = self.class_scopes, []
        self.bind_name(node.target.id, values, node.target)
        self.class_scopes = scopes
        return values

    def await_(self, node: ast.Await) -> Values:
        """Lower ``await``: what the awaited call returns."""
        return self.value(node.value)

    def yield_(self, node: ast.Yield | ast.YieldFrom) -> Values:
        """Lower ``yield``."""
        if node.value is not None:
            values = self.value(node.value)
            if isinstance(node, ast.YieldFrom):
                values = element(values)
            self.owner.yields.update(values)
        else:
            self.owner.yields.add(Scalar("NoneType"))
        return ANYTHING

    def starred(self, node: ast.Starred) -> Values:
        """Lower ``*value``."""
        return element(self.value(node.value))

    def lambda_(self, node: ast.Lambda) -> Values:
        """Lower a lambda: a function whose body is one expression."""
        return frozenset((FunctionValue(self.make_function(node, "<lambda>")),))

    def called(self, node: ast.Call) -> Values:
        """Lower a call whose result is used."""
        return self.call(node, used=True)

    def call(self, node: ast.Call, *, used: bool) -> Values:
        """Lower a call and return its result."""
        special = self.reflection(node)
        if special is not None:
            return special
        # The callee itself is not a read of the place that holds it: what the
        # call does with its receiver is decided where the receiver is known.
        callee = self.place(node.func)
        args: list[Values] = []
        starred = -1
        for index, arg in enumerate(node.args):
            if isinstance(arg, ast.Starred):
                given = self.argument(arg.value)
                parts = parts_of(given) if starred < 0 and index == len(node.args) - 1 else None
                if parts is not None:
                    args.extend(parts)
                    continue
                if starred < 0:
                    starred = index
                args.append(given)
            else:
                args.append(self.argument(arg))
        keywords: dict[str, Values] = {}
        rest = NOTHING
        for keyword in node.keywords:
            if keyword.arg is None:
                spread = self.value(keyword.value)
                keywords.update(spread_out(spread))
                rest = union(rest, spread)
            else:
                keywords[keyword.arg] = self.argument(keyword.value)
        if self.tested is not None:
            self.tested.update(looked_at(callee))
        if isinstance(node.func, ast.Attribute):
            self.fill(node.func.attr, callee, args)
            owner = self.attributes_of(node.func.value)
            if owner is not None and node.func.attr == "update":
                for name in keywords or (None,):
                    self.store("attr", self.place(owner), name, NOTHING, node)
            if node.func.attr == "update" and self.is_globals(node.func.value):
                for name, values in (*named_items(args), *keywords.items()):
                    self.bind_global(name, values, node)
        first = first_filled(node)
        if first >= 0:
            self.shown(node, *args[first:], *keywords.values())
        call = Call(
            node, self.owner, callee, tuple(args), keywords, starred, rest, self.guards, used
        )
        self.block.append(call)
        self.owner.calls.append(call)
        return frozenset((Result(call),))

    def fill(self, method: str, callee: Values, args: Sequence[Values]) -> None:
        """Note what a container holds after ``append`` and its like."""
        if not args or (method not in _FILLS and method not in _POURS):
            return
        for value in callee:
            if isinstance(value, Attr):
                self.put(value.base, args[-1] if method in _FILLS else element(args[-1]))

    def reflection(self, node: ast.Call) -> Values | None:
        """Lower ``super()``, and ``getattr``/``setattr``/``delattr`` with a constant name."""
        if self.is_builtin(node.func, "super") and not node.keywords:
            method = self.function
            while method.outer is not None and method.cls is None:
                method = method.outer
            if method.cls is not None:
                return frozenset((SuperOf(method.cls, method),))
            return None
        stored = self.stored_by(node)
        if stored is not None:
            target, key, given = stored
            name = const_key(key)
            base = self.place(target)
            self.value(key)
            values = self.value(given)
            if isinstance(name, str):
                self.note_attribute(base, name, values)
            self.store("attr", base, name, values, node)
            return frozenset((Scalar("NoneType"),))
        if not isinstance(node.func, ast.Name) or len(node.args) < 2:
            return None
        known = const_key(node.args[1])
        if not isinstance(known, str):
            return None
        if self.is_builtin(node.func, "getattr"):
            values = attr(self.place(node.args[0]), known)
            for default in node.args[2:]:
                values = union(values, self.value(default))
            self.load(values, node, direct=True)
            return values
        if self.is_builtin(node.func, "delattr"):
            self.store("del attr", self.place(node.args[0]), known, NOTHING, node)
            return frozenset((Scalar("NoneType"),))
        return None

    def stored_by(self, node: ast.Call) -> tuple[ast.expr, ast.expr, ast.expr] | None:
        """Return object, name and value of a call that stores an attribute by its name."""
        args = node.args
        if any(isinstance(arg, ast.Starred) for arg in args) or node.keywords:
            return None
        if self.is_builtin(node.func, "setattr") and len(args) == 3:
            return args[0], args[1], args[2]
        if isinstance(node.func, ast.Attribute) and node.func.attr == "__setattr__":
            owner = node.func.value
            if self.is_builtin(owner, "object") and len(args) == 3:
                return args[0], args[1], args[2]
            if isinstance(owner, ast.Name | ast.Attribute) and len(args) == 2:
                return owner, args[0], args[1]
        return None

    def make_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str
    ) -> Function:
        """Create a function, evaluate its defaults here, and queue its body."""
        cls = self.class_scopes[-1][0] if self.class_scopes else None
        prefix = "" if self.function.is_module else f"{self.function.qualname}.<locals>."
        if cls is not None:
            prefix = f"{cls.qualname}."
        args = node.args
        named = parameters(args)
        positional = len(args.posonlyargs) + len(args.args)
        function = Function(
            self.module,
            node,
            name,
            prefix + name,
            cls if not isinstance(node, ast.Lambda) else None,
            self.function,
            tuple(arg.arg for arg in named),
            positional,
            positional if args.vararg else -1,
            len(named) - 1 if args.kwarg else -1,
        )
        first = positional - len(args.defaults)
        for index, default in enumerate(args.defaults, first):
            function.defaults[index] = self.value(default)
        start = positional + bool(args.vararg)
        for index, keyword in enumerate(args.kw_defaults, start):
            if keyword is not None:
                function.defaults[index] = self.value(keyword)
        for index, arg in enumerate(named):
            if arg.annotation is not None and index not in (function.vararg, function.kwarg):
                hint = self.annotation(arg.annotation)
                if hint:
                    function.annotations[index] = hint
        self.module.functions.append(function)
        self.low.queue.append(function)
        return function

    def annotation(self, node: ast.expr) -> Values:
        """Return the instances that an annotation promises; nothing where it is not plain."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return NOTHING
        holds = None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return union(self.annotation(node.left), self.annotation(node.right))
        if isinstance(node, ast.Subscript):
            head = dotted(node.value).rpartition(".")[2]
            if head in ("Optional", "Union", "Annotated", "Final", "ClassVar"):
                parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                if head == "Annotated":
                    parts = parts[:1]
                return union(*(self.annotation(part) for part in parts))
            holds = self.held_by(head.lower(), node.slice)
            node = node.value
        if isinstance(node, ast.Name | ast.Attribute):
            if dotted(node).rpartition(".")[2] == "Any":
                return NOTHING
            return frozenset(Instance(value, holds) for value in self.place(node))
        return NOTHING

    def held_by(self, head: str, node: ast.expr) -> Display | None:
        """Return what ``list[node]`` and its like say that a container holds."""
        position = _HOLDS.get(head)
        if position is None:
            return None
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        if head == "tuple" and len(parts) > 1 and not is_ellipsis(parts[1]):
            return None  # not all alike
        told = self.annotation(parts[position]) if position < len(parts) else NOTHING
        return Display("dict" if position else "list", set(told)) if told else None


def is_ellipsis(node: ast.expr) -> bool:
    """Whether a part of a subscript is ``...``."""
    return isinstance(node, ast.Constant) and node.value is ...


def named_items(args: Sequence[Values]) -> Iterator[tuple[str, Values]]:
    """Yield what dict displays among arguments hold under names."""
    for values in args:
        for value in values:
            if isinstance(value, Fresh) and value.display.kind == "dict":
                for key, held in value.display.items.items():
                    if isinstance(key, str):
                        yield key, held


def parts_of(values: Values) -> list[Values] | None:
    """Return what ``*values`` passes, one after the other, where it is one tuple in sight."""
    if len(values) == 1:
        (value,) = values
        if isinstance(value, Seen):
            return parts_of(value.slot.values)
        if isinstance(value, Fresh) and value.display.kind == "tuple" and value.display.whole:
            return [value.display.items[index] for index in range(len(value.display.items))]
    return None


def spread_out(values: Values) -> Iterator[tuple[str, Values]]:
    """Yield what ``**values`` passes by name, where it is one dict that was made in sight."""
    if len(values) == 1:
        (value,) = values
        if isinstance(value, Seen):
            yield from spread_out(value.slot.values)
        if isinstance(value, Result) and value.call.callee == _DICT:
            yield from value.call.keywords.items()
        yield from named_items((values,))


def makes_array(value: Value) -> bool:
    """Whether a value is what a call makes that is named like a maker of arrays."""
    if isinstance(value, Fresh):
        return value.display.kind == OPERATOR
    return isinstance(value, Result) and any(
        isinstance(one, Attr | Imported) and one.name.rpartition(".")[2] in ARRAY_MAKERS
        for callee in value.call.callee
        for one in (callee.slot.values if isinstance(callee, Seen) else (callee,))
    )


def dotted(node: ast.expr) -> str:
    """Return a dotted name as text, or an empty string."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def arithmetic(values: Values, division: bool = False) -> Values:
    """Return the kind of number that an operator gives for these operands."""
    kinds = {value.kind for value in values if isinstance(value, Scalar)}
    if len(kinds) == 0 or any(not isinstance(value, Scalar) for value in values):
        return ANYTHING
    if "str" in kinds:
        return _STR
    if division or "float" in kinds:
        return frozenset((Scalar("float"),))
    return frozenset((Scalar("int"),)) if kinds <= {"int", "bool"} else ANYTHING


_EXPRESSIONS: dict[type[ast.expr], Callable[[Expressions, Any], Values]] = {
    ast.BoolOp: Expressions.boolean,
    ast.NamedExpr: Expressions.walrus,
    ast.BinOp: Expressions.binary,
    ast.UnaryOp: Expressions.unary,
    ast.Lambda: Expressions.lambda_,
    ast.IfExp: Expressions.conditional,
    ast.Dict: Expressions.mapping,
    ast.Set: Expressions.sequence,
    ast.List: Expressions.sequence,
    ast.Tuple: Expressions.sequence,
    ast.ListComp: Expressions.comprehension,
    ast.SetComp: Expressions.comprehension,
    ast.DictComp: Expressions.comprehension,
    ast.GeneratorExp: Expressions.comprehension,
    ast.Await: Expressions.await_,
    ast.Yield: Expressions.yield_,
    ast.YieldFrom: Expressions.yield_,
    ast.Compare: Expressions.comparison,
    ast.Call: Expressions.called,
    ast.JoinedStr: Expressions.text,
    ast.Constant: Expressions.constant,
    ast.Attribute: Expressions.attribute,
    ast.Subscript: Expressions.subscript,
    ast.Starred: Expressions.starred,
    ast.Name: Expressions.name,
}
