"""A class of the file that derives from ``Process``: its objects carry what they share."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import newline
from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.setters import typed
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.rewriting import Rewriting

_INIT = "__init__"
_LIFE = frozenset({"start", "join", "terminate", "kill", "close", "is_alive"})


@dataclass(frozen=True)
class ProcessClass:
    """A class at module level with one base, ``Process``, and what of it a fix changes."""

    definition: ast.ClassDef
    run: ast.FunctionDef
    made: ast.FunctionDef | None

    @property
    def base(self) -> ast.Call:
        """A call of the base, as a plain process would be made."""
        return ast.Call(func=self.definition.bases[0], args=[], keywords=[])


def process_class(module: Module, call: ast.Call) -> ProcessClass | None:
    """Return the class of this file of which ``call`` makes an object; None if it is none.

    Raises :class:`CannotFix` where the class is no plain one.
    """
    func = call.func
    if not isinstance(func, ast.Name) or not module.is_global(func):
        return None
    bound = module.bindings(func.id)
    if len(bound) != 1 or not isinstance(bound[0], ast.ClassDef):
        return None
    found = bound[0]
    unclear = CannotFix(
        f"the class {found.name!r} (line {found.lineno}) is more than a plain subclass of Process"
    )
    if found not in module.tree.body or len(found.bases) != 1 or found.keywords:
        raise unclear
    if found.decorator_list or _derived(module, found.name):
        raise unclear
    methods = [one for one in found.body if isinstance(one, ast.FunctionDef)]
    run = [one for one in methods if one.name == "run"]
    made = [one for one in methods if one.name == _INIT]
    if len(run) != 1 or len(made) > 1 or any(one.name in _LIFE for one in methods):
        raise unclear
    if _runs_itself(module):
        raise CannotFix(f"run() of {found.name!r} may be called in the parent, too")
    for one in (*run, *made):
        if one.decorator_list or not one.args.args or one.args.posonlyargs:
            raise unclear
        if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(one)):
            raise unclear
    return ProcessClass(found, run[0], made[0] if made else None)


def _runs_itself(module: Module) -> bool:
    """Whether a ``run()`` is called other than by ``start()``."""
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Attribute) and node.attr == "run"):
            continue
        owner = node.value
        match owner:
            case ast.Call(func=ast.Name(id="super")):
                continue
            case ast.Name(id=name) if all(
                isinstance(one, ast.Import) for one in module.bindings(name)
            ) and module.bindings(name):
                continue
        return True
    return False


def _derived(module: Module, name: str) -> bool:
    """Whether a class is named in other ways than to make objects of it."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and node.id == name:
            parent = module.parents[node]
            if not (isinstance(parent, ast.Call) and node in (parent.func, *parent.args[:1])):
                return True
            if parent.func is not node and ast.unparse(parent.func) != "super":
                return True
    return False


def carry(job: Job, found: ProcessClass, call: ast.Call, shared: str) -> Iterator[Edit]:
    """Yield the edits by which the object that ``call`` makes carries what is shared.

    Its ``run`` binds the worker's globals to that before all else.
    """
    module = job.module
    yield from kept(job, found, call, shared)
    body = list(job.body)
    receiver = found.run.args.args[0].arg
    for one in job.parameter.split(", "):
        body = [re.sub(rf"\b{one}\b", f"{receiver}.{one}", line) for line in body]
    declared = _declared(found.run)
    stays = declared is not None and {*declared.names} - {job.place, job.target}
    if declared is not None and stays and job.target not in declared.names:
        end = module.end(declared)
        yield Edit(end, end, f", {body.pop(0).removeprefix('global ')}")
    elif declared is not None and job.target in declared.names:
        del body[0]
    rewriting = Rewriting(module, found.run)
    for line in body:
        if line.startswith("\t") or line == ")":
            raise CannotFix(f"{job.place!r} takes several lines to bind: make the processes plain")
    rewriting.begin(body)
    yield from rewriting.edits


