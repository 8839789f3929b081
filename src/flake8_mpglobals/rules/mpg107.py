"""MPG107: a worker writes a variable of an enclosing function."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.lost import PLAIN, findings

CODE, NAME = "MPG107", "lost-closure-write"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the changes that the parent looks for and never gets."""
    return findings(facts, CODE, NAME, "closure")


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a worker writes a variable of an enclosing function, and the parent reads it",
    why="""\
A nested function reaches the variables of the function around it through cells, and
cells are copied with everything else: by `fork`, or by the pickler of loky, dask, Ray
and pathos, which takes closures along. `nonlocal n; n += 1` and `results.append(x)` in
a worker change the copy. The enclosing function, in the parent, sees neither.""",
    bad="""\
import multiprocessing


def main():
    found = []

    def search(n):
        found.append(n)

    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=search, args=(n,)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print(found)  # []


if __name__ == "__main__":
    main()
""",
    good="""\
import multiprocessing


def main():
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()

    def search(n):
        queue.put(n)

    processes = [fork.Process(target=search, args=(n,)) for n in range(3)]
    for process in processes:
        process.start()
    found = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    print(sorted(found))  # [0, 1, 2]


if __name__ == "__main__":
    main()
""",
    limits="""\
- A captured object of which the type is not known could be a proxy: a change in it is
  not reported.
- `functools.partial` and arguments are MPG106, attributes of `self` are MPG105."""
    + PLAIN,
    remedy="""\
Return the value, or send it through a `multiprocessing.Queue`. Where processes need a
common object, capture a `multiprocessing.Manager().list()` or a `multiprocessing.Value`
instead: those cross the boundary.""",
    since="0.1.0",
    default=True,
    check=check,
)
