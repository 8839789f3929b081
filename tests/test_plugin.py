from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from faces import LOSING, use_stand_in

from flake8_mpglobals import analysis
from flake8_mpglobals.options import Options
from flake8_mpglobals.plugin import Plugin
from flake8_mpglobals.source import Source


def plugin(text: str = LOSING, filename: str = "x.py", **options: object) -> Plugin:
    given = argparse.Namespace(
        **{
            "select": None,
            "extend_select": None,
            "isolated": False,
            "mpg_start_methods": None,
            "mpg_src": None,
            **options,
        }
    )
    return Plugin(ast.parse(text), text.splitlines(keepends=True), filename, given)


def codes(found: Plugin) -> list[str]:
    return [text.split(" ")[0] for _, _, text, _ in found.run()]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MPGLOBALS_TRACEBACK", raising=False)


def test_tuples(monkeypatch: pytest.MonkeyPatch) -> None:
    use_stand_in(monkeypatch)
    ((line, column, text, kind),) = plugin().run()
    assert (line, column, kind) == (7, 4, Plugin)
    assert text.startswith("MPG101 worker 'worker' appends")


def test_default_off_rules_need_mpg9(monkeypatch: pytest.MonkeyPatch) -> None:
    use_stand_in(monkeypatch)
    text = LOSING + "results.pop()\n"
    assert codes(plugin(text)) == ["MPG101"]
    assert codes(plugin(text, select=["MPG"])) == ["MPG101"]
    assert codes(plugin(text, select=["E", "MPG9"])) == ["MPG101", "MPG901"]
    assert codes(plugin(text, extend_select=["MPG901"])) == ["MPG101", "MPG901"]
    assert codes(plugin(text, extend_select=["MPG902"])) == ["MPG101"]


def options_seen(monkeypatch: pytest.MonkeyPatch, **given: object) -> Options:
    seen: list[Options] = []

    def look(source: Source, options: Options, tree: ast.Module, workspace: object) -> tuple[()]:
        del source, tree, workspace
        seen.append(options)
        return ()

    monkeypatch.setattr(analysis, "check", look)
    list(plugin(**given).run())  # type: ignore[arg-type]
    return seen[0]


def test_settings_of_the_file_and_flags_over_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.mpglobals]\nstart-methods = ["fork"]\nsrc = ["lib"]\nselect = ["MPG102"]\n'
    )
    options = options_seen(monkeypatch)
    assert (options.start_methods, options.src) == (("fork",), (str(tmp_path / "lib"),))
    assert {"MPG101", "MPG102"} <= options.codes
    options = options_seen(monkeypatch, mpg_start_methods=["spawn"], mpg_src=["/s"])
    assert (options.start_methods, options.src) == (("spawn",), ("/s",))
    assert options_seen(monkeypatch, isolated=True).start_methods == ()


