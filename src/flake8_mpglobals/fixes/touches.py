"""Which code may touch a place: directly, or through what it calls.

The answer errs on the side of "may": a function touches a place when it names
it, or names anything that touches it.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator

from flake8_mpglobals.fixes.module import Definition, Function, Module
from flake8_mpglobals.fixes.plan import CannotFix

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Touches:
    """What in one file may touch one module global.

    Naming one of ``spared`` (the callables of dispatches) touches nothing where it stands.
    """

    def __init__(self, module: Module, place: str, spared: Collection[ast.AST] = ()) -> None:
        self.module = module
        self.place = place
        self.mentions = module.mentions(place)
        self._direct = {id(node) for node in self.mentions}
        self.definitions: set[Definition] = set()
        self._names: set[str] = set()
        self._attributes: set[str] = set()
        pending = [
            one for one in module.definitions if any(module.inside(m, one) for m in self.mentions)
        ]
        while pending:
            for one in pending:
                self._add(one)
            pending = [
                one
                for one in module.definitions
                if one not in self.definitions and self._named_in(one)
                if not spared or next(self.uses(one, spared), None) is not None
            ]

    def only(self, module: Module, place: str, mentions: list[ast.Name]) -> None:
        """Begin with uses of a variable that no other function reaches."""
        self.module = module
        self.place = place
        self.mentions = sorted(mentions, key=lambda node: (node.lineno, node.col_offset))
        self._direct = {id(node) for node in mentions}
        self.definitions = set()
        self._names = set()
        self._attributes = set()

    def _add(self, definition: Definition) -> None:
        self.definitions.add(definition)
        self._names.add(definition.name)
        if isinstance(definition, ast.ClassDef):
            return
        if isinstance(self.module.parents.get(definition), ast.ClassDef):
            name = definition.name
            if name.startswith("__") and name.endswith("__") and name != "__init__":
                raise CannotFix(
                    f"{name}() (line {definition.lineno}) uses {self.place!r}, and nobody sees "
                    "when it runs: move that into a function with a name of its own"
                )
            self._attributes.add(name)

    def _named_in(self, node: ast.AST) -> bool:
        names, attributes = self.module.names_in(node)
        return not (names.isdisjoint(self._names) and attributes.isdisjoint(self._attributes))

    def uses(self, node: ast.AST, exempt: Collection[ast.AST] = ()) -> Iterator[ast.expr]:
        """Yield the expressions under ``node`` that are the place or name what touches it."""
        spared = {id(one) for one in exempt}
        for inner in ast.walk(node):
            if id(inner) in spared:
                continue
            match inner:
                case ast.Name(id=name) if id(inner) in self._direct or name in self._names:
                    yield inner
                case ast.Attribute(attr=name) if name in self._attributes:
                    yield inner

    def mentioned_in(self, node: ast.AST) -> list[ast.Name]:
        """Return the uses of the place itself under ``node``."""
        return [one for one in self.mentions if self.module.inside(one, node)]

    def lazy(self) -> Function | None:
        """Return a generator or coroutine that touches the place, whenever it is resumed."""
        for one in self.definitions:
            if isinstance(one, ast.ClassDef):
                continue
            if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(one)):
                return one
        return None

    def handed_on(self, exempt: Collection[ast.AST]) -> ast.expr | None:
        """Return a use of a touching function as a value, which nobody can follow.

        Being called, being imported and standing in ``exempt`` (the callables of
        the dispatches) are no such uses.
        """
        spared = {id(one) for one in exempt}
        for use in self.uses(self.module.tree):
            if self._in_lambda(use):
                return use
            if id(use) in self._direct or id(use) in spared:
                continue
            parent = self.module.parents[use]
            if isinstance(parent, ast.Call) and parent.func is use:
                continue
            if isinstance(use, ast.Name) and isinstance(parent, (ast.ClassDef, ast.arg)):
                continue
            if isinstance(parent, ast.Attribute) and isinstance(use, ast.Name):
                continue  # what is asked of a class counts by its own name
            if isinstance(parent, ast.Call) and ast.unparse(parent.func) == "super":
                continue
            return use
        return None

    def _in_lambda(self, use: ast.AST) -> bool:
        """Whether a use stands in a lambda that may outlive the call it is given to."""
        for above in self.module.ancestors(use):
            if isinstance(above, ast.Lambda):
                parent = self.module.parents[above]
                return not isinstance(parent, ast.keyword) or parent.arg != "key"
        return False


def reached(module: Module, starts: Iterable[Function]) -> list[Function]:
    """Return the functions that run when one of ``starts`` runs, themselves included.

    Every function or method that is named counts, called or not.
    """
    found: list[Function] = []
    pending = list(starts)
    while pending:
        function = pending.pop()
        if function in found:
            continue
        found.append(function)
        names, attributes = module.names_in(function)
        for one in module.definitions:
            in_class = isinstance(module.parents.get(one), ast.ClassDef)
            if isinstance(one, ast.ClassDef):
                if one.name in names:
                    pending.extend(sub for sub in ast.walk(one) if isinstance(sub, _FUNCTIONS))
            elif one.name in (attributes if in_class else names) and one is not function:
                pending.append(one)
    return found
