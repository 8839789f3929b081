"""Time `mpglobals check` beside ruff, pylint and flake8, on the same files, in turn.

    python benchmarks/bench.py [--packages NAME ...] [--tree DIR] [--rounds N] [--starts N]
                               [--lines N] [--only NAME ...] [--work DIR]

Run it with the interpreter of the environment in which flake8-mpglobals, ruff, flake8
and (if you like) pylint are installed.  Only the standard library and pip are used;
POSIX only (os.wait4).

What is run.  The packages of `packages.txt` beside this file are downloaded once, as
they were published and without what they depend on, into DIR (default: a folder in the
user's cache), and their *.py files unpacked to `DIR/tree`; `DIR/plain` is the same
without the frameworks that start processes themselves.  With --packages only some are
taken; with --tree the *.py files of another folder instead.  No settings file,
.gitignore or cache of yours takes part.  On all of them, and on `plain`:

  cold           mpglobals check --isolated --no-cache --output-format=concise
  cold -j1       the same in one process
  warm           the same with a cache that a run before has filled
  changed        the same after a line was added to one file
  ruff           ruff check --no-cache --isolated --select PLW0602,PLW0603
                 (its two rules about `global`: its cheapest run of a like kind)

on 1, 2, 4 and 8 copies of one package (`growth`): cold -j1; on packages that are no
frameworks, from the first file on until there are N lines (--lines, default: 100,000):

  flake8         flake8 --isolated -j1, all of its own checks, this plugin hidden
  flake8+plugin  the same with the plugin
  pylint         pylint -j1, W0602 and W0603 alone, on every tenth of those files

and, N times (--starts, default: 30), what it takes to start:

  import click   python -c "import click"
  clean          mpglobals check of one file of the standard library, textwrap.py
  finding        mpglobals check of one file with a finding
  flake8 one     flake8 -j1 on that clean file, this plugin hidden
  flake8 one+    the same with the plugin

There is no flake8 option that keeps an installed plugin from running (--select only
filters what is printed), so the first hides the distribution from
importlib.metadata; both runs go through the same launcher.  The difference of the
two is what the plugin costs a flake8 user.

How it is timed.  The starts first, then the tree.  One round that does not count, then N
rounds; in each round every command runs once, in an order that moves on by one per
round, so that a slow minute of the machine meets all of them.  Figures are medians over
the rounds: wall time, CPU time (user + system, of the process and the children it
waited for) and peak memory (ru_maxrss: of the largest single process, not the sum).
"wall min-max" shows how far the rounds differ; ratios of times that are not much larger
than that mean nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median

PACKAGE = "flake8-mpglobals"
PACKAGES = Path(__file__).with_name("packages.txt")
FRAMEWORKS = (
    "ray", "dask", "distributed", "pyspark", "celery", "billiard", "joblib",
    "multiprocess", "pathos", "mpire", "airflow",
)  # fmt: skip
GROWN = ("sklearn", "mne", "networkx", "luigi", "joblib")
"""The first of these that is there is copied for the growth curve."""
COPIES = (1, 2, 4, 8)
# What is unpacked is the same on every machine: the wheels of one platform.
_PLATFORM = ["--implementation=cp", "--python-version=3.12"]
_PLATFORM += [f"--abi={abi}" for abi in ("cp312", "abi3", "none")]
_PLATFORM += [
    f"--platform={name}"
    for name in (
        "manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_24_x86_64",
        "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any",
    )
]  # fmt: skip

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
    before: Callable[[Path], object] | None = None
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)

    def run(self, folder: Path, *, count: bool = True) -> None:
        """Run once in ``folder``; raise ``SystemExit`` where the exit status is not expected."""
        if self.before is not None:
            self.before(folder)
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


def pinned() -> dict[str, str]:
    """Return the packages of ``packages.txt`` with their versions."""
    lines = PACKAGES.read_text(encoding="utf-8").splitlines()
    names = (line.partition("#")[0].strip().partition("==") for line in lines)
    return {name: version for name, _, version in names if name}


def download(folder: Path, names: Sequence[str]) -> list[Path]:
    """Download what is not there yet of the pinned packages, without dependencies.

    Return the archives of those named.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder)]
    archives: list[Path] = []
    for name in names:
        version = pinned()[name]
        stem = f"{name.replace('-', '_')}-{version}"
        found = [path for path in folder.iterdir() if path.name.startswith(stem)]
        if found:
            archives += found
            continue
        print(f"downloading {name} {version}", flush=True)
        wheel = [*pip, "--only-binary=:all:", *_PLATFORM, f"{name}=={version}"]
        if subprocess.run(wheel, check=False, capture_output=True).returncode:
            subprocess.run([*pip, "--no-binary=:all:", f"{name}=={version}"], check=True)
        archives += [path for path in folder.iterdir() if path.name.startswith(stem)]
    return archives


