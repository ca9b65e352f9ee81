"""Readers of the rows of a definitions file, one for each section.

Each gives its object to `Taker.take`, or raises SpecError with the field that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol

from console.kinds.base import Key, SpecError, arguments_key
from console.kinds.names import check_name
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import (
    MD5,
    SHA256,
    SHA512,
    hash_password,
    is_hash,
    why_no_password,
)

#: Belong to the cluster itself: never taken to another one, never deleted.
CLUSTERS_OWN = frozenset({"internal_cluster_id", "cluster_name", "imported_definition_hash_value"})
PREDECLARED = frozenset({
    "", "amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.rabbitmq.event",
    "amq.rabbitmq.log", "amq.rabbitmq.trace", "amq.topic",
})  # fmt: skip
_APPLY_TO = ("all", "classic_queues", "exchanges", "queues", "quorum_queues", "streams")


class Level(StrEnum):
    #: What it is about is not taken.
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Left(Exception):
    """The row is left out, which is told already."""


class Taker(Protocol):
    """The reader of a file, as rows need it."""

    version: str

    def left(self, level: Level, name: str, sentence: str) -> Left:
        """Tells why the row is left out; the caller raises what it gives."""
        ...

    def note(self, level: Level, name: str, sentence: str) -> None: ...
    def name(self, kind: str, row: Mapping[str, Any], key: str = "name") -> str: ...
    def vhost_of(self, row: Mapping[str, Any]) -> str: ...
    def take(self, kind: str, key: Key, spec: dict[str, Any]) -> None: ...
    def limit_vhost(self, vhost: str, said: Mapping[str, int]) -> None: ...


Row = dict[str, Any]
ReadRow = Callable[[Taker, Row], None]


def some(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}


def read_vhost(reader: Taker, row: Row) -> None:
    name = reader.name("vhost", row)
    metadata = row.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise SpecError("metadata", "metadata must be an object.")
    fields = ("description", "tags", "default_queue_type", "protected_from_deletion")
    spec = {**some(metadata or {}, *fields), **some(row, *fields, "tracing")}
    if "limits" in row:
        # An empty one comes as a list from some versions.
        spec["limits"] = {} if row["limits"] in (None, []) else row["limits"]
    reader.take("vhost", (name,), spec)


def read_user(reader: Taker, row: Row) -> None:
    name = reader.name("user", row)
    spec = some(row, "tags")
    if "limits" in row:
        # An empty one comes as a list from some versions.
        spec["limits"] = {} if row["limits"] in (None, []) else row["limits"]
    if "password_hash" in row and "password" in row:
        raise SpecError("password", "Give password or password_hash, not both.")
    if "password_hash" in row:
        spec |= _hash(reader, row["password_hash"], row.get("hashing_algorithm"))
    elif "password" in row:
        clear = row["password"]
        if not isinstance(clear, str):
            raise SpecError("password", "password must be text.")
        if reason := why_no_password(clear):
            raise SpecError("password", reason)
        spec["password_hash"] = hash_password(Secret(clear)).reveal()
        spec["hashing_algorithm"] = SHA256
        reader.note(
            Level.WARNING,
            "password",
            "This password stands in clear in the file. It is hashed here and not kept.",
        )
    else:
        reader.note(
            Level.NOTE,
            "password_hash",
            "The file has no password of this user: an existing one is kept, a new user has none.",
        )
    reader.take("user", (name,), spec)


def _hash(reader: Taker, hashed: Any, algorithm: Any) -> dict[str, str]:
    if hashed in ("", None):
        return {"password_hash": "", "hashing_algorithm": SHA256}
    if not isinstance(hashed, str):
        raise SpecError("password_hash", "password_hash must be text.")
    if algorithm is None:
        algorithm = _algorithm_of(reader.version, hashed)
        reader.note(
            Level.NOTE, "hashing_algorithm", f"The file does not say it; taken to be {algorithm}."
        )
    if algorithm not in (SHA256, SHA512, MD5):
        raise SpecError("hashing_algorithm", "RabbitMQ has no such algorithm.")
    if not is_hash(hashed, algorithm):
        raise SpecError("password_hash", f"This is not a password hash of {algorithm}.")
    return {"password_hash": hashed, "hashing_algorithm": algorithm}


def _algorithm_of(version: str, hashed: str) -> str:
    """Source: `rabbit_auth_backend_internal:hashing_algorithm/2`; later files say it themselves, so
    there the length tells."""
    if version.startswith(("3.5.", "3.4.", "3.3.", "3.2.", "3.1.", "3.0.", "2.", "1.")):
        return MD5
    if version == "3.6.0":
        return SHA256
    return next((one for one in (SHA256, SHA512, MD5) if is_hash(hashed, one)), SHA256)


def read_permission(reader: Taker, row: Row) -> None:
    key = (reader.vhost_of(row), reader.name("user", row, "user"))
    for name in ("configure", "write", "read"):
        if name not in row:
            raise SpecError(name, f"{name} is missing.")
    reader.take("permission", key, some(row, "configure", "write", "read"))


def read_topic_permission(reader: Taker, row: Row) -> None:
    # The default exchange is no topic exchange, and no path of the HTTP API reaches its permission.
    exchange = reader.name("topic_permission", row, "exchange")
    for name in ("write", "read"):
        if name not in row:
            raise SpecError(name, f"{name} is missing.")
    key = (reader.vhost_of(row), reader.name("user", row, "user"), exchange)
    reader.take("topic_permission", key, some(row, "write", "read"))


def read_exchange(reader: Taker, row: Row) -> None:
    vhost = reader.vhost_of(row)
    if row.get("name") == "" or str(row.get("name", "")).startswith("amq."):
        if row.get("name") in PREDECLARED:
            raise reader.left(Level.NOTE, "name", "Every virtual host has this exchange: left out.")
        raise reader.left(
            Level.ERROR, "name", "Names that begin with amq. are reserved by RabbitMQ: left out."
        )
    spec = some(row, "durable", "auto_delete", "internal", "arguments")
    if not isinstance(row.get("type"), str) or not row["type"]:
        raise SpecError("type", "type is missing.")
    reader.take("exchange", (vhost, reader.name("exchange", row)), {"type": row["type"], **spec})


def read_queue(reader: Taker, row: Row) -> None:
    vhost = reader.vhost_of(row)
    if _server_named(row.get("name")):
        raise reader.left(
            Level.NOTE, "name", "A queue that the server named belongs to its client: left out."
        )
    if row.get("exclusive") is True:
        raise reader.left(
            Level.NOTE, "exclusive", "An exclusive queue belongs to its connection: left out."
        )
    spec = some(row, "durable", "auto_delete", "arguments")
    reader.take("queue", (vhost, reader.name("queue", row)), spec)


def _server_named(name: Any) -> bool:
    return isinstance(name, str) and (name == "" or name.startswith("amq."))


def read_policy(reader: Taker, row: Row) -> None:
    reader.take("policy", (reader.vhost_of(row), reader.name("policy", row)), _policy_spec(row))


def _policy_spec(row: Mapping[str, Any]) -> dict[str, Any]:
    spec = some(row, "pattern", "priority", "definition")
    if "apply-to" in row:
        spec["apply_to"] = row["apply-to"]
    if not isinstance(row.get("pattern"), str):
        raise SpecError("pattern", "pattern is missing, or not text.")
    if spec.get("apply_to", "all") not in _APPLY_TO:
        raise SpecError("apply-to", f"apply-to is one of {', '.join(_APPLY_TO)}.")
    if not isinstance(row.get("definition"), dict) or not row["definition"]:
        raise SpecError("definition", "A policy's definition is an object with at least one key.")
    return spec


def read_parameter(reader: Taker, row: Row) -> None:
    component, vhost = reader.name("parameter", row, "component"), reader.vhost_of(row)
    if "value" not in row:
        raise SpecError("value", "value is missing.")
    value = row["value"]
    if component == "vhost-limits":
        reader.limit_vhost(vhost, value or {})
        return
    name = reader.name("parameter", row)
    if component in ("operator_policy", "policy"):
        if not isinstance(value, dict):
            raise SpecError("value", "value must be an object.")
        reader.take(component, (vhost, name), _policy_spec(value))
        return
    reader.take("parameter", (component, vhost, name), {"value": value})


def read_global_parameter(reader: Taker, row: Row) -> None:
    name = reader.name("global_parameter", row)
    if name in CLUSTERS_OWN:
        raise reader.left(Level.NOTE, "name", f"{name} belongs to its own cluster: left out.")
    if "value" not in row:
        raise SpecError("value", "value is missing.")
    reader.take("global_parameter", (name,), {"value": row["value"]})


def read_binding(reader: Taker, row: Row) -> None:
    vhost, source = reader.vhost_of(row), row.get("source")
    if source == "":
        raise reader.left(
            Level.NOTE, "source", "RabbitMQ makes the default exchange's own bindings."
        )
    reader.name("binding", row, "source")
    if row.get("destination_type") not in ("queue", "exchange"):
        raise SpecError("destination_type", "destination_type is queue or exchange.")
    if row["destination_type"] == "queue" and _server_named(row.get("destination")):
        raise reader.left(
            Level.NOTE, "destination", "A queue that the server named is left out, so is this."
        )
    destination = reader.name("binding", row, "destination")
    routing_key = row.get("routing_key", "")
    if not isinstance(routing_key, str):
        raise SpecError("routing_key", "routing_key must be text.")
    if routing_key:
        check_name("binding", routing_key, "routing_key")
    arguments = row.get("arguments", {}) or {}
    if arguments and "~" in routing_key:
        raise SpecError(
            "routing_key",
            "A binding with arguments whose routing key holds ~ breaks RabbitMQ's HTTP API: it "
            "could not be read back, and no bindings of its virtual host could be listed.",
        )
    reader.take(
        "binding",
        (vhost, str(source), row["destination_type"], destination, routing_key,
         arguments_key(arguments)),
        {},
    )  # fmt: skip


#: In the order in which RabbitMQ imports them; parameters after vhosts, whose limits they may hold.
SECTIONS: Mapping[str, ReadRow] = {
    "vhosts": read_vhost,
    "users": read_user,
    "permissions": read_permission,
    "topic_permissions": read_topic_permission,
    "parameters": read_parameter,
    "global_parameters": read_global_parameter,
    "policies": read_policy,
    "queues": read_queue,
    "exchanges": read_exchange,
    "bindings": read_binding,
}
INSIDE = ("parameters", "policies", "queues", "exchanges", "bindings")
KINDS_OF: Mapping[str, frozenset[str]] = {
    "vhosts": frozenset({"vhost"}),
    "users": frozenset({"user"}),
    "permissions": frozenset({"permission"}),
    "topic_permissions": frozenset({"topic_permission"}),
    "parameters": frozenset({"parameter", "operator_policy"}),
    "global_parameters": frozenset({"global_parameter"}),
    "policies": frozenset({"policy"}),
    "queues": frozenset({"queue"}),
    "exchanges": frozenset({"exchange"}),
    "bindings": frozenset({"binding"}),
}
_POLICY_KEYS = {"name", "vhost", "pattern", "apply-to", "priority", "definition"}
ROW_KEYS: Mapping[str, set[str]] = {
    "vhosts": {"name", "description", "tags", "metadata", "default_queue_type", "tracing",
               "limits", "protected_from_deletion", "cluster_state"},
    "users": {"name", "password_hash", "hashing_algorithm", "password", "tags", "limits"},
    "permissions": {"vhost", "user", "configure", "write", "read"},
    "topic_permissions": {"vhost", "user", "exchange", "write", "read"},
    "parameters": {"component", "vhost", "name", "value"},
    "global_parameters": {"name", "value"},
    "policies": _POLICY_KEYS,
    "queues": {"name", "vhost", "durable", "auto_delete", "arguments", "type", "exclusive"},
    "exchanges": {"name", "vhost", "type", "durable", "auto_delete", "internal", "arguments"},
    "bindings": {"source", "vhost", "destination", "destination_type", "routing_key",
                 "arguments", "properties_key"},
}  # fmt: skip
