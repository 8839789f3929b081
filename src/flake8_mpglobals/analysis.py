"""One file from text to findings: the stages in their order.

lower → evaluate → boundaries → reach → effects → observers → losses → rules.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable

from flake8_mpglobals.boundaries import can_dispatch, find_boundaries
from flake8_mpglobals.catalogue import Catalogue
from flake8_mpglobals.effects import may_change_globals
from flake8_mpglobals.evaluate import Evaluator
from flake8_mpglobals.facts import Facts
from flake8_mpglobals.losses import Losses
from flake8_mpglobals.lower import lower
from flake8_mpglobals.model import Finding
from flake8_mpglobals.options import Options
from flake8_mpglobals.oracle import Oracle
from flake8_mpglobals.reach import Reach
from flake8_mpglobals.rules import RULES
from flake8_mpglobals.source import Source

DEEP = 100_000
"""Python frames allowed for expressions nested more deeply than the default limit."""


def examine(source: Source, options: Options, tree: ast.Module | None = None) -> Facts:
    """Return what is known of one file; rules and fixes both start from this.

    ``tree`` is the parsed text where the caller has it (flake8); it is never
    changed.  Raises :class:`~flake8_mpglobals.source.SourceError` where the text
    cannot be parsed.
    """
    if tree is None:
        tree = source.parse()
    try:
        return _examine(source, options, tree)
    except RecursionError:
        return _with_deep_stack(lambda: _examine(source, options, tree))


def _examine(source: Source, options: Options, tree: ast.Module) -> Facts:
    catalogue = Catalogue(options.boundaries)
    if not can_dispatch(tree, source.text, catalogue):
        return Facts(source, tree)
    module = lower(source, tree)
    last_resort = "MPG902" in options.codes or may_change_globals(module)
    evaluator = Evaluator(module, catalogue, Oracle(module, options.src) if last_resort else None)
    boundaries = find_boundaries(module, evaluator)
    if not boundaries.sites:
        return Facts(source, tree)
    reach = Reach(module, boundaries, evaluator)
    losses = Losses(module, boundaries, reach, evaluator)
    return Facts(
        source, tree, losses.find(), losses.sites(), losses.unresolved(), losses.in_workers()
    )


def _with_deep_stack(work: Callable[[], Facts]) -> Facts:
    """Run ``work`` with room for a tree that is nested thousands of levels deep.

    Calls between Python functions use no C stack since Python 3.11, so a higher
    limit is safe; it is put back whatever happens.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEEP))
    try:
        return work()
    finally:
        sys.setrecursionlimit(limit)


def check(source: Source, options: Options, tree: ast.Module | None = None) -> tuple[Finding, ...]:
    """Return the findings of one file, sorted, not yet filtered by noqa.

    ``tree`` is the parsed text where the caller has it (flake8); it is never
    changed.  Raises :class:`~flake8_mpglobals.source.SourceError` where the text
    cannot be parsed.
    """
    facts = examine(source, options, tree)
    found = [
        finding for rule in RULES if rule.code in options.codes for finding in rule.check(facts)
    ]
    return tuple(sorted(found, key=lambda finding: finding.sort_key))
