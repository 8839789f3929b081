"""MPG101: a worker changes a module-level container in place."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.lost import PLAIN, findings

CODE, NAME = "MPG101", "lost-container-write"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the in-place changes that the parent looks for and never gets."""
    return findings(facts, CODE, NAME, "mutate")


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a worker changes a module-level container in place, and the parent reads it",
    why="""\
A worker runs in another process. It has its own copy of every Python object, so
what it appends, stores or deletes stays in that copy. When the pool is done the
copy is thrown away, and the parent's container is as it was before. Nothing
raises, nothing warns.

**Why is `id()` the same in both processes, then?** In CPython `id()` is the
object's address, and an address is *virtual*: the operating system maps it to a
piece of physical memory separately for each process. After `fork` the child is a
clone of the parent, with the same virtual addresses, so the list has the same
`id()` in both. As soon as one of the two writes, the operating system gives the
writer a physical copy of that page (copy-on-write): same number, different
memory. Under `spawn` and `forkserver` the module is imported again in the worker,
and then even the number differs. An equal `id()` in two processes says nothing
about sharing.""",
    bad="""\
from multiprocessing import Pool

results = []


def worker(city):
    results.append(city.upper())


if __name__ == "__main__":
    with Pool() as pool:
        pool.map(worker, ["beijing", "shanghai"])
    print(results)  # []
""",
    good="""\
from multiprocessing import Pool


def worker(city):
    return city.upper()


if __name__ == "__main__":
    with Pool() as pool:
        results = pool.map(worker, ["beijing", "shanghai"])
    print(results)  # ['BEIJING', 'SHANGHAI']
""",
    limits="""\
- A container that reaches the worker in a way the analysis cannot follow
  (`getattr` with a name that begins with no constant, `exec`, a C extension) is not seen.
- What `__getattr__`, `__setattr__` and `__del__` do is not followed; what operators,
  comparisons, properties, subscripts, `with`, loops and builtins call is.
- One object for the whole process is known where a global or a class attribute is filled
  at the first call, where `__new__` or a metaclass keeps it, or `lru_cache` for one
  argument or none.
- In other modules of the project a worker is followed four calls deep, and not into
  installed packages; imports are looked for beside the file, in its project and in
  `[tool.mpglobals] src`, never on `sys.path`.
- A loss over several files is reported where all of it is in sight: a reader in a
  module that only an importer knows is reported when that importer is checked.
- Where dispatch and read are in two modules that this file alone calls, it reports at
  its own call of the reader. In an import cycle a loss is reported at the dispatch; at
  the write only where that file itself comes to the dispatch.
- What a function of another module reads counts where this file's code calls it, or what
  it calls; where the write, too, is three calls away in other modules, it does not."""
    + PLAIN,
    remedy="""\
Return the value and collect what the pool gives back: cheapest, and right under
every start method. Where the workers must also *read* the common state, make a
`multiprocessing.Manager()` next to the pool and hand its `list()` or `dict()` to
the workers by `initializer=`. A `Manager()` at module level does not do: under
`spawn` and `forkserver` each process would start its own.""",
    since="0.1.0",
    default=True,
    check=check,
)
