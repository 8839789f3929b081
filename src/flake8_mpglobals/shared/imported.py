"""Shared objects made on import, which workers reach through a global: one in each process."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_mpglobals.evaluate import Shared
from flake8_mpglobals.facts import SharedUse
from flake8_mpglobals.ir import (
    Attr,
    Call,
    Function,
    Handed,
    Param,
    Value,
    anchor,
    is_state,
    root,
    state_name,
)
from flake8_mpglobals.scene import Scene
from flake8_mpglobals.shared.sharing import Run, Sharing
from flake8_mpglobals.shared.uses import Use, uses


class Imported:
    """Finds what workers take for the parent's object and is their own, for one program."""

    def __init__(self, sharing: Sharing, scene: Scene) -> None:
        self._sharing = sharing
        self._methods = scene.methods
        self._imports = scene.imports
        self._owned: frozenset[Value] | None = None
        self._by_call: dict[Call | None, set[Function]] | None = None

    def find(self) -> Iterator[SharedUse]:
        """Yield the uses in workers of objects that each process makes for itself."""
        for function in self._sharing.functions:
            runs = self._imported_again(function)
            if not runs:
                continue
            for use in uses(self._sharing, function):
                place = self._place(use)
                if (
                    place is not None
                    and self._made_on_import(use.thing)
                    and not self._alone(use.thing, runs)
                ):
                    yield from self._sharing.use(
                        "import",
                        function,
                        use.node,
                        state_name(place),
                        verb="reaches",
                        thing=use.thing,
                        runs=runs,
                    )

    def _alone(self, thing: Shared, runs: tuple[Run, ...]) -> bool:
        """Whether one worker at a time uses an object, all by code that it runs itself: when
        the parent runs that code, too, it is about its own.
        """
        if self._sharing.several(runs, thing):
            return False
        regions = self._sharing.reach.regions
        inside = [regions[run.entry].entered for run in runs if run.entry in regions]
        users = self._users().get(thing.call, set())
        return bool(inside) and all(user in region for user in users for region in inside)

    def _users(self) -> dict[Call | None, set[Function]]:
        """Return the functions that use the object of each call that makes one."""
        if self._by_call is None:
            self._by_call = {}
            for function in self._sharing.functions:
                for use in uses(self._sharing, function):
                    self._by_call.setdefault(use.thing.call, set()).add(function)
        return self._by_call

    def _imported_again(self, function: Function) -> tuple[Run, ...]:
        """Return the ways to ``function`` in processes that may import the module anew."""
        return tuple(
            run
            for run in self._sharing.runs(function)
            if run.site.api.kind == "process" and not self._methods.forks_only(run.site)
        )

    def _place(self, use: Use) -> Value | None:
        """Return the global by which an object is reached; None where it was handed over."""
        came = isinstance(root(use.value), Param) and not self._of_a_global(use.value)
        places = self._sharing.evaluator.places((use.value,))
        for place in sorted(places, key=state_name):
            start = anchor(place)
            if isinstance(start, Param) or (came and not isinstance(start, Attr)):
                continue  # it came with an object, whatever that was made of
            if is_state(start) and start not in self._rebound():
                return start
        return None

    def _of_a_global(self, path: Value) -> bool:
        """Whether what is reached by way of a parameter can be part of a global's object."""
        reach = self._sharing.reach
        starts = (anchor(place) for place, _ in reach.globals_for(path, reach.passed))
        return any(is_state(start) and not isinstance(start, Handed) for start in starts)

    def _rebound(self) -> frozenset[Value]:
        """Return the globals that workers or initializers bind: those are handed over."""
        if self._owned is None:
            reach = self._sharing.reach
            evaluator = self._sharing.evaluator
            found: set[Value] = set()
            for function in reach.workers | reach.initialized:
                for store in function.stores:
                    if store.how == "bind":
                        found |= store.targets
                    elif store.how == "attr" and isinstance(store.key, str):
                        for target in store.targets:
                            found |= evaluator.states(target, store.key)
            self._owned = frozenset(found)
        return self._owned

    def _made_on_import(self, thing: Shared) -> bool:
        """Whether an object is made anew by each process that imports the module."""
        call = thing.call
        if thing.threads or call is None or not call.function.is_module:
            return False
        if thing.maker.endswith("SharedMemory") and not creates(call.node):
            return False
        return not self._imports.only_main(call.function, call.node)


def creates(node: ast.AST) -> bool:
    """Whether a call of ``SharedMemory`` makes a new block."""
    if not isinstance(node, ast.Call):
        return False
    given = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "create")]
    return any(isinstance(value, ast.Constant) and value.value is True for value in given)
