"""What is kept from round to round is what would be found anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from flake8_mpglobals import analysis
from flake8_mpglobals.evaluate import Evaluator
from flake8_mpglobals.options import Options
from flake8_mpglobals.rules import RULES
from flake8_mpglobals.source import Source, SourceError

ROOT = Path(__file__).parent.parent / "fixtures"
ALL = Options(frozenset(rule.code for rule in RULES))


def everything(evaluator: Evaluator) -> int:
    evaluator.forget()
    return -1


def said(path: Path) -> object:
    try:
        return analysis.check(Source.from_bytes(str(path), path.read_bytes()), ALL)
    except SourceError:
        return None


@pytest.mark.parametrize("folder", ["detect", "clean", "limits", "projects"])
def test_answers_that_are_kept_are_those_that_would_be_found(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = sorted((ROOT / folder).rglob("*.py"))
    kept = {path: said(path) for path in paths}
    monkeypatch.setattr(Evaluator, "refresh", everything)
    assert {path: said(path) for path in paths} == kept
