"""Processes that put what their worker gives back into a list of a manager."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from flake8_mpglobals.fixes.module import Function
from flake8_mpglobals.fixes.naming import fresh, variables
from flake8_mpglobals.fixes.setters import beside
from flake8_mpglobals.fixes.shapes.job import Job
from flake8_mpglobals.fixes.shapes.outcome import Outcome


@dataclass
class Returns(Job):
    """A list of a manager that takes the results of processes; the parent adds them."""

    stem: str = "results"
    outcome: Outcome = field(default_factory=lambda: Outcome((), ()))
    places: list[str] = field(default_factory=list)

    def shared(self, anchor: ast.AST) -> str:
        """Return the name for the list beside ``anchor``."""
        return fresh(self.wanted, variables(self.module, anchor))

    @property
    def wanted(self) -> str:
        """What the list is to be called."""
        name = f"new_{self.stem}"
        return "returned" if name in self.outcome.names else name

    def making(self, manager: str) -> str:
        """Return the expression that makes an empty list."""
        return f"{manager}.list()"

    def bring_back(self, shared: str) -> tuple[str, ...]:
        """Return the lines that add all results to the parent's own object."""
        outcome = self.outcome
        slots = {f"p{n}": place for n, place in enumerate(self.places)}
        taken = set(self.module.identifiers) | {shared}
        if outcome.whole:
            return (outcome.whole.format(**slots, r=f"{shared}[:]"),)
        names: list[str] = []
        for wanted in outcome.names:
            names.append(fresh(wanted, taken - set(outcome.names)))
            taken.add(names[-1])
        slots.update((f"n{n}", name) for n, name in enumerate(names))
        slots.update((loop, fresh(loop, names)) for loop in outcome.loops)
        lines = [line.format(**slots) for line in outcome.lines]
        return (f"for {', '.join(names)} in {shared}[:]:", *(f"\t{line}" for line in lines))

    def attempt(self, shared: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the lines around what must be added from, whatever happens."""
        return ("try:",), ("finally:", *(f"\t{line}" for line in self.bring_back(shared)))

    def setter(self, behind: Function, wanted: str, inner: str, rest: str = "") -> str:
        """Return the name of the target that calls ``inner`` and keeps its result."""
        key = (inner, rest)
        if key not in self.setters:
            name = fresh(wanted, self.module.identifiers | set(self.setters.values()))
            self.setters[key] = name
            parameter = self.wanted
            marker = ", /" if "**" in rest else ""
            more = f", {rest}" if rest else ""
            returns = " -> None" if behind.returns is not None else ""
            lines = [
                f"def {name}({parameter}{marker}{more}){returns}:",
                f"\t{parameter}.append({inner}({rest}))",
            ]
            edit = beside(self.module, behind, lines)
            self.definitions.setdefault(behind, []).append(edit)
        return self.setters[key]
