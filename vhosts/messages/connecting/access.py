"""What a RabbitMQ user may do in a virtual host, in sentences, from the permissions that were last
read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from accessctl.authorize import AnyUser, may
from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.patterns.check import dialect_of, matches
from accessctl.patterns.pcre import TooCostly
from accessctl.patterns.words import in_words
from accessctl.rights import Permission

#: By right: with a pattern that matches everything, with one that matches nothing, with any other.
_SENTENCES: Mapping[str, tuple[str, str, str]] = {
    "configure": (
        "May declare and delete every queue and exchange.",
        "May declare no queue or exchange.",
        "May declare and delete queues and exchanges:",
    ),
    "write": (
        "May publish to every exchange.",
        "May publish to no exchange.",
        "May publish to exchanges:",
    ),
    "read": (
        "May consume from every queue.",
        "May consume from no queue.",
        "May consume from queues:",
    ),
}
#: A name such as RabbitMQ gives to a queue that is declared without one.
_SERVER_NAMED = "amq.gen-AbCdEfGhIjKlMnOpQrStUv"
_ROUND_TRIP = (("configure", _SERVER_NAMED), ("write", "amq.default"), ("read", _SERVER_NAMED))


@dataclass(frozen=True, slots=True)
class Line:
    right: str
    sentence: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Access:
    """`state`: granted; none: no permission in this virtual host; unknown: permissions weren't read,
    and `why` says why; hidden: you may not see them.

    `round_trip`: whether the user may send itself a message through a private queue, or it is
    unknown. `by_topic`: topic permissions limit its routing keys too.
    """

    state: Literal["granted", "none", "unknown", "hidden"]
    lines: tuple[Line, ...] = ()
    why: str = ""
    round_trip: bool = True
    by_topic: bool = False


def access_of(user: BrokerUser, vhost: str, viewer: AnyUser) -> Access:
    """Return what the user may do there, as far as the viewer may know. Two queries."""
    broker = user.broker
    if not may(viewer, Permission.PERMISSIONS_VIEW, broker, vhost):
        return Access("hidden")
    at = {"broker": broker, "vhost": vhost, "user": user.name}
    found = BrokerPermission.objects.filter(**at).first()
    if found is None:
        why = broker.status.why_unknown("permissions")
        return Access("unknown", why=why) if why else Access("none", round_trip=False)
    patterns = {right: getattr(found, right) for right in _SENTENCES}
    return Access(
        "granted",
        tuple(Line(right, _sentence(right, one), one) for right, one in patterns.items()),
        round_trip=all(
            _allows(patterns[right], name, broker.status.erlang_version)
            for right, name in _ROUND_TRIP
        ),
        by_topic=BrokerTopicPermission.objects.filter(**at).exists(),
    )


def _sentence(right: str, pattern: str) -> str:
    every, none, some = _SENTENCES[right]
    words = in_words(pattern)
    if words.kind == "all":
        return every
    return none if words.kind == "nothing" else f"{some} {words.words}"


def _allows(pattern: str, name: str, erlang: str) -> bool:
    """Whether the pattern matches, or only the broker can decide."""
    try:
        return matches(pattern, name, dialect=dialect_of(erlang)) is not False
    except TooCostly:
        return True
