"""Nothing is in the tables, the rules or the mechanisms that no fixture needs.

Each entry is switched off in turn, and some fixture has to turn red.  Rows that share
the parent's memory are turned into processes instead: a fixture that must stay silent
then speaks.  Looked at are only the fixtures that name the entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from wants import FIXTURES as FOLDER
from wants import Fixture, complaints, folder, load, projects

from flake8_mpglobals import (
    accessors,
    analysis,
    boundaries,
    bystanders,
    catalogue,
    contexts,
    copies,
    crossings,
    dispatches,
    effects,
    excuses,
    extent,
    guards,
    handback,
    ir,
    libraries,
    losses,
    modes,
    observers,
    outline,
    passing,
    pickling,
    program,
    rawwrites,
    reach,
    reads,
    rules,
    runtime,
    stale,
    standpoint,
    start_methods,
    starts,
    workspace,
    wrappers,
    writes,
)
from flake8_mpglobals.apis import SHARES, Api
from flake8_mpglobals.evaluate import Obj, answers, calls, places
from flake8_mpglobals.ir import UNKNOWN
from flake8_mpglobals.lower import expressions, statements
from flake8_mpglobals.options import Options
from flake8_mpglobals.records import replace
from flake8_mpglobals.shared import (
    imported,
    in_threads,
    leaks,
    locks,
    nested,
    ownkeys,
    sharing,
    updates,
)
from flake8_mpglobals.source import Source

pytestmark = pytest.mark.long

FIXTURES = [*folder("detect"), *folder("clean")]
ROWS = catalogue.ROWS
NOT_YET: frozenset[str] = frozenset()
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

    # What only shares memory is not looked up where nothing crosses.
    using = users.get(row.name) or list(that_name(row.name.rpartition(".")[2]))
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


def nothing(*_: object, **__: object) -> Any:
    return frozenset()


def no(*_: object, **__: object) -> bool:
    return False


@dataclass(frozen=True)
class Mechanism:
    """A fixture that needs a part of the engine, and what that part is without it."""

    fixture: str
    owner: Any
    name: str
    off: object


def default(self: start_methods.StartMethods, *_: object) -> Any:
    """Return the start methods where nobody looks how a process is made."""
    return self.default()


MECHANISMS: dict[str, Mechanism] = {
    # what workers have at import
    "attributes that are None again": Mechanism(
        "clean/fork_only_put_back", runtime.RunTime, "_again", no
    ),
    "what a worker does without": Mechanism(
        "clean/fork_only_fetched_when_missing", stale, "_does_without", no
    ),
    "classes beside the worker's": Mechanism(
        "clean/fork_only_sibling_class", stale.StaleReads, "_of_a_sibling", no
    ),
    "tests that follow no other": Mechanism(
        "clean/test_fork_only_by_another_test", runtime, "follows", lambda *_: True
    ),
    "initializers of own pools": Mechanism(
        "clean/fork_only_initializer_of_own_pool", stale.StaleReads, "_initializers", ()
    ),
    "what other tests set up": Mechanism(
        "clean/test_set_up_of_another_class", observers, "_AROUND_TESTS", frozenset()
    ),
    "modes that nobody chooses": Mechanism("projects/clean_mode_not_chosen", starts, "by_word", no),
    # ways of writing and of passing on
    "functions that write to a stream": Mechanism(
        "detect/write_through_functions", rawwrites, "WRITES_TO", {}
    ),
    "writers of rows": Mechanism("detect/write_through_functions", rawwrites, "WRITERS", {}),
    "what a tuple passes": Mechanism(
        "detect/process_spread_arguments", expressions, "parts_of", lambda _: None
    ),
    # evidence
    "handlers that workers serve": Mechanism(
        "clean/handlers_of_served_object", bystanders.Bystanders, "_served_by", no
    ),
    "large programs": Mechanism(
        "projects/clean_large_set_up_far_down", losses, "furthest", lambda _: None
    ),
    "names that nobody looks up": Mechanism(
        "clean/dict_of_named_settings", losses, "of_another_item", no
    ),
    "what the parent does again": Mechanism(
        "clean/rebound_by_each_process",
        bystanders.Bystanders,
        "done_again",
        lambda *_: frozenset(),
    ),
    "what the parent binds before it waits": Mechanism(
        "clean/fork_parent_receives_the_same_name", observers._Run, "has_begun", lambda *_: True
    ),
    # values
    "what annotations say that is held": Mechanism(
        "detect/argument_annotated_records", expressions.Expressions, "held_by", lambda *_: None
    ),
    "what is spread over a call": Mechanism(
        "detect/reach_settings_spread", expressions, "spread_out", nothing
    ),
    "what is passed on besides": Mechanism(
        "clean/wrapper_hands_on_all", ir, "_surplus", lambda *_: None
    ),
    "items that a method gives out": Mechanism(
        "clean/local_item_of_own_method", places.Places, "subscribed", lambda *_: []
    ),
    "slices of lists": Mechanism(
        "detect/argument_slice_of_list", places.Places, "slices", lambda *_: iter(())
    ),
    "what records are given": Mechanism(
        "clean/argument_record_of_shared", answers.Answers, "learn_fields", no
    ),
    "attributes that others set": Mechanism(
        "clean/instance_attribute_given_shared", answers.Answers, "_stored_outside", nothing
    ),
    "annotations that name a base": Mechanism(
        "detect/worker_method_of_annotated_base",
        answers.Answers,
        "narrowed",
        lambda _, told, __: told,
    ),
    "special methods that builtins call": Mechanism(
        "detect/helper_special_methods", calls.Evaluator, "_by_protocol", lambda *_: []
    ),
    "methods that a library calls": Mechanism(
        "detect/library_calls_visitor", calls.Evaluator, "driven_by", lambda *_: iter(())
    ),
    "functions chosen by type": Mechanism(
        "detect/worker_chosen_by_type", calls.Evaluator, "by_type", lambda *_: ()
    ),
    "names put together": Mechanism(
        "detect/worker_of_composed_name",
        answers.Answers,
        "_begins_with",
        lambda *_: frozenset((UNKNOWN,)),
    ),
    "fields of named tuples": Mechanism(
        "detect/container_in_named_tuple", answers.Answers, "_made_with", nothing
    ),
    "descriptors": Mechanism(
        "detect/class_attribute_of_descriptor",
        accessors.Accessors,
        "_descriptors",
        lambda *_: iter(()),
    ),
    "parts handed on by a function to itself": Mechanism(
        "detect/recursion_over_classes",
        answers.Answers,
        "_around",
        lambda _self, _value, _env, found, _kept: found,
    ),
    "objects of the module": Mechanism(
        "detect/import_time_object_of_the_module", imported.Imported, "_of_a_global", no
    ),
    "runs that are inherited": Mechanism(
        "projects/inherited_run_elsewhere", observers, "inherited", lambda *_: iter(())
    ),
    "processes that their class sets up": Mechanism(
        "detect/process_set_up_by_super", dispatches.Crossing, "_set_up", lambda *_: None
    ),
    "processes that are run here and now": Mechanism(
        "clean/process_run_called_here", boundaries, "_only_run", no
    ),
    "pools beside their functions": Mechanism(
        "detect/pool_beside_its_function",
        dispatches.Crossing,
        "_beside",
        lambda _, __, ___, given: given,
    ),
    "pools that other modules are handed": Mechanism(
        "projects/pool_passed_to_module", extent.Extent, "may_hand_pool", lambda *_: False
    ),
    "methods that change their object": Mechanism(
        "detect/fork_only_settings_loaded_by_method",
        passing.Passing,
        "changes",
        lambda *_: iter(()),
    ),
    "properties": Mechanism("detect/observer_property", accessors.Accessors, "of", nothing),
    "setters of properties": Mechanism(
        "detect/observer_property_of_argument", effects, "_stored_in", lambda *_: None
    ),
    "decorators that note what they get": Mechanism(
        "detect/reach_registered", calls.Evaluator, "registered", lambda *_: []
    ),
    "rows of arrays": Mechanism("detect/buffer_row_of_table", effects, "rank", lambda *_: 0),
    "star imports of a module": Mechanism(
        "projects/star_imports", program.Program, "starred", nothing
    ),
    "star imports of a library": Mechanism(
        "detect/wild_star_import",
        answers.Answers,
        "_starred",
        lambda self, value: self.things(self.program.starred(value)),
    ),
    "annotations": Mechanism(
        "detect/pool_in_dataclass", expressions.Expressions, "annotation", nothing
    ),
    "setattr and vars()": Mechanism(
        "detect/ways_dict_of_object", expressions.Expressions, "reflection", lambda *_: None
    ),
    "what is put into containers": Mechanism(
        "detect/task_primitive_dict_of_job", expressions.Expressions, "fill", lambda *_: None
    ),
    "what astroid infers": Mechanism(
        "detect/worker_given_by_operator", answers.Answers, "asked", lambda *_: ()
    ),
    "parts of pairs": Mechanism("detect/alias_loop_items", answers.Answers, "_of_pairs", nothing),
    "what callers pass": Mechanism("detect/argument_progress", answers.Answers, "learn", no),
    "classes that self can be of": Mechanism(
        "detect/process_subclass_of_subclass",
        answers.Answers,
        "_selves",
        lambda self, function: [function.cls],
    ),
    "fields of dataclasses": Mechanism(
        "detect/pool_made_by_field", answers.Answers, "_field", nothing
    ),
    "other names for what modules hold": Mechanism(
        "detect/module_environ_by_name",
        places.Places,
        "_module_object",
        staticmethod(lambda *_: None),
    ),
    # calls
    "what decorators put around": Mechanism(
        "detect/wild_timed_decorator", calls.Evaluator, "wrappers", lambda *_: ()
    ),
    "what decorators are given": Mechanism(
        "detect/wild_parallel_decorator", calls.Evaluator, "decorated", lambda *_: ()
    ),
    "decorators that make a function over": Mechanism(
        "detect/lib_celery_delay",
        answers.Answers,
        "_made_over",
        lambda self, thing, *_: frozenset((thing,)),
    ),
    "partial": Mechanism(
        "detect/argument_partial", calls.Evaluator, "_through_partial", lambda *_: []
    ),
    "instances that are called": Mechanism(
        "detect/worker_callable_instance",
        calls.Evaluator,
        "entered_by",
        lambda self, thing, call, on=calls.Evaluator.entered_by: (
            [] if isinstance(thing, Obj) else on(self, thing, call)
        ),
    ),
    "builtins that call back": Mechanism(
        "detect/helper_builtin_map", calls.Evaluator, "_calls_back", lambda *_: []
    ),
    "calls told apart by what is passed": Mechanism(
        "clean/helper_context_by_argument", boundaries, "_contexts", lambda *_: [None]
    ),
    # dispatches
    "the branch of a forked child": Mechanism(
        "detect/fork_branch", statements, "child_of", lambda *_: None
    ),
    "classes of processes": Mechanism(
        "detect/process_subclass", dispatches, "process_class", lambda *_: (None, None)
    ),
    "initializers": Mechanism(
        "detect/argument_initargs", dispatches, "_initializers", lambda *_: ()
    ),
    "settings in force around a call": Mechanism(
        "detect/lib_dask_collections", crossings.Crossings, "_in_force", lambda *_: set()
    ),
    "kinds told by arguments": Mechanism(
        "detect/lib_dask_collections",
        crossings.Crossings,
        "_decided",
        lambda self, row, call, env: row.kind,
    ),
    "tasks noted for later": Mechanism(
        "detect/lib_dask_bag", crossings.Crossings, "tasks", lambda *_: iter(())
    ),
    "arguments before those of a task": Mechanism(
        "detect/lib_mpire_worker_id", dispatches, "leading", lambda *_: ()
    ),
    "wrappers": Mechanism(
        "detect/unpicklable_through_wrapper", analysis, "through_wrappers", lambda found, _: found
    ),
    # several modules
    "wrappers in other modules": Mechanism(
        "projects/wrapper_elsewhere", analysis, "through_wrappers", lambda found, _: found
    ),
    "modules that read what workers write": Mechanism(
        "projects/reader_elsewhere", analysis, "reading_modules", nothing
    ),
    "workers followed into other modules": Mechanism(
        "projects/config_attribute", extent.Extent, "_goes_away", lambda *_: None
    ),
    "modules opened for a dispatch": Mechanism(
        "projects/fallback_import", extent.Extent, "dispatch", lambda *_: None
    ),
    "what other modules offer": Mechanism(
        "projects/import_cycle", program.Program, "is_offered", no
    ),
    "files that only name an offer": Mechanism(
        "projects/import_cycle", workspace.Workspace, "names_an_offer", no
    ),
    "noqa at the write, in another file": Mechanism(
        "projects/noqa_at_the_write", analysis, "_silenced_afar", no
    ),
    # start methods
    "the start method that is set": Mechanism(
        "clean/fork_only_set_start_method",
        start_methods.StartMethods,
        "default",
        lambda self: self._allowed,
    ),
    "the start method of a context": Mechanism(
        "clean/fork_only_context", start_methods.StartMethods, "of_maker", default
    ),
    "the start method of a class": Mechanism(
        "clean/fork_only_own_process_class",
        start_methods.StartMethods,
        "_of_classes",
        default,
    ),
    "code for the parent only": Mechanism(
        "detect/fork_only_flag_of_running_worker", guards.MainGuards, "only_main", no
    ),
    "code for workers only": Mechanism(
        "clean/fork_only_else_of_guard", guards.MainGuards, "only_worker", no
    ),
    # excuses
    "caches": Mechanism("clean/memo_cache_get", excuses.Excuses, "guarded", lambda *_: {}),
    "reads of a cache": Mechanism("clean/lazy_table_filled", excuses.Excuses, "excused", no),
    "changes carried back": Mechanism(
        "clean/wild_pipe_snapshot_merged", excuses.Excuses, "carried_back", no
    ),
    "objects handed back": Mechanism(
        "clean/argument_parts_returned", handback.HandBack, "carries", no
    ),
    "variables of functions that the worker runs": Mechanism(
        "clean/closures_of_the_worker", writes, "_made_on_the_way", no
    ),
    "reads far from the dispatch": Mechanism(
        "clean/observer_far_and_never_called", losses.Losses, "_near", lambda *_: True
    ),
    "reads near the dispatch": Mechanism("detect/observer_callback", losses.Losses, "_near", no),
    "clones that pickle by value": Mechanism(
        "clean/unpicklable_by_value_if_installed", pickling.Pickling, "_or_by_value", no
    ),
    "modes of an object": Mechanism("clean/class_feeder_or_in_line", modes.Modes, "exclude", no),
    "globals of the worker": Mechanism(
        "clean/process_handed_its_settings", writes.WorkerWrites, "owned", nothing
    ),
    "readers that stand by": Mechanism(
        "clean/argument_shown_by_property", bystanders.Bystanders, "stands_by", no
    ),
    "a shared twin in the other branch": Mechanism(
        "clean/shared_twin_in_other_branch", bystanders.Bystanders, "has_shared_twin", no
    ),
    "copies that begin alike": Mechanism(
        "clean/wild_flag_running", copies.Copies, "same_anyway", no
    ),
    "copies that are filled lazily": Mechanism(
        "clean/wild_lazy_client_on_self", copies.Copies, "excused", no
    ),
    "slices that replace the whole": Mechanism(
        "clean/parent_slices_each_round", observers, "_whole_slice", no
    ),
    "names bound on import": Mechanism(
        "projects/clean_rebound_never_followed", observers, "_borrowed", no
    ),
    "code that comes to the write wherever it runs": Mechanism(
        "clean/private_read_by_same_code", losses.Losses, "_same_code", nothing
    ),
    "things that each process makes the same way": Mechanism(
        "clean/connection_of_each_process", excuses.Excuses, "own_copy", no
    ),
    "loggers": Mechanism("clean/logger_of_each_process", bystanders.Bystanders, "looked_up", no),
    # shared objects
    "locks held by every caller": Mechanism(
        "clean/locked_by_caller", locks.Locks, "_by_callers", no
    ),
    "locks taken by decorators": Mechanism(
        "clean/locked_by_decorator", locks.Locks, "_decorated", no
    ),
    "locks held here": Mechanism(
        "detect/import_time_class_attribute", locks.Locks, "_held_here", no
    ),
    "keys of one worker each": Mechanism("clean/unlocked_own_slot", ownkeys.OwnKeys, "is_own", no),
    "workers one after the other": Mechanism(
        "clean/unlocked_one_after_the_other", sharing.Sharing, "_one_by_one", no
    ),
    "several workers at once": Mechanism(
        "clean/docs_shared_state", sharing.Sharing, "several", lambda *_: True
    ),
    "workers that take turns": Mechanism(
        "clean/unlocked_turns", updates.Updates, "_has_its_turn", no
    ),
    "caches that are shared": Mechanism(
        "clean/unlocked_remembered", updates.Updates, "_remembers", no
    ),
    "rows stored back": Mechanism(
        "clean/nested_proxy_stored_back", nested.Nested, "_given_back", no
    ),
    "proxies inside proxies": Mechanism(
        "clean/nested_proxy_of_proxies", nested.Nested, "_holds_proxies", no
    ),
    "primitives of threads that are handed over": Mechanism(
        "detect/threads_lock_as_argument", in_threads.InThreads, "_handed_over", no
    ),
    "locks of threads that guard what processes share": Mechanism(
        "detect/threads_lock_around_file", in_threads.InThreads, "_guards", no
    ),
    "handlers that workers name": Mechanism(
        "clean/threads_signal_handler", in_threads.InThreads, "_called_back_in_workers", nothing
    ),
    "shared objects made on import": Mechanism(
        "detect/fork_only_array_stored_into",
        imported.Imported,
        "_made_on_import",
        lambda *_: True,
    ),
    "blocks handed away": Mechanism("clean/leak_list_of_blocks", leaks.Leaks, "_handed_away", no),
    "blocks whose name is given away": Mechanism(
        "clean/leak_name_given_away", leaks.Leaks, "_named_away", no
    ),
    "locks of either kind": Mechanism(
        "clean/threads_lock_of_either_kind", in_threads.InThreads, "_alone", no
    ),
    "views of shared memory": Mechanism(
        "clean/buffer_memoryview_of_shared", answers.Answers, "_views", nothing
    ),
    # what is kept apart
    "hooks of the worker's own class": Mechanism(
        "clean/worker_hook_of_its_own_class", reach.Reach, "_means", lambda *_: True
    ),
    "callbacks kept apart": Mechanism(
        "clean/helper_callbacks_apart", contexts.Contexts, "enters", lambda *_: True
    ),
    "objects told apart by what made them": Mechanism(
        "clean/helper_callbacks_of_objects_apart", contexts.Contexts, "_given", lambda *_: None
    ),
    "results that decorators change": Mechanism(
        "clean/helper_decorated_returns_copy", places.Places, "_made_anew", no
    ),
    "wrappers that stay here unless they are asked": Mechanism(
        "clean/helper_serial_unless_asked", wrappers, "_comes_to", lambda *_: True
    ),
    "tests that ask nothing of one another": Mechanism(
        "clean/test_independent", observers, "follows", lambda one, other: one is not other
    ),
    "flags that each process sets": Mechanism(
        "clean/rebind_flag_of_each_process", excuses.Excuses, "_sets_flag", no
    ),
    "what a task holds": Mechanism(
        "detect/process_object_list_read", losses, "_changed", lambda write: write.effect.path
    ),
    "items that are kept in their place": Mechanism(
        "clean/other_number_of_items", losses, "_is_one_item", no
    ),
    "what is taken back": Mechanism(
        "clean/undone_by_the_worker", losses, "undone", lambda node: frozenset()
    ),
    "what is given up": Mechanism("clean/class_object_given_up", excuses, "_empties", no),
    "texts among arguments": Mechanism("clean/argument_text_or_rows", reach, "_perhaps_text", no),
    "single items of a mapping": Mechanism(
        "clean/argument_item_taken_out", effects, "item_asked_for", lambda *_: ()
    ),
    "attributes of what a container holds": Mechanism(
        "clean/fork_child_marks_its_siblings", observers, "_of_an_item", no
    ),
    "locks that pickling leaves out": Mechanism(
        "clean/threads_lock_left_out_of_pickle", in_threads.InThreads, "_left_out", no
    ),
    "texts of what containers hold": Mechanism(
        "detect/text_of_containers", calls.Evaluator, "held_inside", lambda *_: []
    ),
    "templates of text": Mechanism(
        "detect/text_of_containers", expressions.Expressions, "shown", nothing
    ),
    "what only hands an argument over": Mechanism(
        "clean/argument_handed_each_time",
        observers,
        "_handing",
        lambda site: iter((site.call,)),
    ),
    # what is looked at
    "module bodies that start processes": Mechanism(
        "projects/starts_on_import", extent.Extent, "end_round", lambda *_: None
    ),
    "methods of containers as workers": Mechanism(
        "detect/worker_bound_method_of_list", dispatches, "bound_methods", lambda *_: []
    ),
    "calls that bring dispatch and read together": Mechanism(
        "projects/four_modules", standpoint.Standpoint, "_caller", lambda *_: None
    ),
    "callables passed through a wrapper of this file": Mechanism(
        "projects/wrapper_here_worker_elsewhere",
        extent.Extent,
        "_passed_on",
        lambda self, values: values,
    ),
    "pools that a function binds": Mechanism(
        "projects/executor_made_by_setup_elsewhere",
        outline.Part,
        "sets",
        lambda self: self.binds,
    ),
    "records that are shown": Mechanism("detect/observer_shows_record", reads, "_records", no),
    "what no worker looks at": Mechanism(
        "detect/rebind_to_what_was_handed", writes.WorkerWrites, "_used_by_workers", lambda *_: True
    ),
    "blocks unlinked by name": Mechanism(
        "clean/leak_unlinked_by_name", leaks.Leaks, "_by_name", no
    ),
}


def modules_of(fixture: str) -> Iterator[Fixture]:
    """Yield the files of a fixture by its folder and name."""
    folder, _, name = fixture.partition("/")
    if folder == "projects":
        yield from next(case for case in projects() if case.name == name).modules
    else:
        yield load(FOLDER / folder / f"{name}.py")


@pytest.mark.parametrize("name", MECHANISMS)
def test_each_mechanism_is_needed(name: str, monkeypatch: Patch) -> None:
    mechanism = MECHANISMS[name]
    files = list(modules_of(mechanism.fixture))
    assert not some_turns_red(files)
    monkeypatch.setattr(mechanism.owner, mechanism.name, mechanism.off)
    assert some_turns_red(files)
