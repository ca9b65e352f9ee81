"""The same call for many items, over a few connections."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

CONNECTIONS = 8
#: How long a stop may go unheard.
LOOK_EVERY_S = 0.5


class HasId(Protocol):
    pk: int


Item = TypeVar("Item", bound=HasId)
Result = TypeVar("Result")


def each(
    items: Sequence[Item],
    call: Callable[[Item], Result],
    *,
    halted: Callable[[Result], bool],
    skipped: Callable[[], Result],
    go_on: Callable[[], bool],
) -> dict[int, Result]:
    """`call(item)` for every item, by id. After a result that is `halted`, or once `go_on` says no, items
    not yet begun get `skipped()`. `go_on` is asked twice a second, in this thread. `call` must not touch
    the database."""
    results: dict[int, Result] = {}
    left = deque(items)
    stop = threading.Event()

    def work() -> None:
        while True:
            try:
                item = left.popleft()
            except IndexError:
                return
            results[item.pk] = skipped() if stop.is_set() else call(item)
            if halted(results[item.pk]):
                stop.set()

    if len(items) == 1:
        work()
        return results
    threads = min(CONNECTIONS, len(items))
    with ThreadPoolExecutor(threads, thread_name_prefix="apply") as pool:
        working = {pool.submit(work) for _ in range(threads)}
        try:
            while working:
                done, working = wait(working, timeout=LOOK_EVERY_S)
                for one in done:
                    one.result()
                if working and not go_on():
                    stop.set()
        finally:
            # Also where something failed: leaving the pool waits for its threads.
            stop.set()
    return results
