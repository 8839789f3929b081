"""What a module offers to those that import it: names that lead to a process API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flake8_mpglobals.records import field, frozen

if TYPE_CHECKING:
    from flake8_mpglobals.handing import Known


@frozen
class Offers:
    """The names of a module that lead to a process API.

    ``boundaries`` are those by which an importer can send a callable of its own: pools,
    process classes, and what hands a parameter on; ``hands`` says which parameter, by
    the name of the function, class or method; ``starters`` only start processes.
    ``state`` is what its functions may change, ``at_import``: processes are started
    when the module is imported.  ``leads`` are the functions, and the methods as
    ``Class.method``, that come to a process API when they are used; of a class alone,
    where making or calling an object does.
    """

    boundaries: frozenset[str] = frozenset()
    hands: Known = field(default_factory=dict, compare=False)
    starters: frozenset[str] = frozenset()
    state: frozenset[str] = frozenset()
    at_import: bool = False
    leads: frozenset[str] = frozenset()

    @property
    def spreading(self) -> frozenset[str]:
        """The names that make what uses them in another module an offer of that: pools,
        process classes, and functions that hand on what they are given.  Of a class whose
        methods do so only names are known, and what only starts processes does it alone.
        """
        return frozenset(name for name in self.boundaries if self.hands[name].spreads)

    @property
    def names(self) -> frozenset[str]:
        """All names that lead to a process API."""
        return self.boundaries | self.starters

    def enters(self, cls: str, name: str) -> bool:
        """Whether a function, or a method of a class, is worth following."""
        if not cls:
            return name in self.leads or name in self.boundaries
        if is_special(name):
            return cls in self.leads or cls in self.hands
        return f"{cls}.{name}" in self.leads or name in self.hands

    def started_by(self, names: Iterable[str], data: bytes) -> bool:
        """Whether a file that uses ``names`` can come to a process API by them."""
        return not self.leads.isdisjoint(names) or any(
            name[name.index(".") :].encode() in data for name in self.leads if "." in name
        )

    def __bool__(self) -> bool:
        return bool(self.boundaries) or bool(self.starters) or self.at_import


NO_OFFERS = Offers()


def is_special(method: str) -> bool:
    """Whether a method is called by making, calling, entering or the like."""
    return method.startswith("__") and method.endswith("__")


def plain_offers(offers: Offers) -> tuple[object, ...]:
    """Return offers in plain types; an empty tuple for none."""
    if offers == NO_OFFERS:
        return ()
    hands = tuple((name, *offers.hands[name].plain()) for name in sorted(offers.hands))
    return (offers.boundaries, hands, offers.starters, offers.state, offers.at_import, offers.leads)


def made_offers(plain: tuple[Any, ...]) -> Offers:
    """Return the offers that :func:`plain_offers` made plain."""
    if not plain:
        return NO_OFFERS
    from flake8_mpglobals.handing import Slots

    boundaries, hands, *rest = plain
    return Offers(boundaries, {name: Slots(*slots) for name, *slots in hands}, *rest)
