"""``mpglobals fix`` as a command: files, streams, exit status (fixes have their own tests)."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from faces import LOSING, Command

from flake8_mpglobals.commands import fix as fixing
from flake8_mpglobals.commands.fix import unified
from flake8_mpglobals.fixes.engine import FixResult
from flake8_mpglobals.options import Options
from flake8_mpglobals.source import Source

UNFIXABLE = LOSING.replace('if __name__ == "__main__":', "if True:")
"""Without a main guard nothing is rewritten."""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(tmp_path, monkeypatch)


def test_in_place_and_twice(command: Command) -> None:
    path = command.write("lost.py")
    path.chmod(0o754)
    outcome = command("fix")
    assert outcome.status == 0
    assert outcome.out == (
        "lost.py:7:5: MPG101 lost-container-write: fixed 'results'\n1 fixed, 0 left\n"
    )
    fixed = path.read_text()
    assert fixed != LOSING
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o754
    outcome = command("fix", "lost.py")
    assert (outcome.status, outcome.out) == (0, "")
    assert path.read_text() == fixed
    assert command("check").status == 0


def test_diff_changes_nothing(command: Command) -> None:
    path = command.write("lost.py")
    outcome = command("fix", "--diff")
    assert outcome.status == 1
    assert outcome.out.startswith("--- lost.py\n+++ lost.py\n@@ ")
    assert "1 would be fixed, 0 left" in outcome.err
    assert path.read_text() == LOSING
    command.write("lost.py", "x = 1\n")
    assert command("fix", "--diff").status == 0


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_a_diff_is_one_that_patch_takes(command: Command, end: str, last: bool) -> None:
    text = LOSING.replace("\n", end) if last else LOSING.rstrip("\n").replace("\n", end)
    path = command.write("lost.py", text)
    diff = command("fix", "--diff").out
    assert ("\\ No newline at end of file" in diff) is not last
    (command.folder / "change.diff").write_bytes(diff.encode())
    try:
        subprocess.run(
            ["patch", "-p0", "--binary", "-s", "-i", "change.diff"], cwd=command.folder, check=True
        )
    except FileNotFoundError:
        pytest.skip("needs patch")
    patched = path.read_bytes()
    path.write_bytes(text.encode())
    command("fix")
    assert path.read_bytes() == patched


def test_the_diff_of_a_last_line_without_its_end() -> None:
    assert list(unified("x", b"a\nb", b"a\nc\n"))[2:] == [
        b"@@ -1,2 +1,2 @@\n",
        b" a\n",
        b"-b\n\\ No newline at end of file\n",
        b"+c\n",
    ]


def test_what_is_left_is_told_with_the_reason(command: Command) -> None:
    path = command.write("lost.py", UNFIXABLE)
    outcome = command("fix")
    assert outcome.status == 1
    lines = outcome.out.splitlines()[:5]
    assert lines[0].startswith("lost.py:7:5: MPG101 worker 'worker' appends to")
    assert lines[1].startswith("  not fixed: ")
    assert lines[2].startswith("lost.py:11:10: MPG202 Pool starts a process at module level")
    assert lines[3].endswith("when it is imported: needs --unsafe-fixes")
    assert lines[4] == "0 fixed, 2 left"
    assert path.read_text() == UNFIXABLE
    assert command("fix", "--diff").status == 0


def test_stdin_to_stdout(command: Command) -> None:
    outcome = command("fix", "-", "--stdin-filename=x.py", stdin=LOSING.encode())
    path = command.write("lost.py")
    command("fix", "lost.py")
    assert (outcome.status, outcome.out) == (0, path.read_text())
    assert "1 fixed" in outcome.err
    plain = b"x = 1\r\n"
    assert command("fix", "-", stdin=plain).out == "x = 1\r\n"
    broken = b"import multiprocessing\n(\n"
    outcome = command("fix", "-", stdin=broken)
    assert (outcome.status, outcome.out) == (2, broken.decode())
    assert command("fix", "-", "x.py").status == 2


def test_forced_excludes_hold_for_stdin(command: Command) -> None:
    flags = ("--force-exclude", "--exclude=old", "--stdin-filename=old/x.py")
    assert command("fix", "-", *flags, stdin=LOSING.encode()).out == LOSING


def test_noqa_blocks_the_fix(command: Command) -> None:
    text = LOSING.replace("append(item)", "append(item)  # noqa: MPG101")
    path = command.write("lost.py", text)
    assert command("fix").status == 0
    assert path.read_text() == text


def test_rules_that_are_not_selected_are_not_fixed(command: Command) -> None:
    path = command.write("lost.py")
    assert command("fix", "--ignore=MPG101").status == 0
    assert path.read_text() == LOSING


def test_errors(command: Command) -> None:
    command.write("broken.py", b"from multiprocessing import Pool\n(\n")
    path = command.write("lost.py")
    outcome = command("fix", "absent.py", ".")
    assert outcome.status == 2
    assert [line.split(":")[0] for line in outcome.err.splitlines()] == ["absent.py", "broken.py"]
    assert path.read_text() != LOSING


def test_a_file_that_changes_meanwhile_is_left_alone(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = command.write("lost.py")

    def slow(source: Source, options: Options, **_: object) -> FixResult:
        path.write_text("changed = 1\n")
        return FixResult(source, source.text + "# fixed\n", (), (), 1)

    monkeypatch.setattr(fixing, "fix_source", slow)
    outcome = command("fix", "lost.py")
    assert outcome.status == 2
    assert outcome.err.startswith("lost.py: error: not written: the file changed")
    assert path.read_text() == "changed = 1\n"


def test_an_internal_error_leaves_the_file(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> object:
        raise RecursionError

    path = command.write("lost.py")
    monkeypatch.setattr(fixing, "fix_source", fail)
    outcome = command("fix", "lost.py")
    assert outcome.status == 2
    assert "internal error (RecursionError)" in outcome.err
    assert path.read_text() == LOSING


def test_coding_is_kept(command: Command) -> None:
    text = f"# coding: latin-1\nname = 'é'\n{LOSING}"
    path = command.write("lost.py", text.encode("latin-1"))
    assert command("fix").status == 0
    assert path.read_bytes().startswith("# coding: latin-1\nname = 'é'\n".encode("latin-1"))


def test_each_strategy_can_be_asked_for(command: Command) -> None:
    path = command.write("lost.py")
    texts = {}
    for strategy in ("auto", "manager", "collect"):
        path.write_text(LOSING)
        assert command("fix", "--strategy", strategy).status == 0
        texts[strategy] = path.read_text()
    assert "results.extend(pool.map(worker, [1, 2]))" in texts["collect"]
    assert "Manager()" in texts["manager"]
    assert texts["auto"] == texts["collect"]
