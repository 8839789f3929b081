"""The door to astroid: what it answers, and what must not come through."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from flake8_mpglobals import inference
from flake8_mpglobals.inference import Answer, Inference
from flake8_mpglobals.source import Source


class Case:
    """One file under check with its project; ``ask`` takes the text of an expression."""

    def __init__(
        self,
        text: str,
        project: Mapping[str, str] | None = None,
        *,
        path: str = "main.py",
        name: str = "main",
    ) -> None:
        self.source = Source.from_text(path, textwrap.dedent(text))
        others = {
            dotted: Source.from_text(dotted.replace(".", "/") + ".py", textwrap.dedent(body))
            for dotted, body in (project or {}).items()
        }
        packages = {dotted.rpartition(".")[0] for dotted in others} - {"", *others}
        for package in packages:
            others[package] = Source.from_text(package.replace(".", "/") + "/__init__.py", "")
        others[name] = self.source
        self.asked: list[str] = []

        def resolve(dotted: str) -> Source | None:
            self.asked.append(dotted)
            return others.get(dotted)

        self.inference = Inference(self.source, resolve, name)

    def ask(self, expression: str, *, partial: bool = False) -> tuple[Answer, ...]:
        """Ask about the last expression that is written as ``expression``."""
        nodes = [
            node
            for node in ast.walk(self.source.parse())
            if isinstance(node, ast.expr) and ast.unparse(node) == expression
        ]
        node = max(nodes, key=lambda each: (each.lineno, each.col_offset))
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.inference.ask(
            node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, partial=partial
        )


def test_a_function_chosen_from_a_table() -> None:
    case = Case(
        """
        def one(x): ...
        def two(x): ...
        TABLE = {"one": one, "two": two}
        task = TABLE["two"]
        run(task)
        """
    )
    assert case.ask("task") == (Answer("function", "main.py", 3, "main.two"),)


def test_one_of_several() -> None:
    case = Case(
        """
        def one(x): ...
        def two(x): ...
        for task in (one, two):
            run(task)
        """
    )
    assert [answer.name for answer in case.ask("task")] == ["main.one", "main.two"]


def test_a_class_an_instance_and_a_bound_method() -> None:
    case = Case(
        """
        class Job:
            def work(self): ...
        def make(): return Job()
        job = make()
        run(Job, job, job.work)
        """
    )
    assert case.ask("Job") == (Answer("class", "main.py", 2, "main.Job"),)
    assert case.ask("job") == (Answer("instance", "main.py", 2, "main.Job"),)
    assert case.ask("job.work") == (Answer("function", "main.py", 3, "main.Job.work", 4),)


def test_inherited_from_a_project_module_in_a_package() -> None:
    case = Case(
        """
        from .base import Base
        class Job(Base):
            def go(self):
                run(self.work, super().work)
        """,
        {"pkg.base": "class Base:\n    def work(self): ...\n"},
        path="pkg/main.py",
        name="pkg.main",
    )
    expected = (Answer("function", "pkg/base.py", 2, "pkg.base.Base.work", 4),)
    assert case.ask("self.work") == expected
    assert case.ask("super().work") == expected


def test_a_lambda_has_a_position() -> None:
    case = Case("a, b = lambda: 1, lambda: 2\nrun(b)\n")
    assert case.ask("b") == (Answer("function", "main.py", 1, "main.<lambda>", 18),)


def test_columns_are_utf8_offsets() -> None:
    case = Case("def f(): ...\nrun('äöü', f)\n")
    assert case.ask("f") == (Answer("function", "main.py", 1, "main.f"),)
    assert case.inference.ask(2, 11, 2, 12) == ()


def test_names_from_outside_keep_their_qualified_name() -> None:
    case = Case(
        """
        import multiprocessing as mp
        from concurrent.futures import ProcessPoolExecutor
        pool, executor = mp.Pool, ProcessPoolExecutor
        run(pool, executor, mp)
        """
    )
    assert case.ask("pool") == (Answer("external", "", 0, "multiprocessing.Pool"),)
    assert case.ask("executor") == (
        Answer("external", "", 0, "concurrent.futures.ProcessPoolExecutor"),
    )


@pytest.mark.parametrize(
    "value",
    [
        "multiprocessing.Manager().list()",
        "multiprocessing.Value('i', 0)",
        "[]",
        "{}",
        "set()",
        "dict()",
        "list(range(3))",
        "7",
        "(f for f in [])",
        "ValueError()",
        "print",
        "list",
        "[].append",
        "missing",
        "missing.attribute",
    ],
)
def test_containers_proxies_and_builtins_do_not_come_through(value: str) -> None:
    case = Case(f"import multiprocessing\nx = {value}\nrun(x)\n")
    assert case.ask("x", partial=True) == ()


def test_one_unknown_possibility_makes_the_question_unknown() -> None:
    case = Case(
        """
        import random
        def f(): ...
        x = f if random.random() else []
        y = None
        if random.random():
            y = f
        run(x, y)
        """
    )
    assert case.ask("x") == ()
    assert case.ask("x", partial=True) == (Answer("function", "main.py", 3, "main.f"),)
    assert case.ask("y") == (Answer("function", "main.py", 3, "main.f"),)


def test_a_test_on_something_from_outside_is_not_decided() -> None:
    case = Case(
        """
        import settings
        def f(): ...
        def g(): ...
        x = f if settings.DEBUG else g
        y = f if isinstance(settings.X, str) else g
        run(x, y)
        """
    )
    assert [answer.name for answer in case.ask("x")] == ["main.f", "main.g"]
    assert [answer.name for answer in case.ask("y")] == ["main.f", "main.g"]


def test_a_namespace_package() -> None:
    source = Source.from_text("main.py", "import ns.mod\nrun(ns.mod.f, ns.other)\n")
    module = Source.from_text("ns/mod.py", "def f(): ...\n")
    door = Inference(source, lambda name: module if name == "ns.mod" else None, "main")
    assert door.ask(2, 4, 2, 12) == (Answer("function", "ns/mod.py", 1, "ns.mod.f"),)
    assert door.ask(2, 14, 2, 22) == (Answer("external", "", 0, "ns.other"),)


def test_a_missing_module_of_the_project_is_unknown_and_not_external() -> None:
    case = Case("from pkg.gone import f\nrun(f)\n", {"pkg.here": ""})
    assert case.ask("f") == ()


def test_a_cycle_meets_the_text_that_was_handed_over() -> None:
    case = Case(
        "import other\ndef f(): ...\nrun(other.f)\n", {"other": "import main\nf = main.f\n"}
    )
    assert case.ask("other.f") == (Answer("function", "main.py", 2, "main.f"),)


def test_syntax_that_cannot_be_parsed_is_unknown() -> None:
    case = Case("import broken\nfrom broken import f\nrun(f)\n", {"broken": "def (\n"})
    assert case.ask("f") == ()
    source = Source.from_text("bad.py", "def (\n")
    assert Inference(source, lambda name: None).ask(1, 0, 1, 3) == ()


def test_code_nested_too_deeply_is_unknown() -> None:
    source = Source.from_text("main.py", "def f(): ...\nx = f" + ".a" * 900 + "\nx\n")
    assert Inference(source, lambda name: None).ask(3, 0, 3, 1) == ()


def test_a_resolver_that_raises_is_unknown() -> None:
    source = Source.from_text("main.py", "from a import b\nb\n")

    def resolve(name: str) -> Source | None:
        raise OSError(name)

    assert Inference(source, resolve).ask(2, 0, 2, 1) == ()


def test_spans_that_are_no_node_are_unknown() -> None:
    case = Case("def f(): ...\nrun(f)\n")
    assert case.inference.ask(1, 1, 1, 2) == ()
    assert case.inference.ask(99, 0, 99, 1) == ()


def test_questions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "MAX_QUESTIONS", 1)
    case = Case("def f(): ...\nrun(f)\nrun(f)\n")
    assert case.inference.ask(2, 4, 2, 5)
    assert case.inference.ask(3, 4, 3, 5) == ()
    assert case.inference.ask(2, 4, 2, 5)


def test_answers_are_bounded() -> None:
    def asked(count: int) -> tuple[Answer, ...]:
        names = [f"f{number}" for number in range(count)]
        text = "".join(f"def {name}(): ...\n" for name in names)
        return Case(text + f"for task in ({', '.join(names)}):\n    run(task)\n").ask("task")

    assert len(asked(inference.MAX_ANSWERS)) == inference.MAX_ANSWERS
    assert asked(inference.MAX_ANSWERS + 1) == ()


def test_project_modules_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "MAX_MODULES", 2)
    project = {"a": "from b import f\n", "b": "from c import f\n", "c": "def f(): ...\n"}
    assert Case("from b import f\nrun(f)\n", {"b": "def f(): ...\n"}).ask("f")
    assert Case("from a import f\nrun(f)\n", project).ask("f") == ()


PATCHING = """
import multiprocessing
from multiprocessing.pool import ThreadPool
multiprocessing.Pool = ThreadPool
list.extra = ThreadPool
Exception.extra = ThreadPool
run(multiprocessing.Pool)
"""
ASKING = """
import multiprocessing
def f(): ...
run(multiprocessing.Pool, [].extra, Exception().extra, list.extra)
"""


def test_one_file_does_not_change_the_next() -> None:
    patching, asking = Case(PATCHING), Case(ASKING)
    assert [answer.name for answer in patching.ask("multiprocessing.Pool")] == [
        "multiprocessing.pool.ThreadPool",
        "multiprocessing.Pool",
    ]
    assert [answer.name for answer in asking.ask("multiprocessing.Pool")] == [
        "multiprocessing.Pool"
    ]
    for expression in ("[].extra", "Exception().extra", "list.extra"):
        assert asking.ask(expression, partial=True) == ()


def test_the_order_of_files_and_questions_does_not_matter() -> None:
    project = {
        "a": "import b\nclass A(b.B): ...\nExtra = b\n",
        "b": "import a\nclass B:\n    def work(self): ...\na.Late = B\n",
    }
    texts = {
        "one": "import a\nrun(a.A().work, a.Late, a.Extra.B)\n",
        "two": "import b, a\na.A.work = len\nrun(b.B().work, a.A)\n",
    }
    expressions = {
        "one": ["a.A().work", "a.Late", "a.Extra.B"],
        "two": ["b.B().work", "a.A"],
    }

    def answers(order: list[str]) -> dict[tuple[str, str], tuple[Answer, ...]]:
        cases = {name: Case(texts[name], project, path=f"{name}.py", name=name) for name in order}
        return {
            (name, expression): cases[name].ask(expression)
            for name in order
            for expression in expressions[name]
        }

    assert answers(["one", "two"]) == answers(["two", "one"]) == answers(["one", "two"])


def test_the_depth_of_the_caller_does_not_matter() -> None:
    def chain(length: int, depth: int = 0) -> tuple[Answer, ...]:
        if depth:
            return chain(length, depth - 1)
        links = "".join(f"x{number + 1} = x{number}\n" for number in range(length))
        return Case(f"def f(): ...\nx0 = f\n{links}run(x{length})\n").ask(f"x{length}")

    longest = max(length for length in range(0, 400, 20) if chain(length))
    assert 0 < longest < 380, "the frames should not suffice for the longest chains"
    assert chain(longest, 300)
    assert chain(longest + 20) == chain(longest + 20, 300) == ()


def test_another_name_of_the_file_under_check_is_the_same_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inference, "MAX_MODULES", 1)
    source = Source.from_text("main.py", "import app.main\ndef f(): ...\nrun(app.main.f)\n")
    door = Inference(source, lambda name: source if name == "app.main" else None, "main")
    assert door.ask(3, 4, 3, 14) == (Answer("function", "main.py", 2, "main.f"),)


def test_astroid_cannot_reach_the_disk_while_a_question_is_open() -> None:
    from astroid.exceptions import AstroidImportError
    from astroid.manager import AstroidManager

    seen: list[str] = []

    def resolve(name: str) -> Source | None:
        with pytest.raises(AstroidImportError):
            AstroidManager().file_from_module_name("os", None)
        seen.append(name)
        return None

    source = Source.from_text("main.py", "import a\nrun(a)\n")
    assert Inference(source, resolve).ask(2, 4, 2, 5) == (Answer("external", "", 0, "a"),)
    assert seen


def test_nothing_that_was_inferred_is_kept_for_the_next_file() -> None:
    from importlib import import_module

    caches = (
        import_module("astroid.context")._INFERENCE_CACHE,
        import_module("astroid.inference_tip")._cache,
    )
    for cache in caches:
        cache["of the file before"] = ()
    assert Case("def f(): ...\nrun(f)\n").ask("f")
    for cache in caches:
        assert "of the file before" not in cache


def test_no_warning_of_the_parser_comes_through(recwarn: pytest.WarningsRecorder) -> None:
    project = {"other": "x = 1 is 1\ny = '\\d'\ndef f(): ...\n"}
    assert Case("import other\nrun(other.f)\n", project).ask("other.f")
    assert not list(recwarn)


def test_the_state_of_astroid_is_put_back() -> None:
    import astroid
    from astroid.manager import AstroidManager

    before = dict(vars(AstroidManager))
    cache = dict(AstroidManager.brain["astroid_cache"])
    limit = sys.getrecursionlimit()
    Case("import os, project\nrun(project.f)\n", {"project": "def f(): ..."}).ask("project.f")
    assert dict(vars(AstroidManager)) == before
    assert AstroidManager.brain["astroid_cache"] == cache
    assert sys.getrecursionlimit() == limit
    assert astroid.extract_node("import os\nos.path #@").inferred()


RUN = """
import sys
from flake8_mpglobals.inference import Inference
from flake8_mpglobals.source import Source
assert not [name for name in sys.modules if name.partition('.')[0] == 'astroid']
main = Source.from_text('main.py', open('main.py').read())
sys.path.insert(0, '.')
def resolve(name):
    if name in ('random', 'helper'):
        return Source.from_text(name + '.py', open(name + '.py').read())
