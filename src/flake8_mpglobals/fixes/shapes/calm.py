"""Whether a worker is expected to raise an exception."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection

from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.shapes.pure import CALM_METHODS, PURE, is_builtin
from flake8_mpglobals.fixes.touches import reached

_RAISING = frozenset({"int", "float", "complex", "range", "chr", "pow", "divmod", "min", "max"})
_ADDING = frozenset({"append", "extend", "add", "update", "insert", "discard", "setdefault"})
_QUIET = frozenset(
    {"time.sleep", "time.time", "time.perf_counter", "time.monotonic", "os.getpid"}
    | {"random.random", "random.uniform", "random.randint", "math.sin", "math.cos", "math.floor"}
    | {"multiprocessing.current_process", "mp.current_process", "current_process", "Counter"}
    | {"collections.Counter", "os.path.basename", "os.path.join", "os.path.splitext"}
)


def calm(module: Module, function: Function, spared: Collection[ast.AST] = ()) -> bool:
    """Whether nothing that a worker does is known to raise, or unknown.

    ``spared`` is what it will not do any more.  That a value may have the wrong type is
    left aside: the program would not work.
    """
    return all(_is_calm(module, one, spared) for one in reached(module, [function]))


def _is_calm(module: Module, function: Function, spared: Collection[ast.AST]) -> bool:
    for node in ast.walk(function):
        if node in spared:
            continue
        match node:
            case ast.Raise() | ast.Assert() | ast.With() | ast.Import() | ast.ImportFrom():
                return False
            case ast.Delete() | ast.Await() | ast.Yield() | ast.YieldFrom():
                return False
            case ast.BinOp(op=ast.Div() | ast.FloorDiv() | ast.Mod(), right=right, left=left):
                text = isinstance(left, (ast.JoinedStr, ast.Constant)) and isinstance(
                    getattr(left, "value", ""), str
                )
                if not text and not (isinstance(right, ast.Constant) and right.value):
                    return False
            case ast.Subscript(ctx=ast.Load(), slice=slice_):
                if not isinstance(slice_, ast.Slice):
                    return False
            case ast.Call():
                if not _calm_call(module, node):
                    return False
    return True


def _calm_call(module: Module, call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if name in _QUIET:
        return True
    if isinstance(call.func, ast.Name):
        if call.func.id in module.functions:
            return True  # judged itself
        if name == "range":
            return is_builtin(module, call.func)
        known = name in PURE and name not in _RAISING and hasattr(builtins, name)
        return known and is_builtin(module, call.func)
    if isinstance(call.func, ast.Attribute):
        return call.func.attr in (CALM_METHODS | _ADDING) - {"index", "encode", "decode"}
    return False
