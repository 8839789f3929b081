"""Processes that each work through a run of chunks of their own.

Files that stand side by side lead to the same modules, which a process reads once.  An
executor hands the next chunk to whoever is free, so that every process reads them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Chunk = TypeVar("Chunk")
Answer = TypeVar("Answer")
_WAIT = 5
"""Seconds in which a process that has nothing left to do has to end."""


class CrewError(Exception):
    """No processes are to be had, or one has died."""


class Shares:
    """Who gets which chunk: each of ``many`` a run of its own; who has finished that takes from
    the end of what is left of the longest.
    """

    def __init__(self, chunks: int, many: int) -> None:
        bounds = [chunks * worker // many for worker in range(many + 1)]
        self._left = [[first, last] for first, last in pairwise(bounds)]

    def take(self, worker: int) -> int | None:
        """Return the next chunk for a process; None where all are taken."""
        own = self._left[worker]
        if own[0] < own[1]:
            own[0] += 1
            return own[0] - 1
        most = max(self._left, key=lambda left: left[1] - left[0])
        if most[0] == most[1]:
            return None
        most[1] -= 1
        return most[1]


class Crew(Generic[Chunk, Answer]):
    """Runs ``work`` on chunks in ``many`` processes, started by the default method.

    All are started before anything else happens, and there is no thread: a fork copies
    neither a lock that is held nor what another one waits for.  ``heard`` is called with each
    answer as it comes: those of one process in the order in which that made them.
    """

    def __init__(
        self,
        work: Callable[[Chunk], Answer],
        many: int,
        heard: Callable[[Answer], object] = lambda _: None,
    ) -> None:
        self._work = work
        self._many = many
        self._heard = heard
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []

    def run(self, chunks: Sequence[Chunk]) -> Iterator[Answer]:
        """Yield the answers in the order of ``chunks``; raises :class:`CrewError`."""
        finished = False
        try:
            self._start()
            yield from self._answers(chunks)
            finished = True
        except (EOFError, OSError, ImportError, NotImplementedError) as error:
            raise CrewError(str(error)) from error
        finally:
            self._stop(_WAIT if finished else 0)

    def _start(self) -> None:
        from multiprocessing import Pipe, Process

        for _ in range(self._many):
            here, there = Pipe()
            self._pipes.append(here)
            process = Process(target=_serve, args=(there, self._work), daemon=True)
            self._processes.append(process)
            process.start()
            there.close()

    def _answers(self, chunks: Sequence[Chunk]) -> Iterator[Answer]:
        from multiprocessing.connection import wait

        shares = Shares(len(chunks), self._many)
        working: dict[int, int] = {}
        ready: dict[int, Answer] = {}
        for worker in range(self._many):
            self._give(worker, chunks, shares, working)
        for number in range(len(chunks)):
            while number not in ready:
                heard = wait([self._pipes[worker] for worker in working])
                for worker in [one for one in working if self._pipes[one] in heard]:
                    answer = ready[working.pop(worker)] = self._pipes[worker].recv()
                    self._heard(answer)
                    self._give(worker, chunks, shares, working)
            yield ready.pop(number)

    def _give(
        self, worker: int, chunks: Sequence[Chunk], shares: Shares, working: dict[int, int]
    ) -> None:
        chunk = shares.take(worker)
        if chunk is not None:
            working[worker] = chunk
            self._pipes[worker].send(chunks[chunk])

    def _stop(self, patience: float) -> None:
        for pipe in self._pipes:
            try:
                pipe.send(None)
                pipe.close()
            except OSError:
                pass
        for process in self._processes:
            if process.pid is not None:
                process.join(patience)
                process.terminate()
                process.join()


def _serve(pipe: Connection, work: Callable[[Chunk], Answer]) -> None:
    """Answer what comes, until nothing more does."""
    try:
        while (chunk := pipe.recv()) is not None:
            pipe.send(work(chunk))
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        pass  # Whoever asked is gone, or is told of it, too.
