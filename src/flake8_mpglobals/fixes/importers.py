"""Whether another file of the project imports a module and names what a fix changes."""

from __future__ import annotations

import ast
import os
import re
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path

_ROOTS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
_SKIPPED = frozenset(
    {"node_modules", "__pycache__", "venv", "env", "build", "dist", "site-packages"}
)
_MOST_FILES = 5000
"""A folder with more files than these is no project: nothing is searched further."""


def named_elsewhere(path: str, names: Collection[str]) -> str:
    """Return another file of the project that imports the module at ``path`` and names one of
    ``names``; empty if there is none.
    """
    here = Path(path)
    try:
        if not here.is_file():
            return ""
        here = here.resolve()
        module = here.parent.name if here.stem == "__init__" else here.stem
        words = [re.compile(rb"\b" + re.escape(name.encode()) + rb"\b") for name in names]
        stem = re.compile(rb"\b" + re.escape(module.encode()) + rb"\b")
        for other in _files(_root(here), here):
            data = other.read_bytes()
            if (
                b"import" in data
                and stem.search(data)
                and any(word.search(data) for word in words)
                and _imports(data, module)
            ):
                return os.path.relpath(other)
    except OSError:
        return ""
    return ""


def _root(here: Path) -> Path:
    """Return the folder of the project that holds a file: its own where nothing marks one."""
    for folder in here.parents:
        if any((folder / name).exists() for name in _ROOTS):
            return folder
    folder = here.parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return folder


def _files(root: Path, here: Path) -> Iterator[Path]:
    seen = 0
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(
            name
            for name in inner
            if name not in _SKIPPED
            and not name.startswith(".")
            and not (Path(folder) / name / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            if name.endswith((".py", ".pyw")) and Path(folder) / name != here:
                seen += 1
                if seen > _MOST_FILES:
                    return
                yield Path(folder) / name


def _imports(data: bytes, module: str) -> bool:
    """Whether a file has an import whose last part, or one of whose names, is ``module``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True  # nobody knows what it does
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            if any(alias.name.rpartition(".")[2] == module for alias in node.names):
                return True
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").rpartition(".")[2] == module:
                return True
            if any(alias.name == module for alias in node.names):
                return True
    return False
