"""The fixer on the fixtures: exact results, nothing else touched, refusals with reasons."""

from __future__ import annotations

import difflib
import io
import tokenize
from collections.abc import Sequence
from pathlib import Path

import pytest

from flake8_mpglobals import analysis
from flake8_mpglobals.fixes import engine
from flake8_mpglobals.fixes.edits import Edit, apply
from flake8_mpglobals.fixes.engine import fix_source, propose
from flake8_mpglobals.fixes.plan import Plan
from flake8_mpglobals.fixes.shapes import SHAPES, Shape
from flake8_mpglobals.model import Fix
from flake8_mpglobals.options import Options
from flake8_mpglobals.records import replace
from flake8_mpglobals.rules import RULES
from flake8_mpglobals.source import Source

FIXTURES = Path(__file__).parent.parent / "fixtures" / "fix"
FIXED = sorted(path.parent for path in FIXTURES.glob("*/after.py"))
REFUSED = sorted(path.parent for path in FIXTURES.glob("*/refused.txt"))
OPTIONS = Options(frozenset(rule.code for rule in RULES if rule.default))


def read(path: Path) -> Source:
    return Source.from_bytes("before.py", path.read_bytes())


def strategy(case: Path) -> str:
    """Return the strategy that a case asks for in its ``strategy.txt``."""
    asked = case / "strategy.txt"
    return asked.read_text(encoding="utf-8").strip() if asked.exists() else "auto"


def name(case: Path) -> str:
    return case.name


def comments(text: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text.replace("\r\n", "\n")).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def by_edits(source: Source, fix: Fix) -> str:
    edits = [
        Edit(
            source.starts[one.start_line - 1] + one.start_column - 1,
            source.starts[one.end_line - 1] + one.end_column - 1,
            one.content,
        )
        for one in fix.edits
    ]
    return apply(source.text, edits)


def test_every_case_has_one_answer() -> None:
    folders = {path.parent for path in FIXTURES.glob("*/before.py")}
    assert folders == {*FIXED, *REFUSED}
    assert not {*FIXED} & {*REFUSED}
    assert len(FIXED) >= 15
    assert len(REFUSED) >= 12


@pytest.mark.parametrize("case", FIXED, ids=name)
def test_the_result_is_exact(case: Path) -> None:
    source = read(case / "before.py")
    result = fix_source(source, OPTIONS, strategy=strategy(case))
    assert [refusal.reason for refusal in result.left] == []
    assert result.fixed
    assert source.encode(result.text) == (case / "after.py").read_bytes()
    assert result.source_before is source


@pytest.mark.parametrize("case", FIXED, ids=name)
def test_a_second_run_changes_nothing(case: Path) -> None:
    source = read(case / "after.py")
    result = fix_source(source, OPTIONS, strategy=strategy(case))
    assert (result.text, result.fixed, result.left, result.passes) == (source.text, (), (), 0)
    assert not result.changed


@pytest.mark.parametrize("case", FIXED, ids=name)
def test_nothing_is_found_afterwards(case: Path) -> None:
    assert analysis.check(read(case / "after.py"), OPTIONS) == ()


@pytest.mark.parametrize("case", FIXED, ids=name)
def test_comments_and_line_ends_stay(case: Path) -> None:
    before, after = read(case / "before.py"), read(case / "after.py")
    assert comments(before.text) == comments(after.text)
    data = (case / "after.py").read_bytes()
    crlf = b"\r\n" in (case / "before.py").read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n") * crlf + data.count(b"\n") * (not crlf)
    assert data.endswith(b"\n") == (case / "before.py").read_bytes().endswith(b"\n")
    collected = case.name.startswith(_MORE)
    if collected:
        return  # the worker and all that takes its results may differ
    places = {one.place for one in analysis.check(before, OPTIONS) if one.code != "MPG101"}
    words = (*WORDS, *places)
    old, new = ([line.strip() for line in source.lines] for source in (before, after))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for _, first, last, _, _ in (one for one in matcher.get_opcodes() if one[0] != "equal"):
        for line in old[first:last]:
            split = "".join(line.split()).rstrip(")]},:") in "".join(after.text.split())
            assert split or any(word in line for word in words), line


_MORE = ("collect_", "process_list_", "process_class_", "hand_", "set_", "default_")

WORDS = ("Pool", "Process", "import", "initarg", "initializer", "target=")
"""Only lines that hold one of these, or a number or buffer, may differ by more than
their indentation."""


