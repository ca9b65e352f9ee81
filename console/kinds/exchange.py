"""Exchanges. All fields are fixed when an exchange is declared.

Sources: `rabbit_mgmt_wm_exchange.erl`, `rabbit_definitions.erl`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from console.kinds.common.kind import Field, Key, Kind, Ref, Spec, SpecError
from console.kinds.common.rows import Level, Row, Section, Taker, some
from console.kinds.common.values import flag, table, text
from console.kinds.common.wire import Get, Named
from console.kinds.refusals.checks import has_null
from console.kinds.refusals.checks import text as is_text
from console.kinds.refusals.versions import BrokerFacts, Fault

#: Every virtual host has these from the start.
PREDECLARED = frozenset({
    "", "amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.rabbitmq.event",
    "amq.rabbitmq.log", "amq.rabbitmq.trace", "amq.topic",
})  # fmt: skip
#: Types without a plugin, each with the first version that has it.
_TYPES = {
    "direct": "", "fanout": "", "headers": "", "topic": "", "x-local-random": "4.0",
    "x-modulus-hash": "4.3",
}  # fmt: skip
#: The plugins that other types come with.
_PLUGINS = {
    "x-consistent-hash": "rabbitmq_consistent_hash_exchange",
    "x-delayed-message": "rabbitmq_delayed_message_exchange",
    "x-event": "rabbitmq_event_exchange",
    "x-federation-upstream": "rabbitmq_federation",
    "x-jms-topic": "rabbitmq_jms_topic_exchange",
    "x-modulus-hash": "rabbitmq_sharding",
    "x-random": "rabbitmq_random_exchange",
    "x-recent-history": "rabbitmq_recent_history_exchange",
    "x-rtopic": "rabbitmq_rtopic_exchange",
}
#: The argument, and the key of a policy, with the exchange that gets what this one can't route.
ALTERNATE = "alternate-exchange"
#: The type that keeps messages for a time, and its argument with the type that it routes like.
DELAYED, DELAYED_TYPE = "x-delayed-message", "x-delayed-type"
#: Types that come with RabbitMQ or a plugin that is known here.
KNOWN_TYPES = tuple(dict.fromkeys((*_TYPES, *sorted(_PLUGINS))))
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


def _faults(key: Key, spec: Spec, facts: BrokerFacts) -> Iterable[Fault]:
    of_type, arguments = spec["type"], spec["arguments"]
    if not _has_type(of_type, facts):
        plugin = _PLUGINS.get(of_type)
        needed = f"Enable the plugin {plugin} there, or change" if plugin else "Change"
        yield Fault(
            "type",
            f"{facts.called} has no exchange type {of_type[:80]}{facts.polled}. {needed} the type.",
        )
    for name, value in arguments.items():
        if has_null(value):
            yield Fault(
                "arguments", f"The argument {name} holds a null, which {facts.called} refuses."
            )
    if wrong := is_text(arguments.get(ALTERNATE, "")):
        yield Fault("arguments", f"The argument {ALTERNATE} {wrong} ({facts.called}).")
    if of_type == "x-federation-upstream" and "x-max-hops" not in arguments:
        yield Fault(
            "arguments",
            f"{facts.called} refuses an exchange of type x-federation-upstream without x-max-hops. "
            "Federation declares these exchanges by itself.",
        )


def _listed_with(owner: Ref) -> Sequence[Get]:
    return [Get(("exchanges", *owner.key))] if owner.kind == "vhost" else ()


def _why_lost(key: Key, row: Mapping[str, Any]) -> str | None:
    return None if key[1] in PREDECLARED or key[1].startswith("amq.") else ""


def _is_left_out(key: Key, spec: Spec) -> bool:
    """Whether the broker leaves the exchange out of its definitions: internal ones, except those of
    federation, which federation declares itself."""
    return bool(spec.get("internal")) and spec.get("type") != "x-federation-upstream"


def _permanent(key: Key) -> str:
    if key[1] not in PREDECLARED:
        return ""
    named = f"The exchange {key[1]}" if key[1] else "The default exchange"
    return f"{named} is in every virtual host from the start. RabbitMQ doesn't delete it."


def _contents(key: Key, get: Callable[..., Any]) -> Mapping[str, int]:
    """The bindings that are deleted with it, where it is the source or the destination."""
    found = [get("exchanges", *key, "bindings", end) for end in ("source", "destination")]
    return {"bindings": sum(len(rows) for rows in found if isinstance(rows, list))}


def exchange_types(facts: BrokerFacts) -> list[str]:
    """Return the types to choose from, RabbitMQ's own first: those that the broker reported, else
    those of its version."""
    own = [name for name, since in _TYPES.items() if facts.at_least(since)]
    if facts.exchange_types is None:
        return own
    return [
        *(name for name in own if name in facts.exchange_types),
        *sorted(set(facts.exchange_types) - set(own)),
    ]


def _has_type(of_type: str, facts: BrokerFacts) -> bool:
    """Whether the broker may have this exchange type. Any plugin may add a type that begins with
    x-."""
    if facts.exchange_types is not None:
        return of_type in facts.exchange_types
    if of_type in _TYPES and facts.at_least(_TYPES[of_type]):
        return True
    return of_type.startswith("x-") and of_type != "x-local-random"


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
        unless_used="if-unused",
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
    listed_with=_listed_with,
    why_lost=_why_lost,
    faults=_faults,
    not_exported=("4.1", _is_left_out),
    never_empty=True,
    contents=_contents,
    deleted_if_unused=True,
    permanent=_permanent,
)
