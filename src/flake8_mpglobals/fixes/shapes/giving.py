"""Let a worker give back what it would have added to a place.

Where each way through the worker ends by adding one thing, that thing becomes its
result; else it gathers them in a local object and gives that back from every return.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from flake8_mpglobals.fixes.edits import Edit
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.naming import fresh
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.scopes import identifiers
from flake8_mpglobals.fixes.shapes.additions import REMOVING, Addition, pure
from flake8_mpglobals.fixes.shapes.outcome import Added, Outcome
from flake8_mpglobals.fixes.shapes.partials import local_form
from flake8_mpglobals.fixes.shapes.rewriting import Rewriting
from flake8_mpglobals.fixes.shapes.shown import at_the_end, display
from flake8_mpglobals.fixes.shapes.ways import own_nodes, runs_off, ways
from flake8_mpglobals.fixes.shapes.wording import braces, folded_in, loops_in, singular
from flake8_mpglobals.mutations import BUFFERS

_NONE = ast.Constant(None)
_LISTS = frozenset({"list", "sorted", "dict", "set", "tuple", "Counter", "split", "splitlines"})


@dataclass
class Giving:
    """Rewrites one worker; the edits of ``code`` are complete once :meth:`outcome` has answered."""

    module: Module
    function: Function
    places: Sequence[Added]
    paired: bool = False
    """Whether it goes on to return what it returns, beside what it adds."""
    code: Rewriting = field(init=False)

    def __post_init__(self) -> None:
        """Begin without an edit."""
        self.code = Rewriting(self.module, self.function)

    def outcome(self) -> Outcome:
        """Return what the worker gives back; raise :class:`CannotFix` where it cannot."""
        at_the_end = all(len(one.found) == 1 and self._always(one.found[0]) for one in self.places)
        if self.paired:
            self._check_gives()
            with suppress(CannotFix):
                if at_the_end and isinstance(self.function.body[-1], ast.Return):
                    return replace(self._as_values(), one="", whole="")
            self.code.edits.clear()
            return replace(self._gathered(), one="", whole="", gathered=False)
        if at_the_end and (counted := self._as_counted()) is not None:
            return counted
        self._check_returns()
        if len(self.places) == 1 and (kept := self._as_returned()) is not None:
            return kept
        if len(self.places) == 1:
            added = self.places[0]
            if (
                self._same(added)
                and ways(self.function.body, [one.statement for one in added.found], tail=True)
                is True
            ):
                return self._as_result(added)
        if at_the_end:
            return self._as_values()
        return self._gathered()

    # -- what it returns now

    def _check_returns(self) -> None:
        for node in self._returns():
            value = node.value
            if value is not None and not pure(value):
                raise CannotFix(
                    f"{self.function.name!r} returns something in line {node.lineno}: "
                    "a worker that adds to a place can give back that alone"
                )

    def _check_gives(self) -> None:
        if all(ast.unparse(one.value or _NONE) == "None" for one in self._returns()):
            raise CannotFix("")

    def _returns(self) -> list[ast.Return]:
        return [one for one in own_nodes(self.function) if isinstance(one, ast.Return)]

    def _same(self, added: Added) -> bool:
        found = added.found
        return len({one.replay for one in found}) == 1

    def _always(self, one: Addition) -> bool:
        """Whether an addition runs once whenever the worker ends, and ends nowhere else."""
        body = self.function.body
        if not any(one.statement is statement for statement in body):
            return False
        return all(node is body[-1] for node in self._returns()) and not one.listed

    # -- each task counts alike, whatever it returns

    def _as_counted(self) -> Outcome | None:
        """Return the outcome of a worker that returns something and counts one constant."""
        added, constant = self.places[0], self.places[0].found[0].operands[-1]
        gives = [one for one in self._returns() if ast.unparse(one.value or _NONE) != "None"]
        counts = len(self.places) == 1 and added.kind == "int" and added.found[0].op in ("+", "-")
        if not gives or not counts or not isinstance(constant, ast.Constant):
            return None
        one, text = added.found[0], ast.unparse(constant)
        self.code.drop(one.statement)
        line = f"{{p0}} {one.op}= {text}"
        whole = f"{{p0}} {one.op}= sum({text} for _ in {{r}})"
        times = "" if text == "1" else f"{text} * "
        listed = f"{{p0}} {one.op}= {times}len({{r}})"
        return Outcome((), (line,), line, whole, listed, kept=True)

    # -- the result is what was added already

    def _as_returned(self) -> Outcome | None:
        """Return the outcome of a worker that returns the one thing that it adds."""
        added = self.places[0]
        returns = self._returns()
        if not returns or not self._same(added) or len(added.found[0].operands) != 1:
            return None
        if runs_off(self.function.body):
            return None
        names = {ast.unparse(one.value) for one in returns if one.value is not None}
        given = {ast.unparse(one.operands[0]) for one in added.found}
        operand = added.found[0].operands[0]
        if names != given or len(names) != 1 or not isinstance(operand, ast.Name):
            return None
        if any(one.value is None for one in returns) or len(returns) != len(added.found):
            return None
        for one in added.found:
            block = self.module.block(one.statement)
            rest = block[block.index(one.statement) + 1 :]
            if not rest or not any(rest[-1] is node for node in returns):
                return None
            if any(_binds(statement, operand.id) for statement in rest):
                return None
            if any(isinstance(n, ast.Return) for s in rest[:-1] for n in ast.walk(s)):
                return None
        for one in added.found:
            self.code.drop(one.statement)
        return self._single(added.found[0], kept=True, atomic=False)

    # -- each way ends by adding

    def _as_result(self, added: Added) -> Outcome:
        """Let the last statement of each way return what it added."""
        folded = folded_in(self.module, added.found)
        for one in added.found:
            block = self.module.block(one.statement)
            place = block.index(one.statement)
            self.code.check_order(one)
            values = [op for n, op in enumerate(one.operands) if n not in folded]
            self.code.replace(one, "return " + self.code.texts(one, values))
            if place + 1 < len(block):
                self.code.drop(block[place + 1])
        return self._single(added.found[0], kept=False, atomic=True, found=added.found)

    def _single(
        self,
        one: Addition,
        *,
        kept: bool,
        atomic: bool,
        found: Sequence[Addition] = (),
    ) -> Outcome:
        folded = folded_in(self.module, found or (one,))
        names: list[str] = []
        slots: list[str] = []
        for n, op in enumerate(one.operands):
            if n in folded:
                slots.append(braces(folded[n]))
                continue
            slots.append(f"{{n{len(names)}}}")
            names.append(self._name(one, n, op, found))
        line = one.replay.replace("{p}", "{p0}")
        for n, slot in enumerate(slots):
            line = line.replace(f"{{{n}}}", slot)
        whole = one.whole.replace("{p}", "{p0}")
        if folded:
            whole = ""
            if one.op == "item+" and folded.get(1) == "1" and "Counter" in self.places[0].kind:
                whole = "{p0}.update({r})"
        single = line.replace("{n0}", "{r}") if len(names) == 1 else ""
        if one.op in "+-" and self.places[0].kind == "float":
            whole = ""
        return Outcome(tuple(names), (line,), single, whole, kept=kept, atomic=atomic)

    def _name(self, one: Addition, n: int, op: ast.expr, found: Sequence[Addition]) -> str:
        """Return what to call an operand: as the worker does, where it has one name."""
        same = {ast.unparse(other.operands[n]) for other in found} or {ast.unparse(op)}
        if isinstance(op, ast.Name) and len(same) == 1 and not self.module.is_global(op):
            return op.id
        return f"new_{self._stem(one)}" if one.names[n] == "new" else one.names[n]

    def _stem(self, one: Addition) -> str:
        return next(added.stem for added in self.places if one in added.found)

    # -- it always adds, and goes on

    def _as_values(self) -> Outcome:
        """Let the worker return all that it adds, at its end."""
        names: list[str] = []
        lines: list[str] = []
        values: list[str] = []
        shared = False
        taken = set(identifiers(self.function))
        ordered = sorted(self.places, key=lambda added: added.found[0].statement.lineno)
        body = [one for one in self.function.body if not isinstance(one, ast.Return)]
        final = ordered[-1].found[0]
        ends = body[-1] is final.statement and not self.paired
        for added in ordered:
            one = added.found[0]
            self.code.check_order(one)
            folded = folded_in(self.module, added.found, numbers=len(self.places) > 1)
            line = one.replay.replace("{p}", f"{{p{self.places.index(added)}}}")
            kept: list[tuple[ast.expr, str]] = []
            for n, op in enumerate(one.operands):
                if n in folded:
                    line = line.replace(f"{{{n}}}", braces(folded[n]))
                    continue
                line = line.replace(f"{{{n}}}", f"{{n{len(names)}}}")
                value = self.code.text(one, op) if ends and one is final else self._stays(one, op)
                if value in values and isinstance(op, ast.Name) and not one.listed:
                    same = values.index(value)
                    line = line.replace(f"{{n{len(names)}}}", f"{{n{same}}}")
                    shared = True
                    continue
                wanted = self._name(one, n, op, added.found)
                if wanted == "value":
                    wanted = singular(added.stem, wanted)
                if not value:
                    value = fresh(singular(added.stem, one.names[n]), taken)
                    taken.add(value)
                    kept.append((op, value))
                    wanted = value
                values.append(value)
                names.append(wanted)
            lines.append(line)
            if one is not final or not ends:
                self._bind(one, kept)
        if not names:
            raise CannotFix(f"{self.function.name!r} adds the same whatever its task is")
        if ends:
            self.code.replace(final, f"return {', '.join(values)}")
            if body[-1] is not self.function.body[-1]:
                self.code.drop(self.function.body[-1])
        elif self.paired and isinstance(last := self.function.body[-1], ast.Return):
            self.code.edits += self._given(last, ", ".join(values))
        else:
            self.code.finish(", ".join(values))
        if len(self.places) > 1 or shared:
            return Outcome(tuple(names), tuple(lines))
        if len(set(values)) != len(values):
            return Outcome(tuple(names), tuple(lines))
        added = self.places[0]
        outcome = self._single(added.found[0], kept=False, atomic=False, found=added.found)
        return Outcome(tuple(names), outcome.lines, outcome.one, outcome.whole)

    def _stays(self, one: Addition, op: ast.expr) -> str:
        """Return the text of an operand that can be evaluated at the end of the worker."""
        if isinstance(op, ast.Constant):
            return ast.unparse(op)
        if not isinstance(op, ast.Name) or self.module.is_global(op):
            return ""
        body = self.function.body
        rest = body[body.index(one.statement) + 1 :]
        return "" if any(_binds(statement, op.id) for statement in rest) else op.id

    def _bind(self, one: Addition, kept: Sequence[tuple[ast.expr, str]]) -> None:
        """Replace an addition by assignments to locals, or by nothing."""
        if not kept:
            self.code.drop(one.statement)
            return
        if len(kept) == 1:
            self.code.replace(one, f"{kept[0][1]} = {self.code.texts(one, [kept[0][0]])}")
            return
        left = ", ".join(name for _, name in kept)
        self.code.replace(one, f"{left} = {self.code.texts(one, [op for op, _ in kept])}")

    # -- it may add nothing, or several

    def _gathered(self) -> Outcome:
        if any(one.kind in BUFFERS for one in self.places):
            raise CannotFix(f"{self.function.name!r} may write several items: share the buffer")
        module, function = self.module, self.function
        names: list[str] = []
        lines: list[str] = []
        loops: list[str] = []
        made: list[str] = []
        kept = True
        taken = set(identifiers(function)) | set(module.identifiers)
        whole = one_line = ""
        for number, added in enumerate(self.places):
            local = local_form(added.kind, added.found, added.declared, module.text)
            if local is None:
                raise CannotFix(
                    f"{function.name!r} adds to {added.key!r} in several ways: "
                    "give them back and combine them in the parent"
                )
            removes = all(one.op in REMOVING for one in added.found)
            wanted = f"{'removed' if removes else 'new'}_{added.stem}"
            if added.kind in ("int", "float", "bool"):
                wanted = f"partial_{added.stem}"
                self._check_finally(added)
            self._check_begun(added)
            name = fresh(wanted, taken)
            taken.add(name)
            names.append(name)
            shown = not self.paired and len(self.places) == 1
            shown = shown and at_the_end(module, function, added.found)
            if local.kept:
                shown = shown and self._shown(added, local.made)
            if not shown:
                made.append(f"{name} = {local.made.format()}")
            p, n = f"{{p{number}}}", f"{{n{number}}}"
            kept &= local.kept
            if local.kept:
                for one in added.found:
                    self.code.check_listed(one)
                for node in ast.walk(function) if not shown else ():
                    if added.is_place(node) and isinstance(node, ast.expr):
                        self.code.edits.append(Edit(module.start(node), module.end(node), name))
                merge = list(local.merge)
                loops += local.loops
            else:
                merge = self._replayed(added, name, shown=shown)
                loops += [x for x in local.loops if f"{{{x}}}" in "".join(merge)]
            if local.kept:
                merge = [loops_in(line, local.loops) for line in merge]
            lines += [line.replace("{p}", p).replace("{n}", n) for line in merge]
            whole = local.whole.replace("{p}", p)
            if added.kind == "float":
                whole = ""
            one_line = local.merge[0].replace("{p}", p).replace("{n}", "{r}") if local.kept else ""
        if len(lines) != 1 or len(names) != 1:
            whole = one_line = "" if len(names) != 1 or len(lines) != 1 else one_line
        self.code.begin(made)
        given = ", ".join(names)
        for node in self._returns():
            self.code.edits += self._given(node, given)
        if made and runs_off(function.body):
            self.code.close(f"return None, {given}" if self.paired else f"return {given}")
        return Outcome(
            tuple(names),
            tuple(lines),
            one_line,
            whole,
            loops=tuple(dict.fromkeys(loops)),
            gathered=kept,
        )

    def _given(self, node: ast.Return, given: str) -> list[Edit]:
        """Return the edits that let a ``return`` give what was gathered."""
        start, end = self.module.start(node), self.module.end(node)
        if not self.paired:
            return [Edit(start, end, f"return {given}")]
        if node.value is None:
            return [Edit(end, end, f" None, {given}")]
        at = self.module.start(node.value)
        if isinstance(node.value, ast.Tuple) and self.module.source.text[at] != "(":
            return [Edit(at, at, "("), Edit(end, end, f"), {given}")]
        return [Edit(end, end, f", {given}")]

    def _shown(self, added: Added, made: str) -> bool:
        """Let the worker return all that it adds as one display, if there is one."""
        texts = [[self.code.text(one, op) for op in one.operands] for one in added.found]
        text = display(made, added.found, texts)
        if text:
            self._give(added, text)
        return bool(text)

    def _give(self, added: Added, text: str) -> None:
        """Return ``text`` in place of all additions."""
        first, *others = added.found
        self.code.replace(first, f"return {text}")
        for one in others:
            self.code.drop(one.statement)

    def _replayed(self, added: Added, name: str, *, shown: bool) -> list[str]:
        """Let the worker append the operands of each addition, or return them all if they are
        to be ``shown``; return how they are added.
        """
        folded = folded_in(self.module, added.found)
        one = added.found[0]
        parts = [n for n in range(len(one.operands)) if n not in folded]
        items: list[str] = []
        for other in added.found:
            self.code.check_order(other)
            text = ", ".join(self.code.text(other, other.operands[n]) for n in parts)
            items.append(f"({text})" if len(parts) > 1 else text)
            if not shown:
                self.code.replace(other, f"{name}.append({items[-1]})")
        if shown:
            self._give(added, f"[{', '.join(items)}]")
        line = one.replay
        for n in range(len(one.operands)):
            line = line.replace(
                f"{{{n}}}", braces(folded[n]) if n in folded else f"{{{one.names[n]}}}"
            )
        bound = ", ".join(f"{{{one.names[n]}}}" for n in parts)
        return [f"for {bound} in {{n}}:", f"\t{line}"]

    def _check_begun(self, added: Added) -> None:
        """Raise :class:`CannotFix` where an item that only some additions make may be missing."""
        begun = [one for one in added.found if one.op.startswith("new ")]
        for one in added.found if begun else ():
            block = self.module.block(one.statement)
            before = block[: block.index(one.statement) + 1]
            key = ast.unparse(one.operands[0])
            if not any(
                other.statement in before and ast.unparse(other.operands[0]) == key
                for other in begun
            ):
                raise CannotFix(
                    f"line {one.statement.lineno} may not find what {added.key!r} holds in the "
                    "parent: make the item right before it"
                )

    def _check_finally(self, added: Added) -> None:
        for one in added.found:
            for above in self.module.ancestors(one.statement):
                if isinstance(above, ast.Try) and any(
                    self.module.inside(one.statement, last) for last in above.finalbody
                ):
                    raise CannotFix(f"line {one.statement.lineno} adds in a finally block")


def _binds(statement: ast.stmt, name: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
        for node in ast.walk(statement)
    )
