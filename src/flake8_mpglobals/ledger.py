"""A file in which what a trace noted is looked up in place.

It has two halves.  The first, which is read at once, tells whether anything has changed on
disk, and what was found: enough where nothing has.  The second is the graph of answers, in
which a change is followed; nothing of it is read before it is asked for.  Keys are found by
a table of their hashes, all else by number.

Leaves are of three sorts.  *Settled* ones are told to be unchanged by size, times and
inode alone.  Those *implied* by a settled one need no look while that is unchanged: that a
path is a file whose content is such a leaf, or that it is not in a folder that is one.
All *others* are looked at one by one.
"""

from __future__ import annotations

import marshal
import os
import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, BinaryIO

from flake8_mpglobals.blocks import Blocks, sums_of
from flake8_mpglobals.trace import State, Trace, depending

_HEAD = struct.Struct("<4sQI")
_MARK = b"mpg3"
_ROW = struct.Struct("=4q")
"""The size, times and inode of a settled leaf."""
_NOWHERE = 0xFFFFFFFF
_WIDTH = array("I").itemsize

Answer = tuple[int, bytes, bytes | None]
"""The node of the answer to a command, the reports that make it up, in their order, and the
leaves on which all this depends (None: on all).
"""


class Ledger:
    """What is kept in one file; made by :func:`opened`.

    ``found`` are the values of reports and of answers to whole commands, by number; ``names``
    are keys that are known without the graph.
    """

    answers: dict[str, Answer]
    found: dict[int, Any]

    def __init__(self, file: BinaryIO, front: tuple[Any, ...]) -> None:
        self._file = file
        (self.count, self.answers, self.found, settled, paths, self._rows, self._others,
         implied, by, self._sizes, self._sums) = front  # fmt: skip
        self.size = sum(self._sizes)
        self._settled = array("I", settled)
        self._paths = _split(paths)
        self._implied = array("I", implied)
        self._by = array("I", by)
        self._starts = dict(zip(_PARTS, accumulate(self._sizes, initial=0), strict=False))
        self._blocks: Blocks | None = None
        self._whole: dict[str, memoryview] = {}
        self.name = ""
        self.names: dict[int, str] = {number: key for number, (key, _) in self._others.items()}

    def close(self) -> None:
        """Let the file be replaced, where it could not be while it is open."""
        self._whole.clear()
        self._blocks = None
        self._file.close()

    # -- has anything changed? ---------------------------------------------------

    def suspects(self, among: set[int] | None, known: Iterable[int]) -> list[int]:
        """Return the leaves that may not be as they were, of these or all, but for ``known``."""
        stat = os.stat
        odd: set[int] = set()
        every = among is None
        for number, path, was in zip(
            self._settled, self._paths, _ROW.iter_unpack(self._rows), strict=True
        ):
            if every or number in among:  # type: ignore[operator]
                try:
                    now = stat(path)
                except (OSError, ValueError):
                    odd.add(number)
                    continue
                if (now.st_mtime_ns, now.st_ino, now.st_size, now.st_ctime_ns) != was:
                    odd.add(number)
        if odd or not every:
            looked_at = self._settled if among is None else among.intersection(self._settled)
            sure = set(looked_at) - odd
            odd.update(
                number
                for number, by in zip(self._implied, self._by, strict=True)
                if by not in sure and (every or number in among)  # type: ignore[operator]
            )
        odd.update(n for n in self._others if every or n in among)  # type: ignore[operator]
        return sorted(odd.difference(known))

    def other(self, number: int) -> State | None:
        """Return the state of a leaf, None where it is settled or implied."""
        known: tuple[str, State] | None = self._others.get(number)
        return None if known is None else known[1]

    # -- the graph ---------------------------------------------------------------

    def _piece(self, name: str, start: int, end: int) -> memoryview:
        """Return some bytes of a part; raises ``Damaged``, as all that follows."""
        if self._blocks is None:
            self._blocks = Blocks(self._file, self.size, self._sums)
        first = self._starts[name]
        return self._blocks.piece(first + start, first + end)

    def _numbers(self, name: str) -> memoryview:
        """Return a part that holds numbers."""
        known = self._whole.get(name)
        if known is None:
            piece = self._piece(name, 0, self._sizes[_PARTS.index(name)])
            known = self._whole[name] = piece.cast("I")
        return known

    def _item(self, name: str, at: int, width: int = 1) -> memoryview:
        """Return the bytes that stand at a place in a part, by where each ends."""
        ends = self._numbers(f"{name} end")
        return self._piece(name, width * ends[at - 1] if at else 0, width * ends[at])

    def find(self, key: str) -> int | None:
        """Return the number of a key, None where it is not there."""
        wanted = _bytes(key)
        mask = self._sizes[0] // _WIDTH - 1
        at = zlib.crc32(wanted) & mask
        while True:
            slot = self._piece("table", at * _WIDTH, (at + 1) * _WIDTH)
            number = int.from_bytes(slot, sys.byteorder)
            if number == _NOWHERE:
                return None
            if self._item("keys", number) == wanted:
                return number
            at = (at + 1) & mask

    def key(self, number: int) -> str:
        """Return the key with a number."""
        known = self.names.get(number)
        if known is not None:
            return known
        return _text(bytes(self._item("keys", number)))

    def state(self, number: int) -> State | None:
        """Return the state of a leaf, None where there is none."""
        at = _place(self._numbers("leaves"), number)
        if at is None:
            return None
        state: State = marshal.loads(self._item("states", at))
        return state

    def edges(self, number: int) -> bytes | None:
        """Return what a node was derived from, None where it was not."""
        at = _place(self._numbers("nodes"), number)
        if at is None:
            return None
        edges = array("I", self._item("to leaves", at, _WIDTH).tobytes())
        edges.frombytes(self._item("to nodes", at, _WIDTH))
        return array("I", sorted(edges)).tobytes()

    def value(self, number: int) -> Any:
        """Return the value of a node; an empty tuple where there is none."""
        known = self.found.get(number)
        if known is None:
            at = _place(self._numbers("valued"), number)
            known = () if at is None else marshal.loads(self._item("values", at))
        return known

    def dependents(self, numbers: set[int]) -> set[int]:
        """Return the nodes that are derived from any of these right away."""
        leaves = numbers.intersection(self._numbers("leaves"))
        return self._depending(leaves, "to leaves") | self._depending(numbers - leaves, "to nodes")

    def _depending(self, numbers: set[int], name: str) -> set[int]:
        if not numbers:
            return set()
        edges, ends = self._numbers(name), self._numbers(f"{name} end")
        return depending(numbers, self._numbers("nodes"), ends, edges.tobytes())

    def nodes(self) -> Sequence[int]:
        """Return the nodes that were made."""
        return self._numbers("nodes")

    def leaves(self) -> Sequence[int]:
        """Return the leaves that have a state."""
        return self._numbers("leaves")


