"""What functions read of the objects that they are given, themselves or in what they call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flake8_mpglobals.dispatches import Boundaries
from flake8_mpglobals.effects import item_asked_for, kind_of
from flake8_mpglobals.evaluate import (
    Evaluator,
    External,
    Handle,
    Obj,
    Shared,
    Target,
    Things,
    Type,
)
from flake8_mpglobals.ir import Attr, Call, Function, Imported, Param, Values, root
from flake8_mpglobals.mutations import (
    CERTAIN,
    FUNCTIONS,
    METHODS,
    ONLY_ITERATORS,
    READS_ATTRIBUTES,
    SHOWS,
)
from flake8_mpglobals.rawwrites import is_spelled, library_names
from flake8_mpglobals.reach import SIZE, segments
from flake8_mpglobals.records import frozen

Path = tuple[str, ...]
"""An access path below an object (:func:`~flake8_mpglobals.reach.segments`)."""

Edges = Mapping[Call, tuple[Target, ...]]

LONGEST = 4
"""Longer access paths are cut: reading deep inside is reading what leads there."""

MOST = 400
"""Parameters that one question may lead through, besides those of which the answer is known."""

WHOLE: frozenset[Path] = frozenset(((),))
_ATTRIBUTES: frozenset[Path] = frozenset(((".*",),))
_SIZE: frozenset[Path] = frozenset(((SIZE,),))

_NOTHING: frozenset[Path] = frozenset()
ENVIRON = Attr(Imported("os"), "environ")


@frozen
class Given:
    """Something that a call is given: the parts of it that the call itself reads, and
    the parameters of project functions that it becomes.
    """

    values: Values
    paths: frozenset[Path] = _NOTHING
    params: tuple[Param, ...] = ()


class Reads:
    """Answers which parts of its parameters a function reads."""

    def __init__(self, evaluator: Evaluator, boundaries: Boundaries) -> None:
        self._evaluator = evaluator
        self._boundaries = boundaries
        self._edges = boundaries.edges
        self._direct: dict[Param, set[Path]] = {}
        self._passed: dict[Param, list[tuple[Path, Param]]] = {}
        self._seen: set[Function] = set()
        self._known: dict[Param, frozenset[Path]] = {}

    def of(self, param: Param) -> frozenset[Path]:
        """Return the access paths below ``param`` that are read; ``()`` is the whole object."""
        known = self._known.get(param)
        if known is not None:
            return known
        for each in self._inner_first(param):
            self._known[each] = self._find(each)
        return self._known[param]

    def _inner_first(self, param: Param) -> Iterator[Param]:
        """Yield the parameters that ``param`` is passed on to, each after those that it is
        passed on to itself; ``param`` comes last.
        """
        seen = {param}
        stack = [(param, iter(self._passed_on(param)))]
        while stack:
            current, rest = stack[-1]
            for _, inner in rest:
                if inner not in seen and inner not in self._known:
                    seen.add(inner)
                    stack.append((inner, iter(self._passed_on(inner))))
                    break
            else:
                stack.pop()
                yield current

    def _passed_on(self, param: Param) -> list[tuple[Path, Param]]:
        self._look_at(param.function)
        return self._passed.get(param, [])

    def _find(self, param: Param) -> frozenset[Path]:
        """Return what is read below ``param``; what is known of others is not looked for."""
        found: set[Path] = set()
        stack: list[tuple[Path, Param]] = [((), param)]
        visited = set(stack)
        while stack and len(visited) < MOST:
            prefix, current = stack.pop()
            known = self._known.get(current)
            if known is not None:
                found.update((*prefix, *path)[:LONGEST] for path in known)
                continue
            passed = self._passed_on(current)
            found.update((*prefix, *path)[:LONGEST] for path in self._direct.get(current, ()))
            for path, inner in passed:
                step = ((*prefix, *path)[:LONGEST], inner)
                if step not in visited:
                    visited.add(step)
                    stack.append(step)
        return frozenset(found)

    def given(self, call: Call) -> Iterator[tuple[Values, frozenset[Path], frozenset[Path]]]:
        """Yield what ``call`` gets, with the parts of it that the call itself reads, and
        those that the functions read that it enters.
        """
        for given in handed(call, self._evaluator, self._edges):
            inside = _NOTHING.union(*(self.of(param) for param in given.params))
            yield given.values, given.paths, inside

    def _look_at(self, function: Function) -> None:
        """Note once what a function does with its parameters."""
        if function in self._seen:
            return
        self._seen.add(function)
        for load in function.loads:
            if not load.argument:
                end = (SIZE,) if load.shallow else ()
                for param, path in self._below(load.values):
                    self._direct.setdefault(param, set()).add((*path, *end))
        for value in (*function.returns, *function.yields):
            if isinstance(value, Param):
                self._direct.setdefault(value, set()).add(())
        for call in self._boundaries.calls_of(function):
            for given in handed(call, self._evaluator, self._edges):
                for param, path in self._below(given.values):
                    for read in given.paths:
                        self._direct.setdefault(param, set()).add((*path, *read))
                    for inner in given.params:
                        self._passed.setdefault(param, []).append((path, inner))

    def _below(self, values: Values) -> Iterator[tuple[Param, Path]]:
        for place in self._evaluator.places(values):
            start = root(place)
            if isinstance(start, Param):
                yield start, segments(place)


def handed(call: Call, evaluator: Evaluator, edges: Edges) -> Iterator[Given]:
    """Yield what ``call`` is given, receiver first.

    The receiver of a mutating method whose result is not used is not read; an
    argument of a project function is read as far as that function reads it;
    anything else that a call is given is read whole.
    """
    entered = edges.get(call, ())
    names = set(library_names(call, evaluator))
    if "os.getenv" in names and call.args:
        yield Given(frozenset((ENVIRON,)), frozenset((item_asked_for(call, "get"),)))
    for callee in call.callee:
        if not isinstance(callee, Attr) or not (entered or is_spelled(call, callee.name)):
            continue
        receiver: Values = frozenset((callee.base,))
        things = evaluator.things(receiver)
        held = kind_of(things)
        if held in METHODS:
            if callee.name not in METHODS[held] or call.used:
                yield Given(receiver, frozenset((item_asked_for(call, callee.name),)))
        elif entered:
            yield Given(receiver, params=tuple(Param(t.function, 0) for t in entered))
        elif (call.used or callee.name not in CERTAIN) and not any(
            isinstance(thing, Shared | Handle | External | Type) for thing in things
        ):
            yield Given(receiver, frozenset(((f".{callee.name}",),)))
    if not names.isdisjoint(READS_ATTRIBUTES):
        for values in call.args:
            yield Given(values, _ATTRIBUTES)
    elif not names.isdisjoint(SHOWS):
        for values in call.args:
            for shown in (values, *evaluator.held_inside(values)):
                if _records(evaluator.things(shown)):
                    yield Given(shown, _ATTRIBUTES)
    for position, values in enumerate(call.args):
        if call.used or not any(_changes(name, position) for name in names):
            yield _argument(values, entered, names)
    for values in (*call.keywords.values(), call.rest):
        yield _argument(values, entered, names)
    for target in entered:
        for index, values in target.function.defaults.items():
            if target.bindings.get(index) == values:
                yield Given(values, params=(Param(target.function, index),))


def _records(things: Things) -> bool:
    """Whether something is a record, whose text shows its attributes."""
    return any(isinstance(thing, Obj) and thing.cls.record for thing in things)


def _argument(values: Values, entered: tuple[Target, ...], names: set[str]) -> Given:
    """Return what becomes of one argument."""
    if not entered or names:
        return Given(values, _SIZE if names == {"builtins.len"} else WHOLE)
    params = tuple(
        Param(target.function, position)
        for target in entered
        for position, bound in target.bindings.items()
        if bound == values
    )
    return Given(values, params=params)


def _changes(name: str, position: int) -> bool:
    """Whether the library function ``name`` changes its argument at ``position``."""
    if name in FUNCTIONS:
        return FUNCTIONS[name][0] == position and name not in ONLY_ITERATORS
    return position == 0 and name.startswith("builtins.") and name.count(".") == 2
