"""The process boundaries that are known: a table, one row per API.

A row says how an API takes the callable that it runs, what it does with memory
and what it gives back.  Nothing else in the package knows a library's name: a
new API is a new row here (and two fixtures).

Qualified names are the ones a reader would look up in the documentation; the
other spellings of the same object are in :data:`SAME`, and whole modules that
mirror ``multiprocessing`` are in :data:`CLONES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["process", "interpreter", "remote", "thread", "parent"]
"""Where the callable runs: ``thread`` and ``parent`` share the parent's memory."""

SHARES: tuple[Kind, ...] = ("thread", "parent")
"""The kinds that share the parent's memory: nothing is lost there."""

Tasks = Literal["", "call", "starcall", "each", "zip", "star_each"]
"""How task arguments travel: as ``args``/``kwargs`` containers (``call``), as the
call's own further arguments (``starcall``), one per item of an iterable
(``each``), one from each of several iterables (``zip``), or one tuple of
arguments per item (``star_each``)."""

Result = Literal["", "value", "values", "future"]
"""What the call returns of the callable's own result: nothing, the value, an
iterable of values, or an object from which ``get()``/``result()`` takes it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """An argument by position (from 0, without ``self``) and by keyword; -1: keyword only."""

    position: int
    keyword: str = ""


@dataclass(frozen=True, slots=True)
class Api:
    """One row of the catalogue.

    ``name`` is the qualified name; ``label`` what messages call it; ``callable``
    the slot of what runs elsewhere (none: the call itself starts nothing);
    ``initializer`` and ``initargs`` the slots of the per-worker set-up;
    ``method`` the method that runs elsewhere when a class derives from this one;
    ``returns`` the qualified class of what the call gives back; ``waits`` whether
    all work is done when it returns; ``pickles`` whether the callable itself is
    pickled; ``callbacks`` keywords whose callables run in the parent; ``where``
    the slot that decides the kind from the executor it holds (``run_in_executor``);
    ``anywhere`` whether the method's name alone is enough, on any receiver.
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


_POOL = "multiprocessing.pool.Pool"
_THREAD_POOL = "multiprocessing.pool.ThreadPool"
_ASYNC = "multiprocessing.pool.AsyncResult"
_CONTEXT = "multiprocessing.context.BaseContext"
_PROCESS = "multiprocessing.Process"
_FUTURE = "concurrent.futures.Future"
_PPE = "concurrent.futures.ProcessPoolExecutor"
_TPE = "concurrent.futures.ThreadPoolExecutor"
_LOOP = "asyncio.AbstractEventLoop"
_CALLBACKS = ("callback", "error_callback")


def _pool_methods(owner: str, label: str, kind: Kind) -> tuple[Api, ...]:
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
            returns=_ASYNC if later else "",
            waits=waits,
            callbacks=_CALLBACKS if later else (),
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


def _executor_methods(owner: str, label: str, kind: Kind) -> tuple[Api, ...]:
    """Return the rows of a class with the methods of ``concurrent.futures.Executor``."""
    return (
        Api(
            f"{owner}.submit",
            f"{label}.submit",
            kind,
            Slot(0, "fn"),
            "starcall",
            returns=_FUTURE,
            result="future",
        ),
        Api(f"{owner}.map", f"{label}.map", kind, Slot(0, "fn"), "zip", result="values"),
    )


def _process(name: str, kind: Kind) -> Api:
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


def _pool(name: str, label: str, returns: str, kind: Kind = "process") -> Api:
    """Return the row of a call that makes a pool."""
    return Api(
        name,
        label,
        kind,
        initializer=Slot(1, "initializer"),
        initargs=Slot(2, "initargs"),
        returns=returns,
    )


def _executor(name: str, label: str, kind: Kind, first: int) -> Api:
    """Return the row of an executor class; its initializer is argument ``first``."""
    return Api(
        name,
        label,
        kind,
        initializer=Slot(first, "initializer"),
        initargs=Slot(first + 1, "initargs"),
        returns=name,
    )


def _factory(name: str, returns: str) -> Api:
    """Return the row of a call that starts nothing and gives back a known object."""
    return Api(name, name.rpartition(".")[2], "parent", returns=returns)


