"""How a file names ``multiprocessing``, and how it comes by one more name of it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import newline
from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.naming import fresh
from flake8_mpglobals.fixes.plan import CannotFix

_PACKAGE = "multiprocessing"
_CONTEXT = "get_context"
_Import = ast.Import | ast.ImportFrom


@dataclass(frozen=True, slots=True)
class Spelling:
    """How to write one name of multiprocessing, and the edits that make it valid."""

    text: str
    edits: tuple[Edit, ...] = ()


def beside(module: Module, call: ast.Call, api: str, wanted: str) -> Spelling:
    """Return how to write ``wanted`` (``Manager``, …) beside ``call``, in the style in use there.

    ``call`` makes the pool or the process, ``api`` is what people call it.  A
    context that makes the pool makes what is shared too.  Raises
    :class:`CannotFix` where the way the call is named is not understood.
    """
    unknown = CannotFix(
        f"{api} is reached in a way that the fix does not follow: import it plainly"
    )
    func = call.func
    if isinstance(func, ast.Attribute):
        if _is_context(module, func.value) or _imports(module, func.value) == _PACKAGE:
            return Spelling(f"{module.text(func.value)}.{wanted}")
        dotted = ast.unparse(func.value)
        if dotted == f"{_PACKAGE}.pool" and _imports(module, _root(func.value)) == _PACKAGE:
            return Spelling(f"{_PACKAGE}.{wanted}")
        raise unknown
    if not isinstance(func, ast.Name):
        raise unknown
    found = _import_of(module, func)
    if found is None:
        raise unknown
    statement, _ = found
    if statement.level or statement.module not in (_PACKAGE, f"{_PACKAGE}.pool"):
        raise unknown
    return _named(module, statement, wanted)


def beside_executor(
    module: Module, call: ast.Call, context: ast.expr | None, wanted: str
) -> Spelling:
    """Return how to write ``wanted`` beside the executor that ``call`` makes.

    ``context`` is its ``mp_context``, if it has one; it makes what is shared then.
    Raises :class:`CannotFix` as :func:`beside` does.
    """
    if context is not None:
        if not _is_context(module, context):
            raise CannotFix(f"line {context.lineno}: make the context by get_context() right there")
        return Spelling(f"{module.text(context)}.{wanted}")
    root = _root(call.func)
    bound = _binding(module, root) if isinstance(root, ast.Name) else None
    if not isinstance(bound, (ast.Import, ast.ImportFrom)):
        raise CannotFix("the executor is reached in a way that the fix does not follow")
    for statement in module.block(bound):
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                name = alias.asname or alias.name
                if alias.name == _PACKAGE and len(module.bindings(name)) == 1:
                    return Spelling(f"{name}.{wanted}")
        if isinstance(statement, ast.ImportFrom) and statement.module == _PACKAGE:
            return _named(module, statement, wanted)
    return _named(module, bound, wanted)


def context_of(module: Module, call: ast.Call, *, executor: bool = False) -> str:
    """Return what tells apart the contexts of ``multiprocessing`` by which calls make things.

    Empty for the default one, the name of the method where it is written out, else the
    text by which the file reaches the context.
    """
    context: ast.expr | None = None
    if executor:
        context = next((one.value for one in call.keywords if one.arg == "mp_context"), None)
        context = call.args[1] if context is None and len(call.args) > 1 else context
    elif isinstance(call.func, ast.Attribute) and not _imports(module, _root(call.func)):
        context = call.func.value
    if context is None:
        return ""
    made = context
    bound = _binding(module, context) if isinstance(context, ast.Name) else None
    if bound is not None:
        made = getattr(module.parents.get(bound), "value", context)
    match made:
        case ast.Call(args=[], keywords=[]) if _is_context(module, context):
            return ""
        case ast.Call(args=[ast.Constant(value=str(method))]) if _is_context(module, context):
            return method
    return ast.unparse(context)


def _named(module: Module, statement: _Import, wanted: str) -> Spelling:
    """Return ``wanted`` by its own name, imported beside ``statement``."""
    existing = _imported(module, statement, wanted)
    if existing:
        return Spelling(existing)
    name = fresh(wanted, module.identifiers)
    added = wanted if name == wanted else f"{wanted} as {name}"
    if isinstance(statement, ast.ImportFrom) and statement.module == _PACKAGE:
        return Spelling(name, (_add_alias(module, statement, added),))
    if getattr(statement, "module", "") == f"{_PACKAGE}.pool":
        return Spelling(name, (_line(module, statement, added, before=True),))
    behind = _in_order(module, statement)
    if behind is None:
        return Spelling(name, (_line(module, _run(module, statement)[0], added, before=True),))
    return Spelling(name, (_line(module, behind, added, before=False),))


def _line(module: Module, statement: ast.stmt, added: str, *, before: bool) -> Edit:
    """Return the edit that imports ``added`` in a line of its own beside ``statement``."""
    line_start = module.source.starts[statement.lineno - 1]
    indent = module.source.text[line_start : module.start(statement)]
    assert statement.end_lineno is not None
    last = module.source.lines[statement.end_lineno - 1]
    end = module.source.starts[statement.end_lineno - 1] + len(last)
    rest = module.source.text[module.end(statement) : end].strip()
    if indent.strip() or (rest and not rest.startswith("#")):
        raise CannotFix(f"line {statement.lineno} holds more than one statement")
    text = f"{indent}from {_PACKAGE} import {added}"
    if before:
        return Edit(line_start, line_start, text + newline(module.source))
    return Edit(end, end, newline(module.source) + text)


def _in_order(module: Module, statement: _Import) -> _Import | None:
    """Return the import behind which one of multiprocessing keeps the order of those around it.

    None: before all of them.  ``statement`` itself, where they are in no order.
    """
    run = _run(module, statement)
    for plain_first in (True, False):
        keys = [(plain_first and isinstance(o, ast.ImportFrom), _module_of(o)) for o in run]
        if keys == sorted(keys):
            behind = [o for o, key in zip(run, keys, strict=True) if key < (plain_first, _PACKAGE)]
            return behind[-1] if behind else None
    return statement


def _run(module: Module, statement: _Import) -> list[_Import]:
    """Return the imports around ``statement`` with no other line between them."""
    block = module.block(statement)
    run: list[_Import] = []
    for one in block:
        if not isinstance(one, (ast.Import, ast.ImportFrom)):
            if statement in run:
                break
            run = []
            continue
        if run and one.lineno != (run[-1].end_lineno or 0) + 1:
            if statement in run:
                break
            run = []
        run.append(one)
    return run


def _module_of(statement: _Import) -> str:
    """Return the name by which an import is sorted: what is relative comes last."""
    if isinstance(statement, ast.Import):
        return statement.names[0].name.lower()
    if statement.module == "__future__":
        return ""
    return ("~" if statement.level else "") + (statement.module or "").lower()


def _imported(module: Module, near: ast.stmt, wanted: str) -> str:
    """Return the name under which ``wanted`` is imported in the block of ``near``."""
    for statement in module.block(near):
        if isinstance(statement, ast.ImportFrom) and statement.module == _PACKAGE:
            for alias in statement.names:
                if alias.name == wanted:
                    name = alias.asname or alias.name
                    return name if len(module.bindings(name)) == 1 else ""
    return ""


def _add_alias(module: Module, statement: ast.ImportFrom, added: str) -> Edit:
    """Return the edit that adds a name to an import, in order where the names are in order."""
    names = [alias.name for alias in statement.names]
    new = added.partition(" ")[0]
    place = len(names)
    orders: tuple[Callable[[str], tuple[int, str]], ...] = (_isort, _plainly, _caseless)
    for key in orders:
        keys = [key(name) for name in names]
        if keys == sorted(keys):
            place = next((n for n, one in enumerate(keys) if one > key(new)), len(names))
            break
    text = module.source.text
    if place < len(names):
        at = _alias_start(module, statement.names[place])
        lead = text[module.source.starts[statement.names[place].lineno - 1] : at]
        alone = not lead.strip() and statement.names[place].lineno != statement.lineno
        gap = newline(module.source) + lead if alone and _one_per_line(statement) else " "
        return Edit(at, at, f"{added},{gap}")
    last = statement.names[-1]
    assert last.end_lineno is not None
    assert last.end_col_offset is not None
    at = module.source.offset(last.end_lineno, last.end_col_offset)
    if _one_per_line(statement):
        line = module.source.starts[last.lineno - 1]
        lead = text[line : _alias_start(module, last)]
        return Edit(at, at, f",{newline(module.source)}{lead}{added}")
    return Edit(at, at, f", {added}")


def _one_per_line(statement: ast.ImportFrom) -> bool:
    lines = [alias.lineno for alias in statement.names]
    return len(set(lines)) == len(lines) and lines[0] != statement.lineno


def _alias_start(module: Module, alias: ast.alias) -> int:
    return module.source.offset(alias.lineno, alias.col_offset)


def _plainly(name: str) -> tuple[int, str]:
    return 0, name


def _caseless(name: str) -> tuple[int, str]:
    return 0, name.lower()


def _isort(name: str) -> tuple[int, str]:
    """Return isort's order: constants, then classes, then the rest."""
    if name.isupper() and len(name) > 1:
        return 0, name
    return (1, name) if name[:1].isupper() else (2, name)


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def _binding(module: Module, name: ast.Name) -> ast.AST | None:
    """Return the one node that binds ``name`` for this use, if there is just one."""
    if module.is_global(name):
        found = module.bindings(name.id)
        return found[0] if len(found) == 1 else None
    function = module.function(name)
    if function is None or module.binds(function, name.id) != "local":
        return None
    local = [
        node
        for node in ast.walk(function)
        if (isinstance(node, ast.Name) and node.id == name.id and isinstance(node.ctx, ast.Store))
        or (
            isinstance(node, (ast.Import, ast.ImportFrom))
            and any((one.asname or one.name) == name.id for one in node.names)
        )
    ]
    arguments = {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}
    return local[0] if len(local) == 1 and name.id not in arguments else None


