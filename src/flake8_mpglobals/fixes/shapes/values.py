"""Share a module-level number through a ``multiprocessing.Value`` while the workers run.

The ``Value`` is made beside the pool, bound to a global of its own in each worker,
changed there under its lock, and read back into the parent's global, also when an
exception passes.  The parent keeps its plain number.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from flake8_mpglobals.facts import Facts, LostWrite, Site
from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.globals import declare, forget
from flake8_mpglobals.fixes.imports import Spelling
from flake8_mpglobals.fixes.interval import Number, binary
from flake8_mpglobals.fixes.layout import Sheet, Wrap, quote
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.naming import fresh
from flake8_mpglobals.fixes.numeric import Numeric
from flake8_mpglobals.fixes.plan import CannotFix, Plan, Unsuited
from flake8_mpglobals.fixes.setters import value_of
from flake8_mpglobals.fixes.shapes import dispatches
from flake8_mpglobals.fixes.shapes.atomic import Atomic
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.locking import lock
from flake8_mpglobals.model import Finding

_CODES = {"int": "q", "float": "d", "bool": "b"}
_MOST = (1 << 63) - 1
_HALF = 1 << 62
_STEP = 1 << 52


def takes(writes: Sequence[LostWrite]) -> bool:
    """Whether all writes rebind a number."""
    return all(write.how == "rebind" and write.kind in _CODES for write in writes)


def plan(facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding]) -> Plan:
    """Return the plan that shares the one number of ``writes``.

    Raises :class:`CannotFix` where the rewrite is not proved.
    """
    place = writes[0].place
    cast = dispatches.cast(facts, writes)
    module = cast.module
    kind = _kind(module, facts.sites, place)
    name = shared_name(module, place)
    job = NumberJob(
        *(module, cast.touches, kind, Sheet(module), cast.exempt, cast.calls),
        name=name,
        code=_CODES[kind],
    )
    dispatches.share(job, cast.sites, cast.workers)
    for function in cast.users:
        _Worker(job, function).rewrite()
    return Plan(
        tuple(findings),
        place,
        "safe",
        f"Keep {place!r} in a multiprocessing.Value while the workers run",
        tuple(sorted(job.edits())),
    )


def shared_name(module: Module, place: str, what: str = "value") -> str:
    """Return the name of what workers and parent share for a place."""
    stem = place.strip("_")
    stem = stem.lower() if stem.isupper() else stem
    wanted = f"{stem}_{what}" if stem.startswith("shared_") else f"shared_{stem}"
    return fresh(wanted, module.identifiers)


def _kind(module: Module, sites: Sequence[Site], place: str) -> str:
    """Return the one type that the number has, whatever binds it."""
    numeric = Numeric(module, sites)
    bound = module.bindings(place)
    made = [node for node in bound if module.statement(node) in module.tree.body]
    begins = numeric.bound_by(made[0]) if made else None
    if begins is None or begins.kind not in _CODES:
        raise Unsuited(f"{place!r} does not begin as an int, a float or a bool at module level")
    kind = begins.kind
    half = _HALF - 1 if kind == "float" or begins.within(_HALF) else _MOST
    high = 1 if kind == "bool" else half
    number = Number(begins.kinds, 0 if kind == "bool" else -half, high)
    numeric.assume(place, number)
    for node in bound:
        _check_binding(module, numeric, node, number, place)
    return kind


def _check_binding(
    module: Module, numeric: Numeric, node: ast.AST, number: Number, place: str
) -> None:
    line = getattr(node, "lineno", 0)
    given = None
    match module.parents[node]:
        case ast.AugAssign(op=op, value=value):
            added = numeric.of(value)
            given = binary(op, number, added) if added is not None else None
        case ast.Assign() | ast.AnnAssign() | ast.Tuple() | ast.List() if isinstance(
            node, ast.Name
        ):
            given = numeric.bound_by(node)
        case _:
            raise CannotFix(f"{place!r} is bound in line {line} by something else than =")
    if given is None or given.kind != number.kind:
        raise CannotFix(
            f"line {line} may give {place!r} something other than {_a(number.kind)}: "
            "return the values and combine them in the parent"
        )
    if not given.within(_MOST if number.high == _MOST else _HALF + _STEP):
        raise CannotFix(
            f'line {line} may make {place!r} larger than a Value("q") holds, which would cut it '
            "silently: return the values and combine them in the parent"
        )


def _a(kind: str) -> str:
    return f"{'an' if kind == 'int' else 'a'} {kind}"


@dataclass
class NumberJob(Job):
    """A number that is to be kept in a ``Value`` of type ``code``, called ``name``."""

    ends: ClassVar[bool] = False
    rebinds: ClassVar[bool] = True
    """Whether bringing back binds the place anew."""
    name: str = ""
    code: str = ""

    @property
    def maker(self) -> str:
        """What of multiprocessing makes the shared object."""
        return "Value"

    @property
    def target(self) -> str:
        """The global by which workers reach the ``Value``."""
        return self.name

    @property
    def parameter(self) -> str:
        """The name of the setters' parameter for the ``Value``."""
        return value_of(self.name)

    def shared(self, anchor: ast.AST) -> str:
        """Return the name for the ``Value`` beside ``anchor``."""
        assert anchor is not None
        return self.name

    def fill(self, shared: str) -> tuple[str, ...]:
        """Return the line that puts the parent's number into the ``Value`` once more."""
        return (f"{shared}.value = {self.place}",)

    def bring_back(self, shared: str) -> tuple[str, ...]:
        """Return the line that reads the number back."""
        value = f"{shared}.value"
        return (
            f"{self.place} = bool({value})" if self.kind == "bool" else f"{self.place} = {value}",
        )

    def made(self, maker: str) -> tuple[str, ...]:
        """Return the line that makes the ``Value``."""
        mark = quote(self.module)
        return (f"{self.name} = {maker}({mark}{self.code}{mark}, {self.place})",)

    def share(self, statements: list[ast.stmt], spelling: Spelling, *, outside: bool) -> str:
        """Make a ``Value`` before ``statements``, and read it back behind them; return its name.

        An earlier fix may have put them under a ``try`` already, which is used again.
        """
        module = self.module
        first, last = self.sheet.lines(statements)
        self.add(*spelling.edits)
        made = self.made(spelling.text)
        function = module.function(statements[0])
        if function is not None and self.rebinds:
            self.add(*declare(module, function, self.place))
        attempt = module.parents[statements[0]]
        if isinstance(attempt, ast.Try) and attempt.body == statements:
            end = self.brought_back([attempt])
            if end is not None and outside:
                self.sheet.before(attempt.lineno, *made)
                self.sheet.after(end, *self.bring_back(self.name))
                return self.name
        if outside:
            head, foot = self.attempt(self.name)
            self.sheet.wrap(Wrap(first, last, (*made, *head), foot))
        else:
            self.sheet.before(first, *made)
        return self.name


