"""Which file an import means, and the text of that file: the modules of the project.

Facts about the search are those of the language reference, "The import system"
(https://docs.python.org/3/reference/import.html) and of ``FileFinder``: in one
folder a package wins over a module, and a folder without ``__init__.py`` counts
only where nothing else is found.  Nothing here imports or runs code, and nothing
looks at ``sys.path``: what is installed does not change an answer.
"""

from __future__ import annotations

import ast
import os
import stat
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Generic, Literal, TypeVar

from flake8_mpglobals.catalogue import CLONES, ROWS, SHARED, TOLD_BY
from flake8_mpglobals.model import FileError
from flake8_mpglobals.source import Source, SourceError
from flake8_mpglobals.trace import Answer, State, Trace

PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
"""Files of which one marks the folder of a project."""

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_RECORD = ".dist-info"
"""How the folder ends that an installer leaves beside a package."""
_LIBRARY = sys.stdlib_module_names | {
    name.partition(".")[0] for name in (*(row.name for row in ROWS), *SHARED, *CLONES)
}

Kind = Literal["module", "package", "namespace", "unknown"]


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Found:
    """A project module by a name: its file, if it has one, and the modules right below it."""

    path: str | None
    below: dict[str, str]


class Disk:
    """Whether a path is a file or a folder, asked of the system once per run.

    One value is made for a run and passed to whoever looks; it is the only memory
    of the file system that the resolver has.  A folder about which much is asked is
    listed: that answers all further questions.  ``trace`` is told what was looked at.
    """

    __slots__ = ("_asked", "_kinds", "_listed", "cwd", "trace")

    def __init__(self, cwd: str | None = None, trace: Trace | None = None) -> None:
        self.cwd = os.getcwd() if cwd is None else cwd
        self.trace = trace
        self._kinds: dict[str, str] = {}
        self._asked: dict[str, int] = {}
        self._listed: dict[str, dict[str, str] | None] = {}

    def kind(self, path: str) -> str:
        """Return ``"file"``, ``"folder"``, or ``""`` for what is neither or not there."""
        known = self._kinds.get(path)
        if known is None:
            folder, name = os.path.split(path)
            asked = self._asked[folder] = self._asked.get(folder, 0) + 1
            listing = self._list(folder) if asked > _FEW else None
            known = _kind(path) if listing is None or not name else listing.get(name, "")
            self._kinds[path] = known
        if self.trace is not None:
            folder = os.path.dirname(path)
            if self._listed.get(folder) is not None:
                self.trace.note(f"n {folder}")
            else:
                self.trace.saw(f"k {path}", (known,))
        return known

    def names(self, folder: str) -> Iterable[str]:
        """Return what is in a folder, by name; nothing where it cannot be listed."""
        return self._list(folder) or ()

    def read(self, path: str) -> bytes:
        """Return the bytes of a file; raises ``OSError``."""
        now = time.time_ns()
        try:
            # One read of the known size, one more where that was not the end.
            with open(path, "rb", buffering=0) as handle:
                status = os.fstat(handle.fileno())
                data = handle.read(status.st_size + 1) or b""
                if len(data) != status.st_size:
                    data += handle.readall()
        except (OSError, ValueError):
            if self.trace is not None:
                self.trace.saw(f"t {path}", file_state(path))
            raise
        if self.trace is not None:
            self.trace.saw(f"t {path}", _content_state(status, data, now))
        return data

    def _list(self, folder: str) -> dict[str, str] | None:
        if folder not in self._listed:
            now = time.time_ns()
            status = _status(folder) if self.trace is not None else None
            listing = self._listed[folder] = _listing(folder)
            if self.trace is not None:
                self.trace.saw(f"n {folder}", (_settled(status, now), _modules(listing)))
        elif self.trace is not None:
            self.trace.note(f"n {folder}")
        return self._listed[folder]

    def absolute(self, path: str) -> str:
        """Return ``path`` from the root of the file system; links are not followed."""
        return os.path.normpath(os.path.join(self.cwd, path))


_RACY = 2_000_000_000
"""Nanoseconds for which a change may leave the time of a file as it was (FAT: 2 s)."""


