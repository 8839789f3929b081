"""MPG302: workers read something shared and store back what follows from it, without a lock."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts, SharedUse
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.shared import by, called, finding

CODE, NAME = "MPG302", "unlocked-update"

_OWN_LOCK = ("multiprocessing.Value", "multiprocessing.Array")


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the updates that another worker can come between."""
    for use in facts.shared:
        if use.kind == "unlocked":
            text = (
                f"worker {use.worker!r} {use.verb} {use.place!r} without a lock; {by(use, 'run')} "
                f"several workers at once, and what another one stores into {called(use.maker)} "
                "between the read and the store is lost"
            )
            yield finding(use, CODE, NAME, text, _remedy(use))


def _remedy(use: SharedUse) -> str:
    if use.maker in _OWN_LOCK:
        return "do both under 'with ….get_lock():'"
    if use.maker.startswith("manager."):
        return "hand one Manager().Lock() to all workers and do both under it"
    return "hand one multiprocessing.Lock to all workers and do both under it"


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="workers store into a shared object what depends on a read of it, without its lock",
    why="""\
`counter.value += 1` is a read, an addition and a store. A `Value` takes its lock for
the read and again for the store, not for the time between: another worker reads the
same old value, and one of the two additions is lost. The same goes for
`d[k] = d[k] + 1` on a proxy, and for a store under a test of the same object
(`if x > best.value: best.value = x`). Measured: four workers that add 20,000 each
reach 30,000 to 40,000 instead of 80,000. It depends on timing, so small tests pass.""",
    bad="""\
import time
from multiprocessing import Process, Value


def worker(counter):
    for _ in range(5):
        seen = counter.value
        time.sleep(0.01)
        counter.value = seen + 1


if __name__ == "__main__":
    counter = Value("i", 0)
    workers = [Process(target=worker, args=(counter,)) for _ in range(4)]
    for process in workers:
        process.start()
    for process in workers:
        process.join()
    print(counter.value)  # less than 20
""",
    good="""\
import time
from multiprocessing import Process, Value


def worker(counter):
    for _ in range(5):
        with counter.get_lock():
            seen = counter.value
            time.sleep(0.01)
            counter.value = seen + 1


if __name__ == "__main__":
    counter = Value("i", 0)
    workers = [Process(target=worker, args=(counter,)) for _ in range(4)]
    for process in workers:
        process.start()
    for process in workers:
        process.join()
    print(counter.value)  # 20
""",
    limits="""\
- Only in code that several workers run at once: a single `Process` that is the only
  one to update, and the parent's own code, are left alone.
- Whatever may be a lock counts as one: an unknown context manager or decorator, a
  lock that every caller holds.
- A slot that follows from the task's own argument, from a range of it or from the
  process id (`array[i] += 1`) is taken for the worker's own, unless the tasks are
  seen to repeat.
- A read of one key and a store at another are two objects; `setdefault` and
  `d.update` of constants are one step. A constant stored under a test of the same
  flag (`if not done.value: done.value = 1`) is left alone: it is the same whoever
  comes first.""",
    remedy="""\
`with counter.get_lock():` around the read and the store (a `RawValue` has no lock:
use `Value`). For proxies, hand one `Manager().Lock()` or `multiprocessing.Lock()` to
all workers. Or let the workers return what they have, and add up in the parent.""",
    since="0.2.0",
    default=True,
    check=check,
)
