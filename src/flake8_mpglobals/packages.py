"""Which packages have process APIs: what the catalogue says, short enough to come first.

Most files name none of these, and are done with before the catalogue is loaded.  A test
compares this with the catalogue's rows.
"""

from __future__ import annotations

PACKAGES = (
    "billiard",
    "celery",
    "concurrent",
    "dask",
    "distributed",
    "joblib",
    "loky",
    "mpire",
    "multiprocess",
    "multiprocessing",
    "multiprocessing_on_dill",
    "os",
    "p_tqdm",
    "parmap",
    "pathos",
    "posix",
    "pty",
    "pyspark",
    "ray",
    "sklearn",
    "torch",
    "tqdm",
)
"""Packages that a file has to import to name a process API."""

TELLING = {"os": b"fork", "posix": b"fork", "pty": b"fork"}
"""For those that everybody imports: what the name of each of their process APIs holds."""

ALONE = (b"run_in_executor", b"parallel_apply", b"parallel_map")
"""Beginnings of the methods that need no import."""

LIBRARIES = frozenset((*PACKAGES, "pandarallel"))
"""All packages of which the catalogue says something, besides the standard library."""

TOLD_BY = {
    "billiard": "popen_fork.py",
    "celery": "canvas.py",
    "dask": "delayed.py",
    "distributed": "scheduler.py",
    "joblib": "parallel.py",
    "loky": "process_executor.py",
    "mpire": "insights.py",
    "multiprocess": "popen_fork.py",
    "pathos": "multiprocessing.py",
    "pyspark": "conf.py",
    "ray": "remote_function.py",
    "torch": "_tensor.py",
}
"""A module by which the source of a package is told from a namesake's."""
