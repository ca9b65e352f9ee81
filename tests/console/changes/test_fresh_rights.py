"""Rights are asked once more by what the broker says right before a call, not by a mirror of before."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accessctl.models import BrokerPermission
from console.engine.applying.broker_objects import BrokerObjects
from console.models import BrokerStatus, Change, Step
from console.rabbitmq.errors import AccessRefused, MalformedAnswer, NotFound, Unreachable
from tests.acting import apply as apply_change
from tests.acting import confirm, preview
from tests.tenants import API
from vhosts.models import VirtualHost

pytestmark = pytest.mark.django_db


@pytest.fixture
def own(tenants, vadm_api):
    """(name, id) of a user that vadm created."""
    name = tenants.name()
    return name, tenants.create(vadm_api, name)


def permit_in_secret(tenants, name):
    tenants.permit(name, tenants.secret)


def permit_topic_in_secret(tenants, name):
    body = {"exchange": "amq.topic", "write": ".*", "read": ".*"}
    tenants.live.call("PUT", "topic-permissions", tenants.secret, name, body=body)


def tag(tenants, name):
    user = tenants.live.call("GET", "users", name)
    body = {"password_hash": user["password_hash"], "tags": "monitoring"}
    tenants.live.call("PUT", "users", name, body=body)


def limit(tenants, name):
    tenants.live.call("PUT", "user-limits", name, "max-connections", body={"value": 3})


FACTS = {
    permit_in_secret: "permissions in virtual hosts that you don't administer",
    permit_topic_in_secret: "permissions in virtual hosts that you don't administer",
    tag: "tags (monitoring)",
    limit: "limits were changed on the broker",
}


@pytest.mark.parametrize("act", ["password", "delete", "page"])
@pytest.mark.parametrize("fact", FACTS)
def test_what_was_changed_on_the_broker_a_moment_ago_counts(
    tenants, vadm_api, vadm, client, own, fact, act
):
    name, pk = own
    fact(tenants, name)
    before = tenants.live.call("GET", "users", name)
    assert not BrokerPermission.objects.filter(user=name).exists()
    if act == "page":
        client.force_login(vadm)
        edit = reverse("user_edit", args=[pk])
        shown = preview(client, edit, password_way="typed", password="mine", generation=1)
        step = apply_change(confirm(client, edit, shown)).steps.get()
        state, code, said = step.state, step.error_code, step.error_detail
    elif act == "delete":
        state, code, said = tenants.outcome(vadm_api.delete(f"{API}/users/{pk}/"))
    else:
        answer = vadm_api.patch(f"{API}/users/{pk}/", {"password": "mine"}, format="json")
        state, code, said = tenants.outcome(answer)
    if fact is limit and act == "delete":
        # A limit keeps nobody from deleting what is theirs.
        assert state == "applied"
        return
    assert (state, code) == ("rejected", "not_allowed")
    assert FACTS[fact] in said
    assert tenants.live.call("GET", "users", name) == before
    if fact is limit:
        told = tenants.live.call("GET", "user-limits", name)
        assert told[0]["value"] == {"max-connections": 3}
    # The pages are to tell it too.
    assert BrokerStatus.objects.get(broker=tenants.broker).next_inventory_at <= Change.objects.get(
        pk=Step.objects.latest("pk").change_id
    ).finished_at  # fmt: skip


def test_a_permission_that_was_taken_counts_too(tenants, vadm_api, own):
    """The mirror may be old the other way round."""
    name, pk = own
    BrokerPermission.objects.create(
        broker=tenants.broker, vhost=tenants.vhost, user=name, configure="", write="", read="",
        first_seen_at=tenants.broker.status.state_since, changed_at=tenants.broker.status.state_since,
    )  # fmt: skip
    answer = vadm_api.patch(f"{API}/users/{pk}/", {"password": "ours"}, format="json")
    assert tenants.outcome(answer)[0] == "applied"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Unreachable("down"), "pending"),
        (NotFound("no"), "rejected"),
        (AccessRefused("no"), "rejected"),
        (MalformedAnswer("odd"), "pending"),
    ],
)
def test_what_the_broker_does_not_tell_is_no_permission(
    tenants, vadm_api, own, monkeypatch, error, state
):
    name, pk = own
    before = tenants.hash_of(name)

    def fails():
        raise error

    _when_asked_for_permissions_of_a_user(monkeypatch, fails)
    answer = vadm_api.patch(f"{API}/users/{pk}/", {"password": "mine"}, format="json")
    found, _, said = tenants.outcome(answer)
    assert (found in ("pending", "verifying")) is (state == "pending")
    if state == "rejected":
        assert found == "rejected"
        assert f"didn't report the current state of {name}" in said
    assert tenants.hash_of(name) == before


def _when_asked_for_permissions_of_a_user(monkeypatch, act):
    ask = BrokerObjects.get

    def get(self, *segments, **more):
        return (
            act() if segments[0] == "users" and len(segments) == 3 else ask(self, *segments, **more)
        )

    monkeypatch.setattr(BrokerObjects, "get", get)


def test_who_has_the_whole_broker_needs_no_such_facts(tenants, root_api, own, monkeypatch):
    _when_asked_for_permissions_of_a_user(monkeypatch, lambda: pytest.fail("was asked"))
    name, pk = own
    permit_in_secret(tenants, name)
    answer = root_api.patch(f"{API}/users/{pk}/", {"password": "ours"}, format="json")
    assert tenants.outcome(answer)[0] == "applied"


@pytest.mark.parametrize("seen", [False, True])
def test_a_virtual_hosts_limit_is_not_undone_by_who_may_set_none(tenants, vadm_api, seen):
    """Seen by an inventory or not: writing the virtual host would take the limit away."""
    row = VirtualHost.objects.get(broker=tenants.broker, name=tenants.vhost)
    url = f"{API}/vhosts/{row.pk}/"
    assert tenants.outcome(vadm_api.patch(url, {"description": "a"}, format="json"))[0] == "applied"
    tenants.live.call("PUT", "vhost-limits", tenants.vhost, "max-queues", body={"value": 3})
    if seen:
        tenants.look()
    answer = vadm_api.patch(url, {"description": "b"}, format="json")
    if seen:
        assert answer.status_code == 403
    else:
        state, code, said = tenants.outcome(answer)
        assert (state, code) == ("rejected", "not_allowed")
        assert "limits were changed on the broker" in said
    told = tenants.live.call("GET", "vhost-limits", tenants.vhost)
    assert told[0]["value"] == {"max-queues": 3}


def test_a_users_limit_that_was_seen_is_not_undone_either(tenants, vadm_api, own):
    name, pk = own
    limit(tenants, name)
    tenants.look()
    answer = vadm_api.patch(f"{API}/users/{pk}/", {"password": "mine"}, format="json")
    assert answer.status_code == 403
    assert tenants.live.call("GET", "user-limits", name)[0]["value"] == {"max-connections": 3}
