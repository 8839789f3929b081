"""Fixes of what is no lost write, and fixes that other files hold back."""

from __future__ import annotations

from pathlib import Path

import pytest

from flake8_mpglobals.fixes.engine import fix_source
from flake8_mpglobals.fixes.importers import named_elsewhere
from flake8_mpglobals.options import Options
from flake8_mpglobals.rules import RULES
from flake8_mpglobals.source import Source

OPTIONS = Options(frozenset(rule.code for rule in RULES if rule.default))
WITHOUT_GUARD = """\
from multiprocessing import Pool


def work(n):
    return n * n


# all of them
with Pool(2) as pool:
    numbers = pool.map(work, range(3))
print(numbers)
"""
GUARDED = """\
from multiprocessing import Pool


def work(n):
    return n * n


if __name__ == "__main__":
    # all of them
    with Pool(2) as pool:
        numbers = pool.map(work, range(3))
    print(numbers)
"""
LOSING = """\
from multiprocessing import Pool

results = []


def worker(n):
    results.append(n)


def main():
    with Pool(2) as pool:
        pool.map(worker, range(3))
    print(results)


if __name__ == "__main__":
    main()
"""


def test_the_main_guard_has_to_be_asked_for() -> None:
    source = Source.from_text("program.py", WITHOUT_GUARD)
    held = fix_source(source, OPTIONS)
    assert not held.changed
    [refusal] = held.left
    assert refusal.reason.endswith("needs --unsafe-fixes")
    assert fix_source(source, OPTIONS, unsafe=True).text == GUARDED


def test_no_guard_goes_around_definitions() -> None:
    text = WITHOUT_GUARD + "\n\ndef later():\n    return 1\n"
    result = fix_source(Source.from_text("program.py", text), OPTIONS, unsafe=True)
    assert not result.changed
    assert "defines 'later' behind" in result.left[0].reason


@pytest.mark.parametrize(
    ("other", "held"),
    [
        ("from jobs import worker\n", True),
        ("import jobs\n\nprint(jobs.results)\n", True),
        ("from package import (\n    jobs,\n)\njobs.worker(1)\n", True),
        ("import jobs\n\njobs.main()\n", False),
        ("worker = results = 'jobs'\n", False),
        ("from jobs import worker or\n", True),
    ],
)
def test_what_another_file_names_has_to_be_asked_for(
    other: str, held: bool, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "other.py").write_text(other)
    program = tmp_path / "jobs.py"
    program.write_text(LOSING)
    assert bool(named_elsewhere(str(program), {"worker", "results"})) is held
    result = fix_source(Source.from_text(str(program), LOSING), OPTIONS)
    assert result.changed is not held
    if held:
        assert "imports this module and names 'results' or 'worker'" in result.left[0].reason
        assert fix_source(Source.from_text(str(program), LOSING), OPTIONS, unsafe=True).changed


def test_a_file_that_is_not_there_is_named_by_nobody() -> None:
    assert named_elsewhere("nowhere/jobs.py", {"worker"}) == ""


def test_a_function_that_another_file_calls_takes_no_more_arguments(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "other.py").write_text("import jobs\n\njobs.launch()\n")
    program = tmp_path / "jobs.py"
    fixture = Path(__file__).parent.parent / "fixtures" / "fix" / "process_list_apart_global"
    program.write_bytes((fixture / "before.py").read_bytes())
    result = fix_source(Source.from_bytes(str(program), program.read_bytes()), OPTIONS)
    assert not result.changed
    assert "names 'launch', which would take one more argument" in result.left[0].reason
