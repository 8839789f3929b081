"""How the workers of one pool or executor get a shared place, and when it comes back."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.imports import Spelling, beside, beside_executor
from flake8_mpglobals.fixes.layout import Wrap, spread
from flake8_mpglobals.fixes.module import Block, Function
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.setters import Arguments, extend, named_only_in, recognise
from flake8_mpglobals.fixes.shapes.homes import hand_through
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.lifetimes import Region, check_done, needs_join, waits


class PoolShare:
    """Shares one place with the workers of one pool."""

    def __init__(self, job: Job, where: Region, behind: Function) -> None:
        self._job = job
        self._module = job.module
        self._region = where
        self._behind = behind

    def apply(self) -> None:
        """Gather the edits; raise :class:`CannotFix` where the place could be lost."""
        job, where = self._job, self._region
        job.check_on_import(where.statements)
        busy = next((use for one in where.statements if (use := job.touch(one))), None)
        self._check_header(busy)
        runs = [] if busy is None else list(self._runs(where.body, filled=True))
        check_done(self._module, where)
        shared = job.share(where.statements, self._maker(), outside=busy is None)
        if where.assigned is not None:
            if job.ends:
                self._make_with(where.assigned)
            self._join()
        for block, fill in runs:
            job.guard(block, shared, fill=fill)
        self.hand_over(shared)

    def _maker(self) -> Spelling:
        """Return how to write what makes the shared object, beside the pool."""
        pool = self._region.pool
        if self._region.executor:
            context = Arguments(self._module, pool).get(1, "mp_context")
            return beside_executor(self._module, pool, context, self._job.maker)
        return beside(self._module, pool, "the pool", self._job.maker)

    def _check_header(self, busy: ast.expr | None) -> None:
        if busy is None:
            return
        for call in self._region.dispatches:
            if not any(self._module.inside(call, one) for one in self._region.statements):
                raise self._job.busy(busy)
        inside = any(self._module.inside(busy, one) for one in self._region.body)
        first = self._region.statements[0]
        for use in self._job.touches.uses(first, self._job.exempt):
            if not any(self._module.inside(use, one) for one in self._region.body):
                raise self._job.busy(use)
        if not inside:
            raise self._job.busy(busy)

    # -- bringing back between the uses of the parent

    def _runs(self, block: Block, *, filled: bool) -> Iterator[tuple[list[ast.stmt], bool]]:
        """Yield the statements to bring the place back behind, and whether to fill it first.

        ``filled`` says whether the proxy holds what the parent holds as the block
        begins.
        """
        current: list[ast.stmt] = []
        pending: list[ast.stmt] = []
        for statement in block:
            dispatches = [c for c in self._region.dispatches if self._module.inside(c, statement)]
            touched = self._job.touch(statement)
            if dispatches and touched:
                if current:
                    yield current, not filled
                    filled = True
                fresh = filled and isinstance(statement, (ast.Try, ast.With))
                current, pending, filled = [], [], False
                for inner in self._inner(statement, dispatches):
                    first = inner is getattr(statement, "body", None)
                    yield from self._runs(inner, filled=fresh and first)
            elif dispatches:
                for call in dispatches:
                    if not waits(self._module, self._region, call):
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
        job.sheet.lines([assigned])
        start = self._module.start(assigned)
        job.add(Edit(start, self._module.start(where.made), "with "))
        end = self._module.end(where.made)
        job.add(Edit(end, end, f" as {where.name}:"))
        last = where.lines[-1]
        assert assigned.end_lineno is not None
        job.sheet.wrap(Wrap(assigned.end_lineno + 1, last))

    def _join(self) -> None:
        """Wait for the workers behind ``close()`` where nothing else does."""
        job, where = self._job, self._region
        for close in needs_join(where):
            statement = self._module.parents[close]
            if not isinstance(statement, ast.Expr) or statement.end_lineno is None:
                raise CannotFix(f"line {close.lineno}: close() the pool in a statement of its own")
            job.sheet.lines([statement])
            job.sheet.after(statement.end_lineno, f"{where.name}.join()")

    def _room(self) -> int:
        """Return how many characters the line that makes the pool can still take."""
        where = self._region
        room = self._job.sheet.room(where.pool.lineno)
        if where.assigned is not None and self._job.ends and where.helper is None:
            room -= len(f"with  as {where.name}:") - len(f"{where.name} = ")
        return room

    def hand_over(self, shared: str) -> None:
        """Let the pool's initializer rebind the place in each worker."""
        job, module, pool = self._job, self._module, self._region.pool
        shared = job.handed(shared)
        if self._region.helper is not None:
            job.add(*hand_through(module, self._region.helper, shared))
        alone = shared if ", " in shared else f"{shared},"
        arguments = Arguments(module, pool)
        first = 2 if self._region.executor else 1
        initializer = arguments.get(first, "initializer")
        initargs = arguments.get(first + 1, "initargs")
        if isinstance(initializer, ast.Constant) and initializer.value is None:
            raise CannotFix(f"line {pool.lineno} passes initializer=None: leave it out")
        if initializer is None:
            if initargs is not None:
                raise CannotFix(f"line {pool.lineno} passes initargs without an initializer")
            name = job.setter(self._behind, "_init_worker", "")
            added = [f"initializer={name}", f"initargs=({alone})"]
            room, parts = self._room(), spread(module, pool)
            if parts and len(", ".join(added)) + 2 > room:
                job.add(*parts, *arguments.append(added))
                return
            job.add(*arguments.append(added, room))
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
        index = longer = 0
        setter = recognise(function) if function is not None else None
        if setter is not None and named_only_in(module, setter.function, job.calls):
            job.add(*extend(module, setter, job.parameter, job.body, job.annotation))
            index = setter.count
        else:
            if next(job.touches.uses(initializer), None) is not None:
                raise CannotFix(
                    f"the initializer {initializer.id!r} uses {job.place!r} itself: "
                    "let only the workers use it"
                )
            name = job.setter(
                self._behind, "_init_worker", initializer.id, "" if initargs is None else "*args"
            )
            job.add(Edit(module.start(initializer), module.end(initializer), name))
            longer = len(name) - len(initializer.id)
        if initargs is None:
            job.add(*arguments.append([f"initargs=({alone})"], self._room() - longer))
            return
        job.add(arguments.insert_into(initargs, index, shared))
        if longer + len(shared) + 2 > self._room():
            job.add(*arguments.spread())
