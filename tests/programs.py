"""Small random programs whose workers change module globals, for the law of the fixer.

``program(seed)`` gives the text of one program.  What it prints does not depend on
any order: lists are sorted, numbers are sums or extremes.
"""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

NAMES = {
    "list": ("results", "rows", "FOUND", "_log"),
    "dict": ("table", "by_name", "CACHE_OF", "squares"),
    "set": ("seen", "kinds"),
    "int": ("total", "COUNT", "_done", "hits"),
    "best": ("best", "largest", "HIGH"),
    "float": ("weight", "energy"),
    "flag": ("found", "HIT"),
    "bytearray": ("buf", "GRID"),
    "array": ("cells", "samples"),
    "counter": ("counts", "_tally"),
    "groups": ("groups", "by_rest"),
}
BEGINS = {
    "list": ("[]", "list()", "[100]"),
    "dict": ("{}", "dict()", "{100: 1}"),
    "set": ("set()", "{100}"),
    "int": ("0", "0", "5"),
    "best": ("-1", "0"),
    "float": ("0.0", "1.5"),
    "flag": ("False",),
    "bytearray": ("bytearray(12)", "bytearray(b'abcdefghijkl')"),
    "array": ("array('i', [0] * 12)", "array('d', [0.5] * 12)"),
    "counter": ("Counter()",),
    "groups": ("defaultdict(list)",),
}
SHOWN = {
    "list": "sorted({0})",
    "dict": "sorted({0}.items())",
    "set": "sorted({0})",
    "bytearray": "bytes({0})",
    "array": "{0}.tolist()",
    "counter": "sorted({0}.items())",
    "groups": "sorted((key, sorted(values)) for key, values in {0}.items())",
}
CHANGES = {
    "list": (
        ("{p}.append(n * 10)",),
        ("{p}.extend([n, n + 20])",),
        ("if n % 2:", "    {p}.append(n)"),
        ("if n > 3:", "    {p}.append('big')", "else:", "    {p}.append('small')"),
        ("for step in range(n % 3):", "    {p}.append(n * 100 + step)"),
        ("global {p}", "{p} += [n]"),
        ("if n % 3 not in {p}:", "    {p}.append(n % 3)"),
        ("if n % 3 in _known:", "    return", "_known.add(n % 3)", "{p}.append(n % 3)"),
        ("if n % 3 not in _known:", "    {p}.append(n % 3)", "_known.add(n % 3)"),
        ("{p}.append(cached(n))",),
    ),
    "dict": (
        ("{p}[n] = n * n",),
        ("{p}.update({{n: n + 1}})",),
        ("if n != 2:", "    {p}[n] = str(n)"),
        ("{p}[n % 3] = {p}.get(n % 3, 0) + 1",),
        ("{p}.setdefault(n, n * 2)",),
        ("{p}[n] = {{'n': n, 'even': n % 2 == 0}}['n']",),
    ),
    "set": (
        ("{p}.add(n % 3)",),
        ("if n > 1:", "    {p}.add(n)"),
        ("{p}.update([n, n + 1])",),
        ("if n % 3 not in {p}:", "    {p}.add(n % 3)"),
    ),
    "counter": (
        ("{p}[n % 3] += 1",),
        ("for letter in 'ab' * n:", "    {p}[letter] += 1"),
        ("{p}.update('ab' * n)",),
    ),
    "groups": (
        ("{p}[n % 2].append(n)",),
        ("{p}[n % 2].extend([n, n + 1])",),
        ("if n > 2:", "    {p}[n % 2].append(n)"),
    ),
    "int": (
        ("global {p}", "{p} += 1"),
        ("global {p}", "{p} += n"),
        ("global {p}", "{p} = {p} + 2"),
        ("global {p}", "if n % 2 == 0:", "    {p} += 1"),
        ("global {p}", "for _ in range(3):", "    {p} += 1"),
        ("global {p}", "{p} += len('x' * n)"),
        ("global {p}", "{p} -= n", "{p} += 10"),
        ("global {p}", "before = {p}", "{p} = before + n"),
        ("global {p}", "{p} += weigh(n)"),
    ),
    "best": (
        ("global {p}", "if n > {p}:", "    {p} = n"),
        ("global {p}", "{p} = max({p}, n * 3)"),
        ("global {p}", "score = weigh(n)", "if score > {p}:", "    {p} = score"),
        ("global {p}", "{p} = n if n > {p} else {p}"),
    ),
    "float": (
        ("global {p}", "{p} += n * 0.5"),
        ("global {p}", "{p} += 0.25"),
        ("global {p}", "{p} = {p} + n / 4"),
    ),
    "flag": (
        ("global {p}", "if n == 3:", "    {p} = True"),
        ("global {p}", "{p} = {p} or n > 100"),
        ("global {p}", "{p} |= n == 1"),
    ),
    "bytearray": (
        ("{p}[n] = n + 65",),
        ("if n % 2:", "    {p}[n] = 1"),
        ("{p}[n] += 1",),
        ("{p}[2 * n:2 * n + 2] = b'zz'",),
    ),
    "array": (
        ("{p}[n] = n * 3",),
        ("{p}[n] += 2",),
        (
            "for i in range(2):",
            "    {p}[n + i] += n",
        ),
    ),
}
"""What a worker does with a place, by kind; ``n`` is its task, from 0 to 5."""


