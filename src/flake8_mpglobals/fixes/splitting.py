"""Split lines that a fix makes too long, as black and ``ruff format`` split them.

Only what both split in one plain way is split: the last bracket of a line, whose content
goes to one line of its own, or to one for each part.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import pairwise

from flake8_mpglobals.fixes.edits import Edit, apply
from flake8_mpglobals.fixes.layout import newline, unit_of
from flake8_mpglobals.source import Source, SourceError

_TAILS = ("", ",", ":")
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DISPLAYS = (ast.List, ast.Tuple, ast.Set, ast.Dict)
_BRACKETED = (ast.Call, *_DISPLAYS, *_COMPREHENSIONS)
_MOST = 3

Part = tuple[int, int]
"""Where a part of a bracket's content begins and ends, in characters of the text."""


def split(source: Source, edits: Sequence[Edit], limit: int) -> tuple[Edit, ...]:
    """Return edits with the same result but for lines that got longer than ``limit``."""
    current = tuple(edits)
    old = {text.strip() for text in source.lines if len(text.expandtabs(4)) > limit}
    for _ in range(_MOST):
        text = apply(source.text, current)
        if max((len(line) for line in text.splitlines()), default=0) <= limit:
            break
        after = Source.from_text(source.path, text, source.encoding)
        try:
            wanted = list(_splits(after, old, limit))
        except (SourceError, RecursionError):
            break
        composed = _compose(current, wanted)
        if not wanted or composed is None:
            break
        current = composed
    return current


def _splits(source: Source, old: set[str], limit: int) -> Iterator[Edit]:
    """Yield the edits that split lines of a text, those that are not among ``old``."""
    long = {
        number
        for number, text in enumerate(source.lines, 1)
        if len(text.expandtabs(4)) > limit and text.strip() not in old
    }
    if not long:
        return
    outermost: dict[int, ast.expr] = {}
    for node in ast.walk(source.parse()):
        if isinstance(node, ast.FunctionDef) and node.lineno in long:
            yield from _header(source, node, limit)
        if isinstance(node, _BRACKETED) and node.lineno in long and _ends(source, node):
            known = outermost.get(node.lineno)
            if known is None or _width(node) > _width(known):
                outermost[node.lineno] = node
    for node in outermost.values():
        yield from _opened(source, node, limit)


def _width(node: ast.expr) -> int:
    return (node.end_col_offset or 0) - node.col_offset


def _ends(source: Source, node: ast.expr) -> bool:
    """Whether a bracket stands on one line, at its end and as its only one."""
    if node.lineno != node.end_lineno:
        return False
    text = source.lines[node.lineno - 1]
    end = source.column(node.lineno, node.end_col_offset or 0) - 1
    if text[end:] not in _TAILS:
        return False
    opening = _opening(source, node)
    if opening is None:
        return False
    head = text[: opening - source.starts[node.lineno - 1]]
    if head.lstrip().startswith("for "):
        head = head.partition(" in ")[2]
    return not any(mark in head for mark in "()[]{}#")


def _opening(source: Source, node: ast.expr) -> int | None:
    """Return the offset of the bracket that a node opens."""
    if isinstance(node, ast.Call):
        func = node.func
        at = source.offset(func.end_lineno or 0, func.end_col_offset or 0)
        return at if source.text[at] == "(" else None
    at = source.offset(node.lineno, node.col_offset)
    return at if source.text[at] in "([{" else None


def _opened(source: Source, node: ast.expr, limit: int) -> Iterator[Edit]:
    text = source.text
    opening = _opening(source, node)
    parts = list(_parts(source, node))
    assert opening is not None
    close = source.offset(node.end_lineno or 0, node.end_col_offset or 0) - 1
    if not parts or parts[0][0] != opening + 1 or parts[-1][1] != close:
        return
    line = source.lines[node.lineno - 1]
    indent = line[: len(line) - len(line.lstrip())]
    end = newline(source)
    outer = end + indent
    inner = outer + unit_of(source)
    commas = not isinstance(node, _COMPREHENSIONS) and not _generates(node)
    gaps = [(before[1], after[0]) for before, after in pairwise(parts)]
    if any(text[start:stop] != (", " if commas else " ") for start, stop in gaps):
        return
    width = len(inner.lstrip("\r\n").expandtabs(4)) + close - opening - 1
    # A display of several items never shares a line among them.
    each = width > limit or (isinstance(node, _DISPLAYS) and len(parts) > 1)
    yield Edit(opening + 1, opening + 1, inner)
    if each:
        for start, stop in gaps:
            yield Edit(start, stop, ("," if commas else "") + inner)
    trailing = "," if each and commas and len(parts) > 1 else ""
    yield Edit(close, close, trailing + outer)


