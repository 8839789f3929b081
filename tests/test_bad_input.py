"""Whatever a file holds: no crash, one line of error, and the other files are still checked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from wants import FIXTURES

BAD = FIXTURES / "bad"
LOSING = """\
from multiprocessing import Pool

results = []


def worker(item):
    results.append(item)


if __name__ == "__main__":
    with Pool() as pool:
        pool.map(worker, [1, 2])
    print(results)
"""
_ERROR = re.compile(r"(?P<path>[^:\n]+):(?P<line>\d+):(?P<column>\d+): error: (?P<message>.+)")


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Folder:
    """A folder with one good file that has one finding, beside what a test adds."""

    path: Path

    def write(self, name: str, content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        (self.path / name).write_bytes(data)
        return name

    def _run(self, *command: str) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.path,
            env={**os.environ, "NO_COLOR": "1"},
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    def check(self, *args: str, isolated: bool = True) -> Outcome:
        flags = ("--output-format", "concise", *(("--isolated",) if isolated else ()))
        outcome = self._run("flake8_mpglobals", "check", *flags, *args)
        assert "Traceback" not in outcome.err
        assert "internal error" not in outcome.err
        return outcome

    def flake8(self, *args: str) -> Outcome:
        return self._run("flake8", "--isolated", "-j1", "--select=E9,MPG1", *args)

    def errors(self, outcome: Outcome, path: str) -> list[re.Match[str]]:
        found = [_ERROR.fullmatch(line) for line in outcome.err.splitlines()]
        return [match for match in found if match is not None and match["path"] == path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "good.py").write_text(LOSING, encoding="utf-8")
    return Folder(tmp_path)


def good_file_was_checked(outcome: Outcome) -> bool:
    return any(line.startswith("good.py:7:5: MPG101 ") for line in outcome.out.splitlines())


# Files that are kept


@pytest.mark.parametrize(
    ("name", "line", "column", "message"),
    [
        ("seed_py2.py", 7, 1, "Missing parentheses in call to 'print'"),
        ("syntax_error.py", 7, 19, "'(' was never closed"),
        ("latin1_without_cookie.py", 3, 13, "cannot decode as utf-8"),
        ("nul_byte.py", 4, 14, "NUL byte"),
        ("unknown_encoding.py", 1, 1, "klingon"),
    ],
)
def test_a_bad_file_is_one_error_and_the_others_are_checked(
    folder: Folder, name: str, line: int, column: int, message: str
) -> None:
    folder.write(name, (BAD / name).read_bytes())
    outcome = folder.check(name, "good.py")
    (error,) = folder.errors(outcome, name)
    assert (int(error["line"]), int(error["column"])) == (line, column)
    assert message in error["message"]
    assert outcome.status == 2
    assert good_file_was_checked(outcome)
    assert name not in outcome.out


def test_bad_files_in_a_folder_are_errors_as_well(folder: Folder) -> None:
    names = [folder.write(path.name, path.read_bytes()) for path in sorted(BAD.glob("*.py"))]
    outcome = folder.check(".")
    assert outcome.status == 2
    assert [len(folder.errors(outcome, name)) for name in names] == [1] * len(names)
    assert good_file_was_checked(outcome)


def test_every_bad_file_has_a_test_of_its_own() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [path.name for path in BAD.glob("*") if f'("{path.name}", ' not in text] == []


def test_python_2_is_told_by_the_line_that_shows_it() -> None:
    """The seed program as its author wrote it; its Python 3 form is detect/seed.py."""
    lines = (BAD / "seed_py2.py").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/python"
    assert lines[6] == "print id(oTag)"
    assert "    pool.map(worker, cities)" in lines


@pytest.mark.parametrize(
    ("name", "code"),
    [("seed_py2.py", "E999"), ("syntax_error.py", "E999"), ("nul_byte.py", "E9")],
)
def test_flake8_reports_a_bad_file_itself(folder: Folder, name: str, code: str) -> None:
    if name == "nul_byte.py" and sys.version_info < (3, 11, 4):
        pytest.skip("compile() raises ValueError there, and flake8 itself falls over it")
    folder.write(name, (BAD / name).read_bytes())
    outcome = folder.flake8(name, "good.py")
    assert outcome.err == ""
    about = [line for line in outcome.out.splitlines() if line.startswith(name)]
    assert len(about) == 1
    assert f" {code}" in about[0]
    assert good_file_was_checked(outcome)


@pytest.mark.parametrize("name", ["latin1_without_cookie.py", "unknown_encoding.py"])
def test_flake8_reads_more_encodings_than_python(folder: Folder, name: str) -> None:
    """It falls back to Latin-1; the plugin takes the lines that it is handed."""
    folder.write(name, (BAD / name).read_bytes())
    outcome = folder.flake8(name, "good.py")
    assert outcome.err == ""
    assert good_file_was_checked(outcome)


# Files that are made


def parentheses() -> str:
    return "x = " + "(" * 3_000 + "1" + ")" * 3_000


def unary_operators() -> str:
    return "x = " + "-" * 5_000 + "1"


def negations() -> str:
    return "x = " + "not " * 5_000 + "1"


def attribute_chain(length: int = 6_000) -> str:
    return "x = results" + ".a" * length


def call_chain(length: int = 3_000) -> str:
    return "x = results" + ".a()" * length


def subscript_chain(length: int = 3_000) -> str:
    return "x = results" + "[0]" * length


def long_sum(length: int = 6_000) -> str:
    return "x = " + " + ".join(["results"] * length)


def long_elif(length: int = 1_500) -> str:
    tests = "".join(f"elif x == {number}:\n    pass\n" for number in range(length))
    return f"x = 0\nif x:\n    pass\n{tests}"


def nested_blocks(depth: int = 99) -> str:
    return (
        "".join("    " * level + "if results:\n" for level in range(depth))
        + "    " * depth
        + "pass"
    )


def nested_functions(depth: int = 90) -> str:
    heads = "".join("    " * level + f"def f{level}():\n" for level in range(depth))
    return heads + "    " * depth + "results.append(1)"


def nested_lambdas(depth: int = 150) -> str:
    return "x = " + "lambda: " * depth + "results"


def nested_lists(depth: int = 150) -> str:
    return "x = " + "[" * depth + "results" + "]" * depth


def shallower(make: Callable[[int], str], length: int) -> Callable[[], str]:
    def made() -> str:
        return make(length)

    made.__name__ = f"{make.__name__}_{length}"
    return made


DEEP = [
    parentheses,
    unary_operators,
    negations,
    attribute_chain,
    call_chain,
    subscript_chain,
    long_sum,
    long_elif,
    nested_blocks,
    nested_functions,
    nested_lambdas,
    nested_lists,
    # Near the depth at which parsers still agree and visitors written in Python do not.
    *(
        shallower(make, length)
        for make in (attribute_chain, call_chain, subscript_chain, long_sum)
        for length in (300, 900, 1_500, 2_400)
    ),
    *(shallower(long_elif, length) for length in (200, 320, 480, 900)),
]
ids = [made.__name__ for made in DEEP]


@pytest.mark.parametrize("made", DEEP, ids=ids)
def test_a_deep_file_is_checked_or_reported_never_passed_over(
    folder: Folder, made: Callable[[], str]
) -> None:
    folder.write("deep.py", LOSING + "\n\n" + made() + "\n")
    outcome = folder.check("deep.py", "good.py")
    assert good_file_was_checked(outcome)
    errors = folder.errors(outcome, "deep.py")
    if errors:
        assert len(errors) == 1
        assert outcome.status == 2
        assert "nested" in errors[0]["message"]
        assert "deep.py" not in outcome.out
    else:
        assert outcome.err == ""
        assert outcome.status == 1
        assert "deep.py:7:5: MPG101 " in outcome.out


@pytest.mark.parametrize("made", DEEP[:12], ids=ids[:12])
def test_the_plugin_adds_no_failure_of_its_own(folder: Folder, made: Callable[[], str]) -> None:
    """flake8 and pyflakes give up on some of these; that is not the plugin's doing."""
    folder.write("deep.py", LOSING + "\n\n" + made() + "\n")
    outcome = folder.flake8("deep.py")
    assert "flake8_mpglobals" not in outcome.err
    assert "MPG" not in outcome.err


