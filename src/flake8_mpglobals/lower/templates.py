"""Templates of text that operators and calls fill: ``"%s" % x``, ``"{}".format(x)``, logging."""

from __future__ import annotations

import ast

_LOGS = frozenset(("debug", "info", "warning", "error", "critical", "exception"))


def is_template(node: ast.expr) -> bool:
    """Whether ``node`` is a text written down."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    return isinstance(node, ast.JoinedStr)


def first_filled(node: ast.Call) -> int:
    """Return the position of the first argument of which a call makes text, or -1: the
    methods of loggers have their template before it.
    """
    if not isinstance(node.func, ast.Attribute):
        return -1
    if node.func.attr == "format":
        return 0 if is_template(node.func.value) else -1
    logs = node.func.attr in _LOGS and len(node.args) > 1
    return 1 if logs and is_template(node.args[0]) else -1
