"""Who may change which RabbitMQ user, and who may know that it exists.

A user belongs to a broker, not to a virtual host, but a person may have grants on virtual hosts
only. The console has a powerful account on the broker. So only these rules prevent a vhost
administrator from taking over another user: through tags, its password or its deletion.
docs/access.md describes the rules, docs/decisions/0031-users-belong-to-a-scope.md the reasons.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import F, QuerySet

from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.reach import AnyUser, Reach, reach_of
from accessctl.rights import Permission
from console.engine.supported import facts_of_version
from console.errors import NotAllowed
from console.kinds.common.kind import Key, Op, Spec
from console.kinds.refusals.versions import BrokerFacts, Fault
from console.kinds.user import PROTECTED, USER
from console.models import OPEN_STEPS, Broker, ManagedObject, Step

NOT_OF_THIS_BROKER = "You aren't allowed to change users on this broker."
NOT_YOURS = (
    "The user doesn't belong to your virtual hosts. It belongs to them only if it was "
    "created here for them; a permission in them isn't enough."
)
ELSEWHERE = "The user has permissions in virtual hosts that you don't administer."
#: RabbitMQ 4.3 answers 400 to a PUT or DELETE of a user with the tag `protected` over its HTTP API;
#: its limits and permissions can be changed (tested on 4.3.6). On 3.10.8 and 4.0.5 the tag has no
#: meaning; 4.1 and 4.2 weren't tested.
_SINCE, _PERHAPS_SINCE = (4, 3), (4, 1)
_MAY_REFUSE = "It has the tag protected: this RabbitMQ version may refuse. Then use rabbitmqctl."


def why_not_edit_user(user: AnyUser, broker: Broker, name: str) -> str:
    """Return why `user` may not create, change or delete the RabbitMQ user `name`, as a sentence;
    "" if they may. The RabbitMQ user's state is from the last inventory.

    - On the whole broker: any user without tags. A user with tags also requires users:tag;
      otherwise, an administrator's password could be set.
    - On some virtual hosts: a new user, or one without tags that belongs to them and has
      permissions only in them.
    Tags and limits have separate rights: users:tag, vhosts:limit.
    """
    reach = reach_of(user)
    if not reach.has_somewhere(Permission.USERS_EDIT, broker):
        return NOT_OF_THIS_BROKER
    if reach.has(Permission.USERS_EDIT, broker) and reach.has(Permission.USERS_TAG, broker):
        return ""
    if not knows_user(user, broker, name):
        return "" if not is_anywhere(broker, name) else NOT_YOURS
    seen = BrokerUser.objects.filter(broker=broker, name=name).first()
    if not isinstance(seen, BrokerUser):
        return ""
    vhosts: set[str] = set()
    if not reach.has(Permission.USERS_EDIT, broker):
        for model in (BrokerPermission, BrokerTopicPermission):
            rows = model.objects.filter(broker=broker, user=name)
            vhosts.update(rows.values_list("vhost", flat=True))
    return why_not_theirs(reach, broker, tags=seen.tags, vhosts=vhosts, belongs_to=seen.owner_scope)


def is_creating(person: AnyUser, broker: Broker, name: str) -> bool:
    """Return whether the person may create users, and their last request for this one is an
    unfinished creation."""
    return (
        reach_of(person).has_somewhere(Permission.USERS_EDIT, broker)
        and Step.objects.filter(
            target__in=_asked_for(broker, [name]),
            generation=F("target__generation"),
            op=Op.CREATE,
            state__in=OPEN_STEPS,
            change__author=person.pk,
        ).exists()
    )


def why_not_theirs(
    reach: Reach,
    broker: Broker,
    *,
    tags: Sequence[str],
    vhosts: Iterable[str],
    belongs_to: Sequence[str] | None,
) -> str:
    """Like `why_not_edit_user`, for an existing user with these facts. `vhosts` are those in which
    it has permissions, `belongs_to` is its scope. Needs users:edit somewhere on the broker."""
    whole = reach.has(Permission.USERS_EDIT, broker)
    if tags and not (whole and reach.has(Permission.USERS_TAG, broker)):
        return (
            f"The user has tags ({', '.join(tags)}), so changing it requires the right to set tags."
        )
    if whole:
        return ""
    if any(not reach.has(Permission.USERS_EDIT, broker, vhost) for vhost in vhosts):
        return ELSEWHERE
    if not reach.covers_each(Permission.USERS_EDIT, broker, belongs_to or ()):
        return NOT_YOURS
    return ""


def knows_user(person: AnyUser, broker: Broker, name: str) -> bool:
    """See `known_users`."""
    return bool(known_users(person, broker, [name]))


def known_users(person: AnyUser, broker: Broker, names: Collection[str]) -> set[str]:
    """Return those of the named users, existing or requested, that the person may know about.

    All of them, for a person who sees the whole broker. Otherwise, those that they see, and those
    that don't exist yet and that they requested last. An API token doesn't limit what its owner
    may know. At most four queries.
    """
    if sees_all_users(person, broker):
        return _anywhere(broker, names)
    within = BrokerUser.objects.within(reach_of(person).of_the_person)
    seen = within.filter(broker=broker, name__in=names)
    found = set(seen.values_list("name", flat=True))
    left = set(names) - found
    if not left:
        return found
    there = BrokerUser.objects.filter(broker=broker, name__in=left).values_list("name", flat=True)
    own = Step.objects.filter(
        target__in=_asked_for(broker, left - set(there)),
        generation=F("target__generation"),
        change__author=person.pk,
    )
    return found | {key[0] for key in own.values_list("target__key", flat=True)}


def sees_all_users(person: AnyUser, broker: Broker) -> bool:
    """Return whether no user of the broker is hidden from the person."""
    return reach_of(person).of_the_person.has(Permission.USERS_VIEW, broker)


def is_taken(person: AnyUser, broker: Broker, name: str) -> bool:
    """Return whether such a user exists or is requested, and the person may not know about it."""
    return is_anywhere(broker, name) and not knows_user(person, broker, name)


def is_anywhere(broker: Broker, name: str) -> bool:
    """Return whether such a user exists on the broker or is requested."""
    return bool(_anywhere(broker, [name]))


def _anywhere(broker: Broker, names: Collection[str]) -> set[str]:
    seen = BrokerUser.objects.filter(broker=broker, name__in=names)
    asked = _asked_for(broker, names).values_list("key", flat=True)
    return {*seen.values_list("name", flat=True), *(key[0] for key in asked)}


def _asked_for(broker: Broker, names: Iterable[str]) -> QuerySet[ManagedObject]:
    rows = ManagedObject.objects.with_keys([(name,) for name in names])
    return rows.filter(broker=broker, kind=USER.name, spec__isnull=False)


def refuse_protected(
    broker: Broker,
    name: str,
    observed: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    *,
    new_password: bool = False,
) -> None:
    """Raise NotAllowed if this RabbitMQ version refuses the change. `after` None: a deletion."""
    facts = facts_of_version(broker)
    for fault in protected_from(broker, facts, (name,), observed, after, new_password):
        if fault.refuses:
            raise NotAllowed(fault.sentence)


def protected_from(
    broker: Broker,
    facts: BrokerFacts,
    key: Key,
    before: Spec | None,
    after: Spec | None,
    new_password: bool,
) -> Iterator[Fault]:
    """Yield why this version refuses, or may refuse, to change or delete a protected user. Its
    limits can be changed."""
    tags = (before or {}).get("tags", ())
    if PROTECTED not in tags:
        return
    if after is not None and not new_password and set(after.get("tags", tags)) == set(tags):
        return
    act = "delete" if after is None else "change"
    version = facts.version or (0,)
    if version >= _SINCE:
        yield Fault(
            "tags",
            f"The user {key[0]} has the tag protected, so RabbitMQ refuses to {act} it over its HTTP API. "
            f"To {act} it, run rabbitmqctl on a node of {broker.name}.",
        )
    elif version >= _PERHAPS_SINCE:
        yield Fault("tags", _MAY_REFUSE, refuses=False)


def note_on(broker: Broker, tags: object) -> list[str]:
    """Return a warning before a deletion if it is unknown what this version does."""
    before = {"tags": tags if isinstance(tags, list) else []}
    found = protected_from(broker, facts_of_version(broker), ("",), before, None, False)
    return [fault.sentence for fault in found if not fault.refuses]
