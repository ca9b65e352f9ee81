"""Reading, writing and deleting single objects, as the specs that `console.reconcile` compares.

A write is never believed: the caller reads back. PUT is not PATCH on this API (a user written
without a password hash loses its password, a vhost without description and tags loses them), so
`write_object` always sends the whole object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from console.rabbitmq.errors import BrokerFailed, MalformedAnswer, NotFound, Rejected
from console.rabbitmq.http import BoundedHttp
from console.rabbitmq.management.paths import check_name, path
from console.rabbitmq.refusals import error_for_status

Spec = dict[str, Any]
Key = tuple[str, ...]
Listed = dict[Key, Spec]


class ObjectStore:
    """The objects of one broker by kind and key. Safe to use from threads, as its `http` is.

    Every method raises BrokerError. Keys are in the order of `console.reconcile.kinds`.
    """

    def __init__(self, http: BoundedHttp) -> None:
        self._http = http

    def read(self, kind: str, key: Key) -> Spec | None:
        """The object as it is, without fields that this version does not tell; None: not there."""
        try:
            return _READERS[kind](self, key)
        except NotFound:
            return None

    def read_all(self, kind: str) -> Listed:
        """Every object of a kind, in one or two requests."""
        return _LISTERS[kind](self)

    def write(
        self, kind: str, key: Key, spec: Mapping[str, Any], before: Mapping[str, Any] | None
    ) -> None:
        """Makes the object as `spec` says, where `before` is what `read` gave just now."""
        _WRITERS[kind](self, key, spec, before)

    def delete(self, kind: str, key: Key) -> None:
        """Deletes the object; that it is not there is no error."""
        try:
            self._send("DELETE", _PATHS[kind](key))
        except NotFound:
            return

    # HTTP

    def get(self, *segments: str) -> Any:
        return _decoded(self._http.get(path(*segments)))

    def _send(self, method: str, target: str, body: Any = None) -> None:
        encoded = None if body is None else msgspec.json.encode(body)
        answer = self._http.exchange(method, target, body=encoded)
        if not answer.ok:
            raise error_for_status(answer.status, answer.body)

    def put(self, body: Any, *segments: str) -> None:
        self._send("PUT", path(*segments), body)

    def remove(self, *segments: str) -> None:
        self._send("DELETE", path(*segments))

    def post(self, *segments: str) -> None:
        self._send("POST", path(*segments))


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedAnswer("The answer is not readable JSON.") from error


def _object(value: Any) -> Spec:
    if not isinstance(value, dict):
        raise MalformedAnswer("The broker answered with something other than an object.")
    return value


def _rows(value: Any) -> list[Spec]:
    if not isinstance(value, list):
        raise MalformedAnswer("The broker answered with something other than a list.")
    return [row for row in value if isinstance(row, dict)]


# Vhosts


def _vhost_spec(row: Spec, limits: Mapping[str, int]) -> Spec:
    spec: Spec = {
        "description": row.get("description") or "",
        "tags": row.get("tags") or [],
        "tracing": bool(row.get("tracing", False)),
        "limits": dict(limits),
    }
    if "default_queue_type" in row:
        spec["default_queue_type"] = row["default_queue_type"]
    protected = row.get("protected_from_deletion")
    if protected is None:
        protected = (row.get("metadata") or {}).get("protected_from_deletion")
    if protected is not None:
        spec["protected_from_deletion"] = bool(protected)
    return spec


def _limits_of(rows: list[Spec], name: str, by: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        if row.get(by) == name and isinstance(row.get("value"), dict):
            found |= row["value"]
    return found


def _read_vhost(store: ObjectStore, key: Key) -> Spec:
    row = _object(store.get("vhosts", key[0]))
    _must_name(row, "name", key[0])
    return _vhost_spec(row, _limits_of(_rows(store.get("vhost-limits", key[0])), key[0], "vhost"))


def _list_vhosts(store: ObjectStore) -> Listed:
    limits = _rows(store.get("vhost-limits"))
    return {
        (row["name"],): _vhost_spec(row, _limits_of(limits, row["name"], "vhost"))
        for row in _rows(store.get("vhosts"))
        if isinstance(row.get("name"), str)
    }


def _write_vhost(
    store: ObjectStore, key: Key, spec: Mapping[str, Any], before: Mapping[str, Any] | None
) -> None:
    (name,) = key
    # RabbitMQ takes longer vhost names, but no AMQP client can open one past a short string.
    check_name(name)
    body: Spec = {
        "description": spec["description"],
        "tags": ",".join(spec["tags"]),
        "tracing": spec["tracing"],
    }
    if spec["default_queue_type"] is not None:
        # 3.10 knows the key only without underscores, and only when the vhost is made.
        body["default_queue_type"] = body["defaultqueuetype"] = spec["default_queue_type"]
    store.put(body, "vhosts", name)
    _write_limits(store, "vhost-limits", name, spec["limits"], (before or {}).get("limits", {}))
    protect = spec["protected_from_deletion"]
    if protect != (before or {}).get("protected_from_deletion", False):
        try:
            if protect:
                store.post("vhosts", name, "deletion", "protection")
            else:
                store.remove("vhosts", name, "deletion", "protection")
        except (NotFound, Rejected) as error:
            # 3.10 has no such route and answers 405; 404 is from later versions without it.
            if error.status not in (404, 405):
                raise
            raise Rejected("This version of RabbitMQ has no deletion protection.") from None


def _write_limits(
    store: ObjectStore,
    endpoint: str,
    name: str,
    wanted: Mapping[str, int],
    before: Mapping[str, int],
) -> None:
    for limit, value in wanted.items():
        if before.get(limit) != value:
            store.put({"value": value}, endpoint, name, limit)
    for limit in before:
        if limit not in wanted:
            store.remove(endpoint, name, limit)


# Users


def _user_spec(row: Spec, limits: Mapping[str, int]) -> Spec:
    spec: Spec = {"tags": row.get("tags") or [], "limits": dict(limits)}
    if isinstance(row.get("password_hash"), str):
        spec["password_hash"] = row["password_hash"]
        spec["hashing_algorithm"] = row.get("hashing_algorithm") or "rabbit_password_hashing_sha256"
    return spec


def _read_user(store: ObjectStore, key: Key) -> Spec:
    row = _object(store.get("users", key[0]))
    _must_name(row, "name", key[0])
    return _user_spec(row, _limits_of(_rows(store.get("user-limits", key[0])), key[0], "user"))


def _list_users(store: ObjectStore) -> Listed:
    limits = _rows(store.get("user-limits"))
    return {
        (row["name"],): _user_spec(row, _limits_of(limits, row["name"], "user"))
        for row in _rows(store.get("users"))
        if isinstance(row.get("name"), str)
    }


def _write_user(
    store: ObjectStore, key: Key, spec: Mapping[str, Any], before: Mapping[str, Any] | None
) -> None:
    (name,) = key
    # Without the hash RabbitMQ would clear the password and answer 204.
    if "password_hash" not in spec:
        raise BrokerFailed("The user's password hash is not known, so the user is left as it is.")
    store.put(
        {
            "tags": ",".join(spec["tags"]),
            "password_hash": spec["password_hash"],
            "hashing_algorithm": spec["hashing_algorithm"],
        },
        "users",
        name,
    )
    _write_limits(store, "user-limits", name, spec["limits"], (before or {}).get("limits", {}))


# Permissions


def _read_permission(store: ObjectStore, key: Key) -> Spec:
    row = _object(store.get("permissions", *key))
    _must_name(row, "user", key[1])
    return {field: row.get(field, "") for field in ("configure", "write", "read")}


def _list_permissions(store: ObjectStore) -> Listed:
    return {
        (row["vhost"], row["user"]): {
            field: row.get(field, "") for field in ("configure", "write", "read")
        }
        for row in _rows(store.get("permissions"))
    }


def _write_permission(
    store: ObjectStore, key: Key, spec: Mapping[str, Any], before: Mapping[str, Any] | None
) -> None:
    store.put({field: spec[field] for field in ("configure", "write", "read")}, "permissions", *key)


def _read_topic_permission(store: ObjectStore, key: Key) -> Spec:
    vhost, user, exchange = key
    for row in _rows(store.get("topic-permissions", vhost, user)):
        if row.get("exchange") == exchange:
            return {field: row.get(field, "") for field in ("write", "read")}
    raise NotFound("")


def _list_topic_permissions(store: ObjectStore) -> Listed:
    return {
        (row["vhost"], row["user"], row["exchange"]): {
            field: row.get(field, "") for field in ("write", "read")
        }
        for row in _rows(store.get("topic-permissions"))
    }


def _write_topic_permission(
    store: ObjectStore, key: Key, spec: Mapping[str, Any], before: Mapping[str, Any] | None
) -> None:
    vhost, user, exchange = key
    body = {"exchange": exchange, "write": spec["write"], "read": spec["read"]}
    store.put(body, "topic-permissions", vhost, user)


# What definitions also hold


def _read_exchange(store: ObjectStore, key: Key) -> Spec:
    return _declared(
        _object(store.get("exchanges", *key)),
        "type",
        "durable",
        "auto_delete",
        "internal",
        "arguments",
    )


def _read_queue(store: ObjectStore, key: Key) -> Spec:
    return _declared(_object(store.get("queues", *key)), "durable", "auto_delete", "arguments")


def _declared(row: Spec, *fields: str) -> Spec:
    return {field: row[field] for field in fields if field in row}


def _list_declared(endpoint: str, *fields: str) -> Callable[[ObjectStore], Listed]:
    def listed(store: ObjectStore) -> Listed:
        return {
            (row["vhost"], row["name"]): _declared(row, *fields)
            for row in _rows(store.get(endpoint))
        }

    return listed


def _write_declared(
    endpoint: str,
) -> Callable[[ObjectStore, Key, Mapping[str, Any], Spec | None], None]:
    def write(
        store: ObjectStore, key: Key, spec: Mapping[str, Any], before: Mapping[str, Any] | None
    ) -> None:
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
    def read(store: ObjectStore, key: Key) -> Spec:
        return _policy_spec(_object(store.get(endpoint, *key)))

    def listed(store: ObjectStore) -> Listed:
        return {
            (row["vhost"], row["name"]): _policy_spec(row) for row in _rows(store.get(endpoint))
        }

    def write(
        store: ObjectStore, key: Key, spec: Mapping[str, Any], before: Mapping[str, Any] | None
    ) -> None:
        body = {
            "pattern": spec["pattern"],
            "apply-to": spec["apply_to"],
            "priority": spec["priority"],
            "definition": spec["definition"],
        }
        store.put(body, endpoint, *key)

    return read, listed, write


_READ_POLICY, _LIST_POLICIES, _WRITE_POLICY = _policies("policies")
_READ_OPERATOR, _LIST_OPERATOR, _WRITE_OPERATOR = _policies("operator-policies")


def _read_parameter(store: ObjectStore, key: Key) -> Spec:
    return {"value": _object(store.get("parameters", *key)).get("value")}


def _list_parameters(store: ObjectStore) -> Listed:
    return {
        (row["component"], row["vhost"], row["name"]): {"value": row.get("value")}
        for row in _rows(store.get("parameters"))
    }


def _write_parameter(
    store: ObjectStore, key: Key, spec: Mapping[str, Any], before: Mapping[str, Any] | None
) -> None:
    store.put({"value": spec["value"]}, "parameters", *key)


def _read_global(store: ObjectStore, key: Key) -> Spec:
    return {"value": _object(store.get("global-parameters", *key)).get("value")}


def _list_globals(store: ObjectStore) -> Listed:
    return {
        (row["name"],): {"value": row.get("value")} for row in _rows(store.get("global-parameters"))
    }


def _write_global(
    store: ObjectStore, key: Key, spec: Mapping[str, Any], before: Mapping[str, Any] | None
) -> None:
    store.put({"name": key[0], "value": spec["value"]}, "global-parameters", *key)


def _must_name(row: Spec, field: str, name: str) -> None:
    if row.get(field) != name:
        raise MalformedAnswer("The broker answered for another object than the one asked for.")


_READERS: dict[str, Callable[[ObjectStore, Key], Spec]] = {
    "vhost": _read_vhost,
    "user": _read_user,
    "permission": _read_permission,
    "topic_permission": _read_topic_permission,
    "exchange": _read_exchange,
    "queue": _read_queue,
    "policy": _READ_POLICY,
    "operator_policy": _READ_OPERATOR,
    "parameter": _read_parameter,
    "global_parameter": _read_global,
}
_LISTERS: dict[str, Callable[[ObjectStore], Listed]] = {
    "vhost": _list_vhosts,
    "user": _list_users,
    "permission": _list_permissions,
    "topic_permission": _list_topic_permissions,
    "exchange": _list_declared(
        "exchanges", "type", "durable", "auto_delete", "internal", "arguments"
    ),
    "queue": _list_declared("queues", "durable", "auto_delete", "arguments"),
    "policy": _LIST_POLICIES,
    "operator_policy": _LIST_OPERATOR,
    "parameter": _list_parameters,
    "global_parameter": _list_globals,
}
_WRITERS: dict[str, Callable[[ObjectStore, Key, Mapping[str, Any], Spec | None], None]] = {
    "vhost": _write_vhost,
    "user": _write_user,
    "permission": _write_permission,
    "topic_permission": _write_topic_permission,
    "exchange": _write_declared("exchanges"),
    "queue": _write_declared("queues"),
    "policy": _WRITE_POLICY,
    "operator_policy": _WRITE_OPERATOR,
    "parameter": _write_parameter,
    "global_parameter": _write_global,
}
_PATHS: dict[str, Callable[[Key], str]] = {
    "vhost": lambda key: path("vhosts", *key),
    "user": lambda key: path("users", *key),
    "permission": lambda key: path("permissions", *key),
    "topic_permission": lambda key: path("topic-permissions", *key),
    "exchange": lambda key: path("exchanges", *key),
    "queue": lambda key: path("queues", *key),
    "policy": lambda key: path("policies", *key),
    "operator_policy": lambda key: path("operator-policies", *key),
    "parameter": lambda key: path("parameters", *key),
    "global_parameter": lambda key: path("global-parameters", *key),
}
