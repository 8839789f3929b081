"""Which functions and methods of a module can come to a process API, from its bytes.

A name is *touched* as soon as something behind it leads there; what is entered when it
is used is another question.  Of a class with a hundred methods, of which one starts
processes, only that one, and those that may call it, are worth following.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from flake8_mpglobals.offers import is_special
from flake8_mpglobals.outline import Part, methods_in

_DEF = re.compile(rb"^([ \t]*)(?:async[ \t]+)?def[ \t]+(\w+)", re.MULTILINE)
_DECORATOR = re.compile(rb"[ \t]*@")
_NAME = re.compile(rb"(?<![\w.])[^\W\d]\w*")


class Unit:
    """What is entered as one: a statement, a function, a method, the head of a class.

    ``made``: it is entered wherever the names that it ``binds`` are used; a method is not,
    and binds ``Class.method``.  ``within`` is the class that it is in, or ''.
    """

    __slots__ = ("binds", "made", "methods", "text", "uses", "within")

    def __init__(self, binds: Iterable[str], text: bytes, made: bool, within: str = "") -> None:
        self.binds = frozenset(binds)
        self.text = text
        self.made = made
        self.within = within
        names = {name.decode("utf-8", "replace") for name in set(_NAME.findall(text))}
        self.uses = frozenset(names - self.binds)
        self.methods = methods_in(text)


def units(part: Part) -> tuple[Unit, ...]:
    """Return the units of a part."""
    if part.defines != "class":
        return (Unit(part.sets(), part.text, True),)
    return tuple(_of_class(part))


def _of_class(part: Part) -> Iterator[Unit]:
    own = next(iter(part.binds))
    text = part.text
    found = list(_DEF.finditer(text))
    if found:
        indent = min(len(match[1].expandtabs()) for match in found)
        found = [match for match in found if len(match[1].expandtabs()) == indent]
    starts = [_decorated(text, match.start()) for match in found]
    yield Unit(part.sets(), text[: starts[0]] if starts else text, True, own)
    for index, match in enumerate(found):
        body = text[starts[index] : starts[index + 1] if index + 1 < len(starts) else len(text)]
        name = match[2].decode("utf-8", "replace")
        if is_special(name):
            yield Unit((own,), body, True, own)
        else:
            yield Unit((f"{own}.{name}",), body, False, own)


def _decorated(text: bytes, start: int) -> int:
    """Return where the decorators begin of what is defined at ``start``."""
    while start:
        before = text.rfind(b"\n", 0, start - 1) + 1
        if not _DECORATOR.match(text, before, start):
            break
        start = before
    return start


def find_leads(
    waiting: Iterable[Unit],
    names: Iterable[str],
    methods: Iterable[str],
    chains: Iterable[str],
    starts: Callable[[Unit], bool],
) -> frozenset[str]:
    """Return the names, and methods as ``Class.method``, whose use can come to a process API.

    ``names`` are those from elsewhere of which that is so, ``methods`` those of objects,
    ``chains`` dotted ones; ``starts`` says whether a unit uses an API itself.
    """
    found = set(names)
    last = set(methods)
    heads = {unit.within for unit in waiting if unit.within and unit.made and starts(unit)}
    dotted = [chain.encode() for chain in chains]
    left = list(waiting)
    changed = True
    while changed:
        changed = False
        rest: list[Unit] = []
        for unit in left:
            if (
                unit.within in heads
                or starts(unit)
                or not unit.uses.isdisjoint(found)
                or not unit.methods.isdisjoint(last)
                or any(chain in unit.text for chain in dotted)
            ):
                found |= unit.binds
                if not unit.made:
                    last.update(name.rpartition(".")[2] for name in unit.binds)
                changed = True
            else:
                rest.append(unit)
        left = rest
    return frozenset(found)
