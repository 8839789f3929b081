"""What the files of a project offer to those that import them.

A file is worth a look where it names a process API, or something of a project
module that leads to one: a function that starts processes or hands its parameter
to a process API, a pool, a process class.  Those names are *offers*.  They are told
from the syntax alone, over at most :data:`LINKS` imports, and remembered for a run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flake8_mpglobals.catalogue import Api, Catalogue
from flake8_mpglobals.names import is_main_guard
from flake8_mpglobals.prefilter import may_start_process
from flake8_mpglobals.project import Disk, Memo, Project, parsed_modules
from flake8_mpglobals.source import SourceError

LINKS = 3
"""How many imports an offer is followed through."""

_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n#;]*(?:\\\r?\n[^\n#;]*)*)"
    rb"|import[ \t]+([^\n#;]+))",
    re.MULTILINE,
)
_WORD = re.compile(rb"[\w*]+")


@dataclass(frozen=True, slots=True)
class Offers:
    """The names of a module that lead to a process API.

    ``at_import``: processes are started when the module is imported.
    """

    names: frozenset[str] = frozenset()
    at_import: bool = False

    def __bool__(self) -> bool:
        return bool(self.names) or self.at_import


NO_OFFERS = Offers()


@dataclass(frozen=True, slots=True)
class Text:
    """What a search over the bytes of a file says: can it start a process, what it imports.

    ``imports`` are the paths of project files that it may import, in order.
    """

    needle: bool
    imports: tuple[str, ...]


class Workspace:
    """The project files of one run, for one choice of roots and boundaries.

    Paths are spelled as those of the files under check.  What has been read is
    remembered: make a new value for each run.
    """

    def __init__(
        self,
        src: tuple[str, ...] = (),
        boundaries: tuple[Api, ...] = (),
        disk: Disk | None = None,
        memo: Memo | None = None,
    ) -> None:
        self.project = Project(src, disk)
        self.catalogue = Catalogue(boundaries)
        self.memo = memo if memo is not None else parsed_modules
        self._own = tuple(row.name.rpartition(".")[2].encode() for row in boundaries)
        self._texts: dict[str, Text | None] = {}
        self._offers: dict[tuple[str, int], Offers] = {}

    def has_needle(self, data: bytes) -> bool:
        """Whether the bytes of a file can name a process API, a configured one included."""
        return may_start_process(data) or any(name in data for name in self._own)

    def is_candidate(self, path: str, data: bytes) -> bool:
        """Whether a file can have findings: it names a process API, or an offer of a
        module that it imports.
        """
        return self.has_needle(data) or self.names_an_offer(data, self.imported(path, data))

    def names_an_offer(self, data: bytes, imports: Iterable[str]) -> bool:
        """Whether ``data`` holds the name of something that a module of ``imports`` offers."""
        for path in imports:
            offers = self.offers(path)
            if offers and (offers.at_import or _occurs(offers.names, data)):
                return True
        return False

    def text(self, path: str) -> Text | None:
        """Return what a search over a project file says; None where it cannot be read."""
        if path not in self._texts:
            data = self.read(path)
            self._texts[path] = (
                None
                if data is None
                else Text(self.has_needle(data), tuple(self.imported(path, data)))
            )
        return self._texts[path]

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a project file, None where it cannot be read."""
        try:
            with open(self.project.absolute(path), "rb") as file:
                return file.read()
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
            known = self._offers[path, links] = self._find_offers(path, links)
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
        data = self.read(path)
        if data is None:
            return NO_OFFERS
        if not text.needle and not any(
            _occurs(self.offers(each, links - 1).names, data) for each in text.imports
        ):
            return NO_OFFERS
        try:
            tree = self.memo.parse(path, data).tree
        except SourceError:
            return NO_OFFERS
        return _Touched(self, path, links).offers(tree)

    def imported(self, path: str, data: bytes) -> Iterator[str]:
        """Yield the paths of project files that the imports of ``data`` may mean."""
        seen: set[str] = set()
        for module, level, names in imports_in(data):
            found = self.project.resolve(path, module, level)
            if found.kind == "unknown":
                continue
            if found.path is not None and found.path not in seen:
                seen.add(found.path)
                yield found.path
            if found.kind == "module":
                continue
            for name in names:
                below = self.project.resolve(path, f"{module}.{name}" if module else name, level)
                if below.path is not None and below.path not in seen:
                    seen.add(below.path)
                    yield below.path


