"""What the rules about shared objects have in common: their findings, and who runs the code."""

from __future__ import annotations

from flake8_mpglobals.facts import SharedUse
from flake8_mpglobals.model import Finding

_CALLED = {
    "manager.list": "a Manager().list() proxy",
    "manager.dict": "a Manager().dict() proxy",
    "manager.set": "a Manager().set() proxy",
    "manager.Namespace": "a Manager().Namespace() proxy",
    "manager.Value": "a Manager().Value() proxy",
    "manager.Array": "a Manager().Array() proxy",
}


def called(maker: str) -> str:
    """Return what people call an object that ``maker`` makes."""
    if maker.startswith("manager."):
        return _CALLED.get(maker, f"a Manager().{maker[8:]}() proxy")
    article = "an" if maker.rpartition(".")[2][0] in "AEIO" else "a"
    return f"{article} {maker.rpartition('.')[2]}"


def by(use: SharedUse, verb: str) -> str:
    """Return the dispatches that run the code, and what they do ("run", "start")."""
    first = use.dispatches[0]
    line = first.location.seen_from(use.location.path)
    more = len(use.dispatches) - 1
    others = f" and {more} more dispatch{'es' if more > 1 else ''}" if more else ""
    return f"{first.api} ({line}){others} {verb}{'' if more else 's'}"


def finding(use: SharedUse, code: str, name: str, text: str, remedy: str) -> Finding:
    """Make the finding of a use; ``text`` says what goes wrong, ``remedy`` what helps."""
    afar = f" (at {use.origin.path}:{use.origin.line})" if use.origin else ""
    return Finding(
        code,
        name,
        f"{text}{afar}: {remedy}",
        use.location,
        use.end_line,
        use.end_column,
        place=use.place,
        worker=use.worker,
        remedy=remedy,
        dispatches=use.dispatches,
        chain=use.chain,
        related=use.made,
        origin=use.origin,
    )
