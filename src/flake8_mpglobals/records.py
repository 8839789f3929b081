"""Classes that are all fields: as ``dataclasses`` makes them, in a fraction of the time.

A frozen dataclass takes a third of a millisecond to make, and more than a hundred of
them are made before the first file is looked at: they took as long as everything else
together.  Here only ``__init__`` is compiled, when the first value is made.  A value is
made faster, too: its fields are set by the setters of their slots.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from itertools import count
from operator import attrgetter, ge, gt, le, lt
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
    *, eq: bool = True, order: bool = False, packed: bool = False
) -> Callable[[_Type], _Type]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(
    cls: _Type | None = None, /, *, eq: bool = True, order: bool = False, packed: bool = False
) -> _Type | Callable[[_Type], _Type]:
    """Make a class of values: with slots, equal and hashed by their fields.

    ``eq`` false: by identity.  ``packed``: a tuple inside, which the interpreter compares and
    hashes by itself; for values that are made and looked up all the time.
    """
    if cls is not None:
        return _made(cls, guarded=True)
    if packed:
        return _packed
    return lambda cls: _made(cls, guarded=True, eq=eq, order=order)


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
    cls = type(value)
    if getattr(cls, "__repr__", None) is _repr:
        return tuple(plain(getattr(value, name)) for name in fields(cls))
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    return value


_tags = count()
_tuplegetter: Callable[[int, str], Any] = type(namedtuple("_One", "it").__dict__["it"])
"""What reads one item of a tuple, made by the interpreter."""


def _packed(cls: _Type) -> _Type:
    """Return the class as one of tuples: a number of its own first, then the fields."""
    names = tuple(cls.__annotations__)
    body = {
        name: value
        for name, value in cls.__dict__.items()
        if name not in ("__dict__", "__weakref__")
    }
    known: dict[str, Any] = {"make": tuple.__new__, "tag": next(_tags)}
    arguments = ["new_class"]
    for index, name in enumerate(names, 1):
        default = body.pop(name, _MISSING)
        if default is not _MISSING:
            known[f"default_{name}"] = default
        arguments.append(name if default is _MISSING else f"{name}=default_{name}")
        body[name] = _tuplegetter(index, "")

    def make(new_class: Any, *values: Any, **named: Any) -> Any:
        # Compiled when the first value is made.
        made.__new__ = _maker(arguments, names, known)
        return made.__new__(new_class, *values, **named)

    body.update(
        __new__=make,
        __repr__=_repr,
        __reduce__=_reduce,
        __slots__=(),
        __match_args__=names,
        __setattr__=_refuse,
        __delattr__=_refuse,
    )
    made: Any = type(cls)(cls.__name__, (tuple,), body)
    result: _Type = made
    return result


def _maker(arguments: list[str], names: tuple[str, ...], known: dict[str, Any]) -> Any:
    values = ", ".join(("tag", *names, ""))
    exec(f"def __new__({', '.join(arguments)}): return make(new_class, ({values}))", known)
    return known["__new__"]


def _made(cls: _Type, *, guarded: bool, eq: bool = True, order: bool = False) -> _Type:
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
    body.setdefault("__repr__", _repr)
    body["__reduce__"] = _reduce
    body["__slots__"] = names
    body["__match_args__"] = tuple(name for name in names if said[name].init)
    if guarded:
        body["__setattr__"] = body["__delattr__"] = _refuse
    if eq:
        body |= _comparison(compared, order=order)
        if not guarded:
            body["__hash__"] = None

    def init(self: Any, *values: Any, **named: Any) -> None:
        # Most classes are never asked for in a run: compiled when the first is.
        new.__init__ = _init(new, said, guarded)
        new.__init__(self, *values, **named)

    body["__init__"] = init
    new: Any = type(cls)(cls.__name__, cls.__bases__, body)
    made: _Type = new
    return made


def _said(given: Any) -> _Field:
    return given if isinstance(given, _Field) else _Field(given, None, True, True)


def _comparison(names: list[str], *, order: bool) -> dict[str, Any]:
    """Return the methods that compare and hash by fields."""
    key: Callable[[Any], Any] = attrgetter(*names) if names else _nothing

    def equal(self: Any, other: Any) -> bool:
        if self is other:
            return True
        return key(self) == key(other) if type(other) is type(self) else NotImplemented

    def hashed(self: Any) -> int:
        return hash(key(self))

    def by(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
        def ordered(self: Any, other: Any) -> bool:
            return compare(key(self), key(other)) if type(other) is type(self) else NotImplemented

        return ordered

    methods: dict[str, Any] = {"__eq__": equal, "__hash__": hashed}
    if order:
        methods |= {f"__{each.__name__}__": by(each) for each in (lt, le, gt, ge)}
    return methods


def _nothing(_: Any) -> tuple[()]:
    return ()


def _init(cls: type, said: dict[str, _Field], guarded: bool) -> Callable[..., None]:
    """Compile the ``__init__`` of a class."""
    known: dict[str, Any] = {"LATER": _LATER}
    setting = "  self.{0} = {1}"
    if guarded:
        setting = "  set_{0}(self, {1})"
        known.update((f"set_{name}", cls.__dict__[name].__set__) for name in cls.__slots__)  # type: ignore[attr-defined]
    arguments, lines = ["self"], ["  pass"]
    for name, one in said.items():
        if not one.init:
            continue
        value = name
        if one.default_factory is not None:
            known[f"make_{name}"] = one.default_factory
            value = f"make_{name}() if {name} is LATER else {name}"
            arguments.append(f"{name}=LATER")
        elif one.default is not _MISSING:
            known[f"default_{name}"] = one.default
            arguments.append(f"{name}=default_{name}")
        else:
            arguments.append(name)
        lines.append(setting.format(name, value))
    exec("\n".join((f"def __init__({', '.join(arguments)}):", *lines)), known)
    made: Callable[..., None] = known["__init__"]
    return made


def _refuse(self: Any, name: str, *_: object) -> None:
    raise AttributeError(f"{name!r} of a frozen {type(self).__qualname__} stays as it is")


def _repr(self: Any) -> str:
    named = ", ".join(f"{name}={getattr(self, name)!r}" for name in fields(type(self)))
    return f"{type(self).__qualname__}({named})"


def _reduce(self: Any) -> tuple[type, tuple[Any, ...]]:
    return type(self), tuple(getattr(self, name) for name in fields(type(self)))
