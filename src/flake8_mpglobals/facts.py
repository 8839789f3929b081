"""What the analysis knows of one file, ready for rules and fixes.

These values keep ``ast`` nodes, for fixes to work on; they never leave the
process that made them.  All of them are frozen; the nodes are never changed.
"""

from __future__ import annotations

import ast
from typing import Literal

from flake8_mpglobals.catalogue import Api
from flake8_mpglobals.hazards import NO_HAZARDS, Hazards
from flake8_mpglobals.model import Dispatch, Location, Related, Step
from flake8_mpglobals.records import frozen
from flake8_mpglobals.source import Source

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

WriteKind = Literal[
    "mutate", "rebind", "buffer", "class", "module", "instance", "argument", "closure"
]
"""Changed in place, bound anew, changed in place as a flat piece of memory; or a change
of any sort to an attribute of a class, or of an imported module; or one to what the
worker has a copy of: its ``self``, an argument, a variable of an enclosing function."""

COPIES: tuple[WriteKind, ...] = ("instance", "argument", "closure")
"""The sorts of a write on a copy, in the order of their codes."""


@frozen
class Site:
    """One dispatch in this file: the call that hands a callable to another process.

    ``call`` is that call (``pool.map(worker, xs)``, ``Process(target=worker)``),
    ``api`` its catalogue row, ``pool`` the call that made the pool or executor
    where it is known and in this file, ``function`` the function that contains
    the dispatch (None: module level), ``workers`` the functions of this file that
    it runs, ``initializer`` whether it runs them as a per-worker set-up, ``wrapper``
    whether the call reaches a process API through a function of the project.
    """

    call: ast.Call
    api: Api
    dispatch: Dispatch
    function: FunctionNode | None
    pool: ast.Call | None = None
    workers: tuple[FunctionNode, ...] = ()
    initializer: bool = False
    wrapper: bool = False


@frozen
class LostWrite:
    """One write in worker code on one place, and who would have to see it.

    ``place`` is the name of the module global; ``kind`` what it holds (``list``,
    ``dict``, ``set``, ``int``, …; empty where unknown).  ``verb`` is the phrase
    of the message ("appends to"); ``node`` the expression or statement that
    writes; ``location`` its first character.  ``sites`` are the dispatches that
    run it, in order of position; ``chain`` the functions from the worker to the
    write, for the first of them.  ``observers`` are the reads in the parent;
    empty means that only workers use the place.  ``origin`` is where the write is,
    if that is another file: ``location`` and ``node`` are then what leads to it here.
    ``elsewhere`` says which part of it all is not in this file, if any is not.
    """

    place: str
    kind: str
    how: WriteKind
    verb: str
    node: ast.AST
    location: Location
    end_line: int
    end_column: int
    worker: str
    function: FunctionNode | None
    sites: tuple[Site, ...]
    chain: tuple[Step, ...]
    observers: tuple[Related, ...]
    collects: bool = False
    origin: Location | None = None
    elsewhere: str = ""


SharedUseKind = Literal["nested", "unlocked", "threads", "leak", "import"]
"""What goes wrong with a shared object: a change of a copy that a proxy gave out, an
update that others can come between, a primitive of threads between processes, memory
that stays, an object that each process makes for itself on import."""


@frozen
class SharedUse:
    """One operation on a shared object that does not do what it looks like.

    ``place`` is the expression that stands for the object, ``verb`` what is done to
    it, ``maker`` the qualified name of what made it (``manager.dict``); ``node`` and
    ``location`` are those of the operation; ``worker``, ``dispatches`` and ``chain``
    say who runs it (empty where it goes wrong in any process); ``made`` is where the
    object is made, ``origin`` where the operation is, if that is another file.
    """

    kind: SharedUseKind
    place: str
    verb: str
    maker: str
    node: ast.AST
    location: Location
    end_line: int
    end_column: int
    worker: str
    dispatches: tuple[Dispatch, ...] = ()
    chain: tuple[Step, ...] = ()
    made: tuple[Related, ...] = ()
    origin: Location | None = None


@frozen
class Unresolved:
    """A dispatch of which the callable could not be told (MPG902)."""

    dispatch: Dispatch
    end_line: int
    end_column: int


@frozen
class Facts:
    """Everything that rules and fixes ask about one file.

    ``in_workers`` are the functions that run in some worker; ``hazards`` is what goes
    wrong besides lost writes.
    """

    source: Source
    tree: ast.Module
    writes: tuple[LostWrite, ...] = ()
    sites: tuple[Site, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    in_workers: frozenset[FunctionNode] = frozenset()
    hazards: Hazards = NO_HAZARDS
    shared: tuple[SharedUse, ...] = ()
