"""How control leaves a worker: whether each way through it ends by adding something."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence

from flake8_mpglobals.fixes.module import Block, Function


def ways(block: Block, statements: Collection[ast.stmt], *, tail: bool) -> bool | None:
    """Whether each way through a block ends by one addition; None where it goes on behind it.

    False where a way adds in another place than at its end, or ends without adding.
    """
    for place, statement in enumerate(block):
        last = place == len(block) - 1
        if any(statement is one for one in statements):
            if last:
                return tail
            following = block[place + 1]
            return isinstance(following, ast.Return) and place + 2 == len(block)
        if isinstance(statement, ast.Return):
            return False
        if isinstance(statement, ast.Raise):
            return True
        inner = [n for n in ast.walk(statement) if n in statements or _ends_task(n)]
        if not inner:
            continue
        verdict = _through(statement, statements, tail=tail and last)
        if verdict is not None:
            return verdict
    return None


def _ends_task(node: ast.AST) -> bool:
    return isinstance(node, ast.Return)


def _through(statement: ast.stmt, statements: Collection[ast.stmt], *, tail: bool) -> bool | None:
    match statement:
        case ast.If(body=body, orelse=orelse):
            both = [ways(body, statements, tail=tail)]
            both.append(ways(orelse, statements, tail=tail) if orelse else None)
            return _all(both)
        case ast.For(body=body, orelse=orelse) | ast.While(body=body, orelse=orelse):
            inner = [ways(body, statements, tail=False), ways(orelse, statements, tail=tail)]
            return False if False in inner else None
        case ast.With(items=items, body=body):
            verdict = ways(body, statements, tail=tail)
            quiet = all(
                isinstance(one.context_expr, ast.Call)
                and ast.unparse(one.context_expr.func) == "open"
                for one in items
            )
            return verdict if quiet or verdict is not True else False
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            if any(n in statements or _ends_task(n) for s in final for n in ast.walk(s)):
                return False
            first = ways(body, statements, tail=tail and not orelse)
            if first is None and orelse:
                first = ways(orelse, statements, tail=tail)
            return _all([first, *(ways(one.body, statements, tail=tail) for one in handlers)])
    return False


def _all(verdicts: Sequence[bool | None]) -> bool | None:
    if False in verdicts:
        return False
    return True if all(verdicts) else None


def runs_off(block: Block) -> bool:
    """Whether control may run off the end of a block."""
    match block[-1]:
        case ast.Return() | ast.Raise():
            return False
        case ast.If(body=body, orelse=orelse) if orelse:
            return runs_off(body) or runs_off(orelse)
        case ast.Try(body=body, handlers=handlers, orelse=orelse):
            return runs_off(orelse or body) or any(runs_off(one.body) for one in handlers)
    return True


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """Yield the nodes of a function, not those of functions inside of it."""
    stack: list[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(node))
