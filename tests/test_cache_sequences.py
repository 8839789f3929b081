"""Whatever is done to a project between runs, what is kept of earlier runs never shows."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flake8_mpglobals import cache, disk, recall
from flake8_mpglobals.commands.check import run
from flake8_mpglobals.commands.common import Flags

TEXTS = {
    "worker": (
        "from multiprocessing import Pool\nimport pkg.helper\nfrom pkg import state\n\n"
        "results = []\n\n\ndef worker(item):\n    pkg.helper.note(item)\n    results.append(item)\n"
        '\n\nif __name__ == "__main__":\n    with Pool() as pool:\n'
        "        pool.map(worker, range(9))\n    print(results, state.seen)\n"
    ),
    "wrapped": (
        "from pkg.helper import spread\n\nfound = {}\n\n\n"
        "def fill(item):\n    found[item] = 1\n\n\n"
        'if __name__ == "__main__":\n    spread(fill)\n    print(found)\n'
    ),
    "notes": "from pkg import state\n\n\ndef note(item):\n    state.seen.append(item)\n",
    "prints": "def note(item):\n    print(item)\n",
    "spreads": (
        "from multiprocessing import Pool\n\n\ndef spread(function):\n"
        "    with Pool() as pool:\n        pool.map(function, range(3))\n\n\n"
        "def note(item):\n    pass\n"
    ),
    "again": "from .other import *\nfrom .other import note, spread\n",
    "state": "seen = []\n",
    "broken": "def note(:\n",
    "odd": "import pkg.state, pkg.helper\n\nprint(pkg.state.seen)\n",
    "nothing": "",
    "ignores": "[tool.mpglobals]\nignore = ['MPG101']\n",
    "excludes": "[tool.mpglobals]\nextend-exclude = ['b.py']\n",
    "other tool": "[tool.other]\n",
    "git": "a.py\n/pkg/other.py\n",
}
FILES = (
    "a.py", "b.py", "pkg/__init__.py", "pkg/helper.py", "pkg/other.py", "pkg/state.py",
    "pkg/helper/__init__.py", "pkg.py", "multiprocessing.py",
)  # fmt: skip
SOURCES = sorted(TEXTS.keys() - {"ignores", "excludes", "other tool", "git"})
FLAGS = (
    Flags(isolated=True),
    Flags(),
    Flags(isolated=True, select=("MPG1",)),
    Flags(isolated=True, extend_exclude=("pkg",)),
    Flags(respect_gitignore=False),
)
PATHS = (("src",), ("src/a.py", "src/b.py"), ("src/pkg", "src/a.py"), ("src/nowhere", "src"))

Step = tuple[str, tuple[object, ...]]

STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("write"), st.tuples(st.sampled_from(FILES), st.sampled_from(SOURCES))),
    st.tuples(st.just("write"), st.tuples(st.sampled_from(FILES), st.sampled_from(SOURCES))),
    st.tuples(
        st.just("write"),
        st.tuples(
            st.sampled_from(("pyproject.toml", "pkg/pyproject.toml")),
            st.sampled_from(("ignores", "excludes", "other tool")),
        ),
    ),
    st.tuples(st.just("write"), st.tuples(st.just(".gitignore"), st.just("git"))),
    st.tuples(st.just("remark"), st.tuples(st.sampled_from(FILES))),
    st.tuples(st.just("touch"), st.tuples(st.sampled_from(FILES))),
    st.tuples(st.just("remove"), st.tuples(st.sampled_from((*FILES, "pyproject.toml", "pkg")))),
    st.tuples(st.just("rename"), st.tuples(st.sampled_from(FILES), st.sampled_from(FILES))),
    st.tuples(st.just("link"), st.tuples(st.sampled_from(FILES), st.sampled_from(FILES))),
    st.tuples(st.just("damage"), st.tuples(st.integers(0, 1), st.integers(0, 99))),
    st.tuples(st.just("check"), st.tuples(st.sampled_from(FLAGS), st.sampled_from(PATHS))),
)


class Tree:
    """A project whose files get times of their own, as if a minute passed at each step."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.src = root / "src"
        self.now = time.time() - 10**6
        for name, text in (
            ("a.py", "worker"), ("b.py", "wrapped"), ("pkg/__init__.py", "nothing"),
            ("pkg/helper.py", "notes"), ("pkg/state.py", "state"), ("pkg/other.py", "spreads"),
        ):  # fmt: skip
            self.write(name, text)

    def _put(self, name: str, text: str) -> None:
        path = self.src / name
        try:
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text)
        except OSError:  # a file where the folder should be, or the other way round
            return
        self._age(path)

    def _age(self, path: Path) -> None:
        self.now += 60
        os.utime(path, (self.now, self.now))

    def write(self, name: str, text: str) -> None:
        self._put(name, TEXTS[text])

    def remark(self, name: str) -> None:
        path = self.src / name
        if path.is_file():
            self._put(name, path.read_text() + "# more\n")

    def touch(self, name: str) -> None:
        if (self.src / name).exists():
            self._age(self.src / name)

    def remove(self, name: str) -> None:
        path = self.src / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def rename(self, name: str, other: str) -> None:
        try:
            (self.src / name).rename(self.src / other)
        except OSError:
            return

    def link(self, name: str, other: str) -> None:
        try:
            (self.src / name).symlink_to(self.src / other)
        except OSError:
            return

    def damage(self, which: int, where: int) -> None:
        found = sorted(path for path in (self.root / "cache").glob("*/*") if path.is_file())
        for path in found[which : which + 1]:
            data = path.read_bytes()
            at = len(data) * where // 100
            path.write_bytes(data[:at] + bytes((data[at] ^ 0x55,)) + data[at + 1 :])

    def outcome(self, flags: Flags, paths: tuple[str, ...], *, kept: bool) -> tuple[object, ...]:
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = run(
                paths, flags, output_format="concise", jobs=1, cache=kept,
                cache_dir=str(self.root / "cache"),
            )  # fmt: skip
        return (status, out.getvalue(), err.getvalue())


