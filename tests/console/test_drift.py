"""Drift on the live broker: noted by inventories, settled by pages and the API."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.urls import reverse

from accessctl.models import BrokerUser
from console.models import BrokerStatus, Change, ManagedObject
from tests.acting import hidden_of
from vhosts.models import VirtualHost

pytestmark = pytest.mark.django_db
ALL = {"configure": ".*", "write": ".*", "read": ".*"}


@pytest.fixture
def look(engine, poll_now, inventory_now):
    """look() takes an inventory of the engine's broker."""

    def take():
        poll_now(engine.broker)
        status = inventory_now(engine.broker)
        # What is missing is believed at the second look, as with the mirror.
        BrokerStatus.objects.filter(pk=status.pk).update(suspect={})
        return status

    return take


@pytest.fixture
def vhost(engine, names, look):
    """A managed vhost with a description, in sync and seen."""
    name = names("vhost")
    engine.do(("vhost", [name], {"description": "orders", "limits": {"max-queues": 7}}))
    look()
    return name


def test_what_is_right_stays_in_sync_and_says_when_it_was_looked_at(engine, vhost, look):
    before = engine.target("vhost", vhost)
    look()
    after = engine.target("vhost", vhost)
    assert (after.sync, after.drift) == ("in_sync", [])
    assert after.verified_at > before.verified_at


def test_a_change_outside_is_told_by_field_and_pushed_back(
    engine,
    vhost,
    look,
    live_broker,
    seen,
    admin_client,
):
    live_broker.call("PUT", "vhosts", vhost, body={"description": "theirs", "tags": "x"})
    look()
    target = engine.target("vhost", vhost)
    assert target.sync == "drifted"
    assert {f["name"]: (f["before"], f["after"]) for f in target.drift} == {
        "description": ("orders", "theirs"),
        "tags": ([], ["x"]),
    }
    page = admin_client.get(reverse("drift")).content.decode()
    assert "orders" in page
    assert "theirs" in page
    post = {"ids": [target.pk], "act": "push"}
    shown = admin_client.post(reverse("drift_resolve"), post)
    assert b">Plan<" in shown.content
    assert not Change.objects.filter(title__startswith="Restore").exists()
    confirmed = {**hidden_of(shown), "step": "apply", "reason": "ours"}
    stale = admin_client.post(reverse("drift_resolve"), {**confirmed, "seen": "another"})
    assert b"has changed since this preview" in stale.content
    done = admin_client.post(reverse("drift_resolve"), confirmed)
    assert admin_client.post(reverse("drift_resolve"), confirmed).url == done.url
    assert Change.objects.filter(title__startswith="Restore").count() == 1
    engine.apply()
    assert seen("vhosts", vhost)["description"] == "orders"
    look()
    assert engine.target("vhost", vhost).sync == "in_sync"
    assert ManagedObject.objects.filter(sync="drifted").count() == 0


def test_what_is_there_is_accepted_and_nothing_is_written(
    engine,
    vhost,
    look,
    live_broker,
    seen,
    api,
):
    live_broker.call("PUT", "vhosts", vhost, body={"description": "theirs"})
    look()
    found = api.get("/api/v1/drift/").json()["results"]
    assert [(one["key"], one["state"]) for one in found] == [({"name": vhost}, "drifted")]
    body = {"ids": [found[0]["id"]], "act": "accept"}
    plan = api.post("/api/v1/drift/resolve/?dry_run=true", body).json()
    assert plan["changes"] is False
    answer = api.post("/api/v1/drift/resolve/", body)
    assert answer.status_code == 202, answer.content
    engine.apply()
    target = engine.target("vhost", vhost)
    assert (target.sync, target.spec["description"]) == ("in_sync", "theirs")
    assert Change.objects.get(pk=answer.json()["id"]).steps.get().tries.get().outcome == "unchanged"
    look()
    assert api.get("/api/v1/drift/").json()["count"] == 0
    # It differs no more.
    assert api.post("/api/v1/drift/resolve/", body).status_code == 400


def test_what_was_deleted_outside_is_missing_and_made_again(
    engine,
    vhost,
    look,
    live_broker,
    seen,
    api,
):
    live_broker.forget("vhosts", vhost)
    look()
    (found,) = api.get("/api/v1/drift/").json()["results"]
    assert found["state"] == "missing"
    api.post("/api/v1/drift/resolve/", {"ids": [found["id"]], "act": "push"})
    engine.apply()
    assert seen("vhosts", vhost)["description"] == "orders"


