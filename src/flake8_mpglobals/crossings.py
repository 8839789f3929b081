"""What one row of the catalogue makes of one call: where its callable runs, and what it is.

The kind can depend on arguments (``processes=False``), on the call that made the
receiver (``Parallel(backend="threading")``) and on a setting in force around it
(``with parallel_backend("threading")``).  Tasks made for later (``delayed(f)(x)``)
are found where they are handed over.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flake8_mpglobals.apis import LEFT_OUT, SHARES, Ambient, Api, Kind, Slot
from flake8_mpglobals.evaluate import (
    Box,
    Env,
    Evaluator,
    External,
    Generator,
    Handle,
    Remembered,
    Wrapped,
)
from flake8_mpglobals.ir import ANYTHING, Attr, Call, Element, Function, Item, Module, Value, Values
from flake8_mpglobals.records import frozen

MANY = 300
"""Values that one search for tasks looks at."""

_UNTOLD = object()
"""The argument is passed, and what it is cannot be told."""


@frozen
class _Setting:
    """A call that sets where other calls run: within these lines, or in the whole module.

    ``functions`` are entered from within.
    """

    family: str
    kind: Kind
    lines: tuple[int, int] | None
    functions: frozenset[Function]


class Crossings:
    """Answers for the calls of one program."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._settings: Remembered[Module, list[_Setting]] = {}

    def refresh(self, changed: int) -> None:
        """Forget what hangs on what the bits ``changed`` stand for."""
        for module in [each for each, (_, on) in self._settings.items() if on & changed]:
            del self._settings[module]

    # -- where it runs ----------------------------------------------------------

    def kind(self, row: Api, call: Call, receiver: Values, env: Env | None) -> Kind | None:
        """Return where a call runs its callable; None where what decides it is unknown."""
        own = self._decided(row, call, env)
        if own is None or own in SHARES:
            return own
        told = {
            self._decided(maker, handle.call, env)
            for handle in self._evaluator.things(receiver, env)
            if isinstance(handle, Handle | Wrapped) and handle.call is not None
            for maker in self.rows(handle.call)
            if maker.kinds or maker.inherits is not None
        }
        if not told:
            return own
        apart = {kind for kind in told if kind is not None and kind not in SHARES}
        if None in told:
            return None
        return own if apart else min(kind for kind in told if kind is not None)

    def rows(self, call: Call) -> list[Api]:
        """Return the rows of what a call calls."""
        found: list[Api] = []
        for thing in self._evaluator.ordered(self._evaluator.things(call.callee)):
            name = ""
            if isinstance(thing, External):
                name = thing.name
            elif isinstance(thing, Handle | Wrapped):
                name = f"{thing.name}.__call__"
            row = self._evaluator.catalogue.api(name) if name else None
            if row is not None:
                found.append(row)
        return found

    def _decided(self, row: Api, call: Call, env: Env | None) -> Kind | None:
        """Return the kind that the arguments of a call, and settings around it, tell."""
        for when in row.kinds:
            if isinstance(when, Ambient):
                told = self._in_force(row.family, call)
                if told:
                    return told.pop() if len(told) == 1 else None
                continue
            if when.unset and self._in_force(row.family, call):
                continue
            value = _constant(call, when.slot)
            if value is _UNTOLD:
                if when.clear:
                    return None
            elif any(value is known or (value == known and value != 0) for known in when.values):
                return when.kind
        if row.inherits is not None:
            given = call.args[row.inherits.position : row.inherits.position + 1]
            for thing in self._evaluator.things(given[0], env) if given else ():
                if isinstance(thing, Handle) and thing.call is not None:
                    for maker in self.rows(thing.call):
                        return self._decided(maker, thing.call, env)
        return row.kind

    def _in_force(self, family: str, call: Call) -> set[Kind]:
        """Return what settings say about a call: the nearest around it, else all others."""
        module = call.function.module
        settings = self._evaluator.remembered(
            self._settings, module, lambda: self._find_settings(module)
        )
        line = getattr(call.node, "lineno", 0)
        mine = [setting for setting in settings if setting.family == family]
        around = [s for s in mine if s.lines and s.lines[0] <= line <= s.lines[1]]
        if around:
            return {max(around, key=lambda setting: setting.lines or (0, 0)).kind}
        entered = {setting.kind for setting in mine if call.function in setting.functions}
        return entered or {setting.kind for setting in mine if setting.lines is None}

    def _find_settings(self, module: Module) -> list[_Setting]:
        self._settings[module] = ([], 0)  # the kind of a setting does not depend on settings
        return list(self._gathered(module))

    def _gathered(self, module: Module) -> Iterator[_Setting]:
        evaluator = self._evaluator
        for function in (module.body, *module.functions):
            for call in function.calls:
                for row in self.rows(call):
                    kind = self._decided(row, call, None) if row.sets else None
                    if kind is not None:
                        lines = _body_of_with(function, call.node)
                        inside = [
                            c
                            for c in function.calls
                            if lines and lines[0] <= getattr(c.node, "lineno", 0) <= lines[1]
                        ]
                        yield _Setting(row.sets, kind, lines, _entered(inside, evaluator))

    # -- what it runs -----------------------------------------------------------

    def tasks(self, values: Iterable[Value], env: Env | None) -> Iterator[tuple[Api, Call]]:
        """Yield the tasks among ``values``, in containers and in arguments of other tasks:
        each call that made one, with its row.
        """
        stack: list[Value] = list(values)
        seen: set[Value] = set()
        calls: set[Call] = set()
        while stack and len(seen) < MANY:
            value = stack.pop()
            if value in seen:
                continue
            seen.add(value)
            for thing in self._evaluator.ordered(self._evaluator.thing(value, env)):
                if isinstance(thing, Box | Generator):
                    stack.extend((Element(value), Item(value)))
                elif isinstance(thing, Handle | Wrapped) and thing.call is not None:
                    if thing.call in calls:
                        continue
                    calls.add(thing.call)
                    rows = self.rows(thing.call)
                    yield from ((row, thing.call) for row in rows if row.defers)
                    if any(row.defers or row.kind in SHARES for row in rows):
                        stack.extend(_given(thing.call))


