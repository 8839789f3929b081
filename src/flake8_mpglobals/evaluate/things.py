"""The things that expressions can be, and how calls bind arguments to parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

from flake8_mpglobals.catalogue import Slot as ArgumentSlot
from flake8_mpglobals.ir import (
    ANYTHING,
    MOST_SURPLUS,
    NOTHING,
    Call,
    Class,
    Display,
    Function,
    Index,
    ModuleValue,
    Param,
    Unknown,
    Value,
    Values,
    element,
    item,
    surplus_of,
    union,
)
from flake8_mpglobals.records import frozen

Bindings = Mapping[Index, Values]
"""What a call passes, by parameter."""

CONTEXTS = 2
"""How many calls deep the arguments of one call are told from those of another."""


@frozen(packed=True)
class Func:
    """A project function; ``receiver`` is what its first parameter is bound to, if it is."""

    function: Function
    receiver: Values = NOTHING


@frozen(packed=True)
class Type:
    """A project class itself."""

    cls: Class


@frozen(packed=True)
class Obj:
    """An instance of a project class."""

    cls: Class


@frozen(packed=True)
class External:
    """A name of a library, not called: a module, function, class or method."""

    name: str
    receiver: Values = NOTHING


@frozen(packed=True)
class Handle:
    """An object of a catalogued class; ``call`` made it, where that is known."""

    name: str
    call: Call | None = None


@frozen(packed=True)
class Shared:
    """An object made to be shared: between processes, or (``threads``) only in one.

    ``maker`` is the qualified name of what makes such objects (``manager.list`` for
    the proxies of any manager); ``call`` is the call that made this one, where it is
    known, and so its identity.  A ``buffer`` is a view of the memory of another
    shared object, whose ``maker`` and ``call`` it has.
    """

    kind: str
    threads: bool = False
    maker: str = ""
    call: Call | None = None


@frozen(packed=True)
class Box:
    """A container or other mutable object of a known kind, and what it holds."""

    kind: str
    display: Display | None = None
    call: Call | None = None


@frozen(packed=True)
class Plain:
    """An immutable plain value."""

    kind: str


@frozen(packed=True)
class Partial:
    """``functools.partial(...)`` as made by ``call``."""

    call: Call


@frozen(packed=True)
class Generator:
    """What calling a generator function gives."""

    function: Function


@frozen(packed=True)
class Wrapped:
    """Callables that a library made over (``delayed(f)``, ``@ray.remote``), and what into.

    ``call`` made it where it was made by a call.
    """

    name: str
    inner: frozenset[Thing]
    call: Call | None = None


@frozen(packed=True)
class Mod:
    """A module of the project."""

    module: ModuleValue


@frozen(packed=True)
class Kept:
    """A question, not a thing: what an attribute of instances of a class holds, if it is no
    method; ``after``: looked for behind that class.
    """

    cls: Class
    name: str
    after: Class | None = None


Thing = (
    Mod
    | Func
    | Type
    | Obj
    | External
    | Handle
    | Shared
    | Box
    | Plain
    | Partial
    | Generator
    | Wrapped
    | Unknown
)


Things = frozenset[Thing]


@frozen(eq=False)
class Env:
    """The arguments that one call binds, in the context of its caller."""

    function: Function
    bindings: Bindings
    outer: Env | None = None


@frozen(eq=False)
class Target:
    """A function that a call (or a dispatch) enters, and what it binds to which parameter.

    ``cls`` is the class of ``self``, where it is known to be just one.
    """

    function: Function
    bindings: Bindings
    cls: Class | None = None


KEYWORDS = "keywords"
"""The kind of the display that stands for what a call passes for ``**kwargs``."""


def bind(
    function: Function,
    args: tuple[Values, ...],
    keywords: Mapping[str, Values],
    starred: int = -1,
    rest: Values = NOTHING,
) -> dict[Index, Values]:
    """Return which parameter of ``function`` gets what, as Python's call rules have it.

    ``starred`` is the index in ``args`` of the first ``*iterable`` (its items fill
    every later position); ``rest`` is what ``**mapping`` passes.  Keywords that no parameter
    has the name of are left out.
    """
    bound: dict[Index, Values] = {}
    extra: list[Values] = []
    for index, values in enumerate(args):
        if 0 <= starred <= index:
            for position in range(starred, function.positional):
                spread = _spread(values, position - starred)
                bound[position] = union(bound.get(position, NOTHING), spread)
            extra.append(element(values))
            if function.vararg >= 0:
                before = max(function.positional - starred, 0)
                for place in range(max(starred - function.positional, 0), MOST_SURPLUS):
                    spread = _spread(values, place + before)
                    bound[f"*{place}"] = union(bound.get(f"*{place}", NOTHING), spread)
        elif index < function.positional:
            bound[index] = values
        else:
            extra.append(values)
            if function.vararg >= 0:
                bound[f"*{index - function.positional}"] = values
    if function.vararg >= 0 and extra:
        bound[function.vararg] = union(*extra)
    names = {name: index for index, name in enumerate(function.params)}
    for name, values in keywords.items():
        if name in names and names[name] != function.kwarg:
            bound[names[name]] = values
        elif function.kwarg >= 0:
            bound[name] = values
    passed_on = frozenset(value for value in rest if is_keywords(value))
    if passed_on and function.kwarg >= 0:
        bound[function.kwarg] = passed_on
    if passed_on and passed_on == rest:
        for index, name in enumerate(function.params):
            if index in (function.vararg, function.kwarg):
                continue
            if index not in bound or all(map(_may_lack, bound[index])):
                others = bound.get(index, function.defaults.get(index, NOTHING))
                bound[index] = union(others, item(passed_on, name))
    for optional, default in function.defaults.items():
        bound.setdefault(optional, default)
    if rest:
        for index in range(function.positional):
            bound.setdefault(index, ANYTHING)
    return bound


def is_keywords(value: Value) -> TypeGuard[Param]:
    """Whether a value is the ``**kwargs`` of a function of the program."""
    return isinstance(value, Param) and value.index == value.function.kwarg


def _spread(values: Values, position: int) -> Values:
    """Return what ``*values`` passes at a position, of ``*args`` just that."""
    own = frozenset(filter(is_surplus, values))
    return union(item(own, position), element(values - own))


def is_surplus(value: Value) -> bool:
    """Whether a value is the ``*args`` of a function of the program."""
    return isinstance(value, Param) and value.index == value.function.vararg


def _may_lack(value: Value) -> bool:
    """Whether a value is an item of the ``*args`` of a function, which may have fewer."""
    return isinstance(value, Param) and str(value.index).startswith("*")


def bound_to(bindings: Bindings, param: Param) -> Values | None:
    """Return what a call that binds ``bindings`` passes for a parameter; None if nothing."""
    values = bindings.get(param.index)
    whole = surplus_of(param)
    if values is None and whole is not None and whole.index == param.function.kwarg:
        assert isinstance(param.index, str)
        options = bindings.get(whole.index)
        return None if options is None else item(options, param.index)
    return values


def argument(call: Call, slot: ArgumentSlot | None) -> Values | None:
    """Return what ``call`` passes in a slot of the catalogue; None where it passes nothing."""
    if slot is None:
        return None
    if slot.keyword and slot.keyword in call.keywords:
        return call.keywords[slot.keyword]
    spread: Values = NOTHING
    if 0 <= call.starred <= slot.position:
        spread = item(call.args[call.starred], slot.position - call.starred)
        if slot.position < len(call.args):
            return spread
    elif 0 <= slot.position < len(call.args):
        return call.args[slot.position]
    # What a wrapper hands on as ``*args, **options`` may come either way.
    found: set[Value] = {one for one in spread if isinstance(one, Param)}
    if slot.keyword and call.rest and all(map(is_keywords, call.rest)):
        found |= item(call.rest, slot.keyword)
    return frozenset(found) or None


def order(thing: Thing) -> tuple[int, int, str]:
    """Sort functions and classes by where they are defined, the rest by kind and name."""
    if isinstance(thing, Func):
        function = thing.function
        name = f"{function.qualname} {function.module.source.path}"
        return (0, getattr(function.start, "lineno", 0), name)
    if isinstance(thing, Type | Obj):
        return (1, thing.cls.node.lineno, f"{thing.cls.qualname} {thing.cls.module.source.path}")
    if isinstance(thing, Partial):
        return (2, thing.call.node.lineno, "")
    if isinstance(thing, External):
        return (3, 0, thing.name)
    if isinstance(thing, Handle | Wrapped):
        return (3, 0 if thing.call is None else thing.call.node.lineno, thing.name)
    if isinstance(thing, Shared | Box):
        return (4, 0 if thing.call is None else thing.call.node.lineno, thing.kind)
    return (5, 0, "")
