"""Variables, lists and dicts that hold processes or results, and are gone through to the end."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from flake8_mpglobals.fixes.module import Function, Module

GIVING = frozenset({"get", "result"})
"""Methods that give what they wait for or raise, also where their time is limited."""
_SIMPLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return)
_FRESH = (ast.List, ast.ListComp)
_MAYBE = (ast.Lambda, ast.IfExp, ast.BoolOp)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SHOWING = frozenset({"tqdm", "track"})
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


def kept_in(node: ast.AST, item: ast.AST) -> ast.Name | None:
    """Return the list or dict that ``node`` puts ``item`` into, if that is what it does."""
    match node:
        case ast.Assign(targets=[ast.Subscript(value=ast.Name() as owner)], value=value):
            return owner if value is item else None
    return appended_to(node)


def added_to(node: ast.AST) -> ast.Name | None:
    """Return the list that takes in the items of a display or comprehension, if ``node`` is
    the ``list += …`` or ``list.extend(…)`` that does so.
    """
    match node:
        case ast.AugAssign(target=ast.Name() as owner, op=ast.Add(), value=value):
            return owner if isinstance(value, (ast.List, ast.ListComp)) else None
        case ast.Call(
            func=ast.Attribute(value=ast.Name() as owner, attr="extend"), args=[one], keywords=[]
        ):
            shown = (ast.List, ast.Tuple, ast.ListComp, ast.GeneratorExp)
            return owner if isinstance(one, shown) else None
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


def kept_list(
    module: Module,
    name: ast.Name,
    made: ast.stmt,
    quiet: Collection[str],
    *,
    until: ast.stmt | None = None,
    idle: bool = False,
) -> bool:
    """Whether a list of its own only ever grows, and is never handed on.

    So for a dict whose keys are known to differ, or if items are ``idle`` until somebody asks
    for them and nobody does before it is full.  ``quiet`` are the methods and attributes of
    its items that may be used by index.  Behind ``until`` its function may do as it likes.
    """
    every = uses(module, name)
    home = module.function(name)
    end = (until.end_lineno or 0) if until is not None else 0
    bound = [use for use in every if not isinstance(use.ctx, ast.Load)]
    bound = [use for use in bound if added_to(module.parents[use]) is not use]
    if len(bound) != 1:
        return False
    assign = module.parents[bound[0]]
    if not (isinstance(assign, (ast.Assign, ast.AnnAssign)) and assign.value is not None):
        return False
    empty = ast.unparse(assign.value) in ("[]", "list()", "{}", "dict()")
    if assign is not made and not empty and not isinstance(assign.value, _FRESH):
        return False
    if end:
        every = [u for u in every if u.lineno <= end or module.function(u) is not home]
    filled = idle and _filled_first(module, assign, every)
    return all(use is bound[0] or _followed(module, use, quiet, filled) for use in every)


def _filled_first(module: Module, made: ast.stmt, every: Collection[ast.Name]) -> bool:
    """Whether a dict is asked for its items only behind the loops that fill it."""
    stores = [use for use in every if _stores_item(module, use)]
    loops = [
        above
        for use in stores
        for above in module.ancestors(use)
        if isinstance(above, (ast.For, ast.AsyncFor, ast.While)) and not module.inside(made, above)
    ]
    end = max([use.lineno for use in stores] + [loop.end_lineno or 0 for loop in loops], default=0)
    asked = [use for use in every if use not in stores and isinstance(use.ctx, ast.Load)]
    home = module.function(made)
    return all(use.lineno > end and module.function(use) is home for use in asked)


def _stores_item(module: Module, use: ast.Name) -> bool:
    parent = module.parents[use]
    return (
        isinstance(parent, ast.Subscript)
        and parent.value is use
        and isinstance(parent.ctx, ast.Store)
        and isinstance(module.parents[parent], ast.Assign)
    )


def _followed(module: Module, use: ast.Name, quiet: Collection[str], filled: bool) -> bool:
    parent = module.parents[use]
    match parent:
        case ast.AugAssign():
            return added_to(parent) is use
        case ast.For() | ast.comprehension():
            return parent.iter is use
        case ast.Attribute(attr="values" | "items" | "keys"):
            call = module.parents[parent]
            return isinstance(module.parents[call], (ast.For, ast.comprehension))
        case ast.Attribute():
            call = module.parents[parent]
            return appended_to(call) is use or added_to(call) is use
        case ast.Call():
            return ast.unparse(parent.func) in ("len", "enumerate", "print")
        case ast.Subscript(ctx=ast.Store(), slice=key) if parent.value is use:
            return filled or differs(module, key)
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


def differs(module: Module, key: ast.expr) -> bool:
    """Whether the key of an item is another one in each turn of the loop around it."""
    if isinstance(key, ast.Constant):
        return not any(isinstance(above, (ast.For, ast.While)) for above in module.ancestors(key))
    loop = next(
        (one for one in module.ancestors(key) if isinstance(one, (ast.For, ast.While))), None
    )
    if not (isinstance(key, ast.Name) and isinstance(loop, ast.For)):
        return False
    outer = [one for one in module.ancestors(loop) if isinstance(one, (ast.For, ast.While))]
    return not outer and _distinct(module, loop.iter, loop.target, key.id)


def differs_in(module: Module, key: ast.expr, generator: ast.comprehension) -> bool:
    """Whether the keys of a dict comprehension all differ."""
    named = isinstance(key, ast.Name)
    return named and _distinct(module, generator.iter, generator.target, ast.unparse(key))


def _distinct(module: Module, iterable: ast.expr, target: ast.expr, name: str) -> bool:
    """Whether ``name``, bound in going through ``iterable``, never gets a value twice."""
    place: int | None = None
    if isinstance(target, ast.Tuple):
        bound = [isinstance(one, ast.Name) and one.id == name for one in target.elts]
        place = bound.index(True) if True in bound else None
        if place is None:
            return False
    elif not (isinstance(target, ast.Name) and target.id == name):
        return False
    if isinstance(iterable, ast.Name):
        stores = [use for use in uses(module, iterable) if not isinstance(use.ctx, ast.Load)]
        assign = module.parents[stores[0]] if len(stores) == 1 else None
        if not (isinstance(assign, ast.Assign) and single(assign) is stores[0]):
            return False
        if isinstance(assign.value, (ast.Dict, ast.DictComp, ast.Set)):
            return place is None
        iterable = assign.value
    match iterable:
        case ast.Call(func=ast.Name(id="range" | "set" | "frozenset")):
            return place is None
        case ast.Call(func=ast.Name(id="enumerate")):
            return place == 0
        case ast.Call(func=ast.Attribute(attr="items"), args=[]):
            return place == 0
        case ast.Call(func=ast.Attribute(attr="keys"), args=[]) | ast.Set() | ast.Dict():
            return place is None
        case ast.List(elts=elts) | ast.Tuple(elts=elts):
            parts = [_part(one, place) for one in elts]
            texts = {ast.unparse(one) for one in parts if isinstance(one, ast.Constant)}
            return len(texts) == len(elts)
    return False


def _part(item: ast.expr, place: int | None) -> ast.expr | None:
    if place is None:
        return item
    if isinstance(item, (ast.Tuple, ast.List)) and place < len(item.elts):
        return item.elts[place]
    return None


def always_calls(statement: ast.stmt, name: str, methods: Collection[str]) -> bool:
    """Whether a simple statement always calls one of the methods, without arguments."""
    return isinstance(statement, _SIMPLE) and any(
        _is_call(node, name, methods) for node in _always(statement)
    )


def goes_through(statement: ast.stmt, name: str, methods: Collection[str]) -> bool:
    """Whether a statement calls one of the methods on each item of the list or dict ``name``."""
    if isinstance(statement, ast.For):
        leaves = any(
            isinstance(node, (ast.Break, ast.Continue, ast.Return))
            for one in statement.body
            for node in ast.walk(one)
        )
        items = _items(statement.target, statement.iter, name)
        called = any(always_calls(one, item, methods) for one in statement.body for item in items)
        return called and not leaves
    if not isinstance(statement, _SIMPLE):
        return False
    return any(_comprehends(node, name, methods) for node in _always(statement))


def _items(target: ast.expr, iterable: ast.expr, name: str) -> tuple[str, ...]:
    """Return how a loop may call each item of the list or dict ``name`` that it goes through."""
    match target, iterable:
        case ast.Name(id=item), _ if ast.unparse(iterable) == name:
            return item, f"{name}[{item}]"
        case ast.Name(id=item), ast.Call(
            func=ast.Attribute(value=listed, attr="values" | "keys" as what), args=[]
        ) if ast.unparse(listed) == name:
            return (item if what == "values" else f"{name}[{item}]",)
        case ast.Tuple(elts=[ast.Name(id=key), ast.Name(id=item)]), ast.Call(
            func=ast.Attribute(value=listed, attr="items"), args=[]
        ) if ast.unparse(listed) == name:
            return item, f"{name}[{key}]"
        case ast.Tuple(elts=[ast.Name(id=key), ast.Name(id=item)]), ast.Call(
            func=ast.Name(id="enumerate"), args=[listed]
        ) if ast.unparse(listed) == name:
            return item, f"{name}[{key}]"
        case ast.Name(id=key), ast.Call(
            func=ast.Name(id="range"), args=[ast.Call(func=ast.Name(id="len"), args=[listed])]
        ) if ast.unparse(listed) == name:
            return (f"{name}[{key}]",)
    return ()


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
    if generator.ifs:
        return False
    made = node.value if isinstance(node, ast.DictComp) else node.elt
    return any(
        _is_call(one, item, methods)
        for item in _items(generator.target, generator.iter, name)
        for one in (made, *_always(made))
    )


def _is_call(node: ast.AST, name: str, methods: Collection[str]) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=owner, attr=attr), args=args, keywords=keywords):
            limited = bool(args or keywords) and attr not in GIVING
            return ast.unparse(owner) == name and attr in methods and not limited
    return False


def passes(module: Module, call: ast.Call, node: ast.expr) -> bool:
    """Whether a call gives, one by one, all items of ``node``: it shows how far a loop has come."""
    if node not in call.args[:1]:
        return False
    if ast.unparse(call.func).rpartition(".")[2] in _SHOWING:
        return True
    function = module.functions.get(call.func.id) if isinstance(call.func, ast.Name) else None
    return function is not None and _passes_all(module, function)


def _passes_all(module: Module, function: Function) -> bool:
    """Whether a generator yields just what its first parameter has, in one loop."""
    given = [*function.args.posonlyargs, *function.args.args]
    yields = [n for n in ast.walk(function) if isinstance(n, (ast.Yield, ast.YieldFrom))]
    if not given or len(yields) != 1 or function.decorator_list:
        return False
    used = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == given[0].arg]
    statement = module.parents[yields[0]]
    loop = module.parents[statement]
    if len(used) != 1 or not isinstance(loop, ast.For) or module.parents[loop] is not function:
        return False
    node: ast.expr = used[0]
    over, target = module.parents[node], loop.target
    while isinstance(over, ast.Call) and over.args[:1] == [node]:
        name = ast.unparse(over.func).rpartition(".")[2]
        if name not in ("enumerate", "as_completed", "list"):
            return False
        if name == "enumerate":
            target = target.elts[1] if isinstance(target, ast.Tuple) else target
        node, over = over, module.parents[over]
    leaving = (ast.Return, ast.Break, ast.Continue)
    if over is not loop or not isinstance(target, ast.Name) or statement not in loop.body:
        return False
    if any(isinstance(node, leaving) for node in ast.walk(function)):
        return False
    bound = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == target.id]
    return bound == [target, yields[0].value] or bound == [yields[0].value, target]
