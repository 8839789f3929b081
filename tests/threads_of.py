"""Run programs with threads in place of processes, several times, and tell what they print.

``python threads_of.py TIMES PROGRAM…`` prints a JSON object: for each program the
outputs of its runs (null for one that failed).
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

from in_threads import main


def output(path: str) -> str | None:
    """Return what one run of a program prints."""
    written = io.StringIO()
    try:
        with contextlib.redirect_stdout(written):
            main(path)
    except Exception:
        return None
    return written.getvalue()


if __name__ == "__main__":
    times, *paths = sys.argv[1:]
    print(json.dumps({path: [output(path) for _ in range(int(times))] for path in paths}))
