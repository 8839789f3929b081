"""Each shape has a fixture for each way to start workers, and none is claimed in vain.

What a fixture covers is told by its program: the title of each rewrite tells the shape,
the dispatches of the write tell the API, and how the pool or process is made the form.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from test_fix import FIXED, OPTIONS, read, strategy

from flake8_mpglobals import analysis
from flake8_mpglobals.facts import Facts, Site
from flake8_mpglobals.fixes.engine import propose

SHAPES = {
    "Return what": "collect",
    "Return '": "item",
    "Send what": "collect",
    "Send the attributes": "manager",
    "Share": "manager",
    "Hand": "argument",
    "Keep": "buffer",
}
"""How the titles of the rewrites begin; a number is kept, too."""
POOL = ("map", "imap", "imap_unordered", "starmap", "apply")
POOL_ASYNC = ("apply_async", "map_async", "starmap_async")
EXECUTOR = ("submit", "executor map", "run_in_executor")
PROCESS = ("single", "loop", "comprehension", "subclass")
NONE = {("argument", "Process", "subclass"), ("collect", "Process", "subclass")}
"""What a process object was handed is an attribute of it; what it adds goes by a manager."""
COVERED = frozenset(
    (shape, api, form)
    for shape in ("collect", "manager", "value", "buffer", "argument")
    for apis, forms in (
        (POOL + POOL_ASYNC, ("with", "kept")),
        (EXECUTOR, ("with", "kept")),
        (("Process",), PROCESS),
    )
    for api in apis
    for form in forms
    if (shape, api, form) not in NONE
)


def covers(case: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the shapes, APIs and forms that a fixture has."""
    source = read(case / "before.py")
    facts = analysis.examine(source, OPTIONS)
    fixes = propose(facts, OPTIONS, strategy(case))
    for write in facts.writes:
        for key, fix in fixes.items():
            if key[1:3] == (write.location.line, write.location.column) and fix.edits:
                shape = next(s for begin, s in SHAPES.items() if fix.title.startswith(begin))
                shape = "value" if "multiprocessing.Value " in fix.title else shape
                yield from ((shape, *way(facts, site)) for site in write.sites)


def way(facts: Facts, site: Site) -> tuple[str, str]:
    """Return the API of a dispatch, and the form in which its workers are started."""
    parents = {child: one for one in ast.walk(facts.tree) for child in ast.iter_child_nodes(one)}
    name = site.api.name.rpartition(".")[2]
    made: ast.AST = site.call if name == "Process" or site.pool is None else site.pool
    if site.api.name.startswith("concurrent.futures") and name == "map":
        name = "executor map"
    parent = parents[made]
    if name == "Process":
        func = ast.unparse(site.call.func)
        if any(isinstance(one, ast.ClassDef) and one.name == func for one in facts.tree.body):
            return name, "subclass"
        if isinstance(parent, (ast.ListComp, ast.List)):
            return name, "comprehension"
        above: ast.AST = made
        while not isinstance(above, (ast.For, ast.FunctionDef, ast.Module)):
            above = parents[above]
        return name, "loop" if isinstance(above, ast.For) else "single"
    if isinstance(parent, ast.withitem):
        return name, "with"
    return name, "kept" if isinstance(parent, ast.Assign) else "chained"


def test_each_shape_is_shown_for_each_way_to_start_workers() -> None:
    seen = {one for case in FIXED for one in covers(case)}
    assert sorted(COVERED - seen) == []
