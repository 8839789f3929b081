"""Is a lock of all processes held here?  ``with``, ``acquire``/``release``, callers, decorators.

What may be a lock, or may take one, counts as one: then nothing is reported.
"""

from __future__ import annotations

import ast

from flake8_mpglobals.evaluate import (
    Box,
    External,
    Func,
    Generator,
    Handle,
    Obj,
    Plain,
    Shared,
    Thing,
    Type,
)
from flake8_mpglobals.ir import Attr, Call, Function, Result, Value, Values
from flake8_mpglobals.shared.code import Span, span, within
from flake8_mpglobals.shared.sharing import Sharing

_NO_LOCKS = frozenset(
    (
        "builtins", "io", "tempfile", "contextlib", "warnings", "subprocess", "socket", "zipfile",
        "tarfile", "gzip", "bz2", "lzma", "urllib", "requests", "httpx", "tqdm", "numpy", "torch",
        "PIL", "os", "decimal", "h5py", "unittest", "time", "pathlib", "codecs", "csv", "rasterio",
    )
)  # fmt: skip
"""Packages whose context managers lock nothing that processes have in common."""

_HARMLESS = frozenset(("functools", "contextlib", "builtins", "typing", "abc", "dataclasses"))
"""Packages whose decorators take no lock."""

_FOREVER = (1 << 30, 0)


