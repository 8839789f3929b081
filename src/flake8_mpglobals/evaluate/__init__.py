"""What can this expression be?  One question, one answerer.

:class:`Evaluator` turns the symbolic values of the intermediate form into
*things*: project functions, classes and instances, objects of catalogued
libraries, containers with their kind, shared objects, plain values, or unknown.
It also says which *places* (access paths that start at a global or a parameter)
an expression can be, and which functions a call can enter with which arguments.

Every query is bounded (:data:`FUEL`, :data:`DEPTH`); what is not found within the
bound is unknown.
"""

from flake8_mpglobals.evaluate.calls import Evaluator
from flake8_mpglobals.evaluate.query import GROWN, Remembered
from flake8_mpglobals.evaluate.things import (
    KEYWORDS,
    Bindings,
    Box,
    Env,
    External,
    Func,
    Generator,
    Handle,
    Mod,
    Obj,
    Partial,
    Plain,
    Shared,
    Target,
    Thing,
    Things,
    Type,
    Wrapped,
    argument,
    bound_to,
    is_keywords,
)

__all__ = [
    "GROWN",
    "KEYWORDS",
    "Bindings",
    "Box",
    "Env",
    "Evaluator",
    "External",
    "Func",
    "Generator",
    "Handle",
    "Mod",
    "Obj",
    "Partial",
    "Plain",
    "Remembered",
    "Shared",
    "Target",
    "Thing",
    "Things",
    "Type",
    "Wrapped",
    "argument",
    "bound_to",
    "is_keywords",
]
