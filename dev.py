"""All the set-up and the two things one does with a fresh clone.

    python3 dev.py demo          check and repair a program that loses its data, and show it
    python3 dev.py test [ARG...] every check that a change has to pass (ARGs go to pytest)
    python3 dev.py long [ARG...] the tests that take minutes
    python3 dev.py readme        write the generated parts of README.md anew

Needs Python 3.11 or later and nothing else.  What is needed beyond that is installed
into .venv beside this file, once: it is done again when pyproject.toml or the
interpreter changes.  A .venv that was made by hand is used as it is.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (people do start it with an older one)
    sys.exit(
        f"dev.py needs Python 3.11 or later, not {sys.version.split()[0]}: say, python3.12 dev.py"
    )

import ast
import hashlib
import importlib.util
import json
import multiprocessing
import os
import platform
import re
import shutil
import subprocess
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")
SUFFIX = ".exe" if os.name == "nt" else ""
PYTHON = SCRIPTS / f"python{SUFFIX}"
MARKER = VENV / ".made-by-dev.json"
HINT = "venv and ensurepip are needed (on Debian and Ubuntu: apt install python3-venv)"

# --- set-up ---


def set_up(extra: str) -> None:
    """Make ``.venv`` and install the package with ``extra``, unless that is done already."""
    made = f"{platform.python_version()} {sys.base_prefix} {ROOT}"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    marker = read_marker()
    if not VENV.exists() or marker.get("made", made) != made or (MARKER.exists() and not marker):
        make_venv(made)
        marker = read_marker()
    if marker.get("installed") == wanted and extra in ("", marker.get("extra")):
        return
    what = f".[{extra}]" if extra else "."
    say(f"installing {what} into .venv")
    run_quietly(PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "-e", what)
    MARKER.write_text(json.dumps(marker | {"installed": wanted, "extra": extra}), encoding="utf-8")


def read_marker() -> dict[str, str]:
    """Return what the last set-up noted; empty where there was none, or where it broke off."""
    try:
        noted = json.loads(MARKER.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in noted.items()}


def make_venv(made: str) -> None:
    """Make ``.venv`` anew, marked as made here from the first moment."""
    if importlib.util.find_spec("ensurepip") is None:
        fail(HINT)
    say(f"making .venv with Python {platform.python_version()}")
    if VENV.exists():
        shutil.rmtree(VENV)
    VENV.mkdir()
    MARKER.write_text("{}", encoding="utf-8")
    try:
        venv.create(VENV, with_pip=True, symlinks=os.name != "nt")
    except subprocess.CalledProcessError as error:
        print((error.output or b"").decode(errors="replace"), file=sys.stderr)
        fail(f"cannot make .venv: {HINT}")
    MARKER.write_text(json.dumps({"made": made}), encoding="utf-8")


def run_quietly(*command: str | Path) -> None:
    """Run a step of the set-up; show its output only where it fails."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except OSError as error:
        fail(f"{command[0]} cannot be started ({error.strerror}): remove .venv and try again")
    if done.returncode:
        print(done.stdout.decode(errors="replace"), file=sys.stderr)
        fail(f"failed: {' '.join(map(str, command))}")


def say(text: str) -> None:
    """Print a line about the set-up, apart from what the commands print."""
    print(f"dev.py: {text}", file=sys.stderr, flush=True)


def fail(text: str) -> NoReturn:
    """End with one line on standard error."""
    say(text)
    sys.exit(2)


# --- test ---

CHECKS: tuple[tuple[str, ...], ...] = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("flake8_mpglobals", "check", "src"),
)


def test(arguments: Sequence[str]) -> int:
    """Run every check, then the tests, so that pytest's last line comes last."""
    failed = []
    for check in (*CHECKS, ("pytest", "-q", "tests/test_readme.py")):
        print(f"$ {' '.join(check)}", flush=True)
        if module(*check):
            failed.append(" ".join(check))
    status = pytest(arguments)
    if failed:
        say(f"failed: {', '.join(failed)}")
    return status or bool(failed)


def pytest(arguments: Sequence[str]) -> int:
    """Run pytest on all processors."""
    command = ("pytest", "-n", "auto", *arguments)
    print(f"$ {' '.join(command)}", flush=True)
    return module(*command)


def module(*command: str) -> int:
    """Run a module of the environment with its output shown, and return its exit status."""
    return subprocess.run([PYTHON, "-m", *command], cwd=ROOT, check=False).returncode


# --- demo ---

CITIES = ["beijing", "guangzhou", "shanghai", "shenzhen"]

RUNNER = """\
import io, multiprocessing, os, sys

class Labelled(io.TextIOBase):
    rest = ""

    def write(self, text):
        *lines, self.rest = (self.rest + text).split("\\n")
        who = "parent" if os.environ["DEMO_PARENT"] == str(os.getpid()) else "worker"
        for line in lines:
            os.write(1, f"{who} | {line}\\n".encode())
        return len(text)

sys.stdout = Labelled()
os.environ.setdefault("DEMO_PARENT", str(os.getpid()))
method = os.environ.pop("DEMO_START_METHOD", "")
if method:
    multiprocessing.set_start_method(method)
"""
"""A ``sitecustomize`` that sets the start method and says which process prints a line."""


