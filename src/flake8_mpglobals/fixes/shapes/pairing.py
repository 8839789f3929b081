"""Take results that are pairs apart: what the worker returned before, and what it would have added.

The parent adds the second part and goes on with the first, as it did with the result.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.naming import fresh, variables
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.shapes.adding import Adding
from flake8_mpglobals.fixes.shapes.lifetimes import left_early
from flake8_mpglobals.fixes.shapes.lists import passes, single
from flake8_mpglobals.fixes.shapes.pure import is_builtin
from flake8_mpglobals.fixes.shapes.rewriting import quiet

_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return)
_MAYBE = (ast.Lambda, ast.IfExp, ast.BoolOp, ast.NamedExpr)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp)
_ALL = frozenset({"list", "tuple", "set", "frozenset", "sum", "sorted", "dict", "min", "max"})
_BESIDE = frozenset({"zip", "enumerate"})


@dataclass
class Pairing(Adding):
    """Adds the second part of what tasks give back; the first is used as the whole was."""

    def one(self, node: ast.expr, within: ast.For | None = None) -> None:
        """Add the second part of the one result that ``node`` gives."""
        module = self.module
        self.caught.check(node, within)
        statement = module.statement(node)
        parent = module.parents[node]
        self.sheet.lines([statement])
        names, lines = self._names(node)
        rest = ", ".join(names)
        match parent:
            case ast.Expr():
                start = module.start(parent)
                self.edits.append(Edit(start, start, f"_, {rest} = "))
                self.behind(parent, lines)
            case ast.Assign(targets=[target]) if parent.value is node:
                self.edits += self._widened(target, rest)
                self.behind(parent, lines)
            case _:
                self._before((node,), statement, names, lines)

    def several(self, nodes: Sequence[ast.expr], within: ast.For) -> None:
        """Add the second part of the one result that each of ``nodes`` gives."""
        self.caught.check(nodes[0], within)
        statement = self.module.statement(nodes[0])
        self.sheet.lines([statement])
        names, lines = self._names(nodes[0])
        self._before(nodes, statement, names, lines)

    def _before(
        self,
        nodes: Sequence[ast.expr],
        statement: ast.stmt,
        names: Sequence[str],
        lines: Sequence[str],
    ) -> None:
        """Take a result before the statement that uses it first, and use the name of it."""
        module = self.module
        self._check_once(statement, nodes[0])
        own = fresh("result", variables(module, nodes[0]) | set(names))
        first = f"{own}, {', '.join(names)} = {self._text(nodes[0])}"
        self.sheet.before(statement.lineno, first, *lines)
        self.edits += [Edit(module.start(one), module.end(one), own) for one in nodes]

    def lines_of(self, text: str, node: ast.expr) -> list[str]:
        """Return the lines that add the second part of the one result that ``text`` gives."""
        names, lines = self._names(node)
        return [f"_, {', '.join(names)} = {text}", *lines]

    def many(self, node: ast.expr, *, lazy: bool) -> None:
        """Add the second parts of all results that ``node`` gives when it is gone through."""
        module = self.module
        outer = node
        parent = module.parents[outer]
        if (
            isinstance(parent, ast.Call)
            and parent.args == [outer]
            and self._calls(parent, {"list"})
        ):
            outer, parent, lazy = parent, module.parents[parent], False
        self.caught.check(node, None)
        if isinstance(parent, ast.Expr):
            if lazy and not self.outcome.calm:
                raise self.no("does not have its results taken: a failing task goes unseen")
            self._replace_by(parent, self._gone_through(node, ""))
            return
        loop, target = self._loop_over(outer)
        if loop is not None:
            self._in_loop(loop, target, node)
            return
        statement = module.statement(outer)
        self.sheet.lines([statement])
        self._check_once(statement, outer)
        if lazy and not self._taken_whole(outer):
            raise self.no(f"has its results used in line {node.lineno}")
        name = single(statement)
        named = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        if name is not None and outer is getattr(statement, "value", None) and name.id not in named:
            self._replace_by(statement, [f"{name.id} = []", *self._gone_through(node, name.id)])
            return
        own = fresh("results", variables(module, node))
        self.sheet.before(statement.lineno, f"{own} = []", *self._gone_through(node, own))
        self.edits.append(Edit(module.start(outer), module.end(outer), own))

    def _replace_by(self, statement: ast.stmt, lines: Sequence[str]) -> None:
        """Put lines in the place of a statement; a comment stays at the head of the loop."""
        module = self.module
        self.sheet.lines([statement])
        head = next(n for n, line in enumerate(lines) if line.endswith(":")) + 1
        text = "".join(
            line if n == 0 else self.line(statement, line) for n, line in enumerate(lines[:head])
        )
        self.edits.append(Edit(module.start(statement), module.end(statement), text))
        self.behind(statement, lines[head:])

    def _text(self, node: ast.expr) -> str:
        """Return the text of an expression at the depth of its statement."""
        module = self.module
        lines = module.source.lines
        own, outer = lines[node.lineno - 1], lines[module.statement(node).lineno - 1]
        less = len(own) - len(own.lstrip()) - (len(outer) - len(outer.lstrip()))
        first, *rest = module.text(node).split("\n")
        if less <= 0 or any(line[:less].strip() for line in rest):
            return module.text(node)
        return "\n".join([first, *(line[less:] for line in rest)])

    def _gone_through(self, node: ast.expr, kept: str) -> list[str]:
        """Return the lines that go through all results and put the first parts into ``kept``."""
        module = self.module
        names, lines = self._names(node)
        taken = variables(module, node) | set(names) | {kept}
        own = fresh("result", taken) if kept else "_"
        if kept:
            lines = [f"{kept}.append({own})", *lines]
        pair = f"{own}, {', '.join(names)}"
        each = self._comprehended(node)
        if each is None:
            return [f"for {pair} in {self._text(node)}:", *(f"\t{line}" for line in lines)]
        generator, taking = each
        target = generator.target
        if not isinstance(target, ast.Name) or target.id in taken:
            raise self.no(f"has its results used in line {node.lineno}")
        return [
            f"for {target.id} in {module.text(generator.iter)}:",
            f"\t{pair} = {module.text(taking)}",
            *(f"\t{line}" for line in lines),
        ]

    # -- loops

    def _loop_over(self, node: ast.expr) -> tuple[ast.For | None, ast.expr | None]:
        """Return the loop that goes through ``node``, and the part of its target that a result is
        bound to.
        """
        module = self.module
        steps: list[int] = []
        parent = module.parents[node]
        while isinstance(parent, ast.Call) and node in parent.args:
            name = ast.unparse(parent.func).rpartition(".")[2]
            if name in _BESIDE and is_builtin(module, parent.func):
                if any(isinstance(one, ast.Starred) for one in parent.args):
                    return None, None
                steps.append(1 if name == "enumerate" else parent.args.index(node))
            elif not passes(module, parent, node):
                return None, None
            node, parent = parent, module.parents[parent]
        if not (isinstance(parent, ast.For) and parent.iter is node):
            return None, None
        target: ast.expr = parent.target
        for step in reversed(steps):
            if not (isinstance(target, ast.Tuple) and step < len(target.elts)):
                return None, None
            target = target.elts[step]
        return parent, target

    def _in_loop(self, loop: ast.For, target: ast.expr | None, node: ast.expr) -> None:
        if left_early(loop):
            raise self.no(f"may not have all results taken by the loop in line {loop.lineno}")
        if target is None or loop.orelse:
            raise self.no(f"is gone through by a loop in line {loop.lineno} that is not followed")
        if loop.body[0].lineno == loop.lineno:
            raise CannotFix(f"line {loop.lineno} holds more than one statement")
        names, lines = self._names(node)
        self.edits += self._widened(target, ", ".join(names), alone=target is loop.target)
        first = loop.body[0]
        self.sheet.lines([first])
        self.sheet.before(min(first.lineno, *self._decorated(first)), *lines)

    def _widened(self, target: ast.expr, rest: str, *, alone: bool = True) -> list[Edit]:
        """Return the edits that let a target take the first part, and ``rest`` the second."""
        module = self.module
        start, end = module.start(target), module.end(target)
        bare = isinstance(target, ast.Tuple) and module.source.text[start] != "("
        head = ("" if alone else "(") + ("(" if bare else "")
        tail = (")" if bare else "") + f", {rest}" + ("" if alone else ")")
        return [*([Edit(start, start, head)] if head else []), Edit(end, end, tail)]

    # -- whether it may be done before the statement

    def _check_once(self, statement: ast.stmt, node: ast.expr) -> None:
        """Raise :class:`CannotFix` unless ``node`` may be evaluated before its statement."""
        module = self.module
        simple = isinstance(statement, _SIMPLE)
        match statement:
            case ast.For(iter=header):
                simple = module.inside(node, header)
            case ast.If(test=header):
                simple = module.inside(node, header) and module.text(statement)[:2] == "if"
        for above in module.ancestors(node):
            if above is statement:
                break
            maybe = isinstance(above, _MAYBE) or (
                isinstance(above, (*_COMPREHENSIONS, ast.GeneratorExp))
                and not module.inside(node, above.generators[0].iter)
            )
            simple = simple and not maybe
        place = self.places[0].partition(".")[0]
        for one in ast.walk(statement):
            if (
                not isinstance(one, ast.expr)
                or module.inside(one, node)
                or module.inside(node, one)
            ):
                continue
            if (one.lineno, one.col_offset) > (node.lineno, node.col_offset):
                continue
            simple = simple and quiet(one)
            simple = simple and not (isinstance(one, ast.Name) and one.id == place)
        if not simple:
            raise self.no(f"has its results used in line {node.lineno}")

    def _taken_whole(self, node: ast.expr) -> bool:
        """Whether a statement goes through all that ``node`` gives."""
        module = self.module
        parent = module.parents[node]
        while isinstance(parent, ast.Call) and node in parent.args and self._calls(parent, _BESIDE):
            node, parent = parent, module.parents[parent]
        if isinstance(parent, ast.comprehension):
            outer = module.parents[parent]
            if isinstance(outer, ast.GeneratorExp):
                node, parent = outer, module.parents[outer]
            else:
                return isinstance(outer, _COMPREHENSIONS)
        if isinstance(parent, ast.Starred):
            return isinstance(module.parents[parent], (ast.Call, ast.List, ast.Set))
        return isinstance(parent, ast.Call) and node in parent.args and self._calls(parent, _ALL)

    def _calls(self, call: ast.Call, names: frozenset[str] | set[str]) -> bool:
        func = call.func
        return isinstance(func, ast.Name) and func.id in names and is_builtin(self.module, func)
