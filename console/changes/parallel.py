"""The same call for many steps, over a few connections."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Generic, Self, TypeVar

from console.models import Step

CONNECTIONS = 8
#: How long a stop may go unheard.
LOOK_EVERY_S = 0.5


Result = TypeVar("Result")


class Calls(Generic[Result]):
    """`call(step)` for every step, begun at once. After a result that is `halted`, or once stopped,
    steps not yet begun get `skipped()`. `call` must not touch the database.

    To be left by `with`: what has begun is then waited for, and nothing more begins.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        call: Callable[[Step], Result],
        *,
        halted: Callable[[Result], bool],
        skipped: Callable[[], Result],
    ) -> None:
        self._left = deque(steps)
        self._call, self._halted, self._skipped = call, halted, skipped
        self._results: dict[int, Result] = {}
        self._stopped = threading.Event()
        threads = min(CONNECTIONS, len(steps))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="apply")
        self._working = {self._pool.submit(self._work) for _ in range(threads)}

    def _work(self) -> None:
        while True:
            try:
                step = self._left.popleft()
            except IndexError:
                return
            result = self._skipped() if self._stopped.is_set() else self._call(step)
            self._results[step.pk] = result
            if self._halted(result):
                self._stopped.set()

    def results(self, go_on: Callable[[], bool]) -> dict[int, Result]:
        """By the steps' ids, once all are there. `go_on` is asked twice a second, in this thread, and
        stops them by a no."""
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
