"""Where a pool or executor lives, and when the work handed to it is done."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeGuard

from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.shapes.homes import Helper, entered, made_by
from flake8_mpglobals.fixes.shapes.lists import (
    GIVING,
    always_calls,
    appended_to,
    behind,
    goes_through,
    kept_list,
    passes,
    single,
    uses,
)
from flake8_mpglobals.fixes.shapes.pure import is_builtin

_WAITING = frozenset({"map", "starmap", "apply"})
_LAZY = frozenset({"imap", "imap_unordered"})
_ASYNC = frozenset({"map_async", "starmap_async", "apply_async", "submit"})
_LIFE = frozenset({"close", "join", "terminate", "shutdown"})
_OF_POOL = _WAITING | _LAZY | _ASYNC - {"submit"} | _LIFE - {"shutdown"}
_LOOP = "run_in_executor"
_OF_EXECUTOR = frozenset({"submit", "map", "shutdown", _LOOP})
_CONSUMING = frozenset({"list", "tuple", "set", "frozenset", "sum", "sorted", "dict", "min", "max"})
_FILLING = frozenset({"extend", "update", "join"})
"""Methods that take all items of the iterable they are given."""
_TAKING = frozenset({"get", "wait", "result", "exception"})


@dataclass(frozen=True)
class Region:
    """The statements from the making of a pool to its last use.

    ``statements`` stand in one block; ``body`` are those that can use the pool;
    ``calls`` are the method calls on it; ``assigned`` is the statement
    ``name = Pool()`` that becomes a ``with``.  ``helper`` is the function that makes the
    pool for the one call of it that stands here.
    """

    pool: ast.Call
    name: str
    statements: list[ast.stmt]
    body: list[ast.stmt]
    calls: list[ast.Call]
    assigned: ast.Assign | None = None
    executor: bool = False
    helper: Helper | None = None

    @property
    def made(self) -> ast.Call:
        """The call that gives the pool, where it is used."""
        return self.helper.call if self.helper else self.pool

    @property
    def lines(self) -> range:
        """The lines from the first to the last statement."""
        return range(self.statements[0].lineno, (self.statements[-1].end_lineno or 0) + 1)

    @property
    def dispatches(self) -> list[ast.Call]:
        """The calls that hand out work."""
        return [call for call in self.calls if method(call) not in _LIFE]


def region(module: Module, pool: ast.Call, *, executor: bool) -> Region:
    """Return where the pool (or ``executor``) made by ``pool`` lives.

    Raises :class:`CannotFix` where it is kept, handed on or used in a way that is
    not followed.
    """
    parent = module.parents[pool]
    statement = module.statement(pool)
    helper = made_by(module, pool)
    if helper is not None:
        return replace(region(module, helper.call, executor=executor), pool=pool, helper=helper)
    if isinstance(parent, ast.Attribute) and not executor:
        call = module.parents[parent]
        if isinstance(call, ast.Call) and call.func is parent:
            return Region(pool, "", [statement], [statement], [call])
    if isinstance(parent, ast.withitem) and isinstance(statement, ast.With):
        if not isinstance(parent.optional_vars, ast.Name):
            raise _unfollowed(pool)
        name = parent.optional_vars
        calls = _uses(module, pool, name, [statement], executor=executor)
        return Region(pool, name.id, [statement], statement.body, calls, executor=executor)
    inside = entered(module, parent)
    if inside is not None:
        statement, name = inside
        calls = _uses(module, pool, name, [statement], executor=executor)
        return Region(pool, name.id, [statement], statement.body, calls, executor=executor)
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
            found = [one for one in ast.walk(block[place]) if _is_name(one, name.id)]
            if any(not isinstance(one.ctx, ast.Load) for one in found):
                break
            if found:
                last = place
        statements = block[begin : last + 1]
        calls = _uses(module, pool, name, statements, executor=executor)
        for call in calls:
            taker = _taker(module, call) if method(call) not in _LIFE else None
            last = next((n for n, one in enumerate(block) if one is taker and n > last), last)
        if last > begin:
            statements = block[begin : last + 1]
            body = statements[1:]
            return Region(pool, name.id, statements, body, calls, parent, executor)
    raise _unfollowed(pool)


def _is_name(node: ast.AST, name: str) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and node.id == name


def _unfollowed(pool: ast.Call) -> CannotFix:
    return CannotFix(
        f"the pool made in line {pool.lineno} is kept or handed on: make it, use it and "
        "close it in one function"
    )


def _uses(
    module: Module,
    pool: ast.Call,
    name: ast.Name,
    statements: list[ast.stmt],
    *,
    executor: bool,
) -> list[ast.Call]:
    """Return the method calls on the pool, all of them inside ``statements``."""
    calls: list[ast.Call] = []
    function = module.function(pool)
    everywhere = module.is_global(name)
    for node in ast.walk(module.tree if everywhere else (function or module.tree)):
        if not (isinstance(node, ast.Name) and node.id == name.id) or node is name:
            continue
        if everywhere and not module.is_global(node):
            continue
        if not any(module.inside(node, one) for one in statements) and _another(
            module, name, node, statements
        ):
            continue
        attribute = module.parents[node]
        call = module.parents.get(attribute)
        if executor and _handed_to_loop(attribute, node):
            attribute, call = attribute.func, attribute
        elif (inner := _handed_on(module, node, statements, executor=executor)) is not None:
            calls += inner
            continue
        if (
            not isinstance(call, ast.Call)
            or call.func is not attribute
            or not any(module.inside(node, one) for one in statements)
            or module.function(node) is not function
        ):
            raise _unfollowed(pool)
        calls.append(call)
    known = _OF_EXECUTOR if executor else _OF_POOL
    for call in calls:
        if method(call) not in known or (method(call) == "shutdown" and not _waits_for_all(call)):
            raise CannotFix(
                f"line {call.lineno} calls {method(call)}() of the pool, which is not followed"
            )
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def _handed_to_loop(node: ast.AST, executor: ast.Name) -> TypeGuard[ast.Call]:
    """Whether a call is ``loop.run_in_executor(executor, …)``."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name), args=[first, *_]):
            return name == _LOOP and first is executor
    return False