ROWS: tuple[Api, ...] = (
    # multiprocessing: processes and pools
    _process(_PROCESS, "process"),
    _process(f"{_CONTEXT}.Process", "process"),
    _pool("multiprocessing.Pool", "Pool", _POOL),
    _pool(_POOL, "Pool", _POOL),
    _pool(f"{_CONTEXT}.Pool", "Pool", _POOL),
    *_pool_methods(_POOL, "Pool", "process"),
    _factory("multiprocessing.get_context", _CONTEXT),
    # threads with the same faces
    _process("threading.Thread", "thread"),
    _process("multiprocessing.dummy.Process", "thread"),
    _pool(_THREAD_POOL, "ThreadPool", _THREAD_POOL, "thread"),
    _pool("multiprocessing.dummy.Pool", "ThreadPool", _THREAD_POOL, "thread"),
    *_pool_methods(_THREAD_POOL, "ThreadPool", "thread"),
    # concurrent.futures
    _executor(_PPE, "ProcessPoolExecutor", "process", 2),
    *_executor_methods(_PPE, "ProcessPoolExecutor", "process"),
    _executor(_TPE, "ThreadPoolExecutor", "thread", 2),
    *_executor_methods(_TPE, "ThreadPoolExecutor", "thread"),
    Api(f"{_FUTURE}.add_done_callback", "add_done_callback", "parent", Slot(0, "fn")),
    # asyncio
    _factory("asyncio.get_running_loop", _LOOP),
    _factory("asyncio.get_event_loop", _LOOP),
    _factory("asyncio.new_event_loop", _LOOP),
    Api(
        f"{_LOOP}.run_in_executor",
        "run_in_executor",
        "process",
        Slot(1, "func"),
        "starcall",
        result="future",
        returns="asyncio.Future",
        where=Slot(0, "executor"),
        anywhere=True,
    ),
    Api(
        "asyncio.to_thread",
        "asyncio.to_thread",
        "thread",
        Slot(0, "func"),
        "starcall",
        result="value",
    ),
)
"""The boundaries.  A user's own rows come after these and win."""

SAME: dict[str, str] = {
    "multiprocessing.process.BaseProcess": _PROCESS,
    "multiprocessing.context.Process": _PROCESS,
    "multiprocessing.context.ForkProcess": _PROCESS,
    "multiprocessing.context.SpawnProcess": _PROCESS,
    "multiprocessing.context.ForkServerProcess": _PROCESS,
    "multiprocessing.context.ForkContext": _CONTEXT,
    "multiprocessing.context.SpawnContext": _CONTEXT,
    "multiprocessing.context.ForkServerContext": _CONTEXT,
    "multiprocessing.context.DefaultContext": _CONTEXT,
    "multiprocessing.dummy.DummyProcess": "multiprocessing.dummy.Process",
    "multiprocessing.pool.MapResult": _ASYNC,
    "multiprocessing.pool.ApplyResult": _ASYNC,
    "concurrent.futures.process.ProcessPoolExecutor": _PPE,
    "concurrent.futures.thread.ThreadPoolExecutor": _TPE,
    "concurrent.futures._base.Future": _FUTURE,
    "asyncio.BaseEventLoop": _LOOP,
    "asyncio.events.AbstractEventLoop": _LOOP,
    "asyncio.events.get_event_loop": "asyncio.get_event_loop",
    "asyncio.events.get_running_loop": "asyncio.get_running_loop",
}
"""Other spellings of the names above."""

CLONES: dict[str, str] = {}
"""Modules with the names of another: ``{"billiard": "multiprocessing"}``."""

SHARED: dict[str, str] = {
    "multiprocessing.Manager": "manager",
    "multiprocessing.managers.SyncManager": "manager",
    "multiprocessing.managers.BaseManager": "manager",
    "multiprocessing.Value": "value",
    "multiprocessing.RawValue": "value",
    "multiprocessing.Array": "array",
    "multiprocessing.RawArray": "array",
    "multiprocessing.Queue": "queue",
    "multiprocessing.SimpleQueue": "queue",
    "multiprocessing.JoinableQueue": "queue",
    "multiprocessing.Pipe": "connection",
    "multiprocessing.Lock": "lock",
    "multiprocessing.RLock": "lock",
    "multiprocessing.Semaphore": "lock",
    "multiprocessing.BoundedSemaphore": "lock",
    "multiprocessing.Condition": "lock",
    "multiprocessing.Event": "event",
    "multiprocessing.Barrier": "event",
    "multiprocessing.shared_memory.SharedMemory": "shared memory",
    "multiprocessing.shared_memory.ShareableList": "shared memory",
    "multiprocessing.managers.SharedMemoryManager": "manager",
    "multiprocessing.sharedctypes.Value": "value",
    "multiprocessing.sharedctypes.RawValue": "value",
    "multiprocessing.sharedctypes.Array": "array",
    "multiprocessing.sharedctypes.RawArray": "array",
    "multiprocessing.queues.Queue": "queue",
    "multiprocessing.queues.SimpleQueue": "queue",
    "multiprocessing.queues.JoinableQueue": "queue",
}
"""Calls that make an object whose changes do cross the boundary, and its kind."""

