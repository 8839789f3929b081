"""What the files of a project offer to those that import them.

A file is worth a look where it names a process API, or something of a project
module that leads to one: a function that starts processes or hands its parameter
to a process API, a pool, a process class.  Those names are *offers*.  They are told
from the bytes alone, over at most :data:`LINKS` imports, and remembered for a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from flake8_mpglobals.disk import Disk, tag_of
from flake8_mpglobals.imports import Imports, imports_in, listed
from flake8_mpglobals.offers import NO_OFFERS, Offers, made_offers, plain_offers
from flake8_mpglobals.prefilter import may_start_process, names_process_api
from flake8_mpglobals.project import Project, folder_and_stem
from flake8_mpglobals.recent import Recent
from flake8_mpglobals.records import frozen

if TYPE_CHECKING:
    from flake8_mpglobals.apis import Api
    from flake8_mpglobals.catalogue import Catalogue
    from flake8_mpglobals.ir import Module as Lowered
    from flake8_mpglobals.modules import Memo, Module
    from flake8_mpglobals.offering import Offering
    from flake8_mpglobals.options import Options
    from flake8_mpglobals.trace import Trace

MOST_LOWERED = 900_000
"""Characters of modules that are kept lowered."""

MOST_OUTLINED = 1_000_000
"""Bytes of modules of which the outline is kept."""

LINKS = 3
"""How many imports an offer is followed through."""


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
        self._boundaries = boundaries
        self._memo = memo
        self._own = tuple(row.name.rpartition(".")[2].encode() for row in boundaries)
        self._texts: dict[str, Text | None] = {}
        self._offers: dict[tuple[str, int], Offers] = {}
        self._outlines: Recent[str, Offering] = Recent(MOST_OUTLINED)
        self.lowered: Recent[Module, Lowered] = Recent(MOST_LOWERED)
        """What project modules are lowered to, when they are not the file under check."""

    @cached_property
    def catalogue(self) -> Catalogue:
        """What is known of process boundaries, those that the user added included."""
        from flake8_mpglobals.catalogue import Catalogue

        return Catalogue(self._boundaries)

    @cached_property
    def memo(self) -> Memo:
        """The parsed modules: by default those of this process."""
        from flake8_mpglobals.modules import parsed_modules

        return parsed_modules if self._memo is None else self._memo

    def tidy(self) -> None:
        """Free what was dropped of the lowered modules: nothing is under examination.

        Only to be called where one thread alone uses this workspace.
        """
        if self.lowered.dropped is None:
            self.lowered.dropped = []
        elif self.lowered.dropped:
            from flake8_mpglobals.ir import take_apart

            while self.lowered.dropped:
                take_apart(self.lowered.dropped.pop())

    def has_needle(self, data: bytes, imports: Imports | None = None) -> bool:
        """Whether the bytes of a file can name a process API, a configured one included."""
        return names_process_api(data, imports) or any(name in data for name in self._own)

    def cannot_matter(self, path: str) -> bool:
        """Whether a file on disk can have no findings, by what it is read for anyway: it names
        no process API, and none of the files that it imports offers anything.
        """
        text = self.text(path)
        return text is not None and not (text.needle or any(map(self.offers, text.imports)))

    def is_candidate(self, path: str, data: bytes) -> bool:
        """Whether a file can have findings: it names what runs callables elsewhere, or an
        offer of a module that it imports.
        """
        imports = imports_in(data)
        libraries = self.project.libraries_of(path)
        if libraries:
            # The tables say what a library runs elsewhere; its own source is looked at for
            # the processes of others, and nothing of it is an offer.
            return may_start_process(data, imports, libraries) or any(
                name in data for name in self._own
            )
        return (
            may_start_process(data, imports)
            or any(name in data for name in self._own)
            or self._names_an_offer(path, data, imports)
        )

    def names_an_offer(self, path: str, data: bytes) -> bool:
        """Whether ``data`` names something that a module offers which it imports."""
        return self._names_an_offer(path, data, imports_in(data))

    def _names_an_offer(self, path: str, data: bytes, imports: Imports) -> bool:
        folder, stem = folder_and_stem(path)
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

        What only starts processes matters where the file starts them on import, names
        what the functions of that module change, or sets an attribute of what it imports.
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
            state = bool(taken & offers.state)
        else:
            named = [name for name in offers.boundaries if name.encode() in data]
            if any(hands[name].matters(name, data) for name in named):
                return True
            starters = {name for name in offers.starters if name.encode() in data}
            state = False
        if not starters or not offers.started_by(starters, data):
            return False
        if state or _has_attribute(offers.state, data) or _sets_imported(data):
            return True
        from flake8_mpglobals.outline import loose, outline

        rest = loose(data)
        if not any(name.encode() in rest for name in starters):
            return False
        return any(
            (not part.defines and not part.uses.isdisjoint(starters) and part.calls)
            or (not part.defines and not part.methods().isdisjoint(starters))
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
                known = self._trace.remembered(key, find, plain_offers, made_offers)
            self._offers[path, links] = known
        elif self._trace is not None:
            self._trace.note(f"{links}{self.tag} {path}")
        return known

    def _find_offers(self, path: str, links: int) -> Offers:
        text = self.text(path)
        if text is None:
            return NO_OFFERS
        if links:
            if links > 1 and all(
                self.offers(each, links - 1) is self.offers(each, links - 2)
                for each in text.imports
            ):
                # One import more leads to nothing more.
                return self.offers(path, links - 1)
            led_to = [found for each in text.imports if (found := self.offers(each, links - 1))]
            if not text.needle and not (led_to and self._takes_any(path, led_to, links - 1)):
                return NO_OFFERS
            if not led_to:
                return self.offers(path, 0)
        elif not text.needle:
            return NO_OFFERS
        found = self._offering(path).offers(links, self.offers)
        if found and text.needle and not self._can_be_parsed(path):
            return NO_OFFERS  # Nobody can look into it.
        return found

    def _can_be_parsed(self, path: str) -> bool:
        from flake8_mpglobals.source import SourceError

        try:
            self.memo.parse(path, self.read(path) or b"")
        except SourceError:
            return False
        return True

    def _takes_any(self, path: str, led_to: Iterable[Offers], links: int) -> bool:
        """Whether a file can name any of what its imports offer, ``links`` imports on: most
        do not, and need no outline.
        """
        data = self.read(path) or b""
        names = {name.encode() for each in led_to for name in each.names}
        if not any(name in data for name in names) and not (names and b"*" in data):
            return False
        imports = imports_in(data)
        folder, stem = folder_and_stem(path)
        modules: set[str] = set()
        for module, listing in imports.froms:
            found = self.project.named(path, folder, stem, module)
            if found is None:
                continue
            offered = NO_OFFERS if found.path is None else self.offers(found.path, links)
            for name, _ in listed(listing):
                if name in offered.names or (name == "*" and offered):
                    return True
                if name in found.below:
                    modules.add(found.below[name])
        for listing in imports.plain:
            modules.update(self._loaded(path, folder, stem, listing))
        return any(
            name.encode() in data for each in modules for name in self.offers(each, links).names
        )

    def _offering(self, path: str) -> Offering:
        known = self._outlines.get(path)
        if known is None:
            from flake8_mpglobals.offering import Offering

            data = self.read(path) or b""
            known = self._outlines.put(
                path, Offering(path, data, self.project, self.catalogue), len(data)
            )
        elif self._trace is not None:
            # Found for another answer: this one depends on the same.
            self._trace.note(f"t {self.project.absolute(path)}")
            self.project.note_layout(path)
        return known

    def imported(self, path: str, data: bytes) -> Iterator[str]:
        """Yield the paths of project files that the imports of ``data`` may mean."""
        yield from self._imported(path, imports_in(data))

    def _imported(self, path: str, imports: Imports) -> dict[str, None]:
        folder, stem = folder_and_stem(path)
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


def _has_attribute(names: frozenset[str], data: bytes) -> bool:
    return any(b"." + name.encode() in data for name in names)


def _sets_imported(data: bytes) -> bool:
    """Whether a file may set an attribute of something that it imports."""
    names = set(re.findall(rb"^[ \t]*(\w+)\.\w+[ \t]*=(?!=)", data, re.MULTILINE))
    if not names:
        return False
    text = imports_in(data).text()
    return any(re.search(rb"\b%b\b" % name, text) for name in names)


class Workspaces:
    """The project files of one run, for each choice of options that bears on them.

    What has been read of them is remembered: make a new value for each run.
    """

    __slots__ = ("_known", "disk")

    def __init__(self, trace: Trace | None = None) -> None:
        self._known: dict[tuple[object, ...], Workspace] = {}
        self.disk = Disk(trace=trace)

    def of(self, options: Options) -> Workspace:
        """Return the workspace that holds under ``options``."""
        key = (options.src, options.boundaries)
        known = self._known.get(key)
        if known is None:
            tag = ""
            if self.disk.trace is not None:
                tag = tag_of(key)
            known = Workspace(options.src, options.boundaries, self.disk, tag=tag)
            self._known[key] = known
        return known
