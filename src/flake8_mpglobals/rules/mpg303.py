"""MPG303: processes rely on a primitive that only the threads of one process share."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts, SharedUse
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.shared import by, finding

CODE, NAME = "MPG303", "thread-primitive-in-process"

_INSTEAD = {
    "Queue": "multiprocessing.Queue",
    "LifoQueue": "multiprocessing.Queue",
    "PriorityQueue": "multiprocessing.Queue",
    "SimpleQueue": "multiprocessing.SimpleQueue",
}
_VERBS = {
    "wait": "waits for",
    "is_set": "looks at",
    "set": "sets",
    "clear": "clears",
    "put": "puts into",
    "put_nowait": "puts into",
    "get": "takes from",
    "get_nowait": "takes from",
    "acquire": "acquires",
    "notify": "notifies",
    "notify_all": "notifies",
}


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the uses in workers of what the parent made for its threads."""
    for use in facts.shared:
        if use.kind == "threads":
            short = use.maker.rpartition(".")[2]
            instead = _INSTEAD.get(short, f"multiprocessing.{short}")
            text = (
                f"worker {use.worker!r} {_verb(use)} {use.place!r}, a {use.maker} that only "
                f"threads share; {by(use, 'run')} it in another process, which has its own"
            )
            remedy = f"use {instead} and hand it over by initializer= or as a Process argument"
            yield finding(use, CODE, NAME, text, remedy)


def _verb(use: SharedUse) -> str:
    return _VERBS.get(use.verb, "uses" if use.verb else "takes")


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a threading primitive or a queue.Queue is relied on across processes",
    why="""\
`threading.Lock`, `threading.Event` and `queue.Queue` live in the memory of one
process. A forked worker has a copy of them: the parent's `stop.set()` sets the
parent's event, the worker's `q.put(x)` fills the worker's queue, and a lock that each
worker has for itself keeps nobody out. Nothing raises. Under spawn and forkserver the
module makes another one in each process, and one that is passed as an argument cannot
be pickled.""",
    bad="""\
import queue
from multiprocessing import Process

results = queue.Queue()


def worker(n):
    results.put(n * n)


if __name__ == "__main__":
    process = Process(target=worker, args=(7,))
    process.start()
    process.join()
    try:
        print(results.get(timeout=1))
    except queue.Empty:
        print("nothing")
""",
    good="""\
from multiprocessing import Process, Queue


def worker(results, n):
    results.put(n * n)


if __name__ == "__main__":
    results = Queue()
    process = Process(target=worker, args=(results, 7))
    process.start()
    print(results.get(timeout=10))
    process.join()
""",
    limits="""\
- How often it is right on public code is not known: what little it reported there was
  wrong, and nothing that was read makes it fire as it is now.
- An event, condition or queue is reported where one process does what another one
  waits for (`put` here, `get` there); what only the threads inside one worker share
  is left alone, and so is what the worker makes for itself.
- A lock is reported where it is handed to a process, or where it guards a file that
  is written, the output, or a shared object, in code that several workers run. A lock
  around a cache or a connection of the process is right as it is.""",
    remedy="""\
Use the class of the same name from `multiprocessing` (or of a `Manager()`), made in the
parent and handed over by `initializer=` or as an argument of `Process`.""",
    since="0.1.0",
    default=True,
    check=check,
)
