"""Where a user has rights, read from the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.rabbitmq.errors import MalformedAnswer
from console.rabbitmq.management.answers import rows_of

if TYPE_CHECKING:
    from console.rabbitmq.management.objects import ObjectStore


def vhosts_of_user(store: ObjectStore, name: str) -> frozenset[str]:
    """The virtual hosts in which the user has a permission or a topic permission. Raises BrokerError;
    NotFound where the user is not there."""
    found: set[str] = set()
    for what in ("permissions", "topic-permissions"):
        for row in rows_of(store.get("users", name, what)):
            vhost = row.get("vhost")
            if row.get("user") != name or not isinstance(vhost, str):
                raise MalformedAnswer(
                    "The broker answered for another user than the one asked for."
                )
            found.add(vhost)
    return frozenset(found)
