"""What a module offers: the names by which other files come to a process API."""

from __future__ import annotations

from pathlib import Path

import pytest

from flake8_mpglobals.workspace import Workspace

WRAPPER = """
from multiprocessing import Pool

def parallel(func, items):
    with Pool() as pool:
        return pool.map(func, items)
"""
STARTER = """
from multiprocessing import Process

totals = {}

def _work():
    totals["n"] = 1

def start():
    Process(target=_work).start()
"""


def candidate(root: Path, main: str, **modules: str) -> bool:
    """Whether ``main`` is looked at, beside modules of these texts."""
    for name, text in modules.items():
        (root / f"{name}.py").write_text(text)
    path = root / "main.py"
    path.write_text(main)
    workspace = Workspace()
    found = workspace.is_candidate(str(path), path.read_bytes())
    # A file that is not read a second time could not have been one.
    assert not (found and workspace.cannot_matter(str(path)))
    return found


def test_a_function_that_hands_on_what_it_is_given_is_followed_over_three_imports(
    tmp_path: Path,
) -> None:
    main = "from c import third\n\nthird(print)\n"
    b = "from a import parallel\n\ndef second(func):\n    return parallel(func, [1])\n"
    c = "from b import second\n\ndef third(func):\n    return second(func)\n"
    assert candidate(tmp_path, main, a=WRAPPER, b=b, c=c)


def test_a_name_that_is_only_imported_again_is_an_offer_there_too(tmp_path: Path) -> None:
    main = "import totals_of\nfrom b import start, totals\n\nstart()\nprint(totals)\n"
    assert candidate(tmp_path, main, a=STARTER, b="from a import start, totals\n")


def test_what_calls_a_starter_is_no_offer(tmp_path: Path) -> None:
    b = "from a import start, totals\n\ndef run():\n    start()\n"
    main = "from b import run, totals\n\ndef main():\n    run()\n    print(totals)\n"
    assert not candidate(tmp_path, main, a=STARTER, b=b)
    near = "from a import start, totals\n\ndef main():\n    start()\n    print(totals)\n"
    assert candidate(tmp_path, near, a=STARTER)


CLASS = """
from multiprocessing import Pool

class Job:
    def run(self, func, items):
        with Pool() as pool:
            return pool.map(func, items)

    def each(self, func):
        return self.frames.apply(func)
"""


def test_of_a_class_only_the_methods_that_can_have_a_pool_send(tmp_path: Path) -> None:
    assert candidate(tmp_path, "from a import Job\n\nJob().run(print, [])\n", a=CLASS)
    assert not candidate(tmp_path, "from a import Job\n\nJob().each(print)\n", a=CLASS)


KEPT = """
from multiprocessing import Pool

class Job:
    def __init__(self):
        self.pool = Pool()

    def each(self, func):
        return self.pool.apply(func)
"""


def test_a_method_that_sends_by_a_pool_that_the_object_keeps(tmp_path: Path) -> None:
    assert candidate(tmp_path, "from a import Job\n\nJob().each(print)\n", a=KEPT)


GIVES = """
from concurrent.futures import ProcessPoolExecutor

class Frame:
    def mean(self):
        return sum(self.rows)

    def executor(self):
        return ProcessPoolExecutor()
"""


def test_a_method_that_gives_back_an_executor(tmp_path: Path) -> None:
    assert candidate(tmp_path, "from a import Frame\n\nFrame().executor().submit(f)\n", a=GIVES)
    assert not candidate(tmp_path, "from a import Frame\n\nFrame().mean()\n", a=GIVES)


@pytest.mark.parametrize("test", ["TYPE_CHECKING", "typing.TYPE_CHECKING", "(TYPE_CHECKING)"])
def test_what_only_a_type_checker_imports_runs_nothing(tmp_path: Path, test: str) -> None:
    text = (
        "import typing\nfrom typing import TYPE_CHECKING\n"
        f"if {test}:\n    from multiprocessing.pool import Pool\n\n    import os\n"
        "{}\ndef each(pool: 'Pool', func) -> Pool:\n    return pool.map(func, [1])\n"
    )
    main = "from a import each\n\neach(None, print)\n"
    assert not candidate(tmp_path, main, a=text.format(""))
    assert candidate(tmp_path, main, a=text.format("from multiprocessing.pool import Pool\n"))


def test_nothing_is_offered_by_what_nobody_can_look_into(tmp_path: Path) -> None:
    main = "from a import parallel\n\nparallel(print, [])\n"
    assert candidate(tmp_path, main, a=WRAPPER)
    assert not candidate(tmp_path, main, a=WRAPPER + "\ndef broken(:\n")
