"""Edits to the statements of one worker: replaced, taken out, put at its start or end."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import newline
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.shapes.additions import Addition
from flake8_mpglobals.fixes.shapes.pure import CALM_METHODS, PURE

_LISTS = frozenset({"list", "sorted", "dict", "set", "tuple", "Counter", "split", "splitlines"})
_NO_EXPRESSION = (ast.NamedExpr, ast.Lambda, ast.Yield, ast.YieldFrom)


@dataclass
class Rewriting:
    """The edits to ``function`` so far."""

    module: Module
    function: Function
    edits: list[Edit] = field(default_factory=list)

    def check_order(self, one: Addition) -> None:
        """Refuse where the operands would be evaluated in another order that matters."""
        if sum(not quiet(op) for op in one.operands) > 1 and one.op != "item.append":
            raise CannotFix(
                f"line {one.statement.lineno} calls functions for both the key and the value: "
                "put one of them into a variable first"
            )

    def texts(self, one: Addition, values: Sequence[ast.expr]) -> str:
        """Return operands as one expression at the depth of their statement."""
        texts = [self.text(one, value) for value in values]
        match values:
            case [ast.Tuple(elts=[_, _, *_])] if texts[0][:1] == "(" and "\n" not in texts[0]:
                return texts[0][1:-1].rstrip(", ")
        return ", ".join(texts)

    def text(self, one: Addition, value: ast.expr) -> str:
        """Return one operand as an expression at the depth of its statement."""
        module = self.module
        text = module.text(value)
        if one.listed:
            self.check_listed(one)
            text = self._listed(value, text, one.listed)
        elif isinstance(value, ast.GeneratorExp):
            raise CannotFix(f"line {value.lineno} adds a generator, which cannot travel")
        if isinstance(value, _NO_EXPRESSION):
            raise CannotFix(f"line {value.lineno}: put what is added into a variable first")
        if isinstance(value, ast.Tuple) and not text.startswith("("):
            text = f"({text})"
        if "\n" not in text and "\r" not in text:
            return text
        end = newline(module.source)
        lines = text.split(end)
        line = module.source.lines[value.lineno - 1]
        depth = len(line) - len(line.lstrip())
        own = module.source.lines[one.statement.lineno - 1]
        less = depth - (len(own) - len(own.lstrip()))
        if less > 0 and all(not x.strip() or not x[:less].strip() for x in lines[1:]):
            lines[1:] = [x[less:] for x in lines[1:]]
        text = end.join(lines)
        return text if text[:1] in "([{" or text[-1:] in ")]}" else f"({text})"

    def check_listed(self, one: Addition) -> None:
        """Raise :class:`CannotFix` where an addition takes items that cannot travel."""
        for node in ast.walk(one.operands[-1]) if one.listed else ():
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                    if name in ("finditer", "scandir"):
                        raise CannotFix(
                            f"line {node.lineno} adds what {name}() gives: it cannot travel"
                        )

    def _listed(self, value: ast.expr, text: str, made: str) -> str:
        """Return the text of an iterable that can travel: a generator becomes a list."""
        match value:
            case ast.GeneratorExp():
                return f"[{text[1:-1]}]" if text.startswith("(") else f"[{text}]"
            case _ if _lists(value):
                return text
        if isinstance(value, ast.Name) and self._is_list(value):
            return text
        if made == "dict":
            return f"dict({text})" if not isinstance(value, ast.Name) else text
        return f"list({text})"

    def _is_list(self, name: ast.Name) -> bool:
        """Whether a variable only ever holds lists or the like, which can be gone through again."""
        bound = [
            self.module.parents[node]
            for node in ast.walk(self.function)
            if isinstance(node, ast.Name) and node.id == name.id and isinstance(node.ctx, ast.Store)
        ]
        return bool(bound) and all(
            isinstance(one, (ast.Assign, ast.AnnAssign))
            and one.value is not None
            and _lists(one.value)
            for one in bound
        )

    def replace(self, one: Addition, text: str) -> None:
        """Put ``text`` in the place of an addition."""
        module, statement = self.module, one.statement
        start, end = module.start(statement), module.end(statement)
        inside = [module.source.text[module.start(op) : module.end(op)] for op in one.operands]
        rest = module.source.text[start:end]
        for part in inside:
            rest = rest.replace(part, "", 1)
        if "#" in rest:
            raise CannotFix(f"line {statement.lineno} has a comment inside of the statement")
        self.edits.append(Edit(start, end, text))

    def drop(self, statement: ast.stmt) -> None:
        """Take a statement out, with its line."""
        module = self.module
        source = module.source
        assert statement.end_lineno is not None
        first, last = statement.lineno, statement.end_lineno
        head = source.text[source.starts[first - 1] : module.start(statement)]
        tail = source.lines[last - 1]
        rest = source.text[module.end(statement) : source.starts[last - 1] + len(tail)].strip()
        if head.strip() or rest or last >= len(source.starts):
            raise CannotFix(f"line {first} holds more than one statement or a comment")
        blank = last < len(source.lines) and not source.lines[last].strip()
        if blank and (first < 2 or not source.lines[first - 2].strip()):
            last += 1
        self.edits.append(Edit(source.starts[first - 1], source.starts[last], ""))

    def finish(self, text: str) -> None:
        """Let the function end by returning ``text``."""
        last = self.function.body[-1]
        if isinstance(last, ast.Return):
            module = self.module
            self.edits.append(Edit(module.start(last), module.end(last), f"return {text}"))
            return
        self.close(f"return {text}")

    def _indent(self) -> str:
        first = self.function.body[0]
        line = self.module.source.lines[first.lineno - 1]
        indent = line[: len(line) - len(line.lstrip())]
        if first.lineno == self.function.lineno:
            raise CannotFix(f"line {first.lineno} holds more than one statement")
        return indent

    def close(self, text: str) -> None:
        """Put a line at the end of the body."""
        source = self.module.source
        last = self.function.body[-1].end_lineno
        assert last is not None
        at = source.starts[last - 1] + len(source.lines[last - 1])
        self.edits.append(Edit(at, at, f"{newline(source)}{self._indent()}{text}"))

    def begin(self, lines: Sequence[str]) -> None:
        """Put lines at the start of the body, behind its docstring and ``global``s."""
        source = self.module.source
        indent = self._indent()
        body = self.function.body
        place = 0
        match body[0]:
            case ast.Expr(value=ast.Constant(value=str())):
                place = 1
        while place < len(body) and isinstance(body[place], ast.Global):
            place += 1
        text = "".join(f"{indent}{line}{newline(source)}" for line in lines)
        if place < len(body):
            line = body[place].lineno
            decorated = getattr(body[place], "decorator_list", [])
            line = min([line, *(one.lineno for one in decorated)])
            while source.lines[line - 2].strip().startswith("#"):
                line -= 1
            at = source.starts[line - 1]
            self.edits.append(Edit(at, at, text))


def _lists(value: ast.expr) -> bool:
    """Whether an expression gives a list, a dict or the like, not an iterator."""
    match value:
        case ast.List() | ast.ListComp() | ast.Tuple() | ast.Set() | ast.SetComp():
            return True
        case ast.Dict() | ast.DictComp() | ast.Constant():
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _LISTS
    return False


def quiet(value: ast.expr) -> bool:
    """Whether nothing else can tell when an expression is evaluated."""
    for node in ast.walk(value):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in PURE:
                continue
            case ast.Call(func=ast.Attribute(attr=name) as func):
                if name in CALM_METHODS or ast.unparse(func).startswith(("os.path.", "math.")):
                    continue
                return False
            case ast.Call() | ast.Await() | ast.Yield() | ast.YieldFrom() | ast.NamedExpr():
                return False
    return True
