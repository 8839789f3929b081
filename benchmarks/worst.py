"""Check programs that are large in one respect, at a quarter, half and all of their size.

    python benchmarks/worst.py [NAME ...] [--times FACTOR]

Prints, for each kind (tests/generated.py makes them), the CPU time of `mpglobals check
--no-cache -j1` (user and system, of the process) at each size less that of a program of
size 3, the peak memory at the largest, and how much longer the largest takes than the
half: 2 is linear, 4 a square.  Needs the package in the environment; POSIX only (os.wait4).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from generated import CASES, Files

SMALL = 3
_COMMAND = [sys.executable, "-m", "flake8_mpglobals", "check", "--isolated", "--no-cache", "-j1"]
_COMMAND += ["--output-format=concise", "main.py"]


def measure(files: Files) -> tuple[float, float, str]:
    """Return CPU seconds and peak MiB of a check, and what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                _COMMAND, cwd=folder, stdout=subprocess.DEVNULL, stderr=errors
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            wrong = errors.read().decode(errors="replace").strip()
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit, wrong


def main() -> None:
    """Measure the kinds that are asked for and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these kinds")
    parser.add_argument("--times", type=float, default=1.0, help="sizes, times this")
    options = parser.parse_args()
    unknown = set(options.names) - CASES.keys()
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))} (there are {', '.join(CASES)})")
    print(f"{'':29}{'size':>7}{'kB':>8}{'1/4 s':>9}{'1/2 s':>8}{'all s':>8}{'growth':>8}{'MiB':>6}")
    for name in options.names or CASES:
        make, full = CASES[name]
        base, _, _ = measure(make(SMALL))
        times = []
        for part in (4, 2, 1):
            size = max(SMALL, int(full * options.times / part))
            files = make(size)
            spent, peak, wrong = measure(files)
            times.append(max(spent - base, 0.0))
        growth = f"{times[2] / times[1]:.1f}" if times[1] > 0.05 else "-"
        length = sum(map(len, files.values())) / 1000
        seconds = "".join(f"{spent:8.2f}" for spent in times)
        print(f"{name:29}{size:7}{length:8.0f} {seconds}{growth:>8}{peak:6.0f} {wrong}", flush=True)


if __name__ == "__main__":
    main()
