"""Blocks of shared memory that this code makes and never closes, or never unlinks."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flake8_mpglobals.evaluate import Shared
from flake8_mpglobals.facts import SharedUse
from flake8_mpglobals.ir import (
    Attr,
    Call,
    Entered,
    Fresh,
    Function,
    Global,
    Phi,
    Result,
    Seen,
    Value,
    Values,
)
from flake8_mpglobals.rawwrites import library_names
from flake8_mpglobals.shared.imported import creates
from flake8_mpglobals.shared.sharing import Sharing

_MAKER = "multiprocessing.SharedMemory"
_KEEPS = ("builtins.", "numpy.", "contextlib.closing", "torch.")
"""Libraries that do not take a block over from whoever hands it to them."""


class Leaks:
    """Finds the blocks that stay, for one program."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing
        self._ended: dict[Call, set[str]] | None = None
        self._unlinks_unknown = False

    def find(self) -> Iterator[SharedUse]:
        """Yield the calls that make a block which nobody closes or unlinks."""
        for function in self._sharing.functions:
            for call in function.calls:
                if not creates(call.node) or not self._makes(call):
                    continue
                if self._handed_away(call):
                    continue
                missing = [name for name in ("close", "unlink") if name not in self._ends(call)]
                if "unlink" in missing and self._by_name(call):
                    continue
                if "unlink" in missing and self._named_away(call):
                    missing.remove("unlink")
                if missing:
                    yield from self._sharing.use(
                        "leak",
                        function,
                        call.node,
                        _name_of(self._sharing, call),
                        verb=" or ".join(f"{name}()" for name in missing),
                        thing=Shared("shared memory", False, _MAKER, call),
                    )

    def _makes(self, call: Call) -> bool:
        return any(
            isinstance(thing, Shared) and thing.maker == _MAKER and thing.call is call
            for thing in self._sharing.evaluator.thing(Result(call))
        )

    def _is(self, value: Value, call: Call) -> bool:
        """Whether ``value`` is the block that ``call`` makes (not a view of its memory)."""
        return any(
            thing.kind == "shared memory" and thing.call is call
            for thing in self._sharing.shared((value,))
        )

    # -- closed and unlinked ---------------------------------------------------------

    def _ends(self, call: Call) -> set[str]:
        """Return which of ``close`` and ``unlink`` the program names for the block."""
        if self._ended is None:
            self._ended = {}
            for function in self._sharing.functions:
                self._gather(function)
        return self._ended.get(call, set())

    def _gather(self, function: Function) -> None:
        for call in function.calls:
            self._note(call.callee)
            if "contextlib.closing" in library_names(call, self._sharing.evaluator) and call.args:
                for thing in self._sharing.shared(call.args[0]):
                    self._note_one(thing, "close")
            for callee in call.callee:
                # A method by a name that is not known here: getattr(shm, how)()
                if isinstance(callee, Attr) and callee.name == "__exit__":
                    self._note(frozenset((Attr(callee.base, "close"),)))
        for load in function.loads:
            self._note(load.values)

    def _note(self, values: Values) -> None:
        for value in values:
            if isinstance(value, Attr) and value.name in ("close", "unlink"):
                things = self._sharing.shared((value.base,))
                for thing in things:
                    self._note_one(thing, value.name)
                if value.name == "unlink" and not things:
                    self._unlinks_unknown = True

    def _note_one(self, thing: Shared, name: str) -> None:
        assert self._ended is not None
        if thing.kind == "shared memory" and thing.call is not None:
            self._ended.setdefault(thing.call, set()).add(name)

    # -- ownership -------------------------------------------------------------------

    def _handed_away(self, call: Call) -> bool:
        """Whether somebody else may have to close the block: it leaves what is in sight."""
        for function in self._sharing.functions:
            if any(self._holds(value, call, 0) for value in (*function.returns, *function.yields)):
                return True
            for store in function.stores:
                if store.how in ("bind", "augment", "unbind", "inplace"):
                    if any(isinstance(v, Fresh) and self._holds(v, call, 0) for v in store.values):
                        return True
                elif any(self._holds(value, call, 0) for value in store.values):
                    return True
            for other in function.calls:
                if other is not call and self._takes_over(other, call):
                    return True
            for held in function.cells.values():
                if any(isinstance(v, Fresh) and self._holds(v, call, 0) for v in held):
                    return True
        return False

    def _takes_over(self, other: Call, call: Call) -> bool:
        """Whether a call is given the block, and may keep it."""
        given = [*other.args, *other.keywords.values(), other.rest]
        if not any(self._holds(value, call, 0) for values in given for value in values):
            return False
        if any(site.call is other for site in self._sharing.boundaries.sites):
            return False
        if self._sharing.boundaries.edges.get(other):
            return False
        names = library_names(other, self._sharing.evaluator)
        return not names or not all(name.startswith(_KEEPS) for name in names)

    def _holds(self, value: Value, call: Call, depth: int) -> bool:
        """Whether ``value`` is the block, or a container with the block in it."""
        if depth > 4:
            return False
        if isinstance(value, Fresh):
            return any(self._holds(part, call, depth + 1) for part in value.display.elements)
        if isinstance(value, Phi | Seen):
            return any(self._holds(part, call, depth + 1) for part in value.slot.values)
        if isinstance(value, Result):
            return value.call is call
        if isinstance(value, Entered):
            return self._holds(value.base, call, depth + 1)
        return isinstance(value, Global) and self._is(value, call)

    def _by_name(self, call: Call) -> bool:
        """Whether the block has a name that is chosen or looked at, and something that is
        not made here is unlinked: an object that is attached to it, it may be.
        """
        assert self._ended is not None
        node = call.node
        assert isinstance(node, ast.Call)
        chosen = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "name")]
        named = any(not (isinstance(n, ast.Constant) and n.value is None) for n in chosen)
        if named and self._unlinks_unknown:
            return True
        attached = any(
            "unlink" in how and not creates(made.node) for made, how in self._ended.items()
        )
        return attached and (named or self._name_is_read(call))

    def _name_is_read(self, call: Call) -> bool:
        return any(
            isinstance(value, Attr) and value.name == "name" and self._is(value.base, call)
            for function in self._sharing.functions
            for load in function.loads
            for value in load.values
        )

    def _named_away(self, call: Call) -> bool:
        """Whether the block's name is sent or returned: then whoever gets it may unlink it."""

        def named(values: Iterable[Value], depth: int = 0) -> bool:
            for value in values:
                if isinstance(value, Attr) and value.name == "name" and self._is(value.base, call):
                    return True
                if (
                    isinstance(value, Fresh)
                    and depth < 3
                    and named(value.display.elements, depth + 1)
                ):
                    return True
            return False

        for function in self._sharing.functions:
            if named((*function.returns, *function.yields)):
                return True
            for other in function.calls:
                if any(site.call is other for site in self._sharing.boundaries.sites):
                    continue
                sends = any(
                    isinstance(c, Attr) and c.name in ("put", "put_nowait", "send", "append")
                    for c in other.callee
                )
                if sends and any(named(values) for values in other.args):
                    return True
            for store in function.stores:
                if store.how in ("item", "attr") and named(store.values):
                    return True
        return False


def _name_of(sharing: Sharing, call: Call) -> str:
    """Return the name that a block is given where it is made; empty where there is none."""
    code = sharing.code(call.function)
    outer = code.parents.get(call.node)
    if isinstance(outer, ast.Assign | ast.AnnAssign):
        targets = outer.targets if isinstance(outer, ast.Assign) else [outer.target]
        return ast.unparse(targets[0])
    return ""
