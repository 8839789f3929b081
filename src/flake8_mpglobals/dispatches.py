"""What one call is: edges inside its process, and dispatches to other processes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from flake8_mpglobals.accessors import Access
from flake8_mpglobals.boundmethods import bound_methods
from flake8_mpglobals.catalogue import SHARES, Api, Kind
from flake8_mpglobals.crossings import Crossings, argument_node, leading
from flake8_mpglobals.evaluate import (
    Bindings,
    Env,
    Evaluator,
    External,
    Func,
    Handle,
    Obj,
    Plain,
    Target,
    Thing,
    Type,
    Wrapped,
    argument,
    is_keywords,
)
from flake8_mpglobals.ir import (
    NOTHING,
    UNKNOWN,
    Attr,
    Call,
    Class,
    Element,
    Fresh,
    Function,
    Imported,
    Item,
    Load,
    Param,
    Result,
    Store,
    SuperOf,
    Unknown,
    Value,
    Values,
    element,
    item,
    root,
    surplus_of,
    union,
)
from flake8_mpglobals.records import field, frozen, mutable, replace

_ONLY_UNKNOWN = frozenset((UNKNOWN,))
_SOME_ARGUMENTS = 8


@frozen(eq=False)
class DispatchSite:
    """A call that runs callables in another process.

    ``workers`` and ``initializers`` are what it runs there, with the arguments
    that travel; ``pool`` is the call that made the pool; ``resolved`` says whether
    every callable is known (a library's function is).  ``inner`` is the dispatch that
    a wrapper makes with what this call hands to it.
    """

    call: Call
    api: Api
    workers: tuple[Target, ...]
    initializers: tuple[Target, ...]
    pool: Call | None = None
    resolved: bool = True
    label: str = ""
    inner: DispatchSite | None = None


@mutable
class Boundaries:
    """The calls of a program: edges inside a process, and sites between processes.

    ``functions`` are those whose calls were looked at.  ``made`` says in which functions
    each class is instantiated; ``elsewhere`` are the methods that a process class runs
    in its own process, started here or not; ``loose`` are the functions that run some
    time after the call that names them (threads and callbacks).  ``accesses`` are the calls
    that stand for reading properties, by event, and ``implied`` by function.  ``fed``:
    something new was passed for the fields of a record.
    """

    functions: tuple[Function, ...] = ()
    edges: dict[Call, tuple[Target, ...]] = field(default_factory=dict)
    sites: list[DispatchSite] = field(default_factory=list)
    made: dict[Class, list[Function]] = field(default_factory=dict)
    elsewhere: list[Function] = field(default_factory=list)
    loose: set[Function] = field(default_factory=set)
    accesses: dict[Load | Store | Call, list[Call]] = field(default_factory=dict)
    implied: dict[Function, list[Call]] = field(default_factory=dict)
    fed: bool = False

    @property
    def crosses(self) -> bool:
        """Whether anything here runs in another process."""
        return bool(self.sites or self.elsewhere)

    def edges_of(self, function: Function) -> Iterable[tuple[Call, Target]]:
        """Yield the calls of ``function`` with the functions that each one enters."""
        for call in self.calls_of(function):
            for target in self.edges.get(call, ()):
                yield call, target

    def calls_of(self, function: Function) -> Iterator[Call]:
        """Yield the calls of ``function``, those that stand for properties last."""
        yield from function.calls
        yield from self.implied.get(function, ())

    def take_in(self, part: Boundaries) -> None:
        """Add what was found of one function."""
        self.edges.update(part.edges)
        self.sites.extend(part.sites)
        for cls, makers in part.made.items():
            self.made.setdefault(cls, []).extend(makers)
        self.elsewhere.extend(part.elsewhere)
        self.loose |= part.loose
        for event, calls in part.accesses.items():
            self.accesses.setdefault(event, []).extend(calls)
        for function, calls in part.implied.items():
            self.implied.setdefault(function, []).extend(calls)

    def accessed(self, access: Access) -> None:
        """Note the call that stands for one access to a property."""
        self.edges[access.call] = access.targets
        self.accesses.setdefault(access.event, []).append(access.call)
        self.implied.setdefault(access.call.function, []).append(access.call)


@mutable
class Crossing:
    """Gathers what one call is, over the contexts in which it runs."""

    call: Call
    evaluator: Evaluator
    crossings: Crossings
    found: Boundaries
    edges: list[Target]
    sites: dict[tuple[str, str], DispatchSite] = field(default_factory=dict)
    in_threads: list[Target] = field(default_factory=list)

    def resolve(self, env: Env | None) -> None:
        """Add what the call is in one context."""
        seen: set[str] = set()
        for thing in self.evaluator.ordered(frozenset(self._called(env))):
            if isinstance(thing, Handle | Wrapped):
                thing = External(f"{thing.name}.__call__", self.call.callee)
            if isinstance(thing, External):
                row = self.evaluator.catalogue.api(thing.name)
                if row is not None and row.name not in seen:
                    seen.add(row.name)
                    start = len(self.edges)
                    self._through_row(row, thing, env)
                    self.found.loose.update(target.function for target in self.edges[start:])
            elif isinstance(thing, Type):
                self._made(thing.cls)
        self._set_up(env)

    def _called(self, env: Env | None) -> Iterator[Thing]:
        """Yield what the call calls; a method name that only one API has is enough."""
        things = self.evaluator.things(self.call.callee, env)
        if things == _ONLY_UNKNOWN and not _only_passed(self.call.callee):
            yield from self._asked()
        text = self.call.function.module.source.text
        for thing in things:
            if isinstance(thing, Unknown):
                for callee in self.call.callee:
                    if isinstance(callee, Attr):
                        for row in self.evaluator.catalogue.anywhere(callee.name, text):
                            yield External(row.name)
            else:
                yield thing

    def _asked(self) -> Iterator[Thing]:
        """Yield what a method with the name of a dispatch is on a receiver nobody knows here."""
        node = self.call.node
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return
        name = node.func.attr
        # Only an instance of a class of the module that derives from a pool can help.
        if self.evaluator.catalogue.is_method(name) and self.evaluator.has_pool_classes():
            for thing in self.evaluator.asked(node.func.value, self.call.function.module):
                yield from self.evaluator.member(thing, name)

    def _made(self, cls: Class) -> None:
        """Note an instance of a project class, which can be a process."""
        self.found.made.setdefault(cls, []).append(self.call.function)
        self.found.fed = self.evaluator.learn_fields(cls, self.call) or self.found.fed
        row, method = process_class(cls, self.evaluator)
        if row is None:
            return
        if self.evaluator.method(cls, "__init__") is not None:
            row = replace(row, callable=None)  # what it takes is not what a process takes
        made: Bindings = {0: frozenset((Result(self.call),))}
        workers: tuple[Target, ...] = (Target(method, made, cls),) if method is not None else ()
        if method is not None and row.callable is not None and _hands_up(method):
            workers += self._run(row, self.call, frozenset(), None)[0]
        if row.kind in SHARES:
            self.in_threads.extend(workers)
        else:
            self._add(DispatchSite(self.call, row, workers, (), None, True, row.label))

    def settle(self) -> None:
        """Add what runs in threads as entered by the call, in the contexts that were looked at.

        Where the same call starts processes by another import, the program is one of the two:
        what the threads would read is no other part of the program with the processes.
        """
        elsewhere = {t.function for site in self.sites.values() for t in site.workers}
        here = [target for target in self.in_threads if target.function not in elsewhere]
        self.edges.extend(here)
        self.found.loose.update(target.function for target in here)

    def _set_up(self, env: Env | None) -> None:
        """Add what a process class of the project has its base run: what it passes to the
        ``__init__`` of that, ``super().__init__(target=work)``.
        """
        for callee in self.call.callee:
            if not isinstance(callee, Attr) or callee.name != "__init__":
                continue
            cls = self.call.function.cls
            shift = 0 if isinstance(callee.base, SuperOf) else 1
            if cls is None or self.evaluator.method(cls, "__init__", cls) is not None:
                continue
            row, method = process_class(cls, self.evaluator)
            if row is None or (method is not None and not _hands_up(method)):
                continue
            if shift and not any(
                isinstance(thing, External) and thing.name in self.evaluator.lineage(cls)[1]
                for thing in self.evaluator.thing(callee.base)
            ):
                continue
            call = replace(self.call, args=self.call.args[shift:])
            workers, resolved = self._run(row, call, frozenset(), env)
            if row.kind in SHARES:
                self.edges.extend(workers)
                self.found.loose.update(target.function for target in workers)
            elif argument(call, row.callable) is not None:
                self._add(DispatchSite(self.call, row, workers, (), None, resolved, row.label))

    def _add(self, site: DispatchSite) -> None:
        """Add a site; another context of the same API joins it."""
        key = (site.api.name, site.api.kind)
        known = self.sites.get(key)
        if known is not None:
            have = {target.function for target in (*known.workers, *known.initializers)}
            site = replace(
                known,
                workers=(*known.workers, *(t for t in site.workers if t.function not in have)),
                initializers=(
                    *known.initializers,
                    *(t for t in site.initializers if t.function not in have),
                ),
                resolved=known.resolved and site.resolved,
            )
        self.sites[key] = site

    def _through_row(self, row: Api, thing: External, env: Env | None) -> None:
        """Add what one catalogue row makes of the call."""
        call, evaluator = self.call, self.evaluator
        for keyword in row.callbacks:
            if keyword in call.keywords:
                self.edges.extend(evaluator.called_with(call.keywords[keyword], (), call))
        if not row.dispatches and row.initializer is None:
            return
        kind = self._kind(row, thing.receiver, env)
        if kind is None:
            return
        row = row if kind == row.kind else replace(row, kind=kind)
        workers, resolved = self._workers(row, thing.receiver, env)
        initializers = _initializers(call, row, evaluator)
        if kind in SHARES:
            self.in_threads.extend((*workers, *initializers))
            return
        if not row.dispatches and not initializers:
            return
        if row.runs in ("tasks", "child") and not workers:
            return
        if row.callable is not None and self._left_out(row, env):
            return
        through = thing.receiver
        if row.where is not None:
            through = argument(call, row.where) or frozenset()
        pool = _pool(evaluator.ordered(evaluator.things(through, env)), row)
        self._add(DispatchSite(call, row, workers, initializers, pool, resolved, row.label))

    def _left_out(self, row: Api, env: Env | None) -> bool:
        """Whether the call passes no callable; ``**kwargs`` may hold one."""
        given = argument(self.call, row.callable)
        if given is None:
            return True
        passed_on = all(
            isinstance(value, Param)
            and (options := surplus_of(value)) is not None
            and is_keywords(options)
            and self.evaluator.passed(options)
            for value in given
        )
        return passed_on and not self.evaluator.things(given, env)

    def _kind(self, row: Api, receiver: Values, env: Env | None) -> Kind | None:
        """Return where the callable runs; None where what decides it is unknown."""
        if row.where is None:
            return self.crossings.kind(row, self.call, receiver, env)
        given = argument(self.call, row.where)
        if given is None:
            return "thread"
        kinds: set[Kind] = set()
        for thing in self.evaluator.things(given, env):
            if isinstance(thing, Handle):
                made = self.evaluator.catalogue.api(thing.name)
                if made is not None:
                    kinds.add(made.kind)
            elif isinstance(thing, Plain) and thing.kind == "NoneType":
                # An attribute that starts as None; the executor it gets later decides.
                kinds.add("thread")
        copied = kinds - {"thread"}
        if copied:
            return min(copied)
        return "thread" if kinds else None

    def _workers(
        self, row: Api, receiver: Values, env: Env | None
    ) -> tuple[tuple[Target, ...], bool]:
        """Return the functions that the call runs elsewhere, and whether all are known."""
        if row.runs == "child":
            return tuple(Target(child, {}) for child in self.call.children), True
        found: list[Target] = []
        if row.runs == "tasks":
            given = (*receiver, *(v for values in self.call.args for v in values))
            for task, call in self.crossings.tasks(given, env):
                receivers = frozenset(c.base for c in call.callee if isinstance(c, Attr))
                found.extend(self._run(task, call, receivers or call.callee, env)[0])
            return tuple(found), bool(found)
        return self._run(row, self.call, receiver, env)

    def _run(
        self, row: Api, call: Call, receiver: Values, env: Env | None
    ) -> tuple[tuple[Target, ...], bool]:
        """Return the functions that one call, read by one row, names to be run."""
        evaluator = self.evaluator
        makers = [t for t in evaluator.things(receiver, env) if isinstance(t, Handle | Wrapped)]
        if row.runs == "receiver":
            given: Values | None = receiver
            things = [inner for t in makers if isinstance(t, Wrapped) for inner in t.inner]
            if row.method:
                things.extend(
                    Func(method, frozenset((UNKNOWN,)))
                    for t in evaluator.things(receiver, env)
                    if isinstance(t, Obj) and (method := evaluator.method(t.cls, row.method))
                )
        else:
            given = argument(call, row.callable)
            if given is not None:
                given = self._beside(row, receiver, given)
            things = list(evaluator.things(given, env)) if given else []
        if given is None:
            return (), True
        made = as_called(call, row, given, [t.call for t in makers if t.call is not None])
        things = evaluator.ordered(frozenset(things))
        resolved = bool(things) and UNKNOWN not in things
        if not resolved and row.kind not in SHARES and not _only_passed(given):
            node = argument_node(call, row.callable)
            things = [*things, *evaluator.asked(node, call.function.module)]
        if not resolved:
            things = [*things, *evaluator.decorated(given)]
        found: list[Target] = []
        for keyword in row.hooks:
            if keyword in call.keywords:
                found.extend(evaluator.called_with(call.keywords[keyword], (), call))
        for thing in things:
            if not isinstance(thing, Unknown | External | Plain | Handle):
                found.extend(evaluator.entered_by(thing, made))
        if not resolved and row.kind not in SHARES:
            spelled = argument_node(call, row.callable)
            found.extend(bound_methods(given, call, spelled, evaluator))
        return tuple(found), resolved or bool(found)

    def _beside(self, row: Api, receiver: Values, given: Values) -> Values:
        """Return the callables that go with a pool of this row, where a loop takes both out
        of one table: ``for pool, func in ((threads, io), (processes, cpu))``.
        """
        for pool in receiver:
            for func in given:
                if (
                    isinstance(pool, Item)
                    and isinstance(func, Item)
                    and pool.base == func.base
                    and isinstance(pool.base, Element)
                    and pool.key is not None
                    and func.key is not None
                ):
                    rows = self.evaluator.parts(pool.base.base, None, None, iterated=True)
                    found: set[Value] = set()
                    for each in rows:
                        if not isinstance(each, Fresh) or not each.display.whole:
                            return given
                        made = self.evaluator.things(each.display.items.get(pool.key, NOTHING))
                        if UNKNOWN in made or any(
                            isinstance(thing, Handle) and row.name.startswith(f"{thing.name}.")
                            for thing in made
                        ):
                            found |= each.display.items.get(func.key, NOTHING)
                    return frozenset(found)
        return given


def _hands_up(run: Function) -> bool:
    """Whether the ``run`` of a process class has its base run what it was made with."""
    return any(
        isinstance(callee, Attr) and callee.name == "run" and isinstance(callee.base, SuperOf)
        for call in run.calls
        for callee in call.callee
    )


def _pool(things: Iterable[Thing], row: Api) -> Call | None:
    """Return the call that made the pool which a row is a method of, the first of several."""
    made = [thing for thing in things if isinstance(thing, Handle) and thing.call is not None]
    own = [handle for handle in made if row.name.startswith(f"{handle.name}.")]
    return next((handle.call for handle in own or made), None)


def as_called(call: Call, row: Api, callee: Values, makers: Sequence[Call] = ()) -> Call:
    """Return the call of the worker that a dispatch amounts to."""
    before = leading(row, makers)
    starred, rest = -1, NOTHING
    args, keywords = travelling(call, row, makers)
    if row.tasks == "starcall":
        first = row.callable.position + 1 if row.callable is not None else 0
        if call.starred >= first:
            starred = call.starred - first + len(before)
        rest = call.rest
    elif row.kwargs is not None:
        rest = frozenset(filter(is_keywords, argument(call, row.kwargs) or ()))
    return Call(
        call.node,
        call.function,
        callee,
        (*before, *args),
        keywords,
        starred,
        rest,
        call.guards,
    )


def travelling(
    call: Call, row: Api, makers: Sequence[Call] = ()
) -> tuple[tuple[Values, ...], dict[str, Values]]:
    """Return the arguments that reach the worker, as a call of it would pass them."""
    if row.tasks == "starcall":
        first = row.callable.position + 1 if row.callable is not None else 0
        name = row.callable.keyword if row.callable is not None else ""
        return call.args[first:], {k: v for k, v in call.keywords.items() if k != name}
    if row.tasks == "zip":
        assert row.callable is not None
        return tuple(element(arg) for arg in call.args[row.callable.position + 1 :]), {}
    if row.tasks == "pooled":
        members = makers[0].args[0] if makers and makers[0].args else NOTHING
        return (element(members), *(element(arg) for arg in call.args[1:2])), {}
    keywords = _named(argument(call, row.kwargs))
    given = argument(call, row.args)
    if given is None:
        return (), keywords
    if row.tasks == "each":
        return (element(given),), {}
    if row.tasks == "each_and":
        assert row.args is not None
        return (element(given), *call.args[row.args.position + 1 :]), {}
    if row.tasks == "star_each":
        task = element(given)
        return tuple(item(task, index) for index in range(6)), {}
    return tuple(item(given, index) for index in range(_length(given))), keywords


def _named(values: Values | None) -> dict[str, Values]:
    """Return what a dict of keyword arguments holds, where a display or ``dict()`` makes it."""
    named: dict[str, Values] = {}
    for value in values or ():
        if isinstance(value, Result) and Imported("builtins.dict") in value.call.callee:
            named.update(value.call.keywords)
        if isinstance(value, Fresh):
            for key, held in value.display.items.items():
                if isinstance(key, str):
                    named[key] = union(named.get(key, NOTHING), held)
    return named


def _initializers(call: Call, row: Api, evaluator: Evaluator) -> tuple[Target, ...]:
    """Return the functions that set up each worker."""
    given = argument(call, row.initializer)
    if given is None:
        return ()
    passed = argument(call, row.initargs)
    args = tuple(item(passed, index) for index in range(_length(passed))) if passed else ()
    return tuple(evaluator.called_with(given, args, call))


def _length(values: Values) -> int:
    """Return how many arguments a container of arguments can hold; a few where unknown."""
    lengths = [
        len(value.display.items)
        if isinstance(value, Fresh) and value.display.whole
        else _SOME_ARGUMENTS
        for value in values
    ]
    return max(lengths, default=_SOME_ARGUMENTS)


def process_class(cls: Class, evaluator: Evaluator) -> tuple[Api | None, Function | None]:
    """Return the row of the process class that ``cls`` derives from, and what it runs there."""
    _, bases, _ = evaluator.lineage(cls)
    for base in sorted(bases):
        row = evaluator.catalogue.api(base)
        if row is not None and row.method:
            return row, evaluator.method(cls, row.method)
    return None, None


def _only_passed(values: Values) -> bool:
    """Whether ``values`` come from callers alone, about whom nobody can know more."""
    return all(isinstance(root(value), Param) for value in values)
