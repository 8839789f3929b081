"""Share a module-level buffer through memory of all processes while the workers run.

The memory is a ``RawArray`` (an ``Array`` with its lock where workers read and write
the same elements), made beside the pool; it is freed when nobody has it any more.
Its content comes back into the parent's own object, also when an exception passes.
Workers use a ``bytearray`` or ``array.array`` as that array itself; a numpy array
becomes a view of it, of the same type and shape.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from flake8_mpglobals.facts import Facts, LostWrite
from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import Sheet, quote
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.naming import fresh
from flake8_mpglobals.fixes.plan import CannotFix, Plan
from flake8_mpglobals.fixes.setters import memory_of
from flake8_mpglobals.fixes.shapes import dispatches
from flake8_mpglobals.fixes.shapes.atomic import Atomic, Unit, stores
from flake8_mpglobals.fixes.shapes.buffer_use import BufferParent, BufferUse, measured
from flake8_mpglobals.fixes.shapes.locking import lock
from flake8_mpglobals.fixes.shapes.pure import is_builtin
from flake8_mpglobals.fixes.shapes.values import NumberJob, shared_name
from flake8_mpglobals.model import Finding

_ROOM = 75  # what fits in a line, indented, of any usual length
_KINDS = ("bytearray", "array", "ndarray")
_TYPECODES = frozenset("bBhHiIlLqQfd")
_FILLED = frozenset({"empty", "zeros", "ones", "full", "arange", "linspace", "eye", "array"})
_RANDOM = frozenset({"rand", "randn", "random", "normal", "uniform", "randint"})
_TYPES = frozenset(
    {"int", "float", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"}
    | {"uint64", "float16", "float32", "float64", "bool_", "intp", "complex64", "complex128"}
    | {"i4", "i8", "u1", "f4", "f8", "double", "single"}
)


def takes(writes: Sequence[LostWrite]) -> bool:
    """Whether all writes store into a buffer that can lie in shared memory."""
    return all(
        write.kind in _KINDS and (write.how == "buffer" or write.kind == "ndarray")
        for write in writes
    ) and all(write.how in ("buffer", "mutate") for write in writes)


def plan(facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding]) -> Plan:
    """Return the plan that shares the one buffer of ``writes``.

    Raises :class:`CannotFix` where the rewrite is not proved.
    """
    place, kind = writes[0].place, writes[0].kind
    cast = dispatches.cast(facts, writes, measured)
    module = cast.module
    made, constructor = _declaration(module, place, kind)
    view = kind == "ndarray"
    units: dict[Function, list[Unit]] = {}
    for function in cast.users:
        content = BufferUse(module, cast.touches, function, kind).judge()
        atomic = Atomic(module, cast.touches, function, content, elements=True, changes=stores)
        units[function] = atomic.units()
    BufferParent(module, cast.touches, made, view=view).judge(cast.only)
    job = BufferJob(
        *(module, cast.touches, kind, Sheet(module), cast.exempt, cast.calls),
        name=shared_name(module, place, "buffer"),
        locked=any(units.values()),
        constructor=constructor,
    )
    dispatches.share(job, cast.sites, cast.workers)
    for function, found in units.items():
        lock(job, found, job.lock)
        if not view:
            for name in cast.touches.mentioned_in(function):
                job.add(Edit(module.start(name), module.end(name), job.name))
    return Plan(
        tuple(findings),
        place,
        "safe",
        f"Keep {place!r} in a multiprocessing.{job.maker} while the workers run",
        tuple(sorted(job.edits())),
    )


def _declaration(module: Module, place: str, kind: str) -> tuple[ast.stmt, ast.expr]:
    """Return the one statement that makes the buffer, and the function that it calls."""
    bound = module.bindings(place)
    if len(bound) != 1:
        raise CannotFix(f"{place!r} is bound more than once: change the one {kind} in place")
    made = module.parents[bound[0]]
    if not isinstance(made, (ast.Assign, ast.AnnAssign)) or made not in module.tree.body:
        raise CannotFix(f"{place!r} is not made by one plain assignment at module level")
    value = made.value
    unclear = CannotFix(
        f"{place!r} (line {made.lineno}) is a {kind} of elements that are not known "
        "to be plain numbers"
    )
    if value is None or (isinstance(made, ast.Assign) and len(made.targets) > 1):
        raise CannotFix(f"{place!r} (line {made.lineno}) is not made by one plain call")
    if kind == "ndarray":
        numpy = plain_array(module, value)
        if numpy is None:
            raise unclear
        return made, numpy
    match value:
        case (
            ast.BinOp(op=ast.Mult(), left=ast.Call() as call)
            | ast.BinOp(op=ast.Mult(), right=ast.Call() as call)
        ):
            value = call  # so many times over
    if not isinstance(value, ast.Call):
        raise CannotFix(f"{place!r} (line {made.lineno}) is not made by one plain call")
    if kind == "bytearray":
        if not (is_builtin(module, value.func) and ast.unparse(value.func) == kind):
            raise unclear
    else:
        match value.args:
            case [ast.Constant(value=str(code)), *_] if code in _TYPECODES:
                pass
            case _:
                raise unclear
    return made, value.func


def plain_array(module: Module, made: ast.expr) -> ast.Attribute | None:
    """Return a function of numpy, if an expression surely makes an array of numbers with it.

    The array has its own shape and memory.
    """
    match made:
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), left=left, right=right):
            left, right = (right, left) if _is_number(left) else (left, right)
            return plain_array(module, left) if _is_number(right) else None
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return plain_array(module, operand)
        case ast.Call(func=ast.Attribute(value=inner, attr="reshape" | "copy")):
            return plain_array(module, inner)
        case ast.Call(func=ast.Attribute(value=inner, attr="astype"), args=[of], keywords=[]):
            return plain_array(module, inner) if _is_type(of) else None
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="random") as func, attr=attr)):
            return func if attr in _RANDOM and _is_numpy(module, func) else None
        case ast.Call(func=ast.Attribute() as func) if _is_numpy(module, func):
            return func if _filled(func, made) else None
    return None


def _is_numpy(module: Module, func: ast.Attribute) -> bool:
    """Whether a function is one of a module that the file imports under one name."""
    return isinstance(func.value, ast.Name) and len(module.bindings(func.value.id)) == 1


def _filled(func: ast.Attribute, made: ast.Call) -> bool:
    """Whether a call of ``numpy.func`` makes an array of numbers."""
    if func.attr not in _FILLED:
        return False
    types = [one.value for one in made.keywords if one.arg == "dtype"]
    if func.attr in ("empty", "zeros", "ones", "array"):
        types += made.args[1:2]
    elif func.attr == "full":
        types += made.args[2:3]
        values = made.args[1:2]
        if not types and not all(_is_number(one) for one in values):
            return False
    if func.attr == "array" and not types:
        return all(
            isinstance(node, (ast.List, ast.Tuple, ast.UnaryOp, ast.unaryop, ast.expr_context))
            or (isinstance(node, ast.Constant) and isinstance(node.value, (int, float)))
            for node in ast.walk(made.args[0])
        )
    return all(_is_type(one) for one in types)


def _is_number(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=int() | float()) | ast.Attribute(attr="inf" | "nan" | "pi"):
            return True
        case ast.UnaryOp():
            return _is_number(node.operand)
    return False


def _is_type(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
            return name in _TYPES
    return False


@dataclass
class BufferJob(NumberJob):
    """A buffer that is to be kept in shared memory, made by calling ``constructor``."""

    rebinds: ClassVar[bool] = False
    locked: bool = False
    constructor: ast.expr | None = None

    @property
    def maker(self) -> str:
        """What of multiprocessing makes the shared memory."""
        return "Array" if self.locked else "RawArray"

    @property
    def view(self) -> bool:
        """Whether workers have a view of the memory under the place's own name."""
        return self.kind == "ndarray"

    @property
    def stem(self) -> str:
        """The name of the place as it is used in other names."""
        return self.name.removeprefix("shared_")

    @property
    def lock(self) -> str:
        """The lock as workers call it."""
        if self.view:
            return fresh(f"{self.stem}_lock", self.module.identifiers)
        return f"{self.name}.get_lock()"

    @property
    def parameter(self) -> str:
        """The name of the setters' parameter for the memory."""
        return memory_of(self.stem)

    @property
    def body(self) -> tuple[str, ...]:
        """The lines by which a setter binds what workers use."""
        if not self.view:
            return super().body
        if not self.locked:
            return (f"global {self.place}", *self._array(self.place, self.parameter))
        return (
            f"global {self.place}, {self.lock}",
            *self._array(self.place, f"{self.parameter}.get_obj()"),
            f"{self.lock} = {self.parameter}.get_lock()",
        )

    def _array(self, target: str, memory: str) -> tuple[str, ...]:
        """Return the lines that bind ``target`` to an array over ``memory``."""
        assert isinstance(self.constructor, ast.Attribute)
        numpy, place = self.module.text(self.constructor.value), self.place
        given = (f"{place}.shape", f"{place}.dtype", f"buffer={memory}")
        line = f"{target} = {numpy}.ndarray({', '.join(given)})"
        if len(line) <= _ROOM:
            return (line,)
        return (f"{target} = {numpy}.ndarray(", *(f"\t{one}," for one in given), ")")

    @property
    def _seen(self) -> str:
        """The parent's view of the memory."""
        return fresh(f"{self.stem}_view", self.module.identifiers)

    def made(self, maker: str) -> tuple[str, ...]:
        """Return the lines that make the memory and fill it."""
        mark = quote(self.module)
        if self.view:
            memory = f"{self.name}.get_obj()" if self.locked else self.name
            return (
                f"{self.name} = {maker}({mark}b{mark}, {self.place}.nbytes)",
                *self._array(self._seen, memory),
                f"{self._seen}[...] = {self.place}",
            )
        return (f"{self.name} = {maker}({self._code()}, {self.place})",)

    def _code(self) -> str:
        mark = quote(self.module)
        if self.kind == "bytearray":
            return f"{mark}B{mark}"
        assert self.constructor is not None
        call = self.module.parents[self.constructor]
        assert isinstance(call, ast.Call)
        return self.module.text(call.args[0])

    def fill(self, shared: str) -> tuple[str, ...]:
        """Return the line that puts the parent's content into the memory once more."""
        target = f"{self._seen}[...]" if self.view else f"{shared}[:]"
        return (f"{target} = {self.place}",)

    def bring_back(self, shared: str) -> tuple[str, ...]:
        """Return the line that puts the content into the parent's own object."""
        if self.view:
            return (f"{self.place}[...] = {self._seen}",)
        if self.kind == "bytearray":
            return (f"{self.place}[:] = {shared}[:]",)
        assert self.constructor is not None
        array = self.module.text(self.constructor)
        return (f"{self.place}[:] = {array}({self._code()}, {shared}[:])",)