def unpack(archives: Sequence[Path], tree: Path) -> None:
    """Unpack the ``*.py`` files of wheels and source archives."""
    for archive in sorted(archives):
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                for name in wheel.namelist():
                    if name.endswith(".py") and ".data/" not in name:
                        _put(tree / name, wheel.read(name))
        elif archive.name.endswith(".tar.gz"):
            with tarfile.open(archive) as source:
                for member in source:
                    data = source.extractfile(member) if member.isfile() else None
                    _, _, name = member.name.partition("/")
                    if data is not None and name.endswith(".py") and "/" in name:
                        _put(tree / name, data.read())


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


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


def first_lines(folder: Path, files: Sequence[str], lines: int) -> list[str]:
    """Return the first of ``files`` that have so many lines together."""
    taken: list[str] = []
    for name in files:
        if lines <= 0:
            break
        lines -= (folder / name).read_bytes().count(b"\n")
        taken.append(name)
    return taken


def starts(work: Path) -> list[Command]:
    """Return what is timed of starting, on two small files that are put into ``work``."""
    shutil.copyfile(textwrap.__file__, work / "clean.py")
    seed = PACKAGES.parent.parent / "fixtures" / "detect" / "seed.py"
    (work / "finding.py").write_text(
        re.sub(r"  # want .*", "", seed.read_text(encoding="utf-8")), encoding="utf-8"
    )
    script = str(Path(sysconfig.get_path("scripts")) / "mpglobals")
    flake8 = ["--isolated", "--exit-zero", "-j1", "clean.py"]
    return [
        Command("import click", [sys.executable, "-c", "import click"], 0),
        Command("clean", [script, "check", "--isolated", "clean.py"], 1),
        Command("finding", [script, "check", "--isolated", "finding.py"], 1, (1,)),
        Command("flake8 one", [sys.executable, "-c", _LAUNCHER, PACKAGE, *flake8], 1),
        Command("flake8 one+", [sys.executable, "-c", _LAUNCHER, "-", *flake8], 1),
    ]


