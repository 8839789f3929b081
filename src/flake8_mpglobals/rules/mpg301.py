"""MPG301: what a proxy gives out is changed, and the change stays in the copy."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.shared import called, finding

CODE, NAME = "MPG301", "nested-proxy-write"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the changes of copies that proxies gave out."""
    for use in facts.shared:
        if use.kind == "nested":
            text = (
                f"{_WHO.format(use.worker) if use.worker else 'this '}{use.verb} {use.place!r}, "
                f"a copy that {called(use.maker)} gave out; the change is never sent back"
            )
            remedy = "change a local copy and store it back, or keep a proxy inside the proxy"
            yield finding(use, CODE, NAME, text, remedy)


_WHO = "worker {!r} "

RULE = Rule(
    code=CODE,
    name=NAME,
    summary="what a manager's proxy gives out is changed in place, and the change stays there",
    why="""\
The object behind a proxy lives in the manager's process. `d[k]`, `d.get(k)`,
`d.setdefault(k, [])` and a loop over `d.values()` pickle the item and hand out a
copy. `d[k].append(x)` appends to that copy, which is thrown away at the end of the
statement: nothing raises, and the dict is as it was. It is lost in whichever
process it is done, also in the parent.""",
    bad="""\
from multiprocessing import Manager, Pool


def worker(job):
    table, word = job
    table[word[0]].append(word)


if __name__ == "__main__":
    with Manager() as manager, Pool() as pool:
        table = manager.dict({"a": [], "b": []})
        pool.map(worker, [(table, word) for word in ("ant", "bee", "bat")])
        print(dict(table))  # {'a': [], 'b': []}
""",
    good="""\
from multiprocessing import Manager, Pool


def worker(job):
    table, word = job
    table[word[0]].append(word)


if __name__ == "__main__":
    with Manager() as manager, Pool() as pool:
        table = manager.dict({"a": manager.list(), "b": manager.list()})
        pool.map(worker, [(table, word) for word in ("ant", "bee", "bat")])
        print({key: list(words) for key, words in table.items()})
""",
    limits="""\
- Reported where the receiver is surely a proxy: made by a manager that is in
  sight, or annotated as one (`DictProxy`).
- Silent where anything that this file puts into the proxy is, or may be, a proxy
  itself; where the changed copy has a name and is stored, returned or passed on;
  and for `d[k] += [x]`, which reads, changes and stores back (without a lock:
  MPG302).
- Objects that a helper is handed (`helper(d[k])`) are not followed, nor what a method
  of a class registered with `BaseManager` gives out.""",
    remedy="""\
Change a local copy and store it back (`words = d[k]; words.append(x); d[k] = words`,
under a lock if several workers do so), or make the inner object a proxy, too:
`d[k] = manager.list()`.""",
    since="0.2.0",
    default=True,
    check=check,
)
