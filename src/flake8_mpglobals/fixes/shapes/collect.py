"""Return what workers add to a place, and add it in the parent.

The worker only accumulates: it never reads the place.  What it would have added
travels back as its result, and the parent, which has all results anyway, extends,
updates or sums.  Where one worker adds to several places, all of them travel together.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from flake8_mpglobals.facts import Facts, LostWrite
from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.globals import declare
from flake8_mpglobals.fixes.layout import Sheet
from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.plan import CannotFix, Plan
from flake8_mpglobals.fixes.setters import recognise
from flake8_mpglobals.fixes.shapes import dispatches
from flake8_mpglobals.fixes.shapes.adder import Adder
from flake8_mpglobals.fixes.shapes.adding import Adding
from flake8_mpglobals.fixes.shapes.gathering import Gathering
from flake8_mpglobals.fixes.shapes.grouping import SORTS, groups, together
from flake8_mpglobals.fixes.shapes.pairing import Pairing
from flake8_mpglobals.fixes.shapes.processes import ProcessShare, Span, spans
from flake8_mpglobals.fixes.shapes.returns import Returns
from flake8_mpglobals.fixes.touches import Touches
from flake8_mpglobals.model import Finding

NAME = "collect"


def takes(writes: Sequence[LostWrite]) -> bool:
    """Whether what the writes change is a place that a parent can add to."""
    return all(write.how in SORTS for write in writes)


def plan(facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding]) -> Plan:
    """Return the plan by which the workers of ``writes`` give back what they add.

    Raises :class:`CannotFix` where the rewrite is not proved, and where the workers
    share another place already, so that they can share this one, too.
    """
    module = Module(facts.source, facts.tree)
    for write in writes:
        for site in write.sites:
            if site.pool is not None and _shares(module, site.pool):
                raise CannotFix(f"{write.worker!r} shares other places: it can share this, too")
    return plan_beside(facts, writes, findings)


def plan_beside(facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding]) -> Plan:
    """Return the same plan, also for workers that share other places."""
    return _given_back(facts, writes, findings, paired=False)


def plan_paired(facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding]) -> Plan:
    """Return the plan by which workers give back what they add beside what they return."""
    if any(dispatches.is_process(site) for write in writes for site in write.sites):
        raise CannotFix("")
    return _given_back(facts, writes, findings, paired=True)


def _given_back(
    facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding], *, paired: bool
) -> Plan:
    module = Module(facts.source, facts.tree)
    sheet = Sheet(module)
    edits: list[Edit] = []
    for group in groups(facts, writes):
        worker = Adder(facts, module, group)
        outcome, made = worker.give(paired=paired)
        edits += made
        for site in worker.sites:
            places = [worker.text(one.key, site) for one in worker.places]
            adding = (Pairing if paired else Adding)(module, sheet, site, outcome, places)
            Gathering(adding).apply()
            edits += adding.edits
            function = module.function(site.call)
            if function is not None:
                edits += declare(module, function, *worker.rebinds(outcome))
    edits = [sheet.deepen(edit) for edit in edits] + list(sheet.edits())
    place = writes[0].place
    return Plan(
        tuple(findings),
        place,
        "safe",
        f"Return what the workers add to {place!r} and add it in the parent",
        tuple(sorted(set(edits))),
        places=together(facts, writes),
    )


def plan_processes(facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding]) -> Plan:
    """Return the plan by which processes put what they add into a list of a manager.

    Raises :class:`CannotFix` where the rewrite is not proved.
    """
    if not all(dispatches.is_process(site) for write in writes for site in write.sites):
        raise CannotFix("")
    module = Module(facts.source, facts.tree)
    sheet = Sheet(module)
    edits: list[Edit] = []
    for group in groups(facts, writes):
        worker = Adder(facts, module, group, processes=True)
        outcome, made = worker.give()
        if not (outcome.atomic or outcome.calm):
            raise CannotFix(
                f"{worker.function.name!r} may raise behind what it adds, which would be missing"
            )
        places = worker.texts()
        touches = Touches(module, worker.places[0].key)
        exempt = dispatches.exempt(facts, module, worker.sites, [])
        dispatches.check_followed(touches, [worker.function], exempt)
        rebinds = worker.rebinds(outcome)
        job = Returns(module, touches, "list", sheet, exempt, dispatches.makers(worker.sites))
        job.stem, job.outcome, job.places = worker.places[0].stem, outcome, places
        for span in spans(module, job.calls):
            _check_receivers(module, span, places)
            function = module.function(span.statements[0])
            if function is not None:
                edits += declare(module, function, *rebinds)
            ProcessShare(job, span).apply()
        edits += made
        edits += job.found
        edits = _joined(edits, [edit for one in job.definitions.values() for edit in one])
    place = writes[0].place
    edits = [sheet.deepen(edit) for edit in edits] + list(sheet.edits())
    return Plan(
        tuple(findings),
        place,
        "safe",
        f"Send what the processes add to {place!r} to the parent through a manager's list",
        tuple(sorted(set(edits))),
        places=together(facts, writes),
    )


def _check_receivers(module: Module, span: Span, places: Sequence[str]) -> None:
    """Raise :class:`CannotFix` where processes are joined apart, and what changes is an attribute
    of an object that has another name there.
    """
    own = {place.partition(".")[0] for place in places if "." in place}
    for helper in span.helpers:
        func = helper.call.func
        receiver = ast.unparse(func.value) if isinstance(func, ast.Attribute) else ""
        if any(not module.bindings(root) and root != receiver for root in own):
            raise CannotFix(
                f"{helper.function.name!r} starts the processes for an object that line "
                f"{helper.call.lineno} calls by another name: start and join them in one method"
            )


def _shares(module: Module, pool: ast.Call) -> bool:
    """Whether an earlier fix lets the workers of a pool share something."""
    for keyword in pool.keywords:
        if keyword.arg == "initializer" and isinstance(keyword.value, ast.Name):
            function = module.functions.get(keyword.value.id)
            return function is not None and recognise(function) is not None
    return False


def _joined(edits: Sequence[Edit], definitions: Sequence[Edit]) -> list[Edit]:
    """Return all edits; what is put behind a function follows what is put at its end."""
    joined = list(edits)
    for edit in definitions:
        same = [one for one in joined if one.start == one.end == edit.start]
        for one in same:
            joined.remove(one)
        text = "".join(one.text for one in same) + edit.text
        joined.append(Edit(edit.start, edit.end, text))
    return joined
