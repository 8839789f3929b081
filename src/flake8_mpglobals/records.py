"""Classes that are all fields: as ``dataclasses`` makes them, in a fifth of the time.

A frozen dataclass takes a third of a millisecond to make, and more than a hundred of
them are made before the first file is looked at: they took as long as everything else
together.  Here all methods of a class are compiled at once.  A value is made faster,
too: its fields are set by the setters of their slots.
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
        return _made(cls, guarded=True)
    return lambda cls: _made(cls, guarded=True, eq=eq, order=order, keep_hash=keep_hash)


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
        return _made(cls, guarded=False)
    return lambda cls: _made(cls, guarded=False, eq=eq)


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
    cls: _Type, *, guarded: bool, eq: bool = True, order: bool = False, keep_hash: bool = False
) -> _Type:
    """Return the class with slots for its fields, and with the methods that fields need.

    ``guarded``: fields are set once, by the setters of their slots.
    """
    names = tuple(cls.__annotations__)
    body = {
        name: value
        for name, value in cls.__dict__.items()
        if name not in ("__dict__", "__weakref__")
    }
    said = {name: _said(body.pop(name, _MISSING)) for name in names}
    compared = [name for name in names if said[name].compare]
    known: dict[str, Any] = {"LATER": _LATER}
    lines, arguments = _init(said, known, guarded)
    if keep_hash:
        lines.append(f"  set_known_hash(self, hash({_key('', compared, cls.__name__)}))")
    own, other = _key("self.", compared), _key("other.", compared)
    signs = ({"__eq__": "=="} if eq else {}) | (_ORDER if order else {})
    for method, sign in signs.items():
        lines += [f"def {method}(self, other):"]
        lines += ["  if self is other: return True"] if method == "__eq__" else []
        lines += ["  if other.__class__ is not self.__class__: return NotImplemented"]
        lines += [f"  return {own} {sign} {other}"]
    if eq and not guarded:
        body["__hash__"] = None
    elif eq:
        lines += ["def __hash__(self):"]
        lines += ["  return self.known_hash" if keep_hash else f"  return hash({own})"]
    methods: dict[str, Any] = {}
    exec("\n".join(lines), known, methods)
    body |= methods
    body.setdefault("__repr__", _repr)
    body["__reduce__"] = _reduce
    if guarded:
        body["__setattr__"] = body["__delattr__"] = _refuse
    body["__slots__"] = slots = (*names, "known_hash") if keep_hash else names
    body["__match_args__"] = arguments
    new: _Type = type(cls)(cls.__name__, cls.__bases__, body)
    if guarded:
        known.update((f"set_{name}", new.__dict__[name].__set__) for name in slots)
    return new


def _said(given: Any) -> _Field:
    return given if isinstance(given, _Field) else _Field(given, None, True, True)


def _init(
    said: dict[str, _Field], known: dict[str, Any], guarded: bool
) -> tuple[list[str], tuple[str, ...]]:
    """Return the lines of ``__init__`` and the names of its arguments.

    What the lines need is added to ``known``.
    """
    setting = "  set_{0}(self, {1})" if guarded else "  self.{0} = {1}"
    arguments, lines = {}, ["  pass"]
    for name, one in said.items():
        if not one.init:
            continue
        value = name
        arguments[name] = name
        if one.default_factory is not None:
            known[f"make_{name}"] = one.default_factory
            value = f"make_{name}() if {name} is LATER else {name}"
            arguments[name] = f"{name}=LATER"
        elif one.default is not _MISSING:
            known[f"default_{name}"] = one.default
            arguments[name] = f"{name}=default_{name}"
        lines.append(setting.format(name, value))
    return [f"def __init__({', '.join(('self', *arguments.values()))}):", *lines], tuple(arguments)


def _key(before: str, names: list[str], *first: str) -> str:
    """Return the expression of a tuple of fields; a text may come first."""
    parts = (*map(repr, first), *(before + name for name in names))
    return "({})".format("".join(f"{part}, " for part in parts))


_ORDER = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}


def _refuse(self: Any, name: str, *_: object) -> None:
    raise AttributeError(f"{name!r} of a frozen {type(self).__qualname__} stays as it is")


def _repr(self: Any) -> str:
    named = ", ".join(f"{name}={getattr(self, name)!r}" for name in fields(type(self)))
    return f"{type(self).__qualname__}({named})"


def _reduce(self: Any) -> tuple[type, tuple[Any, ...]]:
    return type(self), tuple(getattr(self, name) for name in fields(type(self)))
