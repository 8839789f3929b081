"""Make under the main guard what a script makes on import, where only the parent needs it."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.importers import named_elsewhere
from flake8_mpglobals.fixes.layout import newline, unit
from flake8_mpglobals.fixes.module import Function, Module, is_main_test
from flake8_mpglobals.fixes.touches import reached

PRIMITIVES = frozenset(
    {"Value", "Array", "RawValue", "RawArray", "Lock", "RLock", "Semaphore", "Condition"}
    | {"BoundedSemaphore", "Event", "Barrier", "Queue", "JoinableQueue", "SimpleQueue", "Pipe"}
)
"""What of multiprocessing makes an object that a process may get from the one that starts it."""
MAKERS = PRIMITIVES | {"Manager", "get_context"}
_SCRIPTS = ("pyproject.toml", "setup.cfg", "setup.py")
"""Where a module may be named that somebody else runs."""
_SIMPLE = (ast.Constant, ast.Name, ast.Attribute, ast.Load)


def edits(module: Module, place: str, workers: Collection[Function]) -> tuple[Edit, ...]:
    """Return the edits that move what binds the global ``place`` to the start of the guard.

    What else it takes (the manager that makes a proxy) goes with it.  ``workers`` run in
    other processes.  Nothing, where that may change what an importer or a statement at
    module level sees, or would part it from a comment.
    """
    guards = [one for one in module.tree.body if isinstance(one, ast.If) and is_main_test(one.test)]
    if len(guards) != 1 or guards[0].body[0].lineno == guards[0].lineno or _imported(module):
        return ()
    guard = guards[0]
    statements = _needed(module, place)
    if not statements or not all(_alone(module, one) for one in statements):
        return ()
    bound = {name for one in statements for name in _bound(one)}
    for name in bound:
        if len(module.bindings(name)) != 1:
            return ()
        for use in module.mentions(name):
            held = module.function(use)
            if name != place and held is not None and any(held is one for one in workers):
                return ()
            if not any(module.inside(use, one) for one in (*statements, guard)) and (
                held is None or not any(module.inside(use, one) for one in held.body)
            ):
                return ()
    started = {
        node.id if isinstance(node, ast.Name) else node.attr
        for one in module.at_import()
        for node in ast.walk(one)
        if isinstance(node, (ast.Name, ast.Attribute))
    }
    run = reached(
        module,
        [one for one in module.definitions if one.name in started and isinstance(one, Function)],
    )
    if any(
        module.inside(use, one) for name in bound for use in module.mentions(name) for one in run
    ):
        return ()
    source = module.source
    depth = source.lines[guard.body[0].lineno - 1]
    indent = depth[: len(depth) - len(depth.lstrip())] or unit(module)
    texts = [f"{indent}{source.lines[one.lineno - 1].lstrip()}" for one in statements]
    at = source.starts[_first(guard) - 1]
    text = "".join(f"{one}{newline(source)}" for one in texts)
    return (*_without(module, statements), Edit(at, at, text))


def _imported(module: Module) -> bool:
    """Whether other files may import this one."""
    path = Path(module.source.path).absolute()
    if (path.parent / "__init__.py").exists() or named_elsewhere(str(path), {path.stem}):
        return True
    entry = re.compile(rf"\b{re.escape(path.stem)}\b")
    for folder in path.parents:
        for name in _SCRIPTS:
            try:
                if entry.search((folder / name).read_text(encoding="utf-8", errors="replace")):
                    return True
            except OSError:
                continue
        if (folder / ".git").exists():
            break
    return False


def _needed(module: Module, place: str) -> list[ast.stmt]:
    """Return the statement that binds a place, behind that of the manager which it takes."""
    statement = module.statement(module.bindings(place)[0])
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.Call):
        return []
    found = [statement]
    match value.func:
        case ast.Attribute(value=ast.Name(id=name)):
            bound = module.bindings(name)
            made = module.statement(bound[0]) if len(bound) == 1 else None
            if isinstance(made, ast.Assign) and made in module.tree.body:
                if not (
                    isinstance(made.value, ast.Call)
                    and ast.unparse(made.value.func).rpartition(".")[2]
                    in ("Manager", "get_context")
                ):
                    return []
                if ast.unparse(made.value.func).endswith("Manager"):
                    found.insert(0, made)
        case ast.Attribute(value=ast.Call(func=func)):
            if not ast.unparse(func).endswith(("Manager", "get_context")):
                return []
    arguments = [*value.args, *(one.value for one in value.keywords)]
    if not all(isinstance(n, _SIMPLE) for one in arguments for n in ast.walk(one)):
        return []
    return found


def _bound(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _alone(module: Module, statement: ast.stmt) -> bool:
    """Whether a statement is one line at module level that no comment above speaks of."""
    lines = module.source.lines
    line = statement.lineno
    above = lines[line - 2].strip() if line > 1 else ""
    behind = lines[line - 1][module.source.column(line, statement.end_col_offset or 0) - 1 :]
    return (
        statement in module.tree.body
        and statement.lineno == statement.end_lineno
        and statement.col_offset == 0
        and not above.startswith("#")
        and line < len(module.source.starts)
        and behind.strip()[:1] in ("", "#")
    )


def _without(module: Module, statements: Sequence[ast.stmt]) -> Iterator[Edit]:
    """Yield the edits that take lines away, with the blank lines above where more follow."""
    source = module.source
    numbers = sorted(one.lineno for one in statements)
    while numbers:
        first = last = numbers.pop(0)
        while numbers and numbers[0] == last + 1:
            last = numbers.pop(0)
        if not source.lines[last].strip():
            while first > 1 and not source.lines[first - 2].strip():
                first -= 1
        yield Edit(source.starts[first - 1], source.starts[last], "")


def _first(guard: ast.If) -> int:
    """Return the line of the guard's body before which the statements go.

    That is behind those that make things of the same sort, so that the order stays.
    """
    made: set[str] = set()
    last: int | None = guard.test.end_lineno
    for one in guard.body:
        match one:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func)):
                root, _, method = ast.unparse(func).rpartition(".")
                if method not in MAKERS and root not in made:
                    break
                made.add(name)
            case ast.Expr(value=ast.Call(func=func)):
                if not ast.unparse(func).endswith("freeze_support"):
                    break
            case _:
                break
        last = one.end_lineno
    assert last is not None
    return last + 1