def _handed_on(
    module: Module, pool: ast.Name, statements: list[ast.stmt], *, executor: bool
) -> list[ast.Call] | None:
    """Return the calls on a pool that a function of this module makes, to which it is passed.

    None where ``pool`` is no plain argument of a call of a function that uses it in no
    other way and that is called among ``statements`` only.
    """
    call = module.parents[pool]
    if not (isinstance(call, ast.Call) and any(pool is one for one in call.args)):
        return None
    func = call.func
    function = module.functions.get(func.id) if isinstance(func, ast.Name) else None
    if function is None or function.decorator_list or function.args.posonlyargs:
        return None
    place = call.args.index(pool)
    if place >= len(function.args.args) or any(
        isinstance(one, ast.Starred) for one in call.args[:place]
    ):
        return None
    for named in module.mentions(function.name):
        above = module.parents[named]
        called = isinstance(above, ast.Call) and above.func is named
        if not called or not any(module.inside(named, one) for one in statements):
            return None
    name = function.args.args[place].arg
    calls: list[ast.Call] = []
    for use in ast.walk(function):
        if not (isinstance(use, ast.Name) and use.id == name):
            continue
        attribute = module.parents[use]
        made = module.parents.get(attribute)
        if executor and _handed_to_loop(attribute, use):
            made = attribute
        elif not (isinstance(made, ast.Call) and made.func is attribute):
            return None
        if module.function(use) is not function or not isinstance(made, ast.Call):
            return None
        if method(made) in _LIFE:
            return None
        calls.append(made)
    return calls


def _another(module: Module, name: ast.Name, use: ast.Name, statements: list[ast.stmt]) -> bool:
    """Whether a use outside of ``statements`` surely means what another binding made."""
    if not isinstance(use.ctx, ast.Load):
        return True
    before = [
        one
        for one in uses(module, name)
        if not isinstance(one.ctx, ast.Load) and _place(one) < _place(use)
    ]
    nearest = max(before, key=_place, default=name)
    if nearest is name or module.function(nearest) is not module.function(use):
        return False
    if any(module.inside(nearest, one) for one in statements):
        return False
    loops = [one for one in module.ancestors(use) if isinstance(one, (ast.For, ast.While))]
    return not any(module.inside(name, loop) for loop in loops)


def _waits_for_all(shutdown: ast.Call) -> bool:
    return not shutdown.args and all(
        keyword.arg == "wait"
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value is True
        for keyword in shutdown.keywords
    )


def method(call: ast.Call) -> str:
    """Return the name of the method of a call on a pool."""
    assert isinstance(call.func, ast.Attribute)
    return call.func.attr


def needs_join(where: Region) -> list[ast.Call]:
    """Return the calls of ``close()`` behind which a ``join()`` is missing."""
    if any(method(call) in ("join", "terminate") for call in where.calls):
        return []
    return [call for call in where.calls if method(call) == "close"]