@pytest.mark.parametrize("failure", [ValueError(), RecursionError(), MemoryError()])
def test_flake8_goes_on_where_the_analysis_fails(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(*_: object) -> object:
        raise failure

    monkeypatch.setattr(analysis, "check", fail)
    assert list(plugin().run()) == []
    monkeypatch.setenv("MPGLOBALS_TRACEBACK", "1")
    with pytest.raises(type(failure)):
        list(plugin().run())


def test_files_of_one_run_share_what_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[object] = []

    def look(source: Source, options: Options, tree: ast.Module, workspace: object) -> tuple[()]:
        del source, options, tree
        seen.append(workspace)
        return ()

    monkeypatch.setattr(analysis, "check", look)
    monkeypatch.chdir(tmp_path)
    text = "import multiprocessing\nmultiprocessing.Pool().map(print, [1])\n"
    given = argparse.Namespace()
    now = 100.0
    monkeypatch.setattr("flake8_mpglobals.plugin.time.monotonic", lambda: now)

    def check(options: argparse.Namespace, name: str = "a.py") -> None:
        list(Plugin(ast.parse(text), text.splitlines(keepends=True), name, options).run())

    check(given)
    check(given, "b.py")
    assert seen[0] is seen[1]
    check(argparse.Namespace(), "c.py")
    assert seen[2] is not seen[1]
    check(given)
    now += 60
    check(given, "b.py")
    assert seen[4] is not seen[3]
    # A file that is looked at again is looked at in another run.
    check(given, "b.py")
    assert seen[5] is not seen[4]
    # It took long, but was at work.
    now += 60
    monkeypatch.setattr("flake8_mpglobals.plugin.time.process_time", lambda: 1e9)
    check(given, "c.py")
    assert seen[6] is seen[5]


def test_nothing_is_kept_on_the_class() -> None:
    before = dict(vars(Plugin))
    list(plugin().run())
    assert dict(vars(Plugin)) == before


def test_the_tree_of_flake8_is_left_alone() -> None:
    found = plugin()
    before = ast.dump(found._tree, include_attributes=True)
    attributes = [set(vars(node)) for node in ast.walk(found._tree)]
    list(found.run())
    assert ast.dump(found._tree, include_attributes=True) == before
    assert [set(vars(node)) for node in ast.walk(found._tree)] == attributes


def flake8(*args: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flake8", *args],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **more},
    )


def test_flake8_loads_it(tmp_path: Path) -> None:
    assert "flake8-mpglobals" in flake8("--version").stdout
    assert "--mpg-start-methods" in flake8("--help").stdout
    (tmp_path / "x.py").write_text(LOSING)
    done = flake8("--select=MPG", "x.py")
    assert done.stderr == ""
    assert done.stdout.startswith("x.py:7:5: MPG101 worker 'worker' appends to")
    assert done.stdout.count("\n") == 1


def test_stdin_and_names(tmp_path: Path) -> None:
    done = flake8("--select=MPG", "-", "--stdin-display-name=pkg/x.py", stdin=LOSING)
    assert done.stdout.startswith("pkg/x.py:7:5: MPG101")
    assert flake8("--select=MPG", "-", stdin="\ufeff" + LOSING).stdout.startswith("stdin:7:5:")


def test_noqa_and_ignores(tmp_path: Path) -> None:
    silenced = LOSING.replace("append(item)", "append(item)  # noqa: MPG101")
    (tmp_path / "quiet.py").write_text(silenced)
    (tmp_path / "x.py").write_text(LOSING)
    assert flake8("--select=MPG", "quiet.py").stdout == ""
    assert flake8("--extend-ignore=MPG1", "--select=MPG", "x.py").stdout == ""
    assert flake8("--select=MPG", "--per-file-ignores=x.py:MPG101", "x.py").stdout == ""
    assert "MPG101" in flake8("--ignore=E501", "x.py").stdout


SPAWNING = """\
import multiprocessing, sys
from flake8.main.cli import main
if __name__ == "__main__":
    multiprocessing.set_start_method("{method}")
    sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_flags_reach_workers_of_flake8(tmp_path: Path, method: str) -> None:
    import multiprocessing

    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this platform")
    script = tmp_path / "run_it.txt"
    script.write_text(SPAWNING.format(method=method))
    names = ["a.py", "b.py", "c.py"]
    for name in names:
        (tmp_path / name).write_text(LOSING)
    command = [sys.executable, str(script), "--select=MPG", "--isolated"]
    one, two = (
        subprocess.run(
            [*command, f"-j{jobs}", *names], capture_output=True, text=True, check=False
        ).stdout
        for jobs in (1, 2)
    )
    assert one == two
    assert one.count("MPG101") == 3


def test_wrong_settings_end_flake8_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(LOSING)
    done = flake8("--mpg-start-methods=spoon", "x.py")
    assert done.returncode == 1
    assert "unknown start method 'spoon'" in done.stdout
    (tmp_path / "pyproject.toml").write_text("[tool.mpglobals]\nselct = []\n")
    done = flake8("x.py")
    assert done.returncode == 1
    assert "pyproject.toml:2:1: error: unknown key 'selct'" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert flake8("--isolated", "--select=MPG102", "x.py").returncode == 0
