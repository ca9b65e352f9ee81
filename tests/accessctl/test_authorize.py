from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.http import Http404

from accessctl.authorize import access_broker, allowed, may, may_by_name, may_somewhere, why
from accessctl.grants.roles import PERMISSIONS_OF, Role
from accessctl.models import BrokerPermission, BrokerUser, Grant
from accessctl.rights import CONSOLE_WIDE, EVERYBODYS, OF_ANY_PART, Permission
from accessctl.users.access.ownership import why_not_edit_user
from console.errors import NotAllowed
from console.models import Broker
from tests.accessctl.cast import AT
from vhosts.models import Queue, VirtualHost

EVERYONE = ("alice", "bob", "charlie", "vera", "audrey", "paula")
#: Who may do what on the whole of broker A, said outright: a change of a role must be meant.
MAY_ON_A = {
    "alerts:acknowledge": {"alice"},
    "alerts:edit": {"alice"},
    "alerts:view": {"alice", "bob", "audrey"},
    "audit:view": {"audrey"},
    "bindings:edit": set(),
    "brokers:add": set(),
    "brokers:edit": set(),
    "brokers:forget": set(),
    "brokers:test": {"alice"},
    "brokers:view": {"alice", "bob", "vera", "audrey"},
    "changes:stop": {"alice"},
    "changes:view": {"alice", "bob", "audrey"},
    "connections:close": {"alice"},
    "connections:view": {"alice", "bob", "audrey"},
    "dashboards:edit": {"alice"},
    "definitions:export": {"alice"},
    "definitions:import": set(),
    "drift:resolve": {"alice"},
    "drift:view": {"alice", "bob", "audrey"},
    "exchanges:edit": set(),
    "explain:use": {"alice", "bob", "audrey"},
    "grants:edit": set(),
    "grants:view": {"audrey"},
    "hashes:export": set(),
    "messages:export": {"alice"},
    "messages:move": {"alice"},
    "messages:publish": {"alice"},
    "messages:read": set(),
    "messages:view": {"alice"},
    "parameters:edit": set(),
    "parameters:view": {"alice", "bob", "audrey"},
    "people:edit": set(),
    "people:view": {"audrey"},
    "permissions:edit": set(),
    "permissions:view": {"alice", "bob", "audrey"},
    "policies:edit": {"alice"},
    "policies:view": {"alice", "bob", "audrey"},
    "polls:view": {"alice", "bob", "vera", "audrey"},
    "queues:edit": set(),
    "queues:purge": {"alice"},
    "queues:view": {"alice", "bob", "audrey"},
    "replicas:edit": set(),
    "sessions:own": set(EVERYONE),
    "tokens:own": set(EVERYONE),
    "users:edit": set(),
    "users:tag": set(),
    "users:view": {"alice", "bob", "audrey"},
    "vhosts:create": set(),
    "vhosts:delete": set(),
    "vhosts:edit": set(),
    "vhosts:limit": set(),
    "vhosts:restart": {"alice"},
    "vhosts:view": {"alice", "bob", "audrey"},
}


def test_the_names_are_in_order_and_of_one_shape() -> None:
    values = [permission.value for permission in Permission]
    assert values == sorted(values)
    assert [p.name for p in Permission] == [v.replace(":", "_").upper() for v in values]
    assert set(MAY_ON_A) == set(values)


@pytest.mark.parametrize("permission", list(Permission))
def test_each_of_the_cast_may_what_its_role_gives_on_its_broker(cast, permission) -> None:
    on_a = {name for name in EVERYONE if may(getattr(cast, name), permission, cast.a)}
    assert on_a == MAY_ON_A[permission]
    charlie = PERMISSIONS_OF[Role.BROKER_ADMINISTRATOR] | EVERYBODYS
    assert may(cast.charlie, permission, cast.b) is (permission in charlie)
    assert may(cast.root, permission, cast.a)
    assert not may(AnonymousUser(), permission, cast.a)


@pytest.mark.parametrize("permission", list(Permission))
def test_a_vhost_administrator_has_rights_only_where_the_pattern_matches(cast, permission) -> None:
    vera = cast.vera
    held = permission in PERMISSIONS_OF[Role.VHOST_ADMINISTRATOR]
    of_any_part = permission in OF_ANY_PART | EVERYBODYS
    assert may(vera, permission, cast.a, "/team-green") is (held or of_any_part)
    assert may(vera, permission, cast.a, "/") is of_any_part
    assert may(vera, permission, cast.a) is of_any_part
    assert may(vera, permission, cast.b, "/team-green") is (permission in EVERYBODYS)
    assert may_somewhere(vera, permission, cast.a) is (held or permission in OF_ANY_PART)


