"""Facts of a broker that decide which objects it accepts, and faults of an object.

A boundary (`since`, `until`) is the first version known to behave differently. If the exact release
is unknown, the boundary is set so that nothing is refused that the broker might accept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

Version = tuple[int, int, int]
_DIGITS = re.compile(r"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?")
#: Plugins that come with RabbitMQ; `_PLUGIN_FAMILIES` has the name prefixes of more.
_PLUGINS = frozenset({
    "rabbitmq_amqp1_0", "rabbitmq_amqp_client", "rabbitmq_aws", "rabbitmq_cli",
    "rabbitmq_consistent_hash_exchange", "rabbitmq_event_exchange", "rabbitmq_exchange_federation",
    "rabbitmq_jms_topic_exchange", "rabbitmq_management", "rabbitmq_management_agent",
    "rabbitmq_mqtt", "rabbitmq_prelaunch", "rabbitmq_prometheus", "rabbitmq_queue_federation",
    "rabbitmq_random_exchange", "rabbitmq_recent_history_exchange", "rabbitmq_sharding",
    "rabbitmq_stomp", "rabbitmq_top", "rabbitmq_tracing", "rabbitmq_trust_store",
})  # fmt: skip
_PLUGIN_FAMILIES = (
    "rabbitmq_auth_", "rabbitmq_federation", "rabbitmq_peer_discovery_", "rabbitmq_shovel",
    "rabbitmq_stream", "rabbitmq_web_",
)  # fmt: skip
#: One of each version in which a rule changed. For a broker of unknown version, only what all of
#: them refuse is refused.
EVERY: tuple[Version, ...] = (
    (3, 10, 8), (3, 11, 0), (3, 12, 0), (3, 13, 0), (4, 0, 0), (4, 1, 0), (4, 2, 0), (4, 3, 0),
)  # fmt: skip


def version_of(said: str) -> Version | None:
    """Return "4.0.5" or "4.1.0-rc.1" as numbers; None if it isn't a version."""
    found = _DIGITS.match(said)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3] or 0))


def foreign_plugins(names: Collection[str]) -> list[str]:
    """Return those of some plugins that don't come with RabbitMQ, sorted."""
    return sorted(
        name
        for name in names
        if name.startswith("rabbitmq_")
        and name not in _PLUGINS
        and not name.startswith(_PLUGIN_FAMILIES)
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the broker would refuse an object: the field, and one whole sentence.

    `remedy` is the name of a transformation of definitions that removes the cause; "" for none. If
    not `refuses`, the broker accepts it, and a part of it has no effect.
    """

    field: str
    sentence: str
    remedy: str = ""
    refuses: bool = True


def _nothing_else(kind: str, key: tuple[str, ...]) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFacts:
    """Known facts of a broker. `said` is the version as the broker reports it. None means unknown
    in every field."""

    version: Version | None = None
    said: str = ""
    #: Exchange types available there: RabbitMQ's own and those of enabled plugins.
    exchange_types: Collection[str] | None = None
    #: Plugins that run on every node; may include other Erlang applications.
    plugins: Collection[str] | None = None
    #: When both were read, as the end of a sentence; "" for right now.
    polled: str = ""
    #: The fields that an existing object would change; None for a new object.
    changed: Collection[str] | None = None
    #: Whether `other` knows every object: one that it doesn't have doesn't exist.
    whole: bool = False
    #: The desired spec of another object, by its kind's name and key; empty if none is known.
    other: Callable[[str, tuple[str, ...]], Mapping[str, Any]] = field(default=_nothing_else)

    @property
    def called(self) -> str:
        """Return the broker's name for a sentence: "RabbitMQ 4.0.5"."""
        return f"RabbitMQ {self.said}" if self.said else "RabbitMQ"

    def at_least(self, since: str) -> bool:
        """Return whether the broker has what `since` introduced; "" for always. True if the version
        is unknown."""
        least = version_of(since)
        return least is None or self.version is None or self.version >= least

    def before(self, until: str) -> bool:
        """Return whether the broker still has what `until` removed; "" for always. True if the
        version is unknown."""
        last = version_of(until)
        return last is None or self.version is None or self.version < last

    @property
    def has_foreign_plugins(self) -> bool:
        """Return whether plugins may run there that don't come with RabbitMQ and add values that no
        list here has."""
        return self.plugins is None or bool(foreign_plugins(self.plugins))

    def lacks_plugin(self, *names: str) -> bool:
        """Return whether none of these plugins runs there; False if that is unknown."""
        return self.plugins is not None and not set(names) & set(self.plugins)
