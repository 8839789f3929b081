"""Which places an expression can be: access paths from a global or a parameter."""

from __future__ import annotations

from collections.abc import Iterable

from flake8_mpglobals.evaluate.answers import DEPTH, HANDS_OUT, Answers, Query
from flake8_mpglobals.evaluate.things import Env, External, Func, Obj, inside
from flake8_mpglobals.ir import (
    ANYTHING,
    NOTHING,
    Attr,
    Call,
    Cell,
    Element,
    Entered,
    Fresh,
    Global,
    Item,
    Param,
    Phi,
    Result,
    Scalar,
    Seen,
    SuperOf,
    Unknown,
    Value,
    Values,
    attr,
    element,
    global_of,
    item,
)
from flake8_mpglobals.mutations import (
    HANDS_BACK,
)


class Places(Answers):
    """Answers which places values are."""

    def places(self, values: Iterable[Value], env: Env | None = None) -> Values:
        """Return the access paths, from a global or an unbound parameter, that ``values`` are.

        A new object is no place; a global that is another name for an object is
        both places.
        """
        outermost = self._query is None
        if outermost:
            self._query = Query()
        try:
            return self._places(values, env)
        finally:
            if outermost:
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
            same = value.module.stores.get(value.name, ())
            others = [v for v in same if isinstance(v, Global | Seen | Attr | Item | Result | Phi)]
            return frozenset((value,)) | self._places(others, None)
        if isinstance(value, Seen):
            return self._places((value.place,), env)
        if isinstance(value, Param):
            walk = env
            while walk is not None:
                if walk.function is value.function:
                    bound = walk.bindings.get(value.index)
                    return self._places(bound, walk.outer) if bound is not None else NOTHING
                walk = walk.outer
            return frozenset((value,))
        if isinstance(value, Cell):
            held = value.function.cells.get(value.name, ())
            return self._places(held, self._outside(env, value))
        if isinstance(value, Phi):
            return self._places(value.slot.values, env)
        if isinstance(value, Entered):
            return self._places((value.base,), env)
        if isinstance(value, Attr):
            return self._attribute_place(value, env)
        if isinstance(value, Item | Element):
            key = value.key if isinstance(value, Item) else None
            found = item(self._places((value.base,), env), key) - ANYTHING
            parts = self.parts(value.base, key, env, iterated=isinstance(value, Element))
            aliases = [v for v in parts if not isinstance(v, Fresh | Unknown | Scalar)]
            return found | self._places(aliases, env)
        if isinstance(value, Result):
            return self._result_place(value.call, env)
        if isinstance(value, SuperOf):
            return self._places((Param(value.function, 0),), env)
        return NOTHING

    def _attribute_place(self, value: Attr, env: Env | None) -> Values:
        found = set(attr(self._places((value.base,), env), value.name)) - ANYTHING
        for thing in self.thing(value.base, env):
            if isinstance(thing, Obj):
                order, _, _ = self.lineage(thing.cls)
                for owner in order:
                    held = owner.self_attributes.get(value.name, set())
                    found |= self._places([v for v in held if global_of(v)], None)
                    for v in held:
                        if isinstance(v, Param):
                            passed = self.inputs.get(v, ())
                            found |= self._places([p for p in passed if global_of(p)], None)
        return frozenset(found)

    def _result_place(self, call: Call, env: Env | None) -> Values:
        found: set[Value] = set()
        for thing in self.things(call.callee, env):
            if isinstance(thing, Func) and not thing.function.yields:
                inner = inside(thing.function, self.bind(call, thing.function, thing.receiver), env)
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
                        found |= item(self._places((callee.base,), env)) - ANYTHING
        return frozenset(found)
