"""The declarations of the rules: complete, told apart, and with examples that are true."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flake8_mpglobals import analysis
from flake8_mpglobals.codes import CODES
from flake8_mpglobals.model import Finding
from flake8_mpglobals.options import Options
from flake8_mpglobals.rules import BY_CODE, RULES, Rule
from flake8_mpglobals.source import Source

ALL = [pytest.param(rule, id=rule.code) for rule in RULES]
EVERY_CODE = frozenset(BY_CODE)
DEFAULT_ON = frozenset(rule.code for rule in RULES if rule.default)
_CODE = re.compile(r"MPG\d{3}")
_NAME = re.compile(r"[a-z]+(-[a-z]+)+")


def findings(text: str, codes: frozenset[str] = EVERY_CODE) -> tuple[Finding, ...]:
    return analysis.check(Source.from_text("example.py", text), Options(codes=codes))


def test_codes_and_names_are_unique_and_in_order() -> None:
    codes = [rule.code for rule in RULES]
    names = [rule.name for rule in RULES]
    assert codes == sorted(set(codes))
    assert len(set(names)) == len(names)
    assert {code: rule.code for code, rule in BY_CODE.items()} == {code: code for code in codes}


def test_the_codes_that_are_known_early_are_those_of_the_rules() -> None:
    assert [(rule.code, rule.default) for rule in RULES] == list(CODES)


def test_the_nines_are_off_and_the_others_on() -> None:
    for rule in RULES:
        assert rule.default == (not rule.code.startswith("MPG9")), rule.code


@pytest.mark.parametrize("rule", ALL)
def test_every_text_is_there(rule: Rule) -> None:
    assert _CODE.fullmatch(rule.code)
    assert _NAME.fullmatch(rule.name)
    assert re.fullmatch(r"\d+\.\d+\.\d+", rule.since)
    for text in (rule.summary, rule.why, rule.limits, rule.remedy):
        assert text.strip() == text.rstrip("\n") != ""
    assert "\n" not in rule.summary
    assert not rule.summary.endswith(".")


@pytest.mark.parametrize("rule", ALL)
def test_the_examples_are_python(rule: Rule) -> None:
    for text in (rule.bad, rule.good):
        ast.parse(text)
        assert text.endswith("\n")


@pytest.mark.parametrize("rule", ALL)
def test_the_bad_example_fires(rule: Rule) -> None:
    found = findings(rule.bad, DEFAULT_ON | {rule.code})
    assert [finding.code for finding in found] == [rule.code]
    assert found[0].name == rule.name


@pytest.mark.parametrize("rule", ALL)
def test_the_good_example_is_silent(rule: Rule) -> None:
    assert findings(rule.good) == ()


@pytest.mark.long
@pytest.mark.parametrize("rule", ALL)
def test_the_examples_run(rule: Rule, tmp_path: Path) -> None:
    for text in (rule.bad, rule.good):
        if "sys.argv" in text:
            continue
        path = tmp_path / "example.py"
        path.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(path)], capture_output=True, text=True, timeout=60, check=False
        )
        if rule.code != "MPG304":  # there, the resource tracker warns
            assert done.stderr == ""
        assert done.returncode == 0, done.stderr


# explain and rules


def command(*args: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "flake8_mpglobals", *args],
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("rule", ALL)
def test_explain_prints_the_whole_declaration(rule: Rule) -> None:
    status, out, err = command("explain", rule.code)
    assert (status, err) == (0, "")
    assert out.startswith(f"{rule.code} {rule.name}\n")
    lines = {line.strip() for line in out.splitlines()}
    for text in (rule.why, rule.bad, rule.good, rule.limits, rule.remedy):
        assert {line.strip() for line in text.splitlines()} <= lines | {""}


def test_explain_takes_names_and_answers_as_json() -> None:
    rule = RULES[0]
    assert command("explain", rule.name) == command("explain", rule.code.lower())
    status, out, _ = command("explain", rule.code, "--output-format", "json")
    assert status == 0
    assert json.loads(out)["code"] == rule.code


def test_explain_of_an_unknown_rule_is_wrong_usage() -> None:
    status, out, err = command("explain", "MPG999")
    assert (status, out) == (2, "")
    assert "MPG999" in err


def test_explain_answers_why_the_ids_are_equal() -> None:
    _, out, _ = command("explain", "MPG101")
    assert "`id()`" in out
    assert "copy-on-write" in out


def test_rules_lists_them_all() -> None:
    status, out, err = command("rules")
    assert (status, err) == (0, "")
    for rule in RULES:
        (line,) = [line for line in out.splitlines() if line.startswith(rule.code)]
        assert rule.name in line
        assert rule.summary in line
