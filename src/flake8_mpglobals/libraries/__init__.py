"""Rows of the catalogue for packages outside the standard library."""

from flake8_mpglobals.libraries import clusters, pools

ROWS = (*pools.ROWS, *clusters.ROWS)
SAME = {**pools.SAME, **clusters.SAME}
CLONES = {**pools.CLONES, **clusters.CLONES}
BY_VALUE = pools.BY_VALUE
ACTORS = clusters.ACTORS
SHARED = clusters.SHARED

__all__ = ["ACTORS", "BY_VALUE", "CLONES", "ROWS", "SAME", "SHARED"]
