"""MPG401: an identity is carried over a process boundary and compared there."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule

CODE, NAME = "MPG401", "identity-across-processes"
_REMEDY = "compare the values, or give the objects names of their own (a key, a counter, a UUID)"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the ``id()`` calls whose number is compared in another process."""
    for one in facts.hazards.identities:
        yield Finding(
            CODE,
            NAME,
            f"this id() is {one.way} worker {one.worker!r} ({one.dispatch.api}, line "
            f"{one.dispatch.location.line}) and compared with one of another process (line "
            f"{one.compared.location.line}); an id is an address that says nothing there, equal "
            f"or not: {_REMEDY}",
            one.span.location,
            one.span.end_line,
            one.span.end_column,
            worker=one.worker,
            remedy=_REMEDY,
            dispatches=(one.dispatch,),
            related=(one.compared,),
        )


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="the `id()` of an object is carried over a process boundary to be compared there",
    why="""\
"The ids are the same, so why is the change not seen?" In CPython `id()` is the address
of an object, and an address is *virtual*: the operating system maps it to a piece of
physical memory for each process separately. A forked child is a clone of its parent
and uses the same addresses, so a list has the same `id()` in both. As soon as one of
them writes, the operating system gives the writer a physical copy of that page
(copy-on-write): same number, different memory, different contents. That is how each
process can set the value without the other's noticing.

Under `spawn` and `forkserver` the worker imports the module anew and gets objects of
its own, at addresses of its own; an argument of a task is a copy under every start
method. So across processes equal ids do not mean the same object, and different ids do
not mean different values. Nor can an id be turned back into the object elsewhere.""",
    bad="""\
from multiprocessing import Pool

tags = []


def worker(_):
    return id(tags)


if __name__ == "__main__":
    with Pool(2) as pool:
        ids = pool.map(worker, range(2))
    print("shared" if ids[0] == id(tags) else "not shared")  # says nothing
""",
    good="""\
from multiprocessing import Manager, Pool


def worker(tags):
    tags.append("worker")


if __name__ == "__main__":
    with Manager() as manager, Pool(2) as pool:
        tags = manager.list(["main"])
        pool.map(worker, [tags, tags])
        print(len(tags) == 3)  # the contents tell
""",
    limits="""\
- How often it is right on public code is not known: nothing that was read makes it fire.
- Reported where both sides of a comparison come from `id()` calls of different
  processes, through locals, displays, results, arguments and queues.
- Printing or returning an id alone is not reported, nor is one that only serves as a key.
- A number that is formatted into a text first is not followed.""",
    remedy="""\
Compare what the objects hold. To refer to an object in another process, give it a name
of its own: an index, a key, a UUID, or `multiprocessing.shared_memory` by its name. To
see whether state is shared, change it in one process and read it in the other.""",
    since="0.1.0",
    default=True,
    check=check,
)
