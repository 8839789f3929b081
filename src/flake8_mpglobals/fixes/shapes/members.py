"""The object that a module global holds: what its attributes are, and which methods only fill it.

A worker that only adds to such attributes, or calls such methods, can give back what it would
have added, and the parent does the same with the object that it has.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from flake8_mpglobals.facts import LostWrite
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.shapes.additions import Addition, IsPlace
from flake8_mpglobals.fixes.shapes.lists import single
from flake8_mpglobals.fixes.shapes.pure import CALM_METHODS, PURE, is_builtin
from flake8_mpglobals.fixes.shapes.ways import own_nodes

OBJECT = "object"
"""The kind of a place that holds an instance."""
_CALLS = {
    **{name: name for name in ("list", "dict", "set", "int", "float", "bool", "str", "bytearray")},
    **{name: name for name in ("defaultdict", "Counter", "OrderedDict", "deque")},
}
_HOOKS = frozenset({"__setattr__", "__getattr__", "__getattribute__", "__delattr__", "__call__"})
_CHANGING = frozenset(
    {"append", "appendleft", "extend", "insert", "add", "update", "discard", "setdefault"}
    | {"pop", "popleft", "remove", "clear", "sort", "reverse"}
)
_LOOSE = (ast.Yield, ast.YieldFrom, ast.Await, ast.Lambda, ast.Global, ast.Nonlocal)
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def calls_of(write: LostWrite, worker: Function) -> list[ast.Call]:
    """Return the statements of a worker that call the method which holds a write, by the place."""
    method = write.function
    if not (write.how == "mutate" and write.kind == OBJECT and isinstance(method, Function)):
        return []
    return [
        node.value
        for node in own_nodes(worker)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and _is_method(node.value.func, write.place, method.name)
    ]


def _is_method(func: ast.expr, place: str, name: str) -> bool:
    return ast.unparse(func) == f"{place}.{name}"


def handed_on(module: Module, function: Function, place: str) -> Iterator[ast.expr]:
    """Yield the uses of an object in a function that are not about one of its attributes."""
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name) if name == place and module.is_global(node):
                pass
            case ast.Attribute() if "." in place and ast.unparse(node) == place:
                pass
            case _:
                continue
        if not isinstance(module.parents[node], ast.Attribute):
            yield node


class Members:
    """What is known of the instance that ``place`` holds from its one assignment on.

    A place is a global, or an attribute.
    """

    def __init__(self, module: Module, place: str) -> None:
        self._module = module
        self.place = place
        made = self._assigned() if "." in place else self._bound()
        if not isinstance(made, ast.Call):
            raise CannotFix(f"{place!r} is not made by one plain assignment of a call")
        self._made = made
        self._classes = list(self._of(made))

    def _bound(self) -> ast.expr | None:
        """Return what the global is, if one assignment at module level says so."""
        bound = self._module.bindings(self.place)
        parent = self._module.parents.get(bound[0]) if len(bound) == 1 else None
        if parent is None or self._module.parents.get(parent) is not self._module.tree:
            return None
        plain = isinstance(parent, ast.AnnAssign) or single(parent) is not None
        return getattr(parent, "value", None) if plain else None

    def _assigned(self) -> ast.expr | None:
        """Return what the attribute is, if one assignment to any of its name says so."""
        name = self.place.rpartition(".")[2]
        found: list[ast.AST] = []
        for node in ast.walk(self._module.tree):
            match node:
                case ast.Attribute(attr=attribute) if attribute == name:
                    found += [] if isinstance(node.ctx, ast.Load) else [node]
                case ast.ClassDef(body=body):
                    bound = [inner for one in body for inner in _targets(one)]
                    found += [one for one in bound if one.id == name]
        parent = self._module.parents[found[0]] if len(found) == 1 else None
        match parent:
            case ast.Assign(targets=[_], value=value) | ast.AnnAssign(value=ast.expr() as value):
                return value
        return None

    def _of(self, made: ast.Call) -> Iterator[ast.ClassDef]:
        """Yield the class of the instance and those it derives from."""
        if ast.unparse(made.func) in ("SimpleNamespace", "types.SimpleNamespace"):
            return
        pending: list[ast.expr] = [made.func]
        while pending:
            name = pending.pop(0)
            if ast.unparse(name) in ("object", "ABC", "abc.ABC"):
                continue
            bound = self._module.bindings(name.id) if isinstance(name, ast.Name) else []
            match bound:
                case [ast.ClassDef(keywords=[]) as found]:
                    self._check(found)
                    yield found
                    pending[:0] = found.bases
                case _:
                    raise CannotFix(
                        f"{self.place!r} is of class {ast.unparse(name)!r}, which is not one plain "
                        "class of this module: return the values and add them in the parent"
                    )

    def _check(self, found: ast.ClassDef) -> None:
        for one in found.decorator_list:
            name = one.func if isinstance(one, ast.Call) else one
            if ast.unparse(name).rpartition(".")[2] != "dataclass":
                raise CannotFix(
                    f"class {found.name!r} (line {found.lineno}) is decorated: what it does with "
                    "its attributes is not known"
                )
        for method in found.body:
            if isinstance(method, Function) and method.name in _HOOKS:
                raise CannotFix(f"{method.name}() (line {method.lineno}) may do more than storing")

    # -- attributes

    def value(self, name: str) -> ast.expr | None:
        """Return what an attribute is at first; None where its kind is not known."""
        found = list(self._values(name))
        kinds = {kind_of(one) for one in found}
        if len(kinds) != 1 or "" in kinds or self._defined(name) is not None:
            return None
        return found[0]

    def _values(self, name: str) -> Iterator[ast.expr]:
        """Yield what is ever assigned to an attribute of that name, of any object."""
        if not self._classes:
            yield from (one.value for one in self._made.keywords if one.arg == name)
        for made in self._classes:
            for one in made.body:
                targets = one.targets if isinstance(one, ast.Assign) else []
                targets = [one.target] if isinstance(one, ast.AnnAssign) else targets
                value = getattr(one, "value", None)
                if any(ast.unparse(target) == name for target in targets) and value is not None:
                    yield value
        for node in ast.walk(self._module.tree):
            match node:
                case ast.Attribute(attr=attribute, ctx=ast.Store()) if attribute == name:
                    if not isinstance(self._module.parents[node], ast.AugAssign):
                        yield self._stored(node)

    def _stored(self, target: ast.Attribute) -> ast.expr:
        """Return what is assigned to an attribute: itself, where that is not known."""
        match self._module.parents[target]:
            case ast.Assign(targets=targets, value=value) if target in targets:
                return value
            case ast.AnnAssign(value=ast.expr() as value):
                return value
        return target

    def _defined(self, name: str) -> Function | None:
        for made in self._classes:
            for one in made.body:
                if isinstance(one, Function) and one.name == name:
                    return one
        return None

    # -- methods

    def calls(
        self, function: Function, is_place: IsPlace, statements: Sequence[ast.stmt]
    ) -> tuple[list[Addition], ast.AST | None]:
        """Return the statements that call a method which only fills the object, and a use of the
        place that is none.
        """
        found: list[Addition] = []
        held: set[int] = set()
        for statement in statements:
            match statement:
                case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr=name)) as call):
                    if not is_place(owner):
                        continue
                    found.append(self._addition(statement, call, name))
                    held.update(id(node) for node in ast.walk(call.func))
        other = next((n for n in ast.walk(function) if is_place(n) and id(n) not in held), None)
        return found, other

    def _addition(self, statement: ast.stmt, call: ast.Call, name: str) -> Addition:
        method = self._defined(name)
        if method is None:
            raise CannotFix(f"line {call.lineno} calls {self.place}.{name}(), which is not known")
        self._check_method(method, [])
        parameters = [one.arg for one in (*method.args.posonlyargs, *method.args.args)][1:]
        starred = any(isinstance(one, ast.Starred) for one in call.args)
        if starred or any(one.arg is None for one in call.keywords) or method.args.vararg:
            raise CannotFix(f"line {call.lineno} hands on what is not told apart")
        slots = [f"{{{n}}}" for n in range(len(call.args))]
        names = parameters[: len(call.args)]
        for keyword in call.keywords:
            slots.append(f"{keyword.arg}={{{len(names)}}}")
            names.append(keyword.arg or "")
        operands = (*call.args, *(one.value for one in call.keywords))
        if not operands:
            raise CannotFix(f"line {call.lineno} hands {name}() nothing that could travel")
        replay = f"{{p}}.{name}({', '.join(slots)})"
        return Addition(statement, f"call {name}", operands, tuple(names), replay)

    def _check_method(self, method: Function, asked: list[Function]) -> None:
        """Raise :class:`CannotFix` where a method does something that depends on the process that
        it runs in, or can be seen there.
        """
        if method in asked:
            return
        asked.append(method)
        no = CannotFix(
            f"{method.name}() (line {method.lineno}) does more than changing its object: let the "
            "worker return the values and call it in the parent"
        )
        arguments = method.args
        defaults = [*arguments.defaults, *(one for one in arguments.kw_defaults if one)]
        plain = isinstance(method, ast.FunctionDef) and not method.decorator_list
        if (
            not plain
            or not arguments.args
            or not all(isinstance(d, ast.Constant) for d in defaults)
        ):
            raise no
        own = arguments.args[0].arg
        for statement in method.body:
            for node in ast.walk(statement):
                match node:
                    case ast.Name() if node.id == own:
                        if not isinstance(self._module.parents[node], ast.Attribute):
                            raise no
                    case ast.Name() if self._module.is_global(node):
                        if not self._steady(node):
                            raise no
                    case ast.Call():
                        self._check_call(node, own, no, asked)
                    case ast.With(items=items):
                        if not all(_rooted(one.context_expr, own) for one in items):
                            raise no
                if isinstance(node, (*_LOOSE, *_INNER)):
                    raise no

    def _check_call(self, call: ast.Call, own: str, no: CannotFix, asked: list[Function]) -> None:
        match call.func:
            case ast.Name(id=name) if is_builtin(self._module, call.func):
                if name not in PURE - {"print", "id", "hash"}:
                    raise no
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == own:
                inner = self._defined(name)
                if inner is None:
                    raise no
                self._check_method(inner, asked)
            case ast.Attribute(value=owner, attr=name):
                if name not in CALM_METHODS and not (name in _CHANGING and _rooted(owner, own)):
                    raise no
            case _:
                raise no

    def _steady(self, name: ast.Name) -> bool:
        """Whether a global is the same in every process: a built-in function or a constant."""
        if is_builtin(self._module, name):
            return True
        bound = self._module.bindings(name.id)
        match self._module.parents[bound[0]] if len(bound) == 1 else None:
            case ast.Assign(value=ast.Constant()) | ast.AnnAssign(value=ast.Constant()):
                return True
        return False


def _targets(statement: ast.stmt) -> list[ast.Name]:
    """Return the names that an assignment binds."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
    return [one for one in targets if isinstance(one, ast.Name)]


def _rooted(node: ast.expr, own: str) -> bool:
    """Whether an expression is an attribute of ``own``, or part of one."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        inner = node.func if isinstance(node, ast.Call) else node.value
        if isinstance(node, ast.Attribute) and isinstance(inner, ast.Name):
            return inner.id == own
        node = inner
    return False


def kind_of(value: ast.expr) -> str:
    """Return the kind of container or number that an expression makes; empty where unknown."""
    match value:
        case ast.List() | ast.ListComp():
            return "list"
        case ast.Dict() | ast.DictComp():
            return "dict"
        case ast.Set() | ast.SetComp():
            return "set"
        case ast.Constant(value=bool() | int() | float() | str() as constant):
            return type(constant).__name__
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return kind_of(operand)
        case ast.Call(func=func, keywords=keywords):
            name = ast.unparse(func).rpartition(".")[2]
            given = {one.arg: one.value for one in keywords}
            if name == "field" and isinstance(made := given.get("default_factory"), ast.Name):
                return _CALLS.get(made.id, "")
            if name == "field" and "default" in given:
                return kind_of(given["default"])
            return _CALLS.get(name, "")
    return ""
