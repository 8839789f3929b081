"""What an expression can be: the one answerer of that question."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from flake8_mpglobals.catalogue import SHARES, THREAD_PRIMITIVES, Api, Catalogue
from flake8_mpglobals.evaluate.memory import (
    keeps_places,
    shared_attribute,
    shared_result,
    shares,
    view,
)
from flake8_mpglobals.evaluate.things import (
    Box,
    Env,
    External,
    Func,
    Generator,
    Handle,
    Mod,
    Obj,
    Partial,
    Plain,
    Shared,
    Target,
    Thing,
    Things,
    Type,
    Wrapped,
    argument,
    bind,
    inside,
    order,
)
from flake8_mpglobals.ir import (
    ANYTHING,
    NOTHING,
    OPERATOR,
    UNKNOWN,
    Attr,
    Call,
    Cell,
    Class,
    ClassValue,
    Copied,
    Display,
    Element,
    Entered,
    Fresh,
    Function,
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
    Unknown,
    Value,
    Values,
    element,
    global_of,
    held_in,
    item,
    root,
)
from flake8_mpglobals.mutations import (
    AGAIN,
    BUFFERS,
    CONSTRUCTORS,
    FIELDS,
    HANDS_BACK,
    ITERATES,
    MODULE_OBJECTS,
    RESHAPES,
    SCALARS,
    SLICES_SHARE,
)
from flake8_mpglobals.program import Program
from flake8_mpglobals.sharedtypes import MANAGES, PROXIES, VIEWS

SPREAD = 6
"""How many arguments a tuple of unknown length is taken to hold."""

FUEL = 300
"""Steps that one query may take."""

DEPTH = 40
"""How deep one query may nest."""


@dataclass(slots=True)
class Query:
    """The budget of one outermost question.

    ``active`` are the values being answered, with their depth; ``lowest`` is the
    least depth that an answer had to leave open (a cycle, or the budget): what
    hangs on it is kept in ``known`` for this question only.
    """

    fuel: int = FUEL
    depth: int = 0
    lowest: int = DEPTH + 2
    active: dict[object, int] = field(default_factory=dict)
    known: dict[object, Things] = field(default_factory=dict)


class Answers:
    """Answers what the values of a program are.

    ``oracle`` is the last resort for expressions of the file under check.  ``made`` are
    functions that stand for methods of a library, by where they are sent.
    """

    def __init__(
        self,
        program: Program,
        catalogue: Catalogue,
        oracle: Callable[[ast.expr], Things] | None = None,
    ) -> None:
        self.program = program
        self.catalogue = catalogue
        self._oracle = oracle
        self.inputs: dict[Param, set[Value]] = {}
        self.made: dict[tuple[Call, Value], Function] = {}
        self._known: dict[Value, Things] = {}
        self._lineages: dict[Class, tuple[tuple[Class, ...], frozenset[str], bool]] = {}
        self._self_classes: dict[Function, list[Class]] = {}
        self._context_free: dict[Function, bool] = {}
        self._partials: set[Call] = set()
        self._stored: frozenset[str] | None = None
        self._by_hand: frozenset[Value] | None = None
        self._places_known: dict[Value, Values] = {}
        self._query: Query | None = None

    def things(self, values: Iterable[Value], env: Env | None = None) -> Things:
        """Return everything that ``values`` can be, as seen from ``env``."""
        found: set[Thing] = set()
        for value in values:
            found |= self.thing(value, env)
        return frozenset(found)

    def thing(self, value: Value, env: Env | None = None) -> Things:
        """Return everything that one value can be."""
        if env is not None and not _depends(value, env):
            env = None
        if env is None:
            known = self._known.get(value)
            if known is not None:
                return known
        query = self._query
        outermost = query is None
        if query is None:
            query = self._query = Query()
        key = (value, env)
        if (known := query.known.get(key)) is not None:
            query.lowest = 0
            return known
        if (depth := query.active.get(key)) is not None:
            query.lowest = min(query.lowest, depth)
            return frozenset()
        query.fuel -= 1
        if query.fuel < 0 or query.depth > DEPTH:
            query.lowest = 0
            return frozenset((UNKNOWN,))
        query.depth += 1
        depth = query.active[key] = query.depth
        lowest, query.lowest = query.lowest, DEPTH + 2
        try:
            found = self._thing(value, env)
        finally:
            del query.active[key]
            query.depth -= 1
            if outermost:
                self._query = None
        if env is None and (outermost or query.lowest >= depth):
            self._known[value] = found
        else:
            query.known[key] = found
        if query.lowest >= depth:
            query.lowest = lowest
        else:
            query.lowest = min(query.lowest, lowest)
        return found

    def asked(self, node: ast.expr | None, module: Module) -> tuple[Thing, ...]:
        """Return what the last resort says of an expression of ``module`` that is unknown."""
        if self._oracle is None or node is None or module is not self.program.main:
            return ()
        return tuple(self.ordered(self._oracle(node)))

    def forget(self) -> None:
        """Drop remembered answers: the inputs of parameters have changed."""
        self._known.clear()
        self._places_known.clear()
        self._lineages.clear()
        self._self_classes.clear()
        self._context_free.clear()
        self._stored = None

    def _thing(self, value: Value, env: Env | None) -> Things:
        if isinstance(value, Scalar):
            return frozenset((Plain(value.kind),))
        if isinstance(value, FunctionValue):
            function = value.function
            return self._made_over(Func(function), function.decorators, function.module)
        if isinstance(value, ClassValue):
            return self._made_over(Type(value.cls), value.cls.decorators, value.cls.module)
        if isinstance(value, Imported):
            return self._imported(value.name)
        if isinstance(value, ModuleValue):
            return frozenset((Mod(value),))
        if isinstance(value, Fresh):
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
            return frozenset((Box("iterator" if kind == "generator" else kind, value.display),))
        if isinstance(value, Global):
            return self._global(value)
        if isinstance(value, Seen):
            hint = value.place.module.annotated.get(value.place.name)
            return self.thing(value.place) if hint else self.things(value.slot.values)
        if isinstance(value, Cell):
            return self.things(value.function.cells.get(value.name, ()), self._outside(env, value))
        if isinstance(value, Phi):
            return self.things(value.slot.values, env)
        if isinstance(value, Param):
            return self._param(value, env)
        if isinstance(value, Attr):
            return self._attribute(value, env)
        if isinstance(value, Item):
            ends = frozenset(
                thing
                for thing in self.thing(value.base, env)
                if isinstance(thing, Shared) and thing.kind == "connection"
            )
            if ends:
                return ends  # Pipe() gives two of them
            return self.things(self.parts(value.base, value.key, env, iterated=False), env)
        if isinstance(value, Element):
            return self.things(self.parts(value.base, None, env, iterated=True), env)
        if isinstance(value, Entered):
            return self._entered(value.base, env)
        if isinstance(value, Copied):
            return frozenset(
                Box("list") if isinstance(thing, Shared) and thing.kind != "buffer" else thing
                for thing in self.thing(value.base, env)
            )
        if isinstance(value, Result):
            return self._result(value.call, env)
        if isinstance(value, Instance):
            return self._instance(value.of, env)
        if isinstance(value, SuperOf):
            return frozenset((Obj(value.cls),))
        if isinstance(value, Handed):
            return self.thing(value.base)
        return frozenset((UNKNOWN,))

    @staticmethod
    def _outside(env: Env | None, cell: Cell) -> Env | None:
        """Return the environment of the function whose variable ``cell`` is, if it is bound."""
        while env is not None and env.function is not cell.function:
            env = env.outer
        return env

    def _imported(self, name: str) -> Things:
        if name in MODULE_OBJECTS:
            return frozenset((Box(MODULE_OBJECTS[name]),))
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
        found: set[Thing] = set(self.things(self.program.starred(value)))
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

    def _wrapper(self, thing: Thing, callee: Values, module: Module) -> Api | None:
        """Return the row of a library's function that makes callables over."""
        names = [value.name for value in callee if isinstance(value, Attr)]
        if isinstance(thing, External):
            row = self.catalogue.api(thing.name)
            if row is not None:
                return row if row.wraps is not None else None
            names = [thing.name.rpartition(".")[2]]
        elif not isinstance(thing, Unknown):
            return None
        for name in names:
            for row in self.catalogue.anywhere(name, module.source.text):
                if row.wraps is not None:
                    return row
        return None

    def _param(self, value: Param, env: Env | None) -> Things:
        walk = env
        while walk is not None:
            if walk.function is value.function:
                bound = walk.bindings.get(value.index)
                if bound is not None:
                    return self.things(bound, walk.outer)
                break
            walk = walk.outer
        function = value.function
        if value.index == 0 and function.has_self:
            assert function.cls is not None
            if function.classmethod:
                return frozenset((Type(function.cls),))
            return frozenset(Obj(cls) for cls in self._selves(function))
        if value.index == function.vararg:
            passed = Fresh(Display("tuple", set(self.inputs.get(value, ()))))
            return self.thing(passed)
        if value.index == function.kwarg:
            return frozenset((Box("dict"),))
        hint = function.annotations.get(value.index)
        passed_in = self.inputs.get(value)
        if hint:
            told = self.things(hint)
            if told and UNKNOWN not in told:
                # People write ``dict`` for a proxy of one.
                given = self.things(passed_in or ())
                if not shares(given):
                    return told
                return given if UNKNOWN not in given else (given - {UNKNOWN}) | told
        if not passed_in:
            default = function.defaults.get(value.index)
            if default and not env:
                return self.things(default) | {UNKNOWN}
            return frozenset((UNKNOWN,))
        return self.things(passed_in)

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
                found |= self.things(self.program.member(thing.module, name)) or {UNKNOWN}
            elif isinstance(thing, External):
                found |= self._imported(f"{thing.name}.{name}")
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
            else:
                found.add(UNKNOWN)
        return frozenset(found)

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

    def _types(self, values: Iterable[Value], env: Env | None) -> Things:
        """Return the classes of what ``values`` can be."""
        return frozenset(
            Type(thing.cls) if isinstance(thing, Obj) else UNKNOWN
            for thing in self.things(values, env)
        )

    def _selves(self, function: Function) -> list[Class]:
        """Return the classes whose instances can be ``self`` of a method: its own, and
        those that inherit the method.
        """
        known = self._self_classes.get(function)
        if known is not None:
            return known
        assert function.cls is not None
        found = [function.cls]
        for cls in self._classes():
            if cls is function.cls or not cls.bases:
                continue
            order, _, _ = self.lineage(cls)
            if function.cls in order and self.method(cls, function.name) is function:
                found.append(cls)
        self._self_classes[function] = found
        return found

    def _classes(self) -> Iterator[Class]:
        """Yield the classes of the modules that have been lowered."""
        for module in self.program.modules:
            yield from module.classes

    def lineage(self, cls: Class) -> tuple[tuple[Class, ...], frozenset[str], bool]:
        """Return the project classes of the hierarchy in lookup order, the library
        classes that it derives from, and whether anything in it is unknown.
        """
        known = self._lineages.get(cls)
        if known is not None:
            return known
        order: list[Class] = []
        external: set[str] = set()
        unknown = False
        stack = [cls]
        while stack:
            current = stack.pop(0)
            if current in order:
                continue
            order.append(current)
            for base, node in zip(current.bases, current.node.bases, strict=True):
                for thing in self.things(base):
                    if isinstance(thing, Type):
                        stack.append(thing.cls)
                    elif isinstance(thing, External):
                        external.add(thing.name)
                    else:
                        # What a project module holds is found by opening it, or not at all.
                        plain = isinstance(node, ast.Name | ast.Attribute) and not any(
                            map(_from_project, base)
                        )
                        told = self.asked(node, current.module) if plain else ()
                        stack.extend(t.cls for t in told if isinstance(t, Type))
                        external.update(t.name for t in told if isinstance(t, External))
                        unknown = unknown or not told
        found = self._lineages[cls] = (tuple(order), frozenset(external), unknown)
        return found

    def has_pool_classes(self) -> bool:
        """Whether a class of the program derives from one with methods in the catalogue."""
        return any(
            self.catalogue.knows_owner(base)
            for cls in self._classes()
            if cls.bases
            for base in self.lineage(cls)[1]
        )

    def method(self, cls: Class, name: str, after: Class | None = None) -> Function | None:
        """Return the project method that ``name`` means for an instance of ``cls``."""
        order, _, _ = self.lineage(cls)
        if after is not None and after in order:
            order = order[order.index(after) + 1 :]
        for owner in order:
            if name in owner.methods:
                return owner.methods[name]
        return None

    def member(self, thing: Thing, name: str) -> Things:
        """Return what attribute ``name`` of an instance of a project class can be."""
        if not isinstance(thing, Obj):
            return frozenset()
        return self._member(thing.cls, name, NOTHING, None)

    def _member(self, cls: Class, name: str, receiver: Values, after: Class | None) -> Things:
        method = self.method(cls, name, after)
        if method is not None:
            if method.is_property:
                return self.things(method.returns, Env(method, {0: receiver}))
            return frozenset((Func(method, NOTHING if method.static else receiver),))
        order, external, unknown = self.lineage(cls)
        found: set[Thing] = set()
        known = False
        for owner in order:
            for table in (owner.self_attributes, owner.attributes):
                if name in table:
                    known = True
                    found |= self.things(table[name])
        if not known:
            if name not in MANAGES and any(
                self.catalogue.shared(base) == "manager" for base in external
            ):
                return frozenset((External(f"manager.{name}"),))
            rows = {self.catalogue.canonical(f"{base}.{name}") for base in external}
            found |= {External(row, receiver) for row in rows if self.catalogue.api(row)}
        if unknown or not found:
            found.add(UNKNOWN)
        return frozenset(found)

    def _class_member(self, cls: Class, name: str) -> Things:
        method = self.method(cls, name)
        if method is not None:
            receiver: Values = frozenset((ClassValue(cls),)) if method.classmethod else NOTHING
            return frozenset((Func(method, receiver),))
        order, _, _ = self.lineage(cls)
        for owner in order:
            if name in owner.attributes:
                return self.things(owner.attributes[name])
        return frozenset((UNKNOWN,))

    def _instance(self, of: Value, env: Env | None) -> Things:
        found: set[Thing] = set()
        for thing in self.thing(of, env):
            if isinstance(thing, Type):
                found.add(Obj(thing.cls))
            elif isinstance(thing, External):
                found |= self._made_by(thing.name, None)
            else:
                found.add(UNKNOWN)
        return frozenset(found)

    def _made_by(self, name: str, call: Call | None) -> Things:
        """Return what calling the library name ``name`` makes."""
        name = self.catalogue.canonical(name)
        shared = self.catalogue.shared(name)
        if shared is not None:
            maker = f"multiprocessing.{name.rpartition('.')[2]}"
            return frozenset((Shared(shared, False, maker, call),))
        if name in THREAD_PRIMITIVES:
            return frozenset((Shared(THREAD_PRIMITIVES[name], True, name, call),))
        row = self.catalogue.api(name)
        if row is not None and row.returns:
            return frozenset((Handle(row.returns, call),))
        if self.catalogue.knows_owner(name):
            return frozenset((Handle(name, call),))
        if name.startswith("manager."):
            return frozenset((Shared(PROXIES.get(name[8:], "proxy"), False, name, call),))
        kind = _typing_kind(name)
        if name == "numpy.array" and call is not None and "copy" in call.keywords:
            kind = None  # perhaps a view of shared memory
        if kind is not None:
            return frozenset((Box(kind, None, call),))
        if name in SCALARS:
            return frozenset((Plain(SCALARS[name]),))
        if name == "functools.partial" and call is not None:
            return frozenset((Partial(call),))
        return frozenset((UNKNOWN,))

    def _entered(self, base: Value, env: Env | None) -> Things:
        found: set[Thing] = set()
        for thing in self.thing(base, env):
            if isinstance(thing, Generator) and thing.function.context_manager:
                found |= self.things(thing.function.yields)
            elif isinstance(thing, Obj):
                enter = self.method(thing.cls, "__enter__")
                if enter is None:
                    enter = self.method(thing.cls, "__aenter__")
                if enter is None:
                    found.add(UNKNOWN)
                else:
                    found |= self.things(enter.returns, inside(enter, {0: frozenset((base,))}, env))
            else:
                found.add(thing)
        return frozenset(found)

    def _result(self, call: Call, env: Env | None) -> Things:
        found: set[Thing] = set()
        for thing in self.things(call.callee, env):
            if isinstance(thing, Box) and thing.kind == CTYPE:
                found.add(Box("ctypes", None, call))
            elif isinstance(thing, Func):
                function = thing.function
                if function.yields:
                    found.add(Generator(function))
                    continue
                inner = self._inside(call, function, thing.receiver, env)
                returned = self.things(function.returns, inner)
                found |= returned or {Plain("NoneType")}
                if _decorated_away(function):
                    found.add(UNKNOWN)
            elif isinstance(thing, Type):
                found.add(Obj(thing.cls))
            elif isinstance(thing, Obj):
                method = self.method(thing.cls, "__call__")
                if method is None:
                    found.add(UNKNOWN)
                else:
                    bound = self.bind(call, method, call.callee)
                    found |= self.things(method.returns, inside(method, bound, env))
            elif isinstance(thing, Partial):
                found |= self._partial_result(thing, env)
            elif isinstance(thing, Wrapped):
                found |= self._wrapped_result(thing, call, env)
            elif isinstance(thing, Handle):
                row = self.catalogue.api(f"{thing.name}.__call__")
                made = row is not None and row.returns
                found.add(Handle(made, call) if made else UNKNOWN)
            elif isinstance(thing, External):
                row = self._wrapper(thing, call.callee, call.function.module)
                if row is not None:
                    given = call.args[0] if call.args else NOTHING
                    found.add(Wrapped(row.returns, self.things(given, env), call))
                    continue
                row = self.catalogue.api(thing.name)
                if row is not None and (row.same or row.runs == "receiver"):
                    found |= self._of_receiver(row, thing.receiver, call, env)
                elif thing.name in HANDS_BACK and len(call.args) > HANDS_BACK[thing.name]:
                    found |= self.things(call.args[HANDS_BACK[thing.name]], env)
                elif thing.name == "builtins.type" and len(call.args) == 1:
                    found |= self._types(call.args[0], env)
                elif thing.name == "builtins.next" and call.args:
                    found |= self.things(element(call.args[0]), env)
                elif thing.name in FIELDS:
                    found |= self._field(call, env)
                else:
                    viewed = argument(call, VIEWS.get(thing.name))
                    views = self._views(viewed, env) if viewed else frozenset()
                    found |= views or self._made_by(thing.name, call)
            elif isinstance(thing, Unknown) and (
                row := self._wrapper(thing, call.callee, call.function.module)
            ):
                found.add(Wrapped(row.returns, frozenset(), call))
            else:
                found |= self._method_result(call, env)
        return frozenset(found)

    def _wrapped_result(self, thing: Wrapped, call: Call, env: Env | None) -> Things:
        """Return what calling something made over gives: a task for later, or the result."""
        if not thing.inner and call.args:
            # The call with options alone is a decorator; this one gives it the callable.
            return frozenset((Wrapped(thing.name, self.things(call.args[0], env), thing.call),))
        row = self.catalogue.api(f"{thing.name}.__call__")
        if row is None:
            return frozenset((UNKNOWN,))
        if row.returns:
            return frozenset((Handle(row.returns, call),))
        found: set[Thing] = set()
        for inner in thing.inner if row.kind in SHARES else ():
            if isinstance(inner, Func):
                bound = self.bind(call, inner.function, inner.receiver)
                found |= self.things(inner.function.returns, inside(inner.function, bound, env))
        return frozenset(found) or frozenset((UNKNOWN,))

    def _of_receiver(self, row: Api, receiver: Values, call: Call, env: Env | None) -> Things:
        """Return what a method gives back that returns its receiver, or runs it."""
        found: set[Thing] = set()
        for thing in self.things(receiver, env):
            if row.same:
                found.add(thing)
            elif isinstance(thing, Wrapped) and (actor := self.catalogue.actor(thing.name)):
                classes = [inner for inner in thing.inner if isinstance(inner, Type)]
                found |= {Wrapped(actor, frozenset((Obj(t.cls),)), call) for t in classes}
        if not found and row.returns:
            found.add(Handle(row.returns, call))
        return frozenset(found) or frozenset((UNKNOWN,))

    def _field(self, call: Call, env: Env | None) -> Things:
        """Return what an attribute of a dataclass starts with."""
        for keyword in ("default_factory", "factory"):
            if keyword in call.keywords:
                made = Call(
                    call.node,
                    call.function,
                    call.keywords[keyword],
                    (),
                    {},
                    -1,
                    NOTHING,
                    call.guards,
                )
                return self._result(made, env)
        if "default" in call.keywords:
            return self.things(call.keywords["default"], env)
        return NOTHING_KNOWN

    def _inside(
        self, call: Call, function: Function, receiver: Values, env: Env | None
    ) -> Env | None:
        """Return the environment of a call; None where nothing that is returned hangs on it."""
        free = self._context_free.get(function)
        if free is None:
            free = self._context_free[function] = not any(
                self._hangs_on(value, function) for value in function.returns
            )
        if free:
            return None
        return inside(function, self.bind(call, function, receiver), env)

    def _hangs_on(self, value: Value, function: Function) -> bool:
        """Whether what ``value`` is depends on the arguments that ``function`` is called with."""
        stack: list[Value] = [value]
        seen: set[Value] = set()
        while stack:
            current = root(stack.pop())
            if current in seen:
                continue
            seen.add(current)
            if len(seen) > _LOOKED_AT or isinstance(current, Cell | SuperOf | Handed):
                return True
            if isinstance(current, Param):
                only_self = current.index == 0 and function.has_self
                if not only_self or len(self._selves(function)) > 1:
                    return True
            elif isinstance(current, Phi):
                stack.extend(current.slot.values)
            elif isinstance(current, Fresh):
                stack.extend(current.display.elements)
            elif isinstance(current, FunctionValue):
                if current.function.outer is function:
                    return True
            elif isinstance(current, Result):
                for part in (
                    current.call.callee,
                    *current.call.args,
                    *current.call.keywords.values(),
                ):
                    stack.extend(part)
        return False

    def _partial_result(self, partial: Partial, env: Env | None) -> Things:
        found: set[Thing] = set()
        if partial.call.args:
            for thing in self.things(partial.call.args[0], env):
                if isinstance(thing, Func):
                    found |= self.things(thing.function.returns)
                elif isinstance(thing, Type):
                    found.add(Obj(thing.cls))
                elif isinstance(thing, External):
                    found |= self._made_by(thing.name, partial.call)
                else:
                    found.add(UNKNOWN)
        return frozenset(found)

    def _views(self, values: Values, env: Env | None) -> Things:
        """Return the shared memory that a view of ``values`` shows."""
        return frozenset(
            view(thing)
            for thing in self.things(values, env)
            if isinstance(thing, Shared) and thing.kind in ("buffer", "array", "value")
        )

    def _method_result(self, call: Call, env: Env | None) -> Things:
        """Return what a method of a container gives back."""
        found: set[Thing] = set()
        for callee in call.callee:
            if not isinstance(callee, Attr):
                return frozenset((UNKNOWN,))
            handed = callee.name in HANDS_OUT
            for thing in self.thing(callee.base, env):
                if isinstance(thing, Shared):
                    found |= shared_result(thing, callee.name)
                elif isinstance(thing, Box) and (
                    callee.name == "copy" or callee.name in RESHAPES.get(thing.kind, ())
                ):
                    found.add(thing)
                elif isinstance(thing, Box) and callee.name in AGAIN.get(thing.kind, ()):
                    found.add(Box(thing.kind, None, call))
                elif isinstance(thing, Box) and callee.name == "share_memory_":
                    found.add(Shared("tensor"))
                elif isinstance(thing, Box) and handed:
                    found |= self.thing(Item(callee.base), env)
                    for arg in call.args[1:2]:
                        found |= self.things(arg, env)
                elif isinstance(thing, Box) and callee.name in ("keys", "values", "items"):
                    found.add(Box("iterator", None, call))
                elif callee.name == "enter_context" and call.args:
                    found |= frozenset().union(*(self._entered(v, env) for v in call.args[0]))
                else:
                    text = call.function.module.source.text
                    rows = self.catalogue.anywhere(callee.name, text)
                    made = {Handle(row.returns, call) for row in rows if row.returns}
                    found |= made or {UNKNOWN}
        return frozenset(found) or frozenset((UNKNOWN,))

    def parts(
        self, base: Value, key: str | int | None, env: Env | None, *, iterated: bool
    ) -> Values:
        """Return the values that an item (or, ``iterated``, an element) of ``base`` can be."""
        found: set[Value] = set()
        variable = global_of(base)
        if variable is not None:
            found.update(held_in(variable.module.contents, variable.name, key))
        elif isinstance(base, Attr):
            for thing in self.thing(base.base, env):
                if isinstance(thing, Obj):
                    for owner in self.lineage(thing.cls)[0]:
                        found.update(held_in(owner.contents, base.name, key))
        inner = _through(base)
        if inner is not None:
            return self._of_pairs(inner, key)
        for thing in self.thing(base, env):
            if isinstance(thing, Box):
                found |= self._held(thing, key, env, iterated=iterated)
            elif isinstance(thing, Generator):
                found |= thing.function.yields
            elif isinstance(thing, Plain):
                found.add(Scalar("str"))
            else:
                found.add(UNKNOWN)
        return frozenset(found)

    @staticmethod
    def _of_pairs(call: Call, key: str | int | None) -> Values:
        """Return part ``key`` of what iterating over ``enumerate``/``zip``/``items`` gives."""
        for callee in call.callee:
            if isinstance(callee, Attr):
                return frozenset((Item(callee.base),)) if key == 1 else ANYTHING
            name = callee.name if isinstance(callee, Imported) else ""
            if name == "builtins.enumerate":
                return element(call.args[0]) if key == 1 and call.args else NOTHING
            if name == "builtins.zip" and isinstance(key, int) and key < len(call.args):
                return element(call.args[key])
        return ANYTHING

    def _held(self, box: Box, key: str | int | None, env: Env | None, *, iterated: bool) -> Values:
        if box.display is not None:
            display = box.display
            if iterated and display.kind == "dict":
                return frozenset((Scalar("str"),))
            if key is not None and key in display.items and keeps_places(display):
                return display.items[key]
            return frozenset(display.elements)
        call = box.call
        if call is not None and box.kind in SLICES_SHARE:
            return frozenset((Result(call),))
        if call is None:
            return NOTHING
        if box.kind == "defaultdict" and call.args and not iterated:
            made = Call(call.node, call.function, call.args[0], (), {}, -1, NOTHING, call.guards)
            return frozenset((Result(made),))
        for thing in self.things(call.callee, env):
            if isinstance(thing, External):
                position = ITERATES.get(thing.name)
                if position is not None and len(call.args) > position:
                    return element(call.args[position])
                if thing.name == "itertools.repeat" and call.args:
                    return call.args[0]
                if thing.name in ("builtins.map", "itertools.starmap") and call.args:
                    given = tuple(element(arg) for arg in call.args[1:])
                    if thing.name == "itertools.starmap" and given:
                        given = tuple(item(given[0], index) for index in range(SPREAD))
                    made = Call(
                        call.node,
                        call.function,
                        call.args[0],
                        given,
                        {},
                        -1,
                        NOTHING,
                        call.guards,
                    )
                    return frozenset((Result(made),))
            elif isinstance(thing, Unknown):
                for callee in call.callee:
                    if isinstance(callee, Attr) and callee.name == "values":
                        return frozenset((Item(callee.base),))
        return NOTHING

    def bind(self, call: Call, function: Function, receiver: Values = NOTHING) -> dict[int, Values]:
        """Return what ``call`` passes for each parameter of ``function``.

        ``receiver`` goes to parameter 0 where the function is bound to something.
        Defaults are bound for what the call leaves out.
        """
        first = (receiver,) if receiver else ()
        return bind(
            function,
            (*first, *call.args),
            call.keywords,
            call.starred + len(first) if call.starred >= 0 else -1,
            call.rest,
        )

    @staticmethod
    def ordered(things: Things) -> list[Thing]:
        """Return things in the order of their definition, so that results are stable."""
        return sorted(things, key=order)

    def learn(self, targets: Iterable[Target]) -> bool:
        """Note what calls pass for parameters; return whether anything was new."""
        new = False
        for target in targets:
            for index, values in target.bindings.items():
                key = Param(target.function, index)
                known = self.inputs.setdefault(key, set())
                fresh = {value for value in values if value not in known and value != key}
                if fresh and len(known) < 200:
                    known |= fresh
                    new = True
        return new