def renewed(key: str, state: State) -> State | None:
    """Return the state of a leaf of a trace that is as it was, None where it is not.

    The content of a file decides, and what is in a folder; where size, times and inode
    are the same as when it was looked at, it is not looked into.
    """
    what, _, path = key.partition(" ")
    if what == "k":
        return state if state == (_kind(path),) else None
    now = time.time_ns()
    status = _status(path)
    if what == "n":
        if state[0] and status is not None and state[0] == _signature(status):
            return state
        names = _modules(_listing(path))
        return (_settled(status, now), names) if names == state[1] else None
    if state[0] == (() if status is None else _signature(status)) and (state[0] or not state[1]):
        return state
    if not state[1]:
        return None
    try:
        with open(path, "rb") as handle:
            new = _content_state(os.fstat(handle.fileno()), handle.read(), now)
    except (OSError, ValueError):
        return None
    return new if new[1] == state[1] else None


def file_state(path: str) -> State:
    """Return the state of a file that cannot be read."""
    status = _status(path)
    return ((), b"") if status is None else (_signature(status), b"")


def _content_state(status: os.stat_result, data: bytes, now: int) -> State:
    settled = _settled(status, now) if status.st_size == len(data) else ()
    return (settled, _digest(data))


def _digest(data: bytes) -> bytes:
    from hashlib import blake2b

    return blake2b(data, digest_size=16).digest()


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def _signature(status: os.stat_result) -> tuple[int, int, int, int]:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _settled(status: os.stat_result | None, now: int) -> tuple[int, ...]:
    """Return by what a change after ``now`` shows; nothing where it may not show in the times."""
    if status is None or max(status.st_mtime_ns, status.st_ctime_ns) >= now - _RACY:
        return ()
    return _signature(status)


def _modules(listing: dict[str, str] | None) -> State:
    """Return what of a folder bears on imports: its modules, folders and project files."""
    if listing is None:
        return ()
    return tuple(
        sorted(
            (name, kind)
            for name, kind in listing.items()
            if kind == "folder" or name.endswith(".py") or name in PROJECT_FILES
        )
    )


def _listing(folder: str) -> dict[str, str] | None:
    try:
        with os.scandir(folder) as entries:
            return {entry.name: _entry_kind(entry) for entry in entries}
    except (NotADirectoryError, FileNotFoundError):
        return {}
    except (OSError, ValueError):
        return None


_FEW = 3
"""Questions about a folder that are put one by one."""


def _kind(path: str) -> str:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return ""
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else ""


def _entry_kind(entry: os.DirEntry[str]) -> str:
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else ""
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
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
        self._installs: dict[str, bool] = {}
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
        if one == other:
            return True
        absolute = self._disk.absolute
        return os.path.normcase(absolute(one)) == os.path.normcase(absolute(other))

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
            if not own and self._installed(root):
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

    def _installed(self, root: str) -> bool:
        """Whether a folder is one that packages are installed into."""
        # Asked each time: the answer for one folder is noted to depend on it, too.
        names = self._disk.names(root)
        known = self._installs.get(root)
        if known is None:
            known = self._installs[root] = os.path.basename(root) in _INSTALLED or any(
                name.endswith(_RECORD) for name in names
            )
        return known

    def _catalogued(self, top: str, init: str) -> bool:
        """Whether a package is the library that the catalogue describes: its rows say more
        of it than its source, and it is not the project's to change.
        """
        part = TOLD_BY.get(top)
        return part is not None and (
            self._disk.kind(os.path.join(os.path.dirname(init), part)) == "file"
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


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """A project module, read and parsed; its tree is never changed.

    One object stands for one path and content as long as the memo keeps it, so it
    may be the key of what others derive from it.
    """

    source: Source
    tree: ast.Module


Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """What was made lately, by key: no more than ``most`` in all, by the sizes given.

    The oldest in use are dropped first.
    """

    __slots__ = ("_items", "_lock", "_most", "_total")

    def __init__(self, most: int) -> None:
        self._most = most
        self._total = 0
        self._items: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: Key) -> Value | None:
        """Return what is kept under a key, None where nothing is."""
        with self._lock:
            known = self._items.get(key)
            if known is None:
                return None
            self._items.move_to_end(key)
            return known[0]

    def put(self, key: Key, value: Value, size: int) -> Value:
        """Keep a value; return it, or what another thread has kept under that key."""
        with self._lock:
            known = self._items.get(key)
            if known is not None:
                return known[0]
            self._items[key] = (value, size)
            self._total += size
            while self._total > self._most and len(self._items) > 1:
                _, (_, dropped) = self._items.popitem(last=False)
                self._total -= dropped
            return value


