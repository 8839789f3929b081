"""What cannot be come to from where: code that only the main program runs, and functions that
nothing in their module names.
"""

from __future__ import annotations

import ast

from flake8_mpglobals.guards import MainGuards
from flake8_mpglobals.ir import Call, Function


def of_main_program(call: Call) -> bool:
    """Whether a call stands behind the main guard itself, where no importer comes."""
    function = call.function
    if not function.is_module:
        return False
    return MainGuards(function.module.tree, function.module.source.text).only_main(call.node)


def unnamed(function: Function) -> bool:
    """Whether nothing in its module can come to a plain function: no decorator has it, and
    no expression has its name, as a name, an attribute or a word in a string.
    """
    if function.is_module or function.cls is not None or function.decorators:
        return False
    return not any(_names(node, function.name) for node in ast.walk(function.module.tree))


def _names(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Name):
        return node.id == name
    if isinstance(node, ast.Attribute):
        return node.attr == name
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and name in node.value
