"""Put the files of frame.tsv that a person can read whole into a random order.

    python benchmarks/realworld/draw.py [heldout] > order.tsv

The sample is the first 150 files of that order (80 of the set that is held out) in which
the linter, as it was before any of them was looked at, found nothing.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

SEED = 20261124
LONGEST = 400  # lines

HERE = Path(__file__).resolve().parent


def order(folder: str) -> list[tuple[str, str]]:
    """Repository and path, in the order of the draw from the set in this folder."""
    frame = (HERE / folder / "frame.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in frame.splitlines()[1:]]
    files = sorted((row[0], row[1]) for row in rows if int(row[2]) <= LONGEST)
    random.Random(SEED).shuffle(files)
    return files


if __name__ == "__main__":
    print("repository\tpath")
    for row in order("".join(sys.argv[1:])):
        print(*row, sep="\t")
