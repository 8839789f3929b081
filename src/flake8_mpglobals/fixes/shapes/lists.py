"""Variables and lists that hold processes or results, and are gone through to the end."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from flake8_mpglobals.fixes.module import Function, Module

GIVING = frozenset({"get", "result"})
"""Methods that give what they wait for or raise, also where their time is limited."""
_SIMPLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return)
_MAYBE = (ast.Lambda, ast.IfExp, ast.BoolOp)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_CONSUMING = frozenset({"list", "tuple", "set", "sum", "sorted", "min", "max", "dict"})


def single(node: ast.AST) -> ast.Name | None:
    """Return the one name that an assignment binds, if it binds one name."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        return target if isinstance(target, ast.Name) else None
    return None


def appended_to(node: ast.AST) -> ast.Name | None:
    """Return the list of ``list.append(one)``, if ``node`` is that call."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name() as owner, attr="append"), args=[_], keywords=[]
        ):
            return owner
    return None


def uses(module: Module, name: ast.Name) -> list[ast.Name]:
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


def kept_list(module: Module, name: ast.Name, made: ast.stmt, quiet: Collection[str]) -> bool:
    """Whether a list only ever grows from empty (or as ``made`` makes it) and is never handed on.

    ``quiet`` are the methods and attributes of its items that may be used by index.
    """
    every = uses(module, name)
    bound = [use for use in every if not isinstance(use.ctx, ast.Load)]
    if len(bound) != 1:
        return False
    assign = module.parents[bound[0]]
    if not (isinstance(assign, (ast.Assign, ast.AnnAssign)) and assign.value is not None):
        return False
    empty = ast.unparse(assign.value) in ("[]", "list()")
    if assign is not made and not empty:
        return False
    return all(use is bound[0] or _followed(module, use, quiet) for use in every)


def _followed(module: Module, use: ast.Name, quiet: Collection[str]) -> bool:
    parent = module.parents[use]
    match parent:
        case ast.For() | ast.comprehension():
            return parent.iter is use
        case ast.Attribute():
            return appended_to(module.parents[parent]) is use
        case ast.Call():
            return ast.unparse(parent.func) in ("len", "enumerate", "print")
        case ast.Subscript(ctx=ast.Load()) if parent.value is use:
            item = module.parents[parent]
            return isinstance(item, ast.Attribute) and item.attr in quiet
    return False


def behind(module: Module, statement: ast.stmt) -> Iterator[tuple[list[ast.stmt], int, int]]:
    """Yield what comes after a statement in its block and those around it, in its function.

    Each time: the block, the place in it of what holds the statement, and the
    place of what comes after.
    """
    inner: ast.AST = statement
    while isinstance(inner, ast.stmt) and not isinstance(inner, Function):
        block = module.block(inner)
        begin = block.index(inner)
        for place in range(begin + 1, len(block)):
            yield block, begin, place
        inner = module.parents[inner]


def always_calls(statement: ast.stmt, name: str, methods: Collection[str]) -> bool:
    """Whether a simple statement always calls one of the methods, without arguments."""
    return isinstance(statement, _SIMPLE) and any(
        _is_call(node, name, methods) for node in _always(statement)
    )


def goes_through(statement: ast.stmt, name: str, methods: Collection[str]) -> bool:
    """Whether a statement calls one of the methods on each item of the list ``name``."""
    if isinstance(statement, ast.For):
        match statement:
            case ast.For(target=ast.Name(id=item), iter=ast.Name(id=listed), body=body):
                leaves = any(
                    isinstance(node, (ast.Break, ast.Continue, ast.Return))
                    for one in body
                    for node in ast.walk(one)
                )
                called = any(always_calls(one, item, methods) for one in body)
                return listed == name and called and not leaves
        return False
    if not isinstance(statement, _SIMPLE):
        return False
    return any(_comprehends(node, name, methods) for node in _always(statement))


def _always(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that are evaluated whenever ``node`` is."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*_MAYBE, ast.GeneratorExp)):
            continue
        yield child
        if isinstance(child, _COMPREHENSIONS):
            continue
        if isinstance(child, ast.Call) and ast.unparse(child.func) in _CONSUMING:
            yield from (one for one in child.args if isinstance(one, ast.GeneratorExp))
        yield from _always(child)


def _comprehends(node: ast.AST, name: str, methods: Collection[str]) -> bool:
    if not isinstance(node, _COMPREHENSIONS) or len(node.generators) != 1:
        return False
    generator = node.generators[0]
    match generator:
        case ast.comprehension(target=ast.Name(id=item), iter=ast.Name(id=listed), ifs=[]):
            made = node.value if isinstance(node, ast.DictComp) else node.elt
            called = _is_call(made, item, methods) or any(
                _is_call(one, item, methods) for one in _always(made)
            )
            return listed == name and called
    return False


def _is_call(node: ast.AST, name: str, methods: Collection[str]) -> bool:
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id=owner), attr=attr), args=args, keywords=keywords
        ):
            limited = bool(args or keywords) and attr not in GIVING
            return owner == name and attr in methods and not limited
    return False
