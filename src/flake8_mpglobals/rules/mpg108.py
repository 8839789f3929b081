"""MPG108: a worker writes an attribute of an imported module, or os.environ."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.lost import PLAIN, findings

CODE, NAME = "MPG108", "lost-module-attribute-write"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the changes that the parent looks for and never gets."""
    return findings(facts, CODE, NAME, "module")


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a worker writes an attribute of an imported module (or `os.environ`) that the "
    "parent reads",
    why="""\
Every process imports its own modules. `settings.mode = "fast"` in a worker changes the
worker's `settings`; the parent goes on with its own. The same holds for the environment:
a process inherits a copy when it starts, and `os.environ["X"] = ...` changes only the
copy of the process that says so, and of those that it starts.""",
    bad="""\
import os
from multiprocessing import Process


def worker():
    os.environ["LAST_RUN"] = "ok"


if __name__ == "__main__":
    process = Process(target=worker)
    process.start()
    process.join()
    print(os.environ.get("LAST_RUN"))  # None
""",
    good="""\
import os
from multiprocessing import Pool


def worker(item):
    return "ok"


if __name__ == "__main__":
    with Pool() as pool:
        os.environ["LAST_RUN"] = pool.map(worker, [1])[-1]
    print(os.environ.get("LAST_RUN"))
""",
    limits="""\
- How often it is right on public code is not known: all that it reported there were
  settings of the worker's own process, which it now leaves alone.
- Only a read that is seen to follow the dispatch counts: what importers may do is not.
- The parent's read is looked for in the module under check, and in what it calls.
- Of `os.environ`, each constant key is a place of its own; a computed key is any key.
- Settings that a worker makes for its own libraries, and that the parent does not read,
  are not reported."""
    + PLAIN,
    remedy="""\
Return the value from the worker and set it in the parent; or set it in the parent before
the workers start, or in an `initializer=` that every worker runs.""",
    since="0.1.0",
    default=True,
    check=check,
)
