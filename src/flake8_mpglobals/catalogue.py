"""The process boundaries that are known: a table, one row per API.

A row says how an API takes the callable that it runs, what it does with memory
and what it gives back.  Nothing else in the package knows a library's name: a
new API is a new row here (and two fixtures).

Qualified names are the ones a reader would look up in the documentation; the
other spellings of the same object are in :data:`SAME`, and whole modules that
mirror ``multiprocessing`` are in :data:`CLONES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from flake8_mpglobals import libraries
from flake8_mpglobals.apis import (
    FUTURE,
    LEFT_OUT,
    SHARES,
    Api,
    Kind,
    Remedy,
    Result,
    Slot,
    Tasks,
    When,
    every,
    executor,
    executor_methods,
    factory,
    pool,
    pool_methods,
    process,
)
from flake8_mpglobals.records import frozen, replace
from flake8_mpglobals.sharedtypes import SHARED_TYPES

__all__ = ["CLONES", "SAME", "SHARED", "SHARES", "THREAD_PRIMITIVES"]
__all__ += ["Api", "Catalogue", "Kind", "Remedy", "Result", "Slot", "Tasks"]

_POOL = "multiprocessing.pool.Pool"
_THREAD_POOL = "multiprocessing.pool.ThreadPool"
_CONTEXT = "multiprocessing.context.BaseContext"
_PROCESS = "multiprocessing.Process"
_PPE = "concurrent.futures.ProcessPoolExecutor"
_TPE = "concurrent.futures.ThreadPoolExecutor"
_IPE = "concurrent.futures.InterpreterPoolExecutor"
_INTERPRETER = "concurrent.interpreters.Interpreter"
_LOOP = "asyncio.AbstractEventLoop"

ROWS: tuple[Api, ...] = (
    # multiprocessing: processes and pools
    process(_PROCESS, "process"),
    process(f"{_CONTEXT}.Process", "process"),
    pool("multiprocessing.Pool", "Pool", _POOL),
    pool(_POOL, "Pool", _POOL),
    pool(f"{_CONTEXT}.Pool", "Pool", _POOL),
    pool("manager.Pool", "Manager().Pool", _POOL),
    *pool_methods(_POOL, "Pool", "process"),
    factory("multiprocessing.get_context", _CONTEXT),
    # threads with the same faces
    process("threading.Thread", "thread"),
    process("multiprocessing.dummy.Process", "thread"),
    pool(_THREAD_POOL, "ThreadPool", _THREAD_POOL, "thread"),
    pool("multiprocessing.dummy.Pool", "ThreadPool", _THREAD_POOL, "thread"),
    *pool_methods(_THREAD_POOL, "ThreadPool", "thread"),
    # concurrent.futures
    executor(_PPE, "ProcessPoolExecutor", "process", 2),
    *executor_methods(_PPE, "ProcessPoolExecutor", "process"),
    executor(_TPE, "ThreadPoolExecutor", "thread", 2),
    *executor_methods(_TPE, "ThreadPoolExecutor", "thread"),
    *every((executor(_IPE, "InterpreterPoolExecutor", "interpreter", 2),), remedy="values"),
    *every(executor_methods(_IPE, "InterpreterPoolExecutor", "interpreter"), remedy="values"),
    # interpreters, one by one
    factory("concurrent.interpreters.create", _INTERPRETER),
    Api(
        f"{_INTERPRETER}.call",
        "Interpreter.call",
        "interpreter",
        Slot(0, "callable"),
        "starcall",
        result="value",
        waits=True,
        remedy="values",
    ),
    Api(
        f"{_INTERPRETER}.call_in_thread",
        "Interpreter.call_in_thread",
        "interpreter",
        Slot(0, "callable"),
        "starcall",
        remedy="values",
    ),
    Api(f"{FUTURE}.add_done_callback", "add_done_callback", "parent", Slot(0, "fn")),
    # the branch that the child takes
    Api("os.fork", "os.fork", runs="child", pickles=False, remedy="pipe"),
    Api("os.forkpty", "os.forkpty", runs="child", pickles=False, remedy="pipe"),
    Api("pty.fork", "pty.fork", runs="child", pickles=False, remedy="pipe"),
    # asyncio
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
        alone=True,
    ),
    Api(
        "asyncio.to_thread",
        "asyncio.to_thread",
        "thread",
        Slot(0, "func"),
        "starcall",
        result="value",
    ),
    # other packages
    *libraries.ROWS,
)
"""The boundaries.  A user's own rows come after these and win."""

