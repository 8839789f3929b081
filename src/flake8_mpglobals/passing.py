"""What calls change of the objects that they are given: methods, of their receiver.

``config.load(path)`` changes ``config`` where it stands, though the stores are in
``load``: they change what its ``self`` is.
"""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.dispatches import Boundaries
from flake8_mpglobals.effects import Effect, judge
from flake8_mpglobals.evaluate import (
    Evaluator,
    bound_to,
)
from flake8_mpglobals.ir import Call, Function, Param, Store, Value, anchor, is_state
from flake8_mpglobals.rawwrites import raw_writes
from flake8_mpglobals.reach import rebase, segments
from flake8_mpglobals.records import frozen

DEEPEST = 3
"""How many calls a parameter is followed through."""


@frozen
class Passed:
    """A change that a call makes of something it is given: of which state, where under it."""

    state: Value
    path: tuple[str, ...]
    verb: str


class Passing:
    """Answers what calls of one program change of what they are given."""

    def __init__(self, boundaries: Boundaries, evaluator: Evaluator) -> None:
        self._boundaries = boundaries
        self._evaluator = evaluator
        self._known: dict[tuple[Function, int], tuple[tuple[Value, Effect], ...]] = {}

    def changes(self, call: Call) -> Iterator[Passed]:
        """Yield what a call changes of the state that it is given."""
        seen: set[Passed] = set()
        for target in self._boundaries.edges.get(call, ()):
            for place, effect in self._of(target.function, DEEPEST):
                start = anchor(place)
                assert isinstance(start, Param)
                for given in self._evaluator.places(bound_to(target.bindings, start) or ()):
                    if not is_state(anchor(given)):
                        continue
                    below = effect.path[len(segments(place)) :]
                    for moved in rebase(place, frozenset((given,))):
                        one = Passed(anchor(moved), (*segments(moved), *below), effect.verb)
                        if one not in seen:
                            seen.add(one)
                            yield one

    def _of(self, function: Function, depth: int) -> tuple[tuple[Value, Effect], ...]:
        """Return the places below its parameters that a function changes, by calls too."""
        key = (function, depth)
        known = self._known.get(key)
        if known is None:
            self._known[key] = ()
            known = self._known[key] = tuple(dict.fromkeys(self._find(function, depth)))
        return known

    def _find(self, function: Function, depth: int) -> Iterator[tuple[Value, Effect]]:
        for raw in raw_writes(function, self._evaluator):
            if isinstance(raw.event, Store) and raw.event.how in ("bind", "augment", "unbind"):
                continue
            start = anchor(raw.place)
            if isinstance(start, Param) and start.function is function:
                effect = judge(raw, raw.place, self._evaluator)
                if effect is not None:
                    yield raw.place, effect
        if not depth:
            return
        for _, target in self._boundaries.edges_of(function):
            for place, effect in self._of(target.function, depth - 1):
                start = anchor(place)
                assert isinstance(start, Param)
                for given in self._evaluator.places(bound_to(target.bindings, start) or ()):
                    own = anchor(given)
                    if isinstance(own, Param) and own.function is function:
                        for moved in rebase(place, frozenset((given,))):
                            path = (*segments(moved), *effect.path[len(segments(place)) :])
                            yield moved, Effect(effect.sort, effect.verb, effect.kind, path)