class Locks:
    """Answers whether a lock is held at a point of the code, for one program."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing
        self._regions: dict[Function, tuple[Span, ...]] = {}
        self._always: dict[Function, bool] = {}
        self._callers: dict[Function, list[Call]] | None = None

    def held(self, function: Function, node: ast.AST) -> bool:
        """Whether a lock is, or may be, held where ``node`` stands."""
        return self._held_here(function, node) or self._by_callers(function)

    def _held_here(self, function: Function, node: ast.AST) -> bool:
        return any(within(node, region) for region in self.regions(function))

    def _by_callers(self, function: Function) -> bool:
        """Whether every way into ``function`` holds a lock already."""
        known = self._always.get(function)
        if known is not None:
            return known
        self._always[function] = True  # a cycle adds no way in
        found = self._decorated(function) or (
            not self._is_entry(function)
            and bool(callers := self._calls_of(function))
            and all(
                self._held_here(call.function, call.node) or self._by_callers(call.function)
                for call in callers
            )
        )
        self._always[function] = found
        return found

    def _is_entry(self, function: Function) -> bool:
        return function.is_module or any(
            run.entry is function for run in self._sharing.runs(function)
        )

    def _calls_of(self, function: Function) -> list[Call]:
        if self._callers is None:
            self._callers = {}
            for caller in self._sharing.functions:
                if self._sharing.in_worker(caller):
                    for call, target in self._sharing.boundaries.edges_of(caller):
                        self._callers.setdefault(target.function, []).append(call)
        return self._callers.get(function, [])

    def _decorated(self, function: Function) -> bool:
        """Whether a decorator takes (or may take) a lock around ``function``."""
        evaluator = self._sharing.evaluator
        for values in function.decorators:
            for thing in evaluator.things(values):
                if isinstance(thing, Func):
                    inner = [
                        made.function
                        for made in evaluator.things(thing.function.returns)
                        if isinstance(made, Func)
                    ]
                    if not inner or any(self.takes(f) for f in inner):
                        return True
                elif isinstance(thing, Type | Obj):
                    called = evaluator.method(thing.cls, "__call__")
                    if called is None or self.takes(called):
                        return True
                elif isinstance(thing, External):
                    if thing.name.partition(".")[0] not in _HARMLESS:
                        return True
                else:
                    return True
        return False

    def takes(self, function: Function) -> bool:
        """Whether ``function`` takes a lock at all."""
        return bool(self.regions(function))

    # -- regions -----------------------------------------------------------------

    def regions(self, function: Function) -> tuple[Span, ...]:
        """Return the parts of a function in which a lock is, or may be, held."""
        known = self._regions.get(function)
        if known is None:
            self._regions[function] = ()
            known = self._regions[function] = (*self._with(function), *self._pairs(function))
        return known

    def _with(self, function: Function) -> list[Span]:
        code = self._sharing.code(function)
        found: list[Span] = []
        for node in code.nodes:
            if not isinstance(node, ast.With | ast.AsyncWith):
                continue
            if any(self._is_lock(code.values(item.context_expr)) for item in node.items):
                found.append((span(node.body[0])[0], span(node.body[-1])[1]))
        return found

    def _pairs(self, function: Function) -> list[Span]:
        """Return what lies between taking a lock and the last release before it is taken again."""
        taken: list[tuple[int, int]] = []
        freed: list[tuple[int, int]] = []
        for call in function.calls:
            what = self._takes_or_frees(call)
            if "take" in what:
                taken.append(span(call.node)[1])
            if "free" in what:
                freed.append(span(call.node)[0])
        taken.sort()
        found: list[Span] = []
        for index, start in enumerate(taken):
            following = taken[index + 1] if index + 1 < len(taken) else _FOREVER
            ends = [end for end in freed if start <= end < following]
            found.append((start, max(ends, default=_FOREVER)))
        return found

    def _takes_or_frees(self, call: Call) -> set[str]:
        found: set[str] = set()
        for callee in call.callee:
            if not isinstance(callee, Attr):
                continue
            if callee.name == "enter_context" and call.args and self._is_lock(call.args[0]):
                found.add("take")
            elif callee.name in ("acquire", "__enter__", "lock"):
                if self._is_lock(frozenset((callee.base,))):
                    found.add("take")
            elif callee.name in ("release", "__exit__", "unlock"):
                found.add("free")
        for target in self._sharing.boundaries.edges.get(call, ()):
            if target.function is not call.function:
                found |= self._net(target.function)
        return found

    def _net(self, function: Function) -> set[str]:
        """Return whether a helper comes back with a lock taken, or one freed."""
        names = {
            callee.name
            for call in function.calls
            for callee in call.callee
            if isinstance(callee, Attr) and self._is_lock(frozenset((callee.base,)))
        }
        takes = "acquire" in names or "__enter__" in names
        frees = "release" in names or "__exit__" in names
        if takes == frees:
            return set()
        return {"take"} if takes else {"free"}

    def _is_lock(self, values: Values) -> bool:
        """Whether ``values`` are, or may be, a lock; what is not known at all may be one."""
        return not values or any(self._may_lock(value) for value in values)

    def _may_lock(self, value: Value) -> bool:
        things = self._sharing.evaluator.thing(value)
        return not things or any(self._locks(thing, value) for thing in things)

    def _locks(self, thing: Thing, value: Value) -> bool:
        evaluator = self._sharing.evaluator
        if isinstance(thing, Shared):
            if thing.threads or not self._protects(thing):
                return False
            return thing.kind == "lock" or (thing.kind in ("value", "array"))
        if isinstance(thing, Generator):
            return self.takes(thing.function)
        if isinstance(thing, Obj):
            enter = evaluator.method(thing.cls, "__enter__") or evaluator.method(
                thing.cls, "acquire"
            )
            return enter is None or self.takes(enter)
        if isinstance(thing, Box | Plain | Handle | Func | Type):
            return False
        return not self._known_otherwise(value)

    def _protects(self, thing: Shared) -> bool:
        """Whether a lock is one for several processes: not made in the worker that takes it."""
        if thing.call is None or thing.call.function.is_module:
            return True
        maker = thing.call.function
        return maker in self._sharing.reach.parent or not self._sharing.in_worker(maker)

    def _known_otherwise(self, value: Value) -> bool:
        """Whether an unknown context manager comes from where no locks come from."""
        if not isinstance(value, Result):
            return False
        things = self._sharing.evaluator.things(value.call.callee)
        if any(isinstance(c, Attr) and c.name == "open" for c in value.call.callee):
            return True
        return bool(things) and all(
            isinstance(thing, External) and thing.name.partition(".")[0] in _NO_LOCKS
            for thing in things
        )
