"""The functions that rebind a worker's global to what the parent shares.

A *setter* is an initializer or a wrapper target of the form::

    def _init_worker(shared_results):
        global results
        results = shared_results

The fixer writes one, extends its own for a second place, and wraps any other
initializer.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import indented, newline
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix


@dataclass(frozen=True, slots=True)
class Setter:
    """A setter in the file: its first ``count`` parameters are what it binds ``names`` to."""

    function: Function
    count: int
    names: tuple[str, ...]


def recognise(function: Function) -> Setter | None:
    """Return what is known of ``function`` if the fixer could have written it."""
    body = function.body
    if not body or not isinstance(body[0], ast.Global) or function.decorator_list:
        return None
    names = body[0].names
    parameters = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    bound = [
        one.targets[0].id
        for one in body[1 : len(names) + 1]
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
    ]
    known = {parameter for name in names for parameter in _parameters(name)}
    if bound != names or not parameters or not known.issuperset(parameters):
        return None
    return Setter(function, len(parameters), tuple(names))


def _parameters(name: str) -> tuple[str, ...]:
    """Return how the fixer may call the parameter from which it sets a global."""
    stem = name.removeprefix("shared_")
    return shared_of(name), value_of(name), memory_of(stem), memory_of(name.strip("_").lower())


def shared_of(place: str) -> str:
    """Return what the object is called that is shared in the place of the global ``place``."""
    stem = place.strip("_") or place
    stem = stem.lower() if stem.isupper() else stem
    return f"{stem}_proxy" if f"{stem}_".startswith("shared_") else f"shared_{stem}"


def value_of(shared: str) -> str:
    """Return the name of the parameter from which the global ``shared_hits`` is set."""
    return f"{shared.removeprefix('shared_').removesuffix('_value')}_value"


def memory_of(stem: str) -> str:
    """Return the name of the parameter that hands over the memory of a buffer."""
    return f"{stem}_memory"


def extend(
    module: Module, setter: Setter, parameter: str, body: Sequence[str], annotation: str = ""
) -> Iterator[Edit]:
    """Yield the edits by which the fixer's own setter binds one more global, to a new parameter.

    ``body`` are the lines that do it, the ``global`` statement first.
    """
    function = setter.function
    last = [*function.args.posonlyargs, *function.args.args][setter.count - 1]
    assert last.end_lineno is not None
    assert last.end_col_offset is not None
    at = module.source.offset(last.end_lineno, last.end_col_offset)
    gap = _gap(module, last) or " "
    yield Edit(at, at, f",{gap}{typed(function, parameter, annotation)}")
    declared = module.end(function.body[0])
    yield Edit(declared, declared, f", {body[0].removeprefix('global ')}")
    assigned = function.body[len(setter.names)]
    line, start = module.end(assigned), module.start(assigned)
    indent = module.source.text[:start].rpartition(newline(module.source))[2]
    gap = newline(module.source)
    lines = indented(module, body[1:]).replace(gap, gap + indent)
    yield Edit(line, line, f"{gap}{indent}{lines}")


def define(
    module: Module,
    behind: Function,
    name: str,
    parameter: str,
    body: Sequence[str],
    *,
    annotation: str = "",
    inner: str = "",
    rest: str = "",
) -> Edit:
    """Return the edit that defines a new setter below the function ``behind``.

    ``body`` are the lines that bind a global to what ``parameter`` gives;
    ``annotation`` is the type of that, used where ``behind`` has types too.
    ``inner`` is the function that it calls (the initializer that was there before,
    or the worker itself), ``rest`` the further arguments that it takes for it:
    nothing, ``*args`` or ``*args, **kwargs``.
    """
    returns = " -> None" if behind.returns is not None else ""
    marker = ", /" if "**" in rest else ""
    more = f", {rest}" if rest else ""
    call = [f"\t{inner}({rest})"] if inner else []
    lines = [
        f"def {name}({typed(behind, parameter, annotation)}{marker}{more}){returns}:",
        *(f"\t{line}" for line in body),
        *call,
    ]
    return beside(module, behind, lines)


def beside(module: Module, function: Function, lines: Sequence[str]) -> Edit:
    """Return the edit that defines a function of ``lines`` below another; above the class of a
    method.
    """
    text, gap = indented(module, lines), newline(module.source)
    owner = method_class(module, function)
    if owner is not None:
        start, blank = _place_before(module, owner)
        return Edit(start, start, text + gap * blank)
    line = _last_line(module, function)
    end = module.source.starts[line - 1] + len(module.source.lines[line - 1])
    return Edit(end, end, gap * (_blank_lines(module, line) + 1) + text)


def typed(beside: Function, parameter: str, annotation: str) -> str:
    """Return a parameter with its type, if the function ``beside`` it has types."""
    arguments = (one for one in ast.walk(beside.args) if isinstance(one, ast.arg))
    types = beside.returns is not None or any(one.annotation is not None for one in arguments)
    return f"{parameter}: {annotation}" if types and annotation else parameter


def method_class(module: Module, function: Function) -> ast.ClassDef | None:
    """Return the class at module level of which a function is a method."""
    owner = module.parents.get(function)
    if isinstance(owner, ast.ClassDef) and module.parents.get(owner) is module.tree:
        return owner
    return None


def _place_before(module: Module, owner: ast.ClassDef) -> tuple[int, int]:
    """Return where the text of a function goes that is defined above a class, and how many
    line ends come behind it.
    """
    lines = module.source.lines
    line = min([owner.lineno, *(one.lineno for one in owner.decorator_list)])
    while line > 1 and lines[line - 2].startswith("#"):
        line -= 1
    blank = next((n for n, text in enumerate(reversed(lines[: line - 1])) if text.strip()), 2)
    return module.source.starts[line - 1], blank + 1


def _last_line(module: Module, function: Function) -> int:
    """Return the last line of a function, with the comments that end its body."""
    assert function.end_lineno is not None
    last = function.end_lineno
    for number, text in enumerate(module.source.lines[last:], last + 1):
        body = text.lstrip()
        if body and (not body.startswith("#") or len(text) - len(body) <= function.col_offset):
            break
        if body:
            last = number
    return last


def _blank_lines(module: Module, line: int) -> int:
    """Return how many blank lines the file leaves below ``line``."""
    rest = module.source.lines[line:]
    return next((blank for blank, text in enumerate(rest) if text.strip()), 2)


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call that a shape reads and adds to."""

    module: Module
    call: ast.Call

    def get(self, position: int, keyword: str) -> ast.expr | None:
        """Return the argument, by position or keyword.

        Raises :class:`CannotFix` where ``*args`` or ``**kwargs`` may hide it.
        """
        call = self.call
        if any(isinstance(one, ast.Starred) for one in call.args) or any(
            one.arg is None for one in call.keywords
        ):
            raise CannotFix(f"line {call.lineno} passes its arguments by * or **: write them out")
        for one in call.keywords:
            if one.arg == keyword:
                return one.value
        return call.args[position] if 0 <= position < len(call.args) else None

    def append(self, texts: Sequence[str], room: int | None = None) -> tuple[Edit, ...]:
        """Return the edits that add arguments behind the last one, in its layout.

        ``room`` is how many characters the line of the call can still take; where
        that is not enough, the arguments go to lines of their own.
        """
        call, module = self.call, self.module
        source = module.source
        given = self._given()
        close = module.end(call) - 1
        ends = [self._end(one, close) for one in given]
        short = room is None or sum(len(text) + 2 for text in texts) <= room
        if call.lineno == call.end_lineno and not short:
            return self.spread(texts)
        if not given:
            return (Edit(close, close, ", ".join(texts)),)
        last, at = given[-1], ends[-1]
        line = source.starts[last.lineno - 1]
        lead = source.text[line : source.offset(last.lineno, last.col_offset)]
        gap = newline(source) + lead if not lead.strip() else " "
        return (Edit(at, at, "".join(f",{gap}{text}" for text in texts)),)

    def spread(self, texts: Sequence[str] = ()) -> tuple[Edit, ...]:
        """Return the edits that give each argument a line, the new ones behind.

        Nothing, where the call does not stand on one line.
        """
        call, source = self.call, self.module.source
        if call.lineno != call.end_lineno:
            return ()
        given = self._given()
        close = self.module.end(call) - 1
        ends = [self._end(one, close) for one in given]
        opening = self.module.end(self.call.func)
        opening += source.text[opening:].index("(") + 1
        text = source.lines[self.call.lineno - 1]
        indent = text[: len(text) - len(text.lstrip())]
        outer = newline(source) + indent
        inner = outer + indented(self.module, ["\t"])
        starts = [opening, *ends]
        edits: list[Edit] = []
        for before, one in zip(starts, given, strict=False):
            start = before
            while source.text[start] in ", ":
                start += 1
            assert start <= source.offset(one.lineno, one.col_offset)
            edits.append(Edit(before, start, inner if before == opening else "," + inner))
        added = "".join(f",{inner}{text}" for text in texts)
        edits.append(Edit(starts[-1], close, f"{added if given else added[1:]},{outer}"))
        return tuple(edits)

    def _given(self) -> list[ast.expr | ast.keyword]:
        """Return the arguments as they stand."""
        given: list[ast.expr | ast.keyword] = [*self.call.args, *self.call.keywords]
        return sorted(given, key=lambda one: (one.lineno, one.col_offset))

    def _end(self, one: ast.expr | ast.keyword, close: int) -> int:
        """Return the offset behind an argument and the parentheses around it."""
        assert one.end_lineno is not None
        assert one.end_col_offset is not None
        source = self.module.source
        at = source.offset(one.end_lineno, one.end_col_offset)
        return _behind_parentheses(source.text, at, close)

    def insert_into(self, node: ast.expr, index: int, text: str) -> Edit:
        """Return the edit that puts ``text`` into a display of arguments at ``index``.

        ``node`` is a tuple or list display, or any other expression that gives
        one (it is then unpacked behind ``text``; ``index`` must be 0).
        """
        module = self.module
        if isinstance(node, (ast.Tuple, ast.List)):
            start, end = module.start(node), module.end(node)
            if isinstance(node, ast.Tuple) and module.source.text[start : start + 1] != "(":
                raise CannotFix(f"line {node.lineno}: put the arguments into parentheses")
            source = module.source.text
            opening, inner, closing = source[start], source[start + 1 : end - 1], source[end - 1]
            if not node.elts:
                comma = "," if isinstance(node, ast.Tuple) else ""
                return Edit(start, end, f"{opening}{text}{comma}{closing}")
            if len(node.elts) == 1 and "\n" not in inner and "\r" not in inner:
                alone = inner.strip().removesuffix(",").rstrip()
                both = f"{alone}, {text}" if index else f"{text}, {alone}"
                return Edit(start, end, f"{opening}{both}{closing}")
            gap = _gap(module, node.elts[max(index - 1, 0)]) or " "
            text = text.replace(", ", f",{gap}")
            if index == 0:
                at = module.start(node.elts[0]) if gap != " " else start + 1
                return Edit(at, at, f"{text},{gap}")
            at = module.end(node.elts[index - 1])
            return Edit(at, at, f",{gap}{text}")
        if index:
            raise CannotFix(f"line {node.lineno}: write the arguments out as a tuple")
        return Edit(module.start(node), module.end(node), f"({text}, *{_operand(module, node)})")


def _gap(module: Module, node: ast.expr | ast.arg) -> str:
    """Return the line end and indentation before a part of a bracket, if it begins a line."""
    source = module.source
    lead = source.text[source.starts[node.lineno - 1] : source.offset(node.lineno, node.col_offset)]
    return "" if lead.strip() else newline(source) + lead


def _operand(module: Module, node: ast.expr) -> str:
    text = module.text(node)
    simple = isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
    return text if simple else f"({text})"


def _behind_parentheses(text: str, at: int, close: int) -> int:
    """Return the offset behind the parentheses that close around an argument."""
    place = at
    while place < close:
        char = text[place]
        if char == "#":
            while place < close and text[place] not in "\r\n":
                place += 1
            continue
        if char == ")":
            at = place + 1
        elif char == ",":
            break
        place += 1
    return at


def named_only_in(module: Module, function: Function, calls: Sequence[ast.Call]) -> bool:
    """Whether ``function`` is named nowhere but in ``calls``, so that it may change."""
    return all(
        any(module.inside(node, call) for call in calls)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and node.id == function.name
    )
