"""By which start methods the processes of a dispatch can begin.

``fork`` copies the parent as it is; under ``spawn`` and ``forkserver`` the module
is imported again.  A rule about what only fork carries over asks here whether
anything else is possible: the project says so (``start-methods``), the program
(``set_start_method``), or the context that the pool or process was made from.
"""

from __future__ import annotations

import ast

from flake8_mpglobals.boundaries import DispatchSite
from flake8_mpglobals.evaluate import Evaluator, External, Handle
from flake8_mpglobals.ir import Attr, Call, Module

METHODS = frozenset(("fork", "spawn", "forkserver"))
"""All start methods that there are."""

_SETTER = "multiprocessing.set_start_method"
_GETTER = "multiprocessing.get_context"
_CONTEXT_KEYWORDS = ("mp_context", "context")


class StartMethods:
    """Answers for one module; ``declared`` are the methods that the project supports."""

    def __init__(
        self, module: Module, evaluator: Evaluator, declared: tuple[str, ...] = ()
    ) -> None:
        self._module = module
        self._evaluator = evaluator
        self._allowed = METHODS & frozenset(declared) or METHODS
        self._default: frozenset[str] | None = None

    def of(self, site: DispatchSite) -> frozenset[str]:
        """Return the methods by which the processes of ``site`` can be started."""
        own = self._of_context(site.call)
        if not own and site.pool is not None:
            own = self._of_context(site.pool)
        return (own or self.default()) & self._allowed or self._allowed

    def forks_only(self, site: DispatchSite) -> bool:
        """Whether the processes of ``site`` are forked and nothing else."""
        return self.of(site) == {"fork"}

    def default(self) -> frozenset[str]:
        """Return what ``set_start_method`` leaves possible for the module's own processes."""
        if self._default is None:
            named: set[str] = set()
            for function in (self._module.body, *self._module.functions):
                for call in function.calls:
                    for thing in self._evaluator.things(call.callee):
                        if isinstance(thing, External) and thing.name == _SETTER:
                            named |= _constant(call, "method") or METHODS
            self._default = frozenset(named) or METHODS
        return self._default

    def _of_context(self, call: Call) -> frozenset[str]:
        """Return the methods of the contexts that ``call`` makes a pool or process from."""
        found: set[str] = set()
        receivers = [frozenset((c.base,)) for c in call.callee if isinstance(c, Attr)]
        given = [call.keywords[name] for name in _CONTEXT_KEYWORDS if name in call.keywords]
        for values in (*receivers, *given):
            for thing in self._evaluator.things(values):
                if isinstance(thing, Handle) and thing.call is not None:
                    for made in self._evaluator.things(thing.call.callee):
                        if isinstance(made, External) and made.name == _GETTER:
                            found |= _constant(thing.call, "method")
        return frozenset(found)


def _constant(call: Call, keyword: str) -> frozenset[str]:
    """Return the start method that a call names; nothing where it is not said in so many words."""
    node = call.node
    if not isinstance(node, ast.Call):
        return frozenset()
    given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == keyword)]
    return frozenset(
        value.value
        for value in given
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    )
