"""Which files of the repositories start processes themselves: the frame of the sample.

    python benchmarks/realworld/dispatching.py CHECKOUTS > frame.tsv

CHECKOUTS holds one folder per repository, named owner+name.  Decided by imports and
calls alone, never by what the linter says.  Files that do not parse (Python 2) are
left out, and so are byte-equal copies.
"""

from __future__ import annotations

import ast
import hashlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

POOLS = {
    "Process",
    "Pool",
    "ProcessPool",
    "WorkerPool",
    "Parallel",
    "get_reusable_executor",
    "LocalCluster",
    "spawn",
}
FORKING = {"multiprocessing", "multiprocess", "billiard", "pathos", "torch", "mpire", "joblib"}
WORDS = (b"multiprocess", b"ProcessPool", b"joblib", b"pathos", b"ray", b"fork(", b"mpire")
SKIPPED = {"site-packages", "node_modules", ".history", "__pycache__", ".git"}


def dispatches(source: bytes) -> bool:
    """Say whether this text calls something that starts a process, or derives from one."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return False
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                aliases[alias.asname or alias.name.split(".")[0]] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    forks = any(name.split(".")[0] in FORKING for name in aliases.values())

    def named(expression: ast.expr) -> str:
        if isinstance(expression, ast.Name):
            return aliases.get(expression.id, "")
        if isinstance(expression, ast.Attribute):
            base = named(expression.value)
            return f"{base}.{expression.attr}" if base else ""
        if isinstance(expression, ast.Call):
            return named(expression.func)
        return ""

    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = named(node.func)
            root, last = name.split(".")[0], name.split(".")[-1]
            if "dummy" in name:
                continue
            if (root in FORKING and last in POOLS) or last == "ProcessPoolExecutor":
                return True
            if name in ("os.fork", "ray.remote", "dask.distributed.Client", "distributed.Client"):
                return True
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if forks and called in ("Process", "Pool"):
                return True
        elif isinstance(node, ast.ClassDef):
            for base in node.bases:
                name = named(base)
                if name.split(".")[0] in FORKING and name.split(".")[-1] == "Process":
                    return True
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and any(
            named(item).startswith("ray.remote") for item in node.decorator_list
        ):
            return True
    return False


def frame(checkouts: Path) -> Iterator[tuple[str, str, int]]:
    """Repository, path and number of lines of each file that starts processes."""
    seen: set[bytes] = set()
    for path in sorted(checkouts.rglob("*.py")):
        parts = path.relative_to(checkouts).parts
        if SKIPPED & set(parts) or not path.is_file():
            continue
        source = path.read_bytes()
        digest = hashlib.sha256(source).digest()
        if digest in seen or not any(word in source for word in WORDS):
            continue
        if dispatches(source):
            seen.add(digest)
            yield parts[0].replace("+", "/", 1), "/".join(parts[1:]), source.count(b"\n") + 1


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print("repository\tpath\tlines")
    for row in sorted(frame(Path(sys.argv[1]))):
        print(*row, sep="\t")
