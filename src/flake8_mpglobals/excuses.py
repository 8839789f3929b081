"""Writes that are no loss: caches, own copies of what each process makes, what comes back."""

from __future__ import annotations

import ast

from flake8_mpglobals.copies import Copies, written_name
from flake8_mpglobals.dispatches import Boundaries, DispatchSite
from flake8_mpglobals.evaluate import Evaluator, External, Func, Shared
from flake8_mpglobals.facts import COPIES
from flake8_mpglobals.handback import HandBack
from flake8_mpglobals.ir import (
    UNKNOWN,
    Attr,
    Call,
    Cell,
    Copied,
    Element,
    Entered,
    Fresh,
    Function,
    Global,
    Handed,
    Imported,
    Item,
    Param,
    Phi,
    Result,
    Scalar,
    Seen,
    Store,
    Value,
    anchor,
    root,
)
from flake8_mpglobals.observers import Touch
from flake8_mpglobals.rawwrites import RawWrite, evicts
from flake8_mpglobals.reach import Path, Reach, overlaps
from flake8_mpglobals.writes import Write

_RECEIVES = frozenset(("load", "loads", "read", "readline", "readlines", "recv", "recv_bytes"))
"""How data goes into a file, a pipe or a socket, and comes out again."""

_SENDS = frozenset(("dump", "dumps", "write", "writelines", "send", "sendall", "send_bytes"))


Guarded = dict[tuple[Value, Path], frozenset[Function]]
"""The functions that fill a cache or a lazy resource, by place and path below it."""


