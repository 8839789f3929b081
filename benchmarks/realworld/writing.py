"""Which files of a frame hold a function that writes to something that is not its own.

    python benchmarks/realworld/writing.py CHECKOUTS wild > sample.tsv

Decided by a crude look at each function alone, never by what the linter says: it declares
a name ``global`` or ``nonlocal``, it stores into an attribute or an item, or calls a method
that changes its object, of a name that it does not make itself.  Most code that starts
processes does nothing of the kind; a draw among what is left is richer in lost writes, and
in what looks like them.  The files come in the order of order.tsv.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHANGING = {"append", "add", "update", "extend", "insert", "remove", "pop", "clear"}
CHANGING |= {"setdefault", "discard", "appendleft", "popleft", "sort", "put_nowait"}


def root(expression: ast.expr) -> str:
    """Return the name in front of attributes and subscripts."""
    while isinstance(expression, ast.Attribute | ast.Subscript):
        expression = expression.value
    return expression.id if isinstance(expression, ast.Name) else ""


def writes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Say whether the function may change what it did not make."""
    own = {
        n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    if function.name == "__init__":
        own.add("self")
    for node in ast.walk(function):
        if isinstance(node, ast.Global | ast.Nonlocal):
            return True
        target: ast.expr | None = None
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            target = node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            target = node.func.value if node.func.attr in CHANGING else None
        if target is not None and (name := root(target)) and name not in own:
            return True
    return False


def sample(checkouts: Path, folder: str) -> Iterator[tuple[str, str]]:
    """Yield repository and path, in the order of the draw."""
    for line in (HERE / folder / "order.tsv").read_text("utf-8").splitlines()[1:]:
        repository, path = line.split("\t")
        source = (checkouts / repository.replace("/", "+", 1) / path).read_bytes()
        functions = ast.FunctionDef | ast.AsyncFunctionDef
        if any(writes(n) for n in ast.walk(ast.parse(source)) if isinstance(n, functions)):
            yield repository, path


if __name__ == "__main__":
    print("repository\tpath")
    for row in sample(Path(sys.argv[1]), sys.argv[2]):
        print(*row, sep="\t")
