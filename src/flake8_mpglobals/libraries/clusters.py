"""Rows of the libraries whose workers may run on other machines: Ray, Dask, PySpark
and Celery.
"""

from __future__ import annotations

from flake8_mpglobals.apis import (
    LEFT_OUT,
    Ambient,
    Api,
    Kind,
    Remedy,
    Slot,
    Tasks,
    When,
    every,
    executor_methods,
    factory,
    pool_methods,
)

# -- Ray ------------------------------------------------------------------------

_RAY = "ray.Remote"
_RAY_POOL = "ray.util.multiprocessing.Pool"
_ACTORS = "ray.util.ActorPool"
_DATASET = "ray.data.Dataset"

RAY: tuple[Api, ...] = (
    Api("ray.remote", "ray.remote", "parent", wraps=Slot(0, "function"), returns=_RAY),
    Api(
        f"{_RAY}.remote",
        "remote",
        "remote",
        tasks="starcall",
        runs="receiver",
        result="future",
        returns="ray.ObjectRef",
        pickles=False,
        family="ray",
        kinds=(Ambient(),),
        remedy="actor",
    ),
    Api(f"{_RAY}.options", "options", "parent", same=True),
    Api(
        "ray.init",
        "ray.init",
        "remote",
        sets="ray",
        kinds=(
            When(Slot(-1, "local_mode"), (True,), "parent"),
            When(Slot(-1, "local_mode"), (LEFT_OUT, False), None),
        ),
    ),
    Api(_RAY_POOL, "Pool", "remote", initializer=Slot(1, "initializer"), returns=_RAY_POOL),
    *every(pool_methods(_RAY_POOL, "ray Pool", "remote"), pickles=False, remedy="actor"),
    *(
        Api(f"{_ACTORS}.{method}", f"ActorPool.{method}", "parent", Slot(0, "fn"), "pooled")
        for method in ("map", "map_unordered", "submit")
    ),
    factory("ray.data.*", _DATASET),
    Api(f"{_DATASET}.*", "Dataset", "parent", same=True),
    *(
        Api(
            f"{_DATASET}.{method}",
            f"Dataset.{method}",
            "remote",
            Slot(0, "fn"),
            returns=_DATASET,
            pickles=False,
            remedy="actor",
        )
        for method in ("map", "map_batches", "flat_map", "filter")
    ),
    Api("ray.tune.run", "tune.run", "remote", Slot(0), pickles=False, remedy="actor"),
    Api("ray.tune.Tuner", "Tuner", "remote", Slot(0, "trainable"), pickles=False, remedy="actor"),
)  # fmt: skip

# -- Dask -----------------------------------------------------------------------

_LAZY = "dask.Lazy"
_DELAYED = "dask.Delayed"
_BAG = "dask.bag.Bag"
_FRAME = "dask.dataframe.DataFrame"
_ARRAY = "dask.array.Array"
_CLIENT = "distributed.Client"
_SCHEDULER = Slot(-1, "scheduler")
_IN_PROCESSES = When(_SCHEDULER, ("processes", "multiprocessing"), "process")
_HERE = When(
    _SCHEDULER,
    ("threads", "threading", "sync", "synchronous", "single-threaded"),
    "thread",
)
_ON_CLUSTER = When(_SCHEDULER, ("distributed", "dask.distributed"), "remote")


def _compute(name: str, kind: Kind) -> Api:
    """Return the row of a call that computes what is lazy, by default where ``kind`` says."""
    return Api(
        name,
        name.rpartition(".")[2],
        kind,
        runs="tasks",
        result="values",
        waits=True,
        pickles=False,
        family="dask",
        kinds=(
            _IN_PROCESSES,
            _HERE,
            _ON_CLUSTER,
            When(_SCHEDULER, (LEFT_OUT, None), kind, unset=True, clear=True),
            Ambient(),
        ),
        remedy="values",
    )


