"""What a module binds at its top level, and the names that each piece uses, from its bytes.

Parsing and walking a tree costs a hundred times as much, and most modules are only
asked whether something of theirs leads to a process API.  What is seen here errs on
the side of more: a keyword counts as a name, for example.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set

from flake8_mpglobals.imports import Imports, imports_in
from flake8_mpglobals.records import frozen

_TEXT = re.compile(
    rb"""\#[^\n]*+
    |(?<![fFtT\w])[rRbBuU]{0,2}(?:
        \"\"\"(?:[^\\"]++|\\.|"(?!""))*+\"\"\"
        |'''(?:[^\\']++|\\.|'(?!''))*+'''
        |"(?:[^"\\\n]++|\\.)*+"
        |'(?:[^'\\\n]++|\\.)*+'
    )""",
    re.VERBOSE | re.DOTALL,
)
"""Comments and strings; possessive, so that what is not closed costs no more."""
_NAME = re.compile(rb"(?<![\w.])[^\W\d]\w*")
_CHAIN = re.compile(rb"(?<![\w.])[^\W\d]\w*(?:[ \t]*\.[ \t]*\w+)+")
_METHODS = re.compile(rb"^[ \t]+(?:async[ \t]+)?def[ \t]", re.MULTILINE)
_KEPT = re.compile(rb"\bself\.(\w+)[^\n=]*=(?!=)([^\n]*)")
_OF_SELF = re.compile(rb"\bself\.(\w+)")
_TYPES_ONLY = re.compile(
    rb"^([ \t]*)if[ \t(]+(?:\w+\.)?TYPE_CHECKING[ \t)]*:[^\n]*\n(?:(?:\1[ \t]+[^\n]*)?\n)*",
    re.MULTILINE,
)
"""What only a type checker imports."""
_METHOD = re.compile(rb"\.[ \t]*([^\W\d]\w*)")
_DEFINED = re.compile(rb"[ \t]*(?:async[ \t]+def|def|class)[ \t]+(\w+)")
_DECORATED = re.compile(rb"^[ \t]*(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
_ASSIGNED = re.compile(
    rb"[ \t]*((?:[\w \t,*]+|\([\w\s,*]+\)|\[[\w\s,*]+\]))(?::[^=\n]*)?"
    rb"(?:\*\*|//|>>|<<|[-+*/|&^%@])?=(?!=)"
)
_RETURNED = re.compile(rb"\b(?:return|yield)[ \t(]+([^\n]+)")
_PLAIN = re.compile(rb"[\w.]+")
_CALLED = re.compile(rb"(?<![\w.])([^\W\d]\w*)[\w.]*\s*\(")
_BASES = re.compile(rb"\bclass\s+\w+\s*\(([^)]*)\)")
_COMPOUND = re.compile(rb"[ \t]*(?:if|elif|else|try|except|finally)\b")
_GUARD = re.compile(rb"[ \t]*if[ \t(]*__name__[ \t]*==")
_IMPORTING = re.compile(rb"[ \t]*(?:from|import)\b")
_GLOBAL = re.compile(rb"\bglobal[ \t]+([^\n;]+)")
_DEFINITION = re.compile(
    rb"^(?:async[ \t]+def|def|class)[ \t][^\n]*\n(?:[ \t\r#)\]}][^\n]*\n|\n)*", re.MULTILINE
)
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]*(?:\([^)]*\)|[^\n(\\]*)", re.MULTILINE
)


@frozen
class Part:
    """A statement that runs on import: the names that it binds and uses.

    ``calls``: something is called; ``defines``: what it is, if it is a definition.
    ``text`` is the piece without its comments and strings.
    """

    binds: frozenset[str]
    uses: frozenset[str]
    calls: bool
    defines: str
    text: bytes

    def chains(self) -> frozenset[str]:
        """Return all dotted names, from their first name on."""
        return frozenset(
            re.sub(r"\s", "", chain.decode("utf-8", "replace"))
            for chain in set(_CHAIN.findall(self.text))
        )

    def methods(self) -> frozenset[str]:
        """Return all names that stand behind a dot."""
        return methods_in(self.text)

    def sets(self) -> frozenset[str]:
        """Return the names that it binds, in a function that declares them global too."""
        if not self.defines or b"global" not in self.text:
            return self.binds
        declared = (name for names in _GLOBAL.findall(self.text) for name in _NAME.findall(names))
        return self.binds.union(name.decode("utf-8", "replace") for name in declared)

    def bases(self) -> bytes:
        """Return what a class derives from, as text."""
        match = _BASES.search(self.text)
        return match[1] if match else b""

    def called(self) -> set[str]:
        """Return the first names of all that is called."""
        return {name.decode("utf-8", "replace") for name in _CALLED.findall(self.text)}


def gives_back(text: bytes, made: Callable[[bytes], bool]) -> bool:
    """Whether a function gives back what ``made`` says of an expression, or a name for it."""
    for expression in _RETURNED.findall(text):
        if made(expression):
            return True
        name = expression.strip()
        if _PLAIN.fullmatch(name) and any(
            made(line)
            for line in re.findall(
                rb"[^\n]*(?:\b%b\s*(?::[^=\n]*)?=(?!=)|\bas\s+%b\b)[^\n]*"
                % (re.escape(name), re.escape(name)),
                text,
            )
        ):
            return True
    return False


def near_by(part: Part, touched: Set[str]) -> Callable[[bytes], bool]:
    """Return what says of the text of a method of a class whether it can come to what is
    behind the names ``touched``: it names one, or an attribute that one is kept in.

    Where the head of the class names one, that is any method.
    """
    start = _METHODS.search(part.text)
    head = part.text if start is None else part.text[: start.start()]
    if not touched.isdisjoint(names_in(head)):
        return lambda _: True
    kept = {
        line[1] for line in _KEPT.finditer(part.text) if not touched.isdisjoint(names_in(line[2]))
    }

    def near(text: bytes) -> bool:
        if not touched.isdisjoint(names_in(text)):
            return True
        return bool(kept) and not kept.isdisjoint(_OF_SELF.findall(text))

    return near


def names_in(text: bytes) -> frozenset[str]:
    """Return all names, but for those behind a dot."""
    return frozenset(name.decode("utf-8", "replace") for name in set(_NAME.findall(text)))


def methods_in(text: bytes) -> frozenset[str]:
    """Return all names that stand behind a dot."""
    return frozenset(name.decode("utf-8", "replace") for name in set(_METHOD.findall(text)))


def outline(data: bytes) -> tuple[list[Part], Imports]:
    """Return the parts of a module, and its imports without what only looks like one."""
    code = _TEXT.sub(b'""', data)
    if b"TYPE_CHECKING" in code:
        code = _TYPES_ONLY.sub(b"", code)
    return [_part(binds, text) for binds, text in _pieces(code)], imports_in(code)


def loose(data: bytes) -> bytes:
    """Return a module without its definitions and imports, or more than that: a name that
    is not in there stands in none of the other parts.
    """
    return _IMPORT.sub(b"", _DEFINITION.sub(b"", data))


def _part(binds: frozenset[str], text: bytes) -> Part:
    defined = _DEFINED.match(text) or (
        _DECORATED.search(text) if text.lstrip().startswith(b"@") else None
    )
    kind = "" if not defined else "class" if b"class" in defined[0] else "function"
    return Part(
        binds,
        names_in(text),
        b"(" in text,
        kind,
        text,
    )


def _pieces(text: bytes) -> Iterator[tuple[frozenset[str], bytes]]:
    """Yield the statements that run on import, with the names that each binds."""
    indent = _indent(text)
    starts = [
        match.start()
        for match in re.finditer(rb"^%b(?=[^\s)\]}])" % re.escape(indent), text, re.MULTILINE)
    ]
    decorated = -1
    for index, start in enumerate(starts):
        end = starts[index + 1] if index + 1 < len(starts) else len(text)
        piece = text[start:end]
        if decorated >= 0:
            start, decorated = decorated, -1
            piece = text[start:end]
        if piece.lstrip().startswith(b"@") and not _DECORATED.search(piece):
            decorated = start
            continue
        if _IMPORTING.match(piece):
            continue
        defined = _DEFINED.match(piece) or (
            _DECORATED.search(piece) if piece.lstrip().startswith(b"@") else None
        )
        if defined:
            yield frozenset((defined[1].decode("utf-8", "replace"),)), piece
        elif _COMPOUND.match(piece):
            head, _, body = piece.partition(b":")
            if not _GUARD.match(head):
                yield from _pieces(body.lstrip(b"\n") if b"\n" in body else body.lstrip())
        else:
            yield frozenset(_assigned(piece)), piece


def _assigned(piece: bytes) -> Iterator[str]:
    """Yield the names that an assignment binds."""
    position = 0
    while match := _ASSIGNED.match(piece, position):
        for name in _NAME.findall(match[1]):
            yield name.decode("utf-8", "replace")
        position = match.end()


def _indent(text: bytes) -> bytes:
    """Return the blanks before the first line that has more."""
    match = re.search(rb"^([ \t]*)[^\s]", text, re.MULTILINE)
    return match[1] if match else b""
