"""Processes that one function starts and keeps, and that are joined behind its call.

They are kept in a list: a module global, an attribute of ``self``, or what the function
returns.  The one call of the function and what joins all of them stand in one block.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flake8_mpglobals.fixes.module import Block, Function, Module
from flake8_mpglobals.fixes.shapes.homes import Helper, everywhere
from flake8_mpglobals.fixes.shapes.lists import goes_through, single, uses

_JOIN = frozenset({"join"})
_QUIET = frozenset({"start", "join", "is_alive", "daemon", "name", "pid", "exitcode"})
_EMPTY = ("[]", "list()")


@dataclass(frozen=True, slots=True)
class Apart:
    """The statements of a block from the call of ``helper`` to what joins its processes."""

    block: Block
    first: int
    last: int
    helper: Helper


def apart(module: Module, call: ast.Call) -> Apart | None:
    """Return where the process made by ``call`` lives, if another function joins it."""
    function = module.function(call)
    if not isinstance(function, ast.FunctionDef) or function.decorator_list:
        return None
    if not module.is_plain(function) or not everywhere(module, call):
        return None
    kept = _kept(module, call, function)
    if kept is None or any(
        isinstance(one, (ast.Yield, ast.YieldFrom)) for one in ast.walk(function)
    ):
        return None
    if any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in ast.walk(function)):
        return None
    found = _called_once(module, function)
    if found is None or module.inside(found, function):
        return None
    given: ast.Call = found
    statement = module.statement(given)
    name = kept
    if kept == "return":
        bound = single(statement)
        if bound is None or getattr(statement, "value", None) is not given:
            return None
        name = bound.id
        if not _only_read(module, [use for use in uses(module, bound) if use is not bound]):
            return None
    elif not (isinstance(statement, ast.Expr) and statement.value is given):
        return None
    func: ast.expr = given.func
    of_self = name.startswith("self.") and isinstance(func, ast.Attribute)
    receiver = ast.unparse(func).rpartition(".")[0] if of_self else ""
    block = module.block(statement)
    first = block.index(statement)
    for place in range(first + 1, len(block)):
        if _joins(module, block[place], name, receiver):
            return Apart(block, first, place, Helper(function, given))
    return None


# -- where the processes are kept


def _kept(module: Module, call: ast.Call, function: Function) -> str | None:
    """Return the name of the list that keeps the process: ``return`` for what is returned."""
    item: ast.expr = call
    parent = module.parents[call]
    name = single(parent)
    if isinstance(parent, ast.Assign) and name is not None and parent.value is call:
        found = [use for use in uses(module, name) if use is not name]
        appended = [use for use in found if _appended(module, use) is not None]
        others = [use for use in found if use not in appended]
        if len(appended) != 1 or module.is_global(name) or not _only_used(module, others):
            return None
        if module.block(module.statement(appended[0])) is not module.block(parent):
            return None
        item, parent = appended[0], module.parents[appended[0]]
    owner = _appended(module, item)
    if owner is None and isinstance(parent, (ast.ListComp, ast.List)):
        holder = module.parents[parent]
        if isinstance(holder, ast.Return):
            return "return" if _returns(function) == [holder] else None
        match holder:
            case ast.Assign(targets=[ast.Name() | ast.Attribute() as target]):
                owner = target
    if isinstance(owner, ast.Name):
        return _named(module, owner, function)
    if isinstance(owner, ast.Attribute) and ast.unparse(owner.value) == "self":
        return _attribute(module, owner, function)
    return None


def _appended(module: Module, item: ast.expr) -> ast.expr | None:
    match module.parents[item]:
        case ast.Call(func=ast.Attribute(value=owner, attr="append"), args=[only]):
            return owner if only is item else None
    return None


def _only_used(module: Module, names: list[ast.Name]) -> bool:
    """Whether a process is only told to start or asked how it is."""
    parents = [module.parents[one] for one in names]
    return all(isinstance(one, ast.Attribute) and one.attr in _QUIET for one in parents)


def _named(module: Module, owner: ast.Name, function: Function) -> str | None:
    found = uses(module, owner)
    bound = [use for use in found if not isinstance(use.ctx, ast.Load)]
    given = [use for use in found if isinstance(module.parents[use], ast.Return)]
    assign = module.parents[bound[0]] if len(bound) == 1 else None
    if not isinstance(assign, ast.Assign):
        return None
    made = ast.unparse(assign.value) in _EMPTY or isinstance(assign.value, (ast.ListComp, ast.List))
    rest = [use for use in found if use not in bound and use not in given]
    if not made or not _only_read(module, rest):
        return None
    if module.is_global(owner):
        return None if given else owner.id
    if assign not in function.body:
        return None
    returned = [module.parents[use] for use in given]
    return "return" if returned and _returns(function) == returned else None


def _returns(function: Function) -> list[ast.AST]:
    """Return the returns of a function, if the only one is its last statement."""
    found = [one for one in ast.walk(function) if isinstance(one, ast.Return)]
    return [*found] if len(found) == 1 and found[0] is function.body[-1] else []


def _attribute(module: Module, owner: ast.Attribute, function: Function) -> str | None:
    made = module.parents[function]
    if not isinstance(made, ast.ClassDef):
        return None
    same = [
        one
        for one in ast.walk(module.tree)
        if isinstance(one, ast.Attribute) and one.attr == owner.attr
    ]
    if any(ast.unparse(one) != ast.unparse(owner) or not module.inside(one, made) for one in same):
        return None
    bound = [one for one in same if not isinstance(one.ctx, ast.Load)]
    for one in bound:
        assign = module.parents[one]
        where = module.function(one)
        if where is None or not isinstance(assign, ast.Assign):
            return None
        empty = ast.unparse(assign.value) in _EMPTY
        if where is function:
            first = empty and assign.lineno < owner.lineno and assign in function.body
            if not (first or module.inside(owner, assign)):
                return None
        elif not empty or not (where.name == "__init__" or _joined_before(module, assign, owner)):
            return None
    return ast.unparse(owner) if _only_read(module, [o for o in same if o not in bound]) else None


def _joined_before(module: Module, assign: ast.stmt, owner: ast.Attribute) -> bool:
    """Whether a function joins all processes before it makes their list empty."""
    where = module.function(assign)
    if where is None or not any(assign is one for one in where.body):
        return False
    before = where.body[: where.body.index(assign)]
    return any(goes_through(one, ast.unparse(owner), _JOIN) for one in before)


def _only_read(module: Module, every: list[ast.Name] | list[ast.Attribute]) -> bool:
    """Whether a list only grows, and is gone through."""
    for use in every:
        match module.parents[use]:
            case ast.For(iter=it) | ast.comprehension(iter=it) if it is use:
                continue
            case ast.Attribute(attr="append"):
                continue
            case ast.Call(func=func, args=args) if use in args:
                name = ast.unparse(func)
                if name in ("len", "enumerate", "print") or name in module.functions:
                    continue
        return False
    return True


# -- who calls the function, and what joins


def _called_once(module: Module, function: Function) -> ast.Call | None:
    """Return the one call of a function or method."""
    made = module.parents[function]
    if not isinstance(made, ast.ClassDef):
        named: list[ast.Name] = module.mentions(function.name)
        call = module.parents[named[0]] if len(named) == 1 else None
        return call if isinstance(call, ast.Call) and call.func is named[0] else None
    if made.bases or sum(one.name == function.name for one in module.definitions) != 1:
        return None
    found: list[ast.Call] = []
    for one in ast.walk(module.tree):
        if not (isinstance(one, ast.Attribute) and one.attr == function.name):
            continue
        call = module.parents[one]
        own = _is_own(module, one.value, made)
        if own is None or not (isinstance(call, ast.Call) and call.func is one):
            return None
        found += [call] if own else []
    return found[0] if len(found) == 1 else None


def _is_own(module: Module, receiver: ast.expr, made: ast.ClassDef) -> bool | None:
    """Whether an object is of a class of the module; None where that is not known."""
    if not isinstance(receiver, ast.Name):
        return None
    if receiver.id == "self":
        owner = next((o for o in module.ancestors(receiver) if isinstance(o, ast.ClassDef)), None)
        return owner is made
    bound = [use for use in uses(module, receiver) if not isinstance(use.ctx, ast.Load)]
    kinds = set()
    for one in bound:
        parent = module.parents[one]
        match parent:
            case ast.Assign(targets=[_], value=ast.Call(func=func)):
                kinds.add(ast.unparse(func) == made.name)
            case ast.For() | ast.comprehension():
                kinds.add(False)
            case _:
                return None
    return kinds.pop() if len(kinds) == 1 else None


def _joins(module: Module, statement: ast.stmt, name: str, receiver: str) -> bool:
    """Whether a statement joins all processes of the list ``name``, itself or by a function."""
    direct = name if not receiver or receiver == "self" else name.replace("self", receiver, 1)
    if goes_through(statement, direct, _JOIN):
        return True
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id=called), args=args, keywords=[])):
            function = module.functions.get(called)
            inner = name
            if args and function is not None:
                texts = [ast.unparse(one) for one in args]
                names = [one.arg for one in function.args.args]
                if name not in texts or len(names) < len(args) or receiver:
                    return False
                inner = names[texts.index(name)]
            return function is not None and _always_joins(function, inner)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr=called), args=[])):
            same = [one for one in module.definitions if one.name == called]
            methods = [one for one in same if isinstance(one, ast.FunctionDef)]
            if not receiver or ast.unparse(owner) != receiver or len(methods) != 1:
                return False
            return _always_joins(methods[0], name)
    return False


def _always_joins(function: Function, name: str) -> bool:
    """Whether a function joins all processes of a list before it can end."""
    if isinstance(function, ast.AsyncFunctionDef) or function.decorator_list:
        return False
    for statement in function.body:
        if goes_through(statement, name, _JOIN):
            return True
        if any(isinstance(one, (ast.Return, ast.Yield)) for one in ast.walk(statement)):
            return False
    return False