def test_a_vhost_administrator_holds_nothing_that_reaches_beyond(cast) -> None:
    beyond = {"users:tag", "vhosts:limit", "hashes:export", "grants:edit", "brokers:edit"}
    assert not beyond & PERMISSIONS_OF[Role.VHOST_ADMINISTRATOR]


def test_no_role_reads_messages_but_the_flag_does(cast) -> None:
    assert not any(Permission.MESSAGES_READ in held for held in PERMISSIONS_OF.values())
    Grant.objects.filter(user__username="bob").update(reads_messages=True)
    assert may(cast.bob, Permission.MESSAGES_READ, cast.a, "/")
    assert not may(cast.bob, Permission.MESSAGES_READ, cast.b, "/")


def test_what_is_about_no_broker_takes_a_grant_on_all_of_them(cast) -> None:
    assert not may(cast.charlie, Permission.BROKERS_ADD)
    cast.grant("charlie", Role.BROKER_ADMINISTRATOR, environment="staging")
    assert not may(cast.charlie, Permission.BROKERS_ADD)
    cast.grant("charlie", Role.BROKER_ADMINISTRATOR)
    assert may(cast.charlie, Permission.BROKERS_ADD)
    assert not may(cast.charlie, Permission.PEOPLE_EDIT), "accounts are for superusers"
    assert {"brokers:add", "people:edit"} == CONSOLE_WIDE


def test_a_group_shares_its_grant_and_leaving_it_ends_it(cast) -> None:
    group = Group.objects.create(name="ops")
    Grant.objects.create(group=group, role=Role.OPERATOR, environment="staging", created_at=AT)
    cast.paula.groups.add(group)
    assert may(cast.paula, Permission.BROKERS_TEST, cast.b)
    assert not may(cast.paula, Permission.BROKERS_TEST, cast.a)
    assert "group ops" in why(cast.paula, Permission.BROKERS_TEST, cast.b).reasons[0]
    cast.paula.groups.remove(group)
    assert not may(cast.paula, Permission.BROKERS_TEST, cast.b)


def test_a_broker_that_changes_environment_leaves_the_grant_on_the_old_one(cast) -> None:
    cast.grant("paula", Role.VIEWER, environment="production")
    assert list(Broker.objects.visible_to(cast.paula)) == [cast.a]
    Broker.objects.filter(pk=cast.a.pk).update(environment="staging")
    assert not Broker.objects.visible_to(cast.paula).exists()


def test_an_account_that_is_switched_off_may_nothing(cast) -> None:
    for name in ("alice", "root"):
        person = getattr(cast, name)
        person.is_active = False
        person.save()
        person = getattr(cast, name)
        assert not allowed(person, Permission)
        assert not Broker.objects.visible_to(person).exists()


def _seen(user) -> dict[str, list[str]]:
    permissions = BrokerPermission.objects.visible_to(user)
    return {
        "brokers": sorted(b.name for b in Broker.objects.visible_to(user)),
        "vhosts": sorted(f"{v.broker.name}{v.name}" for v in VirtualHost.objects.visible_to(user)),
        "queues": sorted(f"{q.broker.name}{q.vhost}" for q in Queue.objects.visible_to(user)),
        "users": sorted(f"{u.broker.name}:{u.name}" for u in BrokerUser.objects.visible_to(user)),
        "permissions": sorted(f"{p.broker.name}{p.vhost}:{p.user}" for p in permissions),
    }


def test_lists_hold_what_is_in_scope_and_nothing_else(cast) -> None:
    all_of_a = _seen(cast.alice)
    assert all_of_a == _seen(cast.bob)
    assert all_of_a["brokers"] == ["a"]
    assert all_of_a["vhosts"] == all_of_a["queues"] == ["a/", "a/team-blue", "a/team-red"]
    assert len(all_of_a["users"]) == 7
    assert len(all_of_a["permissions"]) == 8
    assert _seen(cast.charlie) == {
        kind: [name.replace("a", "b", 1) for name in names] for kind, names in all_of_a.items()
    }
    assert _seen(cast.vera) == {
        "brokers": ["a"],
        "vhosts": ["a/team-blue", "a/team-red"],
        "queues": ["a/team-blue", "a/team-red"],
        "users": ["a:borrowed", "a:own", "a:red", "a:root", "a:shared"],
        "permissions": [
            "a/team-blue:red",
            "a/team-red:borrowed",
            "a/team-red:red",
            "a/team-red:root",
            "a/team-red:shared",
        ],
    }
    assert _seen(cast.audrey) == _seen(cast.root)
    assert not any(_seen(cast.paula).values())
    assert not any(_seen(AnonymousUser()).values())