def kept(job: Job, found: ProcessClass, call: ast.Call, shared: str) -> Iterator[Edit]:
    """Yield the edits by which the object that ``call`` makes is handed something, and keeps it."""
    module = job.module
    parameters = job.parameter.split(", ")
    for one in parameters:
        if one in module.identifiers:
            raise CannotFix(f"the name {one!r} is taken in line {found.definition.lineno}")
    if any(isinstance(one, ast.Starred) for one in call.args):
        raise CannotFix(f"line {call.lineno} passes its arguments by *: write them out")
    yield from _passed(module, call, shared)
    lines = [f"self.{one} = {one}" for one in parameters]
    if found.made is None:
        if call.args or call.keywords:
            raise CannotFix(
                f"line {call.lineno} passes arguments to {found.definition.name!r}, which has no "
                "__init__() of its own"
            )
        yield _init(module, found, parameters, lines)
    else:
        yield from _kept(module, found.made, job, lines)


def _declared(run: ast.FunctionDef) -> ast.Global | None:
    """Return the ``global`` statement with which a function begins."""
    match run.body:
        case [ast.Global() as first, *_]:
            return first
        case [ast.Expr(value=ast.Constant(value=str())), ast.Global() as first, *_]:
            return first
    return None


def _passed(module: Module, call: ast.Call, shared: str) -> Iterator[Edit]:
    given: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    first = min(given, key=lambda one: (one.lineno, one.col_offset), default=None)
    opening = module.end(call.func)
    opening += module.source.text[opening:].index("(") + 1
    if first is None:
        yield Edit(opening, opening, shared)
        return
    at = module.source.offset(first.lineno, first.col_offset)
    if module.source.text[opening:at].strip():
        at = opening
    yield Edit(at, at, f"{shared}, ")


def _kept(module: Module, made: ast.FunctionDef, job: Job, lines: list[str]) -> Iterator[Edit]:
    """Yield the edits by which ``__init__`` takes one more argument, first, and keeps it."""
    receiver = made.args.args[0]
    assert receiver.end_lineno is not None
    assert receiver.end_col_offset is not None
    at = module.source.offset(receiver.end_lineno, receiver.end_col_offset)
    yield Edit(at, at, f", {typed(made, job.parameter, job.annotation)}")
    called = next((one for one in made.body if _calls_base(one)), None)
    if called is None or called.lineno != called.end_lineno:
        raise CannotFix(
            f"line {made.lineno}: call super().__init__() in a statement of its own, on one line"
        )
    text = module.source.lines[called.lineno - 1]
    indent = text[: len(text) - len(text.lstrip())]
    if module.start(called) != module.source.starts[called.lineno - 1] + len(indent):
        raise CannotFix(f"line {called.lineno} holds more than one statement")
    end = module.source.starts[called.lineno - 1] + len(text)
    name = receiver.arg
    kept = [line.replace("self.", f"{name}.", 1) for line in lines]
    yield Edit(end, end, "".join(f"{newline(module.source)}{indent}{line}" for line in kept))


def _calls_base(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))):
            return name == _INIT
    return False


def _init(module: Module, found: ProcessClass, parameters: list[str], lines: list[str]) -> Edit:
    """Return the edit that gives the class an ``__init__`` before its ``run``."""
    source = module.source
    run = found.run
    text = source.lines[run.lineno - 1]
    indent = text[: len(text) - len(text.lstrip())]
    body = source.lines[run.body[0].lineno - 1]
    deeper = body[: len(body) - len(body.lstrip())]
    if run.body[0].lineno == run.lineno:
        raise CannotFix(f"line {run.lineno} holds more than one statement")
    first = run.lineno
    while source.lines[first - 2].strip().startswith("#"):
        first -= 1
    end = newline(source)
    returns = " -> None" if run.returns is not None else ""
    made = [
        f"{indent}def {_INIT}(self, {', '.join(parameters)}){returns}:",
        f"{deeper}super().{_INIT}()",
        *(f"{deeper}{line}" for line in lines),
        "",
    ]
    at = source.starts[first - 1]
    return Edit(at, at, "".join(f"{line}{end}" for line in made))
