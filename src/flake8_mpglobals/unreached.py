"""What cannot be come to from where: code that only the main program runs, and functions that
nothing in their module names.
"""

from __future__ import annotations

import ast

from flake8_mpglobals.guards import MainGuards
from flake8_mpglobals.ir import Call, Function, Module


class Unreached:
    """Tells it for the modules of one program, and remembers it."""

    def __init__(self) -> None:
        self._guards: dict[Module, MainGuards] = {}
        self._unnamed: dict[Function, bool] = {}

    def of_main_program(self, call: Call) -> bool:
        """Whether a call stands behind the main guard itself, where no importer comes."""
        function = call.function
        if not function.is_module:
            return False
        module = function.module
        if module not in self._guards:
            self._guards[module] = MainGuards(module.tree, module.source.text)
        return self._guards[module].only_main(call.node)

    def unnamed(self, function: Function) -> bool:
        """Whether nothing in its module can come to a plain function: no decorator has it, and
        no expression has its name, as a name, an attribute or a word in a string.
        """
        if function.is_module or function.cls is not None or function.decorators:
            return False
        known = self._unnamed.get(function)
        if known is None:
            tree = function.module.tree
            known = not any(_names(node, function.name) for node in ast.walk(tree))
            self._unnamed[function] = known
        return known


def _names(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Name):
        return node.id == name
    if isinstance(node, ast.Attribute):
        return node.attr == name
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and name in node.value
