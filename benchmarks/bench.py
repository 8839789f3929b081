"""Time `mpglobals check` beside ruff and flake8, on the same files, in turn.

    python benchmarks/bench.py [--tree DIR] [--rounds N] [--sample N]

Run it with the interpreter of the environment in which flake8-mpglobals, ruff and
flake8 are installed.  Only the standard library is used; POSIX only (os.wait4).

What is run.  The *.py files of DIR (default: the site-packages of this interpreter)
are copied to a temporary folder, so that no settings file, .gitignore or cache of
yours takes part and every tool sees the same files.  Then, on all of them:

  mpglobals      mpglobals check --isolated --output-format=concise (no cache)
  mpglobals -j1  the same in one process
  ruff           ruff check --no-cache --isolated --select PLW0602,PLW0603
                 (its two rules about `global`: its cheapest run of a like kind)
  ruff, 1 thread the same with RAYON_NUM_THREADS=1

and, because flake8 is slow, on a sample of them, evenly spread over the sorted list:

  flake8         flake8 --isolated -j1, all of its own checks, this plugin hidden
  flake8+plugin  the same with the plugin
  sample -j1     mpglobals check -j1 on the sample, for comparison

There is no flake8 option that keeps an installed plugin from running (--select only
filters what is printed), so the first hides the distribution from
importlib.metadata; both runs go through the same launcher.  The difference of the
two is what the plugin costs a flake8 user.

How it is timed.  One round that does not count, then N rounds; in each round every
command runs once, in an order that moves on by one per round, so that a slow minute
of the machine meets all of them.  Figures are medians over the rounds: wall time,
CPU time (user + system, of the process and the children it waited for) and peak
memory (ru_maxrss: of the largest single process, not the sum).  "wall min-max" shows
how far the rounds differ; ratios of times that are not much larger than that mean
nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median

PACKAGE = "flake8-mpglobals"

_LAUNCHER = """
import importlib.metadata as metadata, sys
every = metadata.distributions
hidden = sys.argv.pop(1)
metadata.distributions = lambda **options: (
    each for each in every(**options) if each.metadata["Name"] != hidden
)
from flake8.main.cli import main
sys.exit(main())
"""


@dataclass
class Command:
    """One command line, how many files it examines, and what its runs took."""

    name: str
    argv: list[str]
    files: int
    allowed: tuple[int, ...] = (0,)
    env: dict[str, str] = field(default_factory=dict)
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)

    def run(self, folder: Path, *, count: bool = True) -> None:
        """Run once in ``folder``; raise ``SystemExit`` where the exit status is not expected."""
        with tempfile.TemporaryFile() as errors:
            start = time.perf_counter()
            process = subprocess.Popen(
                self.argv,
                cwd=folder,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode not in self.allowed:
                errors.seek(0)
                text = errors.read().decode(errors="replace")[-2000:]
                raise SystemExit(f"{self.name}: exit status {process.returncode}\n{text}")
        if count:
            self.wall.append(wall)
            self.cpu.append(usage.ru_utime + usage.ru_stime)
            # bytes on macOS, KiB elsewhere (getrusage(2))
            self.peak.append(usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10))

    def row(self) -> str:
        """Return one line of the table."""
        wall, cpu = median(self.wall), median(self.cpu)
        spread = f"{min(self.wall):.2f}-{max(self.wall):.2f}"
        return (
            f"{self.name:15} {self.files:6} {self.files / wall:9.0f} {wall:8.3f} {spread:>12}"
            f" {cpu:8.3f} {median(self.peak):9.0f}"
        )


HEADER = (
    f"{'':15} {'files':>6} {'files/s':>9} {'wall s':>8} {'min-max':>12}"
    f" {'CPU s':>8} {'peak MiB':>9}"
)


def copy_python_files(tree: Path, target: Path) -> list[str]:
    """Copy the ``*.py`` files of ``tree``; return their paths in ``target``, sorted."""
    copied: list[str] = []
    for path in sorted(_python_files(tree)):
        relative = path.relative_to(tree)
        place = target / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        copied.append(str(relative))
    return copied


def _python_files(tree: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(tree):
        for name in names:
            path = Path(folder, name)
            if name.endswith(".py") and path.is_file():
                yield path


def spread(files: Sequence[str], size: int) -> list[str]:
    """Return ``size`` of ``files`` at even distances (all of them if there are fewer)."""
    if len(files) <= size:
        return list(files)
    return [files[number * len(files) // size] for number in range(size)]


def commands(files: Sequence[str], sample: Sequence[str]) -> list[Command]:
    """Return what is timed; a tool that is not installed is left out, and said so."""
    scripts = Path(sysconfig.get_path("scripts"))
    check = [str(scripts / "mpglobals"), "check", "--isolated", "--exit-zero"]
    check += ["--output-format=concise", "--exclude", ""]
    shown = subprocess.run([*check, "--help"], capture_output=True, text=True, check=True).stdout
    if "--no-cache" in shown:
        check.append("--no-cache")
    # 2: some file of the tree cannot be parsed, which --exit-zero does not hide
    found = [
        Command("mpglobals", [*check, "."], len(files), (0, 2)),
        Command("mpglobals -j1", [*check, "-j1", "."], len(files), (0, 2)),
    ]
    ruff = shutil.which("ruff", path=f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}")
    if ruff is None:
        print("ruff: not installed, left out")
    else:
        argv = [ruff, "check", "--no-cache", "--isolated", "--exit-zero", "--quiet"]
        argv += ["--select=PLW0602,PLW0603", "--output-format=concise"]
        argv += ["--config", "exclude = []", "."]
        found.append(Command("ruff", argv, len(files)))
        one = {"RAYON_NUM_THREADS": "1"}
        found.append(Command("ruff, 1 thread", argv, len(files), env=one))
    launch = [sys.executable, "-c", _LAUNCHER]
    flake8 = ["--isolated", "--exit-zero", "-j1", "--exclude=", *sample]
    found += [
        Command("flake8", [*launch, PACKAGE, *flake8], len(sample)),
        Command("flake8+plugin", [*launch, "-", *flake8], len(sample)),
        Command("sample -j1", [*check, "-j1", *sample], len(sample), (0, 2)),
    ]
    return found


def report(found: Sequence[Command]) -> None:
    """Print the table and the ratios."""
    print(HEADER)
    for command in found:
        print(command.row())
    by_name = {command.name: command for command in found}

    def ratio(text: str, one: str, other: str) -> None:
        if one in by_name and other in by_name:
            first, second = by_name[one], by_name[other]
            wall = median(first.wall) / median(second.wall)
            cpu = median(first.cpu) / median(second.cpu)
            print(f"{text:45} wall {wall:6.2f}  CPU {cpu:6.2f}")

    print()
    ratio("mpglobals / ruff", "mpglobals", "ruff")
    ratio("mpglobals -j1 / ruff on one thread", "mpglobals -j1", "ruff, 1 thread")
    ratio("flake8 with the plugin / without", "flake8+plugin", "flake8")
    ratio("mpglobals -j1 / flake8 with the plugin", "sample -j1", "flake8+plugin")
    # of each round its own difference, for what both runs of a round have in common
    pairs = zip(by_name["flake8+plugin"].cpu, by_name["flake8"].cpu, strict=True)
    extra = median(one - other for one, other in pairs)
    print(
        f"CPU that the plugin adds to flake8: {1000 * extra / by_name['flake8'].files:.2f} ms/file"
    )


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = sysconfig.get_path("purelib")
    parser.add_argument("--tree", type=Path, default=Path(default), help="default: site-packages")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default: 5)")
    parser.add_argument("--sample", type=int, default=300, help="files for flake8 (default: 300)")
    options = parser.parse_args()
    if not hasattr(os, "wait4"):
        parser.error("os.wait4 is needed, which this system has not")
    if options.rounds < 1 or options.sample < 1:
        parser.error("--rounds and --sample count from 1")
    with tempfile.TemporaryDirectory(prefix="mpglobals-bench-") as folder:
        tree = Path(folder, "tree")
        tree.mkdir()
        files = copy_python_files(options.tree, tree)
        if not files:
            parser.error(f"no *.py file in {options.tree}")
        size = sum((tree / name).stat().st_size for name in files)
        print(
            f"Python {platform.python_version()}, {platform.system()} {platform.machine()},"
            f" {os.cpu_count()} CPUs; "
            + ", ".join(f"{name} {_version(name)}" for name in (PACKAGE, "ruff", "flake8"))
        )
        print(f"{len(files)} files, {size / 1e6:.1f} MB; median of {options.rounds} rounds\n")
        found = commands(files, spread(files, options.sample))
        for number in range(options.rounds + 1):
            turn = number % len(found)
            for command in (*found[turn:], *found[:turn]):
                command.run(tree, count=number > 0)
        report(found)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(not installed here)"


if __name__ == "__main__":
    main()
