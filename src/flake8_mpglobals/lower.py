"""Lowering: from the tree of one module to its intermediate form.

Each function is walked once, in order, with the values of its locals at hand
(flow-sensitive); module globals, captured variables and attributes stay
symbolic.  Nothing is looked up outside the module here.
"""

from __future__ import annotations

import ast
import builtins
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flake8_mpglobals.ir import (
    ANYTHING,
    NOTHING,
    Attr,
    Block,
    Branch,
    Call,
    Cell,
    Class,
    ClassValue,
    Copied,
    Display,
    Exit,
    Fresh,
    Function,
    FunctionValue,
    Global,
    Guards,
    Imported,
    Instance,
    Load,
    Loop,
    Module,
    Param,
    Phi,
    Result,
    Scalar,
    Seen,
    Slot,
    Store,
    StoreHow,
    SuperOf,
    Try,
    Value,
    Values,
    attr,
    element,
    entered,
    global_of,
    item,
    root,
    union,
)
from flake8_mpglobals.names import Names, assigned, names_of, parameters, statements_of
from flake8_mpglobals.source import Source

_BUILTINS = frozenset(dir(builtins))
_STR = frozenset((Scalar("str"),))
_BOOL = frozenset((Scalar("bool"),))
_DEFINITIONS = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
)

_BIG = 256
"""Displays longer than this are tables of data: their constants are not looked at."""

_FILLS = frozenset(("append", "add", "appendleft", "insert", "setdefault", "put", "put_nowait"))
_POURS = frozenset(("extend", "update", "extendleft"))


def lower(source: Source, tree: ast.Module, name: str = "") -> Module:
    """Return the intermediate form of a parsed module; the tree is not changed.

    ``name`` is the dotted name by which the project knows the module.
    """
    return _Lowering(Module(source, tree, name)).run()


class _Lowering:
    """What the lowering of one module shares among its functions."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.names: dict[Function, Names] = {}
        self.queue: deque[tuple[Function, Callable[[], None]]] = deque()
        self.module_names = set(assigned(module.tree.body))

    def run(self) -> Module:
        """Lower the module body, then every function in the order of its definition."""
        module = self.module
        self.declared: set[str] = set()
        for node in statements_of(module.tree):
            if isinstance(node, ast.Global):
                self.declared.update(node.names)
        self.module_names |= self.declared
        module.body = Function(module, module.tree, "<module>", "<module>")
        _Unit(self, module.body).module_body(module.tree)
        while self.queue:
            _, work = self.queue.popleft()
            work()
        return module


def _const_key(node: ast.expr) -> str | int | None:
    """Return the constant by which an item is asked for, if it is one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int):
        return node.value
    return None


