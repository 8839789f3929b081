"""MPG202: a process is started while the module is imported."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule

CODE, NAME = "MPG202", "missing-main-guard"
_REMEDY = 'start it under if __name__ == "__main__":'


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the starts of processes that no main guard protects."""
    for start in facts.hazards.import_starts:
        where = "at module level"
        if start.chain:
            line = start.chain[0].location.line
            where = f"in {start.function!r}, which module level calls (line {line})"
        yield Finding(
            CODE,
            NAME,
            f"{start.api} starts a process {where}, while the module is imported; under spawn "
            f"and forkserver every worker imports it again and fails with RuntimeError: {_REMEDY}",
            start.span.location,
            start.span.end_line,
            start.span.end_column,
            remedy=_REMEDY,
            chain=start.chain,
        )


RULE = Rule(
    code=CODE,
    name=NAME,
    summary='a process is started at import time, outside `if __name__ == "__main__":`',
    why="""\
Under `spawn` and `forkserver` each worker begins by importing the main module. What
stands there at module level, and every function that module level calls, runs in the
worker too. Where that starts a process, the worker would start workers of its own,
and those again. Python stops it: `RuntimeError: An attempt has been made to start a
new process before the current process has finished its bootstrapping phase`; a pool
replaces its dead workers for ever and floods the terminal, an executor ends in
`BrokenProcessPool`, a `Manager()` in `EOFError`.

Under `fork` nothing is imported again, so the program works for whoever wrote it on
Linux before Python 3.14, and nowhere else.""",
    bad="""\
from multiprocessing import Pool


def work(n):
    return n * n


with Pool(2) as pool:
    print(pool.map(work, range(3)))
""",
    good="""\
from multiprocessing import Pool


def work(n):
    return n * n


if __name__ == "__main__":
    with Pool(2) as pool:
        print(pool.map(work, range(3)))
""",
    limits="""\
- A module called `__main__.py` is exempt: workers never import it again.
- Silent where fork is pinned: `set_start_method("fork")`, `get_context("fork")`, or
  `[tool.mpglobals] start-methods = ["fork"]`.
- All forms of the guard count: reversed, `and`ed, an early `return` or `sys.exit()`,
  a name that holds the test, `current_process().name == "MainProcess"`.
  `multiprocessing.parent_process() is None` is none: it is
  still true while a worker imports the main module.
- `ProcessPoolExecutor()` alone starts nothing; its first `submit` or `map` does.
- `joblib`, `loky` and other APIs that start fresh interpreters without the main module
  need no guard and are not reported.""",
    remedy="""\
Put what starts processes into a function and call it under the guard:

```python
def main(): ...


if __name__ == "__main__":
    main()
```""",
    since="0.1.0",
    default=True,
    check=check,
)
