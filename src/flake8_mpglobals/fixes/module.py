"""One file as the shapes look at it: parents, scopes, blocks, the main guard.

A :class:`Module` is built once per pass over a parsed file and only asked.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from flake8_mpglobals.fixes.scopes import (
    FUNCTIONS,
    SCOPES,
    Verdict,
    bound_names,
    identifiers,
    table,
)
from flake8_mpglobals.source import Source

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
Block = list[ast.stmt]


class Module:
    """The tree of ``source`` with the questions that every shape asks."""

    def __init__(self, source: Source, tree: ast.Module) -> None:
        self.source = source
        self.tree = tree
        self.parents: dict[ast.AST, ast.AST] = {}
        self._names: dict[str, list[ast.Name]] = {}
        self._binders: dict[str, list[ast.AST]] = {}
        self._tables: dict[ast.AST, dict[str, Verdict]] = {}
        self._inner: dict[ast.AST, tuple[frozenset[str], frozenset[str]]] = {}
        definitions: list[Definition] = []
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
            if isinstance(node, ast.Name):
                self._names.setdefault(node.id, []).append(node)
            else:
                for name in bound_names(node):
                    self._binders.setdefault(name, []).append(node)
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                definitions.append(node)
        self.definitions: tuple[Definition, ...] = tuple(definitions)
        """Every function and class of the file, nested ones too."""

    # -- where a node stands

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around ``node``, from the inside out."""
        while (above := self.parents.get(node)) is not None:
            yield above
            node = above

    def inside(self, node: ast.AST, outer: ast.AST) -> bool:
        """Whether ``node`` is ``outer`` or lies in it."""
        return node is outer or any(above is outer for above in self.ancestors(node))

    def statement(self, node: ast.AST) -> ast.stmt:
        """Return the innermost statement that ``node`` is or belongs to."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def function(self, node: ast.AST) -> Function | None:
        """Return the innermost ``def`` around ``node`` (not ``node`` itself)."""
        for above in self.ancestors(node):
            if isinstance(above, Function):
                return above
        return None

    def block(self, statement: ast.stmt) -> Block:
        """Return the list of statements in which ``statement`` stands."""
        parent = self.parents[statement]
        for _, value in ast.iter_fields(parent):
            if isinstance(value, list) and any(one is statement for one in value):
                return value
        raise LookupError(statement)

    def start(self, node: ast.expr | ast.stmt) -> int:
        """Return the character offset at which ``node`` begins."""
        return self.source.offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        """Return the character offset behind ``node``."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.source.offset(node.end_lineno, node.end_col_offset)

    def text(self, node: ast.expr | ast.stmt) -> str:
        """Return the source text of ``node``."""
        return self.source.text[self.start(node) : self.end(node)]

    # -- definitions

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions that stand directly at module level, by name, if bound once."""
        found: dict[str, Function] = {}
        for node in self.tree.body:
            if isinstance(node, Function) and len(self.bindings(node.name)) == 1:
                found[node.name] = node
        return found

    def is_plain(self, function: Function) -> bool:
        """Whether a function is bound once at module level, or is a method of a class there."""
        if self.functions.get(function.name) is function:
            return True
        owner = self.parents.get(function)
        return isinstance(owner, ast.ClassDef) and self.parents.get(owner) is self.tree

    @cached_property
    def identifiers(self) -> frozenset[str]:
        """Every identifier in the file, attributes and keywords too."""
        return identifiers(self.tree)

    # -- scopes

    def binds(self, scope: ast.AST, name: str) -> Verdict | None:
        """Return what a scope decides about ``name``; None where it is looked up outside."""
        if scope not in self._tables:
            self._tables[scope] = table(scope)
        return self._tables[scope].get(name)

    def names_in(self, node: ast.AST) -> tuple[frozenset[str], frozenset[str]]:
        """Return the names and the attributes that stand anywhere under ``node``."""
        if node not in self._inner:
            inner = list(ast.walk(node))
            names = frozenset(one.id for one in inner if isinstance(one, ast.Name))
            attributes = frozenset(one.attr for one in inner if isinstance(one, ast.Attribute))
            self._inner[node] = names, attributes
        return self._inner[node]

    def mentions(self, name: str) -> list[ast.Name]:
        """Return the ``Name`` nodes that mean the module global ``name``, in order."""
        found = [node for node in self._names.get(name, ()) if self.is_global(node)]
        return sorted(found, key=lambda node: (node.lineno, node.col_offset))

    def is_global(self, node: ast.Name) -> bool:
        """Whether a name at this point is looked up (or bound) in the module's globals."""
        nested = False
        for above in self.ancestors(node):
            if not isinstance(above, SCOPES):
                continue
            if isinstance(above, ast.ClassDef) and nested:
                continue
            if not self._in_body(node, above):
                continue
            nested = True
            verdict = self.binds(above, node.id)
            if verdict is not None:
                return verdict == "global"
        return True

    def _in_body(self, node: ast.AST, scope: ast.AST) -> bool:
        """Whether ``node`` belongs to the scope itself, not to its decorators or defaults."""
        child = node
        for above in self.ancestors(node):
            if above is scope:
                break
            child = above
        if isinstance(scope, (*FUNCTIONS, ast.ClassDef)):
            return any(child is one for one in scope.body)
        if isinstance(scope, ast.Lambda):
            return child is scope.body
        return True

    def bindings(self, name: str) -> list[ast.AST]:
        """Return the nodes that bind the module global ``name``, from any scope."""
        found: list[ast.AST] = [
            node for node in self.mentions(name) if not isinstance(node.ctx, ast.Load)
        ]
        for node in self._binders.get(name, ()):
            owner = self._owner(node)
            if isinstance(owner, ast.Module) or self.binds(owner, name) == "global":
                found.append(node)
        return found

    def _owner(self, node: ast.AST) -> ast.AST:
        for above in self.ancestors(node):
            if isinstance(above, (*SCOPES, ast.Module)):
                return above
        return self.tree

    # -- the main guard

    def guard(self, node: ast.AST) -> ast.If | None:
        """Return the ``if __name__ == "__main__":`` whose body holds ``node``."""
        child = node
        for above in self.ancestors(node):
            if isinstance(above, ast.If) and is_main_test(above.test) and child in above.body:
                return above
            child = above
        return None

    def at_import(self) -> Iterator[ast.stmt]:
        """Yield the statements that run on import: at module level and in class bodies."""
        pending: list[ast.stmt] = list(reversed(self.tree.body))
        while pending:
            node = pending.pop()
            if isinstance(node, ast.ClassDef):
                pending.extend(reversed(node.body))
            elif isinstance(node, ast.If) and is_main_test(node.test):
                pending.extend(reversed(node.orelse))
            elif not isinstance(node, (*FUNCTIONS, ast.Import, ast.ImportFrom)):
                yield node


def is_main_test(test: ast.expr) -> bool:
    """Whether ``test`` holds only in the main program."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(is_main_test(value) for value in test.values)
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1):
        return False
    sides = (test.left, test.comparators[0])
    return isinstance(test.ops[0], ast.Eq) and any(
        isinstance(one, ast.Name)
        and one.id == "__name__"
        and isinstance(other, ast.Constant)
        and other.value == "__main__"
        for one, other in (sides, sides[::-1])
    )
