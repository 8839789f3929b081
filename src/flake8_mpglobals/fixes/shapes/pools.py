"""Where a pool lives, when its work is done, and how it gets a shared place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import Wrap
from flake8_mpglobals.fixes.module import Block, Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.setters import Arguments, extend, named_only_in, recognise
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.proxy_use import is_builtin

_WAITING = frozenset({"map", "starmap", "apply"})
_LAZY = frozenset({"imap", "imap_unordered"})
_ASYNC = frozenset({"map_async", "starmap_async", "apply_async"})
_LIFE = frozenset({"close", "join", "terminate"})
_CONSUMING = frozenset({"list", "tuple", "set", "frozenset", "sum", "sorted", "dict", "min", "max"})
_PASSING = frozenset({"enumerate", "tqdm"})


@dataclass(frozen=True)
class Region:
    """The statements from the making of a pool to its last use.

    ``statements`` stand in one block; ``body`` are those that can use the pool;
    ``assigned`` is the statement ``name = Pool()`` that becomes a ``with``.
    """

    pool: ast.Call
    name: str
    statements: list[ast.stmt]
    body: list[ast.stmt]
    calls: list[ast.Call]
    assigned: ast.Assign | None = None

    @property
    def lines(self) -> range:
        """The lines from the first to the last statement."""
        return range(self.statements[0].lineno, (self.statements[-1].end_lineno or 0) + 1)


def region(module: Module, pool: ast.Call) -> Region:
    """Return where the pool made by ``pool`` lives.

    Raises :class:`CannotFix` where it is kept, handed on or used in a way that is
    not followed.
    """
    parent = module.parents[pool]
    statement = module.statement(pool)
    if isinstance(parent, ast.Attribute):
        call = module.parents[parent]
        if isinstance(call, ast.Call) and call.func is parent:
            return Region(pool, "", [statement], [statement], [call])
    if isinstance(parent, ast.withitem) and isinstance(statement, ast.With):
        if not isinstance(parent.optional_vars, ast.Name):
            raise _unfollowed(pool)
        name = parent.optional_vars
        calls = _uses(module, pool, name, [statement])
        return Region(pool, name.id, [statement], statement.body, calls)
    if (
        isinstance(parent, ast.Assign)
        and len(parent.targets) == 1
        and isinstance(parent.targets[0], ast.Name)
    ):
        name = parent.targets[0]
        block = module.block(parent)
        begin = block.index(parent)
        last = begin
        for place in range(begin + 1, len(block)):
            if _names(block[place], name.id):
                last = place
        statements = block[begin : last + 1]
        calls = _uses(module, pool, name, statements)
        if last == begin:
            raise _unfollowed(pool)
        return Region(pool, name.id, statements, statements[1:], calls, parent)
    raise _unfollowed(pool)


def _names(node: ast.AST, name: str) -> bool:
    return any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(node))


def _unfollowed(pool: ast.Call) -> CannotFix:
    return CannotFix(
        f"the pool made in line {pool.lineno} is kept or handed on: make it, use it and "
        "close it in one function"
    )


def _uses(
    module: Module, pool: ast.Call, name: ast.Name, statements: list[ast.stmt]
) -> list[ast.Call]:
    """Return the method calls on the pool, all of them inside ``statements``."""
    calls: list[ast.Call] = []
    scope: ast.AST = module.function(pool) or module.tree
    everywhere = module.is_global(name)
    for node in ast.walk(module.tree if everywhere else scope):
        if not (isinstance(node, ast.Name) and node.id == name.id) or node is name:
            continue
        if everywhere and not module.is_global(node):
            continue
        attribute = module.parents[node]
        call = module.parents.get(attribute)
        followed = (
            isinstance(attribute, ast.Attribute)
            and isinstance(call, ast.Call)
            and call.func is attribute
            and any(module.inside(node, one) for one in statements)
            and module.function(node) is module.function(pool)
        )
        if not followed:
            raise _unfollowed(pool)
        assert isinstance(call, ast.Call)
        calls.append(call)
    known = _WAITING | _LAZY | _ASYNC | _LIFE
    for call in calls:
        method = _method(call)
        if method not in known:
            raise CannotFix(
                f"line {call.lineno} calls {method}() of the pool, which is not followed"
            )
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def _method(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return call.func.attr


class PoolShare:
    """Shares one place with the workers of one pool."""

    def __init__(self, job: Job, where: Region, behind: Function) -> None:
        self._job = job
        self._module = job.module
        self._region = where
        self._behind = behind
        self._dispatches = [call for call in where.calls if _method(call) not in _LIFE]

    def apply(self) -> None:
        """Gather the edits; raise :class:`CannotFix` where the place could be lost."""
        job, where = self._job, self._region
        busy = next((use for one in where.statements if (use := job.touch(one))), None)
        self._check_header(busy)
        runs = [] if busy is None else list(self._runs(where.body, filled=True))
        self._check_done()
        shared = job.share(where.statements, where.pool, "the pool", outside=busy is None)
        if where.assigned is not None:
            self._make_with(where.assigned)
        for block, fill in runs:
            first, last = job.sheet.lines(block)
            back = job.guarded(shared, fill)
            job.sheet.wrap(Wrap(first, last, back.header, back.footer))
        self._hand_over(shared)

    def _check_header(self, busy: ast.expr | None) -> None:
        if busy is None:
            return
        inside = any(self._module.inside(busy, one) for one in self._region.body)
        first = self._region.statements[0]
        for use in self._job.touches.uses(first, self._job.exempt):
            if not any(self._module.inside(use, one) for one in self._region.body):
                raise self._job.busy(use)
        if not inside:
            raise self._job.busy(busy)

    # -- when is the work done

    def _check_done(self) -> None:
        """Refuse a pool that may still be at work when the place is brought back."""
        waiting = [call for call in self._dispatches if not self._waits(call)]
        if not waiting:
            return
        first = waiting[0]
        end = max((call.lineno, call.col_offset) for call in self._dispatches)
        closes = [one for one in self._life("close") if (one.lineno, one.col_offset) > end]
        joins = [
            one
            for one in self._life("join")
            if closes and (one.lineno, one.col_offset) > (closes[0].lineno, closes[0].col_offset)
        ]
        ended = any(_method(call) in ("join", "terminate") for call in self._region.calls)
        if closes and (joins or (self._region.assigned is not None and not ended)):
            return
        raise CannotFix(
            f"line {first.lineno} does not wait for the workers of {_method(first)}(): "
            "consume its results there, or close() and join() the pool"
        )

    def _life(self, method: str) -> Iterator[ast.Call]:
        """Yield the calls of ``close`` or ``join`` that always run once the body is done."""
        for call in self._region.calls:
            statement = self._module.parents[call]
            if _method(call) != method or not isinstance(statement, ast.Expr):
                continue
            parent = self._module.parents[statement]
            top = any(statement is one for one in self._region.body)
            final = (
                isinstance(parent, ast.Try)
                and any(statement is one for one in parent.finalbody)
                and any(parent is one for one in self._region.body)
            )
            if top or final:
                yield call

    def _waits(self, call: ast.Call) -> bool:
        """Whether all work of a dispatch is done when the next statement begins."""
        method = _method(call)
        if method in _WAITING:
            return True
        parent = self._module.parents[call]
        if method in _ASYNC:
            got = self._module.parents.get(parent)
            return (
                isinstance(parent, ast.Attribute)
                and parent.attr in ("get", "wait")
                and isinstance(got, ast.Call)
                and not got.args
                and not got.keywords
            )
        node: ast.AST = call
        while (
            isinstance(parent, ast.Call)
            and node in parent.args[:1]
            and ast.unparse(parent.func).rpartition(".")[2] in _PASSING
        ):
            node, parent = parent, self._module.parents[parent]
        match parent:
            case ast.Call():
                name = ast.unparse(parent.func)
                return name in _CONSUMING and is_builtin(self._module, parent.func)
            case ast.For():
                return parent.iter is node and not _left_early(parent)
            case ast.comprehension():
                outer = self._module.parents[parent]
                if isinstance(outer, (ast.ListComp, ast.SetComp, ast.DictComp)):
                    return outer.generators[0] is parent and parent.iter is node
        return False

    # -- bringing back between the uses of the parent

    def _runs(self, block: Block, *, filled: bool) -> Iterator[tuple[list[ast.stmt], bool]]:
        """Yield the statements to bring the place back behind, and whether to fill it first.

        ``filled`` says whether the proxy holds what the parent holds as the block
        begins.
        """
        current: list[ast.stmt] = []
        pending: list[ast.stmt] = []
        for statement in block:
            dispatches = [c for c in self._dispatches if self._module.inside(c, statement)]
            touched = self._job.touch(statement)
            if dispatches and touched:
                if current:
                    yield current, not filled
                current, pending, filled = [], [], False
                for inner in self._inner(statement, dispatches):
                    yield from self._runs(inner, filled=False)
            elif dispatches:
                for call in dispatches:
                    if not self._waits(call):
                        raise CannotFix(
                            f"line {call.lineno} does not wait for its workers before "
                            f"{self._job.place!r} is used again: consume its results there"
                        )
                current += [*pending, statement] if current else [statement]
                pending = []
            elif touched:
                if current:
                    yield current, not filled
                current, pending, filled = [], [], False
            else:
                pending.append(statement)
        if current:
            yield current, not filled

    def _inner(self, statement: ast.stmt, dispatches: list[ast.Call]) -> Iterator[Block]:
        """Yield the blocks of a compound statement that hold its dispatches."""
        left = list(dispatches)
        for _, value in ast.iter_fields(statement):
            if not (isinstance(value, list) and value and isinstance(value[0], ast.stmt)):
                continue
            held = [c for c in left if any(self._module.inside(c, one) for one in value)]
            if held:
                left = [call for call in left if call not in held]
                yield value
        if left:
            use = self._job.touch(statement)
            assert use is not None
            raise self._job.busy(use)

    # -- the pool itself

    def _make_with(self, assigned: ast.Assign) -> None:
        """Turn ``pool = Pool()`` into a ``with``, so that the pool ends before the manager."""
        job, where = self._job, self._region
        start = self._module.start(assigned)
        job.add(Edit(start, self._module.start(where.pool), "with "))
        end = self._module.end(where.pool)
        job.add(Edit(end, end, f" as {where.name}:"))
        last = where.lines[-1]
        assert assigned.end_lineno is not None
        job.sheet.wrap(Wrap(assigned.end_lineno + 1, last))
        closes = [call for call in where.calls if _method(call) == "close"]
        if closes and not any(_method(call) in ("join", "terminate") for call in where.calls):
            for call in closes:
                statement = self._module.parents[call]
                if not isinstance(statement, ast.Expr) or statement.end_lineno is None:
                    raise CannotFix(
                        f"line {call.lineno}: close() the pool in a statement of its own"
                    )
                job.sheet.lines([statement])
                job.sheet.after(statement.end_lineno, f"{where.name}.join()")

    def _hand_over(self, shared: str) -> None:
        """Let the pool's initializer rebind the place in each worker."""
        job, module, pool = self._job, self._module, self._region.pool
        arguments = Arguments(module, pool)
        initializer = arguments.get(1, "initializer")
        initargs = arguments.get(2, "initargs")
        if isinstance(initializer, ast.Constant) and initializer.value is None:
            raise CannotFix(f"line {pool.lineno} passes initializer=None: leave it out")
        if initializer is None:
            if initargs is not None:
                raise CannotFix(f"line {pool.lineno} passes initargs without an initializer")
            name = job.setter(self._behind, "_init_worker", "")
            job.add(arguments.append([f"initializer={name}", f"initargs=({shared},)"]))
            return
        if not (isinstance(initializer, ast.Name) and module.is_global(initializer)):
            raise CannotFix(
                f"the initializer in line {initializer.lineno} is not a function of this module"
            )
        function = module.functions.get(initializer.id)
        bound = module.bindings(initializer.id)
        imported = len(bound) == 1 and isinstance(bound[0], ast.ImportFrom)
        if function is None and not imported:
            raise CannotFix(
                f"the initializer in line {initializer.lineno} is not a function of this module"
            )
        index = 0
        setter = recognise(function) if function is not None else None
        if setter is not None and named_only_in(module, setter.function, job.calls):
            job.add(*extend(module, setter, job.place, job.parameter))
            index = setter.count
        else:
            if next(job.touches.uses(initializer), None) is not None:
                raise CannotFix(
                    f"the initializer {initializer.id!r} uses {job.place!r} itself: "
                    "let only the workers use it"
                )
            name = job.setter(self._behind, "_init_worker", initializer.id)
            job.add(Edit(module.start(initializer), module.end(initializer), name))
        if initargs is None:
            job.add(arguments.append([f"initargs=({shared},)"]))
        else:
            job.add(arguments.insert_into(initargs, index, shared))


def _left_early(loop: ast.For) -> bool:
    """Whether the loop may end before its iterable does, exceptions aside."""
    stack: list[tuple[ast.AST, bool]] = [(one, True) for one in loop.body]
    while stack:
        node, ours = stack.pop()
        if isinstance(node, ast.Return) or (isinstance(node, ast.Break) and ours):
            return True
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        inner = ours and not isinstance(node, (ast.For, ast.While, ast.AsyncFor))
        stack.extend((child, inner) for child in ast.iter_child_nodes(node))
    return False
