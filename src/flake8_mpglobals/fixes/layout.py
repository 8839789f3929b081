"""Put whole lines under new headers: indentation, line ends, and nothing else.

A :class:`Sheet` gathers what is to be done to the lines of a file and turns it
into edits.  Lines that begin inside a string are never indented, so no string
changes its value.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from flake8_mpglobals.fixes.edits import Edit, position
from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.width import BLACK, line_length
from flake8_mpglobals.source import Source

_F_START = getattr(tokenize, "FSTRING_START", -1)  # Python 3.12
_SHORTEST_LIMIT = 79
_F_END = getattr(tokenize, "FSTRING_END", -1)


@dataclass(frozen=True, slots=True)
class Wrap:
    """Indent the lines ``first`` to ``last`` once, under ``header``, before ``footer``.

    The lines of header and footer are relative to the block that is wrapped: a
    line that begins with one tab goes one level deeper.
    """

    first: int
    last: int
    header: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()


class Sheet:
    """The changes to the lines of one file.  Wraps are given from the outside in."""

    def __init__(self, module: Module) -> None:
        self._source = module.source
        self._tokens = _tokens(module.source)
        self._newline = newline(module.source)
        self._unit = _unit(self._tokens)
        self._told = line_length(module.source.path)
        self._wraps: list[Wrap] = []
        self._before: dict[int, list[str]] = defaultdict(list)
        self._after: dict[int, list[str]] = defaultdict(list)

    @property
    def unit(self) -> str:
        """One level of indentation."""
        return self._unit

    @property
    def limit(self) -> int:
        """How long a line may get: up to here black joins what is spread without need."""
        return self._told or BLACK

    @property
    def held(self) -> frozenset[int]:
        """The lines that begin inside of a string."""
        return _inside_strings(self._tokens)

    def wrap(self, wrap: Wrap) -> None:
        """Add a wrap; it must hold whole statements (see :meth:`lines`).

        The comments at the end of the block that the last of them ends go with it.
        """
        self._wraps.append(replace(wrap, last=self._with_comments(wrap)))

    def _with_comments(self, wrap: Wrap) -> int:
        """Return the last line of a wrap, or of the comments behind it that stand deeper."""
        base = len(self._indent(wrap.first).expandtabs())
        last = wrap.last
        for number, text in enumerate(self._source.lines[last:], last + 1):
            body = text.lstrip()
            if not body:
                continue
            if body[0] != "#" or len(self._indent(number).expandtabs()) <= base:
                break
            last = number
        return last

    def before(self, line: int, *texts: str) -> None:
        """Insert lines before ``line``, as deep as that line is."""
        self._before[line].extend(texts)

    def after(self, line: int, *texts: str) -> None:
        """Insert lines behind ``line``, as deep as its statement is."""
        self._after[line].extend(texts)

    def lines(self, statements: Sequence[ast.stmt]) -> tuple[int, int]:
        """Return the first and last line of statements that stand on lines of their own.

        Raises :class:`CannotFix` where they share a line with something else.
        """
        first, last = first_line(statements[0]), statements[-1].end_lineno
        assert last is not None
        source = self._source
        head = source.lines[first - 1][: _column(source, statements[0])]
        tail = source.lines[last - 1][_end_column(source, statements[-1]) :].strip()
        if head.strip() or (tail and not tail.startswith("#")):
            raise CannotFix(f"line {first} holds more than one statement: put each on its own line")
        return first, last

    def deepen(self, edit: Edit) -> Edit:
        """Return an edit with its new lines as deep as the line where it begins will be."""
        if self._newline not in edit.text:
            return edit
        line, _ = position(self._source, edit.start)
        depth = sum(wrap.first <= line <= wrap.last for wrap in self._wraps)
        text = edit.text.replace(self._newline, self._newline + self._unit * depth)
        return Edit(edit.start, edit.end, text)

    def room(self, line: int, *, joins: bool = False) -> int:
        """Return how much longer a line can get, once it is indented.

        Where no settings give a limit, it is that of the longest line there is, but no
        longer than black's; with ``joins`` it is that, since black would join the parts.
        """
        limit = self.limit
        if self._told is None and not joins:
            longest = max(len(text) for text in self._source.lines)
            limit = min(max(longest, _SHORTEST_LIMIT), BLACK)
        depth = sum(wrap.first <= line <= wrap.last for wrap in self._wraps)
        return (
            limit
            - len(self._source.lines[line - 1].expandtabs(4))
            - depth * len(self._unit.expandtabs(4))
        )

    def edits(self) -> Iterator[Edit]:
        """Yield the edits: one at the start or the end of each line concerned."""
        held = _inside_strings(self._tokens)
        depths: dict[int, int] = defaultdict(int)
        heads: dict[int, str] = defaultdict(str)
        tails: dict[int, str] = defaultdict(str)
        for wrap in self._wraps:
            base = self._indent(wrap.first) + self._unit * depths[wrap.first]
            heads[wrap.first] += "".join(self._line(base, one) for one in wrap.header)
            footer = "".join(self._newline + self._set(base, one) for one in wrap.footer)
            tails[wrap.last] = footer + tails[wrap.last]
            for line in range(wrap.first, wrap.last + 1):
                depths[line] += 1
        for line, texts in self._before.items():
            base = self._indent(line) + self._unit * depths[line]
            heads[line] += "".join(self._line(base, one) for one in texts)
        for line, texts in self._after.items():
            base = self._indent(self._logical(line)) + self._unit * depths[line]
            added = "".join(self._newline + self._set(base, one) for one in texts)
            tails[line] = added + tails[line]
        for line in sorted({*depths, *heads, *tails}):
            yield from self._at(line, heads[line], depths[line], tails[line], line in held)

    def _at(self, line: int, head: str, depth: int, tail: str, held: bool) -> Iterator[Edit]:
        text = self._source.lines[line - 1]
        start = self._source.starts[line - 1]
        if held and head:
            raise CannotFix(f"line {line} begins inside a string")
        indent = "" if held or not text.strip() else self._unit * depth
        if head or indent:
            yield Edit(start, start, head + indent)
        if tail:
            yield Edit(start + len(text), start + len(text), tail)

    def _line(self, base: str, text: str) -> str:
        return self._set(base, text) + self._newline

    def _set(self, base: str, text: str) -> str:
        body = text.lstrip("\t")
        return base + self._unit * (len(text) - len(body)) + body

    def _indent(self, line: int) -> str:
        text = self._source.lines[line - 1]
        return text[: len(text) - len(text.lstrip(" \t\f"))]

    def _logical(self, line: int) -> int:
        """Return the first line of the statement that ends at ``line``."""
        first = line
        for token in self._tokens:
            if token.type == tokenize.NEWLINE:
                if token.start[0] >= line:
                    return first
                first = 0
            elif first == 0 and token.type not in _LAYOUT:
                first = token.start[0]
        return line


_LAYOUT = (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)


def first_line(statement: ast.stmt) -> int:
    """Return the line on which a statement begins, decorators included."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min((statement.lineno, *(one.lineno for one in decorators)))


