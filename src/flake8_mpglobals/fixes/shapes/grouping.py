"""Which writes travel together, because one function does them."""

from __future__ import annotations

from collections.abc import Sequence

from flake8_mpglobals.facts import Facts, LostWrite

SORTS = frozenset({"mutate", "rebind", "buffer", "class", "instance", "module"})
"""The kinds of writes that a parent can do in the place of its workers."""


def groups(facts: Facts, writes: Sequence[LostWrite]) -> list[list[LostWrite]]:
    """Return the writes that must travel together, by the function that does them."""
    places = {write.place for write in writes}
    while True:
        known = [w for w in facts.writes if w.observers and w.how in SORTS]
        functions = [w.function for w in known if w.place in places]
        more = {w.place for w in known if any(w.function is one for one in functions)}
        if more <= places:
            break
        places |= more
    groups: list[list[LostWrite]] = []
    for write in facts.writes:
        if write.place in places and write.observers and write.how in SORTS:
            own = next((g for g in groups if g[0].function is write.function), None)
            if own is None:
                groups.append([write])
            else:
                own.append(write)
    return groups


def together(facts: Facts, writes: Sequence[LostWrite]) -> tuple[str, ...]:
    """Return all places that travel together with those of ``writes``."""
    places = (write.place for group in groups(facts, writes) for write in group)
    return tuple(dict.fromkeys(places))
