from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from faces import LOSING, REMEDY, Command, use_stand_in
from hypothesis import given, settings
from hypothesis import strategies as st

from flake8_mpglobals import __version__, analysis, checking
from flake8_mpglobals.crew import Shares
from flake8_mpglobals.options import Options
from flake8_mpglobals.workspace import Workspaces

LINE = f"7:5: MPG101 worker 'worker' appends to module-level list 'results': {REMEDY}\n"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    use_stand_in(monkeypatch)
    return Command(tmp_path, monkeypatch)


def test_findings_and_exit_status(command: Command) -> None:
    command.write("lost.py")
    command.write("fine.py", "x = 1\n")
    assert command("check", "fine.py").status == 0
    outcome = command("check", "--output-format", "concise")
    assert (outcome.status, outcome.out, outcome.err) == (1, "lost.py:" + LINE, "")
    outcome = command("check", "--exit-zero", "--output-format=concise")
    assert (outcome.status, outcome.out) == (0, "lost.py:" + LINE)
    assert "All checks passed!" in command("check", "fine.py").out
    assert command("check", "fine.py", "-q").out == ""
    assert "Found 1 problem in 1 file." in command("check").out


def test_order_is_by_path_line_and_column(command: Command) -> None:
    for name in ("b.py", "a/z.py", "a.py"):
        command.write(name, LOSING + "results.append(3); results.pop()\n")
    outcome = command("check", "b.py", "a", "a.py", "--output-format=concise", "--select=MPG")
    starts = [line.split(" ")[0] for line in outcome.out.splitlines()]
    names = ("a.py", "a/z.py", "b.py")
    assert starts == [f"{name}:{line}" for name in names for line in ("7:5:", "14:1:")]


