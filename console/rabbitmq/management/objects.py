"""Reading, writing and deleting single objects, as the specs that `console.reconcile` compares.

A write is never believed: the caller reads back. PUT is not PATCH on this API (a user written
without a password hash loses its password, a vhost without description and tags loses them), so
`write_object` always sends the whole object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import BrokerFailed, MalformedAnswer, NotFound, Rejected
from console.rabbitmq.http.exchange import BoundedHttp
from console.rabbitmq.http.refusals import error_for_status
from console.rabbitmq.management import bindings, topology
from console.rabbitmq.management.answers import (
    Key,
    Listed,
    Spec,
    decoded,
    must_name,
    object_of,
    rows_of,
)
from console.rabbitmq.management.escapes import Escapes
from console.rabbitmq.management.paths import Query, check_name, path

__all__ = ["Key", "Listed", "ObjectStore", "Spec"]


class ObjectStore:
    """The objects of one broker by kind and key. Safe to use from threads, as its `http` is.

    Every method raises BrokerError. Keys are in the order of `console.kinds.base`. `writes` bounds
    each call that changes something; None: as reads.
    """

    def __init__(self, http: BoundedHttp, *, writes: Timeouts | None = None) -> None:
        self._http = http
        self._writes = writes
        self._escapes = Escapes(http)

    def read(self, kind: str, key: Key) -> Spec | None:
        """The object as it is, without fields that this version does not tell; None: not there.

        Where a proxy rewrites the path, neither a 404 nor a refusal nor another object's row says
        anything of this one: then the listing of its kind does, whose path holds no name."""
        try:
            return _READERS[kind](self, key)
        except NotFound:
            if self._escapes.prove(*key):
                return None
        except (MalformedAnswer, Rejected):
            if self._escapes.prove(*key):
                raise
        return self.read_all(kind).get(key)

    def read_all(self, kind: str) -> Listed:
        """Every object of a kind, in one or two requests."""
        try:
            return _LISTERS[kind](self)
        except (KeyError, TypeError) as error:
            raise MalformedAnswer("A row of the broker's answer lacks its name.") from error

    def write(
        self, kind: str, key: Key, spec: Mapping[str, Any], before: Mapping[str, Any] | None
    ) -> None:
        """Makes the object as `spec` says, where `before` is what `read` gave just now."""
        _WRITERS[kind](self, key, spec, before)

    def may_write_together(
        self, kind: str, spec: Mapping[str, Any], before: Mapping[str, Any] | None
    ) -> bool:
        """Whether `write_together` would write all that `write` does. Limits have addresses of their own."""
        return kind in _TOGETHER and (
            kind != "user"
            or (
                "password_hash" in spec
                and spec.get("limits", {}) == (before or {}).get("limits", {})
            )
        )

    def write_together(self, kind: str, specs: Mapping[Key, Mapping[str, Any]]) -> None:
        """Makes many objects of a kind as `specs` say, by one import of definitions: for thousands it
        costs a third of so many calls. After an error some may have been made. Needs the tag
        administrator."""
        rows = [_TOGETHER[kind](key, spec) for key, spec in specs.items()]
        self.post("definitions", body={f"{kind}s": rows})

    def delete(self, kind: str, key: Key, *, if_empty: bool = False) -> None:
        """Deletes the object; that it is not there is no error. `if_empty` is for queues: the broker
        refuses where messages are in it."""
        try:
            if kind == "binding":
                bindings.delete(self, key)
            else:
                query: Query | None = {"if-empty": "true"} if if_empty else None
                self.remove(*_PATHS[kind], *key, query=query)
        except NotFound:
            return

    # HTTP

    def raw(self, target: str) -> bytes:
        """The JSON of an answer, undecoded."""
        return self._http.get(target)

    def get(self, *segments: str, query: Query | None = None) -> Any:
        return decoded(self._http.get(path(*segments, query=query)))

    def _send(self, method: str, target: str, body: Any = None) -> None:
        self._escapes.must_be_kept(target)
        encoded = None if body is None else msgspec.json.encode(body)
        answer = self._http.exchange(method, target, body=encoded, timeouts=self._writes)
        if not answer.ok:
            raise error_for_status(answer.status, answer.body)

    def put(self, body: Any, *segments: str) -> None:
        self._send("PUT", path(*segments), body)

    def remove(self, *segments: str, query: Query | None = None) -> None:
        self._send("DELETE", path(*segments, query=query))

    def post(self, *segments: str, body: Any = None) -> None:
        self._send("POST", path(*segments), body)


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
    row = object_of(store.get("vhosts", key[0]))
    must_name(row, name=key[0])
    return _vhost_spec(row, _limits_of(rows_of(store.get("vhost-limits", key[0])), key[0], "vhost"))


def _list_vhosts(store: ObjectStore) -> Listed:
    limits = rows_of(store.get("vhost-limits"))
    return {
        (row["name"],): _vhost_spec(row, _limits_of(limits, row["name"], "vhost"))
        for row in rows_of(store.get("vhosts"))
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
    row = object_of(store.get("users", key[0]))
    must_name(row, name=key[0])
    return _user_spec(row, _limits_of(rows_of(store.get("user-limits", key[0])), key[0], "user"))


def _list_users(store: ObjectStore) -> Listed:
    limits = rows_of(store.get("user-limits"))
    return {
        (row["name"],): _user_spec(row, _limits_of(limits, row["name"], "user"))
        for row in rows_of(store.get("users"))
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
    row = object_of(store.get("permissions", *key))
    must_name(row, vhost=key[0], user=key[1])
    return {field: row.get(field, "") for field in ("configure", "write", "read")}


def _list_permissions(store: ObjectStore) -> Listed:
    return {
        (row["vhost"], row["user"]): {
            field: row.get(field, "") for field in ("configure", "write", "read")
        }
        for row in rows_of(store.get("permissions"))
    }


def _write_permission(
    store: ObjectStore, key: Key, spec: Mapping[str, Any], before: Mapping[str, Any] | None
) -> None:
    store.put({field: spec[field] for field in ("configure", "write", "read")}, "permissions", *key)


def _read_topic_permission(store: ObjectStore, key: Key) -> Spec:
    vhost, user, exchange = key
    for row in rows_of(store.get("topic-permissions", vhost, user)):
        if row.get("exchange") == exchange:
            return {field: row.get(field, "") for field in ("write", "read")}
    raise NotFound("")


def _list_topic_permissions(store: ObjectStore) -> Listed:
    return {
        (row["vhost"], row["user"], row["exchange"]): {
            field: row.get(field, "") for field in ("write", "read")
        }
        for row in rows_of(store.get("topic-permissions"))
    }


def _write_topic_permission(
    store: ObjectStore, key: Key, spec: Mapping[str, Any], before: Mapping[str, Any] | None
) -> None:
    vhost, user, exchange = key
    body = {"exchange": exchange, "write": spec["write"], "read": spec["read"]}
    store.put(body, "topic-permissions", vhost, user)


#: What is written by many, and how a row of definitions tells it.
_TOGETHER: dict[str, Callable[[Key, Mapping[str, Any]], Spec]] = {
    "user": lambda key, spec: {
        "name": key[0],
        "tags": ",".join(spec["tags"]),
        "password_hash": spec["password_hash"],
        "hashing_algorithm": spec["hashing_algorithm"],
    },
    "permission": lambda key, spec: {
        "vhost": key[0],
        "user": key[1],
        **{field: spec[field] for field in ("configure", "write", "read")},
    },
}
_READERS: dict[str, Callable[[ObjectStore, Key], Spec]] = {
    "vhost": _read_vhost,
    "user": _read_user,
    "permission": _read_permission,
    "topic_permission": _read_topic_permission,
    "exchange": topology.read_exchange,
    "queue": topology.read_queue,
    "policy": topology.READ_POLICY,
    "operator_policy": topology.READ_OPERATOR,
    "parameter": topology.read_parameter,
    "global_parameter": topology.read_global,
    "binding": bindings.read,
}
_LISTERS: dict[str, Callable[[ObjectStore], Listed]] = {
    "vhost": _list_vhosts,
    "user": _list_users,
    "permission": _list_permissions,
    "topic_permission": _list_topic_permissions,
    "exchange": topology.list_declared(
        "exchanges", "type", "durable", "auto_delete", "internal", "arguments"
    ),
    "queue": topology.list_declared("queues", "durable", "auto_delete", "arguments"),
    "policy": topology.LIST_POLICIES,
    "operator_policy": topology.LIST_OPERATOR,
    "parameter": topology.list_parameters,
    "global_parameter": topology.list_globals,
    "binding": bindings.read_all,
}
_WRITERS: dict[
    str, Callable[[ObjectStore, Key, Mapping[str, Any], Mapping[str, Any] | None], None]
] = {
    "vhost": _write_vhost,
    "user": _write_user,
    "permission": _write_permission,
    "topic_permission": _write_topic_permission,
    "exchange": topology.write_declared("exchanges"),
    "queue": topology.write_declared("queues"),
    "policy": topology.WRITE_POLICY,
    "operator_policy": topology.WRITE_OPERATOR,
    "parameter": topology.write_parameter,
    "global_parameter": topology.write_global,
    "binding": bindings.write,
}
#: Where they are; the key follows. Bindings have their own way.
_PATHS: dict[str, tuple[str, ...]] = {
    "vhost": ("vhosts",),
    "user": ("users",),
    "permission": ("permissions",),
    "topic_permission": ("topic-permissions",),
    "exchange": ("exchanges",),
    "queue": ("queues",),
    "policy": ("policies",),
    "operator_policy": ("operator-policies",),
    "parameter": ("parameters",),
    "global_parameter": ("global-parameters",),
}