THREAD_PRIMITIVES: dict[str, str] = {
    "threading.Lock": "lock",
    "threading.RLock": "lock",
    "threading.Condition": "lock",
    "threading.Semaphore": "lock",
    "threading.BoundedSemaphore": "lock",
    "threading.Event": "event",
    "threading.Barrier": "event",
    "threading.local": "thread local",
    "queue.Queue": "queue",
    "queue.LifoQueue": "queue",
    "queue.PriorityQueue": "queue",
    "queue.SimpleQueue": "queue",
}
"""Primitives of one process: a rule of their own speaks about them."""

NEEDLES: tuple[bytes, ...] = (
    b"multiprocessing",
    b"concurrent.futures",
    b"concurrent import",
    b"run_in_executor",
)
"""Byte strings of which one stands in every file that can name a boundary above."""


class Catalogue:
    """Looks rows up by qualified name, whichever spelling is used.

    ``roots`` are the top-level packages from which process APIs are imported.
    """

    __slots__ = ("_anywhere", "_crossing", "_methods", "_owners", "_rows", "roots")

    def __init__(self, extra: tuple[Api, ...] = ()) -> None:
        self._rows: dict[str, Api] = {row.name: row for row in (*ROWS, *extra)}
        self.roots = frozenset(
            name.partition(".")[0]
            for name in (*CLONES, *(r.name for r in self._rows.values() if r.kind not in SHARES))
        )
        self._anywhere: dict[str, tuple[Api, ...]] = {
            row.name.rpartition(".")[2]: (row,) for row in self._rows.values() if row.anywhere
        }
        self._methods = frozenset(
            row.name.rpartition(".")[2]
            for row in self._rows.values()
            if row.callable is not None and row.kind not in SHARES
        )
        self._owners = {row.name.rpartition(".")[0] for row in self._rows.values()} | {
            row.returns for row in self._rows.values() if row.returns
        }

        crossing = {
            row.name for row in self._rows.values() if row.kind not in SHARES and not row.anywhere
        }
        classes = {*self._rows, *(row.returns for row in self._rows.values())}
        crossing |= {name.rpartition(".")[0] for name in crossing} & classes
        self._crossing = crossing | {
            row.name for row in self._rows.values() if row.returns in crossing
        }

    def canonical(self, name: str) -> str:
        """Return the spelling that the tables use for a qualified name."""
        head, dot, rest = name.partition(".")
        clone = CLONES.get(head)
        if clone is not None:
            name = clone + dot + rest
        return SAME.get(name, name)

    def api(self, name: str) -> Api | None:
        """Return the row for a qualified name, or None where the API is not known."""
        return self._rows.get(self.canonical(name))

    def anywhere(self, method: str) -> tuple[Api, ...]:
        """Return the rows that a method name alone identifies."""
        return self._anywhere.get(method, ())

    def knows(self, name: str) -> bool:
        """Whether any table says something about ``name``."""
        return self.api(name) is not None or self.shared(name) is not None

    def is_method(self, name: str) -> bool:
        """Whether some row that takes a callable is a method of this name."""
        return name in self._methods

    def names_anywhere(self, text: str) -> bool:
        """Whether ``text`` holds the name of a method that alone identifies a row."""
        return any(method in text for method in self._anywhere)

    def touches(self, name: str) -> bool:
        """Whether ``name`` is a process API, or gives back an object with one."""
        return self.canonical(name) in self._crossing

    def shared(self, name: str) -> str | None:
        """Return the kind of shared object that calling ``name`` makes, if it does."""
        canonical = self.canonical(name)
        kind = SHARED.get(canonical)
        if kind is None and canonical.startswith(_CONTEXT + "."):
            kind = SHARED.get("multiprocessing." + canonical[len(_CONTEXT) + 1 :])
        return kind

    def knows_owner(self, name: str) -> bool:
        """Whether some row is a method of, or gives back, the class ``name``."""
        return self.canonical(name) in self._owners
