"""Everything that goes wrong at the boundaries of one file besides lost writes."""

from __future__ import annotations

from flake8_mpglobals.hazards import Hazards
from flake8_mpglobals.identity import Identities
from flake8_mpglobals.pickling import Pickling
from flake8_mpglobals.records import replace
from flake8_mpglobals.scene import Scene
from flake8_mpglobals.stale import StaleReads
from flake8_mpglobals.starts import import_starts


def find_hazards(scene: Scene, codes: frozenset[str]) -> Hazards:
    """Return what the rules ``codes`` ask for; the rest stays empty."""
    found = Hazards()
    if "MPG202" in codes and not _is_main_file(scene.module.source.path):
        found = replace(found, import_starts=import_starts(scene))
    if not scene.boundaries.crosses:
        return found
    if "MPG201" in codes:
        found = replace(found, stale_reads=StaleReads(scene).find())
    if "MPG203" in codes:
        found = replace(found, unpicklable=Pickling(scene).unpicklable())
    if "MPG305" in codes:
        found = replace(found, handed=Pickling(scene).handed())
    if "MPG401" in codes:
        found = replace(found, identities=Identities(scene).find())
    return found


def _is_main_file(path: str) -> bool:
    """Whether workers never import the file again: it is what ``python -m package`` runs."""
    return path.replace("\\", "/").rpartition("/")[2] == "__main__.py"
