"""Which names of one module lead to a process API, found from its bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import TYPE_CHECKING

from flake8_mpglobals.handing import EVERY, Known, Slots, functions_in, hands_over
from flake8_mpglobals.imports import listed
from flake8_mpglobals.leads import Unit, find_leads, units
from flake8_mpglobals.offers import NO_OFFERS, Offers
from flake8_mpglobals.outline import Part, gives_back, methods_in, outline
from flake8_mpglobals.project import folder_and_stem
from flake8_mpglobals.state import changed_names

if TYPE_CHECKING:
    from flake8_mpglobals.catalogue import Catalogue
    from flake8_mpglobals.project import Project


class Offering:
    """Finds the names of one module that lead to a process API."""

    def __init__(self, path: str, data: bytes, project: Project, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.project = project
        self.path = path
        self.parts, imports = outline(data)
        self._split: dict[Part, tuple[Unit, ...]] = {}
        self._methods: dict[Part, frozenset[str]] = {}
        self.libraries: dict[str, str] = {}
        self.direct: set[str] = set()
        self.names: list[tuple[str, str, str]] = []
        self.modules: list[tuple[str, str]] = []
        folder, stem = folder_and_stem(path)
        for module, names in imports.froms:
            found = project.named(path, folder, stem, module)
            dotted = module.decode("utf-8", "replace")
            for name, alias in listed(names):
                here = alias or name
                if found is None:
                    whole = f"{dotted.lstrip('.')}.{name}"
                    self.libraries[here] = whole
                    if catalogue.touches(whole, data):
                        self.direct.add(here)
                    continue
                if found.path is not None:
                    self.names.append((found.path, name, here))
                below = found.below.get(name)
                if below is not None:
                    self.modules.append((below, here))
        for listing in imports.plain:
            for name, alias in listed(listing):
                found = project.named(path, folder, stem, name.encode())
                head = alias or name.partition(".")[0]
                if found is None:
                    self.libraries[head] = name if alias else head
                elif found.path is not None:
                    self.modules.append((found.path, alias or name))
        known = {
            here: whole
            for here, whole in self.libraries.items()
            if whole.partition(".")[0] in catalogue.packages
        }
        alone = {name for name in catalogue.alone if b"." + name.encode() in data}
        self.uses = [
            (bool(alone) and not part.methods().isdisjoint(alone))
            or (
                not part.uses.isdisjoint(known)
                and any(
                    catalogue.touches(known[head] + chain[len(head) :], part.text)
                    for chain in part.chains()
                    if (head := chain.partition(".")[0]) in known
                    for chain in _beginnings(chain)
                )
            )
            for part in self.parts
        ]

    def offers(self, links: int, of: Callable[[str, int], Offers]) -> Offers:
        """Return the offers of the module, following so many imports: ``of`` tells theirs."""
        touched = set(self.direct)
        known: dict[str, Slots] = dict.fromkeys(self.direct, EVERY)
        spreading = set(self.direct)
        chains: set[str] = set()
        state: set[str] = set()
        if links:
            for path, name, here in self.names:
                offers = of(path, links - 1)
                if name == "*":
                    touched |= offers.names
                    spreading |= offers.spreading
                    known.update(offers.hands)
                    state |= offers.state
                elif name in offers.names:
                    touched.add(here)
                    state |= offers.state
                    if name in offers.spreading:
                        spreading.add(here)
                    if name in offers.boundaries:
                        known.update(offers.hands)
                        known[here] = offers.hands[name]
            for path, here in self.modules:
                offers = of(path, links - 1)
                chains.update(f"{here}.{name}" for name in offers.spreading)
                known.update(offers.hands)
        leads = self._imported_leads(links, of)
        at_import = False
        waiting = list(zip(self.parts, self.uses, strict=True))
        changed = True
        while changed:
            changed = False
            left: list[tuple[Part, bool]] = []
            for part, direct in waiting:
                if (
                    direct
                    or not part.uses.isdisjoint(spreading)
                    or (
                        chains and any(not chains.isdisjoint(_beginnings(c)) for c in part.chains())
                    )
                ):
                    bound = part.sets()
                    changed = changed or not bound <= spreading
                    spreading |= bound
                    at_import = at_import or (
                        not part.binds
                        and part.calls
                        and (direct or not part.called().isdisjoint(spreading))
                    )
                else:
                    left.append((part, direct))
            waiting = left
        touched |= spreading
        if not touched and not at_import:
            return NO_OFFERS
        boundaries = self._boundaries(touched, known)
        if touched - boundaries:
            state |= changed_names(self.parts, self.libraries, self.names, self.project)
        return Offers(
            frozenset(boundaries),
            known if boundaries else {},
            frozenset(touched - boundaries),
            frozenset(state),
            at_import,
            self._leads(touched, *leads),
        )

    def _imported_leads(
        self, links: int, of: Callable[[str, int], Offers]
    ) -> tuple[set[str], set[str], set[str]]:
        """Return the names, methods and dotted names of other modules whose use can come
        to a process API.
        """
        names = set(self.direct)
        methods: set[str] = set()
        chains: set[str] = set()
        for path, name, here in self.names if links else ():
            offers = of(path, links - 1)
            if name == "*" or name in offers.names:
                if name == "*":
                    names.update(lead for lead in offers.leads if "." not in lead)
                elif name in offers.leads:
                    names.add(here)
                methods.update(lead.rpartition(".")[2] for lead in offers.leads if "." in lead)
        for path, here in self.modules if links else ():
            for lead in of(path, links - 1).leads:
                if "." in lead:
                    methods.add(lead.rpartition(".")[2])
                else:
                    chains.add(f"{here}.{lead}")
        return names, methods, chains

    def _leads(
        self, touched: set[str], names: set[str], methods: set[str], chains: set[str]
    ) -> frozenset[str]:
        """Return what of the names ``touched``, and of their methods, comes to a process API."""
        senders = self.catalogue.senders | _STARTS
        waiting: list[Unit] = []
        direct: dict[Unit, bool] = {}
        for part, is_direct in zip(self.parts, self.uses, strict=True):
            if part.sets().isdisjoint(touched):
                continue
            for unit in self._units(part):
                waiting.append(unit)
                direct[unit] = is_direct
        return find_leads(
            waiting,
            names,
            methods,
            chains,
            lambda unit: (
                not unit.methods.isdisjoint(senders) or (direct[unit] and self._uses_api(unit))
            ),
        )

    def _units(self, part: Part) -> tuple[Unit, ...]:
        known = self._split.get(part)
        if known is None:
            known = self._split[part] = units(part)
        return known

    def _uses_api(self, unit: Unit) -> bool:
        """Whether a unit of a part that does uses a process API of a library."""
        return not unit.methods.isdisjoint(self.catalogue.alone) or self._names_library(unit.text)

    def _boundaries(self, touched: set[str], known: dict[str, Slots]) -> set[str]:
        """Return those of the names ``touched`` by which a callable can be sent.

        ``known`` says what names from elsewhere hand over; what is found is added.
        """
        senders = self.catalogue.senders
        found = touched & known.keys()
        parts = [
            (part, direct)
            for part, direct in zip(self.parts, self.uses, strict=True)
            if part.binds & touched and not part.binds <= found
        ]
        changed = True
        while changed:
            changed = False
            left: list[tuple[Part, bool]] = []
            for part, direct in parts:
                hands = self._hands(part, senders, known, direct, touched)
                if hands:
                    known.update(hands)
                    found |= part.binds & touched
                    changed = True
                else:
                    left.append((part, direct))
            parts = left
        return found

    def _hands(
        self, part: Part, senders: frozenset[str], known: Known, direct: bool, touched: set[str]
    ) -> dict[str, Slots]:
        """Return what a part hands over, or is for sending by; nothing where nothing."""
        if not part.defines:
            if self._makes(part.text):
                return dict.fromkeys(part.binds, EVERY)
            return dict.fromkeys(part.binds, slots) if (slots := _of(part.uses, known)) else {}
        direct = direct or not part.uses.isdisjoint(self.direct)
        if not direct and part.defines == "function" and not self._calls_any(part, senders, known):
            return {}
        names_api = self._names_api if direct else _never
        found = hands_over(part, senders, known, names_api, touched)
        if part.defines == "class":
            bases = part.bases()
            named = {name.decode("utf-8", "replace") for name in re.findall(rb"\w+", bases)}
            inherited = EVERY if self._makes(bases) else _of(named, known)
            if inherited is not None:
                own = next(iter(part.binds))
                found[own] = found.get(own, Slots()).joined(inherited)
        if not found and direct:
            giving = [name for name, text in functions_in(part) if gives_back(text, self._makes)]
            if part.defines != "class":
                found = dict.fromkeys(giving, EVERY)
            elif giving:
                found = dict.fromkeys(giving, EVERY)
                found[next(iter(part.binds))] = Slots(methods=frozenset(giving))
        return found

    def _calls_any(self, part: Part, senders: frozenset[str], known: Known) -> bool:
        """Whether a part can call any of what hands over."""
        methods = self._methods.get(part)
        if methods is None:
            methods = self._methods[part] = part.methods()
        return any(
            not names.isdisjoint(senders) or not names.isdisjoint(known)
            for names in (part.uses, methods)
        )

    def _names_api(self, text: bytes) -> bool:
        """Whether a text names a process API of a library."""
        return self._names_library(text) or not methods_in(text).isdisjoint(self.catalogue.alone)

    def _makes(self, text: bytes) -> bool:
        """Whether an expression names a pool, an executor or a process class of a library."""
        return self._names_library(text, _TASKS_MADE)

    def _names_library(self, text: bytes, but: frozenset[str] = frozenset()) -> bool:
        """Whether a text names what the catalogue has, of a library that is not in ``but``."""
        touches, keeps_methods = self.catalogue.touches, self.catalogue.keeps_methods
        for chain in set(_CHAIN.findall(text)):
            whole = chain.decode("utf-8", "replace")
            head = whole.partition(".")[0]
            library = self.libraries.get(head)
            if library is None:
                continue
            dotted = library + whole[len(head) :]
            names = (library, *_beginnings(dotted))
            if library.partition(".")[0] in but and not any(map(keeps_methods, names)):
                continue
            if any(touches(name, text) for name in names):
                return True
        return False


def _of(names: Iterable[str], known: Known) -> Slots | None:
    """Return what those of ``names`` that are ``known`` hand over; None where none is."""
    found = [known[name] for name in names if name in known]
    return reduce(Slots.joined, found) if found else None


def _never(_: bytes) -> bool:
    return False


_STARTS = frozenset(("start",))
"""Methods that start processes without taking a callable."""
_CHAIN = re.compile(rb"(?<![\w.])[^\W\d]\w*(?:\.\w+)*")
_TASKS_MADE = frozenset(("joblib", "dask", "distributed", "ray", "pyspark", "celery"))
"""Libraries whose calls are made where the tasks are: what they give back is a result,
but for what has methods of its own.
"""


def _beginnings(chain: str) -> Iterator[str]:
    """Yield ``a.b``, ``a.b.c`` and so on, up to the whole chain."""
    position = chain.find(".")
    while position >= 0:
        position = chain.find(".", position + 1)
        yield chain if position < 0 else chain[:position]
