"""From findings to a rewritten text: plan, apply, check again, until nothing changes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from flake8_mpglobals import analysis
from flake8_mpglobals.facts import Facts, LostWrite
from flake8_mpglobals.fixes import guarding, leaks, lifting, primitives, unlocked
from flake8_mpglobals.fixes.edits import (
    Edit,
    EditConflictError,
    apply,
    as_text_edits,
    breaks_moved,
    compatible,
    lines_of,
    merge,
)
from flake8_mpglobals.fixes.entangled import held_back
from flake8_mpglobals.fixes.importers import named_elsewhere
from flake8_mpglobals.fixes.independent import check_independent
from flake8_mpglobals.fixes.layout import newline
from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.onlookers import check_onlookers
from flake8_mpglobals.fixes.plan import CannotFix, MendFirst, Plan, Refusal, Unsuited
from flake8_mpglobals.fixes.shapes import SHAPES, through
from flake8_mpglobals.fixes.shapes.locking import inverted
from flake8_mpglobals.fixes.splitting import split
from flake8_mpglobals.fixes.width import BLACK, line_length
from flake8_mpglobals.model import Finding, Fix, Location
from flake8_mpglobals.noqa import Noqa, keep
from flake8_mpglobals.options import Options
from flake8_mpglobals.records import replace
from flake8_mpglobals.rules import RULES
from flake8_mpglobals.source import Source, SourceError
from flake8_mpglobals.workspace import Workspace

__all__ = ["FixResult", "Refusal", "fix_source", "propose"]

STRATEGIES = ("auto", *dict.fromkeys(shape.strategy for shape in SHAPES if shape.strategy))
_MOST_PASSES = 50
_UNPROVED = "the rewrite did not verify"
_CODE = re.compile(r"MPG\d+", re.IGNORECASE)  # also such as no rule has, in a noqa
_REPAIRS: Mapping[str, Callable[[Facts, Sequence[Finding]], Plan]] = {
    "MPG202": guarding.plan,
    "MPG203": lifting.plan,
    "MPG302": unlocked.plan,
    "MPG304": leaks.plan,
    "MPG306": primitives.plan,
}
_WHOLE = frozenset({"MPG202"})
"""Codes of which one plan mends all findings of a file."""
_NO_SHAPE = {
    "rebind": "no rewrite for a rebound global yet: return the value and combine it in the parent",
    "buffer": "no rewrite for a buffer yet: return the values, or use SharedMemory",
    "class": "no rewrite for a class attribute yet: return the values and keep them in the parent",
    "module": "no rewrite for a module attribute yet: return the value and set it in the parent",
    "instance": "no rewrite for attributes of self: return the values and keep them in the parent",
    "argument": "only a plain list, dict or set can be handed over as a proxy: return the object",
    "closure": "no rewrite for a variable of an enclosing function: return the values",
}


@dataclass(frozen=True, slots=True)
class FixResult:
    """What became of one file.

    ``text`` is the new text (the old one where nothing was fixed), ``fixed`` the
    findings of ``source_before`` and of later passes that are gone, ``left`` those
    that stay, as they stand in ``text``, each with the reason.
    """

    source_before: Source
    text: str
    fixed: tuple[Finding, ...]
    left: tuple[Refusal, ...]
    passes: int

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.text != self.source_before.text


@dataclass(frozen=True, slots=True)
class _Proposals:
    plans: tuple[Plan, ...]
    refusals: tuple[Refusal, ...]


def fix_source(
    source: Source,
    options: Options,
    *,
    unsafe: bool = False,
    strategy: str = "auto",
    workspace: Workspace | None = None,
) -> FixResult:
    """Rewrite ``source`` until no more finding can be fixed.  Nothing is written.

    ``unsafe`` applies plans that need a look, too; ``strategy`` names the one
    shape to use; ``workspace`` knows the files of the project as they are on disk.
    Raises :class:`~flake8_mpglobals.source.SourceError` where the text cannot be
    parsed, ``ValueError`` for an unknown strategy.
    """
    current = source
    fixed: list[Finding] = []
    passes = 0
    while True:
        # What did not verify may do so once another place is mended.
        dropped: dict[tuple[str, str], str] = {}
        # What it remembers of the file is only good for the text that is on disk.
        facts = analysis.examine(current, options, workspace=None if passes else workspace)
        found = _propose(facts, options, strategy)
        ready = [plan for plan in found.plans if unsafe or plan.applicability == "safe"]
        text, done = _apply_all(facts, options, ready, dropped) if ready else ("", ())
        if not done or passes == _MOST_PASSES:
            left = (*found.refusals, *_leftover(found.plans, dropped, unsafe))
            in_order = sorted(left, key=lambda refusal: refusal.finding.sort_key)
            return FixResult(source, current.text, tuple(fixed), tuple(in_order), passes)
        passes += 1
        fixed.extend(finding for plan in done for finding in plan.findings)
        current = replace_text(current, text)


def propose(
    facts: Facts, options: Options, strategy: str = "auto"
) -> Mapping[tuple[str, int, int, str], Fix]:
    """Return what could be done about each finding of one file, for reports.

    The keys are :attr:`Finding.sort_key` without the message.  Each value has
    edits that were checked by themselves, or the reason why there are none.
    """
    fixes: dict[tuple[str, int, int, str], Fix] = {}
    found = _propose(facts, options, strategy)
    for refusal in found.refusals:
        fixes[refusal.finding.sort_key[:4]] = Fix("display", "", reason=refusal.reason)
    for plan in found.plans:
        problem = _verify(facts, options, (plan,))
        edits = () if problem else as_text_edits(facts.source, plan.edits)
        applicability = "display" if problem else plan.applicability
        for finding in plan.findings:
            title = "" if problem else plan.title
            fixes[finding.sort_key[:4]] = Fix(applicability, title, edits, problem or plan.why)
    return fixes


def replace_text(source: Source, text: str) -> Source:
    """Return ``source`` with another text, the encoding staying."""
    return Source.from_text(source.path, text, source.encoding, source.bom)


def _key(finding: Finding) -> tuple[str, str]:
    return finding.code, finding.place


# -- proposing


def _propose(facts: Facts, options: Options, strategy: str) -> _Proposals:
    """Return a plan or a refusal for every finding that no noqa silences."""
    if strategy not in STRATEGIES:
        raise ValueError(f"unknown strategy {strategy!r} (there are {', '.join(STRATEGIES)})")
    facts = through.followed(facts)
    findings = keep(facts.source, _findings(facts, options))
    noqa = Noqa(facts.source)
    groups: dict[str, list[tuple[Finding, LostWrite]]] = {}
    others: dict[tuple[str, Location | str], list[Finding]] = {}
    refusals: list[Refusal] = []
    for finding in findings:
        write = _write_of(facts, finding)
        if write is None and finding.code in _REPAIRS:
            where = "" if finding.code in _WHOLE else finding.place or finding.location
            others.setdefault((finding.code, where), []).append(finding)
        elif write is None:
            advice = f": {finding.remedy}" if finding.remedy else ""
            refusals.append(Refusal(finding, f"{finding.code} has no rewrite{advice}"))
        else:
            groups.setdefault(write.place, []).append((finding, write))
    codes = {rule.code for rule in RULES} | {
        one.upper() for one in _CODE.findall(facts.source.text)
    }
    plans: list[Plan] = []

    waiting: set[str] = set()

    def shared(place: str, own: Sequence[Finding]) -> Plan:
        # Writes that a noqa keeps out of the findings are writes all the same.
        writes = [write for write in facts.writes if write.place == place]
        try:
            check_independent(facts, writes)
        except MendFirst:
            _plan(facts, writes, own, strategy)  # what it lacks besides tells more
            waiting.add(place)
            raise
        names = {write.place.rpartition(".")[2] for write in writes if write.how != "instance"}
        names |= {write.worker.rpartition(".")[2] for write in writes}
        return _looked_at(facts, names, _plan(facts, writes, own, strategy))

    def repaired(code: str, own: Sequence[Finding]) -> Plan:
        plan = _split(facts.source, _REPAIRS[code](facts, own))
        if code != "MPG306":
            return plan
        return _looked_at(facts, {plan.place, *(one.worker for one in own)}, plan)

    asked: list[tuple[list[Finding], Callable[[], Plan]]] = []
    for place, members in groups.items():
        own = [finding for finding, _ in members]
        asked.append((own, partial(shared, place, own)))
    for (code, _), own in others.items():
        asked.append((own, partial(repaired, code, own)))
    for own, ask in asked:
        try:
            plan = ask()
            lines = lines_of(facts.source, plan.edits)
            if noqa.silences_any(lines, codes):
                raise CannotFix("a noqa on a line that the fix would change says to leave it")
            plans.append(plan)
        except CannotFix as no:
            refusals.extend(Refusal(finding, no.reason) for finding in own)
        except EditConflictError:
            refusals.extend(Refusal(one, "the edits that this needs overlap") for one in own)
        except RecursionError:
            refusals.extend(Refusal(finding, "the code is nested too deeply") for finding in own)
    stay = [write for one in refusals if (write := _write_of(facts, one.finding)) is not None]
    stay = [one for one in stay if one.place not in waiting]
    for place, other in held_back(facts, groups, stay).items():
        line = other.location.line
        reason = f"{other.place!r} changes with it (line {line}), which cannot be mended here"
        for plan in [one for one in plans if one.place == place]:
            plans.remove(plan)
            refusals.extend(Refusal(finding, reason) for finding in plan.findings)
    # A manager goes around what else is shared, so it comes first.
    rank = {place: members[0][1].how != "mutate" for place, members in groups.items()}
    plans.sort(key=lambda plan: rank.get(plan.place, len(rank)))
    return _Proposals(tuple(plans), tuple(refusals))


def _looked_at(facts: Facts, names: Collection[str], plan: Plan) -> Plan:
    """Return the plan, ``unsafe`` where another file may rely on what it changes."""
    named = {name.rpartition(".")[2] for name in names} - {""}
    other = named_elsewhere(facts.source.path, named)
    if not other or plan.applicability != "safe":
        return plan
    why = f"{other} imports this module and names {' or '.join(map(repr, sorted(named)))}"
    return replace(plan, applicability="unsafe", why=f"{why}: needs --unsafe-fixes")


def _plan(
    facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding], strategy: str
) -> Plan:
    """Return the plan of the first shape that has one; else raise the last reason that tells
    most.
    """
    _check_encoding(facts.source)
    for write in writes:
        if write.elsewhere:
            raise CannotFix(f"{write.elsewhere}: no rewrite reaches that far")
    refused, most = CannotFix(_no_shape(writes)), 0
    asked = [one for one in SHAPES if strategy in ("auto", one.strategy) and one.takes(writes)]
    for shape in asked:
        try:
            plan = shape.plan(facts, writes, findings)
            check_onlookers(facts, writes)
            for place in plan.places:
                if beside := [one for one in facts.writes if one.place == place]:
                    check_independent(facts, beside)
            return _split(facts.source, plan)
        except CannotFix as no:
            others = {one.strategy for one in asked} - {shape.strategy or "collect", ""}
            tells = 2 if shape.last_resort and others else 3
            tells = 1 if isinstance(no, Unsuited) else tells
            if no.reason and tells >= most:
                refused, most = no, tells
        except EditConflictError:
            refused, most = CannotFix("the edits that this needs overlap"), 3
    raise refused


def _split(source: Source, plan: Plan) -> Plan:
    """Return the plan with its edits in order, and no lines that it makes too long to stand."""
    edits = merge(plan.edits)
    limit = line_length(source.path) or BLACK
    with suppress(EditConflictError):  # else the lines stay as long as they are
        edits = merge(split(source, edits, limit))
    return replace(plan, edits=edits)


def _no_shape(writes: Sequence[LostWrite]) -> str:
    """Return why no shape is meant for the writes of a place."""
    kinds = {write.how for write in writes}
    if len(kinds) > 1:
        return f"workers also rebind {writes[0].place!r}: change the one object in place"
    place, kind, how = writes[0].place, writes[0].kind, writes[0].how
    if how == "mutate":
        what = f"a {kind}" if kind else "an object of unknown type"
        return f"{place!r} is {what}: only a plain list, dict or set can be shared by a manager"
    return _NO_SHAPE.get(how, "no rewrite for this yet")


def _check_encoding(source: Source) -> None:
    try:
        again = Source.from_bytes(source.path, source.encode())
        same = again.text == source.text and again.encoding == source.encoding
    except (SourceError, UnicodeError):
        same = False
    if not same:
        raise CannotFix(f"the text does not survive encoding as {source.encoding}")
    if source.text and newline(source) == "\r":
        raise CannotFix("the file has carriage returns for line ends")


def _findings(facts: Facts, options: Options) -> tuple[Finding, ...]:
    found = [
        finding for rule in RULES if rule.code in options.codes for finding in rule.check(facts)
    ]
    return tuple(sorted(found, key=lambda finding: finding.sort_key))


def _write_of(facts: Facts, finding: Finding) -> LostWrite | None:
    for write in facts.writes:
        if write.location == finding.location and write.place == finding.place:
            return write
    return None


# -- applying


def _apply_all(
    facts: Facts, options: Options, plans: Sequence[Plan], dropped: dict[tuple[str, str], str]
) -> tuple[str, tuple[Plan, ...]]:
    """Apply as many plans as go together; where that does not verify, the first that does.

    Plans that do not verify by themselves are put into ``dropped``.
    """
    chosen: list[Plan] = []
    for plan in plans:
        if all(_together(facts.source.text, plan, other) for other in chosen):
            chosen.append(plan)
    if not _verify(facts, options, chosen):
        return apply(facts.source.text, _edits(chosen)), tuple(chosen)
    for plan in plans:
        problem = _verify(facts, options, (plan,))
        if not problem:
            return apply(facts.source.text, plan.edits), (plan,)
        for finding in plan.findings:
            dropped[_key(finding)] = problem
    return "", ()


def _together(text: str, one: Plan, other: Plan) -> bool:
    """Whether two plans go together: where one moves lines to the right, the other must not
    add any, whose depth it could not know.
    """
    return compatible(one.edits, other.edits) and not (
        breaks_moved(text, one.edits, other.edits) or breaks_moved(text, other.edits, one.edits)
    )


def _edits(plans: Sequence[Plan]) -> tuple[Edit, ...]:
    return merge(edit for plan in plans for edit in plan.edits)


def _verify(facts: Facts, options: Options, plans: Sequence[Plan]) -> str:
    """Return why the result of the plans is not to be trusted; empty if it is.

    The result must parse and be encodable, the places must be clean, and no rule
    that is on by default or selected may find anything new, or lose sight of a write
    that is lost as before.
    """
    source = facts.source
    after = replace_text(source, apply(source.text, _edits(plans)))
    codes = options.codes | {rule.code for rule in RULES if rule.default}
    wide = replace(options, codes=frozenset(codes))
    try:
        if Source.from_bytes(source.path, after.encode()).text != after.text:
            return f"{_UNPROVED}: the new text does not survive encoding"
        now = analysis.examine(after, options)
    except (SourceError, UnicodeError) as error:
        return f"{_UNPROVED}: {error}"
    before = Counter(_key(finding) for finding in _findings(facts, wide))
    left = Counter(_key(finding) for finding in _findings(now, wide))
    done = Counter(_key(finding) for plan in plans for finding in plan.findings)
    for plan in plans:
        for finding in plan.findings:
            key = _key(finding)
            # Places are mended whole; what has no place, one by one.
            if left[key] > (0 if finding.place else before[key] - done[key]):
                return f"{_UNPROVED}: {finding.code} is still found for {finding.place!r}"
    if inverted(Module(now.source, now.tree)) and not inverted(Module(source, facts.tree)):
        return "two locks would be taken in one order here and in the other there"
    mended = {place for plan in plans for place in (plan.place, *plan.places)}
    for code, place in before:
        if code.startswith("MPG1") and not left[code, place] and place not in mended:
            return f"{_UNPROVED}: {code} would no longer be seen for {place!r}"
    new = left - before
    if new:
        code, place = min(new)
        return f"{_UNPROVED}: it would cause {code} for {place!r}"
    if after.text == source.text:
        return f"{_UNPROVED}: it changes nothing"
    return ""


def _leftover(
    plans: Sequence[Plan], dropped: Mapping[tuple[str, str], str], unsafe: bool
) -> tuple[Refusal, ...]:
    """Return the refusals of plans that were not applied in the last pass."""
    left: list[Refusal] = []
    for plan in plans:
        for finding in plan.findings:
            reason = dropped.get(_key(finding), "")
            if not reason and not unsafe and plan.applicability != "safe":
                reason = plan.why or "needs --unsafe-fixes"
            left.append(Refusal(finding, reason or _UNPROVED))
    return tuple(left)
