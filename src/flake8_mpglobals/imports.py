"""What a file imports, as its bytes spell it: what is asked of every file first."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import chain

from flake8_mpglobals.records import frozen

_BLANK = r"[ \t\f]*(?:\\\r?\n?[ \t\f]*)*"
_LISTED = rf"{_BLANK}(\([^)]*\)|[^\n\\;#]*(?:\\\r?\n?[^\n\\;#]*)*)"


# Literal beginnings: such a search runs at the speed of memory.
_FROM = re.compile(rf"from(?!\w){_BLANK}(\.*[\w.]*){_BLANK}import(?!\w){_LISTED}".encode()).findall
_IMPORT = re.compile(rf"import(?!\w){_LISTED}".encode()).findall


@frozen
class Imports:
    """What stands in the imports of a file; text in a string may look like one.

    ``froms`` are module (with its dots) and names, ``plain`` what follows ``import``.
    """

    froms: list[tuple[bytes, bytes]]
    plain: list[bytes]

    def text(self) -> bytes:
        """Return all of it, one thing a line."""
        return b"\n".join([*self.plain, *chain.from_iterable(self.froms)])


def imports_in(data: bytes) -> Imports:
    """Return what stands in the imports of a file."""
    froms = _FROM(data)
    every = _IMPORT(data)
    if len(froms) == len(every):
        return Imports(froms, [])
    # What follows "import" in both is the same text, in the same order.
    left = iter(froms)
    listed = next(left, (b"", None))[1]
    plain = []
    for names in every:
        if names == listed:
            listed = next(left, (b"", None))[1]
        else:
            plain.append(names)
    return Imports(froms, plain)


def listed(names: bytes) -> list[tuple[str, str]]:
    """Return what ``from m import …`` or ``import …`` lists, each with its name here or ''."""
    text = re.sub(rb"#[^\n]*", b"", names) if b"#" in names else names
    return [
        (name.decode("utf-8", "replace"), alias.decode("utf-8", "replace"))
        for name, alias in _entries()(text)
    ]


@cache
def _entries() -> Callable[[bytes], list[tuple[bytes, bytes]]]:
    # Compiled when the first import of a project file is met.
    return re.compile(rb"(\w[\w.]*|\*)(?:[ \t]+as[ \t]+(\w+))?").findall
