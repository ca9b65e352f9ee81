"""How far grants reach, said outright: one grant, one question, one answer. No database is asked."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q

from accessctl.grants.roles import Role
from accessctl.models import Grant
from accessctl.reach import Place, Reach, brokers_seen_by, limit_reach, reach_of
from accessctl.rights import Permission
from console.models import Broker

A = Broker(pk=1, name="a", environment="production")
B = Broker(pk=2, name="b", environment="staging")
NOTHING = Q(pk__in=[])
SEE, EDIT = Permission.VHOSTS_VIEW, Permission.VHOSTS_EDIT


def grant(role=Role.VHOST_ADMINISTRATOR, **columns) -> Grant:
    return Grant(role=role, **columns)


def reach(*grants, **more) -> Reach:
    return Reach(active=True, grants=grants, **more)


ON_A = grant(broker=A)
TEAM_ON_A = grant(broker=A, vhost_pattern="/team-*")
PRODUCTION = grant(environment="production")
EVERYWHERE = grant()


@pytest.mark.parametrize(
    ("place", "held", "within"),
    [
        (Place(), EVERYWHERE, True),
        (Place(), ON_A, False),
        (Place(), PRODUCTION, False),
        (Place(), TEAM_ON_A, False),
        (Place(A), EVERYWHERE, True),
        (Place(A), ON_A, True),
        (Place(A), PRODUCTION, True),
        (Place(A), TEAM_ON_A, False),
        (Place(B), ON_A, False),
        (Place(B), PRODUCTION, False),
        (Place(None, "production"), PRODUCTION, True),
        (Place(None, "production"), EVERYWHERE, True),
        (Place(None, "production"), ON_A, False),
        (Place(None, "staging"), PRODUCTION, False),
        (Place(A, "", "/team-red"), TEAM_ON_A, True),
        (Place(A, "", "/team-*"), TEAM_ON_A, True),
        (Place(A, "", "/t*"), TEAM_ON_A, False),
        (Place(B, "", "/team-red"), TEAM_ON_A, False),
        (
            Place(None, "production", "/x*"),
            grant(environment="production", vhost_pattern="/*"),
            True,
        ),
        (
            Place(None, "production", "*"),
            grant(environment="production", vhost_pattern="/*"),
            False,
        ),
    ],
)
def test_a_place_is_within_a_grant_only_as_a_whole(place, held, within):
    assert place.is_within(held) is within
    assert reach(held).covers(EDIT, place) is within
    assert reach(grant(Role.VIEWER), held).covers(EDIT, place) is within
    assert not reach(held).covers(Permission.GRANTS_EDIT, place)


@pytest.mark.parametrize(
    ("held", "broker", "vhost", "has"),
    [
        (ON_A, A, None, True),
        (ON_A, A, "/x", True),
        (ON_A, B, "/x", False),
        (PRODUCTION, A, None, True),
        (PRODUCTION, B, None, False),
        (EVERYWHERE, B, "/x", True),
        (TEAM_ON_A, A, None, False),
        (TEAM_ON_A, A, "/team-red", True),
        (TEAM_ON_A, A, "/red", False),
        (TEAM_ON_A, B, "/team-red", False),
        # About no broker in particular: some part of some broker is enough to see the page.
        (TEAM_ON_A, None, None, True),
        (PRODUCTION, None, None, True),
    ],
)
def test_a_right_is_held_where_its_grant_is(held, broker, vhost, has):
    assert reach(held).has(EDIT, broker, vhost) is has
    assert reach(grant(Role.VIEWER), held).has(EDIT, broker, vhost) is has
    assert reach(held).has(Permission.GRANTS_EDIT, broker, vhost) is False
    assert reach().has(EDIT, broker, vhost) is False
    assert Reach(active=True, everything=True).has(EDIT, broker, vhost) is True


def test_facts_about_a_broker_are_held_with_any_part_of_it():
    for permission in (Permission.BROKERS_VIEW, Permission.POLLS_VIEW):
        assert reach(TEAM_ON_A).has(permission, A)
        assert not reach(TEAM_ON_A).has(permission, B)
    assert not reach(grant(Role.VIEWER, broker=A, vhost_pattern="/x")).has(SEE, A)


def test_what_is_about_the_whole_console_takes_a_grant_on_all_of_it():
    admin = Role.BROKER_ADMINISTRATOR
    assert reach(grant(admin)).has(Permission.BROKERS_ADD)
    assert not reach(grant(admin, broker=A)).has(Permission.BROKERS_ADD)
    assert not reach(grant(admin, environment="production")).has(Permission.BROKERS_ADD)
    assert not reach(grant(admin, vhost_pattern="/*")).has(Permission.BROKERS_ADD)


def test_what_is_everybodys_takes_no_grant_but_an_active_account():
    assert reach().has(Permission.SESSIONS_OWN)
    assert not Reach(active=False).has(Permission.SESSIONS_OWN)
    assert not Reach(active=False, everything=True).has(EDIT)
    assert not reach(only=frozenset({EDIT})).has(Permission.TOKENS_OWN)


def test_a_token_limits_its_owner_and_gives_nothing():
    limited = reach(ON_A, only=frozenset({SEE, Permission.GRANTS_EDIT}))
    assert limited.has(SEE, A)
    assert not limited.has(EDIT, A)
    assert not limited.has(Permission.GRANTS_EDIT, A)
    assert not limited.has_somewhere(EDIT, A)
    assert not limited.covers(EDIT, Place(A))
    assert limited.objects(EDIT) == NOTHING
    assert limited.brokers(EDIT) == NOTHING
    root = Reach(active=True, everything=True, only=frozenset({SEE}))
    assert (root.has(SEE), root.has(EDIT)) == (True, False)
    assert root.covers(SEE, Place())
    assert not root.covers(EDIT, Place())
    assert not reach(ON_A, only=frozenset()).lets(SEE)
    # What it allows is as it would be without a token.
    assert limited.has_somewhere(SEE, A)
    assert limited.covers(SEE, Place(A))
    assert limited.objects(SEE) == reach(ON_A).objects(SEE) != NOTHING
    assert limited.brokers(SEE) == reach(ON_A).brokers(SEE) != NOTHING


def test_somewhere_is_the_broker_or_any_of_its_virtual_hosts():
    assert reach(TEAM_ON_A).has_somewhere(EDIT, A)
    assert not reach(TEAM_ON_A).has_somewhere(EDIT, B)
    assert not reach(TEAM_ON_A).has_somewhere(Permission.GRANTS_EDIT, A)
    assert Reach(active=True, everything=True).has_somewhere(EDIT, B)
    assert not Reach(active=False, everything=True).has_somewhere(EDIT, B)


def test_partial_is_who_has_a_grant_on_some_virtual_hosts():
    assert reach(ON_A, TEAM_ON_A).is_partial
    assert not reach(ON_A, PRODUCTION).is_partial
    assert not reach().is_partial


@pytest.mark.parametrize(
    ("grants", "brokers", "named", "objects", "of_broker"),
    [
        ([], NOTHING, NOTHING, NOTHING, NOTHING),
        ([grant(Role.AUDITOR)], NOTHING, NOTHING, NOTHING, NOTHING),
        ([EVERYWHERE], Q(), Q(), Q(), Q()),
        ([ON_A, EVERYWHERE], Q(), Q(), Q(), Q()),
        ([ON_A], Q(pk=1), Q(at=1), Q(broker=1), Q(broker=1)),
        ([grant(Role.AUDITOR), ON_A], Q(pk=1), Q(at=1), Q(broker=1), Q(broker=1)),
        (
            [PRODUCTION],
            Q(environment="production"),
            Q(at__environment="production"),
            Q(broker__environment="production"),
            Q(broker__environment="production"),
        ),
        (
            [TEAM_ON_A],
            Q(pk=1),
            Q(at=1),
            Q(broker=1) & Q(vhost__glob="/team-*"),
            NOTHING,
        ),
        (
            [grant(vhost_pattern="/x*")],
            Q(),
            Q(),
            Q(vhost__glob="/x*"),
            NOTHING,
        ),
        (
            [TEAM_ON_A, PRODUCTION],
            Q(pk=1) | Q(environment="production"),
            Q(at=1) | Q(at__environment="production"),
            (Q(broker=1) & Q(vhost__glob="/team-*")) | Q(broker__environment="production"),
            Q(broker__environment="production"),
        ),
    ],
)
def test_grants_become_the_conditions_that_lists_are_filtered_by(
    grants, brokers, named, objects, of_broker
):
    def either(condition: Q) -> Q:
        return condition if condition in (Q(), NOTHING) else NOTHING | condition

    held = reach(*grants)
    assert held.brokers(EDIT) == either(brokers)
    assert held.brokers(EDIT, "at") == either(named)
    assert held.objects(EDIT) == either(objects)
    assert held.objects(EDIT, vhost="") == either(of_broker)
    assert Reach(active=True, everything=True).objects(EDIT) == Q()
    assert Reach(active=False, everything=True).objects(EDIT) == NOTHING
    assert Reach(active=False, grants=grants).brokers(EDIT) == NOTHING


def test_columns_are_called_as_the_caller_says():
    held = reach(TEAM_ON_A)
    wanted = NOTHING | (Q(queue__broker=1) & Q(queue__vhost__glob="/team-*"))
    assert held.objects(EDIT, broker="queue__broker", vhost="queue__vhost") == wanted


def test_who_may_not_log_in_or_is_nobody_reaches_nothing():
    assert reach_of(AnonymousUser()) == Reach(active=False)
    gone = User(username="gone", is_active=False, is_superuser=True)
    assert reach_of(gone) == Reach(active=False)
    assert brokers_seen_by(gone) == NOTHING


def test_a_superuser_reaches_everything_and_a_token_of_theirs_what_it_allows():
    root = User(username="root", is_superuser=True)
    assert reach_of(root) == Reach(active=True, everything=True)
    assert brokers_seen_by(root) == Q()
    assert reach_of(root) is reach_of(root)
    only = frozenset({SEE})
    limit_reach(root, only)
    assert reach_of(root) == Reach(active=True, everything=True, only=only)
    assert brokers_seen_by(root) == NOTHING
    limit_reach(root, None)
    assert reach_of(root).only is None
