"""Names, events and targets: what a function body under lowering knows of its scope."""

from __future__ import annotations

import ast
import builtins
from collections import deque
from collections.abc import Callable, Sequence

from flake8_mpglobals.ir import (
    ANYTHING,
    NOTHING,
    Attr,
    Block,
    Call,
    Cell,
    Class,
    ClassValue,
    Display,
    Fresh,
    Function,
    FunctionValue,
    Global,
    Guards,
    Imported,
    Load,
    Module,
    ModuleValue,
    Param,
    Result,
    Scalar,
    Seen,
    Slot,
    Store,
    StoreHow,
    Value,
    Values,
    attr,
    element,
    global_of,
    item,
    once,
    put_in,
    root,
    union,
)
from flake8_mpglobals.lower.forks import fork_among
from flake8_mpglobals.names import Names, assigned, statements_of

_BUILTINS = frozenset(dir(builtins))
DEFINITIONS = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
)


Link = Callable[[str, int], ModuleValue | None]
"""Says which project module an import means, by dotted name and number of leading dots."""


def no_link(_name: str, _level: int) -> ModuleValue | None:
    """Take every import for one of a library."""
    return None


class Lowering:
    """What the lowering of one module shares among its functions.

    ``start`` lowers the body of one function, ``link`` finds project modules;
    ``imported`` says that the module is met through an import, so that what stands
    under its main guard never runs.
    """

    def __init__(
        self,
        module: Module,
        start: Callable[[Lowering, Function], None],
        link: Link = no_link,
        *,
        imported: bool = False,
    ) -> None:
        self._start = start
        self.module = module
        self.link = link
        self.imported = imported
        self.names: dict[Function, Names] = {}
        self.queue: deque[Function] = deque()
        self.forks = "fork" in module.source.text
        self.module_names = set(assigned(module.tree.body))

    def start(self, function: Function) -> None:
        """Lower one body."""
        self._start(self, function)

    def run(self) -> Module:
        """Lower the module body, then every function in the order of its definition."""
        module = self.module
        self.declared: set[str] = set()
        self.special: set[str] = set()
        for node in statements_of(module.tree):
            if isinstance(node, ast.Global):
                self.declared.update(node.names)
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("__"):
                self.special.add(node.name)
        self.module_names |= self.declared
        module.body = Function(module, module.tree, "<module>", "<module>")
        self.start(module.body)
        while self.queue:
            self.start(self.queue.popleft())
        return module


