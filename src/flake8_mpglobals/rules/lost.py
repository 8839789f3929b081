"""What the lost-write rules share: the sentence, and the remedy for each type."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_mpglobals.apis import Remedy
from flake8_mpglobals.facts import Facts, LostWrite, WriteKind
from flake8_mpglobals.model import Finding, Related

PLAIN = """
- The more code takes part, the plainer a loss has to be. Where more than 20 functions of
  three or more modules run in workers or in the parent, write, dispatch and read may be two
  steps apart (calls between worker and write, and one for a read in another function than
  the dispatch), beyond 40 functions one, and beyond 80 none."""
"""The limit that all rules on lost writes have."""
_REMEDIES = {
    "list": "share it with multiprocessing.Manager().list()",
    "dict": "share it with multiprocessing.Manager().dict()",
    "set": "return the values from the worker and add them in the parent, "
    "or keep them as keys of multiprocessing.Manager().dict()",
    "deque": "send the values through multiprocessing.Queue or Manager().Queue()",
    "number": 'count in multiprocessing.Value("q", 0) with its lock',
    "float": 'add up in multiprocessing.Value("d", 0.0) with its lock',
    "flag": 'share it as multiprocessing.Event() or multiprocessing.Value("b", 0)',
    "tensor": "call share_memory_() on it before the processes start",
    "buffer": "put its bytes into multiprocessing.shared_memory.SharedMemory",
    "": "return the value from the worker and store it in the parent",
}
_FAMILY = {
    "list": "list",
    "dict": "dict",
    "defaultdict": "dict",
    "Counter": "dict",
    "OrderedDict": "dict",
    "set": "set",
    "deque": "deque",
    "int": "number",
    "float": "float",
    "bool": "flag",
    "bytearray": "buffer",
    "array": "buffer",
    "ndarray": "buffer",
    "memoryview": "buffer",
    "DataFrame": "buffer",
    "ctypes": "buffer",
    "tensor": "tensor",
}
_UNKNOWN_KIND = {"rebind": "name", "mutate": "object", "buffer": "buffer"}
_WHAT = {
    "rebind": "module-level {kind}",
    "mutate": "module-level {kind}",
    "buffer": "module-level {kind}",
    "class": "class attribute",
    "module": "module attribute",
    "instance": "its copy of",
    "argument": "argument",
    "closure": "closure variable",
}
_OWN: dict[Remedy, str] = {
    "values": "return the values and collect what {api} gives back",
    "gather": "return the values and collect them with result() or gather()",
    "actor": "keep it in a Ray actor, or return the values and collect them with ray.get()",
    "accumulator": "use an Accumulator, or return the values and collect() them",
    "store": "keep it where all processes see it (a database, a cache, the result backend)",
    "pipe": "send it to the parent through a pipe",
}
"""What helps where objects of ``multiprocessing`` do not."""
_COLLECT = "return the values and collect what {api} gives back, or {remedy}"


def remedy(write: LostWrite) -> str:
    """Return what to use instead, as the type and the way of dispatching allow."""
    if write.sites and (own := write.sites[0].api.remedy):
        return _OWN[own].format(api=write.sites[0].api.label)
    text = _REMEDIES[_FAMILY.get(write.kind, "")]
    if write.collects and write.kind in _FAMILY and write.sites:
        return _COLLECT.format(api=write.sites[0].api.label, remedy=text)
    return text


def findings(facts: Facts, code: str, name: str, how: WriteKind) -> Iterator[Finding]:
    """Yield one finding for each observed write of the given sort; one for all that the
    targets of a line (``p[0], p[1] = …``) do alike to one place, as it has one repair.
    """
    seen: set[tuple[object, ...]] = set()
    for write in facts.writes:
        if write.how == how and write.observers:
            if isinstance(write.node, ast.Subscript | ast.Attribute):
                place = (write.location.path, write.location.line, write.place, write.verb)
                if place in seen:
                    continue
                seen.add(place)
            yield finding(write, code, name, "so the parent never sees it", remedy(write))


def finding(write: LostWrite, code: str, name: str, consequence: str, advice: str) -> Finding:
    """Make the finding of ``write``: who does what to what, started where, and what helps."""
    first = write.sites[0].dispatch
    more = len(write.sites) - 1
    inside = first.kind == "interpreter"
    runs = f"runs it in another {'interpreter' if inside else 'process'}"
    if more:
        where = "interpreters" if inside else "processes"
        runs = f"and {more} more dispatch{'es' if more > 1 else ''} run it in other {where}"
    through = [step.name for step in write.chain[1:]]
    via = f" (through {' -> '.join(repr(step) for step in through)})" if through else ""
    kind = write.kind if write.kind in _FAMILY or write.how != "rebind" else ""
    what = _WHAT[write.how].format(kind=kind or _UNKNOWN_KIND.get(write.how, ""))
    path = write.location.path
    afar = f" ({write.origin.path}:{write.origin.line})" if write.origin else ""
    line = first.location.seen_from(path)
    message = (
        f"worker {write.worker!r} {write.verb} {what} {write.place!r}{afar}{via}; "
        f"{first.api} ({line}) {runs}, "
        f"{consequence}: {advice}"
    )
    return Finding(
        code,
        name,
        message,
        write.location,
        write.end_line,
        write.end_column,
        place=write.place,
        worker=write.worker,
        remedy=advice,
        dispatches=tuple(site.dispatch for site in write.sites),
        chain=write.chain,
        related=(*_written_at(write), *write.observers),
        origin=write.origin,
    )


def _written_at(write: LostWrite) -> Iterator[Related]:
    """Yield where the write is, if that is another file."""
    if write.origin is not None:
        yield Related(write.origin, f"the worker {write.verb} {write.place!r} here")