BROKEN = {
    "syntax.py": (
        b"from multiprocessing import Pool\ndef f(:\n",
        "syntax.py:2:7: error: syntax error: ",
    ),
    "python2.py": (
        b"from multiprocessing import Pool\nprint 'x'\n",
        "python2.py:2:1: error: syntax error: ",
    ),
    "nul.py": (
        b"from multiprocessing import Pool\nx\0\n",
        "nul.py:2:2: error: source contains a NUL byte",
    ),
    "latin.py": (
        b"from multiprocessing import Pool\n#\xe9\n",
        "latin.py:2:2: error: cannot decode as utf-8",
    ),
    "coding.py": (
        b"# coding: klingon\nfrom multiprocessing import Pool\n",
        "coding.py:1:1: error: ",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_line_and_the_others_are_checked(command: Command, name: str) -> None:
    data, message = BROKEN[name]
    command.write(name, data)
    command.write("lost.py")
    for args in ([], [name, "lost.py"]):
        outcome = command("check", *args, "--output-format=concise")
        assert outcome.status == 2
        assert outcome.out == "lost.py:" + LINE
        assert outcome.err.startswith(message)
        assert outcome.err.count("\n") == 1


def test_a_named_file_that_starts_no_process_is_parsed_all_the_same(command: Command) -> None:
    command.write("bad.py", "def f(:\n")
    assert command("check", "bad.py").status == 2
    assert command("check", ".").status == 0


def test_missing_paths(command: Command) -> None:
    command.write("lost.py")
    outcome = command("check", "absent.py", "lost.py", "--output-format=concise")
    assert outcome.status == 2
    assert outcome.err == "absent.py: error: no such file or folder\n"
    assert outcome.out == "lost.py:" + LINE


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="needs permissions")
def test_an_unreadable_file(command: Command) -> None:
    command.write("lost.py").chmod(0)
    outcome = command("check", "lost.py")
    assert (outcome.status, outcome.err) == (
        2,
        "lost.py: error: cannot read: permission denied\n",
    )


@pytest.mark.parametrize("failure", [ValueError("two\nlines"), RecursionError(), MemoryError()])
def test_an_internal_error_is_an_error_of_that_file(
    command: Command, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(*_: object) -> object:
        raise failure

    command.write("a.py")
    monkeypatch.setattr(analysis, "check", fail)
    outcome = command("check", "a.py")
    assert outcome.status == 2
    assert outcome.err.startswith(f"a.py:1:1: error: internal error ({type(failure).__name__}")
    assert outcome.err.count("\n") == 1
    monkeypatch.setenv("MPGLOBALS_TRACEBACK", "1")
    with pytest.raises(type(failure)):
        job = checking.Job("a.py", LOSING.encode(), Options(frozenset({"MPG101"})))
        checking.check_bytes(job, Workspaces())


def test_no_python_files(command: Command) -> None:
    outcome = command("check")
    assert (outcome.status, outcome.out) == (0, "")
    assert "no Python files" in outcome.err


def test_stdin(command: Command) -> None:
    data = LOSING.encode()
    outcome = command("check", "-", "--output-format=concise", stdin=data)
    assert (outcome.status, outcome.out) == (1, "stdin:" + LINE)
    outcome = command(
        "check", "-", "--output-format=concise", "--stdin-filename=pkg/x.py", stdin=data
    )
    assert outcome.out == "pkg/x.py:" + LINE
    assert command("check", "-", stdin=b"def f(:").status == 2
    assert command("check", "-", stdin=b"\xff").err.startswith("stdin:1:1: error: ")
    assert command("check", "-", "x.py").status == 2


def test_stdin_under_forced_excludes(command: Command) -> None:
    flags = ("check", "-", "--force-exclude", "--exclude=old", "--stdin-filename=old/x.py")
    assert command(*flags, stdin=LOSING.encode()).status == 0
    assert command(*flags[:2], *flags[3:], stdin=LOSING.encode()).status == 1


def test_settings_and_flags(command: Command) -> None:
    command.write("lost.py")
    command.write("pyproject.toml", '[tool.mpglobals]\nselect = ["MPG102"]\n')
    assert command("check").status == 0
    assert command("check", "--isolated").status == 1
    assert command("check", "--select", "MPG101").status == 1
    assert command("check", "--extend-select", "MPG1").status == 1
    assert command("check", "--select", "MPG1,MPG9", "--ignore", "MPG101").status == 0
    assert command("check", "--select", "MPG1", "--per-file-ignores", "l*.py:MPG101").status == 0
    command.write("other.toml", '[tool.mpglobals]\nselect = ["MPG1"]\noutput-format = "concise"\n')
    assert command("check", "--config", "other.toml").out == "lost.py:" + LINE
    assert command("check", "--config", "other.toml", "--isolated").status == 2
    assert command("check", "--config", "absent.toml").status == 2


def test_excludes(command: Command) -> None:
    command.write("a/lost.py")
    command.write("b/lost.py")
    assert command("check", "--extend-exclude=a,b").status == 0
    assert command("check", "--exclude", "a", "--output-format=concise").out == "b/lost.py:" + LINE
    assert command("check", "a/lost.py", "--exclude=a").status == 1
    assert command("check", "a/lost.py", "--exclude=a", "--force-exclude").status == 0


def test_a_broken_settings_file_is_one_line(command: Command) -> None:
    command.write("lost.py")
    command.write("pyproject.toml", "[tool.mpglobals]\nselect = [\n")
    outcome = command("check")
    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err.startswith("pyproject.toml:")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [
        ("--select", "E501"),
        ("--ignore", "MPG777"),
        ("--output-format", "html"),
        ("--jobs", "-1"),
        ("--per-file-ignores", "MPG101"),
        ("--target-version", "py27"),
        ("--nonsense",),
    ],
)
def test_wrong_usage(command: Command, args: tuple[str, ...]) -> None:
    outcome = command("check", *args)
    assert outcome.status == 2
    assert outcome.err.startswith("Usage:")
    assert "Traceback" not in outcome.err


def test_json_and_statistics_and_files(command: Command) -> None:
    command.write("lost.py", LOSING + "results.append(3)\n")
    document = json.loads(command("check", "absent", ".", "--output-format=json").out)
    assert [one["line"] for one in document["findings"]] == [7, 14]
    assert document["errors"][0]["path"] == "absent"
    assert command("check", "--statistics").out == "2\tMPG101\tlost-container-write\n"
    outcome = command("check", "--statistics", "--output-format=json")
    assert json.loads(outcome.out)[0]["count"] == 2
    outcome = command("check", "--output-file", "report.txt", "--output-format=concise")
    assert (outcome.status, outcome.out) == (1, "")
    assert (command.folder / "report.txt").read_text().startswith("lost.py:7:5: MPG101")
    assert command("check", "--output-file", "absent/report.txt").status == 2


def test_noqa(command: Command) -> None:
    command.write("lost.py", LOSING.replace("append(item)", "append(item)  # noqa: MPG101"))
    assert command("check").status == 0


def test_colours(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    command.write("lost.py")
    assert "\x1b" not in command("check").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in command("check").out
    assert "\x1b" not in command("check", "--output-format=concise").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in command("check").out


def test_explain_and_rules(command: Command) -> None:
    by_code = command("explain", "MPG101")
    assert by_code.status == 0
    for text in ("lost-container-write", "Why", "Bad", "Good", "Known limits", "virtual"):
        assert text in by_code.out
    assert command("explain", "lost-container-write").out == by_code.out
    assert command("explain", "mpg101").out == by_code.out
    assert json.loads(command("explain", "MPG101", "--output-format=json").out)["default"] is True
    outcome = command("explain", "lost-containr-write")
    assert outcome.status == 2
    assert "did you mean 'lost-container-write'?" in outcome.err
    assert command("explain", "E501").status == 2
    assert command("rules").out.splitlines()[1].split()[:3] == [
        "MPG101",
        "lost-container-write",
        "on",
    ]
    assert json.loads(command("rules", "--output-format=json").out)[0]["code"] == "MPG101"


def test_help_and_version(command: Command) -> None:
    assert command("--version").out == f"mpglobals, version {__version__}\n"
    for args in (("--help",), ("check", "--help"), ("fix", "-h"), ("explain", "--help")):
        outcome = command(*args)
        assert outcome.status == 0
        assert outcome.out.startswith("Usage: mpglobals")
    assert command("chek").status == 2


def test_interrupts_end_quietly(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> object:
        raise KeyboardInterrupt

    command.write("lost.py")
    monkeypatch.setattr(analysis, "check", interrupt)
    outcome = command("check")
    assert outcome.status == 128 + signal.SIGINT
    assert "Traceback" not in outcome.err


def start(*args: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **more}
    return subprocess.run(
        [sys.executable, "-m", "flake8_mpglobals", *args],
        cwd=cwd,
        env=environment,
        capture_output=True,
        check=False,
    )


def test_as_a_module(tmp_path: Path) -> None:
    (tmp_path / "fine.py").write_text("x = 1\n")
    assert start("check", cwd=tmp_path).returncode == 0
    assert b"usage: mpglobals" in start("--help", cwd=tmp_path).stdout.lower()


def test_a_stream_that_cannot_encode_a_name(tmp_path: Path) -> None:
    (tmp_path / "wörld.py").write_text(
        "from multiprocessing import Pool\nwörld(:\n", encoding="utf-8"
    )
    done = start("check", cwd=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 2
    assert done.stderr.startswith(b"w\\xf6rld.py:2:7: error: ")


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"broken{number}.py").write_text("from multiprocessing import Pool\n(\n")
    with subprocess.Popen(
        [sys.executable, "-m", "flake8_mpglobals", "explain", "MPG101"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "flake8_mpglobals", "rules"],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == b"mpglobals: error: no space left on device\n"


def test_jobs_change_nothing(tmp_path: Path) -> None:
    for number in range(12):
        text = LOSING if number % 3 else "from multiprocessing import Pool\n(\n"
        (tmp_path / f"m{number:02}.py").write_text(text)
    outcomes = {
        (done.returncode, done.stdout, done.stderr)
        for jobs in ("1", "2", "3")
        for done in [start("check", "--jobs", jobs, "--output-format=concise", cwd=tmp_path)]
    }
    assert len(outcomes) == 1
    status, _, complaints = outcomes.pop()
    assert status == 2
    assert complaints.count(b"\n") == 4


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_jobs_under_every_start_method(tmp_path: Path, method: str) -> None:
    import multiprocessing

    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this platform")
    for number in range(4):
        (tmp_path / f"m{number}.py").write_text("from multiprocessing import Pool\n(\n")
    script = tmp_path / "run_it.py"
    script.write_text(
        "import multiprocessing\n"
        "from flake8_mpglobals.cli import main\n"
        "if __name__ == '__main__':\n"
        f"    multiprocessing.set_start_method({method!r})\n"
        "    main(['check', '--jobs=2', '--exclude=run_it.py'])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        f"m{number}.py" for number in range(4)
    ]


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(1, 8), st.randoms())
def test_each_chunk_is_checked_by_one_process(chunks: int, many: int, random: Random) -> None:
    shares = Shares(chunks, many)
    taken = []
    while (chunk := shares.take(random.randrange(many))) is not None:
        taken.append(chunk)
    assert sorted(taken) == list(range(chunks))
    assert all(shares.take(worker) is None for worker in range(many))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_files_are_checked_although_a_process_dies(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"m{number}.py").write_text("from multiprocessing import Pool\n(\n")
    script = tmp_path / "run_it.py"
    script.write_text(
        "import multiprocessing, os\n"
        "from flake8_mpglobals import checking\n"
        "from flake8_mpglobals.cli import main\n"
        "parent, check = os.getpid(), checking.check_file\n"
        "def dying(task, workspaces):\n"
        "    if os.getpid() != parent and 'm4' in task.path:\n"
        "        os._exit(3)\n"
        "    return check(task, workspaces)\n"
        "checking.check_file = dying\n"
        "multiprocessing.set_start_method('fork')\n"
        "main(['check', '--jobs=2', '--exclude=run_it.py', '--no-cache'])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        f"m{number}.py" for number in range(6)
    ]