def _is_true(call: Call, keyword: str) -> bool:
    """Whether a call passes a keyword as ``True``."""
    return isinstance(call.node, ast.Call) and any(
        given.arg == keyword and isinstance(given.value, ast.Constant) and given.value.value is True
        for given in call.node.keywords
    )


NOTHING_KNOWN: Things = frozenset()

_FREE = (Global, Seen, Imported, Scalar, FunctionValue, ClassValue, ModuleValue, Fresh, Instance)
_FREE_TYPES = frozenset(_FREE)
"""Values that are the same in every environment."""

_LOOKED_AT = 200


def _from_project(value: Value) -> bool:
    """Whether a name comes from another module of the project."""
    start = root(value)
    variable = global_of(start)
    if variable is None:
        return isinstance(start, ModuleValue)
    stores = variable.module.stores.get(variable.name, ())
    return any(isinstance(root(store), ModuleValue) for store in stores)


def _depends(value: Value, env: Env) -> bool:
    """Whether ``env`` can bear on what ``value`` is."""
    start = root(value)
    kind = type(start)
    if kind in _FREE_TYPES:
        return False
    if isinstance(start, Param | Cell):
        function: Function | None = start.function
    elif isinstance(start, Result):
        function = start.call.function
    else:
        return True
    owners = set()
    while function is not None:
        owners.add(function)
        function = function.outer
    walk: Env | None = env
    while walk is not None:
        if walk.function in owners:
            return True
        walk = walk.outer
    return False


