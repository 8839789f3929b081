"""What goes wrong with the objects that are made to be shared.

:func:`shared_uses` asks one analysis (:class:`~flake8_mpglobals.shared.sharing.Sharing`)
which values are proxies, ``Value`` objects, locks, queues and shared memory, through
names, attributes, arguments and initializers, and which workers run their uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from flake8_mpglobals.catalogue import SAME, SHARED
from flake8_mpglobals.facts import SharedUse
from flake8_mpglobals.program import Program
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
_ALONE_NAMES = re.compile(r"(?:Manager|SharedMemory|Proxy)\w*")
"""Parts of names of what can be misused where nothing is dispatched to: and of much else."""

_ALONE = frozenset(("MPG301", "MPG304"))
"""Rules on what goes wrong in one process, too."""


def names_shared(program: Program) -> bool:
    """Whether a file without dispatches can still misuse a shared object: it names what
    makes one, or something that a module offers which names it.
    """
    names = _names(program.main.source.text)
    if not names or not names.isdisjoint(_makers()):
        return bool(names)
    return not names.isdisjoint(program.offered) and any(
        not _makers().isdisjoint(_names(data.decode(errors="replace")))
        for path in program.led_to()
        if (data := program.store.read(path)) is not None
    )


@cache
def _makers() -> frozenset[str]:
    """Return the last names, in libraries, of managers, shared memory and proxies."""
    names = (name.rpartition(".")[2] for name in (*SHARED, *SAME))
    return frozenset(name for name in names if _ALONE_NAMES.search(name))


def _names(text: str) -> set[str]:
    """Return the names in a text that hold one of those parts."""
    # What stands before is added by hand: a search that begins with it takes fifty times as long.
    found: set[str] = set()
    for match in _ALONE_NAMES.finditer(text):
        start = match.start()
        while start and (text[start - 1].isalnum() or text[start - 1] == "_"):
            start -= 1
        found.add(text[start : match.end()])
    return found


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
