"""Let a worker return the item that it changes, and put what comes back into the parent's list.

``pool.map(scale, rows)`` changes copies of the rows.  Where the rows have no other name in
the parent, ``rows[:] = pool.map(scale, rows)`` is what the threads of one process would
leave behind.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from flake8_mpglobals.facts import Facts, LostWrite, Site
from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.layout import Sheet
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix, Plan
from flake8_mpglobals.fixes.setters import Arguments
from flake8_mpglobals.fixes.shapes import dispatches
from flake8_mpglobals.fixes.shapes.arguments import parameter_of
from flake8_mpglobals.fixes.shapes.buffers import plain_array
from flake8_mpglobals.fixes.shapes.calm import calm
from flake8_mpglobals.fixes.shapes.caught import Caught
from flake8_mpglobals.fixes.shapes.lists import appended_to, uses
from flake8_mpglobals.fixes.shapes.pure import is_builtin
from flake8_mpglobals.fixes.shapes.rewriting import Rewriting
from flake8_mpglobals.fixes.shapes.ways import own_nodes, runs_off
from flake8_mpglobals.model import Finding

_IN_ORDER = frozenset({"map", "imap", "starmap"})
_SHOWING = frozenset({"len", "print", "sum", "any", "all", "enumerate", "range"})
_FRESH = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_MAKERS = frozenset({"list", "dict", "set", "bytearray"})
_TAKING_PARTS = (
    *(ast.Call, ast.FormattedValue, ast.BinOp, ast.Compare, ast.AugAssign, ast.If),
    *(ast.GeneratorExp, ast.ListComp, ast.comprehension),
)


def takes(writes: Sequence[LostWrite]) -> bool:
    """Whether all writes change what their workers were handed."""
    return all(write.how == "argument" for write in writes)


def plan(facts: Facts, writes: Sequence[LostWrite], findings: Sequence[Finding]) -> Plan:
    """Return the plan by which the one dispatch of ``writes`` gives back the items it changes.

    Raises :class:`CannotFix` where the rewrite is not proved.
    """
    module = Module(facts.source, facts.tree)
    sites = dispatches.found(facts, module, writes)
    if len(sites) != 1 or _method(sites[0]) not in _IN_ORDER:
        raise CannotFix("")
    site = sites[0]
    worker = dispatches.worker(module, site)
    if any(write.function is not worker for write in writes) or worker.decorator_list:
        raise CannotFix(f"{worker.name!r} hands its argument on: let the worker itself change it")
    parameter = parameter_of(worker, writes)
    items = _items(module, site, worker, parameter)
    statement, lazy = _statement(module, site)
    if lazy and not calm(module, worker):
        raise CannotFix(
            f"{site.dispatch.api} (line {site.dispatch.location.line}) does not have its results "
            "taken: a failing task goes unseen"
        )
    Caught(module, site.call, atomic=False).check(site.call, None)
    dispatches.check_guard(module, site, module.function(site.call), site.pool)
    _check_items(module, items, site.call, _deep(writes))
    sheet = Sheet(module)
    sheet.lines([statement])
    edits = _worker(module, worker, parameter)
    start, end = module.start(statement), module.end(statement)
    before, after = module.start(site.call), module.end(site.call)
    text = module.source.text
    if "#" in text[start:before] + text[after:end]:
        raise CannotFix(f"line {statement.lineno} has a comment inside of the statement")
    edits += [Edit(start, before, f"{items.id}[:] = "), Edit(after, end, "")]
    edits = [sheet.deepen(edit) for edit in edits] + list(sheet.edits())
    return Plan(
        tuple(findings),
        writes[0].place,
        "safe",
        f"Return {parameter!r} from the worker and put it back into {items.id!r}",
        tuple(sorted(set(edits))),
    )


def _method(site: Site) -> str:
    return site.api.name.rpartition(".")[2]


# -- the worker


def _worker(module: Module, worker: Function, parameter: str) -> list[Edit]:
    """Return the edits by which the worker returns its parameter from everywhere."""
    for node in ast.walk(worker):
        if isinstance(node, ast.Name) and node.id == parameter and not _loads(node):
            raise CannotFix(f"line {node.lineno} gives {parameter!r} another value")
    exempt = {id(node) for node in ast.walk(worker)}
    for use in module.mentions(worker.name):
        parent = module.parents[use]
        used = isinstance(parent, ast.Call) and parent.func is use
        if used and id(use) not in exempt and not isinstance(module.parents[parent], ast.Expr):
            raise CannotFix(f"line {use.lineno} uses what {worker.name!r} returns")
    code = Rewriting(module, worker)
    for node in own_nodes(worker):
        if isinstance(node, ast.Return):
            if node.value is not None and ast.unparse(node.value) not in ("None", parameter):
                raise CannotFix(
                    f"{worker.name!r} returns something in line {node.lineno}: return "
                    f"{parameter!r} beside it"
                )
            code.edits.append(Edit(module.start(node), module.end(node), f"return {parameter}"))
    if runs_off(worker.body):
        code.close(f"return {parameter}")
    return code.edits + _annotation(module, worker, parameter)


def _loads(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def _annotation(module: Module, worker: Function, parameter: str) -> list[Edit]:
    returns = worker.returns
    if not (isinstance(returns, ast.Constant) and returns.value is None):
        return []
    for one in (*worker.args.posonlyargs, *worker.args.args):
        if one.arg == parameter and one.annotation is not None:
            return [Edit(module.start(returns), module.end(returns), module.text(one.annotation))]
    text = module.source.text
    start = text.rindex("->", 0, module.start(returns))
    return [Edit(len(text[:start].rstrip()), module.end(returns), "")]


# -- the dispatch


def _statement(module: Module, site: Site) -> tuple[ast.stmt, bool]:
    """Return the statement that only goes through the results; True if it leaves them."""
    call, method = site.call, _method(site)
    lazy = method == "imap" or dispatches.of_executor(site)
    parent = module.parents[call]
    match parent:
        case ast.Expr():
            return parent, lazy
        case ast.Call(func=ast.Name(id="list" | "tuple")) if parent.args == [call]:
            outer = module.parents[parent]
            if isinstance(outer, ast.Expr):
                return outer, False
        case ast.For(body=[ast.Pass()], orelse=[]) if parent.iter is call:
            return parent, False
    raise CannotFix(
        f"{site.dispatch.api} (line {site.dispatch.location.line}) has its results used: return "
        "the changed argument beside them"
    )


def _items(module: Module, site: Site, worker: Function, parameter: str) -> ast.Name:
    """Return the list whose items the dispatch hands to the parameter, one by one, in order."""
    call, method = site.call, _method(site)
    names = [one.arg for one in (*worker.args.posonlyargs, *worker.args.args)]
    index = names.index(parameter) if parameter in names else -1
    match dispatches.callables(module, [site]):
        case [ast.Call(args=[_, *given], keywords=[])]:
            index -= len(given)  # a partial
        case [ast.Call()]:
            index = -1 if index else 0
    iterable: ast.expr | None = None
    if method in ("map", "imap") and index >= 0:
        if dispatches.of_executor(site):
            others = [one for n, one in enumerate(call.args[1:]) if n != index]
            if all(_endless(one) for one in others) and index + 1 < len(call.args):
                iterable = call.args[index + 1]
        elif index == 0:
            iterable = Arguments(module, call).get(1, "iterable")
    elif method == "starmap":
        match Arguments(module, call).get(1, "iterable"):
            case ast.ListComp(elt=ast.Tuple(elts=parts), generators=[one]) if not one.ifs:
                if isinstance(one.target, ast.Name) and 0 <= index < len(parts):
                    same = ast.unparse(parts[index]) == one.target.id
                    iterable = one.iter if same else None
    if isinstance(iterable, ast.Name):
        return iterable
    raise CannotFix(
        f"line {site.dispatch.location.line} hands over {parameter!r} in a way that is not "
        "followed: return the changed argument, and use what the dispatch gives back"
    )


def _endless(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="repeat") | ast.Attribute(attr="repeat"), args=[_]):
            return not node.keywords
    return False


# -- whether the items have no other name


def _deep(writes: Sequence[LostWrite]) -> bool:
    """Whether a write changes something that an item holds, not the item itself."""
    for write in writes:
        node: ast.AST = write.node
        match node:
            case ast.Call(func=ast.Attribute(value=inner)) | ast.AugAssign(target=inner):
                node = inner
            case ast.Assign(targets=[inner]):
                node = inner
        steps = 1 if isinstance(write.node, ast.Call) else 0
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            node, steps = node.value, steps + 1
        if steps > 1 or not isinstance(node, ast.Name):
            return True
    return False


def _check_items(module: Module, items: ast.Name, call: ast.Call, deep: bool) -> None:
    """Raise :class:`CannotFix` where an item may have another name in the parent."""
    every = uses(module, items)
    bound = [use for use in every if not _loads(use)]
    made = module.parents[bound[0]] if len(bound) == 1 else None
    value = made.value if isinstance(made, (ast.Assign, ast.AnnAssign)) else None
    if made is None or value is None or (isinstance(made, ast.Assign) and len(made.targets) > 1):
        raise CannotFix(
            f"what {items.id!r} holds may have other names: return the changed items, and use "
            "what the dispatch gives back"
        )
    home = module.function(items)
    statement = module.statement(call)
    for item in _fresh_items(module, value):
        _check_fresh(module, item, items.id, deep)
        _check_parts(module, item, statement)
    for use in every:
        if use is bound[0] or module.inside(use, statement):
            continue
        if module.function(use) is not home:
            if _shown(module, use):
                continue
            raise CannotFix(f"line {use.lineno} uses {items.id!r} in another function")
        grown = appended_to(module.parents[module.parents[use]])
        if grown is use:
            given = module.parents[module.parents[use]]
            assert isinstance(given, ast.Call)
            _check_fresh(module, given.args[0], items.id, deep)
            _check_parts(module, given.args[0], statement)
            continue
        around = [one for one in module.ancestors(call) if isinstance(one, _LOOPS)]
        again = any(module.inside(use, one) and not module.inside(bound[0], one) for one in around)
        behind = use.lineno > (statement.end_lineno or 0)
        if (again or not behind) and not _shown(module, use):
            raise CannotFix(
                f"line {use.lineno} may give an item of {items.id!r} another name, which would "
                "not see the change: use it behind the dispatch"
            )


def _shown(module: Module, use: ast.Name) -> bool:
    """Whether a use only looks at the items."""
    parent = module.parents[use]
    match parent:
        case ast.comprehension(target=ast.Name(id=name)) if parent.iter is use:
            every = [n for n in ast.walk(module.parents[parent]) if isinstance(n, ast.Name)]
            return all(n is parent.target or _asked(module, n) for n in every if n.id == name)
        case ast.For(target=ast.Name(id=name)) if parent.iter is use:
            home = module.function(use) or module.tree
            every = [n for n in ast.walk(home) if isinstance(n, ast.Name) and n.id == name]
            return all(
                n is parent.target or (module.inside(n, parent) and _asked(module, n))
                for n in every
            )
        case ast.Call(func=func) if use in parent.args and is_builtin(module, func):
            return ast.unparse(func) in _SHOWING
        case ast.FormattedValue():
            return True
    return False


def _asked(module: Module, name: ast.Name) -> bool:
    """Whether a use of an item only asks for a part of it, which is shown or calculated with."""
    part = module.parents[name]
    if not isinstance(part, (ast.Attribute, ast.Subscript)) or part.value is not name:
        return False
    return isinstance(part.ctx, ast.Load) and isinstance(module.parents[part], _TAKING_PARTS)


def _fresh_items(module: Module, value: ast.expr) -> Iterator[ast.expr]:
    """Yield the expressions that make the items of a list."""
    match value:
        case ast.List(elts=elts):
            yield from elts
        case ast.ListComp(elt=elt):
            yield elt
        case ast.Call(func=ast.Name(id="list") as func, args=[]) if is_builtin(module, func):
            return
        case _:
            raise CannotFix(
                f"line {value.lineno} may hold objects that have other names: return the changed "
                "items, and use what the dispatch gives back"
            )


def _check_fresh(module: Module, item: ast.expr, name: str, deep: bool) -> None:
    """Raise :class:`CannotFix` where an item may be an object that has another name."""
    fresh = isinstance(item, _FRESH)
    if isinstance(item, ast.Call) and isinstance(item.func, ast.Name):
        made = item.func.id
        own = not is_builtin(module, item.func)
        fresh = _keeps_to_itself(module, made) if own else made in _MAKERS
    fresh = fresh or plain_array(module, item) is not None
    inner = [one for one in ast.walk(item) if isinstance(one, ast.Name) and _loads(one)]
    if isinstance(item, ast.Call):
        inner = [one for one in inner if one is not item.func]
    if not fresh or (deep and (inner or isinstance(item, ast.Call))):
        raise CannotFix(
            f"line {item.lineno} may put an object into {name!r} that has another name: return the "
            "changed items, and use what the dispatch gives back"
        )


def _check_parts(module: Module, item: ast.expr, statement: ast.stmt) -> None:
    """Raise :class:`CannotFix` where the parent goes on with what an item was made of: the item
    holds a copy then.
    """
    function = module.function(item) or module.tree
    for part in ast.walk(item):
        if not isinstance(part, ast.Name) or not _loads(part):
            continue
        if any(isinstance(one, (Function, ast.ClassDef)) for one in module.bindings(part.id)):
            continue
        for other in ast.walk(function):
            if isinstance(other, ast.Name) and other.id == part.id and _loads(other):
                inner = module.parents[other]
                taken = isinstance(inner, (ast.Attribute, ast.Subscript)) and inner.value is other
                if taken and other.lineno > (statement.end_lineno or 0):
                    raise CannotFix(
                        f"line {other.lineno} goes on with {part.id!r}, of which the items would "
                        "hold a copy"
                    )


def _keeps_to_itself(module: Module, name: str) -> bool:
    """Whether making an object of a class of the file leaves no other way to it."""
    match module.bindings(name):
        case [ast.ClassDef(bases=[], keywords=[]) as made]:
            pass
        case _:
            return False
    if any(not ast.unparse(one).startswith("dataclass") for one in made.decorator_list):
        return False
    for function in made.body:
        if not isinstance(function, Function):
            continue
        own = function.args.args[0].arg if function.args.args else ""
        for node in ast.walk(function):
            itself = isinstance(node, ast.Name) and node.id == own and _loads(node)
            if itself and not isinstance(module.parents[node], ast.Attribute):
                return False
    return True
