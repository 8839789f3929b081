"""The one way to ask what an expression can be: with a budget, and a memory."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from flake8_mpglobals.catalogue import Catalogue
from flake8_mpglobals.evaluate.things import (
    CONTEXTS,
    KEYWORDS,
    Bindings,
    Env,
    Kept,
    Obj,
    Target,
    Thing,
    Things,
    bind,
    order,
)
from flake8_mpglobals.ir import (
    NOTHING,
    UNKNOWN,
    Call,
    Cell,
    Class,
    ClassValue,
    Display,
    Fresh,
    Function,
    FunctionValue,
    Global,
    Imported,
    Index,
    Instance,
    Module,
    ModuleValue,
    Param,
    Result,
    Scalar,
    Seen,
    Store,
    Value,
    Values,
    root,
    union,
)
from flake8_mpglobals.program import Program
from flake8_mpglobals.records import field, mutable

FUEL = 300
"""Steps that one query may take."""

DEPTH = 40
"""How deep one query may nest."""

AGAIN = 3
"""How often a question is asked once more that its own answer bears on."""

GROWN = 1
"""The bit of what hangs on which modules of the project have been looked into."""

Key = TypeVar("Key")
Answer = TypeVar("Answer")
Remembered = dict[Key, tuple[Answer, int]]
"""Answers by question, each with the bits of what it hangs on."""

MOST = 128
"""How many things one value may be; one that may be more is as good as unknown."""


Lineage = tuple[tuple[Class, ...], frozenset[str], bool]
"""Classes of the project, those of libraries by name, and whether anything is unknown."""


@mutable
class Query:
    """The budget of one outermost question.

    ``active`` are the values being answered, with their depth; ``lowest`` is the
    least depth that an answer had to leave open (a cycle, or the budget): what
    hangs on it is kept in ``known`` for this question only.  ``so_far`` is what is known of
    those that are asked once more.
    """

    fuel: int = FUEL
    depth: int = 0
    lowest: int = DEPTH + 2
    active: dict[object, int] = field(default_factory=dict)
    known: dict[object, tuple[Things, int]] = field(default_factory=dict)
    so_far: dict[object, Things] = field(default_factory=dict)


class Asking:
    """Asks what the values of a program are, each question within a budget.

    How one value is answered is left to the classes that derive from this one.
    ``oracle`` is the last resort for expressions of the file under check.  ``made`` are
    functions that stand for methods of a library, by where they are sent.  ``inputs`` are
    what calls pass for parameters, ``given`` for the fields of records; ``unfed`` are the
    functions that were asked for a parameter of which nothing was known.

    Answers hang on what is known of callers, and on which modules were looked into.  Each
    function and class that can be told more of has a bit; ``hangs_on`` gathers those of all
    answers given, so that what is remembered can be dropped by them (:meth:`refresh`).
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
        self.given: dict[tuple[Class, str], set[Value]] = {}
        self.unfed: set[Function] = set()
        self.made: dict[tuple[Call, Value], Function] = {}
        self._surpluses: dict[tuple[Function, frozenset[tuple[str, Values]]], Fresh] = {}
        self.hangs_on = 0
        self._bits: dict[Function | Class, int] = {}
        self._changed = 0
        self._size = program.size
        self._known: Remembered[Value | Kept, Things] = {}
        self._known_inside: Remembered[tuple[Value | Kept, Env], Things] = {}
        self._envs: dict[object, Env] = {}
        self._lineages: Remembered[Class, Lineage] = {}
        self._bases: Remembered[Class, Lineage] = {}
        self._derived: Remembered[int, dict[Class, list[Class]]] = {}
        self._self_classes: Remembered[Function, list[Class]] = {}
        self._context_free: Remembered[Function, bool] = {}
        self._partials: set[Call] = set()
        self._stored: Remembered[None, frozenset[str]] = {}
        self._handed_out: Remembered[None, frozenset[tuple[Class, str]]] = {}
        self._stored_by_others: Remembered[None, dict[str | int | None, list[Store]]] = {}
        self._by_hand: frozenset[Value] | None = None
        self._registered: Remembered[None, dict[Function, list[Function]]] = {}
        self._places_known: Remembered[Value, Values] = {}
        self._query: Query | None = None

    def things(self, values: Iterable[Value], env: Env | None = None) -> Things:
        """Return everything that ``values`` can be, as seen from ``env``."""
        known = self._known
        first: Things | None = None
        found: set[Thing] | None = None
        for value in values:
            answer = known.get(value) if env is None else None
            if answer is None:
                things = self.thing(value, env)
            else:
                things, hangs_on = answer
                self.hangs_on |= hangs_on
            if first is None:
                first = things
            elif found is None:
                found = {*first, *things}
            else:
                found |= things
        if found is not None:
            return frozenset(found)
        return first if first is not None else _NONE

    def thing(self, value: Value | Kept, env: Env | None = None) -> Things:
        """Return everything that one value can be."""
        if env is not None and not _depends(value, env):
            env = None
        known = self._known.get(value) if env is None else self._known_inside.get((value, env))
        if known is not None:
            self.hangs_on |= known[1]
            return known[0]
        query = self._query
        outermost = query is None
        if query is None:
            query = self._query = Query()
        key = (value, env)
        if (known := query.known.get(key)) is not None:
            query.lowest = 0
            self.hangs_on |= known[1]
            return known[0]
        if (depth := query.active.get(key)) is not None:
            query.lowest = min(query.lowest, depth)
            return query.so_far.get(key, _NONE)
        query.fuel -= 1
        if query.fuel < 0 or query.depth > DEPTH:
            query.lowest = 0
            return frozenset((UNKNOWN,))
        query.depth += 1
        depth = query.active[key] = query.depth
        lowest, query.lowest = query.lowest, DEPTH + 2
        before, self.hangs_on = self.hangs_on, 0
        try:
            kept = len(query.known)
            found = self._thing(value, env)
            if query.lowest == depth:
                found = self._around(value, env, found, kept)
            if len(found) > MOST:
                found = frozenset((UNKNOWN,))
        finally:
            del query.active[key]
            query.depth -= 1
            hangs_on = self.hangs_on
            self.hangs_on |= before
            if outermost:
                self._query = None
        if not (outermost or query.lowest >= depth):
            query.known[key] = (found, hangs_on)
        elif env is None:
            self._known[value] = (found, hangs_on)
        else:
            self._known_inside[value, env] = (found, hangs_on)
        if query.lowest >= depth:
            query.lowest = lowest
        else:
            query.lowest = min(query.lowest, lowest)
        return found

    def _around(self, value: Value | Kept, env: Env | None, found: Things, kept: int) -> Things:
        """Answer once more what its own answer bears on, now that something is known of it: a
        parameter of which a function hands itself a part, ``visit(node.child)``.  Only objects
        have parts that are something else.  The first ``kept`` answers do not hang on it.
        """
        query = self._query
        assert query is not None
        key = (value, env)
        for _ in range(AGAIN):
            if query.fuel < FUEL // 2 or not any(isinstance(thing, Obj) for thing in found):
                break
            for late in list(query.known)[kept:]:
                del query.known[late]
            query.so_far[key] = found
            again = self._thing(value, env)
            if query.fuel < 0 or again <= found:
                break
            found |= again
        query.so_far.pop(key, None)
        return found

    def _thing(self, value: Value | Kept, env: Env | None) -> Things:
        """Answer one question anew."""
        raise NotImplementedError

    def asked(self, node: ast.expr | None, module: Module) -> tuple[Thing, ...]:
        """Return what the last resort says of an expression of ``module`` that is unknown."""
        if self._oracle is None or node is None or module is not self.program.main:
            return ()
        return tuple(self.ordered(self._oracle(node)))

    def forget(self) -> None:
        """Drop remembered answers: the inputs of parameters have changed."""
        for memory in self._memories():
            memory.clear()
        self._envs.clear()
        self._changed = 0
        self._size = self.program.size

    def refresh(self) -> int:
        """Drop the answers that hang on what has become known since the last time; return
        the bits of that.
        """
        changed, self._changed = self._changed, 0
        if self._size != self.program.size:
            self._size = self.program.size
            changed |= GROWN
        if changed:
            for memory in self._memories():
                for key in [key for key, (_, on) in memory.items() if on & changed]:
                    del memory[key]
        return changed

    def _memories(self) -> tuple[dict[Any, tuple[Any, int]], ...]:
        return (
            *(self._known, self._known_inside, self._places_known, self._lineages, self._bases),
            *(self._derived, self._self_classes, self._context_free, self._stored),
            *(self._handed_out, self._stored_by_others, self._registered),
        )

    def remembered(
        self, memory: Remembered[Key, Answer], key: Key, find: Callable[[], Answer]
    ) -> Answer:
        """Return what ``memory`` has for a question, or find it, and keep it there."""
        known = memory.get(key)
        if known is None:
            before, self.hangs_on = self.hangs_on, 0
            found = find()
            known = memory[key] = (found, self.hangs_on)
            self.hangs_on |= before
        else:
            self.hangs_on |= known[1]
        return known[0]

    def _bit(self, owner: Function | Class) -> int:
        """Return the bit of a function or class of which callers can tell more."""
        bit = self._bits.get(owner)
        if bit is None:
            bit = self._bits[owner] = 2 << len(self._bits)
        return bit

    def passed(self, param: Param) -> Iterable[Value] | None:
        """Return what calls pass for a parameter; None where no call is known to."""
        self.hangs_on |= self._bit(param.function)
        return self.inputs.get(param)

    def filled(self, owner: Class, name: str) -> Iterable[Value]:
        """Return what calls pass for the field of a record."""
        self.hangs_on |= self._bit(owner)
        return self.given.get((owner, name), ())

    def inside(self, function: Function, bindings: Bindings, outer: Env | None) -> Env:
        """Return the environment of a call: for calls that bind the same, the same one.

        Contexts are told apart :data:`CONTEXTS` calls deep.
        """
        depth = 0
        walk = outer
        while walk is not None:
            depth += 1
            walk = walk.outer
        if depth >= CONTEXTS:
            outer = None
        key = (function, tuple(bindings.items()), outer)
        known = self._envs.get(key)
        if known is None:
            known = self._envs[key] = Env(function, bindings, outer)
        return known

    def bind(
        self, call: Call, function: Function, receiver: Values = NOTHING
    ) -> dict[Index, Values]:
        """Return what ``call`` passes for each parameter of ``function``.

        ``receiver`` goes to parameter 0 where the function is bound to something.
        Defaults are bound for what the call leaves out.
        """
        first = (receiver,) if receiver else ()
        bound = bind(
            function,
            (*first, *call.args),
            call.keywords,
            call.starred + len(first) if call.starred >= 0 else -1,
            call.rest,
        )
        if function.kwarg >= 0 and call.keywords:
            named = function.params[: function.kwarg]
            others = {name: each for name, each in call.keywords.items() if name not in named}
            if others:
                made = frozenset((self._surplus(function, others),))
                bound[function.kwarg] = union(bound.get(function.kwarg, NOTHING), made)
        return bound

    def _surplus(self, function: Function, keywords: Mapping[str, Values]) -> Value:
        """Return what stands for a dict of keywords: for equal ones, the same."""
        key = (function, frozenset(keywords.items()))
        if (known := self._surpluses.get(key)) is None:
            held = set().union(*keywords.values())
            items: dict[str | int, Values] = dict(keywords.items())
            display = Display(KEYWORDS, held, items, whole=True)
            known = self._surpluses[key] = Fresh(display)
        return known

    def _of_star(self, value: Global) -> Values:
        """Return the globals that a ``from m import *`` may bind under a name."""
        if not value.module.star_modules:
            return NOTHING
        self.hangs_on |= GROWN
        return self.program.starred(value)

    def _of_module(self, of: ModuleValue, name: str) -> Values:
        """Return what attribute ``name`` of a project module is; nothing where unknown."""
        found = self.program.member(of, name)
        if not any(isinstance(value, Global) for value in found):
            self.hangs_on |= GROWN  # it may only be closed
        return found

    @staticmethod
    def ordered(things: Things) -> list[Thing]:
        """Return things in the order of their definition, so that results are stable."""
        return sorted(things, key=order) if len(things) > 1 else list(things)

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
                    self._changed |= self._bit(target.function)
        return new


_NONE: Things = frozenset()

_FREE_TYPES = frozenset(
    (
        *(Global, Seen, Imported, Scalar, FunctionValue, ClassValue, ModuleValue, Fresh),
        *(Instance, Kept),
    )
)
"""Values that are the same in every environment."""


def _depends(value: Value | Kept, env: Env) -> bool:
    """Whether ``env`` can bear on what ``value`` is."""
    start = value if isinstance(value, Kept) else root(value)
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
