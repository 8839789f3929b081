"""Can this file start a process at all?  One search over its bytes."""

from __future__ import annotations

import re

from flake8_mpglobals.catalogue import NEEDLES

_NEEDLE = re.compile(b"|".join(re.escape(needle) for needle in NEEDLES))


def may_start_process(data: bytes) -> bool:
    """Whether the bytes of a file hold any word without which no boundary can be named."""
    return _NEEDLE.search(data) is not None
