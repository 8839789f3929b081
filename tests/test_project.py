"""The resolver: which file an import means, and the text that is read for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flake8_mpglobals.checking import Task, check_file
from flake8_mpglobals.disk import Disk
from flake8_mpglobals.modules import Memo, ModuleStore
from flake8_mpglobals.options import Options
from flake8_mpglobals.project import Project, Resolution
from flake8_mpglobals.source import Source, SourceError
from flake8_mpglobals.workspace import Workspaces


def tree(root: Path, *files: str) -> None:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def found(root: Path, importer: str, module: str, level: int = 0, src: tuple[str, ...] = ()) -> str:
    """Resolve from a relative importer in ``root``; '-' where nothing is found."""
    answer = Project(src, Disk(str(root))).resolve(importer, module, level)
    return "-" if answer.path is None else answer.path.replace(os.sep, "/")


def handed(path: str, text: str) -> ModuleStore:
    source = Source.from_text(path, text)
    return ModuleStore(Project(), source, source.parse(), Memo())


def test_a_module_and_a_package_beside_the_file(tmp_path: Path) -> None:
    tree(tmp_path, "main.py", "helper.py", "tools/__init__.py", "tools/deep.py")
    assert found(tmp_path, "main.py", "helper") == "helper.py"
    assert found(tmp_path, "main.py", "tools") == "tools/__init__.py"
    assert found(tmp_path, "main.py", "tools.deep") == "tools/deep.py"
    assert found(tmp_path, "main.py", "tools.missing") == "-"
    assert found(tmp_path, "main.py", "helper.attribute") == "-"


def test_a_package_wins_over_a_module_of_its_name(tmp_path: Path) -> None:
    tree(tmp_path, "main.py", "both.py", "both/__init__.py")
    assert found(tmp_path, "main.py", "both") == "both/__init__.py"


def test_a_module_wins_over_a_folder_without_init(tmp_path: Path) -> None:
    tree(tmp_path, "main.py", "both.py", "both/inner.py")
    assert found(tmp_path, "main.py", "both") == "both.py"
    assert found(tmp_path, "main.py", "both.inner") == "-"


def test_beside_comes_before_the_first_ancestor_without_init(tmp_path: Path) -> None:
    tree(tmp_path, "pkg/__init__.py", "pkg/main.py", "pkg/near.py", "near.py", "far.py")
    assert found(tmp_path, "pkg/main.py", "near") == "pkg/near.py"
    assert found(tmp_path, "pkg/main.py", "far") == "far.py"
    assert found(tmp_path, "pkg/main.py", "pkg.near") == "pkg/near.py"


def test_the_nearest_project_folder_and_its_src(tmp_path: Path) -> None:
    tree(tmp_path, "setup.cfg", "outer.py", "app/pyproject.toml", "app/inner.py")
    tree(tmp_path, "app/src/lib/__init__.py", "app/scripts/run.py")
    assert found(tmp_path, "app/scripts/run.py", "inner") == "app/inner.py"
    assert found(tmp_path, "app/scripts/run.py", "lib") == "app/src/lib/__init__.py"
    assert found(tmp_path, "app/scripts/run.py", "outer") == "-"


@pytest.mark.parametrize("marker", ["pyproject.toml", "setup.py", "setup.cfg"])
def test_each_marker_of_a_project(tmp_path: Path, marker: str) -> None:
    tree(tmp_path, marker, "lib.py", "scripts/run.py")
    assert found(tmp_path, "scripts/run.py", "lib") == "lib.py"


def test_extra_roots_come_last(tmp_path: Path) -> None:
    tree(tmp_path, "app/main.py", "app/twice.py", "extra/twice.py", "extra/once.py")
    assert found(tmp_path, "app/main.py", "once") == "-"
    assert found(tmp_path, "app/main.py", "once", src=("extra",)) == "extra/once.py"
    assert found(tmp_path, "app/main.py", "twice", src=("extra",)) == "app/twice.py"


def test_namespace_packages(tmp_path: Path) -> None:
    tree(tmp_path, "main.py", "ns/a.py", "ns/deep/b.py", "extra/ns/c.py")
    assert found(tmp_path, "main.py", "ns.a") == "ns/a.py"
    assert found(tmp_path, "main.py", "ns.deep.b") == "ns/deep/b.py"
    assert found(tmp_path, "main.py", "ns.c", src=("extra",)) == "extra/ns/c.py"
    answer = Project((), Disk(str(tmp_path))).resolve("main.py", "ns")
    assert (answer.path, answer.kind, answer.portions) == (None, "namespace", ("ns",))


def test_relative_imports(tmp_path: Path) -> None:
    tree(tmp_path, "pkg/__init__.py", "pkg/a.py", "pkg/sub/__init__.py", "pkg/sub/b.py")
    assert found(tmp_path, "pkg/sub/b.py", "", 1) == "pkg/sub/__init__.py"
    assert found(tmp_path, "pkg/sub/b.py", "", 2) == "pkg/__init__.py"
    assert found(tmp_path, "pkg/sub/b.py", "a", 2) == "pkg/a.py"
    assert found(tmp_path, "pkg/sub/b.py", "a", 1) == "-"
    assert found(tmp_path, "pkg/sub/__init__.py", "b", 1) == "pkg/sub/b.py"
    assert found(tmp_path, "pkg/a.py", "sub.b", 1) == "pkg/sub/b.py"


def test_relative_imports_past_the_top_of_the_file_system(tmp_path: Path) -> None:
    assert found(tmp_path, "a.py", "x", 99) == "-"


def test_packages_all_the_way_up() -> None:
    class Packages(Disk):
        def kind(self, path: str) -> str:
            return "file" if path.endswith("__init__.py") else "folder"

    project = Project((), Packages(os.sep))
    assert project.dotted_name("a/b.py") == "a.b"
    assert project.resolve("a/b.py", "c").kind == "package"


def test_a_script_can_hide_the_standard_library_but_a_package_cannot(tmp_path: Path) -> None:
    tree(tmp_path, "main.py", "random.py", "sys.py")
    tree(tmp_path, "pkg/__init__.py", "pkg/worker.py", "pkg/queue.py")
    assert found(tmp_path, "main.py", "random") == "random.py"
    assert found(tmp_path, "pkg/worker.py", "random") == "random.py"
    assert found(tmp_path, "pkg/worker.py", "queue") == "-"
    assert found(tmp_path, "main.py", "sys") == "-"  # built into the interpreter


def test_a_folder_named_like_a_library_is_not_that_library(tmp_path: Path) -> None:
    tree(tmp_path, "main.py", "multiprocessing/notes.py")
    assert found(tmp_path, "main.py", "multiprocessing") == "-"
    assert found(tmp_path, "main.py", "multiprocessing.notes") == "-"


def test_a_file_of_a_package_is_not_the_library_of_its_name(tmp_path: Path) -> None:
    tree(tmp_path, "proj/__init__.py", "proj/redis.py")
    assert found(tmp_path, "proj/redis.py", "redis") == "-"
    assert found(tmp_path, "proj/redis.py", "proj.redis") == "proj/redis.py"


def test_site_packages_are_no_project(tmp_path: Path) -> None:
    tree(tmp_path, "pyproject.toml", "app.py")
    tree(tmp_path, "env/site-packages/one/__init__.py", "env/site-packages/one/a.py")
    tree(tmp_path, "env/site-packages/two.py")
    importer = "env/site-packages/one/a.py"
    assert found(tmp_path, importer, "one") == "env/site-packages/one/__init__.py"
    assert found(tmp_path, importer, "two") == "-"
    assert found(tmp_path, importer, "app") == "-"


def test_a_folder_with_records_of_an_installer_is_no_project(tmp_path: Path) -> None:
    tree(tmp_path, "lib/one/__init__.py", "lib/one/a.py", "lib/two.py")
    assert found(tmp_path, "lib/one/a.py", "two") == "lib/two.py"
    tree(tmp_path, "lib/two-1.0.dist-info/RECORD")
    assert found(tmp_path, "lib/one/a.py", "one") == "lib/one/__init__.py"
    assert found(tmp_path, "lib/one/a.py", "two") == "-"


def test_what_no_record_names_is_of_the_project(tmp_path: Path) -> None:
    tree(tmp_path, "app.py", "state.py", "yaml/__init__.py", "six.py")
    for record in ("PyYAML-6.0.dist-info/RECORD", "six-1.0.dist-info/RECORD"):
        tree(tmp_path, record)
    text = "yaml/__init__.py,sha256=1,2\nPyYAML-6.0.dist-info/RECORD,,\n"
    (tmp_path / "PyYAML-6.0.dist-info" / "RECORD").write_text(text)
    assert found(tmp_path, "app.py", "state") == "state.py"
    assert found(tmp_path, "app.py", "yaml") == "-"
    assert found(tmp_path, "app.py", "six") == "-"


def test_a_library_of_the_catalogue_is_told_from_a_namesake(tmp_path: Path) -> None:
    tree(tmp_path, "main.py", "dask/__init__.py", "dask/base.py")
    assert found(tmp_path, "main.py", "dask.base") == "dask/base.py"
    tree(tmp_path, "dask/delayed.py")
    assert found(tmp_path, "main.py", "dask.base") == "-"
    assert found(tmp_path, "dask/base.py", "dask.delayed") == "dask/delayed.py"


def test_what_is_installed_is_never_found(tmp_path: Path) -> None:
    tree(tmp_path, "main.py")
    assert found(tmp_path, "main.py", "astroid") == "-"
    assert found(tmp_path, "main.py", "flake8.main") == "-"


def test_a_file_that_does_not_exist_can_import(tmp_path: Path) -> None:
    tree(tmp_path, "helper.py", "pkg/__init__.py", "pkg/a.py")
    assert found(tmp_path, "stdin", "helper") == "helper.py"
    assert found(tmp_path, "-", "helper") == "helper.py"
    assert found(tmp_path, "pkg/new.py", "a", 1) == "pkg/a.py"
    assert found(tmp_path, "no/such/folder/new.py", "helper") == "-"


@pytest.mark.parametrize("module", ["", ".", "a..b", "a.", "nul\0byte", "x" * 5000])
def test_names_that_are_no_names(tmp_path: Path, module: str) -> None:
    assert found(tmp_path, "main.py", module) == "-"


def test_paths_are_spelled_like_the_importer(tmp_path: Path) -> None:
    tree(tmp_path, "main.py", "helper.py")
    project = Project((), Disk(str(tmp_path)))
    assert project.resolve("./main.py", "helper").path == "helper.py"
    assert project.resolve(str(tmp_path / "main.py"), "helper").path == str(tmp_path / "helper.py")


def test_what_was_looked_for_and_is_not_there(tmp_path: Path) -> None:
    tree(tmp_path, "pkg/__init__.py", "pkg/main.py", "late.py", "setup.py")
    answer = Project((), Disk(str(tmp_path))).resolve("pkg/main.py", "late")
    assert answer.path == "late.py"
    absent = {os.path.relpath(path, tmp_path).replace(os.sep, "/") for path in answer.absent}
    assert {"pkg/late", "pkg/late.py", "late", "__init__.py", "pkg/setup.py"} <= absent
    assert not [path for path in answer.absent if Path(path).exists()]


def test_what_is_absent_can_change_the_answer(tmp_path: Path) -> None:
    tree(tmp_path, "pkg/__init__.py", "pkg/main.py", "late.py")
    before = Project((), Disk(str(tmp_path))).resolve("pkg/main.py", "late")
    tree(tmp_path, "pkg/late.py")
    assert str(tmp_path / "pkg" / "late.py") in before.absent
    assert found(tmp_path, "pkg/main.py", "late") == "pkg/late.py"


def test_dotted_names(tmp_path: Path) -> None:
    tree(tmp_path, "main.py", "a/__init__.py", "a/b/__init__.py", "a/b/c.py", "ns/d.py")
    project = Project((), Disk(str(tmp_path)))
    names = ["main.py", "a/__init__.py", "a/b/__init__.py", "a/b/c.py", "ns/d.py", "a/new.py"]
    assert [project.dotted_name(name) for name in names] == [
        "main",
        "a",
        "a.b",
        "a.b.c",
        "d",
        "a.new",
    ]
    assert project.dotted_name("stdin") == "stdin"


def test_results_are_frozen(tmp_path: Path) -> None:
    answer = Resolution("a.py", "module")
    with pytest.raises(AttributeError):
        answer.path = None  # type: ignore[misc]


def test_nothing_is_executed(tmp_path: Path) -> None:
    """The resolver and the store read a module whose import would leave a trace."""
    (tmp_path / "random.py").write_text("open('trace', 'w').close()\n")
    (tmp_path / "main.py").write_text("import random\n")
    program = (
        "from flake8_mpglobals.modules import *\n"
        "from flake8_mpglobals.source import Source\n"
        "source = Source.from_text('main.py', 'import random')\n"
        "store = ModuleStore(Project(), source, source.parse())\n"
        "assert store.source('random').text.startswith('open')\n"
    )
    subprocess.run([sys.executable, "-P", "-c", program], cwd=tmp_path, check=True)
    assert not (tmp_path / "trace").exists()


def test_the_store_hands_back_the_file_under_check(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import other  # on disk\n")
    (tmp_path / "other.py").write_text("import main\n")
    store = handed(str(tmp_path / "main.py"), "import other  # handed over\n")
    other = store.find(store.handed.source.path, "other")
    assert other is not None
    again = store.find(other.source.path, "main")
    assert again is store.handed
    assert store.read(str(tmp_path / "main.py")) == b"import other  # handed over\n"


def test_a_file_is_read_once_per_examination(tmp_path: Path) -> None:
    path = tmp_path / "other.py"
    path.write_text("A = 1\n")
    store = handed(str(tmp_path / "main.py"), "")
    first = store.load(str(path))
    path.write_text("A = 2\n")
    assert store.load(str(path)) is first
    assert store.read(str(path)) == b"A = 1\n"
    assert store.paths == (str(path),)
    later = handed(str(tmp_path / "main.py"), "").load(str(path))
    assert later is not None and later.source.text == "A = 2\n"


def test_unreadable_modules_are_none(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def (\n")
    (tmp_path / "nul.py").write_bytes(b"a = 1\0\n")
    store = handed(str(tmp_path / "main.py"), "")
    assert store.load(str(tmp_path / "bad.py")) is None
    assert store.load(str(tmp_path / "nul.py")) is None
    assert store.load(str(tmp_path / "gone.py")) is None
    assert store.read(str(tmp_path / "gone.py")) is None


def test_the_memo_is_keyed_by_path_and_content() -> None:
    memo = Memo()
    one = memo.parse("a.py", b"x = 1\n")
    assert memo.parse("a.py", b"x = 1\n") is one
    assert memo.parse("a.py", b"x = 2\n") is not one
    assert memo.parse("b.py", b"x = 1\n") is not one
    for _ in range(2):
        with pytest.raises(SourceError):
            memo.parse("c.py", b"def (\n")


def test_the_memo_is_bounded_and_drops_the_oldest() -> None:
    memo = Memo(most=4)
    one = memo.parse("a.py", b"1\n")
    memo.parse("b.py", b"1\n")
    memo.parse("a.py", b"1\n")
    memo.parse("c.py", b"1\n")
    assert len(memo) == 2
    assert memo.parse("a.py", b"1\n") is one


OWN = """\
import {package}

SEEN = []


def note(n):
    SEEN.append(n)


if __name__ == "__main__":
    {package}.Pool(2).map(note, [1])
    print(SEEN)
"""


@pytest.mark.parametrize(
    ("path", "package", "reported"),
    [
        ("multiprocess/tests/own.py", "multiprocess", False),  # the library's own API
        ("multiprocess/tests/own.py", "multiprocessing", True),  # that of another
        ("other/own.py", "multiprocess", True),  # its users
    ],
)
def test_the_source_of_a_library_is_not_looked_at_for_its_own_api(
    tmp_path: Path, path: str, package: str, reported: bool
) -> None:
    tree(tmp_path, "multiprocess/__init__.py", "multiprocess/popen_fork.py", path)
    file = tmp_path / path
    file.write_text(OWN.format(package=package))
    report = check_file(Task(str(file), False, Options(frozenset({"MPG101"}))), Workspaces())
    assert [finding.code for finding in report.findings] == ["MPG101"] * reported
