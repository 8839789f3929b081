"""MPG202: put what starts processes on import under the main guard."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.fixes.layout import Sheet, Wrap, quote
from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.plan import CannotFix, Plan
from flake8_mpglobals.model import Finding

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_GUARD = "the main guard goes around the end of the file"


def plan(facts: Facts, findings: Sequence[Finding]) -> Plan:
    """Return the plan that guards the end of the file, from the first start on.

    Raises :class:`CannotFix` where definitions would end up under the guard.
    """
    module = Module(facts.source, facts.tree)
    lines = {start.chain[0].location.line for start in facts.hazards.import_starts if start.chain}
    lines |= {s.span.location.line for s in facts.hazards.import_starts if not s.chain}
    body = facts.tree.body
    first = next(
        (n for n, one in enumerate(body) if any(_holds(one, line) for line in lines)), None
    )
    if first is None:
        raise CannotFix("the start of the process is not at module level")
    first = _with_makers(body, first)
    for one in body[first:]:
        if isinstance(one, _DEFINITIONS):
            raise CannotFix(
                f"line {one.lineno} defines {one.name!r} behind the start of a process: "
                "move it above, and put the rest under a main guard"
            )
        if any(isinstance(n, ast.ImportFrom) and n.module == "__future__" for n in ast.walk(one)):
            raise CannotFix(_GUARD)
    sheet = Sheet(module)
    begin, end = sheet.lines(body[first:])
    source = facts.source.lines
    above = body[first - 1].end_lineno if first else 0
    while begin - 1 > (above or 0) and source[begin - 2].startswith("#"):
        begin -= 1
    mark = quote(module)
    sheet.wrap(Wrap(begin, end, (f"if __name__ == {mark}__main__{mark}:",)))
    return Plan(
        tuple(findings),
        "",
        "unsafe",
        "Put what starts processes under the main guard",
        tuple(sorted(sheet.edits())),
        "the file would do nothing any more when it is imported: needs --unsafe-fixes",
    )


def _with_makers(body: Sequence[ast.stmt], first: int) -> int:
    """Return where the statements begin that make what ``body[first]`` starts, if only such
    statements lie between that may stand under the guard as well.
    """
    made = {"Process", "ProcessPoolExecutor"}
    for one in body:
        if isinstance(one, ast.ClassDef) and any(_last(base) in made for base in one.bases):
            made.add(one.name)
    place = first
    while place and not isinstance(body[place - 1], (*_DEFINITIONS, ast.Import, ast.ImportFrom)):
        place -= 1
        if any(_called(node) in made for node in ast.walk(body[place])):
            first = place
    return first


def _called(node: ast.AST) -> str:
    """Return the last part of the name of what is called, if it is a call."""
    return _last(node.func) if isinstance(node, ast.Call) else ""


def _last(name: ast.expr) -> str:
    return ast.unparse(name).rpartition(".")[2]


def _holds(statement: ast.stmt, line: int) -> bool:
    return statement.lineno <= line <= (statement.end_lineno or statement.lineno)