class Scope:
    """One function (or the module body) under lowering: its names and its events.

    ``owner`` gets the events: the function itself, or a part that a forked child runs.
    """

    def __init__(self, lowering: Lowering, function: Function) -> None:
        self.low = lowering
        self.module = lowering.module
        self.function = function
        self.owner = function
        self.env: dict[str, Values] = {}
        self.block: Block = function.body
        self.guards: Guards = frozenset()
        self.class_scopes: list[tuple[Class, dict[str, Values]]] = []
        self.tested: set[Global | Param] | None = None
        self.live = True
        self.always = False

    def lookup(self, name: str) -> Values:
        """Return what a bare name stands for here."""
        if self.class_scopes and name in self.class_scopes[-1][1]:
            return self.class_scopes[-1][1][name]
        if name in self.env:
            return self.env[name]
        reaching = self.env.get(f"={name}")
        if reaching is not None and name not in self.low.declared:
            return frozenset((Seen(Global(self.module, name), Slot(reaching)),))
        function: Function | None = self.function
        names = self.low.names.get(self.function)
        if names is not None:
            if name in names.bound:
                return NOTHING
            if name in names.globals:
                return frozenset((Global(self.module, name),))
            assert function is not None
            function = function.outer
        while function is not None and not function.is_module:
            outer = self.low.names.get(function)
            if outer is not None and name in outer.bound:
                return frozenset((Cell(function, name),))
            function = function.outer
        if name in self.low.module_names:
            return frozenset((Global(self.module, name),))
        if name in _BUILTINS:
            return frozenset((Imported(f"builtins.{name}"),))
        return frozenset((Global(self.module, name),))

    def is_builtin(self, node: ast.expr, name: str) -> bool:
        """Whether ``node`` names the builtin ``name``, not something that hides it."""
        return (
            isinstance(node, ast.Name)
            and node.id == name
            and self.lookup(name) == frozenset((Imported(f"builtins.{name}"),))
        )

    def attributes_of(self, node: ast.expr) -> ast.expr | None:
        """Return the object of which ``node`` is the dict of attributes."""
        if isinstance(node, ast.Attribute) and node.attr == "__dict__":
            return node.value
        if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
            return node.args[0] if self.is_builtin(node.func, "vars") else None
        return None

    def bind_global(self, name: str, values: Values, node: ast.expr) -> None:
        """Bind a global by its name."""
        variable = Global(self.module, name)
        self.remember(variable, values)
        self.module.bound.add(name)
        self.store("bind", frozenset((variable,)), None, values, node)

    def is_globals(self, node: ast.expr) -> bool:
        """Whether ``node`` is ``globals()``."""
        return isinstance(node, ast.Call) and self.is_builtin(node.func, "globals")

    def named_global(self, node: ast.expr) -> Global | None:
        """Return the global that ``globals()["name"]`` is."""
        if (
            isinstance(node, ast.Subscript)
            and self.is_globals(node.value)
            and isinstance(key := const_key(node.slice), str)
        ):
            return Global(self.module, key)
        return None

    def variable(self, name: str) -> Global | Cell | None:
        """Return the shared variable that binding ``name`` here changes; None: a local."""
        if self.class_scopes:
            return None
        if self.function.is_module:
            return Global(self.module, name) if name not in self.env else None
        names = self.low.names[self.function]
        if name in names.globals:
            return Global(self.module, name)
        if name in names.nonlocals:
            outer = self.function.outer
            while outer is not None and not outer.is_module:
                known = self.low.names.get(outer)
                if known is not None and name in known.bound:
                    return Cell(outer, name)
                outer = outer.outer
        return None

    def load(
        self,
        values: Values,
        node: ast.AST,
        *,
        direct: bool = False,
        argument: bool = False,
        shallow: bool = False,
    ) -> None:
        """Note a read of ``values`` if they can lead to shared state."""
        roots = {root(value) for value in values}
        if all(
            isinstance(value, Scalar | Imported | FunctionValue | ClassValue) for value in roots
        ):
            return
        if self.tested is not None:
            self.tested.update(looked_at(values))
        event = Load(values, node, direct, argument, self.guards, shallow)
        self.block.append(event)
        self.owner.loads.append(event)

    def store(
        self,
        how: StoreHow,
        targets: Values,
        key: str | int | None,
        values: Values,
        node: ast.AST,
    ) -> None:
        """Note a write."""
        event = Store(how, targets, key, values, node, self.guards, self.owner)
        self.block.append(event)
        self.owner.stores.append(event)

    def implied(self, node: ast.expr, receiver: Values, methods: Sequence[str]) -> None:
        """Note the calls of special methods of this module that ``receiver`` may get."""
        defined = [name for name in methods if name in self.low.special]
        if len(defined) < len(methods) and any(
            from_project(value, self.module) for value in receiver
        ):
            defined = list(methods)
        callee = union(*(attr(receiver, name) for name in defined)) - ANYTHING
        if callee:
            call = Call(node, self.owner, callee, (), {}, -1, NOTHING, self.guards, False)
            self.block.append(call)
            self.owner.calls.append(call)

    def bind(self, target: ast.expr, values: Values, source: ast.expr | None) -> None:
        """Assign ``values`` to a target; ``source`` is the expression they came from."""
        if isinstance(target, ast.Name):
            self.bind_name(target.id, values, target)
        elif isinstance(target, ast.Attribute):
            base = self.place(target.value)
            self.note_attribute(base, target.attr, values)
            self.store("attr", base, target.attr, values, target)
        elif isinstance(target, ast.Subscript):
            self.bind_item(target, values)
        elif isinstance(target, ast.Starred):
            kept = frozenset((Fresh(Display("list", set(element(values)))),))
            self.bind(target.value, kept, None)
        elif isinstance(target, ast.Tuple | ast.List):
            self.unpack(target.elts, values, source)

    def bind_item(self, target: ast.Subscript, values: Values) -> None:
        """Assign to an item; ``globals()["x"] = …`` binds the global."""
        variable = self.named_global(target)
        if variable is not None:
            self.bind_global(variable.name, values, target)
            return
        key = const_key(target.slice)
        owner = self.attributes_of(target.value)
        if owner is not None:
            holder = self.place(owner)
            name = key if isinstance(key, str) else None
            if name is not None:
                self.note_attribute(holder, name, values)
            self.store("attr", holder, name, values, target)
            return
        base = self.place(target.value)
        self.value(target.slice)
        for value in base:
            self.put(value, values, key)
        self.implied(target.value, base, ("__setitem__",))
        self.store("item", base, key, values, target)

    def unpack(self, targets: Sequence[ast.expr], values: Values, source: ast.expr | None) -> None:
        """Assign the parts of ``values`` to several targets."""
        parts: Sequence[ast.expr] = ()
        if isinstance(source, ast.Tuple | ast.List):
            parts = source.elts
        starred = any(isinstance(part, ast.Starred) for part in (*targets, *parts))
        pairs = len(parts) == len(targets) and not starred
        display = next((v.display for v in values if isinstance(v, Fresh)), None)
        for index, target in enumerate(targets):
            inner = target.value if isinstance(target, ast.Starred) else target
            if pairs and display is not None and index in display.items:
                self.bind(target, display.items[index], parts[index])
            elif isinstance(target, ast.Starred):
                kept = frozenset((Fresh(Display("list", set(element(values)))),))
                self.bind(inner, kept, None)
            else:
                self.bind(target, item(values, None if starred else index), None)

    def bind_name(self, name: str, values: Values, node: ast.AST) -> None:
        """Bind a bare name in the scope that it belongs to."""
        if self.class_scopes:
            cls, scope = self.class_scopes[-1]
            scope[name] = values
            cls.attributes.setdefault(name, set()).update(values)
            return
        variable = self.variable(name)
        if variable is None:
            own = self.captured(name)
            if own is not None and fork_among(self.env.get(name, NOTHING)) is None:
                self.store("bind", frozenset((own,)), None, values, node)
            self.rebind_local(name, values)
            return
        if self.always and isinstance(node, DEFINITIONS):
            # The last of several definitions or imports wins.
            self.module.stores.pop(name, None)
        self.remember(variable, values)
        if isinstance(variable, Global):
            self.module.bound.add(variable.name)
        if self.function.is_module:
            self.env[f"={name}"] = values
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or (
            not self.function.is_module
        ):
            self.store("bind", frozenset((variable,)), None, values, node)

    def rebind_local(self, name: str, values: Values) -> None:
        """Give a local a new value; nested functions see every value it ever had."""
        self.env[name] = values
        if self.captured(name) is not None:
            self.function.cells.setdefault(name, set()).update(values)

    def captured(self, name: str) -> Cell | None:
        """Return the variable that nested functions know a local of this function by."""
        names = self.low.names.get(self.function)
        if names is None or name not in names.captured:
            return None
        return Cell(self.function, name)

    def remember(self, variable: Global | Cell, values: Values) -> None:
        """Note what a shared variable can hold."""
        if isinstance(variable, Global):
            known = self.module.stores.setdefault(variable.name, set())
        else:
            known = variable.function.cells.setdefault(variable.name, set())
        known.update(value for value in values if value != variable)

    def note_attribute(self, bases: Values, name: str, values: Values) -> None:
        """Note what ``self.name`` or ``Class.name`` can hold."""
        for base in bases:
            if isinstance(base, Param) and base.index == 0 and base.function.has_self:
                cls = base.function.cls
                assert cls is not None
                table = cls.attributes if base.function.classmethod else cls.self_attributes
                table.setdefault(name, set()).update(values)
            elif isinstance(base, ClassValue):
                base.cls.attributes.setdefault(name, set()).update(values)
            elif self.function.name == "__new__" and self._is_made(base):
                assert self.function.cls is not None
                self.function.cls.self_attributes.setdefault(name, set()).update(values)

    def _is_made(self, value: Value) -> bool:
        """Whether a value is the object that ``__new__`` makes, or that the class keeps."""
        if self.function.cls is None:
            return False
        if isinstance(value, Result):
            return any(isinstance(c, Attr) and c.name == "__new__" for c in value.call.callee)
        return isinstance(value, Attr) and value.base == Param(self.function, 0)

    def put(self, target: Value, values: Values, key: str | int | None = None) -> None:
        """Note that a container can hold ``values``."""
        if isinstance(target, Fresh):
            target.display.elements.update(values)
            if key is not None:
                known = target.display.items.get(key, NOTHING)
                target.display.items[key] = union(known, values)
        elif isinstance(target, Global) and target.module is self.module:
            put_in(self.module.contents, target.name, key, values)
        elif isinstance(target, Seen):
            self.put(target.place, values, key)
        elif isinstance(target, Attr) and isinstance(target.base, Param):
            function = target.base.function
            if target.base.index == 0 and function.has_self and function.cls is not None:
                put_in(function.cls.contents, target.name, key, values)
        elif isinstance(target, Attr) and (variable := global_of(target.base)) is not None:
            for value in variable.module.stores.get(variable.name, ()):
                if isinstance(value, ClassValue):
                    put_in(value.cls.contents, target.name, key, values)

    def value(self, node: ast.expr) -> Values:
        """Lower an expression that is read, and return what it can be."""
        raise NotImplementedError

    def place(self, node: ast.expr) -> Values:
        """Lower the base of an access without counting it as a read."""
        raise NotImplementedError


