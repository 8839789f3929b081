"""One file from text to findings: the stages in their order.

Temporary front: the stages behind it are being built; the signatures are final.
"""

from __future__ import annotations

import ast

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.options import Options
from flake8_mpglobals.rules import RULES
from flake8_mpglobals.source import Source


def examine(source: Source, options: Options, tree: ast.Module | None = None) -> Facts:
    """Return what is known of one file; rules and fixes both start from this.

    ``tree`` is the parsed text where the caller has it (flake8); it is never
    changed.  Raises :class:`~flake8_mpglobals.source.SourceError` where the text
    cannot be parsed.
    """
    if tree is None:
        tree = source.parse()
    return Facts(source, tree)


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
