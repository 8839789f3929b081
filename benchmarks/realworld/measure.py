"""Run the default rules over checkouts of the repositories and compare with the labels.

    python benchmarks/realworld/measure.py CHECKOUTS [--set SET] [--clone] [--whole]

CHECKOUTS holds one folder per repository of repositories.tsv, named owner+name, at the
commit given there; ``--clone`` fetches what is missing from GitHub (git and a network are
needed).  Checked are the files of frame.tsv, or with ``--whole`` every Python file.
SET is a folder beside this file with tables of its own (``heldout``, ``sought``,
``fresh``, ``control``, ``unseen``, ``later``, ``wild``, ``lessons``,
``further``, ``beyond``, ``larger``, ``broad``,
``mixed``).

Printed are, for each rule, the findings, how many of them are labelled as right, and the
precision; then how much of what reading the sample found (reading.tsv) the rules find.
Findings without a label are counted apart, and written to the file that ``--unlabelled``
names, in the form of labels.tsv.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
LONGEST = 5000
"""Lines of a file; one of 19,000, the same program again and again, takes a minute."""
Key = tuple[str, str, int, str, str]
"""Repository, path, line, code and place of a finding."""


def rows(tables: Path, name: str) -> list[list[str]]:
    """Return the rows of one of the tables of a set, without its head."""
    path = tables / name
    if not path.exists():
        return []
    return [line.split("\t") for line in path.read_text("utf-8").splitlines()[1:]]


def clone(tables: Path, checkouts: Path) -> None:
    """Fetch each repository that is not there, at its commit."""
    for repository, commit in rows(tables, "repositories.tsv"):
        folder = checkouts / repository.replace("/", "+", 1)
        if folder.exists():
            continue
        folder.mkdir(parents=True)
        url = f"https://github.com/{repository}.git"
        for arguments in (
            ["init", "--quiet"],
            ["fetch", "--quiet", "--depth", "1", url, commit],
            ["checkout", "--quiet", commit],
        ):
            subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def findings(tables: Path, checkouts: Path, whole: bool) -> Iterator[tuple[Key, str]]:
    """Yield what the default rules report, with the message."""
    listed: dict[str, list[str]] = {}
    for repository, path, lines in rows(tables, "frame.tsv"):
        if int(lines) <= LONGEST:
            listed.setdefault(repository, []).append(path)
    if whole:  # also those that start processes in ways that the frame does not know
        for repository, _ in rows(tables, "repositories.tsv"):
            listed.setdefault(repository, [])
    for repository, paths in sorted(listed.items()):
        folder = checkouts / repository.replace("/", "+", 1)
        if not folder.is_dir():
            print(f"no checkout of {repository}", file=sys.stderr)
            continue
        command = [
            sys.executable,
            "-P",
            "-m",
            "flake8_mpglobals",
            "check",
            "--isolated",
            "--exit-zero",
        ]
        command += ["--exit-zero", "--no-respect-gitignore", "--output-format", "json"]
        command += ["."] if whole else ["--", *paths]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        for found in json.loads(done.stdout)["findings"]:
            key = (repository, found["path"], found["line"], found["code"], found["place"] or "")
            yield key, found["message"]


def main() -> None:
    """Print precision and recall."""
    parser = argparse.ArgumentParser(description="Compare the default rules with the labels.")
    parser.add_argument("checkouts", type=Path)
    parser.add_argument("--clone", action="store_true")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--unlabelled", type=Path)
    parser.add_argument("--set", default="", help="a folder with the tables of another set")
    options = parser.parse_args()
    tables = HERE / options.set
    if options.clone:
        clone(tables, options.checkouts)
    labels: dict[Key, str] = {}
    for repository, _, path, number, code, place, verdict, _ in rows(tables, "labels.tsv"):
        labels[(repository, path, int(number), code, place)] = verdict
    commits = {row[0]: row[1] for row in rows(tables, "repositories.tsv")}
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    unknown: list[str] = []
    seen: set[tuple[str, str, str]] = set()
    for key, message in findings(tables, options.checkouts, options.whole):
        repository, path, line, code, place = key
        seen.add((repository, path, code))
        label = labels.get(key)
        if label is None:
            row = (repository, commits[repository], path, str(line), code, place, "?", message)
            unknown.append("\t".join(row))
        else:
            (right if label in ("lost", "true") else wrong)[code] += 1
    print(f"{'rule':8} {'right':>6} {'wrong':>6} {'precision':>10}")
    groups = {code: [code] for code in sorted(right | wrong)}
    groups["MPG1xx"] = [code for code in groups if code.startswith("MPG1")]
    for name, codes in groups.items():
        good, bad = sum(right[code] for code in codes), sum(wrong[code] for code in codes)
        share = f"{good / (good + bad):.1%}" if good + bad else "-"
        print(f"{name:8} {good:6} {bad:6} {share:>10}")
    print(f"without a label: {len(unknown)}")
    if options.unlabelled:
        options.unlabelled.write_text("".join(row + "\n" for row in unknown), "utf-8")
    read = [row for row in rows(tables, "reading.tsv") if row[4] == "yes"]
    for name, prefix in (("lost writes (MPG1xx)", "MPG1"), ("other rules", "MPG")):
        some = [row for row in read if row[3].startswith(prefix)]
        if prefix == "MPG":
            some = [row for row in some if not row[3].startswith("MPG1")]
        hit = sum((row[0], row[1], row[3]) in seen for row in some)
        print(f"sample, {name}: {hit} of {len(some)} that reading found")


if __name__ == "__main__":
    main()
