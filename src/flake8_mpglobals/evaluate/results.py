"""What a call gives back."""

from __future__ import annotations

import ast

from flake8_mpglobals.catalogue import SHARES, THREAD_PRIMITIVES, Api
from flake8_mpglobals.evaluate.elements import Elements
from flake8_mpglobals.evaluate.memory import shared_result, view
from flake8_mpglobals.evaluate.query import GROWN
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
    Thing,
    Things,
    Type,
    Wrapped,
    argument,
)
from flake8_mpglobals.ir import (
    NOTHING,
    UNKNOWN,
    Attr,
    Call,
    Display,
    Function,
    Instance,
    Item,
    Module,
    Unknown,
    Value,
    Values,
    attr,
    element,
)
from flake8_mpglobals.mutations import (
    AGAIN,
    CONSTRUCTORS,
    FIELDS,
    HANDS_BACK,
    NAMED_RESULTS,
    RECORD_MAKERS,
    RESHAPES,
    SCALARS,
)
from flake8_mpglobals.sharedtypes import PROXIES, VIEWS

WALKED, MAPPED = "iterable", "mapping"
"""The kinds of what an annotation only says to hold something, not what it is."""

CTYPE = "array type"
"""The kind of the display that stands for ``c_int * 10``."""

HANDS_OUT = frozenset(("get", "setdefault", "pop", "popitem", "popleft", "__getitem__"))


class Results(Elements):
    """Answers what calls of the project's functions and of libraries return."""

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

    def _instance(self, value: Instance, env: Env | None) -> Things:
        found: set[Thing] = set()
        for thing in self.thing(value.of, env):
            if isinstance(thing, Type):
                found.add(Obj(thing.cls))
            elif isinstance(thing, External):
                made = self._made_by(thing.name, None)
                found |= made if value.holds is None else _holding(made, value.holds)
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
        if name in RECORD_MAKERS:
            return frozenset((External(RECORD_MAKERS[name]),))
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
                    bases = self.lineage(thing.cls)[1]
                    pool = any(map(self.catalogue.knows_owner, bases))
                    found.add(thing if pool else UNKNOWN)
                else:
                    found |= self.things(
                        enter.returns, self.inside(enter, {0: frozenset((base,))}, env)
                    )
            else:
                found.add(thing)
        return frozenset(found)

    def _result(self, call: Call, env: Env | None) -> Things:
        called = self.things(call.callee, env)
        if bare := self._made_bare(call, called, env):
            return bare
        found: set[Thing] = set()
        for thing in called:
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
                    found |= self.things(method.returns, self.inside(method, bound, env))
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
                elif thing.name == "builtins.getattr" and len(call.args) > 1:
                    found |= self._begins_with(call, env)
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

    def _begins_with(self, call: Call, env: Env | None) -> Things:
        """Return the methods and functions that ``getattr(base, "visit_" + kind)`` can give."""
        start = _beginning(call.node.args[1]) if isinstance(call.node, ast.Call) else ""
        found: set[Thing] = set()
        for thing in self.things(call.args[0], env) if start else ():
            if isinstance(thing, Obj | Type):
                owners = self.lineage(thing.cls)[0]
                names = {name for owner in owners for name in owner.methods}
                for name in sorted(names):
                    if name.startswith(start):
                        found |= self.things(attr(call.args[0], name), env)
            elif isinstance(thing, Mod):
                self.hangs_on |= GROWN
                module = self.program.load(thing.module.path) if thing.module.path else None
                for name in sorted(module.bound if module else ()):
                    if name.startswith(start):
                        found |= self.things(self._of_module(thing.module, name))
        functions = frozenset(thing for thing in found if isinstance(thing, Func))
        if functions:
            return functions.union(*(self.things(default, env) for default in call.args[2:]))
        return frozenset((UNKNOWN,))

    def _made_bare(self, call: Call, called: Things, env: Env | None) -> Things:
        """Return what ``super().__new__(cls)`` makes."""
        if not call.args or any(isinstance(thing, Func) for thing in called):
            return frozenset()
        if not any(isinstance(c, Attr) and c.name == "__new__" for c in call.callee):
            return frozenset()
        made = self.things(call.args[0], env)
        return frozenset(Obj(thing.cls) for thing in made if isinstance(thing, Type))

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
                found |= self.things(
                    inner.function.returns, self.inside(inner.function, bound, env)
                )
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
        return frozenset()

    def _inside(
        self, call: Call, function: Function, receiver: Values, env: Env | None
    ) -> Env | None:
        """Return the environment of a call; None where nothing that is returned hangs on it."""
        if self._is_free(function):
            return None
        return self.inside(function, self.bind(call, function, receiver), env)

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
                elif callee.name in NAMED_RESULTS and (
                    NAMED_RESULTS[callee.name][0] in call.function.module.imported
                ):
                    found.add(Box(NAMED_RESULTS[callee.name][1], None, call))
                else:
                    text = call.function.module.source.text
                    rows = self.catalogue.anywhere(callee.name, text)
                    made = {Handle(row.returns, call) for row in rows if row.returns}
                    found |= made or {UNKNOWN}
        return frozenset(found) or frozenset((UNKNOWN,))


def _beginning(name: ast.expr) -> str:
    """Return the constant text with which a name begins that is put together."""
    while isinstance(name, ast.BinOp) and isinstance(name.op, ast.Add):
        name = name.left
    if isinstance(name, ast.JoinedStr) and name.values:
        name = name.values[0]
    if isinstance(name, ast.BinOp) and isinstance(name.op, ast.Mod):
        name = name.left
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            return name.value.partition("%")[0]
    if isinstance(name, ast.Call) and isinstance(name.func, ast.Attribute):
        made = name.func
        if made.attr == "format" and isinstance(made.value, ast.Constant):
            return str(made.value.value).partition("{")[0]
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        return name.value
    return ""


def _holding(made: Things, holds: Display) -> Things:
    """Return what an annotation promises, with what it says that this holds; of what is only
    known to be gone over, just that.
    """
    if UNKNOWN in made:
        return frozenset((Box(WALKED if holds.kind == "list" else MAPPED, holds),))
    return frozenset(Box(thing.kind, holds) if isinstance(thing, Box) else thing for thing in made)


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


def _decorated_away(function: Function) -> bool:
    """Whether an unknown decorator may change what a call of ``function`` returns."""
    if not function.decorators or function.static or function.classmethod or function.kept:
        return False
    return not (function.is_property or function.context_manager)
