"""What the parent changes at run time, before a dispatch or while its workers live.

The mirror of :mod:`flake8_mpglobals.observers`: an abstract run of the parent that
remembers which changes have happened, and which workers may be running.  Code that
runs while the module is imported does not count: a worker imports it, too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flake8_mpglobals.effects import judge
from flake8_mpglobals.evaluate import Box, Evaluator, External, Mod, Plain, Type
from flake8_mpglobals.ir import (
    Attr,
    Call,
    ClassValue,
    Function,
    FunctionValue,
    Global,
    Imported,
    Load,
    Make,
    Scalar,
    Store,
    Value,
    anchor,
    is_state,
)
from flake8_mpglobals.mutations import MODULE_OBJECTS
from flake8_mpglobals.observers import follows
from flake8_mpglobals.passing import Passing
from flake8_mpglobals.rawwrites import raw_writes
from flake8_mpglobals.records import frozen
from flake8_mpglobals.scene import Scene
from flake8_mpglobals.walk import State, Walk, join

MOST = 24
"""Changes and dispatches of one place that are told apart."""

_ENDS = frozenset(("join", "get", "result", "wait", "shutdown", "terminate", "kill", "exception"))
"""Methods after which a worker is taken to be done."""

_TRAVELS = ("sys",)
"""Modules of which a worker gets its own state anyhow."""


@frozen(eq=False)
class Change:
    """One change of the parent: of which state, where under it, by what, in which words.

    ``event`` is None for a definition behind the main guard; ``binds`` says that
    another object takes the place of the old one.
    """

    state: Value
    path: tuple[str, ...]
    event: Store | Call | None
    node: ast.AST
    function: Function
    verb: str
    binds: bool


class RunTime:
    """The changes that the parent makes at run time, and which dispatches follow them."""

    def __init__(self, scene: Scene) -> None:
        self.boundaries = scene.boundaries
        self.reach = scene.reach
        self.imports = scene.imports
        self.module = scene.module
        self._evaluator = scene.evaluator
        self._functions = scene.functions
        self._signalled = frozenset(self._signal_handlers())
        self.passing = Passing(scene.boundaries, scene.evaluator)
        self.changes: dict[Value, list[Change]] = {}
        self.at_import: set[Value] = set()
        self._imported: dict[Value, set[Value]] = {}
        """What import statements bind while the module is imported, by state."""
        self.given: set[Value] = set()
        """State that the module sets apart for workers, where it is not the main program."""
        for function in sorted(self.reach.parent, key=_place_of):
            self._collect(function)
        self._definitions()
        self._callers: dict[Function, set[Function]] = {}
        for function in self.reach.parent:
            for _, target in self.boundaries.edges_of(function):
                self._callers.setdefault(target.function, set()).add(function)

    def _collect(self, function: Function) -> None:
        """Note the changes of one parent function, and what it binds at import."""
        if function in self._signalled:
            return
        for change in changes_in(function, self._evaluator):
            guards = self.imports.guards(function.module)
            if guards.only_worker(change.node):
                self.given.add(change.state)
                continue
            imported = function in self.imports.entered or function in self.imports.decorators
            if imported and change.binds and not guards.only_main(change.node):
                self.at_import.add(change.state)
                if isinstance(change.event, Store):
                    named = (v for v in change.event.values if isinstance(v, Imported))
                    self._imported.setdefault(change.state, set()).update(named)
            self.changes.setdefault(change.state, []).append(change)
        for change in changes_by_calls(function, self.passing):
            self.changes.setdefault(change.state, []).append(change)

    def _definitions(self) -> None:
        """Note functions and classes whose definition is behind the main guard."""
        guards = self.imports.guards(self.module)
        parts: list[tuple[Value, ast.AST, str]] = [
            (FunctionValue(f), f.node, f.name)
            for f in self.module.functions
            if f.cls is None and f.outer is self.module.body
        ]
        parts += [(ClassValue(c), c.node, c.name) for c in self.module.classes]
        for value, node, name in parts:
            if value not in self.module.stores.get(name, ()):
                continue
            state = Global(self.module, name)
            if guards.only_main(node):
                body = self.module.body
                change = Change(state, (), None, node, body, "defines", True)
                self.changes.setdefault(state, []).append(change)
            else:
                self.at_import.add(state)

    def _signal_handlers(self) -> Iterator[Function]:
        """Yield the functions that signals call, in whichever process gets them."""
        for function in self._functions:
            for call in function.calls:
                for thing in self._evaluator.things(call.callee):
                    if isinstance(thing, External) and thing.name == "signal.signal":
                        for values in call.args[1:2]:
                            yield from (v.function for v in values if isinstance(v, FunctionValue))
                            for value in values:
                                if isinstance(value, Global):
                                    for held in value.module.stores.get(value.name, ()):
                                        if isinstance(held, FunctionValue):
                                            yield held.function

    def missing(self, state: Value) -> bool:
        """Whether nothing gives a global a value while the module is imported."""
        if not isinstance(state, Global) or state.module is not self.module:
            return False
        return state not in self.at_import

    def before(
        self, state: Value, starts: dict[Call, bool]
    ) -> dict[Call, list[tuple[Change, bool]]]:
        """Return the changes of ``state`` that workers miss, by the call that starts them.

        ``starts`` are those calls, and whether the work goes on when they return; a
        change with True comes only while the worker lives.
        """
        changes = self.changes.get(state, [])[:MOST] if state not in self.given else []
        back = [change for change in changes if self._again(change)]
        changes = [change for change in changes if change not in back]
        calls = list(starts)[:MOST]
        if not changes or not calls:
            return {}
        relevant = self._relevant((*changes, *back), calls)
        run = _Run(self, changes, calls, starts, relevant)
        run.back = frozenset(change.event for change in back)
        return run.all()

    def _again(self, change: Change) -> bool:
        """Whether a change only imports once more what the name stands for anyway, or sets a
        class attribute to None that is None in its definition.
        """
        event = change.event
        if not isinstance(event, Store) or not change.binds or not event.values:
            return False
        state = change.state
        if isinstance(state, Attr) and isinstance(state.base, ClassValue):
            defined = state.base.cls.attributes.get(state.name, ())
            both = (*event.values, *defined)
            return bool(defined) and all(
                isinstance(value, Scalar) and value.kind == "NoneType" for value in both
            )
        return event.values <= self._imported.get(state, set())

    def _relevant(self, changes: Iterable[Change], calls: Iterable[Call]) -> set[Function]:
        """Return the parent functions that lead to a change or a start."""
        stack = [change.function for change in changes]
        stack += [call.function for call in calls if call.function in self.reach.parent]
        found: set[Function] = set()
        while stack:
            function = stack.pop()
            if function not in found:
                found.add(function)
                stack.extend(self._callers.get(function, ()))
        return found

    def entries(self, relevant: set[Function]) -> Iterator[Function]:
        """Yield the functions that the parent can begin with, the module body first."""
        ordered = sorted(relevant, key=lambda f: (not f.is_module, *_place_of(f)))
        for function in ordered:
            if function not in self.reach.parent or function in self.imports.decorators:
                continue
            if function.is_module or not self._callers.get(function, set()) - {function}:
                yield function

    def ends(self, call: Call) -> bool:
        """Whether a call waits for workers, or ends them."""
        for callee in call.callee:
            if isinstance(callee, Attr) and callee.name in _ENDS:
                things = self._evaluator.things((callee.base,))
                return not all(isinstance(thing, Plain | Box) for thing in things)
            if isinstance(callee, Imported | Global) and callee.name.rpartition(".")[2] in (
                "as_completed",
                "wait",
            ):
                return True
        return False


class _Run(Walk):
    """One abstract run: a state is a bit for each change made and each worker running."""

    def __init__(
        self,
        owner: RunTime,
        changes: list[Change],
        calls: list[Call],
        starts: dict[Call, bool],
        relevant: set[Function],
    ) -> None:
        super().__init__()
        self.owner = owner
        self.starts = starts
        self.calls = {call: index + len(changes) for index, call in enumerate(calls)}
        self.changes = changes
        self.at: dict[object, list[int]] = {}
        for index, change in enumerate(changes):
            self.at.setdefault(change.event, []).append(index)
        self.relevant = relevant
        self.running = sum(1 << bit for bit in self.calls.values())
        self.made = (1 << len(changes)) - 1
        self.known: dict[tuple[Function, int, bool], State] = {}
        self.active: set[tuple[Function, int, bool]] = set()
        self.found: dict[tuple[Call, int], bool] = {}
        self.importing = True
        self.back: frozenset[object] = frozenset()
        """Events by which the place is again what it is at import."""

    def all(self) -> dict[Call, list[tuple[Change, bool]]]:
        """Run the parent from each of its entries, also after one another."""
        at_start = sum(1 << index for index in self.at.get(None, ()))
        entries = list(self.owner.entries(self.relevant))
        after: dict[Function, int] = {}
        for _ in range(2):
            for entry in entries:
                start = at_start
                if not entry.is_module:
                    for other, state in after.items():
                        if follows(entry, other):
                            start |= state if other.is_module else self._lasting(state)
                self.active.clear()
                out = self.enter(entry, start, entry.is_module)
                after[entry] = (out or 0) | after.get(entry, 0)
        result: dict[Call, list[tuple[Change, bool]]] = {}
        for (call, index), late in sorted(
            self.found.items(), key=lambda item: (item[1], item[0][1])
        ):
            result.setdefault(call, []).append((self.changes[index], late))
        return result

    def _lasting(self, state: int) -> int:
        """Return what one entry leaves for another that nobody connects with it.

        What fills a container there may be meant for import time: registries.
        """
        fills = sum(1 << index for index, change in enumerate(self.changes) if not change.binds)
        return state & ~fills

    def enter(self, function: Function, state: int, importing: bool) -> State:
        """Return the state after ``function``."""
        key = (function, state, importing)
        if key in self.active:
            return self.known.get(key, state)
        if key in self.known:
            return self.known[key]
        self.active.add(key)
        saved, self.importing = self.importing, importing
        out = self.body(function, state)
        self.importing = saved
        self.active.discard(key)
        self.known[key] = out
        return out

    def event(self, event: Load | Store | Call | Make, state: int) -> State:
        """Take note of what changes, and of what starts or ends workers."""
        if not isinstance(event, Make):
            for access in self.owner.boundaries.accesses.get(event, ()):
                entered = self.call(access, state)
                if entered is None:
                    return None
                state = entered
        if isinstance(event, Call):
            return self.call(event, state)
        if event in self.back:
            return state & ~self.made
        return self.change(event, state) if isinstance(event, Store) else state

    def at_import(self, node: ast.AST) -> bool:
        here = self.function or self.owner.module.body
        return self.importing and not self.owner.imports.only_main(here, node)

    def change(self, event: Store | Call, state: int) -> int:
        """Take note of the changes that an event makes."""
        for index in self.at.get(event, ()):
            for call, bit in self.calls.items():
                if state & (1 << bit) and not self._for_the_next(event, call):
                    self.found.setdefault((call, index), True)
            if not self.at_import(event.node):
                state |= 1 << index
        return state

    def _for_the_next(self, event: Store | Call, call: Call) -> bool:
        """Whether a module-level loop sets something before it starts the next worker."""
        at, start = event.node, call.node
        return (
            call.function.is_module
            and self.function is call.function
            and self.at_import(at)
            and (getattr(at, "lineno", 0), getattr(at, "col_offset", 0))
            < (getattr(start, "lineno", 0), getattr(start, "col_offset", 0))
        )

    def call(self, call: Call, state: int) -> State:
        """Run a call: what it changes, what it enters, what it starts or waits for."""
        entered: State = None
        here = self.at_import(call.node)
        for target in self.owner.boundaries.edges.get(call, ()):
            if target.function in self.relevant:
                entered = join(entered, self.enter(target.function, state, here))
        if entered is not None:
            state = entered
        state = self.change(call, state)
        bit = self.calls.get(call)
        if bit is not None:
            for index in range(len(self.changes)):
                if state & (1 << index) and not here:
                    self.found[call, index] = False
            if self.starts[call]:
                state |= 1 << bit
        elif self.owner.ends(call):
            state &= ~self.running
        return state


def changes_in(function: Function, evaluator: Evaluator) -> Iterator[Change]:
    """Yield what a function changes of the state that all functions have in common."""
    for store in function.stores:
        if store.how in ("bind", "augment"):
            for target in store.targets:
                if isinstance(target, Global):
                    yield Change(target, (), store, store.node, function, "sets", True)
        elif store.how in ("attr", "augment attr") and isinstance(store.key, str):
            for target in store.targets if _named(store, evaluator) else ():
                for state in evaluator.states(target, store.key):
                    if _is_own(state):
                        yield Change(state, (), store, store.node, function, "sets", True)
    for raw in raw_writes(function, evaluator):
        event = raw.event
        if isinstance(event, Store) and event.how in ("bind", "augment", "unbind"):
            continue
        state = anchor(raw.place)
        if not is_state(state) or not _is_own(state):
            continue
        if isinstance(event, Store) and event.how.endswith("attr") and _named(event, evaluator):
            continue  # the attribute is a state of its own
        effect = judge(raw, raw.place, evaluator)
        if effect is not None:
            yield Change(state, effect.path, event, event.node, function, effect.verb, False)


def changes_by_calls(function: Function, passing: Passing) -> Iterator[Change]:
    """Yield what the calls of a function change of the state that they are given."""
    for call in function.calls:
        for one in passing.changes(call):
            if _is_own(one.state):
                yield Change(one.state, one.path, call, call.node, function, one.verb, False)


def _named(store: Store, evaluator: Evaluator) -> bool:
    """Whether an attribute is stored on a class or a module."""
    return any(
        isinstance(thing, Type | External | Mod) for thing in evaluator.things(store.targets)
    )


def _is_own(state: Value) -> bool:
    """Whether a worker has a state of its own that nothing hands over when it starts.

    Variables of enclosing functions and arguments are not looked up by name there.
    """
    if not isinstance(state, Global | Attr):
        return False
    if isinstance(state, Attr) and isinstance(state.base, Imported):
        name = f"{state.base.name}.{state.name}"
        return name not in MODULE_OBJECTS and state.base.name not in _TRAVELS
    return True


def _place_of(function: Function) -> tuple[int, int, str]:
    node = function.node
    return (getattr(node, "lineno", 0), getattr(node, "col_offset", 0), function.qualname)
