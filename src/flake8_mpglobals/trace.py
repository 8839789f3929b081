"""What each answer of a run was derived from: files, folders, and other answers.

A *leaf* is something on disk in one state: the content of a file (``t``), what a path
is (``k``), the modules in a folder (``n``).  A *node* is an answer derived from leaves and
other nodes: the report on a file, or what a search over a project file says.  Both have
a key, a letter with what tells it from others of its kind, a blank and a path, and a
number.  From these an answer of an earlier run can be told to hold still.

What an earlier run noted is not taken up: it is looked up where it is kept
(:class:`Base`), and a trace holds what is new or otherwise since.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Protocol, TypeVar

from flake8_mpglobals.records import frozen

State = tuple[Any, ...]
"""The state of a leaf: by its last item it is told whether it is the same, what may stand
before that helps to tell so soon, or is empty.  What is in both is up to who looks at disks.
"""

Answer = TypeVar("Answer")


@frozen
class Notes:
    """What was noted since the last time, by numbers of the process that noted it.

    ``process`` is that process, ``keys`` are those that are new, in the order of their numbers.
    """

    process: int
    keys: list[str]
    states: dict[int, State | None]
    made: dict[int, bytes]
    values: dict[int, Any]


class Base(Protocol):
    """What earlier runs noted, looked up where it is kept: the numbers below ``count``."""

    count: int

    def find(self, key: str, /) -> int | None:
        """Return the number of a key, None where it is not there."""

    def key(self, number: int, /) -> str:
        """Return the key with a number."""

    def state(self, number: int, /) -> State | None:
        """Return the state of a leaf, None where there is none."""

    def edges(self, number: int, /) -> bytes | None:
        """Return what a node was derived from, None where it was not."""

    def value(self, number: int, /) -> Any:
        """Return the value of a node; an empty tuple where there is none."""

    def dependents(self, numbers: set[int], /) -> set[int]:
        """Return the nodes that are derived from any of these right away."""


class _Nothing:
    """The base of a first run."""

    count = 0

    def find(self, _: str) -> int | None:
        return None

    def key(self, _: int) -> str:
        raise IndexError

    def state(self, _: int) -> State | None:
        return None

    def edges(self, _: int) -> bytes | None:
        return None

    def value(self, _: int) -> Any:
        return ()

    def dependents(self, _: set[int]) -> set[int]:
        return set()


class Trace:
    """The notes of one run, or of one process of it, over what is kept of earlier ones.

    ``states`` are those of leaves, None where a leaf was met in two states or in none that
    can be relied on; ``made`` says from what nodes were derived, ``values`` what they are
    where they are kept, in plain types.  These three, and ``keys``, hold what ``base`` does
    not; of the numbers in ``gone`` nothing holds that ``base`` says.
    """

    __slots__ = (
        "_frame", "_growing", "_grown", "_maps", "_sent", "base", "gone", "keys", "made",
        "numbers", "states", "values",
    )  # fmt: skip

    def __init__(self, base: Base | None = None) -> None:
        self.base: Base = _Nothing() if base is None else base
        self.keys: list[str] = []
        self.numbers: dict[str, int] = {}
        self.states: dict[int, State | None] = {}
        self.made: dict[int, bytes] = {}
        self.values: dict[int, Any] = {}
        self.gone: set[int] = set()
        self._frame: set[int] = set()
        self._growing: dict[int, set[int]] = {}
        self._grown: set[int] = set()
        self._sent = 0
        self._maps: dict[int, list[int]] = {}

    # -- what is known -----------------------------------------------------------

    def number(self, key: str) -> int:
        """Return the number of a key."""
        known = self.numbers.get(key)
        if known is None:
            known = self.base.find(key)
            if known is None:
                known = self.base.count + len(self.keys)
                self.keys.append(key)
            self.numbers[key] = known
        return known

    def key(self, number: int) -> str:
        """Return the key with a number."""
        first = self.base.count
        return self.base.key(number) if number < first else self.keys[number - first]

    def state(self, number: int) -> State | None:
        """Return the state of a leaf, None where there is none to be relied on."""
        if number in self.states:
            return self.states[number]
        if number in self.gone or number >= self.base.count:
            return None
        return self.base.state(number)

    def edges(self, number: int) -> bytes | None:
        """Return what a node was derived from, None where it was not."""
        known = self.made.get(number)
        if known is None and number < self.base.count and number not in self.gone:
            return self.base.edges(number)
        return known

    def value(self, number: int) -> Any:
        """Return the value of a node; an empty tuple where it says nothing."""
        if number in self.made or number in self.gone or number >= self.base.count:
            return self.values.get(number, ())
        return self.base.value(number)

    def unknown(self, numbers: Iterable[int]) -> list[int]:
        """Return those of some nodes that have to be derived anew."""
        first, made, gone = self.base.count, self.made, self.gone
        return [n for n in numbers if (n >= first or n in gone) and n not in made]

    # -- what is noted -----------------------------------------------------------

    def note(self, key: str) -> None:
        """Note that the answer in the making depends on a leaf or a node."""
        self._frame.add(self.number(key))

    def saw(self, key: str, state: State | None) -> None:
        """Note the state of a leaf, and that the answer in the making depends on it."""
        number = self.number(key)
        self._frame.add(number)
        self.meet(number, state)

    def meet(self, number: int, state: State | None) -> None:
        """Note the state of a leaf: None for good, where it is another than before."""
        known = self.states.get(number, ())
        if known == ():
            known = self.state(number)
            if known is None:
                self.states[number] = state
                return
        if known != state:
            self.states[number] = _merged(known, state)

    def gather(self, key: str, make: Callable[[], Answer]) -> Answer:
        """Note a node that grows: whatever is looked at for any of its parts."""
        number = self.number(key)
        self._frame.add(number)
        gathered = self._growing.get(number)
        if gathered is None:
            gathered = self._growing[number] = set(_unpacked(self.edges(number) or b""))
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
        if self.edges(number) is not None:
            self._frame.add(number)
            return back(self.value(number))
        answer = self.derive(key, make)
        self.keep(number, plain(answer))
        return answer

    def keep(self, number: int, value: Any) -> None:
        """Keep the value of a node that was made; an empty tuple takes no room."""
        if value == ():
            self.values.pop(number, None)
        else:
            self.values[number] = value

    def forget(self, number: int) -> Any:
        """Let a leaf or a node be found out anew; return what it was."""
        was = self.value(number)
        self.states.pop(number, None)
        self.made.pop(number, None)
        self._growing.pop(number, None)
        self._grown.discard(number)
        self.values.pop(number, None)
        if number < self.base.count:
            self.gone.add(number)
        return was

    def doubt(self, key: str) -> None:
        """Keep neither this leaf nor what depends on it."""
        self.note(key)
        self.states[self.number(key)] = None

    # -- between processes -------------------------------------------------------

    def take(self) -> Notes:
        """Return what was noted since the last time; nodes that grew come again."""
        self.settle()
        notes = Notes(os.getpid(), self.keys[self._sent :], self.states, self.made, self.values)
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
            self.meet(here[number], state)
        for number, packed in notes.made.items():
            own = here[number]
            moved = {here[each] for each in _unpacked(packed)}
            if self.key(own)[0] in GROWING:
                moved.update(_unpacked(self.edges(own) or b""))
                self._growing.pop(own, None)
            self.made[own] = _packed(moved)
        for number, value in notes.values.items():
            self.values[here[number]] = value

    # -- what follows from what --------------------------------------------------

    def dependents(self, numbers: set[int]) -> set[int]:
        """Return the nodes that are derived from any of these right away."""
        found = self.base.dependents(numbers)
        found -= self.gone
        found.difference_update(self.made)
        nodes = list(self.made)
        ends = list(accumulate(len(packed) // _WIDTH for packed in self.made.values()))
        return found | depending(numbers, nodes, ends, b"".join(self.made.values()))

    def leaves_of(self, numbers: Iterable[int]) -> set[int]:
        """Return the leaves from which these nodes are derived, through however many others."""
        found: set[int] = set()
        leaves: set[int] = set()
        waiting = list(numbers)
        while waiting:
            number = waiting.pop()
            if number in found:
                continue
            found.add(number)
            packed = self.edges(number)
            if packed is None:
                leaves.add(number)
            else:
                waiting.extend(_unpacked(packed))
        return leaves

    def drop_doubtful(self) -> None:
        """Forget the leaves that cannot be relied on, and all that is derived from them."""
        waiting = {number for number, state in self.states.items() if state is None}
        while waiting:
            for number in waiting:
                self.forget(number)
            waiting = self.dependents(waiting)


GROWING = "lb"
"""Letters of nodes that grow."""
_FEW = 40
"""So many numbers are looked for one by one."""
_WIDTH = array("I").itemsize


def depending(
    numbers: set[int], nodes: Sequence[int], ends: Sequence[int], flat: bytes
) -> set[int]:
    """Return the nodes that are derived from any of ``numbers``: those of each node stand
    together in ``flat``, up to the one counted in ``ends``.
    """
    if len(numbers) > _FEW:
        every = array("I", flat)
        return {nodes[bisect(ends, at)] for at, number in enumerate(every) if number in numbers}
    found: set[int] = set()
    for number in numbers:
        wanted = _packed((number,))
        at = flat.find(wanted)
        while at >= 0:
            if at % _WIDTH == 0:
                found.add(nodes[bisect(ends, at // _WIDTH)])
            at = flat.find(wanted, at + 1)
    return found


def _merged(known: State | None, state: State | None) -> State | None:
    """Return what two looks at a leaf say together: None where they differ."""
    if known is None or state is None or known[-1] != state[-1] or not known[-1]:
        return None
    return ((), *known[1:])


def _packed(numbers: Iterable[int]) -> bytes:
    return array("I", sorted(numbers)).tobytes()


def _unpacked(packed: bytes) -> array[int]:
    return array("I", packed)
