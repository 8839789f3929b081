"""Which events of a function an abstract run has to look at: those about one place.

A function with thousands of events is run once for each place of which a change is lost;
what does nothing to that place and enters nothing is left out.  How control goes stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from flake8_mpglobals.ir import Block, Branch, Exit, Function, Loop, Make, Try

Chosen = dict[int, set[int]]
"""Positions of events, by the identity of the block that they stand in."""


class Sieve:
    """Knows where the events of some functions stand."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self._spots: dict[object, tuple[int, int]] = {}
        self._always: dict[int, list[int]] = {}
        waiting = [function.body for function in functions]
        while waiting:
            block = waiting.pop()
            always = self._always[id(block)] = []
            for position, event in enumerate(block):
                if isinstance(event, Branch):
                    waiting.extend(event.blocks)
                elif isinstance(event, Loop):
                    waiting.append(event.body)
                elif isinstance(event, Try):
                    waiting.extend((event.body, *event.handlers, event.orelse, event.final))
                elif not isinstance(event, Exit):
                    what = event.display if isinstance(event, Make) else event
                    self._spots[what] = (id(block), position)
                    continue
                always.append(position)

    def choose(self, events: Iterable[object]) -> Chosen:
        """Return where ``events`` stand, and where displays are made."""
        chosen: Chosen = {}
        for event in events:
            spot = self._spots.get(event)
            if spot is not None:
                chosen.setdefault(spot[0], set()).add(spot[1])
        return chosen

    def sifted(self, block: Block, chosen: Chosen) -> Block:
        """Return what is left of a block: what was chosen, and what control hangs on."""
        always = self._always.get(id(block))
        if always is None:
            return block
        positions = chosen.get(id(block))
        return [block[each] for each in (sorted((*always, *positions)) if positions else always)]
