"""Which objects of the parent a place can be: what was handed to a worker is met again here.

A worker is handed a copy of something that the parent knows by other names: a local,
a parameter, an attribute, an item.  Here a place becomes the places of the same object
that its callers know, back to where it was made; an instance whose maker is out of
sight is any instance of its class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flake8_mpglobals.evaluate import Evaluator, Obj
from flake8_mpglobals.ir import (
    ANYTHING,
    Attr,
    Cell,
    Class,
    ClassValue,
    Copied,
    Element,
    Function,
    Handed,
    Instance,
    Item,
    Param,
    Value,
    Values,
    anchor,
    attr,
    element,
    item,
)
from flake8_mpglobals.reach import Path, overlaps, segments

MOST = 60
"""Places of one object that are followed."""

Wanted = dict[Value, set[Path]]
"""Where a change can be seen: by anchor, the access paths below it."""


class Objects:
    """Answers which places of the parent can be the same object."""

    def __init__(self, evaluator: Evaluator, parent: frozenset[Function]) -> None:
        self._evaluator = evaluator
        self._parent = parent
        self._known: dict[Value, frozenset[tuple[Value, Path]]] = {}
        self._classes: dict[Value, frozenset[Class]] = {}

    def wanted(self, place: Value, path: Path, anchors: Iterable[Value]) -> Wanted:
        """Return where, below which of ``anchors``, a change of ``place`` at ``path`` is seen.

        ``anchors`` are those that the parent touches.
        """
        found: Wanted = {place: {path}}
        if not isinstance(place, Handed | Cell):
            return found
        # What is changed is the last container on the way, not what it holds or held: that
        # may be copied into a container that is the worker's.
        steps = list(_prefixes(place, path))
        last = len(path) if isinstance(place, Handed) and path else len(path) + 1
        below = path[1:]  # a slice is no list of the parent, and counts anew
        if isinstance(steps[0], Copied) and below:
            path = ("[]", *below)
        roots = {
            (start, (*above, *path[index:]))
            for index, known in enumerate(steps)
            if index < last and (below or not isinstance(known, Copied))
            for start, above in self._objects(known)
        }
        if isinstance(place, Cell) and len(roots) > 1:
            found.clear()  # what it holds, by whichever name
        for start, wanted in roots:
            if start == place and not found:
                continue
            found.setdefault(start, set()).add(wanted)
        for other in anchors:
            if isinstance(other, Cell | Handed):
                continue
            for start, above in self._objects(other):
                for root, wanted in roots:
                    if self._same(start, root) and overlaps(above, wanted):
                        found.setdefault(other, set()).add(wanted[len(above) :])
        return found

    def _objects(self, place: Value) -> frozenset[tuple[Value, Path]]:
        """Return the anchors and paths of all that ``place`` can be, seen from its callers."""
        known = self._known.get(place)
        if known is None:
            ends = {(anchor(end), segments(end)) for end in self._expand(place)}
            known = self._known[place] = frozenset(ends)
        return known

    def _expand(self, place: Value) -> set[Value]:
        found: set[Value] = set()
        waiting = list(self._evaluator.places((place,)) or (place,))
        while waiting and len(found) < MOST:
            current = waiting.pop()
            if current in found:
                continue
            found.add(current)
            start = anchor(current)
            if isinstance(start, Param):
                for given in self._given(start):
                    waiting.extend(_moved(current, given))
        return found

    def _given(self, param: Param) -> Iterator[Value]:
        """Yield what callers pass for a parameter; some instance, where nobody is seen to."""
        passed = self._evaluator.inputs.get(param, ())
        here = param.function in self._parent
        for place in self._evaluator.places(passed):
            start = anchor(place)
            # What a worker passes is no object of the parent where both call one function.
            if here and isinstance(start, Param) and start.function not in self._parent:
                continue
            yield place
        if passed:
            return
        for thing in self._evaluator.thing(param):
            if isinstance(thing, Obj):
                yield Instance(ClassValue(thing.cls))

    def _same(self, one: Value, other: Value) -> bool:
        """Whether two anchors can be one object."""
        if one == other:
            return True
        if isinstance(one, Instance) or isinstance(other, Instance):
            mine, theirs = self._class_of(one), self._class_of(other)
            return any(a in self._above(b) or b in self._above(a) for a in mine for b in theirs)
        return False

    def _class_of(self, start: Value) -> frozenset[Class]:
        known = self._classes.get(start)
        if known is None:
            known = self._classes[start] = frozenset(
                thing.cls for thing in self._evaluator.thing(start) if isinstance(thing, Obj)
            )
        return known

    def _above(self, cls: Class) -> tuple[Class, ...]:
        return self._evaluator.lineage(cls)[0]


def _prefixes(place: Value, path: Path) -> Iterator[Value]:
    """Yield what ``place`` stands for in the parent, and what leads from there along ``path``."""
    current: Value = place.base if isinstance(place, Handed) else place
    yield current
    for part in path:
        step: Values = frozenset((current,))
        key = None if isinstance(current, Copied) else _key(part)
        step = attr(step, part[1:]) if part.startswith(".") else item(step, key)
        if step == ANYTHING:
            return
        (current,) = step
        yield current


def _key(part: str) -> str | int | None:
    text = part[1:-1]
    if not text:
        return None
    return int(text) if text.lstrip("-").isdigit() else text[1:-1]


def _moved(path: Value, base: Value) -> Values:
    """Return ``path`` with its anchor replaced by ``base``."""
    if isinstance(path, Attr):
        return attr(_moved(path.base, base), path.name) - ANYTHING
    if isinstance(path, Item):
        return item(_moved(path.base, base), path.key) - ANYTHING
    if isinstance(path, Element):
        return element(_moved(path.base, base)) - ANYTHING
    if isinstance(path, Copied):
        return frozenset(map(Copied, _moved(path.base, base)))
    return frozenset((base,))
