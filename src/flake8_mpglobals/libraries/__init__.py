"""Rows of the catalogue for packages outside the standard library."""

from flake8_mpglobals.libraries import clusters, pools

ROWS = (*pools.ROWS, *clusters.ROWS)
SAME = {**pools.SAME, **clusters.SAME}
CLONES = {**pools.CLONES, **clusters.CLONES}
BY_VALUE = pools.BY_VALUE
ACTORS = clusters.ACTORS
SHARED = clusters.SHARED

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

__all__ = ["ACTORS", "BY_VALUE", "CLONES", "ROWS", "SAME", "SHARED", "TOLD_BY"]