class _Worker:
    """Rewrites one function of worker code."""

    def __init__(self, job: NumberJob, function: Function) -> None:
        self._job = job
        self._module = job.module
        self._function = function
        self._mentions = job.touches.mentioned_in(function)

    def rewrite(self) -> None:
        job, module = self._job, self._module
        for name in self._mentions:
            self._check(name)
        atomic = Atomic(module, job.touches, self._function, self._mentions, locks=True)
        units = atomic.units()
        lock(job, units, f"{job.name}.get_lock()")
        for name in self._mentions:
            value = f"{job.name}.value"
            if job.kind == "bool" and isinstance(name.ctx, ast.Load) and not self._tested(name):
                value = f"bool({value})"
            job.add(Edit(module.start(name), module.end(name), value))
        job.add(*forget(module, self._function, job.place))

    def _check(self, name: ast.Name) -> None:
        module, place = self._module, self._job.place
        parent = module.parents[name]
        if module.text(name) != place:
            raise CannotFix(f"line {name.lineno} uses {place!r} inside of an f-string")
        if isinstance(parent, ast.NamedExpr) or isinstance(name.ctx, ast.Del):
            raise CannotFix(f"line {name.lineno} binds or deletes {place!r} in an expression")
        if module.inside(name, self._function.args):
            raise CannotFix(f"{place!r} is a default argument (line {name.lineno})")
        if isinstance(parent, ast.FormattedValue):
            text = module.source.text[module.end(name) :].lstrip()
            if text.startswith("="):
                raise CannotFix(f"line {name.lineno} prints {place!r} by its name")
        if module.function(name) is not self._function:
            raise CannotFix(f"line {name.lineno} uses {place!r} in a nested function")

    def _tested(self, node: ast.expr) -> bool:
        parent: ast.AST = self._module.parents[node]
        child: ast.AST = node
        while isinstance(parent, (ast.BoolOp, ast.UnaryOp)):
            if isinstance(parent, ast.UnaryOp):
                return isinstance(parent.op, ast.Not)
            child, parent = parent, self._module.parents[parent]
        return isinstance(parent, (ast.If, ast.While, ast.IfExp)) and parent.test is child
