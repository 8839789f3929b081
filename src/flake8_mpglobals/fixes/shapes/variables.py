"""Objects that stand under names of one function: who touches them, and their proxies."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.naming import fresh
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.setters import shared_of
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.lists import uses
from flake8_mpglobals.fixes.shapes.pure import is_builtin
from flake8_mpglobals.fixes.shapes.sets import VALUE
from flake8_mpglobals.fixes.touches import Touches

_CALM = frozenset({"start", "join", "append", "close", "get", "result", "wait", "shutdown"})
_CALM |= {"map", "starmap", "apply", "apply_async", "map_async", "starmap_async", "submit"}
_NEW = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


@dataclass
class ArgumentJob(Job):
    """Objects of the parent that workers are handed, each with a proxy of its own."""

    variables: tuple[str, ...] = ()

    def proxy(self, variable: str, first: str) -> str:
        """Return the name of the proxy for a variable; ``first`` is that for the place."""
        if variable == self.place:
            return first
        return fresh(shared_of(variable), self.module.identifiers)

    def makes(self, shared: str, manager: str) -> tuple[str, ...]:
        """Return the lines by which ``manager`` makes the proxies."""
        made = "list" if self.kind == "list" else "dict"
        return tuple(
            f"{self.proxy(one, shared)} = {manager}.{made}({self._held(one)})"
            for one in self.variables
        )

    def _held(self, variable: str) -> str:
        """Return what a proxy begins with, as an expression."""
        return f"dict.fromkeys({variable}, {VALUE})" if self.kind == "set" else variable

    def fill(self, shared: str) -> tuple[str, ...]:
        """Return the lines that put the parent's content into the proxies once more."""
        lines: list[str] = []
        for one in self.variables:
            proxy = self.proxy(one, shared)
            if self.kind == "list":
                lines.append(f"{proxy}[:] = {one}")
            else:
                lines += [f"{proxy}.clear()", f"{proxy}.update({self._held(one)})"]
        return tuple(lines)

    def bring_back(self, shared: str) -> tuple[str, ...]:
        """Return the lines that put the content of the proxies into the parent's objects."""
        lines: list[str] = []
        for one in self.variables:
            proxy = self.proxy(one, shared)
            if self.kind == "list":
                lines.append(f"{one}[:] = {proxy}[:]")
            else:
                lines += [f"{one}.clear()"] if self.deletes else []
                content = "keys" if self.kind == "set" else "copy"
                lines.append(f"{one}.update({proxy}.{content}())")
        return tuple(lines)


class Parameter(Touches):
    """The uses of a parameter in its function, which is all that touches it there."""

    def __init__(self, module: Module, function: Function, name: str) -> None:
        found = [
            node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name
        ]
        if any(module.function(one) is not function for one in found):
            raise CannotFix(f"{function.name!r} uses {name!r} in a nested function")
        self.only(module, name, found)


class Variables(Touches):
    """The uses of variables of one function of the parent, or of a script."""

    def __init__(self, module: Module, names: Sequence[ast.Name]) -> None:
        self._where = module.function(names[0])
        shown = {one.id: one for one in names}
        found = [use for one in shown.values() for use in uses(module, one)]
        found.sort(key=lambda use: (use.lineno, use.col_offset))
        self.only(module, found[0].id, found)

    def check(self, known: Sequence[ast.Call]) -> None:
        """Raise :class:`CannotFix` where an object may be reached otherwise meanwhile.

        ``known`` are the calls that make and use the pools and processes.
        """
        for name in dict.fromkeys(one.id for one in self.mentions):
            self._check([one for one in self.mentions if one.id == name], known)

    def _check(self, mentions: Sequence[ast.Name], known: Sequence[ast.Call]) -> None:
        module, place = self.module, mentions[0].id
        if any(module.function(one) is not self._where for one in mentions):
            raise CannotFix(f"{place!r} is used in a nested function, too")
        start = min(one.lineno for one in known)
        bound = [one for one in mentions if not isinstance(one.ctx, ast.Load)]
        new = len(bound) == 1 and _is_new(module, bound[0])
        if len(bound) > 1 or (bound and not new):
            raise CannotFix(
                f"{place!r} may be an object that others have, too (line {bound[0].lineno}): "
                "make a new one for the workers"
            )
        for one in mentions:
            parent = module.parents[one]
            inner = isinstance(parent, (ast.Attribute, ast.Subscript)) and parent.value is one
            measured = isinstance(parent, ast.Call) and ast.unparse(parent.func) == "len"
            if one.lineno < start and one not in bound and not (inner or measured):
                raise CannotFix(f"line {one.lineno} gives {place!r} to others before the workers")
        if not new:
            self._check_calm(place, start, known)

    def _check_calm(self, place: str, start: int, known: Sequence[ast.Call]) -> None:
        """Nothing but workers runs meanwhile, so that nobody else touches the object."""
        around = self._where
        if around is None or isinstance(around, ast.AsyncFunctionDef):
            raise CannotFix(f"{place!r} may change elsewhere while the workers run")
        for node in ast.walk(around):
            if not isinstance(node, ast.Call) or node.lineno < start or node in known:
                continue
            calm = isinstance(node.func, ast.Attribute) and node.func.attr in _CALM
            if not (calm or is_builtin(self.module, node.func)):
                raise CannotFix(
                    f"line {node.lineno} may use {place!r}, which the caller has, too, while "
                    "the workers run"
                )


def _is_new(module: Module, name: ast.Name) -> bool:
    """Whether a variable is bound to an object that nothing else has."""
    match module.parents[name]:
        case ast.Assign(targets=[_], value=value) | ast.AnnAssign(value=value):
            if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
                return isinstance(value.left, ast.List) or isinstance(value.right, ast.List)
            return isinstance(value, _NEW) or (
                isinstance(value, ast.Call)
                and is_builtin(module, value.func)
                and ast.unparse(value.func) in ("list", "dict", "set")
            )
    return False
