"""Which file an import means: where the modules of the project are.

Facts about the search are those of the language reference, "The import system"
(https://docs.python.org/3/reference/import.html) and of ``FileFinder``: in one
folder a package wins over a module, and a folder without ``__init__.py`` counts
only where nothing else is found.  Nothing here imports or runs code, and nothing
looks at ``sys.path``: what is installed does not change an answer.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

from flake8_mpglobals.disk import PROJECT_FILES, Disk
from flake8_mpglobals.packages import LIBRARIES, TOLD_BY
from flake8_mpglobals.records import frozen

if TYPE_CHECKING:
    from flake8_mpglobals.trace import Answer

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_RECORD = ".dist-info"
"""How the folder ends that an installer leaves beside a package."""
_LIBRARY = sys.stdlib_module_names | LIBRARIES

_TOP = rb"(?m)^([^/,\r\n]+?)(?:\.\w+)?(?=[/,])"
"""What a line of a record begins with: a folder, or a module with its ending."""

Kind = Literal["module", "package", "namespace", "unknown"]


@frozen
class Resolution:
    """What one import means.

    ``path`` is the file (``a/b.py`` or ``a/b/__init__.py``), None for a namespace
    package and for everything outside the project.  ``portions`` are the folders
    of a namespace package.  ``absent`` are the files and folders that were looked
    for before the answer and are not there: if one of them appears, the answer may
    change.
    """

    path: str | None
    kind: Kind
    portions: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@frozen
class Found:
    """A project module by a name: its file, if it has one, and the modules right below it."""

    path: str | None
    below: dict[str, str]


@frozen
class _Place:
    """Where the modules that one folder imports are looked for, in order."""

    folder: str
    regular: bool
    home: str
    roots: tuple[str, ...]
    absent: tuple[str, ...]


class Project:
    """Finds project modules for imports, as section 4 of the design orders the places.

    ``src`` are extra roots (``Options.src``), relative to the working directory of
    ``disk``.  Paths come back as the importing file's path was spelled: absolute,
    or relative to that working directory.  ``tag`` tells projects apart in a trace.
    """

    __slots__ = (
        *("_belows", "_disk", "_installs", "_layouts", "_named", "_packages", "_places"),
        *("_src", "_tag"),
    )

    def __init__(self, src: tuple[str, ...] = (), disk: Disk | None = None, tag: str = "") -> None:
        self._tag = tag
        self._layouts: dict[str, str] = {}
        self._disk = disk if disk is not None else Disk()
        self._src = tuple(self._disk.absolute(root) for root in src)
        self._places: dict[str, _Place] = {}
        self._named: dict[tuple[str, bytes], tuple[Found | None, str]] = {}
        self._belows: dict[str, dict[str, str]] = {}
        self._installs: dict[str, frozenset[str]] = {}
        self._packages: dict[str, tuple[str, set[bytes]]] = {}

    def resolve(self, importer: str, module: str, level: int = 0) -> Resolution:
        """Return what ``import module`` (or ``from`` with ``level`` dots) means in ``importer``.

        ``importer`` need not exist (stdin).  For ``from m import name``, where
        ``name`` may be a submodule, ask for ``m`` and then for ``m.name``.  Never
        raises: what cannot be found has the kind ``unknown``.
        """
        parts = module.split(".") if module else []
        if "" in parts or not (parts or level):
            return Resolution(None, "unknown")
        path = self._disk.absolute(importer)
        make = partial(self._resolved, importer, path, parts, level)
        return self._in_layout(os.path.dirname(importer), make)

    def _resolved(self, importer: str, path: str, parts: list[str], level: int) -> Resolution:
        absent: list[str] = []
        if level:
            folder = os.path.dirname(path)
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            kind, found = self._folder(folder, absent)
            kind, found = self._walk(kind, found, parts, absent)
        else:
            kind, found = self._absolute(path, parts, absent)
        relative = not os.path.isabs(importer)
        spelled = tuple(self._spell(each, relative) for each in found)
        missing = tuple(dict.fromkeys(absent))
        if kind in ("module", "package"):
            return Resolution(spelled[0], kind, (), missing)
        return Resolution(None, kind, spelled, missing)

    def named(self, importer: str, folder: str, stem: bytes, module: bytes) -> Found | None:
        """Return what a module named in ``importer`` is, dots before the name for levels.

        ``folder`` and ``stem`` are those of ``importer``.  None outside the project.
        Asked once for each package, or folder that has something of that name, for a
        module cannot be told by its importer, but by one that bears its name.
        """
        top = module.partition(b".")[0]
        key = (importer if top == stem else self._asker(folder, top), module)
        try:
            known, first = self._named[key]
        except KeyError:
            pass
        else:
            self._note_layout(folder)
            if first != folder:
                self._note_layout(first)
            return known
        dotted = module.decode("utf-8", "replace")
        name = dotted.lstrip(".")
        found = self.resolve(importer, name, len(dotted) - len(name))
        answer = None
        if found.kind != "unknown":
            folders = found.portions
            if found.kind == "package" and found.path is not None:
                folders = (os.path.dirname(found.path),)
            below: dict[str, str] = {}
            for each in reversed(folders):
                below.update(self._in_layout(folder, partial(self._below, each)))
            answer = Found(found.path, below)
        self._named[key] = (answer, folder)
        return answer

    def _asker(self, folder: str, top: bytes) -> str:
        """Return what stands for all folders from which ``import top`` means the same."""
        if not top:
            return folder
        known = self._packages.get(folder)
        if known is None:
            known = self._packages[folder] = self._in_layout(
                folder, partial(self._package_of, folder)
            )
        package, stems = known
        return folder if not package or top in stems else package

    def _package_of(self, folder: str) -> tuple[str, set[bytes]]:
        """Return the top-level package that a folder is part of, and the names in it."""
        absolute = self._disk.absolute(folder)
        place = self._place(absolute)
        package = ""
        if place.regular:
            inside = os.path.relpath(absolute, place.home).split(os.sep)[0]
            package = os.path.join(place.home, inside, "")
        return package, {name.partition(".")[0].encode() for name in self._disk.names(absolute)}

    def _below(self, folder: str) -> dict[str, str]:
        """Return the modules and packages right in a folder, by name."""
        trace = self._disk.trace
        if trace is not None:
            return trace.gather(f"b {folder}", lambda: self._find_below(folder))
        return self._find_below(folder)

    def _find_below(self, folder: str) -> dict[str, str]:
        known = self._belows.get(folder)
        if known is None:
            absolute = self._disk.absolute(folder)
            known = {}
            for name in self._disk.names(absolute):
                stem, dot, ending = name.rpartition(".")
                if ending == "py" and stem != "__init__":
                    known.setdefault(stem, os.path.join(folder, name))
                elif not dot and self._disk.kind(os.path.join(absolute, name)) == "folder":
                    init = os.path.join(absolute, name, "__init__.py")
                    if self._disk.kind(init) == "file":
                        known[name] = os.path.join(folder, name, "__init__.py")
            self._belows[folder] = known
        return known

    def dotted_name(self, path: str) -> str:
        """Return the dotted name under which Python would import the file ``path``.

        It starts at the first ancestor folder that has no ``__init__.py``; the file
        itself need not exist.
        """
        absolute = self._disk.absolute(path)
        stem, _ = os.path.splitext(os.path.basename(absolute))
        parts = [] if stem == "__init__" else [stem]
        folder = os.path.dirname(absolute)
        home = self._in_layout(folder, partial(self._place, folder)).home
        if folder != home:
            parts += reversed(os.path.relpath(folder, home).split(os.sep))
        return ".".join(reversed(parts)) or stem

    def roots(self, importer: str) -> tuple[str, ...]:
        """Return the absolute folders in which absolute imports of a file are looked for."""
        folder = os.path.dirname(self._disk.absolute(importer))
        return self._in_layout(folder, partial(self._place, folder)).roots

    def absolute(self, path: str) -> str:
        """Return ``path`` from the root of the file system, as the resolver sees it."""
        return self._disk.absolute(path)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file; raises ``OSError``."""
        return self._disk.read(self._disk.absolute(path))

    def same(self, one: str, other: str) -> bool:
        """Whether two spellings name the same path (links are not followed)."""
        return one == other or self.identity(one) == self.identity(other)

    def identity(self, path: str) -> str:
        """Return what is equal for all spellings of a path (links are not followed)."""
        return os.path.normcase(self._disk.absolute(path))

    def note_layout(self, path: str) -> None:
        """Note that an answer depends on what the imports of ``path`` mean."""
        self._note_layout(os.path.dirname(path))

    def _note_layout(self, folder: str) -> None:
        if self._disk.trace is not None:
            self._disk.trace.note(self._layout(folder))

    def _in_layout(self, folder: str, make: Callable[[], Answer]) -> Answer:
        """Run ``make``, which tells what an import means in the files of one folder.

        What is looked at for it is noted for all of them together.
        """
        if self._disk.trace is None:
            return make()
        return self._disk.trace.gather(self._layout(folder), make)

    def _layout(self, folder: str) -> str:
        known = self._layouts.get(folder)
        if known is None:
            known = self._layouts[folder] = f"l{self._tag} {self._disk.absolute(folder)}"
        return known

    def _spell(self, path: str, relative: bool) -> str:
        if not relative:
            return path
        cwd = self._disk.cwd
        if path.startswith(cwd) and path[len(cwd) : len(cwd) + 1] == os.sep:
            return path[len(cwd) + 1 :]
        try:
            return os.path.relpath(path, cwd)
        except ValueError:  # another drive
            return path

    def _absolute(
        self, importer: str, parts: list[str], absent: list[str]
    ) -> tuple[Kind, tuple[str, ...]]:
        """Find an absolute import: the roots in their order, then namespace portions."""
        folder = os.path.dirname(importer)
        place = self._place(folder)
        absent.extend(place.absent)
        top = parts[0]
        roots = place.roots
        if top in _LIBRARY:
            # A script's own folder comes before the standard library, except before
            # what is built into the interpreter; no other folder does.
            if top in sys.builtin_module_names:
                return "unknown", ()
            roots = (place.home,) if place.home in roots else ()
        portions: list[str] = []
        for root in roots:
            own = self._own(importer, root, top)
            if not own and self._installed(root, top):
                continue
            kind, found = self._step(root, top, absent)
            if kind == "package" and not own and self._catalogued(top, found[0]):
                return "unknown", ()
            if kind in ("module", "package"):
                if place.regular and root == folder and found[0] == importer:
                    # `from celery import Celery` in proj/celery.py is not that file.
                    continue
                return self._walk(kind, found, parts[1:], absent)
            portions.extend(found)
        if not portions or top in _LIBRARY:
            return "unknown", ()
        return self._walk("namespace", tuple(portions), parts[1:], absent)

    def _own(self, importer: str, root: str, top: str) -> bool:
        """Whether ``importer`` belongs to the package ``top`` that is installed in ``root``."""
        first, _ = os.path.splitext(os.path.relpath(importer, root).split(os.sep)[0])
        return first == top

    def _installed(self, root: str, top: str) -> bool:
        """Whether an installer put the module ``top`` into a folder: all that is in
        ``site-packages``, elsewhere what the records beside it name.
        """
        # Asked each time: the answer for one folder is noted to depend on it, too.
        names = self._disk.names(root)
        if os.path.basename(root) in _INSTALLED:
            return True
        known = self._installs.get(root)
        if known is None:
            records = [name for name in names if name.endswith(_RECORD)]
            known = self._installs[root] = frozenset().union(
                *(_recorded(os.path.join(root, record)) for record in records)
            )
        return top in known

    def _catalogued(self, top: str, init: str) -> bool:
        """Whether a package is the library that the catalogue describes: its rows say more
        of it than its source, and it is not the project's to change.
        """
        part = TOLD_BY.get(top)
        return part is not None and (
            self._disk.kind(os.path.join(os.path.dirname(init), part)) == "file"
        )

    def libraries_of(self, path: str) -> frozenset[str]:
        """Return the libraries of the catalogue in whose own source a file lies."""
        parts = self._disk.absolute(path).split(os.sep)[:-1]
        return frozenset(
            part
            for depth, part in enumerate(parts, 1)
            if part in TOLD_BY and self._catalogued(part, os.sep.join((*parts[:depth], "_")))
        )

    def _walk(
        self, kind: Kind, found: tuple[str, ...], parts: list[str], absent: list[str]
    ) -> tuple[Kind, tuple[str, ...]]:
        """Follow the rest of a dotted name from a module, package or namespace."""
        for part in parts:
            if kind == "package":
                folders: tuple[str, ...] = (os.path.dirname(found[0]),)
            elif kind == "namespace":
                folders = found
            else:
                return "unknown", ()
            portions: list[str] = []
            for folder in folders:
                kind, found = self._step(folder, part, absent)
                if kind in ("module", "package"):
                    break
                portions.extend(found)
            else:
                kind, found = ("namespace", tuple(portions)) if portions else ("unknown", ())
        return kind, found

    def _step(self, folder: str, name: str, absent: list[str]) -> tuple[Kind, tuple[str, ...]]:
        """Find one name in one folder, as ``FileFinder.find_spec`` does."""
        base = os.path.join(folder, name)
        kind, found = self._folder(base, absent)
        if kind == "package":
            return kind, found
        if self._disk.kind(base + ".py") == "file":
            return "module", (base + ".py",)
        absent.append(base + ".py")
        return kind, found

    def _folder(self, folder: str, absent: list[str]) -> tuple[Kind, tuple[str, ...]]:
        """Tell what a folder is: a package, a portion of a namespace, or not there."""
        if self._disk.kind(folder) != "folder":
            absent.append(folder)
            return "unknown", ()
        init = os.path.join(folder, "__init__.py")
        if self._disk.kind(init) == "file":
            return "package", (init,)
        absent.append(init)
        return "namespace", (folder,)

    def _place(self, folder: str) -> _Place:
        """Return where the files of one folder look for modules; asked once per folder."""
        trace = self._disk.trace
        if trace is not None:
            return trace.gather(f"b {folder}/", lambda: self._known_place(folder))
        return self._known_place(folder)

    def _known_place(self, folder: str) -> _Place:
        known = self._places.get(folder)
        if known is None:
            known = self._places[folder] = self._find_place(folder)
        return known

    def _find_place(self, folder: str) -> _Place:
        absent: list[str] = []
        home = folder
        while True:
            init = os.path.join(home, "__init__.py")
            if self._disk.kind(init) != "file":
                absent.append(init)
                break
            above = os.path.dirname(home)
            if above == home:
                break
            home = above
        roots = [folder, home]
        project = self._project(folder, absent)
        if project is not None:
            roots += [project, os.path.join(project, "src")]
        roots += self._src
        return _Place(folder, home != folder, home, tuple(dict.fromkeys(roots)), tuple(absent))

    def _project(self, folder: str, absent: list[str]) -> str | None:
        """Return the nearest folder, upwards, that holds a project file."""
        while os.path.basename(folder) not in _INSTALLED:
            for name in PROJECT_FILES:
                path = os.path.join(folder, name)
                if self._disk.kind(path) == "file":
                    return folder
                absent.append(path)
            above = os.path.dirname(folder)
            if above == folder:
                break
            folder = above
        return None


def folder_and_stem(path: str) -> tuple[str, bytes]:
    """Return the folder of a file, and its name without the ending, as imports spell it."""
    folder, name = os.path.split(path)
    return folder, os.path.splitext(name)[0].encode("utf-8", "replace")


def _recorded(folder: str) -> frozenset[str]:
    """Return the modules that an installer notes in a folder of its own: by the name of
    that, and by the list of files in it.
    """
    name = os.path.basename(folder).partition("-")[0].lower().replace(".", "_")
    try:
        with open(os.path.join(folder, "RECORD"), "rb") as handle:
            data = handle.read()
    except OSError:
        data = b""
    return frozenset(
        (name, *(top.decode("utf-8", "replace") for top in set(re.findall(_TOP, data))))
    )
