"""Where processes live, when all of them are joined, and how they get a shared place."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.imports import beside
from flake8_mpglobals.fixes.layout import spread
from flake8_mpglobals.fixes.module import Block, Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.setters import (
    Arguments,
    extend,
    method_class,
    named_only_in,
    recognise,
)
from flake8_mpglobals.fixes.shapes.apart import apart
from flake8_mpglobals.fixes.shapes.homes import Helper, hand_through
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.lists import (
    added_to,
    always_calls,
    behind,
    differs,
    differs_in,
    goes_through,
    kept_in,
    kept_list,
    single,
    uses,
)
from flake8_mpglobals.fixes.shapes.subclasses import carry, process_class

_QUIET = frozenset({"start", "join", "is_alive", "daemon", "name", "pid", "exitcode", "sentinel"})
_JOIN = frozenset({"join"})
_ANY = 10_000
"""Room for whatever is added to a line."""
_KEPT = "keep the processes in one name or list, start() all and join() all in one function"


@dataclass
class Span:
    """Statements of one block, from making processes to joining the last of them."""

    block: Block
    first: int
    last: int
    calls: list[ast.Call]
    helpers: tuple[Helper, ...] = ()
    """The functions that make the processes, where others do."""

    @property
    def statements(self) -> list[ast.stmt]:
        """The statements themselves."""
        return self.block[self.first : self.last + 1]


def spans(
    module: Module, calls: Sequence[ast.Call], read: frozenset[str] = frozenset()
) -> list[Span]:
    """Return where the processes live, those that overlap as one.

    ``read`` are attributes of theirs that the parent may read besides.  Raises
    :class:`CannotFix` unless each is joined, without a time limit, in the block in which it
    is made.
    """
    found: list[Span] = []
    for call in calls:
        span = _span(module, call, _QUIET | read)
        while True:
            other = next((one for one in found if _overlap(one, span)), None)
            if other is None:
                break
            found.remove(other)
            first, last = min(one.first for one in (span, other)), max(span.last, other.last)
            helpers = tuple(dict.fromkeys((*other.helpers, *span.helpers)))
            span = Span(span.block, first, last, [*other.calls, *span.calls], helpers)
        found.append(span)
    return found


def _overlap(one: Span, other: Span) -> bool:
    return one.block is other.block and one.first <= other.last and other.first <= one.last


def _span(module: Module, call: ast.Call, quiet: frozenset[str]) -> Span:
    """Return where a process lives: in one function, or where the function is called."""
    try:
        return _together(module, call, quiet)
    except CannotFix:
        found = apart(module, call)
        if found is None:
            raise
        return Span(found.block, found.first, found.last, [call], (found.helper,))


def _together(module: Module, call: ast.Call, quiet: frozenset[str]) -> Span:
    parent = module.parents[call]
    name = single(parent)
    if isinstance(parent, ast.Assign) and name is not None:
        return _one(module, call, parent, name, quiet)
    listed = kept_in(parent, call)
    if listed is not None:
        return _many(module, call, module.statement(call), listed, quiet=quiet)
    match parent:
        case ast.ListComp() | ast.List() | ast.Dict():
            together = True
        case ast.GeneratorExp() | ast.Tuple():
            together = isinstance(module.parents[parent], ast.Call)
        case ast.DictComp(key=key, generators=[one], value=value):
            together = value is call and differs_in(module, key, one)
        case _:
            together = False
    if together:
        assign = module.parents[parent]
        name = single(assign) or added_to(assign)
        if name is not None:
            return _many(module, call, module.statement(assign), name, quiet=quiet)
    raise CannotFix(f"the process made in line {call.lineno} is never joined here: {_KEPT}")


def _one(
    module: Module, call: ast.Call, made: ast.Assign, name: ast.Name, quiet: frozenset[str]
) -> Span:
    """Return the span of ``p = Process(…)``: up to ``p.join()``, or that of its list."""
    block = module.block(made)
    first = block.index(made)
    for use in uses(module, name):
        parent = module.parents[use]
        if not isinstance(use.ctx, ast.Load) or isinstance(parent, ast.For):
            continue
        if isinstance(parent, ast.Attribute) and parent.attr in quiet:
            continue
        if _in_turn(module, parent):
            continue
        listed = kept_in(parent, use)
        statement = module.statement(use)
        if listed is not None and any(statement is one for one in block[first + 1 :]):
            return _many(module, call, statement, listed, quiet=quiet, made=made)
        raise CannotFix(f"line {use.lineno} hands the process on: {_KEPT}")

    def joins(statement: ast.stmt) -> bool:
        return isinstance(statement, ast.Expr) and always_calls(statement, name.id, _JOIN)

    for outer, place in _finally(module, made, joins):
        return Span(outer, place, place, [call])
    for place in range(first + 1, len(block)):
        if _rebinds(block[place], name.id):
            break
        if _sure(block[place], joins):
            return Span(block, first, place, [call])
        match block[place]:
            case ast.For(iter=ast.Tuple(elts=elts) | ast.List(elts=elts) as listing) as loop:
                named = any(isinstance(one, ast.Name) and one.id == name.id for one in elts)
                if named and goes_through(loop, ast.unparse(listing), _JOIN):
                    return Span(block, first, place, [call])
    for use in uses(module, name):
        limited = module.parents.get(module.parents[use])
        match limited:
            case ast.Call(func=ast.Attribute(attr="join")) if limited.args or limited.keywords:
                raise CannotFix(
                    f"line {use.lineno} joins the process with a time limit, so that it may still "
                    "run: join() it without one"
                )
    raise CannotFix(
        f"the process made in line {call.lineno} is not joined in the same block: {_KEPT}"
    )


def _many(
    module: Module,
    call: ast.Call,
    kept: ast.stmt,
    name: ast.Name,
    *,
    quiet: frozenset[str],
    made: ast.stmt | None = None,
) -> Span:
    """Return the span of processes in a list: up to the loop that joins all of them.

    ``kept`` is the statement that puts the process into the list, ``made`` the one
    that makes it, where that is another one before it in the same block.
    """

    def joins(statement: ast.stmt) -> bool:
        return goes_through(statement, name.id, _JOIN)

    def followed(last: ast.stmt) -> bool:
        loops = (ast.For, ast.AsyncFor, ast.While)
        again = any(isinstance(above, loops) for above in module.ancestors(last))
        until = None if again else last
        return kept_list(module, name, kept, quiet, until=until, idle=made is None)

    for block, place in _finally(module, kept, joins):
        if followed(block[place]):
            return Span(block, place, place, [call])
    for block, begin, place in behind(module, kept):
        if _sure(block[place], joins) and followed(block[place]):
            if made is not None and made in block:
                begin = block.index(made)
            return Span(block, begin, place, [call])
    match kept:
        case ast.Assign(targets=[ast.Subscript(slice=key)]) if not differs(module, key):
            raise CannotFix(
                f"line {kept.lineno} may put a process under a key that has one already, which "
                "nobody joins then: keep the processes in a list"
            )
    raise CannotFix(f"not every process made in line {call.lineno} is joined: {_KEPT}")


def _sure(statement: ast.stmt, joins: Callable[[ast.stmt], bool]) -> bool:
    """Whether a statement joins, or is a ``try`` that does so whatever happens in it."""
    if isinstance(statement, ast.Try):
        inner = statement.finalbody if statement.handlers else statement.body
        return any(joins(one) for one in (*inner, *statement.finalbody))
    return joins(statement)


def _finally(
    module: Module, inside: ast.stmt, joins: Callable[[ast.stmt], bool]
) -> Iterator[tuple[Block, int]]:
    """Yield where a ``try`` is that holds a statement and joins at its end."""
    child: ast.AST = inside
    for above in module.ancestors(inside):
        if isinstance(above, Function):
            return
        ends = above.finalbody if isinstance(above, ast.Try) and child in above.body else []
        if isinstance(above, ast.Try) and any(joins(one) for one in ends):
            block = module.block(above)
            yield block, block.index(above)
        child = above


def _in_turn(module: Module, node: ast.AST) -> bool:
    """Whether a loop goes through a display of processes, only to start, join or ask them."""
    loop = module.parents.get(node)
    if not isinstance(node, (ast.Tuple, ast.List)) or not isinstance(loop, ast.For):
        return False
    return isinstance(loop.target, ast.Name) and all(
        isinstance(above := module.parents[use], ast.Attribute) and above.attr in _QUIET
        for use in uses(module, loop.target)
        if isinstance(use.ctx, ast.Load) and module.inside(use, loop)
    )


def _rebinds(statement: ast.stmt, name: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
        for node in ast.walk(statement)
    )


class ProcessShare:
    """Shares one place with the processes made and joined in one span."""

    def __init__(self, job: Job, span: Span) -> None:
        self._job = job
        self._span = span

    def apply(self) -> None:
        """Gather the edits; raise :class:`CannotFix` where the place could be lost."""
        job, statements = self._job, self._span.statements
        job.check_on_import(statements)
        job.untouched(statements)
        self._check_jumps(statements)
        first = self._span.calls[0]
        own = process_class(job.module, first)
        maker = beside(job.module, own.base if own else first, "Process", job.maker)
        shared = job.share(statements, maker, outside=True)
        for helper in self._span.helpers:
            job.add(*hand_through(job.module, helper, job.handed(shared)))
        for call in self._span.calls:
            self.hand_over(call, shared)

    def _check_jumps(self, statements: list[ast.stmt]) -> None:
        for one in statements:
            for node in ast.walk(one):
                if isinstance(node, (ast.Return, ast.Break, ast.Continue)) and self._leaves(node):
                    raise CannotFix(
                        f"line {node.lineno} may leave before the processes are joined: {_KEPT}"
                    )

    def _leaves(self, node: ast.AST) -> bool:
        """Whether a jump leaves the span (a loop inside of it may be left)."""
        if isinstance(node, ast.Return):
            function = self._job.module.function(node)
            return function is self._job.module.function(self._span.statements[0])
        for above in self._job.module.ancestors(node):
            if isinstance(above, (ast.For, ast.While, ast.AsyncFor)):
                return not any(self._job.module.inside(above, one) for one in self._span.statements)
        return False

    def hand_over(self, call: ast.Call, shared: str) -> None:
        """Let a wrapper rebind the place in the process and then call the worker."""
        job, module = self._job, self._job.module
        shared = job.handed(shared)
        own = process_class(module, call)
        if own is not None:
            job.add(*carry(job, own, call, shared))
            return
        arguments = Arguments(module, call)
        target = arguments.get(1, "target")
        args = arguments.get(3, "args")
        if isinstance(target, ast.Attribute):
            function, before = self._method(target)
            if before and self._keeps(before):
                raise CannotFix(
                    f"line {call.lineno} hands {before!r} to processes that it keeps: under spawn "
                    "it cannot be pickled; keep them in a variable, or run a plain function"
                )
        elif isinstance(target, ast.Name) and module.is_global(target):
            function, before = self._function(target), ""
        else:
            raise CannotFix(
                f"the target in line {call.lineno} is not a plain function of this module"
            )
        setter = recognise(function)
        index = longer = 0
        if setter is not None and named_only_in(module, function, job.calls):
            job.add(*extend(module, setter, job.parameter, job.body, job.annotation))
            index = setter.count
        else:
            owner = method_class(module, function)
            inner = f"{owner.name}.{function.name}" if owner is not None else function.name
            again = function.name.startswith("run")
            wanted = f"_{function.name}_in_process" if again else f"_run_{function.name}"
            name = job.setter(function, wanted, inner, self._rest(target, before))
            job.add(Edit(module.start(target), module.end(target), name))
            longer = len(name) - len(module.text(target))
            shared = f"{shared}, {before}" if before else shared
        display = module.parents[call]
        extends = added_to(module.parents[display]) is not None
        extends &= isinstance(module.parents[display], ast.Call)  # the last step splits it
        room = _ANY if extends else job.sheet.room(call.lineno, joins=True) - longer
        new = f"args=({shared},)" if args is None else shared
        if args is not None and not isinstance(args, (ast.Tuple, ast.List)):
            new = f"({shared}*)"
        together = self._together(call, room, len(new) + 2)
        parts = () if extends else spread(module, call, together=together)
        if args is None:
            added = f"args=({shared})" if ", " in shared else f"args=({shared},)"
            job.add(*arguments.append([added], None if parts else room))
            longer = len(added) + 2
        else:
            into = arguments.insert_into(args, index, shared)
            job.add(into)
            longer = len(into.text) - (into.end - into.start)
        if longer > room:
            job.add(*(parts or (arguments.spread() if args is not None else ())))

    def _keeps(self, receiver: str) -> bool:
        """Whether the function that makes the processes keeps something in an object."""
        parents = self._job.module.parents
        return any(
            isinstance(node, ast.Attribute)
            and ast.unparse(node.value) == receiver
            and (
                not isinstance(node.ctx, ast.Load) or getattr(parents[node], "attr", "") == "append"
            )
            for helper in self._span.helpers
            for node in ast.walk(helper.function)
        )

    def _together(self, call: ast.Call, room: int, longer: int) -> bool:
        """Whether the comprehension around a call fits into a line of its own.

        ``room`` is what the line of the call can still take, ``longer`` what it gets longer by.
        """
        module, sheet = self._job.module, self._job.sheet
        around = module.parents[call]
        if not isinstance(around, ast.expr):
            return False
        line = module.source.lines[call.lineno - 1]
        own = len(line.strip()) - len(module.text(around)) + 2
        return longer + len(sheet.unit.expandtabs(4)) - own <= room

    def _rest(self, target: ast.expr, before: str) -> str:
        """Return the arguments that one wrapper passes on for all processes with a target.

        ``before`` is the object whose method it is, if it is one.
        """
        module = self._job.module
        plain = [one for one in self._job.calls if process_class(module, one) is None]
        given = [Arguments(module, call) for call in plain]
        wanted = ast.unparse(target).rpartition(".")[2]
        same = [
            one
            for one in given
            if (func := one.get(1, "target")) is not None
            and ast.unparse(func).rpartition(".")[2] == wanted
        ]
        if any(one.get(4, "kwargs") is not None for one in same):
            return "*args, **kwargs"
        given_some = any(one.get(3, "args") is not None for one in same)
        return "*args" if given_some or before else ""

    def _method(self, target: ast.Attribute) -> tuple[Function, str]:
        """Return the method that a process runs, and the object that it needs, if any."""
        module = self._job.module
        found = [one for one in module.definitions if one.name == target.attr]
        function = found[0] if len(found) == 1 else None
        own = method_class(module, function) if isinstance(function, ast.FunctionDef) else None
        if own is None or not isinstance(function, ast.FunctionDef):
            raise CannotFix(
                f"the target in line {target.lineno} is not a plain function of this module"
            )
        receiver = ast.unparse(target.value)
        alone = {ast.unparse(one) for one in function.decorator_list}
        if alone & {"staticmethod", "classmethod"} or receiver == own.name:
            return function, ""
        return function, receiver

    def _function(self, target: ast.Name) -> Function:
        function = self._job.module.functions.get(target.id)
        if function is None:
            raise CannotFix(
                f"the target in line {target.lineno} is not a plain function of this module"
            )
        return function
