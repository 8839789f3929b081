"""Share a list or dict that objects of a subclass of ``Process`` are made with, and fill.

The class stays as it is: its objects get a proxy in place of what they keep.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import cast

from flake8_mpglobals.facts import Facts, LostWrite, Site
from flake8_mpglobals.fixes.layout import Sheet
from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.plan import CannotFix, NeedsLock, Plan
from flake8_mpglobals.fixes.shapes import dispatches
from flake8_mpglobals.fixes.shapes.arguments import share, touches_of
from flake8_mpglobals.fixes.shapes.flow import Flow
from flake8_mpglobals.fixes.shapes.proxy_use import ProxyUse
from flake8_mpglobals.fixes.shapes.states import attribute_of
from flake8_mpglobals.fixes.shapes.stored import Stored
from flake8_mpglobals.fixes.shapes.subclasses import ProcessClass, process_class
from flake8_mpglobals.fixes.shapes.variables import ArgumentJob, Variables
from flake8_mpglobals.fixes.touches import Touches, reached
from flake8_mpglobals.model import Finding

_KINDS = ("list", "dict")


def takes(writes: Sequence[LostWrite]) -> bool:
    """Whether all writes fill a list or dict that the object of a process may have."""
    return all(
        write.how in ("instance", "mutate", "argument") and write.kind in _KINDS for write in writes
    )


def plan(facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding]) -> Plan:
    """Return the plan that shares the one object that the processes of ``writes`` keep.

    Raises :class:`CannotFix` where the rewrite is not proved.
    """
    module = Module(facts.source, facts.tree)
    kind = writes[0].kind
    found = dispatches.found(facts, module, writes)
    own = process_class(module, found[0].call) if dispatches.is_process(found[0]) else None
    if own is None or own.made is None:
        raise CannotFix("")
    names = {attribute_of(module, own, write) for write in writes}
    sites = [site for site in facts.sites if any(own.run is one for one in site.workers)]
    if len(names) != 1 or any(write.kind != kind for write in writes):
        raise CannotFix(
            f"{own.definition.name}.run() fills several objects: share one after another"
        )
    name = names.pop()
    parameter = _parameter(module, own, name)
    deletes = _check_class(module, own, name, kind)
    handed = [(site, _given(own, parameter, site)) for site in sites]
    calls = dispatches.makers(sites)
    exempt = [*dispatches.exempt(facts, module, sites, calls), *(one for _, one in handed)]
    if len({module.function(one) for _, one in handed}) > 1:
        raise CannotFix(f"processes are handed {parameter!r} in several functions")
    touches = touches_of(module, [one for _, one in handed], exempt)
    if isinstance(touches, Variables):
        touches.check([*calls])
    else:
        dispatches.check_followed(touches, [own.run], exempt)
    sheet = Sheet(module)
    job = ArgumentJob(module, touches, kind, sheet, exempt, calls, "", deletes)
    shown = {one.id for _, one in handed}
    job.variables = tuple(dict.fromkeys(u.id for u in touches.mentions if u.id in shown))
    share(job, handed)
    return Plan(
        tuple(findings),
        writes[0].place,
        "safe",
        f"Hand {own.definition.name!r} a multiprocessing.Manager().{kind}()",
        tuple(sorted({*map(sheet.deepen, job.found), *sheet.edits()})),
        places=tuple(shown),
    )


def _parameter(module: Module, own: ProcessClass, name: str) -> str:
    """Return the parameter of ``__init__`` that an attribute keeps, and nothing else does.

    Raises :class:`CannotFix` where it is none, without a reason: this is no case for the shape.
    """
    assert own.made is not None
    kept = CannotFix("")
    stores = [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr == name and _stores(node)
    ]
    if len(stores) != 1 or module.function(stores[0]) is not own.made:
        raise kept
    match module.parents[stores[0]]:
        case (
            ast.Assign(targets=[_], value=ast.Name(id=given))
            | ast.AnnAssign(value=ast.Name(id=given))
        ):
            same = [n for n in ast.walk(own.made) if isinstance(n, ast.Name) and n.id == given]
            if len(same) == 1 and given in _names(own):
                return given
    raise kept


def _stores(node: ast.Attribute) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _names(own: ProcessClass) -> list[str]:
    assert own.made is not None
    arguments = own.made.args
    return [one.arg for one in (*arguments.args[1:], *arguments.kwonlyargs)]


def _check_class(module: Module, own: ProcessClass, name: str, kind: str) -> bool:
    """Judge what the class does with the attribute; return whether it takes anything out."""
    run = reached(module, [own.run])
    uses: list[ast.Attribute] = []
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Attribute) and node.attr == name) or _stores(node):
            continue
        function = module.function(node)
        receiver = function.args.args[0].arg if function and function.args.args else ""
        plain = isinstance(node.value, ast.Name) and node.value.id == receiver
        if not plain or not any(function is one for one in run):
            raise CannotFix(
                f"line {node.lineno} uses {ast.unparse(node)!r}, which is a proxy then: use the "
                "object by the name that the parent has for it"
            )
        uses.append(node)
    deletes = False
    for function in dict.fromkeys(module.function(use) for use in uses):
        assert function is not None
        touches = Touches.__new__(Touches)
        inner = [one for one in uses if module.function(one) is function]
        touches.only(module, name, cast("list[ast.Name]", inner))  # they are judged as names are
        judged = ProxyUse(module, touches, kind, function).judge()
        try:
            Flow(module, touches, function, judged).judge(helper=function is not own.run)
        except NeedsLock:
            raise CannotFix(
                f"{function.name!r} stores in {name!r} what depends on reading it: that needs a "
                "lock around both"
            ) from None
        Stored(module, touches, function, judged).judge()
        deletes |= judged.deletes
    return deletes


def _given(own: ProcessClass, parameter: str, site: Site) -> ast.Name:
    """Return the variable that the making of a process hands to a parameter."""
    given: ast.expr | None = None
    index = _names(own).index(parameter)
    if index < len(site.call.args) and not any(
        isinstance(one, ast.Starred) for one in site.call.args
    ):
        given = site.call.args[index]
    for keyword in site.call.keywords:
        if keyword.arg == parameter:
            given = keyword.value
    if isinstance(given, ast.Name):
        return given
    raise CannotFix(f"line {site.call.lineno} hands over {parameter!r} in a way not followed")