SAME: dict[str, str] = {
    "multiprocessing.context.Process": _PROCESS,
    "multiprocessing.context.ForkProcess": _PROCESS,
    "multiprocessing.context.SpawnProcess": _PROCESS,
    "multiprocessing.context.ForkServerProcess": _PROCESS,
    "multiprocessing.context.ForkContext": _CONTEXT,
    "multiprocessing.context.SpawnContext": _CONTEXT,
    "multiprocessing.context.ForkServerContext": _CONTEXT,
    "multiprocessing.context.DefaultContext": _CONTEXT,
    "multiprocessing.dummy.DummyProcess": "multiprocessing.dummy.Process",
    "concurrent.futures.process.ProcessPoolExecutor": _PPE,
    "concurrent.futures.thread.ThreadPoolExecutor": _TPE,
    "concurrent.futures.interpreter.InterpreterPoolExecutor": _IPE,
    "posix.fork": "os.fork",
    **SHARED_TYPES,
    **libraries.SAME,
}
"""Other spellings of the names above."""

CLONES: dict[str, str] = {**libraries.CLONES}
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
    **libraries.SHARED,
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


@frozen
class _Tables:
    """The rows, and what is asked of all of them together."""

    rows: dict[str, Api]
    anywhere: dict[str, Api]
    methods: frozenset[str]
    owners: frozenset[str]
    roots: frozenset[str]
    packages: frozenset[str]
    alone: frozenset[str]
    crossing: frozenset[str]
    asked: dict[str, frozenset[bytes]]
    pools: frozenset[str]


@lru_cache(maxsize=8)
def _tables(extra: tuple[Api, ...]) -> _Tables:
    rows = {row.name: row for row in (*ROWS, *extra)}
    apart = [row for row in rows.values() if row.kind not in SHARES]
    classes = {*rows, *(row.returns for row in rows.values())}

    def leading_to(first: set[str]) -> frozenset[str]:
        """Return ``first``, the classes they are methods of, and what makes one of those."""
        found: set[str] = set()
        more = first
        while more:
            found |= more | ({name.rpartition(".")[0] for name in more} & classes)
            more = {row.name for row in rows.values() if row.returns in found} - found
        return frozenset(found)

    crossing = leading_to(
        {row.name for row in apart if not row.alone}
        | {row.name for row in rows.values() if row.wraps is not None}
    )
    asked: dict[str, frozenset[bytes]] = {}
    for row in rows.values():
        words = frozenset(word.encode() for word in row.asked_by)
        if row.may_cross and not row.alone and row.kind in SHARES:
            for name in leading_to({row.name}) - crossing:
                asked[name] = asked.get(name, frozenset()) | words
    roots = frozenset(
        name.partition(".")[0] for name in (*CLONES, *libraries.SAME, *(row.name for row in apart))
    )
    return _Tables(
        rows,
        {row.name.rpartition(".")[2]: row for row in rows.values() if row.anywhere},
        frozenset(
            row.name.rpartition(".")[2]
            for row in rows.values()
            if row.dispatches and row.kind not in SHARES
        ),
        frozenset(row.name.rpartition(".")[0] for row in rows.values())
        | frozenset(row.returns for row in rows.values() if row.returns),
        roots,
        roots.union(name.partition(".")[0] for name in (*crossing, *asked)),
        frozenset(
            row.name.rpartition(".")[2] for row in rows.values() if row.anywhere and _named(row, "")
        ),
        crossing,
        asked,
        frozenset(
            row.name.rpartition(".")[0] for row in apart if row.dispatches and row.where is None
        ),
    )


