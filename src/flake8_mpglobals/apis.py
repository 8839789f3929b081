"""What a row of the catalogue says: one frozen value per API.

:mod:`flake8_mpglobals.catalogue` holds the rows of the standard library and looks
them up, :mod:`flake8_mpglobals.libraries` those of other packages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from flake8_mpglobals.records import frozen, replace

Kind = Literal["process", "interpreter", "remote", "thread", "parent"]
"""Where the callable runs: ``thread`` and ``parent`` share the parent's memory."""

SHARES: tuple[Kind, ...] = ("thread", "parent")
"""The kinds that share the parent's memory: nothing is lost there."""

Tasks = Literal["", "call", "starcall", "each", "each_and", "zip", "star_each", "pooled"]
"""How task arguments travel: as ``args``/``kwargs`` containers (``call``), as the
call's own further arguments (``starcall``), one per item of an iterable
(``each``; ``each_and``: with the call's further arguments behind it), one from
each of several iterables (``zip``), one tuple of arguments per item
(``star_each``), or a member of the pool and an item (``pooled``)."""

Result = Literal["", "value", "values", "future"]
"""What the call returns of the callable's own result: nothing, the value, an
iterable of values, or an object from which ``get()``/``result()`` takes it."""

Runs = Literal["argument", "receiver", "tasks", "child"]
"""Where the callable is: an argument of the call, what the receiver was made of
(``f`` in ``delayed(f)`` and ``@ray.remote``), tasks made earlier, which are found
in the receiver and in the arguments (``delayed(f)(x)``), or the branch of a test
that the call's result takes in the child (``os.fork``)."""

Remedy = Literal["", "values", "actor", "accumulator", "store", "gather", "pipe"]
"""What helps in the world of the API; empty where ``multiprocessing``'s objects do."""

LEFT_OUT = "(left out)"
"""Stands for an argument that a call does not pass."""


@frozen
class Slot:
    """An argument by position (from 0, without ``self``) and by keyword; -1: keyword only."""

    position: int
    keyword: str = ""


@frozen
class When:
    """The API runs its callable in ``kind`` when an argument has one of ``values``.

    No kind: where it runs cannot be told (or, for a setting, it sets nothing).
    ``unset``: only where no setting of the row's ``family`` is in force.
    ``clear``: an argument that is passed and cannot be told leaves the kind open.
    """

    slot: Slot
    values: tuple[str | int | bool | None, ...]
    kind: Kind | None
    unset: bool = False
    clear: bool = False


@frozen
class Ambient:
    """Here a setting of the row's ``family`` decides, if one is in force."""


@frozen
class Api:
    """One row of the catalogue.

    ``name`` is the qualified name (``package.Class.*``: of all its other members);
    ``label`` what messages call it; ``callable`` the slot of what runs elsewhere (none:
    the call itself starts nothing);
    ``initializer`` and ``initargs`` the slots of the per-worker set-up;
    ``method`` the method that runs elsewhere when a class derives from this one;
    ``returns`` the qualified class of what the call gives back; ``waits`` whether
    all work is done when it returns; ``pickles`` whether the callable itself is
    pickled; ``callbacks`` keywords whose callables run in the parent; ``where``
    the slot that decides the kind from the executor it holds (``run_in_executor``);
    ``anywhere`` whether the method's name is enough on any receiver, ``alone`` even in
    a file that does not name the package.

    ``runs`` says where the callable is; ``defers`` that it runs only when what the
    call gives back is run; ``wraps`` that the call (also as a decorator) gives back
    the callable in that slot, made over (``returns`` names what it becomes);
    ``same`` that it gives back its receiver.  ``inherits`` is the slot of an object
    whose own kind this one takes.  ``kinds`` are tried in order to tell
    the kind from arguments of the call, or of the call that made the receiver;
    ``family`` groups rows with those that ``sets`` their kind from outside.
    ``leading`` are keywords of the call that made the receiver, each of which puts
    an argument before those of the task, and ``shift`` how many there are always;
    ``hooks`` keywords whose callables run in the worker too.
    """

    name: str
    label: str
    kind: Kind = "process"
    callable: Slot | None = None
    tasks: Tasks = ""
    args: Slot | None = None
    kwargs: Slot | None = None
    initializer: Slot | None = None
    initargs: Slot | None = None
    method: str = ""
    returns: str = ""
    result: Result = ""
    waits: bool = False
    pickles: bool = True
    callbacks: tuple[str, ...] = ()
    where: Slot | None = None
    anywhere: bool = False
    alone: bool = False
    runs: Runs = "argument"
    defers: bool = False
    wraps: Slot | None = None
    same: bool = False
    inherits: Slot | None = None
    kinds: tuple[When | Ambient, ...] = ()
    family: str = ""
    sets: str = ""
    leading: tuple[str, ...] = ()
    shift: int = 0
    hooks: tuple[str, ...] = ()
    remedy: Remedy = ""

    @property
    def dispatches(self) -> bool:
        """Whether a call of this API is what makes callables run."""
        return not self.defers and (self.callable is not None or self.runs != "argument")

    @property
    def may_cross(self) -> bool:
        """Whether a call may run callables where memory is not shared."""
        told = (when.kind for when in self.kinds if isinstance(when, When))
        return any(kind is not None and kind not in SHARES for kind in (self.kind, *told))

    @property
    def asked_by(self) -> frozenset[str]:
        """The keywords of the arguments by which a call runs callables in other processes."""
        return frozenset(
            when.slot.keyword
            for when in self.kinds
            if isinstance(when, When) and when.kind is not None and when.kind not in SHARES
        )