class Excuses:
    """Tells, for the writes of one program, why the parent may not miss them."""

    def __init__(self, boundaries: Boundaries, reach: Reach, evaluator: Evaluator) -> None:
        self.boundaries = boundaries
        self.reach = reach
        self.evaluator = evaluator
        self.copies = Copies(reach, evaluator)
        self._sent_values: dict[Function, tuple[Value, ...]] = {}

    def guarded(self, writes: list[Write]) -> Guarded:
        """Return what every worker write fills only after a look at it, with the functions
        that do so: caches and lazy resources.
        """
        found: dict[tuple[Value, Path], set[Function]] = {}
        careless: dict[Value, set[Path]] = {}
        for write in writes:
            if write.effect.sort in COPIES:
                self.copies.note(write.raw, write.place, write.effect)
                continue
            event = write.raw.event
            if evicts(write.raw) or _empties(write.raw):
                continue
            if self._fills(write):
                found.setdefault((write.place, write.effect.path), set()).add(event.function)
            else:
                careless.setdefault(write.place, set()).add(write.effect.path)
        # What is changed inside the object that was filled in is another matter.
        return {
            (place, path): frozenset(functions)
            for (place, path), functions in found.items()
            if not any(
                len(other) <= len(path) and overlaps(other, path)
                for other in careless.get(place, ())
            )
        }

    def excused(
        self, write: Write, reader: Function, touch: Touch, fillers: frozenset[Function]
    ) -> bool:
        """Whether a parent's read of a cache or lazy resource does not look for the worker's."""
        if write.effect.sort in COPIES:
            name = written_name(write.place, write.effect)
            return self.copies.excused(write.raw, write.effect, reader, touch, name)
        filled_here = any(function in self.reach.parent for function in fillers)
        aggregate = write.effect.sort != "rebind" and not touch.path and touch.direct
        if filled_here and not aggregate:
            return True
        event = write.raw.event
        if write.effect.sort != "rebind" or not isinstance(event, Store):
            return False
        own_task = any(isinstance(root(value), Param) for value in event.values) or any(
            _mentions_param(value) for value in event.values
        )
        tested = write.place in touch.guards or (
            isinstance(touch.node, ast.Name) and (_only_tested(reader.module.tree, touch.node))
        )
        return not own_task and tested

    def tidied(self, write: Write) -> bool:
        """Whether a worker gives up what its copy of an object holds, or a forked child makes
        its copy of the server its own: it sets attributes
        anew and empties containers, and drops what only the server may use, like a variable of
        the environment.  Only what it adds there is looked for, and of that
        not what other modules keep.
        """
        event = write.raw.event
        if write.effect.sort == "instance" and _empties(write.raw):
            return True
        if write.effect.sort != "instance":
            drops = (isinstance(event, Store) and event.how == "del attr") or (
                write.effect.sort == "module" and evicts(write.raw)
            )
            return drops and all(site.api.runs == "child" for site, _, _ in write.ways)
        anew = isinstance(event, Store) and event.how in ("attr", "del attr")
        return all(
            site.api.runs == "child"
            and (
                anew or evicts(write.raw) or site.call.function.module is not event.function.module
            )
            for site, _, _ in write.ways
        )

    def own_copy(self, write: Write) -> bool:
        """Whether a worker binds the name to a thing of its own that the parent makes the
        same way for itself: a logger, a connection, a model.
        """
        event = write.raw.event
        if write.effect.sort == "module" and write.raw.function in self.reach.parent:
            # A setting of a library that the parent makes for itself by the same code.
            return True
        if write.effect.sort == "module" and _copies_what_came(event):
            return True
        if not isinstance(event, Store) or not isinstance(write.place, Global):
            return False
        if event.how != "bind":
            return False
        if self._sets_flag(write, event):
            return True
        makers = {name for value in event.values for name in self._makers(value)}
        others = write.place.module.stores.get(write.place.name, set()) - event.values
        return bool(makers) and any(
            name in makers
            for value in others
            if isinstance(value, Result) and value.call.function in self.reach.parent
            for name in self._makers(value)
        )

    def carried_back(self, write: Write, sites: list[DispatchSite]) -> bool:
        """Whether workers return what they changed and the parent merges it into the place."""
        if isinstance(write.place, Handed | Cell):
            entries = {entry for _, entry, _ in write.ways}
            back = HandBack(self.reach, self.evaluator)
            return back.carries(write.place, write.effect.path, entries, sites)
        calls = {site.call for site in sites}
        entries = {entry for _, entry, _ in write.ways}
        returned = any(
            self._leads_to_place(value, write.place)
            for entry in entries
            for value in (*entry.returns, *entry.yields)
        )
        if not returned and not self._sent(write, entries):
            return False
        for function in self.reach.parent:
            for store in function.stores:
                held = self.evaluator.places(store.targets)
                if any(anchor(place) == write.place for place in held) and any(
                    self._comes_from(value, calls) for value in store.values
                ):
                    return True
            for call in function.calls:
                for callee in call.callee:
                    if isinstance(callee, Attr) and any(
                        anchor(place) == write.place
                        for place in self.evaluator.places((callee.base,))
                    ):
                        given = [value for arg in call.args for value in arg]
                        if any(self._comes_from(value, calls) for value in given):
                            return True
        return False

    def _fills(self, write: Write) -> bool:
        """Whether a write fills a place under a test of it (or of what is filled with it)."""
        event = write.raw.event
        if isinstance(event, Store) and event.how in ("augment", "inplace", "augment item"):
            return False
        if isinstance(event, Call) and write.raw.method == "setdefault":
            return True
        if root(write.raw.place) in event.guards:
            return True
        if isinstance(event, Store) and any(root(t) in event.guards for t in event.targets):
            return True
        if isinstance(event, Store) and any(
            self._leads_to_place(value, write.place) for value in event.values
        ):
            return event.how == "item"  # table[key] = table.get(key, default)
        together = {
            target
            for store in event.function.stores
            if store.guards == event.guards
            for target in store.targets
            if isinstance(target, Global)
        }
        return bool(event.guards & together)

    def _sets_flag(self, write: Write, event: Store) -> bool:
        """Whether a write sets a constant in a function that each process calls for itself,
        or has called at its end.
        """
        setter = event.function
        if setter in (entry for _, entry, _ in write.ways):
            return False
        if not all(isinstance(value, Scalar) for value in event.values):
            return False
        return setter in self.reach.parent or any(
            Func(setter) in self.evaluator.things(values)
            for function in self.reach.parent
            for call in function.calls
            if call not in self.boundaries.edges and not self._dispatches(call)
            for values in call.args
        )

    def _dispatches(self, call: Call) -> bool:
        return any(site.call is call for site in self.boundaries.sites)

    def _makers(self, value: Value) -> list[str]:
        """Return the library calls that make ``value``, where nothing more is known of it."""
        if not isinstance(value, Result) or self.evaluator.thing(value) != frozenset((UNKNOWN,)):
            return []
        return [
            thing.name
            for thing in self.evaluator.things(value.call.callee)
            if isinstance(thing, External)
        ]

    def _leads_to_place(self, value: Value, place: Value) -> bool:
        """Whether ``value`` is the place, a copy of it, or made from it."""
        return _search(value, lambda found: found == place)

    def _comes_from(self, value: Value, calls: set[Call]) -> bool:
        """Whether ``value`` is made from what one of ``calls``, a shared object or a file gave
        back.
        """

        def carries(found: Value) -> bool:
            if isinstance(found, Result):
                return (
                    found.call in calls
                    or bool(_last_names(found.call) & _RECEIVES)
                    or any(
                        isinstance(callee, Attr) and self.is_shared(callee.base)
                        for callee in found.call.callee
                    )
                )
            return isinstance(found, Item | Element) and self.is_shared(found.base)

        return _search(value, carries)

    def is_shared(self, value: Value) -> bool:
        """Whether a value is of those that processes share."""
        return any(
            isinstance(thing, Shared) and not thing.threads for thing in self.evaluator.thing(value)
        )

    def _sent(self, write: Write, entries: set[Function]) -> bool:
        """Whether a worker puts the place, or what is made from it, into a shared object or
        a file.
        """
        return any(
            self._leads_to_place(value, write.place)
            for entry in entries
            for value in self._sent_by(entry)
        )

    def _sent_by(self, entry: Function) -> tuple[Value, ...]:
        """Return what a worker puts into shared objects and files."""
        known = self._sent_values.get(entry)
        if known is not None:
            return known
        found: dict[Value, None] = {}
        for function in self.reach.regions[entry].entered:
            for call in function.calls:
                receivers = [c.base for c in call.callee if isinstance(c, Attr)]
                if _last_names(call) & _SENDS or any(map(self.is_shared, receivers)):
                    found.update((value, None) for arg in call.args for value in arg)
            for store in function.stores:
                if any(map(self.is_shared, store.targets)):
                    found.update(dict.fromkeys(store.values))
        values = self._sent_values[entry] = tuple(found)
        return values


