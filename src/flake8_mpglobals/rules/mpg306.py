"""MPG306: workers reach a shared object that each process makes for itself on import."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.shared import by, called, finding

CODE, NAME = "MPG306", "import-time-primitive"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the uses in workers of shared objects that are made on import."""
    for use in facts.shared:
        if use.kind == "import":
            text = (
                f"worker {use.worker!r} reaches {use.place!r} as a global, {called(use.maker)} "
                f"made on import; {by(use, 'start')} processes that make another one under spawn "
                "and forkserver"
            )
            remedy = "make it in the parent and hand it over by initializer= or as an argument"
            yield finding(use, CODE, NAME, text, remedy)


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="workers reach a Value, lock, queue or the like through a global made on import",
    why="""\
A `Value` at module level is shared under fork: the worker has the parent's. Under spawn
and forkserver (Windows, macOS, and Linux from Python 3.14) the worker imports the
module again and makes a `Value` of its own. It counts there, and the parent's stays 0;
a lock keeps nobody out, a queue stays empty, an event is never set. Nothing raises.
Measured: 40 increments under fork, 0 under spawn and forkserver.""",
    bad="""\
from multiprocessing import Pool, Value

counter = Value("i", 0)


def worker(item):
    counter.value = item


if __name__ == "__main__":
    with Pool(1) as pool:
        pool.map(worker, [1, 2, 3])
    print(counter.value)  # 3 under fork, 0 under spawn
""",
    good="""\
from multiprocessing import Pool, Value

counter = None


def set_up(shared):
    global counter
    counter = shared


def worker(item):
    counter.value = item


if __name__ == "__main__":
    shared = Value("i", 0)
    with Pool(1, initializer=set_up, initargs=(shared,)) as pool:
        pool.map(worker, [1, 2, 3])
    print(shared.value)
""",
    limits="""\
- Silent where fork is pinned: by `set_start_method("fork")`, by a context, or by
  `start-methods = ["fork"]` in `[tool.mpglobals]`.
- Silent where an initializer or the worker itself binds the name: then the object is
  handed over. What is made under the main guard is MPG201's business.""",
    remedy="""\
Make the object in the parent (under the main guard or in a function) and hand it over:
`Process(args=(counter,))`, or `Pool(initializer=set_up, initargs=(counter,))` with a
function that binds the worker's global. Proxies of a `Manager()` may also travel as
task arguments.""",
    since="0.1.0",
    default=True,
    check=check,
)
