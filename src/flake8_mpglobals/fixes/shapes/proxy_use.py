"""Whether worker code does with a place only what a manager's proxy does as well.

Each use of the place is judged by where it stands.  What is not known to mean the
same on a proxy is refused, with the reason.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix, NeedsLock
from flake8_mpglobals.fixes.shapes.pure import (
    CALM_METHODS,
    ITERATING,
    PURE,
    READERS,
    is_builtin,
)
from flake8_mpglobals.fixes.touches import Touches

_GROWING = frozenset({"append", "extend", "add", "update"})
_READ_METHODS: dict[str, set[str]] = {
    "list": {"count", "index"},
    "dict": {"get", "copy"},
    "set": set(),
}
_BEGUN = {"[]": ("append", "extend"), "set()": ("add", "update")}
"""What an item of a dict is begun with, and the methods that add to it."""

_VIEWS = {"keys", "values", "items"}
_WRITE_METHODS = {
    "list": {"append", "extend", "insert", "sort", "reverse"},
    "dict": {"update", "setdefault", "pop"},
    "set": {"add", "update", "discard"},
}
_REFUSED_METHODS = {
    ("list", "clear"): "a list proxy has no clear() before Python 3.14: use del {place}[:] "
    "in the parent",
    ("list", "copy"): "a list proxy has no copy() before Python 3.14: write {place}[:]",
    ("list", "pop"): "shared, the list may be empty when another worker pops: "
    "use multiprocessing.Queue",
    ("list", "remove"): "shared, another worker may have removed the value before",
    ("dict", "popitem"): "shared, the dict may be empty when another worker pops: "
    "use multiprocessing.Queue",
    ("dict", "clear"): "shared, that would drop what the other workers stored",
}


@dataclass
class Uses:
    """What a worker's function does with the place."""

    reads: list[ast.AST] = field(default_factory=list)
    writes: list[ast.AST] = field(default_factory=list)
    stored: list[tuple[ast.AST, ast.expr]] = field(default_factory=list)
    iterables: list[ast.expr] = field(default_factory=list)
    deletes: bool = False
    elements: list[ast.expr] = field(default_factory=list)