def const_key(node: ast.expr) -> str | int | None:
    """Return the constant by which an item is asked for, if it is one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int):
        return node.value
    return None


def names_global(values: Values, name: str | None = None) -> bool:
    """Whether ``values`` are one module global, or one variable of an enclosing function,
    spelled by its own ``name`` (or any).
    """
    known = [value if isinstance(value, Cell) else global_of(value) for value in values]
    return len(known) == 1 and known[0] is not None and name in (None, known[0].name)


def from_project(value: Value, here: Module, depth: int = 3) -> bool:
    """Whether a value comes out of another module of the project."""
    start = root(value)
    if isinstance(start, Seen):
        start = start.place
    if isinstance(start, ModuleValue):
        return start.path != here.source.path
    if depth and isinstance(start, Result):
        return any(from_project(callee, here, depth - 1) for callee in start.call.callee)
    if depth and isinstance(start, Global):
        held = start.module.stores.get(start.name, ())
        return any(from_project(kept, here, depth - 1) for kept in held if kept is not start)
    return False


def looked_at(values: Values) -> Guards:
    """Return the globals and parameters that ``values`` lead back to, through calls."""
    found: set[Global | Param] = set()
    stack: list[tuple[Value, int]] = [(value, 0) for value in values]
    while stack:
        value, depth = stack.pop()
        start = root(value)
        if isinstance(start, Seen):
            start = start.place
        if isinstance(start, Global) and once(start.name) in start.module.stores:
            found.add(Global(start.module, once(start.name)))
        if isinstance(start, Global | Param):
            found.add(start)
        elif isinstance(start, Result) and depth < 3:
            stack.extend((inner, depth + 1) for inner in start.call.callee)
            for arg in start.call.args:
                stack.extend((inner, depth + 1) for inner in arg)
    return frozenset(found)
