"""Bindings, which the API addresses by a `properties_key` that it generates.

That key contains Erlang's hash of the arguments, so it is always read from the broker's listing.
Our key is (vhost, source, destination_type, destination, routing_key, arguments as JSON text).
Source: `rabbit_mgmt_wm_binding.erl`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from console.kinds.common.kind import Key, Kind, Ref, Spec, SpecError
from console.kinds.common.names import check_name
from console.kinds.common.rows import Level, Row, Section, Taker
from console.kinds.common.values import arguments_key
from console.kinds.common.wire import Call, Get
from console.kinds.exchange import PREDECLARED
from console.kinds.queue import server_named
from console.kinds.refusals.checks import either, has_null
from console.kinds.refusals.versions import BrokerFacts, Fault
from console.rabbitmq.errors import MalformedAnswer, NotFound

_LETTER = {"queue": "q", "exchange": "e"}
#: Of the exchanges that every virtual host has, those with rules for bindings.
_OWN_TYPES = {
    "amq.headers": "headers", "amq.match": "headers", "amq.topic": "topic",
    "amq.rabbitmq.event": "topic", "amq.rabbitmq.log": "topic", "amq.rabbitmq.trace": "topic",
}  # fmt: skip
#: The argument that says how a headers exchange compares the others.
MATCH = "x-match"
_MATCHES = ("all", "any", "all-with-x", "any-with-x")
_TYPE_OF = {letter: name for name, letter in _LETTER.items()}


class _BindingWire:
    reads_before_delete = True

    def listing(self) -> Sequence[Get]:
        return [Get(("bindings",))]

    def one(self, key: Key) -> Sequence[Get]:
        return [Get(_path(key))]

    def specs(self, *answers: Sequence[Row]) -> Iterator[tuple[Key, Row]]:
        """All except those of the default exchange, which every queue has."""
        for row in answers[0]:
            if row.get("source") and (key := _key(row)) is not None:
                yield key, {}

    def writes(self, key: Key, spec: Spec, before: Spec | None) -> Iterable[Call]:
        """A binding has no fields to change: it exists or not."""
        yield Call("POST", _path(key), _body(key))

    def delete(self, key: Key, answers: Sequence[Row], *, if_empty: bool) -> Call:
        row = next((row for row in answers if _key(row) == key), None)
        if row is None:
            raise NotFound("")
        properties = row.get("properties_key")
        if not isinstance(properties, str) or not properties:
            raise MalformedAnswer(
                "The broker's reply lacks the properties key needed to delete this binding."
            )
        return Call("DELETE", (*_path(key), properties), whole=_body(key))

    def kept_while_down(self, key: Key) -> Get | None:
        return None

    def located(self, segments: Sequence[str], body: Mapping[str, Any]) -> Key | None:
        """Only if the body contains the routing key: it can't be computed from a properties key."""
        if len(segments) != 6 or (segments[0], segments[2]) != ("bindings", "e"):
            return None
        if segments[4] not in _TYPE_OF or not isinstance(body.get("routing_key", ""), str):
            return None
        _, vhost, _, source, letter, destination = segments
        routing_key, arguments = body.get("routing_key", ""), body.get("arguments") or {}
        return (
            vhost, source, _TYPE_OF[letter], destination, routing_key, arguments_key(arguments)
        )  # fmt: skip

    def spec_of_body(self, body: Mapping[str, Any]) -> Row:
        return {}


def _path(key: Key) -> tuple[str, ...]:
    vhost, source, destination_type, destination = key[:4]
    return ("bindings", vhost, "e", source, _LETTER[destination_type], destination)


def _body(key: Key) -> Row:
    return {"routing_key": key[4], "arguments": json.loads(key[5])}


def _key(row: Row) -> Key | None:
    named: list[Any] = [
        row.get(name)
        for name in ("vhost", "source", "destination_type", "destination", "routing_key")
    ]
    if not all(isinstance(one, str) for one in named):
        return None
    arguments = row.get("arguments") or {}
    return (*named, json.dumps(arguments, sort_keys=True, separators=(",", ":")))


