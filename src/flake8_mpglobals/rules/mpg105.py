"""MPG105: a worker writes an attribute of its own copy of self."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.lost import PLAIN, findings

CODE, NAME = "MPG105", "lost-instance-write"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the changes that the parent looks for and never gets."""
    return findings(facts, CODE, NAME, "instance")


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a bound method used as a worker, or `Process.run`, writes an attribute of `self`",
    why="""\
A bound method carries its object along. `pool.map(self.work, items)` pickles `self`,
once for each batch of tasks; `Process(target=self.run)` and a `Process` subclass copy
it when the process starts. What the method stores in `self` is stored in that copy.
The object in the parent keeps the values that it had, and so do the methods that read
it there.""",
    bad="""\
from multiprocessing import Pool


class Scorer:
    def __init__(self):
        self.scores = {}

    def score(self, word):
        self.scores[word] = len(word)

    def run(self, words):
        with Pool() as pool:
            pool.map(self.score, words)
        return self.scores


if __name__ == "__main__":
    print(Scorer().run(["one", "three"]))  # {}
""",
    good="""\
from multiprocessing import Pool


class Scorer:
    def __init__(self):
        self.scores = {}

    def score(self, word):
        return word, len(word)

    def run(self, words):
        with Pool() as pool:
            self.scores.update(pool.map(self.score, words))
        return self.scores


if __name__ == "__main__":
    print(Scorer().run(["one", "three"]))  # {'one': 3, 'three': 5}
""",
    limits="""\
- Instances are told apart by the call that makes them; where that is out of sight, by
  their class.
- An attribute of which the type is not known could hold a proxy: a change inside it is
  not reported, only a new value for the attribute itself.
- A read in a module that this file does not call is not seen, and neither is an
  attribute with a computed name.
- Where the worker returns the changed object, or sends it through a queue, and the
  parent uses what it gets, nothing is reported."""
    + PLAIN,
    remedy="""\
Return the values and let the parent put them into its own object. A process that runs
on its own sends them through a `multiprocessing.Queue` that it was given in `__init__`;
a number can be an attribute that holds a `multiprocessing.Value`.""",
    since="0.1.0",
    default=True,
    check=check,
)
