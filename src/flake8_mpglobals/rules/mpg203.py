"""MPG203: a callable that pickle refuses is handed to a pool or executor."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule

CODE, NAME = "MPG203", "unpicklable-worker"
_REMEDY = "use a function at module level; functools.partial binds what it needs"
_ROLES = {
    "worker": "as the worker",
    "initializer": "as the initializer",
    "target": "as the target",
}


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the dispatches that hand over what pickle cannot find by name."""
    for one in facts.hazards.unpicklable:
        when = "" if one.role == "worker" else " under the start method chosen here"
        yield Finding(
            CODE,
            NAME,
            f"{one.dispatch.api} is given {one.what} {_ROLES[one.role]}, which has to be "
            f"pickled{when} and cannot be: pickle looks functions up by their module-level "
            f"name: {_REMEDY}",
            one.span.location,
            one.span.end_line,
            one.span.end_column,
            remedy=_REMEDY,
            dispatches=(one.dispatch,),
            related=(one.defined,),
        )


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a lambda or nested function is handed to a pool or executor, which must pickle it",
    why="""\
A pool sends the callable to its workers by pickle, and pickle sends a function as two
words: its module and its name. The worker imports the module and looks the name up. A
lambda has no name, a function inside a function none that a module knows, and neither
has a method of a class that is defined in a function. The task fails with
`PicklingError` or `AttributeError: Can't pickle local object`, under every start
method, `fork` too; with `apply_async` nobody may ever notice.""",
    bad="""\
from concurrent.futures import ProcessPoolExecutor

if __name__ == "__main__":
    with ProcessPoolExecutor() as executor:
        squares = executor.map(lambda n: n * n, range(3))
    try:
        print(list(squares))
    except Exception as error:
        print(error)  # Can't pickle <function <lambda>>
""",
    good="""\
from concurrent.futures import ProcessPoolExecutor


def square(n):
    return n * n


if __name__ == "__main__":
    with ProcessPoolExecutor() as executor:
        print(list(executor.map(square, range(3))))
""",
    limits="""\
- The target of a `Process` and the initializer of a pool are pickled under `spawn` and
  `forkserver` only; they are reported where one of these is pinned.
- Silent for APIs that pickle functions by value: `joblib`, `loky`, `dask`, `ray`,
  `pathos`, `multiprocess`.
- Silent for a nested function that is declared `global`, or is given another
  `__qualname__`.
- Other arguments of a task that pickle refuses are not looked at, nor is what an object
  holds whose method is the worker.""",
    remedy="""\
Move the function to module level, and bind what it took from its surroundings with
`functools.partial`, or hand it over by `initializer=`. Where the callable really has to
be made on the fly, use a library that pickles by value, such as `loky`.""",
    since="0.1.0",
    default=True,
    check=check,
)
