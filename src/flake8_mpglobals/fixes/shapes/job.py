"""One place that is to be shared, and the edits gathered for it so far."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.imports import Spelling
from flake8_mpglobals.fixes.layout import Sheet, Wrap
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.naming import around, fresh
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.setters import define, shared_of
from flake8_mpglobals.fixes.shapes.sets import VALUE
from flake8_mpglobals.fixes.touches import Touches

_BRINGS_BACK = re.compile(
    r"\w+(\[:\])? = .*\bshared_\w+\b.*|\w+\[\.\.\.\] = \w+_view|\w+\.clear\(\)"
    r"|\w+\.update\((\w+\.)?shared_\w+\.(copy|keys)\(\)\)"
)


@dataclass
class Job:
    """Everything that the parts of the manager shape share.

    ``exempt`` are the callables of the dispatches: naming them touches nothing;
    ``calls`` the calls that make the pools and processes that are to share it;
    ``annotation`` the type that its declaration gives it.
    ``deletes`` says whether workers take keys away, so that bringing back must too.
    """

    module: Module
    touches: Touches
    kind: str
    sheet: Sheet
    exempt: list[ast.AST]
    calls: list[ast.Call]
    annotation: str = ""
    deletes: bool = False
    ends: ClassVar[bool] = True
    """Whether the shared object ends with its statements, so that the pool must, too."""
    found: set[Edit] = field(default_factory=set)
    definitions: dict[Function, list[Edit]] = field(default_factory=dict)
    setters: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The name of the module global."""
        return self.touches.place

    def add(self, *edits: Edit) -> None:
        """Take edits; the same one twice is one."""
        self.found.update(edits)

    def touch(self, node: ast.AST) -> ast.expr | None:
        """Return an expression under ``node`` by which the parent may touch the place."""
        return next(self.touches.uses(node, self.exempt), None)

    def setter(self, behind: Function, wanted: str, inner: str, rest: str = "") -> str:
        """Return the name of a setter for the place that then calls ``inner``; define it once."""
        key = (inner, rest)
        if key not in self.setters:
            taken = self.module.identifiers | set(self.setters.values())
            name = fresh(wanted, taken)
            self.setters[key] = name
            edit = define(
                self.module,
                behind,
                name,
                self.parameter,
                self.body,
                annotation=self.annotation,
                inner=inner,
                rest=rest,
            )
            self.definitions.setdefault(behind, []).append(edit)
        return self.setters[key]

    @property
    def maker(self) -> str:
        """What of multiprocessing makes the shared object."""
        return "Manager"

    @property
    def target(self) -> str:
        """The global by which workers reach the shared object."""
        return self.place

    @property
    def body(self) -> tuple[str, ...]:
        """The lines by which a setter binds the target."""
        return (f"global {self.target}", f"{self.target} = {self.parameter}")

    @property
    def parameter(self) -> str:
        """The name of the setters' parameter for the shared object."""
        return shared_of(self.place)

    def edits(self) -> Iterator[Edit]:
        """Yield everything that was gathered."""
        yield from (self.sheet.deepen(edit) for edit in self.found)
        yield from self.sheet.edits()
        for edits in self.definitions.values():
            yield Edit(edits[0].start, edits[0].end, "".join(one.text for one in edits))

    # -- the lines that share the place and bring it back

    def shared(self, anchor: ast.AST) -> str:
        """Return the name for the proxy beside ``anchor``."""
        return fresh(shared_of(self.place), around(self.module, anchor))

    def making(self, manager: str) -> str:
        """Return the expression by which ``manager`` makes the shared object."""
        held = self._keys if self.kind == "set" else self.place
        return f"{manager}.{'list' if self.kind == 'list' else 'dict'}({held})"

    @property
    def _keys(self) -> str:
        """The dict that stands for a set, as an expression."""
        return f"dict.fromkeys({self.place}, {VALUE})"

    def makes(self, shared: str, manager: str) -> tuple[str, ...]:
        """Return the lines by which ``manager`` makes what workers are handed."""
        return (f"{shared} = {self.making(manager)}",)

    def handed(self, shared: str) -> str:
        """Return what workers are handed, as arguments."""
        return shared

    def fill(self, shared: str) -> tuple[str, ...]:
        """Return the lines that put the parent's content into the proxy once more."""
        if self.kind == "list":
            return (f"{shared}[:] = {self.place}",)
        held = self._keys if self.kind == "set" else self.place
        return (f"{shared}.clear()", f"{shared}.update({held})")

    def bring_back(self, shared: str) -> tuple[str, ...]:
        """Return the lines that put the proxy's content into the parent's own object."""
        place = self.place
        if self.kind == "list":
            return (f"{place}[:] = {shared}[:]",)
        content = "keys" if self.kind == "set" else "copy"
        update = f"{place}.update({shared}.{content}())"
        return (f"{place}.clear()", update) if self.deletes else (update,)

    def attempt(self, shared: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the lines around what must be brought back from, whatever happens."""
        return ("try:",), ("finally:", *(f"\t{line}" for line in self.bring_back(shared)))

    def guard(self, statements: list[ast.stmt], shared: str, *, fill: bool) -> None:
        """Bring the place back behind ``statements``; with ``fill``, fill the proxy before."""
        first, last = self.sheet.lines(statements)
        before = self.fill(shared) if fill else ()
        existing = self.brought_back(statements)
        if existing is not None:
            self.sheet.before(first, *before)
            self.sheet.after(existing, *self.bring_back(shared))
            return
        head, foot = self.attempt(shared)
        self.sheet.wrap(Wrap(first, last, (*before, *head), foot))

    def brought_back(self, statements: list[ast.stmt]) -> int | None:
        """Return the last line of the ``finally`` by which an earlier fix brings back."""
        match statements:
            case [ast.Try(handlers=[], orelse=[], finalbody=[*_, last] as final)]:
                if all(_BRINGS_BACK.fullmatch(ast.unparse(one)) for one in final):
                    return last.end_lineno
        return None

    def share(self, statements: list[ast.stmt], spelling: Spelling, *, outside: bool) -> str:
        """Put ``statements`` under a manager; return the name of the proxy.

        ``spelling`` is how to write its :attr:`maker` there, ``outside`` whether
        the place comes back when the statements are done (else the caller does
        that inside).  The manager that an earlier fix put there is used again.
        """
        first, last = self.sheet.lines(statements)
        shared = self.shared(statements[0])
        head, foot = self.attempt(shared)
        existing = self._existing(statements, f"{spelling.text}()")
        if existing is None:
            manager = fresh("manager", around(self.module, statements[0]))
            self.add(*spelling.edits)
            made = [f"\t{line}" for line in self.makes(shared, manager)]
            self.sheet.wrap(Wrap(first, last, (f"with {spelling.text}() as {manager}:", *made)))
            if outside:
                self.sheet.wrap(Wrap(first, last, head, foot))
            return shared
        manager, attempt = existing
        lines = self.makes(shared, manager)
        if attempt is not None:
            self.sheet.before(attempt.lineno, *lines)
            if outside:
                end = attempt.finalbody[-1].end_lineno
                assert end is not None
                self.sheet.after(end, *self.bring_back(shared))
        elif outside:
            self.sheet.wrap(Wrap(first, last, (*lines, *head), foot))
        else:
            self.sheet.before(first, *lines)
        return shared

    def _existing(
        self, statements: list[ast.stmt], spelling: str
    ) -> tuple[str, ast.Try | None] | None:
        """Return the manager (and ``try``) that an earlier fix put around the statements."""
        parent: ast.AST | None = self.module.parents[statements[0]]
        attempt = None
        if isinstance(parent, ast.Try) and not parent.handlers and not parent.orelse:
            if parent.body != statements or not parent.finalbody:
                return None
            attempt, parent = parent, self.module.parents[parent]
        if not (isinstance(parent, ast.With) and len(parent.items) == 1):
            return None
        item = parent.items[0]
        if not isinstance(item.optional_vars, ast.Name):
            return None
        if self.module.text(item.context_expr) != spelling:
            return None
        inner = attempt or statements[0]
        before = parent.body[: parent.body.index(inner)]
        name = item.optional_vars.id
        if not before or not all(self._makes_proxy(one, name) for one in before):
            return None
        if parent.body[-1] is not (attempt or statements[-1]):
            return None
        return name, attempt

    def _makes_proxy(self, statement: ast.stmt, manager: str) -> bool:
        match statement:
            case ast.Assign(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
                return name == manager
        return False

    def check_on_import(self, statements: list[ast.stmt]) -> None:
        """Raise :class:`CannotFix` where statements run on import, in workers too."""
        if self.module.function(statements[0]) is not None:
            return
        for one in statements:
            if self.module.guard(one) is None:
                raise CannotFix(
                    f"MPG202: line {one.lineno} runs on import, in workers too: put all from the "
                    'start of the workers to their end under if __name__ == "__main__":'
                )

    def untouched(self, nodes: list[ast.stmt]) -> None:
        """Raise :class:`CannotFix` where the parent may touch the place in ``nodes``."""
        for node in nodes:
            use = self.touch(node)
            if use is not None:
                raise self.busy(use)

    def busy(self, use: ast.expr) -> CannotFix:
        """Return the refusal for a use of the place while workers may hold it."""
        return CannotFix(
            f"line {use.lineno} may use {self.place!r} in the parent while the workers "
            "have it: do that before the workers start or after they are done"
        )