class Memo:
    """The parsed modules of several files: bounded, keyed by path and content.

    The key holds the whole content (as a digest), so an edited file is another
    entry and no answer can be stale.  ``most`` bounds the bytes of source: a tree takes
    some forty times as much.
    """

    __slots__ = ("_modules",)

    def __init__(self, most: int = 3_000_000) -> None:
        self._modules: Recent[tuple[str, bytes], Module | FileError] = Recent(most)

    def __len__(self) -> int:
        return len(self._modules)

    def parse(self, path: str, data: bytes) -> Module:
        """Return the module that ``data`` is; raise ``SourceError`` where it is none."""
        key = (path, _digest(data))
        known = self._modules.get(key)
        if known is None:
            known = self._modules.put(key, _parse(path, data), len(data))
        if isinstance(known, FileError):
            raise SourceError(known)
        return known


def _parse(path: str, data: bytes) -> Module | FileError:
    try:
        source = Source.from_bytes(path, data)
        return Module(source, source.parse())
    except SourceError as error:
        return error.error


parsed_modules = Memo()
"""The memo of this process."""


class ModuleStore:
    """The project modules that one file under check leads to.

    ``handed`` is the file under check (its text, and its tree where the caller has
    it): met again through a cycle, it is this text and not what is on disk.  Each
    other file is read at most once, so one examination sees one state of it.
    ``memo`` keeps parsed modules between files; by default the one of the process.
    """

    __slots__ = ("_data", "_handed", "_memo", "_modules", "_project")

    def __init__(
        self, project: Project, handed: Source, tree: ast.Module, memo: Memo = parsed_modules
    ) -> None:
        self._project = project
        self._handed = Module(handed, tree)
        self._memo = memo
        self._data: dict[str, bytes | None] = {}
        self._modules: dict[str, Module | None] = {}

    @property
    def project(self) -> Project:
        """The resolver whose paths this store reads."""
        return self._project

    @property
    def handed(self) -> Module:
        """The file under check."""
        return self._handed

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths asked for so far, in that order: what an answer depends on."""
        return tuple(self._data)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a project module, None where it cannot be read.

        For the file under check these are its text, encoded.  No parsing happens:
        this is what a prefilter searches.
        """
        if path not in self._data:
            self._data[path] = self._bytes(path)
        return self._data[path]

    def load(self, path: str) -> Module | None:
        """Return a project module, None where it cannot be read, decoded or parsed."""
        if self._project.same(path, self._handed.source.path):
            return self._handed
        if path not in self._modules:
            data = self.read(path)
            module = None
            # What it is lowered to, for whatever file, depends on what its imports mean.
            self._project.note_layout(path)
            if data is not None:
                try:
                    module = self._memo.parse(path, data)
                except SourceError:
                    module = None
            self._modules[path] = module
        return self._modules[path]

    def find(self, importer: str, module: str, level: int = 0) -> Module | None:
        """Resolve an import and load what it means; None for everything else."""
        path = self._project.resolve(importer, module, level).path
        return None if path is None else self.load(path)

    def source(self, module: str) -> Source | None:
        """Return the text that the absolute dotted name means to the file under check.

        This is the ``resolve`` that :class:`flake8_mpglobals.inference.Inference` takes.
        """
        found = self.find(self._handed.source.path, module)
        return None if found is None else found.source

    def _bytes(self, path: str) -> bytes | None:
        try:
            if self._project.same(path, self._handed.source.path):
                return self._handed.source.encode()
            return self._project.read(path)
        except (OSError, ValueError):
            return None
