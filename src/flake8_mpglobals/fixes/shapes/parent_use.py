"""What the parent does with a place that is to be shared for a while.

The proxy is filled with copies of what the parent holds and brought back as
copies, so the parent must hold nothing whose identity could matter, and must
have no second way to the object.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.shapes.defaults import KINDS, factory
from flake8_mpglobals.fixes.shapes.pure import is_builtin
from flake8_mpglobals.fixes.touches import Touches, reached

_STORING = {"append": 0, "extend": 0, "insert": 1, "setdefault": 1, "update": 0, "add": 0}
_CHANGING = frozenset({"pop", "remove", "clear", "sort", "reverse", "popitem"}) | {"discard"}
_READING = frozenset(
    {"count", "index", "get", "keys", "values", "items", "copy", "isdisjoint", "issubset"}
    | {
        "most_common",
        "elements",
        "total",
        "issuperset",
        "union",
        "intersection",
        "difference",
        "symmetric_difference",
    }
)
_PLAIN_CALLS = frozenset(
    {"str", "int", "float", "bool", "len", "round", "abs", "sum", "repr", "ord", "chr", "hex"}
)
_PLAIN_METHODS = frozenset({"upper", "lower", "title", "strip", "format", "join", "replace"})
_CLOCKS = frozenset({"time", "perf_counter", "monotonic", "getpid"})


def declaration(module: Module, place: str, kind: str) -> ast.stmt:
    """Return the one statement that makes the place.

    Raises :class:`CannotFix` unless it is a plain assignment of a list, dict or set at
    module level and nothing else binds the name.
    """
    bound = module.bindings(place)
    made = [node for node in bound if _is_declaration(module, node)]
    if not made:
        raise CannotFix(f"{place!r} is not made by one plain assignment at module level")
    for node in bound:
        parent = module.parents[node]
        if node not in made[:1] and not isinstance(parent, ast.AugAssign):
            line = getattr(node, "lineno", 0)
            raise CannotFix(
                f"{place!r} is bound again in line {line}: change the one {kind} in place instead"
            )
    statement = module.statement(made[0])
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.expr) or not _made_plainly(module, value, kind):
        raise CannotFix(
            f"{place!r} (line {statement.lineno}) does not begin as a plain {kind} of constants"
        )
    return statement


def _is_declaration(module: Module, node: ast.AST) -> bool:
    parent = module.parents[node]
    if module.parents.get(parent) is not module.tree:
        return False
    if isinstance(parent, ast.Assign):
        return len(parent.targets) == 1 and parent.targets[0] is node
    return isinstance(parent, ast.AnnAssign) and parent.target is node


def _made_plainly(module: Module, value: ast.expr, kind: str) -> bool:
    match value:
        case ast.List() if kind == "list":
            return all(plain(module, None, one) for one in value.elts)
        case ast.BinOp(op=ast.Mult()) if kind == "list":
            return isinstance(value.left, ast.List) and _made_plainly(module, value.left, kind)
        case ast.ListComp() if kind == "list":
            return _immutable_result(value.elt)
        case ast.DictComp() if kind == "dict":
            return _immutable_result(value.value)
        case ast.Call() if kind in KINDS:
            return bool(factory(value, kind))
        case ast.Set() if kind == "set":
            return all(plain(module, None, one) for one in value.elts)
        case ast.Dict() if kind == "dict":
            keys = all(one is not None for one in value.keys)
            return keys and all(plain(module, None, one) for one in value.values)
        case ast.Call(func=ast.Name(id=name)) if name == kind and is_builtin(module, value.func):
            values = [one.value for one in value.keywords]
            return not value.args and all(plain(module, None, one) for one in values)
    return False


def _immutable_result(value: ast.expr) -> bool:
    return isinstance(value, (ast.Constant, ast.JoinedStr)) or (
        isinstance(value, ast.UnaryOp) and isinstance(value.operand, ast.Constant)
    )


def plain(module: Module, function: Function | None, value: ast.expr, depth: int = 3) -> bool:
    """Whether ``value`` is a number, a string or the like: a copy is as good as itself."""
    match value:
        case ast.Constant() | ast.JoinedStr() | ast.Compare():
            return True
        case ast.UnaryOp():
            return plain(module, function, value.operand, depth)
        case ast.BinOp():
            sides = (value.left, value.right)
            return all(plain(module, function, one, depth) for one in sides)
        case ast.Tuple():
            return all(plain(module, function, one, depth) for one in value.elts)
        case ast.IfExp():
            both = (value.body, value.orelse)
            return all(plain(module, function, one, depth) for one in both)
        case ast.Call(func=ast.Name(id=name)):
            return name in _PLAIN_CALLS and is_builtin(module, value.func)
        case ast.Call(func=ast.Attribute(attr=name, value=owner)):
            clock = isinstance(owner, ast.Name) and owner.id in ("time", "os")
            if clock:
                return name in _CLOCKS
            return name in _PLAIN_METHODS and plain(module, function, owner, depth)
        case ast.Name():
            return depth > 0 and _plain_name(module, function, value, depth - 1)
    return False


def _plain_name(module: Module, function: Function | None, name: ast.Name, depth: int) -> bool:
    if module.is_global(name):
        bound = module.bindings(name.id)
    else:
        if function is None:
            return False
        arguments = {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}
        if name.id in arguments:
            return _plain_argument(module, function, name.id, depth)
        bound = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Name) and node.id == name.id and isinstance(node.ctx, ast.Store)
        ]
    if not bound:
        return False
    for one in bound:
        parent = module.parents.get(one)
        match parent:
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() if parent.value is not None:
                if isinstance(parent, ast.Assign) and one not in parent.targets:
                    return False
                if not plain(module, function, parent.value, depth):
                    return False
            case ast.For() | ast.comprehension() if parent.target is one:
                if not _plain_items(module, function, parent.iter, depth):
                    return False
            case _:
                return False
    return True


def _plain_argument(module: Module, function: Function, name: str, depth: int) -> bool:
    """Whether all that a function of the module is called with for a parameter is plain.

    What it gets as a worker is a copy anyway; where it is handed on otherwise, nobody sees
    when it uses the place, which is refused.
    """
    names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    if module.functions.get(function.name) is not function or name not in names:
        return False
    index = names.index(name)
    default = len(function.args.defaults) - len(names) + index
    stores = [one for one in ast.walk(function) if isinstance(one, ast.Name) and one.id == name]
    if any(isinstance(one.ctx, ast.Store) for one in stores):
        return False
    for use in module.mentions(function.name):
        call = module.parents[use]
        if not (isinstance(call, ast.Call) and call.func is use):
            continue
        given = {one.arg: one.value for one in call.keywords}
        value = given.get(name)
        if None in given or any(isinstance(one, ast.Starred) for one in call.args):
            return False
        if value is None and index < len(call.args):
            value = call.args[index]
        if value is None and default >= 0:
            value = function.args.defaults[default]
        if value is None or not plain(module, module.function(call), value, depth):
            return False
    return True


def _plain_items(module: Module, function: Function | None, value: ast.expr, depth: int) -> bool:
    match value:
        case ast.Call(func=ast.Name(id="range")):
            return is_builtin(module, value.func)
        case ast.List() | ast.Tuple() | ast.Set():
            return all(plain(module, function, one, depth) for one in value.elts)
        case ast.Constant():
            return isinstance(value.value, (str, bytes))
    return False


class ParentUse:
    """Judges every use of a place outside of pure worker code."""

    def __init__(self, module: Module, touches: Touches, made: ast.stmt) -> None:
        self._module = module
        self._touches = touches
        self._place = touches.place
        self._made = made

    def judge(self, workers: Collection[Function]) -> None:
        """Raise :class:`CannotFix` for a use that a copy would not survive.

        ``workers`` are the functions that only ever run in workers.
        """
        for node in self._touches.mentions:
            if self._module.inside(node, self._made):
                continue
            if any(self._module.inside(node, one) for one in workers):
                continue
            self._use(node)

    def check_items(self, workers: Collection[Function], dispatches: Sequence[ast.Call]) -> None:
        """Raise :class:`CannotFix` where the parent keeps an item over a dispatch.

        Workers change items, and the parent gets new ones for those that it had.
        """
        for node in self._touches.mentions:
            if any(self._module.inside(node, one) for one in workers):
                continue
            item = self._item_of(node)
            if item is None or not self._kept(item):
                continue
            function = self._module.function(item)
            later = any(
                self._module.function(one) is function
                and (one.lineno, one.col_offset) > (item.lineno, item.col_offset)
                for one in (*dispatches, *self._leading_to(dispatches))
            )
            own = any(self._module.function(one) is function for one in dispatches)
            if later or (isinstance(self._module.parents[item], ast.Return) and not own):
                raise self._no(
                    node,
                    "gives out an item",
                    "it would not be the one that the workers change: look it up afterwards",
                )

    def _leading_to(self, dispatches: Sequence[ast.Call]) -> list[ast.expr]:
        """Return the uses of functions and methods that come to one of the dispatches."""
        module = self._module
        homes = [home for one in dispatches if (home := module.function(one)) is not None]
        names = {
            one.name
            for one in module.definitions
            if isinstance(one, Function)
            and any(home is other for home in homes for other in reached(module, [one]))
        }
        return [
            node
            for node in ast.walk(module.tree)
            if (isinstance(node, ast.Name) and node.id in names)
            or (isinstance(node, ast.Attribute) and node.attr in names)
        ]

    def _item_of(self, node: ast.Name) -> ast.expr | None:
        """Return the expression that takes an item out of the place, if a use does."""
        parent = self._module.parents[node]
        match parent:
            case ast.Subscript(ctx=ast.Load()) if parent.value is node:
                return parent
            case ast.Attribute(attr="get" | "setdefault" | "values" | "items"):
                call = self._module.parents[parent]
                return call if isinstance(call, ast.Call) and call.func is parent else None
        return None

    def _kept(self, item: ast.expr) -> bool:
        """Whether an item gets a name, or goes into another object."""
        parent = self._module.parents[item]
        while isinstance(parent, (ast.IfExp, ast.Tuple, ast.List, ast.Dict, ast.Starred)):
            parent = self._module.parents[parent]
        kept = (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.Return, ast.Yield)
        return isinstance(parent, kept)

    def _use(self, node: ast.Name) -> None:
        module, parent = self._module, self._module.parents[node]
        function = module.function(node)
        for above in module.ancestors(node):
            if isinstance(above, ast.arguments):
                raise self._no(node, "is a default argument", "look it up when the function runs")
            if isinstance(above, ast.ClassDef) and function is None:
                raise self._no(node, "is used in a class body", "use it in a function")
        match parent:
            case ast.Attribute():
                self._method(node, parent, function)
            case ast.Subscript() if parent.value is node:
                self._item(node, parent, function)
            case ast.AugAssign() if parent.target is node:
                self._stored(node, function, parent.value, many=True)
            case ast.Assign(targets=targets) if all(
                isinstance(one, (ast.Tuple, ast.List)) for one in targets
            ):
                pass  # its items are taken out
            case ast.Assign() | ast.AnnAssign() | ast.NamedExpr():
                raise self._no(node, "gets a second name", "use the one name")
            case _:
                if function is None and module.guard(node) is None and not self._harmless(parent):
                    raise self._no(
                        node, "is handed on while the module is imported", "do that in main()"
                    )
                if isinstance(parent, (ast.Dict, ast.Set, ast.List, ast.Tuple, ast.Yield)):
                    self._held(node, parent)

    def _held(self, node: ast.Name, parent: ast.AST) -> None:
        for above in self._module.ancestors(parent):
            if isinstance(above, (ast.Call, ast.Return, ast.Compare, ast.For, ast.Assert)):
                return
            if isinstance(above, ast.stmt):
                break
        raise self._no(node, "is put into another object", "use the one name")

    def _harmless(self, parent: ast.AST) -> bool:
        if isinstance(parent, ast.Call):
            name = ast.unparse(parent.func)
            return name in ("print", "len", "id", "str") and is_builtin(self._module, parent.func)
        return isinstance(parent, (ast.For, ast.Compare, ast.If, ast.FormattedValue, ast.Expr))

    def _sorts_by(self, keyword: ast.AST) -> bool:
        """Whether a bound method is the ``key=`` by which something is sorted there and then."""
        call = self._module.parents[keyword]
        return (
            isinstance(keyword, ast.keyword)
            and keyword.arg == "key"
            and isinstance(call, ast.Call)
            and ast.unparse(call.func) in ("max", "min", "sorted")
            and is_builtin(self._module, call.func)
        )

    def _method(self, node: ast.Name, parent: ast.Attribute, function: Function | None) -> None:
        call = self._module.parents[parent]
        if parent.attr in _READING and self._sorts_by(call):
            return
        if not (isinstance(call, ast.Call) and call.func is parent):
            raise self._no(
                node, f"is reached through the bound method {parent.attr}", "call it directly"
            )
        if parent.attr in _STORING:
            index = _STORING[parent.attr]
            many = parent.attr in ("extend", "update")
            for value in (*call.args[index:], *(one.value for one in call.keywords)):
                self._stored(node, function, value, many=many and value in call.args)
        elif parent.attr not in _CHANGING | _READING:
            raise self._no(node, f"is used by {parent.attr}()", "the fix does not know that method")

    def _item(self, node: ast.Name, parent: ast.Subscript, function: Function | None) -> None:
        outer = self._module.parents[parent]
        match outer:
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() if (
                not isinstance(parent.ctx, ast.Load) and outer.value is not None
            ):
                self._stored(node, function, outer.value, many=isinstance(parent.slice, ast.Slice))
            case _ if isinstance(parent.ctx, ast.Store):
                raise self._no(node, "is unpacked into", "assign the item by itself")

    def _stored(
        self, node: ast.Name, function: Function | None, value: ast.expr, *, many: bool
    ) -> None:
        if many:
            match value:
                case ast.List() | ast.Tuple() | ast.Set():
                    items = all(plain(self._module, function, one) for one in value.elts)
                case ast.Dict():
                    items = all(plain(self._module, function, one) for one in value.values)
                case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                    items = plain(self._module, function, value.elt)
                case _:
                    items = _plain_items(self._module, function, value, 3)
            if items:
                return
        elif plain(self._module, function, value):
            return
        raise self._no(
            node,
            "takes an object of the parent",
            "it would come back as a copy; store plain values, or return what the workers make",
        )

    def _no(self, node: ast.Name, does: str, advice: str) -> CannotFix:
        return CannotFix(f"{self._place!r} {does} (line {node.lineno}): {advice}")
