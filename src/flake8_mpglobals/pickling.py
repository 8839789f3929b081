"""What is handed over that pickle refuses: callables without a module-level name, and
primitives of ``multiprocessing`` among the arguments of a task.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_mpglobals.apis import SHARES
from flake8_mpglobals.dispatches import DispatchSite
from flake8_mpglobals.evaluate import (
    Box,
    External,
    Func,
    Handle,
    Obj,
    Partial,
    Shared,
    Thing,
    Type,
    argument,
)
from flake8_mpglobals.hazards import HandedPrimitive, Unpicklable
from flake8_mpglobals.ir import (
    Attr,
    Call,
    Class,
    ClassValue,
    Fresh,
    Function,
    FunctionValue,
    Param,
    Result,
    Values,
    element,
)
from flake8_mpglobals.model import Dispatch, Related
from flake8_mpglobals.records import frozen
from flake8_mpglobals.scene import Scene
from flake8_mpglobals.spans import span

DEEP = 3
"""How many containers a primitive is looked for in, one inside the other."""

_REFUSED = {
    "value": "a multiprocessing Value",
    "array": "a multiprocessing Array",
    "queue": "a multiprocessing queue",
    "lock": "a multiprocessing lock",
    "event": "a multiprocessing Event or Barrier",
}
"""What can travel by inheritance only, by the kind of shared object."""

_OWN_WAY = frozenset(
    ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__copy__")
)
"""A class with one of these says itself how it is pickled."""


@frozen
class _Handed:
    """A callable that is pickled on its way, and in which role it is handed over."""

    role: str
    values: Values


class Pickling:
    """Looks at everything that the dispatches of a program hand over."""

    def __init__(self, scene: Scene) -> None:
        self._module = scene.module
        self._sites = [
            site for site in scene.boundaries.sites if site.call.function.module is scene.module
        ]
        self._by_value = {
            site.call
            for site in scene.boundaries.sites
            if site.inner is None and site.api.kind == "process" and not site.api.pickles
        }
        self._evaluator = scene.evaluator
        self._methods = scene.methods

    # -- callables ----------------------------------------------------------------

    def unpicklable(self) -> tuple[Unpicklable, ...]:
        """Return the callables that cannot be pickled, at the calls that hand them over."""
        found: dict[object, Unpicklable] = {}
        for site in self._sites:
            if self._or_threads(site) or self._or_by_value(site):
                continue
            for handed in self._callables(site):
                # What a caller passes for a parameter is a dispatch of the caller's.
                own = [value for value in handed.values if not isinstance(value, Param)]
                for thing in self._evaluator.ordered(self._evaluator.things(own)):
                    culprit = self._refused(thing)
                    if culprit is None:
                        continue
                    what, function = culprit
                    where = span(self._module, site.call.node)
                    at = span(function.module, function.node).location
                    defined = Related(at, f"{what} is defined here")
                    one = Unpicklable(what, handed.role, where, _dispatch(site), defined)
                    found.setdefault((where.location, handed.role), one)
        return tuple(sorted(found.values(), key=lambda one: one.span.location))

    def _or_by_value(self, site: DispatchSite) -> bool:
        """Whether the same call goes through a clone that pickles by value, where that is
        installed.
        """
        return site.api.pickles and _innermost(site).call in self._by_value

    def _or_threads(self, site: DispatchSite) -> bool:
        """Whether the function that this calls works with threads, if it is told to."""
        if site.inner is None:
            return False
        site = _innermost(site)
        receivers = [callee.base for callee in site.call.callee if isinstance(callee, Attr)]
        rows = [
            self._evaluator.catalogue.api(thing.name)
            for thing in self._evaluator.things(receivers)
            if isinstance(thing, Handle)
        ]
        return any(row is not None and row.kind in SHARES for row in rows)

    def _callables(self, site: DispatchSite) -> Iterator[_Handed]:
        """Yield the callables of a dispatch that are pickled on their way."""
        api = site.api
        if api.kind != "process":
            return
        fresh = "fork" not in self._methods.of(site)
        if api.callable is not None and (api.pickles or (api.method and fresh)):
            given = argument(site.call, api.callable)
            if given is not None:
                yield _Handed("target" if api.method else "worker", given)
        if fresh and api.initializer is not None and not api.method:
            given = argument(site.call, api.initializer)
            if given is not None:
                yield _Handed("initializer", given)

    def _refused(self, thing: Thing, depth: int = 0) -> tuple[str, Function] | None:
        """Return the phrase for a thing that pickle refuses, and the function behind it."""
        if isinstance(thing, Partial):
            if not thing.call.args or depth > DEEP:
                return None
            for inner in self._evaluator.ordered(self._evaluator.things(thing.call.args[0])):
                refused = self._refused(inner, depth + 1)
                if refused is not None:
                    return f"a partial of {refused[0]}", refused[1]
            return None
        if isinstance(thing, Func):
            return self._refused_function(thing)
        if isinstance(thing, Obj | Type) and self._is_local(thing.cls):
            method = self._evaluator.method(thing.cls, "__call__")
            if isinstance(thing, Obj) and method is not None and not self._own_way(thing.cls):
                return f"an instance of local class {thing.cls.name!r}", method
        return None

    def _refused_function(self, thing: Func) -> tuple[str, Function] | None:
        function = thing.function
        if isinstance(function.node, ast.Lambda):
            return None if self._renamed(function) else ("a lambda", function)
        if function.cls is not None:
            classes = {
                made.cls
                for made in self._evaluator.things(thing.receiver)
                if isinstance(made, Obj | Type)
            }
            classes = classes or {function.cls}
            if all(self._is_local(cls) and not self._own_way(cls) for cls in classes):
                name = min(cls.name for cls in classes)
                return f"method {function.name!r} of local class {name!r}", function
            return None
        if _is_nested(function) and not self._renamed(function):
            return f"nested function {function.name!r}", function
        return self._decorated(function)

    def _decorated(self, function: Function) -> tuple[str, Function] | None:
        """Return the wrapper that a decorator put in the place of a function, where it
        does not carry the name of what it wraps.
        """
        if not function.decorators:
            return None
        things = self._evaluator.things(function.decorators[0])
        if len(things) != 1:
            return None
        (decorator,) = things
        if not isinstance(decorator, Func) or decorator.function.decorators:
            return None
        made = decorator.function
        returned = self._evaluator.things(made.returns)
        if len(returned) != 1 or len(made.returns) != 1:
            return None
        (wrapper,) = returned
        if (
            not isinstance(wrapper, Func)
            or wrapper.function.outer is not made
            or wrapper.function.decorators
            or isinstance(wrapper.function.node, ast.Lambda)
            or self._renamed(wrapper.function)
        ):
            return None
        return f"{function.name!r} as wrapped by decorator {made.name!r}", wrapper.function

    def _renamed(self, function: Function) -> bool:
        """Whether a function is given another name, or is bound to a global by a function."""
        me = FunctionValue(function)
        stores = function.module.stores.get(function.name, ())
        if me in stores and not isinstance(function.node, ast.Lambda):
            return True
        outer = function.outer
        owners = [f for f in (outer, function.module.body) if f is not None]
        for owner in owners:
            for store in owner.stores:
                if store.key in ("__qualname__", "__name__", "__reduce__") and (
                    me in store.targets or Func(function) in self._evaluator.things(store.targets)
                ):
                    return True
            for call in owner.calls:
                # update_wrapper(f, g), register(f): whoever gets it may rename it.
                if call.args and me in call.args[0] and _names(call) & _RENAMERS:
                    return True
        return False

    def _is_local(self, cls: Class) -> bool:
        if "<locals>" not in cls.qualname:
            return False
        return ClassValue(cls) not in cls.module.stores.get(cls.name, ())

    def _own_way(self, cls: Class) -> bool:
        order, external, unknown = self._evaluator.lineage(cls)
        if unknown or any(not base.startswith("builtins.") for base in external):
            return True
        return any(name in owner.methods for owner in order for name in _OWN_WAY)

    # -- primitives -----------------------------------------------------------------

    def handed(self) -> tuple[HandedPrimitive, ...]:
        """Return the primitives that tasks carry, at the calls that hand the tasks over."""
        found: dict[object, HandedPrimitive] = {}
        for site in self._sites:
            api = site.api
            if api.kind != "process" or api.method or not api.pickles or api.callable is None:
                continue
            if _spawns(site) or self._or_by_value(site):
                continue
            for how, values in self._travelling(site):
                kind = self._primitive(values, 0)
                if kind:
                    where = span(self._module, site.call.node)
                    one = HandedPrimitive(_REFUSED[kind], how, where, _dispatch(site))
                    found.setdefault(where.location, one)
        return tuple(sorted(found.values(), key=lambda one: one.span.location))

    def _travelling(self, site: DispatchSite) -> Iterator[tuple[str, Values]]:
        """Yield what a task takes along: its arguments, and what its callable holds."""
        call, api = site.call, site.api
        if api.tasks in ("starcall", "zip"):
            first = (api.callable.position if api.callable else 0) + 1
            for arg in call.args[first:]:
                for values in (arg,) if api.tasks == "starcall" else self._items(arg):
                    yield "as a task argument", values
            if api.tasks == "starcall":
                for name, values in call.keywords.items():
                    if api.callable is None or name != api.callable.keyword:
                        yield "as a task argument", values
        else:
            given = argument(call, api.args)
            if given is not None:
                whole = api.tasks == "call"
                for values in (given,) if whole else self._items(given):
                    yield "as a task argument", values
            keywords = argument(call, api.kwargs)
            if keywords is not None:
                yield "as a task argument", keywords
        given = argument(call, api.callable)
        if given is not None:
            yield from self._held(given)

    def _items(self, values: Values) -> Iterator[Values]:
        """Yield what the items of an iterable are, or are tuples of."""
        yield element(values)
        for value in values:
            if not isinstance(value, Result):
                continue
            names = {
                thing.name
                for thing in self._evaluator.things(value.call.callee)
                if isinstance(thing, External)
            }
            if names & {"builtins.zip", "itertools.product"}:
                for arg in value.call.args:
                    yield from self._items(arg)
            elif names & {"itertools.repeat"}:
                yield from value.call.args[:1]

    def _held(
        self, values: Values, seen: frozenset[Call] = frozenset()
    ) -> Iterator[tuple[str, Values]]:
        """Yield what a callable takes along: what partial binds, what its object holds.

        ``seen`` are the partials around it.
        """
        for thing in self._evaluator.ordered(self._evaluator.things(values)):
            if isinstance(thing, Partial):
                if thing.call in seen:
                    continue
                for bound in (*thing.call.args[1:], *thing.call.keywords.values()):
                    yield "bound by partial", bound
                if thing.call.args:
                    yield from self._held(thing.call.args[0], seen | {thing.call})
            elif isinstance(thing, Func) and thing.function.has_self and thing.receiver:
                for made in self._evaluator.ordered(self._evaluator.things(thing.receiver)):
                    if isinstance(made, Obj):
                        yield from self._attributes(made.cls)
            elif isinstance(thing, Obj):
                yield from self._attributes(thing.cls)

    def _attributes(self, cls: Class) -> Iterator[tuple[str, Values]]:
        """Yield what every instance of a class holds."""
        if self._own_way(cls):
            return
        for owner in self._evaluator.lineage(cls)[0]:
            init = owner.methods.get("__init__")
            if init is None:
                continue
            for store in init.stores:
                mine = any(isinstance(t, Param) and t.index == 0 for t in store.targets)
                if store.how == "attr" and mine and isinstance(store.key, str):
                    every = owner.self_attributes.get(store.key, set())
                    if set(store.values) == every:
                        yield f"as attribute {store.key!r} of the worker's object", store.values

    def _primitive(self, values: Values, depth: int) -> str:
        """Return the kind of a primitive that is surely among ``values``, or inside them."""
        things = self._evaluator.things(values)
        shared = {_kind(t) for t in things if isinstance(t, Shared) and not t.threads}
        if shared:
            sure = len(things) == len(shared) and shared <= set(_REFUSED)
            return min(shared) if sure else ""
        if depth >= DEEP:
            return ""
        for thing in self._evaluator.ordered(things):
            if isinstance(thing, Box) and thing.display is not None:
                parts = [frozenset((each,)) for each in thing.display.elements]
                for part in sorted(parts, key=_order):
                    kind = self._primitive(part, depth + 1)
                    if kind:
                        return kind
        return ""


_RENAMERS = frozenset(("update_wrapper", "wraps", "setattr"))


def _innermost(site: DispatchSite) -> DispatchSite:
    """Return the dispatch that a call of a wrapper comes to in the end."""
    while site.inner is not None:
        site = site.inner
    return site


def _names(call: Call) -> set[str]:
    node = call.node
    if not isinstance(node, ast.Call):
        return set()
    func = node.func
    if isinstance(func, ast.Attribute):
        return {func.attr}
    return {func.id} if isinstance(func, ast.Name) else set()


def _is_nested(function: Function) -> bool:
    return function.outer is not None and not function.outer.is_module


def _spawns(site: DispatchSite) -> bool:
    """Whether the arguments of a call go to processes that it starts itself."""
    return site.api.name.startswith("torch.multiprocessing.")


def _dispatch(site: DispatchSite) -> Dispatch:
    location = span(site.call.function.module, site.call.node).location
    return Dispatch(location, site.label, site.api.kind)


def _order(values: Values) -> str:
    (value,) = values
    if isinstance(value, Fresh):
        return "fresh"
    return f"{type(value).__name__} {getattr(value, 'name', '')}"


def _kind(thing: Shared) -> str:
    """Return the kind of a shared object; the proxies of a manager travel anywhere."""
    return "proxy" if thing.maker.startswith("manager.") else thing.kind
