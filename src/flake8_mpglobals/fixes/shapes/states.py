"""Let the objects of a subclass of ``Process`` send back what their ``run`` makes of them.

Each is handed a dict of a manager, into which ``run`` puts its attributes at its end; the
parent's own objects get them behind the last ``join()``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from flake8_mpglobals.facts import Facts, LostWrite
from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.imports import Spelling
from flake8_mpglobals.fixes.layout import Sheet, Wrap, newline, quote
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.naming import around, fresh
from flake8_mpglobals.fixes.plan import CannotFix, Plan
from flake8_mpglobals.fixes.shapes import dispatches
from flake8_mpglobals.fixes.shapes.calm import calm
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.lists import kept_in, single
from flake8_mpglobals.fixes.shapes.processes import ProcessShare, spans
from flake8_mpglobals.fixes.shapes.pure import is_builtin
from flake8_mpglobals.fixes.shapes.rewriting import Rewriting
from flake8_mpglobals.fixes.shapes.subclasses import ProcessClass, kept, process_class
from flake8_mpglobals.fixes.shapes.ways import own_nodes
from flake8_mpglobals.fixes.shapes.wording import singular
from flake8_mpglobals.fixes.touches import Touches, reached
from flake8_mpglobals.model import Finding

_MAKERS = frozenset({"list", "dict", "set", "int", "float", "str", "bytearray"})
_MODULE_MAKERS = frozenset({"Counter", "defaultdict", "deque", "OrderedDict"})
_DISPLAYS = (
    *(ast.Constant, ast.List, ast.Dict, ast.Set, ast.Tuple, ast.ListComp, ast.DictComp),
    *(ast.SetComp, ast.UnaryOp, ast.BinOp, ast.JoinedStr),
)
_UNSENT = (ast.Lambda, ast.GeneratorExp)
_OPEN = frozenset(
    {"open", "iter", "map", "filter", "zip", "reversed", "enumerate", "Lock", "Thread"}
)


def takes(writes: Sequence[LostWrite]) -> bool:
    """Whether all writes change the object of a process."""
    return all(write.how == "instance" for write in writes)


def plan(facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding]) -> Plan:
    """Return the plan by which processes give back what ``run`` makes of them.

    Raises :class:`CannotFix` where the rewrite is not proved.
    """
    module = Module(facts.source, facts.tree)
    sites = dispatches.found(facts, module, writes)
    if not all(dispatches.is_process(site) for site in sites):
        raise CannotFix("")
    classes = [process_class(module, site.call) for site in sites]
    own = classes[0]
    if own is None or any(one is None or one.definition is not own.definition for one in classes):
        raise CannotFix("")
    names = tuple(dict.fromkeys(attribute_of(module, own, write) for write in writes))
    _check_begun(module, own, names)
    sites = [site for site in facts.sites if any(own.run is one for one in site.workers)]
    calls = [site.call for site in sites]
    sheet = Sheet(module)
    job = States(
        module,
        Touches(module, names[0], calls),
        "dict",
        sheet,
        exempt=[*calls],
        calls=calls,
        annotation=_annotation(module, own, names),
        names=names,
    )
    edits: list[Edit] = []
    for span in spans(module, calls, frozenset(names)):
        if span.helpers:
            raise CannotFix("the processes are made and joined in two functions: do both in one")
        for site in sites:
            if any(site.call is call for call in span.calls):
                dispatches.check_guard(module, site, module.function(site.call), site.call)
        _check_parent(module, own, names, span.statements)
        job.targets = tuple(dict.fromkeys(_kept_in(module, call) for call in span.calls))
        _StateShare(job, span).apply()
    edits = list(_returned(module, own, job))
    behind: dict[int, str] = {}
    for edit in job.added:
        behind[edit.start] = behind.get(edit.start, "") + edit.text
    edits += [Edit(at, at, text) for at, text in behind.items()]
    edits = [*(sheet.deepen(edit) for edit in edits), *job.edits()]
    return Plan(
        tuple(findings),
        writes[0].place,
        "safe",
        f"Send the attributes that {own.definition.name}.run() changes back through a manager",
        tuple(sorted(set(edits))),
    )


@dataclass
class States(Job):
    """The attributes ``names`` of processes that the parent has as ``targets``.

    A target is the name of a process, or that of what holds them and a name for one of them.
    """

    names: tuple[str, ...] = ()
    targets: tuple[tuple[str, str], ...] = ()
    added: list[Edit] = field(default_factory=list)

    @property
    def parameter(self) -> str:
        """The name of the dict that a process is handed."""
        return "returned"

    def shared(self, anchor: ast.AST) -> str:
        """Return how each process gets a dict of its own."""
        return f"{fresh('manager', around(self.module, anchor))}.dict()"

    def makes(self, shared: str, manager: str) -> tuple[str, ...]:
        """Return no line: each process gets a dict where it is made."""
        assert shared == f"{manager}.dict()"
        return ()

    def untouched(self, nodes: list[ast.stmt]) -> None:
        """Answer nothing: attributes are no names (see :func:`_check_parent`)."""

    def share(self, statements: list[ast.stmt], spelling: Spelling, *, outside: bool) -> str:
        """Put ``statements`` under a manager, and behind them what brings back."""
        assert outside
        shared = super().share(statements, spelling, outside=False)
        last = statements[-1]
        lines = [line for one in self.targets for line in self._brought_back(one, last)]
        source = self.module.source
        end = (last.end_lineno or 1) - 1
        at = source.starts[end] + len(source.lines[end])
        text = source.lines[last.lineno - 1]
        indent = newline(source) + text[: len(text) - len(text.lstrip())]
        unit = self.sheet.unit
        for line in lines:
            body = line.lstrip("\t")
            text = indent + unit * (len(line) - len(body)) + body
            self.added.append(Edit(at, at, text))
        return shared

    def _brought_back(self, target: tuple[str, str], last: ast.stmt) -> Iterator[str]:
        """Yield the lines behind ``last`` that give the parent's objects what came back."""
        holder, item = target
        match last:
            case ast.For(iter=ast.Name(id=over), target=ast.Name(id=one), orelse=[]):
                if over == holder and isinstance(last.body[-1], ast.Expr):
                    yield from (f"\t{line}" for line in self._lines(one))
                    return
        if not item:
            yield from self._lines(holder)
            return
        yield f"for {item} in {holder}:"
        yield from (f"\t{line}" for line in self._lines(item))

    def _lines(self, name: str) -> Iterator[str]:
        mark = quote(self.module)
        for one in self.names:
            key = f"{mark}{one}{mark}"
            yield f"{name}.{one} = {name}.{self.parameter}.get({key}, {name}.{one})"


