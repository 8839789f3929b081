"""What an expression can be: the one answerer of that question."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from flake8_mpglobals.evaluate.classes import MOST_SELVES
from flake8_mpglobals.evaluate.memory import shared_attribute, shares
from flake8_mpglobals.evaluate.results import CTYPE, MAPPED, WALKED, Results
from flake8_mpglobals.evaluate.things import (
    KEYWORDS,
    Box,
    Env,
    External,
    Func,
    Handle,
    Kept,
    Mod,
    Obj,
    Plain,
    Shared,
    Thing,
    Things,
    Type,
    Wrapped,
    bound_to,
)
from flake8_mpglobals.ir import (
    ANYTHING,
    NOTHING,
    OPERATOR,
    UNKNOWN,
    Attr,
    Call,
    Cell,
    ClassValue,
    Copied,
    Display,
    Element,
    Entered,
    Fresh,
    FunctionValue,
    Global,
    Handed,
    Imported,
    Instance,
    Item,
    Module,
    ModuleValue,
    Param,
    Phi,
    Result,
    Scalar,
    Seen,
    SuperOf,
    Value,
    Values,
    item,
    surplus_of,
)
from flake8_mpglobals.mutations import BUFFERS, MODULE_NUMBERS, MODULE_OBJECTS, RESHAPES

DEEPEST_NAME = 6
"""Dots in the longest name of a library that is told from what it belongs to: more than
any name of the tables has.
"""


class Answers(Results):
    """Answers what the values of a program are, one kind of value after the other."""

    def _thing(self, value: Value | Kept, env: Env | None) -> Things:
        answer = _ANSWERS.get(type(value))
        return answer(self, value, env) if answer is not None else frozenset((UNKNOWN,))

    def _fresh(self, value: Fresh, env: Env | None) -> Things:
        kind = value.display.kind
        if kind == CTYPE:
            of_ctypes = any(
                isinstance(thing, External) and thing.name.startswith("ctypes.")
                for thing in self.things(value.display.elements, env)
            )
            return frozenset((Box(CTYPE) if of_ctypes else UNKNOWN,))
        if kind == OPERATOR:
            kinds = _array_kinds(self.things(value.display.elements, env))
            return frozenset((Box(kinds[0]) if kinds else UNKNOWN,))
        if kind == "tuple":
            return frozenset((Box("tuple", value.display),))
        if kind == KEYWORDS:
            return frozenset((Box("dict", value.display),))
        return frozenset((Box("iterator" if kind == "generator" else kind, value.display),))

    def _seen(self, value: Seen) -> Things:
        hint = value.place.module.annotated.get(value.place.name)
        return self.thing(value.place) if hint else self.things(value.slot.values)

    def _item(self, value: Item, env: Env | None) -> Things:
        ends = frozenset(
            thing
            for thing in self.thing(value.base, env)
            if isinstance(thing, Shared) and thing.kind == "connection"
        )
        if ends:
            return ends  # Pipe() gives two of them
        found = self.things(self.parts(value.base, value.key, env, iterated=False), env)
        for values, inner in self.subscribed(value.base, value.key, env):
            found |= self.things(values, inner)
        return found

    def _copied(self, value: Copied, env: Env | None) -> Things:
        return frozenset(
            Box("list") if isinstance(thing, Shared) and thing.kind != "buffer" else thing
            for thing in self.thing(value.base, env)
        )

    def _function(self, value: FunctionValue) -> Things:
        function = value.function
        return self._made_over(Func(function), function.decorators, function.module)

    def _class(self, value: ClassValue) -> Things:
        return self._made_over(Type(value.cls), value.cls.decorators, value.cls.module)

    def _cell(self, value: Cell, env: Env | None) -> Things:
        return self.things(value.function.cells.get(value.name, ()), self._outside(env, value))

    @staticmethod
    def _outside(env: Env | None, cell: Cell) -> Env | None:
        """Return the environment of the function whose variable ``cell`` is, if it is bound."""
        while env is not None and env.function is not cell.function:
            env = env.outer
        return env

    def _imported(self, name: str) -> Things:
        if name in MODULE_OBJECTS:
            return frozenset((Box(MODULE_OBJECTS[name]),))
        if name in MODULE_NUMBERS:
            return frozenset((Plain(MODULE_NUMBERS[name]),))
        return frozenset((External(self.catalogue.canonical(name)),))

    def _global(self, value: Global) -> Things:
        module = value.module
        stores = module.stores.get(value.name)
        hint = module.annotated.get(value.name)
        if not stores and not hint:
            return self._starred(value)
        found = self.things(stores or ())
        if hint and not shares(found):
            told = self.things(hint)
            if told and UNKNOWN not in told:
                found = (found - {UNKNOWN}) | told
        return found

    def _starred(self, value: Global) -> Things:
        """Return what a name that nothing here binds can be: part of a ``from m import *``."""
        found: set[Thing] = set(self.things(self._of_star(value)))
        for module in value.module.star_imports:
            name = f"{module}.{value.name}"
            if self.catalogue.knows(name):
                found |= self._imported(name)
        return frozenset(found) or frozenset((UNKNOWN,))

    def _made_over(self, thing: Thing, decorators: tuple[Values, ...], module: Module) -> Things:
        """Return a definition as its decorators leave it: those of the catalogue make it over."""
        for values in decorators:
            for decorator in self.things(values):
                if isinstance(decorator, Wrapped):
                    name, call = decorator.name, decorator.call
                else:
                    row = self._wrapper(decorator, values, module)
                    if row is None:
                        continue
                    name, call = row.returns, None
                if isinstance(thing, Func) and call is not None and _is_true(call, "bind"):
                    thing = Func(thing.function, ANYTHING)
                return frozenset((Wrapped(name, frozenset((thing,)), call),))
        return frozenset((thing,))

    def _param(self, value: Param, env: Env | None) -> Things:
        walk = env
        while walk is not None:
            if walk.function is value.function:
                bound = bound_to(walk.bindings, value)
                if bound is not None:
                    return self.things(bound, walk.outer)
                break
            walk = walk.outer
        function = value.function
        if value.index == 0 and function.has_self:
            assert function.cls is not None
            if function.name == "__init_subclass__":
                heirs = [cls for cls in self._selves(function) if cls is not function.cls]
                return frozenset(map(Type, heirs)) or frozenset((UNKNOWN,))
            if function.classmethod:
                return frozenset((Type(function.cls),))
            selves = self._selves(function)
            if len(selves) > MOST_SELVES:
                return frozenset((Obj(function.cls), UNKNOWN))
            return frozenset(map(Obj, selves))
        whole = surplus_of(value)
        if whole is not None:
            return self._part_of_surplus(value, whole)
        if value.index == function.vararg:
            passed = self.passed(value)
            if passed is None:
                self.unfed.add(function)
            return self.thing(Fresh(Display("tuple", set(passed or ()))))
        if value.index == function.kwarg:
            options = self.passed(value)
            if options is None:
                self.unfed.add(function)
            return frozenset((Box("dict"),)) | self.things(options or ())
        hint = function.annotations.get(value.index)
        passed_in = self.passed(value)
        if not passed_in:
            self.unfed.add(function)
        if hint:
            told = self.things(hint)
            if told and UNKNOWN not in told:
                # People write ``dict`` for a proxy of one.
                given = self.things(passed_in or ())
                if not shares(given):
                    return self.narrowed(told, given) | _filled(given, told)
                return given if UNKNOWN not in given else (given - {UNKNOWN}) | told
        if not passed_in:
            default = function.defaults.get(value.index)
            if default and not env:
                return self.things(default) | {UNKNOWN}
            return frozenset((UNKNOWN,))
        return self.things(passed_in)

    def _part_of_surplus(self, value: Param, whole: Param) -> Things:
        """Answer for an item of ``*args`` or ``**kwargs``, as the calls known so far pass it."""
        found = self.things(self.passed(value) or ())
        if whole.index == value.function.kwarg:
            assert isinstance(value.index, str)
            others = frozenset(given for given in self.passed(whole) or () if not _named(given))
            found |= self.things(item(others, value.index))
        if whole in self.inputs:
            return found  # nothing, where no call passes so many
        self.unfed.add(value.function)
        return frozenset((UNKNOWN,))

    def _attribute(self, value: Attr, env: Env | None) -> Things:
        found: set[Thing] = set()
        name = value.name
        base = value.base
        for thing in self.thing(base, env):
            if name == "__class__":
                found |= self._types((base,), env)
            elif isinstance(thing, Obj):
                start = base.cls if isinstance(base, SuperOf) else None
                found |= self._member(thing.cls, name, frozenset((base,)), after=start)
            elif isinstance(thing, Type):
                found |= self._class_member(thing.cls, name)
            elif isinstance(thing, Mod):
                found |= self.things(self._of_module(thing.module, name)) or {UNKNOWN}
            elif isinstance(thing, External):
                if thing.name.count(".") < DEEPEST_NAME:
                    found |= self._imported(f"{thing.name}.{name}")
                else:
                    found.add(thing)
            elif isinstance(thing, Handle):
                found.add(
                    External(self.catalogue.canonical(f"{thing.name}.{name}"), frozenset((base,)))
                )
            elif isinstance(thing, Shared):
                found |= shared_attribute(thing, name)
            elif isinstance(thing, Wrapped):
                found |= self._wrapped_attribute(thing, name, base)
            elif isinstance(thing, Box) and name in RESHAPES.get(thing.kind, ()):
                found.add(thing)
            elif isinstance(thing, Box) and (given := self._made_with(thing, name)):
                found |= self.things(given, env)
            elif not (isinstance(thing, Plain) and thing.kind == "NoneType"):
                found.add(UNKNOWN)
        return frozenset(found) or frozenset((UNKNOWN,))

    def _made_with(self, box: Box, name: str) -> Values:
        """Return what an object without a class of its own was made with as an attribute."""
        call = box.call
        if call is None or box.kind != "object":
            return NOTHING
        if name in call.keywords:
            return call.keywords[name]
        for maker in self.made_by(call.callee) if call.args and call.starred < 0 else ():
            names = _named_fields(maker)
            if name in names and names.index(name) < len(call.args):
                return call.args[names.index(name)]
        return NOTHING

    def _wrapped_attribute(self, thing: Wrapped, name: str, base: Value) -> Things:
        """Return a method that the library gives to what it made over, or to an actor's."""
        row = self.catalogue.api(f"{thing.name}.{name}")
        if row is not None:
            return frozenset((External(row.name, frozenset((base,))),))
        found: set[Thing] = set()
        for inner in thing.inner:
            if isinstance(inner, Obj):
                method = self.method(inner.cls, name)
                owner = self.catalogue.actor_of(thing.name)
                if method is not None and owner:
                    itself: Values = frozenset((Instance(ClassValue(inner.cls)),))
                    found.add(Wrapped(owner, frozenset((Func(method, itself),))))
        return frozenset(found) or frozenset((UNKNOWN,))


