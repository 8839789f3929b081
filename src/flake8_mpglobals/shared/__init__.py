"""What goes wrong with the objects that are made to be shared.

:func:`shared_uses` asks one analysis (:class:`~flake8_mpglobals.shared.sharing.Sharing`)
which values are proxies, ``Value`` objects, locks, queues and shared memory, through
names, attributes, arguments and initializers, and which workers run their uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from flake8_mpglobals.facts import SharedUse
from flake8_mpglobals.scene import Scene
from flake8_mpglobals.shared.imported import Imported
from flake8_mpglobals.shared.in_threads import InThreads
from flake8_mpglobals.shared.leaks import Leaks
from flake8_mpglobals.shared.locks import Locks
from flake8_mpglobals.shared.nested import Nested
from flake8_mpglobals.shared.sharing import Sharing
from flake8_mpglobals.shared.updates import Updates

_NAMES = re.compile(
    r"Manager|Value|Array|Namespace|Lock|Semaphore|Condition|Event|Barrier|Queue|Proxy"
    r"|SharedMemory|ShareableList|threading|Pipe"
)
_ANYWHERE = re.compile(r"Manager|SharedMemory|Proxy")

_ALONE = frozenset(("MPG301", "MPG304"))
"""Rules on what goes wrong in one process, too."""


def names_shared(text: str) -> bool:
    """Whether a text without dispatches can still misuse a shared object."""
    return _ANYWHERE.search(text) is not None


def shared_uses(scene: Scene, codes: frozenset[str]) -> tuple[SharedUse, ...]:
    """Return the uses of shared objects that go wrong, sorted by position.

    ``codes`` are those of the rules that will ask.
    """
    if not any(_NAMES.search(module.source.text) for module in scene.program.modules):
        return ()
    if not scene.boundaries.sites:
        scene.evaluator.forget()  # what calls pass was not asked for so far
    sharing = Sharing(scene.program, scene.boundaries, scene.reach, scene.evaluator)
    locks = Locks(sharing)
    stages: dict[str, Callable[[], Iterator[SharedUse]]] = {
        "MPG301": Nested(sharing).find,
        "MPG302": Updates(sharing, locks).find,
        "MPG303": InThreads(sharing).find,
        "MPG304": Leaks(sharing).find,
        "MPG306": Imported(sharing, scene).find,
    }
    if not scene.boundaries.crosses:
        codes &= _ALONE
    found = [use for code, find in stages.items() if code in codes for use in find()]
    return tuple(_once_from_afar(sorted(found, key=lambda use: (use.location, use.kind))))


def _once_from_afar(found: list[SharedUse]) -> Iterator[SharedUse]:
    """Yield each use of this file, and of those in other files one for each object and spot."""
    seen: set[object] = set()
    for use in found:
        key = (use.kind, use.location, use.place, use.made)
        if use.origin is None or key not in seen:
            seen.add(key)
            yield use
