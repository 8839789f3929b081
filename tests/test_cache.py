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

from flake8_mpglobals import checking, config
from flake8_mpglobals.commands.check import run
from flake8_mpglobals.commands.common import Flags
from flake8_mpglobals.trace import Trace
from flake8_mpglobals.workspace import Workspaces

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
    monkeypatch.setattr("flake8_mpglobals.disk._RACY", -(10**18))
    return Project(tmp_path, capsys)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the files that are really checked."""
    paths: list[str] = []
    original = checking.check_file

    def noting(task: checking.Task, workspaces: Workspaces) -> object:
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


def install(project: Project) -> None:
    project.write("helper-1.0.dist-info/RECORD", "")


@pytest.mark.parametrize(
    "change", [edit_main, edit_helper, same_size, rename, remove, shadow, root, add, install]
)
def test_what_changes_is_seen(project: Project, change: Callable[[Project], None]) -> None:
    before = project.check()
    change(project)
    after = project.check()
    assert after == project.check(cache=False)
    assert project.check() == after
    if change in (edit_main, edit_helper, shadow, remove, add):
        assert after != before


def sets_config(project: Project) -> None:
    project.write("pyproject.toml", "[tool.mpglobals]\nignore = ['MPG1']\n")


def sets_boundary(project: Project) -> None:
    project.write("runner.py", "def run_all(function, items):\n    ...\n")
    text = WORKER.replace("pool.map(", "runner.run_all(").replace("import helper", "import runner")
    project.write("main.py", text.replace("helper.", "runner."))
    row = '"runner.run_all" = { callable = 0, kind = "process" }'
    project.write("pyproject.toml", f"[tool.mpglobals.boundaries]\n{row}\n")


@pytest.mark.parametrize("change", [sets_config, sets_boundary])
def test_settings_are_seen(project: Project, change: Callable[[Project], None]) -> None:
    flags = Flags()
    before = project.check(flags=flags)
    change(project)
    after = project.check(flags=flags)
    assert after == project.check(cache=False, flags=flags)
    assert project.check(flags=flags) == after
    (project.root / "src" / "pyproject.toml").unlink()
    if change is sets_config:
        assert after != before
        assert project.check(flags=flags) == before


def edit_plain(project: Project) -> None:
    project.write("plain.py", PLAIN + "# more\n")


def touch(project: Project) -> None:
    for name, text in (("main.py", WORKER), ("helper.py", HELPER), ("plain.py", PLAIN)):
        project.write(name, text)


def remark(project: Project) -> None:
    project.write("helper.py", HELPER + "# more\n")


def unrelated(project: Project) -> None:
    project.write("other/new.py", HELPER)


@pytest.mark.parametrize(
    ("change", "files"),
    [
        # What plain.py imports is the same, and it names no API: nothing hangs on the rest.
        (edit_plain, []),
        (edit_main, ["main.py"]),
        (touch, []),
        # plain.py has no interest in what helper.py holds, only in what it offers.
        (remark, ["main.py"]),
        # A new folder can mean another thing to an import, and what main.py means is looked up.
        (unrelated, ["main.py", "other/new.py"]),
    ],
)
def test_only_what_depends_on_a_change_is_checked(
    project: Project, checked: list[str], change: Callable[[Project], None], files: list[str]
) -> None:
    before = project.check()
    checked.clear()
    change(project)
    after = project.check()
    assert [path.removeprefix("src/") for path in checked] == files
    if change in (touch, remark, unrelated):
        assert after == before
    checked.clear()
    assert project.check() == after
    assert checked == []


def test_a_part_of_what_is_kept_is_looked_at_alone(project: Project, checked: list[str]) -> None:
    for number in range(20):
        project.write(f"many/m{number}.py", PLAIN)
    before = project.check()
    checked.clear()
    edit_main(project)
    edit_plain(project)
    run(("src/plain.py",), Flags(isolated=True), cache_dir=str(project.cache))
    run(("src/many",), Flags(isolated=True), cache_dir=str(project.cache))
    assert checked == ["src/plain.py"]  # named itself: another question than before
    assert project.check() != before
    assert project.check() == project.check(cache=False)


FIXTURES = Path(__file__).parent.parent / "fixtures"


def leaves(trace: Trace, path: str) -> set[str]:
    """Return what the report on a file depends on, by key."""
    trace.settle()
    (number,) = (n for n in trace.made if trace.keys[n].startswith("r") and path in trace.keys[n])
    return {trace.keys[n] for n in trace.leaves_of([number])}


@pytest.mark.parametrize(
    "folder", sorted((FIXTURES / "projects").iterdir()), ids=lambda path: str(path.name)
)
def test_what_is_shared_between_files_hides_no_dependence(folder: Path) -> None:
    """Whatever is remembered from other files, a report depends on what it did alone."""
    options = config.Configuration(isolated=True).options_for("x.py")
    tasks = [checking.Task(str(path), False, options) for path in sorted(folder.rglob("*.py"))]
    together = Trace()
    workspaces = Workspaces(together)
    for task in (*tasks, *tasks):
        checking.check_file(task, workspaces)
    for task in tasks:
        alone = Trace()
        checking.check_file(task, Workspaces(alone))
        missing = leaves(alone, task.path) - leaves(together, task.path)
        # A folder about which much is asked is listed instead.
        listed = {key for key in missing if key.startswith("k ")}
        missing -= {
            key for key in listed if f"n {Path(key[2:]).parent}" in leaves(together, task.path)
        }
        assert not missing, task.path


def test_other_options_are_another_run(project: Project, checked: list[str]) -> None:
    assert "MPG101" in project.check()
    some = Flags(isolated=True, select=("MPG2",))
    assert "MPG101" not in project.check(flags=some)
    assert "MPG101" in project.check()
    assert len(checked) == 6


def entries(project: Project) -> list[Path]:
    return sorted(path for path in project.cache.glob("*/*") if path.is_file())


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda data: b"",
    lambda data: data[:40],
    lambda data: data[: len(data) // 2],
    lambda data: data[:-9],
    lambda data: data[:-1] + bytes((data[-1] ^ 1,)),
    lambda data: data[: len(data) // 2] + b"??" + data[len(data) // 2 + 2 :],
    lambda data: b"x" * len(data),
    lambda data: data + b"more",
]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("which", ["ledger", "journal"])
def test_a_damaged_entry_is_no_entry(
    project: Project, which: str, damage: Callable[[bytes], bytes]
) -> None:
    project.check()
    # A journal that says something.
    remark(project)
    project.check()
    for change in (lambda _: None, edit_main, edit_helper):
        found = [path for path in entries(project) if ("-" in path.name) == (which == "ledger")]
        assert len(found) == 1
        found[0].write_bytes(damage(found[0].read_bytes()))
        change(project)
        after = project.check()
        assert after == project.check(cache=False)
        assert project.check() == after


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


def test_old_entries_go(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.check()
    entries = [path for path in project.cache.glob("*/*") if path.is_file()]
    long_ago = time.time() - 40 * 86_400
    for path in (*entries, project.cache / "CACHEDIR.TAG"):
        os.utime(path, (long_ago, long_ago))
    # Another working directory has entries of its own.
    monkeypatch.chdir(project.root / "src")
    run((".",), Flags(isolated=True), cache_dir=str(project.cache))
    left = {path for path in project.cache.glob("*/*") if path.is_file()}
    assert left
    assert not left.intersection(entries)


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


def test_every_way_of_running_prints_the_same(
    project: Project,
) -> None:
    shutil.copytree(FIXTURES / "projects", project.root / "src" / "projects")
    cold = project.check(jobs=2)
    assert "MPG101" in cold
    assert project.check() == cold
    assert project.check(cache=False) == cold
    assert project.check(cache=False, jobs=2) == cold
