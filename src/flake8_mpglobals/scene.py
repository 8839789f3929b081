"""What is known of one file before anything is judged: the earlier stages, side by side."""

from __future__ import annotations

from collections.abc import Iterable

from flake8_mpglobals.dispatches import Boundaries
from flake8_mpglobals.evaluate import Evaluator
from flake8_mpglobals.importtime import ImportTime
from flake8_mpglobals.ir import Function, Module
from flake8_mpglobals.options import Options
from flake8_mpglobals.program import Program
from flake8_mpglobals.reach import Reach
from flake8_mpglobals.records import frozen
from flake8_mpglobals.start_methods import StartMethods


@frozen(eq=False)
class Scene:
    """The results of the stages up to reach, for one file.

    ``imports`` says what runs at import, ``methods`` with which start methods
    processes can start.
    """

    program: Program
    boundaries: Boundaries
    reach: Reach
    evaluator: Evaluator
    imports: ImportTime
    methods: StartMethods

    @property
    def module(self) -> Module:
        """Return the file under check."""
        return self.program.main

    @property
    def functions(self) -> Iterable[Function]:
        """Return the functions whose calls were looked at, those of this file first."""
        return self.boundaries.functions


def set_scene(
    program: Program,
    boundaries: Boundaries,
    reach: Reach,
    evaluator: Evaluator,
    options: Options,
) -> Scene:
    """Return the scene of one file."""
    imports = ImportTime(program.main, boundaries, evaluator)
    methods = StartMethods(program.main, evaluator, options.start_methods)
    return Scene(program, boundaries, reach, evaluator, imports, methods)
