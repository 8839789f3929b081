"""The output formats: one module each, with ``render(report, style) -> str``.

A new format is a module here and its name in
:data:`flake8_mpglobals.config.OUTPUT_FORMATS`.
"""

from __future__ import annotations

from importlib import import_module

from flake8_mpglobals.reporters.base import Report, Style

__all__ = ["Report", "Style", "render"]


def render(output_format: str, report: Report, style: Style) -> str:
    """Return the text of a report, with its last line end, in a known format."""
    module = import_module(f"{__name__}.{output_format}")
    text: str = module.render(report, style)
    return text
