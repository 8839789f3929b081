"""Put the files of frame.tsv that a person can read whole into a random order.

    python benchmarks/realworld/draw.py > order.tsv

The sample is the first 150 files of that order in which the linter, as it was before
any of them was looked at, found nothing.
"""

from __future__ import annotations

import random
from pathlib import Path

SEED = 20261124
LONGEST = 400  # lines

HERE = Path(__file__).resolve().parent


def order() -> list[tuple[str, str]]:
    """Repository and path, in the order of the draw."""
    rows = [line.split("\t") for line in (HERE / "frame.tsv").read_text("utf-8").splitlines()[1:]]
    files = sorted((row[0], row[1]) for row in rows if int(row[2]) <= LONGEST)
    random.Random(SEED).shuffle(files)
    return files


if __name__ == "__main__":
    print("repository\tpath")
    for row in order():
        print(*row, sep="\t")
