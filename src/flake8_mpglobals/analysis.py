"""One file from text to findings: the stages in their order.

lower → evaluate → boundaries → reach → effects → observers → losses → rules.
"""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Callable

from flake8_mpglobals.boundaries import Resolved, can_dispatch, find_boundaries
from flake8_mpglobals.catalogue import Catalogue
from flake8_mpglobals.dispatches import Boundaries
from flake8_mpglobals.evaluate import Evaluator
from flake8_mpglobals.facts import Facts
from flake8_mpglobals.glance import may_cross
from flake8_mpglobals.ir import Module, take_apart
from flake8_mpglobals.losses import Losses
from flake8_mpglobals.model import Finding
from flake8_mpglobals.options import Options
from flake8_mpglobals.oracle import Oracle
from flake8_mpglobals.program import Program
from flake8_mpglobals.rawwrites import may_change_globals
from flake8_mpglobals.reach import Reach
from flake8_mpglobals.readers import reading_modules, setting_modules
from flake8_mpglobals.rules import RULES
from flake8_mpglobals.scene import set_scene
from flake8_mpglobals.shared import names_shared, shared_uses
from flake8_mpglobals.source import Source, SourceError
from flake8_mpglobals.starts import may_start
from flake8_mpglobals.sweep import find_hazards
from flake8_mpglobals.workspace import Workspace
from flake8_mpglobals.wrappers import through_wrappers

DEEP = 30_000
"""Python frames allowed for expressions nested more deeply than the default limit."""
_STACK = 512 << 20
"""Bytes of stack for so many frames; only what is used of them is taken."""


def examine(
    source: Source,
    options: Options,
    tree: ast.Module | None = None,
    workspace: Workspace | None = None,
) -> Facts:
    """Return what is known of one file; rules and fixes both start from this.

    ``tree`` is the parsed text where the caller has it (flake8); it is never
    changed.  ``workspace`` knows the files of the project; it is shared by the files
    of one run that have the same options.  Raises
    :class:`~flake8_mpglobals.source.SourceError` where the text cannot be parsed.
    """
    if tree is None:
        tree = source.parse()
    if workspace is None:
        workspace = Workspace(options.src, options.boundaries)
    try:
        return _examine(source, options, tree, workspace)
    except RecursionError:
        return _with_deep_stack(lambda: _examine(source, options, tree, workspace))


def _examine(source: Source, options: Options, tree: ast.Module, workspace: Workspace) -> Facts:
    data = source.text.encode(errors="replace")
    catalogue = workspace.catalogue.without(workspace.project.libraries_of(source.path))
    if not can_dispatch(tree, source.text, catalogue) and not workspace.names_an_offer(
        source.path, data
    ):
        return Facts(source, tree)
    program = Program(source, tree, workspace)
    try:
        return _facts(source, options, tree, program, catalogue)
    finally:
        take_apart(program.main)


def _facts(
    source: Source, options: Options, tree: ast.Module, program: Program, catalogue: Catalogue
) -> Facts:
    workspace, main = program.workspace, program.main
    last_resort = "MPG902" in options.codes or may_change_globals(main)
    oracle = Oracle(main, workspace.project) if last_resort else None
    evaluator = Evaluator(program, catalogue, oracle)
    crosses = may_cross(program, evaluator)
    evaluator.forget()
    if not (crosses or may_start(main, evaluator) or names_shared(program)):
        return Facts(source, tree)
    readers: frozenset[Module] = frozenset()
    resolved = Resolved(program, evaluator)
    while True:
        boundaries = through_wrappers(find_boundaries(program, resolved, readers), evaluator)
        if not (boundaries.sites or may_start(main, evaluator) or names_shared(program)):
            return Facts(source, tree)
        reach = Reach(boundaries, evaluator)
        losses = Losses(program, boundaries, reach, evaluator)
        size = program.size
        more = reading_modules(program, losses.written(), evaluator)
        if "MPG201" in options.codes:
            more |= setting_modules(program, reach, evaluator)
        more -= readers
        if program.size == size and not _unfollowed(boundaries, reach, more):
            break
        readers |= more
    scene = set_scene(program, boundaries, reach, evaluator, options)
    return Facts(
        source,
        tree,
        losses.find(),
        losses.sites(),
        losses.unresolved(),
        losses.in_workers(),
        find_hazards(scene, options.codes),
        shared_uses(scene, options.codes),
    )


def _unfollowed(boundaries: Boundaries, reach: Reach, modules: frozenset[Module]) -> bool:
    """Whether the parent enters a function of ``modules`` that has not been looked at."""
    looked_at = frozenset(boundaries.functions)
    return any(
        target.function.module in modules and target.function not in looked_at
        for function in reach.parent
        for _, target in boundaries.edges_of(function)
    )


def _with_deep_stack(work: Callable[[], Facts]) -> Facts:
    """Run ``work`` in a thread with room for a tree that is nested thousands of levels deep.

    Frames that go through generators and hashing use the C stack, so the limit is one
    that the stack of the thread is made for: what never ends is a ``RecursionError``.
    Limit and size are put back whatever happens.
    """
    from concurrent.futures import ThreadPoolExecutor

    limit = sys.getrecursionlimit()
    size = threading.stack_size(_STACK)
    sys.setrecursionlimit(max(limit, DEEP))
    try:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(work).result()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)


def check(
    source: Source,
    options: Options,
    tree: ast.Module | None = None,
    workspace: Workspace | None = None,
) -> tuple[Finding, ...]:
    """Return the findings of one file, sorted, not yet filtered by its noqa.

    A noqa in another file, at the write that a finding is about, silences it here.
    ``tree`` is the parsed text where the caller has it (flake8); it is never
    changed.  Raises :class:`~flake8_mpglobals.source.SourceError` where the text
    cannot be parsed.
    """
    if workspace is None:
        workspace = Workspace(options.src, options.boundaries)
    facts = examine(source, options, tree, workspace)
    found = [
        finding for rule in RULES if rule.code in options.codes for finding in rule.check(facts)
    ]
    found = [finding for finding in found if not _silenced_afar(finding, workspace)]
    return tuple(sorted(found, key=lambda finding: finding.sort_key))


def _silenced_afar(finding: Finding, workspace: Workspace) -> bool:
    """Whether a noqa stands at the write of a finding, in another file."""
    origin = finding.origin
    data = workspace.read(origin.path) if origin is not None else None
    if origin is None or data is None or b"noqa" not in data.lower():
        return False
    from flake8_mpglobals.noqa import Noqa

    try:
        source = Source.from_bytes(origin.path, data)
    except SourceError:
        return False
    return Noqa(source).silences(origin.line, finding.code)
