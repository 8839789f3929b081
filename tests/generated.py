"""Programs that are large in one respect, made for a size: source text by file name.

Each has one lost write (``LOST.append`` in a worker, printed by the parent) at the end of
whatever it is large in, so that a checker which gives up is seen.  ``main.py`` is the file
to check.
"""

from __future__ import annotations

from collections.abc import Callable

Files = dict[str, str]

_HEAD = "from multiprocessing import Pool\n\nLOST = []\n\n\n"
_PARENT = """

def main():
    with Pool(2) as pool:
        pool.map({worker}, range(9))
    print(LOST)


if __name__ == "__main__":
    main()
"""
_WORKER = "def work(n):\n    LOST.append(n)\n\n\n"


def _file(*parts: str, worker: str = "work") -> Files:
    return {"main.py": _HEAD + "".join(parts) + _PARENT.format(worker=worker)}


def functions(size: int) -> Files:
    """Functions that call one another a little."""
    text = "".join(
        f"def f{n}(a, b={n}):\n    c = a + b\n    return f{n // 2}(c) if c else TABLE{n % 7}\n\n\n"
        for n in range(1, size)
    )
    tables = "".join(f"TABLE{n} = {{}}\n" for n in range(7))
    return _file(tables, "def f0(a, b=0):\n    return a\n\n\n", text, _WORKER)


def dispatches(size: int) -> Files:
    """Calls that send the same worker, and others, in one function each."""
    text = "".join(
        f"def start{n}(pool):\n    return pool.map(work{n % 5}, range({n}))\n\n\n"
        for n in range(size)
    )
    workers = "".join(f"def work{n}(x):\n    LOST.append(x)\n\n\n" for n in range(5))
    calls = "".join(f"        start{n}(pool)\n" for n in range(size))
    parent = f"def main():\n    with Pool(2) as pool:\n{calls}    print(LOST)\n\n\n"
    guard = 'if __name__ == "__main__":\n    main()\n'
    return {"main.py": _HEAD + workers + text + parent + guard}


def dispatches_in_a_row(size: int) -> Files:
    """Dispatches in the body of one function, each after the other."""
    workers = "".join(f"def work{n}(x):\n    LOST.append(x)\n\n\n" for n in range(5))
    calls = "".join(f"        pool.map(work{n % 5}, range({n}))\n" for n in range(size))
    parent = f"def main():\n    with Pool(2) as pool:\n{calls}    print(LOST)\n\n\n"
    guard = 'if __name__ == "__main__":\n    main()\n'
    return {"main.py": _HEAD + workers + parent + guard}


def _chain(size: int, last: str, name: str = "f") -> str:
    links = (f"def {name}{n}(x):\n    return {name}{n + 1}(x)\n\n\n" for n in range(size))
    return "".join(links) + f"def {name}{size}(x):\n    {last}\n\n\n"


def chain_in_worker(size: int) -> Files:
    """A worker that writes at the end of a chain of calls."""
    return _file(_chain(size, "LOST.append(x)"), worker="f0")


def chain_in_parent(size: int) -> Files:
    """A parent that dispatches at the end of a chain of calls; seen where it is not too long."""
    chain = _chain(size, "x.map(work, range(9))")
    main = "def main():\n    with Pool(2) as pool:\n        f0(pool)\n    print(LOST)\n\n\n"
    return {"main.py": _HEAD + _WORKER + chain + main + 'if __name__ == "__main__":\n    main()\n'}


def chain_beside(size: int) -> Files:
    """A chain of calls that neither dispatches nor writes."""
    return _file(_WORKER, _chain(size, "return x"))


def chain_of_parameters(size: int) -> Files:
    """A list handed down a chain of calls, and changed at its end."""
    return _file(_chain(size, "x.append(1)", "g"), "def work(n):\n    g0(LOST)\n\n\n")


def ring(size: int) -> Files:
    """Functions that call one another in a ring; each writes, so each tells the whole way."""
    links = "".join(
        f"def f{n}(x):\n    LOST.append(x)\n    return f{(n + 1) % size}(x)\n\n\n"
        for n in range(size)
    )
    return _file(links, worker="f0")