def _lazily(owner: str, *methods: str, tasks: Tasks = "", at: int = 0) -> tuple[Api, ...]:
    """Return the rows of methods that note a callable, to be run by ``compute()``."""
    return tuple(
        Api(
            f"{owner}.{method}",
            method,
            "parent",
            Slot(at, "func"),
            tasks,
            defers=True,
            returns=owner,
        )
        for method in methods
    )


def _client(method: str, tasks: Tasks, *, waits: bool = False) -> Api:
    return Api(
        f"{_CLIENT}.{method}",
        f"Client.{method}",
        "remote",
        Slot(0, "func" if method != "run" else "function"),
        tasks,
        result="future",
        returns="" if waits else "distributed.Future",
        waits=waits,
        pickles=False,
        remedy="gather",
    )


DASK: tuple[Api, ...] = (
    Api("dask.delayed", "dask.delayed", "parent", wraps=Slot(0, "obj"), returns=_LAZY),
    Api(
        f"{_LAZY}.__call__",
        "dask.delayed",
        "parent",
        tasks="starcall",
        runs="receiver",
        defers=True,
        returns=_DELAYED,
    ),
    *(
        _compute(name, "thread")
        for name in (
            "dask.compute",
            "dask.persist",
            f"{_DELAYED}.compute",
            f"{_DELAYED}.persist",
            f"{_LAZY}.compute",
            f"{_FRAME}.compute",
            f"{_FRAME}.persist",
            f"{_ARRAY}.compute",
            f"{_ARRAY}.persist",
        )
    ),
    *(_compute(f"{_BAG}.{name}", "process") for name in ("compute", "persist", "to_textfiles")),
    factory("dask.bag.*", _BAG),
    *_lazily(_BAG, "map", tasks="zip"),
    *_lazily(
        _BAG, "starmap", "filter", "remove", "map_partitions", "fold", "foldby", "groupby",
        "reduction", "accumulate",
    ),
    Api(f"{_BAG}.*", "Bag", "parent", same=True),
    factory("dask.dataframe.*", _FRAME),
    *_lazily(_FRAME, "map_partitions", "apply", "map"),
    Api(f"{_FRAME}.*", "DataFrame", "parent", same=True),
    factory("dask.array.*", _ARRAY),
    factory("dask.array.random.*", _ARRAY),
    Api("dask.array.map_blocks", "map_blocks", "parent", Slot(0), defers=True, returns=_ARRAY),
    *_lazily(_ARRAY, "map_blocks", "map_overlap"),
    Api(f"{_ARRAY}.*", "Array", "parent", same=True),
    Api(
        "dask.config.set",
        "dask.config.set",
        "thread",
        sets="dask",
        kinds=(
            _IN_PROCESSES,
            _HERE,
            _ON_CLUSTER,
            When(_SCHEDULER, (LEFT_OUT, None), None, clear=True),
        ),
    ),
    Api(
        _CLIENT,
        "Client",
        "remote",
        returns=_CLIENT,
        sets="dask",
        kinds=(When(Slot(-1, "processes"), (False,), "thread"),),
        inherits=Slot(0, "address"),
    ),
    Api(
        "distributed.LocalCluster",
        "LocalCluster",
        "remote",
        returns="distributed.LocalCluster",
        kinds=(When(Slot(-1, "processes"), (False,), "thread"),),
    ),
    factory("distributed.LocalCluster.get_client", _CLIENT),
    factory("distributed.get_client", _CLIENT),
    factory("distributed.worker_client", _CLIENT),
    _client("submit", "starcall"),
    _client("map", "zip"),
    _client("run", "starcall", waits=True),
    *every(
        (_compute(f"{_CLIENT}.compute", "remote"), _compute(f"{_CLIENT}.persist", "remote")),
        kinds=(),
        family="",
        remedy="gather",
    ),
    factory(f"{_CLIENT}.get_executor", "distributed.Executor"),
    *every(
        executor_methods("distributed.Executor", "Client executor", "remote"),
        pickles=False,
        remedy="gather",
    ),
    Api("distributed.Future.add_done_callback", "add_done_callback", "parent", Slot(0, "fn")),
)  # fmt: skip

