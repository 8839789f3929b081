"""What a user can choose that changes findings: one frozen value, passed along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flake8_mpglobals.records import frozen

if TYPE_CHECKING:
    from flake8_mpglobals.apis import Api

TRACEBACK = "MPGLOBALS_TRACEBACK"
"""The variable of the environment by which errors of this package itself are raised."""


@frozen
class Options:
    """Settings that the analysis reads; everything else belongs to a face.

    ``codes`` are the rules to run, exactly (already resolved from select and
    ignore).  ``boundaries`` are catalogue rows that the user added,
    ``start_methods`` the start methods that the project supports (empty: all),
    ``src`` extra roots in which project modules are looked for, ``target_version``
    the oldest Python that the project supports (empty: not said).
    """

    codes: frozenset[str]
    boundaries: tuple[Api, ...] = ()
    start_methods: tuple[str, ...] = ()
    src: tuple[str, ...] = ()
    target_version: tuple[int, ...] = ()
