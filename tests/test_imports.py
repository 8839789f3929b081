"""What is loaded when nothing is asked: next to nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("astroid", "flake8", "pathspec", "jsonschema")
LATE = ("flake8_mpglobals.fixes", "flake8_mpglobals.analysis", "flake8_mpglobals.inference")

ENOUGH = frozenset(
    [
        "blocks",
        "cache",
        "checking",
        "cli",
        "codes",
        "commands",
        "config",
        "discovery",
        "disk",
        "imports",
        "ledger",
        "model",
        "modules",
        "offers",
        "options",
        "packages",
        "patterns",
        "prefilter",
        "project",
        "recent",
        "recall",
        "records",
        "reporters",
        "settings",
        "source",
        "trace",
        "workspace",
    ]
)
"""What a file that can start no process needs of this package, the cache included."""
SLOW = (
    *("dataclasses", "pathlib", "json", "hashlib", "tempfile", "tomllib", "unicodedata", "urllib"),
    *("asyncio", "concurrent.futures", "multiprocessing", "subprocess"),
)
"""Modules of the standard library that click does not load, and that take their time."""


def loaded(code: str, cwd: Path) -> set[str]:
    """Return the modules that are loaded after some code ran in a fresh interpreter."""
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
    script += "print('\\n' + ' '.join(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=cwd, capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def call(*args: str) -> str:
    return f"from flake8_mpglobals.cli import main; main({list(args)!r})"


@pytest.mark.parametrize("args", [("--help",), ("--version",), ("check", "--help"), ("fix", "-h")])
def test_help_loads_click_and_nothing_else(args: tuple[str, ...], tmp_path: Path) -> None:
    modules = loaded(call(*args), tmp_path)
    assert "click" in modules
    assert not modules.intersection((*HEAVY, *LATE))
    assert "flake8_mpglobals.rules" not in modules


def test_files_that_start_no_process_load_no_analysis(tmp_path: Path) -> None:
    (tmp_path / "fine.py").write_text("x = []\nx.append(1)  # noqa\n")
    (tmp_path / "also.py").write_text("import os\nfrom fine import x\nprint(os.getpid(), x)\n")
    without = loaded("import click", tmp_path)
    for paths in ((".",), ("fine.py", "also.py")):
        modules = loaded(call("check", *paths), tmp_path) - without
        assert not modules.intersection((*HEAVY, *LATE, *SLOW))
        own = {name.split(".")[1] for name in modules if name.startswith("flake8_mpglobals.")}
        assert own <= ENOUGH


def test_a_file_with_workers_does_not_load_the_fixer_nor_flake8(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("from multiprocessing import Pool\n")
    modules = loaded(call("check", ".", "--output-format=concise"), tmp_path)
    assert not modules.intersection(("astroid", "flake8", "flake8_mpglobals.fixes"))


def test_the_plugin_loads_neither_click_nor_the_fixer(tmp_path: Path) -> None:
    modules = loaded("import flake8_mpglobals.plugin", tmp_path)
    unwanted = (*HEAVY, *LATE, "click", "flake8_mpglobals.cli", "flake8_mpglobals.rules")
    assert not modules.intersection(unwanted)


def test_the_plugin_passes_by_a_file_that_starts_no_process(tmp_path: Path) -> None:
    code = (
        "from flake8_mpglobals.plugin import Plugin; import ast; "
        "text = 'x = 1\\n'; "
        "assert not list(Plugin(ast.parse(text), [text], 'x.py').run())"
    )
    modules = loaded(code, tmp_path)
    assert not modules.intersection((*HEAVY, *LATE, "click", "flake8_mpglobals.cli"))
