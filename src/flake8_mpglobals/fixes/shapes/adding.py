"""The statements by which the parent adds results, in place of those that only take them."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flake8_mpglobals.facts import Site
from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import Sheet, Wrap, newline
from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.naming import fresh, variables
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.shapes.caught import Caught
from flake8_mpglobals.fixes.shapes.lists import passes, single, uses
from flake8_mpglobals.fixes.shapes.outcome import Outcome
from flake8_mpglobals.fixes.shapes.pure import is_builtin

_COPIES = frozenset({"list", "tuple"})
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Adding:
    """Adds what the tasks of one dispatch give back to ``places``, as the parent calls them."""

    module: Module
    sheet: Sheet
    site: Site
    outcome: Outcome
    places: Sequence[str]
    edits: list[Edit] = field(default_factory=list)

    @property
    def caught(self) -> Caught:
        """What judges the exceptions of the tasks."""
        return Caught(self.module, self.site.call, self.outcome.atomic)

    def no(self, what: str) -> CannotFix:
        """Return the refusal of the dispatch."""
        where = self.site.dispatch
        return CannotFix(f"{where.api} (line {where.location.line}) {what}")

    def one(self, node: ast.expr, within: ast.For | None = None) -> None:
        """Add the one result that ``node`` gives."""
        module, outcome = self.module, self.outcome
        self.caught.check(node, within)
        parent = module.parents[node]
        name = single(parent)
        if isinstance(parent, ast.Assign) and name is not None and self._free(name):
            self.sheet.lines([parent])
            self.behind(parent, self._added(name.id, node))
            return
        if not isinstance(parent, ast.Expr) or (outcome.kept and not isinstance(parent, ast.Expr)):
            raise self.no(f"has its result used in line {node.lineno}")
        self.sheet.lines([parent])
        if outcome.one:
            text = outcome.one.format(**self._slots(r="\0", names=(), node=node))
            head, _, tail = text.partition("\0")
            self._around_text(parent, node, node, head, tail)
            return
        names, lines = self._names(node)
        start = module.start(parent)
        self.edits.append(Edit(start, start, f"{', '.join(names)} = "))
        self.behind(parent, lines)

    def _added(self, name: str, node: ast.expr) -> list[str]:
        """Return the lines that add the result that is called ``name`` already."""
        outcome = self.outcome
        if outcome.one:
            return [outcome.one.format(**self._slots(r=name, names=(), node=node))]
        if len(outcome.names) == 1:
            return [x.format(**self._slots(r="", names=(name,), node=node)) for x in outcome.lines]
        names, lines = self._names(node)
        return [f"{', '.join(names)} = {name}", *lines]

    def several(self, nodes: Sequence[ast.expr], within: ast.For) -> None:
        """Add the one result that each of ``nodes`` gives, the first of them first."""
        assert within
        raise self.no(f"has its result used in line {nodes[0].lineno}")

    # -- many results

    def many(self, node: ast.expr, *, lazy: bool) -> None:
        """Add all results that ``node`` gives when it is gone through."""
        module = self.module
        outer: ast.expr = node
        parent = module.parents[outer]
        wrapped = False
        while isinstance(parent, ast.Call) and outer in parent.args[:1]:
            name = ast.unparse(parent.func).rpartition(".")[2]
            if name in _COPIES and is_builtin(module, parent.func) and not wrapped:
                outer, parent, lazy = parent, module.parents[parent], False
                continue
            if passes(module, parent, outer):
                outer, parent, wrapped = parent, module.parents[parent], True
                if isinstance(parent, ast.Call):
                    continue
                break
            if name == "enumerate":
                outer, parent, wrapped = parent, module.parents[parent], True
                break
            break
        match parent:
            case ast.Expr():
                if lazy and not self.outcome.calm:
                    raise self.no("does not have its results taken: a failing task goes unseen")
                self.caught.check(node, None)
                self._statement(parent, node if not wrapped else outer)
            case ast.Assign() if (name_ := single(parent)) is not None and parent.value is outer:
                if lazy or wrapped or not self._free(name_):
                    raise self.no(f"has its results used in line {parent.lineno}")
                self.caught.check(node, None)
                self.sheet.lines([parent])
                self.behind(parent, self._all(name_.id, node))
            case ast.For() if parent.iter is outer:
                self._loop(parent, node, outer)
            case _:
                raise self.no(f"has its results used in line {outer.lineno}")

    def _all(self, name: str, node: ast.expr) -> list[str]:
        """Return the lines that add all results of the list called ``name``."""
        outcome = self.outcome
        if outcome.whole:
            text = outcome.listed or outcome.whole
            return [text.format(**self._slots(r=name, names=(), node=node))]
        names, lines = self._names(node)
        return [f"for {', '.join(names)} in {name}:", *(f"\t{line}" for line in lines)]

    def _statement(self, statement: ast.Expr, node: ast.expr) -> None:
        """Replace a statement that only goes through the results."""
        module, outcome = self.module, self.outcome
        self.sheet.lines([statement])
        each = self._comprehended(node)
        if outcome.whole:
            text = outcome.whole.format(**self._slots(r="\0", names=(), node=node))
            head, _, tail = text.partition("\0")
            first: ast.expr = node
            if isinstance(node, ast.ListComp) and tail.startswith(")"):
                start, end = module.start(node), module.end(node)
                self.edits.append(Edit(start, start + 1, head))
                self.edits.append(Edit(end - 1, end, tail))
                self._strip(statement, node)
                return
            self._around_text(statement, first, node, head, tail)
            return
        if each is not None:
            generator, taken = each
            start = module.start(statement)
            self.edits.append(Edit(start, module.start(generator.target), "for "))
            end = module.end(generator.iter)
            text = module.text(taken)
            lines = self.lines_of(text, node)
            body = "".join(self.line(statement, f"\t{line}") for line in lines)
            self.edits.append(Edit(end, module.end(statement), f":{body}"))
            return
        names, lines = self._names(node)
        start = module.start(statement)
        if module.start(node) != start or module.end(node) != module.end(statement):
            self._strip(statement, node)
        self.edits.append(Edit(start, start, f"for {', '.join(names)} in "))
        end = module.end(statement)
        body = "".join(self.line(statement, f"\t{line}") for line in lines)
        self.edits.append(Edit(end, end, f":{body}"))

    def lines_of(self, text: str, node: ast.expr) -> list[str]:
        """Return the lines that add the one result that ``text`` gives."""
        if self.outcome.one:
            return [self.outcome.one.format(**self._slots(r=text, names=(), node=node))]
        names, lines = self._names(node)
        return [f"{', '.join(names)} = {text}", *lines]

    def _comprehended(self, node: ast.expr) -> tuple[ast.comprehension, ast.expr] | None:
        match node:
            case ast.ListComp(elt=elt, generators=[generator]):
                return generator, elt
        return None

    def _strip(self, statement: ast.Expr, node: ast.expr) -> None:
        """Take away the ``list(…)`` around the results."""
        module = self.module
        start, end = module.start(statement), module.end(statement)
        before, after = module.start(node), module.end(node)
        text = module.source.text
        if "#" in text[start:before] + text[after:end]:
            raise CannotFix(f"line {statement.lineno} has a comment inside of the statement")
        if start < before:
            self.edits.append(Edit(start, before, ""))
        if after < end:
            self.edits.append(Edit(after, end, ""))

    def _around_text(
        self, statement: ast.Expr, first: ast.expr, node: ast.expr, head: str, tail: str
    ) -> None:
        """Put an expression into a call (or behind an operator) in place of a statement."""
        module = self.module
        start, end = module.start(statement), module.end(statement)
        before, after = module.start(first), module.end(node)
        text = module.source.text
        if "#" in text[start:before] + text[after:end]:
            raise CannotFix(f"line {statement.lineno} has a comment inside of the statement")
        lines = module.source.lines
        single_line = statement.lineno == statement.end_lineno
        if single_line:
            width = len(lines[statement.lineno - 1]) + len(head) + len(tail) - (end - start)
            width += after - before
            fits = width <= self.sheet.limit
        else:
            fits = tail != ")"
        if fits or not head.endswith("("):
            self.edits.append(Edit(start, before, head))
            self.edits.append(Edit(after, end, tail))
            return
        if node.lineno != statement.lineno or before != start:
            single_line = True
        self.edits.append(Edit(start, before, ""))
        if after < end:
            self.edits.append(Edit(after, end, ""))
        assert statement.end_lineno is not None
        self.sheet.wrap(Wrap(statement.lineno, statement.end_lineno, (head,), (tail,)))

    def _loop(self, loop: ast.For, node: ast.expr, outer: ast.expr) -> None:
        """Add each result in the loop that goes through them."""
        module, outcome = self.module, self.outcome
        counted = isinstance(outer, ast.Call) and ast.unparse(outer.func) == "enumerate"
        target = second(loop.target) if counted else loop.target
        if not isinstance(target, ast.Name):
            raise self.no(f"has its results used in line {loop.lineno}")
        check_whole(loop, skips=True)
        self.caught.check(node, None)
        if loop.orelse or loop.body[0].lineno == loop.lineno:
            raise self.no(f"is gone through by a loop in line {loop.lineno} that is not followed")
        unused = self._unused(target, loop)
        if outcome.kept:
            lines = [outcome.one.format(**self._slots(r=target.id, names=(), node=node))]
        else:
            if not unused:
                raise self.no(f"has its results used in line {loop.lineno}")
            empty = len(loop.body) == 1 and isinstance(loop.body[0], ast.Pass)
            if empty and outcome.whole and not counted and outer is node:
                self._emptied(loop, node)
                return
            named = len(outcome.names) == 1 and not target.id.startswith("_")
            names, lines = self._names(node, (target.id,) if named else ())
            text = ", ".join(names)
            if counted and len(names) > 1:
                text = f"({text})"
            self.edits.append(Edit(module.start(target), module.end(target), text))
            if empty:
                body = loop.body[0]
                indent = self._indent(body)
                self._replace(body, lines, indent)
                return
        first = loop.body[0]
        self.sheet.lines([first])
        self.sheet.before(min(first.lineno, *self._decorated(first)), *lines)

    def _decorated(self, statement: ast.stmt) -> list[int]:
        found: list[ast.expr] = getattr(statement, "decorator_list", [])
        return [one.lineno for one in found] or [statement.lineno]

    def _emptied(self, loop: ast.For, node: ast.expr) -> None:
        """Replace a loop that does nothing with the results."""
        module = self.module
        start, end = module.start(loop), module.end(loop)
        text = module.source.text
        rest = text[start : module.start(node)] + text[module.end(node) : end]
        if "#" in rest:
            raise CannotFix(f"line {loop.lineno} has a comment in the loop")
        self.sheet.lines([loop])
        whole = self.outcome.whole.format(**self._slots(r="\0", names=(), node=node))
        head, _, tail = whole.partition("\0")
        self.edits.append(Edit(start, module.start(node), head))
        self.edits.append(Edit(module.end(node), end, tail))

    def _replace(self, statement: ast.stmt, lines: Sequence[str], indent: str) -> None:
        end = newline(self.module.source)
        unit = self.sheet.unit
        texts = [unit * (len(x) - len(x.lstrip("\t"))) + x.lstrip("\t") for x in lines]
        text = f"{end}{indent}".join(texts)
        self.edits.append(Edit(self.module.start(statement), self.module.end(statement), text))

    # -- names and lines

    def _names(
        self, node: ast.expr, given: tuple[str, ...] = ()
    ) -> tuple[tuple[str, ...], list[str]]:
        """Return names for the parts of a result (new ones, unless they are ``given``), and
        the lines that add them.
        """
        taken = set(variables(self.module, node))
        names: list[str] = list(given)
        for wanted in self.outcome.names if not given else ():
            name = wanted if wanted == "_" else fresh(wanted, taken)
            names.append(name)
            taken.add(name)
        slots = self._slots(r="", names=names, node=node, taken=taken)
        return tuple(names), [line.format(**slots) for line in self.outcome.lines]

    def _slots(
        self,
        *,
        r: str,
        names: Sequence[str],
        node: ast.AST,
        taken: set[str] | None = None,
    ) -> Mapping[str, str]:
        slots = {f"p{n}": place for n, place in enumerate(self.places)}
        slots.update((f"n{n}", name) for n, name in enumerate(names))
        known = taken if taken is not None else set(variables(self.module, node)) | set(names)
        for wanted in self.outcome.loops:
            slots[wanted] = fresh(wanted, known)
        slots["r"] = r
        return slots

    def _free(self, name: ast.Name) -> bool:
        """Whether a variable may hold results: nothing else uses it, or they stay what they are."""
        return self.outcome.kept or all(
            not isinstance(use.ctx, ast.Load) for use in uses(self.module, name)
        )

    def _unused(self, target: ast.Name, loop: ast.For) -> bool:
        return not any(
            isinstance(use.ctx, ast.Load) and (self.module.inside(use, loop) or target.id != "_")
            for use in uses(self.module, target)
        )

    def behind(self, statement: ast.stmt, lines: Sequence[str]) -> None:
        """Put lines behind a statement, as deep as it is."""
        text = "".join(self.line(statement, line) for line in lines)
        assert statement.end_lineno is not None
        source = self.module.source
        at = source.starts[statement.end_lineno - 1] + len(source.lines[statement.end_lineno - 1])
        self.edits.append(Edit(at, at, text))

    def line(self, statement: ast.stmt, text: str) -> str:
        """Return a line with the line end before it, as deep as a statement is."""
        body = text.lstrip("\t")
        deeper = self.sheet.unit * (len(text) - len(body))
        return newline(self.module.source) + self._indent(statement) + deeper + body

    def _indent(self, statement: ast.stmt) -> str:
        line = self.module.source.lines[statement.lineno - 1]
        return line[: len(line) - len(line.lstrip())]


def check_whole(loop: ast.For, *, skips: bool = False) -> None:
    """Raise :class:`CannotFix` where a loop may leave results out.

    ``skips``: a turn may end early, since what it has to do is done first.
    """
    leaving = (ast.Break,) if skips else (ast.Break, ast.Continue)
    stack: list[tuple[ast.AST, bool]] = [(one, True) for one in loop.body]
    while stack:
        node, ours = stack.pop()
        if isinstance(node, ast.Return) or (isinstance(node, leaving) and ours):
            raise CannotFix(f"line {node.lineno} may leave out results that were gathered")
        if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
            continue
        inner = ours and not isinstance(node, _LOOPS)
        stack.extend((child, inner) for child in ast.iter_child_nodes(node))


def second(target: ast.expr) -> ast.expr | None:
    """Return the second part of the target of a loop over pairs."""
    match target:
        case ast.Tuple(elts=[_, second]):
            return second
    return None
