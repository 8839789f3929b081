"""Which places an expression can be: access paths from a global or a parameter."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flake8_mpglobals.evaluate.answers import Answers
from flake8_mpglobals.evaluate.query import DEPTH, GROWN, Query
from flake8_mpglobals.evaluate.results import HANDS_OUT
from flake8_mpglobals.evaluate.things import (
    Box,
    Env,
    External,
    Func,
    Mod,
    Obj,
    Thing,
    Type,
    argument,
    bound_to,
)
from flake8_mpglobals.ir import (
    ANYTHING,
    NOTHING,
    Attr,
    Call,
    Cell,
    Class,
    ClassValue,
    Copied,
    Element,
    Entered,
    Fresh,
    Function,
    Global,
    Handed,
    Imported,
    Instance,
    Item,
    ModuleValue,
    Param,
    Phi,
    Result,
    Scalar,
    Seen,
    SuperOf,
    Unknown,
    Value,
    Values,
    anchor,
    attr,
    element,
    global_of,
    item,
    once,
    root,
)
from flake8_mpglobals.mutations import (
    BUFFERS,
    CONSTRUCTORS,
    CONTAINERS,
    HANDS_BACK,
    MODULE_OBJECTS,
    RESHAPES,
    SLICES_SHARE,
)
from flake8_mpglobals.sharedtypes import VIEWS


class Places(Answers):
    """Answers which places values are."""

    def places(self, values: Iterable[Value], env: Env | None = None) -> Values:
        """Return the access paths, from a global or an unbound parameter, that ``values`` are.

        A new object is no place; a global that is another name for an object is
        both places.
        """
        if env is None and self._query is None:
            return frozenset().union(*map(self._remembered, values))
        outermost = self._query is None
        if outermost:
            self._query = Query()
        try:
            return self._places(values, env)
        finally:
            if outermost:
                self._query = None

    def slices(self, values: Iterable[Value], depth: int = 4) -> Iterator[Value]:
        """Yield the slices of lists that ``values`` are, of the places they are cut from.

        A slice is a new list: what it holds is what the list holds.
        """
        for value in values if depth else ():
            if isinstance(value, Copied):
                if all(_is_box(thing, _LISTS) for thing in self.thing(value.base)):
                    yield from map(Copied, self.places((value.base,)))
            elif isinstance(value, Phi):
                yield from self.slices(value.slot.values, depth - 1)
            elif isinstance(value, Item | Element):
                key = value.key if isinstance(value, Item) else None
                parts = self.parts(value.base, key, None, iterated=isinstance(value, Element))
                yield from self.slices(parts, depth - 1)

    def _remembered(self, value: Value) -> Values:
        """Answer for one value outside any call, once."""
        return self.remembered(self._places_known, value, lambda: self._find_places(value))

    def _find_places(self, value: Value) -> Values:
        self._query = Query()
        try:
            return self._places((value,), None)
        finally:
            self._query = None

    def _places(self, values: Iterable[Value], env: Env | None) -> Values:
        found: set[Value] = set()
        query = self._query
        assert query is not None
        for value in values:
            key = ("place", value, env)
            query.fuel -= 1
            if key in query.active or query.fuel < 0 or query.depth > DEPTH:
                query.lowest = 0
                continue
            query.depth += 1
            query.active[key] = query.depth
            found |= self._place(value, env)
            query.depth -= 1
            del query.active[key]
        return frozenset(found)

    def _place(self, value: Value, env: Env | None) -> Values:
        if isinstance(value, Global):
            if (known := self._module_object(value)) is not None:
                return frozenset((known,))
            same = value.module.stores.get(value.name) or self._of_star(value)
            return frozenset((value,)) | self._places(filter(_is_alias, same), None)
        if isinstance(value, Seen):
            place = value.place
            if not isinstance(place, Global) or self._module_object(place) is not None:
                return self._places((place,), env)
            # Another name for what it holds here, whatever it is bound to elsewhere.
            return frozenset((place,)) | self._places(filter(_is_alias, value.slot.values), None)
        if isinstance(value, Param):
            walk = env
            while walk is not None:
                if walk.function is value.function:
                    bound = bound_to(walk.bindings, value)
                    return self._places(bound, walk.outer) if bound is not None else NOTHING
                walk = walk.outer
            return frozenset((value,))
        if isinstance(value, Cell):
            held = value.function.cells.get(value.name, ())
            return frozenset((value,)) | self._places(held, self._outside(env, value))
        if isinstance(value, Fresh):
            return frozenset((value,)) if value.display.kind in _MUTABLE else NOTHING
        if isinstance(value, Handed | Instance):
            return frozenset((value,))
        if isinstance(value, Phi):
            return self._places(value.slot.values, env)
        if isinstance(value, Entered):
            return self._places((value.base,), env)
        if isinstance(value, Copied):
            if any(_is_box(thing, _WINDOWS) for thing in self.thing(value.base, env)):
                return self._places((value.base,), env)
            if any(_is_box(thing, SLICES_SHARE) for thing in self.thing(value.base, env)):
                return item(self._places((value.base,), env)) - ANYTHING
            return NOTHING
        if isinstance(value, Attr):
            return self._attribute_place(value, env)
        if isinstance(value, Item | Element):
            key = value.key if isinstance(value, Item) else None
            found = item(self._places((value.base,), env), key) - ANYTHING
            parts = self.parts(value.base, key, env, iterated=isinstance(value, Element))
            aliases = [v for v in parts if not isinstance(v, Unknown | Scalar)]
            if isinstance(value, Item) and (given := self.subscribed(value.base, key, env)):
                found = NOTHING  # what the method gives out, which may be a copy
                for values, inner in given:
                    found |= self._places(values, inner)
            return found | self._places(aliases, env)
        if isinstance(value, Result):
            return self._result_place(value.call, env)
        if isinstance(value, SuperOf):
            return self._places((Param(value.function, 0),), env)
        return NOTHING

    @staticmethod
    def _module_object(value: Global) -> Value | None:
        """Return the attribute of a module that a global is another name for."""
        for store in value.module.stores.get(value.name, ()):
            if isinstance(store, Imported) and store.name in MODULE_OBJECTS:
                module, _, name = store.name.rpartition(".")
                return Attr(Imported(module), name)
        return None

    def states(self, base: Value, name: str, env: Env | None = None) -> Values:
        """Return the class and module attributes that ``base.name`` can be."""
        found: set[Value] = set()
        for thing in self.thing(base, env):
            if isinstance(thing, Type | Obj):
                order, _, _ = self.lineage(thing.cls)
                owner = next((cls for cls in order if name in cls.attributes), None)
                if isinstance(thing, Type):
                    found.add(Attr(ClassValue(owner or thing.cls), name))
                elif owner and not self._given(order, name):
                    found.add(Attr(ClassValue(owner), name))
            elif isinstance(thing, Mod):
                found |= self._globals_of(thing.module, name)
            elif isinstance(thing, External) and not thing.receiver:
                self.hangs_on |= GROWN
                known = f"{thing.name}.{name}"
                stored = name in self.stored_attributes() and any(
                    thing.name in module.imported for module in self.program.modules
                )
                if stored or known in MODULE_OBJECTS:
                    found.add(Attr(Imported(thing.name), name))
        return frozenset(found)

    def _given(self, order: tuple[Class, ...], name: str) -> bool:
        """Whether instances get an attribute of their own: by a method, as ``self.name``, or
        by whoever makes one (``twin = Field(); twin.cells = []``).
        """
        if any(name in cls.self_attributes for cls in order):
            return True
        if name not in self.stored_attributes():
            return False
        handed_out = self.remembered(self._handed_out, None, self._given_by_makers)
        return any((cls, name) in handed_out for cls in order)

    def _given_by_makers(self) -> frozenset[tuple[Class, str]]:
        """Return the attributes that some code stores into an instance that it just made."""
        self.hangs_on |= GROWN
        return frozenset(
            (thing.cls, store.key)
            for module in self.program.modules
            for function in (module.body, *module.functions)
            for store in function.stores
            if store.how == "attr" and isinstance(store.key, str)
            for target in store.targets
            if isinstance(target, Result)
            for thing in self.things(target.call.callee)
            if isinstance(thing, Type)
        )

    def _globals_of(self, module: ModuleValue, name: str) -> set[Value]:
        """Return the global that attribute ``name`` of a project module is."""
        members = self._of_module(module, name)
        return {value for value in members if isinstance(value, Global)}

    def stored_attributes(self) -> frozenset[str]:
        """Return the names of all attributes that any function of the program stores."""
        return self.remembered(self._stored, None, self._find_stored)

    def _find_stored(self) -> frozenset[str]:
        self.hangs_on |= GROWN
        return frozenset(
            store.key
            for module in self.program.modules
            for function in (module.body, *module.functions)
            for store in function.stores
            if isinstance(store.key, str) and store.how.endswith("attr")
        )

    def shared_by_hand(self) -> frozenset[Value]:
        """Return the anchors of what the program calls ``share_memory_()`` on."""
        if self._by_hand is None:
            self._by_hand = frozenset(
                anchor(place)
                for module in self.program.modules
                for function in (module.body, *module.functions)
                for call in function.calls
                for callee in call.callee
                if isinstance(callee, Attr) and callee.name in ("share_memory_", "share_memory")
                for place in self.places((callee.base,))
            )
        return self._by_hand

    def _attribute_place(self, value: Attr, env: Env | None) -> Values:
        for thing in self.thing(value.base, env):
            if isinstance(thing, Box) and value.name in RESHAPES.get(thing.kind, ()):
                return self._places((value.base,), env)
        states = self.states(value.base, value.name, env)
        variables = [state for state in states if isinstance(state, Global)]
        states |= self._places(variables, None)
        if any(isinstance(thing, Box) for state in states for thing in self.thing(state, env)):
            # A container of the class, whichever instance it is reached through.
            return states
        found = set(states)
        if not any(isinstance(thing, Type | Mod) for thing in self.thing(value.base, env)):
            found |= set(attr(self._places((value.base,), env), value.name)) - ANYTHING
        for thing in self.thing(value.base, env):
            if isinstance(thing, Obj):
                order, _, _ = self.lineage(thing.cls)
                for owner in order:
                    held = owner.self_attributes.get(value.name, set())
                    found |= self._places([v for v in held if _is_object(v)], None)
                    given = list(self.filled(owner, value.name))
                    params = {v for v in held if isinstance(v, Param)}
                    # Who made the object in this very call says what it was given.
                    own = {v for v in params if v.function is getattr(value.base, "function", None)}
                    given += [p for v in params - own for p in self.passed(v) or ()]
                    found |= own
                    found |= self._places([p for p in given if _is_object(p)], None)
        return frozenset(found)

    def _kept(self, thing: Thing, call: Call) -> Value | None:
        """Return what stands for the one object that each such call of ``thing`` gives."""
        if isinstance(thing, Func) and thing.function.kept:
            table = Global(thing.function.module, once(thing.function.name))
            if not thing.function.params:
                return table
            return Item(table, _asked_for(call) if len(call.args) == 1 else None)
        if isinstance(thing, Type) and once(thing.cls.name) in thing.cls.module.stores:
            maker = thing.cls.methods.get("__new__")
            if maker is not None and (name := _keeps_in(maker)) in thing.cls.attributes:
                return Attr(ClassValue(thing.cls), name)
            makers = [maker]
            for meta in self.things(thing.cls.metaclass):
                if isinstance(meta, Type):
                    makers.append(self.method(meta.cls, "__call__"))
            if any(maker is not None and _looks_up(maker) for maker in makers):
                return Global(thing.cls.module, once(thing.cls.name))
        return None

    def _made_anew(self, function: Function) -> bool:
        """Whether a decorator of the program returns something else than ``function`` does."""
        return any(
            not all(map(_hands_on, wrapper.function.returns))
            for values in function.decorators
            for thing in self.things(values)
            if isinstance(thing, Func)
            for wrapper in self.things(put_around(thing.function))
            if isinstance(wrapper, Func) and wrapper.function is not function
        )

    def _result_place(self, call: Call, env: Env | None) -> Values:
        found: set[Value] = set()
        for thing in self.things(call.callee, env):
            if isinstance(thing, External):
                viewed = argument(call, VIEWS.get(thing.name)) or NOTHING
                if any(_is_box(held, BUFFERS) for held in self.things(viewed, env)):
                    found |= self._places(viewed, env)
            if (kept := self._kept(thing, call)) is not None:
                found.add(kept)
            elif isinstance(thing, Type) or (
                isinstance(thing, External) and CONSTRUCTORS.get(thing.name) in CONTAINERS
            ):
                found.add(Result(call))
            elif isinstance(thing, Func) and not thing.function.yields:
                if self._made_anew(thing.function):
                    continue
                inner = self.inside(
                    thing.function, self.bind(call, thing.function, thing.receiver), env
                )
                found |= self._places(thing.function.returns, inner)
            elif isinstance(thing, External):
                position = HANDS_BACK.get(thing.name)
                if position is not None and len(call.args) > position:
                    found |= self._places(call.args[position], env)
                elif thing.name == "builtins.next" and call.args:
                    found |= self._places(element(call.args[0]), env)
            elif isinstance(thing, Unknown):
                for callee in call.callee:
                    if isinstance(callee, Attr) and callee.name in HANDS_OUT:
                        places = self._places((callee.base,), env)
                        found |= item(places, _asked_for(call)) - ANYTHING
                    elif isinstance(callee, Attr) and callee.name == "copy":
                        found.add(Result(call))
            elif isinstance(thing, Box):
                for callee in call.callee:
                    if isinstance(callee, Attr) and callee.name in RESHAPES.get(thing.kind, ()):
                        found |= self._places((callee.base,), env)
        return frozenset(found)


def put_around(decorator: Function) -> Values:
    """Return what a decorator gives back in place of what it gets: all but that itself."""
    return frozenset(
        value
        for value in decorator.returns
        if not (isinstance(value, Param) and value.function is decorator)
    )


def _hands_on(value: Value) -> bool:
    """Whether a wrapper returns what the function that it was given returns."""
    return isinstance(value, Result) and any(
        isinstance(root(callee), Cell | Param) for callee in value.call.callee
    )


_MUTABLE = frozenset(("list", "dict", "set"))
"""Displays that make something that can be changed."""


_WINDOWS = frozenset(("memoryview",))
"""Kinds of which a slice is the same object under another one's name."""

