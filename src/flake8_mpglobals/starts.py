"""Processes that are started while the module is imported."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.defaults import (
    Known,
    by_number,
    by_word,
    calls_another,
    entered,
    gives_number,
    never_reached,
)
from flake8_mpglobals.dispatches import DispatchSite
from flake8_mpglobals.evaluate import Evaluator, External, Obj
from flake8_mpglobals.hazards import ImportStart
from flake8_mpglobals.importtime import ImportTime
from flake8_mpglobals.ir import Attr, Call, Element, Item, Module, Param
from flake8_mpglobals.model import Step
from flake8_mpglobals.scene import Scene
from flake8_mpglobals.spans import span
from flake8_mpglobals.start_methods import FORK

_POOL = "multiprocessing.pool.Pool"
_PROCESS = "multiprocessing.Process"
_CONTEXT = "multiprocessing.context.BaseContext"

_MAKERS = {
    "multiprocessing.Pool": "Pool",
    _POOL: "Pool",
    f"{_CONTEXT}.Pool": "Pool",
    "multiprocessing.Manager": "Manager",
    f"{_CONTEXT}.Manager": "Manager",
    "manager.start": "Manager.start",
    f"{_PROCESS}.start": "Process.start",
}
"""Calls that start a process by themselves, and what messages call them."""

_METHODS = frozenset(name.rpartition(".")[2] for name in _MAKERS)


def import_starts(scene: Scene) -> tuple[ImportStart, ...]:
    """Return the starts of processes that run while the module is imported."""
    module, evaluator = scene.module, scene.evaluator
    imports, methods = scene.imports, scene.methods
    sites: dict[Call, list[DispatchSite]] = {}
    for site in scene.boundaries.sites:
        sites.setdefault(site.call, []).append(site)
    found: list[ImportStart] = []
    executors: set[object] = set()
    for call in sorted(imports.calls(module), key=_position):
        label = next(_labels(call, evaluator), "")
        possible = methods.of_maker(call)
        if not label:
            first = next((site for site in sites.get(call, ()) if _starts(site)), None)
            if first is None or (first.pool is not None and first.pool in executors):
                continue
            label, possible = first.label, methods.of(first)
            executors.add(first.pool)
        if possible != FORK and not _switched_off(call, imports):
            found.append(_start(module, call, label, imports))
    return tuple(dict.fromkeys(found))


def may_start(module: Module, evaluator: Evaluator) -> bool:
    """Whether a module without any dispatch could still start a process."""
    return any(
        next(_labels(call, evaluator), "")
        for function in (module.body, *module.functions)
        for call in function.calls
        if any(not isinstance(callee, Attr) or _may_label(callee) for callee in call.callee)
    )


def _may_label(callee: Attr) -> bool:
    """Whether an attribute can be what starts a process: by its name, or by an alias for it."""
    return callee.name in _METHODS or not isinstance(callee.base, Attr | Param | Item | Element)


def _labels(call: Call, evaluator: Evaluator) -> Iterator[str]:
    """Yield what the call is called that starts a process here and now."""
    things = evaluator.things(call.callee)
    for thing in evaluator.ordered(things):
        if isinstance(thing, External):
            name = evaluator.catalogue.original(thing.name)
            if name in _MAKERS:
                yield _MAKERS[name]
    for callee in call.callee:
        if isinstance(callee, Attr) and callee.name == "start":
            for made in evaluator.things((callee.base,)):
                if isinstance(made, Obj):
                    _, bases, _ = evaluator.lineage(made.cls)
                    rows = [evaluator.catalogue.api(base) for base in bases]
                    if any(row and row.method and row.kind == "process" for row in rows):
                        yield "Process.start"


def _starts(site: DispatchSite) -> bool:
    """Whether a dispatch starts processes itself: an executor does, a pool has before."""
    while site.inner is not None:
        site = site.inner
    api = site.api
    if api.kind != "process" or api.callable is None or api.method or not api.pickles:
        return False
    return not api.name.startswith(f"{_POOL}.")


def _switched_off(call: Call, imports: ImportTime) -> bool:
    """Whether what the calls on the way give and leave out keeps them from ``call``."""
    chain = imports.chain(call.function)
    nodes = [*(step.node for step, _ in chain[1:]), call.node]
    known: Known = {}
    first = chain[0][0] if chain else call
    several = gives_number(first.node)
    leads_to = [*(function.name for _, function in chain[1:]), ""]
    for (step, function), node, name in zip(chain, nodes, leads_to, strict=False):
        known = entered(function.node, step.node, known)
        if name and calls_another(node, name, known):
            return True
        if never_reached(function.node, node, known):
            return True
        elsewhere = function.module is not first.function.module
        if elsewhere and not several and by_number(function.node, node):
            return True
        if elsewhere and by_word(function.node, node, first.node):
            return True
    return not chain and never_reached(call.function.node, call.node, {})


def _start(module: Module, call: Call, label: str, imports: ImportTime) -> ImportStart:
    """Make the value; a start in another module is reported where this one calls it."""
    chain = imports.chain(call.function)
    node = call.node
    function = "" if call.function.is_module else call.function.qualname
    if call.function.module is not module:
        node = next(step.node for step, _ in chain if step.function.module is module)
    steps = tuple(
        Step(span(step.function.module, step.node).location, inner.qualname)
        for step, inner in chain
    )
    return ImportStart(label, span(module, node), function, steps)


def _position(call: Call) -> tuple[str, int, int]:
    path = call.function.module.source.path
    return (path, call.node.lineno, call.node.col_offset)