# -- PySpark --------------------------------------------------------------------

_SC = "pyspark.SparkContext"
_SESSION = "pyspark.sql.SparkSession"
_RDD = "pyspark.RDD"
_SDF = "pyspark.sql.DataFrame"
_GROUPED = "pyspark.sql.GroupedData"
_READER = "pyspark.sql.DataFrameReader"
_BUILDER = f"{_SESSION}.builder"


def _spark(
    owner: str, *methods: str, returns: str = "", at: int = 0, alone: bool = False, waits: bool
) -> tuple[Api, ...]:
    """Return the rows of methods that run their argument ``at`` on the executors."""
    return tuple(
        Api(
            f"{owner}.{method}",
            f"{owner.rpartition('.')[2]}.{method}",
            "remote",
            Slot(at, "f"),
            returns=returns,
            waits=waits,
            pickles=False,
            anywhere=alone,
            remedy="accumulator",
        )
        for method in methods
    )


def _udf(name: str) -> tuple[Api, ...]:
    """Return the rows of a maker of column functions, and of what it makes."""
    owner = f"pyspark.{name.title()}"
    return (
        Api(f"pyspark.sql.functions.{name}", name, "parent", wraps=Slot(0, "f"), returns=owner),
        Api(
            f"{owner}.__call__",
            name,
            "remote",
            runs="receiver",
            pickles=False,
            remedy="accumulator",
        ),
    )


SPARK: tuple[Api, ...] = (
    factory(f"{_SC}.getOrCreate", _SC),
    factory(f"{_BUILDER}.getOrCreate", _SESSION),
    factory(f"{_BUILDER}.*", _BUILDER),
    *(
        Api(f"{_SC}.{name}", name, "parent", returns=_RDD, anywhere=True)
        for name in ("parallelize", "textFile", "wholeTextFiles")
    ),
    factory(f"{_SC}.range", _RDD),
    *_spark(_RDD, "map", "filter", "keyBy", "groupBy", "sortBy", returns=_RDD, waits=False),
    *_spark(
        _RDD, "flatMap", "mapPartitions", "mapPartitionsWithIndex", "mapValues",
        "flatMapValues", "reduceByKey", "combineByKey",
        returns=_RDD, alone=True, waits=False,
    ),
    *_spark(_RDD, "aggregateByKey", "foldByKey", returns=_RDD, at=1, alone=True, waits=False),
    *_spark(_RDD, "foreach", "reduce", "treeReduce", waits=True),
    *_spark(_RDD, "foreachPartition", alone=True, waits=True),
    *_spark(_RDD, "fold", "aggregate", "treeAggregate", at=1, waits=True),
    Api(f"{_RDD}.*", "RDD", "parent", same=True),
    *(
        factory(f"{_SESSION}.{name}", _SDF)
        for name in ("createDataFrame", "sql", "table", "range")
    ),
    factory(f"{_READER}.*", _SDF),
    *_spark(_SDF, "foreach", "foreachPartition", waits=True),
    *_spark(_SDF, "mapInPandas", returns=_SDF, waits=False),
    *_spark(_GROUPED, "applyInPandas", returns=_SDF, waits=False),
    factory(f"{_SDF}.groupBy", _GROUPED),
    Api(f"{_SDF}.*", "DataFrame", "parent", same=True),
    *_udf("udf"),
    *_udf("pandas_udf"),
    Api(
        f"{_SESSION}.udf.register",
        "udf.register",
        "remote",
        Slot(1, "f"),
        pickles=False,
        remedy="accumulator",
    ),
)  # fmt: skip

# -- Celery ---------------------------------------------------------------------