_PARTS = (
    # all keys, in the order of their numbers, and where they are by their hashes
    *("table", "keys", "keys end"),
    # nodes, and what they are derived from
    *("nodes", "to leaves", "to leaves end", "to nodes", "to nodes end"),
    # nodes with a value
    *("valued", "values", "values end"),
    # leaves with a state
    *("leaves", "states", "states end"),
)
"""The parts of the graph, in their order."""


def _place(numbers: memoryview, number: int) -> int | None:
    at = bisect_left(numbers, number)
    return at if at < len(numbers) and numbers[at] == number else None


def opened(path: str) -> Ledger | None:
    """Return what a file holds, None where it holds nothing of use."""
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115
    except (OSError, ValueError):
        return None
    try:
        head = file.read(_HEAD.size) or b""
        mark, size, sum_ = _HEAD.unpack(head)
        data = file.read(size) if mark == _MARK and size <= os.fstat(file.fileno()).st_size else b""
        if data and zlib.crc32(data) == sum_:
            return Ledger(file, marshal.loads(data))
    except (OSError, ValueError, EOFError, TypeError, struct.error):
        pass
    file.close()
    return None


def written(trace: Trace, answers: dict[str, Answer], cwd: str, in_front: str) -> tuple[bytes, ...]:
    """Return the parts of a file that holds all that a trace and its base say.

    What nobody needs any more is left out, and the rest numbered anew.  ``in_front`` are
    letters of nodes whose values are to be had at once.
    """
    first, gone = trace.base.count, trace.gone
    states = {n: state for n, state in trace.states.items() if state is not None}
    made, values = dict(trace.made), dict(trace.values)
    if isinstance(trace.base, Ledger):
        for number in trace.base.leaves():
            if number not in gone and number not in trace.states:
                states[number] = trace.state(number) or ()
        for number in trace.base.nodes():
            if number not in gone and number not in trace.made:
                made[number] = trace.edges(number) or b""
                value = trace.base.value(number)
                if value != ():
                    values[number] = value
    # A node that nothing was looked at for yet may still grow.
    live = sorted({*states, *made, *array("I", b"".join(made.values()))})
    keys = [trace.key(number) for number in live]
    numbers: list[int] | range = range(len(live))
    if live and live[-1] != len(live) - 1:
        numbers = [0] * (first + len(trace.keys))
        for new, old in enumerate(live):
            numbers[old] = new
    nodes = sorted(made)
    leaf_ends, to_leaves, node_ends, to_nodes = _edges(map(made.__getitem__, nodes), states)
    found = {n: values.pop(n) for n in [*values] if trace.key(n)[0] in in_front}
    valued, leaves = sorted(values), sorted(states)
    packed = [marshal.dumps(values[n]) for n in valued]
    packed_states = [marshal.dumps(states[n]) for n in leaves]
    encoded = [*map(_bytes, keys)]

    def moved(which: Iterable[int]) -> bytes:
        return array("I", map(numbers.__getitem__, which)).tobytes()

    back = {
        "table": _table(encoded),
        "keys": b"".join(encoded),
        "keys end": _ends(map(len, encoded)),
        "nodes": moved(nodes),
        "to leaves": moved(to_leaves),
        "to leaves end": leaf_ends,
        "to nodes": moved(to_nodes),
        "to nodes end": node_ends,
        "valued": moved(valued),
        "values": b"".join(packed),
        "values end": _ends(map(len, packed)),
        "leaves": moved(leaves),
        "states": b"".join(packed_states),
        "states end": _ends(map(len, packed_states)),
    }
    graph = b"".join(map(back.__getitem__, _PARTS))
    settled, paths, rows, others, implied, by = _sorted_out(trace, states, cwd)
    front = marshal.dumps(
        (
            len(live),
            {key: (numbers[n], moved(array("I", reports)), None if own is None else
                   moved(n for n in array("I", own) if n in states))
             for key, (n, reports, own) in answers.items()},
            {numbers[n]: value for n, value in found.items()},
            moved(settled),
            b"\0".join(map(_bytes, paths)),
            b"".join(rows),
            {numbers[n]: (trace.key(n), states[n]) for n in others},
            moved(implied),
            moved(by),
            [len(back[name]) for name in _PARTS],
            sums_of(graph),
        )
    )  # fmt: skip
    return (_HEAD.pack(_MARK, len(front), zlib.crc32(front)), front, graph)


