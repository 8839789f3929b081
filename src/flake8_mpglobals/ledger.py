"""A file in which what a trace noted is looked up in place.

It has two parts, each with a checksum.  The first, which is read at once, tells whether
anything has changed on disk, and what was found: enough where nothing has.  The second is
the graph of answers, in which a change is followed; nothing of it is decoded before it is
asked for.  Keys are found by a table of their hashes, all else by number.

Leaves are of three sorts.  *Settled* ones are told to be unchanged by size, times and
inode alone.  Those *implied* by a settled one need no look while that is unchanged: that a
path is a file whose content is such a leaf, or that it is not in a folder that is one.
All *others* are looked at one by one.
"""

from __future__ import annotations

import marshal
import os
import struct
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from mmap import ACCESS_READ, mmap
from typing import Any, BinaryIO

from flake8_mpglobals.trace import State, Trace, depending

_HEAD = struct.Struct("<4sQIQI")
_MARK = b"mpg3"
_ROW = struct.Struct("=4q")
"""The size, times and inode of a settled leaf."""
_NOWHERE = 0xFFFFFFFF

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

    def __init__(self, file: BinaryIO, front: tuple[Any, ...], back: tuple[int, int]) -> None:
        self._file = file
        self._back = back
        self.size = back[0]
        (self.count, self.answers, self.found, settled, paths, self._rows, self._others,
         implied, by) = front  # fmt: skip
        self._settled = array("I", settled)
        self._paths = _split(paths)
        self._implied = array("I", implied)
        self._by = array("I", by)
        self._graph: tuple[memoryview, ...] = ()
        self.name = ""
        self.names: dict[int, str] = {number: key for number, (key, _) in self._others.items()}

    def close(self) -> None:
        """Let the file be replaced, where it could not be while it is open."""
        self._graph = ()
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

    def load(self) -> bool:
        """Make the graph ready; false where it is damaged."""
        if not self._graph:
            size, sum_ = self._back
            try:
                whole = mmap(self._file.fileno(), 0, access=ACCESS_READ)
            except (OSError, ValueError):
                return False
            view = memoryview(whole)[-size:]
            if len(view) != size or zlib.crc32(view) != sum_:
                return False
            length = int.from_bytes(view[:4], "little")
            start = 4 + length
            parts = []
            for each in marshal.loads(view[4:start]):
                parts.append(view[start : start + each])
                start += each
            self._graph = tuple(
                part.cast("I") if kind == "I" else part
                for kind, part in zip(_PARTS.values(), parts, strict=True)
            )
        return True

    def _part(self, name: str) -> memoryview:
        return self._graph[_INDEX[name]]

    def find(self, key: str) -> int | None:
        """Return the number of a key, None where it is not there."""
        table, keys, ends = self._graph[:3]
        wanted = _bytes(key)
        mask = len(table) - 1
        at = zlib.crc32(wanted) & mask
        while (number := table[at]) != _NOWHERE:
            if keys[ends[number - 1] if number else 0 : ends[number]] == wanted:
                return number
            at = (at + 1) & mask
        return None

    def key(self, number: int) -> str:
        """Return the key with a number."""
        known = self.names.get(number)
        if known is not None:
            return known
        _, keys, ends = self._graph[:3]
        return _text(bytes(keys[ends[number - 1] if number else 0 : ends[number]]))

    def state(self, number: int) -> State | None:
        """Return the state of a leaf, None where there is none."""
        state: State | None = self._looked_up("leaves", "state_ends", "states", number, None)
        return state

    def edges(self, number: int) -> bytes | None:
        """Return what a node was derived from, None where it was not."""
        nodes = self._part("nodes")
        at = bisect_left(nodes, number)
        if at == len(nodes) or nodes[at] != number:
            return None
        to_leaves, to_nodes = (
            self._part(edges)[ends[at - 1] if at else 0 : ends[at]]
            for edges, ends in (
                ("to_leaves", self._part("leaf_ends")),
                ("to_nodes", self._part("node_ends")),
            )
        )
        return array("I", sorted((*to_leaves, *to_nodes))).tobytes()

    def value(self, number: int) -> Any:
        """Return the value of a node; an empty tuple where there is none."""
        known = self.found.get(number)
        if known is None:
            known = self._looked_up("valued", "value_ends", "values", number, ())
        return known

    def _looked_up(self, numbers: str, ends: str, blobs: str, number: int, missing: Any) -> Any:
        which, until = self._part(numbers), self._part(ends)
        at = bisect_left(which, number)
        if at == len(which) or which[at] != number:
            return missing
        return marshal.loads(self._part(blobs)[until[at - 1] if at else 0 : until[at]])

    def dependents(self, numbers: set[int]) -> set[int]:
        """Return the nodes that are derived from any of these right away."""
        nodes, leaves = self._part("nodes"), numbers.intersection(self._part("leaves"))
        found = depending(leaves, nodes, self._part("leaf_ends"), self._part("to_leaves").tobytes())
        if leaves != numbers:
            edges = self._part("to_nodes").tobytes()
            found |= depending(numbers - leaves, nodes, self._part("node_ends"), edges)
        return found

    def nodes(self) -> Sequence[int]:
        """Return the nodes that were made."""
        return self._part("nodes")

    def leaves(self) -> Sequence[int]:
        """Return the leaves that have a state."""
        return self._part("leaves")


_PARTS = {
    # all keys, in the order of their numbers, and where they are by their hashes
    "table": "I", "keys": "B", "key_ends": "I",
    # nodes, and what they are derived from
    "nodes": "I", "leaf_ends": "I", "to_leaves": "I", "node_ends": "I", "to_nodes": "I",
    # nodes with a value
    "valued": "I", "value_ends": "I", "values": "B",
    # leaves with a state
    "leaves": "I", "state_ends": "I", "states": "B",
}  # fmt: skip
"""The parts of the graph, in their order: numbers, or bytes."""
_INDEX = {name: index for index, name in enumerate(_PARTS)}


def opened(path: str) -> Ledger | None:
    """Return what a file holds, None where it holds nothing of use."""
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115
    except (OSError, ValueError):
        return None
    try:
        head = file.read(_HEAD.size) or b""
        mark, size, sum_, back, back_sum = _HEAD.unpack(head)
        data = file.read(size) if mark == _MARK and size <= os.fstat(file.fileno()).st_size else b""
        if data and zlib.crc32(data) == sum_:
            return Ledger(file, marshal.loads(data), (back, back_sum))
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
        "key_ends": _ends(map(len, encoded)),
        "nodes": moved(nodes),
        "leaf_ends": leaf_ends,
        "to_leaves": moved(to_leaves),
        "node_ends": node_ends,
        "to_nodes": moved(to_nodes),
        "valued": moved(valued),
        "value_ends": _ends(map(len, packed)),
        "values": b"".join(packed),
        "leaves": moved(leaves),
        "state_ends": _ends(map(len, packed_states)),
        "states": b"".join(packed_states),
    }
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
        )
    )  # fmt: skip
    sizes = marshal.dumps([len(back[name]) for name in _PARTS])
    rest = (len(sizes).to_bytes(4, "little"), sizes, *(back[name] for name in _PARTS))
    sum_ = 0
    for part in rest:
        sum_ = zlib.crc32(part, sum_)
    head = _HEAD.pack(_MARK, len(front), zlib.crc32(front), sum(map(len, rest)), sum_)
    return (head, front, *rest)


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