class ProxyUse:
    """Judges the uses of one place in one function.

    ``locked``: what reads an item and stores it again will have a lock around it.
    """

    def __init__(
        self,
        module: Module,
        touches: Touches,
        kind: str,
        function: Function,
        *,
        locked: bool = False,
    ) -> None:
        self._locked = locked
        self._defaults = kind in ("Counter", "defaultdict")
        self._module = module
        self._touches = touches
        self._place = touches.place
        self._kind = "dict" if self._defaults else kind
        self._function = function
        self.uses = Uses()

    def judge(self) -> Uses:
        """Return the uses; raise :class:`CannotFix` for one that a proxy does not bear."""
        for node in self._touches.mentioned_in(self._function):
            self._name(node)
        for element in self.uses.elements:
            self._element(element)
        return self.uses

    # -- one use

    def _name(self, node: ast.Name) -> None:
        parent = self._module.parents[node]
        if self._module.inside(node, self._function.args):
            raise self._no(node, "has {} as a default", "look it up in the body")
        if isinstance(node.ctx, ast.Store):
            if isinstance(parent, ast.AugAssign) and parent.target is node:
                self._augmented(node, parent)
                return
            raise self._no(node, "rebinds", "keep the one object and change that")
        if isinstance(node.ctx, ast.Del):
            raise self._no(node, "deletes the name", "keep it")
        match parent:
            case ast.Attribute():
                self._attribute(node, parent)
            case ast.Subscript() if parent.value is node:
                self._subscript(node, parent)
            case ast.Expr():
                pass
            case _:
                self.uses.reads.append(node)
                self._read(node, parent)

    def _augmented(self, node: ast.Name, parent: ast.AugAssign) -> None:
        if self._kind != "list" or not isinstance(parent.op, ast.Add):
            raise self._no(node, "has an augmented assignment to", "call a method instead")
        self._write(parent, parent.value, iterable=True)

    def _attribute(self, node: ast.Name, parent: ast.Attribute) -> None:
        call = self._module.parents[parent]
        method = parent.attr
        if not (isinstance(call, ast.Call) and call.func is parent):
            raise self._no(
                node,
                f"keeps the bound method {method} of",
                f"call {self._place}.{method}() directly",
            )
        refused = _REFUSED_METHODS.get((self._kind, method))
        if refused:
            raise self._no(node, f"calls {method}() on", refused.format(place=self._place))
        if method in _READ_METHODS[self._kind]:
            self.uses.reads.append(call)
            self.uses.elements.append(call)
        elif self._kind == "dict" and method in _VIEWS:
            self.uses.reads.append(call)
            self._view(node, call, method)
        elif method in _WRITE_METHODS[self._kind]:
            self._method(node, call, method)
        else:
            what = "the dict that stands for it" if self._kind == "set" else "a manager proxy"
            raise self._no(node, f"calls {method}() on", f"{what} has no such method")

    def _method(self, node: ast.Name, call: ast.Call, method: str) -> None:
        if method == "sort" and any(one.arg == "key" for one in call.keywords):
            raise self._no(
                node, "sorts {} with a key", "sort in the parent: the key must be pickled"
            )
        if method == "pop" and len(call.args) < 2:
            raise self._no(
                node, "pops a key of", "give a default: another worker may have been first"
            )
        if any(isinstance(one, ast.Starred) for one in call.args):
            raise self._no(node, f"unpacks arguments into {method}() of", "write the arguments out")
        self.uses.deletes |= method in ("pop", "discard")
        begun = grows_begun(self._module, call) if self._kind == "dict" else None
        if begun is not None:
            self._grown(node, call, begun)
            return
        if method in ("pop", "setdefault"):
            self.uses.elements.append(call)
        if self._defaults and method == "update" and not self._locked:
            raise NeedsLock(self._no(node, "counts in", "that needs a lock").reason)
        if (self._kind == "set" or self._defaults) and method == "update":
            self.uses.writes.append(call)  # the keys are gone through in the worker
            return
        values = [*call.args, *(one.value for one in call.keywords)]
        for value in values:
            many = method in ("extend", "update") and value in call.args
            self._write(call, value, iterable=many)
        if not values:
            self.uses.writes.append(call)

    def _subscript(self, node: ast.Name, parent: ast.Subscript) -> None:
        outer = self._module.parents[parent]
        grown_by = grows(self._module, parent) if self._defaults else None
        if grown_by is not None:
            self._grown(node, parent, grown_by)
        elif isinstance(parent.ctx, ast.Load):
            self.uses.reads.append(parent)
            self.uses.elements.append(parent)
        elif isinstance(parent.ctx, ast.Del):
            raise self._no(node, "deletes an item of", "another worker may have been first")
        elif isinstance(outer, ast.AugAssign):
            if not self._locked:
                raise NeedsLock(
                    self._no(
                        node,
                        "changes an item of {} in place",
                        "that needs a lock; return the numbers and add them up in the parent",
                    ).reason
                )
            self.uses.reads.append(parent)
            self._write(outer, outer.value)
        elif isinstance(parent.slice, ast.Slice):
            raise self._no(node, "replaces a slice of", "that may drop what other workers stored")
        elif isinstance(outer, (ast.Assign, ast.AnnAssign)) and outer.value is not None:
            if isinstance(outer, ast.Assign) and len(outer.targets) > 1:
                raise self._no(node, "stores one object twice, also in", "use two statements")
            self.uses.writes.append(parent.slice)
            self._write(outer, outer.value)
        else:
            raise self._no(node, "unpacks into an item of", "assign it by itself")

    def _grown(self, node: ast.Name, item: ast.expr, call: ast.Call) -> None:
        """Note that ``call`` adds to an item of the place."""
        if not self._locked:
            raise NeedsLock(self._no(node, "changes an item of", "that needs a lock").reason)
        self.uses.reads.append(item)
        self._write(call, call.args[0])
        if ast.unparse(call.func).endswith(("extend", "update")):
            self.uses.stored.pop()  # what is gone through in the worker

    def _write(self, node: ast.AST, value: ast.expr, *, iterable: bool = False) -> None:
        self.uses.writes.append(node)
        self.uses.stored.append((node, value))
        if iterable:
            self.uses.iterables.append(value)

    # -- reads

    def _read(self, node: ast.Name, parent: ast.AST) -> None:
        match parent:
            case ast.Call() if node in parent.args:
                self._argument(node, parent)
            case ast.Compare():
                allowed = (ast.In, ast.NotIn)
                if parent.left is node or not all(isinstance(op, allowed) for op in parent.ops):
                    raise self._no(
                        node,
                        "compares",
                        f"a proxy does not compare by value: compare {self._copy()}",
                    )
            case ast.For() if parent.iter is node and self._kind == "list":
                self.uses.elements.append(parent.target)
            case ast.comprehension() if parent.iter is node and self._kind == "list":
                self.uses.elements.append(parent.target)
            case ast.For() | ast.comprehension():
                raise self._no(
                    node,
                    "iterates over",
                    f"its keys may change meanwhile: use {self._place}.keys()",
                )
            case ast.If() | ast.While() | ast.IfExp() if parent.test is node:
                pass
            case ast.BoolOp() if self._only_a_test(parent):
                pass
            case ast.UnaryOp() if isinstance(parent.op, ast.Not):
                pass
            case ast.FormattedValue() if (
                self._kind != "set" and parent.conversion in (-1, 115) and not parent.format_spec
            ):
                pass
            case ast.FormattedValue():
                raise self._no(
                    node, "formats {} with repr()", "a proxy shows its address there: use {…!s}"
                )
            case ast.Return() | ast.Yield():
                raise self._no(node, "returns", f"it would return the proxy: return {self._copy()}")
            case ast.BinOp():
                raise self._no(
                    node, "calculates with", f"a proxy has no such operator: use {self._copy()}"
                )
            case ast.Assign() | ast.AnnAssign() | ast.NamedExpr():
                raise self._no(node, "gives a second name to", "use the one name")
            case _:
                raise self._no(
                    node, "uses", f"a manager proxy may not fit there: use {self._copy()}"
                )

    def _only_a_test(self, node: ast.BoolOp) -> bool:
        parent: ast.AST = node
        while isinstance(parent, (ast.BoolOp, ast.UnaryOp)):
            child, parent = parent, self._module.parents[parent]
        return isinstance(parent, (ast.If, ast.While, ast.IfExp)) and parent.test is child

    def _argument(self, node: ast.Name, call: ast.Call) -> None:
        name = ast.unparse(call.func)
        match call.func:
            case ast.Attribute(value=ast.Constant(value=str()), attr="join"):
                if self._kind == "list":
                    return
        if is_builtin(self._module, call.func):
            if self._kind == "set" and name not in ("len", "bool"):
                raise self._no(
                    node,
                    f"hands {{}} to {name}()",
                    "shared, it is the keys of a dict: do that in the parent",
                )
            if name in READERS or (name in ITERATING and self._kind == "list"):
                return
            if name in ITERATING:
                raise self._no(
                    node,
                    f"iterates in {name}() over",
                    f"its keys may change meanwhile: use {self._place}.keys()",
                )
        raise self._no(
            node,
            f"hands {{}} to {name}()",
            f"a proxy may not do there: hand it {self._copy()}",
        )

    def _view(self, node: ast.Name, call: ast.Call, method: str) -> None:
        parent = self._module.parents[call]
        match parent:
            case ast.For() | ast.comprehension() if parent.iter is call:
                self.uses.elements.append(parent.target)
            case ast.Call() if call in parent.args and is_builtin(self._module, parent.func):
                if ast.unparse(parent.func) not in PURE:
                    raise self._no(node, f"hands on {method}() of", "read the items one by one")
                self.uses.elements.append(parent)
            case ast.Compare() if all(isinstance(op, (ast.In, ast.NotIn)) for op in parent.ops):
                pass
            case _:
                raise self._no(
                    node,
                    f"keeps {method}() of",
                    f"a proxy gives a list there: use list({self._place}.{method}())",
                )

    # -- what comes out of the place is a copy

    def _element(self, node: ast.expr) -> None:
        """Refuse where an object that was read is changed: the change would stay here."""
        parent = self._module.parents[node]
        if isinstance(node, (ast.Name, ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Store):
            for name in ast.walk(node):
                if isinstance(name, ast.Name):
                    self._alias(name)
            return
        self._outcome(node, parent)

    def _alias(self, target: ast.Name) -> None:
        for node in ast.walk(self._function):
            if isinstance(node, ast.Name) and node.id == target.id and node is not target:
                parent = self._module.parents[node]
                if isinstance(parent, ast.AugAssign) and parent.target is node:
                    raise self._nested(node)
                if isinstance(node.ctx, ast.Load):
                    self._outcome(node, parent)

    def _outcome(self, node: ast.expr, parent: ast.AST) -> None:
        match parent:
            case ast.Attribute():
                call = self._module.parents[parent]
                if not isinstance(parent.ctx, ast.Load):
                    raise self._nested(node)
                if isinstance(call, ast.Call) and call.func is parent:
                    if parent.attr not in CALM_METHODS:
                        raise self._nested(node)
                    self._outcome(call, self._module.parents[call])
                else:
                    self._outcome(parent, call)
            case ast.Subscript() if parent.value is node:
                if not isinstance(parent.ctx, ast.Load):
                    raise self._nested(node)
                self._outcome(parent, self._module.parents[parent])
            case ast.Call() if parent.func is not node:
                if not (is_builtin(self._module, parent.func) and ast.unparse(parent.func) in PURE):
                    raise self._nested(node)
            case ast.Assign():
                for target in parent.targets:
                    if not isinstance(target, (ast.Name, ast.Tuple, ast.List)):
                        raise self._nested(node)
                    for name in ast.walk(target):
                        if isinstance(name, ast.Name):
                            self._alias_once(name)
            case ast.For() | ast.comprehension() if parent.iter is node:
                for name in ast.walk(parent.target):
                    if isinstance(name, ast.Name):
                        self._alias_once(name)
            case ast.AugAssign() if parent.value is node:
                pass
            case (
                ast.Expr()
                | ast.FormattedValue()
                | ast.Compare()
                | ast.BinOp()
                | ast.UnaryOp()
                | ast.If()
                | ast.While()
                | ast.Return()
                | ast.Subscript()
                | ast.Assert()
            ):
                pass
            case ast.Tuple() | ast.List() | ast.IfExp() | ast.BoolOp():
                self._outcome(parent, self._module.parents[parent])
            case _:
                raise self._nested(node)

    def _alias_once(self, target: ast.Name) -> None:
        if any(one is target for one in self.uses.elements):
            return
        self.uses.elements.append(target)  # judged by the loop in judge()

    # -- refusals

    def _copy(self) -> str:
        return f"{self._place}[:]" if self._kind == "list" else f"{self._place}.copy()"

    def _no(self, node: ast.expr, does: str, advice: str) -> CannotFix:
        what = does.format(repr(self._place)) if "{}" in does else f"{does} {self._place!r}"
        return CannotFix(
            f"worker code {self._function.name!r} {what} (line {node.lineno}); {advice}"
        )

    def _nested(self, node: ast.expr) -> CannotFix:
        return CannotFix(
            f"worker code {self._function.name!r} may change an object inside of "
            f"{self._place!r} (line {node.lineno}); a proxy hands out copies: "
            f"store the changed object back, under a lock"
        )


def grows(module: Module, item: ast.expr) -> ast.Call | None:
    """Return the call of ``place[key].append(value)`` or the like, given ``place[key]``."""
    attribute = module.parents[item]
    call = module.parents[attribute]
    if not (isinstance(attribute, ast.Attribute) and isinstance(call, ast.Call)):
        return None
    if call.func is not attribute or attribute.attr not in _GROWING or len(call.args) != 1:
        return None
    return call if isinstance(module.parents[call], ast.Expr) else None


def grows_begun(module: Module, item: ast.expr) -> ast.Call | None:
    """Return the call of ``place.setdefault(key, []).append(value)`` or the like, given what
    ``append`` is asked of.
    """
    match item:
        case ast.Call(func=ast.Attribute(attr="setdefault"), args=[_, first], keywords=[]):
            call = grows(module, item)
            begun = _BEGUN.get(ast.unparse(first), ())
            if call is not None and isinstance(call.func, ast.Attribute):
                return call if call.func.attr in begun and not call.keywords else None
    return None


def grown(module: Module, name: ast.expr) -> bool:
    """Whether a use changes an item of the place by a method of that item."""
    item = module.parents[name]
    if isinstance(item, ast.Attribute):
        call = module.parents[item]
        return isinstance(call, ast.Call) and grows_begun(module, call) is not None
    return isinstance(item, ast.Subscript) and grows(module, item) is not None


def counts(module: Module, name: ast.expr) -> bool:
    """Whether a use adds to what a Counter counted."""
    parent = module.parents[name]
    return isinstance(parent, ast.Attribute) and parent.attr == "update"


def changes(module: Module, name: ast.expr) -> bool:
    """Whether a use of a list or dict changes what it holds."""
    parent = module.parents[name]
    match parent:
        case ast.AugAssign(target=target):
            return target is name
        case ast.Subscript(value=owner):
            stored = not isinstance(parent.ctx, ast.Load) or grows(module, parent) is not None
            return owner is name and stored
        case ast.Attribute(attr=method):
            call = module.parents[parent]
            known = any(method in methods for methods in _WRITE_METHODS.values())
            return known and isinstance(call, ast.Call) and call.func is parent
    return False
