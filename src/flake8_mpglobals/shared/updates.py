"""Updates in two steps: stores into shared objects that depend on a read of the same object.

Between the read and the store another worker can store, too, and one of the two
updates is lost, unless both steps are done under a lock.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flake8_mpglobals.evaluate import Shared
from flake8_mpglobals.facts import SharedUse
from flake8_mpglobals.ir import (
    UNKNOWN,
    Attr,
    Call,
    Function,
    Imported,
    Param,
    Result,
    Store,
    Value,
    Values,
    root,
)
from flake8_mpglobals.records import frozen
from flake8_mpglobals.shared.code import Code, leaves
from flake8_mpglobals.shared.locks import Locks
from flake8_mpglobals.shared.ownkeys import OwnKeys, assigned_in
from flake8_mpglobals.shared.sharing import Run, Sharing, same

_WHOLE = ""
"""The key of a read of a whole object (``len(d)``)."""

_IN = "in:"
"""What the key of a membership test begins with."""

_SETTERS = ("append", "extend", "insert", "update", "__setitem__", "set")
"""Methods that store into a proxy (``setdefault`` looks and stores in one step)."""

_LOOKS = frozenset(
    (
        "len", "list", "tuple", "set", "dict", "sum", "min", "max", "any", "all", "sorted", "bool",
        "str", "repr", "enumerate", "zip", "map", "filter", "frozenset", "reversed",
    )
)  # fmt: skip
"""Builtins that read the whole of an argument."""

_KEYED = ("get", "setdefault", "__getitem__", "pop")

_ROUNDS = 6

_DEEP = 4


@frozen(eq=False)
class _Write:
    """A store into a shared object: where, at which key, and what is stored."""

    function: Function
    node: ast.AST
    thing: Shared
    base: Value
    key: str
    key_node: ast.expr | None
    stored: tuple[ast.expr, ...]
    augmented: bool
    verb: str


class Updates:
    """Finds the unlocked updates of one program."""

    def __init__(self, sharing: Sharing, locks: Locks) -> None:
        self._sharing = sharing
        self._locks = locks
        self._own = OwnKeys(sharing)

    def find(self) -> Iterator[SharedUse]:
        """Yield the updates in workers that another worker can come between."""
        writes = [
            (write, runs)
            for function in self._sharing.functions
            if (runs := self._sharing.runs(function))
            for write in self._writes(function)
        ]
        changing = [write for write, _ in writes if not _is_constant(write)]
        found = [
            (write, runs)
            for write, runs in writes
            if self._updates(write, changing)
            and not self._own.is_own(write.function, write.key_node, runs)
        ]
        seen: set[ast.AST] = set()
        for write, runs in found:
            if write.node in seen or self._locks.held(write.function, write.node):
                continue
            rivals = [
                run
                for other, others in found
                if same(other.thing, write.thing)
                for run in others
                if self._hands(run, other)
            ]
            if not self._sharing.several(_unique(rivals), write.thing):
                continue
            seen.add(write.node)
            yield from self._sharing.use(
                "unlocked",
                write.function,
                write.node,
                _text(write.node),
                verb=write.verb,
                thing=write.thing,
                runs=runs,
            )

    def _hands(self, run: Run, write: _Write) -> bool:
        """Whether a dispatch can hand its worker the object that a parameter is written by:
        not where it hands over another one of that kind.
        """
        if not isinstance(_source(write.base), Param):
            return True
        handed = [
            thing
            for target in run.site.workers
            if target.function is run.entry
            for values in target.bindings.values()
            for thing in self._sharing.shared(values)
            if thing.maker == write.thing.maker
        ]
        return not handed or any(same(thing, write.thing) for thing in handed)

    # -- stores -------------------------------------------------------------------

    def _writes(self, function: Function) -> Iterator[_Write]:
        code = self._sharing.code(function)
        for store in function.stores:
            for base in store.targets:
                for thing in self._sharing.likely(base):
                    if _stores_into(store, thing):
                        yield self._store(code, store, base, thing)
        for call in function.calls:
            if not isinstance(call.node, ast.Call):
                continue
            for callee in call.callee:
                if isinstance(callee, Attr) and callee.name in _SETTERS:
                    for thing in self._sharing.likely(callee.base):
                        if _sets(thing, callee.name):
                            yield from self._setter(call, callee, thing)

    def _store(self, code: Code, store: Store, base: Value, thing: Shared) -> _Write:
        node = store.node
        target = node.target if isinstance(node, ast.AugAssign) else node
        key = ""
        key_node = None
        if isinstance(target, ast.Subscript):
            key, key_node = ast.dump(target.slice), target.slice
        elif isinstance(target, ast.Attribute):
            key = f".{target.attr}"
        stored: tuple[ast.expr, ...] = ()
        for outer, _ in code.around(node):
            if isinstance(outer, ast.Assign | ast.AnnAssign) and outer.value is not None:
                stored = (outer.value,)
                break
        verb = "updates" if store.how.startswith("augment") else "stores into"
        return _Write(
            code.function,
            node,
            thing,
            base,
            key,
            key_node,
            stored,
            store.how.startswith("augment") or store.how == "inplace",
            verb,
        )

    def _setter(self, call: Call, callee: Attr, thing: Shared) -> Iterator[_Write]:
        node = call.node
        assert isinstance(node, ast.Call)
        pairs: list[tuple[str, ast.expr | None, tuple[ast.expr, ...]]] = []
        if callee.name == "__setitem__" and len(node.args) == 2:
            pairs.append((ast.dump(node.args[0]), node.args[0], (node.args[1],)))
        elif callee.name == "update" and node.args and isinstance(node.args[0], ast.Dict):
            for key, value in zip(node.args[0].keys, node.args[0].values, strict=True):
                if key is not None:
                    pairs.append((ast.dump(key), key, (value,)))
        else:
            stored = (*node.args, *(keyword.value for keyword in node.keywords))
            pairs.append((".value" if callee.name == "set" else "", None, stored))
        for text, key_node, stored in pairs:
            yield _Write(
                call.function,
                node,
                thing,
                callee.base,
                text,
                key_node,
                stored,
                False,
                "stores into",
            )

    # -- what the store depends on ---------------------------------------------------

    def _updates(self, write: _Write, changing: list[_Write]) -> bool:
        """Whether a store depends on a read of the same object; a constant that is the same
        whoever stores it does not, unless others store something else (``changing``).
        """
        reads = _Reads(self._sharing, write)
        if self._has_its_turn(write, reads):
            return False
        if write.augmented:
            return True
        if self._gives_back(write):
            return False
        if any(_meets(write, key) for part in write.stored for key in reads.of(part)):
            return True
        flag = _is_constant(write) and not any(
            same(other.thing, write.thing) and write.key == other.key for other in changing
        )
        return not self._remembers(write) and any(
            _meets(write, key)
            for test, waits in self._tests(write)
            if not (waits and flag)
            for key in reads.of(test)
        )

    def _gives_back(self, write: _Write) -> bool:
        """Whether a store puts back what was taken out: nobody else had it meanwhile."""
        code = self._sharing.code(write.function)
        if len(write.stored) != 1 or not isinstance(write.node, ast.Call):
            return False
        taken = [write.stored[0]]
        if isinstance(taken[0], ast.Name):
            taken = assigned_in(code, taken[0].id)
        return bool(taken) and all(
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and value.func.attr in ("pop", "popitem")
            for value in taken
        )

    def _has_its_turn(self, write: _Write, reads: _Reads) -> bool:
        """Whether the worker first waits until the object says that it is its turn."""
        code = self._sharing.code(write.function)
        for outer, inner in code.around(write.node):
            if (
                isinstance(outer, ast.If)
                and inner in outer.body
                and self._turn(outer, write, reads)
            ):
                return True
            for block in _blocks(outer):
                if inner not in block:
                    continue
                for earlier in block[: block.index(inner)]:
                    if isinstance(earlier, ast.While) and write.key in reads.of(earlier.test):
                        return True
        return False

    def _turn(self, test: ast.If, write: _Write, reads: _Reads) -> bool:
        """Whether a loop asks again and again for a value that only this worker waits for, and
        is left with the store.
        """
        asked = test.test
        if not isinstance(asked, ast.Compare) or len(asked.ops) != 1:
            return False
        sides = (asked.left, asked.comparators[0])
        code = self._sharing.code(write.function)
        return (
            isinstance(asked.ops[0], ast.Eq)
            and not any(isinstance(side, ast.Constant) for side in sides)
            and leaves(test.body)
            and write.key in reads.of(asked)
            and any(isinstance(outer, ast.While) for outer, _ in code.around(test))
        )

    def _remembers(self, write: _Write) -> bool:
        """Whether the store fills a cache for the caller, who gets the value as well.

        Two workers that both find nothing store the same.
        """
        code = self._sharing.code(write.function)
        if len(write.stored) != 1 or not isinstance(write.stored[0], ast.Name | ast.Call):
            return False
        same_value = {ast.dump(write.stored[0])}
        returned = [
            node.value
            for node in code.nodes
            if isinstance(node, ast.Return) and node.value is not None
        ]
        return any(
            ast.dump(value) in same_value
            or (isinstance(value, ast.Subscript) and ast.dump(value.slice) == write.key)
            for value in returned
        )

    def _tests(self, write: _Write) -> Iterator[tuple[ast.AST, bool]]:
        """Yield what decides whether the store is done, and whether that is a flag at most.

        A constant that is stored under ``while`` on the same flag, or alone under a
        test, is the same whoever stores it first.
        """
        code = self._sharing.code(write.function)
        for outer, inner in code.around(write.node):
            if isinstance(outer, ast.If) and inner is not outer.test:
                body = outer.body if inner in outer.body else outer.orelse
                yield outer.test, len(body) == 1
            elif isinstance(outer, ast.IfExp) and inner is not outer.test:
                yield outer.test, False
            elif isinstance(outer, ast.While) and inner is not outer.test:
                yield outer.test, True
            elif isinstance(outer, ast.ExceptHandler):
                whole = code.parents.get(outer)
                if isinstance(whole, ast.Try):
                    for part in whole.body:
                        yield part, True
            for block in _blocks(outer):
                if inner in block:
                    for earlier in block[: block.index(inner)]:
                        if isinstance(earlier, ast.If) and (
                            leaves(earlier.body) or leaves(earlier.orelse)
                        ):
                            yield earlier.test, True


class _Reads:
    """Answers at which keys an expression reads one shared object."""

    def __init__(self, sharing: Sharing, write: _Write) -> None:
        self._sharing = sharing
        self._code = sharing.code(write.function)
        self._base = write.base
        self._thing = write.thing
        self._assigned: dict[str, list[ast.expr]] | None = None

    def of(self, node: ast.AST) -> set[str]:
        """Return the keys that ``node`` reads, also through locals."""
        found: set[str] = set()
        names: set[str] = set()
        stack: list[tuple[ast.AST, int]] = [(node, 0)]
        while stack:
            current, depth = stack.pop()
            for part in ast.walk(current):
                key = self._read(part)
                if key is not None:
                    found.add(key)
                elif isinstance(part, ast.Name) and part.id not in names and depth < _ROUNDS:
                    names.add(part.id)
                    stack.extend((value, depth + 1) for value in self._values_of(part.id))
        return found

    def _read(self, node: ast.AST) -> str | None:
        """Return the key at which one node reads the object, if it does."""
        values = self._code.values(node)
        if isinstance(node, ast.Subscript):
            return ast.dump(node.slice) if self._is_base(values) else None
        if isinstance(node, ast.Attribute):
            return f".{node.attr}" if self._is_base(values) else None
        if isinstance(node, ast.Call):
            call = self._code.call(node)
            if call is None:
                return None
            for callee in call.callee:
                if isinstance(callee, Attr) and self._is(frozenset((callee.base,))):
                    if callee.name in _KEYED and node.args:
                        return ast.dump(node.args[0])
                    return _WHOLE
            return None
        if isinstance(node, ast.Compare):
            for op, side in zip(node.ops, node.comparators, strict=True):
                if isinstance(op, ast.In | ast.NotIn) and self._is(self._code.values(side)):
                    return _IN + ast.dump(node.left)
            return None
        if isinstance(node, ast.Name):
            return _WHOLE if self._looks(node) and self._is(values) else None
        return None

    def _looks(self, name: ast.Name) -> bool:
        """Whether a bare name is read there, not handed on."""
        outer = self._code.parents.get(name)
        if isinstance(outer, ast.Call):
            if not isinstance(outer.func, ast.Name):
                return False
            fixed = outer.func.id == "len" and self._thing.kind in ("array", "buffer")
            return outer.func.id in _LOOKS and not fixed
        if isinstance(outer, ast.Compare):
            return not any(isinstance(op, ast.In | ast.NotIn) for op in outer.ops)
        return not isinstance(outer, ast.keyword | ast.Tuple | ast.List | ast.Dict | ast.Assign)

    def _is_base(self, values: Values) -> bool:
        """Whether ``values`` are parts of the object."""
        return any(self._is(frozenset((v.base,))) for v in values if hasattr(v, "base"))

    def _is(self, values: Values) -> bool:
        return self._base in values or any(
            same(thing, self._thing) for value in values for thing in self._sharing.likely(value)
        )

    def _values_of(self, name: str) -> list[ast.expr]:
        """Return what is assigned to a local name anywhere in the function."""
        if self._assigned is None:
            self._assigned = {}
            for node in self._code.nodes:
                if isinstance(node, ast.Assign):
                    targets, value = node.targets, node.value
                elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
                    if node.value is None:
                        continue
                    targets, value = [node.target], node.value
                else:
                    continue
                for target in targets:
                    for part in ast.walk(target):
                        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                            self._assigned.setdefault(part.id, []).append(value)
        return self._assigned.get(name, [])


def _source(value: Value) -> Value:
    """Return what a view of a buffer is a view of, through the calls that make it."""
    start = root(value)
    for _ in range(_DEEP):
        if not isinstance(start, Result):
            break
        through = [callee.base for callee in start.call.callee if isinstance(callee, Attr)]
        if not through or isinstance(root(through[0]), Imported):
            through = [given for values in start.call.args[:1] for given in values]
        start = root(through[0]) if len(through) == 1 else UNKNOWN
    return start


def _is_constant(write: _Write) -> bool:
    """Whether all that is stored are constants."""
    return not write.augmented and all(isinstance(part, ast.Constant) for part in write.stored)


def _stores_into(store: Store, thing: Shared) -> bool:
    """Whether a store changes a shared object itself."""
    if store.how in ("attr", "augment attr"):
        if thing.kind == "value" or thing.maker == "manager.Value":
            return store.key == "value"
        return thing.maker == "manager.Namespace"
    if store.how in ("item", "augment item"):
        if thing.kind == "shared memory":
            return thing.maker.endswith("ShareableList")
        return thing.kind in ("array", "buffer", "proxy")
    return store.how == "inplace" and thing.kind == "buffer"


def _sets(thing: Shared, method: str) -> bool:
    if thing.maker == "manager.Value":
        return method == "set"
    if thing.maker == "manager.list":
        return method in ("append", "extend", "insert", "__setitem__")
    return thing.maker == "manager.dict" and method in ("update", "setdefault", "__setitem__")


def _meets(write: _Write, key: str) -> bool:
    """Whether a read at ``key`` is one of what is stored."""
    if key.startswith(_IN):
        return not write.key or key[len(_IN) :] == write.key
    return key in (_WHOLE, write.key)


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def _text(node: ast.AST) -> str:
    target = node.target if isinstance(node, ast.AugAssign) else node
    if isinstance(target, ast.Call) and isinstance(target.func, ast.Attribute):
        target = target.func.value
    text = ast.unparse(target)
    return text if len(text) <= 40 else text[:37] + "..."


def _unique(runs: Iterable[Run]) -> list[Run]:
    found: dict[tuple[object, object], Run] = {}
    for run in runs:
        found.setdefault((run.site, run.entry), run)
    return list(found.values())
