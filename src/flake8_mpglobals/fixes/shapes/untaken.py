"""Results that the parent does not take: it gets a callback, or takes them at the end."""

from __future__ import annotations

import ast
import re

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.naming import fresh, variables
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.setters import Arguments
from flake8_mpglobals.fixes.shapes.adding import Adding
from flake8_mpglobals.fixes.shapes.lifetimes import check_done, region

_METHOD = re.compile(r"(\{p0\}\.\w+)\(\{r\}\)")
_PAIR = re.compile(r"\{p0\}\.update\(\{r\}\)")


def call_back(adding: Adding, call: ast.Call, *, many: bool) -> None:
    """Let the pool add each result as it comes: what fails stays unseen, as it was."""
    module, outcome, site = adding.module, adding.outcome, adding.site
    if site.pool is None:
        raise CannotFix(f"the pool of {site.dispatch.api} is made elsewhere")
    if not (outcome.calm or (outcome.atomic and not many)):
        raise adding.no("does not have its results taken: what a failing task added is missing")
    where = region(module, site.pool, executor=False)
    if not any(call is one for one in where.calls):
        raise CannotFix(f"line {call.lineno} uses the pool under another name")
    check_done(module, where)
    added = outcome.whole if many else outcome.one
    found = _METHOD.fullmatch(added)
    if found:
        text = found[1].format(p0=adding.places[0])
    elif not many and _PAIR.fullmatch(outcome.whole) and len(outcome.names) > 1:
        name = fresh("item", variables(module, call))
        text = f"lambda {name}: {adding.places[0]}.update([{name}])"
    else:
        raise adding.no("does not have its results taken: call get() on each")
    arguments = Arguments(module, call)
    room = adding.sheet.limit - len(module.source.lines[(call.end_lineno or call.lineno) - 1])
    adding.edits += arguments.append([f"callback={text}"], room)


def take_behind(adding: Adding, statement: ast.stmt, name: str) -> None:
    """Take the results of all futures in the list ``name`` behind ``statement``."""
    _check_calm(adding)
    taken = variables(adding.module, statement)
    future = fresh("future", taken)
    lines = [f"for {future} in {name}:"]
    lines += [f"\t{line}" for line in adding.lines_of(f"{future}.result()", adding.site.call)]
    adding.sheet.lines([statement])
    adding.behind(statement, lines)


def keep(adding: Adding, call: ast.Call, statement: ast.Expr) -> None:
    """Put futures that nobody keeps into a list, and take their results behind the loop."""
    module = adding.module
    _check_calm(adding)
    loop = module.parents[statement]
    if not isinstance(loop, ast.For) or loop.orelse:
        raise adding.no("does not have its results taken: call result() on each")
    futures = fresh("futures", variables(module, loop))
    adding.sheet.lines([loop])
    adding.sheet.lines([statement])
    adding.sheet.before(loop.lineno, f"{futures} = []")
    start, end = module.start(call), module.end(call)
    if call.lineno != call.end_lineno:
        raise adding.no("does not have its results taken: call result() on each")
    adding.edits.append(Edit(start, start, f"{futures}.append("))
    future = fresh("future", variables(module, loop))
    lines = [f"for {future} in {futures}:"]
    lines += [f"\t{line}" for line in adding.lines_of(f"{future}.result()", call)]
    line = loop.end_lineno or 0
    if end == module.source.starts[line - 1] + len(module.source.lines[line - 1]):
        text = "".join(adding.line(loop, one) for one in lines)
        adding.edits.append(Edit(end, end, f"){text}"))
        return
    adding.edits.append(Edit(end, end, ")"))
    adding.behind(loop, lines)


def _check_calm(adding: Adding) -> None:
    if not adding.outcome.calm:
        raise adding.no("does not have its results taken: a failing task goes unseen")
    adding.caught.check(adding.site.call, None)