def _given(call: Call) -> Iterator[Value]:
    """Yield what a call is given, its receiver too."""
    for callee in call.callee:
        if isinstance(callee, Attr):
            yield callee.base
    for position, values in enumerate(call.args):
        for value in values:
            yield Element(value) if 0 <= call.starred <= position else value
    for values in call.keywords.values():
        yield from values


def _entered(calls: Iterable[Call], evaluator: Evaluator) -> frozenset[Function]:
    """Return the functions that calls lead into."""
    found: set[Function] = set()
    stack = list(calls)
    while stack:
        for target in evaluator.targets(stack.pop()):
            if target.function not in found:
                found.add(target.function)
                stack.extend(target.function.calls)
    return frozenset(found)


def _body_of_with(function: Function, node: ast.AST) -> tuple[int, int] | None:
    """Return the lines of the ``with`` block that ``node`` is the context of."""
    for block in ast.walk(function.node):
        if isinstance(block, ast.With | ast.AsyncWith) and any(
            part.context_expr is node for part in block.items
        ):
            return block.body[0].lineno, block.body[-1].end_lineno or block.body[-1].lineno
    return None


def argument_node(call: Call, slot: Slot | None) -> ast.expr | None:
    """Return the expression that a call passes in a slot."""
    node = call.node
    if slot is None or not isinstance(node, ast.Call):
        return None
    for keyword in node.keywords:
        if keyword.arg == slot.keyword:
            return keyword.value
    if 0 <= slot.position < len(node.args):
        given = node.args[slot.position]
        return None if isinstance(given, ast.Starred) else given
    return None


