"""What is kept from one run for the next never shows, except in time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flake8_mpglobals import checking
from flake8_mpglobals.commands.check import run
from flake8_mpglobals.commands.common import Flags

WORKER = """\
from multiprocessing import Pool
import helper

results = []


def worker(item):
    helper.note(item)
    results.append(item)


if __name__ == "__main__":
    with Pool() as pool:
        pool.map(worker, range(9))
    print(results, helper.seen)
"""
HELPER = "seen = []\n\n\ndef note(item):\n    print(item)\n"
PLAIN = "import helper\n\nprint(helper.seen)\n"
OLD = time.time() - 3600


class Project:
    """A project of two modules, checked with a cache and without."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.capsys = capsys
        self.cache = root / "cache"
        self.now = OLD
        for name, text in (("main.py", WORKER), ("helper.py", HELPER), ("plain.py", PLAIN)):
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        """Write a file; its times are old, and other than before."""
        path = self.root / "src" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
        self.now += 10
        os.utime(path, (self.now, self.now))

    def check(self, *, cache: bool = True, flags: Flags | None = None, jobs: int = 1) -> str:
        status = run(
            ("src",),
            flags or Flags(isolated=True),
            output_format="json",
            jobs=jobs,
            cache=cache,
            cache_dir=str(self.cache),
        )
        return f"{status}\n{self.capsys.readouterr().out}"


@pytest.fixture
def project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Project:
    monkeypatch.chdir(tmp_path)
    # Files made just now count as settled here, since their times are set by hand.
    monkeypatch.setattr("flake8_mpglobals.project._settled", lambda *_: True)
    return Project(tmp_path, capsys)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the files that are really checked."""
    paths: list[str] = []
    original = checking.check_file

    def noting(task: checking.Task, workspaces: checking.Workspaces) -> object:
        paths.append(task.path)
        return original(task, workspaces)

    monkeypatch.setattr(checking, "check_file", noting)
    return paths


def test_the_second_run_checks_nothing(project: Project, checked: list[str]) -> None:
    first = project.check()
    assert len(checked) == 3
    assert "MPG101" in first
    assert project.check() == first
    assert project.check(jobs=2) == first
    assert len(checked) == 3
    assert project.check(cache=False) == first
    assert len(checked) == 6


def edit_main(project: Project) -> None:
    project.write("main.py", WORKER.replace("results.append(item)", "print(item)"))


def edit_helper(project: Project) -> None:
    project.write("helper.py", HELPER.replace("print(item)", "seen.append(item)"))


def same_size(project: Project) -> None:
    project.write("main.py", WORKER.replace("append", "extend"))


def rename(project: Project) -> None:
    (project.root / "src" / "helper.py").rename(project.root / "src" / "helpers.py")


def remove(project: Project) -> None:
    (project.root / "src" / "main.py").unlink()


def shadow(project: Project) -> None:
    project.write("helper/__init__.py", HELPER.replace("print(item)", "seen.append(item)"))


def root(project: Project) -> None:
    project.write("pyproject.toml", "")


def add(project: Project) -> None:
    project.write("more.py", WORKER)


@pytest.mark.parametrize(
    "change", [edit_main, edit_helper, same_size, rename, remove, shadow, root, add]
)
def test_what_changes_is_seen(project: Project, change: Callable[[Project], None]) -> None:
    before = project.check()
    change(project)
    after = project.check()
    assert after == project.check(cache=False)
    assert project.check() == after
    if change in (edit_main, edit_helper, shadow, remove, add):
        assert after != before


def test_other_options_are_another_run(project: Project, checked: list[str]) -> None:
    assert "MPG101" in project.check()
    some = Flags(isolated=True, select=("MPG2",))
    assert "MPG101" not in project.check(flags=some)
    assert "MPG101" in project.check()
    assert len(checked) == 6


def test_a_damaged_entry_is_no_entry(project: Project) -> None:
    first = project.check()
    entries = [path for path in project.cache.glob("*/*") if path.is_file()]
    assert entries
    for entry in entries:
        data = entry.read_bytes()
        for damaged in (b"", data[:40], data[:-9], data[:-1] + b"\0", b"x" * len(data)):
            entry.write_bytes(damaged)
            assert project.check() == first


def test_a_folder_that_cannot_be_written_is_done_without(project: Project) -> None:
    project.cache.write_text("a file where the folder should be")
    first = project.check()
    assert project.check() == first
    assert "MPG101" in first


def test_a_full_disk_leaves_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    first = project.check()
    assert "MPG101" in first
    assert not [path for path in project.cache.glob("*/*") if path.is_file()]


def test_what_was_just_changed_is_not_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path, capsys)
    (tmp_path / "src" / "main.py").write_text(WORKER)
    first = project.check()
    (tmp_path / "src" / "main.py").write_text(WORKER.replace("results.append", "results.extend"))
    assert project.check() != first


def test_old_entries_go(project: Project) -> None:
    project.check()
    (entry,) = [path for path in project.cache.glob("*/*") if path.is_file()]
    long_ago = time.time() - 40 * 86_400
    os.utime(entry, (long_ago, long_ago))
    os.utime(project.cache / "CACHEDIR.TAG", (long_ago, long_ago))
    add(project)
    project.check()
    assert not entry.exists()


def test_runs_at_the_same_time_agree(project: Project) -> None:
    shutil.rmtree(project.cache, ignore_errors=True)
    command = [sys.executable, "-m", "flake8_mpglobals", "check", "src", "--isolated"]
    command += ["--cache-dir", "cache", "--output-format=concise"]
    running = [
        subprocess.Popen(command, cwd=project.root, stdout=subprocess.PIPE) for _ in range(4)
    ]
    outputs = {process.communicate()[0] for process in running}
    assert len(outputs) == 1
    assert b"MPG101" in outputs.pop()