def literal(size: int) -> Files:
    """One dictionary of lists."""
    rows = "".join(f"    'key{n}': [{n}, 'text {n}', ({n}.5, None)],\n" for n in range(size))
    return _file(f"DATA = {{\n{rows}}}\n\n\n", "def work(n):\n    LOST.append(DATA[n])\n\n\n")


def long_text(size: int) -> Files:
    """One string of many lines."""
    lines = "".join(f"line {n} of import multiprocessing text\n" for n in range(size))
    return _file(f'TEXT = """\n{lines}"""\n\n\n', _WORKER)


def modules(size: int) -> Files:
    """Modules that import one another in a ring, and by twos."""
    files = {
        f"m{n}.py": (
            f"import m{(n + 1) % size}\nfrom m{(n * 2 + 1) % size} import value{(n * 2 + 1) % size}"
            f"\n\nSTATE{n} = []\n\n\n"
            f"def value{n}(x):\n    STATE{n}.append(x)\n    return m{(n + 1) % size}.value"
            f"{(n + 1) % size}(x)\n"
        )
        for n in range(size)
    }
    main = "import m0\n\n\ndef work(n):\n    LOST.append(n)\n    m0.value0(n)\n\n\n"
    return files | _file(main)


def starting_modules(size: int) -> Files:
    """Modules that import one another, each of which starts processes."""
    files = {
        f"m{n}.py": (
            f"from multiprocessing import Pool\nimport m{(n + 1) % size}\n\nSTATE{n} = []\n\n\n"
            f"def job{n}(x):\n    STATE{n}.append(x)\n\n\n"
            f"def start{n}(x):\n    with Pool() as pool:\n        pool.map(job{n}, x)\n"
            f"    print(STATE{n})\n    m{(n + 1) % size}.start{(n + 1) % size}(x)\n"
        )
        for n in range(size)
    }
    main = "import m0\n\n\ndef work(n):\n    LOST.append(n)\n    m0.start0(n)\n\n\n"
    return files | _file(main)


def deep_sum(size: int) -> Files:
    """One expression of many operators: a tree as deep as it is long."""
    terms = " + ".join(f"x{n % 9}" for n in range(size))
    names = ", ".join(f"x{n}=0" for n in range(9))
    return _file(f"def total({names}):\n    return {terms}\n\n\n", _WORKER)


def deep_attributes(size: int) -> Files:
    """One chain of attributes, and of calls."""
    return _file(
        _WORKER,
        f"def walk(node):\n    node{'.next' * size} = 1\n    return node{'.get()' * size}\n\n\n",
    )


def deep_brackets(size: int) -> Files:
    """Lists in lists, as deep as the parser takes."""
    return _file(f"DEEP = {'[' * size}{']' * size}\n\n\n", _WORKER)


def branches(size: int) -> Files:
    """One long ``if``/``elif``."""
    tests = "".join(f"    elif n == {n}:\n        y = {n}\n" for n in range(size))
    return _file(f"def work(n):\n    if n < 0:\n        y = 0\n{tests}    LOST.append(y)\n\n\n")


def matches(size: int) -> Files:
    """One long ``match``."""
    cases = "".join(f"        case {n}:\n            y = {n}\n" for n in range(size))
    return _file(f"def work(n):\n    y = 0\n    match n:\n{cases}    LOST.append(y)\n\n\n")


def statements(size: int) -> Files:
    """One function of many statements."""
    lines = "".join(f"    v{n} = v{n - 1} + f(v{n // 2})\n" for n in range(1, size))
    return _file(
        f"def f(x):\n    return x\n\n\ndef work(n):\n    v0 = n\n{lines}    LOST.append(v0)\n\n\n"
    )


def module_statements(size: int) -> Files:
    """A module of many statements on one name."""
    lines = "".join(f"TABLE[{n}] = len(TABLE)\nCOUNT = COUNT + {n}\n" for n in range(size))
    return _file(
        f"TABLE = {{}}\nCOUNT = 0\n{lines}\n\ndef work(n):\n    LOST.append(COUNT + TABLE[n])\n\n\n"
    )


