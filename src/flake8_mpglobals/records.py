"""Classes that are all fields: as ``dataclasses`` makes them, in a fifth of the time.

A frozen dataclass takes a third of a millisecond to make, and more than a hundred of
them are made before the first file is looked at: they took as long as everything else
together.  Here all methods of a class are compiled at once.  Frozen is what mypy
enforces; at run time nothing stands in the way, so that values are made as quickly as
plain ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform, overload

_Made = TypeVar("_Made")
_Type = TypeVar("_Type", bound=type)
_MISSING: Any = object()
_LATER: Any = object()


class _Field:
    """What a class body says of a field besides its type."""

    __slots__ = ("compare", "default", "default_factory", "init")

    def __init__(
        self, default: Any, default_factory: Callable[[], Any] | None, init: bool, compare: bool
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.init = init
        self.compare = compare


def field(
    *,
    default: Any = _MISSING,
    default_factory: Callable[[], Any] | None = None,
    init: bool = True,
    compare: bool = True,
) -> Any:
    """Say of a field what its annotation does not, as ``dataclasses.field`` does.

    Not ``init``: it is no argument, and is set later.  Not ``compare``: it takes no part
    in equality, order and hash.
    """
    return _Field(default, default_factory, init, compare)


@overload
def frozen(cls: _Type, /) -> _Type: ...
@overload
def frozen(
    *, eq: bool = True, order: bool = False, keep_hash: bool = False
) -> Callable[[_Type], _Type]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(
    cls: _Type | None = None, /, *, eq: bool = True, order: bool = False, keep_hash: bool = False
) -> _Type | Callable[[_Type], _Type]:
    """Make a class of values: with slots, equal and hashed by their fields.

    ``eq`` false: by identity.  ``keep_hash``: the hash is found once, for values that
    nest and are looked up all the time.
    """
    if cls is not None:
        return _made(cls, eq=True)
    return lambda cls: _made(cls, eq=eq, hashed=eq, order=order, keep_hash=keep_hash)


@overload
def mutable(cls: _Type, /) -> _Type: ...
@overload
def mutable(*, eq: bool = True) -> Callable[[_Type], _Type]: ...
@dataclass_transform(frozen_default=False, field_specifiers=(field,))
def mutable(cls: _Type | None = None, /, *, eq: bool = True) -> _Type | Callable[[_Type], _Type]:
    """Make a class whose fields may change: with slots; no hash where equal by its fields.

    ``eq`` false: equal and hashed by identity.
    """
    if cls is not None:
        return _made(cls, eq=True, hashed=False)
    return lambda cls: _made(cls, eq=eq, hashed=False)


def replace(record: _Made, /, **changes: Any) -> _Made:
    """Return a record with other values in some of its fields."""
    names = fields(type(record))
    kept = {name: getattr(record, name) for name in names if name not in changes}
    return type(record)(**kept, **changes)


def fields(cls: type) -> tuple[str, ...]:
    """Return the names of the fields that make a record, in their order."""
    names: tuple[str, ...] = cls.__match_args__  # type: ignore[attr-defined]
    return names


def plain(value: Any) -> Any:
    """Return a record as a tuple of its fields, the records inside it too."""
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    cls = type(value)
    if getattr(cls, "__repr__", None) is _repr:
        return tuple(plain(getattr(value, name)) for name in fields(cls))
    return value


def _made(
    cls: _Type, *, eq: bool, hashed: bool = True, order: bool = False, keep_hash: bool = False
) -> _Type:
    """Return the class with slots for its fields, and with the methods that fields need."""
    names = tuple(cls.__annotations__)
    body = {
        name: value
        for name, value in cls.__dict__.items()
        if name not in ("__dict__", "__weakref__")
    }
    known: dict[str, Any] = {"LATER": _LATER}
    arguments, compared, lines = [], [], []
    for name in names:
        given = body.pop(name, _MISSING)
        said = given if isinstance(given, _Field) else _Field(given, None, True, True)
        if said.compare:
            compared.append(name)
        value = name
        if said.default_factory is not None:
            known[f"make_{name}"] = said.default_factory
            value = f"make_{name}() if {name} is LATER else {name}"
            arguments.append(f"{name}=LATER")
        elif said.default is not _MISSING:
            known[f"default_{name}"] = said.default
            arguments.append(f"{name}=default_{name}")
        elif said.init:
            arguments.append(name)
        if said.init:
            lines.append(f"  self.{name} = {value}")
    key = "({})".format("".join(f"self.{name}, " for name in compared))
    if keep_hash:
        lines.append(f"  self.known_hash = hash(({cls.__name__!r}, *{key}))")
    lines.insert(0, f"def __init__({', '.join(('self', *arguments))}):")
    lines.append("  pass")
    if eq:
        other = key.replace("self.", "other.")
        lines += ["def __eq__(self, other):"]
        lines += ["  if self is other: return True"]
        lines += ["  if other.__class__ is not self.__class__: return NotImplemented"]
        lines += [f"  return {key} == {other}"]
        for method, sign in _ORDER.items() if order else ():
            lines += [f"def {method}(self, other):"]
            lines += ["  if other.__class__ is not self.__class__: return NotImplemented"]
            lines += [f"  return {key} {sign} {other}"]
        if not hashed:
            body["__hash__"] = None
        elif "__hash__" not in cls.__dict__:
            lines += ["def __hash__(self):"]
            lines += ["  return self.known_hash" if keep_hash else f"  return hash({key})"]
    made: dict[str, Any] = {}
    exec("\n".join(lines), known, made)
    body |= made
    body.setdefault("__repr__", _repr)
    body["__reduce__"] = _reduce
    body["__slots__"] = (*names, "known_hash") if keep_hash else names
    body["__match_args__"] = tuple(one.partition("=")[0] for one in arguments)
    new: _Type = type(cls)(cls.__name__, cls.__bases__, body)
    return new


_ORDER = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}


def _repr(self: Any) -> str:
    named = ", ".join(f"{name}={getattr(self, name)!r}" for name in fields(type(self)))
    return f"{type(self).__qualname__}({named})"


def _reduce(self: Any) -> tuple[type, tuple[Any, ...]]:
    return type(self), tuple(getattr(self, name) for name in fields(type(self)))
