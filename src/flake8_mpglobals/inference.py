"""The one door to astroid: asked last, and little, for what our evaluator leaves unknown.

Nothing else in the package imports astroid, and this module does so only when a
question is asked.  What was measured (astroid 4.3, Python 3.11) and is kept out here:

* ``Manager().list()`` infers as an instance of ``builtins.list``: answers that are
  containers, constants, proxies or instances of library classes are dropped.
* After one file says ``multiprocessing.Pool = ThreadPool``, the next file's
  ``multiprocessing.Pool`` infers as ``ThreadPool`` too: astroid keeps one state per
  process (``AstroidManager.brain``).  Each :class:`Inference` has a state of its own
  and puts astroid's back after each question.
* astroid looks modules up on ``sys.path`` and imports the compiled ones: while a
  question is open, its two ways to a module are replaced by ours, which knows the
  modules that the project's resolver returns, and makes empty ones for all others.
* The first import costs about 45 ms, and building its picture of the builtins 80 ms,
  once per process; ``clear_cache`` costs 130 to 400 ms each time, so it is not
  called.  What it would clear is keyed by nodes, and no node outlives its
  :class:`Inference` but those of the builtins, which are never written to.
* One question that touches asyncio costs 1 s: library code is never read.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal

from flake8_mpglobals.records import frozen
from flake8_mpglobals.source import Source

MAX_ANSWERS = 16
"""A question with more answers than this is unknown."""

MAX_MODULES = 64
"""Project modules that are built for one file under check; the others are unknown."""

MAX_CHARACTERS = 500_000
"""A longer text is not built (a tree costs about 10 ms for 1,000 lines)."""

MAX_QUESTIONS = 500
"""Questions that are put for one file; to further ones the answer is "unknown"."""

_FRAMES = 1000
_Span = tuple[int, int, int, int]

Resolve = Callable[[str], Source | None]
"""From the absolute dotted name of a module to its text, None for what is not the project's."""


@frozen
class Answer:
    """One thing that an expression can be.

    ``function``, ``class`` and ``instance`` are of the project: ``path``, ``line``
    and ``column`` (UTF-8 offset from 0) are those of the ``def``, ``lambda`` or
    ``class`` as ``ast`` has them (for ``instance``: of its class), ``name`` is the
    qualified name (``pkg.mod.Class.method``).  ``external`` is the qualified name of
    something that is imported from outside the project, itself and not what calling
    it gives (``multiprocessing.Pool``); ``path`` is empty, ``line`` and ``column`` 0.
    """

    kind: Literal["function", "class", "instance", "external"]
    path: str
    line: int
    name: str
    column: int = 0


