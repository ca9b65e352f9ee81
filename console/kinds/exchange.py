"""Exchanges. All fields are fixed when an exchange is declared.

Sources: `rabbit_mgmt_wm_exchange.erl`, `rabbit_definitions.erl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from console.kinds.common.kind import Field, Key, Kind, Ref, SpecError
from console.kinds.common.rows import Level, Row, Section, Taker, some
from console.kinds.common.values import flag, table, text
from console.kinds.common.wire import Named

#: Every virtual host has these from the start.
PREDECLARED = frozenset({
    "", "amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.rabbitmq.event",
    "amq.rabbitmq.log", "amq.rabbitmq.trace", "amq.topic",
})  # fmt: skip
_FIELDS = ("type", "durable", "auto_delete", "internal", "arguments")


def _read_row(reader: Taker, row: Row) -> None:
    vhost = reader.vhost_of(row)
    if row.get("name") == "" or str(row.get("name", "")).startswith("amq."):
        if row.get("name") in PREDECLARED:
            raise reader.left(
                Level.NOTE, "name", "Skipped because every virtual host has this exchange."
            )
        raise reader.left(
            Level.ERROR, "name", "Skipped because RabbitMQ reserves names that begin with amq."
        )
    if not isinstance(row.get("type"), str) or not row["type"]:
        raise SpecError("type", "type is missing.")
    reader.take("exchange", (vhost, reader.name("exchange", row)), some(row, *_FIELDS))


def _emit(key: Key, spec: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    yield "exchanges", {"vhost": key[0], "name": key[1], **spec}


def _stands_on(key: Key) -> Iterable[Ref]:
    yield Ref("vhost", (key[0],))


EXCHANGE = Kind(
    name="exchange",
    noun="exchange",
    identity=("vhost", "name"),
    fields=(
        Field("type", "direct", text, fixed=True),
        Field("durable", True, flag, fixed=True),
        Field("auto_delete", False, flag, fixed=True),
        Field("internal", False, flag, fixed=True),
        Field("arguments", {}, table, fixed=True),
    ),
    rank=40,
    vhost_at=0,
    wire=Named(
        "exchanges",
        ("vhost", "name"),
        spec=lambda row: some(row, *_FIELDS),
        body=lambda key, spec: dict(spec),
        columns=_FIELDS,
    ),
    section=Section(
        name="exchanges",
        order=90,
        keys=frozenset({"name", "vhost", *_FIELDS}),
        read=_read_row,
        emit=_emit,
    ),
    called="{1} in {0}",
    stands_on=_stands_on,
    never_empty=True,
)
