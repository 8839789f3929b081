"""MPG201: a worker reads a global that the parent changes at run time."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.hazards import StaleRead
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule

CODE, NAME = "MPG201", "fork-only-read"

_REMEDY = "hand the value over by initializer= and initargs=, or as an argument"
_REMEDY_LATE = "tell running workers through a multiprocessing.Event, Value or Queue"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the reads that only a forked worker answers as the parent would."""
    for read in facts.hazards.stale_reads:
        first = read.dispatches[0]
        here = read.span.location.path
        change = read.changes[0].location.seen_from(here)
        advice = _REMEDY_LATE if read.late else _REMEDY
        through = [step.name for step in read.chain[1:]]
        via = f" (through {' -> '.join(repr(step) for step in through)})" if through else ""
        if read.origin is not None:
            via += f" ({read.origin.path}:{read.origin.line})"
        message = (
            f"worker {read.worker!r} reads {read.what} {read.place!r}{via}; the parent "
            f"{read.verb} it at run time ({change}), and {_consequence(read)}: {advice}"
        )
        yield Finding(
            CODE,
            NAME,
            message.replace("{api}", f"{first.api} ({first.location.seen_from(here)})"),
            read.span.location,
            read.span.end_line,
            read.span.end_column,
            place=read.place,
            worker=read.worker,
            remedy=advice,
            dispatches=read.dispatches,
            chain=read.chain,
            related=read.changes,
            origin=read.origin,
        )


def _consequence(read: StaleRead) -> str:
    """Return what the worker sees instead."""
    if read.late:
        return "the process that {api} starts has its own copy and never sees that"
    if read.missing:
        return (
            "{api} runs it in another process, which has no such name under spawn and "
            "forkserver (NameError)"
        )
    return (
        "{api} runs it in another process, which keeps the value of import time under spawn "
        "and forkserver"
    )


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a worker reads a global that the parent changes at run time, which works only "
    "under fork",
    why="""\
A forked worker starts as a copy of the parent, so it sees every global as the parent
left it. Under `spawn` and `forkserver` there is no such copy: the worker imports the
main module anew, without the part behind `if __name__ == "__main__":` and without any
function having been called. A name that is bound only there does not exist in the
worker (`NameError`); a global that a function filled or changed still has the value
of import time, and the program goes on with the wrong one, silently.

`spawn` is the default on Windows and macOS; from Python 3.14 on, Linux has
`forkserver`. So the code works for the person who wrote it, and fails elsewhere.

The same holds for attributes of classes and imported modules that the parent sets
(`config.DEBUG = True`), and for what it changes after the workers have started: that
no process sees, under any start method.""",
    bad="""\
from multiprocessing import Pool

factor = 1


def work(n):
    return n * factor


if __name__ == "__main__":
    factor = 10
    with Pool() as pool:
        print(pool.map(work, [1, 2]))  # [10, 20], or [1, 2] on Windows
""",
    good="""\
from multiprocessing import Pool


def work(n):
    return n * factor


def set_up(value):
    global factor
    factor = value


if __name__ == "__main__":
    with Pool(initializer=set_up, initargs=(10,)) as pool:
        print(pool.map(work, [1, 2]))
""",
    limits="""\
- Only the first read of a place in each function is reported.
- Silent where fork is pinned: `set_start_method("fork")`, `get_context("fork")` for
  that pool, or `[tool.mpglobals] start-methods = ["fork"]`.
- Silent for a place that an initializer of the pool, or the worker itself, writes too.
- Silent for `joblib`, `loky`, `dask`, `ray` and other APIs that pickle functions by
  value: the globals that a function of the main program uses travel with it.
- `os.environ` and `sys.path` are handed to workers under every start method; a change
  of `os.environ` after the forkserver has started is not, and is not reported.
- A function that nothing in the module calls is taken to run before any other; but not
  one that only fills a container, since it may be meant for import time (registries).
- A change that a function of another module makes is seen only where the analysis
  follows that function anyway: it leads to a process API, or a worker enters it.""",
    remedy="""\
Make a function that takes the value and binds the global, and pass it to the pool:
`Pool(initializer=set_up, initargs=(value,))`; it works under every start method. For
`Process`, or a value that differs between tasks, pass it as an argument
(`functools.partial(work, value)`). To tell workers that already run, use a
`multiprocessing.Event`, `Value` or `Queue`.""",
    since="0.1.0",
    default=True,
    check=check,
)
