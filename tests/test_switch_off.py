"""Nothing is in the tables, the rules or the mechanisms that no fixture needs.

Each entry is switched off in turn, and some fixture has to turn red.  Rows that share
the parent's memory are turned into processes instead: a fixture that must stay silent
then speaks.  Looked at are only the fixtures that name the entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from wants import Fixture, complaints, folder

from flake8_mpglobals import analysis, catalogue, crossings, libraries, rules
from flake8_mpglobals.apis import SHARES, Api
from flake8_mpglobals.evaluate import answers
from flake8_mpglobals.lower import statements
from flake8_mpglobals.options import Options
from flake8_mpglobals.source import Source

pytestmark = pytest.mark.long

FIXTURES = [*folder("detect"), *folder("clean")]
ROWS = catalogue.ROWS
NOT_YET = frozenset(
    [
        "asyncio.get_event_loop",
        "asyncio.get_running_loop",
        "asyncio.new_event_loop",
        "asyncio.BaseEventLoop",
        "asyncio.events.AbstractEventLoop",
        "asyncio.events.get_event_loop",
        "asyncio.events.get_running_loop",
        "celery.app.base.Celery",
        "celery.task.task",
        "concurrent.futures.InterpreterPoolExecutor",
        "concurrent.futures._base.Future",
        "concurrent.futures.InterpreterPoolExecutor.submit",
        "concurrent.futures.interpreter.InterpreterPoolExecutor",
        "dask.Lazy.compute",
        "dask.dataframe.DataFrame.map",
        "distributed.LocalCluster",
        "distributed.deploy.local.LocalCluster",
        "joblib.parallel.parallel_backend",
        "joblib.parallel.parallel_config",
        "loky.ProcessPoolExecutor",
        "multiprocessing.context.DefaultContext",
        "multiprocessing.process.BaseProcess",
        "multiprocessing.pool.ApplyResult",
        "multiprocessing.pool.MapResult",
        "multiprocessing.pool.Pool",
        "multiprocessing.pool.ThreadPool",
        "pathos.pools.SerialPool.amap",
        "pathos.pools.SerialPool.apipe",
        "pathos.pools.SerialPool.uimap",
        "pyspark.SparkContext.getOrCreate",
        "pyspark.SparkContext.textFile",
        "pyspark.rdd.RDD",
        "pyspark.sql.DataFrameReader.format",
        "pyspark.sql.DataFrameReader.option",
        "pyspark.sql.DataFrameReader.options",
        "pyspark.sql.DataFrameReader.schema",
        "pyspark.sql.SparkSession.sql",
        "pyspark.sql.SparkSession.table",
        "ray.data.Dataset.*",
        "ray.Remote.options",
        "pathos.pools.ThreadPool.map",
        "ray.util.ActorPool.map_unordered",
        "ray.util.ActorPool.submit",
        "ray.util.actor_pool.ActorPool",
        "ray.util.multiprocessing.Pool",
        "sklearn.utils.parallel.delayed",
        "multiprocessing.managers.SetProxy",
        "multiprocessing.managers.AcquirerProxy",
        "multiprocessing.managers.ConditionProxy",
        "multiprocessing.managers.EventProxy",
        "multiprocessing.managers.BarrierProxy",
        "multiprocessing.managers.BaseManager",
        "multiprocessing.connection.Connection",
        "distributed.Variable",
        "distributed.Lock",
        "distributed.Event",
        "distributed.Queue",
        "ray.util.queue.Queue",
        "threading.local",
    ]
)
"""Rows and spellings that no fixture needs yet; one that is needed leaves this list."""

Patch = pytest.MonkeyPatch


def said(fixture: Fixture) -> list[str]:
    """Return what a fixture says too much and too little."""
    source = Source.from_bytes(str(fixture.path), fixture.path.read_bytes())
    return complaints(fixture.wants, analysis.check(source, Options(codes=fixture.codes)))


def is_red(fixture: Fixture) -> bool:
    """Whether a fixture says anything but what it wants."""
    return said(fixture) != []


class Used(dict[str, Any]):
    """A table that notes which of its entries are looked up."""

    def __init__(self, entries: dict[str, Any], seen: set[str]) -> None:
        super().__init__(entries)
        self.seen = seen

    def get(self, key: str, default: Any = None) -> Any:
        if key in self:
            self.seen.add(key)
        return super().get(key, default)


@pytest.fixture(scope="module")
def users() -> dict[str, list[Fixture]]:
    """Which fixtures look which names up, in any of the tables."""
    seen: set[str] = set()
    found: dict[str, list[Fixture]] = {}
    tables = catalogue._tables(())
    telling = {row.name.rpartition(".")[2]: row.name for row in tables.anywhere.values()}
    noting = replace(tables, rows=Used(tables.rows, seen), anywhere=Used(tables.anywhere, seen))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "_tables", lambda _: noting)
        patch.setattr(catalogue, "SAME", Used(catalogue.SAME, seen))
        for fixture in FIXTURES:
            seen.clear()
            assert not is_red(fixture)
            for name in seen | {telling[name] for name in seen if name in telling}:
                found.setdefault(name, []).append(fixture)
    return found


def that_name(*words: str) -> Iterator[Fixture]:
    """Yield the fixtures whose text has all of some words."""
    return (f for f in FIXTURES if all(re.search(rf"\b{w}\b", f.text) for w in words))


def some_turns_red(fixtures: Iterable[Fixture]) -> bool:
    return any(is_red(fixture) for fixture in fixtures)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    catalogue._tables.cache_clear()


def with_rows(patch: Patch, rows: tuple[Api, ...]) -> None:
    patch.setattr(catalogue, "ROWS", rows)
    catalogue._tables.cache_clear()


Users = dict[str, list[Fixture]]


def needed(name: str, is_needed: bool) -> None:
    """Fail where an entry is not needed, or is and still stands in the list."""
    assert is_needed == (name not in NOT_YET), "NOT_YET and the fixtures disagree"


def matters_apart(
    fixtures: list[Fixture], patch: Patch, owner: str, off: Callable[[], None]
) -> bool:
    """Whether an entry changes what is said once the rows of ``owner`` share no memory.

    What shares the parent's memory loses nothing, so nobody misses it otherwise.
    """
    rows = [
        replace(row, kind="process", kinds=(), inherits=None)
        if row.kind in SHARES and (row.name == owner or row.name.startswith(f"{owner}."))
        else row
        for row in catalogue.ROWS
    ]
    with_rows(patch, tuple(rows))
    before = [said(fixture) for fixture in fixtures]
    off()
    catalogue._tables.cache_clear()
    return before != [said(fixture) for fixture in fixtures]


@pytest.mark.parametrize("row", catalogue.ROWS, ids=lambda row: row.name)
def test_each_row_is_needed(row: Api, users: Users, monkeypatch: Patch) -> None:
    def off() -> None:
        left = tuple(other for other in catalogue.ROWS if other.name != row.name)
        monkeypatch.setattr(catalogue, "ROWS", left)

    using = users.get(row.name, [])
    off()
    catalogue._tables.cache_clear()
    found = some_turns_red(using)
    if not found and row.kind in SHARES:
        apart = replace(row, kind="process", kinds=(), inherits=None)
        with_rows(monkeypatch, (*catalogue.ROWS, apart))
        found = some_turns_red(using)
        monkeypatch.setattr(catalogue, "ROWS", ROWS)
        found = found or matters_apart(using, monkeypatch, row.returns or row.name, off)
    needed(row.name, found)


@pytest.mark.parametrize("name", catalogue.SAME)
def test_each_spelling_is_needed(name: str, users: Users, monkeypatch: Patch) -> None:
    target = catalogue.SAME[name]
    using = users.get(name, [])

    def off() -> None:
        monkeypatch.delitem(catalogue.SAME, name, raising=False)

    off()
    catalogue._tables.cache_clear()
    found = some_turns_red(using)
    if not found:
        monkeypatch.setitem(catalogue.SAME, name, target)
        found = matters_apart(using, monkeypatch, target, off)
    needed(name, found)


@pytest.mark.parametrize("name", catalogue.CLONES)
def test_each_clone_is_needed(name: str, monkeypatch: Patch) -> None:
    monkeypatch.delitem(catalogue.CLONES, name)
    monkeypatch.setattr(libraries, "BY_VALUE", libraries.BY_VALUE - {name})
    catalogue._tables.cache_clear()
    needed(name, some_turns_red(that_name(*name.split("."))))


@pytest.mark.parametrize("name", catalogue.SHARED)
def test_each_shared_object_is_needed(name: str, monkeypatch: Patch) -> None:
    monkeypatch.delitem(catalogue.SHARED, name)
    needed(name, some_turns_red(that_name(name.rpartition(".")[2])))


@pytest.mark.parametrize("name", catalogue.THREAD_PRIMITIVES)
def test_each_primitive_of_threads_is_needed(name: str, monkeypatch: Patch) -> None:
    monkeypatch.delitem(catalogue.THREAD_PRIMITIVES, name)
    needed(name, some_turns_red(that_name(*name.split("."))))


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.code)
def test_each_rule_is_needed(rule: rules.Rule, monkeypatch: Patch) -> None:
    monkeypatch.setattr(analysis, "RULES", tuple(r for r in rules.RULES if r is not rule))
    assert some_turns_red(that_name("want", rule.code))


MECHANISMS: dict[str, tuple[tuple[str, ...], Callable[[Patch], None]]] = {
    "settings in force around a call": (
        ("joblib",),
        lambda patch: patch.setattr(crossings.Crossings, "_in_force", lambda *_: set()),
    ),
    "kinds told by arguments": (
        ("joblib",),
        lambda patch: patch.setattr(
            crossings.Crossings, "_decided", lambda self, row, call, env: row.kind
        ),
    ),
    "tasks noted for later": (
        ("joblib",),
        lambda patch: patch.setattr(crossings.Crossings, "tasks", lambda *_: iter(())),
    ),
    "decorators that make a function over": (
        ("ray",),
        lambda patch: patch.setattr(
            answers.Answers, "_made_over", lambda self, thing, *_: frozenset((thing,))
        ),
    ),
    "the branch of a forked child": (
        ("fork",),
        lambda patch: patch.setattr(statements, "child_of", lambda *_: None),
    ),
}
"""By name: words of the fixtures that need it, and how to switch it off."""


@pytest.mark.parametrize("name", MECHANISMS)
def test_each_mechanism_is_needed(name: str, monkeypatch: Patch) -> None:
    words, switch_off = MECHANISMS[name]
    switch_off(monkeypatch)
    assert some_turns_red(that_name(*words))
