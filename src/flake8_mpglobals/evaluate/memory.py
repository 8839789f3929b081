"""Which parts of shared objects are shared memory, too, and what displays keep in place."""

from __future__ import annotations

from flake8_mpglobals.evaluate.things import External, Shared, Things
from flake8_mpglobals.ir import UNKNOWN, Display
from flake8_mpglobals.sharedtypes import MANAGES, VIEW_METHODS

_MEMORY = ("buffer", "array", "value")


def shares(things: Things) -> bool:
    """Whether any of ``things`` is made to be shared between processes."""
    return any(isinstance(thing, Shared) and not thing.threads for thing in things)


def view(thing: Shared) -> Shared:
    """Return a view of the memory of a shared object."""
    return Shared("buffer", False, thing.maker, thing.call)


def shared_attribute(thing: Shared, name: str) -> Things:
    """Return what an attribute of a shared object can be."""
    if thing.kind == "manager" and name not in MANAGES:
        return frozenset((External(f"manager.{name}"),))
    if thing.kind == "shared memory" and name == "shm":
        return frozenset((thing,))
    if (thing.kind, name) in (("shared memory", "buf"), ("buffer", "T")):
        return frozenset((view(thing),))
    return frozenset((UNKNOWN,))


def shared_result(thing: Shared, method: str) -> Things:
    """Return what a method of a shared object gives back, where that is shared, too."""
    if method == "get_lock":
        return frozenset((Shared("lock", False, "multiprocessing.RLock", thing.call),))
    if method in VIEW_METHODS and thing.kind in _MEMORY:
        return frozenset((view(thing),))
    return frozenset((UNKNOWN,))


def keeps_places(display: Display) -> bool:
    """Whether what a display was made with still stands where it was put."""
    if display.kind == "list":
        return display.whole and display.elements == set().union(*display.items.values())
    return display.kind in ("dict", "tuple")
