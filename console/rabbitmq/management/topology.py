"""Exchanges, queues, policies and parameters as the specs that `console.reconcile` compares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from console.rabbitmq.errors import AccessRefused, NotFound, Unreachable
from console.rabbitmq.management.answers import (
    Key,
    Listed,
    Seen,
    Spec,
    Store,
    must_name,
    object_of,
    rows_of,
)
from console.rabbitmq.management.paths import Query


def read_exchange(store: Store, key: Key) -> Spec:
    row = _named(store, "exchanges", key)
    return _declared(row, "type", "durable", "auto_delete", "internal", "arguments")


def read_queue(store: Store, key: Key) -> Spec:
    """Raises Unreachable for a queue that is there, but on a node that is down: for such a one RabbitMQ
    answers that it does not exist."""
    try:
        row = _named(store, "queues", key)
    except NotFound:
        _must_not_be_down(store, key)
        raise
    return _declared(row, "durable", "auto_delete", "arguments")


def _named(store: Store, endpoint: str, key: Key) -> Spec:
    """The row of one object of a virtual host. Raises MalformedAnswer where it is another's."""
    row = object_of(store.get(endpoint, *key))
    must_name(row, vhost=key[0], name=key[1])
    return row


def _must_not_be_down(store: Store, key: Key) -> None:
    try:
        if all(node.get("running") for node in rows_of(store.get("nodes"))):
            return
    except AccessRefused:  # then it is not known, and the listing must tell
        pass
    vhost, name = key
    # The listing without statistics keeps them.
    query: Query = {"disable_stats": "true", "columns": "name,state"}
    for row in rows_of(store.get("queues", vhost, query=query)):
        if row.get("name") == name:
            raise Unreachable("The node that holds the queue is down.")


def _declared(row: Spec, *fields: str) -> Spec:
    return {field: row[field] for field in fields if field in row}


def list_declared(endpoint: str, *fields: str) -> Callable[[Store], Listed]:
    # Only what is compared: whole rows of queues are large and dear to gather.
    columns: Query = {"columns": ",".join(("vhost", "name", *fields))}

    def listed(store: Store) -> Listed:
        return {
            (row["vhost"], row["name"]): _declared(row, *fields)
            for row in rows_of(store.get(endpoint, query=columns))
        }

    return listed


def write_declared(
    endpoint: str,
) -> Callable[[Store, Key, Seen, Seen | None], None]:
    def write(store: Store, key: Key, spec: Seen, before: Seen | None) -> None:
        store.put(dict(spec), endpoint, *key)

    return write


def _policy_spec(row: Spec) -> Spec:
    return {
        "pattern": row.get("pattern", ""),
        "apply_to": row.get("apply-to", "all"),
        "priority": row.get("priority", 0),
        "definition": row.get("definition") or {},
    }


def _policies(endpoint: str) -> tuple[Any, Any, Any]:
    def read(store: Store, key: Key) -> Spec:
        return _policy_spec(_named(store, endpoint, key))

    def listed(store: Store) -> Listed:
        return {
            (row["vhost"], row["name"]): _policy_spec(row) for row in rows_of(store.get(endpoint))
        }

    def write(store: Store, key: Key, spec: Seen, before: Seen | None) -> None:
        body = {
            "pattern": spec["pattern"],
            "apply-to": spec["apply_to"],
            "priority": spec["priority"],
            "definition": spec["definition"],
        }
        store.put(body, endpoint, *key)

    return read, listed, write


READ_POLICY, LIST_POLICIES, WRITE_POLICY = _policies("policies")
READ_OPERATOR, LIST_OPERATOR, WRITE_OPERATOR = _policies("operator-policies")


def read_parameter(store: Store, key: Key) -> Spec:
    component, vhost, name = key
    row = object_of(store.get("parameters", *key))
    must_name(row, component=component, vhost=vhost, name=name)
    return {"value": row.get("value")}


def list_parameters(store: Store) -> Listed:
    return {
        (row["component"], row["vhost"], row["name"]): {"value": row.get("value")}
        for row in rows_of(store.get("parameters"))
    }


def write_parameter(store: Store, key: Key, spec: Seen, before: Seen | None) -> None:
    store.put({"value": spec["value"]}, "parameters", *key)


def read_global(store: Store, key: Key) -> Spec:
    row = object_of(store.get("global-parameters", *key))
    must_name(row, name=key[0])
    return {"value": row.get("value")}


def list_globals(store: Store) -> Listed:
    return {
        (row["name"],): {"value": row.get("value")}
        for row in rows_of(store.get("global-parameters"))
    }


def write_global(store: Store, key: Key, spec: Seen, before: Seen | None) -> None:
    store.put({"name": key[0], "value": spec["value"]}, "global-parameters", *key)
