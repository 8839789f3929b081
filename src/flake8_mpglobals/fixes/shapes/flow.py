"""What is written depends on what was read; what was stored is changed later.

Both are fine on a plain list in one process and wrong on a shared one: the first
needs a lock, the second changes an object that has been copied already.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.shapes.proxy_use import CALM_METHODS, PURE, Uses, is_builtin
from flake8_mpglobals.fixes.touches import Touches

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_MADE_HERE = {
    "open": "an open file",
    "iter": "an iterator",
    "map": "an iterator",
    "filter": "an iterator",
    "zip": "an iterator",
    "enumerate": "an iterator",
    "reversed": "an iterator",
    "Lock": "a lock",
    "RLock": "a lock",
    "Event": "an event",
    "Thread": "a thread",
    "socket": "a socket",
    "connect": "a connection",
}


class Flow:
    """Judges the data and control flow of one worker's function."""

    def __init__(self, module: Module, touches: Touches, function: Function, uses: Uses) -> None:
        self._module = module
        self._touches = touches
        self._function = function
        self._uses = uses
        self._reads = {id(node) for node in uses.reads}
        self._tainted = self._taint()

    def judge(self, *, helper: bool) -> None:
        """Raise :class:`CannotFix` where sharing the place would need more than a proxy.

        ``helper`` says that the function is called by other worker code, so that
        what it returns matters.
        """
        self._dependence(helper=helper)
        for node, value in self._uses.stored:
            self._picklable(value)
            self._changed_later(node, value)

    # -- reads that decide writes

    def _taint(self) -> frozenset[str]:
        """Return the local names whose value may come from the place."""
        tainted: set[str] = set()
        while True:
            before = len(tainted)
            for node in ast.walk(self._function):
                match node:
                    case ast.Assign():
                        sources, targets = node.value, node.targets
                    case ast.AugAssign() | ast.AnnAssign() | ast.NamedExpr() if node.value:
                        sources, targets = node.value, [node.target]
                    case ast.For() | ast.AsyncFor() | ast.comprehension():
                        sources, targets = node.iter, [node.target]
                    case _:
                        continue
                if self._reads_place(sources, tainted):
                    tainted.update(name for target in targets for name in _names(target))
            if len(tainted) == before:
                return frozenset(tainted - {self._touches.place})

    def _reads_place(self, node: ast.AST, tainted: set[str] | frozenset[str]) -> bool:
        return any(
            id(one) in self._reads or (isinstance(one, ast.Name) and one.id in tainted)
            for one in ast.walk(node)
        )

    def _dependence(self, *, helper: bool) -> None:
        place, function = self._touches.place, self._function
        names_writer = any(
            isinstance(node, ast.Call) and self._calls_touching(node) for node in ast.walk(function)
        )
        writes = bool(self._uses.writes) or names_writer
        for node in self._uses.writes:
            parts = self._parts(node)
            if any(self._reads_place(part, self._tainted) for part in parts):
                raise self._lock(node)
        for node in ast.walk(function):
            if writes and any(self._reads_place(test, self._tainted) for test in _tests(node)):
                raise self._lock(node)
            if isinstance(node, ast.Call) and self._calls_touching(node):
                arguments = [*node.args, *(one.value for one in node.keywords)]
                if any(self._reads_place(one, self._tainted) for one in arguments):
                    raise self._lock(node)
            if (
                helper
                and isinstance(node, ast.Return)
                and node.value is not None
                and self._reads_place(node.value, self._tainted)
            ):
                raise CannotFix(
                    f"{function.name!r} (line {node.lineno}) gives worker code what it read from "
                    f"{place!r}, and a write may depend on it: that needs a lock"
                )

    def _parts(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what decides a write: arguments, key and value, not the place itself."""
        match node:
            case ast.Call():
                yield from node.args
                yield from (one.value for one in node.keywords)
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign() if node.value is not None:
                yield node.value
            case _:
                yield node

    def _calls_touching(self, call: ast.Call) -> bool:
        return any(
            not (isinstance(use, ast.Name) and use.id == self._touches.place)
            for use in self._touches.uses(call.func)
        )

    def _lock(self, node: ast.AST) -> CannotFix:
        return CannotFix(
            f"worker code {self._function.name!r} writes to {self._touches.place!r} what depends "
            f"on reading it (line {getattr(node, 'lineno', self._function.lineno)}): "
            "that needs a lock around both; or return the values and combine them in the parent"
        )

    # -- what is stored

    def _picklable(self, value: ast.expr) -> None:
        for node in self._origins(value):
            what = self._unpicklable(node)
            if what:
                raise CannotFix(
                    f"line {node.lineno} stores {what} in {self._touches.place!r}: "
                    "it cannot be pickled, so no process can share it"
                )

    def _origins(self, value: ast.expr, depth: int = 4) -> Iterator[ast.expr]:
        """Yield the expressions of which a stored value may be, or hold, the result."""
        for node in ast.walk(value):
            if not isinstance(node, ast.expr):
                continue
            yield node
            if isinstance(node, ast.Name) and depth:
                for other in ast.walk(self._function):
                    match other:
                        case ast.Assign() if node.id in {
                            n for target in other.targets for n in _names(target)
                        }:
                            yield from self._origins(other.value, depth - 1)
                        case ast.withitem() if other.optional_vars is not None and node.id in set(
                            _names(other.optional_vars)
                        ):
                            yield from self._origins(other.context_expr, depth - 1)

    def _unpicklable(self, node: ast.expr) -> str:
        parent = self._module.parents.get(node)
        if isinstance(node, ast.Lambda):
            return "" if isinstance(parent, (ast.keyword, ast.Call)) else "a lambda"
        consumed = isinstance(parent, ast.Call) and parent.func is not node
        if isinstance(node, ast.GeneratorExp) and not consumed:
            return "a generator"
        if isinstance(node, ast.Name):
            for other in ast.walk(self._function):
                if other is self._function:
                    continue
                match other:
                    case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                        if other.name == node.id:
                            return "something defined inside a function"
        if isinstance(node, ast.Call) and not consumed:
            name = ast.unparse(node.func).rpartition(".")[2]
            function = self._module.functions.get(name)
            if function is not None and any(
                isinstance(one, (ast.Yield, ast.YieldFrom)) for one in ast.walk(function)
            ):
                return "a generator"
            held = isinstance(parent, (ast.For, ast.comprehension, ast.Attribute, ast.Starred))
            return "" if held else _MADE_HERE.get(name, "")
        return ""

    def _changed_later(self, node: ast.AST, value: ast.expr) -> None:
        """Refuse where an object is changed after a copy of it went to the manager."""
        for root in _roots(self._module, value):
            if self._module.is_global(root):
                self._global_object(root)
                continue
            for other in ast.walk(self._function):
                if not (isinstance(other, ast.Name) and other.id == root.id and other is not root):
                    continue
                if self._after(node, other) and self._may_change(other):
                    raise CannotFix(
                        f"line {other.lineno} may change {root.id!r} after it was stored in "
                        f"{self._touches.place!r}; a shared list or dict holds a copy: "
                        "store it when it is complete"
                    )

    def _global_object(self, root: ast.Name) -> None:
        bound = self._module.bindings(root.id)
        if root.id == self._touches.place or not bound:
            return
        for one in bound:
            parent = self._module.parents.get(one)
            if isinstance(one, ast.Name) and not (
                isinstance(parent, (ast.Assign, ast.AnnAssign))
                and parent.value is not None
                and _immutable(parent.value)
            ):
                raise CannotFix(
                    f"line {root.lineno} stores the module-level object {root.id!r} in "
                    f"{self._touches.place!r}: it would be stored as a copy"
                )

    def _after(self, store: ast.AST, use: ast.Name) -> bool:
        """Whether ``use`` may run after ``store`` on the same object."""
        where = self._module.statement(store)
        loops = [
            one
            for one in self._module.ancestors(store)
            if isinstance(one, _LOOPS) and self._module.inside(one, self._function)
        ]
        common = [loop for loop in loops if self._module.inside(use, loop)]
        if common and not self._renewed(common[0], use.id):
            return True
        end = (where.end_lineno or where.lineno, where.end_col_offset or 0)
        return (use.lineno, use.col_offset) >= end

    def _renewed(self, loop: ast.AST, name: str) -> bool:
        """Whether each turn of the loop begins with another object under ``name``."""
        if isinstance(loop, (ast.For, ast.AsyncFor)) and name in _names(loop.target):
            return True
        body = getattr(loop, "body", [])
        return any(
            isinstance(one, (ast.Assign, ast.AnnAssign))
            and name in {n for t in _targets(one) for n in _names(t)}
            for one in body
        )

    def _may_change(self, use: ast.Name) -> bool:
        node: ast.expr = use
        parent = self._module.parents[node]
        if isinstance(use.ctx, ast.Store):
            if isinstance(parent, ast.AugAssign):
                return not isinstance(parent.value, ast.Constant)
            return False
        while True:
            match parent:
                case ast.Attribute() | ast.Subscript() if parent.value is node:
                    if not isinstance(parent.ctx, ast.Load):
                        return True
                    node, parent = parent, self._module.parents[parent]
                case ast.Call() if parent.func is node:
                    if not isinstance(node, ast.Attribute) or node.attr not in CALM_METHODS:
                        return True
                    node, parent = parent, self._module.parents[parent]
                case ast.Call() | ast.keyword():
                    call = parent if isinstance(parent, ast.Call) else self._module.parents[parent]
                    assert isinstance(call, ast.Call)
                    if any(call is one for one, _ in self._uses.stored):
                        return False
                    name = ast.unparse(call.func)
                    return not (is_builtin(self._module, call.func) and name in PURE)
                case ast.Assign() | ast.AnnAssign() | ast.NamedExpr():
                    stored = any(parent is one for one, _ in self._uses.stored)
                    return parent.value is node and not stored
                case ast.For() | ast.comprehension():
                    return True
                case (
                    ast.Tuple() | ast.List() | ast.Dict() | ast.Set() | ast.Starred() | ast.IfExp()
                ):
                    node, parent = parent, self._module.parents[parent]
                case _:
                    return False


def _names(target: ast.AST) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _tests(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the expressions by which a statement or expression chooses what runs."""
    match node:
        case ast.If() | ast.While() | ast.IfExp() | ast.Assert():
            yield node.test
        case ast.BoolOp():
            yield from node.values[:-1]
        case ast.For() | ast.AsyncFor():
            yield node.iter
        case ast.comprehension():
            yield from node.ifs
        case ast.Match():
            yield node.subject
        case ast.Try():
            if node.handlers:
                yield from node.body


def _roots(module: Module, value: ast.expr) -> Iterator[ast.Name]:
    """Yield the names whose object ``value`` may be or hold."""
    match value:
        case ast.Name():
            yield value
        case ast.Attribute() | ast.Subscript() | ast.Starred() | ast.NamedExpr() | ast.Await():
            yield from _roots(module, value.value)
        case ast.Tuple() | ast.List() | ast.Set():
            for one in value.elts:
                yield from _roots(module, one)
        case ast.Dict():
            for part in (*value.keys, *value.values):
                if part is not None:
                    yield from _roots(module, part)
        case ast.IfExp():
            yield from _roots(module, value.body)
            yield from _roots(module, value.orelse)
        case ast.BoolOp():
            for one in value.values:
                yield from _roots(module, one)
        case ast.Call():
            func = value.func
            if isinstance(func, ast.Name) and func.id in PURE - {"list", "tuple", "dict", "zip"}:
                return
            if isinstance(func, ast.Attribute):
                if func.attr in CALM_METHODS - {"get", "copy", "values", "items"}:
                    return
                if isinstance(func.value, (ast.Name, ast.Attribute)) and not _is_module(
                    module, func.value
                ):
                    yield from _roots(module, func.value)
            for one in (*value.args, *(keyword.value for keyword in value.keywords)):
                yield from _roots(module, one)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            inner = {name for g in value.generators for name in _names(g.target)}
            yield from (one for one in _roots(module, value.elt) if one.id not in inner)
        case ast.DictComp():
            inner = {name for g in value.generators for name in _names(g.target)}
            for key_or_value in (value.key, value.value):
                roots = _roots(module, key_or_value)
                yield from (one for one in roots if one.id not in inner)


def _is_module(module: Module, node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and any(
        isinstance(one, (ast.Import, ast.ImportFrom)) for one in module.bindings(node.id)
    )


def _immutable(value: ast.expr) -> bool:
    match value:
        case ast.Constant() | ast.JoinedStr():
            return True
        case ast.UnaryOp():
            return _immutable(value.operand)
        case ast.BinOp():
            return _immutable(value.left) and _immutable(value.right)
        case ast.Tuple():
            return all(_immutable(one) for one in value.elts)
    return False
