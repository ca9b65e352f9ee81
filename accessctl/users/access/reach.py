"""What a RabbitMQ user can reach on its broker: where it has rights, described as text, and what
needs a look.

Don't confuse it with `accessctl.reach`, which is about people of the console.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.patterns.words import PatternWords, in_words
from accessctl.reach import AnyUser

RIGHTS = ("configure", "write", "read")


@dataclass(frozen=True, slots=True)
class VhostReach:
    """What the user can do in one virtual host. `words` is one sentence about the three rights."""

    vhost: str
    rights: dict[str, PatternWords]
    words: str
    topics: tuple[BrokerTopicPermission, ...] = ()

    @property
    def is_everything(self) -> bool:
        return all(words.kind == "all" for words in self.rights.values())


@dataclass(frozen=True, slots=True)
class Flag:
    """`code`: administrator | default_password | everything | unused."""

    code: Literal["administrator", "default_password", "everything", "unused"]
    sentence: str


@dataclass(frozen=True, slots=True)
class UserReach:
    """All that a user can reach. `idle_topics` are topic permissions in virtual hosts without a
    permission: they have no effect."""

    user: BrokerUser
    vhosts: tuple[VhostReach, ...]
    flags: tuple[Flag, ...]
    idle_topics: tuple[BrokerTopicPermission, ...] = ()


def reach_of_users(users: Iterable[BrokerUser], viewer: AnyUser | None = None) -> list[UserReach]:
    """Return the users' reach in the given order, limited to what a `viewer` may see. Two queries
    for any number of users and brokers."""
    found = list(users)
    mine = {
        "broker__in": {user.broker_id for user in found},
        "user__in": {user.name for user in found},
    }
    permissions: dict[tuple[int, str], list[BrokerPermission]] = {}
    rows, topic_rows = BrokerPermission.objects.all(), BrokerTopicPermission.objects.all()
    if viewer is not None:
        rows, topic_rows = rows.visible_to(viewer), topic_rows.visible_to(viewer)
    for row in rows.filter(**mine).order_by("vhost"):
        permissions.setdefault((row.broker_id, row.user), []).append(row)
    topics: dict[tuple[int, str], list[BrokerTopicPermission]] = {}
    for topic in topic_rows.filter(**mine).order_by("vhost", "exchange"):
        topics.setdefault((topic.broker_id, topic.user), []).append(topic)
    return [
        _reach(
            user,
            permissions.get((user.broker_id, user.name), []),
            topics.get((user.broker_id, user.name), []),
        )
        for user in found
    ]


def reach_of_user(user: BrokerUser, viewer: AnyUser | None = None) -> UserReach:
    return reach_of_users([user], viewer)[0]


def _reach(
    user: BrokerUser, permissions: list[BrokerPermission], topics: list[BrokerTopicPermission]
) -> UserReach:
    vhosts = []
    for row in permissions:
        rights = {right: in_words(getattr(row, right)) for right in RIGHTS}
        there = tuple(topic for topic in topics if topic.vhost == row.vhost)
        vhosts.append(VhostReach(row.vhost, rights, rights_in_words(rights), there))
    allowed = {row.vhost for row in permissions}
    idle = tuple(topic for topic in topics if topic.vhost not in allowed)
    return UserReach(user, tuple(vhosts), tuple(_flags(user, vhosts)), idle)


def rights_in_words(rights: dict[str, PatternWords]) -> str:
    """Return one sentence about the three rights."""
    kinds = {words.kind for words in rights.values()}
    if kinds == {"all"}:
        return "Can do everything."
    if kinds == {"nothing"}:
        return "Can connect, but nothing else."
    verbs = {"configure": "configure", "write": "write to", "read": "read from"}
    said = [
        f"{verbs[right]} {words.words}"
        for right, words in rights.items()
        if words.kind != "nothing"
    ]
    return f"Can {'; '.join(said)}."


def _flags(user: BrokerUser, vhosts: list[VhostReach]) -> Iterable[Flag]:
    if user.has_default_password:
        yield Flag("default_password", "It still has RabbitMQ's default password.")
    everywhere = [reach.vhost for reach in vhosts if reach.is_everything]
    if "administrator" in user.tags:
        yield Flag(
            "administrator",
            "An administrator: can give itself any permission in every virtual host."
            + (
                " It has all permissions in every virtual host it can access."
                if _all(everywhere, vhosts)
                else ""
            ),
        )
    elif everywhere and _all(everywhere, vhosts):
        yield Flag("everything", "May do everything in each virtual host that it may enter.")
    known = user.broker.status.knows("permissions")
    if known and not vhosts and not set(user.tags) & {"administrator", "monitoring"}:
        yield Flag(
            "unused", "Has no permission in any virtual host, so that it cannot use the broker."
        )


def _all(everywhere: list[str], vhosts: list[VhostReach]) -> bool:
    return bool(vhosts) and len(everywhere) == len(vhosts)
