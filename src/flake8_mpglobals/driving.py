"""Library classes whose methods call methods that a derived class of the project defines."""

from __future__ import annotations

from collections.abc import Iterable

Calls = dict[str, tuple[str, ...]]
"""By method called, the methods that this calls, ``*`` for any ending."""

_VISITED = ("visit_*", "generic_visit")
_VISITOR: Calls = {"visit": _VISITED, "generic_visit": _VISITED}
_PARSED = ("handle_*", "unknown_decl")
_PARSER: Calls = {"feed": _PARSED, "close": _PARSED}
_ITEMS = ("__iter__", "__getitem__")
_MAPPING: Calls = {
    "get": ("__getitem__",),
    "items": _ITEMS,
    "values": _ITEMS,
    "keys": ("__iter__",),
}
_CHANGING: Calls = {
    **_MAPPING,
    "update": ("__setitem__",),
    "setdefault": ("__getitem__", "__setitem__"),
    "pop": ("__getitem__", "__delitem__"),
    "popitem": (*_ITEMS, "__delitem__"),
    "clear": (*_ITEMS, "__delitem__"),
}
_SEQUENCE: Calls = {
    "append": ("insert", "__len__"),
    "extend": ("insert", "__len__"),
    "reverse": ("__setitem__", "__getitem__", "__len__"),
    "pop": ("__getitem__", "__delitem__"),
    "remove": ("__getitem__", "__delitem__"),
    "clear": ("__getitem__", "__delitem__"),
    "index": ("__getitem__",),
    "count": ("__getitem__",),
}
_SET: Calls = {
    "remove": ("__contains__", "discard"),
    "pop": ("__iter__", "discard"),
    "clear": ("__iter__", "discard"),
}

DRIVES: dict[str, Calls] = {
    "ast.NodeVisitor": _VISITOR,
    "ast.NodeTransformer": _VISITOR,
    "html.parser.HTMLParser": _PARSER,
    "collections.UserDict": _CHANGING,
    "collections.abc.Mapping": _MAPPING,
    "collections.abc.MutableMapping": _CHANGING,
    "collections.abc.MutableSequence": _SEQUENCE,
    "collections.abc.MutableSet": _SET,
    **{
        f"typing.{name}": methods
        for name, methods in (
            ("Mapping", _MAPPING),
            ("MutableMapping", _CHANGING),
            ("MutableSequence", _SEQUENCE),
            ("MutableSet", _SET),
        )
    },
}
"""What the methods of a base class call."""

DRIVERS = frozenset(name for methods in DRIVES.values() for name in methods)
"""The names of all methods that call others."""


def driven(base: str, method: str, defined: Iterable[str]) -> list[str]:
    """Return which of the methods ``defined`` the method of a library class calls."""
    wanted = DRIVES.get(base, {}).get(method, ())
    exact = {name for name in wanted if not name.endswith("*")}
    starts = tuple(name[:-1] for name in wanted if name.endswith("*"))
    if not wanted:
        return []
    return [n for n in defined if n in exact or (starts and n.startswith(starts))]