def check_done(module: Module, where: Region) -> None:
    """Raise :class:`CannotFix` for a pool that may still be at work at its end."""
    if where.executor:
        for call in where.dispatches:
            if any(keyword.arg == "buffersize" for keyword in call.keywords):
                raise CannotFix(f"line {call.lineno} hands its tasks out lazily (buffersize)")
        return
    later = [call for call in where.dispatches if not waits(module, where, call)]
    if not later and all(_surely_waits(module, where, call) for call in where.dispatches):
        return
    waiting = [call for call in where.dispatches if not _surely_waits(module, where, call)]
    first = [*waiting, *later][0]
    end = max((call.lineno, call.col_offset) for call in where.dispatches)
    closes = [one for one in _always(module, where, "close") if _place(one) > end]
    joins = [one for one in _always(module, where, "join") if closes and _place(one) > end]
    for one in where.body:
        for node in ast.walk(one):
            if not isinstance(node, (ast.Return, ast.Break)):
                continue
            if not any(_place(join) < (node.lineno, node.col_offset) for join in joins):
                raise CannotFix(
                    f"line {node.lineno} may leave before the workers of "
                    f"{method(first)}() (line {first.lineno}) are done"
                )
    if not waiting or joins or (closes and where.assigned is not None and needs_join(where)):
        return
    raise CannotFix(
        f"line {first.lineno} does not wait for the workers of {method(first)}(): "
        "consume its results there, or close() and join() the pool"
    )


def _place(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _always(module: Module, where: Region, name: str) -> Iterator[ast.Call]:
    """Yield the calls of a method that always run once the body is done."""
    for call in where.calls:
        statement = module.parents[call]
        if method(call) != name or not isinstance(statement, ast.Expr):
            continue
        parent = module.parents[statement]
        top = any(statement is one for one in where.body)
        final = (
            isinstance(parent, ast.Try)
            and any(statement is one for one in parent.finalbody)
            and any(parent is one for one in where.body)
        )
        if top or final:
            yield call


def _surely_waits(module: Module, where: Region, call: ast.Call) -> bool:
    """Whether a dispatch is done behind its statement, even if an exception was caught."""
    if method(call) in _WAITING:
        return True
    if not waits(module, where, call) and not _taken_later(module, where, call):
        return False
    return not any(
        isinstance(above, ast.Try) and above.handlers and module.inside(above, one)
        for one in where.body
        for above in module.ancestors(call)
    )


def _taken_later(module: Module, where: Region, call: ast.Call) -> bool:
    """Whether every result of an asynchronous dispatch is waited for before the end."""
    taker = _taker(module, call)
    return taker is not None and any(module.inside(taker, one) for one in where.body)


def _taker(module: Module, call: ast.Call) -> ast.stmt | None:
    """Return the later statement that waits for every result of an asynchronous dispatch."""
    parent = module.parents[call]
    statement = module.statement(call)
    name = single(parent)
    if name is None:
        name = appended_to(parent)
        if isinstance(parent, (ast.ListComp, ast.List)):
            statement = module.statement(parent)
            name = single(module.parents[parent])
        if name is None or not kept_list(module, name, statement, _TAKING):
            return None
        for block, _, place in behind(module, statement):
            if goes_through(block[place], name.id, _TAKING):
                return block[place]
        return None
    if sum(not isinstance(use.ctx, ast.Load) for use in uses(module, name)) != 1:
        return None
    block = module.block(statement)
    for one in block[block.index(statement) + 1 :]:
        lazy = method(call) in _LAZY and _exhausts(one, name.id)
        if lazy or (method(call) in _ASYNC and always_calls(one, name.id, _TAKING)):
            return one
    return None


def _exhausts(statement: ast.stmt, name: str) -> bool:
    """Whether a loop takes all items of the iterator ``name``."""
    match statement:
        case ast.For(iter=ast.Name(id=listed)):
            return listed == name and not left_early(statement)
    return False


def waits(module: Module, where: Region, call: ast.Call) -> bool:
    """Whether all work of a dispatch is done when the next statement begins."""
    name = method(call)
    if name in _WAITING and not where.executor:
        return True
    parent = module.parents[call]
    if name == _LOOP:
        return isinstance(parent, ast.Await)
    if name in _ASYNC:
        taken = module.parents.get(parent)
        return (
            isinstance(parent, ast.Attribute)
            and parent.attr in _TAKING
            and isinstance(taken, ast.Call)
            and (parent.attr in GIVING or not (taken.args or taken.keywords))
        )
    node: ast.AST = call
    while isinstance(parent, ast.Call) and node in parent.args[:1]:
        if ast.unparse(parent.func) != "enumerate" and not passes(module, parent, node):
            break
        node, parent = parent, module.parents[parent]
    match parent:
        case ast.Call():
            func = parent.func
            if isinstance(func, ast.Attribute):
                return func.attr in _FILLING and parent.args[:1] == [node]
            return ast.unparse(func) in _CONSUMING and is_builtin(module, func)
        case ast.For():
            return parent.iter is node and not left_early(parent)
        case ast.comprehension():
            outer = module.parents[parent]
            if isinstance(outer, (ast.ListComp, ast.SetComp, ast.DictComp)):
                return outer.generators[0] is parent and parent.iter is node
    return False


def left_early(loop: ast.For) -> bool:
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
