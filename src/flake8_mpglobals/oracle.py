"""The last resort: what astroid says of an expression, as things of the evaluator.

Only what is in the file under check, and names that the file imports, are
accepted; :mod:`flake8_mpglobals.inference` (and with it astroid) is loaded when
the first question is put.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from flake8_mpglobals.evaluate import External, Func, Obj, Thing, Things, Type
from flake8_mpglobals.ir import Class, Function, Module
from flake8_mpglobals.modules import ModuleStore
from flake8_mpglobals.project import Project

if TYPE_CHECKING:
    from flake8_mpglobals.inference import Answer, Inference


class Oracle:
    """Answers for one module of ``project``."""

    __slots__ = ("_classes", "_functions", "_inference", "_module", "_project")

    def __init__(self, module: Module, project: Project) -> None:
        self._module = module
        self._project = project
        self._inference: Inference | None = None
        self._functions: dict[tuple[int, int], Function] = {}
        self._classes: dict[tuple[int, int], Class] = {}

    def __call__(self, node: ast.expr) -> Things:
        """Return what ``node`` can be, or nothing where astroid does not know either."""
        if node.end_lineno is None or node.end_col_offset is None:
            return frozenset()
        answers = self._door().ask(
            node.lineno, node.col_offset, node.end_lineno, node.end_col_offset
        )
        things = [self._thing(answer) for answer in answers]
        return frozenset(thing for thing in things if thing is not None)

    def _door(self) -> Inference:
        if self._inference is None:
            from flake8_mpglobals.inference import Inference

            source = self._module.source
            project = self._project
            store = ModuleStore(project, source, self._module.tree)
            name = project.dotted_name(source.path)
            self._inference = Inference(source, store.source, name)
            self._functions = {_where(f.node): f for f in self._module.functions if f.block is None}
            self._classes = {_where(c.node): c for c in self._module.classes}
        return self._inference

    def _thing(self, answer: Answer) -> Thing | None:
        if answer.kind == "external":
            return External(answer.name)
        if answer.path != self._module.source.path:
            return None
        where = (answer.line, answer.column)
        if answer.kind == "function":
            function = self._functions.get(where)
            return None if function is None else Func(function)
        cls = self._classes.get(where)
        if cls is None:
            return None
        return Type(cls) if answer.kind == "class" else Obj(cls)


def _where(node: ast.AST) -> tuple[int, int]:
    return (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
