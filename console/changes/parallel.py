"""The same call for many items, over a few connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

CONNECTIONS = 8
_LOOK_EVERY_S = 5.0


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
    meanwhile: Callable[[], object],
) -> dict[int, Result]:
    """`call(item)` for every item, by id. After a result that is `halted`, items not yet begun get
    `skipped()`. `meanwhile` is called every few seconds. `call` must not touch the database."""
    results: dict[int, Result] = {}
    stop = False

    def one(item: Item) -> None:
        nonlocal stop
        if stop:
            results[item.pk] = skipped()
            return
        results[item.pk] = call(item)
        stop = stop or halted(results[item.pk])

    if len(items) == 1:
        one(items[0])
        return results
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="apply") as pool:
        pending = {pool.submit(one, item) for item in items}
        while pending:
            done, pending = wait(pending, timeout=_LOOK_EVERY_S)
            for future in done:
                future.result()
            meanwhile()
    return results
