"""Whether what workers write depends on something that each process has for itself.

A set of what was seen already, a count or a buffer that only workers use is one per
process: what is added under a test of it would still not be what one process adds.  A
cache decides nothing: it holds the same for the same key in all processes.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence

from flake8_mpglobals.facts import Facts, LostWrite
from flake8_mpglobals.fixes.deciding import COMPOUND, header, is_one, mentions, test_of
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.shapes.additions import statements_in
from flake8_mpglobals.mutations import METHODS

_MUTATING = frozenset(name for names in METHODS.values() for name in names)


def check_private(
    module: Module, facts: Facts, writes: Sequence[LostWrite], reach: Sequence[Function]
) -> None:
    """Raise :class:`CannotFix` where worker code in ``reach`` so decides what it writes."""
    places = {_name_of(write) for write in writes if write.observers}
    states: dict[str, list[ast.AST]] = {}
    for write in facts.writes:
        if not write.observers:
            states.setdefault(_name_of(write), []).append(write.node)
    observed = {_name_of(write) for write in facts.writes if write.observers}
    known = {name.rpartition(".")[2] for name in observed | places}
    for function in reach if any(write.how == "instance" for write in writes) else ():
        for name, node in _own_state(module, function):
            if name.rpartition(".")[2] not in known:
                states.setdefault(name, []).append(node)
    for other in states.keys() - observed - places:
        changes = states[other]
        if not any(_fills(module, one, other, places) for one in changes):
            _State(module, reach, places, other, changes).check()


def _name_of(write: LostWrite) -> str:
    """Return the place of a write; of an instance, the attribute that changes."""
    if write.how != "instance":
        return write.place
    for node in ast.walk(write.node):
        match node:
            case ast.Attribute(value=ast.Name(id=own), attr=attribute) if own == write.place:
                return f"{own}.{attribute}"
    return write.place


def _own_state(module: Module, function: Function) -> Iterator[tuple[str, ast.AST]]:
    """Yield the attributes of ``self`` that a method changes, and where."""
    if not isinstance(module.parents.get(function), ast.ClassDef) or not function.args.args:
        return
    own = function.args.args[0].arg
    for node in ast.walk(function):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name == own:
                parent = module.parents[node]
                changed = isinstance(node.ctx, ast.Store)
                changed |= isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store)
                changed |= isinstance(parent, ast.Attribute) and parent.attr in _MUTATING
                if changed:
                    yield f"{own}.{attribute}", node


def _fills(module: Module, node: ast.AST, other: str, places: Collection[str]) -> bool:
    """Whether a write only fills what was not there, under a test of its place."""
    for above in module.ancestors(node):
        if isinstance(above, ast.If) and mentions(above.test, {other}):
            return all(
                not mentions(one, places)
                and (mentions(one, {other}) or isinstance(one, (ast.Assign, ast.Global)))
                for one in above.body
            )
    return False


class _State:
    """One thing that each process has for itself, and what depends on it."""

    def __init__(
        self,
        module: Module,
        reach: Sequence[Function],
        places: Collection[str],
        other: str,
        changes: Sequence[ast.AST],
    ) -> None:
        self._module = module
        self._reach = reach
        self._places = frozenset(places)
        self._other = other
        self._changes = changes
        self._writers = {one.name for one in reach if mentions(one, places)}
        self._readers = {one.name for one in reach if mentions(one, {other}) and _answers(one)}

    def check(self) -> None:
        """Raise :class:`CannotFix` where it decides what is written to the place."""
        kept = all(self._keeps_by_key(one) for one in self._changes)
        for function in self._reach:
            tests = self._line(function, {self._other}, tests=True)
            line = tests or self._line(function, {self._other, *self._readers} - {function.name})
            if line and (tests or not kept):
                raise CannotFix(
                    f"worker code {function.name!r} reads {self._other!r} (line {line}) before it "
                    f"changes {min(self._places)!r}, and each process has one of its own: "
                    "decide that in the parent"
                )

    def _keeps_by_key(self, node: ast.AST) -> bool:
        """Whether a write keeps under a key what was found out for it."""
        match self._module.statement(node):
            case ast.Assign(targets=targets, value=value):
                keys = [one.slice for one in targets if isinstance(one, ast.Subscript)]
                told = bool(keys) and not any(isinstance(one, ast.Constant) for one in keys)
                found_out = not isinstance(value, ast.Constant)
                return told and found_out and not mentions(value, {self._other})
        return False

    def _line(self, function: Function, names: Collection[str], *, tests: bool = False) -> int:
        """Return the line in which one of ``names`` decides what is written, or 0.

        With ``tests``, only what decides whether anything is written at all.
        """
        tainted = set(names)
        if not mentions(function, tainted):
            return 0
        for node in ast.walk(function) if not tests else ():
            if isinstance(node, ast.Assign) and mentions(node.value, tainted):
                stored = [one for target in node.targets for one in ast.walk(target)]
                tainted |= {one.id for one in stored if isinstance(one, ast.Name)} - self._places
        adding = {*self._places, *self._writers} - {function.name}
        for statement in statements_in(function):
            if not any(is_one(node, adding) for node in header(statement)):
                continue
            plain = not tests and not isinstance(statement, COMPOUND)
            if plain and mentions(statement, tainted - adding):
                return statement.lineno
            line = test_of(self._module, function, statement, tainted)
            if line:
                return line
        return 0


def _answers(function: Function) -> bool:
    return any(isinstance(one, ast.Return) and one.value is not None for one in ast.walk(function))
