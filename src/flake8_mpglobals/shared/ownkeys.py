"""Is a key one that only this worker uses?  Then nobody comes between its read and its store.

A slot that follows from the task's own argument, or from the identity of the
process, is the worker's own, unless the tasks are seen to repeat.
"""

from __future__ import annotations

import ast

from flake8_mpglobals.dispatches import DispatchSite
from flake8_mpglobals.evaluate import (
    External,
    bound_to,
)
from flake8_mpglobals.ir import (
    Attr,
    Cell,
    Element,
    Fresh,
    Function,
    Global,
    Item,
    Param,
    Phi,
    Result,
    Scalar,
    Seen,
    Value,
)
from flake8_mpglobals.shared.code import Code
from flake8_mpglobals.shared.sharing import Run, Sharing

_MIXES = (ast.Mod, ast.FloorDiv, ast.BitAnd, ast.RShift)
"""Operators that give several workers the same key."""

_PROCESS = frozenset(
    (
        "os.getpid",
        "multiprocessing.current_process",
        "multiprocessing.process.current_process",
        "uuid.uuid4",
        "threading.get_ident",
    )
)
"""What tells one process from another."""

_KEEPS = frozenset(("str", "int", "repr", "hex", "tuple", "abs"))
"""Builtins that keep different keys different."""

_EDITS = frozenset(("replace", "removeprefix", "strip", "rstrip", "lstrip", "split", "format"))
"""Methods of a name that leave in it what tells it from others."""

_REPEATS = ("split", "splitlines", "choices", "choice", "randint", "random", "lower", "read")

_DEEP = 8