def _generates(node: ast.expr) -> bool:
    """Whether a call has one argument, a generator without brackets of its own."""
    match node:
        case ast.Call(args=[ast.GeneratorExp() as only], keywords=[]):
            return (only.end_lineno, only.end_col_offset) == (node.end_lineno, node.end_col_offset)
    return False


def _header(source: Source, function: ast.FunctionDef, limit: int) -> Iterator[Edit]:
    """Yield the edits that split the parameters of a function of one line."""
    line = source.lines[function.lineno - 1]
    begin = source.starts[function.lineno - 1]
    opening, close = line.find("("), line.rfind(")")
    if opening < 0 or line[close + 1 : close + 2] not in (":", " ") or not line.endswith(":"):
        return
    if "#" in line or '"' in line or "'" in line or "->" in line[:close]:
        return
    gaps = [n for n in range(opening + 1, close) if line.startswith(", ", n)]
    gaps = [n for n in gaps if _depth(line[opening + 1 : n]) == 0]
    outer = newline(source) + line[: len(line) - len(line.lstrip())]
    inner = outer + unit_of(source)
    each = len(inner.lstrip("\r\n").expandtabs(4)) + close - opening - 1 > limit
    yield Edit(begin + opening + 1, begin + opening + 1, inner)
    for n in gaps if each else ():
        yield Edit(begin + n, begin + n + 2, "," + inner)
    yield Edit(begin + close, begin + close, ("," if each else "") + outer)


def _depth(text: str) -> int:
    return sum(text.count(one) for one in "([{") - sum(text.count(one) for one in ")]}")


def _parts(source: Source, node: ast.expr) -> Iterator[Part]:
    """Yield the parts of a bracket's content, each of which may get a line."""
    match node:
        case ast.Call(args=[ast.GeneratorExp() as only]) if _generates(node):
            yield _span(source, only.elt)
            yield from _clauses(source, only)
        case ast.Call(args=args, keywords=keywords):
            given: list[ast.expr | ast.keyword] = [*args, *keywords]
            yield from sorted(_span(source, one) for one in given)
        case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
            yield from (_span(source, one) for one in elts)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if key is not None:
                    yield _span(source, key)[0], _span(source, value)[1]
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            yield _span(source, node.elt)
            yield from _clauses(source, node)
        case ast.DictComp():
            yield _span(source, node.key)[0], _span(source, node.value)[1]
            yield from _clauses(source, node)


def _clauses(
    source: Source, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
) -> Iterator[Part]:
    for one in node.generators:
        start, _ = _span(source, one.target)
        begin = source.text.rindex("async for" if one.is_async else "for", 0, start)
        yield begin, _span(source, one.iter)[1]
        for test in one.ifs:
            start, end = _span(source, test)
            yield source.text.rindex("if", 0, start), end


def _span(source: Source, node: ast.expr | ast.keyword) -> Part:
    return (
        source.offset(node.lineno, node.col_offset),
        source.offset(node.end_lineno or 0, node.end_col_offset or 0),
    )


def _compose(first: Sequence[Edit], second: Sequence[Edit]) -> tuple[Edit, ...] | None:
    """Return edits that do what ``first`` and then ``second`` do; None where they interlock."""
    shift = 0
    spans: list[tuple[int, int]] = []
    texts: list[str] = []
    ordered = sorted(first)
    for edit in ordered:
        start = edit.start + shift
        spans.append((start, start + len(edit.text)))
        texts.append(edit.text)
        shift += len(edit.text) - (edit.end - edit.start)
    free: list[Edit] = []
    for edit in sorted(second, reverse=True):
        place = next(
            (n for n, (start, end) in enumerate(spans) if start <= edit.start and edit.end <= end),
            None,
        )
        if place is not None:
            start = spans[place][0]
            text = texts[place]
            texts[place] = text[: edit.start - start] + edit.text + text[edit.end - start :]
            continue
        if any(start < edit.end and edit.start < end for start, end in spans):
            return None
        moved = sum(
            len(one.text) - (one.end - one.start)
            for one, (_, end) in zip(ordered, spans, strict=True)
            if end <= edit.start
        )
        free.append(Edit(edit.start - moved, edit.end - moved, edit.text))
    own = [Edit(one.start, one.end, text) for one, text in zip(ordered, texts, strict=True)]
    return tuple(sorted([*own, *free]))
