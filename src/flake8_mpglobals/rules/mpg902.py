"""MPG902: the callable of a dispatch could not be resolved."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule

CODE, NAME = "MPG902", "unresolved-worker"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the dispatches of which nothing was checked."""
    for gap in facts.unresolved:
        yield Finding(
            CODE,
            NAME,
            f"the callable that {gap.dispatch.api} runs in another process could not be "
            "resolved, so nothing was checked: pass a function by its name",
            gap.dispatch.location,
            gap.end_line,
            gap.end_column,
            remedy="pass a function by its name",
            dispatches=(gap.dispatch,),
        )


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="the callable given to a process API could not be resolved, so nothing was checked",
    why="""\
Unknown means silent: where the analysis cannot tell which function a pool runs,
it says nothing about what that function writes. This rule, off by default, lists
those places for people who want to know how much was checked.""",
    bad="""\
import sys
from multiprocessing import Pool

if __name__ == "__main__":
    name = sys.argv[1]
    with Pool() as pool:
        pool.map(getattr(sys.modules[__name__], name), [1, 2, 3])
""",
    good="""\
from multiprocessing import Pool


def worker(item):
    return item


if __name__ == "__main__":
    with Pool() as pool:
        pool.map(worker, [1, 2, 3])
""",
    limits="""\
- A callable from a library (`math.sqrt`) is known not to be the project's own
  and is not reported.
- A file is examined only when its bytes name a process API, or something that leads to
  one in a module of the project that it imports: what hands on a callable, over at most
  three imports; what only starts processes, where it does that itself.""",
    remedy="Pass a function by its name, or accept that this dispatch is not checked.",
    since="0.1.0",
    default=False,
    check=check,
)
