"""Lowering of statements: control flow, definitions and imports."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flake8_mpglobals.ir import (
    ANYTHING,
    NOTHING,
    Attr,
    Block,
    Branch,
    Call,
    Class,
    ClassValue,
    Display,
    Exit,
    Fresh,
    Function,
    FunctionValue,
    Global,
    Imported,
    Instance,
    Loop,
    Module,
    Param,
    Phi,
    Result,
    Scalar,
    Slot,
    Try,
    Value,
    Values,
    attr,
    element,
    entered,
    once,
    union,
)
from flake8_mpglobals.lower.expressions import Expressions, arithmetic, dotted
from flake8_mpglobals.lower.forks import child_of, fork_among, forks_in
from flake8_mpglobals.lower.scope import (
    DEFINITIONS,
    Link,
    Lowering,
    const_key,
    looked_at,
    no_link,
)
from flake8_mpglobals.mutations import in_place
from flake8_mpglobals.names import assigned, is_main_guard, names_of
from flake8_mpglobals.records import replace
from flake8_mpglobals.source import Source


def lower(
    source: Source,
    tree: ast.Module,
    name: str = "",
    link: Link = no_link,
    *,
    imported: bool = False,
) -> Module:
    """Return the intermediate form of a parsed module; the tree is not changed.

    ``name`` is the dotted name by which the project knows the module, ``link`` says
    which project module an import means; ``imported``: the module is not the program
    itself, so that what stands under its main guard never runs.
    """
    return Lowering(Module(source, tree, name), _start, link, imported=imported).run()


def _start(lowering: Lowering, function: Function) -> None:
    """Lower the body of one function."""
    node = function.node
    unit = Statements(lowering, function)
    if isinstance(node, ast.Module):
        unit.module_body(node)
    else:
        unit.function_body(node)


class Statements(Expressions):
    """The lowering of statements, on top of expressions.

    ``forks`` are the attributes that hold what ``os.fork()`` returned; ``rest`` is the
    call after which the statements to come run in the child only.
    """

    def __init__(self, lowering: Lowering, function: Function) -> None:
        super().__init__(lowering, function)
        self.forks: dict[str, Call] = {}
        self.rest: Call | None = None

    def module_body(self, tree: ast.Module) -> None:
        """Lower the statements of the module."""
        for node in tree.body:
            self.always = isinstance(node, DEFINITIONS)
            self.statements((node,))

    def function_body(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        """Lower the body of a function with its parameters as symbols."""
        names = names_of(node)
        if self.low.forks and forks_in(node):
            # A forked child sees the locals like a nested function: by its own copies.
            mine = names.bound - set(self.function.params)
            names = replace(names, captured=names.captured | mine)
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

    def statements(self, body: Sequence[ast.stmt]) -> None:
        """Lower statements in order; a test that leaves early guards what follows it."""
        guards = self.guards
        for index, node in enumerate(body):
            self.rest = None
            _STATEMENTS.get(type(node), Statements.other)(self, node)
            if self.rest is not None and index + 1 < len(body):
                # The parent has left: what follows runs in the child.
                self.child(self.rest, body[index + 1 :], self.env)
                self.live = False
                break
        self.rest = None
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

    def if_(self, node: ast.If) -> None:
        """Lower ``if``: both blocks are guarded by what the test looks at."""
        if self.low.imported and self.function.is_module and is_main_guard(node.test):
            self.statements(node.orelse)
            return
        looked_at = self.test(node.test)
        forked = child_of(node.test, self.fork_of) if self.low.forks else None
        if forked is not None:
            self.forked(node, *forked)
            return
        guards, before = self.guards, self.env
        self.guards = guards | looked_at
        then, then_live = self.branch(node.body, before)
        then_env = self.env
        orelse, else_live = self.branch(node.orelse, before)
        self.block.append(Branch((then, orelse)))
        self.join([(then_env, then_live), (self.env, else_live)])
        self.guards = guards if then_live and else_live else guards | looked_at

    def fork_of(self, node: ast.expr) -> Call | None:
        """Return the call of ``fork`` that an expression already lowered is the result of."""
        if isinstance(node, ast.NamedExpr):
            node = node.target
        if isinstance(node, ast.Name):
            return fork_among(self.lookup(node.id))
        if isinstance(node, ast.Call):
            made = next((call for call in reversed(self.owner.calls) if call.node is node), None)
            return fork_among((Result(made),)) if made is not None else None
        return self.forks.get(ast.unparse(node)) if self.forks else None

    def forked(self, node: ast.If, call: Call, in_then: bool) -> None:
        """Lower an ``if`` of which one branch runs in a forked child, the other in the parent."""
        before = self.env
        childs, parents = (node.body, node.orelse) if in_then else (node.orelse, node.body)
        block, live = self.branch(parents, before)
        after = self.env
        # The child begins here: what stands between the call and the test runs in both.
        self.block.append(call)
        self.block.append(Branch((block,)))
        if childs:
            self.child(call, childs, before)
        self.env, self.live = after, live
        if not live:
            self.env = before
            self.rest = None if childs else call

    def child(self, call: Call, body: Sequence[ast.stmt], env: dict[str, Values]) -> None:
        """Lower a block that a forked child runs, as a function without a name of its own."""
        name = "child of os.fork"
        function = Function(
            self.module, self.function.node, name, name, outer=self.function, block=body[0]
        )
        call.children.append(function)
        self.module.functions.append(function)
        kept = (self.owner, self.block, self.env, self.live)
        known = dict(env)
        for local, held in env.items():
            if fork_among(held) is not None:
                continue  # what fork returned: each side has its own on purpose
            if (own := self.captured(local)) is not None:
                known[local] = frozenset((own,))
        self.owner, self.block, self.env, self.live = function, function.body, known, True
        self.statements(body)
        self.owner, self.block, self.env, self.live = kept

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
        source = self.iterated(node.iter)
        self.implied(node.iter, source, ("__iter__", "__next__", "__aiter__", "__anext__"))
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
        forked = fork_among(subject) if self.low.forks else None
        before, guards = self.env, self.guards
        self.guards = guards | looked_at(subject)
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
            if forked is not None and _is_zero_case(case.pattern):
                self.child(forked, case.body, self.env)
                self.live = False
            else:
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
            self.owner.returns.update(self.value(node.value))
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
            if self.low.forks and isinstance(target, ast.Attribute):
                call = fork_among(values)
                if call is not None:
                    self.forks[ast.unparse(target)] = call

    def annotated(self, node: ast.AnnAssign) -> None:
        """Lower an annotated assignment; an annotation alone is a hint."""
        hint = self.annotation(node.annotation)
        if node.value is not None:
            values = self.value(node.value)
            self.bind(node.target, values, node.value)
        if self.class_scopes:
            cls = self.class_scopes[-1][0]
            if isinstance(node.target, ast.Name) and (node.value is None or cls.record):
                # A field: each instance has its own.
                default = cls.attributes.pop(node.target.id, set())
                cls.self_attributes.setdefault(node.target.id, set()).update(default, hint)
                if cls.record and node.target.id not in cls.fields and not _of_class(node):
                    cls.fields.append(node.target.id)
        elif hint and isinstance(node.target, ast.Name):
            variable = self.variable(node.target.id)
            if isinstance(variable, Global):
                self.module.annotated[variable.name] = hint
            elif node.value is not None:
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
                if (result := arithmetic(values)) != ANYTHING:
                    self.remember(variable, result)
                if isinstance(variable, Global) and self.function.is_module:
                    known = self.env.get(f"={target.id}", NOTHING)
                    self.env[f"={target.id}"] = union(known, result)
                self.implied(target, frozenset((variable,)), in_place(node.op))
                self.store("augment", frozenset((variable,)), None, values, node)
                return
            known = self.lookup(target.id)
            self.implied(target, known, in_place(node.op))
            own = self.captured(target.id)
            if own is not None and known == frozenset((own,)):  # in a forked child
                self.store("augment", known, None, values, node)
            else:
                self.store("inplace", known, None, values, node)
            for value in known:
                if isinstance(value, Fresh):
                    value.display.elements.update(element(values))
            self.rebind_local(target.id, known or arithmetic(values))
        elif isinstance(target, ast.Attribute):
            base = self.place(target.value)
            self.implied(target, attr(base, target.attr), in_place(node.op))
            self.store("augment attr", base, target.attr, values, node)
        elif (named := self.named_global(target)) is not None:
            self.store("augment", frozenset((named,)), None, values, node)
        elif (owner := self.attributes_of(target.value)) is not None and isinstance(
            name := const_key(target.slice), str
        ):
            self.store("augment attr", self.place(owner), name, values, node)
        else:
            key = const_key(target.slice)
            base = self.place(target.value)
            self.value(target.slice)
            self.implied(target.value, base, ("__setitem__",))
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
            elif (named := self.named_global(target)) is not None:
                self.store("unbind", frozenset((named,)), None, NOTHING, target)
            elif isinstance(target, ast.Subscript):
                base = self.place(target.value)
                self.value(target.slice)
                self.implied(target.value, base, ("__delitem__",))
                self.store("del item", base, const_key(target.slice), NOTHING, target)

    def import_(self, node: ast.Import) -> None:
        """Lower ``import a.b`` (binds ``a``) and ``import a.b as c``."""
        for alias in node.names:
            bound = alias.name if alias.asname else alias.name.partition(".")[0]
            linked = self.low.link(bound, 0)
            if linked is None:
                self.module.imported.add(alias.name)
            value = Imported(bound) if linked is None else linked
            self.bind_name(alias.asname or bound, frozenset((value,)), node)

    def import_from(self, node: ast.ImportFrom) -> None:
        """Lower ``from m import n``; relative names of no known module keep their dots."""
        if node.module == "__future__":
            return
        prefix = "." * node.level + (node.module or "")
        linked = self.low.link(node.module or "", node.level)
        for alias in node.names:
            if alias.name == "*":
                if linked is None:
                    self.module.star_imports.append(prefix)
                else:
                    self.module.star_modules.append(linked)
                continue
            value: Value
            if linked is not None:
                value = Attr(linked, alias.name)
            elif prefix.endswith("."):
                value = Imported(prefix + alias.name)
            else:
                value = Imported(f"{prefix}.{alias.name}")
            self.bind_name(alias.asname or alias.name, frozenset((value,)), node)

    def function_def(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Lower the definition of a function; its body waits its turn."""
        function = self.make_function(node, node.name)
        decorators: list[Values] = []
        for decorator in node.decorator_list:
            values = self.value(decorator)
            decorators.append(values)
            text = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
            last = text.rpartition(".")[2]
            if text == "staticmethod":
                function.static = True
            elif text == "classmethod":
                function.classmethod = True
            elif last in ("property", "cached_property"):
                function.is_property = True
            elif last in ("contextmanager", "asynccontextmanager"):
                function.context_manager = True
            elif last in ("cache", "lru_cache") and self.at_top():
                function.kept = True
                made = function.returns
                if function.params:  # one for each argument, kept in a table
                    made = {Fresh(Display("dict", function.returns))}
                self.module.stores[once(node.name)] = made
        function.decorators = tuple(decorators)
        if self.class_scopes and any(map(_is_accessor, node.decorator_list)):
            # The property stays what its getter is.
            if any(_is_accessor(decorator, "setter") for decorator in node.decorator_list):
                self.class_scopes[-1][0].setters[node.name] = function
            return
        if self.class_scopes:
            self.class_scopes[-1][0].methods[node.name] = function
            function.classmethod = function.classmethod or node.name in _OF_CLASSES
        self.bind_name(node.name, frozenset((FunctionValue(function),)), node)

    def class_def(self, node: ast.ClassDef) -> None:
        """Lower a class: its body runs here, its methods wait their turn."""
        decorators = tuple(self.value(decorator) for decorator in node.decorator_list)
        bases = tuple(self.value(base) for base in node.bases)
        metaclass = NOTHING
        for keyword in node.keywords:
            given = self.value(keyword.value)
            metaclass = given if keyword.arg == "metaclass" else metaclass
        prefix = "" if self.function.is_module else f"{self.function.qualname}.<locals>."
        if self.class_scopes:
            prefix = f"{self.class_scopes[-1][0].qualname}."
        cls = Class(self.module, node, node.name, prefix + node.name, bases)
        cls.decorators = decorators
        cls.record = _makes_fields(cls)
        cls.metaclass = metaclass
        self.module.classes.append(cls)
        self.class_scopes.append((cls, {}))
        self.statements(node.body)
        self.class_scopes.pop()
        if self.at_top() and (metaclass or "__new__" in cls.methods):
            self.module.stores[once(node.name)] = {Instance(ClassValue(cls))}
        self.bind_name(node.name, frozenset((ClassValue(cls),)), node)

    def at_top(self) -> bool:
        """Whether what is lowered here is the body of the module."""
        return self.function.is_module and not self.class_scopes

    def other(self, node: ast.stmt) -> None:
        """Lower what has no effect of its own (``pass``, ``global``), and parts of the rest."""
        if isinstance(node, ast.Assert):
            self.test(node.test)
            if node.msg is not None:
                self.value(node.msg)