inference = Inference(main, resolve, 'main')
print(inference.ask(4, 4, 4, 12), inference.ask(5, 4, 5, 12), inference.ask(6, 4, 6, 15))
print([name for name in ('random', 'helper', 'asyncio') if name in sys.modules])
"""


def test_nothing_is_imported_run_or_read_from_the_path(tmp_path: Path) -> None:
    """A project's random.py leaves a trace when it runs; astroid itself comes lazily."""
    trace = "open('trace', 'w').close()\n"
    (tmp_path / "random.py").write_text(trace + "def f(): ...\n")
    (tmp_path / "helper.py").write_text(trace + "def g(): ...\n")
    (tmp_path / "secret.py").write_text(trace + "def h(): ...\n")
    (tmp_path / "main.py").write_text(
        "import random, helper, secret, asyncio\n\n\n"
        "run(helper.g)\nrun(random.f)\nrun(asyncio.run)\nrun(secret.h)\n"
    )
    out = subprocess.run(
        [sys.executable, "-P", "-c", RUN],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert not (tmp_path / "trace").exists()
    lines = out.stdout.splitlines()
    assert "name='helper.g'" in lines[0]
    assert "name='random.f'" in lines[0]
    assert "kind='external', path='', line=0, name='asyncio" in lines[0]
    assert lines[1] in ("[]", "['random']")  # astroid imports the real random
    assert out.stderr == ""
