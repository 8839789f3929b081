"""Rows of the libraries whose pools run on this machine: clones of the standard
library's, ``loky``, ``joblib``, ``pathos``, ``mpire`` and the progress-bar wrappers.
"""

from __future__ import annotations

from flake8_mpglobals.apis import (
    ASYNC,
    CALLBACKS,
    LEFT_OUT,
    Ambient,
    Api,
    Kind,
    Result,
    Slot,
    Tasks,
    When,
    every,
    executor,
    executor_methods,
)

_LOKY = "loky.ProcessPoolExecutor"
_JOBS = Slot(0, "n_jobs")
_BACKEND = Slot(1, "backend")
_CLUSTERS = ("dask", "ray", "spark", "ipyparallel", "distributed")

_JOBLIB: tuple[Api, ...] = (
    Api(
        "joblib.Parallel",
        "joblib.Parallel",
        returns="joblib.Parallel",
        family="joblib",
        remedy="values",
        kinds=(
            When(_JOBS, (1,), "parent"),
            When(_BACKEND, ("threading",), "thread"),
            When(_BACKEND, ("sequential",), "parent"),
            When(Slot(-1, "require"), ("sharedmem",), "thread"),
            When(_BACKEND, _CLUSTERS, "remote"),
            When(_JOBS, (LEFT_OUT, None), "parent", unset=True),
            When(_BACKEND, ("loky", "multiprocessing"), "process", clear=True),
            Ambient(),
            When(Slot(-1, "prefer"), ("threads",), "thread", clear=True),
        ),
    ),
    Api(
        "joblib.Parallel.__call__",
        "joblib.Parallel",
        callable=Slot(0, "iterable"),
        runs="tasks",
        result="values",
        waits=True,
        pickles=False,
        remedy="values",
    ),
    Api("joblib.delayed", "delayed", "parent", wraps=Slot(0, "function"), returns="joblib.Delayed"),
    Api(
        "joblib.Delayed.__call__",
        "delayed",
        "parent",
        tasks="starcall",
        runs="receiver",
        defers=True,
        returns="joblib.Task",
    ),
    *(
        Api(
            f"joblib.{name}",
            name,
            sets="joblib",
            kinds=(
                When(Slot(0, "backend"), ("threading",), "thread"),
                When(Slot(0, "backend"), ("sequential",), "parent"),
                When(Slot(0, "backend"), _CLUSTERS, "remote"),
                When(Slot(-1, "prefer"), ("threads",), "thread"),
                When(Slot(-1, "require"), ("sharedmem",), "thread"),
                When(Slot(1 if name == "parallel_backend" else -1, "n_jobs"), (1,), "parent"),
                When(Slot(0, "backend"), (LEFT_OUT, None, "loky"), "process", clear=True),
            ),
        )
        for name in ("parallel_backend", "parallel_config")
    ),
)

_LOKY_ROWS: tuple[Api, ...] = (
    *every((executor(_LOKY, "loky.ProcessPoolExecutor", "process", 5),), remedy="values"),
    Api(
        "loky.get_reusable_executor",
        "get_reusable_executor",
        initializer=Slot(-1, "initializer"),
        initargs=Slot(-1, "initargs"),
        returns=_LOKY,
        remedy="values",
    ),
    *every(
        executor_methods(_LOKY, "loky.ProcessPoolExecutor", "process"),
        pickles=False,
        remedy="values",
    ),
)


def _pathos(owner: str, label: str, kind: Kind) -> tuple[Api, ...]:
    """Return the rows of one of pathos' pools, whose ``map`` takes several iterables."""

    def row(method: str, tasks: Tasks, result: Result, *, waits: bool) -> Api:
        return Api(
            f"{owner}.{method}",
            f"{label}.{method}",
            kind,
            Slot(0, "f"),
            tasks,
            result=result,
            returns=ASYNC if result == "future" else "",
            waits=waits,
            pickles=False,
            remedy="values",
        )

    return (
        row("map", "zip", "values", waits=True),
        row("imap", "zip", "values", waits=False),
        row("uimap", "zip", "values", waits=False),
        row("amap", "zip", "future", waits=False),
        row("pipe", "starcall", "value", waits=True),
        row("apipe", "starcall", "future", waits=False),
    )


_MPIRE = "mpire.WorkerPool"


def _mpire(method: str, tasks: Tasks, result: Result, *, waits: bool) -> Api:
    """Return the row of one method of ``mpire.WorkerPool``."""
    calls = method.startswith("apply")
    return Api(
        f"{_MPIRE}.{method}",
        f"WorkerPool.{method}",
        "process",
        Slot(0, "func"),
        tasks,
        args=Slot(1, "args" if calls else "iterable_of_args"),
        kwargs=Slot(2, "kwargs") if calls else None,
        initializer=Slot(-1, "worker_init"),
        result=result,
        returns=ASYNC if result == "future" else "",
        waits=waits,
        callbacks=CALLBACKS if calls else (),
        leading=("pass_worker_id", "shared_objects", "use_worker_state"),
        hooks=("worker_exit",),
        remedy="values",
    )


_MPIRE_ROWS: tuple[Api, ...] = (
    Api(
        _MPIRE,
        "WorkerPool",
        returns=_MPIRE,
        kinds=(When(Slot(6, "start_method"), ("threading",), "thread"),),
    ),
    _mpire("map", "each", "values", waits=True),
    _mpire("map_unordered", "each", "values", waits=True),
    _mpire("imap", "each", "values", waits=False),
    _mpire("imap_unordered", "each", "values", waits=False),
    _mpire("apply", "call", "value", waits=True),
    _mpire("apply_async", "call", "future", waits=False),
)


