"""MPG102: a worker rebinds a module global."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.lost import PLAIN, findings

CODE, NAME = "MPG102", "lost-global-rebind"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the rebindings that the parent looks for and never gets."""
    return findings(facts, CODE, NAME, "rebind")


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a worker rebinds a module global, and the parent reads it",
    why="""\
`global n; n += 1` in a worker gives the name `n` a new value in the *worker's*
copy of the module. The parent has its own module, with its own `n`, which keeps
its old value. With several workers there are several counts, none of them right,
and the parent prints the one that nobody changed.""",
    bad="""\
from multiprocessing import Pool

done = 0


def worker(item):
    global done
    done += 1
    return item * item


if __name__ == "__main__":
    with Pool() as pool:
        squares = pool.map(worker, range(100))
    print(done, "done")  # 0 done
""",
    good="""\
from multiprocessing import Pool


def worker(item):
    return item * item


if __name__ == "__main__":
    with Pool() as pool:
        squares = pool.map(worker, range(100))
    done = len(squares)
    print(done, "done")  # 100 done
""",
    limits="""\
- A write to the attribute of an imported module is MPG108. What `from m import n`
  bound does not follow the global of `m`, in any process: reading `n` is no loss.
- `globals()["n"] = 1` with a computed key is not seen."""
    + PLAIN,
    remedy="""\
Return what was counted and add it up in the parent. Where workers need the
running total, use `multiprocessing.Value("q", 0)`, handed over by
`initializer=` (or in `Process(args=...)`), and take its lock:
`with total.get_lock(): total.value += 1`.""",
    since="0.1.0",
    default=True,
    check=check,
)