def test_a_file_that_nests_as_deeply_as_people_do_is_checked(folder: Folder) -> None:
    parts = (
        attribute_chain(60),
        call_chain(60),
        subscript_chain(60),
        long_sum(150),
        long_elif(150),
        nested_blocks(18),
        nested_functions(18),
        nested_lambdas(30),
        nested_lists(60),
    )
    folder.write("deep.py", LOSING + "\n\n" + "\n\n".join(parts) + "\n")
    outcome = folder.check("deep.py")
    assert (outcome.status, outcome.err) == (1, "")
    assert "deep.py:7:5: MPG101 " in outcome.out


def test_a_huge_literal(folder: Folder) -> None:
    literal = "x = '" + "a" * 5_000_000 + "'\n"
    folder.write("huge.py", LOSING + literal)
    outcome = folder.check("huge.py")
    assert (outcome.status, outcome.err) == (1, "")
    assert "huge.py:7:5: MPG101 " in outcome.out
    assert len(outcome.out) < 1_000


@pytest.mark.long
def test_a_huge_table(folder: Folder) -> None:
    folder.write("huge.py", LOSING + "x = [" + "1234, " * 833_000 + "]\n")
    outcome = folder.check("huge.py")
    assert (outcome.status, outcome.err) == (1, "")
    assert "huge.py:7:5: MPG101 " in outcome.out


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        "\ufeff",
        "# multiprocessing",
        "import multiprocessing",
        "\f\nimport multiprocessing\f",
    ],
)
def test_a_file_with_next_to_nothing(folder: Folder, content: str) -> None:
    folder.write("little.py", content)
    assert folder.check("little.py") == Outcome(0, "", "")
    outcome = folder.flake8("little.py")
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("results", "résultats"),
        lambda text: text.replace("    ", "\t"),
    ],
    ids=["crlf", "cr", "bom", "no-newline-at-end", "unicode-names", "tabs"],
)
def test_ways_to_write_a_file_change_nothing(folder: Folder, change: Callable[[str], str]) -> None:
    folder.write("other.py", change(LOSING))
    outcome = folder.check("other.py")
    assert (outcome.status, outcome.err) == (1, "")
    assert re.match(r"other\.py:7:[25]: MPG101 ", outcome.out)