def test_grants_are_read_once_whatever_is_asked(cast, django_assert_num_queries) -> None:
    vera = cast.vera
    with django_assert_num_queries(2):
        for permission in Permission:
            may(vera, permission, cast.a, "/team-red")
        list(Queue.objects.visible_to(vera))


def test_outside_the_scope_is_404_and_inside_without_the_right_403(cast) -> None:
    assert access_broker(cast.alice, cast.a.pk, Permission.BROKERS_TEST) == cast.a
    with pytest.raises(Http404):
        access_broker(cast.charlie, cast.a.pk, Permission.BROKERS_VIEW)
    with pytest.raises(NotAllowed):
        access_broker(cast.bob, cast.a.pk, Permission.BROKERS_TEST)
    with pytest.raises(NotAllowed):
        access_broker(cast.vera, cast.a.pk, Permission.BROKERS_EDIT)


@pytest.mark.parametrize(
    ("name", "permission", "vhost", "said"),
    [
        ("alice", "brokers:test", None, "Granted to alice: Operator on a."),
        ("alice", "vhosts:edit", "/", "None of the account's grants includes vhosts:edit."),
        (
            "charlie",
            "vhosts:edit",
            "/",
            "Not on this broker; the account has Broker administrator on b.",
        ),
        (
            "vera",
            "vhosts:edit",
            "/",
            "Not on this virtual host; the account has Vhost administrator on ",
        ),
        (
            "vera",
            "vhosts:edit",
            None,
            "Not on the whole broker; the account has Vhost administrator on ",
        ),
        ("paula", "vhosts:edit", None, "Neither the account nor its groups have any grant."),
        ("root", "vhosts:edit", None, "Superusers can do everything."),
    ],
)
def test_why_gives_the_same_answer_with_its_reason(cast, name, permission, vhost, said) -> None:
    person, asked = getattr(cast, name), Permission(permission)
    answer = why(person, asked, cast.a, vhost)
    assert answer.allowed is may(person, asked, cast.a, vhost)
    assert answer.reasons[0].startswith(said)


@pytest.mark.parametrize(
    ("kind", "key", "vera_may"),
    [
        ("vhost", ["/team-new"], True),
        ("vhost", ["/"], False),
        ("permission", ["/team-red", "other"], True),
        ("permission", ["/", "red"], False),
        ("parameter", ["/team-red", "/", "x"], False),
        ("", [], False),
        ("global_parameter", ["x"], False),
    ],
)
def test_a_step_is_judged_by_the_virtual_host_it_touches(cast, kind, key, vera_may) -> None:
    permission = "vhosts:edit"
    assert may_by_name(cast.vera, permission, cast.a, kind, key) is vera_may
    assert may_by_name(cast.root, permission, cast.a, kind, key)
    assert not may_by_name(cast.charlie, permission, cast.a, kind, key)
    assert not may_by_name(None, permission, cast.a, kind, key)
    assert not may_by_name(cast.root, "vhosts:burn", cast.a, kind, key)


@pytest.mark.parametrize(
    ("rabbit", "reason"),
    [
        ("red", ""),
        ("brand-new", ""),
        ("root", "The user has tags (administrator)"),
        ("own", ""),
        ("shared", "The user has permissions in virtual hosts that you don't administer"),
        # A permission in their virtual hosts does not make it theirs.
        ("borrowed", "The user doesn't belong to your virtual hosts."),
        # Hidden from them: one sentence for all.
        ("other", "The user doesn't belong to your virtual hosts."),
        ("orphan", "The user doesn't belong to your virtual hosts."),
    ],
)
def test_a_vhost_administrator_touches_only_users_of_their_own(cast, rabbit, reason) -> None:
    found = why_not_edit_user(cast.vera, cast.a, rabbit)
    assert found.startswith(reason)
    assert bool(found) == bool(reason)
    assert may_by_name(cast.vera, "users:edit", cast.a, "user", [rabbit]) is not bool(reason)
    assert why_not_edit_user(cast.vera, cast.b, rabbit), "another broker"
    assert why_not_edit_user(cast.bob, cast.a, rabbit), "a viewer"
    assert not why_not_edit_user(cast.charlie, cast.b, rabbit)


def test_a_vhost_administrator_of_a_whole_broker_cannot_take_over_an_administrator(cast) -> None:
    cast.grant("paula", Role.VHOST_ADMINISTRATOR, cast.a)
    assert not why_not_edit_user(cast.paula, cast.a, "other")
    assert "tags" in why_not_edit_user(cast.paula, cast.a, "root")
