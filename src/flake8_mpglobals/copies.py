"""Changes of a worker's copy that nobody misses: caches, lazy resources, equal values.

The questions are those that :mod:`flake8_mpglobals.losses` asks of globals, put to one
attribute of an object, or to what a parameter or a captured variable holds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from flake8_mpglobals.effects import Effect, is_self
from flake8_mpglobals.evaluate import Evaluator, External, Obj
from flake8_mpglobals.ir import (
    UNKNOWN,
    Attr,
    Call,
    Function,
    Handed,
    Param,
    Result,
    Store,
    Value,
    state_name,
    unhand,
)
from flake8_mpglobals.observers import Touch
from flake8_mpglobals.rawwrites import RawWrite, evicts
from flake8_mpglobals.reach import Reach

Key = tuple[Value, tuple[str, ...]]
"""One attribute of a copy, or the whole of it."""

_TESTS = (ast.If, ast.While, ast.IfExp)


class Copies:
    """Answers which changes of copies are none that the parent looks for."""

    def __init__(self, reach: Reach, evaluator: Evaluator) -> None:
        self._reach = reach
        self._evaluator = evaluator
        self._careful: dict[Key, set[Function]] = {}
        self._careless: set[Key] = set()

    def note(self, raw: RawWrite, place: Value, effect: Effect) -> None:
        """Take note of one write of a worker; all of them, before any question is put."""
        if evicts(raw):
            return
        key = _key(place, effect)
        if _fills(raw, written_name(place, effect)):
            self._careful.setdefault(key, set()).add(raw.function)
        else:
            self._careless.add(key)

    def fillers(self, place: Value, effect: Effect) -> frozenset[Function]:
        """Return the functions that fill a cache or a lazy resource, if it is one."""
        key = _key(place, effect)
        if key in self._careless:
            return frozenset()
        return frozenset(self._careful.get(key, ()))

    def excused(
        self, raw: RawWrite, effect: Effect, reader: Function, touch: Touch, name: str
    ) -> bool:
        """Whether a read of a cache or lazy resource does not look for the worker's."""
        event = raw.event
        if not isinstance(event, Store) or event.how != "attr":
            # The same container may be known by itself, without the attribute that holds it.
            shorter = len(touch.path) < len(effect.path)
            aggregate = shorter and touch.direct and _items(touch.path) < _items(effect.path)
            return raw.function in self._reach.parent and not aggregate
        if raw.function in self._reach.parent:
            return True
        for_task = any(
            isinstance(found, Param) and not is_self(found)
            for value in event.values
            for found in _parts(value)
        )
        return not for_task and _under_test(reader.node, touch.node, name)

    def same_anyway(self, raw: RawWrite, place: Value, effect: Effect) -> bool:
        """Whether the parent gives an attribute the same value: an equal constant, or a
        resource that it makes for itself.
        """
        event = raw.event
        if not isinstance(event, Store) or event.how != "attr" or not isinstance(place, Handed):
            return False
        constant = _constant(raw.function, event.node)
        makers = {name for value in event.values for name in self._makers(value)}
        if makers and raw.function in self._reach.parent:
            return True
        for function in self._reach.parent:
            for store in function.stores:
                if store.how != "attr" or store.key != event.key or store is event:
                    continue
                if not self._same_class(store.targets, unhand(raw_target(place, effect))):
                    continue
                equal = constant and constant == _constant(function, store.node)
                if equal and function.name != "__init__":
                    return True
                if makers & {name for value in store.values for name in self._makers(value)}:
                    return True
        return False

    def _same_class(self, targets: Iterable[Value], holder: Value) -> bool:
        mine = {t.cls for t in self._evaluator.thing(holder) if isinstance(t, Obj)}
        theirs = {t.cls for t in self._evaluator.things(targets) if isinstance(t, Obj)}
        return any(
            a in self._evaluator.lineage(b)[0] or b in self._evaluator.lineage(a)[0]
            for a in mine
            for b in theirs
        )

    def _makers(self, value: Value) -> list[str]:
        """Return the library calls that make ``value``, where nothing more is known of it."""
        if not isinstance(value, Result) or self._evaluator.thing(value) != {UNKNOWN}:
            return []
        return [
            thing.name
            for thing in self._evaluator.things(value.call.callee)
            if isinstance(thing, External)
        ]


def raw_target(place: Value, effect: Effect) -> Value:
    """Return the object of which the last part of the path is an attribute."""
    target = place
    for part in effect.path[:-1]:
        if not part.startswith("."):
            break
        target = Attr(target, part[1:])
    return target


def _items(path: tuple[str, ...]) -> int:
    """Return how many items of containers the end of an access path names."""
    count = 0
    while count < len(path) and path[-1 - count].startswith("["):
        count += 1
    return count


def _key(place: Value, effect: Effect) -> Key:
    return place, effect.path[:1] if effect.path[:1] and effect.path[0][0] == "." else ()


def written_name(place: Value, effect: Effect) -> str:
    """Return the attribute, or the parameter or variable, that the write goes to."""
    for part in effect.path:
        if part.startswith("."):
            return part[1:]
    return state_name(place)


def _fills(raw: RawWrite, name: str) -> bool:
    """Whether a write fills something after a look at it."""
    event = raw.event
    if isinstance(event, Store) and event.how in ("augment", "inplace"):
        return False
    if isinstance(event, Store) and event.how.startswith("augment "):
        return False
    if isinstance(event, Call) and raw.method == "setdefault":
        return True
    if not event.guards:
        return False
    names = {name, *_taken_from(raw.function.node, name)}
    for node in ast.walk(raw.function.node):
        if isinstance(node, _TESTS) and any(_mentions(node.test, each) for each in names):
            return True
        if (
            isinstance(node, ast.Try)
            and any(event.node in ast.walk(h) for h in node.handlers)
            and any(_mentions(part, name) for part in node.body)
        ):
            return True
    return False


def _taken_from(scope: ast.AST, name: str) -> set[str]:
    """Return the variables of ``scope`` that are bound to what ``name`` holds, or may not."""
    return {
        node.targets[0].id
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and _mentions(node.value, name)
    }


def _under_test(scope: ast.AST, wanted: ast.AST, name: str) -> bool:
    """Whether a read is part of a test of ``name``, or stands under one."""
    return any(
        isinstance(node, _TESTS) and _mentions(node.test, name) and wanted in ast.walk(node)
        for node in ast.walk(scope)
    )


def _mentions(node: ast.AST, name: str) -> bool:
    return any(
        (isinstance(part, ast.Attribute) and part.attr == name)
        or (isinstance(part, ast.Name) and part.id == name)
        for part in ast.walk(node)
    )


def _constant(function: Function, target: ast.AST) -> str:
    """Return the constant that is assigned to ``target``, as text; empty where it is none."""
    for node in ast.walk(function.node):
        if isinstance(node, ast.Assign) and target in node.targets:
            value = node.value
            return ast.dump(value) if isinstance(value, ast.Constant) else ""
    return ""


def _parts(value: Value) -> list[Value]:
    """Return ``value`` and what it is made from, as far as a few steps lead."""
    found: list[Value] = []
    stack = [value]
    while stack and len(found) < 100:
        current = stack.pop()
        if current in found:
            continue
        found.append(current)
        base = getattr(current, "base", None)
        if base is not None:
            stack.append(base)
        if isinstance(current, Result):
            for given in (current.call.callee, *current.call.args):
                stack.extend(given)
    return found
