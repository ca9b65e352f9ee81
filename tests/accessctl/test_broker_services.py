"""The desired_objects of people about vhosts, users and permissions, carried out on a live broker."""

from __future__ import annotations

import pytest

from accessctl.models import BrokerPermission, BrokerUser
from accessctl.permissions import rules as broker_permissions
from accessctl.permissions.patterns import Patterns
from accessctl.users import rules as broker_users
from accessctl.users.password import Password
from console.engine.accept import accept
from console.engine.proposal import Proposal
from console.errors import AlreadyThere, InvalidField, NotAllowed, NotThere
from console.kinds.common.kind import Ref
from console.rabbitmq.endpoint import Secret
from tests.engine import Engine, utc_now
from vhosts.models import Queue, VirtualHost
from vhosts.virtual_hosts import rules as manage_vhosts

pytestmark = pytest.mark.django_db
FULL = Patterns(".*", ".*", ".*")


def carry_out(engine: Engine, *desired_objects):
    change = accept(
        Proposal(title="t", origin="api", desired_objects=desired_objects),
        now=utc_now(),
        acting_user=engine.author,
    )
    engine.apply()
    change.refresh_from_db()
    return change


def user_row(engine, name, **columns):
    at = utc_now()
    return BrokerUser.objects.create(
        broker=engine.broker, name=name, first_seen_at=at, changed_at=at, **columns
    )


@pytest.fixture
def who(engine, now):
    # As after an inventory: what isn't there is known not to be.
    engine.broker.status.inventory_at = now
    engine.broker.status.save()
    return {"broker": engine.broker, "acting_user": engine.author}


def test_a_user_is_made_with_a_password_of_which_only_the_hash_leaves(engine, who, names, seen):
    name = names("user")
    desired = broker_users.create_user(
        name=name,
        password=Password(clear=Secret("correct horse")),
        fields={"tags": ["monitoring"], "limits": {"max-channels": 5}},
        **who,
    )
    assert "correct horse" not in repr(desired)
    assert carry_out(engine, desired).state == "done"
    assert seen("users", name)["tags"] == ["monitoring"]
    assert seen("user-limits", name)[0]["value"] == {"max-channels": 5}


def test_a_user_without_a_password_is_a_choice_of_its_own(engine, who, names, seen):
    name = names("user")
    desired = broker_users.create_user(name=name, password=Password(none=True), fields={}, **who)
    assert carry_out(engine, desired).state == "done"
    assert seen("users", name)["password_hash"] == ""


@pytest.mark.parametrize(
    ("password", "field"),
    [
        (Password(), "password"),
        (Password(clear=Secret("")), "password"),
        (Password(clear=Secret("a"), none=True), "password"),
        (Password(clear=Secret("a\x00b")), "password"),
        (Password(clear=Secret("x" * 2000)), "password"),
        (Password(hashed="not base64"), "password_hash"),
        (Password(hashed="QUJD"), "password_hash"),
        (Password(clear=Secret("a"), algorithm="rabbit_password_hashing_md5"), "hashing_algorithm"),
    ],
)
def test_a_password_that_cannot_be_is_refused_by_field(password, field, who):
    with pytest.raises(InvalidField) as caught:
        broker_users.create_user(name="somebody", password=password, fields={}, **who)
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["", ".", "..", "a\nb", "a\x00b", "é" * 128, "a:b", "\ud800"])
def test_a_user_name_that_cannot_be_sent_safely_is_refused(name, who):
    with pytest.raises(InvalidField) as caught:
        broker_users.create_user(name=name, password=Password(none=True), fields={}, **who)
    assert caught.value.field == "name"


