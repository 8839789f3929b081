"""Primitives of threads on which processes rely: each process has its own.

An event, condition or queue is relied on where one process waits for what another
one does; a lock where it guards what processes have in common (a file, the
output, a shared object), or where it is handed to a process.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flake8_mpglobals.dispatches import DispatchSite
from flake8_mpglobals.evaluate import Func, Obj, Shared, Type
from flake8_mpglobals.facts import SharedUse
from flake8_mpglobals.ir import (
    Attr,
    Call,
    Class,
    Function,
    Param,
    Store,
    Value,
    anchor,
    is_state,
    root,
    state_name,
)
from flake8_mpglobals.rawwrites import library_names
from flake8_mpglobals.shared.code import Span, within
from flake8_mpglobals.shared.sharing import Run, Sharing
from flake8_mpglobals.shared.uses import Use, uses

_WAITS = frozenset(("wait", "is_set", "get", "get_nowait", "wait_for", "join"))
_LOOKS = _WAITS | frozenset(("qsize", "empty", "full", "queue"))
"""What asks for what others did, be it done or not."""

_TELLS = frozenset(
    ("set", "clear", "put", "put_nowait", "notify", "notify_all", "task_done", "abort")
)

_OUTPUT = frozenset(("builtins.print",))
_WRITES = frozenset(
    (
        "json.dump", "pickle.dump", "yaml.dump", "numpy.save", "numpy.savetxt",
    )
)  # fmt: skip
_WRITE_METHODS = frozenset(("write_text", "write_bytes", "to_csv", "to_parquet", "writerow"))
_DEEP = 3


class InThreads:
    """Finds the uses in workers of what only threads can share, for one program."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing
        self._in_workers: dict[Call, list[tuple[Use, tuple[Run, ...]]]] = {}
        self._in_parent: dict[Call, list[Use]] = {}

    def find(self) -> Iterator[SharedUse]:
        """Yield the uses in workers that wait for, or tell, or keep out, nobody."""
        self._gather()
        for found in self._in_workers.values():
            for use, runs in found:
                if self._relied_on(use, runs):
                    yield from self._sharing.use(
                        "threads",
                        use.function,
                        use.node,
                        _name(use.value),
                        verb=use.method,
                        thing=use.thing,
                        runs=runs,
                    )

    def _gather(self) -> None:
        """Note who uses which primitive that the parent makes."""
        theirs = self._called_back_in_workers()
        for function in self._sharing.functions:
            runs = tuple(run for run in self._sharing.runs(function) if not self._only_called(run))
            for use in uses(self._sharing, function):
                call = use.thing.call
                if not use.thing.threads or call is None or not self._of_parent(call):
                    continue
                if use.thing.kind == "thread local" or use.node is call.node:
                    continue
                if self._left_out(use.value):
                    continue
                there = tuple(run for run in runs if not _either_or(run.site.call, call))
                if there:
                    self._in_workers.setdefault(call, []).append((use, there))
                if function in self._sharing.reach.parent and function not in theirs:
                    self._in_parent.setdefault(call, []).append(use)

    def _only_called(self, run: Run) -> bool:
        """Whether the module that makes a process calls its ``run()``, and starts none: a test."""
        site = run.site
        classes = {target.cls for target in site.workers if target.function.name == "run"}
        if not classes or not site.api.method or None in classes:
            return False
        module = site.call.function.module
        called = {
            callee.name
            for function in (module.body, *module.functions)
            for call in function.calls
            for callee in call.callee
            if isinstance(callee, Attr) and callee.name in ("start", "run")
            if any(
                isinstance(thing, Obj) and thing.cls in self._made(site)
                for thing in self._sharing.evaluator.thing(callee.base)
            )
        }
        return called == {"run"}

    def _made(self, site: DispatchSite) -> frozenset[Class]:
        """Return the classes of the processes that a dispatch makes."""
        things = self._sharing.evaluator.things(site.call.callee)
        return frozenset(thing.cls for thing in things if isinstance(thing, Type))

    def _of_parent(self, made: Call) -> bool:
        """Whether the parent alone makes an object: workers get what they have from it."""
        return made.function.is_module or not self._sharing.in_worker(made.function)

    def _left_out(self, value: Value) -> bool:
        """Whether the class of an object says what pickling makes of an attribute: as a rule
        each process gets one of its own.
        """
        if not isinstance(value, Attr):
            return False
        evaluator = self._sharing.evaluator
        return any(
            value.name in (getattr(node, "attr", None), getattr(node, "value", None))
            for thing in evaluator.thing(value.base)
            if isinstance(thing, Obj)
            for name in ("__getstate__", "__setstate__")
            if (method := evaluator.method(thing.cls, name)) is not None
            for node in ast.walk(method.node)
            if isinstance(node, ast.Attribute | ast.Constant)
        )

    def _called_back_in_workers(self) -> set[Function]:
        """Return the functions that workers name without calling: handlers and the like."""
        found: set[Function] = set()
        for function in self._sharing.functions:
            if not self._sharing.in_worker(function):
                continue
            for call in function.calls:
                for values in (*call.args, *call.keywords.values()):
                    for thing in self._sharing.evaluator.things(values):
                        if isinstance(thing, Func):
                            found.add(thing.function)
        return found

    # -- relied on ---------------------------------------------------------------------

    def _relied_on(self, use: Use, runs: tuple[Run, ...]) -> bool:
        """Whether a use in a worker means another process."""
        call = use.thing.call
        assert call is not None
        if self._alone(use):
            return False
        if self._handed_over(use, runs):
            return True
        if use.thing.kind == "lock" and not use.thing.maker.endswith("Condition"):
            return self._guards(use, runs)
        entries = {run.entry for run in runs}
        mine = {
            other.method
            for other, rs in self._in_workers[call]
            if entries & {run.entry for run in rs}
        }
        if mine & _WAITS and mine & _TELLS:
            return False  # threads inside one worker
        others = {
            other.method
            for other, rs in self._in_workers[call]
            if not entries & {run.entry for run in rs}
        }
        others |= {other.method for other in self._in_parent.get(call, ())}
        if use.thing.maker.endswith("Barrier"):
            return "wait" in mine and ("wait" in others or self._sharing.several(runs, use.thing))
        return bool(mine & _WAITS and others & _TELLS) or bool(mine & _TELLS and others & _LOOKS)

    def _alone(self, use: Use) -> bool:
        """Whether the name can also stand for something that processes do share."""
        things = self._sharing.shared((use.value,))
        return any(not thing.threads for thing in things)

    def _handed_over(self, use: Use, runs: Iterable[Run]) -> bool:
        """Whether a dispatch passes the object to the worker as an argument."""
        start = root(use.value)
        if not isinstance(start, Param):
            return False
        for run in runs:
            for target in (*run.site.workers, *run.site.initializers):
                for values in target.bindings.values():
                    for thing in self._sharing.shared(values):
                        if thing.threads and thing.call is use.thing.call:
                            return True
        return False

    def _guards(self, use: Use, runs: tuple[Run, ...]) -> bool:
        """Whether a lock keeps several processes from what they have in common."""
        call = use.thing.call
        assert call is not None
        if not (self._sharing.several(runs, use.thing) or self._in_parent.get(call)):
            return False
        if use.method == "release":
            return False
        what = self._guarded(use.function, use)
        if "write" in what:
            return True
        in_threads = any(
            other.function in self._sharing.boundaries.loose
            for other in self._in_parent.get(call, ())
        )
        return "output" in what and not self._in_parent.get(call) and not in_threads

    def _guarded(self, function: Function, use: Use) -> set[str]:
        """Return what is done while the lock is held."""
        code = self._sharing.code(function)
        regions = []
        for outer, inner in code.around(use.node):
            if isinstance(outer, ast.withitem):
                holder = code.parents.get(outer)
                if isinstance(holder, ast.With | ast.AsyncWith):
                    regions.append((_start(holder.body[0]), _end(holder.body[-1])))
            if isinstance(outer, ast.stmt) or inner is outer:
                break
        free: list[Span] = []
        if use.method == "acquire":
            ends = [
                call.node
                for call in function.calls
                for callee in call.callee
                if isinstance(callee, Attr) and callee.name == "release"
            ]
            start = _start(use.node)
            last = max((_start(end) for end in ends if _start(end) > start), default=(1 << 30, 0))
            regions.append((start, last))
            free = [code.rest_of_block(end) for end in ends if start < _start(end) < last]
        found: set[str] = set()
        for region in regions:
            for call in function.calls:
                if (
                    within(call.node, region)
                    and call.node is not use.node
                    and not any(within(call.node, part) for part in free)
                ):
                    found |= self._does(call, 0, set())
            for store in function.stores:
                if (
                    within(store.node, region)
                    and self._changes_shared(store)
                    and not any(within(store.node, part) for part in free)
                ):
                    found.add("write")
        return found

    def _does(self, call: Call, depth: int, seen: set[Function]) -> set[str]:
        """Return whether a call writes what processes share, or to the output."""
        found: set[str] = set()
        names = library_names(call, self._sharing.evaluator)
        if any(name in _OUTPUT for name in names):
            found.add("output")
        if any(name in _WRITES for name in names):
            found.add("write")
        if "builtins.open" in names and _opens_to_write(call.node):
            found.add("write")
        for callee in call.callee:
            if isinstance(callee, Attr):
                if callee.name in _WRITE_METHODS:
                    found.add("write")
                if callee.name not in ("acquire", "release") and any(
                    self._between_processes(thing) and thing.kind not in ("lock", "manager")
                    for thing in self._sharing.shared((callee.base,))
                ):
                    found.add("write")
        for target in self._sharing.boundaries.edges.get(call, ()):
            inner = target.function
            if depth < _DEEP and inner not in seen:
                seen.add(inner)
                for other in inner.calls:
                    found |= self._does(other, depth + 1, seen)
                if any(self._changes_shared(store) for store in inner.stores):
                    found.add("write")
        return found

    def _changes_shared(self, store: Store) -> bool:
        """Whether something is stored into a shared object, not a name bound to one."""
        return store.how not in ("bind", "unbind") and any(
            self._between_processes(thing) for thing in self._sharing.shared(store.targets)
        )

    def _between_processes(self, thing: Shared) -> bool:
        """Whether several processes have the object: not if a worker makes it for itself."""
        return not thing.threads and (thing.call is None or self._of_parent(thing.call))


def _opens_to_write(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    given = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "mode")]
    return any(
        isinstance(mode, ast.Constant)
        and isinstance(mode.value, str)
        and any(letter in mode.value for letter in "wax+")
        for mode in given
    )


def _start(node: ast.AST) -> tuple[int, int]:
    return (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))


def _end(node: ast.AST) -> tuple[int, int]:
    return (getattr(node, "end_lineno", 0) or 0, getattr(node, "end_col_offset", 0) or 0)


def _either_or(one: Call, other: Call) -> bool:
    """Whether two calls stand in the two branches of one test: with processes or without."""
    if one.function is not other.function:
        return False
    return any(
        (_within(one, test.body) and _within(other, test.orelse))
        or (_within(one, test.orelse) and _within(other, test.body))
        for test in ast.walk(one.function.node)
        if isinstance(test, ast.If)
    )


def _within(call: Call, block: list[ast.stmt]) -> bool:
    return any(node is call.node for statement in block for node in ast.walk(statement))


def _name(value: Value) -> str:
    """Return what people call a primitive."""
    start = anchor(value)
    if is_state(start):
        return state_name(start)
    if isinstance(value, Attr):
        return f"{_name(value.base)}.{value.name}"
    if isinstance(value, Param):
        return value.name
    return "it"
