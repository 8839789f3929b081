"""The codes of all rules, each with whether it is on by default.

The rules themselves say the same (a test compares): they bring the whole analysis with
them, which a file that can start no process never needs.
"""

from __future__ import annotations

CODES: tuple[tuple[str, bool], ...] = (
    ("MPG101", True),
    ("MPG102", True),
    ("MPG103", True),
    ("MPG104", True),
    ("MPG105", True),
    ("MPG106", True),
    ("MPG107", True),
    ("MPG108", True),
    ("MPG201", True),
    ("MPG202", True),
    ("MPG203", True),
    ("MPG301", True),
    ("MPG302", True),
    ("MPG303", True),
    ("MPG304", True),
    ("MPG305", True),
    ("MPG306", True),
    ("MPG401", True),
    ("MPG901", False),
    ("MPG902", False),
)