def _named_fields(maker: Call) -> list[str]:
    """Return the fields of the class that ``namedtuple("Point", "x y")`` makes."""
    node = maker.node
    if not isinstance(node, ast.Call) or len(node.args) < 2:
        return []
    fields = node.args[1]
    if isinstance(fields, ast.Constant) and isinstance(fields.value, str):
        return fields.value.replace(",", " ").split()
    if not isinstance(fields, ast.List | ast.Tuple):
        return []
    names = [
        part.elts[0] if isinstance(part, ast.Tuple) and part.elts else part for part in fields.elts
    ]
    return [str(name.value) if isinstance(name, ast.Constant) else "" for name in names]


_Answer = Callable[[Answers, Any, "Env | None"], Things]
_ANSWERS: dict[type, _Answer] = {
    Scalar: lambda _, value, __: frozenset((Plain(value.kind),)),
    FunctionValue: lambda asked, value, _: asked._function(value),
    ClassValue: lambda asked, value, _: asked._class(value),
    Imported: lambda asked, value, _: asked._imported(value.name),
    ModuleValue: lambda _, value, __: frozenset((Mod(value),)),
    Fresh: Answers._fresh,
    Global: lambda asked, value, _: asked._global(value),
    Seen: lambda asked, value, _: asked._seen(value),
    Cell: Answers._cell,
    Phi: lambda asked, value, env: asked.things(value.slot.values, env),
    Param: Answers._param,
    Attr: Answers._attribute,
    Item: Answers._item,
    Element: lambda asked, value, env: asked.things(
        asked.parts(value.base, None, env, iterated=True), env
    ),
    Entered: lambda asked, value, env: asked._entered(value.base, env),
    Copied: Answers._copied,
    Result: lambda asked, value, env: asked._result(value.call, env),
    Instance: Answers._instance,
    SuperOf: lambda _, value, __: frozenset((Obj(value.cls),)),
    Handed: lambda asked, value, _: asked.thing(value.base),
    Kept: lambda asked, value, _: asked._kept_by(value),
}
"""How each kind of value is answered; what is not here can be anything."""


def _filled(given: Things, told: Things) -> Things:
    """Return the containers among ``given`` that an annotation tells of: they know better
    what they are, or what they hold.
    """
    kinds = {thing.kind for thing in told if isinstance(thing, Box)}
    vague = not kinds.isdisjoint((WALKED, MAPPED))
    return frozenset(
        thing
        for thing in given
        if isinstance(thing, Box) and (vague or (thing.kind in kinds and thing.display))
    )


def _is_true(call: Call, keyword: str) -> bool:
    """Whether a call passes a keyword as ``True``."""
    return isinstance(call.node, ast.Call) and any(
        given.arg == keyword and isinstance(given.value, ast.Constant) and given.value.value is True
        for given in call.node.keywords
    )


def _array_kinds(things: Things) -> list[str]:
    """Return the kinds of the buffers among ``things``."""
    return sorted({t.kind for t in things if isinstance(t, Box) and t.kind in BUFFERS})


def _named(value: Value) -> bool:
    """Whether a value stands for the keywords that one call names, each bound for itself."""
    return isinstance(value, Fresh) and value.display.kind == KEYWORDS