def test_what_was_deleted_here_and_came_back_is_told(engine, vhost, look, live_broker, api):
    engine.do(("vhost", [vhost], None))
    look()
    live_broker.call("PUT", "vhosts", vhost)
    look()
    (found,) = api.get("/api/v1/drift/").json()["results"]
    assert found["state"] == "returned"
    api.post("/api/v1/drift/resolve/", {"ids": [found["id"]], "act": "accept"})
    engine.apply()
    look()
    assert engine.target("vhost", vhost).sync == "in_sync"


def test_users_and_permissions_drift_and_passwords_are_not_guessed(
    engine,
    vhost,
    names,
    look,
    live_broker,
    api,
):
    user = names("user")
    secrets = {"password_hash": "", "hashing_algorithm": "rabbit_password_hashing_sha256"}
    engine.do(
        ("user", [user], {"tags": ["monitoring"]}, secrets), ("permission", [vhost, user], ALL)
    )
    look()
    live_broker.call("PUT", "permissions", vhost, user, body={**ALL, "write": "^x"})
    live_broker.call("PUT", "users", user, body={"password_hash": "", "tags": "management"})
    look()
    found = {one["kind"]: one for one in api.get("/api/v1/drift/").json()["results"]}
    assert [f["name"] for f in found["user"]["fields"]] == ["tags"]
    assert [f["name"] for f in found["permission"]["fields"]] == ["write"]
    live_broker.forget("users", user)
    look()
    (one,) = [o for o in api.get("/api/v1/drift/").json()["results"] if o["kind"] == "user"]
    answer = api.post("/api/v1/drift/resolve/", {"ids": [one["id"]], "act": "push"})
    assert answer.status_code == 400
    assert "password" in answer.json()["errors"][0]["detail"]


def test_what_was_never_asked_for_is_left_alone_until_it_is_adopted(
    engine,
    names,
    look,
    live_broker,
    api,
    admin_client,
):
    name = names("vhost")
    live_broker.call("PUT", "vhosts", name, body={"description": "theirs"})
    look()
    assert not ManagedObject.objects.exists()
    body = {"broker": engine.broker.pk, "kind": "vhost", "keys": [{"name": name}]}
    assert api.post("/api/v1/drift/adopt/?dry_run=true", body).json()["changes"] is False
    post = {"broker": engine.broker.pk, "kind": "vhost", "key": name}
    assert b"Adopt" in admin_client.post(reverse("drift_adopt"), post).content
    assert api.post("/api/v1/drift/adopt/", body).status_code == 202
    engine.apply()
    assert engine.target("vhost", name).spec["description"] == "theirs"
    assert api.post("/api/v1/drift/adopt/", body).status_code == 400
    gone = {**body, "keys": [{"name": "no such"}]}
    assert api.post("/api/v1/drift/adopt/", gone).status_code == 409
    assert api.post("/api/v1/drift/adopt/", {**body, "keys": [{"vhost": "x"}]}).status_code == 400


def test_a_viewer_sees_drift_and_settles_none(engine, vhost, look, live_broker, client, now):
    from django.contrib.auth import get_user_model

    from accessctl.grants.roles import Role
    from accessctl.models import Grant

    live_broker.call("PUT", "vhosts", vhost, body={"description": "theirs"})
    look()
    target = engine.target("vhost", vhost)
    bob = get_user_model().objects.create_user("bob")
    client.force_login(bob)
    assert b"theirs" not in client.get(reverse("drift")).content
    Grant.objects.create(user=bob, role=Role.VIEWER, broker=engine.broker, created_at=now)
    assert b"theirs" in client.get(reverse("drift")).content
    post = {"ids": [target.pk], "act": "push", "step": "apply"}
    assert client.post(reverse("drift_resolve"), post).status_code == 403
    # An operator settles drift, but may not edit virtual hosts.
    Grant.objects.create(user=bob, role=Role.OPERATOR, broker=engine.broker, created_at=now)
    assert client.post(reverse("drift_resolve"), post).status_code == 403