def _is_accessor(node: ast.expr, *names: str) -> bool:
    """Whether a decorator makes of a function a part of the property of that name."""
    return isinstance(node, ast.Attribute) and node.attr in (names or ("setter", "deleter"))


def _of_class(node: ast.AnnAssign) -> bool:
    """Whether an annotation says that a name is no field: ``ClassVar[int]``, ``KW_ONLY``."""
    hint = node.annotation.value if isinstance(node.annotation, ast.Subscript) else node.annotation
    return dotted(hint).rpartition(".")[2] in ("ClassVar", "KW_ONLY")


def _is_zero_case(pattern: ast.pattern) -> bool:
    return (
        isinstance(pattern, ast.MatchValue)
        and isinstance(pattern.value, ast.Constant)
        and pattern.value.value == 0
    )


def _makes_fields(cls: Class) -> bool:
    """Whether annotated names of a class body become attributes of its instances."""
    for decorator in cls.node.decorator_list:
        node = decorator.func if isinstance(decorator, ast.Call) else decorator
        if dotted(node).rpartition(".")[2] in ("dataclass", "define", "frozen", "s", "attrs"):
            return True
    return any(dotted(base).rpartition(".")[2] in _RECORDS for base in cls.node.bases)


_OF_CLASSES = ("__new__", "__init_subclass__", "__class_getitem__")
"""Methods that get the class, though no decorator says so."""

_RECORDS = ("NamedTuple", "BaseModel", "TypedDict")

_STATEMENTS: dict[type[ast.stmt], Callable[[Statements, Any], None]] = {
    ast.FunctionDef: Statements.function_def,
    ast.AsyncFunctionDef: Statements.function_def,
    ast.ClassDef: Statements.class_def,
    ast.Return: Statements.return_,
    ast.Delete: Statements.delete,
    ast.Assign: Statements.assign,
    ast.AugAssign: Statements.augmented,
    ast.AnnAssign: Statements.annotated,
    ast.For: Statements.for_,
    ast.AsyncFor: Statements.for_,
    ast.While: Statements.while_,
    ast.If: Statements.if_,
    ast.With: Statements.with_,
    ast.AsyncWith: Statements.with_,
    ast.Match: Statements.match,
    ast.Raise: Statements.raise_,
    ast.Try: Statements.try_,
    ast.TryStar: Statements.try_,
    ast.Import: Statements.import_,
    ast.ImportFrom: Statements.import_from,
    ast.Expr: Statements.expression,
    ast.Break: Statements.break_,
    ast.Continue: Statements.continue_,
}
