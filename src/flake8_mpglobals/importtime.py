"""What runs while a module is imported: its body outside the main guard, and what that
calls.  Under ``spawn`` and ``forkserver`` every worker runs it once more.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator

from flake8_mpglobals.dispatches import Boundaries
from flake8_mpglobals.evaluate import Evaluator, Func, Type
from flake8_mpglobals.guards import MainGuards
from flake8_mpglobals.ir import Call, Function, Module

_HOOKS = frozenset(("__init_subclass__", "__set_name__", "__class_getitem__", "__prepare__"))
"""Methods that Python calls while it makes a class."""


class ImportTime:
    """Answers which functions run at import, and which nodes are guarded against it."""

    def __init__(self, module: Module, boundaries: Boundaries, evaluator: Evaluator) -> None:
        self._boundaries = boundaries
        self._guards: dict[Module, MainGuards] = {}
        self.entered: dict[Function, tuple[Call, Function] | None] = {}
        """Functions that run at import, each with the call that first enters it (and where)."""
        self.decorators = frozenset(self._decorators(module, evaluator))
        """Functions that definitions at module level call without a call being written."""
        self._walk(module.body)
        for function in boundaries.functions:
            if function.is_module and function not in self.entered:
                self._walk(function)

    def guards(self, module: Module) -> MainGuards:
        """Return the guarded stretches of a module."""
        known = self._guards.get(module)
        if known is None:
            known = self._guards[module] = MainGuards(module.tree, module.source.text)
        return known

    def only_main(self, function: Function, node: ast.AST) -> bool:
        """Whether ``node`` of ``function`` is behind a main guard."""
        return self.guards(function.module).only_main(node)

    def calls(self, module: Module) -> Iterator[Call]:
        """Yield the calls that run while ``module`` is imported, by what itself does."""
        for function in self.entered:
            chain = self.chain(function)
            start = chain[0][0].function if chain else function
            if start.module is not module:
                continue
            for call in function.calls:
                if not self.only_main(function, call.node):
                    yield call

    def chain(self, function: Function) -> tuple[tuple[Call, Function], ...]:
        """Return the calls by which the module body comes to ``function``."""
        steps: list[tuple[Call, Function]] = []
        came = self.entered[function]
        while came is not None:
            steps.append((came[0], function))
            function = came[1]
            came = self.entered[function]
        return tuple(reversed(steps))

    def _walk(self, body: Function) -> None:
        self.entered[body] = None
        queue = deque((body,))
        while queue:
            function = queue.popleft()
            for call, target in self._boundaries.edges_of(function):
                inner = target.function
                if inner in self.entered or inner in self._boundaries.loose:
                    continue
                if not self.only_main(function, call.node):
                    self.entered[inner] = (call, function)
                    queue.append(inner)

    def _decorators(self, module: Module, evaluator: Evaluator) -> Iterator[Function]:
        for function in module.functions:
            if function.name in _HOOKS:
                yield function
            for values in function.decorators:
                for thing in evaluator.things(values):
                    if isinstance(thing, Func):
                        yield thing.function
                    elif isinstance(thing, Type):
                        method = evaluator.method(thing.cls, "__init__")
                        if method is not None:
                            yield method
