"""MPG103: a worker writes elements of a module-level buffer."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.lost import PLAIN, findings

CODE, NAME = "MPG103", "lost-buffer-write"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the writes into flat memory that the parent looks for and never gets."""
    return findings(facts, CODE, NAME, "buffer")


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a worker writes elements of a module-level buffer, and the parent reads it",
    why="""\
A `bytearray`, an `array.array`, a numpy array or a DataFrame at module level looks
like one piece of memory, but each process has its own. What a worker writes by
index lands in the worker's copy; the parent's array keeps its zeros. Nothing
raises.""",
    bad="""\
from array import array
from multiprocessing import Pool

squares = array("q", [0] * 10)


def worker(i):
    squares[i] = i * i


if __name__ == "__main__":
    with Pool() as pool:
        pool.map(worker, range(10))
    print(squares.tolist())  # all zeros
""",
    good="""\
from array import array
from multiprocessing import Pool


def worker(i):
    return i * i


if __name__ == "__main__":
    with Pool() as pool:
        squares = array("q", pool.map(worker, range(10)))
    print(squares.tolist())
""",
    limits="""\
- How often it is right on public code is hardly known: it fires once in what was read,
  and is right.
- An array is known by the call that makes it (`numpy.zeros`, `array.array`,
  `bytearray`, `pandas.DataFrame`, ...). One from anywhere else could be a view of
  shared memory, so nothing is said about it.
- A view is known by an index, a slice, `memoryview()`, `numpy.frombuffer()`, or one of the
  usual names (`.T`, `.reshape()`, `.loc`); what another call gives back counts as an
  object of its own.
- `row = grid[i]; row *= 2` changes the row of a table, or nothing where `grid` has one
  dimension: it is reported where the call that makes `grid` spells out its shape or its
  data; `grid[i] *= 2` always is."""
    + PLAIN,
    remedy="""\
Return the values and put them together in the parent. Where the data is large,
put its bytes into `multiprocessing.shared_memory.SharedMemory`, attach to it by
name in the workers, and unlink it when they have ended; or hand a
`multiprocessing.RawArray` over by `initializer=`.""",
    since="0.1.0",
    default=True,
    check=check,
)