def commands(files: Sequence[str], plain: Sequence[str], sample: Sequence[str]) -> list[Command]:
    """Return what is timed; a tool that is not installed is left out, and said so.

    Each command runs where ``tree``, ``plain`` and ``grown`` are.
    """
    scripts = Path(sysconfig.get_path("scripts"))
    check = [str(scripts / "mpglobals"), "check", "--isolated", "--exit-zero"]
    check += ["--output-format=concise", "--exclude", ""]
    cold = [*check, "--no-cache"]
    warm = [*check, "--cache-dir=cache", "tree"]
    # 2: some file of the tree cannot be parsed, which --exit-zero does not hide
    either = (0, 2)
    one = files[len(files) // 2]

    def change(folder: Path) -> None:
        with (folder / "tree" / one).open("ab") as file:
            file.write(b"# one more line\n")

    def fill(folder: Path) -> None:
        subprocess.run(warm, cwd=folder, capture_output=True, check=False)

    found = [
        Command("cold", [*cold, "tree"], len(files), either),
        Command("cold -j1", [*cold, "-j1", "tree"], len(files), either),
        Command("warm", warm, len(files), either, before=fill),
        Command("changed", warm, len(files), either, before=change),
    ]
    if plain:
        found.append(Command("plain cold", [*cold, "plain"], len(plain), either))
    ruff = shutil.which("ruff", path=f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}")
    if ruff is None:
        print("ruff: not installed, left out")
    else:
        argv = [ruff, "check", "--no-cache", "--isolated", "--exit-zero", "--quiet"]
        argv += ["--select=PLW0602,PLW0603", "--output-format=concise"]
        argv += ["--config", "exclude = []"]
        found.append(Command("ruff", [*argv, "tree"], len(files)))
        if plain:
            found.append(Command("plain ruff", [*argv, "plain"], len(plain)))
    package = grown_package(files)
    grown = [name for name in files if package and name.startswith(f"{package}/")]
    if grown:
        found += [
            Command(
                f"growth {number}",
                [*cold, "-j1", *(f"grown/{n}" for n in range(number))],
                number * len(grown),
                either,
            )
            for number in COPIES
        ]
    launch = [sys.executable, "-c", _LAUNCHER]
    some = [f"tree/{name}" for name in sample]
    flake8 = ["--isolated", "--exit-zero", "-j1", "--exclude=", *some]
    found += [
        Command("flake8", [*launch, PACKAGE, *flake8], len(sample)),
        Command("flake8+plugin", [*launch, "-", *flake8], len(sample)),
    ]
    if importlib.util.find_spec("pylint") is None:
        print("pylint: not installed, left out")
    else:
        few = some[::10]
        argv = [sys.executable, "-m", "pylint", "--rcfile=", "-j1", "--disable=all"]
        argv += ["--enable=W0602,W0603", *few]
        found.append(Command("pylint", argv, len(few), tuple(range(32))))
    return found


def grown_package(files: Sequence[str]) -> str:
    """Return the package that is copied for the growth curve; empty where there is none."""
    tops = {Path(name).parts[0] for name in files}
    return next((name for name in GROWN if name in tops), "")


def grow(work: Path, package: str) -> None:
    """Lay out the copies for the growth curve, each a project of its own."""
    for number in range(max(COPIES)) if package else ():
        shutil.copytree(work / "tree" / package, work / "grown" / str(number) / package)


def time_all(found: Sequence[Command], rounds: int, folder: Path) -> None:
    """Run one round that does not count, then those that do."""
    for number in range(rounds + 1):
        turn = number % len(found)
        for command in (*found[turn:], *found[:turn]):
            command.run(folder, count=number > 0)


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
    ratio("clean file / import click", "clean", "import click")
    ratio("file with a finding / import click", "finding", "import click")
    ratio("flake8 on one file, with the plugin / without", "flake8 one+", "flake8 one")
    ratio("cold / ruff", "cold", "ruff")
    ratio("without frameworks: cold / ruff", "plain cold", "plain ruff")
    ratio("warm / ruff", "warm", "ruff")
    ratio("changed / warm", "changed", "warm")
    ratio("8 copies / 1", "growth 8", "growth 1")
    ratio("flake8 with the plugin / without", "flake8+plugin", "flake8")
    if not {"flake8", "flake8+plugin"} <= by_name.keys():
        return
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
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--work", type=Path, default=cache / "mpglobals-benchmark")
    parser.add_argument("--tree", type=Path, help="time this folder, download nothing")
    parser.add_argument(
        "--packages", nargs="+", metavar="NAME", help="only these of the pinned packages"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default: 5)")
    parser.add_argument("--starts", type=int, default=30, help="rounds for starting (default: 30)")
    parser.add_argument("--lines", type=int, default=100_000, help="lines for flake8")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="time these commands alone")
    options = parser.parse_args()
    if not hasattr(os, "wait4"):
        parser.error("os.wait4 is needed, which this system has not")
    if min(options.rounds, options.starts, options.lines) < 1:
        parser.error("--rounds, --starts and --lines count from 1")
    names = options.packages or list(pinned())
    if unknown := set(names) - pinned().keys():
        parser.error(f"not in {PACKAGES.name}: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="mpglobals-bench-") as folder:
        work = Path(folder)
        source = options.tree
        if source is None:
            source = work / "unpacked"
            unpack(download(options.work / "packages", names), source)
        files = copy_python_files(source, work / "tree")
        if not files:
            parser.error(f"no *.py file in {source}")
        plain = [name for name in files if Path(name).parts[0] not in FRAMEWORKS]
        for name in plain if len(plain) < len(files) else ():
            target = work / "plain" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(work / "tree" / name, target)
        grow(work, grown_package(files))
        size = sum((work / "tree" / name).stat().st_size for name in files)
        tools = (PACKAGE, "ruff", "flake8", "pylint")
        print(
            f"Python {platform.python_version()}, {platform.system()} {platform.machine()},"
            f" {os.cpu_count()} CPUs; " + ", ".join(f"{name} {_version(name)}" for name in tools)
        )
        print(
            f"{len(files)} files ({len(plain)} without frameworks), {size / 1e6:.1f} MB;"
            f" median of {options.rounds} rounds, of {options.starts} for starting\n",
            flush=True,
        )
        # What was just written could change unnoticed: then nothing is kept.
        time.sleep(3)
        few = first_lines(work / "tree", plain or files, options.lines)
        both = (starts(work), commands(files, plain if len(plain) < len(files) else (), few))
        for found, rounds in zip(both, (options.starts, options.rounds), strict=True):
            if options.only:
                found[:] = [command for command in found if command.name in options.only]
            if found:
                time_all(found, rounds, work)
        report([*both[0], *both[1]])


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(not installed here)"


if __name__ == "__main__":
    main()
