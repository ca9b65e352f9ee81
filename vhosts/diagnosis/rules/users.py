"""Rules on RabbitMQ's users."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from accessctl.models import BrokerPermission, BrokerUser
from accessctl.rights import Permission
from console.models import Broker
from vhosts.diagnosis.finding import FEW, Finding, Fix, Harm, Rule, Subject
from vhosts.diagnosis.ground import Ground, link

_EVERYTHING = frozenset({".*", "^.*", "^.*$", ".*$", ""})
_ADMINISTRATOR = "administrator"


def _guest(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    rows = _users(ground, brokers).filter(name="guest", has_default_password=True)
    for user in rows:
        broker = ground.broker(user.broker_id)
        yield Finding(
            rule=rule, broker=broker, at=broker.status.part_at("users"), weight=len(user.tags),
            subjects=(Subject("guest", link("user", user.pk), f"tags: {', '.join(user.tags) or 'none'}"),),
            sentence="The user guest still has the password guest.",
            evidence="Whether it may connect from other machines (loopback_users) isn't reported.",
            fixes=(
                Fix("Edit user", link("user_edit", user.pk), Permission.USERS_EDIT),
                Fix("Delete user", link("user_delete", user.pk), Permission.USERS_EDIT),
            ),
        )  # fmt: skip


def _users(ground: Ground, brokers: Sequence[Broker]) -> Any:
    ids = [broker.pk for broker in brokers]
    return BrokerUser.objects.visible_to(ground.viewer).filter(broker__in=ids).order_by("name")


def _administrators(
    ground: Ground, rule: Rule, brokers: Sequence[Broker], *, everything: bool
) -> Iterator[Finding]:
    """Judge the administrators with permissions: those that match every name somewhere, or those
    that match every name nowhere. The console's own users are left out."""
    users = defaultdict(list)
    for user in _users(ground, brokers).filter(tags__contains=[_ADMINISTRATOR]):
        if user.name != ground.broker(user.broker_id).username:
            users[user.broker_id].append(user)
    names = {user.name for found in users.values() for user in found}
    rows = BrokerPermission.objects.visible_to(ground.viewer).filter(
        broker__in=list(users), user__in=names
    )
    held: dict[tuple[int, str], list[bool]] = defaultdict(list)
    for row in rows:
        patterns = (row.configure, row.write, row.read)
        held[row.broker_id, row.user].append(all(one in _EVERYTHING and one for one in patterns))
    for broker_id, found in users.items():
        broker = ground.broker(broker_id)
        fit = [
            user
            for user in found
            if (grants := held.get((broker_id, user.name)))
            and any(grants) is everything
            and (rule.name, broker_id, "", user.name) not in ground.ignored
        ]
        if not fit:
            continue
        number = len(fit)
        yield Finding(
            rule=rule, broker=broker, at=broker.status.part_at("users"), count=number, weight=number,
            subjects=tuple(
                Subject(user.name, link("user", user.pk),
                        f"permissions in {len(held[broker_id, user.name]):,} virtual hosts")
                for user in fit[:FEW]
            ),
            sentence=f"{number:,} administrator{'' if number == 1 else 's'} "
            + (
                "can publish, consume and delete everything (.*)." if everything
                else f"{'has' if number == 1 else 'have'} limited permissions, as an application would."
            ),
            ignored_subjects=ground.ignored_among(rule, broker_id, ""),
            fixes=(Fix("Edit user", link("user_edit", fit[0].pk), Permission.USERS_TAG),)
            if number == 1 else (),
        )  # fmt: skip


def _all_powerful(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    yield from _administrators(ground, rule, brokers, everything=True)


def _needless(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    yield from _administrators(ground, rule, brokers, everything=False)


_BOTH = (Permission.USERS_VIEW, Permission.PERMISSIONS_VIEW)
RULES = (
    Rule(
        name="default-password", title="guest has the default password", harm=Harm.EXPOSED,
        why="Anybody who reaches the broker can try it. RabbitMQ lets guest connect from the node's own "
        "machine only, unless the configuration says otherwise.",
        needs=("users",), rights=(Permission.USERS_VIEW,), judge=_guest,
    ),
    Rule(
        name="all-powerful-administrator", title="Administrators with .* permissions", harm=Harm.EXPOSED,
        why="An account that administers the broker and can also use every queue is worth most to a thief. "
        "Applications need neither the tag nor .*.",
        needs=("users", "permissions"), rights=_BOTH, judge=_all_powerful,
    ),
    Rule(
        name="needless-administrator", title="Administrators with limited permissions", harm=Harm.EXPOSED,
        why="An administrator can give itself any permission, so its limits protect nothing. If it is an "
        "application, remove the tag.",
        needs=("users", "permissions"), rights=_BOTH, judge=_needless,
    ),
)  # fmt: skip