def _edges(packed: Iterable[bytes], states: dict[int, State]) -> tuple[Any, ...]:
    """Return what nodes are derived from, leaves apart from other nodes: where those of each
    end, and all in a row.
    """
    to_leaves, to_nodes = array("I"), array("I")
    leaf_ends, node_ends = array("I"), array("I")
    for each in packed:
        edges = array("I", each)
        leaves = states.keys() & edges
        to_leaves.extend(leaves)
        to_nodes.extend(edges if not leaves else [n for n in edges if n not in leaves])
        leaf_ends.append(len(to_leaves))
        node_ends.append(len(to_nodes))
    return leaf_ends.tobytes(), to_leaves, node_ends.tobytes(), to_nodes


def _sorted_out(trace: Trace, states: dict[int, State], cwd: str) -> tuple[Any, ...]:
    """Return the leaves by sort: settled ones with their paths and rows, others, implied ones
    with those by which they are.
    """
    inside = os.path.join(cwd, "")
    settled: list[int] = []
    paths: list[str] = []
    rows: list[bytes] = []
    others: list[int] = []
    kinds: list[tuple[int, str]] = []
    by_path: dict[str, int] = {}
    folders: dict[str, int] = {}
    for number, state in states.items():
        letter, _, path = trace.key(number).partition(" ")
        if letter == "k":
            kinds.append((number, path))
            continue
        try:
            size, changed, status, inode = state[0]
            row = _ROW.pack(changed, inode, size, status)
        except (ValueError, struct.error):
            others.append(number)
            continue
        settled.append(number)
        paths.append(path.removeprefix(inside) or path)
        rows.append(row)
        by_path[path] = number
        if letter == "n":
            folders[path] = number
    implied: list[int] = []
    by: list[int] = []
    for number, path in kinds:
        cause = by_path.get(path)
        if states[number] == ("",):
            cause = _absent_from(path, folders)
        if cause is None:
            others.append(number)
        else:
            implied.append(number)
            by.append(cause)
    return settled, paths, rows, others, implied, by


def _absent_from(path: str, folders: dict[str, int]) -> int | None:
    """Return the settled folder from which it is told that there is nothing at ``path``."""
    while not os.path.lexists(path):
        above = os.path.dirname(path)
        if above in folders:
            return folders[above]
        if above == path:
            break
        path = above
    return None


def _table(keys: Sequence[bytes]) -> bytes:
    """Return the numbers of keys where their hashes say, or behind that where it is taken."""
    size = 8
    while size < 2 * len(keys):
        size *= 2
    mask = size - 1
    table = array("I", b"\xff\xff\xff\xff" * size)
    hashed: Callable[[bytes], int] = zlib.crc32
    for number, key in enumerate(keys):
        at = hashed(key) & mask
        while table[at] != _NOWHERE:
            at = (at + 1) & mask
        table[at] = number
    return table.tobytes()


def _ends(sizes: Iterable[int]) -> bytes:
    return array("I", accumulate(sizes)).tobytes()


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")


def _split(keys: bytes) -> list[str]:
    return _text(keys).split("\0") if keys else []
