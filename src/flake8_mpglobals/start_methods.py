"""Which start methods the processes of a program can have.

``set_start_method`` speaks for the whole program, a context for what is made from it,
``[tool.mpglobals] start-methods`` for the project.  Where nobody says anything, every
method counts: the default differs between platforms and versions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from flake8_mpglobals.catalogue import Slot
from flake8_mpglobals.dispatches import DispatchSite
from flake8_mpglobals.evaluate import Evaluator, External, Handle, Obj, Type, argument
from flake8_mpglobals.ir import (
    Attr,
    Call,
    Class,
    Function,
    Imported,
    Module,
    Value,
    Values,
    global_of,
)

Methods = frozenset[str]
"""Start methods that are possible."""

METHODS: Methods = frozenset(("fork", "spawn", "forkserver"))
"""All start methods that there are."""

FORK: Methods = frozenset(("fork",))

_CONTEXT = "multiprocessing.context.BaseContext"
_ALWAYS_SPAWNED = ("torch.multiprocessing.spawn",)
_CLASSES = {
    "ForkProcess": "fork",
    "SpawnProcess": "spawn",
    "ForkServerProcess": "forkserver",
    "ForkContext": "fork",
    "SpawnContext": "spawn",
    "ForkServerContext": "forkserver",
}
_GIVEN = (Slot(-1, "mp_context"), Slot(-1, "context"), Slot(-1, "start_method"))


class StartMethods:
    """Answers for one module; ``declared`` are the methods that the project supports."""

    def __init__(
        self, module: Module, evaluator: Evaluator, declared: tuple[str, ...] = ()
    ) -> None:
        self._module = module
        self._evaluator = evaluator
        self._allowed = METHODS & frozenset(declared) or METHODS
        self._default: Methods | None = None
        self._where_forked: dict[Function, frozenset[ast.AST]] = {}

    def default(self) -> Methods:
        """Return what ``set_start_method`` leaves possible where no context is named."""
        if self._default is None:
            self._default = self._allowed  # what a call of set_start_method(None) stands for
            chosen = self._set_in((self._module.body, *self._module.functions))
            self._default = chosen & self._allowed or self._allowed
        return self._default

    def _set_in(self, functions: Iterable[Function]) -> Methods:
        """Return what ``functions`` set for the whole program."""
        chosen: set[str] = set()
        for function in functions:
            for call in function.calls:
                if any(_last(callee) == "set_start_method" for callee in call.callee):
                    chosen |= self._named(call) or METHODS
        return frozenset(chosen)

    def of(self, site: DispatchSite) -> Methods:
        """Return the methods by which the processes of ``site`` can be started."""
        return self._of(site) & self._allowed or self._allowed

    def forks_only(self, site: DispatchSite) -> bool:
        """Whether the processes of ``site`` are forked and nothing else."""
        return self.of(site) == FORK

    def _of(self, site: DispatchSite) -> Methods:
        """Return the methods that the code of a dispatch allows."""
        while site.inner is not None:
            site = site.inner
        if site.api.name == "os.fork":
            return FORK
        if site.api.name in _ALWAYS_SPAWNED:
            return frozenset(("spawn",))
        maker = site.pool if site.api.callable is not None and not site.api.method else None
        if site.api.where is not None:
            given = argument(site.call, site.api.where) or frozenset()
            made = [t.call for t in self._evaluator.things(given) if isinstance(t, Handle)]
            maker = next((call for call in made if call is not None), maker)
        classes = [
            target.cls
            for target in site.workers
            if target.cls is not None and target.function.name == site.api.method
        ]
        if site.api.method and classes and maker is None:
            return self._of_classes(classes)
        return self.of_maker(maker if maker is not None else site.call)

    def of_maker(self, call: Call) -> Methods:
        """Return the start methods of what ``call`` makes: a pool, a process, a manager."""
        if call.function not in self._where_forked:
            self._where_forked[call.function] = _where_forked(call.function)
        if call.node in self._where_forked[call.function]:
            return FORK
        for slot in _GIVEN:
            given = argument(call, slot)
            if given is not None:
                return self._spelled(call, slot.keyword) or self._of_context(given)
        found: set[str] = set()
        for callee in call.callee:
            named = self._class_name(callee)
            if named:
                found.add(named)
        for thing in self._evaluator.things(call.callee):
            if isinstance(thing, External) and thing.receiver and not found:
                found |= self._of_receiver(thing.receiver)
            elif isinstance(thing, Type):
                found |= self._of_pool_class(thing.cls)
        maker = call.function
        if not found and maker.module is not self._module and not maker.is_module:
            # A function of another module may choose before it makes anything.
            inside = (f for f in maker.module.functions if f is maker or f.outer is maker)
            found |= self._set_in(inside)
        return frozenset(found) or self.default()

    def _of_receiver(self, receiver: Values) -> Methods:
        """Return the start methods of the context, process or pool whose method is called."""
        found: set[str] = set()
        for thing in self._evaluator.things(receiver):
            if isinstance(thing, Handle) and thing.name == _CONTEXT:
                found |= self._of_context(receiver)
            elif isinstance(thing, Handle) and thing.call is not None:
                found |= self.of_maker(thing.call)
            elif isinstance(thing, Obj):
                found |= self._of_pool_class(thing.cls)
        return frozenset(found)

    def _of_pool_class(self, cls: Class) -> Methods:
        """Return the start methods that a class chooses which derives from a pool."""
        init = self._evaluator.method(cls, "__init__")
        found: set[str] = set()
        for call in init.calls if init is not None else ():
            given = argument(call, _GIVEN[1])
            contexts = self._evaluator.things(given or ())
            if any(isinstance(t, Handle) and t.name == _CONTEXT for t in contexts):
                found |= self._of_context(given or frozenset())
        return frozenset(found)

    def _of_context(self, values: Values) -> Methods:
        """Return the start methods of what can be a context: fork, where there is any, if the
        module itself stands in for the context of fork.
        """
        found: set[str] = set()
        things = self._evaluator.things(values)
        asked = frozenset(t for t in things if isinstance(t, Handle) and t.name == _CONTEXT)
        if asked:
            things = asked  # rather than the module, or nothing
        for thing in things:
            if isinstance(thing, Handle) and thing.name == _CONTEXT:
                call = thing.call
                classes = {self._class_name(callee) for callee in call.callee} if call else set()
                if call is None:
                    found |= METHODS
                elif classes - {""}:
                    found |= classes - {""}
                elif call.args or call.keywords:
                    found |= self._named(call) or METHODS
                else:
                    found |= self.default()
            elif isinstance(thing, External):
                found |= self.default()
            else:
                found |= METHODS
        return frozenset(found)

    def _of_classes(self, classes: Iterable[Class]) -> Methods:
        """Return the start methods of process classes of the project."""
        found: set[str] = set()
        for cls in classes:
            names = {
                self._class_name(base)
                for owner in self._evaluator.lineage(cls)[0]
                for bases in owner.bases
                for base in bases
            }
            found |= names - {""} or self._of_context_bases(cls)
        return frozenset(found)

    def _of_context_bases(self, cls: Class) -> Methods:
        """Return the start methods of the contexts whose ``Process`` a class derives from."""
        found: set[str] = set()
        for owner in self._evaluator.lineage(cls)[0]:
            for bases in owner.bases:
                for thing in self._evaluator.things(bases):
                    if isinstance(thing, External) and thing.receiver:
                        found |= self._of_context(thing.receiver)
        return frozenset(found) or self.default()

    def _named(self, call: Call) -> Methods:
        """Return the methods that the first argument of ``call`` names; nothing if unknown."""
        node = call.node
        if not isinstance(node, ast.Call):
            return frozenset()
        given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "method")]
        return self._constants(given[0], call.function) if given else frozenset()

    def _spelled(self, call: Call, keyword: str) -> Methods:
        """Return the methods that a keyword names by a text."""
        if keyword != "start_method" or not isinstance(call.node, ast.Call):
            return frozenset()
        for given in call.node.keywords:
            if given.arg == keyword:
                return self._constants(given.value, call.function) or METHODS
        return frozenset()

    def _constants(self, node: ast.expr, function: Function, depth: int = 0) -> Methods:
        """Return the methods that an expression can name; nothing where it is unknown."""
        if isinstance(node, ast.Constant):
            if node.value is None:
                return METHODS if depth else self.default()
            return frozenset((node.value,)) & METHODS if isinstance(node.value, str) else METHODS
        if isinstance(node, ast.IfExp):
            parts = [self._constants(part, function, 1) for part in (node.body, node.orelse)]
            return frozenset().union(*parts) if all(parts) else frozenset()
        if isinstance(node, ast.Name) and depth < 3:
            bound = _bound_once(node.id, function)
            if bound is not None:
                return self._constants(bound, function, depth + 1)
        return frozenset()

    def _class_name(self, value: Value) -> str:
        """Return the start method that the name of a class says, such as ``ForkProcess``."""
        variable = global_of(value)
        if variable is not None:
            names = {
                _CLASSES.get(_last(store), "")
                for store in variable.module.stores.get(variable.name, ())
                if isinstance(store, Imported)
            }
            return names.pop() if len(names) == 1 else ""
        return _CLASSES.get(_last(value), "")


def _where_forked(function: Function) -> frozenset[ast.AST]:
    """Return what stands in a function under a test that processes are forked."""
    if "get_start_method" not in function.module.source.text:
        return frozenset()
    return frozenset(
        node
        for test in ast.walk(function.node)
        if isinstance(test, ast.If)
        and isinstance(test.test, ast.Compare)
        and isinstance(test.test.ops[0], ast.Eq)
        and "get_start_method" in ast.unparse(test.test.left)
        and isinstance(test.test.comparators[0], ast.Constant)
        and test.test.comparators[0].value == "fork"
        for part in test.body
        for node in ast.walk(part)
    )


def _bound_once(name: str, function: Function) -> ast.expr | None:
    """Return what a name is bound to, in the function or else in its module, if only once."""
    for owner in (function.node, function.module.tree):
        values = [
            node.value
            for node in ast.walk(owner)
            if isinstance(node, ast.Assign | ast.AnnAssign)
            and any(
                isinstance(target, ast.Name) and target.id == name
                for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            )
        ]
        if not isinstance(owner, ast.Module) and not isinstance(owner, ast.Lambda):
            args = owner.args
            first = len(args.posonlyargs) + len(args.args) - len(args.defaults)
            named = [*args.posonlyargs, *args.args][first:]
            values += [d for arg, d in zip(named, args.defaults, strict=True) if arg.arg == name]
        if values:
            return values[0] if len(values) == 1 else None
    return None


def _last(value: Value) -> str:
    """Return the last part of the dotted name that a value spells."""
    if isinstance(value, Imported):
        return value.name.rpartition(".")[2]
    if isinstance(value, Attr):
        return value.name
    variable = global_of(value)
    if variable is None:
        return ""
    names = {
        store.name.rpartition(".")[2]
        for store in variable.module.stores.get(variable.name, ())
        if isinstance(store, Imported)
    }
    return names.pop() if len(names) == 1 else ""
