"""What RabbitMQ refuses of a shovel.

Source: `rabbit_shovel_parameters.erl`, `rabbit_amqp091_shovel.erl`, `rabbit_amqp10_shovel.erl`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from console.kinds.refusals.checks import either
from console.kinds.refusals.uris import uri_problems
from console.kinds.refusals.versions import BrokerFacts

ACK_MODES = ("on-confirm", "on-publish", "no-ack")
#: By protocol: the first version with it.
PROTOCOLS = {"amqp091": "", "amqp10": "", "local": "4.2"}
#: What a key's value must be.
_WHOLE, _TRUE, _TABLE, _TEXT = "a whole number", "true or false", "an object", "text"
_KEYS: Mapping[str, str] = {
    "src-protocol": _TEXT, "dest-protocol": _TEXT, "ack-mode": _TEXT,
    "src-queue": _TEXT, "src-exchange": _TEXT, "src-exchange-key": _TEXT, "src-address": _TEXT,
    "dest-queue": _TEXT, "dest-exchange": _TEXT, "dest-exchange-key": _TEXT, "dest-address": _TEXT,
    "src-prefetch-count": _WHOLE, "prefetch-count": _WHOLE, "reconnect-delay": _WHOLE,
    "src-queue-args": _TABLE, "src-consumer-args": _TABLE, "dest-queue-args": _TABLE,
    "dest-publish-properties": _TABLE, "publish-properties": _TABLE, "dest-properties": _TABLE,
    "dest-application-properties": _TABLE, "dest-message-annotations": _TABLE,
    "add-forward-headers": _TRUE, "add-timestamp-header": _TRUE, "dest-add-forward-headers": _TRUE,
    "dest-add-timestamp-header": _TRUE, "src-predeclared": _TRUE, "dest-predeclared": _TRUE,
}  # fmt: skip
_TYPES: Mapping[str, type] = {_WHOLE: int, _TRUE: bool, _TABLE: dict, _TEXT: str}
#: Keys that 3.10 doesn't know.
_SINCE = {"src-predeclared": "3.11", "dest-predeclared": "3.11"}
_ENDS = (("src", "source"), ("dest", "destination"))


def problems(value: Mapping[str, Any], facts: BrokerFacts) -> Iterator[tuple[str, str]]:
    """Yield why a broker would refuse the shovel: the key and one sentence."""
    for key, what in _KEYS.items():
        if key in value and not _is(value[key], what):
            yield key, f"{key} must be {what}."
    for key, since in _SINCE.items():
        if key in value and not facts.at_least(since):
            yield key, f"{facts.called} doesn't know {key}; {since} and later do."
    if value.get("ack-mode", ACK_MODES[0]) not in ACK_MODES:
        yield "ack-mode", f"ack-mode must be {either(ACK_MODES)}."
    for end, called in _ENDS:
        yield from _end(value, facts, end, called)
    for key in ("src-delete-after", "delete-after"):
        given = value.get(key, "never")
        if given not in ("never", "queue-length") and not (_is(given, _WHOLE) and given >= 0):
            yield key, f"{key} must be never, queue-length or a number of messages."


def _end(
    value: Mapping[str, Any], facts: BrokerFacts, end: str, called: str
) -> Iterator[tuple[str, str]]:
    protocol = value.get(f"{end}-protocol", "amqp091")
    if protocol not in PROTOCOLS:
        yield f"{end}-protocol", f"{end}-protocol must be {either(tuple(PROTOCOLS))}."
        return
    if not facts.at_least(PROTOCOLS[protocol]):
        yield (
            f"{end}-protocol",
            f"{facts.called} has no protocol {protocol} for shovels; {PROTOCOLS[protocol]} and "
            "later have.",
        )
    for sentence in uri_problems(value.get(f"{end}-uri")):
        yield f"{end}-uri", f"{called.capitalize()}: {sentence}"
    queue, exchange = value.get(f"{end}-queue"), value.get(f"{end}-exchange")
    if protocol == "amqp10":
        if not value.get(f"{end}-address"):
            yield f"{end}-address", f"Enter the {called} address; AMQP 1.0 needs one."
        return
    if queue is not None and exchange is not None:
        yield f"{end}-queue", f"Set a {called} queue or a {called} exchange, not both."
    elif end == "src" and queue is None and exchange is None:
        yield "src-queue", "Set a source queue or a source exchange."


def _is(value: Any, what: str) -> bool:
    of_type = _TYPES[what]
    return isinstance(value, of_type) and (of_type is bool or not isinstance(value, bool))
