"""The kinds of object that can be on a broker: what identifies one, what of it is compared, and
what is fixed when it is declared.

Sources: RabbitMQ's definitions format and HTTP API (`api/index.html` of the management plugin),
the order of `rabbit_definitions.erl`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Spec = Mapping[str, Any]
Key = tuple[str, ...]


class SpecError(ValueError):
    """A spec that no object of its kind can have. `field` names what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One object on one broker: its kind and its identity, in the order of `Kind.identity`."""

    kind: str
    key: Key

    def __str__(self) -> str:
        return f"{self.kind} {' / '.join(self.key)}"


@dataclass(frozen=True, slots=True)
class Field:
    """`canonical` gives the one form that equal values share; it raises ValueError or TypeError on a
    value that cannot be. `fixed` fields are set when the object is declared: a difference can only be
    mended by deleting and declaring again. `secret` values are compared, never shown."""

    name: str
    default: Any
    canonical: Callable[[Any], Any]
    fixed: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    identity: tuple[str, ...]
    fields: tuple[Field, ...]
    #: Objects of a lower rank are created first and deleted last.
    rank: int
    #: Where the vhost stands in the key; None for what belongs to the whole broker.
    vhost_at: int | None = None

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)

    def canonical(self, spec: Spec) -> dict[str, Any]:
        """The spec with defaults filled in and every value in its one form. Raises SpecError for an
        unknown field or an impossible value."""
        known = {field.name for field in self.fields}
        for name in spec:
            if name not in known:
                raise SpecError(name, f"A {self.name} has no field {name!r}.")
        whole: dict[str, Any] = {}
        for field in self.fields:
            value = spec.get(field.name, field.default)
            try:
                whole[field.name] = field.canonical(value)
            except (TypeError, ValueError) as error:
                raise SpecError(field.name, f"{field.name} {error}.") from None
        return whole


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("must be text")
    return value


def optional_text(value: Any) -> str | None:
    return None if value in (None, "", "undefined") else text(value)


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("must be true or false")
    return value


def integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("must be a whole number")
    return value


def tags(value: Any) -> list[str]:
    """A set of words: RabbitMQ takes them as a list or as text with commas, and keeps no order."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        raise TypeError("must be a list of words")
    return sorted({text(word).strip() for word in words} - {""})


def limits(value: Any) -> dict[str, int]:
    """Limits by name. A negative one means none (`rabbit_vhost_limit.erl`), so it is left out."""
    if not isinstance(value, Mapping):
        raise TypeError("must be an object of whole numbers")
    return {
        text(name): integer(limit) for name, limit in sorted(value.items()) if integer(limit) >= 0
    }


def table(value: Any) -> dict[str, Any]:
    """AMQP arguments or a definition: any JSON object; an empty list stands for an empty object in
    answers of versions before 4.2.6."""
    if value == []:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError("must be an object")
    return dict(sorted(value.items()))


def any_json(value: Any) -> Any:
    return json.loads(json.dumps(value, sort_keys=True))


def arguments_key(arguments: Spec) -> str:
    """Arguments as part of an identity (bindings are told apart by them)."""
    return json.dumps(table(arguments), sort_keys=True, separators=(",", ":"))


VHOST = Kind(
    "vhost",
    ("name",),
    (
        Field("description", "", lambda value: text("" if value is None else value)),
        Field("tags", [], tags),
        Field("default_queue_type", None, optional_text),
        Field("tracing", False, flag),
        Field("limits", {}, limits),
        Field("protected_from_deletion", False, flag),
    ),
    rank=10,
    vhost_at=0,
)
USER = Kind(
    "user",
    ("name",),
    (
        Field("tags", [], tags),
        # "" is a user without a password, who logs in by certificate.
        Field("password_hash", "", text, secret=True),
        Field("hashing_algorithm", "rabbit_password_hashing_sha256", text),
        Field("limits", {}, limits),
    ),
    rank=20,
)
PERMISSION = Kind(
    "permission",
    ("vhost", "user"),
    (Field("configure", "", text), Field("write", "", text), Field("read", "", text)),
    rank=30,
    vhost_at=0,
)
TOPIC_PERMISSION = Kind(
    "topic_permission",
    ("vhost", "user", "exchange"),
    (Field("write", "", text), Field("read", "", text)),
    # After exchanges: RabbitMQ does not ask for the exchange, but a reader expects it.
    rank=50,
    vhost_at=0,
)
EXCHANGE = Kind(
    "exchange",
    ("vhost", "name"),
    (
        Field("type", "direct", text, fixed=True),
        Field("durable", True, flag, fixed=True),
        Field("auto_delete", False, flag, fixed=True),
        Field("internal", False, flag, fixed=True),
        Field("arguments", {}, table, fixed=True),
    ),
    rank=40,
    vhost_at=0,
)
_POLICY_FIELDS = (
    Field("pattern", "", text),
    Field("apply_to", "all", text),
    Field("priority", 0, integer),
    Field("definition", {}, table),
)
POLICY = Kind("policy", ("vhost", "name"), _POLICY_FIELDS, rank=60, vhost_at=0)
OPERATOR_POLICY = Kind("operator_policy", ("vhost", "name"), _POLICY_FIELDS, rank=60, vhost_at=0)
PARAMETER = Kind(
    "parameter",
    ("component", "vhost", "name"),
    (Field("value", None, any_json),),
    rank=70,
    vhost_at=1,
)
GLOBAL_PARAMETER = Kind("global_parameter", ("name",), (Field("value", None, any_json),), rank=55)
QUEUE = Kind(
    "queue",
    ("vhost", "name"),
    (
        Field("durable", True, flag, fixed=True),
        Field("auto_delete", False, flag, fixed=True),
        Field("arguments", {}, table, fixed=True),
    ),
    rank=80,
    vhost_at=0,
)
BINDING = Kind(
    "binding",
    ("vhost", "source", "destination_type", "destination", "routing_key", "arguments"),
    (),
    rank=90,
    vhost_at=0,
)

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        VHOST,
        USER,
        PERMISSION,
        TOPIC_PERMISSION,
        EXCHANGE,
        POLICY,
        OPERATOR_POLICY,
        PARAMETER,
        GLOBAL_PARAMETER,
        QUEUE,
        BINDING,
    )
}