def newline(source: Source) -> str:
    """Return the line end that the file uses first (a line feed if it has none)."""
    if len(source.starts) < 2:
        return "\n"
    return source.text[len(source.lines[0]) : source.starts[1]]


def quote(module: Module) -> str:
    """Return the quotation mark in which the file puts most of its strings."""
    marks = Counter(
        token.string.lstrip("rRbBuUfF")[:1]
        for token in _tokens(module.source)
        if token.type in (tokenize.STRING, _F_START)
    )
    return "'" if marks["'"] > marks['"'] else '"'


def unit(module: Module) -> str:
    """Return one level of indentation of the file."""
    return unit_of(module.source)


def unit_of(source: Source) -> str:
    """Return one level of indentation of a text."""
    return _unit(_tokens(source))


def spread(module: Module, call: ast.Call, *, together: bool = False) -> tuple[Edit, ...]:
    """Return the edits that give what is around ``call`` a line for each part.

    That is a comprehension or display of which it is an item, or another call of which it is
    the one argument; nothing, where it is neither or does not stand on one line.
    ``together``: the parts of a comprehension fit into one line of their own.
    """
    parent = module.parents[call]
    match parent:
        case ast.ListComp(elt=elt, generators=parts) if elt is call:
            opening, first = module.start(parent) + 1, module.start(call)
        case ast.DictComp(key=key, value=value, generators=parts) if value is call:
            opening, first = module.start(parent) + 1, module.start(key)
        case ast.List(elts=[_, _, *_] as elts) if parent.lineno == parent.end_lineno:
            return _one_each(module, parent, [(one, one) for one in elts])
        case ast.Dict(keys=keys, values=[_, _, *_] as values) if (
            parent.lineno == parent.end_lineno and None not in keys
        ):
            return _one_each(module, parent, list(zip(keys, values, strict=True)))
        case ast.Call(args=[only], keywords=[]) if only is call:
            parts, opening, first = [], module.start(call), module.start(call)
        case _:
            return ()
    if parent.lineno != parent.end_lineno:
        return ()
    source = module.source
    text = source.lines[call.lineno - 1]
    outer = newline(source) + text[: len(text) - len(text.lstrip())]
    inner = outer + _unit(_tokens(source))
    edits = [Edit(opening, first, inner)]
    end = module.end(call)
    for part in () if together else parts:
        start = source.text.rindex("for", end, module.start(part.target))
        edits.append(Edit(end, start, inner))
        end = module.end(part.ifs[-1] if part.ifs else part.iter)
    close = module.end(parent) - 1
    edits.append(Edit(close, close, outer))
    return tuple(edits)