def _mapper(name: str, tasks: Tasks, kind: Kind = "process", *, waits: bool = True) -> Api:
    """Return the row of a function that maps a callable over iterables."""
    last = name.rpartition(".")[2]
    later = last.endswith("_async")
    return Api(
        name,
        last,
        kind,
        Slot(0, "function" if name.startswith("parmap.") else "fn"),
        tasks,
        args=Slot(1, "iterable"),
        result="future" if later else "values",
        returns=ASYNC if later else "",
        waits=waits and not later,
        kinds=(When(Slot(-1, "pm_parallel"), (False,), "parent"),),
        remedy="values",
    )


_MAPPERS: tuple[Api, ...] = (
    _mapper("tqdm.contrib.concurrent.process_map", "zip"),
    _mapper("tqdm.contrib.concurrent.thread_map", "zip", "thread"),
    *every(
        (
            _mapper("p_tqdm.p_map", "zip"),
            _mapper("p_tqdm.p_umap", "zip"),
            _mapper("p_tqdm.p_imap", "zip", waits=False),
            _mapper("p_tqdm.p_uimap", "zip", waits=False),
        ),
        pickles=False,
    ),
    _mapper("p_tqdm.t_map", "zip", "parent"),
    _mapper("p_tqdm.t_imap", "zip", "parent", waits=False),
    _mapper("parmap.map", "each_and"),
    _mapper("parmap.map_async", "each_and"),
    _mapper("parmap.starmap", "star_each"),
    _mapper("parmap.starmap_async", "star_each"),
)

_PANDARALLEL: tuple[Api, ...] = tuple(
    Api(
        f"pandarallel.{method}",
        method,
        "process",
        Slot(0, "func"),
        result="values",
        waits=True,
        pickles=False,
        anywhere=True,
        alone=True,
        remedy="values",
    )
    for method in ("parallel_apply", "parallel_map", "parallel_applymap")
)


def _torch_spawn(name: str) -> Api:
    """Return the row of a call that starts ``nprocs`` processes with their index first."""
    return Api(
        f"torch.multiprocessing.{name}",
        name,
        "process",
        Slot(0, "fn"),
        "call",
        args=Slot(1, "args"),
        waits=True,
        shift=1,
    )


ROWS: tuple[Api, ...] = (
    *_JOBLIB,
    *_LOKY_ROWS,
    *_pathos("pathos.pools.ProcessPool", "ProcessPool", "process"),
    *_pathos("pathos.pools.ParallelPool", "ParallelPool", "process"),
    *_pathos("pathos.pools.ThreadPool", "ThreadPool", "thread"),
    *_pathos("pathos.pools.SerialPool", "SerialPool", "parent"),
    *_MPIRE_ROWS,
    *_MAPPERS,
    *_PANDARALLEL,
    _torch_spawn("spawn"),
    _torch_spawn("start_processes"),
)

SAME: dict[str, str] = {
    "joblib.parallel.Parallel": "joblib.Parallel",
    "joblib.parallel.delayed": "joblib.delayed",
    "joblib.parallel.parallel_backend": "joblib.parallel_backend",
    "joblib.parallel.parallel_config": "joblib.parallel_config",
    "sklearn.utils.parallel.Parallel": "joblib.Parallel",
    "sklearn.utils.parallel.delayed": "joblib.delayed",
    "sklearn.utils.fixes.delayed": "joblib.delayed",
    "sklearn.utils.parallel_backend": "joblib.parallel_backend",
    "loky.reusable_executor.get_reusable_executor": "loky.get_reusable_executor",
    "loky.process_executor.ProcessPoolExecutor": _LOKY,
    "pathos.multiprocessing.ProcessPool": "pathos.pools.ProcessPool",
    "pathos.multiprocessing.ProcessingPool": "pathos.pools.ProcessPool",
    "pathos.multiprocessing.ThreadPool": "multiprocessing.pool.ThreadPool",
    "pathos.threading.ThreadPool": "pathos.pools.ThreadPool",
    "pathos.parallel.ParallelPool": "pathos.pools.ParallelPool",
    "pathos.parallel.ParallelPythonPool": "pathos.pools.ParallelPool",
    "pathos.pp.ParallelPool": "pathos.pools.ParallelPool",
    "pathos.pp.ParallelPythonPool": "pathos.pools.ParallelPool",
    "pathos.serial.SerialPool": "pathos.pools.SerialPool",
    "pathos.multiprocessing.Pool": "multiprocess.pool.Pool",
    "pathos.multiprocessing._ProcessPool": "multiprocess.pool.Pool",
    "pathos.pools._ProcessPool": "multiprocess.pool.Pool",
    "pathos.pools._ThreadPool": "multiprocessing.pool.ThreadPool",
    "torch.multiprocessing.spawn.spawn": "torch.multiprocessing.spawn",
    "torch.multiprocessing.spawn.start_processes": "torch.multiprocessing.start_processes",
    "mpire.pool.WorkerPool": _MPIRE,
}
"""Other spellings of the names above."""

CLONES: dict[str, str] = {
    "billiard": "multiprocessing",
    "multiprocess": "multiprocessing",
    "multiprocessing_on_dill": "multiprocessing",
    "torch.multiprocessing": "multiprocessing",
    "pathos.helpers.mp": "multiprocess",
    "joblib.externals.loky": "loky",
}
"""Modules with the names of another."""

BY_VALUE: frozenset[str] = frozenset(("multiprocess", "multiprocessing_on_dill"))
"""Clones that pickle functions by value: lambdas and nested functions may travel."""
