"""A pytest plugin (`-p bench.pure_tests`) that deselects tests that need a broker or Postgres."""

from __future__ import annotations

from typing import Any

NEEDS = frozenset({"db", "transactional_db", "live_broker", "rabbitmq_url"})


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    left_out = [item for item in items if _is_impure(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not _is_impure(item)]


def _is_impure(item: Any) -> bool:
    return bool(NEEDS & set(item.fixturenames)) or item.get_closest_marker("django_db") is not None