def global_names(size: int) -> Files:
    """Many globals, all written by the worker and read by the parent."""
    names = "".join(f"G{n} = []\n" for n in range(size))
    writes = "".join(f"    G{n}.append(n)\n" for n in range(size))
    reads = "".join(f"    print(G{n})\n" for n in range(size))
    parent = f"def main():\n    with Pool(2) as pool:\n        pool.map(work, range(9))\n{reads}"
    guard = '    print(LOST)\n\n\nif __name__ == "__main__":\n    main()\n'
    worker = f"def work(n):\n    LOST.append(n)\n{writes}\n\n"
    return {"main.py": _HEAD + names + "\n\n" + worker + parent + guard}


def classes(size: int) -> Files:
    """Classes, each derived from the one before."""
    text = "".join(
        f"class C{n}(C{n - 1}):\n    def m{n}(self):\n        return self.m{n - 1}()\n\n\n"
        for n in range(1, size)
    )
    base = "class C0:\n    def m0(self):\n        LOST.append(1)\n\n\n"
    work = f"def work(n):\n    C{size - 1}().m{size - 1}()\n\n\n"
    return _file(base, text, work)


def methods(size: int) -> Files:
    """Methods of one object that call one another; each writes, so each tells the whole way."""
    text = "".join(
        f"    def m{n}(self, x):\n        self.a{n} = x\n        return self.m{n + 1}(x)\n\n"
        for n in range(size)
    )
    return _file(
        f"class C:\n{text}    def m{size}(self, x):\n        LOST.append(x)\n\n\n",
        "ONE = C()\n\n\ndef work(n):\n    ONE.m0(n)\n\n\n",
    )


def nested_functions(size: int) -> Files:
    """Functions defined in functions (no deeper than the tokenizer's 100 levels)."""
    depth = min(size, 90)
    text = "".join(f"{' ' * n}def g{n}(x):\n{' ' * n} y{n} = x\n" for n in range(depth))
    return _file(f"{text}{' ' * depth}return y0\n\n\n", _WORKER)


def generated(size: int) -> Files:
    """What a generator of code writes: classes with fields, tables and calls."""
    text = "".join(
        f"class Message{n}:\n    kind = {n}\n\n    def __init__(self, data=None, *, key='k{n}'):\n"
        f"        self.data = data if data is not None else []\n        self.key = key\n\n"
        f"    def encode(self):\n        out = []\n        for one in self.data:\n"
        f"            out.append(encode_{n % 10}(one, self.key))\n        return out\n\n\n"
        f"REGISTRY[{n}] = Message{n}\n\n\n"
        for n in range(size)
    )
    encoders = "".join(f"def encode_{n}(one, key):\n    return one\n\n\n" for n in range(10))
    work = "def work(n):\n    LOST.append(REGISTRY[n]().encode())\n\n\n"
    return _file("REGISTRY = {}\n\n\n", encoders, text, work)


CASES: dict[str, tuple[Callable[[int], Files], int]] = {
    "functions": (functions, 10_000),
    "dispatches": (dispatches, 2_000),
    "dispatches in a row": (dispatches_in_a_row, 2_000),
    "chain in the worker": (chain_in_worker, 5_000),
    "chain in the parent": (chain_in_parent, 5_000),
    "chain beside": (chain_beside, 5_000),
    "chain of parameters": (chain_of_parameters, 5_000),
    "ring of calls": (ring, 500),
    "literal": (literal, 100_000),
    "long text": (long_text, 100_000),
    "modules": (modules, 500),
    "modules that start processes": (starting_modules, 500),
    "deep sum": (deep_sum, 2_000),
    "deep attributes": (deep_attributes, 1_000),
    "deep brackets": (deep_brackets, 90),
    "branches": (branches, 1_000),
    "matches": (matches, 2_000),
    "statements": (statements, 10_000),
    "module statements": (module_statements, 10_000),
    "global names": (global_names, 2_000),
    "classes": (classes, 1_000),
    "methods": (methods, 500),
    "nested functions": (nested_functions, 90),
    "generated": (generated, 7_000),
}
"""Each kind with the size that has to be coped with."""

TELLING = frozenset(("ring of calls", "methods"))
"""Those of which the report itself grows faster than the program."""

BOUNDED = frozenset(("nested functions", "deep brackets"))
"""Those of which Python takes no more than a hundred levels."""