def _one_each(
    module: Module, display: ast.expr, items: Sequence[tuple[ast.expr | None, ast.expr]]
) -> tuple[Edit, ...]:
    """Return the edits that give each item of a display a line, from its first to its second."""
    source = module.source
    text = source.lines[display.lineno - 1]
    outer = newline(source) + text[: len(text) - len(text.lstrip())]
    inner = outer + _unit(_tokens(source))
    at, close = module.start(display) + 1, module.end(display) - 1
    edits: list[Edit] = []
    for first, last in items:
        assert first is not None
        edits.append(Edit(at, module.start(first), f",{inner}" if edits else inner))
        at = module.end(last)
    return (*edits, Edit(at, close, f",{outer}"))


def indented(module: Module, lines: Sequence[str]) -> str:
    """Return lines at module level as one text, tabs being levels, without a last line end."""
    unit = _unit(_tokens(module.source))
    end = newline(module.source)
    return end.join(
        unit * (len(line) - len(line.lstrip("\t"))) + line.lstrip("\t") for line in lines
    )


def _tokens(source: Source) -> list[tokenize.TokenInfo]:
    text = "\n".join(source.lines)
    try:
        return list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):  # pragma: no cover - the file was parsed
        raise CannotFix("the layout of this file could not be read") from None


def _unit(tokens: Sequence[tokenize.TokenInfo]) -> str:
    """Return one level of indentation: that of the first indented block."""
    for token in tokens:
        if token.type == tokenize.INDENT:
            return token.string
    return "    "


def _inside_strings(tokens: Sequence[tokenize.TokenInfo]) -> frozenset[int]:
    """Return the lines whose first character belongs to a string."""
    held: set[int] = set()
    open_at: list[int] = []
    for token in tokens:
        if token.type == tokenize.STRING:
            held.update(range(token.start[0] + 1, token.end[0] + 1))
        elif token.type == _F_START:
            open_at.append(token.start[0])
        elif token.type == _F_END and open_at:
            held.update(range(open_at.pop() + 1, token.end[0] + 1))
    return frozenset(held)


def _column(source: Source, node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    if decorators:
        return 0
    return source.column(node.lineno, node.col_offset) - 1


def _end_column(source: Source, node: ast.stmt) -> int:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return source.column(node.end_lineno, node.end_col_offset) - 1