def _read_row(reader: Taker, row: Row) -> None:
    vhost, source = reader.vhost_of(row), row.get("source")
    if source == "":
        raise reader.left(
            Level.NOTE,
            "source",
            "Skipped because RabbitMQ creates the default exchange's bindings itself.",
        )
    reader.name("binding", row, "source")
    if row.get("destination_type") not in _LETTER:
        raise SpecError("destination_type", "destination_type must be queue or exchange.")
    if row["destination_type"] == "queue" and server_named(row.get("destination")):
        reader.skip("destination", "Skipped because its queue has a server-generated name.")
    destination = reader.name("binding", row, "destination")
    routing_key = row.get("routing_key", "")
    if not isinstance(routing_key, str):
        raise SpecError("routing_key", "routing_key must be text.")
    if routing_key:
        check_name("binding", routing_key, "routing_key")
    arguments = row.get("arguments", {}) or {}
    key = (
        vhost, str(source), row["destination_type"], destination, routing_key,
        arguments_key(arguments),
    )  # fmt: skip
    _check_tilde(routing_key, arguments)
    reader.take("binding", key, {})


def _check_tilde(routing_key: str, arguments: Mapping[str, Any]) -> None:
    if arguments and "~" in routing_key:
        raise SpecError(
            "routing_key",
            "A binding with arguments can't have ~ in its routing key: RabbitMQ's "
            "HTTP API couldn't list any binding of the virtual host afterwards.",
        )


def _check_key(key: Key) -> None:
    source, destination_type, _, routing_key, text = key[1:]
    if source == "":
        raise SpecError(
            "source",
            "Nothing can be bound to the default exchange: it routes to every queue by its name.",
        )
    if destination_type not in _LETTER:
        raise SpecError("destination_type", "The destination is a queue or an exchange.")
    _check_tilde(routing_key, json.loads(text))


def _emit(key: Key, spec: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    yield (
        "bindings",
        {**dict(zip(BINDING.identity, key, strict=True)), "arguments": json.loads(key[5])},
    )


def _stands_on(key: Key) -> Iterable[Ref]:
    vhost, source, kind, destination = key[:4]
    yield Ref("vhost", (vhost,))
    if source not in PREDECLARED:
        yield Ref("exchange", (vhost, source))
    if destination not in PREDECLARED:
        yield Ref(kind, (vhost, destination))


def _hangs_on(owner: Ref) -> Iterable[Mapping[int, str]]:
    if owner.kind in _LETTER:
        vhost, name = owner.key
        yield {0: vhost, 2: owner.kind, 3: name}
        if owner.kind == "exchange":
            yield {0: vhost, 1: name}


def _listed_with(owner: Ref) -> Sequence[Get]:
    if owner.kind == "vhost":
        return [Get(("bindings", *owner.key))]
    if owner.kind == "queue":
        return [Get(("queues", *owner.key, "bindings"))]
    if owner.kind == "exchange":
        both = ("source", "destination")
        return [Get(("exchanges", *owner.key, "bindings", end)) for end in both]
    return ()


def _why_lost(key: Key, row: Mapping[str, Any]) -> str | None:
    """Those of the default exchange come with their queue; those of a client's queue went with it."""
    own = key[2] == "queue" and server_named(key[3])
    return None if key[1] == "" or own else ""


def _faults(key: Key, spec: Spec, facts: BrokerFacts) -> Iterable[Fault]:
    vhost, source, _, _, routing_key, text = key
    arguments = json.loads(text)
    if has_null(arguments):
        yield Fault("arguments", f"{facts.called} refuses a null in the arguments of a binding.")
        return
    of_type = _OWN_TYPES.get(source) or facts.other("exchange", (vhost, source)).get("type")
    match = arguments.get(MATCH, "all")
    if of_type == "headers" and match not in _MATCHES:
        yield Fault(
            "arguments",
            f"The argument x-match must be {either(_MATCHES)} ({facts.called}).",
        )
    if of_type == "topic" and facts.at_least("4.3") and routing_key.split(".").count("#") > 2:
        yield Fault(
            "routing_key",
            f"{facts.called} takes at most two # in the routing key of a topic exchange's binding.",
        )


BINDING = Kind(
    name="binding",
    noun="binding",
    identity=("vhost", "source", "destination_type", "destination", "routing_key", "arguments"),
    fields=(),
    rank=90,
    vhost_at=0,
    table_at=5,
    check_key=_check_key,
    wire=_BindingWire(),
    section=Section(
        name="bindings",
        order=100,
        keys=frozenset({
            "source", "vhost", "destination", "destination_type", "routing_key", "arguments",
            "properties_key",
        }),
        read=_read_row,
        emit=_emit,
    ),
    called="from {1} to {3} in {0}",
    stands_on=_stands_on,
    faults=_faults,
    hangs_on=_hangs_on,
    listed_with=_listed_with,
    why_lost=_why_lost,
)  # fmt: skip
