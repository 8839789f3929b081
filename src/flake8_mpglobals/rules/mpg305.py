"""MPG305: a primitive of multiprocessing travels with a task."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule

CODE, NAME = "MPG305", "primitive-in-task-arguments"
_REMEDY = "hand it over by initializer= and initargs=, or use one of multiprocessing.Manager()"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the dispatches whose tasks carry what travels by inheritance only."""
    for one in facts.hazards.handed:
        yield Finding(
            CODE,
            NAME,
            f"{one.dispatch.api} is given {one.what} {one.how}; it can only be inherited by a "
            f"starting process, and pickling it for a task raises RuntimeError: {_REMEDY}",
            one.span.location,
            one.span.end_line,
            one.span.end_column,
            remedy=_REMEDY,
            dispatches=(one.dispatch,),
        )


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a `multiprocessing` Queue, Lock, Value or Array is passed as a task argument "
    "(RuntimeError at run time)",
    why="""\
A `multiprocessing.Queue`, `Lock`, `Event`, `Value` or `Array` is a handle of the
operating system. A process can get it only while it starts: by `Process(args=...)` or
by the `initargs=` of a pool. A task goes to a worker that already runs, so its
arguments are pickled, and these objects refuse that: `RuntimeError: Queue objects
should only be shared between processes through inheritance`. With `apply_async` and
`submit` the error shows only to those who ask for the result.""",
    bad="""\
from multiprocessing import Lock, Pool


def work(lock, n):
    with lock:
        return n


if __name__ == "__main__":
    lock = Lock()
    with Pool(2) as pool:
        try:
            print(pool.starmap(work, [(lock, 1), (lock, 2)]))
        except RuntimeError as error:
            print(error)  # Lock objects should only be shared ... through inheritance
""",
    good="""\
from multiprocessing import Lock, Pool


def set_up(shared):
    global lock
    lock = shared


def work(n):
    with lock:
        return n


if __name__ == "__main__":
    with Pool(2, initializer=set_up, initargs=(Lock(),)) as pool:
        print(pool.map(work, [1, 2]))
""",
    limits="""\
- How often it is right on public code is hardly known: it fires twice in what was read,
  and is right.
- Reported only where every value that the argument can have is such a primitive.
- Looked for in tuples, lists and dicts of tasks, up to three deep, in what `partial`
  binds, and in what `__init__` gives an object whose method is the worker.
- `Pipe()` ends, `SharedMemory` and everything of a `Manager()` may travel with tasks.""",
    remedy="""\
Hand it over while the workers start, by `initializer=` and `initargs=`; or make it with
a `multiprocessing.Manager()`, whose proxies can be pickled (`Manager().Lock()`,
`Manager().Queue()`); they cost a round trip for each use.""",
    since="0.1.0",
    default=True,
    check=check,
)
