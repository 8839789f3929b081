"""Which writes travel together, because one function does them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flake8_mpglobals.facts import Facts, LostWrite
from flake8_mpglobals.fixes.module import Function
from flake8_mpglobals.fixes.shapes.members import calls_of
from flake8_mpglobals.records import replace

SORTS = frozenset({"mutate", "rebind", "buffer", "class", "instance", "module"})
"""The kinds of writes that a parent can do in the place of its workers."""


def groups(facts: Facts, writes: Sequence[LostWrite]) -> list[list[LostWrite]]:
    """Return the writes that must travel together, by the function that does them."""
    places = {write.place for write in writes}
    known = [
        one
        for write in facts.writes
        if write.observers and write.how in SORTS
        for one in _in_workers(write)
    ]
    while True:
        functions = [w.function for w in known if w.place in places]
        more = {w.place for w in known if any(w.function is one for one in functions)}
        if more <= places:
            break
        places |= more
    groups: list[list[LostWrite]] = []
    for write in known:
        if write.place in places:
            own = next((g for g in groups if g[0].function is write.function), None)
            if own is None:
                groups.append([write])
            else:
                own.append(write)
    return groups


def _in_workers(write: LostWrite) -> Iterator[LostWrite]:
    """Yield a write as the workers do it that call the method which holds it."""
    workers = dict.fromkeys(one for site in write.sites for one in site.workers)
    calling = {one: calls_of(write, one) for one in workers if isinstance(one, Function)}
    if not calling or len(calling) != len(workers) or not all(calling.values()):
        yield write
        return
    for worker, calls in calling.items():
        sites = tuple(one for one in write.sites if worker in one.workers)
        for call in calls:
            yield replace(write, node=call, function=worker, sites=sites)


def together(facts: Facts, writes: Sequence[LostWrite]) -> tuple[str, ...]:
    """Return all places that travel together with those of ``writes``."""
    places = (write.place for group in groups(facts, writes) for write in group)
    return tuple(dict.fromkeys(places))