class _StateShare(ProcessShare):
    """Hands each process of one span a dict of its own."""

    def hand_over(self, call: ast.Call, shared: str) -> None:
        """Hand it over, and let the object keep it."""
        own = process_class(self._job.module, call)
        assert own is not None
        self._job.add(*kept(self._job, own, call, shared))


# -- the class


def attribute_of(module: Module, own: ProcessClass, write: LostWrite) -> str:
    """Return the attribute that a write changes."""
    node: ast.AST = write.node
    match node:
        case ast.Call(func=ast.Attribute(value=inner)) | ast.AugAssign(target=inner):
            node = inner
        case ast.Assign(targets=[inner]) | ast.AnnAssign(target=inner):
            node = inner
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            method = module.function(node)
            if (
                method is not None
                and module.parents[method] is own.definition
                and [one.arg for one in method.args.args[:1]] == [node.value.id]
            ):
                return node.attr
            break
        node = node.value
    raise CannotFix(
        f"line {write.location.line} changes an object of {own.definition.name!r} in a way that is "
        "not followed: change an attribute of self"
    )


def _check_begun(module: Module, own: ProcessClass, names: Sequence[str]) -> None:
    """Raise :class:`CannotFix` unless each attribute begins in ``__init__`` as something that
    nothing else has, and holds what can be sent.
    """
    for name in names:
        begun = []
        for node in ast.walk(own.definition):
            if not (isinstance(node, ast.Attribute) and node.attr == name):
                continue
            statement = module.parents[node]
            if isinstance(node.ctx, ast.Load):
                continue
            value = getattr(statement, "value", None)
            if module.function(node) is own.made:
                begun.append(value)
            elif isinstance(value, _UNSENT) or (
                isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in _OPEN
            ):
                raise CannotFix(f"line {node.lineno} stores what cannot be sent to the parent")
        if len(begun) != 1 or not _is_new(module, begun[0]):
            raise CannotFix(
                f"{name!r} does not begin in __init__() of {own.definition.name!r} as something "
                "that nothing else has: send the result through a multiprocessing.Queue"
            )


