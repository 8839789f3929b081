"""Which files are worth a look, told from their bytes."""

from __future__ import annotations

import sys

import pytest

from flake8_mpglobals.catalogue import CLONES, ROWS, SHARED, SHARES
from flake8_mpglobals.mentions import leading_names
from flake8_mpglobals.packages import ALONE, LIBRARIES, PACKAGES, TELLING
from flake8_mpglobals.prefilter import may_start_process, names_process_api

NAMED = (
    "from multiprocessing import Pool",
    "from multiprocessing.pool import Pool",
    "from\tmultiprocessing import Process as P",
    "from \\\n  multiprocessing import Pool",
    "from concurrent import futures\nfutures.ProcessPoolExecutor()",
    "import concurrent.futures as cf\ncf.ProcessPoolExecutor()",
    "import os, multiprocessing as mp\nmp.Process(target=f).start()",
    "import os,multiprocessing\nmultiprocessing.Pool()",
    "import os, \\\n    multiprocessing\nmultiprocessing.Pool()",
    "import\\\n multiprocessing; multiprocessing.Pool()",
    "x = 1; import multiprocessing; multiprocessing.Pool()",
    "try: import multiprocessing\nexcept ImportError: pass\nmultiprocessing.Pool()",
    "if x:\n\timport multiprocessing.pool\n\tmultiprocessing.pool.Pool()",
    "from multiprocessing import *\nPool()",
    "from multiprocessing import (\n    cpu_count,\n    Process,\n)",
    "import multiprocessing\nctx = multiprocessing.get_context('spawn')\nctx.Process(target=f)",
    "from multiprocessing.context import SpawnContext",
    "import multiprocessing\nm = multiprocessing.Manager()",
    "from multiprocessing.shared_memory import SharedMemory",
    "loop.run_in_executor(pool, f)",
    "from joblib import Parallel, delayed",
    "import ray\n@ray.remote\ndef f(): pass",
    "from dask import delayed\ndelayed(f)(1).compute(scheduler='processes')",
    "from dask.distributed import Client",
    "import dask.bag as db\ndb.from_sequence([1]).map(f).compute()",
    "from pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate()",
    "from celery import shared_task",
    "from .celery import app as Celery",
    "import torch.multiprocessing as mp\nmp.spawn(f)",
    "from mpire import WorkerPool",
    "from pathos.pools import ProcessPool",
    "from sklearn.utils.parallel import Parallel, delayed",
    "from tqdm.contrib.concurrent import process_map",
    "df.parallel_apply(f)",
)
SILENT = (
    "",
    "x = 1",
    "import multiprocessing\nmultiprocessing.cpu_count()",
    "from multiprocessing import Lock, Queue",
    "# a Pool of threads, no multiprocessing\nPool()",
    "import threading\nthreading.Thread(target=f).start()",
    "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().submit(f)",
    "import multiprocessings\nPool()",
    "reimport(multiprocess)",
    "import dask\nimport dask.array as da\nda.ones(3).compute()",
    "import torch\ntorch.zeros(3)",
    "from tqdm import tqdm",
    "array = [1]\narray.remote(1)",
    "from sklearn.svm import SVC",
)


@pytest.mark.parametrize("text", NAMED)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_that_names_a_process_api_is_told(text: str, end: str) -> None:
    assert names_process_api(text.replace("\n", end).encode())


STARTS = (
    "from multiprocessing import Process\nProcess(target=f).start()",
    "from multiprocessing import Pool\nPool().map(f, xs)",
    "import multiprocessing\nmultiprocessing.get_context('spawn').Process(target=f).start()",
    "import concurrent.futures as cf\ncf.ProcessPoolExecutor().submit(f)",
    "from multiprocessing.shared_memory import SharedMemory\nSharedMemory('x', True, 1)",
    "from multiprocessing import Manager\nManager().dict()",
    "from joblib import Parallel, delayed\nParallel()(delayed(f)(x) for x in xs)",
    "import ray\n@ray.remote\ndef f(): pass\nf.remote()",
    "import dask.bag as db\ndb.from_sequence([1]).map(f).compute()",
    "from dask import delayed\ndelayed(f)(1).compute(scheduler='processes')",
    "from celery import group, shared_task\ngroup(f.s(1))()",
    "from pathos.pools import ProcessPool\nProcessPool().map(f, xs)",
    "df.parallel_apply(f)",
)


@pytest.mark.parametrize("text", STARTS)
def test_a_file_that_may_start_a_process_is_looked_at(text: str) -> None:
    assert may_start_process(text.encode())


@pytest.mark.parametrize("text", SILENT)
def test_other_files_are_passed_by(text: str) -> None:
    assert not names_process_api(text.encode())
    assert not may_start_process(text.encode())


@pytest.mark.parametrize(
    "text", ["from dask.distributed import Client", "from celery import shared_task"]
)
def test_a_file_that_runs_nothing_only_names_the_api(text: str) -> None:
    assert names_process_api(text.encode())
    assert not may_start_process(text.encode())


def test_every_row_has_a_word() -> None:
    table = leading_names()
    for row in ROWS:
        if row.kind not in SHARES and not row.alone and (row.returns or not row.sets):
            if row.name.startswith("manager."):
                assert "multiprocessing.Manager" in table["multiprocessing"]
                continue
            named = table[row.name.partition(".")[0]]
            assert any(row.name.startswith(name) or row.anywhere for name in named), row.name
    for clone in CLONES:
        assert clone.partition(".")[0] in table


def test_packages_are_those_of_the_catalogue() -> None:
    leading = leading_names()
    assert sorted(PACKAGES) == sorted(leading)
    for package, word in TELLING.items():
        assert all(word.decode() in name for name in leading[package])
    named = {name.partition(".")[0] for name in (*(row.name for row in ROWS), *SHARED, *CLONES)}
    named.discard("manager")  # stands for the object, not for a package
    assert named - sys.stdlib_module_names == LIBRARIES - sys.stdlib_module_names - {"sklearn"}
    alone = {row.name.rpartition(".")[2].encode() for row in ROWS if row.alone}
    assert alone.issuperset(ALONE)
    assert all(word.startswith(ALONE) for word in alone)
