"""Whether the parent may go on behind an exception that a task raises."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.plan import CannotFix


@dataclass(frozen=True)
class Caught:
    """Judges the dispatch ``call``.

    What the other tasks have added would be missing behind the exception; only what
    a task that raises has not added anyway (``atomic``) may be missing.
    """

    module: Module
    call: ast.Call
    atomic: bool

    def check(self, node: ast.expr, within: ast.For | None) -> None:
        """Raise :class:`CannotFix` where the parent goes on behind an exception.

        ``node`` takes results, in the loop ``within`` over the tasks one by one.
        """
        function = self.module.function(self.call)
        for start in {node, self.call}:
            self._one(start, within)
        pending = [function]
        seen: set[ast.AST | None] = set()
        while pending:
            one = pending.pop()
            if one is None or one in seen:
                continue
            seen.add(one)
            for use in ast.walk(self.module.tree):
                named = (isinstance(use, ast.Name) and use.id == one.name) or (
                    isinstance(use, ast.Attribute) and use.attr == one.name
                )
                if named and not self.module.inside(use, one):
                    self._one(use, None)
                    pending.append(self.module.function(use))

    def _one(self, node: ast.AST, within: ast.For | None) -> None:
        child: ast.AST = node
        for above in self.module.ancestors(node):
            if isinstance(above, ast.Try) and above.handlers and child in above.body:
                inner = within is not None and self.module.inside(above, within)
                harmless = all(_leaves(one) for one in above.handlers)
                if not harmless and not (inner and self.atomic):
                    raise CannotFix(
                        f"line {above.lineno} catches what a task raises: what the others "
                        "added would be missing"
                    )
            if isinstance(above, (ast.With, ast.AsyncWith)) and child in above.body:
                for item in above.items:
                    if "suppress" in ast.unparse(item.context_expr):
                        raise CannotFix(f"line {above.lineno} suppresses what a task raises")
            child = above


def _leaves(handler: ast.ExceptHandler) -> bool:
    """Whether an exception handler ends the program, or raises again."""
    match handler.body[-1]:
        case ast.Raise():
            return True
        case ast.Expr(value=ast.Call(func=func)):
            return ast.unparse(func) in ("sys.exit", "exit", "quit", "os._exit")
    return False
