"""The first look at a file never says that nothing crosses where something does."""

from __future__ import annotations

from pathlib import Path

import pytest

from flake8_mpglobals import analysis, glance, wrappers
from flake8_mpglobals.dispatches import Boundaries
from flake8_mpglobals.evaluate import Evaluator
from flake8_mpglobals.options import Options
from flake8_mpglobals.program import Program
from flake8_mpglobals.rules import RULES
from flake8_mpglobals.source import Source, SourceError

ROOT = Path(__file__).parent.parent / "fixtures"
ALL = Options(frozenset(rule.code for rule in RULES))


@pytest.mark.parametrize("folder", ["detect", "clean", "limits", "projects"])
def test_what_is_left_at_the_first_look_dispatches_nothing(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[bool] = []
    first_look, through_wrappers = glance.may_cross, wrappers.through_wrappers
    wrong: set[str] = set()
    left = 0

    def look(program: Program, evaluator: Evaluator) -> bool:
        said.append(first_look(program, evaluator))
        evaluator.forget()
        return True

    def resolved(found: Boundaries, evaluator: Evaluator) -> Boundaries:
        whole = through_wrappers(found, evaluator)
        if whole.sites and not said[-1]:
            wrong.add(evaluator.program.main.source.path)
        return whole

    monkeypatch.setattr(analysis, "may_cross", look)
    monkeypatch.setattr(analysis, "through_wrappers", resolved)
    for path in sorted((ROOT / folder).rglob("*.py")):
        said.clear()
        try:
            analysis.check(Source.from_bytes(str(path), path.read_bytes()), ALL)
        except SourceError:
            continue
        left += said == [False]
    assert wrong == set()
    assert left or folder in ("limits",)
