from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from flake8_mpglobals.config import Configuration
from flake8_mpglobals.discovery import Target, discover, display
from flake8_mpglobals.model import FileError
from flake8_mpglobals.patterns import Patterns


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def walk(*paths: str) -> list[str]:
    return [
        found.path if isinstance(found, Target) else f"{found.path}: {found.message}"
        for found in discover(paths, Configuration())
    ]


def test_python_files_in_order(tree: Path) -> None:
    make(tree, "b.py", "a.py", "c.pyw", "d.pyi", "e.txt", "p/z.py", "p/a.py", "nb.ipynb", "o.pyc")
    assert walk(".") == ["a.py", "b.py", "c.pyw", "p/a.py", "p/z.py"]
    assert walk("p") == ["p/a.py", "p/z.py"]
    assert walk(str(tree / "p")) == ["p/a.py", "p/z.py"]


def test_usual_folders_are_left_out(tree: Path) -> None:
    make(tree, *(f"{name}/x.py" for name in (".venv", "build", "node_modules", "__pycache__")))
    make(tree, "pkg/site-packages/x.py", "pkg/x.py", "builder/x.py")
    assert walk(".") == ["builder/x.py", "pkg/x.py"]
    assert walk("build") == ["build/x.py"]


def test_each_file_once(tree: Path) -> None:
    make(tree, "a/x.py", "a/b/y.py")
    assert walk("a/b/y.py", ".", "a", "./a/x.py") == ["a/b/y.py", "a/x.py"]
    assert walk("a", "a/../a/x.py") == ["a/x.py", "a/b/y.py"]


def test_a_named_file_is_taken_whatever_it_is_called(tree: Path) -> None:
    make(tree, "build/script", "stub.pyi")
    assert walk("build/script", "stub.pyi") == ["build/script", "stub.pyi"]


def test_excludes_forced_on_named_files(tree: Path) -> None:
    make(tree, "build/x.py", "x.py")
    (tree / "pyproject.toml").write_text("[tool.mpglobals]\nforce-exclude = true\n")
    assert walk("build/x.py", "x.py", "build") == ["x.py"]


def test_a_missing_path(tree: Path) -> None:
    assert walk("absent") == ["absent: no such file or folder"]


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="needs links")
def test_links_cannot_catch_the_walk(tree: Path) -> None:
    make(tree, "a/x.py")
    (tree / "a" / "loop").symlink_to(tree / "a", target_is_directory=True)
    (tree / "other").symlink_to(tree / "a", target_is_directory=True)
    (tree / "dangling.py").symlink_to(tree / "absent")
    assert walk(".") == ["a/x.py"]
    assert walk("other", "a") == ["other/x.py"]


def test_gitignore(tree: Path) -> None:
    (tree / ".git").mkdir()
    make(tree, "a.py", "gen_x.py", "keep/gen_y.py", "out/x.py", "sub/only.py", "sub/in/only.py")
    (tree / ".gitignore").write_text("gen_*.py\n/out/\n")
    (tree / "keep" / ".gitignore").write_text("!gen_y.py\n")
    (tree / "sub" / ".gitignore").write_text("/only.py\n")
    assert walk(".") == ["a.py", "keep/gen_y.py", "sub/in/only.py"]
    # the rules of the folders above hold, too, except on a folder that is named itself
    assert walk("sub", "keep") == ["sub/in/only.py", "keep/gen_y.py"]
    assert walk("out") == ["out/x.py"]
    assert walk("gen_x.py") == ["gen_x.py"]
    (tree / "pyproject.toml").write_text("[tool.mpglobals]\nrespect-gitignore = false\n")
    assert "gen_x.py" in walk(".")


@pytest.mark.parametrize(
    "rules",
    [
        "*.py\n!/b/**\n!a.py\n\\#h.py\n# comment\n",
        "*\n!*/\n!c.py\n",
        "/*\n!/b\n/b/*\n!/b/d\n",
        "x/y\n**/e.py\n",
        "x/**/z.py\nt\\ .py\n",
        "b/d/\n",
        "d\n!b/d/e.py\n",
    ],
)
def test_gitignore_agrees_with_git(tree: Path, rules: str) -> None:
    make(tree, "a.py", "b/c.py", "b/d/e.py", "b/d/f.py", "x/y/z.py", "x/w.py", "#h.py", "t .py")
    (tree / ".gitignore").write_text(rules)
    try:
        subprocess.run(["git", "init", "-q"], check=True, cwd=tree)
        listed = subprocess.run(
            ["git", "-c", "core.quotePath=off", "ls-files", "-co", "--exclude-standard", "*.py"],
            check=True,
            cwd=tree,
            capture_output=True,
            text=True,
        ).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git")
    assert sorted(walk(".")) == sorted(filter(None, listed))


def test_each_project_excludes_for_itself(tree: Path) -> None:
    make(tree, "old/x.py", "inner/old/x.py", "inner/new/x.py")
    (tree / "pyproject.toml").write_text('[tool.mpglobals]\nextend-exclude = ["old"]\n')
    (tree / "inner" / "pyproject.toml").write_text(
        '[tool.mpglobals]\nextend-exclude = ["new"]\nexclude = []\n'
    )
    assert walk(".") == ["inner/old/x.py"]


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="needs permissions")
def test_a_folder_that_cannot_be_read(tree: Path) -> None:
    (tree / "locked").mkdir(mode=0)
    assert walk(".") == ["locked: permission denied"]


@pytest.mark.parametrize(
    ("pattern", "path", "want"),
    [
        ("build", "/r/build", True),
        ("build", "/r/a/build/x.py", True),
        ("build", "/r/builder/x.py", False),
        ("*_pb2.py", "/r/a/x_pb2.py", True),
        ("src/gen", "/r/src/gen/x.py", True),
        ("src/gen/", "/r/src/gen/x.py", True),
        ("./src/gen", "/r/src/gen/x.py", True),
        ("src/gen", "/r/a/src/gen/x.py", False),
        ("src/*.py", "/r/src/a/x.py", True),
        ("src/**/x.py", "/r/src/x.py", True),
        ("src/**/x.py", "/r/src/a/b/x.py", True),
        ("/r/a", "/r/a/x.py", True),
    ],
)
def test_patterns(pattern: str, path: str, want: bool) -> None:
    assert Patterns.of((pattern,), "/r").match(path) is want


def test_paths_are_shown_from_where_it_runs(tree: Path) -> None:
    assert display("./a/../b.py") == "b.py"
    assert display(str(tree / "a" / "b.py")) == "a/b.py"
    assert display(".") == "."
    assert display("../x.py") == "../x.py"
    outside = str(Path(tree.anchor) / "elsewhere.py")
    assert display(outside) == outside.replace(os.sep, "/")


def test_errors_and_targets_are_values() -> None:
    assert Target("a", True) == Target("a", True)
    assert FileError("a", 0, 0, "b") < FileError("b", 0, 0, "a")