def test_the_page_of_an_object_offers_to_adopt_it(engine, names, look, live_broker, admin_client):
    name = names("vhost")
    live_broker.call("PUT", "vhosts", name)
    look()
    pk = VirtualHost.objects.get(broker=engine.broker, name=name).pk
    assert b"Adopt as is" in admin_client.get(reverse("vhost", args=[pk])).content
    user = BrokerUser.objects.get(broker=engine.broker, name=live_broker.username)
    assert b"Adopt as is" in admin_client.get(reverse("user", args=[user.pk])).content
    engine.do(("vhost", [name], {}))
    assert b"Adopt as is" not in admin_client.get(reverse("vhost", args=[pk])).content


SECRETS = {"password_hash": "", "hashing_algorithm": "rabbit_password_hashing_sha256"}


@pytest.fixture
def hanging(engine, vhost, names, look):
    """A user with a permission, a topic permission and what else hangs on the vhost; all managed."""
    user = names("user")
    change = engine.do(
        ("user", [user], {"tags": []}, SECRETS),
        ("permission", [vhost, user], ALL),
        ("topic_permission", [vhost, user, "amq.topic"], {"write": "a", "read": "b"}),
        ("policy", [vhost, "p"], {"pattern": "^q", "definition": {"max-length": 5}}),
        ("queue", [vhost, "q"], {}),
        ("binding", [vhost, "amq.topic", "queue", "q", "#", "{}"], {}),
    )
    assert change.state == "done", list(change.steps.values_list("error_detail", flat=True))
    look()
    return user


def states(engine, *kinds):
    rows = ManagedObject.objects.filter(broker=engine.broker, kind__in=kinds)
    return {row.kind: (row.sync, row.spec is None) for row in rows}


GONE = ("retired", True)
PERMISSIONS = ("permission", "topic_permission")


def test_what_hangs_on_a_vhost_deleted_here_is_retired_with_it(
    engine, vhost, hanging, look, live_broker, seen, api
):
    engine.do(("vhost", [vhost], None))
    inside = (*PERMISSIONS, "policy", "queue", "binding")
    assert states(engine, *inside) == dict.fromkeys(inside, GONE)
    look()
    look()
    assert api.get("/api/v1/drift/").json()["count"] == 0
    # Nothing of it comes back with another virtual host of that name.
    engine.do(("vhost", [vhost], {}))
    look()
    look()
    assert api.get("/api/v1/drift/").json()["count"] == 0
    assert not [row for row in seen("permissions") if row["user"] == hanging]
    # What somebody makes there now was never asked for here.
    live_broker.call("PUT", "permissions", vhost, hanging, body=ALL)
    look()
    assert api.get("/api/v1/drift/").json()["count"] == 0
    permission = api.get(f"/api/v1/permissions/?vhost={quote(vhost)}").json()["results"][0]
    assert permission["sync"] == "unmanaged"


def test_what_hangs_on_a_user_deleted_here_is_retired_with_it(engine, vhost, hanging, look, api):
    engine.do(("user", [hanging], None))
    assert states(engine, *PERMISSIONS) == dict.fromkeys(PERMISSIONS, GONE)
    assert states(engine, "policy") == {"policy": ("in_sync", False)}
    look()
    look()
    assert api.get("/api/v1/drift/").json()["count"] == 0


def test_bindings_are_retired_with_their_queue(engine, hanging, vhost):
    engine.do(("queue", [vhost, "q"], None))
    assert states(engine, "binding", "policy") == {"binding": GONE, "policy": ("in_sync", False)}


@pytest.mark.parametrize("owner", ["vhost", "user"])
def test_what_went_with_an_owner_deleted_outside_is_one_finding(
    engine, vhost, hanging, look, live_broker, api, owner
):
    name = vhost if owner == "vhost" else hanging
    live_broker.forget(f"{owner}s", name)
    look()
    look()
    (found,) = api.get("/api/v1/drift/").json()["results"]
    assert (found["kind"], found["state"]) == (owner, "missing")
    gone = (*PERMISSIONS, "policy") if owner == "vhost" else PERMISSIONS
    assert states(engine, *gone) == dict.fromkeys(gone, ("owner_missing", False))
    answer = api.post("/api/v1/drift/resolve/", {"ids": [found["id"]], "act": "accept"})
    assert answer.status_code == 202, answer.content
    engine.apply()
    assert states(engine, *gone) == dict.fromkeys(gone, GONE)
    look()
    assert api.get("/api/v1/drift/").json()["count"] == 0