def _last_names(call: Call) -> set[str]:
    """Return the last parts of the names by which a call is made."""
    return {
        callee.name.rpartition(".")[2]
        for callee in call.callee
        if isinstance(callee, Attr | Imported | Global)
    }


def _search(value: Value, wanted: object) -> bool:
    """Walk what ``value`` is made from, up to a bound, until ``wanted`` holds."""
    seen: set[Value] = set()
    stack: list[Value] = [value]
    while stack and len(seen) < 300:
        current = stack.pop()
        if current in seen:
            continue
        seen.add(current)
        if wanted(current):  # type: ignore[operator]
            return True
        if isinstance(current, Attr | Item | Element | Entered | Copied):
            stack.append(current.base)
        elif isinstance(current, Phi):
            stack.extend(current.slot.values)
        elif isinstance(current, Seen):
            stack.append(current.place)
            stack.extend(current.slot.values)
        elif isinstance(current, Fresh):
            stack.extend(current.display.elements)
        elif isinstance(current, Result):
            for part in (current.call.callee, *current.call.args):
                stack.extend(part)
    return False


def _copies_what_came(event: Store | Call) -> bool:
    """Whether a loop over an argument stores each of its items under its own key."""
    node = event.node
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Name):
        return False
    return any(
        isinstance(loop, ast.For)
        and any(part is node for part in ast.walk(loop))
        and node.slice.id in _names(loop.target)
        and any(name in event.function.params for name in _names(loop.iter))
        for loop in ast.walk(event.function.node)
    )


def _names(expression: ast.expr) -> list[str]:
    return [part.id for part in ast.walk(expression) if isinstance(part, ast.Name)]


def _empties(raw: RawWrite) -> bool:
    """Whether a write binds None: a lazy resource is given up, and made anew when asked for."""
    event = raw.event
    return (
        isinstance(event, Store)
        and event.how in ("bind", "attr")
        and bool(event.values)
        and all(isinstance(v, Scalar) and v.kind == "NoneType" for v in event.values)
    )


def _mentions_param(value: Value) -> bool:
    return _search(value, lambda found: isinstance(found, Param))


def _only_tested(tree: ast.Module, name: ast.Name) -> bool:
    """Whether a read stands in ``x is None``, ``x is not None`` or as a whole test."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and name in (node.left, *node.comparators):
            return all(isinstance(op, ast.Is | ast.IsNot) for op in node.ops)
        if isinstance(node, ast.If | ast.While | ast.IfExp) and node.test is name:
            return True
        if isinstance(node, ast.UnaryOp) and node.operand is name:
            return isinstance(node.op, ast.Not)
    return False
