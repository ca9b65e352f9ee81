"""Make the same call for many steps, singly or in pieces, over a few connections."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Generic, Self, TypeVar

from console.models import Step

CONNECTIONS = 8
#: The longest time until a stop takes effect.
LOOK_EVERY_S = 0.5


Result = TypeVar("Result")


class Calls(Generic[Result]):
    """Run `call(piece)` for every piece, starting at once.

    `call` returns a result by step ID and must not use the database. After a result that is
    `halted`, or after a stop, steps of pieces that haven't begun get `skipped()`. Use it with
    `with`: on exit, running calls are waited for and no more begin.
    """

    def __init__(
        self,
        pieces: Sequence[Sequence[Step]],
        call: Callable[[Sequence[Step]], Mapping[int, Result]],
        *,
        halted: Callable[[Result], bool],
        skipped: Callable[[], Result],
        connections: int = CONNECTIONS,
    ) -> None:
        self._left = deque(pieces)
        self._call, self._halted, self._skipped = call, halted, skipped
        self._results: dict[int, Result] = {}
        self._stopped = threading.Event()
        threads = min(connections, len(pieces))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="apply")
        self._working = {self._pool.submit(self._work) for _ in range(threads)}

    def _work(self) -> None:
        while True:
            try:
                piece = self._left.popleft()
            except IndexError:
                return
            if self._stopped.is_set():
                results: Mapping[int, Result] = {step.pk: self._skipped() for step in piece}
            else:
                results = self._call(piece)
            self._results.update(results)
            if any(self._halted(result) for result in results.values()):
                self._stopped.set()

    def results(self, go_on: Callable[[], bool]) -> dict[int, Result]:
        """Return the results by step ID when all calls have ended. `go_on` is called twice a second
        in this thread; False stops further calls."""
        while self._working:
            done, self._working = wait(self._working, timeout=LOOK_EVERY_S)
            for one in done:
                one.result()
            if self._working and not go_on():
                self._stopped.set()
        return self._results

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._pool.shutdown()
