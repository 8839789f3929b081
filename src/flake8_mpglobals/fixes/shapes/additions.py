"""The statements by which a worker only ever adds to a place, and how to do them elsewhere.

An *addition* needs nothing from the place: its operands can be evaluated in the
worker and travel back, and the parent can add them to the object that it has.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

IsPlace = Callable[[ast.AST], bool]

SEQUENCES = ("list", "deque")
_TABLES = ("dict", "defaultdict", "OrderedDict", "Counter")
NUMBERS = ("int", "float", "bool")
_NAMES = dict.fromkeys(("append", "appendleft", "add", "discard", "remove"), "value")
_SINGLE = {
    "append": SEQUENCES,
    "appendleft": ("deque",),
    "add": ("set",),
    "discard": ("set",),
    "remove": ("set", *SEQUENCES),
}
REMOVING = frozenset({"discard", "remove", "del", "pop"})
"""Ways of adding that take something out."""

_WHOLE = {"append": "extend", "add": "update", "appendleft": "extendleft"}
SORTED = ("heapq.heappush", "heappush", "bisect.insort", "insort")
"""Functions that add their second argument to their first, a list."""

_NEW = ("[]", "list()", "set()")
_MANY = ("extend", "update")
BEGINNINGS = (*_NEW, "0", "0.0", "{}", "dict()")
INNER = {"append": "extend", "extend": "extend", "add": "update", "update": "update"}


@dataclass(frozen=True, slots=True)
class Addition:
    """One such statement.

    ``op`` tells the ways of adding apart; ``operands`` are what the worker
    evaluates, ``names`` what the parent may call them.  ``replay`` does the same
    with ``{p}`` for the place and ``{0}``, ``{1}`` for the operands; ``whole``
    adds all results ``{r}`` of many tasks at once, if there is a way.
    ``listed`` says that the one operand is an iterable of what is added: a ``list``, or a
    ``dict``.
    """

    statement: ast.stmt
    op: str
    operands: tuple[ast.expr, ...]
    names: tuple[str, ...]
    replay: str
    whole: str = ""
    listed: str = ""


def additions(
    function: ast.AST, is_place: IsPlace, kind: str, statements: Sequence[ast.stmt]
) -> tuple[list[Addition], ast.AST | None]:
    """Return the additions among ``statements`` and a use of the place that is none."""
    found: list[Addition] = []
    held: set[int] = set()
    for statement in statements:
        if id(statement) in held:
            continue
        one = recognise(statement, is_place, kind)
        if one is not None:
            found.append(one)
            held.update(id(node) for node in ast.walk(statement))
            inner = [n for op in one.operands for n in ast.walk(op) if is_place(n)]
            if inner:
                return found, inner[0]
    other = next((n for n in ast.walk(function) if is_place(n) and id(n) not in held), None)
    return found, other


def recognise(statement: ast.stmt, is_place: IsPlace, kind: str) -> Addition | None:
    """Return what a statement adds to the place, if adding is all that it does to it."""
    match statement:
        case ast.Expr(value=ast.Call(func=func, args=[place, value], keywords=[])) if (
            kind == "list" and is_place(place) and ast.unparse(func) in SORTED
        ):
            name = ast.unparse(func)
            replay = f"{name}({{p}}, {{0}})"
            return Addition(statement, name, (value,), ("value",), replay)
        case ast.Expr(value=ast.Call(func=ast.Attribute() as func, args=args, keywords=[])):
            if any(isinstance(one, ast.Starred) for one in args):
                return None
            return _called(statement, func, args, is_place, kind)
        case ast.Delete(targets=[ast.Subscript(value=inner, slice=key)]) if (
            kind in _TABLES and is_place(inner) and _is_key(key)
        ):
            return Addition(statement, "del", (key,), ("key",), "del {p}[{0}]")
        case ast.Assign(targets=[target], value=value):
            return _assigned(statement, target, value, is_place, kind)
        case ast.AugAssign(target=target, op=op, value=value):
            return _augmented(statement, (target, op, value), is_place, kind)
        case ast.If(
            test=ast.Compare(left=key, ops=[ast.NotIn()], comparators=[place]),
            body=[ast.Assign(targets=[ast.Subscript(value=inner, slice=same)], value=new)],
            orelse=[],
        ) if kind in ("dict", "OrderedDict") and is_place(place) and is_place(inner):
            made = ast.unparse(new)
            if made in BEGINNINGS and ast.unparse(key) == ast.unparse(same) and pure(key):
                spelt = made.replace("{}", "{{}}")
                replay = f"{{p}}.setdefault({{0}}, {spelt})"
                return Addition(statement, f"new {made}", (key,), ("key",), replay)
        case ast.If(
            test=ast.Compare(left=key, ops=[asks], comparators=[place]),
            body=[then],
            orelse=[other],
        ) if kind in ("dict", "OrderedDict") and is_place(place) and pure(key):
            known, begun = (then, other) if isinstance(asks, ast.In) else (other, then)
            if isinstance(asks, (ast.In, ast.NotIn)):
                return _either(statement, key, (known, begun), is_place)
        case ast.If(
            test=ast.Compare(left=value, ops=[ast.NotIn()], comparators=[place]),
            body=[ast.Expr(value=ast.Call(func=ast.Attribute(attr="add") as func, args=[same]))],
            orelse=[],
        ) if kind == "set" and is_place(place) and ast.unparse(value) == ast.unparse(same):
            if pure(value):  # a set asks that itself
                return _called(statement, func, [same], is_place, kind)
    return None


def _either(
    statement: ast.stmt, key: ast.expr, ways: tuple[ast.stmt, ast.stmt], is_place: IsPlace
) -> Addition | None:
    """Return what is added to the item of a key that may be there, or may be new."""
    known, new = ways
    match new:
        case ast.Assign(targets=[ast.Subscript(value=inner, slice=same)], value=begun):
            if not is_place(inner) or ast.unparse(same) != ast.unparse(key):
                return None
        case _:
            return None
    one = recognise(known, is_place, "dict")
    if one is None or ast.unparse(one.operands[0]) != ast.unparse(key):
        return None
    amount = ast.unparse(one.operands[-1])
    match begun:
        case ast.List(elts=[only]) if one.op == "item.append" and ast.unparse(only) == amount:
            replay = "{p}.setdefault({0}, []).append({1})"
            return replace(one, statement=statement, op="[].append", replay=replay)
        case ast.Set(elts=[only]) if one.op == "item.add" and ast.unparse(only) == amount:
            replay = "{p}.setdefault({0}, set()).add({1})"
            return replace(one, statement=statement, op="set().add", replay=replay)
        case _ if one.op != "item+" or ast.unparse(begun) != amount or not pure(begun):
            return None
        case ast.Constant(value=int() | float()):
            replay = "{p}[{0}] = {p}.get({0}, 0) + {1}"
            return replace(one, statement=statement, op="get", replay=replay)
    replay = "{p}[{0}] = {p}[{0}] + {1} if {0} in {p} else {1}"
    return replace(one, statement=statement, op="either", replay=replay)


def _called(
    statement: ast.stmt,
    func: ast.Attribute,
    args: list[ast.expr],
    is_place: IsPlace,
    kind: str,
) -> Addition | None:
    name = func.attr
    if is_place(func.value):
        if name in _SINGLE and kind in _SINGLE[name] and len(args) == 1:
            whole = f"{{p}}.{_WHOLE[name]}({{r}})" if name in _WHOLE else ""
            return Addition(
                statement, name, (args[0],), (_NAMES[name],), f"{{p}}.{name}({{0}})", whole
            )
        listed = (name == "extend" and kind in SEQUENCES) or (
            name == "update" and kind in ("set", *_TABLES)
        )
        if listed and len(args) == 1:
            replay = f"{{p}}.{name}({{0}})"
            made = "dict" if kind in ("dict", "defaultdict", "OrderedDict") else "list"
            return Addition(statement, name, (args[0],), ("new",), replay, listed=made)
        match args:
            case [ast.Constant() as index, value] if name == "insert" and kind == "list":
                replay = f"{{p}}.insert({ast.unparse(index)}, {{0}})"
                return Addition(statement, "insert", (value,), ("value",), replay)
            case [key, ast.Constant(value=None)] if name == "pop" and kind in _TABLES:
                return Addition(statement, name, (key,), ("key",), "{p}.pop({0}, None)")
            case [key] if name == "pop" and kind in _TABLES:
                return Addition(statement, "del", (key,), ("key",), "del {p}[{0}]")
            case [key, value] if name == "setdefault" and kind in _TABLES:
                replay = "{p}.setdefault({0}, {1})"
                return Addition(statement, name, (key, value), ("key", "value"), replay)
        return None
    if name not in INNER or len(args) != 1 or kind not in (*_TABLES, "list"):
        return None
    names = ("index" if kind == "list" else "key", "values" if name in _MANY else "value")
    match func.value:
        case ast.Subscript(value=inner, slice=key) if is_place(inner) and _is_key(key):
            replay = f"{{p}}[{{0}}].{name}({{1}})"
            return Addition(statement, f"item.{name}", (key, args[0]), names, replay)
        case ast.Call(
            func=ast.Attribute(value=inner, attr="setdefault"), args=[key, new], keywords=[]
        ) if is_place(inner) and ast.unparse(new) in _NEW and kind != "list":
            made = ast.unparse(new)
            replay = f"{{p}}.setdefault({{0}}, {made}).{name}({{1}})"
            return Addition(statement, f"{made}.{name}", (key, args[0]), names, replay)
    return None


def _assigned(
    statement: ast.stmt, target: ast.expr, value: ast.expr, is_place: IsPlace, kind: str
) -> Addition | None:
    match target:
        case ast.Subscript(value=inner, slice=key) if is_place(inner) and _is_key(key):
            if kind not in _TABLES:
                return Addition(
                    statement, "item", (key, value), ("index", "value"), "{p}[{0}] = {1}"
                )
            added = _from_get(key, value, is_place)
            if added is not None:
                amount, default = added
                replay = f"{{p}}[{{0}}] = {{p}}.get({{0}}, {default}) + {{1}}"
                return Addition(statement, "get", (key, amount), ("key", "amount"), replay)
            return Addition(
                statement,
                "item",
                (key, value),
                ("key", "value"),
                "{p}[{0}] = {1}",
                "{p}.update({r})",
            )
        case ast.Subscript(
            value=ast.Call(
                func=ast.Attribute(value=inner, attr="setdefault"), args=[key, ast.Dict(keys=[])]
            ),
            slice=second,
        ) if is_place(inner) and kind in _TABLES and _is_key(second):
            parts = ("key", "field", "value")
            replay = "{p}.setdefault({0}, {{}})[{1}] = {2}"
            return Addition(statement, "setdefault.item", (key, second, value), parts, replay)
        case ast.Subscript(value=ast.Subscript(value=inner, slice=key), slice=second) if (
            is_place(inner) and _is_key(key) and _is_key(second)
        ):
            parts = ("key", "field", "value")
            return Addition(
                statement, "item.item", (key, second, value), parts, "{p}[{0}][{1}] = {2}"
            )
    if is_place(target) and kind in (*NUMBERS, "list", "str"):
        match value:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right) if is_place(
                left
            ):
                return _augmented(statement, (target, op, right), is_place, kind)
    return None


def _from_get(key: ast.expr, value: ast.expr, is_place: IsPlace) -> tuple[ast.expr, str] | None:
    """Return the amount and the default of ``place.get(key, default) + amount``."""
    match value:
        case ast.BinOp(
            left=ast.Call(
                func=ast.Attribute(value=inner, attr="get"),
                args=[same, ast.Constant(value=0 | 0.0) as default],
                keywords=[],
            ),
            op=ast.Add(),
            right=amount,
        ) if is_place(inner) and ast.unparse(same) == ast.unparse(key) and pure(key):
            return amount, ast.unparse(default)
    return None


def _augmented(
    statement: ast.stmt,
    assigned: tuple[ast.expr, ast.operator, ast.expr],
    is_place: IsPlace,
    kind: str,
) -> Addition | None:
    target, op, value = assigned
    sign = {ast.Add: "+", ast.Sub: "-", ast.BitOr: "|"}.get(type(op))
    if sign is None:
        return None
    if is_place(target):
        if kind in NUMBERS and sign in "+-":
            whole = f"{{p}} {sign}= sum({{r}})"
            return Addition(statement, sign, (value,), ("amount",), f"{{p}} {sign}= {{0}}", whole)
        if kind == "ndarray" and sign in "+-":
            return Addition(statement, sign, (value,), ("amount",), f"{{p}} {sign}= {{0}}")
        if kind == "str" and sign == "+":
            return Addition(statement, "text", (value,), ("new",), "{p} += {0}")
        if kind in SEQUENCES and sign == "+":
            match value:
                case ast.List(elts=[only]) if not isinstance(only, ast.Starred):
                    return Addition(
                        statement,
                        "append",
                        (only,),
                        ("value",),
                        "{p}.append({0})",
                        "{p}.extend({r})",
                    )
            return Addition(
                statement, "extend", (value,), ("new",), "{p}.extend({0})", listed="list"
            )
        if (kind == "set" or kind in ("dict", "OrderedDict")) and sign == "|":
            return Addition(
                statement,
                "update",
                (value,),
                ("new",),
                "{p}.update({0})",
                listed="list" if kind == "set" else "dict",
            )
        return None
    match target:
        case ast.Subscript(value=inner, slice=key) if is_place(inner) and _is_key(key):
            if sign == "|" or (kind not in _TABLES and sign == "-" and kind == "list"):
                return None
            names = ("key" if kind in _TABLES else "index", "amount")
            replay = f"{{p}}[{{0}}] {sign}= {{1}}"
            return Addition(statement, f"item{sign}", (key, value), names, replay)
        case ast.Subscript(value=ast.Subscript(value=inner, slice=key), slice=second) if (
            is_place(inner) and _is_key(key) and _is_key(second) and sign in "+-"
        ):
            parts = ("key", "field", "amount")
            replay = f"{{p}}[{{0}}][{{1}}] {sign}= {{2}}"
            return Addition(statement, f"item.item{sign}", (key, second, value), parts, replay)
    return None


def _is_key(key: ast.expr) -> bool:
    return not any(isinstance(one, (ast.Slice, ast.Starred)) for one in ast.walk(key))


def pure(node: ast.expr) -> bool:
    """Whether evaluating an expression twice, or in another order, changes nothing."""
    return not any(
        isinstance(one, (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr))
        for one in ast.walk(node)
    )


def statements_in(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.stmt]:
    """Yield the statements of a function, not those of functions inside of it."""
    stack: list[ast.AST] = list(reversed(function.body))
    while stack:
        node = stack.pop()
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            stack.extend(reversed(list(ast.iter_child_nodes(node))))