def play(steps: list[Step], check: Callable[[Tree, Flags, tuple[str, ...]], None]) -> None:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            tree = Tree(Path(folder))
            flags, paths = FLAGS[0], PATHS[0]
            check(tree, flags, paths)
            for name, arguments in steps:
                if name == "check":
                    flags, paths = arguments  # type: ignore[assignment]
                else:
                    getattr(tree, name)(*arguments)
                check(tree, flags, paths)
        finally:
            os.chdir(before)


def same(tree: Tree, flags: Flags, paths: tuple[str, ...]) -> None:
    """Twice from what is kept (the second finds what the first left), once without."""
    expected = tree.outcome(flags, paths, kept=False)
    assert tree.outcome(flags, paths, kept=True) == expected
    assert tree.outcome(flags, paths, kept=True) == expected


@pytest.mark.parametrize("small", [1, 1 << 18], ids=["folded at once", "journal"])
@settings(
    max_examples=int(os.environ.get("MPGLOBALS_CACHE_EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(steps=st.lists(STEPS, min_size=1, max_size=8))
def test_what_is_kept_never_shows(small: int, steps: list[Step]) -> None:
    with (
        # Files made just now count as settled here, since their times are set by hand.
        patch.object(disk, "_RACY", -(10**18)),
        patch.object(cache, "_SMALL", small),
        patch.object(cache, "_SHARE", 10**9 if small == 1 else 1),
        patch.object(recall, "_MANY_TIMES", small),
    ):
        play(steps, same)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=1, max_size=6))
def test_nor_what_was_just_changed(steps: list[Step]) -> None:
    """With the real clock: everything is younger than what can be told from times."""
    with patch.object(os, "utime", lambda *_, **__: None):
        play(steps, same)


def test_a_journal_grows_and_is_folded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(disk, "_RACY", -(10**18))
    monkeypatch.setattr(cache, "_SMALL", 4000)
    monkeypatch.setattr(cache, "_SHARE", 10**9)
    tree = Tree(tmp_path)
    ledgers: set[str] = set()
    sizes: list[int] = []
    for number in range(12):
        tree.write(f"m{number}.py", "odd")
        tree.remark("pkg/helper.py")
        same(tree, FLAGS[0], PATHS[0])
        found = sorted(path for path in (tmp_path / "cache").glob("*/*") if path.is_file())
        assert len(found) == 2
        ledgers.add(found[1].name)
        sizes.append(found[0].stat().st_size)
    assert 1 < len(ledgers) < 12
    assert max(sizes) < 4200