class Inference:
    """astroid's view of one file under check, built when the first question is put.

    ``source`` is the file; ``resolve`` gives the text of project modules
    (:meth:`flake8_mpglobals.project.ModuleStore.source`); ``name`` is the dotted name
    under which Python would import the file
    (:meth:`flake8_mpglobals.project.Project.dotted_name`), without which relative
    imports in it are unknown.  Nothing is shared with another value of this class;
    astroid itself allows one thread at a time.
    """

    __slots__ = ("_asked", "_name", "_resolve", "_source", "_world")

    def __init__(self, source: Source, resolve: Resolve, name: str = "") -> None:
        self._source = source
        self._resolve = resolve
        self._name = name or "__checked__"
        self._world: _World | None = None
        self._asked: dict[_Span, tuple[Answer | None, ...]] = {}

    def ask(
        self, line: int, column: int, end_line: int, end_column: int, *, partial: bool = False
    ) -> tuple[Answer, ...]:
        """Return what the expression with exactly this span can be; ``()`` is unknown.

        The span is that of the ``ast`` node (lines from 1, columns as UTF-8 offsets
        from 0).  One possibility that is not accepted (a container, a value that
        astroid does not know) makes the whole question unknown; with ``partial`` the
        others are returned all the same.  ``None`` as a possibility is passed over.
        Never raises: whatever astroid cannot do is unknown.
        """
        span = (line, column, end_line, end_column)
        if span not in self._asked:
            if len(self._asked) >= MAX_QUESTIONS:
                return ()
            self._asked[span] = self._put(span)
        answers = self._asked[span]
        if None in answers and not partial:
            return ()
        return tuple(answer for answer in answers if answer is not None)

    def _put(self, span: _Span) -> tuple[Answer | None, ...]:
        try:
            with _same_depth(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if self._world is None:
                    _load_astroid()
                    self._world = _World(self._source, self._resolve, self._name)
                return self._world.infer(span)
        except Exception:  # RecursionError among them: see the promise of `ask`
            return ()


class _World:
    """What astroid may know while one file is examined: its modules and its state."""

    def __init__(self, source: Source, resolve: Resolve, name: str) -> None:
        from astroid.brain import brain_builtin_inference as brain
        from astroid.context import _INFERENCE_CACHE
        from astroid.inference_tip import clear_inference_tip_cache
        from astroid.manager import AstroidManager
        from astroid.transforms import TransformVisitor

        self._source = source
        self._resolve = resolve
        self._name = name
        self._modules: dict[str, Any] = {}
        self._missing: set[str] = set()
        self._paths: dict[Any, str] = {}
        self._spans: dict[_Span, Any] | None = None
        if "builtins" not in AstroidManager.brain["astroid_cache"]:
            AstroidManager().bootstrap()
        self._builtins: Any = AstroidManager.brain["astroid_cache"]["builtins"]
        self._stub = _stub_class(self._import)
        self._builder = _builder_class(self._builtins)
        self._brain: dict[str, Any] = {
            **AstroidManager.brain,
            "astroid_cache": {"builtins": self._builtins},
            "_mod_file_cache": {},
            "_failed_import_hooks": [],
            "always_load_extensions": False,
            "extension_package_whitelist": set(),
            "module_denylist": set(),
            "max_inferable_values": 100,
            "optimize_ast": False,
            "prefer_stubs": False,
            "_transform": TransformVisitor(),
        }
        # An answer about a builtin that was cut short for another file must not stay.
        _INFERENCE_CACHE.clear()
        clear_inference_tip_cache()
        with self._open():
            # The other transforms look libraries up, or decide a test (`isinstance`)
            # that an empty library module would decide wrongly.
            for function, builtin in (
                (brain.infer_super, "super"),
                (brain.infer_getattr, "getattr"),
            ):
                brain.register_builtin_transform(AstroidManager(), function, builtin)

    def infer(self, span: _Span) -> tuple[Answer | None, ...]:
        """Answer one question, with None for what is not accepted; raises what astroid raises."""
        with self._open():
            if self._spans is None:
                self._spans = {}
                self._spans = _spans(self._build(self._source, self._name))
            node = self._spans.get(span)
            if node is None:
                return ()
            with contextlib.closing(node.infer()) as results:
                found = list(itertools.islice(results, MAX_ANSWERS + 1))
            if len(found) > MAX_ANSWERS:
                return ()
            answers = [self._accept(value) for value in found if not _is_none(value)]
        return tuple(dict.fromkeys(answers))

    def _accept(self, value: Any) -> Answer | None:
        """Turn one of astroid's results into an answer, None where it is not trusted."""
        from astroid import bases, nodes

        kind: Literal["function", "class", "instance"]
        if isinstance(value, self._stub):
            return Answer("external", "", 0, value.name)
        if isinstance(value, (bases.UnboundMethod, nodes.FunctionDef, nodes.Lambda)):
            kind, definition = "function", value
        elif isinstance(value, nodes.ClassDef):
            kind, definition = "class", value
        elif isinstance(value, bases.Instance):
            kind, definition = "instance", value._proxied
        else:
            return None
        while isinstance(definition, bases.UnboundMethod):
            definition = definition._proxied
        if not isinstance(definition, (nodes.FunctionDef, nodes.Lambda, nodes.ClassDef)):
            return None
        path = self._paths.get(definition.root())
        if path is None or not definition.lineno:
            return None
        return Answer(kind, path, definition.lineno, definition.qname(), definition.col_offset or 0)

    def _build(self, source: Source, name: str) -> Any:
        """Build one module from its text, under its name; nothing is read from disk."""
        from astroid.exceptions import AstroidImportError
        from astroid.manager import AstroidManager

        if len(source.text) > MAX_CHARACTERS or len(self._paths) >= MAX_MODULES:
            raise AstroidImportError(f"{name} is left out")
        module = self._builder(AstroidManager()).string_build(source.text, name, source.path)
        self._modules[name] = module
        self._paths[module] = source.path
        return module

    def _import(self, name: str, use_cache: bool = True) -> Any:
        """Return the module of an absolute dotted name, as ``ast_from_module_name`` does.

        Raises ``AstroidImportError`` for what the project should have and has not.
        """
        from astroid.exceptions import AstroidImportError

        # astroid's own cache has the modules that are being built, which ends cycles.
        known = self._brain["astroid_cache"].get(name) or self._modules.get(name)
        if known is not None and use_cache:
            return known
        if known is None and name not in self._missing:
            self._missing.add(name)
            source = self._resolve(name)
            if source is not None and source.path == self._source.path:
                return self._import(self._name)
            if source is not None:
                module = self._build(source, name)
                self._missing.discard(name)
                return module
            parts = name.split(".")
            if not any(self._resolve(".".join(parts[:end])) for end in range(1, len(parts))):
                self._missing.discard(name)
                return self._external(name)
        raise AstroidImportError(f"{name} is not a module of the project")

    def _external(self, name: str) -> Any:
        """Return the empty module that stands for something outside the project."""
        stub = self._modules.get(name)
        if stub is None:
            stub = self._modules[name] = self._stub(name, package=True)
            stub.postinit(body=[], doc_node=None)
        return stub

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        """Put this world in the place of astroid's state, and astroid's back afterwards."""
        from astroid.exceptions import AstroidImportError
        from astroid.manager import AstroidManager

        def from_name(
            _manager: object, modname: str, _context: str = "", use_cache: bool = True
        ) -> Any:
            return self._import(modname, use_cache)

        def from_disk(_manager: object, modname: str, _context: str = "") -> Any:
            raise AstroidImportError(f"{modname} is not looked for on disk")

        ours = {
            "brain": self._brain,
            "ast_from_module_name": from_name,
            "file_from_module_name": from_disk,
        }
        kept = {name: vars(AstroidManager)[name] for name in ours}
        try:
            for name, value in ours.items():
                setattr(AstroidManager, name, value)
            yield
        finally:
            for name, value in kept.items():
                setattr(AstroidManager, name, value)


def _load_astroid() -> None:
    """Import astroid without looking in the working directory.

    ``python -m`` puts that folder first, and astroid itself imports ``random``: a
    project's ``random.py`` would run.
    """
    if "astroid" in sys.modules:
        return
    here = os.path.realpath(".")
    path = sys.path[:]
    try:
        sys.path[:] = [entry for entry in path if os.path.realpath(entry) != here]
        importlib.import_module("astroid")
    finally:
        sys.path[:] = path


def _stub_class(find: Callable[[str], Any]) -> Any:
    """Return the class of empty modules: every attribute is one more, none can be called.

    So a name from outside the project keeps its qualified name wherever it goes, and
    whatever is done with it (a call, an item, a test) is unknown.
    """
    from astroid import nodes, util

    class Stub(nodes.Module):  # type: ignore[misc]
        def getattr(self, name: str, context: Any = None, ignore_locals: bool = False) -> Any:
            if name.startswith("__"):
                return super().getattr(name, context, ignore_locals)
            # `multiprocessing.Pool = Mine`, said by the file itself, is one possibility.
            assigned = () if ignore_locals else self.locals.get(name, ())
            # `import namespace.module`: `find` knows the modules in a namespace package.
            return [*assigned, find(f"{self.name}.{name}")]

        def bool_value(self, *_args: Any, **_options: Any) -> Any:
            return util.Uninferable

    return Stub


def _builder_class(builtins: Any) -> Any:
    """Return the class of builders that never write to the builtins, which all files share."""
    from astroid.builder import AstroidBuilder
    from astroid.exceptions import InferenceError

    class Builder(AstroidBuilder):  # type: ignore[misc]
        def delayed_assattr(self, node: Any) -> None:
            try:
                targets = list(node.expr.infer())
            except InferenceError:
                return
            if not any(target.root() is builtins for target in targets):
                super().delayed_assattr(node)

    return Builder


def _spans(module: Any) -> dict[_Span, Any]:
    """Return the nodes of a module by their span; of several with one span, the innermost."""
    spans: dict[_Span, Any] = {}
    waiting = [module]
    while waiting:
        node = waiting.pop()
        spans[node.lineno, node.col_offset, node.end_lineno, node.end_col_offset] = node
        waiting.extend(node.get_children())
    return spans


def _is_none(value: Any) -> bool:
    from astroid import nodes

    return isinstance(value, nodes.Const) and value.value is None


@contextlib.contextmanager
def _same_depth() -> Iterator[None]:
    """Give astroid the same number of frames however deep the caller stands.

    What it cannot infer for want of them is then the same under flake8, the command
    and a test.
    """
    depth = 0
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        depth += 1
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(depth + _FRAMES)
        yield
    finally:
        sys.setrecursionlimit(limit)
