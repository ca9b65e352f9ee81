"""Bindings, which the API tells apart by a `properties_key` of its own making.

That key holds Erlang's hash of the arguments, so it is never computed here but taken from the
broker's listing. Our own key is (vhost, source, destination_type, destination, routing_key, arguments
as JSON text).
"""

from __future__ import annotations

import json
from typing import Any

from console.rabbitmq.errors import MalformedAnswer, NotFound
from console.rabbitmq.management.answers import Key, Listed, Seen, Spec, Store, rows_of

_TYPES = {"queue": "q", "exchange": "e"}


def read(store: Store, key: Key) -> Spec:
    """Raises NotFound where it is not there."""
    _row(store, key)
    return {}


def read_all(store: Store) -> Listed:
    """All but those of the default exchange, which are the queues themselves."""
    return {
        found: {}
        for row in rows_of(store.get("bindings"))
        if row.get("source") and (found := _key(row)) is not None
    }


def write(store: Store, key: Key, spec: Seen, before: Seen | None) -> None:
    """A binding has nothing that could be changed: it is there or not."""
    body = {"routing_key": key[4], "arguments": json.loads(key[5])}
    store.post(*_path(key), body=body)


def delete(store: Store, key: Key) -> None:
    """Raises NotFound where it is not there."""
    properties = _row(store, key).get("properties_key")
    if not isinstance(properties, str) or not properties:
        raise MalformedAnswer("The broker does not say by which key this binding is deleted.")
    store.remove(*_path(key), properties)


def _path(key: Key) -> tuple[str, ...]:
    vhost, source, destination_type, destination = key[:4]
    return ("bindings", vhost, "e", source, _TYPES[destination_type], destination)


def _row(store: Store, key: Key) -> Spec:
    for row in rows_of(store.get(*_path(key))):
        if _key(row) == key:
            return row
    raise NotFound("")


def _key(row: Spec) -> Key | None:
    named: list[Any] = [
        row.get(name)
        for name in ("vhost", "source", "destination_type", "destination", "routing_key")
    ]
    if not all(isinstance(one, str) for one in named):
        return None
    arguments = row.get("arguments") or {}
    return (*named, json.dumps(arguments, sort_keys=True, separators=(",", ":")))
