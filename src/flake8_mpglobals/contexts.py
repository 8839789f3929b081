"""Callbacks kept apart: which functions a call of what was passed enters, for one caller.

An edge of a call such as ``fn(x)`` leads to everything that any caller passes for
``fn``.  A walk that knows by which call it came asks here for those of that caller.
"""

from __future__ import annotations

from flake8_mpglobals.evaluate import (
    Env,
    Evaluator,
    External,
    Func,
    Obj,
    Partial,
    Target,
    Type,
    Wrapped,
)
from flake8_mpglobals.ir import (
    UNKNOWN,
    Attr,
    Call,
    Cell,
    Function,
    Param,
    Result,
    Value,
    Values,
    root,
)

Key = tuple[Call, ...]
"""The calls by which a context came about, the innermost first."""

MOST = 16
"""Contexts of one function that are told apart."""


class Contexts:
    """Answers, for one program, what calls enter in the context of a caller."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._through_params: dict[Call, bool] = {}

    def enter(
        self, caller: Function, call: Call, target: Target, env: Env | None, key: Key
    ) -> tuple[Env | None, Key]:
        """Return the context of the function that ``call`` enters from ``caller``; none where
        nothing that is called hangs on it.
        """
        nested = env is not None and _is_inside(target.function, caller)
        given = [values for values in target.bindings.values() if self._callable(values, env)]
        if not given and not nested:
            return None, ()
        outer = env if nested or any(_is_passed(values) for values in given) else None
        made = self._evaluator.inside(target.function, target.bindings, outer)
        return made, (call, *key) if made.outer is not None else (call,)

    def enters(self, call: Call, target: Target, env: Env | None) -> bool:
        """Whether ``call`` enters ``target`` in a context."""
        if env is None or not self._hangs_on_params(call):
            return True
        evaluator = self._evaluator
        things = evaluator.things(self._callee(call.callee, env), env)
        if any(isinstance(thing, External) for thing in things):
            things = evaluator.things(
                (v for values in (*call.args, *call.keywords.values()) for v in values), env
            )
        if not things or UNKNOWN in things:
            return True
        return any(
            entered.function is target.function
            for thing in things
            for entered in evaluator.entered_by(thing, call)
        )

    def _callable(self, values: Values, env: Env | None) -> bool:
        """Whether something is passed that can be called, or has methods of its own."""
        return any(
            isinstance(thing, Func | Partial | Obj | Type | Wrapped)
            for thing in self._evaluator.things(values, env)
        )

    def _hangs_on_params(self, call: Call) -> bool:
        known = self._through_params.get(call)
        if known is None:
            known = _is_passed(call.callee)
            if not known and any(
                isinstance(thing, External) for thing in self._evaluator.things(call.callee)
            ):
                known = any(map(_is_passed, (*call.args, *call.keywords.values())))
            self._through_params[call] = known
        return known

    def _callee(self, callee: Values, env: Env) -> Values:
        """Return what is called, an attribute of ``self`` as the object's maker was given it."""
        found = set(callee)
        for value in callee:
            if isinstance(value, Attr) and isinstance(value.base, Param):
                given = self._given(value.base, value.name, env)
                if given is not None:
                    found.discard(value)
                    found |= given
        return frozenset(found)

    def _given(self, receiver: Param, name: str, env: Env) -> Values | None:
        """Return what the call that makes ``receiver`` gives its ``__init__`` for an attribute."""
        if env.function is not receiver.function or receiver.index != 0:
            return None
        found: set[Value] = set()
        made = env.bindings.get(0, frozenset())
        for value in made:
            if not isinstance(value, Result):
                return None
            for thing in self._evaluator.things(value.call.callee):
                init = isinstance(thing, Type) and self._evaluator.method(thing.cls, "__init__")
                if not isinstance(thing, Type) or not isinstance(init, Function):
                    return None
                stored = init.cls.self_attributes.get(name) if init.cls is not None else None
                bound = self._evaluator.bind(value.call, init, frozenset((value,)))
                for held in stored or (UNKNOWN,):
                    if not isinstance(held, Param) or held.function is not init:
                        return None
                    passed = bound.get(held.index)
                    if passed is None or _is_passed(passed):
                        return None
                    found |= passed
        return frozenset(found) if made else None


def _is_passed(values: Values) -> bool:
    """Whether what ``values`` are hangs on what a function was passed."""
    return any(isinstance(root(value), Param | Cell) for value in values)


def _is_inside(function: Function, outer: Function) -> bool:
    """Whether a function is defined inside another."""
    walk: Function | None = function.outer
    while walk is not None:
        if walk is outer:
            return True
        walk = walk.outer
    return False


def told_apart(seen: dict[Function, set[Key]], function: Function, key: Key) -> bool:
    """Whether one more context of a function is told apart from those already ``seen``."""
    keys = seen.setdefault(function, set())
    if key in keys or len(keys) < MOST:
        keys.add(key)
        return True
    return False