@pytest.mark.parametrize(
    "name", ["a/b", "%2F", " x ", "<img src=x>", "a+b", "日本", "x" * 255, "null"]
)
def test_odd_names_that_are_legal_go_through(name, engine, who, seen, live_broker):
    desired = broker_users.create_user(name=name, password=Password(none=True), fields={}, **who)
    try:
        assert carry_out(engine, desired).state == "done"
        assert seen("users", name)["name"] == name
    finally:
        live_broker.forget("users", name)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tags": "administrator"}, "tags"),
        ({"tags": [5]}, "tags"),
        ({"tags": ["a,b"]}, "tags"),
        ({"tags": [str(n) for n in range(33)]}, "tags"),
        ({"limits": {"max-queues": 1}}, "limits"),
        ({"limits": {"max-channels": -1}}, "limits"),
        ({"limits": {"max-channels": True}}, "limits"),
        ({"limits": {"max-channels": 2**70}}, "limits"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_fields_that_cannot_be_are_refused_by_name(fields, field, who):
    with pytest.raises(InvalidField) as caught:
        broker_users.create_user(name="u", password=Password(none=True), fields=fields, **who)
    assert caught.value.field == field


def test_a_user_that_is_there_unmanaged_is_never_overwritten_by_creating_it(who, engine):
    user_row(engine, "app")
    with pytest.raises(AlreadyThere):
        broker_users.create_user(name="app", password=Password(none=True), fields={}, **who)


def test_editing_what_is_not_there_says_so(who):
    with pytest.raises(NotThere):
        broker_users.edit_user(name="nobody", fields={"tags": []}, **who)
    with pytest.raises(NotThere):
        broker_users.delete_user(name="nobody", **who)


def test_the_consoles_own_user_cannot_be_deleted_from_under_it(who, engine):
    user_row(engine, engine.broker.username)
    with pytest.raises(InvalidField, match="console signs in"):
        broker_users.delete_user(name=engine.broker.username, **who)


def test_editing_keeps_what_is_not_named(engine, who, names, seen):
    name = names("user")
    carry_out(
        engine,
        broker_users.create_user(
            name=name,
            password=Password(clear=Secret("a" * 9)),
            fields={"tags": ["x"], "limits": {"max-channels": 5}},
            **who,
        ),
    )
    first = seen("users", name)["password_hash"]
    assert (
        carry_out(engine, broker_users.edit_user(name=name, fields={"tags": ["y"]}, **who)).state
        == "done"
    )
    assert seen("users", name)["tags"] == ["y"]
    assert seen("users", name)["password_hash"] == first
    assert seen("user-limits", name)[0]["value"] == {"max-channels": 5}


def test_rights_are_set_and_cleared_for_many_at_once(engine, who, names, live_broker):
    vhosts, users = [names("vhost"), names("vhost")], [names("user"), names("user")]
    made = [manage_vhosts.create_vhost(name=v, fields={}, **who) for v in vhosts]
    made += [
        broker_users.create_user(name=u, password=Password(none=True), fields={}, **who)
        for u in users
    ]
    assert carry_out(engine, *made).state == "done"
    granted = broker_permissions.set_permissions(vhosts=vhosts, users=users, patterns=FULL, **who)
    assert len(granted) == 4
    assert carry_out(engine, *granted).state == "done"
    assert len(live_broker.call("GET", "users", users[0], "permissions")) == 2
    cleared = broker_permissions.clear_permissions(vhosts=vhosts[:1], users=users, **who)
    assert carry_out(engine, *cleared).state == "done"
    assert len(live_broker.call("GET", "users", users[0], "permissions")) == 1


def test_a_users_rights_are_copied_and_what_the_source_lacks_is_taken_only_if_asked(engine, who):
    at = utc_now()
    for user, vhost in (("a", "v1"), ("a", "v2"), ("b", "v3")):
        BrokerPermission.objects.create(
            broker=engine.broker, user=user, vhost=vhost, configure="", write="x", read=".*",
            first_seen_at=at, changed_at=at,
        )  # fmt: skip
    user_row(engine, "b")
    kept = broker_permissions.copy_permissions(source="a", target="b", replace=False, **who)
    assert {desired.ref.key for desired in kept} == {("v1", "b"), ("v2", "b")}
    whole = broker_permissions.copy_permissions(source="a", target="b", replace=True, **who)
    assert {w.ref.key: w.spec is None for w in whole} == {
        ("v1", "b"): False,
        ("v2", "b"): False,
        ("v3", "b"): True,
    }


def test_rights_for_what_nobody_knows_are_refused_by_name(who, engine):
    user_row(engine, "u")
    asked = {"vhosts": ["/nowhere"], "users": ["u", "nobody"], "patterns": FULL}
    with pytest.raises(InvalidField, match="has no virtual host /nowhere") as caught:
        broker_permissions.set_permissions(**asked, **who)
    assert caught.value.field == "vhost"
    making = [Ref("vhost", ("/nowhere",))]
    with pytest.raises(InvalidField, match="has no user nobody") as caught:
        broker_permissions.set_permissions(**asked, making=making, **who)
    assert caught.value.field == "user"
    making.append(Ref("user", ("nobody",)))
    assert len(broker_permissions.set_permissions(**asked, making=making, **who)) == 2


@pytest.mark.parametrize("pattern", ["a\x00", r"\x00", "x" * 1025, "\ud800", 5, None])
def test_a_pattern_no_broker_should_be_sent_is_refused_by_field(pattern, who, engine):
    user_row(engine, "u")
    with pytest.raises(InvalidField) as caught:
        broker_permissions.set_permissions(
            vhosts=["/"], users=["u"], patterns=Patterns(".*", pattern, ".*"), **who
        )
    assert caught.value.field == "write"


def test_topic_permissions_are_set_and_cleared(engine, who, names, seen):
    vhost, user = names("vhost"), names("user")
    carry_out(
        engine,
        manage_vhosts.create_vhost(name=vhost, fields={}, **who),
        broker_users.create_user(name=user, password=Password(none=True), fields={}, **who),
    )
    topic = {"key": (vhost, user, "amq.topic")}
    desired = broker_permissions.set_topic(fields={"write": "^a", "read": ""}, **topic, **who)
    assert carry_out(engine, desired).state == "done"
    assert seen("topic-permissions", vhost, user)[0]["write"] == "^a"
    assert carry_out(engine, broker_permissions.clear_topic(**topic, **who)).state == "done"
    assert not seen("topic-permissions", vhost, user)


def test_deleting_a_vhost_tells_what_dies_with_it(engine, who):
    at = utc_now()
    VirtualHost.objects.create(broker=engine.broker, name="v", first_seen_at=at, changed_at=at)
    Queue.objects.create(broker=engine.broker, vhost="v", name="q", total=7, first_seen_at=at)
    Queue.objects.create(broker=engine.broker, vhost="v", name="r", total=None, first_seen_at=at)
    desired = manage_vhosts.delete_vhost(name="v", **who)
    assert desired.guard == {"queues": 2, "messages": 7, "unknown": 1}
    sentences = " ".join(manage_vhosts.vhost_objections(engine.broker, "v"))
    assert "2 queues" in sentences
    assert "7 messages" in sentences
    assert "unknown number of messages: 1" in sentences


def test_a_protected_vhost_is_refused_before_anything_is_sent(engine, who):
    at = utc_now()
    VirtualHost.objects.create(
        broker=engine.broker,
        name="v",
        protected_from_deletion=True,
        first_seen_at=at,
        changed_at=at,
    )
    with pytest.raises(NotAllowed, match="protected"):
        manage_vhosts.delete_vhost(name="v", **who)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"default_queue_type": "nope"}, "default_queue_type"),
        ({"description": 5}, "description"),
        ({"description": "a\x00"}, "description"),
        ({"tracing": "yes"}, "tracing"),
        ({"limits": {"max-channels": 1}}, "limits"),
        ({"nope": 1}, "nope"),
    ],
)
def test_vhost_fields_that_cannot_be_are_refused_by_name(fields, field, who):
    with pytest.raises(InvalidField) as caught:
        manage_vhosts.create_vhost(name="v", fields=fields, **who)
    assert caught.value.field == field