# Paths


def test_a_symlink_loop(folder: Folder) -> None:
    (folder.path / "loop.py").symlink_to("loop.py")
    (folder.path / "self").symlink_to(".", target_is_directory=True)
    outcome = folder.check("loop.py", "good.py")
    assert len(_errors_about(outcome, "loop.py")) == 1
    assert outcome.status == 2
    assert good_file_was_checked(outcome)
    again = folder.check(".")
    assert good_file_was_checked(again)
    assert len(again.out.splitlines()) == len(outcome.out.splitlines())


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file"
)
def test_an_unreadable_file(folder: Folder) -> None:
    folder.write("secret.py", LOSING)
    (folder.path / "secret.py").chmod(0)
    outcome = folder.check("secret.py", "good.py")
    assert len(_errors_about(outcome, "secret.py")) == 1
    assert outcome.status == 2
    assert good_file_was_checked(outcome)


def test_a_missing_path(folder: Folder) -> None:
    outcome = folder.check("missing.py", "good.py")
    assert len(_errors_about(outcome, "missing.py")) == 1
    assert outcome.status == 2
    assert good_file_was_checked(outcome)


def test_a_folder_with_the_name_of_a_module(folder: Folder) -> None:
    (folder.path / "package.py").mkdir()
    outcome = folder.check("package.py", "good.py")
    assert outcome.status == 1
    assert outcome.err == ""
    assert good_file_was_checked(outcome)


def _errors_about(outcome: Outcome, path: str) -> list[str]:
    return [line for line in outcome.err.splitlines() if line.startswith(path) and "error" in line]


# Settings


@pytest.mark.parametrize("flag", ["--select", "--extend-select", "--ignore"])
def test_an_unknown_code_is_wrong_usage(folder: Folder, flag: str) -> None:
    outcome = folder.check(flag, "MPG777", "good.py")
    assert outcome.status == 2
    assert outcome.out == ""
    assert "MPG777" in outcome.err


@pytest.mark.parametrize(
    "text",
    [
        "[tool.mpglobals\n",
        "[tool.mpglobals]\nselect = 3\n",
        "[tool.mpglobals]\nselect = ['MPG777']\n",
        "[tool.mpglobals]\nno-such-key = true\n",
        "[tool]\nmpglobals = 'text'\n",
    ],
    ids=["not-toml", "wrong-type", "unknown-code", "unknown-key", "not-a-table"],
)
def test_a_broken_settings_file_is_one_error(folder: Folder, text: str) -> None:
    folder.write("pyproject.toml", text)
    outcome = folder.check("good.py", isolated=False)
    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err.startswith("pyproject.toml:")
    assert len(outcome.err.splitlines()) == 1
    assert good_file_was_checked(folder.check("good.py"))
