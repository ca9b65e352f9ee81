"""What RabbitMQ refuses of federation upstreams and upstream sets.

Source: `rabbit_federation_parameters.erl`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from console.kinds.refusals.checks import either
from console.kinds.refusals.shovels import ACK_MODES
from console.kinds.refusals.uris import uri_problems
from console.kinds.refusals.versions import BrokerFacts

CLEANUP_MODES = ("default", "never")
CHANNEL_MODES = ("multiple", "single")
_CHOICES = {
    "ack-mode": ACK_MODES,
    "resource-cleanup-mode": CLEANUP_MODES,
    "channel-use-mode": CHANNEL_MODES,
}
_WHOLE = ("prefetch-count", "reconnect-delay", "max-hops", "expires", "message-ttl")
_TEXT = ("exchange", "queue", "consumer-tag", "queue-type")
_FLAGS = ("trust-user-id", "bind-nowait")
#: Keys that 3.10 doesn't know.
_SINCE = {"queue-type": "3.11"}


def upstream_problems(value: Mapping[str, Any], facts: BrokerFacts) -> Iterator[tuple[str, str]]:
    """Yield why a broker would refuse the upstream: the key and one sentence."""
    for sentence in uri_problems(value.get("uri")):
        yield "uri", sentence
    for key in _WHOLE:
        given = value.get(key, 0)
        if isinstance(given, bool) or not isinstance(given, int) or given < 0:
            yield key, f"{key} must be a whole number, 0 or more."
    for key in _TEXT:
        if not isinstance(value.get(key, ""), str):
            yield key, f"{key} must be text."
    for key in _FLAGS:
        if not isinstance(value.get(key, False), bool):
            yield key, f"{key} must be true or false."
    for key, choices in _CHOICES.items():
        if value.get(key, choices[0]) not in choices:
            yield key, f"{key} must be {either(choices)}."
    for key, since in _SINCE.items():
        if key in value and not facts.at_least(since):
            yield key, f"{facts.called} doesn't know {key}; {since} and later do."


def set_problems(value: Any, facts: BrokerFacts) -> Iterator[tuple[str, str]]:
    """Yield why a broker would refuse the upstream set."""
    if not isinstance(value, list):
        yield "", "An upstream set is a list of upstreams."
        return
    for number, member in enumerate(value, 1):
        if not isinstance(member, Mapping) or not isinstance(member.get("upstream"), str):
            yield "", f'Member {number} must name its upstream: {{"upstream": "name"}}.'
            return
