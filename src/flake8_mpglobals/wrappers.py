"""Functions that hand a parameter to a process API: their calls are dispatches.

``def parallel(func, items): Pool().map(func, items)`` is a boundary of its own for
those who call it, through at most :data:`LINKS` such functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flake8_mpglobals.catalogue import Api, Slot
from flake8_mpglobals.conditions import Constants, constants, left_out
from flake8_mpglobals.dispatches import Boundaries, DispatchSite, as_called
from flake8_mpglobals.evaluate import (
    Env,
    Evaluator,
    External,
    Partial,
    Target,
    Thing,
    argument,
    bound_to,
)
from flake8_mpglobals.ir import Call, Function, Param, Result, Value
from flake8_mpglobals.records import replace

LINKS = 3
"""How many wrappers may lie around one process API."""

_Link = tuple[Call, Target]
_Callers = dict[Function, list[_Link]]


def through_wrappers(found: Boundaries, evaluator: Evaluator) -> Boundaries:
    """Return the boundaries with the calls of wrappers as dispatches.

    What a caller hands over is run by the caller's dispatch; the dispatch inside the
    wrapper keeps what it runs besides.
    """
    callers: _Callers = {}
    for function in found.functions:
        for call, target in found.edges_of(function):
            callers.setdefault(target.function, []).append((call, target))
    sites: list[DispatchSite] = []
    for site in found.sites:
        around = list(_around(site, callers, evaluator))
        handed = {target.function for each, _ in around for target in each.workers}
        outer = [each for each, starts in around if starts]
        if handed:
            kept = tuple(target for target in site.workers if target.function not in handed)
            site = replace(site, workers=kept)
        sites.append(site)
        sites.extend(replace(each, inner=site) for each in outer)
    return replace(found, sites=sites)


def _around(
    site: DispatchSite, callers: _Callers, evaluator: Evaluator
) -> Iterator[tuple[DispatchSite, bool]]:
    """Yield a dispatch for each call that hands a callable to ``site`` through parameters,
    and whether what the call passes besides lets it come to the dispatch.
    """
    given = argument(site.call, site.api.callable)
    if given is None:
        return
    starts = sorted(_passed(given, evaluator), key=_index)
    layer: list[tuple[Param, tuple[_Link, ...]]] = [(param, ()) for param in starts]
    seen: set[tuple[Param, Call]] = set()
    while layer:
        param, inner = layer.pop()
        for call, target in callers.get(param.function, ()):
            handed = bound_to(target.bindings, param)
            if (param, call) in seen or not handed:
                continue
            seen.add((param, call))
            links = ((call, target), *inner)
            way = tuple(entered for _, entered in links)
            if not _leads_to(site, way, evaluator):
                continue
            made = as_called(site.call, site.api, handed)
            workers: list[Target] = []
            own = [value for value in handed if not _passed((value,), evaluator)]
            for thing in evaluator.ordered(evaluator.things(own)):
                workers.extend(evaluator.entered_by(thing, made))
            if workers and not _defaulted(param, target):
                yield _outer(site, call, param, workers), _comes_to(site, links)
            if len(way) < LINKS:
                further = sorted(_passed(handed, evaluator), key=_index)
                layer.extend((each, links) for each in further if each.function is call.function)


def _comes_to(site: DispatchSite, links: tuple[_Link, ...]) -> bool:
    """Whether the constants passed by calls, outermost first, leave the dispatch to be made."""
    known: Constants = {}
    nodes = [call.node for call, _ in links[1:]] + [site.call.node]
    for (call, target), node in zip(links, nodes, strict=True):
        known = constants(call, target.function, known)
        if left_out(node, target.function, known):
            return False
    return True


def _leads_to(site: DispatchSite, way: tuple[Target, ...], evaluator: Evaluator) -> bool:
    """Whether calls that bind ``way``, outermost first, lead to this dispatch: the same
    line may start processes for one caller and threads for another.
    """
    env: Env | None = None
    for target in way:
        env = Env(target.function, target.bindings, env)
    things = evaluator.things(site.call.callee, env)
    names = {row.name for thing in things if (row := _row(thing, evaluator)) is not None}
    return not names or site.api.name in names


def _row(thing: Thing, evaluator: Evaluator) -> Api | None:
    return evaluator.catalogue.api(thing.name) if isinstance(thing, External) else None


def _outer(site: DispatchSite, call: Call, param: Param, workers: list[Target]) -> DispatchSite:
    """Make the dispatch that a call of a wrapper is."""
    function = param.function
    bound = 1 if function.has_self else 0
    if isinstance(param.index, int):
        slot = Slot(param.index - bound, function.params[param.index])
    elif param.index.startswith("*"):
        slot = Slot(function.positional - bound + int(param.index[1:]))
    else:
        slot = Slot(-1, param.index)
    api = replace(
        site.api,
        name=f"{function.module.name}.{function.qualname}",
        label=function.qualname,
        callable=slot,
        tasks="",
        args=None,
        kwargs=None,
        initializer=None,
        initargs=None,
        result="",
        where=None,
    )
    return DispatchSite(call, api, tuple(workers), (), site.pool, True, api.label)


def _defaulted(param: Param, target: Target) -> bool:
    """Whether the call leaves the parameter to its default."""
    default = param.function.defaults.get(param.index)
    return default is not None and target.bindings.get(param.index) is default


def _passed(values: Iterable[Value], evaluator: Evaluator) -> set[Param]:
    """Return the parameters that ``values`` are, themselves or with arguments bound to them."""
    found: set[Param] = set()
    for value in values:
        if isinstance(value, Param):
            function = value.function
            if value.index not in (function.vararg, function.kwarg) and not (
                value.index == 0 and function.has_self
            ):
                found.add(value)
        elif isinstance(value, Result) and value.call.args:
            things: Iterable[object] = evaluator.thing(value)
            if any(isinstance(thing, Partial) for thing in things):
                found |= _passed(value.call.args[0], evaluator)
    return found


def _index(param: Param) -> tuple[str, str]:
    return (str(param.index), param.function.qualname)
