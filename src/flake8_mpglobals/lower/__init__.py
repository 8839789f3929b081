"""Lowering: from the tree of one module to its intermediate form.

Each function is walked once, in order, with the values of its locals at hand
(flow-sensitive); module globals, captured variables and attributes stay
symbolic.  Nothing is looked up outside the module here.
"""

from flake8_mpglobals.lower.scope import Link
from flake8_mpglobals.lower.statements import lower

__all__ = ["Link", "lower"]
