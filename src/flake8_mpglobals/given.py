"""What a worker was handed and nobody else holds."""

from __future__ import annotations

from flake8_mpglobals.ir import Handed, Param
from flake8_mpglobals.reach import Path


def own_keywords(place: Handed, path: Path) -> bool:
    """Whether the container is the ``**kwargs`` of one call, which no caller holds."""
    base = place.base if isinstance(place.base, Param) else place.param
    return len(path) == 1 and base.index == base.function.kwarg
