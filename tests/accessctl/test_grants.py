from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from accessctl.authorize import may
from accessctl.grants.roles import Role
from accessctl.grants.service import GrantSettings, give_grant, take_grant
from accessctl.models import Grant
from accessctl.rights import Permission
from console.errors import InvalidField, NotAllowed
from console.models import AuditEntry
from tests.accessctl.cast import AT


def _give(cast, by: str, **settings):
    settings.setdefault("user", cast.paula)
    settings.setdefault("role", Role.VIEWER)
    return give_grant(GrantSettings(**settings), now=AT, acting_user=getattr(cast, by))


def test_a_grant_counts_from_the_next_request_until_it_is_taken(cast) -> None:
    grant = _give(cast, "root", role=Role.OPERATOR, broker=cast.a)
    assert may(cast.paula, Permission.BROKERS_TEST, cast.a)
    take_grant(grant, acting_user=cast.root)
    assert not may(cast.paula, Permission.BROKERS_TEST, cast.a)
    said = AuditEntry.objects.order_by("id").values_list("action", "target", "username")
    assert list(said) == [
        ("grants:give", "paula: Operator on a", "root"),
        ("grants:take", "paula: Operator on a", "root"),
    ]


@pytest.mark.parametrize("by", ["alice", "bob", "vera", "audrey", "paula"])
def test_only_broker_administrators_and_superusers_give(cast, by) -> None:
    with pytest.raises(NotAllowed, match="aren't allowed to edit grants"):
        _give(cast, by, broker=cast.a, vhost_pattern="/team-red")
    with pytest.raises(NotAllowed):
        take_grant(Grant.objects.get(user__username="bob"), acting_user=getattr(cast, by))
    assert not AuditEntry.objects.exists()


def test_a_broker_administrator_gives_on_the_own_broker_what_they_hold(cast) -> None:
    _give(cast, "charlie", role=Role.BROKER_ADMINISTRATOR, broker=cast.b)
    for elsewhere in ({"broker": cast.a}, {"environment": "staging"}, {}):
        with pytest.raises(NotAllowed, match="aren't allowed to edit grants on"):
            _give(cast, "charlie", **elsewhere)
    with pytest.raises(NotAllowed, match="You lack: messages:read"):
        _give(cast, "charlie", broker=cast.b, reads_messages=True)
    with pytest.raises(NotAllowed, match="You lack: audit:view"):
        _give(cast, "charlie", role=Role.AUDITOR, broker=cast.b)
    with pytest.raises(NotAllowed):
        take_grant(Grant.objects.get(user__username="audrey"), acting_user=cast.charlie)


def test_an_administrator_of_an_environment_gives_on_its_brokers_but_not_on_all(cast) -> None:
    cast.grant("bob", Role.BROKER_ADMINISTRATOR, environment="staging")
    _give(cast, "bob", broker=cast.b)
    _give(cast, "bob", environment="staging", vhost_pattern="/x*")
    for elsewhere in ({"broker": cast.a}, {"environment": "production"}, {}):
        with pytest.raises(NotAllowed):
            _give(cast, "bob", **elsewhere)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"user": None}, "user"),
        ({"role": "god"}, "role"),
        ({"environment": "moon"}, "environment"),
        ({"environment": "production", "broker": True}, "environment"),
        ({"vhost_pattern": "*a*b*c*d*e*"}, "vhost_pattern"),
        ({"vhost_pattern": "a\x00"}, "vhost_pattern"),
        ({"vhost_pattern": "é" * 128}, "vhost_pattern"),
        ({"role": Role.BROKER_ADMINISTRATOR, "vhost_pattern": "/x"}, "vhost_pattern"),
    ],
)
def test_what_cannot_be_granted_is_named(cast, asked, field) -> None:
    if asked.get("broker"):
        asked = {**asked, "broker": cast.a}
    with pytest.raises(InvalidField) as refused:
        _give(cast, "root", **asked)
    assert refused.value.field == field


def test_the_same_twice_is_refused_and_an_empty_pattern_is_everything(cast) -> None:
    assert _give(cast, "root", vhost_pattern="").vhost_pattern == "*"
    with pytest.raises(InvalidField, match="grant already exists"):
        _give(cast, "root", vhost_pattern="**")


def test_postgres_itself_refuses_a_grant_to_nobody_or_to_two(cast) -> None:
    group = Group.objects.create(name="ops")
    for columns in ({}, {"user": cast.paula, "group": group}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Grant.objects.create(role=Role.VIEWER, created_at=AT, **columns)
