"""How the parent words what a worker gives back: what travels, and what to call it."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.shapes.additions import Addition


def folded_in(
    module: Module, found: Sequence[Addition], *, numbers: bool = False
) -> dict[int, str]:
    """Return the operands that are one constant wherever the worker adds: they need not travel."""
    first = found[0]
    if first.op in ("+", "-"):
        if not numbers:
            return {}
    elif len(first.operands) < 2 or first.op == "item":
        return {}
    folded: dict[int, str] = {}
    for n, op in enumerate(first.operands):
        texts = {ast.unparse(one.operands[n]) for one in found}
        if isinstance(op, ast.Constant) and len(texts) == 1:
            text = module.text(op)  # in the quotes that the file has
            folded[n] = texts.pop() if len(text.splitlines()) > 1 else text
    if folded and len(folded) == len(first.operands) and not numbers:
        del folded[len(folded) - 1]  # something must tell that the task is done
    return folded


def singular(stem: str, default: str) -> str:
    """Return what to call one item of a place."""
    if default != "value":
        return default
    for plural, single in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if stem.endswith(plural) and not stem.endswith("ss") and len(stem) > 3:
            return stem[: -len(plural)] + single
    return default


def loops_in(line: str, names: Sequence[str]) -> str:
    """Mark the names that a line of the parent binds, so that they can be renamed."""
    for name in names:
        line = _word(line, name)
    return line


def _word(line: str, name: str) -> str:
    return re.sub(rf"(?<![\w{{.]){name}(?![\w}}(])", f"{{{name}}}", line)


def braces(text: str) -> str:
    """Keep the braces of a text through :meth:`str.format`."""
    return text.replace("{", "{{").replace("}", "}}")
