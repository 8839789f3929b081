"""Data flows one way: no stage imports a later one, not even lazily."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = "flake8_mpglobals"
ROOT = Path(__file__).parent.parent / "src" / PACKAGE

ORDER = (
    # plain values and tables
    "records",
    "packages",
    "model",
    "mutations",
    "driving",
    "apis",
    "sharedtypes",
    "libraries",
    "catalogue",
    "options",
    "source",
    "trace",
    "blocks",
    "ledger",
    "imports",
    "mentions",
    "prefilter",
    "outline",
    "handing",
    "offers",
    "leads",
    "noqa",
    # one file, and the modules that it leads to
    "ir",
    "names",
    "guards",
    "defaults",
    "spans",
    "lower",
    "disk",
    "recent",
    "project",
    "modules",
    "state",
    "offering",
    "workspace",
    "program",
    "inference",
    "evaluate",
    "oracle",
    "crossings",
    "extent",
    "boundmethods",
    "accessors",
    "dispatches",
    "boundaries",
    "glance",
    "start_methods",
    "conditions",
    "wrappers",
    "contexts",
    "reach",
    "objects",
    "rawwrites",
    "ranks",
    "effects",
    "passing",
    "handback",
    "reads",
    "walk",
    "sieve",
    "unstarted",
    "observers",
    "copies",
    "bystanders",
    "modes",
    "standpoint",
    "readers",
    # what goes wrong at a boundary besides lost writes
    "hazards",
    "importtime",
    "scene",
    "starts",
    "pickling",
    "identity",
    "runtime",
    "stale",
    "sweep",
    "facts",
    "shared",
    "tasks",
    "writes",
    "excuses",
    "given",
    "undone",
    "refills",
    "unreached",
    "evidence",
    "losses",
    "rules",
    "analysis",
    # what people set and where they set it
    "codes",
    "patterns",
    "settings",
    "pyproject",
    "config",
    "discovery",
    "cache",
    "crew",
    "checking",
    "recall",
    # faces
    "plugin",
    "reporters",
    "fixes",
    "commands",
    "cli",
    "__main__",
)
"""Every module and folder of the package; each imports only from those before it.

The plugin stands before reporters, fixes and commands: it never loads them.
"""


def stage(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imported(tree: ast.Module) -> set[tuple[str, int]]:
    """Return the stages that a module imports from, with the lines."""
    found: set[tuple[str, int]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the package"
            if node.module == PACKAGE:
                names = [f"{PACKAGE}.{alias.name}" for alias in node.names]
            else:
                names = [node.module or ""]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == PACKAGE and len(parts) > 1 and parts[1] != "__version__":
                found.add((parts[1], node.lineno))
    return found


MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    own = stage(path)
    assert own in ORDER, f"put {own!r} into ORDER"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for other, line in imported(tree):
        if other != own:
            assert other in ORDER, f"{path}:{line}: put {other!r} into ORDER"
            assert ORDER.index(other) < ORDER.index(own), f"{path}:{line}: {own} imports {other}"


def test_the_package_itself_imports_nothing() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
