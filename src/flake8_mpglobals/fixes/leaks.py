"""MPG304: close and unlink a ``SharedMemory`` in a ``finally``, where it is made."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import Sheet, Wrap
from flake8_mpglobals.fixes.module import Block, Module
from flake8_mpglobals.fixes.plan import CannotFix, Plan
from flake8_mpglobals.model import Finding

_ENDS = ("close", "unlink")


def plan(facts: Facts, findings: Sequence[Finding]) -> Plan:
    """Return the plan that gives blocks of shared memory, all of one name, their end.

    Raises :class:`CannotFix` unless all uses of a block stand in the statements
    behind the one that makes it, and keep nothing of its memory.
    """
    module = Module(facts.source, facts.tree)
    sheet = Sheet(module)
    edits: list[Edit] = []
    for finding in findings:
        edits += _end(module, sheet, *_made(module, facts, finding))
    return Plan(
        tuple(findings),
        findings[0].place,
        "safe",
        "Close and unlink the block in a finally",
        tuple(sorted({*edits, *sheet.edits()})),
    )


def _end(module: Module, sheet: Sheet, made: ast.Assign, name: str) -> list[Edit]:
    """Give one block of shared memory its end."""
    block = module.block(made)
    begin = block.index(made) + 1
    _check(module, _uses(module, made, name), block[begin:])
    holder = _finally_of(block, begin, name)
    if holder is None:
        return _wrap(module, sheet, block, begin, name)
    if [_ended(one, name) for one in holder.finalbody] != ["close"]:
        raise CannotFix(f"line {holder.lineno}: the block ends in a way that is not followed")
    last = holder.finalbody[-1].end_lineno
    assert last is not None
    sheet.after(last, f"{name}.unlink()")
    return []


def _made(module: Module, facts: Facts, finding: Finding) -> tuple[ast.Assign, str]:
    """Return the statement ``name = SharedMemory(…)``."""
    for use in facts.shared:
        if use.kind == "leak" and use.location == finding.location:
            call = use.node
            parent = module.parents.get(call)
            match parent:
                case ast.Assign(targets=[ast.Name(id=name) as target]) if parent.value is call:
                    inside = module.function(parent) is not None
                    if inside and module.is_global(target):
                        break
                    return parent, name
    raise CannotFix(
        f"line {finding.location.line} does not keep the block in a local variable: "
        "close() and unlink() it where its last user is done"
    )


def _uses(module: Module, made: ast.Assign, name: str) -> list[ast.Name]:
    scope = module.function(made) or module.tree
    return [
        node
        for node in ast.walk(scope)
        if isinstance(node, ast.Name) and node.id == name and not module.inside(node, made)
    ]


def _check(module: Module, uses: Sequence[ast.Name], behind: Block) -> None:
    for use in uses:
        stray = CannotFix(f"line {use.lineno} uses the block in a way that the fix does not follow")
        parent = module.parents[use]
        if not any(module.inside(use, one) for one in behind) or not isinstance(use.ctx, ast.Load):
            raise stray
        if not isinstance(parent, ast.Attribute):
            raise stray
        if parent.attr in ("name", "size", *_ENDS):
            continue
        item = module.parents[parent]
        if parent.attr != "buf" or not (isinstance(item, ast.Subscript) and item.value is parent):
            raise CannotFix(
                f"line {use.lineno} keeps the memory itself: drop what looks into it, then close()"
            )
        outer = module.parents[item]
        if isinstance(item.slice, ast.Slice) and isinstance(item.ctx, ast.Load):
            copied = isinstance(outer, ast.Call) and ast.unparse(outer.func) in (
                *("bytes", "bytearray", "list", "sum", "max", "min", "any", "all"),
            )
            if not copied:
                raise CannotFix(
                    f"line {use.lineno} keeps a part of the memory: drop it, then close()"
                )


def _ended(statement: ast.stmt, name: str) -> str:
    """Return which end of the block a statement is."""
    match statement:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id=owner), attr=attr), args=[], keywords=[]
            )
        ) if owner == name and attr in _ENDS:
            return attr
    return ""


def _finally_of(block: Block, begin: int, name: str) -> ast.Try | None:
    """Return the ``try`` directly behind whose ``finally`` ends the block already."""
    match block[begin : begin + 1]:
        case [ast.Try(finalbody=[_, *_] as final) as found]:
            return found if any(_ended(one, name) for one in final) else None
    return None


def _wrap(module: Module, sheet: Sheet, block: Block, begin: int, name: str) -> list[Edit]:
    """Put what comes before the end of the block under a ``try``; drop the end that is there."""
    ends = [place for place in range(begin, len(block)) if _ended(block[place], name)]
    every = sum(
        isinstance(node, ast.Attribute)
        and node.attr in _ENDS
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        for one in block[begin:]
        for node in ast.walk(one)
    )
    stop = ends[0] if ends else len(block)
    if every != len(ends) or len(ends) > 1 or stop == begin:
        raise CannotFix(
            f"line {block[begin - 1].lineno}: the block ends in a way that is not followed"
        )
    if ends and any(_mentions(one, name) for one in block[stop + 1 :]):
        raise CannotFix(f"line {block[stop].lineno} ends the block, which is used later")
    if not ends:
        used = [place for place in range(begin, len(block)) if _mentions(block[place], name)]
        if not used:
            raise CannotFix(f"line {block[begin - 1].lineno} makes a block that nobody uses")
        stop = used[-1] + 1
        if isinstance(block[begin - 1], ast.stmt) and isinstance(
            module.parents[block[begin - 1]], ast.Module
        ):
            raise CannotFix("a block of the module itself: make it in a function")
    first, last = sheet.lines(block[begin:stop])
    sheet.wrap(
        Wrap(first, last, ("try:",), ("finally:", f"\t{name}.close()", f"\t{name}.unlink()"))
    )
    if not ends:
        return []
    end_first, end_last = sheet.lines([block[stop]])
    source = module.source
    if "#" in source.lines[end_last - 1]:
        raise CannotFix(f"line {end_last} has a comment that would be lost")
    start = source.starts[end_first - 1]
    if end_last < len(source.starts):
        return [Edit(start, source.starts[end_last], "")]
    before = source.starts[end_first - 2] + len(source.lines[end_first - 2])
    return [Edit(before, source.starts[end_last - 1] + len(source.lines[end_last - 1]), "")]


def _mentions(statement: ast.stmt, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(statement))
