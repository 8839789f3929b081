"""The law of the fixer: what is fixed prints what threads would have printed.

Random programs (:mod:`programs`) are run with threads in place of processes.  Where
that is stable over five runs, and the fixer rewrites all of it, the result must
print the same under every start method; and fixing again changes nothing.
"""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from programs import program
from test_fix_runs import METHODS, OPTIONS, START_METHOD

from flake8_mpglobals import analysis
from flake8_mpglobals.fixes.engine import FixResult, fix_source
from flake8_mpglobals.model import Finding
from flake8_mpglobals.options import Options
from flake8_mpglobals.records import replace
from flake8_mpglobals.rules import RULES
from flake8_mpglobals.source import Source

FEW, MANY = 12, 520
FIRST = int(os.environ.get("MPGLOBALS_LAW_SEED", "0"))
"""Another number gives other programs."""
ALL = replace(OPTIONS, codes=frozenset(rule.code for rule in RULES))


WORDS = (
    *("def __init__", "Job(", "await ", "for letter in ", "print(sum(", "unordered("),
    *("Pool", "Process", "import", "global", "def ", "return", "pass"),
    *("map(", "apply(", "_async(", "submit(", ".result()", ".get()", ".wait()"),
)
"""Lines that hold one of these (or a place) may differ by more than their indentation."""


def test_some_programs_keep_the_law(tmp_path: Path) -> None:
    assert not _broken(range(FIRST, FIRST + FEW), tmp_path)


@pytest.mark.long
def test_many_programs_keep_the_law(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tally: Counter[str] = Counter()
    broken = _broken(range(FIRST, FIRST + MANY), tmp_path, tally)
    with capsys.disabled():
        print(f"\n{dict(tally)}: {tally['rewritten'] / tally['stable']:.0%} of the stable")
    assert not broken


def _broken(seeds: range, folder: Path, tally: Counter[str] | None = None) -> list[str]:
    """Return what is wrong, one text for each program that breaks the law."""
    counted = Counter[str]() if tally is None else tally
    paths = {folder / f"program{seed}.py": program(seed) for seed in seeds}
    for path, text in paths.items():
        path.write_text(text, encoding="utf-8")
    counted["programs"] = len(paths)
    stable = {path: seen[0] for path, seen in _in_threads(list(paths)).items() if _same(seen)}
    counted["stable"] = len(stable)
    wrong: list[str] = []
    fixed: list[tuple[Path, str]] = []
    for path, output in stable.items():
        result = fix_source(Source.from_text(str(path), paths[path]), OPTIONS)
        wrong += [f"{path.name}: {problem}" for problem in _text_problems(result)]
        counted["changed"] += result.changed
        if result.changed and not result.left:
            path.with_name(f"fixed_{path.name}").write_text(result.text, encoding="utf-8")
            fixed.append((path.with_name(f"fixed_{path.name}"), output or ""))
    counted["rewritten"] = len(fixed)
    jobs = [(path, output, method) for path, output in fixed for method in METHODS]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        seen = threads.map(lambda job: _run(job[0], job[2]), jobs)
        for (path, output, method), printed in zip(jobs, seen, strict=True):
            if printed != output:
                wrong.append(f"{path.name} ({method}): {printed[-300:]!r} instead of {output!r}")
    return wrong


def _same(outputs: list[str | None]) -> bool:
    return outputs[0] is not None and len(set(outputs)) == 1


def _in_threads(paths: list[Path]) -> dict[Path, list[str | None]]:
    script = str(Path(__file__).with_name("threads_of.py"))
    done = subprocess.run(
        [sys.executable, script, "5", *map(str, paths)], capture_output=True, text=True, check=True
    )
    return {Path(path): seen for path, seen in json.loads(done.stdout).items()}


def _run(path: Path, method: str) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": START_METHOD,
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPGLOBALS_START_METHOD": method,
    }
    try:
        done = subprocess.run(
            [sys.executable, str(path)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it hangs"
    return done.stdout if not done.stderr else done.stderr


def _text_problems(result: FixResult) -> list[str]:
    """Return what is wrong with the text of a result, whatever it prints."""
    if not result.changed:
        return []
    before, after = result.source_before, Source.from_text("after.py", result.text)
    problems: list[str] = []
    again = fix_source(after, OPTIONS)
    if again.changed:
        problems.append("a second run changes it again")
    places = {one.place for one in result.fixed}
    found = {(one.code, one.place) for one in _findings(after, ALL)}
    if any(place in places and not code.startswith("MPG9") for code, place in found):
        problems.append("a finding is left for what was fixed")
    new = found - {(one.code, one.place) for one in _findings(before, ALL)}
    if new:
        problems.append(f"it causes {sorted(new)}")
    old, now = ([line.strip() for line in one.lines] for one in (before, after))
    changed = {*places, *(one.place for one in _findings(before, OPTIONS))}
    words = (*changed, *WORDS)
    matcher = difflib.SequenceMatcher(None, old, now, autojunk=False)
    for _, first, last, _, _ in (one for one in matcher.get_opcodes() if one[0] != "equal"):
        lost = [line for line in old[first:last] if line and not any(w in line for w in words)]
        problems += [f"it changes the line {line!r}" for line in lost]
    return problems


def _findings(source: Source, options: Options) -> Sequence[Finding]:
    return analysis.check(source, options)
