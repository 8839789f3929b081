"""What each answer of a run was derived from: files, folders, and other answers.

A *leaf* is something on disk in one state: the content of a file (``t``), what a path
is (``k``), the modules in a folder (``n``).  A *node* is an answer derived from leaves and
other nodes: the report on a file, or what a search over a project file says.  Both have
a key, a letter with what tells it from others of its kind, a blank and a path, and a
number.  From these an answer of an earlier run can be told to hold still.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any, TypeVar

from flake8_mpglobals.records import frozen

State = tuple[Any, ...]
"""The state of a leaf; what may be in it is up to who looks at disks."""

Answer = TypeVar("Answer")


@frozen
class Notes:
    """What was noted since the last time, by numbers of the process that noted it.

    ``process`` is that process, ``first`` the number of the first of the new ``keys``.
    """

    process: int
    first: int
    keys: list[str]
    states: dict[int, State | None]
    made: dict[int, bytes]
    values: dict[int, Any]


class Trace:
    """The notes of one run, or of one process of it.

    ``states`` are those of leaves, None where a leaf was met in two states or in none that
    can be relied on; ``made`` says from what nodes were derived, ``values`` what they are
    where they are kept, in plain types.
    """

    __slots__ = (
        "_frame", "_growing", "_grown", "_maps", "_sent", "keys", "made", "numbers", "states",
        "values",
    )  # fmt: skip

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.numbers: dict[str, int] = {}
        self.states: dict[int, State | None] = {}
        self.made: dict[int, bytes] = {}
        self.values: dict[int, Any] = {}
        self._frame: set[int] = set()
        self._growing: dict[int, set[int]] = {}
        self._grown: set[int] = set()
        self._sent = 0
        self._maps: dict[int, list[int]] = {}

    def number(self, key: str) -> int:
        """Return the number of a key."""
        known = self.numbers.get(key)
        if known is None:
            known = self.numbers[key] = len(self.keys)
            self.keys.append(key)
        return known

    def note(self, key: str) -> None:
        """Note that the answer in the making depends on a leaf or a node."""
        self._frame.add(self.number(key))

    def saw(self, key: str, state: State | None) -> None:
        """Note the state of a leaf, and that the answer in the making depends on it."""
        number = self.number(key)
        self._frame.add(number)
        self.states[number] = state if self.states.get(number, state) == state else None

    def gather(self, key: str, make: Callable[[], Answer]) -> Answer:
        """Note a node that grows: whatever is looked at for any of its parts."""
        number = self.number(key)
        self._frame.add(number)
        gathered = self._growing.get(number)
        if gathered is None:
            gathered = self._growing[number] = set(_unpacked(self.made.get(number, b"")))
        outer, self._frame = self._frame, gathered
        size = len(gathered)
        try:
            return make()
        finally:
            self._frame = outer
            if len(gathered) != size:
                self._grown.add(number)

    def derive(self, key: str, make: Callable[[], Answer]) -> Answer:
        """Note a node, and that the answer in the making depends on it."""
        number = self.number(key)
        self._frame.add(number)
        outer, self._frame = self._frame, set()
        try:
            return make()
        finally:
            self.made[number] = _packed(self._frame)
            self._frame = outer

    def remembered(
        self, key: str, make: Callable[[], Answer], plain: Callable[[Answer], Any],
        back: Callable[[Any], Answer],
    ) -> Answer:  # fmt: skip
        """Return the answer that is kept, or derive it; ``plain`` and ``back`` turn it into
        what can be kept (an empty tuple, where it says nothing) and back.
        """
        number = self.number(key)
        if number in self.made:
            self._frame.add(number)
            return back(self.values.get(number, ()))
        answer = self.derive(key, make)
        self.keep(number, plain(answer))
        return answer

    def keep(self, number: int, value: Any) -> None:
        """Keep the value of a node; an empty tuple takes no room."""
        if value == ():
            self.values.pop(number, None)
        else:
            self.values[number] = value

    def forget(self, number: int) -> Any:
        """Let a leaf or a node be found out anew; return what it was."""
        self.states.pop(number, None)
        self.made.pop(number, None)
        self._growing.pop(number, None)
        return self.values.pop(number, ())

    def doubt(self, key: str) -> None:
        """Keep neither this leaf nor what depends on it."""
        self.note(key)
        self.states[self.number(key)] = None

    # -- between processes -------------------------------------------------------

    def take(self) -> Notes:
        """Return what was noted since the last time; nodes that grew come again."""
        self.settle()
        notes = Notes(
            os.getpid(), self._sent, self.keys[self._sent :], self.states, self.made, self.values
        )
        self._sent = len(self.keys)
        self.states, self.made, self.values = {}, {}, {}
        return notes

    def settle(self) -> None:
        """Write down what growing nodes depend on by now."""
        for number in self._grown:
            self.made[number] = _packed(self._growing[number])
        self._grown.clear()

    def add(self, notes: Notes) -> None:
        """Take over what another process noted; its notes have to come in their order."""
        self.settle()
        here = self._maps.setdefault(notes.process, [])
        here.extend(map(self.number, notes.keys))
        for number, state in notes.states.items():
            own = here[number]
            self.states[own] = state if self.states.get(own, state) == state else None
        for number, packed in notes.made.items():
            own = here[number]
            moved = {here[each] for each in _unpacked(packed)}
            if own in self.made and self.keys[own][0] in "lb":
                moved.update(_unpacked(self.made[own]))
                self._growing.pop(own, None)
            self.made[own] = _packed(moved)
        for number, value in notes.values.items():
            self.values[here[number]] = value

    # -- what follows from what --------------------------------------------------

    def dependents(self, numbers: set[int]) -> set[int]:
        """Return the nodes that are derived from any of these right away."""
        if len(numbers) > _FEW:
            return {
                node
                for node, packed in self.made.items()
                if not numbers.isdisjoint(_unpacked(packed))
            }
        found: set[int] = set()
        nodes = list(self.made)
        flat = b"".join(self.made.values())
        ends = list(accumulate(map(len, self.made.values())))
        for number in numbers:
            wanted = _packed((number,))
            at = flat.find(wanted)
            while at >= 0:
                if at % len(wanted) == 0:
                    found.add(nodes[bisect(ends, at)])
                at = flat.find(wanted, at + 1)
        return found

    def leaves_of(self, numbers: Iterable[int]) -> set[int]:
        """Return the leaves from which these nodes are derived, through however many others."""
        found: set[int] = set()
        waiting = list(numbers)
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting.extend(_unpacked(self.made.get(number, b"")))
        return {number for number in found if number in self.states}

    def drop_doubtful(self) -> None:
        """Forget the leaves that cannot be relied on, and all that is derived from them."""
        waiting = {number for number, state in self.states.items() if state is None}
        while waiting:
            for number in waiting:
                self.forget(number)
            waiting = self.dependents(waiting)


_FEW = 40
"""So many numbers are looked for one by one."""


def _packed(numbers: Iterable[int]) -> bytes:
    return array("I", sorted(numbers)).tobytes()


def _unpacked(packed: bytes) -> array[int]:
    return array("I", packed)
