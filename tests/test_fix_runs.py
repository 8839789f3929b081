"""The fix fixtures are programs: the write is really lost before, and kept after.

Each program runs under every start method.  Its last line of output must be what
the header says (``# before: …``, ``# after: …``), and nothing may appear on
standard error; ``# before under fork: …`` says where fork alone prints something else.
``# before: raises …`` is a program that does not get that far.
``MPGLOBALS_PYTHONS`` names further interpreters, separated as
in ``PATH``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from wants import load

from flake8_mpglobals.fixes.engine import fix_source
from flake8_mpglobals.options import Options
from flake8_mpglobals.rules import RULES
from flake8_mpglobals.source import Source

FIXTURES = Path(__file__).parent.parent / "fixtures" / "fix"
CASES = sorted(path.parent for path in FIXTURES.glob("*/after.py"))
NAIVE = sorted(FIXTURES.glob("refused_*/naive.py"))
METHODS = ("fork", "spawn", "forkserver")
PYTHONS = [
    sys.executable,
    *filter(None, os.environ.get("MPGLOBALS_PYTHONS", "").split(os.pathsep)),
]
START_METHOD = str(Path(__file__).with_name("start_method"))
IN_THREADS = str(Path(__file__).with_name("in_threads.py"))
ORDERED = {"helper_global"}  # what its last line says depends on the order, which is free
PROGRAMS = sorted(
    path for path in (FIXTURES.parent / "detect").glob("*.py") if path.stem not in ORDERED
)
OPTIONS = Options(frozenset(rule.code for rule in RULES if rule.default))
_SECONDS = 60


def expected(case: Path, name: str, method: str = "") -> str:
    """Return the last line that ``before.py`` or ``after.py`` is said to print."""
    text = (case / "before.py").read_bytes().decode("latin-1")
    special = re.search(rf"^# {name} under {method}: (.*?)\r?$", text, re.MULTILINE)
    found = special or re.search(rf"^# {name}: (.*?)\r?$", text, re.MULTILINE)
    assert found, f"{case.name} does not say what it prints"
    return found[1]


def run(python: str, program: Path, method: str, *first: str) -> tuple[int, str, str]:
    """Return the exit status, the last line of the output and what is on stderr."""
    environment = {
        **os.environ,
        "PYTHONPATH": START_METHOD,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "MPGLOBALS_START_METHOD": method,
    }
    done = subprocess.run(
        [python, *first, str(program)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return done.returncode, (done.stdout.splitlines() or [""])[-1], done.stderr


def warns(case: Path) -> str:
    """Return what ``before.py`` is said to warn of on stderr; empty where it is silent."""
    text = (case / "before.py").read_bytes().decode("latin-1")
    found = re.search(r"^# warns: (.*)$", text, re.MULTILINE)
    return found[1] if found else ""


def check_needs(case: Path, python: str) -> None:
    """Skip a case for an interpreter that has not what the header says it needs."""
    text = (case / "before.py").read_bytes().decode("latin-1")
    found = re.search(r"^# needs: (\w+)", text, re.MULTILINE)
    if not found:
        return
    done = subprocess.run([python, "-c", f"import {found[1]}"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"{found[1]} is not installed there")


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_write_is_lost_before_and_kept_after(case: Path, python: str) -> None:
    check_needs(case, python)
    jobs = [(name, method) for name in ("before", "after") for method in METHODS]

    def result(job: tuple[str, str]) -> tuple[int, str, str]:
        name, method = job
        return run(python, case / f"{name}.py", method)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        seen = dict(zip(jobs, threads.map(result, jobs), strict=True))
    for (name, method), (status, _, errors) in seen.items():
        if name == "before" and status:
            error = errors.splitlines()[-1].partition(":")[0]
            seen[name, method] = 0, f"raises {error}", ""
        elif name == "before" and "resource_tracker" in errors and not warns(case):
            seen[name, method] = status, seen[name, method][1], ""  # what workers made is left
    if warning := warns(case):
        for method in METHODS:
            status, line, errors = seen["before", method]
            assert warning in errors
            seen["before", method] = status, line, ""
    assert seen == {(name, method): (0, expected(case, name, method), "") for name, method in jobs}


@pytest.mark.long
@pytest.mark.parametrize("program", PROGRAMS, ids=[program.stem for program in PROGRAMS])
def test_a_fixed_program_sees_what_threads_see(program: Path, tmp_path: Path) -> None:
    """What is fixed of the programs that show findings works; order aside, which is free."""
    fixture = load(program)
    if "only processes" in fixture.headers or fixture.missing():
        pytest.skip("does not run with threads, or not here")
    result = fix_source(Source.from_bytes(str(program), program.read_bytes()), OPTIONS)
    if not result.changed or result.left:
        pytest.skip("not fixed, or not all of it")
    if not any(one.code.startswith("MPG1") for one in result.fixed):
        pytest.skip("threads share what goes wrong there")
    fixed = tmp_path / program.name
    fixed.write_bytes(result.source_before.encode(result.text))
    status, shared, _ = run(sys.executable, program, "", IN_THREADS)
    assert status == 0
    for method in METHODS:
        status, line, errors = run(sys.executable, fixed, method)
        assert (status, sorted(line), errors) == (0, sorted(shared), "")


def said(path: Path, name: str) -> str:
    """Return what the header of a naive rewrite says under ``name``."""
    found = re.search(rf"^# {name}: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{path} does not say what is {name}"
    return found[1]


@pytest.mark.long
@pytest.mark.parametrize("naive", NAIVE, ids=[path.parent.name for path in NAIVE])
def test_a_naive_rewrite_is_wrong(naive: Path) -> None:
    """What the fixer refuses to write gives something else than threads do, or raises."""
    before = naive.with_name("before.py")
    status, right, _ = run(sys.executable, before, "", IN_THREADS)
    assert (status, right) == (0, said(naive, "right"))
    method = "spawn" if "# method: spawn" in naive.read_text(encoding="utf-8") else "fork"
    status, line, errors = run(sys.executable, naive, method)
    seen = errors.splitlines()[-1].partition(":")[0] if status else line
    assert seen == said(naive, "naive") != right


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_something_was_lost(case: Path) -> None:
    assert warns(case) or expected(case, "before") != expected(case, "after")
