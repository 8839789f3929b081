"""Which statements of a worker must run as one, under the lock of a shared number.

A write and the reads that decide it belong together: ``if n > best: best = n``.  So
does what is read right behind a write: ``last += 1`` and then ``return last``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flake8_mpglobals.fixes.module import Block, Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.shapes.flow import names
from flake8_mpglobals.fixes.shapes.pure import CALM_METHODS, PURE, is_builtin
from flake8_mpglobals.fixes.touches import Touches

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_LEAVING = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_STORING = frozenset({"fill", "put", "itemset"})
_STORING_FUNCTIONS = frozenset({"copyto", "put", "place", "fill_diagonal", "at"})
_TELLING = frozenset({"print", "debug", "info", "warning", "error", "critical", "log"})


@dataclass(frozen=True)
class Unit:
    """Consecutive statements of one block, from ``first`` to ``last``."""

    block: Block
    first: int
    last: int

    @property
    def statements(self) -> list[ast.stmt]:
        """The statements themselves."""
        return self.block[self.first : self.last + 1]


class Atomic:
    """Looks at one function of worker code that uses a place.

    ``mentions`` are the uses of its content there.  ``elements`` says that single
    elements are stored, so that a store that reads nothing needs no lock, ``locks`` that
    any such store takes it by itself; ``changes`` whether a use stores into the place,
    ``renews`` whether one that does reads it, too.
    """

    def __init__(
        self,
        module: Module,
        touches: Touches,
        function: Function,
        mentions: Sequence[ast.expr],
        *,
        elements: bool = False,
        locks: bool = False,
        changes: Callable[[Module, ast.expr], bool] | None = None,
        renews: Callable[[Module, ast.expr], bool] | None = None,
    ) -> None:
        self._module = module
        self._touches = touches
        self._function = function
        self._mentions = mentions
        self._elements = elements
        self._plain = elements or locks
        self._changes = changes if changes is not None else _bound
        self._renews = renews if renews is not None else _never
        self._ids = {id(one) for one in self._mentions}

    def units(self) -> list[Unit]:
        """Return the statements to lock, those that overlap as one, in order.

        Raises :class:`CannotFix` where no lock around a few statements would do.
        """
        self._check_calls()
        found = list(self._own(self._function.body))
        for write in self._writes():
            for read in self._decides(write):
                found.append(self._span(read, write))
        merged = _merge(self._module, [self._whole(unit) for unit in found])
        return _merge(self._module, [self._with_reads(unit) for unit in merged])

    # -- single statements

    def _own(self, block: Block) -> Iterator[Unit]:
        """Yield the statements that write, and the tests around them that read."""
        for place, statement in enumerate(block):
            stored = [one for one in self._inside(statement) if self._stores(one)]
            called = [one for one in self._calls() if self._module.inside(one, statement)]
            if not stored and not called:
                continue
            if isinstance(statement, _NESTED):
                raise CannotFix(
                    f"line {statement.lineno} changes {self._touches.place!r} in a nested function"
                )
            inner = list(_blocks(statement))
            if not inner:
                reads = len(self._inside(statement)) > len(stored) or any(
                    self._renews(self._module, one) for one in stored
                )
                if not stored:
                    continue
                if not self._plain or reads or isinstance(statement, ast.AugAssign):
                    yield Unit(block, place, place)
                continue
            held = {id(one) for body in inner for stmt in body for one in self._inside(stmt)}
            header = [one for one in self._inside(statement) if id(one) not in held]
            if any(self._stores(one) for one in header):
                raise self._no(statement)
            if header and not isinstance(statement, (ast.For, ast.With, ast.Try)):
                if isinstance(statement, ast.While) or _loops(statement):
                    raise self._no(statement)
                yield Unit(block, place, place)
                continue
            for body in inner:
                yield from self._own(body)

    def _whole(self, unit: Unit) -> Unit:
        """Return the unit, or the whole ``if`` where it begins with an ``elif`` of it."""
        first = unit.statements[0]
        above = self._module.parents[first]
        if not (isinstance(above, ast.If) and above.orelse is unit.block):
            return unit
        if not (isinstance(first, ast.If) and self._module.text(first).startswith("elif")):
            return unit
        block = self._module.block(above)
        place = block.index(above)
        return self._whole(Unit(block, place, place))

    def _inside(self, node: ast.AST) -> list[ast.expr]:
        return [one for one in ast.walk(node) if isinstance(one, ast.expr) and id(one) in self._ids]

    def _stores(self, name: ast.expr) -> bool:
        return self._changes(self._module, name)

    def _writes(self) -> list[ast.stmt]:
        """Return the statements that store into the place, or call what does."""
        module = self._module
        stores = [module.statement(one) for one in self._mentions if self._stores(one)]
        calls = [module.statement(call) for call in self._calls()]
        return [*stores, *(one for one in calls if not any(one is other for other in stores))]

    def _calls(self) -> list[ast.Call]:
        """Return the calls of functions that use the place."""
        place = self._touches.place
        return [
            node
            for node in ast.walk(self._function)
            if isinstance(node, ast.Call)
            and any(
                not (isinstance(use, ast.Name) and use.id == place)
                for use in self._touches.uses(node.func)
            )
        ]

    def _check_calls(self) -> None:
        calls = self._calls()
        busy = len(calls) + sum(self._stores(one) for one in self._mentions)
        for call in calls:
            if self._inside(call):
                raise self._no(call)
            used = not isinstance(self._module.parents[call], ast.Expr)
            if used and busy > 1:
                raise CannotFix(
                    f"{self._function.name!r} (line {call.lineno}) takes what another function "
                    f"read from {self._touches.place!r}, and a write may depend on it: "
                    "that needs a lock around both"
                )

    # -- what a write depends on

    def _decides(self, write: ast.stmt) -> Iterator[ast.stmt]:
        """Yield the other statements whose read of the place decides a write."""
        alike = _is_constant(write) and not self._elements and not self._gives()
        guards = [] if alike else self._guards(write)
        local = self._sources(write, guards)
        for read in self._mentions:
            statement = self._module.statement(read)
            if self._stores(read) or statement is write:
                continue
            bound = {name for node in ast.walk(statement) for name in names(node)}
            match statement:
                case ast.Assign() | ast.AugAssign() | ast.AnnAssign() if bound & local:
                    yield statement
                case ast.For(target=target) if local.intersection(names(target)):
                    raise self._no(write)
                case ast.If() if any(statement is one for one in guards):
                    yield statement

    def _gives(self) -> bool:
        """Whether the function returns something, which a test before a write may decide, too."""
        return any(
            isinstance(node, ast.Return) and node.value is not None
            for node in ast.walk(self._function)
        )

    def _sources(self, write: ast.stmt, guards: Sequence[ast.If]) -> set[str]:
        """Return the local names from which the written value, or a test of it, comes."""
        wanted = _named(write)
        for above in self._up(write):
            for test in _tests(above):
                wanted |= _named(test)
        for guard in guards:
            wanted |= _named(guard.test)
        while True:
            before = len(wanted)
            for node in ast.walk(self._function):
                match node:
                    case ast.Assign(targets=targets, value=value):
                        bound = {name for target in targets for name in names(target)}
                    case (
                        ast.AugAssign(target=target, value=value)
                        | ast.For(target=target, iter=value)
                    ):
                        bound = set(names(target))
                    case _:
                        continue
                if bound & wanted:
                    wanted |= _named(value)
            if len(wanted) == before:
                return wanted - {self._touches.place}

    def _guards(self, write: ast.stmt) -> list[ast.If]:
        """Return the tests before a write by which the function may leave."""
        return [
            node
            for node in ast.walk(self._function)
            if isinstance(node, ast.If)
            and node.lineno < write.lineno
            and not self._module.inside(write, node)
            and any(isinstance(inner, _LEAVING) for inner in ast.walk(node))
        ]

    def _span(self, read: ast.stmt, write: ast.stmt) -> Unit:
        """Return the statements of one block from a read to the write that depends on it."""
        module = self._module
        outer = [one for one in self._up(write) if isinstance(one, ast.stmt)]
        for above in self._up(read):
            if not isinstance(above, ast.stmt):
                continue
            block = module.block(above)
            for other in outer:
                if any(other is one for one in block):
                    first, last = block.index(above), block.index(other)
                    unit = Unit(block, first, last)
                    if first > last or any(_loops(one) for one in unit.statements):
                        raise self._no(write)
                    return unit
        raise self._no(write)

    def _up(self, node: ast.stmt) -> Iterator[ast.AST]:
        yield node
        for above in self._module.ancestors(node):
            if above is self._function:
                return
            yield above

    # -- what is read behind a write

    def _with_reads(self, unit: Unit) -> Unit:
        """Return the unit with the statements right behind it that read what it wrote."""
        last = unit.last
        for place in range(unit.last + 1, len(unit.block)):
            statement = unit.block[place]
            if any(True for _ in _blocks(statement)):
                break
            if self._inside(statement):
                if any(self._stores(one) for one in self._inside(statement)):
                    break
                last = place
            elif not self._cheap(statement):
                break
        return Unit(unit.block, unit.first, last)

    def _cheap(self, node: ast.AST) -> bool:
        return all(cheap(self._module, one) for one in ast.walk(node) if isinstance(one, ast.Call))

    def _no(self, node: ast.AST) -> CannotFix:
        return CannotFix(
            f"worker code {self._function.name!r} writes to {self._touches.place!r} what depends "
            f"on reading it (line {getattr(node, 'lineno', self._function.lineno)}), too far "
            "apart for one lock: return the values and combine them in the parent"
        )


def _bound(module: Module, name: ast.expr) -> bool:
    """Whether a use of a name binds it."""
    assert module is not None
    return isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)


def _never(module: Module, name: ast.expr) -> bool:
    """Return that no use is of a sort."""
    assert module.parents[name]
    return False


def stores(module: Module, name: ast.expr) -> bool:
    """Whether a use of a buffer changes elements of it."""
    node: ast.AST = name
    parent = module.parents[node]
    while isinstance(parent, ast.Subscript) and parent.value is node:
        if isinstance(parent.ctx, ast.Store):
            return True
        node, parent = parent, module.parents[parent]
    if isinstance(parent, ast.Attribute):
        call = module.parents[parent]
        return isinstance(call, ast.Call) and call.func is parent and parent.attr in _STORING
    if isinstance(parent, ast.keyword):
        return parent.arg == "out"
    return (
        isinstance(parent, ast.Call)
        and parent.args[:1] == [node]
        and ast.unparse(parent.func).rpartition(".")[2] in _STORING_FUNCTIONS
    )


def cheap(module: Module, call: ast.Call) -> bool:
    """Whether a call is done at once, so that it may stay under a lock."""
    func = call.func
    if is_builtin(module, func):
        return ast.unparse(func) in PURE | {"print"}
    if isinstance(func, ast.Attribute):
        if isinstance(func.value, ast.Name) and func.value.id in ("math", "random", "time"):
            return func.attr != "sleep"
        return func.attr in CALM_METHODS | _TELLING | {"append", "add"}
    return False


def _merge(module: Module, units: Sequence[Unit]) -> list[Unit]:
    """Return the units, those that are next to each other as one, without those inside others."""
    found: list[Unit] = []
    for unit in units:
        joined = unit
        while True:
            other = next((one for one in found if _overlap(one, joined)), None)
            if other is None:
                break
            found.remove(other)
            first, last = min(other.first, joined.first), max(other.last, joined.last)
            joined = Unit(joined.block, first, last)
        found.append(joined)
    outermost = [
        one
        for one in found
        if not any(
            module.inside(one.statements[0], holder)
            for other in found
            if other is not one
            for holder in other.statements
        )
    ]
    return sorted(outermost, key=lambda one: one.statements[0].lineno)


def _overlap(one: Unit, other: Unit) -> bool:
    """Whether two units share a statement, or stand next to each other."""
    near = one.first <= other.last + 1 and other.first <= one.last + 1
    return one.block is other.block and near


def _blocks(statement: ast.stmt) -> Iterator[Block]:
    """Yield the blocks of a compound statement."""
    for _, value in ast.iter_fields(statement):
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield value
    for handler in getattr(statement, "handlers", ()):
        yield handler.body
    for case in getattr(statement, "cases", ()):
        yield case.body


def _loops(statement: ast.stmt) -> bool:
    return any(isinstance(node, _LOOPS) for node in ast.walk(statement))


def _tests(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.If() | ast.While():
            yield node.test
        case ast.Match():
            yield node.subject


def _named(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _is_constant(write: ast.stmt) -> bool:
    """Whether a statement stores the same whenever it runs."""
    return isinstance(write, ast.Assign) and isinstance(write.value, ast.Constant)
