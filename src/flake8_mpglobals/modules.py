"""The text and the trees of project modules, read and parsed once."""

from __future__ import annotations

import ast

from flake8_mpglobals.disk import digest
from flake8_mpglobals.model import FileError
from flake8_mpglobals.project import Project
from flake8_mpglobals.recent import Recent
from flake8_mpglobals.records import frozen
from flake8_mpglobals.source import Source, SourceError


@frozen(eq=False)
class Module:
    """A project module, read and parsed; its tree is never changed.

    One object stands for one path and content as long as the memo keeps it, so it
    may be the key of what others derive from it.
    """

    source: Source
    tree: ast.Module


class Memo:
    """The parsed modules of several files: bounded, keyed by path and content.

    The key holds the whole content (as a digest), so an edited file is another
    entry and no answer can be stale.  ``most`` bounds the bytes of source: a tree takes
    some forty times as much.
    """

    __slots__ = ("_modules",)

    def __init__(self, most: int = 900_000) -> None:
        self._modules: Recent[tuple[str, bytes], Module | FileError] = Recent(most)

    def __len__(self) -> int:
        return len(self._modules)

    def parse(self, path: str, data: bytes) -> Module:
        """Return the module that ``data`` is; raise ``SourceError`` where it is none."""
        key = (path, digest(data))
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