CTYPE = "array type"
"""The kind of the display that stands for ``c_int * 10``."""


HANDS_OUT = frozenset(("get", "setdefault", "pop", "popitem", "popleft", "__getitem__"))


def _typing_kind(name: str) -> str | None:
    """Return the kind of container that a constructor or a ``typing`` name stands for."""
    kind = CONSTRUCTORS.get(name)
    if kind is None and name.startswith("typing."):
        short = name[7:]
        kind = {
            "List": "list",
            "Dict": "dict",
            "Set": "set",
            "DefaultDict": "defaultdict",
            "Deque": "deque",
            "Counter": "Counter",
        }.get(short)
    if kind is None and name in ("builtins.list", "builtins.dict", "builtins.set"):
        kind = name[9:]
    return kind


def _through(value: Value) -> Call | None:
    """Return the call of ``enumerate``/``zip``/``items`` of which ``value`` is one element."""
    if isinstance(value, Element) and isinstance(value.base, Result):
        call = value.base.call
        for callee in call.callee:
            if isinstance(callee, Imported) and callee.name in (
                "builtins.enumerate",
                "builtins.zip",
            ):
                return call
            if isinstance(callee, Attr) and callee.name == "items":
                return call
    return None


def _array_kinds(things: Things) -> list[str]:
    """Return the kinds of the buffers among ``things``."""
    return sorted({t.kind for t in things if isinstance(t, Box) and t.kind in BUFFERS})


def _decorated_away(function: Function) -> bool:
    """Whether an unknown decorator may change what a call of ``function`` returns."""
    if not function.decorators or function.static or function.classmethod:
        return False
    return not (function.is_property or function.context_manager)
