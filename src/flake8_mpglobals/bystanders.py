"""Reads of the parent that do not look for what a worker changes.

The parent may run the worker's own code as well (in a serial branch, or on other data):
what it reads there, it has put there itself.  A function of another module that nothing
in sight calls belongs to some other program, and a method that nothing calls, of what
the worker's copy is made of, to the worker.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from flake8_mpglobals.defaults import holds
from flake8_mpglobals.dispatches import Boundaries, DispatchSite
from flake8_mpglobals.evaluate import Evaluator, External, Plain, Shared, Type
from flake8_mpglobals.ir import (
    Attr,
    Call,
    Function,
    Imported,
    Module,
    Param,
    Result,
    Scalar,
    Store,
    Value,
    anchor,
    global_of,
    root,
)
from flake8_mpglobals.observers import Touch
from flake8_mpglobals.program import Program
from flake8_mpglobals.rawwrites import RawWrite, evicts, raw_writes
from flake8_mpglobals.reach import Path, Reach, segments

_PICKLING = frozenset(
    (
        *("__getstate__", "__setstate__", "__reduce__", "__reduce_ex__"),
        *("__getnewargs__", "__getnewargs_ex__", "__copy__", "__deepcopy__", "__del__"),
    )
)
"""Methods that look at whatever there is, when an object is copied or goes."""


class Bystanders:
    """Answers, for one program, which readers are none that a lost write misses."""

    def __init__(
        self, program: Program, boundaries: Boundaries, reach: Reach, evaluator: Evaluator
    ) -> None:
        self._main = program.main
        self._boundaries = boundaries
        self._reach = reach
        self._evaluator = evaluator
        self._shared: dict[Function, dict[str, list[ast.AST]]] = {}
        self._below: dict[Function, frozenset[Function]] = {}
        self._without: dict[frozenset[Function], frozenset[Function]] = {}
        self._called: frozenset[Function] | None = None
        self._by_modules: frozenset[Function] | None = None

    def stands_by(
        self,
        reader: Function,
        touch: Touch,
        write: RawWrite,
        sites: Iterable[DispatchSite],
        workers: frozenset[Function],
        *,
        copy: bool,
    ) -> bool:
        """Whether the read ``touch`` in ``reader`` is none that looks for ``write``, which
        ``workers`` make that ``sites`` start; ``copy``: on what they were handed.
        """
        makers = {site.call.function for site in sites}
        inside = [
            target.function
            for call in (self._boundaries.calls_of(reader) if touch.inside else ())
            if call.node is touch.node
            for target in self._boundaries.edges.get(call, ())
        ]
        if copy and not inside and self._own(reader, touch) and not self._of_them(reader, workers):
            return True
        return all(
            self._stands_by(one, write, makers, workers, copy=copy) for one in inside or (reader,)
        )

    def _own(self, reader: Function, touch: Touch) -> bool:
        """Whether a method reads an attribute of its own object."""
        node, arguments = touch.node, getattr(reader.node, "args", None)
        return (
            reader.cls is not None
            and arguments is not None
            and isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in [a.arg for a in (*arguments.posonlyargs, *arguments.args)][:1]
        )

    def _stands_by(
        self,
        reader: Function,
        write: RawWrite,
        makers: set[Function],
        workers: frozenset[Function],
        *,
        copy: bool,
    ) -> bool:
        if reader.is_module or reader in makers:
            return False
        if self._served_by(reader, workers):
            return True
        homes = {self._main, *(maker.module for maker in makers)}
        near = reader.module in homes
        if not near and not self._used_in(reader, homes):
            return True
        if copy and reader.name in _PICKLING:
            return True
        called = reader in self._with_callers()
        if copy and not called and (reader.is_property or not self._of_them(reader, workers)):
            return True
        if _settles(write) and self._own_setting(reader, write, workers, near=near):
            return True
        if near and not copy and not _sets(write):
            return False
        in_class = write.function.cls is not None and _passes_on(write)
        if write.function in self._reach.parent and (in_class or (_passes_on(write) and not near)):
            return True
        writers = frozenset(
            function
            for worker in workers
            for function in self._reach.regions[worker].entered
            if write.function in self._closure(function)
        )
        return not makers & writers and reader not in self._reached_without(writers)

    def _served_by(self, reader: Function, workers: frozenset[Function]) -> bool:
        """Whether a function that nothing calls is registered with an object, by a decorator,
        that only workers put to use: they call it, in their own process.
        """
        if not reader.decorators or reader in self._with_callers():
            return False
        registers = {
            variable
            for values in reader.decorators
            for value in values
            for callee in (value.call.callee if isinstance(value, Result) else (value,))
            if (variable := global_of(root(callee))) is not None
        }
        theirs = {f for worker in workers for f in self._reach.regions[worker].entered}
        ours = {f for f in self._reach.parent if not f.is_module} - theirs
        return any(
            any(_uses(f, variable) for f in theirs) and not any(_uses(f, variable) for f in ours)
            for variable in registers
        )

    def _own_setting(
        self,
        reader: Function,
        write: RawWrite,
        workers: frozenset[Function],
        *,
        near: bool,
    ) -> bool:
        """Whether a write sets what each process sets for itself before it works.

        Either the parent runs the same setter when it does the work itself, and nothing in
        sight calls the reader; or the worker reads it by the same function of another module.
        """
        either = write.function not in workers and write.function in self._reach.parent
        if either and reader not in self._run_by_modules():
            return True
        return not near and any(reader in self._reach.regions[worker].entered for worker in workers)

    def keeps_up(
        self,
        write: RawWrite,
        path: Path,
        workers: frozenset[Function],
        readers: set[Function],
        *,
        copy: bool,
    ) -> bool:
        """Whether the parent keeps up for itself what is written at ``path``: it comes to the
        function of the write without the worker, or a method that reads it moves it on.
        """
        by_itself = write.function not in workers and not write.function.is_module
        if by_itself and write.function in self._reached_without(workers):
            return True
        return copy and any(self._goes_on(reader, write, path) for reader in readers)

    def _goes_on(self, reader: Function, write: RawWrite, path: Path) -> bool:
        """Whether a method that reads an attribute also moves it on as the worker does."""
        if reader is write.function or reader.cls is None or not path:
            return False
        return any(
            _written(raw)[:1] == path[:1]
            and (
                raw.event.how.startswith("augment")
                if isinstance(raw.event, Store)
                else (raw.method, raw.verb) == (write.method, write.verb) and not evicts(raw)
            )
            for raw in raw_writes(reader, self._evaluator)
            if isinstance(raw.place, Param | Attr) and isinstance(root(raw.place), Param)
        )

    def done_again(self, write: RawWrite, workers: Iterable[Function]) -> frozenset[Store]:
        """Return the store of a write if, where the parent comes to it on its own, it stores
        named items of its own by it: what the workers themselves store is a result.
        """
        event = write.event
        if not isinstance(event, Store) or write.function in workers:
            return frozenset()
        return frozenset((event,) if event.how in ("bind", "attr", "item") else ())

    def strikes_off(self, reader: Function, touch: Touch, write: RawWrite) -> bool:
        """Whether a worker only takes something out, and who reads the place takes it out too."""
        return evicts(write) and any(
            raw.method == write.method and anchor(raw.place) == touch.place
            for raw in raw_writes(reader, self._evaluator)
            if raw is not write and evicts(raw) and reader is not write.function
        )

    def set_alike(self, write: RawWrite, workers: frozenset[Function]) -> bool:
        """Whether a write stores what is the same in each process, by a function that the
        parent comes to without the worker: a constant under a constant key, or what is made
        anew by a function without parameters.
        """
        event = write.event
        if not isinstance(event, Store) or not event.values or write.function in workers:
            return False
        if event.how == "item" and event.key is not None:
            alike = all(isinstance(root(value), Scalar | Imported) for value in event.values)
        else:
            alike = event.how == "bind" and self._makes_anew(write.function, event)
        return alike and write.function in self._reached_without(workers)

    def _makes_anew(self, function: Function, event: Store) -> bool:
        """Whether a function binds a name to an object that it makes of nothing that it gets."""
        if function.params or function.outer is None or not function.outer.is_module:
            return False
        return all(
            isinstance(value, Result)
            and not any(isinstance(t, Plain) for t in self._evaluator.things((value,)))
            and not any(
                event.targets & frozenset(given)
                for given in (*value.call.args, *value.call.keywords.values())
            )
            for value in event.values
        )

    def looked_up(self, write: RawWrite) -> bool:
        """Whether a write stores what each process looks up by name: a logger."""
        event = write.event
        return (
            isinstance(event, Store)
            and bool(event.values)
            and all(
                isinstance(value, Result)
                and External("logging.getLogger") in self._evaluator.things(value.call.callee)
                for value in event.values
            )
        )

    def starts_anew(
        self, write: RawWrite, sites: Iterable[DispatchSite], workers: frozenset[Function]
    ) -> bool:
        """Whether a function of another module than the dispatch's, called by workers, gives
        the place a new state with nothing in it: nobody looks for that elsewhere.
        """
        event = write.event
        if write.function in workers or not isinstance(event, Store):
            return False
        if event.how not in ("bind", "attr") or not event.values:
            return False
        homes = {self._main, *(site.call.function.module for site in sites)}
        return write.function.module not in homes and all(map(self._is_new, event.values))

    def _is_new(self, value: Value) -> bool:
        """Whether a value is None, or an object of a class that is made from nothing."""
        if isinstance(value, Scalar):
            return value.kind == "NoneType"
        if not isinstance(value, Result):
            return False
        node = value.call.node
        return (
            isinstance(node, ast.Call)
            and not (node.args or node.keywords)
            and any(isinstance(thing, Type) for thing in self._evaluator.things(value.call.callee))
        )

    def in_either_process(self, sites: Iterable[DispatchSite], workers: Iterable[Function]) -> bool:
        """Whether an object lives in a process of its own or, by a setting, in this one: what
        starts the process never waits for it, and else calls code of the worker.
        """
        return all(self._or_here(site, workers) for site in sites)

    def _or_here(self, site: DispatchSite, workers: Iterable[Function]) -> bool:
        maker = site.call.function
        if not site.api.method or _waits(maker):
            return False
        here = [
            call.node
            for call in maker.calls
            for target in self._boundaries.edges.get(call, ())
            if any(target.function in self._reach.regions[worker].entered for worker in workers)
        ]
        for block in _blocks(maker.node):
            for index, test in enumerate(block):
                if not isinstance(test, ast.If):
                    continue
                for inside, other in ((test.body, test.orelse), (test.orelse, test.body)):
                    left = bool(inside) and isinstance(inside[-1], ast.Return | ast.Raise)
                    rest = [*other, *(block[index + 1 :] if left else ())]
                    if holds(inside, site.call.node) and any(holds(rest, n) for n in here):
                        return True
        return False

    def has_shared_twin(self, write: RawWrite) -> bool:
        """Whether the other branch of an ``if`` around a write does the same to what is shared.

        Not where the data of a task chooses the branch: then both are written.
        """
        event = write.event
        if not isinstance(event, Call):
            return False
        names = {callee.name for callee in event.callee if isinstance(callee, Attr)}
        shared = self._shared_calls(write.function)
        twins = [node for name in names for node in shared.get(name, ())]
        return any(
            (holds(test.body, event.node) and holds(test.orelse, twin))
            or (holds(test.orelse, event.node) and holds(test.body, twin))
            for twin in twins
            for test in ast.walk(write.function.node)
            if isinstance(test, ast.If) and not _chosen_by_data(write.function, test.test)
        )

    def _shared_calls(self, function: Function) -> dict[str, list[ast.AST]]:
        """Return the calls of methods of what processes share, by the name of the method."""
        known = self._shared.get(function)
        if known is None:
            known = self._shared[function] = {}
            for call in function.calls:
                for callee in call.callee:
                    if isinstance(callee, Attr) and any(
                        isinstance(t, Shared) for t in self._evaluator.thing(callee.base)
                    ):
                        known.setdefault(callee.name, []).append(call.node)
        return known

    def _used_in(self, function: Function, modules: Iterable[Module]) -> bool:
        """Whether the parent's code in ``modules`` calls a function, or one that calls it, or
        at least names it.
        """
        before = r"\." if function.cls else r"\b"
        name = re.compile(rf"{before}{re.escape(function.name)}\b")
        return any(
            function is called.function
            or any(
                function is then.function for _, then in self._boundaries.edges_of(called.function)
            )
            for module in modules
            for caller in (module.body, *module.functions)
            if caller in self._reach.parent
            for _, called in self._boundaries.edges_of(caller)
        ) or any(name.search(module.source.text) for module in modules)

    def _of_them(self, reader: Function, workers: Iterable[Function]) -> bool:
        """Whether a method is one of the object whose method runs in the worker, or no method."""
        if reader.cls is None:
            return True
        classes = [worker.cls for worker in workers if worker.cls is not None]
        return not classes or any(
            reader.cls in self._evaluator.lineage(cls)[0]
            or cls in self._evaluator.lineage(reader.cls)[0]
            for cls in classes
        )

    def _with_callers(self) -> frozenset[Function]:
        """Return the functions that other functions of the parent call."""
        if self._called is None:
            self._called = frozenset(
                target.function
                for function in self._reach.parent
                for _, target in self._boundaries.edges_of(function)
                if target.function is not function
            )
        return self._called

    def _run_by_modules(self) -> frozenset[Function]:
        """Return what the module bodies of the parent come to: all else is for importers."""
        if self._by_modules is None:
            bodies = [function for function in self._reach.parent if function.is_module]
            self._by_modules = frozenset().union(*(self._closure(body) for body in bodies))
        return self._by_modules

    def _reached_without(self, writers: frozenset[Function]) -> frozenset[Function]:
        """Return what the parent comes to otherwise than through ``writers``."""
        known = self._without.get(writers)
        if known is None:
            called = self._with_callers()
            starts = (f for f in self._reach.parent if f.is_module or f not in called)
            known = self._without[writers] = self._walk(starts, writers)
        return known

    def _closure(self, start: Function) -> frozenset[Function]:
        """Return ``start`` and what it calls, directly or not."""
        known = self._below.get(start)
        if known is None:
            known = self._below[start] = self._walk((start,), frozenset())
        return known

    def _walk(
        self, starts: Iterable[Function], without: frozenset[Function]
    ) -> frozenset[Function]:
        found: set[Function] = set()
        stack = list(starts)
        while stack:
            function = stack.pop()
            if function not in found and function not in without:
                found.add(function)
                stack.extend(t.function for _, t in self._boundaries.edges_of(function))
        return frozenset(found)


def _written(raw: RawWrite) -> Path:
    """Return the access path of what a write changes below a parameter."""
    event = raw.event
    named = isinstance(event, Store) and event.how.endswith("attr") and isinstance(event.key, str)
    return (*segments(raw.place), *((f".{event.key}",) if named else ()))  # type: ignore[union-attr]


def _waits(function: Function) -> bool:
    """Whether a function joins anything."""
    return any(
        isinstance(callee, Attr) and callee.name == "join"
        for call in function.calls
        for callee in call.callee
    )


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for found in ast.walk(node):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(found, name, None)
            if isinstance(block, list):
                yield block


def _chosen_by_data(function: Function, test: ast.expr) -> bool:
    """Whether a test asks more of a local variable than whether there is one."""
    match test:
        case ast.BoolOp(values=parts):
            return any(_chosen_by_data(function, part) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return _chosen_by_data(function, part)
        case ast.Name() | ast.Compare(ops=[ast.Is() | ast.IsNot()]):
            return False
    local = {*function.params[function.cls is not None :]}
    local |= {
        one.id
        for one in ast.walk(function.node)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    }
    return any(isinstance(one, ast.Name) and one.id in local for one in ast.walk(test))


def _uses(function: Function, variable: Value) -> bool:
    """Whether a function names a global, as it is."""
    return any(
        global_of(root(value)) == variable
        for values in (
            *(load.values for load in function.loads),
            *(values for call in function.calls for values in (*call.args, call.callee)),
        )
        for value in values
    )


def _sets(write: RawWrite) -> bool:
    """Whether a write gives the place a new value, whatever it held."""
    event = write.event
    return isinstance(event, Store) and event.how in ("bind", "attr")


def _settles(write: RawWrite) -> bool:
    """Whether a write gives a place a value that does not come from what was there, or an
    entry with a constant key what was handed over, or empties the place.
    """
    event = write.event
    if not isinstance(event, Store):
        return write.method == "clear"
    if event.how == "item":
        keyed = isinstance(event.node, ast.Subscript) and isinstance(event.node.slice, ast.Constant)
        return keyed and all(isinstance(root(value), Scalar | Param) for value in event.values)
    return event.how in ("bind", "attr", "del item")


def _passes_on(write: RawWrite) -> bool:
    """Whether a write stores nothing but what its function was given: a setter's."""
    event = write.event
    return (
        isinstance(event, Store)
        and bool(event.values)
        and all(isinstance(value, Param) for value in event.values)
    )
