"""Whether a buffer is used only in ways that its copy in shared memory bears as well."""

from __future__ import annotations

import ast
import random
from collections.abc import Collection, Iterator, Sequence

from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.shapes.atomic import stores
from flake8_mpglobals.fixes.shapes.pure import is_builtin
from flake8_mpglobals.fixes.touches import Touches

MEASURES = frozenset({"shape", "size", "nbytes", "dtype", "ndim", "itemsize", "typecode"})
"""Attributes that tell of a buffer, not of what is in it."""

_WHOLE = frozenset({"sum", "min", "max", "any", "all", "sorted", "list", "tuple", "enumerate"})
_RESIZING = frozenset(
    {"append", "extend", "insert", "pop", "remove", "clear", "resize", "frombytes", "fromlist"}
    | {"__iadd__", "__delitem__"}
)
_REORDERING = frozenset({"sort", "partition", "byteswap", "reverse", "setfield"})
_TRIES = 5


def measured(module: Module, name: ast.Name) -> bool:
    """Whether a use asks only how long or of which type the buffer is."""
    parent = module.parents[name]
    if isinstance(parent, ast.Attribute):
        return parent.attr in MEASURES and isinstance(parent.ctx, ast.Load)
    return (
        isinstance(parent, ast.Call)
        and is_builtin(module, parent.func)
        and ast.unparse(parent.func) == "len"
    )


class BufferUse:
    """Judges the uses of one buffer in one function of worker code.

    A numpy array stays one, over other memory; of ``bytearray`` and ``array.array``
    workers have an array of ``ctypes``, with items and a length and nothing else.
    """

    def __init__(self, module: Module, touches: Touches, function: Function, kind: str) -> None:
        self._module = module
        self._touches = touches
        self._function = function
        self._kind = kind

    def judge(self) -> list[ast.Name]:
        """Return the uses of the content; raise :class:`CannotFix` for one that is not borne."""
        content: list[ast.Name] = []
        for name in self._touches.mentioned_in(self._function):
            self._use(name)
            if not measured(self._module, name):
                content.append(name)
        return content

    def _use(self, name: ast.Name) -> None:
        module, parent = self._module, self._module.parents[name]
        if module.function(name) is not self._function or module.inside(name, self._function.args):
            raise self._no(name, "uses {} in a nested function or a default")
        if not isinstance(name.ctx, ast.Load):
            raise self._no(name, "rebinds or deletes")
        if measured(module, name):
            return
        if isinstance(parent, ast.Attribute) and parent.attr in _RESIZING:
            raise self._no(name, "changes the length of")
        if isinstance(parent, ast.Attribute) and parent.attr in _REORDERING:
            raise self._no(name, "reorders all of")
        if self._kind == "ndarray":
            self._of_array(name, parent)
        else:
            self._of_items(name, parent)

    @property
    def _whole(self) -> frozenset[str]:
        """The functions that take the whole of it, or a slice, item by item."""
        return _WHOLE | {"bytes"} if self._kind == "bytearray" else _WHOLE

    # -- numpy arrays

    def _of_array(self, name: ast.Name, parent: ast.AST) -> None:
        match parent:
            case ast.Subscript(ctx=ast.Del()):
                raise self._no(name, "deletes items of")
            case ast.Call() if name in parent.args and self._ours(parent.func):
                raise self._no(name, "hands {} to another function")
            case ast.Attribute(ctx=ast.Store()):
                raise self._no(name, "changes the form of")
            case ast.Assign() | ast.AnnAssign() | ast.NamedExpr():
                raise self._no(name, "gives a second name to")
        node: ast.AST = name
        while isinstance(parent, (ast.Subscript, ast.Attribute)) and parent.value is node:
            node, parent = parent, self._module.parents[parent]
        if isinstance(parent, ast.Call) and node in parent.args and self._ours(parent.func):
            raise self._no(name, "hands a part of {} to another function")
        if isinstance(parent, ast.Assign) and parent.value is node:
            aliases = {one.id for one in parent.targets if isinstance(one, ast.Name)}
            for other in ast.walk(self._function):
                if isinstance(other, ast.AugAssign):
                    root: ast.expr = other.target
                    while isinstance(root, (ast.Subscript, ast.Attribute)):
                        root = root.value
                    if isinstance(root, ast.Name) and root.id in aliases:
                        raise self._no(name, "changes in place, by a second name, a part of")
        if isinstance(parent, ast.For) and parent.iter is node and isinstance(node, ast.Name):
            raise self._no(name, "iterates over the rows of")

    def _ours(self, func: ast.expr) -> bool:
        return isinstance(func, ast.Name) and func.id in {d.name for d in self._module.definitions}

    # -- bytearray and array.array

    def _of_items(self, name: ast.Name, parent: ast.AST) -> None:
        match parent:
            case ast.Subscript() if parent.value is name:
                self._item(name, parent)
            case ast.Call(func=func) if name in parent.args and is_builtin(self._module, func):
                if ast.unparse(func) not in self._whole:
                    raise self._no(name, "hands {} to " + ast.unparse(func) + "()")
            case ast.For() | ast.comprehension() if parent.iter is name:
                pass
            case ast.Compare(ops=[ast.In() | ast.NotIn()], left=left) if left is not name:
                number = isinstance(left, ast.Constant) and isinstance(left.value, int)
                if self._kind == "bytearray" and not number:
                    raise self._no(name, "looks for what may be several bytes in")
            case ast.Attribute(attr=attr):
                raise self._no(name, f"uses .{attr} of")
            case _:
                raise self._no(name, "uses the whole of")

    def _item(self, name: ast.Name, item: ast.Subscript) -> None:
        outer = self._module.parents[item]
        if isinstance(item.ctx, ast.Del):
            raise self._no(name, "deletes items of")
        if not isinstance(item.slice, ast.Slice):
            return
        if isinstance(item.ctx, ast.Load):
            called = isinstance(outer, ast.Call) and is_builtin(self._module, outer.func)
            if called and ast.unparse(outer).partition("(")[0] in self._whole | {"len"}:
                return
            if isinstance(outer, (ast.For, ast.comprehension)) and outer.iter is item:
                return
            raise self._no(name, "uses a slice of")
        if not (isinstance(outer, ast.Assign) and outer.targets == [item]):
            raise self._no(name, "changes a slice in place of")
        if not _same_length(item.slice, outer.value):
            raise CannotFix(
                f"line {name.lineno} stores into a slice of {self._touches.place!r} what may have "
                "another length, and shared memory keeps its length: store item by item"
            )

    def _no(self, name: ast.Name, does: str) -> CannotFix:
        place = repr(self._touches.place)
        does = does.format(place) if "{}" in does else f"{does} {place}"
        return CannotFix(
            f"worker code {does} (line {name.lineno}): return the values and store them in the "
            "parent"
        )