def test_pushing_a_vhost_shows_what_went_with_it_before_any_of_that_is_pushed(
    engine, vhost, hanging, look, live_broker, seen, api, admin_client
):
    live_broker.forget("vhosts", vhost)
    look()
    (found,) = api.get("/api/v1/drift/").json()["results"]
    permission = engine.target("permission", vhost, hanging)
    body = {"ids": [permission.pk], "act": "push"}
    assert api.post("/api/v1/drift/resolve/", body).status_code == 400
    push = {"ids": [found["id"]], "act": "push"}
    told = "5 managed objects depended on it. They aren&#x27;t restored with it"
    assert told in admin_client.post(reverse("drift_resolve"), push).content.decode()
    (step,) = api.post("/api/v1/drift/resolve/?dry_run=true", push).json()["steps"]
    assert "5 managed objects depended on it" in step["objections"][0]
    api.post("/api/v1/drift/resolve/", push)
    engine.apply()
    assert seen("vhosts", vhost)["description"] == "orders"
    assert not [row for row in seen("permissions") if row["user"] == hanging]
    look()
    there = api.get("/api/v1/drift/").json()["results"]
    assert {(one["kind"], one["state"]) for one in there} == {
        ("permission", "missing"),
        ("topic_permission", "missing"),
        ("policy", "missing"),
        ("binding", "missing"),
    }
    api.post("/api/v1/drift/resolve/", {"ids": [one["id"] for one in there], "act": "push"})
    engine.apply()
    assert seen("policies", vhost, "p")["pattern"] == "^q"
    assert [row["vhost"] for row in seen("permissions") if row["user"] == hanging] == [vhost]


@pytest.mark.parametrize("left", ["drifted", "rejected", "in_sync"])
def test_what_an_earlier_deletion_left_over_is_retired_by_the_next_inventory(
    engine, vhost, hanging, look, api, left
):
    engine.do(("vhost", [vhost], None))
    hung = (*PERMISSIONS, "policy", "queue")
    rows = ManagedObject.objects.filter(broker=engine.broker, kind__in=hung)
    rows.update(spec=ALL, sync=left, reason="Deleted outside the console.")
    look()
    assert states(engine, *hung) == dict.fromkeys(hung, GONE)
    assert api.get("/api/v1/drift/").json()["count"] == 0


def test_a_wish_on_a_vhost_that_somebody_else_made_and_deleted_can_be_let_go_of(
    engine, names, look, live_broker, api
):
    vhost, user = names("vhost"), names("user")
    live_broker.call("PUT", "vhosts", vhost)
    engine.do(("user", [user], {"tags": []}, SECRETS), ("permission", [vhost, user], ALL))
    look()
    live_broker.forget("vhosts", vhost)
    look()
    (found,) = api.get("/api/v1/drift/").json()["results"]
    assert (found["kind"], found["state"]) == ("permission", "missing")
    answer = api.post("/api/v1/drift/resolve/", {"ids": [found["id"]], "act": "push"})
    assert answer.status_code == 400
    assert f"has no virtual host {vhost}" in answer.json()["errors"][0]["detail"]
    # So it was refused when it was pushed at the broker all the same.
    engine.do(("permission", [vhost, user], ALL))
    assert engine.target("permission", vhost, user).sync == "rejected"
    answer = api.post("/api/v1/drift/resolve/", {"ids": [found["id"]], "act": "accept"})
    assert answer.status_code == 202, answer.content
    engine.apply()
    target = engine.target("permission", vhost, user)
    assert (target.sync, target.spec) == ("in_sync", None)


def test_a_step_under_way_on_what_was_deleted_gets_the_brokers_own_answer(engine, vhost, hanging):
    engine.ask(("vhost", [vhost], None))
    later = engine.ask(("permission", [vhost, hanging], {**ALL, "read": "^later"}))
    engine.apply()
    step = later.steps.get()
    assert (step.state, step.error_detail) == ("rejected", "vhost_or_user_not_found")
    assert engine.target("permission", vhost, hanging).sync == "rejected"
    assert states(engine, "topic_permission") == {"topic_permission": GONE}
