"""MPG104: a worker writes a class attribute."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.lost import PLAIN, findings

CODE, NAME = "MPG104", "lost-class-attribute-write"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the changes that the parent looks for and never gets."""
    return findings(facts, CODE, NAME, "class")


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a worker writes a class attribute, and the parent reads it",
    why="""\
A class attribute is a global with a longer name: the class object lives in a module,
and each process has its own copy of the module. `Counter.total += 1` in a worker
changes the worker's class. The parent's `Counter.total` stays as it was, and so does
a list or dict that the class holds for all its instances.""",
    bad="""\
from multiprocessing import Pool


class Stats:
    failed = []


def worker(item):
    if item % 3 == 0:
        Stats.failed.append(item)


if __name__ == "__main__":
    with Pool() as pool:
        pool.map(worker, range(9))
    print(Stats.failed)  # []
""",
    good="""\
from multiprocessing import Pool


def worker(item):
    return item % 3 == 0


if __name__ == "__main__":
    items = range(9)
    with Pool() as pool:
        marks = pool.map(worker, items)
    failed = [item for item, bad in zip(items, marks) if bad]
    print(failed)  # [0, 3, 6]
""",
    limits="""\
- How often it is right on public code is not known: what little it reported there was
  wrong, and nothing that was read makes it fire as it is now.
- Silent where some code stores an attribute of that name into an instance that it has
  just made: which of the two a method writes is not looked at.
- An attribute that a metaclass or `setattr` with a computed name makes is not seen."""
    + PLAIN,
    remedy="""\
Return what happened and let the parent keep the books. Where workers need a common
count, hand a `multiprocessing.Value("q", 0)` over by `initializer=` and take its lock;
for a common list or dict, a `multiprocessing.Manager()` made next to the pool.""",
    since="0.1.0",
    default=True,
    check=check,
)
