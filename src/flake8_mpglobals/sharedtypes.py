"""Names of what is made to be shared: types of proxies, what managers make, views of memory."""

from __future__ import annotations

from flake8_mpglobals.apis import Slot

SHARED_TYPES: dict[str, str] = {
    "multiprocessing.managers.ListProxy": "manager.list",
    "multiprocessing.managers.BaseListProxy": "manager.list",
    "multiprocessing.managers.DictProxy": "manager.dict",
    "multiprocessing.managers.SetProxy": "manager.set",
    "multiprocessing.managers.NamespaceProxy": "manager.Namespace",
    "multiprocessing.managers.Namespace": "manager.Namespace",
    "multiprocessing.managers.ValueProxy": "manager.Value",
    "multiprocessing.managers.ArrayProxy": "manager.Array",
    "multiprocessing.managers.AcquirerProxy": "manager.Lock",
    "multiprocessing.managers.ConditionProxy": "manager.Condition",
    "multiprocessing.managers.EventProxy": "manager.Event",
    "multiprocessing.managers.BarrierProxy": "manager.Barrier",
    "multiprocessing.sharedctypes.Synchronized": "multiprocessing.Value",
    "multiprocessing.sharedctypes.SynchronizedArray": "multiprocessing.Array",
    "multiprocessing.sharedctypes.SynchronizedString": "multiprocessing.Array",
    "multiprocessing.connection.Connection": "multiprocessing.Pipe",
    **{
        f"multiprocessing.synchronize.{name}": f"multiprocessing.{name}"
        for name in (
            "Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier",
        )
    },
}  # fmt: skip
"""Types that annotations name, by what makes such objects."""

PROXIES: dict[str, str] = {
    "Lock": "lock",
    "RLock": "lock",
    "Semaphore": "lock",
    "BoundedSemaphore": "lock",
    "Condition": "lock",
    "Event": "event",
    "Barrier": "event",
    "Queue": "queue",
    "JoinableQueue": "queue",
    "SharedMemory": "shared memory",
    "ShareableList": "shared memory",
}
"""Methods of managers that make something else than a proxy of plain data."""

MANAGES = frozenset(("start", "connect", "shutdown", "join", "register", "get_server", "address"))
"""Attributes of managers that make nothing."""

VIEWS: dict[str, Slot] = {
    "builtins.memoryview": Slot(0, "object"),
    "numpy.ndarray": Slot(2, "buffer"),
    "numpy.frombuffer": Slot(0, "buffer"),
    "numpy.asarray": Slot(0, "a"),
    "numpy.ctypeslib.as_array": Slot(0, "obj"),
    "torch.frombuffer": Slot(0, "buffer"),
}
"""Calls that make another view of the memory that they are given."""

VIEW_METHODS = frozenset(("reshape", "view", "ravel", "cast", "transpose", "squeeze", "get_obj"))
"""Methods whose result is the same shared memory."""
