"""The file under check and the project modules that it leads to, lowered on demand.

A module is *open* when its names are looked into: it offers something that leads to
a process API (:class:`~flake8_mpglobals.workspace.Workspace`), or a worker or a
dispatch leads to it.  What a closed module holds is unknown.  Nothing is imported
or run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from flake8_mpglobals.imports import imports_in
from flake8_mpglobals.ir import (
    NOTHING,
    Attr,
    Copied,
    Element,
    Entered,
    Fresh,
    Function,
    Global,
    Instance,
    Item,
    Module,
    ModuleValue,
    Result,
    Seen,
    Value,
    Values,
    global_of,
    root,
)
from flake8_mpglobals.lower import Link, lower
from flake8_mpglobals.modules import ModuleStore
from flake8_mpglobals.source import Source
from flake8_mpglobals.workspace import Workspace

MOST = 80
"""Modules that one file may lead to; what lies beyond them is unknown."""

MOST_BYTES = 600_000
"""Bytes of other modules that one file may lead to.

Of 415 files in public repositories with findings that a reader called right, one leads to
580,000, the next to 390,000, nine in ten to less than 60,000; a few files of large packages
lead to millions.
"""

_HOPS = 6


class Program:
    """The modules that take part in the examination of one file.

    ``main`` is the file under check.
    """

    def __init__(self, source: Source, tree: ast.Module, workspace: Workspace) -> None:
        self.workspace = workspace
        project = workspace.project
        self.store = ModuleStore(project, source, tree, workspace.memo)
        self._opened: set[str] = set()
        self._bytes = 0
        self._open: dict[str, bool] = {}
        self._lowered: dict[str, Module | None] = {}
        self._revealed: dict[Function, int] = {}
        """How many modules were open when a function was gone through."""
        self._closure: tuple[str, ...] | None = None
        name = project.dotted_name(source.path)
        self.main = lower(source, tree, name, self._link(source.path))
        self._here = project.absolute(source.path)
        self._lowered[self._here] = self.main

    @property
    def modules(self) -> list[Module]:
        """The modules lowered so far: the file under check, then the others by path."""
        others = [m for path, m in self._lowered.items() if m is not None and path != self._here]
        return [self.main, *sorted(others, key=lambda module: module.source.path)]

    @property
    def size(self) -> int:
        """How many modules have been asked for; answers may change when it grows."""
        return len(self._lowered) + len(self._opened)

    @property
    def opened(self) -> int:
        """How many modules have been opened beside those that offer something."""
        return len(self._opened)

    def _link(self, importer: str) -> Link:
        """Return what says which project module an import in ``importer`` means."""
        project = self.workspace.project

        def link(name: str, level: int) -> ModuleValue | None:
            found = project.resolve(importer, name, level)
            if found.kind == "unknown":
                return None
            if found.path is not None:
                return ModuleValue(found.path, project.dotted_name(found.path))
            return ModuleValue("", name, importer, level)

        return link

    def is_open(self, path: str) -> bool:
        """Whether the names of a project file are looked into."""
        key = self.workspace.project.absolute(path)
        if key == self._here or key in self._opened:
            return True
        known = self._open.get(key)
        if known is None:
            offers = self.workspace.offers(path)
            known = self._open[key] = (
                bool(offers.boundaries or (offers.starters and offers.state)) or offers.at_import
            )
        return known

    def open(self, path: str) -> bool:
        """Look into a project file from now on; return whether that is new."""
        key = self.workspace.project.absolute(path)
        if key == self._here or key in self._opened or len(self._opened) >= MOST:
            return False
        self._opened.add(key)
        return True

    def load(self, path: str) -> Module | None:
        """Return a project module lowered; None where it is closed or cannot be parsed."""
        key = self.workspace.project.absolute(path)
        if key in self._lowered:
            return self._lowered[key]
        if not self.is_open(path) or len(self._lowered) > MOST:
            return None
        size = len(self.store.read(path) or b"")
        if self._bytes + size > MOST_BYTES:
            return None
        self._bytes += size
        found = self.store.load(path)
        module = None
        if found is not None:
            module = self.workspace.lowered.get(found)
            if module is None:
                name = self.workspace.project.dotted_name(path)
                module = lower(found.source, found.tree, name, self._link(path), imported=True)
                self.workspace.lowered.put(found, module, len(found.source.text))
        self._lowered[key] = module
        return module

    def member(self, of: ModuleValue, name: str) -> Values:
        """Return what attribute ``name`` of a project module is; nothing where unknown."""
        module = self.load(of.path) if of.path and self._looks_at(of.path, name) else None
        bound = module is not None and (name in module.bound or name in module.stores)
        if module is not None and bound and not self._of_itself(module, of, name):
            return frozenset((Global(module, name),))
        below = self._submodule(of, name)
        if below is not None:
            return frozenset((below,))
        if module is None or name.startswith("__"):
            return NOTHING
        return frozenset((Global(module, name),))

    def _of_itself(self, module: Module, of: ModuleValue, name: str) -> bool:
        """Whether a package takes a name from itself: ``from . import name`` means a module."""
        stores = module.stores.get(name, ())
        return bool(stores) and all(
            isinstance(store, Attr)
            and store.name == name
            and isinstance(store.base, ModuleValue)
            and store.base.path == of.path
            for store in stores
        )

    def _looks_at(self, path: str, name: str) -> bool:
        """Whether one name of a module is looked into: one that it offers, unless it is open
        for all that a worker or a reader may name.
        """
        key = self.workspace.project.absolute(path)
        if key == self._here or key in self._opened:
            return True
        offers = self.workspace.offers(path)
        return name in offers.boundaries or name in offers.starters or name in offers.state

    def _submodule(self, of: ModuleValue, name: str) -> ModuleValue | None:
        if not of.path:
            return self._link(of.importer)(f"{of.name}.{name}", of.level)
        if not of.path.endswith("__init__.py"):
            return None
        return self._link(of.path)(name, 1)

    def starred(self, place: Global) -> Values:
        """Return the globals of other modules that a ``from m import *`` may bind."""
        if place.name.startswith("_"):
            return NOTHING
        found: set[Value] = set()
        for of in place.module.star_modules:
            module = self.load(of.path) if of.path else None
            if module is None:
                continue
            if place.name in module.bound or place.name in module.stores:
                found.add(Global(module, place.name))
            elif module is not place.module:
                found |= self.starred(Global(module, place.name))
        return frozenset(found)

    def is_offered(self, function: Function) -> bool:
        """Whether a function of another module leads to a process API."""
        outer = function
        while outer.outer is not None and not outer.outer.is_module:
            outer = outer.outer
        offers = self.workspace.offers(function.module.source.path)
        if outer.cls is None:
            return offers.enters("", outer.name)
        cls, _, inner = outer.cls.qualname.partition(".")
        return cls in offers.names and (bool(inner) or offers.enters(cls, outer.name))

    def imports_any(self, values: Iterable[Value]) -> bool:
        """Whether any of ``values`` is reached by a name that another project module has."""
        for value in values:
            start = root(value)
            variable = global_of(start)
            stores = variable.module.stores.get(variable.name, ()) if variable is not None else ()
            if any(isinstance(root(each), ModuleValue) for each in (start, *stores)):
                return True
        return False

    def offering_bodies(self) -> Iterator[Function]:
        """Yield the bodies of other modules that name a process API."""
        for values in list(self.main.stores.values()):
            for value in values:
                of = root(value)
                path = of.path if isinstance(of, ModuleValue) else ""
                if path and self.workspace.offers(path).at_import:
                    self.load(path)
        for module in self.modules[1:]:
            offers = self.workspace.offers(module.source.path)
            if offers.at_import or any(
                isinstance(value, Result | Fresh)
                for name in offers.names
                for value in module.stores.get(name, ())
            ):
                yield module.body

    # -- what a worker leads to ------------------------------------------------

    def reveal(self, function: Function) -> bool:
        """Open the modules that the names of a function lead to; return whether any is new."""
        if self._revealed.get(function) == self.opened:
            return False
        new = self.reveal_values(_mentioned(function))
        self._revealed[function] = self.opened
        return new

    def reveal_values(self, values: Iterable[Value]) -> bool:
        """Open the modules that ``values`` lead to; return whether any is new."""
        new = False
        # In one order in every run, should the limit be met.
        for _, value in sorted({(_spelled(value), value) for value in values}, key=_first):
            new = self._reveal(value, _HOPS) or new
        return new

    def _reveal(self, value: Value, hops: int) -> bool:
        """Open what one value leads to, through aliases and re-exports."""
        if hops == 0:
            return False
        path: list[str] = []
        while isinstance(value, Attr | Item | Element | Copied | Entered):
            if isinstance(value, Attr):
                path.append(value.name)
            else:
                path.clear()  # what is asked of an item says nothing of what holds it
            value = value.base
        if isinstance(value, Instance):
            return self._reveal(value.of, hops - 1)
        if isinstance(value, Result):
            new = False
            for callee in value.call.callee:
                new = self._reveal(callee, hops - 1) or new
            return new
        variable = global_of(value)
        if variable is not None:
            # What the file under check sets in another module, a worker of that may look at.
            home = variable.module.source.path
            new = home in self._set_in and self.open(home)
            stores = variable.module.stores.get(variable.name, ())
            for store in stores:
                if isinstance(root(store), ModuleValue | Global | Seen | Result):
                    full = store
                    for name in reversed(path):
                        full = Attr(full, name)
                    if full != value:
                        new = self._reveal(full, hops - 1) or new
                elif isinstance(store, Fresh) and not path:
                    new = self._reveal_held(store, hops - 1) or new
            if not stores:
                for of in variable.module.star_modules:
                    new = self._reveal(Attr(of, variable.name), hops - 1) or new
            return new
        if isinstance(value, ModuleValue):
            return self._reveal_member(value, list(reversed(path)), hops)
        return False

    def _reveal_held(self, made: Fresh, hops: int) -> bool:
        """Open what a table of workers leads to: functions of modules that it names."""
        new = False
        named = {value for value in made.display.elements if isinstance(value, Attr | Global)}
        for _, value in sorted(((_spelled(value), value) for value in named), key=_first):
            new = self._reveal(value, hops) or new
        return new

    def _reveal_member(self, of: ModuleValue, path: list[str], hops: int) -> bool:
        new = self.open(of.path) if of.path else False
        if not path:
            return new
        for member in self.member(of, path[0]):
            full: Value = member
            for name in path[1:]:
                full = Attr(full, name)
            new = self._reveal(full, hops - 1) or new
        return new

    def reveal_readers(self, names: Mapping[str, frozenset[str]]) -> list[Module]:
        """Open the modules that may read a global, by the files that it can be imported
        from: ``names`` says which names are looked for in whatever imports a file.

        Return those modules, without the file under check.
        """
        found: dict[str, Module] = {}
        identity = self.workspace.project.identity
        homes = {identity(home): some for home, some in names.items()}
        for path in self.led_to():
            text = self.workspace.text(path)
            own = homes.get(identity(path), frozenset())
            imported: set[str] = set()
            reached = self.workspace.closure(text.imports) if text is not None else ()
            for home in homes.keys() & set(map(identity, reached)):
                if not homes[home] <= own:
                    imported |= homes[home]
            data = self.store.read(path) if own or imported else None
            if data is None or not (
                any(name.encode() in data for name in own) or _takes(data, imported)
            ):
                continue
            self.open(path)
            module = self.load(path)
            if module is not None and module is not self.main:
                found[module.source.path] = module
        return [found[path] for path in sorted(found)]

    @cached_property
    def _set_in(self) -> frozenset[str]:
        """The project files of which the file under check sets an attribute of something."""
        found: set[str] = set()
        for function in (self.main.body, *self.main.functions):
            for store in function.stores:
                if store.how.endswith("attr"):
                    for target in store.targets:
                        variable = global_of(root(target))
                        held = variable.module.stores.get(variable.name, ()) if variable else ()
                        for value in (root(target), *map(root, held)):
                            if isinstance(value, ModuleValue) and value.path:
                                found.add(value.path)
        return frozenset(found)

    def led_to(self) -> tuple[str, ...]:
        """Return the project files that the file under check leads to."""
        if self._closure is None:
            self._closure = self.workspace.closure(self.imported())
        return self._closure

    @cached_property
    def offered(self) -> frozenset[str]:
        """The names, of functions, classes and methods, by which a process API can be come
        to in the project files that the file under check leads to.
        """
        names: set[str] = set()
        for path in self.led_to():
            offers = self.workspace.offers(path)
            names.update(offers.boundaries, offers.starters, offers.hands)
            names.update(name.rpartition(".")[2] for name in offers.leads)
        return frozenset(names)

    def imported(self) -> tuple[str, ...]:
        """Return the project files that the file under check imports itself."""
        source = self.main.source
        return tuple(self.workspace.imported(source.path, source.text.encode(errors="replace")))


def _takes(data: bytes, names: Iterable[str]) -> bool:
    """Whether the bytes of a file hold one of ``names`` as what it takes from a module:
    behind a dot, in quotes, or among its imports.
    """
    found = [name.encode() for name in names if name.encode() in data]
    if not found:
        return False
    words = b"|".join(map(re.escape, found))
    if re.search(rb"[.\"']\s*(?:%b)(?!\w)" % words, data):
        return True
    imports = imports_in(data).text()
    return b"*" in imports or bool(re.search(rb"(?<!\w)(?:%b)(?!\w)" % words, imports))


def _first(pair: tuple[str, Value]) -> str:
    return pair[0]


def _spelled(value: Value) -> str:
    """Return a text by which the values of one function sort the same in every run."""
    names: list[str] = []
    while isinstance(value, Attr | Item | Element | Entered | Copied):
        names.append(value.name if isinstance(value, Attr) else "[]")
        value = value.base
    start = global_of(value)
    if start is not None:
        names.append(start.name)
    elif isinstance(value, ModuleValue):
        names.append(value.path or value.name)
    elif isinstance(value, Result):
        names.append(f"{getattr(value.call.node, 'lineno', 0)}")
    return ".".join(reversed(names))


def _mentioned(function: Function) -> Iterator[Value]:
    """Yield the values that a function names: what it calls, reads, stores and derives from."""
    for call in function.calls:
        yield from call.callee
        for values in (*call.args, *call.keywords.values()):
            yield from values
    for load in function.loads:
        yield from load.values
    for store in function.stores:
        yield from store.targets
        yield from store.values
    for values in (*function.defaults.values(), *function.decorators):
        yield from values
    if function.cls is not None:
        for base in function.cls.bases:
            yield from base
