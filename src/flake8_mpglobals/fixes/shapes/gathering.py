"""Where the parent takes the results of a dispatch, and how it adds them to a place."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from itertools import takewhile

from flake8_mpglobals.facts import Site
from flake8_mpglobals.fixes.module import Module
from flake8_mpglobals.fixes.plan import CannotFix, Unsuited
from flake8_mpglobals.fixes.scopes import COMPREHENSIONS
from flake8_mpglobals.fixes.shapes.adding import Adding, check_whole, second
from flake8_mpglobals.fixes.shapes.lists import (
    appended_to,
    differs,
    differs_in,
    passes,
    single,
    uses,
)
from flake8_mpglobals.fixes.shapes.pure import is_builtin
from flake8_mpglobals.fixes.shapes.untaken import call_back, keep, take_behind

_READY = frozenset({"map", "starmap"})
_LAZY = frozenset({"imap", "imap_unordered"})
_ASYNC = frozenset({"map_async", "starmap_async", "apply_async", "submit"})
_MANY = frozenset({"map_async", "starmap_async"})
_TAKES = frozenset({"get", "result"})
_QUIET = frozenset({"wait", "ready", "done", "running", "cancelled"})
_THROUGH = frozenset({"as_completed", "list", "tuple", "reversed"})
_COPIES = frozenset({"list", "tuple"})
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _waits(module: Module, call: ast.Call) -> bool:
    """Whether a call is one of ``wait()`` of a library."""
    match call.func:
        case ast.Name(id="wait"):
            return "wait" not in module.functions
        case ast.Attribute(value=ast.Attribute() | ast.Name() as owner, attr="wait"):
            return ast.unparse(owner).partition(".")[0] not in ("self", "cls")
    return False


def _is_copy(call: ast.Call) -> bool:
    """Whether a call goes through all that it is handed at once."""
    return ast.unparse(call.func) in ("list", "tuple", "sorted", "len", "set")


@dataclass
class Gathering:
    """Follows the results of one dispatch to where ``adding`` can add them."""

    adding: Adding

    @property
    def module(self) -> Module:
        """The file."""
        return self.adding.module

    @property
    def site(self) -> Site:
        """The dispatch."""
        return self.adding.site

    def apply(self) -> None:
        """Gather the edits; raise :class:`CannotFix` where a result could get lost."""
        call, name = self.site.call, self._method()
        for one in call.keywords:
            if one.arg in ("callback", "error_callback"):
                raise CannotFix(f"line {one.value.lineno} hands the results to a callback")
        if name == "run_in_executor":
            self._awaitable(call)
        elif name in _ASYNC:
            self._later(call, many=name in _MANY)
        elif name == "apply":
            self.adding.one(call)
        elif name in _READY | _LAZY:
            lazy = name in _LAZY or self._executor()
            if name in _LAZY:
                self._check_tasks(call)
            self.adding.many(call, lazy=lazy)
        else:
            no = self.adding.no("does not give back what its worker returns")
            raise Unsuited(no.reason)

    def _check_tasks(self, call: ast.Call) -> None:
        """Refuse tasks that are still taken from a place while results are added to it."""
        roots = {place.partition(".")[0] for place in self.adding.places}
        for argument in call.args[1:]:
            for node in ast.walk(argument):
                used = isinstance(node, ast.Name) and node.id in roots
                above = takewhile(lambda one: one is not call, self.module.ancestors(node))
                if used and not any(isinstance(one, ast.Call) and _is_copy(one) for one in above):
                    raise self.adding.no(
                        f"takes its tasks from {ast.unparse(node)!r} while results are added to it"
                    )

    def _method(self) -> str:
        return self.site.api.name.rpartition(".")[2]

    def _executor(self) -> bool:
        return self.site.api.name.startswith("concurrent.futures.")

    # -- from the call to where its results are

    def _awaitable(self, node: ast.expr) -> None:
        parent = self.module.parents[node]
        if isinstance(parent, ast.Await):
            self.adding.one(parent)
            return
        self._listed(node)

    def _later(self, call: ast.expr, *, many: bool) -> None:
        """Follow an object that stands for results to come."""
        parent = self.module.parents[call]
        taken = self._taken(call)
        if taken is not None:
            self._result(taken, many=many)
            return
        name = single(parent)
        if isinstance(parent, ast.Expr):
            if self._method() == "submit":
                keep(self.adding, self.site.call, parent)
            else:
                call_back(self.adding, self.site.call, many=many)
            return
        if isinstance(parent, ast.Assign) and name is not None:
            self._named(name, many=many)
            return
        if many:
            raise self.adding.no("does not hand its results to anything that is followed")
        self._listed(call)

    def _taken(self, node: ast.expr) -> ast.Call | None:
        """Return the call of ``get()`` or ``result()`` on ``node``."""
        attribute = self.module.parents[node]
        if isinstance(attribute, ast.Attribute) and attribute.attr in _TAKES:
            call = self.module.parents[attribute]
            if isinstance(call, ast.Call) and call.func is attribute:
                return call
        return None

    def _named(self, name: ast.Name, *, many: bool) -> None:
        found: list[ast.Call] = []
        for use in uses(self.module, name):
            if use is name:
                continue
            taken = self._taken(use)
            attribute = self.module.parents[use]
            if taken is not None:
                found.append(taken)
            elif appended_to(attribute) is not None and not many and not found:
                self._listed(use)
                return
            elif not (isinstance(attribute, ast.Attribute) and attribute.attr in _QUIET):
                raise self.adding.no(f"hands its result on in line {use.lineno}")
        if not found and self._method().endswith("_async"):
            call_back(self.adding, self.site.call, many=many)
            return
        if len(found) != 1 or self._repeated(name, found[0]):
            raise self.adding.no("does not have its result taken once, by get() or result()")
        self._result(found[0], many=many)

    def _repeated(self, name: ast.AST, taken: ast.AST) -> bool:
        """Whether a result may be taken another number of times than it is made."""
        return self._around(name) != self._around(taken)

    def _around(self, node: ast.AST) -> list[ast.AST]:
        kinds = (*_LOOPS, ast.If, *_FUNCTIONS, *COMPREHENSIONS, ast.ExceptHandler)
        return [above for above in self.module.ancestors(node) if isinstance(above, kinds)]

    def _result(self, taken: ast.expr, *, many: bool) -> None:
        if many:
            self.adding.many(taken, lazy=False)
        else:
            self.adding.one(taken)

    # -- lists of results to come

    def _listed(self, item: ast.expr) -> None:
        """Follow the list (or dict, by its keys) into which a result to come is put."""
        module = self.module
        parent = module.parents[item]
        owner = appended_to(parent)
        if owner is None and isinstance(parent, ast.Call) and parent.args == [item]:
            match parent.func:
                case ast.Attribute(value=ast.Name() as held, attr="add"):
                    owner = held
        if owner is not None:
            self._held(owner)
            return
        match parent:
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() if parent.elt is item:
                self._collection(parent)
                return
            case ast.DictComp() if parent.key is item:
                self._collection(parent)
                return
            case ast.List():
                self._collection(parent)
                return
            case ast.DictComp(key=key, value=value, generators=[one]) if value is item:
                if differs_in(module, key, one):
                    self._collection(parent, by_key=True)
                    return
            case ast.Assign(targets=[ast.Subscript(value=ast.Name() as held, slice=key)]):
                if differs(module, key):
                    self._held(held, by_key=True)
                    return
            case ast.Subscript() if isinstance(module.parents[parent], ast.Assign):
                if parent.slice is item and isinstance(parent.value, ast.Name):
                    self._held(parent.value)
                    return
        raise self.adding.no("does not have its results taken by result() or get()")

    def _collection(self, node: ast.expr, *, by_key: bool = False) -> None:
        """Follow an expression that holds all results to come (``by_key``: as values of a dict)."""
        parent = self.module.parents[node]
        name = single(parent)
        if isinstance(parent, ast.Assign) and name is not None and parent.value is node:
            self._held(name, by_key=by_key)
            return
        self._through(node)

    def _held(self, name: ast.Name, *, by_key: bool = False) -> None:
        """Find the one place where all that a list holds is gone through."""
        module = self.module
        found: list[ast.expr] = []
        waits: list[ast.stmt] = []
        for use in uses(module, name):
            parent = module.parents[use]
            if not isinstance(use.ctx, ast.Load):
                if not isinstance(parent, (ast.Assign, ast.AnnAssign)):
                    raise self.adding.no(
                        f"keeps its results in {name.id!r}, which line {use.lineno} changes"
                    )
                continue
            call = module.parents.get(parent)
            grows = isinstance(parent, ast.Attribute) and parent.attr in ("append", "add")
            if grows and isinstance(call, ast.Call):
                continue
            if isinstance(parent, ast.Subscript) and parent.value is use:
                if by_key and isinstance(parent.ctx, ast.Load):
                    raise self.adding.no(f"has its results taken one by one (line {use.lineno})")
                continue  # what a dict says about a result
            if self._measured(use):
                continue
            if isinstance(parent, ast.Call) and _waits(module, parent):
                waits.append(module.statement(parent))
                found += self._done(parent)
                continue
            found.append(use)
        if not found and self._method() == "apply_async":
            call_back(self.adding, self.site.call, many=False)
            return
        if not found and self._method() == "submit" and not by_key:
            first = [u for u in uses(module, name) if not isinstance(u.ctx, ast.Load)]
            at = waits or [module.statement(one) for one in first]
            if len(first) == 1 and len(at) == 1 and not self._grows(name):
                take_behind(self.adding, at[0], name.id)
                return
        if len(found) != 1:
            raise self.adding.no(
                f"has its results taken from {name.id!r} not once, but {len(found)} times"
            )
        bound = [u for u in uses(module, name) if not isinstance(u.ctx, ast.Load)]
        if len(bound) != 1 or self._function_of(found[0]) is not self._function_of(bound[0]):
            raise self.adding.no(f"keeps its results in {name.id!r}, which is bound more than once")
        outer = [a for a in self._around(found[0]) if isinstance(a, (*_LOOPS, ast.If))]
        made = [a for a in self._around(bound[0]) if isinstance(a, (*_LOOPS, ast.If))]
        inner = [one for one in outer if one not in made]
        if any(
            not (isinstance(one, ast.For) and module.inside(found[0], one.iter)) for one in inner
        ):
            raise self.adding.no(f"may have its results taken not once (line {found[0].lineno})")
        if not by_key:
            self._through(found[0])
            return
        match module.parents[found[0]]:
            case ast.Attribute(attr="values" | "items" as what) as attribute:
                call = module.parents[attribute]
                if isinstance(call, ast.Call) and call.func is attribute:
                    self._through(call, pairs=what == "items")
                    return
        raise self.adding.no("does not have its results taken by result() or get()")

    def _done(self, call: ast.Call) -> list[ast.expr]:
        """Return the uses of what ``wait()`` gives back: all results to come, once they are there.

        Raises :class:`CannotFix` where it may give back some of them only.
        """
        module = self.module
        value: ast.expr = call
        parent = module.parents[call]
        if isinstance(parent, ast.Await):
            value, parent = parent, module.parents[parent]
        if isinstance(parent, ast.Expr):
            return []
        whole = len(call.args) == 1 and not call.keywords
        match parent:
            case ast.Attribute(attr="done") if whole:
                return [parent]
            case ast.Assign(targets=[ast.Tuple(elts=[ast.Name() as done, ast.Name()])]) if whole:
                every = [use for use in uses(module, done) if use is not done]
                if all(isinstance(use.ctx, ast.Load) for use in every):
                    return [use for use in every if not self._measured(use)]
        raise self.adding.no(f"hands what is done on in line {value.lineno}")

    def _measured(self, use: ast.Name) -> bool:
        """Whether a use only asks how many there are."""
        call = self.module.parents[use]
        if not (isinstance(call, ast.Call) and is_builtin(self.module, call.func)):
            return False
        return ast.unparse(call.func) == "len"

    def _grows(self, name: ast.Name) -> bool:
        """Whether a list gets its items one by one, and nothing waits for them."""
        return any(
            isinstance(self.module.parents[use], ast.Attribute) for use in uses(self.module, name)
        )

    def _function_of(self, node: ast.AST) -> ast.AST | None:
        return self.module.function(node)

    def _through(self, node: ast.expr, *, pairs: bool = False) -> None:
        """Go from a collection of results to come to where each result is taken.

        ``pairs``: each result is the second of a pair.
        """
        module = self.module
        current: ast.expr = node
        parent = module.parents[current]
        if isinstance(parent, ast.Starred):
            gather = module.parents[parent]
            waited = module.parents.get(gather)
            if (
                isinstance(gather, ast.Call)
                and ast.unparse(gather.func).rpartition(".")[2] == "gather"
                and len(gather.args) == 1
                and not gather.keywords
                and isinstance(waited, ast.Await)
            ):
                self.adding.many(waited, lazy=False)
                return
        while isinstance(parent, ast.Call) and current in parent.args[:1]:
            through = ast.unparse(parent.func).rpartition(".")[2] in _THROUGH
            if not through and not passes(module, parent, current):
                break
            current, parent = parent, module.parents[parent]
        counted = self._counted(current, parent)
        if counted is not None:
            current, parent = counted, module.parents[counted]
        match parent:
            case ast.For(target=target) if parent.iter is current and pairs:
                self._each(parent, second(target) if counted is None else None)
            case ast.For(target=target) if parent.iter is current:
                self._each(parent, target if counted is None else second(target))
            case _ if pairs:
                raise self.adding.no("has its results taken in a way that is not followed")
            case ast.comprehension(target=ast.Name() as target, ifs=[]) if parent.iter is current:
                outer = module.parents[parent]
                assert isinstance(outer, ast.expr)
                if not isinstance(outer, (ast.ListComp, ast.GeneratorExp)):
                    raise self.adding.no("has its results taken in a way that is not followed")
                taken = outer.elt
                if isinstance(taken, ast.Await):
                    raise self.adding.no("has its results awaited one by one")
                match taken:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id=item), attr=attr)) if (
                        item == target.id and attr in _TAKES and len(outer.generators) == 1
                    ):
                        self.adding.many(outer, lazy=isinstance(outer, ast.GeneratorExp))
                        return
                raise self.adding.no("has its results used")
            case _:
                raise self.adding.no(
                    "does not have its results taken: call result() or get() on each"
                )

    def _counted(self, current: ast.expr, parent: ast.AST) -> ast.Call | None:
        """Return ``enumerate(current)``, if that is what ``parent`` is."""
        if isinstance(parent, ast.Call) and ast.unparse(parent.func) == "enumerate":
            return parent if current in parent.args[:1] else None
        return None

    def _each(self, loop: ast.For, target: ast.expr | None) -> None:
        """Find the result of each item inside of a loop over all of them."""
        if not isinstance(target, ast.Name):
            raise self.adding.no("has its results taken in a way that is not followed")
        found: list[ast.Call] = []
        for use in uses(self.module, target):
            if not any(self.module.inside(use, one) for one in loop.body):
                continue
            taken = self._taken(use)
            if taken is not None:
                found.append(taken)
        check_whole(loop)
        if not found:
            raise self.adding.no("does not have each result taken once")
        statement = self.module.statement(found[0])
        block = self.module.block(statement)
        holder = self.module.parents[statement]
        attempt = isinstance(holder, ast.Try) and block is holder.body and holder in loop.body
        if block is not loop.body and not attempt:
            raise self.adding.no(f"may not have each result taken (line {statement.lineno})")
        if len(found) == 1:
            self.adding.one(found[0], within=loop)
            return
        behind = block[block.index(statement) :]
        if any(
            not any(self.module.inside(one, other) for other in behind)
            or isinstance(self.module.function(one), ast.Lambda)
            or self.module.function(one) is not self.module.function(loop)
            for one in found
        ):
            raise self.adding.no("does not have each result taken once")
        self.adding.several(found, within=loop)
