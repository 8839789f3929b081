"""Local objects in which a worker gathers what it may add to a place, several times or never."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

from flake8_mpglobals.fixes.shapes.additions import INNER, NUMBERS, SEQUENCES, Addition


@dataclass(frozen=True, slots=True)
class Local:
    """What a worker gathers its additions in: ``made`` makes it empty.

    ``kept``: the worker's statements stay, on the local object; else each of them
    appends its operands.  ``merge`` are the lines by which the parent adds the
    local object ``{n}`` to the place ``{p}``; ``whole`` as for :class:`Addition`.
    ``loops`` are the names that these lines bind.
    """

    made: str
    kept: bool
    merge: tuple[str, ...]
    whole: str = ""
    loops: tuple[str, ...] = ()


def local_form(
    kind: str,
    found: Sequence[Addition],
    declared: ast.expr | None,
    text: Callable[[ast.expr], str],
) -> Local | None:
    """Return what a worker can gather all of ``found`` in; None where nothing keeps them.

    ``text`` gives the text of an expression in the file.
    """
    ops = {one.op for one in found}
    if kind in SEQUENCES and ops <= {"append", "extend"}:
        return Local("[]", True, ("{p}.extend({n})",))
    if kind == "set" and ops <= {"add", "update"}:
        return Local("set()", True, ("{p}.update({n})",))
    if kind in ("dict", "OrderedDict", "defaultdict") and ops <= {"item", "update"}:
        return Local("{{}}", True, ("{p}.update({n})",))
    if kind in NUMBERS and ops <= {"+", "-"}:
        zero = "0.0" if kind == "float" else "0"
        return Local(zero, True, ("{p} += {n}",), "{p} += sum({r})")
    if kind == "str":
        return Local('""', True, ("{p} += {n}",))
    made = _constructor(declared)
    if kind == "Counter" and made and ops <= {"item+", "item-", "update"}:
        return Local(made, True, ("{p}.update({n})",))
    if kind == "dict" and ops == {"get"}:
        default = found[0].replay.partition(".get({0}, ")[2].partition(")")[0]
        line = f"\t{{p}}[key] = {{p}}.get(key, {default}) + amount"
        return Local(
            "{{}}", True, ("for key, amount in {n}.items():", line), loops=("key", "amount")
        )
    if kind == "defaultdict" and made and ops <= {"item+", "item-"}:
        line = "\t{p}[key] += amount"
        return Local(made, True, ("for key, amount in {n}.items():", line), loops=("key", "amount"))
    begun = {op.removeprefix("new ") for op in ops if op.startswith("new ")}
    if len(begun) == 1 and len(ops) > 1:
        return _begun(begun.pop(), {op for op in ops if not op.startswith("new ")})
    inner = {INNER.get(op.partition(".")[2]) for op in ops}
    if len(inner) == 1 and None not in inner and len({op.partition(".")[0] for op in ops}) == 1:
        how = next(iter(inner))
        start = next(iter(ops)).partition(".")[0]
        head = "for key, values in {n}.items():"
        if start != "item":
            line = f"\t{{p}}.setdefault(key, {start}).{how}(values)"
            return Local("{{}}", True, (head, line), loops=("key", "values"))
        if kind == "defaultdict" and made:
            line = f"\t{{p}}[key].{how}(values)"
            return Local(made, True, (head, line), loops=("key", "values"))
    if len({one.replay for one in found}) == 1 and not found[0].listed:
        return Local("[]", False, (), loops=found[0].names)
    return _fields(found, declared, text) if kind == "dict" else None


def _fields(
    found: Sequence[Addition], declared: ast.expr | None, text: Callable[[ast.expr], str]
) -> Local | None:
    """Return a dict with those keys of the place that a worker adds to, all of them constants."""
    if not isinstance(declared, ast.Dict):
        return None
    adds: dict[str, set[str]] = {}
    for one in found:
        if one.op.partition(".")[0] not in ("item", "item+", "item-") or one.op == "item":
            return None
        adds.setdefault(ast.unparse(one.operands[0]), set()).add(one.op.removeprefix("item."))
    made: list[str] = []
    merge: list[str] = []
    for key, value in zip(declared.keys, declared.values, strict=True):
        ops = adds.pop(ast.unparse(key), set()) if isinstance(key, ast.Constant) else set()
        if not ops or key is None:
            continue
        spelt = _braces(text(key))
        match value:
            case ast.Constant(value=int() | float()) if ops <= {"item+", "item-"}:
                zero = "0.0" if isinstance(value.value, float) else "0"
                merge.append(f"{{p}}[{spelt}] += {{n}}[{spelt}]")
            case ast.List() if ops <= {"append", "extend"}:
                zero = "[]"
                merge.append(f"{{p}}[{spelt}].extend({{n}}[{spelt}])")
            case ast.Set() | ast.Call(func=ast.Name(id="set")) if ops <= {"add", "update"}:
                zero = "set()"
                merge.append(f"{{p}}[{spelt}].update({{n}}[{spelt}])")
            case _:
                return None
        made.append(f"{spelt}: {zero}")
    if adds or not made:
        return None
    return Local(f"{{{{{', '.join(made)}}}}}", True, tuple(merge))


def _begun(made: str, ops: Set[str]) -> Local | None:
    """Return what a worker gathers in that makes each item before it changes it."""
    if made in ("0", "0.0") and ops <= {"item+", "item-"}:
        line = f"\t{{p}}[key] = {{p}}.get(key, {made}) + amount"
        amounts = "for key, amount in {n}.items():"
        return Local("{{}}", True, (amounts, line), loops=("key", "amount"))
    head = "for key, values in {n}.items():"
    if made in ("{}", "dict()"):
        line = f"\t{{p}}.setdefault(key, {_braces(made)}).update(values)"
        same = ops == {"item.item"}
        return Local("{{}}", True, (head, line), loops=("key", "values")) if same else None
    how = {INNER.get(op.removeprefix("item.")) for op in ops if op.startswith("item.")}
    if how == {"update" if made == "set()" else "extend"} and made not in ("0", "0.0"):
        line = f"\t{{p}}.setdefault(key, {made}).{how.pop()}(values)"
        return Local("{{}}", True, (head, line), loops=("key", "values"))
    return None


def _constructor(declared: ast.expr | None) -> str:
    """Return the text of a call that makes an empty Counter or defaultdict."""
    match declared:
        case ast.Call(func=func, args=args, keywords=[]):
            name = ast.unparse(func).rpartition(".")[2]
            if name == "Counter" and not args:
                return _braces(ast.unparse(declared))
            match args:
                case [ast.Name(id="int" | "float" | "list" | "set")] if name == "defaultdict":
                    return _braces(ast.unparse(declared))
    return ""


def _braces(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
