"""MPG304: a block of shared memory is made and never closed, or never unlinked."""

from __future__ import annotations

from collections.abc import Iterator

from flake8_mpglobals.facts import Facts
from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.shared import finding

CODE, NAME = "MPG304", "shared-memory-leak"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield the blocks that stay."""
    for use in facts.shared:
        if use.kind == "leak":
            named = f" {use.place!r}" if use.place else ""
            text = (
                f"the SharedMemory{named} made here never gets its {use.verb}, "
                "and this code gives it to nobody who could"
            )
            remedy = "close() it in every process, and unlink() it once, in a 'finally'"
            yield finding(use, CODE, NAME, text, remedy)


RULE = Rule(
    code=CODE,
    name=NAME,
    summary="a SharedMemory that this code makes is never closed or never unlinked",
    why="""\
A block of shared memory is a file of the system: it outlives the process that made it.
`close()` gives back this process's view, `unlink()` removes the block; who makes it has
to do both, who attaches to it by name only closes. Without `unlink()` the memory stays
taken until the resource tracker cleans up behind the program with a warning, or until
the machine restarts where there is no tracker or it was killed.""",
    bad="""\
from multiprocessing import shared_memory


def main():
    block = shared_memory.SharedMemory(create=True, size=16)
    block.buf[0] = 7
    print(block.buf[0])
    block.close()


if __name__ == "__main__":
    main()
""",
    good="""\
from multiprocessing import shared_memory


def main():
    block = shared_memory.SharedMemory(create=True, size=16)
    try:
        block.buf[0] = 7
        print(block.buf[0])
    finally:
        block.close()
        block.unlink()


if __name__ == "__main__":
    main()
""",
    limits="""\
- *Never* means nowhere in what is in sight: a way on which an exception passes over
  `close()` is not reported.
- Silent where the block is returned, yielded, kept in an attribute or a container, or
  given to a function that is not in sight: then somebody else owns it. Where its name
  is sent or returned, somebody else may unlink it.
- Blocks of a `SharedMemoryManager` are its own business; `ShareableList` is not looked
  at.""",
    remedy="""\
`try: … finally: block.close(); block.unlink()` where the block is made, or a
`SharedMemoryManager`, which does both at the end of its `with`.""",
    since="0.1.0",
    default=True,
    check=check,
)
