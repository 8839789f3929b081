"""What the files of a project offer to those that import them.

A file is worth a look where it names a process API, or something of a project
module that leads to one: a function that starts processes or hands its parameter
to a process API, a pool, a process class.  Those names are *offers*.  They are told
from the bytes alone, over at most :data:`LINKS` imports, and remembered for a run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

from flake8_mpglobals.catalogue import Api, Catalogue
from flake8_mpglobals.disk import Disk
from flake8_mpglobals.handing import EVERY, Known, Slots, hands_over
from flake8_mpglobals.modules import Memo, Module, Recent, parsed_modules
from flake8_mpglobals.outline import Part, listed, methods_in, outline
from flake8_mpglobals.prefilter import (
    Imports,
    imports_in,
    may_start_process,
    names_process_api,
)
from flake8_mpglobals.project import Project
from flake8_mpglobals.records import field, frozen

if TYPE_CHECKING:
    from flake8_mpglobals.ir import Module as Lowered

MOST_LOWERED = 3_000_000
"""Characters of modules that are kept lowered."""

MOST_OUTLINED = 4_000_000
"""Bytes of modules of which the outline is kept."""

LINKS = 3
"""How many imports an offer is followed through."""


@frozen
class Offers:
    """The names of a module that lead to a process API.

    ``boundaries`` are those by which an importer can send a callable of its own: pools,
    process classes, and what hands a parameter on; ``hands`` says which parameter, by
    the name of the function, class or method; ``starters`` only start processes.
    ``state`` is what its functions may change, ``at_import``: processes are started
    when the module is imported.
    """

    boundaries: frozenset[str] = frozenset()
    hands: Known = field(default_factory=dict, compare=False)
    starters: frozenset[str] = frozenset()
    state: frozenset[str] = frozenset()
    at_import: bool = False

    @property
    def names(self) -> frozenset[str]:
        """All names that lead to a process API."""
        return self.boundaries | self.starters

    def __bool__(self) -> bool:
        return bool(self.boundaries) or bool(self.starters) or self.at_import


NO_OFFERS = Offers()


@frozen
class Text:
    """What a search over the bytes of a file says: can it start a process, what it imports.

    ``imports`` are the paths of project files that it may import, in order.
    """

    needle: bool
    imports: tuple[str, ...]


class Workspace:
    """The project files of one run, for one choice of roots and boundaries.

    Paths are spelled as those of the files under check.  What has been read is
    remembered: make a new value for each run.  ``tag`` tells this choice from others
    in the trace of ``disk``.
    """

    def __init__(
        self,
        src: tuple[str, ...] = (),
        boundaries: tuple[Api, ...] = (),
        disk: Disk | None = None,
        memo: Memo | None = None,
        tag: str = "",
    ) -> None:
        self.project = Project(src, disk, tag)
        self._trace = disk.trace if disk is not None else None
        self.tag = tag
        self.catalogue = Catalogue(boundaries)
        self.memo = memo if memo is not None else parsed_modules
        self._own = tuple(row.name.rpartition(".")[2].encode() for row in boundaries)
        self._texts: dict[str, Text | None] = {}
        self._offers: dict[tuple[str, int], Offers] = {}
        self._outlines: Recent[str, _Touched] = Recent(MOST_OUTLINED)
        self._alone: dict[str, bool] = {}
        self.lowered: Recent[Module, Lowered] = Recent(MOST_LOWERED)
        """What project modules are lowered to, when they are not the file under check."""

    def has_needle(self, data: bytes, imports: Imports | None = None) -> bool:
        """Whether the bytes of a file can name a process API, a configured one included."""
        return names_process_api(data, imports) or any(name in data for name in self._own)

    def is_candidate(self, path: str, data: bytes) -> bool:
        """Whether a file can have findings: it names what runs callables elsewhere, or an
        offer of a module that it imports.
        """
        imports = imports_in(data)
        return (
            may_start_process(data, imports)
            or any(name in data for name in self._own)
            or self._names_an_offer(path, data, imports)
        )

    def names_an_offer(self, path: str, data: bytes) -> bool:
        """Whether ``data`` names something that a module offers which it imports."""
        return self._names_an_offer(path, data, imports_in(data))

    def _names_an_offer(self, path: str, data: bytes, imports: Imports) -> bool:
        folder, stem = _folder_and_stem(path)
        seen: set[str] = set()
        for module, names in imports.froms:
            found = self.project.named(path, folder, stem, module)
            if found is None:
                continue
            if found.path is not None and found.path not in seen:
                taken = {name for name, _ in listed(names)}
                offers = self.offers(found.path)
                if offers and self._bears_on(data, offers, None if "*" in taken else taken):
                    return True
            for name, _ in listed(names):
                below = found.below.get(name)
                if below is not None and below not in seen:
                    seen.add(below)
                    if self._bears_on(data, self.offers(below), None):
                        return True
        for names in imports.plain:
            for each in self._loaded(path, folder, stem, names):
                if self._bears_on(data, self.offers(each), None):
                    return True
        return False

    def _bears_on(self, data: bytes, offers: Offers, taken: set[str] | None) -> bool:
        """Whether what a module offers can matter to a file; ``taken`` are the only names
        that it takes from there, None for all that it may name.

        What only starts processes matters where the file starts them on import, or
        names what the functions of that module change.
        """
        if not offers:
            return False
        if offers.at_import:
            return True
        hands = offers.hands
        if taken is not None:
            if any(hands[name].matters(name, data) for name in taken & offers.boundaries):
                return True
            starters = taken & offers.starters
            state = bool(taken & offers.state) or _has_attribute(offers.state, data)
        else:
            named = [name for name in offers.boundaries if name.encode() in data]
            if any(hands[name].matters(name, data) for name in named):
                return True
            starters = {name for name in offers.starters if name.encode() in data}
            state = bool(starters) and _has_attribute(offers.state, data)
        if not starters:
            return False
        if state:
            return True
        return any(
            (not part.defines and not part.uses.isdisjoint(starters) and part.calls)
            or (not part.defines and not part.methods.isdisjoint(starters))
            for part in outline(data)[0]
        )

    def text(self, path: str) -> Text | None:
        """Return what a search over a project file says; None where it cannot be read."""
        if path in self._texts:
            if self._trace is not None:
                self._trace.note(f"s{self.tag} {path}")
            return self._texts[path]
        find = partial(self._find_text, path)
        if self._trace is None:
            text = find()
        else:
            text = self._trace.remembered(f"s{self.tag} {path}", find, _plain_text, _text)
        self._texts[path] = text
        return text

    def _find_text(self, path: str) -> Text | None:
        data = self.read(path)
        if data is None:
            return None
        imports = imports_in(data)
        return Text(self.has_needle(data, imports), tuple(self._imported(path, imports)))

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a project file, None where it cannot be read."""
        try:
            return self.project.read(path)
        except (OSError, ValueError):
            return None

    def closure(self, imports: Iterable[str], links: int = LINKS) -> tuple[str, ...]:
        """Return ``imports`` and the project files that they lead to, ``links`` imports in all."""
        found = dict.fromkeys(imports)
        layer = list(found)
        for _ in range(links - 1):
            after: list[str] = []
            for each in layer:
                text = self.text(each)
                for imported in text.imports if text is not None else ():
                    if imported not in found:
                        found[imported] = None
                        after.append(imported)
            layer = after
        return tuple(found)

    def offers(self, path: str, links: int = LINKS) -> Offers:
        """Return the names of a project file that lead to a process API."""
        known = self._offers.get((path, links))
        if known is None:
            find = partial(self._find_offers, path, links)
            if self._trace is None:
                known = find()
            else:
                key = f"{links}{self.tag} {path}"
                known = self._trace.remembered(key, find, _plain_offers, _offers)
            self._offers[path, links] = known
        elif self._trace is not None:
            self._trace.note(f"{links}{self.tag} {path}")
        return known

    def _find_offers(self, path: str, links: int) -> Offers:
        text = self.text(path)
        if text is None:
            return NO_OFFERS
        if links:
            if not any(self.offers(each, links - 1) for each in text.imports):
                if not text.needle:
                    return NO_OFFERS
                links = 0
        elif not text.needle:
            return NO_OFFERS
        return self._touched(path).offers(links)

    def _touched(self, path: str) -> _Touched:
        known = self._outlines.get(path)
        if known is None:
            data = self.read(path) or b""
            known = self._outlines.put(path, _Touched(self, path, data), len(data))
        elif self._trace is not None:
            # Found for another answer: this one depends on the same.
            self._trace.note(f"t {self.project.absolute(path)}")
            self.project.note_layout(path)
        return known

    def is_alone(self, method: str) -> bool:
        """Whether the name of a method alone tells that it runs callables elsewhere."""
        known = self._alone.get(method)
        if known is None:
            known = self._alone[method] = bool(self.catalogue.anywhere(method, ""))
        return known

    def imported(self, path: str, data: bytes) -> Iterator[str]:
        """Yield the paths of project files that the imports of ``data`` may mean."""
        yield from self._imported(path, imports_in(data))

    def _imported(self, path: str, imports: Imports) -> dict[str, None]:
        folder, stem = _folder_and_stem(path)
        seen: dict[str, None] = {}
        for module, names in imports.froms:
            found = self.project.named(path, folder, stem, module)
            if found is None:
                continue
            if found.path is not None:
                seen[found.path] = None
            if found.below:
                for name, _ in listed(names):
                    below = found.below.get(name)
                    if below is not None:
                        seen[below] = None
        for names in imports.plain:
            seen.update(dict.fromkeys(self._loaded(path, folder, stem, names)))
        return seen

    def _loaded(self, path: str, folder: str, stem: bytes, names: bytes) -> Iterator[str]:
        """Yield the project files that ``import …`` loads: those of each part of a name."""
        for name in names.split(b","):
            words = name.split(None, 1)
            if not words:
                continue
            dotted = words[0].strip(b"()")
            while dotted:
                found = self.project.named(path, folder, stem, dotted)
                if found is not None and found.path is not None:
                    yield found.path
                dotted = dotted.rpartition(b".")[0]