_TASK = "celery.Task"
_SIGNATURE = "celery.canvas.Signature"


def _send(owner: str, method: str, *, tasks: Tasks) -> Api:
    """Return the row of a call that sends a task, or a signature, to the workers."""
    mine = owner == _TASK
    remedy: Remedy = "store"
    return Api(
        f"{owner}.{method}",
        "group" if method == "__call__" else method,
        "remote",
        tasks=tasks if mine else "",
        args=Slot(0, "args"),
        kwargs=Slot(1, "kwargs"),
        runs="receiver" if mine else "tasks",
        method="run" if mine else "",
        returns="celery.result.AsyncResult",
        result="future",
        remedy=remedy,
    )


def _noted(method: str, tasks: Tasks) -> Api:
    """Return the row of a call that notes a task, to be sent later."""
    return Api(
        f"{_TASK}.{method}",
        method,
        "parent",
        tasks=tasks,
        args=Slot(0, "args"),
        kwargs=Slot(1, "kwargs"),
        runs="receiver",
        defers=True,
        returns=_SIGNATURE,
    )


CELERY: tuple[Api, ...] = (
    Api("celery.Celery.task", "task", "parent", wraps=Slot(0), returns=_TASK, anywhere=True),
    Api("celery.shared_task", "shared_task", "parent", wraps=Slot(0), returns=_TASK),
    Api(
        f"{_TASK}.__call__", "task", "parent", tasks="starcall", runs="receiver", leading=("bind",)
    ),
    Api(f"{_TASK}.apply", "apply", "parent", tasks="call", args=Slot(0, "args"), runs="receiver"),
    _send(_TASK, "delay", tasks="starcall"),
    _send(_TASK, "apply_async", tasks="call"),
    _noted("s", "starcall"),
    _noted("si", "starcall"),
    _noted("signature", "call"),
    *(factory(f"celery.{name}", _SIGNATURE) for name in ("group", "chain", "chord")),
    _send(_SIGNATURE, "delay", tasks=""),
    _send(_SIGNATURE, "apply_async", tasks=""),
    _send(_SIGNATURE, "__call__", tasks=""),
    Api(f"{_SIGNATURE}.*", "Signature", "parent", same=True),
)

ROWS: tuple[Api, ...] = (*RAY, *DASK, *SPARK, *CELERY)

SAME: dict[str, str] = {
    "ray.util.multiprocessing.pool.Pool": _RAY_POOL,
    "ray.util.actor_pool.ActorPool": _ACTORS,
    "dask.delayed.delayed": "dask.delayed",
    "dask.base.compute": "dask.compute",
    "dask.base.persist": "dask.persist",
    "distributed.client.Client": _CLIENT,
    "distributed.deploy.local.LocalCluster": "distributed.LocalCluster",
    "pyspark.context.SparkContext": _SC,
    "pyspark.sql.session.SparkSession": _SESSION,
    "pyspark.rdd.RDD": _RDD,
    f"{_SESSION}.sparkContext": _SC,
    f"{_SESSION}.read": _READER,
    f"{_SDF}.rdd": _RDD,
    "celery.app.shared_task": "celery.shared_task",
    "celery.app.task.Task": _TASK,
    "celery.canvas.group": "celery.group",
    "celery.canvas.chain": "celery.chain",
    "celery.canvas.chord": "celery.chord",
}
"""Other spellings of the names above."""

CLONES: dict[str, str] = {"dask.distributed": "distributed"}

ACTORS: dict[str, str] = {_RAY: "ray.Actor"}
"""What becomes of a wrapped class when it is run: its methods are wrapped in turn."""

SHARED: dict[str, str] = {
    f"{_SC}.accumulator": "accumulator",
    "ray.util.queue.Queue": "queue",
    "distributed.Queue": "queue",
    "distributed.Variable": "value",
    "distributed.Lock": "lock",
    "distributed.Event": "event",
}