@pytest.mark.parametrize("case", REFUSED, ids=name)
def test_what_is_not_proved_is_left(case: Path) -> None:
    source = read(case / "before.py")
    result = fix_source(source, OPTIONS, strategy=strategy(case))
    reasons = (case / "refused.txt").read_text(encoding="utf-8").splitlines()
    assert sorted({refusal.reason for refusal in result.left}) == sorted(reasons)
    assert result.text is source.text
    assert not result.fixed


@pytest.mark.parametrize("case", REFUSED, ids=name)
def test_a_reason_is_one_line(case: Path) -> None:
    for reason in (case / "refused.txt").read_text(encoding="utf-8").splitlines():
        assert 10 < len(reason) < 200
        assert "did not verify" not in reason


@pytest.mark.parametrize("case", [*FIXED, *REFUSED], ids=name)
def test_reports_carry_the_same_fix(case: Path) -> None:
    source = read(case / "before.py")
    facts = analysis.examine(source, OPTIONS)
    findings = {finding.sort_key[:4]: finding for finding in analysis.check(source, OPTIONS)}
    fixes = propose(facts, OPTIONS, strategy(case))
    assert set(fixes) <= set(findings)
    result = fix_source(source, OPTIONS, strategy=strategy(case))
    if case in REFUSED:
        held = {one.reason for one in result.left if not one.reason.endswith("--unsafe-fixes")}
        assert {fix.reason for fix in fixes.values() if not fix.edits} == held
        assert not any(fix.edits and fix.applicability == "safe" for fix in fixes.values())
    else:
        # A manager that moves under the guard has none of its own to ask for.
        fixes = {key: fix for key, fix in fixes.items() if findings[key].code != "MPG202"}
        findings = {key: findings[key] for key in fixes}
        assert {fix.applicability for fix in fixes.values()} == {"safe"}
        texts = {by_edits(source, fix) for fix in fixes.values()}
        places = {finding.place for finding in findings.values()}
        # Places that one worker adds to travel together: one rewrite for all of them.
        assert len(texts) == len(places) or case.name.startswith("collect_")
        if result.passes == 1:
            assert texts == {result.text}


SIMPLE = FIXTURES / "with_map_script" / "before.py"
PROCESS = FIXTURES / "process_single" / "before.py"


def test_only_selected_rules_are_fixed() -> None:
    result = fix_source(read(SIMPLE), replace(OPTIONS, codes=frozenset({"MPG102"})))
    assert not result.changed
    assert not result.left


def test_an_unknown_strategy_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown strategy"):
        fix_source(read(SIMPLE), OPTIONS, strategy="hope")


def test_what_cannot_be_collected_is_shared_by_default() -> None:
    one = fix_source(read(PROCESS), OPTIONS, strategy="manager")
    assert one.text == fix_source(read(PROCESS), OPTIONS).text


def test_text_that_cannot_be_encoded_is_left() -> None:
    text = "# \u20ac\n" + read(SIMPLE).text
    source = Source.from_text("before.py", text, "latin-1")
    result = fix_source(source, OPTIONS)
    assert not result.changed
    assert "does not survive encoding" in result.left[0].reason


def test_a_byte_order_mark_stays() -> None:
    data = b"\xef\xbb\xbf" + SIMPLE.read_bytes()
    source = Source.from_bytes("before.py", data)
    result = fix_source(source, OPTIONS)
    assert source.encode(result.text).startswith(b"\xef\xbb\xbf# before")
    assert result.changed


def test_lone_carriage_returns_are_left() -> None:
    source = Source.from_text("before.py", read(SIMPLE).text.replace("\n", "\r"))
    result = fix_source(source, OPTIONS)
    assert not result.changed
    assert "carriage returns" in result.left[0].reason


@pytest.mark.parametrize("comment", ["# noqa", "# noqa: MPG101", "# NOQA:E501,MPG306", "# noqa: M"])
@pytest.mark.parametrize("line", ["from multiprocessing import Process", "    p.join()"])
def test_noqa_on_any_line_of_the_fix_blocks_it(line: str, comment: str) -> None:
    text = read(PROCESS).text
    assert line in text
    source = Source.from_text("before.py", text.replace(line, f"{line}  {comment}"))
    result = fix_source(source, OPTIONS)
    assert not result.changed
    assert "noqa" in result.left[0].reason


def test_a_noqa_for_others_or_elsewhere_blocks_nothing() -> None:
    text = read(SIMPLE).text.replace("as pool:", "as pool:  # noqa: E501")
    text = text.replace("results = []", "results = []  # noqa")
    assert fix_source(Source.from_text("before.py", text), OPTIONS).changed


