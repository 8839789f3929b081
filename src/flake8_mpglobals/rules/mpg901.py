"""MPG901: a worker writes a global that only workers read."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.lost import finding

CODE, NAME = "MPG901", "worker-private-state"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the writes on places that no parent code reads."""
    for write in facts.writes:
        if not write.observers:
            yield finding(
                write,
                CODE,
                NAME,
                "so each process keeps its own copy",
                "fine for a cache; wrong for a count, a limit or a de-duplication set",
            )


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a worker writes a global that only workers read: one copy per process",
    why="""\
State that only workers use is often meant so: a cache, a connection, a loaded
model. It is wrong where it should hold for all workers together: a set of items
already seen, a progress count, a rate limit. Each process has its own, so
duplicates slip through and limits are multiplied by the number of workers. Only a
reader can tell the two apart, so the rule is off by default.""",
    bad="""\
from multiprocessing import Pool

seen = set()


def worker(url):
    if url in seen:
        return None
    seen.add(url)
    return url


if __name__ == "__main__":
    with Pool() as pool:
        print(pool.map(worker, ["a", "b", "a", "b"]))
""",
    good="""\
from multiprocessing import Pool


def worker(url):
    return url


if __name__ == "__main__":
    with Pool() as pool:
        print(pool.map(worker, sorted({"a", "b", "a", "b"})))
""",
    limits="""\
- A global that an `initializer=` sets is taken to be the worker's own and is not
  reported.
- A place that the parent reads is MPG101 or MPG102, not this rule.""",
    remedy="""\
Leave it where one copy per process is right. Else decide in the parent, before
the tasks are handed out, or share the state through `multiprocessing.Manager()`.""",
    since="0.1.0",
    default=False,
    check=check,
)