_LISTS = frozenset(("list",))
"""Kinds of which a slice holds the same objects."""


def _is_box(thing: Thing, kinds: frozenset[str]) -> bool:
    return isinstance(thing, Box) and thing.kind in kinds


def _looks_up(maker: Function) -> bool:
    """Whether what makes the objects of a class gives back one that the class keeps."""
    return any(
        isinstance(value, Attr | Item) and root(value) == Param(maker, 0) for value in maker.returns
    )


def _keeps_in(maker: Function) -> str:
    """Return the class attribute that holds the one object that ``__new__`` gives back."""
    for value in maker.returns:
        if isinstance(value, Attr) and value.base == Param(maker, 0):
            return value.name
    return ""


def _is_object(value: Value) -> bool:
    """Whether a value is an object of its own: held by a global, or just made."""
    return global_of(value) is not None or isinstance(value, Fresh | Result)


def _is_alias(value: Value) -> bool:
    """Whether binding a name to ``value`` can make it another name for a place."""
    return isinstance(value, Global | Seen | Attr | Item | Element | Result | Phi)


def _asked_for(call: Call) -> str | int | None:
    """Return the constant key that ``get(key)`` and its like ask for."""
    if isinstance(call.node, ast.Call) and call.node.args:
        key = call.node.args[0]
        if isinstance(key, ast.Constant) and isinstance(key.value, str | int):
            return key.value
    return None