ASYNC = "multiprocessing.pool.AsyncResult"
FUTURE = "concurrent.futures.Future"
CALLBACKS = ("callback", "error_callback")


def pool_methods(owner: str, label: str, kind: Kind) -> tuple[Api, ...]:
    """Return the rows of a class with the methods of ``multiprocessing.pool.Pool``."""
    func = Slot(0, "func")
    items = Slot(1, "iterable")

    def row(method: str, tasks: Tasks, result: Result, *, waits: bool, calls: bool = False) -> Api:
        later = method.endswith("_async")
        return Api(
            f"{owner}.{method}",
            f"{label}.{method}",
            kind,
            func,
            tasks,
            args=Slot(1, "args") if calls else items,
            kwargs=Slot(2, "kwds") if calls else None,
            result=result,
            returns=ASYNC if later else "",
            waits=waits,
            callbacks=CALLBACKS if later else (),
        )

    return (
        row("map", "each", "values", waits=True),
        row("map_async", "each", "future", waits=False),
        row("starmap", "star_each", "values", waits=True),
        row("starmap_async", "star_each", "future", waits=False),
        row("imap", "each", "values", waits=False),
        row("imap_unordered", "each", "values", waits=False),
        row("apply", "call", "value", waits=True, calls=True),
        row("apply_async", "call", "future", waits=False, calls=True),
    )


def executor_methods(owner: str, label: str, kind: Kind) -> tuple[Api, ...]:
    """Return the rows of a class with the methods of ``concurrent.futures.Executor``."""
    return (
        Api(
            f"{owner}.submit",
            f"{label}.submit",
            kind,
            Slot(0, "fn"),
            "starcall",
            returns=FUTURE,
            result="future",
        ),
        Api(f"{owner}.map", f"{label}.map", kind, Slot(0, "fn"), "zip", result="values"),
    )


def process(name: str, kind: Kind) -> Api:
    """Return the row of a class with the signature of ``multiprocessing.Process``."""
    return Api(
        name,
        "Process" if kind == "process" else "Thread",
        kind,
        Slot(1, "target"),
        "call",
        args=Slot(3, "args"),
        kwargs=Slot(4, "kwargs"),
        method="run",
        returns=name,
        pickles=False,
    )


def pool(name: str, label: str, returns: str, kind: Kind = "process") -> Api:
    """Return the row of a call that makes a pool."""
    return Api(
        name,
        label,
        kind,
        initializer=Slot(1, "initializer"),
        initargs=Slot(2, "initargs"),
        returns=returns,
    )


def executor(name: str, label: str, kind: Kind, first: int) -> Api:
    """Return the row of an executor class; its initializer is argument ``first``."""
    return Api(
        name,
        label,
        kind,
        initializer=Slot(first, "initializer"),
        initargs=Slot(first + 1, "initargs"),
        returns=name,
    )


def factory(name: str, returns: str) -> Api:
    """Return the row of a call that starts nothing and gives back a known object."""
    return Api(name, name.rpartition(".")[2], "parent", returns=returns)


def every(rows: Iterable[Api], **changes: Any) -> tuple[Api, ...]:
    """Return ``rows`` with the same changes made to each."""
    return tuple(replace(row, **changes) for row in rows)