def _plain_text(text: Text | None) -> tuple[object, ...]:
    return (None,) if text is None else (text.needle, text.imports)


def _text(plain: tuple[Any, ...]) -> Text | None:
    return None if plain == (None,) else Text(*plain)


def _plain_offers(offers: Offers) -> tuple[object, ...]:
    if offers == NO_OFFERS:
        return ()
    hands = tuple((name, *offers.hands[name].plain()) for name in sorted(offers.hands))
    return (offers.boundaries, hands, offers.starters, offers.state, offers.at_import)


def _offers(plain: tuple[Any, ...]) -> Offers:
    if not plain:
        return NO_OFFERS
    boundaries, hands, *rest = plain
    return Offers(boundaries, {name: Slots(*slots) for name, *slots in hands}, *rest)


def _folder_and_stem(path: str) -> tuple[str, bytes]:
    folder, name = os.path.split(path)
    return folder, os.path.splitext(name)[0].encode("utf-8", "replace")


def _has_attribute(names: frozenset[str], data: bytes) -> bool:
    return any(b"." + name.encode() in data for name in names)


class _Touched:
    """Finds the names of one module that lead to a process API."""

    def __init__(self, workspace: Workspace, path: str, data: bytes) -> None:
        self.workspace = workspace
        self.path = path
        self.parts, imports = outline(data)
        self.libraries: dict[str, str] = {}
        self.direct: set[str] = set()
        self.names: list[tuple[str, str, str]] = []
        self.modules: list[tuple[str, str]] = []
        folder, stem = _folder_and_stem(path)
        project = workspace.project
        for module, names in imports.froms:
            found = project.named(path, folder, stem, module)
            dotted = module.decode("utf-8", "replace")
            for name, alias in listed(names):
                here = alias or name
                if found is None:
                    whole = f"{dotted.lstrip('.')}.{name}"
                    self.libraries[here] = whole
                    if workspace.catalogue.touches(whole, data):
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
        catalogue = workspace.catalogue
        self.uses = [
            any(workspace.is_alone(name) for name in part.methods)
            or any(
                catalogue.touches(self.libraries[head] + chain[len(head) :], part.text)
                for chain in part.chains
                if (head := chain.partition(".")[0]) in self.libraries
                for chain in _beginnings(chain)
            )
            for part in self.parts
        ]

    def offers(self, links: int) -> Offers:
        """Return the offers of the module, following so many imports."""
        touched = set(self.direct)
        known: dict[str, Slots] = dict.fromkeys(self.direct, EVERY)
        chains: set[str] = set()
        state: set[str] = set()
        if links:
            of = self.workspace.offers
            for path, name, here in self.names:
                offers = of(path, links - 1)
                if name == "*":
                    touched |= offers.names
                    known.update(offers.hands)
                    state |= offers.state
                elif name in offers.names:
                    touched.add(here)
                    state |= offers.state
                    if name in offers.boundaries:
                        known.update(offers.hands)
                        known[here] = offers.hands[name]
            for path, here in self.modules:
                offers = of(path, links - 1)
                chains.update(f"{here}.{name}" for name in offers.names)
                known.update(offers.hands)
        at_import = False
        waiting = list(zip(self.parts, self.uses, strict=True))
        changed = True
        while changed:
            changed = False
            left: list[tuple[Part, bool]] = []
            for part, direct in waiting:
                if (
                    direct
                    or not part.uses.isdisjoint(touched)
                    or (chains and any(not chains.isdisjoint(_beginnings(c)) for c in part.chains))
                ):
                    bound = part.sets()
                    changed = changed or not bound <= touched
                    touched |= bound
                    at_import = at_import or (
                        not part.binds
                        and part.calls
                        and (direct or not part.called().isdisjoint(touched))
                    )
                else:
                    left.append((part, direct))
            waiting = left
        if not touched and not at_import:
            return NO_OFFERS
        boundaries = self._boundaries(touched, known)
        if touched - boundaries:
            state |= self._state()
        return Offers(
            frozenset(boundaries),
            known if boundaries else {},
            frozenset(touched - boundaries),
            frozenset(state),
            at_import,
        )

    def _boundaries(self, touched: set[str], known: dict[str, Slots]) -> set[str]:
        """Return those of the names ``touched`` by which a callable can be sent.

        ``known`` says what names from elsewhere hand over; what is found is added.
        """
        senders = self.workspace.catalogue.senders
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
                hands = self._hands(part, senders, known, direct)
                if hands:
                    known.update(hands)
                    found |= part.binds & touched
                    changed = True
                else:
                    left.append((part, direct))
            parts = left
        return found

    def _hands(
        self, part: Part, senders: frozenset[str], known: Known, direct: bool
    ) -> dict[str, Slots]:
        """Return what a part hands over, or is for sending by; nothing where nothing."""
        if not part.defines:
            if self._makes(part.text):
                return dict.fromkeys(part.binds, EVERY)
            return dict.fromkeys(part.binds, slots) if (slots := _of(part.uses, known)) else {}
        direct = direct or not part.uses.isdisjoint(self.direct)
        found = hands_over(part, senders, known, self._names_api if direct else _never)
        if part.defines == "class":
            bases = part.bases()
            named = {name.decode("utf-8", "replace") for name in re.findall(rb"\w+", bases)}
            inherited = EVERY if self._makes(bases) else _of(named, known)
            if inherited is not None:
                own = next(iter(part.binds))
                found[own] = found.get(own, Slots()).joined(inherited)
        if not found and direct and part.gives_back(self._makes):
            found = dict.fromkeys(part.binds, EVERY)
        return found

    def _names_api(self, text: bytes) -> bool:
        """Whether a text names a process API of a library."""
        return self._names_library(text) or any(map(self.workspace.is_alone, methods_in(text)))

    def _makes(self, text: bytes) -> bool:
        """Whether an expression names a pool, an executor or a process class of a library."""
        return self._names_library(text, _TASKS_MADE)

    def _names_library(self, text: bytes, but: frozenset[str] = frozenset()) -> bool:
        """Whether a text names what the catalogue has, of a library that is not in ``but``."""
        touches = self.workspace.catalogue.touches
        for chain in set(_CHAIN.findall(text)):
            whole = chain.decode("utf-8", "replace")
            head = whole.partition(".")[0]
            library = self.libraries.get(head)
            if library is None or library.partition(".")[0] in but:
                continue
            dotted = library + whole[len(head) :]
            if any(touches(name, text) for name in (library, *_beginnings(dotted))):
                return True
        return False

    def _state(self) -> set[str]:
        """Return the names assigned at the top level that functions of the module may change."""
        assigned = {name for part in self.parts if not part.defines for name in part.binds}
        assigned.update(here for _, _, here in self.names)
        written: set[str] = set()
        for part in self.parts:
            if part.defines:
                written |= part.written()
        return assigned & written


def _of(names: Iterable[str], known: Known) -> Slots | None:
    """Return what those of ``names`` that are ``known`` hand over; None where none is."""
    found = [known[name] for name in names if name in known]
    return reduce(Slots.joined, found) if found else None


def _never(_: bytes) -> bool:
    return False


_CHAIN = re.compile(rb"(?<![\w.])[^\W\d]\w*(?:\.\w+)*")
_TASKS_MADE = frozenset(("joblib", "dask", "distributed", "ray", "pyspark", "celery"))
"""Libraries whose calls are made where the tasks are: what they give back is a result."""


def _beginnings(chain: str) -> Iterator[str]:
    """Yield ``a.b``, ``a.b.c`` and so on, up to the whole chain."""
    position = chain.find(".")
    while position >= 0:
        position = chain.find(".", position + 1)
        yield chain if position < 0 else chain[:position]
