"""Which start methods are possible: what the project, the program and the context say."""

from __future__ import annotations

import pytest

from flake8_mpglobals.boundaries import Resolved, find_boundaries
from flake8_mpglobals.evaluate import Evaluator
from flake8_mpglobals.program import Program
from flake8_mpglobals.source import Source
from flake8_mpglobals.start_methods import METHODS, StartMethods
from flake8_mpglobals.workspace import Workspace

HEAD = "import multiprocessing as mp\nfrom concurrent.futures import ProcessPoolExecutor\n"
WORK = "def work(x): return x\n"


def methods(body: str, declared: tuple[str, ...] = ()) -> frozenset[str]:
    source = Source.from_text("m.py", HEAD + WORK + body)
    workspace = Workspace()
    program = Program(source, source.parse(), workspace)
    evaluator = Evaluator(program, workspace.catalogue)
    (site,) = find_boundaries(program, Resolved(program, evaluator)).sites
    return StartMethods(program.main, evaluator, declared).of(site)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("mp.Pool().map(work, [1])", METHODS),
        ("mp.set_start_method('fork')\nmp.Pool().map(work, [1])", {"fork"}),
        ("mp.set_start_method(method='spawn', force=True)\nmp.Process(target=work)", {"spawn"}),
        ("import sys\nmp.set_start_method(sys.argv[1])\nmp.Pool().map(work, [1])", METHODS),
        ("ctx = mp.get_context('fork')\nwith ctx.Pool() as p: p.map(work, [1])", {"fork"}),
        ("ctx = mp.get_context('fork')\nctx.Process(target=work).start()", {"fork"}),
        (
            "with ProcessPoolExecutor(mp_context=mp.get_context('fork')) as e: e.submit(work, 1)",
            {"fork"},
        ),
        (
            "mp.set_start_method('fork')\nmp.get_context('spawn').Pool().map(work, [1])",
            {"spawn"},
        ),
    ],
)
def test_what_the_program_says(body: str, expected: frozenset[str]) -> None:
    assert methods(body) == expected


def test_what_the_project_says() -> None:
    assert methods("mp.Pool().map(work, [1])", ("fork",)) == {"fork"}
    assert methods("mp.get_context('spawn').Pool().map(work, [1])", ("fork",)) == {"fork"}
