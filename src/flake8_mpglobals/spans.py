"""Where the things of the intermediate form stand in the text, for people."""

from __future__ import annotations

import ast

from flake8_mpglobals.ir import Module
from flake8_mpglobals.model import Location
from flake8_mpglobals.records import frozen


@frozen
class Span:
    """A stretch of one file: its first character, and where it ends (exclusive)."""

    location: Location
    end_line: int
    end_column: int


def span(module: Module, node: ast.AST) -> Span:
    """Return where ``node`` stands in the text of ``module``."""
    source = module.source
    line = getattr(node, "lineno", 1)
    offset = getattr(node, "col_offset", 0)
    end_line = getattr(node, "end_lineno", None) or line
    end_offset = getattr(node, "end_col_offset", None) or offset
    return Span(
        Location(source.path, line, source.column(line, offset)),
        end_line,
        source.column(end_line, end_offset),
    )
