"""Classes of the project: what they derive from, and what their instances have."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable, Iterator

from flake8_mpglobals.evaluate.memory import shares
from flake8_mpglobals.evaluate.query import GROWN, Asking, Lineage
from flake8_mpglobals.evaluate.things import (
    Box,
    Env,
    External,
    Func,
    Kept,
    Obj,
    Plain,
    Thing,
    Things,
    Type,
)
from flake8_mpglobals.ir import (
    NOTHING,
    UNKNOWN,
    Attr,
    Call,
    Cell,
    Class,
    ClassValue,
    Fresh,
    Function,
    FunctionValue,
    Global,
    Handed,
    ModuleValue,
    Param,
    Phi,
    Result,
    Seen,
    Store,
    SuperOf,
    Value,
    Values,
    global_of,
    is_receiver,
    root,
)
from flake8_mpglobals.sharedtypes import MANAGES

_PROTOCOLS = frozenset(("typing.Protocol", "typing_extensions.Protocol"))
"""Bases of a class that others are instances of by what they can do."""

MOST_GIVEN = 50
"""Values of one field that are told apart."""

_LOOKED_AT = 200
"""Values that one is made of until it is taken to depend on all."""

MOST_SELVES = 100
"""``self`` of a method that more classes than these inherit can be anything, too."""


class Classes(Asking):
    """Answers what attributes of classes and instances are."""

    def _types(self, values: Iterable[Value], env: Env | None) -> Things:
        """Return the classes of what ``values`` can be."""
        return frozenset(
            Type(thing.cls) if isinstance(thing, Obj) else UNKNOWN
            for thing in self.things(values, env)
        )

    def _selves(self, function: Function) -> list[Class]:
        """Return the classes whose instances can be ``self`` of a method: its own, and
        those that inherit the method; of more than ``MOST_SELVES`` only as many.
        """
        return self.remembered(self._self_classes, function, lambda: self._find_selves(function))

    def _find_selves(self, function: Function) -> list[Class]:
        assert function.cls is not None
        found = {function.cls: None}
        waiting = [function.cls]
        while waiting and len(found) <= MOST_SELVES:
            for cls in self._heirs(waiting.pop()):
                if cls in found or function.name in cls.methods:
                    continue
                # Who has one base has its methods.
                if len(self._direct(cls)[0]) == 1 or self.method(cls, function.name) is function:
                    found[cls] = None
                    waiting.append(cls)
        return list(found)

    def _heirs(self, cls: Class) -> list[Class]:
        """Return the classes one of whose bases is ``cls``."""
        derived = self.remembered(self._derived, self.program.size, self._find_derived)
        return derived.get(cls, [])

    def _find_derived(self) -> dict[Class, list[Class]]:
        self.hangs_on |= GROWN
        derived: dict[Class, list[Class]] = {}
        for each in self._classes():
            for base in self._direct(each)[0] if each.bases else ():
                derived.setdefault(base, []).append(each)
        return derived

    def _classes(self) -> Iterator[Class]:
        """Yield the classes of the modules that have been lowered."""
        for module in self.program.modules:
            yield from module.classes

    def lineage(self, cls: Class) -> Lineage:
        """Return the project classes of the hierarchy in lookup order, the library
        classes that it derives from, and whether anything in it is unknown.
        """
        known = self._lineages.get(cls)
        if known is None:
            return self.remembered(self._lineages, cls, lambda: self._find_lineage(cls))
        self.hangs_on |= known[1]
        return known[0]

    def _find_lineage(self, cls: Class) -> Lineage:
        order: dict[Class, None] = {}
        external: set[str] = set()
        unknown = False
        waiting = deque((cls,))
        while waiting:
            current = waiting.popleft()
            if current not in order:
                order[current] = None
                bases, libraries, open_ended = self._direct(current)
                waiting.extend(bases)
                external |= libraries
                unknown = unknown or open_ended
        return (tuple(order), frozenset(external), unknown)

    def _direct(self, cls: Class) -> Lineage:
        """Return the project classes and the library classes that ``cls`` names as bases, and
        whether one of them is unknown.

        A question of its own, whoever asks: the answer is kept.
        """
        known = self._bases.get(cls)
        if known is None:
            return self.remembered(self._bases, cls, lambda: self._find_direct(cls))
        self.hangs_on |= known[1]
        return known[0]

    def _find_direct(self, cls: Class) -> Lineage:
        self._bases[cls] = (((), frozenset(), True), 0)  # while it is being found
        asking, self._query = self._query, None
        try:
            return self._named_as_bases(cls)
        finally:
            self._query = asking

    def _named_as_bases(self, cls: Class) -> Lineage:
        classes: list[Class] = []
        external: set[str] = set()
        unknown = False
        for base, node in zip(cls.bases, cls.node.bases, strict=True):
            for thing in self.things(base):
                if isinstance(thing, Type):
                    classes.append(thing.cls)
                elif isinstance(thing, External):
                    external.add(thing.name)
                else:
                    # What a project module holds is found by opening it, or not at all.
                    plain = isinstance(node, ast.Name | ast.Attribute) and not any(
                        map(_from_project, base)
                    )
                    told = self.asked(node, cls.module) if plain else ()
                    classes.extend(t.cls for t in told if isinstance(t, Type))
                    external.update(t.name for t in told if isinstance(t, External))
                    unknown = unknown or not told
        return tuple(classes), frozenset(external), unknown

    def has_pool_classes(self) -> bool:
        """Whether a class of the file under check derives from one with methods in the
        catalogue: of others, the last resort says nothing.
        """
        return any(
            self.catalogue.knows_owner(base)
            for cls in self.program.main.classes
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

    def learn_fields(self, cls: Class, call: Call) -> bool:
        """Note what ``call``, which makes an instance of ``cls``, passes for the fields of a
        record; return whether anything was new.
        """
        if not cls.record or self.method(cls, "__init__") is not None:
            return False
        owners = {name: owner for owner in reversed(self.lineage(cls)[0]) for name in owner.fields}
        passed = dict(zip(owners, call.args, strict=False)) if call.starred < 0 else {}
        passed.update(call.keywords)
        new = False
        for name, values in passed.items():
            if name in owners:
                known = self.given.setdefault((owners[name], name), set())
                if not values <= known and len(known) < MOST_GIVEN:
                    known |= values
                    new = True
                    self._changed |= self._bit(owners[name])
        return new

    def _with_given(self, cls: Class, owners: Iterable[Class], name: str, told: Things) -> Things:
        """Return what an attribute can be that its class tells something of: also what others
        give it, where that is shared (people write ``dict`` for a proxy of one), where
        nothing else is known, or where it says what a container holds.
        """
        values = [value for owner in owners for value in self.filled(owner, name)]
        given = self.things(values) | self._stored_outside(cls, name)
        if shares(given):
            return told | (given - {UNKNOWN})
        if told <= {Plain("NoneType")}:
            return told | given
        kinds = {thing.kind for thing in told if isinstance(thing, Box)}
        told = self.narrowed(told, given)
        return told | {t for t in given if isinstance(t, Box) and t.display and t.kind in kinds}

    def narrowed(self, told: Things, given: Things) -> Things:
        """Return what an annotation tells, with instances of classes that derive from the
        one that it names, or do as it says, where such are given.
        """
        found: set[Thing] = set()
        for thing in told:
            heirs: set[Thing] = set()
            if isinstance(thing, Obj):
                any_class = not _PROTOCOLS.isdisjoint(self.lineage(thing.cls)[1])
                heirs.update(
                    each
                    for each in given
                    if isinstance(each, Obj)
                    and (any_class or thing.cls in self.lineage(each.cls)[0])
                )
            found |= heirs or {thing}
        return frozenset(found)

    def _stored_outside(self, cls: Class, name: str) -> Things:
        """Return what code that is no method of it stores in an attribute of an instance."""
        by_others = self.remembered(self._stored_by_others, None, self._find_stored_by_others)
        return frozenset().union(
            *(
                self.things(store.values)
                for store in by_others.get(name, ())
                if any(
                    isinstance(thing, Obj)
                    and (thing.cls in self.lineage(cls)[0] or cls in self.lineage(thing.cls)[0])
                    for thing in self.things(store.targets)
                )
            )
        )

    def _find_stored_by_others(self) -> dict[str | int | None, list[Store]]:
        self.hangs_on |= GROWN
        found: dict[str | int | None, list[Store]] = {}
        for module in self.program.modules:
            for function in (module.body, *module.functions):
                for store in function.stores:
                    if store.how == "attr" and not all(map(is_receiver, store.targets)):
                        found.setdefault(store.key, []).append(store)
        return found

    def member(self, thing: Thing, name: str) -> Things:
        """Return what attribute ``name`` of an instance of a project class can be."""
        if not isinstance(thing, Obj):
            return frozenset()
        return self._member(thing.cls, name, NOTHING, None)

    def made_by(self, values: Iterable[Value]) -> list[Call]:
        """Return the calls that make what ``values`` are, through names and attributes."""
        found: list[Call] = []
        stack = list(values)
        seen: set[Value] = set()
        while stack and len(seen) < 50:
            value = stack.pop()
            if value in seen:
                continue
            seen.add(value)
            if isinstance(value, Result):
                found.append(value.call)
            elif isinstance(value, Seen | Phi):
                stack.extend(value.slot.values)
            elif isinstance(value, Global):
                stack.extend(value.module.stores.get(value.name, ()))
            elif isinstance(value, Attr):
                for thing in self.thing(value.base):
                    if isinstance(thing, Obj):
                        for owner in self.lineage(thing.cls)[0]:
                            stack.extend(owner.self_attributes.get(value.name, ()))
        return found

    def _member(self, cls: Class, name: str, receiver: Values, after: Class | None) -> Things:
        method = self.method(cls, name, after)
        if method is not None:
            if method.is_property:
                return self.things(method.returns, self._bound(method, receiver))
            return frozenset((Func(method, NOTHING if method.static else receiver),))
        whole, external, unknown = self.lineage(cls)
        order = whole[whole.index(after) + 1 :] if after in whole else whole
        found = set(self.thing(Kept(cls, name, after if after in whole else None)))
        if external and not any(
            name in owner.self_attributes or name in owner.attributes for owner in order
        ):
            if name not in MANAGES and any(
                self.catalogue.shared(base) == "manager" for base in external
            ):
                return frozenset((External(f"manager.{name}"),))
            rows = {self.catalogue.canonical(f"{base}.{name}") for base in external}
            found |= {External(row, receiver) for row in rows if self.catalogue.api(row)}
        if unknown or not found:
            found.add(UNKNOWN)
        return frozenset(found)

    def _bound(self, method: Function, receiver: Values) -> Env | None:
        """Return the environment of a property that is read of ``receiver``."""
        return None if self._is_free(method) else self.inside(method, {0: receiver}, None)

    def _is_free(self, function: Function) -> bool:
        """Whether nothing that a function returns hangs on the arguments of a call."""
        return self.remembered(
            self._context_free,
            function,
            lambda: not any(self._bears_on(function, value) for value in function.returns),
        )

    def _bears_on(self, function: Function, value: Value) -> bool:
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

    def _kept_by(self, asked: Kept) -> Things:
        """Return what instances of a class hold in an attribute that is no method."""
        order, _, _ = self.lineage(asked.cls)
        if asked.after is not None:
            order = order[order.index(asked.after) + 1 :]
        name = asked.name
        found: set[Thing] = set()
        for owner in order:
            for table in (owner.self_attributes, owner.attributes):
                if name in table:
                    found |= self.things(table[name])
        return self._with_given(asked.cls, order, name, frozenset(found))

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


def _from_project(value: Value) -> bool:
    """Whether a name comes from another module of the project."""
    start = root(value)
    variable = global_of(start)
    if variable is None:
        return isinstance(start, ModuleValue)
    stores = variable.module.stores.get(variable.name, ())
    return any(isinstance(root(store), ModuleValue) for store in stores)