def _annotation(module: Module, own: ProcessClass, names: Sequence[str]) -> str:
    """Return the type of the dict that carries the attributes; empty where it is not known."""
    found: set[str] = set()
    for node in ast.walk(own.made or own.definition):
        match node:
            case ast.AnnAssign(target=ast.Attribute(attr=name), annotation=given) if name in names:
                found.add(module.text(given))
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=begun) if name in names:
                constant = getattr(begun, "value", None)
                found.add(type(constant).__name__ if constant is not None else "")
            case _:
                pass
    told = found.pop() if len(found) == 1 else ""
    return f"dict[str, {told}]" if told else ""


def _is_new(module: Module, value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        made = value.func.id
        return (is_builtin(module, value.func) and made in _MAKERS) or made in _MODULE_MAKERS
    return isinstance(value, _DISPLAYS)


def _returned(module: Module, own: ProcessClass, job: States) -> Iterator[Edit]:
    """Yield the edits by which ``run`` puts the attributes into its dict at its end."""
    run = own.run
    mark = quote(module)
    receiver = run.args.args[0].arg
    lines = tuple(
        f"{receiver}.{job.parameter}[{mark}{one}{mark}] = {receiver}.{one}" for one in job.names
    )
    returns = any(isinstance(node, ast.Return) for node in own_nodes(run))
    if not returns and calm(module, run):
        code = Rewriting(module, run)
        for line in lines:
            code.close(line)
        yield from code.edits
        return
    body = run.body[1:] if _documented(run) else run.body
    if not body:
        raise CannotFix(f"{own.definition.name}.run() does nothing")
    first, last = job.sheet.lines(body)
    job.sheet.wrap(Wrap(first, last, ("try:",), ("finally:", *(f"\t{line}" for line in lines))))


def _documented(run: Function) -> bool:
    match run.body[0]:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


# -- the parent


def _kept_in(module: Module, call: ast.Call) -> tuple[str, str]:
    """Return the name of the process that ``call`` makes; or what holds it, and a name for it."""
    node: ast.expr = call
    parent = module.parents[node]
    name = single(parent)
    if name is not None:
        statement = module.statement(call)
        block = module.block(statement)
        for one in block[block.index(statement) + 1 :]:
            for use in ast.walk(one):
                if isinstance(use, ast.Name) and use.id == name.id:
                    held = kept_in(module.parents[use], use)
                    if held is not None:
                        return _holder(module, held, name.id)
        return name.id, ""
    listed = kept_in(parent, node)
    if listed is not None:
        return _holder(module, listed, "")
    if isinstance(parent, (ast.ListComp, ast.List)):
        assigned = single(module.parents[parent])
        if assigned is not None:
            return _holder(module, assigned, "")
    raise CannotFix(f"line {call.lineno}: keep the processes in one name or list")


def _holder(module: Module, name: ast.Name, item: str) -> tuple[str, str]:
    for node in ast.walk(module.function(name) or module.tree):
        match node:
            case ast.Subscript(value=ast.Name(id=other), ctx=ast.Store()) if other == name.id:
                raise CannotFix(f"line {node.lineno}: keep the processes in a list")
            case ast.For(target=ast.Name(id=one), iter=ast.Name(id=other)) if other == name.id:
                item = item or one
            case _:
                pass
    return name.id, item or fresh(singular(name.id, "process"), around(module, name))


def _check_parent(
    module: Module, own: ProcessClass, names: Sequence[str], statements: Sequence[ast.stmt]
) -> None:
    """Raise :class:`CannotFix` where the parent may use an attribute before it has come back."""
    home = module.function(statements[0])
    last = statements[-1].end_lineno or 0
    run = reached(
        module,
        [
            module.functions[node.id]
            for one in statements
            for node in ast.walk(one)
            if isinstance(node, ast.Name) and node.id in module.functions
        ],
    )
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Attribute) and node.attr in names):
            continue
        if module.inside(node, own.definition):
            method = module.function(node)
            if method in (own.run, own.made) or (
                method is not None and method in reached(module, [own.run])
            ):
                continue
        function = module.function(node)
        early = function is home and node.lineno <= last
        if early or any(function is one for one in run):
            raise CannotFix(
                f"line {node.lineno} may use {ast.unparse(node)!r} before the processes are joined"
            )