KNOWN = "_known = set()\n"
"""What each process has for itself, and what decides there."""
CACHED = """\
_cache = {}


def cached(n):
    if n not in _cache:
        _cache[n] = n * 4
    return _cache[n]


"""

DECORATOR = """\
def passed_on(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


"""


@dataclass(frozen=True)
class Place:
    """A module global that workers change."""

    name: str
    kind: str
    begins: str
    change: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The expression by which the program prints it."""
        return SHOWN.get(self.kind, "{0}").format(self.name)


def program(seed: int) -> str:
    """Return the text of the program of that number."""
    return _Writer(random.Random(seed)).text()


class _Writer:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._imports: set[str] = set()
        self._more = ""
        taken: set[str] = set()
        self._places: list[Place] = []
        for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
            kind = chance.choice(tuple(NAMES))
            name = chance.choice([one for one in NAMES[kind] if one not in taken] or ["extra"])
            if name in taken:
                continue
            taken.add(name)
            place = Place(name, kind, chance.choice(BEGINS[kind]), chance.choice(CHANGES[kind]))
            self._places.append(place)
            if kind == "array":
                self._imports.add("from array import array")
            if kind == "counter":
                self._imports.add("from collections import Counter")
            if kind == "groups":
                self._imports.add("from collections import defaultdict")

    def text(self) -> str:
        text = self._handed() if self._chance.random() < 0.15 else self._by_name()
        return text.replace("    ", "\t") if self._chance.random() < 0.1 else text

    def _by_name(self) -> str:
        chance = self._chance
        worker = chance.choice(("work", "handle", "crunch"))
        body = self._body()
        helper = ""
        if chance.random() < 0.3:
            helper = f"def record(n):\n{_indent(body)}\n\n\n"
            body = "record(n)\n"
        if chance.random() < 0.3:
            body = f'"""Do one task."""\n{body}'
        if chance.random() < 0.4:
            body += chance.choice(("return n\n", "return n * 2\n", "return None\n"))
        decorated = defined_above = ""
        if chance.random() < 0.1:
            decorated, defined_above = "@passed_on\n", DECORATOR
            self._imports.add("import functools")
        weigh = "def weigh(n):\n    return n * 7 % 5\n\n\n" if "weigh(" in helper + body else ""
        run = self._run(worker)
        shows = "".join(f"print({one.name!r}, {one.shown})\n" for one in self._places)
        form = chance.choice(("main", "main", "script", "split", "method"))
        defined, guarded = self._form(form, run, shows)
        if self._more:
            defined = f"\n{self._more.rstrip()}\n\n{defined}"
        begins = "".join(f"{one.name} = {one.begins}\n" for one in self._places)
        text = "\n".join(sorted(self._imports)) + f"\n\n{begins}\n\n"
        if "_known" in helper + body:
            text = text.rstrip() + f"\n{KNOWN}\n\n"
        if "cached(" in helper + body:
            text += CACHED
        text += f"{weigh}{helper}{defined_above}{decorated}"
        text += f"def {worker}(n):\n{_indent(body)}\n\n{defined}"
        return text + f"\nif __name__ == '__main__':\n{_indent(guarded)}"

    def _body(self) -> str:
        lines: list[str] = []
        declared = [one.name for one in self._places if one.change[0].startswith("global")]
        if declared:
            lines.append(f"global {', '.join(declared)}")
        if len(self._places) == 2 and not declared and self._chance.random() < 0.3:
            first, second = ([line.format(p=p.name) for line in p.change] for p in self._places)
            both = ["if n % 2:", *(f"    {x}" for x in first)]
            both += ["else:", *(f"    {x}" for x in second)]
            return "".join(f"{line}\n" for line in both)
        for one in self._places:
            lines += [line.format(p=one.name) for line in one.change if "global" not in line]
        return "".join(f"{line}\n" for line in lines)

    def _form(self, form: str, run: str, shows: str) -> tuple[str, str]:
        """Return what is defined below the worker, and what stands under the guard."""
        if form == "script":
            return "", run + shows
        if form == "main":
            return f"\ndef main():\n{_indent(run + shows)}\n", "main()\n"
        if form == "split":
            other = f"\ndef report():\n{_indent(shows)}\n"
            return f"\ndef run_all():\n{_indent(run)}\n{other}", "run_all()\nreport()\n"
        inner = f"def run(self):\n{_indent(run)}\n"
        return f"\nclass Runner:\n{_indent(inner)}\n", f"Runner().run()\n{shows}"

    # -- a place that is handed over

    def _handed(self) -> str:
        """Return a program whose workers get what they change as an argument."""
        chance = self._chance
        kind = chance.choice(("list", "dict"))
        name = chance.choice(NAMES[kind]).lower().strip("_")
        plain = [one for one in CHANGES[kind] if "global {p}" not in one and "_" not in one[0]]
        change = chance.choice(plain)
        body = "".join(f"{line.format(p=name)}\n" for line in change)
        body = body.replace("cached(n)", "n * 4")
        order = chance.choice((f"n, {name}", f"{name}, n"))
        run = self._hands(order, name)
        shown = SHOWN[kind].format(name)
        main = f"{name} = {chance.choice(BEGINS[kind])}\n{run}print({shown})\n"
        head = "\n".join(sorted(self._imports)) + "\n\n\n"
        head += f"def work({order}):\n{_indent(body)}\n\n"
        guard = "if __name__ == '__main__':\n"
        if chance.random() < 0.4:
            return f"{head}{guard}{_indent(main)}"
        return f"{head}def main():\n{_indent(main)}\n\n{guard}    main()\n"

    def _hands(self, order: str, name: str) -> str:
        made = self._chance.randrange(6)
        if made < 3:
            self._imports = {"from multiprocessing import Process"}
            process = f"Process(target=work, args=({order}))"
            join = "for job in jobs:\n    job.join()\n"
            if made == 0:
                process = f"Process(target=work, kwargs={{'n': n, {name!r}: {name}}})"
            if made == 1:
                start = f"    job = {process}\n    job.start()\n    jobs.append(job)\n"
                return f"jobs = []\nfor n in range(6):\n{start}{join}"
            return (
                f"jobs = [{process} for n in range(6)]\nfor job in jobs:\n    job.start()\n{join}"
            )
        if made == 3:
            self._imports = {"from concurrent.futures import ProcessPoolExecutor"}
            inner = f"for n in range(6):\n    executor.submit(work, {order})\n"
            return f"with ProcessPoolExecutor(2) as executor:\n{_indent(inner)}"
        self._imports = {"from multiprocessing import Pool"}
        if made == 4:
            return f"with Pool(2) as pool:\n    pool.starmap(work, [({order}) for n in range(6)])\n"
        inner = f"for n in range(6):\n    pool.apply_async(work, ({order}))\n"
        return f"pool = Pool(2)\n{inner}pool.close()\npool.join()\n"

    # -- how the workers are started

    def _run(self, worker: str) -> str:
        forms = (self._pool, self._pool, self._executor, self._process, self._process_class)
        return self._chance.choice((*forms, self._loop))(worker)

    def _pool(self, worker: str) -> str:
        chance = self._chance
        style = chance.choice(("plain", "module", "context"))
        before = ""
        if style == "plain":
            self._imports.add("from multiprocessing import Pool")
            made = "Pool(2)"
        elif style == "module":
            self._imports.add("import multiprocessing as mp")
            made = "mp.Pool(processes=2)"
        else:
            self._imports.add("import multiprocessing")
            before = "ctx = multiprocessing.get_context()\n"
            made = "ctx.Pool(2)"
        uses = (
            f"pool.map({worker}, range(6))\n",
            f"pool.map({worker}, [0, 1, 2, 3, 4, 5], chunksize=2)\n",
            f"pool.starmap({worker}, [(n,) for n in range(6)])\n",
            f"for _ in pool.imap({worker}, range(6)):\n    pass\n",
            f"for _ in pool.imap_unordered({worker}, range(6)):\n    pass\n",
            f"list(pool.imap({worker}, range(6)))\n",
            f"pool.map_async({worker}, range(6)).get()\n",
            f"for n in range(6):\n    pool.apply({worker}, (n,))\n",
            f"print(sum(n or 0 for n in pool.map({worker}, range(6))))\n",
            f"jobs = [pool.apply_async({worker}, (n,)) for n in range(6)]\n"
            "for job in jobs:\n    job.get()\n",
            f"jobs = []\nfor n in range(6):\n    jobs.append(pool.apply_async({worker}, (n,)))\n"
            "for job in jobs:\n    job.wait()\n",
        )
        late = (
            *uses,
            f"pool.map_async({worker}, range(6))\n",
            f"for n in range(6):\n    pool.apply_async({worker}, args=(n,))\n",
        )
        shape = chance.choice(("with", "with", "close", "try", "chain", "twice"))
        if shape == "with":
            return f"{before}with {made} as pool:\n{_indent(chance.choice(uses))}"
        if shape == "close":
            return f"{before}pool = {made}\n{chance.choice(late)}pool.close()\npool.join()\n"
        if shape == "try":
            end = "finally:\n    pool.close()\n    pool.join()\n"
            return f"{before}pool = {made}\ntry:\n{_indent(chance.choice(late))}{end}"
        if shape == "chain":
            return f"{before}{made}.map({worker}, range(6))\n"
        two = f"with {made} as pool:\n    pool.map({worker}, range(3))\n"
        shown = self._places[0]
        return f"{before}{two}print(bool({shown.name}))\n{two}"

    def _executor(self, worker: str) -> str:
        chance = self._chance
        self._imports.add("from concurrent.futures import ProcessPoolExecutor, as_completed, wait")
        made = chance.choice(
            (
                "ProcessPoolExecutor()",
                "ProcessPoolExecutor(2)",
                "ProcessPoolExecutor(max_workers=2)",
            )
        )
        uses = (
            f"list(executor.map({worker}, range(6)))\n",
            f"executor.map({worker}, range(6))\n",
            f"for _ in executor.map({worker}, range(6)):\n    pass\n",
            f"futures = [executor.submit({worker}, n) for n in range(6)]\n"
            "for future in as_completed(futures):\n    future.result()\n",
            f"futures = [executor.submit({worker}, n) for n in range(6)]\nwait(futures)\n",
            f"print(sum(n or 0 for n in executor.map({worker}, range(6))))\n",
            f"for n in range(6):\n    executor.submit({worker}, n)\n",
            f"jobs = {{executor.submit({worker}, n): n for n in range(6)}}\n"
            "for job in as_completed(jobs):\n    job.result()\n",
        )
        use = chance.choice(uses)
        if chance.random() < 0.75:
            return f"with {made} as executor:\n{_indent(use)}"
        return f"executor = {made}\n{use}executor.shutdown()\n"

    def _loop(self, worker: str) -> str:
        chance = self._chance
        self._imports |= {"import asyncio", "from concurrent.futures import ProcessPoolExecutor"}
        tasks = f"[loop.run_in_executor(executor, {worker}, n) for n in range(6)]"
        ends = (
            f"await asyncio.gather(*{tasks})\n",
            f"print(sum(n or 0 for n in await asyncio.gather(*{tasks})))\n",
            f"for n in range(6):\n    await loop.run_in_executor(executor, {worker}, n)\n",
        )
        inner = f"with ProcessPoolExecutor(2) as executor:\n{_indent(chance.choice(ends))}"
        loop = f"loop = asyncio.get_running_loop()\n{inner}"
        self._more = f"async def hand_out():\n{_indent(loop)}\n\n"
        return "asyncio.run(hand_out())\n"

    def _process_class(self, worker: str) -> str:
        chance = self._chance
        self._imports.add("from multiprocessing import Process")
        init = "def __init__(self, n):\n    super().__init__()\n    self.n = n\n\n"
        run = f"def run(self):\n    {worker}(self.n)\n"
        self._more = f"class Job(Process):\n{_indent(init + run)}\n\n"
        made = "jobs = [Job(n) for n in range(6)]\nfor job in jobs:\n    job.start()\n"
        if chance.random() < 0.4:
            made = "jobs = []\nfor n in range(6):\n    job = Job(n)\n    job.start()\n"
            made += "    jobs.append(job)\n"
        return f"{made}for job in jobs:\n    job.join()\n"

    def _process(self, worker: str) -> str:
        chance = self._chance
        made = "Process"
        if chance.random() < 0.5:
            self._imports.add("import multiprocessing")
            made = "multiprocessing.Process"
        else:
            self._imports.add("from multiprocessing import Process")
        shapes: Sequence[Callable[[], str]] = (
            lambda: (
                f"processes = [{made}(target={worker}, args=(n,)) for n in range(6)]\n"
                "for process in processes:\n    process.start()\n"
                "for process in processes:\n    process.join()\n"
            ),
            lambda: (
                "processes = []\nfor n in range(6):\n"
                f"    process = {made}(target={worker}, args=(n,))\n"
                "    process.start()\n    processes.append(process)\n"
                "for process in processes:\n    process.join()\n"
            ),
            lambda: (
                f"first = {made}(target={worker}, args=(1,))\n"
                f"second = {made}(target={worker}, args=(3,))\n"
                "first.start()\nsecond.start()\nfirst.join()\nsecond.join()\n"
            ),
            lambda: (
                f"for n in range(6):\n    p = {made}(target={worker}, args=(n,))\n"
                "    p.start()\n    p.join()\n"
            ),
            lambda: f"p = {made}(target={worker}, kwargs={{'n': 3}})\np.start()\np.join()\n",
        )
        return chance.choice(shapes)()


def _indent(text: str) -> str:
    return textwrap.indent(text, "    ")
