"""Whether a worker is expected to raise an exception."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterable

from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.shapes.pure import CALM_METHODS, PURE, is_builtin
from flake8_mpglobals.fixes.touches import reached

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
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


def calm_behind(
    module: Module,
    function: Function,
    statements: Iterable[ast.stmt],
    spared: Collection[ast.AST] = (),
) -> bool:
    """Whether nothing is known to raise that ``function`` does behind one of ``statements``."""
    return all(_calm_after(module, function, one, spared) for one in statements)


def _calm_after(
    module: Module, function: Function, statement: ast.stmt, spared: Collection[ast.AST]
) -> bool:
    inner: ast.AST = statement
    while inner is not function:
        holder = module.parents[inner]
        behind: list[ast.stmt] = []
        if isinstance(inner, ast.stmt):
            block = module.block(inner)
            behind = block[block.index(inner) + 1 :]
            if isinstance(holder, ast.Try):
                behind = [*behind, *holder.orelse, *holder.finalbody]
        if isinstance(holder, _LOOPS):
            behind = [holder]
        for one in behind:
            helpers = [module.functions[name] for name in _called(one) & {*module.functions}]
            if not _is_calm(module, one, spared):
                return False
            if not all(_is_calm(module, each, spared) for each in reached(module, helpers)):
                return False
        if any(isinstance(one, (ast.Return, ast.Raise)) for one in behind):
            return True
        inner = holder
    return True


def _called(statement: ast.stmt) -> set[str]:
    calls = [node.func for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return {func.id for func in calls if isinstance(func, ast.Name)}


def _is_calm(module: Module, function: ast.stmt, spared: Collection[ast.AST]) -> bool:
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