def wrong(edits: Sequence[Edit]) -> Shape:
    def plan(facts: object, writes: Sequence[object], findings: Sequence[object]) -> Plan:
        return Plan(tuple(findings), "results", "safe", "wrong", tuple(edits))  # type: ignore[arg-type]

    return Shape("manager", lambda _: True, plan)


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (Edit(0, 0, "("), "syntax error"),
        (Edit(0, 0, "# harmless\n"), "MPG101 is still found"),
        (Edit(0, 0, ""), "MPG101 is still found"),
        (Edit(0, 0, "# \ud800\n"), "surrogates not allowed"),
    ],
)
def test_a_plan_that_does_not_verify_is_dropped(
    edit: Edit, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SHAPES", (wrong([edit]),))
    source = read(SIMPLE)
    result = fix_source(source, OPTIONS)
    assert result.text is source.text
    [refusal] = result.left
    assert refusal.reason.startswith("the rewrite did not verify")
    assert problem in refusal.reason
    [fix] = propose(analysis.examine(source, OPTIONS), OPTIONS).values()
    assert (fix.edits, fix.reason) == ((), refusal.reason)


def test_a_plan_that_causes_another_finding_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    text = read(SIMPLE).text
    start = text.index("    results.append(n * n)")
    rest = text.index("print(sorted(results))")
    edits = [
        Edit(start, start + len("    results.append(n * n)"), "    global results; results = [n]"),
        Edit(rest, rest, "assert True; "),
    ]
    monkeypatch.setattr(engine, "SHAPES", (wrong(edits),))
    [refusal] = fix_source(read(SIMPLE), OPTIONS).left
    assert "it would cause MPG102" in refusal.reason


def test_unsafe_plans_wait_to_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = SHAPES[0]

    def plan(*arguments: object) -> Plan:
        return replace(shape.plan(*arguments), applicability="unsafe")  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "SHAPES", (Shape("manager", shape.takes, plan),))
    held = fix_source(read(SIMPLE), OPTIONS)
    assert not held.changed
    assert held.left[0].reason == "needs --unsafe-fixes"
    assert fix_source(read(SIMPLE), OPTIONS, unsafe=True).changed


TWO_ORDERS = """\
from multiprocessing import Process

highest = 0
lowest = 10


def up(n):
    global highest, lowest
    if n > highest:
        highest = n
        lowest -= 1


def down(n):
    global highest, lowest
    if n < lowest:
        lowest = n
        highest += 1


def main():
    workers = [Process(target=up, args=(3,)), Process(target=down, args=(4,))]
    for process in workers:
        process.start()
    for process in workers:
        process.join()
    print(highest, lowest)


if __name__ == "__main__":
    main()
"""


def test_no_two_locks_are_taken_in_different_orders() -> None:
    result = fix_source(Source.from_text("before.py", TWO_ORDERS), OPTIONS)
    assert {one.place for one in result.fixed} == {"highest"}
    assert {one.reason for one in result.left} == {
        "two locks would be taken in one order here and in the other there"
    }


TWO_PLACES = """\
from multiprocessing import Pool

first = []
second = []


def work(n):
    first.append(n)
    second.append(n)


if __name__ == "__main__":
    with Pool(2) as pool:
        pool.map(work, range(3))
    print(first, second)
"""


def test_a_plan_that_hides_another_loss_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    start = TWO_PLACES.index("pool.map(work, range(3))")
    edit = Edit(start, start + len("pool.map"), "print")
    hides = Shape("manager", lambda writes: writes[0].place == "first", wrong([edit]).plan)
    monkeypatch.setattr(engine, "SHAPES", (hides,))
    left = fix_source(Source.from_text("before.py", TWO_PLACES), OPTIONS).left
    assert any("MPG101 would no longer be seen" in one.reason for one in left)


TOLD_BY_CONSTANTS = """\
from collections import defaultdict
from multiprocessing import Process

hits = 0
by_rest = defaultdict(list)
rows = []


def record(n):
    global hits
    hits -= n
    hits += 10
    by_rest[n % 2].append(n)
    if n > 3:
        rows.append("big")
    else:
        rows.append("small")


def handle(n):
    record(n)


if __name__ == "__main__":
    first = Process(target=handle, args=(1,))
    second = Process(target=handle, args=(3,))
    first.start()
    second.start()
    first.join()
    second.join()
    print(hits, by_rest, rows)
"""


def test_what_verifies_once_another_place_is_mended_is_fixed_in_the_same_run() -> None:
    # Handed something besides, a process is no longer told by constants which way it goes:
    # alone, the rewrite of one place lets another write of "rows" come to light.
    source = Source.from_text("before.py", TOLD_BY_CONSTANTS)
    result = fix_source(source, OPTIONS)
    assert result.left == ()
    again = fix_source(Source.from_text("before.py", result.text), OPTIONS)
    assert not again.changed