def leading(row: Api, makers: Iterable[Call]) -> tuple[Values, ...]:
    """Return the arguments that a worker gets before those of its task."""
    before = [ANYTHING] * row.shift
    for maker in makers:
        if isinstance(maker.node, ast.Call):
            given = {keyword.arg: keyword.value for keyword in maker.node.keywords}
            for name in row.leading:
                value = given.get(name)
                if not isinstance(value, ast.Constant | None):
                    before.append(maker.keywords.get(name, ANYTHING))
                elif value is not None and value.value not in (None, False):
                    before.append(ANYTHING)
            break
    return tuple(before)


def _constant(call: Call, slot: Slot) -> object:
    """Return the constant that a call passes in a slot, as far as names lead to it."""
    node = argument_node(call, slot)
    if node is not None:
        return _value(node, call.function)
    if isinstance(call.node, ast.Call) and any(
        isinstance(given, ast.Starred) for given in call.node.args
    ):
        return _UNTOLD
    if call.rest:
        return _in_settings(call, slot.keyword)
    return LEFT_OUT


def _in_settings(call: Call, name: str) -> object:
    """Return the constant that ``**settings`` passes under a name, where each is one dict."""
    if not isinstance(call.node, ast.Call):
        return _UNTOLD
    for given in call.node.keywords:
        if given.arg is not None:
            continue
        settings = _settings(given.value, call.function)
        if settings is None:
            return _UNTOLD
        if name in settings:
            return _value(settings[name], call.function)
    return LEFT_OUT


def _settings(node: ast.expr, function: Function) -> dict[str, ast.expr] | None:
    """Return what a dict holds under names; None where that cannot be told."""
    if isinstance(node, ast.Name):
        text = function.module.source.text
        if f"{node.id}[" in text or f"{node.id}." in text:
            return None  # something may be added to it
        scope: Function | None = function
        while scope is not None:
            given = list(_assigned(scope.node, node.id))
            if given:
                made = given[0] if len(given) == 1 else None
                return (
                    None
                    if made is None or isinstance(made, ast.Name)
                    else (_settings(made, function))
                )
            scope = scope.outer
        return None
    if isinstance(node, ast.Dict):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        if len(keys) < len(node.values):
            return None
        return {str(key): value for key, value in zip(keys, node.values, strict=True)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        if node.args or any(given.arg is None for given in node.keywords):
            return None
        return {str(given.arg): given.value for given in node.keywords}
    return None


def _value(node: ast.expr, function: Function) -> object:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        return (ast.unparse(node),)
    if not isinstance(node, ast.Name):
        return _UNTOLD
    scope: Function | None = function
    while scope is not None:
        given = list(_assigned(scope.node, node.id))
        if len(given) == 1 and isinstance(given[0], ast.Constant):
            return given[0].value
        if given:
            return _UNTOLD
        scope = scope.outer
    return _UNTOLD


def _assigned(scope: ast.AST, name: str) -> Iterator[ast.expr | None]:
    """Yield what a name is given in a scope: by assignment, or as the default of a parameter.

    A default counts where it is a text: a number is there to be changed by callers.
    """
    if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        given = scope.args
        positional = [*given.posonlyargs, *given.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(given.defaults))
        for parameter, default in zip(
            (*positional, *given.kwonlyargs),
            (*defaults, *given.defaults, *given.kw_defaults),
            strict=True,
        ):
            if parameter.arg == name:
                text = isinstance(default, ast.Constant) and isinstance(default.value, str)
                yield default if text else None
    for part in ast.walk(scope):
        if isinstance(part, ast.Assign):
            for target in part.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    yield part.value
        elif isinstance(part, ast.AnnAssign | ast.AugAssign | ast.NamedExpr | ast.For) and (
            isinstance(part.target, ast.Name) and part.target.id == name
        ):
            yield part.value if isinstance(part, ast.AnnAssign) else None