def _imports(module: Module, node: ast.expr) -> str:
    """Return the module that ``node`` names, if a plain import binds it."""
    if not isinstance(node, ast.Name):
        return ""
    bound = _binding(module, node)
    found = [bound] if bound else module.bindings(node.id)
    packages = set()
    for one in found:
        if not isinstance(one, ast.Import):
            return ""
        for alias in one.names:
            if alias.asname == node.id:
                packages.add(alias.name)
            elif not alias.asname and alias.name.partition(".")[0] == node.id:
                packages.add(node.id)
    return packages.pop() if len(packages) == 1 else ""


def _import_of(module: Module, name: ast.Name) -> tuple[ast.ImportFrom, ast.alias] | None:
    bound = _binding(module, name)
    if not isinstance(bound, ast.ImportFrom):
        return None
    for alias in bound.names:
        if (alias.asname or alias.name) == name.id:
            return bound, alias
    return None


def _is_context(module: Module, node: ast.expr) -> bool:
    """Whether ``node`` is ``get_context("…")`` of multiprocessing, or a name bound to it once."""
    once = isinstance(node, ast.Name)
    if isinstance(node, ast.Name):
        bound = _binding(module, node)
        parent = module.parents.get(bound) if bound is not None else None
        if not (isinstance(parent, ast.Assign) and len(parent.targets) == 1):
            return False
        node = parent.value
    if not isinstance(node, ast.Call):
        return False
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    if not once and not all(isinstance(one, ast.Constant) for one in arguments):
        return False
    func = node.func
    if isinstance(func, ast.Attribute):
        return func.attr == _CONTEXT and _imports(module, func.value) == _PACKAGE
    if isinstance(func, ast.Name):
        found = _import_of(module, func)
        return found is not None and (found[0].module, found[1].name) == (_PACKAGE, _CONTEXT)
    return False
