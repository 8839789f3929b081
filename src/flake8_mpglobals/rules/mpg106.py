"""MPG106: a worker changes an argument in place."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.lost import PLAIN, findings

CODE, NAME = "MPG106", "lost-argument-write"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the changes that the parent looks for and never gets."""
    return findings(facts, CODE, NAME, "argument")


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a worker changes an argument in place, and the parent reads the object that it passed",
    why="""\
Arguments are copied on their way to another process: pickled for a pool, an executor
and under `spawn`, cloned with everything else under `fork`. A worker that appends to the
list it was given, or sets a field of the object it was given, changes its own copy. The
parent still has the object that it passed, unchanged.""",
    bad="""\
from multiprocessing import Process


def count(words, totals):
    for word in words:
        totals[word] = totals.get(word, 0) + 1


if __name__ == "__main__":
    totals = {}
    process = Process(target=count, args=(["a", "b", "a"], totals))
    process.start()
    process.join()
    print(totals)  # {}
""",
    good="""\
from multiprocessing import Manager, Process


def count(words, totals):
    for word in words:
        totals[word] = totals.get(word, 0) + 1


if __name__ == "__main__":
    with Manager() as manager:
        totals = manager.dict()
        process = Process(target=count, args=(["a", "b", "a"], totals))
        process.start()
        process.join()
        print(totals)  # {'a': 2, 'b': 1}
""",
    limits="""\
- The type of what is passed has to be known: a list, a dict, an array, an instance of a
  class of the project. Anything else could be a proxy or shared memory.
- Where the worker returns the object, or sends it through a queue, and the parent uses
  what comes back, nothing is reported.
- A read in a module that this file does not call is not seen.
- What an initializer itself changes of its arguments is not looked at."""
    + PLAIN,
    remedy="""\
Return the changed object and use what the pool gives back. For a `Process`, send it
through a `multiprocessing.Queue`, or pass a `multiprocessing.Manager().list()` or
`dict()` in place of the plain one; for a number, a `multiprocessing.Value`.""",
    since="0.1.0",
    default=True,
    check=check,
)
