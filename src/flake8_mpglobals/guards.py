"""Which code of a module runs only in the main program, and which never does.

Under ``spawn`` and ``forkserver`` a worker imports the main module again, by another
``__name__``.  Code behind ``if __name__ == "__main__":`` (in any of its forms) does not
run there; an early ``return`` or ``exit`` guards whatever follows it.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterable, Sequence

Sides = frozenset[str]
"""Of ``main`` and ``worker``: the processes to which a test's outcome confines the code."""

MAIN = "main"
WORKER = "worker"

_NEITHER: Sides = frozenset()
_BOTH: Sides = frozenset((MAIN, WORKER))
_MAIN_PROCESS = "MainProcess"
_LEAVES = frozenset(("exit", "_exit", "quit", "abort"))

_Point = tuple[int, int]


def _joined(spans: list[tuple[_Point, _Point]]) -> list[tuple[_Point, _Point]]:
    """Return stretches that do not overlap, in order, which cover the same."""
    found: list[tuple[_Point, _Point]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


class MainGuards:
    """The guarded stretches of one module, asked by node."""

    def __init__(self, tree: ast.Module, text: str) -> None:
        self._spans: dict[str, list[tuple[_Point, _Point]]] = {MAIN: [], WORKER: []}
        self._named: dict[str, ast.expr] = {}
        if "_main__" in text or _MAIN_PROCESS in text:
            self._name_tests(tree)
            self._block(tree.body)
        for side, spans in self._spans.items():
            self._spans[side] = _joined(spans)
        self._starts = {side: [start for start, _ in spans] for side, spans in self._spans.items()}

    def only_main(self, node: ast.AST) -> bool:
        """Whether ``node`` runs in the main program only, or not at all."""
        return self._holds(MAIN, node)

    def only_worker(self, node: ast.AST) -> bool:
        """Whether ``node`` runs only where the module is not the main program."""
        return self._holds(WORKER, node)

    def _holds(self, side: str, node: ast.AST) -> bool:
        spans = self._spans[side]
        if not spans:
            return False
        point = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
        index = bisect_right(self._starts[side], point) - 1
        return index >= 0 and point < spans[index][1]

    def _name_tests(self, tree: ast.Module) -> None:
        """Note ``IS_MAIN = __name__ == "__main__"`` and its like, where bound once."""
        bound: dict[str, list[ast.expr]] = {}
        for node in tree.body:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        bound.setdefault(target.id, []).append(node.value)
        self._named = {name: values[0] for name, values in bound.items() if len(values) == 1}

    def _mark(self, sides: Sides, nodes: Sequence[ast.stmt | ast.expr], first: int = 0) -> None:
        """Confine ``nodes``, which follow one another, from number ``first`` on."""
        if first >= len(nodes):
            return
        start, end = nodes[first], nodes[-1]
        for side in sides:
            self._spans[side].append(
                ((start.lineno, start.col_offset), (end.end_lineno or 0, end.end_col_offset or 0))
            )

    def _block(self, body: Sequence[ast.stmt]) -> None:
        """Look through statements; one that leaves early confines those after it."""
        for index, node in enumerate(body):
            after: Sides = _NEITHER
            if isinstance(node, ast.If | ast.While):
                true, false = self._outcomes(node.test)
                self._mark(true, node.body)
                if isinstance(node, ast.If):
                    self._mark(false, node.orelse)
                    if _leaves(node.body):
                        after = false
                    elif _leaves(node.orelse):
                        after = true
            elif isinstance(node, ast.Assert):
                after, _ = self._outcomes(node.test)
            self._mark(after, body, index + 1)
            self._inside(node)

    def _inside(self, node: ast.AST) -> None:
        """Look through the parts of a statement or expression."""
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                if name in ("body", "orelse", "finalbody") and not isinstance(node, ast.IfExp):
                    self._block(value)
                else:
                    for part in value:
                        if isinstance(part, ast.AST):
                            self._expression(part)
            elif isinstance(value, ast.AST):
                self._expression(value)

    def _expression(self, node: ast.AST) -> None:
        """Look for ``guard and call()`` and ``call() if guard else …``."""
        if isinstance(node, ast.BoolOp):
            for index, part in enumerate(node.values[:-1]):
                true, false = self._outcomes(part)
                goes_on = true if isinstance(node.op, ast.And) else false
                self._mark(goes_on, node.values, index + 1)
        elif isinstance(node, ast.IfExp):
            true, false = self._outcomes(node.test)
            self._mark(true, [node.body])
            self._mark(false, [node.orelse])
        self._inside(node)

    def _outcomes(self, test: ast.expr, depth: int = 0) -> tuple[Sides, Sides]:
        """Return where the code can be when ``test`` is true, and when it is false."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            true, false = self._outcomes(test.operand, depth)
            return false, true
        if isinstance(test, ast.BoolOp):
            parts = [self._outcomes(part, depth) for part in test.values]
            anyone = [_NEITHER.union(*column) for column in zip(*parts, strict=True)]
            everyone = [_BOTH.intersection(*column) for column in zip(*parts, strict=True)]
            if isinstance(test.op, ast.And):
                return anyone[0], everyone[1]
            return everyone[0], anyone[1]
        if isinstance(test, ast.NamedExpr):
            return self._outcomes(test.value, depth)
        if isinstance(test, ast.Constant) and not test.value:
            return _BOTH, _NEITHER
        if isinstance(test, ast.Name) and test.id in self._named and depth < 3:
            return self._outcomes(self._named[test.id], depth + 1)
        if (
            isinstance(test, ast.Call)
            and isinstance(test.func, ast.Attribute)
            and test.func.attr in ("endswith", "startswith")
            and _is_name(test.func.value)
        ):
            return self._confined(bool(test.args) and _text(test.args[0]) == "__main__")
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            return self._compared(test)
        return _NEITHER, _NEITHER

    @staticmethod
    def _confined(main: bool) -> tuple[Sides, Sides]:
        return (frozenset((MAIN,)), frozenset((WORKER,))) if main else (_NEITHER, _NEITHER)

    def _compared(self, test: ast.Compare) -> tuple[Sides, Sides]:
        """Return the outcomes of one comparison."""
        left, right, op = test.left, test.comparators[0], test.ops[0]
        found: tuple[Sides, Sides] = (_NEITHER, _NEITHER)
        if isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
            for one, other in ((left, right), (right, left)):
                if (_is_name(one) and _text(other) == "__main__") or (
                    _is_process_name(one) and _text(other) == _MAIN_PROCESS
                ):
                    found = self._confined(True)
                elif _is_name(one) and _text(other) == "__mp_main__":
                    found = (frozenset((WORKER,)), _NEITHER)
            negated = isinstance(op, ast.NotEq | ast.IsNot)
        elif isinstance(op, ast.In | ast.NotIn):
            if (_text(left) == "__main__" and _is_name(right)) or (
                _is_name(left)
                and isinstance(right, ast.Tuple | ast.List | ast.Set)
                and "__mp_main__" not in (names := [_text(part) for part in right.elts])
                and "__main__" in names
            ):
                found = self._confined(True)
            negated = isinstance(op, ast.NotIn)
        else:
            return found
        return (found[1], found[0]) if negated else found


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "__name__"


def _is_process_name(node: ast.expr) -> bool:
    """Whether ``node`` is ``current_process().name``: a worker has its own from the start."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "name"
        and _called(node.value) == "current_process"
    )


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _called(node: ast.expr) -> str:
    """Return the last name of the function that ``node`` calls."""
    if not isinstance(node, ast.Call):
        return ""
    func = node.func
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def _leaves(body: Iterable[ast.stmt]) -> bool:
    """Whether control never gets past ``body``."""
    for node in body:
        if isinstance(node, ast.Return | ast.Raise | ast.Continue | ast.Break):
            return True
        if isinstance(node, ast.Expr) and _called(node.value) in _LEAVES:
            return True
        if isinstance(node, ast.If) and _leaves(node.body) and _leaves(node.orelse):
            return True
    return False