def _dotted(node: ast.expr) -> str:
    """Return a dotted name as text, or an empty string."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


class _Unit:
    """The lowering of one function (or of the module body)."""

    def __init__(self, lowering: _Lowering, function: Function) -> None:
        self.low = lowering
        self.module = lowering.module
        self.function = function
        self.env: dict[str, Values] = {}
        self.block: Block = function.body
        self.guards: Guards = frozenset()
        self.class_scopes: list[tuple[Class, dict[str, Values]]] = []
        self.tested: set[Global | Param] | None = None
        self.live = True
        self.always = False

    # -- entry points -------------------------------------------------------

    def module_body(self, tree: ast.Module) -> None:
        """Lower the statements of the module."""
        for node in tree.body:
            self.always = isinstance(node, _DEFINITIONS)
            self.statements((node,))

    def function_body(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        """Lower the body of a function with its parameters as symbols."""
        names = names_of(node)
        self.low.names[self.function] = names
        for index, name in enumerate(self.function.params):
            values: Values = frozenset((Param(self.function, index),))
            self.env[name] = values
            if name in names.captured:
                self.function.cells.setdefault(name, set()).update(values)
        if isinstance(node, ast.Lambda):
            self.function.returns.update(self.value(node.body))
        else:
            self.statements(node.body)

    # -- scopes -------------------------------------------------------------

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

    # -- events -------------------------------------------------------------

    def argument(self, node: ast.expr) -> Values:
        """Lower an argument; what the call does with a place handed over is decided later."""
        if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            return self.value(node)
        values = self.place(node)
        self.load(values, node, direct=_names_global(values), argument=True)
        return values

    def load(
        self, values: Values, node: ast.AST, *, direct: bool = False, argument: bool = False
    ) -> None:
        """Note a read of ``values`` if they can lead to shared state."""
        roots = {root(value) for value in values}
        if all(
            isinstance(value, Scalar | Imported | FunctionValue | ClassValue) for value in roots
        ):
            return
        if self.tested is not None:
            self.tested.update(_looked_at(values))
        event = Load(values, node, direct, argument, self.guards)
        self.block.append(event)
        self.function.loads.append(event)

    def store(
        self,
        how: StoreHow,
        targets: Values,
        key: str | int | None,
        values: Values,
        node: ast.AST,
    ) -> None:
        """Note a write."""
        event = Store(how, targets, key, values, node, self.guards, self.function)
        self.block.append(event)
        self.function.stores.append(event)

    def leave(self, how: str) -> None:
        """Control leaves the block here."""
        if how == "return":
            self.block.append(Exit("return"))
        elif how == "raise":
            self.block.append(Exit("raise"))
        elif how == "break":
            self.block.append(Exit("break"))
        else:
            self.block.append(Exit("continue"))
        self.live = False

    # -- statements ---------------------------------------------------------

    def statements(self, body: Sequence[ast.stmt]) -> None:
        """Lower statements in order; a test that leaves early guards what follows it."""
        guards = self.guards
        for node in body:
            _STATEMENTS.get(type(node), _Unit.other)(self, node)
        self.guards = guards

    def branch(self, body: Sequence[ast.stmt], env: dict[str, Values]) -> tuple[Block, bool]:
        """Lower ``body`` into a block of its own, starting from ``env``."""
        outer, self.block = self.block, []
        self.env, self.live = dict(env), True
        self.statements(body)
        block, self.block = self.block, outer
        return block, self.live

    def join(self, ends: Iterable[tuple[dict[str, Values], bool]]) -> None:
        """Go on with what holds after any of several ends that are reached."""
        live = [env for env, alive in ends if alive]
        self.live = bool(live)
        if not live:
            return
        if len(live) == 1:
            self.env = live[0]
            return
        first, *others = live
        merged = dict(first)
        for env in others:
            for name, values in env.items():
                mine = merged.get(name)
                if mine is None:
                    merged[name] = values
                elif mine is not values and mine != values:
                    merged[name] = union(mine, values)
        self.env = merged

    def test(self, node: ast.expr) -> Guards:
        """Lower a test and return the globals that it looks at."""
        outer, self.tested = self.tested, set()
        self.value(node)
        found, self.tested = frozenset(self.tested), outer
        if outer is not None:
            outer.update(found)
        return found

    def if_(self, node: ast.If) -> None:
        """Lower ``if``: both blocks are guarded by what the test looks at."""
        looked_at = self.test(node.test)
        guards, before = self.guards, self.env
        self.guards = guards | looked_at
        then, then_live = self.branch(node.body, before)
        then_env = self.env
        orelse, else_live = self.branch(node.orelse, before)
        self.block.append(Branch((then, orelse)))
        self.join([(then_env, then_live), (self.env, else_live)])
        self.guards = guards if then_live and else_live else guards | looked_at

    def loop(
        self, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt], head: Callable[[], None]
    ) -> None:
        """Lower a loop; ``head`` lowers what runs before each round."""
        slots: dict[str, Slot] = {}
        before = dict(self.env)
        for bare in assigned(body):
            name = f"={bare}" if self.function.is_module else bare
            if name in before and (self.function.is_module or self.variable(bare) is None):
                slots[name] = Slot()
                self.env[name] = frozenset((Phi(slots[name]),))
        outer, self.block = self.block, []
        guards = self.guards
        head()
        entry = dict(self.env)
        self.statements(body)
        inside, self.block = self.block, outer
        self.block.append(Loop(inside))
        for name, slot in slots.items():
            slot.values = union(before[name], self.env.get(name, NOTHING))
        self.guards = guards
        self.join([(entry, True), (self.env, self.live)])
        self.statements(orelse)

    def for_(self, node: ast.For | ast.AsyncFor) -> None:
        """Lower ``for``."""
        source = self.value(node.iter)
        self.loop(node.body, node.orelse, lambda: self.bind(node.target, element(source), None))

    def while_(self, node: ast.While) -> None:
        """Lower ``while``."""

        def head() -> None:
            self.guards |= self.test(node.test)

        self.loop(node.body, node.orelse, head)

    def with_(self, node: ast.With | ast.AsyncWith) -> None:
        """Lower ``with``."""
        managers: list[tuple[ast.expr, Values]] = []
        for part in node.items:
            values = self.value(part.context_expr)
            managers.append((part.context_expr, values))
            self.implied(part.context_expr, values, ("__enter__", "__aenter__"))
            if part.optional_vars is not None:
                self.bind(part.optional_vars, entered(values), None)
        self.statements(node.body)
        for expression, values in reversed(managers):
            self.implied(expression, values, ("__exit__", "__aexit__"))

    def implied(self, node: ast.expr, receiver: Values, methods: Sequence[str]) -> None:
        """Note the calls of special methods that a statement implies on ``receiver``."""
        callee = union(*(attr(receiver, name) for name in methods)) - ANYTHING
        if callee:
            call = Call(node, self.function, callee, (), {}, -1, NOTHING, self.guards, False)
            self.block.append(call)
            self.function.calls.append(call)

    def try_(self, node: ast.Try | ast.TryStar) -> None:
        """Lower ``try``: a handler is guarded by what the body looked at."""
        before = dict(self.env)
        outer, self.tested = self.tested, set()
        body, live = self.branch(node.body, before)
        looked_at, self.tested = frozenset(self.tested), outer
        after = self.env
        orelse, else_live = self.branch(node.orelse, after)
        ends = [(self.env, live and else_live)]
        middle = {
            name: union(before.get(name, NOTHING), after.get(name, NOTHING))
            for name in {**before, **after}
        }
        guards = self.guards
        self.guards = guards | looked_at
        handlers: list[Block] = []
        for handler in node.handlers:
            if handler.type is not None:
                self.value(handler.type)
            start = dict(middle)
            block, handler_live = self._handler(handler, start)
            handlers.append(block)
            ends.append((self.env, handler_live))
        self.guards = guards
        self.join(ends)
        alive = self.live
        if not alive:
            self.env = dict(middle)
        final, final_live = self.branch(node.finalbody, self.env)
        self.block.append(Try(body, tuple(handlers), orelse, final))
        self.live = alive and final_live

    def _handler(self, handler: ast.ExceptHandler, env: dict[str, Values]) -> tuple[Block, bool]:
        """Lower one ``except`` clause, which may bind a (possibly global) name."""
        outer, self.block = self.block, []
        self.env, self.live = env, True
        if handler.name:
            self.bind_name(handler.name, frozenset((Scalar("exception"),)), handler)
        self.statements(handler.body)
        block, self.block = self.block, outer
        return block, self.live

    def match(self, node: ast.Match) -> None:
        """Lower ``match``: names that patterns bind can be parts of the subject."""
        subject = self.value(node.subject)
        before, guards = self.env, self.guards
        self.guards = guards | _looked_at(subject)
        blocks: list[Block] = [[]]
        ends = [(dict(before), True)]
        for case in node.cases:
            outer, self.block = self.block, []
            self.env, self.live = dict(before), True
            for part in ast.walk(case.pattern):
                name = getattr(part, "name", None) or getattr(part, "rest", None)
                if isinstance(name, str):
                    whole = part is case.pattern and isinstance(part, ast.MatchAs)
                    self.bind_name(name, subject if whole else element(subject), part)
            if case.guard is not None:
                self.test(case.guard)
            self.statements(case.body)
            block, self.block = self.block, outer
            blocks.append(block)
            ends.append((self.env, self.live))
        self.block.append(Branch(tuple(blocks)))
        self.guards = guards
        self.join(ends)

    def return_(self, node: ast.Return) -> None:
        """Lower ``return``."""
        if node.value is not None:
            self.function.returns.update(self.value(node.value))
        self.leave("return")

    def raise_(self, node: ast.Raise) -> None:
        """Lower ``raise``."""
        for part in (node.exc, node.cause):
            if part is not None:
                self.value(part)
        self.leave("raise")

    def break_(self, _: ast.Break) -> None:
        """Lower ``break``."""
        self.leave("break")

    def continue_(self, _: ast.Continue) -> None:
        """Lower ``continue``."""
        self.leave("continue")

    def expression(self, node: ast.Expr) -> None:
        """Lower an expression statement: the result of its call is not used."""
        inner = node.value
        while isinstance(inner, ast.Await):
            inner = inner.value
        if isinstance(inner, ast.Call):
            self.call(inner, used=False)
        elif not isinstance(inner, ast.Constant):
            self.value(node.value)

    def assign(self, node: ast.Assign) -> None:
        """Lower an assignment to one or more targets."""
        values = self.value(node.value)
        for target in node.targets:
            self.bind(target, values, node.value)

    def annotated(self, node: ast.AnnAssign) -> None:
        """Lower an annotated assignment; an annotation alone is a hint."""
        hint = self.annotation(node.annotation)
        if node.value is not None:
            values = self.value(node.value)
            self.bind(node.target, values, node.value)
        if hint and isinstance(node.target, ast.Name):
            variable = self.variable(node.target.id)
            if isinstance(variable, Global):
                self.module.annotated[variable.name] = hint
            elif self.class_scopes:
                self.class_scopes[-1][0].attributes.setdefault(node.target.id, set()).update(hint)
            elif node.value is not None and not self.class_scopes:
                known = self.env.get(node.target.id, NOTHING)
                if known and all(isinstance(value, Result) for value in known):
                    self.env[node.target.id] = union(known, hint)

    def augmented(self, node: ast.AugAssign) -> None:
        """Lower ``target op= value``."""
        values = self.value(node.value)
        target = node.target
        if isinstance(target, ast.Name):
            variable = self.variable(target.id)
            if variable is not None:
                if (result := _arithmetic(values)) != ANYTHING:
                    self.remember(variable, result)
                if isinstance(variable, Global) and self.function.is_module:
                    known = self.env.get(f"={target.id}", NOTHING)
                    self.env[f"={target.id}"] = union(known, result)
                self.store("augment", frozenset((variable,)), None, values, node)
                return
            known = self.lookup(target.id)
            self.store("inplace", known, None, values, node)
            for value in known:
                if isinstance(value, Fresh):
                    value.display.elements.update(element(values))
            self.rebind_local(target.id, known or _arithmetic(values))
        elif isinstance(target, ast.Attribute):
            self.store("augment attr", self.place(target.value), target.attr, values, node)
        else:
            key = _const_key(target.slice)
            base = self.place(target.value)
            self.value(target.slice)
            self.store("augment item", base, key, values, node)

    def delete(self, node: ast.Delete) -> None:
        """Lower ``del``."""
        stack = list(node.targets)
        while stack:
            target = stack.pop(0)
            if isinstance(target, ast.Tuple | ast.List):
                stack[:0] = target.elts
            elif isinstance(target, ast.Name):
                variable = self.variable(target.id)
                if variable is not None:
                    self.env.pop(f"={target.id}", None)
                    self.store("unbind", frozenset((variable,)), None, NOTHING, target)
                else:
                    self.env.pop(target.id, None)
            elif isinstance(target, ast.Attribute):
                self.store("del attr", self.place(target.value), target.attr, NOTHING, target)
            elif isinstance(target, ast.Subscript):
                base = self.place(target.value)
                self.value(target.slice)
                self.store("del item", base, _const_key(target.slice), NOTHING, target)

    def import_(self, node: ast.Import) -> None:
        """Lower ``import a.b`` (binds ``a``) and ``import a.b as c``."""
        for alias in node.names:
            if alias.asname:
                self.bind_name(alias.asname, frozenset((Imported(alias.name),)), node)
            else:
                head = alias.name.partition(".")[0]
                self.bind_name(head, frozenset((Imported(head),)), node)

    def import_from(self, node: ast.ImportFrom) -> None:
        """Lower ``from m import n``; relative names keep their leading dots."""
        if node.module == "__future__":
            return
        prefix = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.module.star_imports.append(prefix)
                continue
            dotted = prefix + alias.name if prefix.endswith(".") else f"{prefix}.{alias.name}"
            self.bind_name(alias.asname or alias.name, frozenset((Imported(dotted),)), node)

    def function_def(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Lower the definition of a function; its body waits its turn."""
        function = self.make_function(node, node.name)
        decorators: list[Values] = []
        for decorator in node.decorator_list:
            values = self.value(decorator)
            decorators.append(values)
            text = _dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
            last = text.rpartition(".")[2]
            if text == "staticmethod":
                function.static = True
            elif text == "classmethod":
                function.classmethod = True
            elif last in ("property", "cached_property"):
                function.is_property = True
            elif last in ("contextmanager", "asynccontextmanager"):
                function.context_manager = True
        function.decorators = tuple(decorators)
        if self.class_scopes:
            self.class_scopes[-1][0].methods[node.name] = function
        self.bind_name(node.name, frozenset((FunctionValue(function),)), node)

    def make_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str
    ) -> Function:
        """Create a function, evaluate its defaults here, and queue its body."""
        cls = self.class_scopes[-1][0] if self.class_scopes else None
        prefix = "" if self.function.is_module else f"{self.function.qualname}.<locals>."
        if cls is not None:
            prefix = f"{cls.qualname}."
        args = node.args
        named = parameters(args)
        positional = len(args.posonlyargs) + len(args.args)
        function = Function(
            self.module,
            node,
            name,
            prefix + name,
            cls if not isinstance(node, ast.Lambda) else None,
            self.function,
            tuple(arg.arg for arg in named),
            positional,
            positional if args.vararg else -1,
            len(named) - 1 if args.kwarg else -1,
        )
        first = positional - len(args.defaults)
        for index, default in enumerate(args.defaults, first):
            function.defaults[index] = self.value(default)
        start = positional + bool(args.vararg)
        for index, keyword in enumerate(args.kw_defaults, start):
            if keyword is not None:
                function.defaults[index] = self.value(keyword)
        for index, arg in enumerate(named):
            if arg.annotation is not None and index not in (function.vararg, function.kwarg):
                hint = self.annotation(arg.annotation)
                if hint:
                    function.annotations[index] = hint
        self.module.functions.append(function)
        self.low.queue.append((function, lambda: _Unit(self.low, function).function_body(node)))
        return function

    def class_def(self, node: ast.ClassDef) -> None:
        """Lower a class: its body runs here, its methods wait their turn."""
        for decorator in node.decorator_list:
            self.value(decorator)
        bases = tuple(self.value(base) for base in node.bases)
        for keyword in node.keywords:
            self.value(keyword.value)
        prefix = "" if self.function.is_module else f"{self.function.qualname}.<locals>."
        if self.class_scopes:
            prefix = f"{self.class_scopes[-1][0].qualname}."
        cls = Class(self.module, node, node.name, prefix + node.name, bases)
        self.module.classes.append(cls)
        self.class_scopes.append((cls, {}))
        self.statements(node.body)
        self.class_scopes.pop()
        self.bind_name(node.name, frozenset((ClassValue(cls),)), node)

    def other(self, node: ast.stmt) -> None:
        """Lower what has no effect of its own (``pass``, ``global``), and parts of the rest."""
        if isinstance(node, ast.Assert):
            self.test(node.test)
            if node.msg is not None:
                self.value(node.msg)

    # -- targets ------------------------------------------------------------

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
        if (
            isinstance(target.value, ast.Call)
            and self.is_builtin(target.value.func, "globals")
            and isinstance(key := _const_key(target.slice), str)
        ):
            variable = Global(self.module, key)
            self.remember(variable, values)
            self.store("bind", frozenset((variable,)), None, values, target)
            return
        base = self.place(target.value)
        self.value(target.slice)
        key = _const_key(target.slice)
        for value in base:
            self.put(value, values, key)
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
            self.rebind_local(name, values)
            return
        if self.always and isinstance(node, _DEFINITIONS):
            # The last of several definitions or imports wins.
            self.module.stores.pop(name, None)
        self.remember(variable, values)
        if self.function.is_module:
            self.env[f"={name}"] = values
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or (
            not self.function.is_module
        ):
            self.store("bind", frozenset((variable,)), None, values, node)

    def rebind_local(self, name: str, values: Values) -> None:
        """Give a local a new value; nested functions see every value it ever had."""
        self.env[name] = values
        names = self.low.names.get(self.function)
        if names is not None and name in names.captured:
            self.function.cells.setdefault(name, set()).update(values)

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

    def put(self, target: Value, values: Values, key: str | int | None = None) -> None:
        """Note that a container can hold ``values``."""
        if isinstance(target, Fresh):
            target.display.elements.update(values)
            if key is not None:
                known = target.display.items.get(key, NOTHING)
                target.display.items[key] = union(known, values)
        elif isinstance(target, Global) and target.module is self.module:
            self.module.contents.setdefault(target.name, set()).update(values)
        elif isinstance(target, Seen):
            self.put(target.place, values, key)

    # -- expressions --------------------------------------------------------

    def value(self, node: ast.expr) -> Values:
        """Lower an expression that is read, and return what it can be."""
        handler = _EXPRESSIONS.get(type(node))
        if handler is not None:
            return handler(self, node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
        return ANYTHING

    def place(self, node: ast.expr) -> Values:
        """Lower the base of an access without counting it as a read."""
        if isinstance(node, ast.Name):
            return self.lookup(node.id)
        if isinstance(node, ast.Attribute):
            return attr(self.place(node.value), node.attr)
        if isinstance(node, ast.Subscript):
            return self.subscripted(node)
        return self.value(node)

    def name(self, node: ast.Name) -> Values:
        """Lower a read of a bare name."""
        values = self.lookup(node.id)
        self.load(values, node, direct=_names_global(values, node.id))
        return values

    def attribute(self, node: ast.Attribute) -> Values:
        """Lower a read of an attribute."""
        values = self.place(node)
        self.load(values, node, direct=True)
        return values

    def subscript(self, node: ast.Subscript) -> Values:
        """Lower a read of an item or slice."""
        values = self.subscripted(node)
        self.load(values, node, direct=True)
        return values

    def subscripted(self, node: ast.Subscript) -> Values:
        """Return the item or slice that a subscript means."""
        if (
            isinstance(node.value, ast.Call)
            and self.is_builtin(node.value.func, "globals")
            and isinstance(key := _const_key(node.slice), str)
        ):
            return frozenset((Global(self.module, key),))
        base = self.place(node.value)
        if isinstance(node.slice, ast.Slice):
            for part in (node.slice.lower, node.slice.upper, node.slice.step):
                if part is not None:
                    self.value(part)
            return frozenset(Copied(value) for value in base)
        self.value(node.slice)
        return item(base, _const_key(node.slice))

    def constant(self, node: ast.Constant) -> Values:
        """Return the kind of a constant."""
        return frozenset((Scalar(type(node.value).__name__),))

    def sequence(self, node: ast.List | ast.Tuple | ast.Set) -> Values:
        """Lower a list, tuple or set display."""
        display = Display(type(node).__name__.lower())
        big = len(node.elts) > _BIG
        for index, part in enumerate(node.elts):
            if big and isinstance(part, ast.Constant):
                continue
            if isinstance(part, ast.Starred):
                display.elements.update(element(self.value(part.value)))
                continue
            values = self.value(part)
            display.elements.update(values)
            if not big:
                display.items[index] = values
        return frozenset((Fresh(display),))

    def mapping(self, node: ast.Dict) -> Values:
        """Lower a dict display."""
        display = Display("dict")
        big = len(node.keys) > _BIG
        for key, part in zip(node.keys, node.values, strict=True):
            if big and isinstance(part, ast.Constant):
                continue
            if key is None:
                display.elements.update(element(self.value(part)))
                continue
            self.value(key)
            values = self.value(part)
            display.elements.update(values)
            known = _const_key(key)
            if known is not None and not big:
                display.items[known] = values
        return frozenset((Fresh(display),))

    def comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> Values:
        """Lower a comprehension: a loop whose targets are its own."""
        saved: dict[str, Values | None] = {}
        guards = self.guards
        scopes, self.class_scopes = self.class_scopes, []
        outer, self.block = self.block, []
        for generator in node.generators:
            source = self.value(generator.iter)
            for part in ast.walk(generator.target):
                if isinstance(part, ast.Name):
                    saved.setdefault(part.id, self.env.get(part.id))
                    self.env[part.id] = NOTHING
            self.bind_inner(generator.target, element(source))
            for condition in generator.ifs:
                self.guards |= self.test(condition)
        kinds = {
            ast.ListComp: "list",
            ast.SetComp: "set",
            ast.GeneratorExp: "generator",
            ast.DictComp: "dict",
        }
        display = Display(kinds[type(node)])
        if isinstance(node, ast.DictComp):
            self.value(node.key)
            display.elements.update(self.value(node.value))
        else:
            display.elements.update(self.value(node.elt))
        inside, self.block = self.block, outer
        self.block.append(Loop(inside))
        self.guards, self.class_scopes = guards, scopes
        for name, values in saved.items():
            if values is None:
                self.env.pop(name, None)
            else:
                self.env[name] = values
        return frozenset((Fresh(display),))

    def bind_inner(self, target: ast.expr, values: Values) -> None:
        """Bind the target of a comprehension, which is local whatever its name."""
        if isinstance(target, ast.Name):
            self.env[target.id] = values
        elif isinstance(target, ast.Tuple | ast.List):
            for index, part in enumerate(target.elts):
                self.bind_inner(part, item(values, index))
        elif isinstance(target, ast.Starred):
            self.bind_inner(target.value, values)
        else:
            self.bind(target, values, None)

    def binary(self, node: ast.BinOp) -> Values:
        """Lower an operator: a new object, of the type of a container among its sides."""
        left, right = self.value(node.left), self.value(node.right)
        for side in (left, right):
            for value in side:
                if isinstance(value, Fresh):
                    display = Display(value.display.kind, set(value.display.elements))
                    return frozenset((Fresh(display),))
        return _arithmetic(left | right, isinstance(node.op, ast.Div))

    def unary(self, node: ast.UnaryOp) -> Values:
        """Lower a unary operator, however many stand in a row."""
        operand: ast.expr = node
        negated = False
        while isinstance(operand, ast.UnaryOp):
            negated = negated or isinstance(operand.op, ast.Not)
            operand = operand.operand
        values = self.value(operand)
        return _BOOL if negated else _arithmetic(values)

    def boolean(self, node: ast.BoolOp) -> Values:
        """Lower ``and``/``or``: any of the operands, the later ones guarded by the first."""
        guards = self.guards
        found: list[Values] = []
        for part in node.values:
            outer, self.tested = self.tested, set()
            found.append(self.value(part))
            looked_at, self.tested = frozenset(self.tested), outer
            if outer is not None:
                outer.update(looked_at)
            self.guards |= looked_at
        self.guards = guards
        return union(*found)

    def conditional(self, node: ast.IfExp) -> Values:
        """Lower ``a if test else b``."""
        looked_at = self.test(node.test)
        guards = self.guards
        self.guards = guards | looked_at
        values = union(self.value(node.body), self.value(node.orelse))
        self.guards = guards
        return values

    def comparison(self, node: ast.Compare) -> Values:
        """Lower a comparison."""
        self.value(node.left)
        for part in node.comparators:
            self.value(part)
        return _BOOL

    def text(self, node: ast.JoinedStr) -> Values:
        """Lower an f-string."""
        for part in node.values:
            self.value(part)
        return _STR

    def walrus(self, node: ast.NamedExpr) -> Values:
        """Lower ``name := value``."""
        values = self.value(node.value)
        scopes, self.class_scopes = self.class_scopes, []
        self.bind_name(node.target.id, values, node.target)
        self.class_scopes = scopes
        return values

    def await_(self, node: ast.Await) -> Values:
        """Lower ``await``: what the awaited call returns."""
        return self.value(node.value)

    def yield_(self, node: ast.Yield | ast.YieldFrom) -> Values:
        """Lower ``yield``."""
        if node.value is not None:
            values = self.value(node.value)
            if isinstance(node, ast.YieldFrom):
                values = element(values)
            self.function.yields.update(values)
        else:
            self.function.yields.add(Scalar("NoneType"))
        return ANYTHING

    def starred(self, node: ast.Starred) -> Values:
        """Lower ``*value``."""
        return element(self.value(node.value))

    def lambda_(self, node: ast.Lambda) -> Values:
        """Lower a lambda: a function whose body is one expression."""
        return frozenset((FunctionValue(self.make_function(node, "<lambda>")),))

    def called(self, node: ast.Call) -> Values:
        """Lower a call whose result is used."""
        return self.call(node, used=True)

    def call(self, node: ast.Call, *, used: bool) -> Values:
        """Lower a call and return its result."""
        special = self.reflection(node)
        if special is not None:
            return special
        # The callee itself is not a read of the place that holds it: what the
        # call does with its receiver is decided where the receiver is known.
        callee = self.place(node.func)
        args: list[Values] = []
        starred = -1
        for index, arg in enumerate(node.args):
            if isinstance(arg, ast.Starred):
                if starred < 0:
                    starred = index
                args.append(self.argument(arg.value))
            else:
                args.append(self.argument(arg))
        keywords: dict[str, Values] = {}
        rest = NOTHING
        for keyword in node.keywords:
            if keyword.arg is None:
                rest = union(rest, self.value(keyword.value))
            else:
                keywords[keyword.arg] = self.argument(keyword.value)
        if self.tested is not None:
            self.tested.update(_looked_at(callee))
        if isinstance(node.func, ast.Attribute):
            self.fill(node.func.attr, callee, args)
        call = Call(
            node, self.function, callee, tuple(args), keywords, starred, rest, self.guards, used
        )
        self.block.append(call)
        self.function.calls.append(call)
        return frozenset((Result(call),))

    def fill(self, method: str, callee: Values, args: Sequence[Values]) -> None:
        """Note what a container holds after ``append`` and its like."""
        if not args or (method not in _FILLS and method not in _POURS):
            return
        for value in callee:
            if isinstance(value, Attr):
                self.put(value.base, args[-1] if method in _FILLS else element(args[-1]))

    def reflection(self, node: ast.Call) -> Values | None:
        """Lower ``super()``, and ``getattr``/``setattr``/``delattr`` with a constant name."""
        if self.is_builtin(node.func, "super") and not node.keywords:
            method = self.function
            while method.outer is not None and method.cls is None:
                method = method.outer
            if method.cls is not None:
                return frozenset((SuperOf(method.cls, method),))
            return None
        if not isinstance(node.func, ast.Name) or len(node.args) < 2:
            return None
        if self.is_builtin(node.func, "setattr") and len(node.args) == 3:
            name = _const_key(node.args[1])
            base = self.place(node.args[0])
            self.value(node.args[1])
            values = self.value(node.args[2])
            if isinstance(name, str):
                self.note_attribute(base, name, values)
            self.store("attr", base, name, values, node)
            return frozenset((Scalar("NoneType"),))
        known = _const_key(node.args[1])
        if not isinstance(known, str):
            return None
        if self.is_builtin(node.func, "getattr"):
            values = attr(self.place(node.args[0]), known)
            for default in node.args[2:]:
                values = union(values, self.value(default))
            self.load(values, node, direct=True)
            return values
        if self.is_builtin(node.func, "delattr"):
            self.store("del attr", self.place(node.args[0]), known, NOTHING, node)
            return frozenset((Scalar("NoneType"),))
        return None

    # -- annotations --------------------------------------------------------

    def annotation(self, node: ast.expr) -> Values:
        """Return the instances that an annotation promises; nothing where it is not plain."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return NOTHING
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return union(self.annotation(node.left), self.annotation(node.right))
        if isinstance(node, ast.Subscript):
            head = _dotted(node.value).rpartition(".")[2]
            if head in ("Optional", "Union", "Annotated", "Final", "ClassVar"):
                parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                if head == "Annotated":
                    parts = parts[:1]
                return union(*(self.annotation(part) for part in parts))
            node = node.value
        if isinstance(node, ast.Name | ast.Attribute):
            if _dotted(node).rpartition(".")[2] == "Any":
                return NOTHING
            return frozenset(Instance(value) for value in self.place(node))
        return NOTHING


def _arithmetic(values: Values, division: bool = False) -> Values:
    """Return the kind of number that an operator gives for these operands."""
    kinds = {value.kind for value in values if isinstance(value, Scalar)}
    if len(kinds) == 0 or any(not isinstance(value, Scalar) for value in values):
        return ANYTHING
    if "str" in kinds:
        return _STR
    if division or "float" in kinds:
        return frozenset((Scalar("float"),))
    return frozenset((Scalar("int"),)) if kinds <= {"int", "bool"} else ANYTHING


def _names_global(values: Values, name: str | None = None) -> bool:
    """Whether ``values`` are one module global, spelled by its own ``name`` (or any)."""
    known = [global_of(value) for value in values]
    return len(known) == 1 and known[0] is not None and name in (None, known[0].name)


def _looked_at(values: Values) -> Guards:
    """Return the globals and parameters that ``values`` lead back to, through calls."""
    found: set[Global | Param] = set()
    stack: list[tuple[Value, int]] = [(value, 0) for value in values]
    while stack:
        value, depth = stack.pop()
        start = root(value)
        if isinstance(start, Seen):
            found.add(start.place)
        elif isinstance(start, Global | Param):
            found.add(start)
        elif isinstance(start, Result) and depth < 3:
            stack.extend((inner, depth + 1) for inner in start.call.callee)
            for arg in start.call.args:
                stack.extend((inner, depth + 1) for inner in arg)
    return frozenset(found)


_STATEMENTS: dict[type[ast.stmt], Callable[[_Unit, Any], None]] = {
    ast.FunctionDef: _Unit.function_def,
    ast.AsyncFunctionDef: _Unit.function_def,
    ast.ClassDef: _Unit.class_def,
    ast.Return: _Unit.return_,
    ast.Delete: _Unit.delete,
    ast.Assign: _Unit.assign,
    ast.AugAssign: _Unit.augmented,
    ast.AnnAssign: _Unit.annotated,
    ast.For: _Unit.for_,
    ast.AsyncFor: _Unit.for_,
    ast.While: _Unit.while_,
    ast.If: _Unit.if_,
    ast.With: _Unit.with_,
    ast.AsyncWith: _Unit.with_,
    ast.Match: _Unit.match,
    ast.Raise: _Unit.raise_,
    ast.Try: _Unit.try_,
    ast.TryStar: _Unit.try_,
    ast.Import: _Unit.import_,
    ast.ImportFrom: _Unit.import_from,
    ast.Expr: _Unit.expression,
    ast.Break: _Unit.break_,
    ast.Continue: _Unit.continue_,
}

_EXPRESSIONS: dict[type[ast.expr], Callable[[_Unit, Any], Values]] = {
    ast.BoolOp: _Unit.boolean,
    ast.NamedExpr: _Unit.walrus,
    ast.BinOp: _Unit.binary,
    ast.UnaryOp: _Unit.unary,
    ast.Lambda: _Unit.lambda_,
    ast.IfExp: _Unit.conditional,
    ast.Dict: _Unit.mapping,
    ast.Set: _Unit.sequence,
    ast.List: _Unit.sequence,
    ast.Tuple: _Unit.sequence,
    ast.ListComp: _Unit.comprehension,
    ast.SetComp: _Unit.comprehension,
    ast.DictComp: _Unit.comprehension,
    ast.GeneratorExp: _Unit.comprehension,
    ast.Await: _Unit.await_,
    ast.Yield: _Unit.yield_,
    ast.YieldFrom: _Unit.yield_,
    ast.Compare: _Unit.comparison,
    ast.Call: _Unit.called,
    ast.JoinedStr: _Unit.text,
    ast.Constant: _Unit.constant,
    ast.Attribute: _Unit.attribute,
    ast.Subscript: _Unit.subscript,
    ast.Starred: _Unit.starred,
    ast.Name: _Unit.name,
}
