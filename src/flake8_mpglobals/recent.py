"""What was made lately: a memory that is bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """What was made lately, by key: no more than ``most`` in all, by the sizes given.

    The oldest in use are dropped first.  ``dropped`` holds those, where it is a list: whoever
    makes it one has to empty it.
    """

    __slots__ = ("_items", "_lock", "_most", "_total", "dropped")

    def __init__(self, most: int) -> None:
        self._most = most
        self._total = 0
        self.dropped: list[Value] | None = None
        self._items: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: Key) -> Value | None:
        """Return what is kept under a key, None where nothing is."""
        with self._lock:
            known = self._items.get(key)
            if known is None:
                return None
            self._items.move_to_end(key)
            return known[0]

    def put(self, key: Key, value: Value, size: int) -> Value:
        """Keep a value; return it, or what another thread has kept under that key."""
        with self._lock:
            known = self._items.get(key)
            if known is not None:
                return known[0]
            self._items[key] = (value, size)
            self._total += size
            while self._total > self._most and len(self._items) > 1:
                _, (oldest, its_size) = self._items.popitem(last=False)
                self._total -= its_size
                if self.dropped is not None:
                    self.dropped.append(oldest)
            return value