def _same_length(part: ast.Slice, value: ast.expr) -> bool:
    """Whether what is stored surely has the length of the slice."""
    length = _length(value)
    if part.step is not None or part.upper is None or length is None:
        return False
    lower = part.lower if part.lower is not None else ast.Constant(0)
    chance = random.Random(1)
    for _ in range(_TRIES):
        known = dict.fromkeys(_names((lower, part.upper, length)), 0)
        known = {name: chance.randrange(1 << 20) for name in known}
        values = [_calculate(one, known) for one in (lower, part.upper, length)]
        if None in values or values[1] - values[0] != values[2]:  # type: ignore[operator]
            return False
    return True


def _length(value: ast.expr) -> ast.expr | None:
    """Return an expression for the length of a value, if the value shows it."""
    match value:
        case ast.Constant(value=bytes() as text):
            return ast.Constant(len(text))
        case ast.List() | ast.Tuple() if not any(isinstance(e, ast.Starred) for e in value.elts):
            return ast.Constant(len(value.elts))
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            inner, times = (left, right) if _length(left) is not None else (right, left)
            length = _length(inner)
            return None if length is None else ast.BinOp(length, ast.Mult(), times)
        case ast.Call(func=ast.Name(id="bytes" | "bytearray"), args=[inner], keywords=[]):
            return _length(inner)
        case ast.Call(func=ast.Attribute(attr="to_bytes"), args=[length, *_]):
            return length
        case ast.Call(func=ast.Name(id="array") | ast.Attribute(attr="array"), args=[_, inner]):
            return _length(inner)
        case ast.ListComp(generators=[ast.comprehension(iter=over, ifs=[])]):
            match over:
                case ast.Call(func=ast.Name(id="range"), args=[times], keywords=[]):
                    return times
    return None


def _names(nodes: Sequence[ast.expr]) -> Iterator[str]:
    for node in nodes:
        yield from (one.id for one in ast.walk(node) if isinstance(one, ast.Name))


def _calculate(node: ast.expr, known: dict[str, int]) -> int | None:
    """Return the value of a polynomial; equal at several points, two are equal everywhere."""
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            return known[name]
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() as op, right=right):
            one, other = _calculate(left, known), _calculate(right, known)
            if one is None or other is None:
                return None
            if isinstance(op, ast.Mult):
                return one * other
            return one + other if isinstance(op, ast.Add) else one - other
    return None


class BufferParent:
    """Judges every use of a buffer outside of pure worker code."""

    def __init__(self, module: Module, touches: Touches, made: ast.stmt, *, view: bool) -> None:
        self._module = module
        self._touches = touches
        self._made = made
        self._view = view

    def judge(self, workers: Collection[Function]) -> None:
        """Raise :class:`CannotFix` for a second way to the buffer, or for another form of it."""
        for name in self._touches.mentions:
            if self._module.inside(name, self._made):
                continue
            if any(self._module.inside(name, one) for one in workers):
                continue
            self._use(name)

    def _use(self, name: ast.Name) -> None:
        parent = self._module.parents[name]
        if any(isinstance(above, ast.arguments) for above in self._module.ancestors(name)):
            raise self._no(name, "is a default argument")
        match parent:
            case ast.Assign() | ast.AnnAssign() | ast.NamedExpr() | ast.Return() | ast.Yield():
                raise self._no(name, "gets a second name")
            case ast.Dict() | ast.List() | ast.Set():
                raise self._no(name, "is put into another object")
            case ast.Call(func=ast.Name(id="memoryview")):
                raise self._no(name, "is reached through a memoryview")
            case ast.Attribute(attr=attr) if self._view:
                if attr in _RESIZING or not isinstance(parent.ctx, ast.Load):
                    raise self._no(name, "gets another form")
            case ast.Subscript() if self._view and not stores(self._module, name):
                outer = self._module.parents[parent]
                if isinstance(outer, ast.Assign) and outer.value is parent:
                    raise self._no(name, "is shown in part by a second name")

    def _no(self, name: ast.Name, does: str) -> CannotFix:
        return CannotFix(
            f"{self._touches.place!r} {does} (line {name.lineno}): use the one name, as it was made"
        )
