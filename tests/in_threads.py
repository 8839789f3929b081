"""Run a fixture with every process replaced by a thread: what would sharing memory show?

``python in_threads.py fixture.py`` is the ground truth of the fixtures.  Where a
write is really lost, the parent's last line differs from that of the plain run;
where nothing is lost, it is the same.
"""

from __future__ import annotations

import concurrent.futures
import concurrent.futures.process
import contextlib
import importlib.util
import multiprocessing
import multiprocessing.context
import multiprocessing.dummy
import multiprocessing.managers
import multiprocessing.pool
import os
import runpy
import sys
from pathlib import Path
from typing import Any


def _second_copy() -> Any:
    """Load ``multiprocessing.pool`` again: its ``ThreadPool`` needs a ``Pool`` left as it is."""
    spec = importlib.util.find_spec("multiprocessing.pool")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_pool: Any = _second_copy()


class ThreadProcess(multiprocessing.dummy.Process):
    """``multiprocessing.Process`` on a thread."""

    def __init__(
        self,
        group: None = None,
        target: Any = None,
        name: str | None = None,
        args: Any = (),
        kwargs: Any = None,
        *,
        daemon: bool | None = None,
    ) -> None:
        super().__init__(group, target, name, args, kwargs or {})
        if daemon is not None:
            self.daemon = daemon

    def terminate(self) -> None:
        pass

    kill = close = terminate


class ThreadPool(_pool.ThreadPool):  # type: ignore[misc]
    """``multiprocessing.Pool`` on threads, with the signature of ``Pool``."""

    def __init__(
        self,
        processes: int | None = None,
        initializer: Any = None,
        initargs: Any = (),
        maxtasksperchild: int | None = None,
        context: Any = None,
    ) -> None:
        super().__init__(processes, initializer, initargs)


class ThreadExecutor(concurrent.futures.ThreadPoolExecutor):
    """``ProcessPoolExecutor`` on threads, with the signature of that class."""

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: Any = None,
        initializer: Any = None,
        initargs: Any = (),
        *,
        max_tasks_per_child: int | None = None,
    ) -> None:
        super().__init__(max_workers, "", initializer, initargs)


class PlainContext(multiprocessing.context.ForkContext):
    """A context that still starts processes: a manager's server needs one."""

    Process = multiprocessing.context.ForkProcess


def _manager() -> multiprocessing.managers.SyncManager:
    manager = multiprocessing.managers.SyncManager(ctx=PlainContext())
    manager.start()
    return manager


def main(path: str) -> None:
    """Replace the process classes and run ``path`` as the main module."""
    mp: Any = multiprocessing
    mp.Process = ThreadProcess
    mp.Manager = _manager
    mp.Pool = mp.pool.Pool = ThreadPool
    mp.pool.ThreadPool = _pool.ThreadPool
    mp.context.BaseContext.Pool = staticmethod(ThreadPool)
    for name in ("Default", "Fork", "Spawn", "ForkServer"):
        getattr(mp.context, name + "Context").Process = ThreadProcess
    futures: Any = concurrent.futures
    futures.ProcessPoolExecutor = futures.process.ProcessPoolExecutor = ThreadExecutor
    sys.argv = [path]
    sys.path[0] = os.fspath(Path(path).parent)
    with contextlib.suppress(SystemExit):
        runpy.run_path(path, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1])