class Demo:
    """The seed program in a temporary folder, and what is done with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "seed.py"
        self.wrong: list[str] = []
        self.methods = multiprocessing.get_all_start_methods()
        text = (ROOT / "fixtures" / "detect" / "seed.py").read_text(encoding="utf-8")
        # "# want" says to the tests what has to be found; people are to see it found.
        self.program.write_text(re.sub(r"  # want .*", "", text), encoding="utf-8")
        (folder / "runner").mkdir()
        (folder / "runner" / "sitecustomize.py").write_text(RUNNER, encoding="utf-8")

    def run(self) -> int:
        """Show the bug, the finding, the repair and the difference; return the exit status."""
        self.heading("The program: workers append to a list, the parent prints it at the end")
        print(self.program.read_text(encoding="utf-8"))
        lost, shown = self.parents_last_lines()
        print(shown)
        for method, cities in lost.items():
            self.expect(cities == ["main"], f"before, {method}: the parent has {cities}")

        self.heading("The finding")
        self.command(1, "mpglobals", "check", "seed.py", says="MPG101")
        self.command(1, "flake8", "--select=MPG", "seed.py", says="seed.py:13:5: MPG101")

        self.heading("The repair")
        self.command(1, "mpglobals", "fix", "--diff", "--quiet", "seed.py", says="+++ ")
        self.command(0, "mpglobals", "fix", "seed.py", says="1 fixed, 0 left")
        repaired = self.program.read_bytes()
        self.command(0, "mpglobals", "fix", "seed.py")
        self.expect(self.program.read_bytes() == repaired, "a second fix changes nothing")
        self.command(0, "mpglobals", "check", "seed.py")

        self.heading("The repaired program")
        kept, shown = self.parents_last_lines()
        print(shown)
        for method, cities in kept.items():
            right = cities[:1] == ["main"] and sorted(cities[1:]) == CITIES
            self.expect(right, f"after, {method}: the parent has {cities}")

        self.heading("What the parent prints at the end")
        wide = max(map(len, self.methods))
        for method in self.methods:
            print(f"{method:<{wide}}  before: {lost[method]}")
            print(f"{'':<{wide}}  after:  {kept[method]}")
        print()
        for what in self.wrong:
            print(f"WRONG: {what}")
        if not self.wrong:
            print(f"As it should be, under {', '.join(self.methods)}.")
        return bool(self.wrong)

    def parents_last_lines(self) -> tuple[dict[str, list[str]], str]:
        """Run the program under every start method.

        Return the list that the parent prints at the end for each method, and what
        the first run shows.
        """
        lists, shown = {}, ""
        for method in self.methods:
            environment = {
                **os.environ,
                "PYTHONPATH": str(self.folder / "runner"),
                "DEMO_START_METHOD": method,
            }
            done = self.capture([str(PYTHON), "seed.py"], environment)
            lines = done.stdout.splitlines()
            own = [line for line in lines if line.startswith("parent | ")]
            try:
                value = ast.literal_eval(own[-1].removeprefix("parent | "))
            except (IndexError, SyntaxError, ValueError):
                value = []
            lists[method] = value if isinstance(value, list) else []
            self.expect(done.returncode == 0, f"seed.py, {method}: ends with {done.returncode}")
            self.expect(not done.stderr, f"seed.py, {method}: {done.stderr}")
            shown = shown or f"$ python seed.py    # start method: {method}\n{done.stdout}"
        return lists, shown

    def command(self, status: int, name: str, *arguments: str, says: str = "") -> None:
        """Run a command of the environment, show what it prints and note what is wrong."""
        spelled = " ".join((name, *arguments))
        print(f"$ {spelled}")
        done = self.capture([str(SCRIPTS / f"{name}{SUFFIX}"), *arguments], dict(os.environ))
        print(done.stdout + done.stderr)
        self.expect(done.returncode == status, f"{spelled}: ends with {done.returncode}")
        self.expect(says in done.stdout, f"{spelled}: does not say {says!r}")

    def capture(
        self, command: list[str], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run something in the folder of the program."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    def expect(self, right: bool, what: str) -> None:
        """Note what is not as it should be."""
        if not right:
            self.wrong.append(what)

    @staticmethod
    def heading(text: str) -> None:
        """Print a title."""
        print(f"== {text} ==\n")


# --- the command line ---


def main() -> int:
    """Do the set-up, then what was asked for."""
    if len(sys.argv) < 2 or sys.argv[1] not in ("demo", "test", "long", "readme"):
        print(__doc__, end="")
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    what, *arguments = sys.argv[1:]
    if arguments and what in ("demo", "readme"):
        fail(f"{what} takes no arguments")
    # PYTHONPATH, PYTHONUNBUFFERED and the like change what programs do: the same for everyone.
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        del os.environ[name]
    set_up("" if what == "demo" else "dev")
    if what == "demo":
        with tempfile.TemporaryDirectory() as folder:
            return Demo(Path(folder)).run()
    if what == "readme":
        return subprocess.run([PYTHON, "tests/test_readme.py"], cwd=ROOT, check=False).returncode
    return pytest(("-m", "long", *arguments)) if what == "long" else test(arguments)


if __name__ == "__main__":
    sys.exit(main())