class OwnKeys:
    """Answers for one program which keys are a worker's own."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing

    def is_own(self, function: Function, key: ast.expr | None, runs: tuple[Run, ...]) -> bool:
        """Whether each of ``runs`` uses another ``key`` of ``function``."""
        if key is None or not runs:
            return False
        code = self._sharing.code(function)
        return all(self._own(code, key, run, 0) for run in runs)

    def _own(self, code: Code, key: ast.expr, run: Run, depth: int) -> bool:
        if depth > _DEEP:
            return False
        values = code.values(key)
        if values and all(self._own_value(value, run, depth) for value in values):
            return True
        parts: list[ast.expr] = []
        if isinstance(key, ast.Slice):
            parts = [part for part in (key.lower, key.upper) if part is not None]
        elif isinstance(key, ast.BinOp):
            if isinstance(key.op, _MIXES):
                return False
            parts = [key.left, key.right]
        elif isinstance(key, ast.Tuple):
            parts = list(key.elts)
        elif isinstance(key, ast.JoinedStr):
            parts = [part.value for part in key.values if isinstance(part, ast.FormattedValue)]
        elif isinstance(key, ast.Call) and isinstance(key.func, ast.Name):
            parts = list(key.args) if key.func.id in _KEEPS else []
        elif isinstance(key, ast.Call) and isinstance(key.func, ast.Attribute):
            parts = [key.func.value] if key.func.attr in _EDITS else []
        elif isinstance(key, ast.Attribute) and key.attr in ("name", "pid", "ident"):
            parts = [key.value]
        elif isinstance(key, ast.Name):
            assigned = assigned_in(code, key.id)
            return bool(assigned) and all(self._own(code, e, run, depth + 1) for e in assigned)
        return any(self._own(code, part, run, depth + 1) for part in parts)

    def _own_value(self, value: Value, run: Run, depth: int) -> bool:
        """Whether ``value`` follows from what only this worker is given."""
        if depth > _DEEP:
            return False
        if isinstance(value, Param):
            if value.function is run.entry:
                return self._own_argument(value, run)
            passed = self._sharing.evaluator.inputs.get(value, ())
            return bool(passed) and all(self._own_value(v, run, depth + 1) for v in passed)
        if isinstance(value, Item) and isinstance(value.key, int):
            return isinstance(value.base, Param) and self._own_value(value.base, run, depth + 1)
        if isinstance(value, Attr):
            base = value.base
            if isinstance(base, Param) and base.index == 0 and base.function.has_self:
                return bool(run.site.api.method)
            if isinstance(base, Attr):
                return self._given_each(base, run)
            return isinstance(base, Result) and self._own_value(base, run, depth + 1)
        if isinstance(value, Element) and isinstance(value.base, Result):
            call = value.base.call
            if self._is(value.base, "builtins.range"):
                code = self._sharing.code(call.function)
                node = call.node
                assert isinstance(node, ast.Call)
                return any(self._own(code, part, run, depth + 1) for part in node.args)
            return False
        if isinstance(value, Result):
            return any(self._is(value, name) for name in _PROCESS)
        return False

    def _given_each(self, value: Attr, run: Run) -> bool:
        """Whether an attribute of the process object is what a loop over such things gives:
        each process is made with one of its own.
        """
        base, evaluator = value.base, self._sharing.evaluator
        if not isinstance(base, Param) or base.index or not base.function.has_self:
            return False
        cls = base.function.cls
        if cls is None or not run.site.api.method:
            return False
        kept = cls.self_attributes.get(value.name, ())
        given = [evaluator.inputs.get(one, ()) if isinstance(one, Param) else () for one in kept]
        return bool(given) and all(values and all(map(_from_a_loop, values)) for values in given)

    def _is(self, value: Result, name: str) -> bool:
        return External(name) in self._sharing.evaluator.things(value.call.callee)

    def _own_argument(self, param: Param, run: Run) -> bool:
        """Whether a dispatch gives each of its workers another argument."""
        site = run.site
        for target in site.workers:
            if target.function is run.entry:
                given = bound_to(target.bindings, param)
                if given is None:
                    return False
                if all(_fixed(value) for value in given):
                    return self._told_apart(site)
        node = site.call.node
        if isinstance(node, ast.Call) and site.api.tasks in ("each", "zip") and len(node.args) > 1:
            return not self._repeats(self._sharing.code(site.call.function), node.args[1], 0)
        return True

    def _told_apart(self, site: DispatchSite) -> bool:
        """Whether a dispatch of constants happens once, and no other one has the same."""
        if self._sharing.code(site.call.function).loops(site.call):
            return False
        text = ast.dump(site.call.node)
        return not any(
            other is not site and ast.dump(other.call.node) == text
            for other in self._sharing.boundaries.sites
        )

    def _repeats(self, code: Code, node: ast.expr, depth: int) -> bool:
        """Whether an iterable of tasks is seen to hold the same one twice."""
        if isinstance(node, ast.List | ast.Tuple):
            texts = [ast.dump(part) for part in node.elts]
            return len(set(texts)) < len(texts)
        if isinstance(node, ast.BinOp):
            return isinstance(node.op, ast.Mult)
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str)
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            return isinstance(node.elt, ast.Constant) or self._repeats(code, node.elt, depth + 1)
        if isinstance(node, ast.Call):
            func = node.func
            if isinstance(func, ast.Attribute):
                return func.attr in _REPEATS
            return (
                isinstance(func, ast.Name)
                and func.id in ("list", "sorted", "iter")
                and bool(node.args)
                and self._repeats(code, node.args[0], depth + 1)
            )
        if isinstance(node, ast.Name) and depth < 3:
            assigned = assigned_in(code, node.id)
            if not assigned and not code.function.is_module:
                code = self._sharing.code(code.function.module.body)
                assigned = assigned_in(code, node.id)
            return any(self._repeats(code, value, depth + 1) for value in assigned)
        return False


def _from_a_loop(value: Value) -> bool:
    """Whether a value is what a loop gives each time."""
    if isinstance(value, Seen | Phi):
        return bool(value.slot.values) and all(map(_from_a_loop, value.slot.values))
    return isinstance(value, Element)


def _fixed(value: Value) -> bool:
    """Whether a value is the same whenever it is looked at: a name for one object."""
    if isinstance(value, Seen | Phi):
        return all(_fixed(held) for held in value.slot.values)
    if isinstance(value, Item) and isinstance(value.base, Fresh) and value.key is not None:
        held_there = value.base.display.items.get(value.key, frozenset())
        return bool(held_there) and all(_fixed(held) for held in held_there)
    return isinstance(value, Global | Cell | Scalar)


def assigned_in(code: Code, name: str) -> list[ast.expr]:
    """Return what is assigned to a local name; nothing where that is not all there is."""
    found: list[ast.expr] = []
    for node in code.nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    found.append(node.value)
        elif (
            isinstance(node, ast.AnnAssign | ast.NamedExpr)
            and isinstance(node.target, ast.Name)
            and node.target.id == name
            and node.value is not None
        ):
            found.append(node.value)
    return found