class Catalogue:
    """Looks rows up by qualified name, whichever spelling is used.

    ``roots`` are the top-level packages from which process APIs are imported, ``packages``
    those of which some name touches one; ``alone`` are the methods of which the name alone
    tells that they run callables elsewhere; ``senders`` what takes a callable first, or
    wraps one for later.
    """

    __slots__ = (
        *("_asking", "_but", "_clones", "_extra", "_originals", "_rows", "_shared", "_spellings"),
        *("_tables", "_without"),
        *("alone", "packages", "roots", "senders"),
    )

    def __init__(self, extra: tuple[Api, ...] = (), but: frozenset[str] = frozenset()) -> None:
        self._extra = extra
        self._but = but
        self._tables = _tables(extra)
        self._clones: dict[str, Api | None] = {}
        self._rows: dict[str, Api | None] = {}
        self._spellings: dict[str, str] = {}
        self._originals: dict[str, str] = {}
        self._shared: dict[str, str | None] = {}
        self._without: dict[frozenset[str], Catalogue] = {}
        self._asking: dict[str, Callable[[str], bool] | None] = {}
        self.roots = self._tables.roots - but
        self.packages = self._tables.packages - but
        self.alone = self._tables.alone
        self.senders = self._tables.methods.union(("delayed", "partial", "remote", "Process"))

    def without(self, libraries: frozenset[str]) -> Catalogue:
        """Return what is known of all but some libraries: for their own source."""
        if not libraries:
            return self
        if libraries not in self._without:
            self._without[libraries] = Catalogue(self._extra, libraries)
        return self._without[libraries]

    def canonical(self, name: str) -> str:
        """Return the spelling that the tables use for a qualified name."""
        known = self._spellings.get(name)
        if known is None:
            known = self._spellings[name] = self._spelled(name)
        return known

    @staticmethod
    def _spelled(name: str) -> str:
        name, prefix = _uncloned(name)
        name = SAME.get(name, name)
        if prefix:
            return prefix + name[name.index(".") :] if "." in name else prefix
        return name

    def api(self, name: str) -> Api | None:
        """Return the row for a qualified name, or None where the API is not known."""
        try:
            return self._rows[name]
        except KeyError:
            row = self._rows[name] = self._row(name)
            return row

    def _row(self, name: str) -> Api | None:
        if self._but and name.partition(".")[0] in self._but:
            return None
        name = self.canonical(name)
        row = self._tables.rows.get(name)
        if row is None:
            row = self._tables.rows.get(f"{name.rpartition('.')[0]}.*")
        if row is None and name.partition(".")[0] in libraries.BY_VALUE:
            if name not in self._clones:
                self._clones[name] = self._by_value(name)
            row = self._clones[name]
        return row

    def _by_value(self, name: str) -> Api | None:
        """Return the row of a clone that pickles functions by value."""
        clone, _, rest = name.partition(".")
        row = self._tables.rows.get(f"{CLONES[clone]}.{rest}")
        if row is None:
            return None
        returns = row.returns.replace(CLONES[clone], clone, 1)
        return replace(row, name=name, returns=returns, pickles=False)

    def anywhere(self, method: str, text: str) -> tuple[Api, ...]:
        """Return the rows that a method name alone identifies in a module with this text."""
        row = self._tables.anywhere.get(method)
        return (row,) if row is not None and _named(row, text) else ()

    def knows(self, name: str) -> bool:
        """Whether any table says something about ``name``."""
        return self.api(name) is not None or self.shared(name) is not None

    def is_method(self, name: str) -> bool:
        """Whether some row that takes a callable is a method of this name."""
        return name in self._tables.methods

    def names_anywhere(self, text: str) -> bool:
        """Whether ``text`` holds the name of a method that alone identifies a row."""
        return any(
            method in text and _named(row, text) for method, row in self._tables.anywhere.items()
        )

    def touches(self, name: str, text: bytes) -> bool:
        """Whether ``name`` is a process API, or gives back an object with one.

        Where only an argument makes it one, ``text`` has to hold the keyword.
        """
        crosses, words = self._touch(name)
        return crosses or any(word in text for word in words)

    def may_touch(self, name: str) -> bool:
        """Whether ``name`` is a process API, or gives back an object with one, by some keyword
        at least.
        """
        crosses, words = self._touch(name)
        return crosses or bool(words)

    def _touch(self, name: str) -> tuple[bool, frozenset[bytes]]:
        """Return whether ``name`` is one for all, and else the keywords that make it one."""
        if self._but and name.partition(".")[0] in self._but:
            return False, frozenset()
        name = self.original(name)
        tables = self._tables
        every = f"{name.rpartition('.')[0]}.*"
        if name in tables.crossing or every in tables.crossing:
            return True, frozenset()
        return False, tables.asked.get(name) or tables.asked.get(every) or frozenset()

    def asking(self, name: str) -> Callable[[str], bool] | None:
        """Return what says of the text of a module whether it can make an object of the class
        ``name`` run its tasks elsewhere, where they run in threads unless something asks for
        more; None for every other class.
        """
        if name not in self._asking:
            crosses, words = self._touch(name)
            self._asking[name] = None if crosses or not words else self._find_asking(words)
        return self._asking[name]

    def _find_asking(self, words: frozenset[bytes]) -> Callable[[str], bool]:
        keywords = {word.decode() for word in words}
        values: dict[object, None] = {}
        families: set[str] = set()
        rows = self._tables.rows.values()
        for row in rows:
            for when in row.kinds:
                if isinstance(when, When) and when.slot.keyword in keywords:
                    families.add(row.family)
                    if when.kind not in (None, *SHARES) and LEFT_OUT not in when.values:
                        values.update(dict.fromkeys(when.values))
        # What runs tasks elsewhere by itself, or sets where the others run.
        names = {
            row.name.split(".")[1]
            for row in rows
            if row.kind not in SHARES and (row.runs == "tasks" or row.sets in families - {""})
        }
        spelled = "|".join(map(re.escape, sorted(keywords)))
        given = "|".join(re.escape(value) for value in values if isinstance(value, str))
        meant = rf"[\s(]*[\"'](?:{given})[\"']" if given.count("|") == len(values) - 1 else ""
        passed = re.compile(
            rf"(?:[(,](?:\s|#[^\n]*)*+(?:{spelled})\s*=(?!=)|[\"'](?:{spelled})[\"']\s*:)"
            rf"(?:({meant})|[\s(]*([^\W\d]\w*))"
        )
        named = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\b")

        def asks(text: str) -> bool:
            return bool(named.search(text)) or any(
                match[2] is None or re.search(rf"\b{match[2]}\b[^=\n]*={meant}", text)
                for match in passed.finditer(text)
            )

        return asks

    def shared(self, name: str) -> str | None:
        """Return the kind of shared object that calling ``name`` makes, if it does."""
        try:
            return self._shared[name]
        except KeyError:
            kind = self._shared[name] = self._kind_of_shared(name)
            return kind

    def _kind_of_shared(self, name: str) -> str | None:
        original = self.original(name)
        kind = SHARED.get(original)
        if kind is None and original.startswith(_CONTEXT + "."):
            kind = SHARED.get("multiprocessing." + original[len(_CONTEXT) + 1 :])
        return kind

    def actor(self, name: str) -> str | None:
        """Return what a wrapped class of this name becomes when it is run, if it lives on."""
        return libraries.ACTORS.get(name)

    def actor_of(self, name: str) -> str | None:
        """Return the wrapped class of which ``name`` is the actor."""
        return next((wrapped for wrapped, actor in libraries.ACTORS.items() if actor == name), None)

    def knows_owner(self, name: str) -> bool:
        """Whether some row is a method of, or gives back, the class ``name``."""
        return self.original(name) in self._tables.owners

    def is_pool(self, name: str) -> bool:
        """Whether an object of the class ``name`` runs callables where memory is not shared."""
        return self.original(name) in self._tables.pools

    def keeps_methods(self, name: str) -> bool:
        """Whether calling ``name`` gives an object on which methods run callables elsewhere:
        not just a callable that takes the tasks there and then.
        """
        name = self.original(name)
        row = self._tables.rows.get(name)
        if row is not None and row.wraps is not None:
            return False
        start = f"{row.returns if row is not None and row.returns else name}."
        return any(
            other.startswith(start) and not other.endswith("__call__") and found.dispatches
            for other, found in self._tables.rows.items()
        )

    def original(self, name: str) -> str:
        """Return the canonical name, of a clone that of what it mirrors."""
        known = self._originals.get(name)
        if known is None:
            known = self._originals[name] = self._original(name)
        return known

    def _original(self, name: str) -> str:
        name = self.canonical(name)
        head, dot, rest = name.partition(".")
        return CLONES[head] + dot + rest if head in libraries.BY_VALUE else name


_CLONE_HEADS = frozenset(clone.partition(".")[0] for clone in CLONES)


def _uncloned(name: str) -> tuple[str, str]:
    """Return a name in a clone as the name in what it mirrors, and the clone where that
    makes a difference.
    """
    while name.partition(".")[0] in _CLONE_HEADS:
        if name in _tables(()).rows or name in SAME:
            break
        clone = next((clone for clone in CLONES if name.startswith(f"{clone}.")), None)
        if clone is None:
            break
        name = CLONES[clone] + name[len(clone) :]
        if clone in libraries.BY_VALUE:
            return name, clone
    return name, ""


def _named(row: Api, text: str) -> bool:
    """Whether a text names what a row with a telling method needs to be meant by it."""
    return row.alone or row.name.partition(".")[0] in text
