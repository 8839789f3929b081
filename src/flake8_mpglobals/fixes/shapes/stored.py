"""Whether what worker code stores in a place can be pickled and is complete.

A proxy pickles what it is given there and then: what cannot be pickled raises,
and what is changed later is changed in vain.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.shapes.flow import names
from flake8_mpglobals.fixes.shapes.harmless import only_reads
from flake8_mpglobals.fixes.shapes.proxy_use import Uses
from flake8_mpglobals.fixes.shapes.pure import CALM_METHODS, PURE, TELLING, is_builtin
from flake8_mpglobals.fixes.shapes.roots import immutable, roots
from flake8_mpglobals.fixes.touches import Touches

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_MADE_HERE = {
    "open": "an open file",
    "iter": "an iterator",
    "map": "an iterator",
    "filter": "an iterator",
    "zip": "an iterator",
    "enumerate": "an iterator",
    "reversed": "an iterator",
    "Lock": "a lock",
    "RLock": "a lock",
    "Event": "an event",
    "Thread": "a thread",
    "socket": "a socket",
    "connect": "a connection",
    "Popen": "a running process",
    "match": "a match object",
    "search": "a match object",
    "fullmatch": "a match object",
    "finditer": "an iterator",
    "exc_info": "a traceback",
    "scandir": "a directory entry",
    "keys": "a view of a dict",
    "values": "a view of a dict",
    "items": "a view of a dict",
}
_SEQUENCES = frozenset({"list", "tuple", "set", "sorted", "dict", "range", "str", "frozenset"})
_GIVING = (ast.Return, ast.Yield, ast.YieldFrom)
_GIVING_PARTS = frozenset({"get", "copy", "items", "keys", "values"})
"""Calm methods that give what the object holds."""
_LISTING = frozenset({"split", "rsplit", "splitlines", "copy", "tolist", "keys", "values", "items"})
_DISPLAYS = (
    *(ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp),
    *(ast.Constant, ast.JoinedStr, ast.BinOp, ast.Subscript, ast.Attribute),
)


_EXCEPTIONS = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type)
    and issubclass(value, Exception)
    and value not in (Exception, UnicodeDecodeError, UnicodeEncodeError)
)
_ENDINGS = ("Error", "Exception", "Warning")


class Stored:
    """Judges the values that one worker's function stores in the place."""

    def __init__(self, module: Module, touches: Touches, function: Function, uses: Uses) -> None:
        self._module = module
        self._touches = touches
        self._function = function
        self._uses = uses
        self._asked: list[Function] = []
        self._seconds: set[str] = set()

    def judge(self) -> None:
        """Raise :class:`CannotFix` for a value that a proxy would not keep as it is."""
        for node, value in self._uses.stored:
            self._picklable(value)
            self._changed_later(node, value)
        for value in self._uses.iterables:
            self._listed(value)

    def check_picklable(self) -> None:
        """Raise :class:`CannotFix` for a value that cannot travel between processes."""
        for _, value in self._uses.stored:
            self._picklable(value)

    # -- can it be pickled

    def _picklable(self, value: ast.expr) -> None:
        for node in self._may_hold(self._function, value):
            if isinstance(node, ast.Name) and self._module.is_global(node):
                self._global_object(node)
            what = self._unpicklable(node)
            if isinstance(node, ast.Call) and any(node is one for one in self._uses.iterables):
                continue  # its items are stored, and judged below
            if what:
                raise CannotFix(
                    f"line {node.lineno} makes {what} for {self._touches.place!r}: "
                    "it cannot be pickled, so no process can share it"
                )

    def _may_hold(self, function: Function, value: ast.expr, depth: int = 4) -> Iterator[ast.expr]:
        """Yield the expressions of which a value may be, or hold, the result."""
        parts: list[ast.expr | None] = []
        match value:
            case ast.Tuple() | ast.List() | ast.Set():
                parts = [*value.elts]
            case ast.Dict():
                parts = [*value.keys, *value.values]
            case ast.IfExp():
                parts = [value.body, value.orelse]
            case ast.BoolOp():
                parts = [*value.values]
            case ast.NamedExpr() | ast.Starred():
                parts = [value.value]
            case ast.ListComp() | ast.SetComp():
                parts = [value.elt]
            case ast.DictComp():
                parts = [value.key, value.value]
            case ast.Name() if depth:
                yield value
                for other in ast.walk(function):
                    match other:
                        case ast.Assign(targets=targets) if any(
                            value.id in names(target) for target in targets
                        ):
                            yield from self._may_hold(function, other.value, depth - 1)
                        case ast.For(target=target, iter=ast.Call() as made) if (
                            value.id in names(target) and _called(made) == "scandir"
                        ):
                            yield made
                        case ast.withitem(optional_vars=ast.Name(id=name)) if name == value.id:
                            yield from self._may_hold(function, other.context_expr, depth - 1)
            case ast.Call(func=ast.Name(id=name)) if depth and name in self._module.functions:
                yield value
                called = self._module.functions[name]
                for other in ast.walk(called):
                    if isinstance(other, ast.Return) and other.value is not None:
                        yield from self._may_hold(called, other.value, depth - 1)
            case _:
                yield value
        for part in parts:
            if part is not None:
                yield from self._may_hold(function, part, depth)

    def _unpicklable(self, node: ast.expr) -> str:
        match node:
            case ast.Lambda():
                return "a lambda"
            case ast.GeneratorExp():
                return "a generator"
            case ast.Name():
                return self._nested(node.id) or self._caught(node)
            case ast.Attribute(attr="__traceback__" | "tb_frame" | "f_back"):
                return "a traceback"
            case ast.Call():
                name = _called(node)
                if held := self._holds(name):
                    return held
                function = self._module.functions.get(name)
                if function is not None:
                    return "a generator" if _generates(function) else ""
                return self._nested(name) or _MADE_HERE.get(name, "")
        return ""

    def _caught(self, name: ast.Name) -> str:
        """Return what to call a caught exception that may not be picklable.

        One of a class of the project, or of a library, can need arguments that the
        copy does not have.
        """
        for handler in ast.walk(self._function):
            if not (isinstance(handler, ast.ExceptHandler) and handler.name == name.id):
                continue
            kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            plain = all(isinstance(kind, ast.Name) and kind.id in _EXCEPTIONS for kind in kinds)
            if not plain or self._module_raises():
                return f"a caught exception (str({name.id}) can be shared)"
        return ""

    def _module_raises(self) -> bool:
        """Whether the module defines an exception with an ``__init__`` of its own."""
        return any(
            isinstance(one, ast.ClassDef)
            and any(ast.unparse(base).endswith(_ENDINGS) for base in one.bases)
            and any(isinstance(m, ast.FunctionDef) and m.name == "__init__" for m in one.body)
            for one in ast.walk(self._module.tree)
        )

    def _holds(self, name: str) -> str:
        """Return what keeps the instances of a class of the module from being pickled."""
        for one in ast.walk(self._module.tree):
            if isinstance(one, ast.ClassDef) and one.name == name:
                for made in ast.walk(one):
                    if isinstance(made, ast.Call) and _called(made) in _MADE_HERE:
                        return f"an object that holds {_MADE_HERE[_called(made)]}"
        return ""

    def _nested(self, name: str) -> str:
        """Return what to call a function or class of that name defined in a function."""
        for one in self._module.definitions:
            if one.name == name and self._module.function(one) is not None:
                return "something defined inside a function"
        return ""

    def _listed(self, value: ast.expr, depth: int = 3) -> None:
        """Refuse to extend or update by what may be an iterator: it cannot be pickled."""
        match value:
            case ast.Call(func=ast.Name(id=name)):
                known = name in _SEQUENCES and is_builtin(self._module, value.func)
                if known or name in self._module.functions:
                    return
            case ast.Call(func=ast.Attribute(attr=name)):
                if name in _LISTING:
                    return
            case ast.IfExp():
                self._listed(value.body, depth)
                self._listed(value.orelse, depth)
                return
            case ast.Name() if depth and not self._module.is_global(value):
                for other in ast.walk(self._function):
                    if isinstance(other, ast.Assign) and any(
                        value.id in names(target) for target in other.targets
                    ):
                        if not any(
                            isinstance(one, ast.Name) and one.id == value.id
                            for one in other.targets
                        ):
                            break
                        self._listed(other.value, depth - 1)
                else:
                    return
            case _ if isinstance(value, _DISPLAYS):
                return
        raise CannotFix(
            f"line {value.lineno} hands {self._touches.place!r} what may be an iterator: "
            f"it cannot be pickled, write list({ast.unparse(value)})"
        )

    # -- is it complete

    def _changed_later(self, node: ast.AST, value: ast.expr) -> None:
        """Refuse where an object is changed after a copy of it went to the manager."""
        for root in roots(self._module, value):
            if self._module.is_global(root):
                self._global_object(root)
                continue
            for other in ast.walk(self._function):
                if not (isinstance(other, ast.Name) and other.id == root.id and other is not root):
                    continue
                if self._apart(root, other):
                    continue
                if self._after(node, other) and self._may_change(other):
                    raise CannotFix(
                        f"line {other.lineno} may change {root.id!r} after it was stored in "
                        f"{self._touches.place!r}; a shared list or dict holds a copy: "
                        "store it when it is complete"
                    )

    def _apart(self, root: ast.Name, other: ast.Name) -> bool:
        """Whether one attribute of an object is stored, and another one used."""
        stored, used = self._module.parents[root], self._module.parents[other]
        if not (isinstance(stored, ast.Attribute) and isinstance(used, ast.Attribute)):
            return False
        call = self._module.parents[used]
        called = isinstance(call, ast.Call) and call.func is used
        return stored.attr != used.attr and not called

    def _global_object(self, root: ast.Name) -> None:
        bound = self._module.bindings(root.id)
        if root.id == self._touches.place or not bound:
            return
        if all(self._holds_constants(one) for one in bound) and self._item_of(root):
            return
        for one in bound:
            parent = self._module.parents.get(one)
            if isinstance(one, ast.Name) and not (
                isinstance(parent, (ast.Assign, ast.AnnAssign))
                and parent.value is not None
                and immutable(parent.value)
            ):
                raise CannotFix(
                    f"line {root.lineno} stores the module-level object {root.id!r} in "
                    f"{self._touches.place!r}: it would be stored as a copy"
                )

    def _holds_constants(self, bound: ast.AST) -> bool:
        """Whether a global is bound to a display of what nothing can change."""
        match self._module.parents.get(bound):
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                match value:
                    case ast.Dict(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
                        return all(immutable(one) for one in parts)
        return False

    def _item_of(self, root: ast.Name) -> bool:
        """Whether an item of a global is meant, not the object itself."""
        parent = self._module.parents[root]
        if isinstance(parent, ast.Attribute):
            return parent.attr == "get"
        return isinstance(parent, ast.Subscript) and not isinstance(parent.slice, ast.Slice)

    def _after(self, store: ast.AST, use: ast.Name) -> bool:
        """Whether ``use`` may run after ``store`` on the same object."""
        where = self._module.statement(store)
        if self._ends_first(where, use):
            return False
        loops = [
            one
            for one in self._module.ancestors(store)
            if isinstance(one, _LOOPS) and self._module.inside(one, self._function)
        ]
        common = [loop for loop in loops if self._module.inside(use, loop)]
        if common and not self._renewed(common[0], use.id):
            return True
        end = (where.end_lineno or where.lineno, where.end_col_offset or 0)
        return (use.lineno, use.col_offset) >= end

    def _ends_first(self, store: ast.stmt, use: ast.Name) -> bool:
        """Whether the function always ends between ``store`` and ``use``, as far as blocks tell."""
        inner: ast.AST = store
        while isinstance(inner, ast.stmt) and inner is not self._function:
            block = self._module.block(inner)
            ends = isinstance(block[-1], (ast.Return, ast.Raise))
            holder = self._module.parents[inner]
            if ends and not any(self._module.inside(use, one) for one in block):
                return not isinstance(holder, ast.Try)
            inner = holder
        return False

    def _renewed(self, loop: ast.AST, name: str) -> bool:
        """Whether each turn of the loop begins with another object under ``name``."""
        if isinstance(loop, (ast.For, ast.AsyncFor)) and name in names(loop.target):
            return True
        body = getattr(loop, "body", [])
        return any(
            isinstance(one, (ast.Assign, ast.AnnAssign))
            and name in {n for t in _targets(one) for n in names(t)}
            for one in body
        )

    def _reaches_into(self, holder: str) -> bool:
        """Whether the function may change what it has put into the container ``holder``."""
        if holder == self._touches.place:
            return False  # judged as a use of the place
        for node in ast.walk(self._function):
            if not (isinstance(node, ast.Name) and node.id == holder):
                continue
            parent = self._module.parents[node]
            match parent:
                case ast.Subscript(ctx=ast.Store()) if not isinstance(
                    self._module.parents[parent], ast.AugAssign
                ):
                    pass
                case ast.Assign() | ast.Compare():
                    pass
                case ast.Attribute(attr=name) if name in _KEEPING:
                    pass
                case ast.Call(func=ast.Name(id="len" | "print")):
                    pass
                case _:
                    return True
        return False

    def _hands_on(self, call: ast.Call, use: ast.Name) -> bool:
        """Whether a function of the module is called that only reads what ``use`` hands it."""
        function = self._module.functions.get(ast.unparse(call.func))
        if function is None or function is self._function or function in self._asked:
            return False
        places = [n for n, one in enumerate(call.args) if one is use]
        starred = any(isinstance(one, ast.Starred) for one in call.args)
        if not self._module.is_plain(function) or len(places) != 1 or starred:
            return False
        if function.decorator_list or places[0] >= len(function.args.args):
            return False
        name = function.args.args[places[0]].arg
        own = [one for one in ast.walk(function) if isinstance(one, ast.Name) and one.id == name]
        gives = [one for one in ast.walk(function) if isinstance(one, _GIVING)]
        if any(self._module.function(one) is not function for one in own) or any(
            self._module.inside(one, giving) for giving in gives for one in own
        ):
            return False
        self._asked.append(function)
        return not any(self._may_change(one) for one in own)

    def _second_changes(self, name: ast.Name) -> bool:
        """Whether an object may be changed by a second name that it gets."""
        if name.id in self._seconds:
            return False
        self._seconds.add(name.id)
        inside: ast.AST = self._module.tree if self._module.is_global(name) else self._function
        return any(
            isinstance(one, ast.Name) and one.id == name.id and self._may_change(one)
            for one in ast.walk(inside)
        )

    def _may_change(self, use: ast.Name) -> bool:
        node: ast.expr = use
        parent = self._module.parents[node]
        if isinstance(use.ctx, ast.Store):
            if isinstance(parent, ast.AugAssign):
                return not isinstance(parent.value, ast.Constant)
            return False
        while True:
            match parent:
                case ast.Attribute() | ast.Subscript() if parent.value is node:
                    if not isinstance(parent.ctx, ast.Load):
                        return True
                    node, parent = parent, self._module.parents[parent]
                case ast.Call() if parent.func is node:
                    if not isinstance(node, ast.Attribute) or node.attr not in CALM_METHODS:
                        return True
                    if node.attr not in _GIVING_PARTS:
                        return False
                    node, parent = parent, self._module.parents[parent]
                case ast.Call() | ast.keyword():
                    call = parent if isinstance(parent, ast.Call) else self._module.parents[parent]
                    assert isinstance(call, ast.Call)
                    if any(call is one for one, _ in self._uses.stored):
                        return False
                    match call.func:
                        case ast.Attribute(attr="setdefault") if node in call.args[:1]:
                            return False  # a key
                        case ast.Attribute(value=ast.Name(id=holder), attr=name) if (
                            name in _KEEPING
                        ):
                            return self._reaches_into(holder)
                        case ast.Attribute(attr=name) if name in CALM_METHODS | TELLING:
                            return False
                    if only_reads(self._module, call.func) or self._hands_on(call, use):
                        return False
                    name = ast.unparse(call.func)
                    calm = name in PURE or name in _EXCEPTIONS
                    return not (is_builtin(self._module, call.func) and calm)
                case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=holder))]):
                    return parent.value is node and self._reaches_into(holder)
                case ast.Assign(targets=[ast.Name() as second]) if parent.value is node:
                    return self._second_changes(second)
                case ast.Assign() | ast.AnnAssign() | ast.NamedExpr():
                    return parent.value is node
                case ast.For() | ast.comprehension():
                    return True
                case (
                    ast.Tuple() | ast.List() | ast.Dict() | ast.Set() | ast.Starred() | ast.IfExp()
                ):
                    node, parent = parent, self._module.parents[parent]
                case _:
                    return False


def _called(call: ast.Call) -> str:
    """Return the last part of the name of what is called."""
    return ast.unparse(call.func).rpartition(".")[2]


def _generates(function: Function) -> bool:
    return any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in ast.walk(function))


_KEEPING = frozenset({"append", "add", "insert", "appendleft", "put"})


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]
