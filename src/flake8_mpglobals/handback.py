"""Whether a worker gives back what it changed in its copy: returned and used, or sent.

A worker that returns the object it was handed, or puts it into a queue, hands the
change back by another way than memory; so does one whose callback gets it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flake8_mpglobals.dispatches import DispatchSite
from flake8_mpglobals.evaluate import Evaluator, External, Plain, Shared
from flake8_mpglobals.ir import (
    UNKNOWN,
    Attr,
    Call,
    Copied,
    Element,
    Entered,
    Fresh,
    Function,
    Item,
    Phi,
    Result,
    Seen,
    Value,
    anchor,
)
from flake8_mpglobals.reach import Path, Reach, overlaps, segments

_SENDS = frozenset(("put", "put_nowait", "send", "send_bytes"))
_TAKES = frozenset(("get", "result"))
_WHOLE_AGAIN = frozenset(("copy", "items", "values", "keys", "tolist", "to_dict", "__dict__"))
_DIGESTS = frozenset(
    f"builtins.{name}" for name in ("sum", "min", "max", "abs", "round", "print", "divmod")
)
_DRAINS = frozenset(("list", "tuple", "set", "tqdm", "deque", "consume"))


class HandBack:
    """Answers whether a change to what workers were handed comes back to the parent."""

    def __init__(self, reach: Reach, evaluator: Evaluator) -> None:
        self._reach = reach
        self._evaluator = evaluator

    def carries(
        self, place: Value, path: Path, entries: Iterable[Function], sites: Iterable[DispatchSite]
    ) -> bool:
        """Whether workers ``entries``, run by ``sites``, give back ``place`` as far as ``path``."""
        entries = list(entries)
        returned = any(
            self._holds(value, place, path)
            for entry in entries
            for value in (*entry.returns, *entry.yields)
        )
        sites = list(sites)
        if returned and any(self._used(site) for site in sites):
            return True
        if self._merged(path, {site.call for site in sites}):
            return True
        return any(
            self._sends(function, place, path)
            for entry in entries
            for function in self._reach.regions[entry].entered
        )

    def _merged(self, path: Path, calls: set[Call]) -> bool:
        """Whether the parent stores what ``calls`` gave back into the attribute itself."""
        names = [part[1:] for part in path if part.startswith(".")]
        if not names:
            return False
        for function in self._reach.parent:
            for store in function.stores:
                if store.key == names[-1] and _come_from(store.values, calls):
                    return True
                held = {target.name for target in store.targets if isinstance(target, Attr)}
                if names[-1] in held and _come_from(store.values, calls):
                    return True
            for call in function.calls:
                for callee in call.callee:
                    if (
                        isinstance(callee, Attr)
                        and isinstance(callee.base, Attr)
                        and callee.base.name == names[-1]
                        and any(_come_from(values, calls) for values in call.args)
                    ):
                        return True
        return False

    def _sends(self, function: Function, place: Value, path: Path) -> bool:
        """Whether ``function`` puts the place into something that crosses processes."""
        for call in function.calls:
            for callee in call.callee:
                if isinstance(callee, Attr) and self._crosses(callee):
                    given = [value for arg in call.args for value in arg]
                    if any(self._holds(value, place, path) for value in given):
                        return True
        for store in function.stores:
            if any(
                isinstance(thing, Shared) for thing in self._evaluator.things(store.targets)
            ) and any(self._holds(value, place, path) for value in store.values):
                return True
        return False

    def _crosses(self, callee: Attr) -> bool:
        things = self._evaluator.thing(callee.base)
        if any(isinstance(thing, Shared) and not thing.threads for thing in things):
            return True
        return callee.name in _SENDS and UNKNOWN in things

    def _holds(self, value: Value, place: Value, path: Path) -> bool:
        """Whether ``value`` is the object that changes, or is made of it."""
        for part in self._parts(value):
            for known in self._evaluator.places((part,)):
                for moved, _ in self._reach.globals_for(known, self._reach.passed):
                    if anchor(moved) == place and overlaps(segments(moved), path):
                        return True
        return False

    def _parts(self, value: Value) -> Iterator[Value]:
        """Yield ``value`` and what it contains or is made from."""
        seen: set[Value] = set()
        stack = [value]
        while stack and len(seen) < 200:
            current = stack.pop()
            if current in seen:
                continue
            seen.add(current)
            yield current
            if isinstance(current, Fresh):
                stack.extend(current.display.elements)
            elif isinstance(current, Copied):
                stack.append(current.base)
            elif isinstance(current, Phi | Seen):
                stack.extend(current.slot.values)
            elif isinstance(current, Result):
                stack.extend(self._made_from(current.call))

    def _made_from(self, call: Call) -> Iterator[Value]:
        """Yield what the result of a call is made from, where no project function says so."""
        things = self._evaluator.thing(Result(call))
        if things and all(isinstance(thing, Plain) for thing in things):
            return
        for callee in call.callee:
            if isinstance(callee, Attr) and callee.name in _WHOLE_AGAIN:
                yield callee.base
        known = self._evaluator.things(call.callee)
        names = {thing.name for thing in known if isinstance(thing, External)}
        for target in self._evaluator.targets(call):
            yield from target.function.returns
        if not names & _DIGESTS:
            for arg in (*call.args, *call.keywords.values()):
                yield from arg

    def _used(self, site: DispatchSite) -> bool:
        """Whether the parent takes what the workers of a dispatch return."""
        api = site.api
        if any(keyword in site.call.keywords for keyword in api.callbacks):
            return True
        if not api.result or not site.call.used or _dropped(site.call):
            return False
        if api.result != "future" or api.returns == "asyncio.Future":
            return True
        return any(
            call.used and isinstance(callee, Attr) and callee.name in _TAKES
            for function in self._reach.parent
            for call in function.calls
            for callee in call.callee
        )


def _come_from(values: Iterable[Value], calls: set[Call]) -> bool:
    """Whether ``values`` are made from what one of ``calls`` gave back."""
    seen: set[Value] = set()
    stack = list(values)
    while stack and len(seen) < 200:
        current = stack.pop()
        if current in seen:
            continue
        seen.add(current)
        if isinstance(current, Result):
            if current.call in calls:
                return True
            for given in (current.call.callee, *current.call.args):
                stack.extend(given)
        elif isinstance(current, Attr | Item | Element | Entered | Copied):
            stack.append(current.base)
        elif isinstance(current, Fresh):
            stack.extend(current.display.elements)
        elif isinstance(current, Phi | Seen):
            stack.extend(current.slot.values)
    return False


def _dropped(call: Call) -> bool:
    """Whether nobody looks at what a call gives back, though something takes it."""
    outer = call.function.node
    body = outer.body if isinstance(outer.body, list) else []
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Expr) and _drains(node.value, call.node):
                return True
            if isinstance(node, ast.For) and _drains(node.iter, call.node):
                return isinstance(node.target, ast.Name) and not _is_read(outer, node.target.id)
            if (
                isinstance(node, ast.Assign)
                and _drains(node.value, call.node)
                and len(node.targets) == 1
                and isinstance(node.targets[0], ast.Name)
            ):
                return not _is_read(outer, node.targets[0].id)
    return False


def _drains(node: ast.expr, wanted: ast.AST) -> bool:
    """Whether ``node`` is the call ``wanted``, or only takes its results out."""
    while node is not wanted:
        if not isinstance(node, ast.Call) or not node.args:
            return False
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name not in _DRAINS:
            return False
        node = node.args[0]
    return True


def _is_read(scope: ast.AST, name: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        for node in ast.walk(scope)
    )
