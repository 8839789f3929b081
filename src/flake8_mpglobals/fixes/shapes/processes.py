"""Where processes live, when all of them are joined, and how they get a shared place."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.imports import manager_call
from flake8_mpglobals.fixes.module import Block, Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.setters import Arguments, extend, named_only_in, recognise
from flake8_mpglobals.fixes.shapes.job import Job

_QUIET = frozenset({"start", "join", "is_alive", "daemon", "name", "pid", "exitcode", "sentinel"})
_KEPT = "keep the processes in one name or list, start() all and join() all in one function"


@dataclass
class Span:
    """Statements of one block, from making processes to joining the last of them."""

    block: Block
    first: int
    last: int
    calls: list[ast.Call]

    @property
    def statements(self) -> list[ast.stmt]:
        """The statements themselves."""
        return self.block[self.first : self.last + 1]


def spans(module: Module, calls: Sequence[ast.Call]) -> list[Span]:
    """Return where the processes live, those that overlap as one.

    Raises :class:`CannotFix` unless each is joined, without a time limit, in the
    block in which it is made.
    """
    found: list[Span] = []
    for call in calls:
        span = _span(module, call)
        while True:
            other = next((one for one in found if _overlap(one, span)), None)
            if other is None:
                break
            found.remove(other)
            first, last = min(one.first for one in (span, other)), max(span.last, other.last)
            span = Span(span.block, first, last, [*other.calls, *span.calls])
        found.append(span)
    return found


def _overlap(one: Span, other: Span) -> bool:
    return one.block is other.block and one.first <= other.last and other.first <= one.last


def _span(module: Module, call: ast.Call) -> Span:
    parent = module.parents[call]
    statement = module.statement(call)
    if isinstance(parent, ast.Assign) and _single(parent):
        name = parent.targets[0]
        assert isinstance(name, ast.Name)
        return _one(module, call, parent, name)
    if _appends(parent) and isinstance(module.parents[parent], ast.Expr):
        assert isinstance(parent, ast.Call)
        assert isinstance(parent.func, ast.Attribute)
        return _many(module, call, statement, parent.func.value)
    if isinstance(parent, (ast.ListComp, ast.List)):
        assign = module.parents[parent]
        if isinstance(assign, ast.Assign) and _single(assign):
            return _many(module, call, assign, assign.targets[0])
    raise CannotFix(f"the process made in line {call.lineno} is never joined here: {_KEPT}")


def _single(node: ast.Assign) -> bool:
    return len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)


def _appends(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "append"
        and isinstance(node.func.value, ast.Name)
        and len(node.args) == 1
    )


def _one(module: Module, call: ast.Call, made: ast.Assign, name: ast.Name) -> Span:
    """Return the span of ``p = Process(…)``: up to ``p.join()``, or that of its list."""
    block = module.block(made)
    first = block.index(made)
    collected = None
    for use in _uses(module, name):
        parent = module.parents[use]
        if use is name or _method(module, use) in _QUIET or isinstance(parent, ast.For):
            continue
        if isinstance(use.ctx, ast.Store):
            continue
        if _appends(parent) and use in getattr(parent, "args", []):
            statement = module.statement(use)
            if any(statement is one for one in block[first + 1 :]):
                collected = (statement, parent)
                continue
        raise CannotFix(f"line {use.lineno} hands the process on: {_KEPT}")
    if collected is not None:
        statement, appended = collected
        assert isinstance(appended, ast.Call)
        assert isinstance(appended.func, ast.Attribute)
        return _many(module, call, statement, appended.func.value)
    for place in range(first + 1, len(block)):
        if _rebinds(block[place], name.id):
            break
        if _is_call(block[place], name.id, "join"):
            return Span(block, first, place, [call])
    raise CannotFix(
        f"the process made in line {call.lineno} is not joined in the same block: {_KEPT}"
    )


def _many(module: Module, call: ast.Call, made: ast.stmt, name: ast.expr) -> Span:
    """Return the span of processes in a list: up to the loop that joins all of them."""
    refused = CannotFix(f"not every process made in line {call.lineno} is joined: {_KEPT}")
    if not isinstance(name, ast.Name):
        raise refused
    bound = [use for use in _uses(module, name) if not isinstance(use.ctx, ast.Load)]
    if len(bound) != 1:
        raise refused
    assign = module.parents[bound[0]]
    if not (isinstance(assign, (ast.Assign, ast.AnnAssign)) and assign.value is not None):
        raise refused
    empty = isinstance(assign.value, ast.List) and not assign.value.elts
    if assign is not made and not empty and ast.unparse(assign.value) != "list()":
        raise refused
    for use in _uses(module, name):
        if use is not bound[0] and not _followed(module, use):
            raise CannotFix(f"line {use.lineno} hands the processes on: {_KEPT}")
    # The loop that joins them stands behind the making, in its block or one around it.
    inner: ast.AST = made
    while isinstance(inner, ast.stmt) and not isinstance(inner, Function):
        block = module.block(inner)
        begin = block.index(inner)
        for place in range(begin + 1, len(block)):
            if _joins_all(block[place], name.id):
                return Span(block, begin, place, [call])
        inner = module.parents[inner]
    raise refused


def _followed(module: Module, use: ast.Name) -> bool:
    """Whether a use of the list of processes neither hands it on nor takes from it."""
    parent = module.parents[use]
    if isinstance(parent, (ast.For, ast.comprehension)):
        return parent.iter is use
    if isinstance(parent, ast.Attribute) and parent.attr == "append":
        return _appends(module.parents[parent])
    if isinstance(parent, ast.Call):
        return ast.unparse(parent.func) in ("len", "enumerate", "print")
    return False


def _joins_all(statement: ast.stmt, name: str) -> bool:
    """Whether a statement calls ``join()`` on each item of the list ``name``."""
    match statement:
        case ast.For(target=ast.Name(id=item), iter=ast.Name(id=listed), body=body):
            leaves = any(
                isinstance(node, (ast.Break, ast.Continue, ast.Return))
                for one in body
                for node in ast.walk(one)
            )
            joined = any(_is_call(one, item, "join") for one in body)
            return listed == name and joined and not leaves
        case ast.Expr(
            value=ast.ListComp(
                elt=ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr="join")) as call,
                generators=[
                    ast.comprehension(target=ast.Name(id=item), iter=ast.Name(id=listed), ifs=[])
                ],
            )
        ):
            return listed == name and owner == item and not call.args and not call.keywords
    return False


def _is_call(statement: ast.stmt, name: str, method: str) -> bool:
    """Whether a statement is ``name.method()``, without arguments."""
    match statement:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id=owner), attr=attr), args=[], keywords=[]
            )
        ):
            return owner == name and attr == method
    return False


def _rebinds(statement: ast.stmt, name: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
        for node in ast.walk(statement)
    )


def _uses(module: Module, name: ast.Name) -> list[ast.Name]:
    """Return the uses of a variable in the scope that binds it."""
    everywhere = module.is_global(name)
    scope: ast.AST = module.tree if everywhere else (module.function(name) or module.tree)
    return [
        node
        for node in ast.walk(scope)
        if isinstance(node, ast.Name)
        and node.id == name.id
        and (not everywhere or module.is_global(node))
    ]


def _method(module: Module, use: ast.Name) -> str:
    parent = module.parents[use]
    return parent.attr if isinstance(parent, ast.Attribute) else ""


class ProcessShare:
    """Shares one place with the processes made and joined in one span."""

    def __init__(self, job: Job, span: Span) -> None:
        self._job = job
        self._span = span

    def apply(self) -> None:
        """Gather the edits; raise :class:`CannotFix` where the place could be lost."""
        job, statements = self._job, self._span.statements
        job.untouched(statements)
        self._check_jumps(statements)
        shared = job.share(
            statements, manager_call(job.module, self._span.calls[0], "Process"), outside=True
        )
        for call in self._span.calls:
            self._hand_over(call, shared)

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
            return function is self._job.module.function(self._span.calls[0])
        for above in self._job.module.ancestors(node):
            if isinstance(above, (ast.For, ast.While, ast.AsyncFor)):
                return not any(self._job.module.inside(above, one) for one in self._span.statements)
        return False

    def _hand_over(self, call: ast.Call, shared: str) -> None:
        """Let a wrapper rebind the place in the process and then call the worker."""
        job, module = self._job, self._job.module
        arguments = Arguments(module, call)
        target = arguments.get(1, "target")
        args = arguments.get(3, "args")
        rest = "" if args is None else "*args"
        if arguments.get(4, "kwargs") is not None:
            rest = "*args, **kwargs"
        if not (isinstance(target, ast.Name) and module.is_global(target)):
            raise CannotFix(
                f"the target in line {call.lineno} is not a plain function of this module"
            )
        function = self._function(target)
        setter = recognise(function)
        index = 0
        if setter is not None and named_only_in(module, function, job.calls):
            job.add(*extend(module, setter, job.place, job.parameter))
            index = setter.count
        else:
            name = job.setter(function, f"_run_{target.id}", target.id, rest)
            job.add(Edit(module.start(target), module.end(target), name))
        if args is None:
            job.add(*arguments.append([f"args=({shared},)"]))
        else:
            job.add(arguments.insert_into(args, index, shared))

    def _function(self, target: ast.Name) -> Function:
        function = self._job.module.functions.get(target.id)
        if function is None:
            raise CannotFix(
                f"the target in line {target.lineno} is not a plain function of this module"
            )
        return function
