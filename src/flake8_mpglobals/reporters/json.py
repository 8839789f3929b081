"""The stable, versioned JSON report; its schema is ``schema/report-v1.json``."""

from __future__ import annotations

import json
from typing import Any

from flake8_mpglobals.model import FileError, Finding, Fix, Location, TextEdit
from flake8_mpglobals.reporters.base import Report, Style

VERSION = 1


def render(report: Report, style: Style) -> str:
    """Return one JSON object, in ASCII, so that any stream can carry it."""
    del style
    return json.dumps(document(report), indent=2) + "\n"


def document(report: Report) -> dict[str, Any]:
    """Return the report as plain values."""
    return {
        "version": VERSION,
        "findings": [_finding(one) for one in report.findings],
        "errors": [_error(one) for one in report.errors],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": finding.name,
        "message": finding.message,
        **_place(finding.location),
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "place": finding.place,
        "worker": finding.worker,
        "dispatches": [
            {**_place(one.location), "api": one.api, "kind": one.kind} for one in finding.dispatches
        ],
        "chain": [{**_place(one.location), "name": one.name} for one in finding.chain],
        "related": [{**_place(one.location), "message": one.message} for one in finding.related],
        "fix": None if finding.fix is None else _fix(finding.fix),
    }


def _place(location: Location) -> dict[str, Any]:
    return {"path": location.path, "line": location.line, "column": location.column}


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "applicability": fix.applicability,
        "title": fix.title,
        "edits": [_edit(one) for one in fix.edits],
        "reason": fix.reason,
    }


def _edit(edit: TextEdit) -> dict[str, Any]:
    return {
        "path": edit.path,
        "start": {"line": edit.start_line, "column": edit.start_column},
        "end": {"line": edit.end_line, "column": edit.end_column},
        "content": edit.content,
    }


def _error(error: FileError) -> dict[str, Any]:
    return {
        "path": error.path,
        "line": max(error.line, 1),
        "column": max(error.column, 1),
        "message": error.message,
    }
