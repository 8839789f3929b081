"""Which parameters a definition hands to a process API, from its bytes.

What a function *hands over* are the parameters by which a caller can send a callable of
its own: those that it gives to a dispatch, or to what hands them over in turn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Set
from functools import lru_cache

from flake8_mpglobals.outline import Part, near_by
from flake8_mpglobals.records import frozen, replace

_DEF = re.compile(rb"^([ \t]*)(?:async[ \t]+)?def[ \t]+(\w+)[ \t]*(?=\()", re.MULTILINE)
_MARK = re.compile(rb"[()\[\]{},]")
_CALL = re.compile(rb"(\w+)\s*\(")
_GIVEN = re.compile(rb"\s*(?:([^\W\d]\w*)\s*=(?!=))?\s*(\*{0,2})\s*(self\.)?([^\W\d]\w*)\s*")
_PASSED = re.compile(rb"[(,=\[]\s*\*{0,2}([^\W\d]\w*)(?=\s*[,)\]]|\s+for\b)")
_CALLED = re.compile(rb"(?<![\w.])([^\W\d]\w*)\s*\(")
_KEPT = re.compile(rb"\bself\.(\w+)(?:\s*:[^=\n]+)?\s*=(?!=)\s*([^\W\d]\w*)\s*(?:\n|$|or\b|if\b)")
_SENT = re.compile(rb"[(,=\[]\s*\*{0,2}self\.([^\W\d]\w*)(?=\s*[,)\]]|\s+for\b)")
_NUMBER = re.compile(
    rb"(?:n|num|max|number_of|nb)?_?(?:jobs|procs?|process(?:es)?|workers_count|cpus?|cores|threads)"
    rb"|(?:n|num|max|nb)_?workers|chunk_?size|timeout|verbose|verbosity"
)
"""Parameters that say how many or how long: no callable goes by such a name."""
_ANY = b"*"
_SELVES = (b"self", b"cls")
_TARGETS = frozenset((b"target", b"func", b"fn", b"function", b"initializer"))


@frozen
class Slots:
    """The parameters that are handed over: their positions (without ``self``) and names.

    ``every``: whatever is given.  Of a class, ``methods`` are those that hand over
    something, and ``derived``: it sends what a class derived from it can define.
    """

    positions: frozenset[int] = frozenset()
    names: frozenset[bytes] = frozenset()
    every: bool = False
    methods: frozenset[str] = frozenset()
    derived: bool = False

    def plain(self) -> tuple[object, ...]:
        """Return the fields, in their order."""
        return (self.positions, self.names, self.every, self.methods, self.derived)

    def takes(self, position: int, keyword: bytes, starred: bool) -> bool:
        """Whether an argument of a call is handed over."""
        if self.every or (starred and self.names):
            return True
        return keyword in self.names if keyword else position in self.positions

    def joined(self, other: Slots) -> Slots:
        """Return what either hands over."""
        return Slots(
            self.positions | other.positions,
            self.names | other.names,
            self.every or other.every,
            self.methods | other.methods,
            self.derived or other.derived,
        )

    def matters(self, name: str, data: bytes) -> bool:
        """Whether a file that names ``name``, which hands over this, can send by it."""
        if self:
            return True
        if any(b"." + method.encode() in data for method in self.methods):
            return True
        return self.derived and bool(
            re.search(rb"class(?<!\wclass)\s+\w+\s*\([^)]*\b%b\b" % re.escape(name.encode()), data)
        )

    @property
    def spreads(self) -> bool:
        """Whether it is handed over by a call, and not by a method or a subclass alone."""
        return self.every or bool(self.names and not self.methods)

    def __bool__(self) -> bool:
        return self.every or bool(self.names)


EVERY = Slots(every=True)
Known = Mapping[str, Slots]
"""Functions, classes and methods by name, with what each hands over."""


@frozen
class _Body:
    """One function or method: its name, its parameters without ``self``, its text, and the
    names that it calls; ``whole`` is the text with the parameters.
    """

    name: str
    params: tuple[bytes, ...]
    text: bytes
    calls: frozenset[str]
    whole: bytes

    def slots(self, handed: set[bytes]) -> Slots:
        """Return ``handed``, those parameters of it that are handed over."""
        if _ANY in handed:
            return EVERY
        handed = {name for name in handed if not _NUMBER.fullmatch(name)}
        positions = frozenset(
            index for index, name in enumerate(self.params) if name.lstrip(b"*") in handed
        )
        names = frozenset(name.lstrip(b"*") for name in self.params if name.lstrip(b"*") in handed)
        starred = any(self.params[index].startswith(b"*") for index in positions)
        return Slots(positions, names, starred)


def hands_over(
    part: Part,
    senders: frozenset[str],
    known: Known,
    names_api: Callable[[bytes], bool],
    touched: Set[str],
) -> dict[str, Slots]:
    """Return what a definition hands over: under its own name, and for a class also under
    the names of its methods; nothing where nothing is.

    ``senders`` are the names of dispatches, whose first argument is the callable;
    ``known`` what hands over what it is given; a function that ``names_api``, by its
    text, can send a callable in other ways, too.  In a class, ``senders`` counts for those
    methods alone that can have what sends: by one of the names ``touched``, or an attribute
    that such a one is kept in.
    """
    found: dict[str, Slots] = {}
    bodies = _bodies(part.text)
    own = next(iter(part.binds), "")
    if not bodies:
        return found
    if part.defines != "class":
        direct = names_api(part.text)
        given = frozenset() if direct else frozenset(_given(bodies[0], senders, known))
        if slots := bodies[0].slots(_handed(bodies[0], direct, given)):
            found[own] = slots
        return found
    near = near_by(part, touched - part.binds)
    told = [
        (body, direct, frozenset() if direct else frozenset(_given(body, sending, known)))
        for body in bodies
        for direct in (names_api(body.text),)
        for sending in (senders if near(body.whole) else frozenset(),)
    ]
    sent: set[bytes] = set()
    for body, direct, given in told:
        sent |= _sent(body, direct, given)
    for body, direct, given in told:
        kept = (
            {name for attribute, name in _KEPT.findall(body.text) if attribute in sent}
            if sent
            else set()
        )
        handed = _handed(body, direct, given) | (kept & set(body.params))
        if slots := body.slots(handed):
            found[own if body.name == "__init__" else body.name] = slots
    if sent or found:
        methods = frozenset(name for name in found if name != own)
        made = found.get(own, Slots())
        found[own] = replace(made, methods=methods, derived=bool(sent))
    return found


def functions_in(part: Part) -> Iterator[tuple[str, bytes]]:
    """Yield name and text of the function that a part is, or of the methods of the class."""
    for body in _bodies(part.text):
        yield body.name, body.text


@lru_cache(maxsize=500)
def _bodies(text: bytes) -> tuple[_Body, ...]:
    """Return the bodies of a definition: asked again for each number of imports followed."""
    return tuple(_split(text))


def _split(text: bytes) -> Iterator[_Body]:
    """Yield the function that a text is, or the methods of the class that it is."""
    found = list(_DEF.finditer(text))
    if not found:
        return
    indent = min(len(match[1].expandtabs()) for match in found)
    starts = [match for match in found if len(match[1].expandtabs()) == indent]
    for index, match in enumerate(starts):
        end = starts[index + 1].start() if index + 1 < len(starts) else len(text)
        listed, after = _arguments(text, match.end())
        names = [_spelled(each) for each in listed]
        params = [name for name in names if name and name not in (b"/", b"*")]
        if params and params[0] in _SELVES:
            params = params[1:]
        body = text[after:end]
        calls = frozenset(name.decode("utf-8", "replace") for name in set(_CALL.findall(body)))
        name = match[2].decode("utf-8", "replace")
        yield _Body(name, tuple(params), body, calls, text[match.start() : end])


def _arguments(text: bytes, start: int) -> tuple[list[bytes], int]:
    """Return what stands between the brackets that open at ``start``, and where they end."""
    parts: list[bytes] = []
    depth, begin = 0, start + 1
    for mark in _MARK.finditer(text, start):
        kind = mark[0]
        if kind in b"([{":
            depth += 1
        elif kind == b",":
            if depth == 1:
                parts.append(text[begin : mark.start()])
                begin = mark.end()
        else:
            depth -= 1
            if depth == 0:
                last = text[begin : mark.start()]
                if last.strip():
                    parts.append(last)
                return parts, mark.end()
    return parts, len(text)


_Given = frozenset[tuple[bool, bytes]]
"""Names that are given to what hands them over; first whether it is an attribute of ``self``."""


def _handed(body: _Body, direct: bool, known: _Given) -> set[bytes]:
    """Return the parameters of a function that it hands over."""
    if direct:
        given = set(_PASSED.findall(body.text)) | set(_CALLED.findall(body.text))
    else:
        given = {name for kept, name in known if not kept}
    handed = given & {name.lstrip(b"*") for name in body.params}
    if (
        given
        and not handed
        and any(
            given & {_spelled(each).lstrip(b"* ") for each in _arguments(body.text, inner.end())[0]}
            for inner in _DEF.finditer(body.text)
        )
    ):
        # What a decorator makes sends what it decorates.
        return {_ANY}
    return handed


def _spelled(parameter: bytes) -> bytes:
    """Return the name of a parameter with its stars, without annotation and default."""
    return re.split(rb"[:=]", parameter, maxsplit=1)[0].strip()


def _sent(body: _Body, direct: bool, known: _Given) -> set[bytes]:
    """Return the attributes of ``self`` that a method hands over."""
    if direct:
        return set(_SENT.findall(body.text))
    return {name for kept, name in known if kept}


def _given(body: _Body, senders: frozenset[str], known: Known) -> Iterator[tuple[bool, bytes]]:
    """Yield the names that are given to what hands them over; first whether it is
    an attribute of ``self``.
    """
    if senders.isdisjoint(body.calls) and body.calls.isdisjoint(known):
        return
    for call in _CALL.finditer(body.text):
        callee = call[1].decode("utf-8", "replace")
        slots = known.get(callee)
        sends = callee in senders
        if slots is None and not sends:
            continue
        arguments, _ = _arguments(body.text, call.end() - 1)
        for index, argument in enumerate(arguments):
            match = _GIVEN.fullmatch(argument)
            if match is None:
                continue
            keyword, stars = match[1], match[2]
            if (sends and (index == 0 or keyword in _TARGETS)) or (
                slots is not None and slots.takes(index, keyword, bool(stars))
            ):
                yield bool(match[3]), match[4]
