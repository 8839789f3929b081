"""One worker that adds to places, and how the parent reaches the same places."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace

from flake8_mpglobals.facts import Facts, LostWrite, Site
from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.globals import forget
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix, Unsuited
from flake8_mpglobals.fixes.scopes import COMPREHENSIONS
from flake8_mpglobals.fixes.shapes import dispatches
from flake8_mpglobals.fixes.shapes.additions import NUMBERS, IsPlace, additions, statements_in
from flake8_mpglobals.fixes.shapes.aliases import aliases
from flake8_mpglobals.fixes.shapes.annotated import returned
from flake8_mpglobals.fixes.shapes.calm import calm, calm_behind
from flake8_mpglobals.fixes.shapes.giving import Giving
from flake8_mpglobals.fixes.shapes.grouping import SORTS
from flake8_mpglobals.fixes.shapes.helpers import helpers
from flake8_mpglobals.fixes.shapes.lists import uses
from flake8_mpglobals.fixes.shapes.members import OBJECT, Members, handed_on, kind_of
from flake8_mpglobals.fixes.shapes.outcome import Added, Outcome
from flake8_mpglobals.fixes.shapes.proxy_use import Uses
from flake8_mpglobals.fixes.shapes.stored import Stored
from flake8_mpglobals.fixes.touches import Touches

_BINDING = (ast.For, ast.AsyncFor, ast.While, *COMPREHENSIONS)


class Adder:
    """One function that adds to places, and the dispatches that run it."""

    def __init__(
        self,
        facts: Facts,
        module: Module,
        writes: Sequence[LostWrite],
        *,
        processes: bool = False,
    ) -> None:
        self._processes = processes
        self._module = module
        self._writes = writes
        for write in writes:
            if write.how not in SORTS or write.elsewhere:
                raise CannotFix(
                    f"workers also change {write.place!r}, in a way that cannot be given back"
                )
        self.sites = dispatches.found(facts, module, writes)
        function = writes[0].function
        if not isinstance(function, ast.FunctionDef):
            raise CannotFix(f"what changes {writes[0].place!r} is no plain function")
        self.function: Function = function
        self._bases: dict[str, str] = {}  # of attributes, whose object they are
        self._check_function()
        self._check_sites()
        self.places = self._places()
        self._check_helpers()

    # -- the function

    def _check_function(self) -> None:
        function, module = self.function, self._module
        decorators = [ast.unparse(one) for one in function.decorator_list]
        self._of_class = decorators == ["classmethod"]
        if not self._of_class and any(one != "staticmethod" for one in decorators):
            raise CannotFix(f"the worker {function.name!r} is decorated: what runs is not known")
        if any(isinstance(n, (ast.Yield, ast.YieldFrom, ast.Await)) for n in ast.walk(function)):
            raise CannotFix(f"the worker {function.name!r} is a generator or coroutine")
        parent = module.parents[function]
        if not isinstance(parent, (ast.Module, ast.ClassDef)):
            raise CannotFix(f"the worker {function.name!r} is defined inside of another block")
        self._method = isinstance(parent, ast.ClassDef)
        if not self._method and module.functions.get(function.name) is not function:
            raise CannotFix(f"{function.name!r} is bound more than once")
        same = [one for one in module.definitions if one.name == function.name]
        if self._method and len(same) != 1:
            raise CannotFix(f"{function.name!r} is defined more than once")

    def _check_sites(self) -> None:
        module, function = self._module, self.function
        for site in self.sites:
            line = site.dispatch.location.line
            known = dispatches.is_process(site) if self._processes else _is_plain(site)
            if site.initializer or site.wrapper or not known:
                raise Unsuited(
                    f"{site.dispatch.api} (line {line}) does not give back what its worker returns"
                )
            if site.workers and not any(one is function for one in site.workers):
                raise CannotFix(
                    f"{function.name!r} adds to {self._writes[0].place!r} for the worker of "
                    f"{site.dispatch.api} (line {line}): let the worker itself add"
                )
            if len(site.workers) > 1:
                raise CannotFix(f"{site.dispatch.api} (line {line}) may run several workers")
            dispatches.check_guard(module, site, module.function(site.call))
        exempt = {id(one) for one in self._named()}
        for node in ast.walk(module.tree):
            named = (isinstance(node, ast.Name) and node.id == function.name) or (
                self._method and isinstance(node, ast.Attribute) and node.attr == function.name
            )
            if named and id(node) not in exempt:
                raise CannotFix(
                    f"{function.name!r} is used in line {getattr(node, 'lineno', 0)} as well, "
                    "where it must add to the place itself"
                )

    def _named(self) -> Iterator[ast.AST]:
        """Yield the expressions by which the dispatches name the function."""
        module = self._module
        for given in dispatches.callables(module, self.sites):
            yield given
            value: ast.AST = given
            if isinstance(given, ast.Name):
                bound = [u for u in uses(module, given) if not isinstance(u.ctx, ast.Load)]
                others = [u for u in uses(module, given) if isinstance(u.ctx, ast.Load)]
                if len(bound) == 1 and all(
                    any(u is one for one in dispatches.callables(module, self.sites))
                    for u in others
                ):
                    value = getattr(module.parents[bound[0]], "value", given)
            match value:
                case ast.Call(func=func, args=[first, *_]):
                    if ast.unparse(func) in ("partial", "functools.partial"):
                        yield first

    # -- the places

    def _places(self) -> list[Added]:
        found: list[Added] = []
        keys: dict[str, LostWrite] = {}
        statements = list(statements_in(self.function))
        for write in self._writes:
            keys.setdefault(self._key(write), write)
        for key, write in keys.items():
            is_place = self._matcher(key)
            kind, declared = write.kind, self._declared(key)
            if key in self._bases:
                kind, declared = self._member(self._bases[key], key)
            if kind == OBJECT:
                members = Members(self._module, key)
                own, other = members.calls(self.function, is_place, statements)
            else:
                own, other = additions(self.function, is_place, kind, statements)
            if other is not None or not own:
                line = getattr(other, "lineno", self.function.lineno)
                if isinstance(other, ast.Name) and isinstance(other.ctx, ast.Store):
                    raise CannotFix(
                        f"{self.function.name!r} gives {key!r} another value (line {line}): return "
                        "it and let the parent choose among what the workers return"
                    )
                raise CannotFix(
                    f"{self.function.name!r} does more with {key!r} than adding to it "
                    f"(line {line}): a worker that reads it needs it shared"
                )
            self._check_stored(key, own, used=kind == OBJECT)
            stem = key.rpartition(".")[2].strip("_").lower() or "results"
            found.append(Added(key, kind, stem, tuple(own), declared, is_place))
        adding = [one.statement for added in found for one in added.found]
        for write in self._writes:
            if not any(self._module.inside(write.node, one) for one in adding):
                raise CannotFix(
                    f"line {write.location.line} changes {write.place!r} by another name: "
                    "use the one name"
                )
        return found

    def _check_helpers(self) -> None:
        """Raise :class:`CannotFix` where what the worker runs uses a place that it adds to."""
        module, function = self._module, self.function
        places = self.places
        inner = helpers(module, function, lambda node: any(one.is_place(node) for one in places))
        for one in places:
            if one.kind not in NUMBERS:
                self._check_aliases(one.key, (function, *inner))
            root, _, attribute = one.key.rpartition(".")
            base = self._bases.get(one.key, "")
            for other in inner:
                for node in (*ast.walk(other), *handed_on(module, other, base)):
                    named = isinstance(node, ast.Name) and node.id == one.key
                    named = named and isinstance(node, ast.Name) and module.is_global(node)
                    if root:
                        named = isinstance(node, ast.Attribute) and node.attr == attribute
                    if named:
                        line = getattr(node, "lineno", other.lineno)
                        raise CannotFix(
                            f"{other.name!r} (line {line}), which the worker {function.name!r} "
                            f"runs, uses {one.key!r} and would miss what was added"
                        )

    def _check_aliases(self, key: str, functions: Sequence[Function]) -> None:
        """Raise :class:`CannotFix` where worker code may reach a place by another name."""
        module, root = self._module, key.partition(".")[0]
        if not module.bindings(root):
            return
        others = aliases(module, key, whole=self._bases.get(key) == root)
        for function in functions:
            for node in ast.walk(function) if others else ():
                if isinstance(node, ast.Name) and node.id in others and module.is_global(node):
                    raise CannotFix(
                        f"{function.name!r} uses {node.id!r} (line {node.lineno}), which may be or "
                        f"hold {key!r} (line {others[node.id]}): use the one name"
                    )

    def _key(self, write: LostWrite) -> str:
        """Return how the worker spells the place."""
        base = self._base(write)
        if not (self._is_object(write) or self._is_deeper(write, base)):
            return base
        for node in ast.walk(write.node):
            match node:
                case ast.Call(func=ast.Attribute(value=owner)) if ast.unparse(owner) == base:
                    key = base
                case ast.Attribute(value=owner, attr=attribute) if ast.unparse(owner) == base:
                    key = f"{base}.{attribute}"
                case _:
                    continue
            self._bases[key] = base
            return key
        raise CannotFix(f"line {write.location.line} changes {write.place!r} in a way not followed")

    def _is_deeper(self, write: LostWrite, base: str) -> bool:
        """Whether an attribute of an attribute of ``self`` changes."""
        parents = self._module.parents
        return write.how == "instance" and any(
            isinstance(node, ast.Attribute)
            and ast.unparse(node.value) == base
            and not isinstance(parents[node], ast.Call)
            for node in ast.walk(write.node)
        )

    def _base(self, write: LostWrite) -> str:
        """Return how the worker spells the global or attribute that a write changes."""
        own = self.function.args.args[0].arg if self.function.args.args else ""
        if write.how != "instance":
            attribute = write.place.rpartition(".")[2]
            spelt = {ast.unparse(n) for n in ast.walk(write.node) if isinstance(n, ast.Attribute)}
            by_own = self._of_class and write.how == "class" and f"{own}.{attribute}" in spelt
            return f"{own}.{attribute}" if by_own else write.place
        node: ast.AST = write.node
        match node:
            case ast.Call(func=ast.Attribute(value=owner)):
                node = owner
            case ast.AugAssign(target=target) | ast.Assign(targets=[target]):
                node = target
        walk = node
        while isinstance(walk, (ast.Attribute, ast.Subscript, ast.Call)):
            match walk:
                case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                    if name == own and self._method:
                        return f"{own}.{attribute}"
            walk = walk.func if isinstance(walk, ast.Call) else walk.value
        raise CannotFix(f"line {write.location.line} changes {write.place!r} in a way not followed")

    def _is_object(self, write: LostWrite) -> bool:
        return write.how in ("mutate", "class", "instance") and write.kind == OBJECT

    def _member(self, place: str, key: str) -> tuple[str, ast.expr | None]:
        """Return the kind of an attribute of the object ``place``, and what it is at first."""
        if key == place:
            return OBJECT, None
        value = Members(self._module, place).value(key.rpartition(".")[2])
        if value is None:
            raise CannotFix(
                f"what {key!r} holds is not known: give it one plain list, dict, set or number"
            )
        handed = next(handed_on(self._module, self.function, place), None)
        if handed is not None:
            raise CannotFix(
                f"{self.function.name!r} hands {place!r} on (line {handed.lineno}): whoever "
                "reads it needs what was added"
            )
        return kind_of(value), value

    def _matcher(self, key: str) -> IsPlace:
        module = self._module
        root, _, attribute = key.rpartition(".")
        own = self.function.args.args[0].arg if self.function.args.args else ""

        def is_place(node: ast.AST) -> bool:
            if not root:
                return isinstance(node, ast.Name) and node.id == key and module.is_global(node)
            return isinstance(node, ast.Attribute) and node.attr == attribute

        if root:
            for node in ast.walk(self.function):
                if is_place(node) and isinstance(node, ast.Attribute):
                    first = node.value
                    while isinstance(first, ast.Attribute):
                        first = first.value
                    known = isinstance(first, ast.Name) and (
                        module.is_global(first)
                        or (self._method and first.id == own == root.partition(".")[0])
                    )
                    if ast.unparse(node) != key or not known:
                        raise CannotFix(f"line {node.lineno} may reach {key!r} by another name")
        return is_place

    def _declared(self, key: str) -> ast.expr | None:
        """Return what the place is at first, where that is one plain assignment."""
        found: list[ast.expr] = []
        for node in ast.walk(self._module.tree):
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found += [node.value for one in targets if ast.unparse(one) == key]
        return found[0] if len({ast.unparse(one) for one in found}) == 1 else None

    def _check_stored(self, key: str, own: Sequence[object], *, used: bool) -> None:
        """Judge what travels; ``used``: it is used up where it is added, not only stored."""
        touches = Touches(self._module, key)
        uses = Uses()
        for one in own:
            operands = getattr(one, "operands", ())
            listed = getattr(one, "listed", False)
            uses.stored += [(one.statement, op) for op in operands if not listed]  # type: ignore[attr-defined]
        stored = Stored(self._module, touches, self.function, uses)
        if used:
            stored.judge()
        else:
            stored.check_picklable()

    # -- what becomes of it

    def give(self, *, paired: bool = False) -> tuple[Outcome, list[Edit]]:
        """Return what the worker gives back, and the edits that let it.

        ``paired``: beside what it returns anyway.
        """
        giving = Giving(self._module, self.function, self.places, paired)
        outcome = giving.outcome()
        rows = {
            node
            for one in self.places
            for addition in one.found
            for node in ast.walk(addition.statement)
            if (isinstance(node, ast.Subscript) and one.kind == "list" and one.is_place(node.value))
            or (isinstance(node, ast.Call) and one.kind == OBJECT and one.is_place(_owner(node)))
        }
        module = self._module
        added = [one.statement for place in self.places for one in place.found]
        methods = any(one.kind == OBJECT for one in self.places)
        ends = not methods and calm_behind(module, self.function, added, rows)
        outcome = replace(
            outcome,
            calm=calm(module, self.function, rows),
            atomic=outcome.atomic or (ends and not outcome.kept),
        )
        edits = list(giving.code.edits)
        edits += forget(self._module, self.function, *(one.key for one in self.places))
        if paired:
            edits += self._annotation_of_pair(outcome)
        elif not outcome.kept:
            edits += self._annotation(outcome)
        return outcome, edits

    def _annotation_of_pair(self, outcome: Outcome) -> list[Edit]:
        """Correct the promise of what the worker returns, where there is one."""
        returns, module = self.function.returns, self._module
        if returns is None:
            return []
        rest = [returned([one], outcome, self._annotated) or one.kind for one in self.places]
        new = f"tuple[{module.text(returns)}, {', '.join(rest)}]"
        return [Edit(module.start(returns), module.end(returns), new)]

    def _annotation(self, outcome: Outcome) -> list[Edit]:
        """Correct a promise that the worker returns nothing; take it away where it is not known
        what else it returns.
        """
        returns = self.function.returns
        if not (isinstance(returns, ast.Constant) and returns.value is None):
            return []
        module = self._module
        end = module.end(returns)
        new = returned(self.places, outcome, self._annotated)
        if new:
            return [Edit(module.start(returns), end, new)]
        text = module.source.text
        start = text.rindex("->", 0, module.start(returns))
        return [Edit(len(text[:start].rstrip()), end, "")]

    def _annotated(self, key: str) -> ast.expr | None:
        """Return the one annotation of a place."""
        found = [
            node.annotation
            for node in ast.walk(self._module.tree)
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == key
        ]
        return found[0] if len(found) == 1 else None

    def rebinds(self, outcome: Outcome) -> list[str]:
        """Return the globals that adding binds anew."""
        found = []
        for number, one in enumerate(self.places):
            lines = (*outcome.lines, outcome.one, outcome.whole)
            starts = (f"{{p{number}}} =", f"{{p{number}}} +=", f"{{p{number}}} -=")
            if "." not in one.key and any(x.strip().startswith(starts) for x in lines):
                found.append(one.key)
        return found

    def texts(self) -> list[str]:
        """Return how the parent reaches the places, which all dispatches name alike."""
        found = [[self.text(one.key, site) for one in self.places] for site in self.sites]
        for site, texts in zip(self.sites, found, strict=True):
            root = texts[0].partition(".")[0]
            made = [one for one in self._module.ancestors(site.call) if isinstance(one, _BINDING)]
            bound = {
                node.id
                for one in made
                for node in ast.walk(one)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
            if texts != found[0] or root in bound:
                raise CannotFix(f"several objects change (line {site.call.lineno}): add in one")
        return found[0]

    def text(self, key: str, site: Site) -> str:
        """Return how the parent reaches a place beside a dispatch."""
        module = self._module
        root, _, attribute = key.partition(".")
        own = self.function.args.args[0].arg if self._method and self.function.args.args else ""
        if attribute and root == own:
            given = dispatches.callables(module, [site])
            match given:
                case [ast.Attribute(value=ast.Name(id=receiver))]:
                    return f"{self._owner(receiver)}.{attribute}"
            raise CannotFix(
                f"the object of {site.dispatch.api} (line {site.dispatch.location.line}) "
                "has no name: bind it to one"
            )
        self._check_global(site, key.partition(".")[0])
        return key

    def _owner(self, receiver: str) -> str:
        """Return whose attribute changes where the worker is a method of ``receiver``."""
        module = self._module
        classes = [one for one in module.definitions if isinstance(one, ast.ClassDef)]
        known = {one.name for one in classes} | {"cls"}
        if not self._of_class or receiver in known:
            return receiver
        made = module.parents[self.function]
        assert isinstance(made, ast.ClassDef)
        derived = [one for one in classes for base in one.bases if ast.unparse(base) == made.name]
        if derived:
            raise CannotFix(
                f"{receiver!r} may be of {made.name!r} or of {derived[0].name!r}: name the class "
                "whose method runs"
            )
        return made.name

    def _check_global(self, site: Site, first: str) -> None:
        """Raise :class:`CannotFix` where a name means something else beside a dispatch."""
        module = self._module
        scopes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        for above in module.ancestors(site.call):
            if isinstance(above, scopes) and module.binds(above, first) == "local":
                raise CannotFix(
                    f"{first!r} is a local name where line {site.dispatch.location.line} stands"
                )


def _owner(call: ast.Call) -> ast.expr:
    return call.func.value if isinstance(call.func, ast.Attribute) else call.func


def _is_plain(site: Site) -> bool:
    name = site.api.name
    return name.startswith(
        ("multiprocessing.pool.Pool.", "concurrent.futures.ProcessPoolExecutor.")
    ) or name.endswith(".run_in_executor")