def imports_in(data: bytes) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Yield the imports that stand in ``data``: module, leading dots, names taken from it.

    ``import a.b`` yields ``a`` with the name ``b``, and so on, since each part is
    loaded.  Told from the bytes alone: text in a string may look like an import.
    """
    for match in _IMPORT.finditer(data):
        module, names, plain = match.groups()
        if module is not None:
            dotted = module.decode("utf-8", "replace")
            name = dotted.lstrip(".")
            yield name, len(dotted) - len(name), tuple(_listed(names))
            continue
        for part in plain.split(b","):
            words = part.split()
            if words:
                first, *rest = words[0].decode("utf-8", "replace").split(".")
                yield first, 0, ()
                for index in range(len(rest)):
                    yield ".".join((first, *rest[:index])), 0, (rest[index],)


def _listed(names: bytes) -> Iterator[str]:
    """Yield the names of ``from m import …``, without what they are called here."""
    for part in names.strip(b"() \t\r\n").split(b","):
        words = _WORD.findall(part.partition(b"#")[0] or part.rpartition(b"\n")[2])
        if words and words[0] != b"*":
            yield words[0].decode("utf-8", "replace")


def _occurs(names: frozenset[str], data: bytes) -> bool:
    return any(name.encode() in data for name in names)


class _Touched:
    """Finds the names of one module that lead to a process API."""

    def __init__(self, workspace: Workspace, path: str, links: int) -> None:
        self.workspace = workspace
        self.path = path
        self.links = links
        self.libraries: dict[str, str] = {}
        self.modules: dict[str, set[str]] = {}
        self.touched: set[str] = set()

    def offers(self, tree: ast.Module) -> Offers:
        """Return the offers of the module."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self._import(node)
            elif isinstance(node, ast.ImportFrom):
                self._import_from(node)
        parts = [(names, statement, *self._uses(statement)) for names, statement in _parts(tree)]
        at_import = False
        changed = True
        while changed:
            changed = False
            for names, statement, used, direct in parts:
                if direct or used & self.touched:
                    new = set(names) - self.touched
                    if new:
                        self.touched |= new
                        changed = True
                    if not names and _calls(statement):
                        at_import = True
        return Offers(frozenset(self.touched), at_import)

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            head = alias.asname or alias.name.partition(".")[0]
            found = self.workspace.project.resolve(self.path, alias.name)
            if found.kind == "unknown":
                self.libraries[head] = alias.name if alias.asname else head
            elif found.path is not None and self.links:
                offered = self.workspace.offers(found.path, self.links - 1).names
                self.modules.setdefault(head, set()).update(offered)

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        found = self.workspace.project.resolve(self.path, module, node.level)
        if found.kind == "unknown":
            for alias in node.names:
                dotted = f"{module}.{alias.name}"
                name = alias.asname or alias.name
                self.libraries[name] = dotted
                if self.workspace.catalogue.touches(dotted):
                    self.touched.add(name)
            return
        if not self.links:
            return
        offered: frozenset[str] = frozenset()
        if found.path is not None:
            offered = self.workspace.offers(found.path, self.links - 1).names
        for alias in node.names:
            name = alias.asname or alias.name
            if alias.name == "*":
                self.touched |= offered
            elif alias.name in offered:
                self.touched.add(name)
            elif found.kind != "module":
                dotted = f"{module}.{alias.name}" if module else alias.name
                below = self.workspace.project.resolve(self.path, dotted, node.level).path
                if below is not None:
                    inside = self.workspace.offers(below, self.links - 1).names
                    self.modules.setdefault(name, set()).update(inside)

    def _uses(self, statement: ast.stmt) -> tuple[set[str], bool]:
        """Return the names that a statement uses, and whether it names a process API itself."""
        catalogue = self.workspace.catalogue
        used: set[str] = set()
        direct = False
        for node in ast.walk(statement):
            if isinstance(node, ast.Name):
                used.add(node.id)
            elif isinstance(node, ast.Attribute) and not direct:
                dotted = [node.attr]
                inner = node.value
                while isinstance(inner, ast.Attribute):
                    dotted.append(inner.attr)
                    inner = inner.value
                if catalogue.anywhere(node.attr, ""):
                    direct = True
                elif isinstance(inner, ast.Name):
                    library = self.libraries.get(inner.id)
                    if library is not None:
                        direct = catalogue.touches(".".join((library, *reversed(dotted))))
                    elif node.attr in self.modules.get(inner.id, ()):
                        direct = True
        return used, direct


def _parts(tree: ast.Module) -> Iterator[tuple[tuple[str, ...], ast.stmt]]:
    """Yield the statements of a module that run on import, with the names that each binds."""
    stack: list[ast.stmt] = list(reversed(tree.body))
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield (node.name,), node
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = tuple(
                part.id
                for target in targets
                for part in ast.walk(target)
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
            )
            yield names, node
        elif isinstance(node, ast.If) and is_main_guard(node.test):
            stack.extend(reversed(node.orelse))
        elif isinstance(node, ast.If | ast.Try | ast.TryStar):
            for part in ("finalbody", "orelse", "handlers", "body"):
                for inner in reversed(getattr(node, part, ())):
                    stack.extend(inner.body if isinstance(inner, ast.ExceptHandler) else (inner,))
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            yield (), node


def _calls(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Call) for node in ast.walk(statement))
