"""What goes wrong at a boundary besides lost writes: the values that rules report.

Frozen like :mod:`flake8_mpglobals.facts`, of which they are a part.
"""

from __future__ import annotations

from flake8_mpglobals.model import Dispatch, Location, Related, Step
from flake8_mpglobals.records import frozen
from flake8_mpglobals.spans import Span


@frozen
class StaleRead:
    """A worker reads what the parent changes at run time (MPG201).

    ``missing``: nothing binds the name while the module is imported.  ``late``: the
    parent changes it only while the worker lives.  ``changes`` are the parent's
    changes, each with its phrase; ``chain`` leads from the worker to the read, which
    stands at ``origin`` where that is in another file.
    """

    place: str
    what: str
    span: Span
    origin: Location | None
    worker: str
    dispatches: tuple[Dispatch, ...]
    chain: tuple[Step, ...]
    changes: tuple[Related, ...]
    verb: str
    missing: bool
    late: bool


@frozen
class ImportStart:
    """A process is started while the module is imported (MPG202).

    ``chain`` are the calls by which the module body comes there; empty: it stands at
    module level itself.
    """

    api: str
    span: Span
    function: str
    chain: tuple[Step, ...]


@frozen
class Unpicklable:
    """A callable that pickle cannot look up by name is handed over (MPG203).

    ``what`` is the phrase for it ("a lambda", "nested function 'f'"); ``role`` is how
    it is handed over ("worker", "initializer", "target").
    """

    what: str
    role: str
    span: Span
    dispatch: Dispatch
    defined: Related


@frozen
class HandedPrimitive:
    """A primitive of multiprocessing travels with a task (MPG305).

    ``what`` is the phrase for it ("a multiprocessing lock"), ``how`` the way it goes
    ("as an argument", "bound by partial").
    """

    what: str
    how: str
    span: Span
    dispatch: Dispatch


@frozen
class CarriedIdentity:
    """An ``id()`` that is compared in another process than the one that asked for it (MPG401).

    ``way`` is the phrase for how it gets there, ``compared`` the comparison.
    """

    span: Span
    way: str
    worker: str
    dispatch: Dispatch
    compared: Related


@frozen
class Hazards:
    """All of these, for one file."""

    stale_reads: tuple[StaleRead, ...] = ()
    import_starts: tuple[ImportStart, ...] = ()
    unpicklable: tuple[Unpicklable, ...] = ()
    handed: tuple[HandedPrimitive, ...] = ()
    identities: tuple[CarriedIdentity, ...] = ()


NO_HAZARDS = Hazards()
