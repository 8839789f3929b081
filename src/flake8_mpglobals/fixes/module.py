"""One file as the shapes look at it: parents, scopes, blocks, the main guard.

A :class:`Module` is built once per pass over a parsed file and only asked.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from flake8_mpglobals.source import Source

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
Block = list[ast.stmt]

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, *_COMPREHENSIONS)


class Module:
    """The tree of ``source`` with the questions that every shape asks."""

    def __init__(self, source: Source, tree: ast.Module) -> None:
        self.source = source
        self.tree = tree
        self.parents: dict[ast.AST, ast.AST] = {
            child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)
        }

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

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """Every function and class of the file, nested ones too."""
        return tuple(
            node for node in ast.walk(self.tree) if isinstance(node, (*_FUNCTIONS, ast.ClassDef))
        )

    @cached_property
    def identifiers(self) -> frozenset[str]:
        """Every identifier in the file, attributes and keywords too."""
        return identifiers(self.tree)

    # -- scopes

    def mentions(self, name: str) -> list[ast.Name]:
        """Return the ``Name`` nodes that mean the module global ``name``, in order."""
        found = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Name) and node.id == name and self.is_global(node)
        ]
        return sorted(found, key=lambda node: (node.lineno, node.col_offset))

    def is_global(self, node: ast.Name) -> bool:
        """Whether a name at this point is looked up (or bound) in the module's globals."""
        nested = False
        for above in self.ancestors(node):
            if not isinstance(above, _SCOPES):
                continue
            if isinstance(above, ast.ClassDef) and nested:
                continue
            if not self._in_body(node, above):
                continue
            nested = True
            verdict = binds(above, node.id)
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
        if isinstance(scope, (*_FUNCTIONS, ast.ClassDef)):
            return any(child is one for one in scope.body)
        if isinstance(scope, ast.Lambda):
            return child is scope.body
        return True

    def bindings(self, name: str) -> list[ast.AST]:
        """Return the nodes that bind the module global ``name``, from any scope."""
        found: list[ast.AST] = [
            node for node in self.mentions(name) if not isinstance(node.ctx, ast.Load)
        ]
        for node in ast.walk(self.tree):
            if not _binds_name(node, name):
                continue
            function = self.function(node)
            owner = self._owner(node)
            if isinstance(owner, ast.Module) or (
                function is not None and binds(function, name) == "global"
            ):
                found.append(node)
        return found

    def _owner(self, node: ast.AST) -> ast.AST:
        for above in self.ancestors(node):
            if isinstance(above, (*_SCOPES, ast.Module)):
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
        """Yield the top-level statements that run on import and are no definitions."""
        for node in self.tree.body:
            if isinstance(node, ast.If) and is_main_test(node.test):
                yield from node.orelse
            elif not isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom)):
                yield node


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


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


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function's or module's own body, not those of nested scopes.

    Comprehensions are looked into (an assignment expression there binds outside);
    of a nested function or class only the statement itself is yielded.
    """
    stack: list[ast.AST] = list(scope.body) if isinstance(scope, _BODIED) else [scope]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.Lambda)):
            continue
        stack.extend(ast.iter_child_nodes(node))


_BODIED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def binds(scope: ast.AST, name: str) -> str | None:
    """Return "global" or "local" where the scope decides what ``name`` is, else None."""
    if isinstance(scope, _COMPREHENSIONS):
        targets = [generator.target for generator in scope.generators]
        found = any(_stores(node, name) for target in targets for node in ast.walk(target))
        return "local" if found else None
    if isinstance(scope, (*_FUNCTIONS, ast.Lambda)):
        arguments = scope.args
        extra = [arguments.vararg, arguments.kwarg]
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        if any(one is not None and one.arg == name for one in (*every, *extra)):
            return "local"
        if isinstance(scope, ast.Lambda):
            return None
    local = False
    for node in own_nodes(scope):
        if isinstance(node, ast.Global) and name in node.names:
            return "global"
        if isinstance(node, ast.Nonlocal) and name in node.names:
            return "local"
        if (_stores(node, name) and not _in_comprehension_target(scope, node)) or _binds_name(
            node, name
        ):
            local = True
    return "local" if local else None


def _stores(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)


def _in_comprehension_target(scope: ast.AST, node: ast.AST) -> bool:
    for inner in own_nodes(scope):
        if isinstance(inner, _COMPREHENSIONS):
            for generator in inner.generators:
                if any(one is node for one in ast.walk(generator.target)):
                    return True
    return False


def _binds_name(node: ast.AST, name: str) -> bool:
    """Whether a node other than ``Name`` binds ``name`` in the scope where it stands."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name == name
        case ast.Import() | ast.ImportFrom():
            return any((one.asname or one.name.partition(".")[0]) == name for one in node.names)
        case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
            return node.name == name
        case ast.MatchMapping():
            return node.rest == name
    return False


def identifiers(tree: ast.AST) -> frozenset[str]:
    """Return every identifier under ``tree``: names, attributes, arguments, imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name():
                found.add(node.id)
            case ast.Attribute():
                found.add(node.attr)
            case ast.arg():
                found.add(node.arg)
            case ast.keyword() if node.arg:
                found.add(node.arg)
            case ast.Global() | ast.Nonlocal():
                found.update(node.names)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.alias():
                found.update((node.asname or node.name).split("."))
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name:
                found.add(node.name)
            case ast.MatchMapping() if node.rest:
                found.add(node.rest)
    return frozenset(found)
