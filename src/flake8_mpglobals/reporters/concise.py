"""One line for each finding, as flake8 prints it."""

from __future__ import annotations

from flake8_mpglobals.reporters.base import Report, Style


def render(report: Report, style: Style) -> str:
    """Return ``path:line:col: CODE message`` lines; nothing else, in any style."""
    del style
    return "".join(
        f"{one.location.path}:{one.location.line}:{one.location.column}: {one.code} {one.message}\n"
        for one in report.findings
    )
