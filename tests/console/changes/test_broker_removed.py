"""Changes of a broker that is removed from the console end with it."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db.models import F
from django.urls import reverse

from accessctl.visibility.changes import changes_to_look_at
from console.brokers.registry import forget_broker
from console.engine.accept import accept
from console.engine.proposal import DesiredObject, Proposal
from console.kinds.common.kind import Ref
from console.models import AuditEntry, Change, Step
from tests.engine import Engine, utc_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def lost(broker_row, superuser):
    """An engine whose broker nobody reaches."""
    return Engine(broker_row(management_url="http://127.0.0.1:9"), superuser)


def desired(broker, name):
    return DesiredObject(broker=broker, ref=Ref("vhost", (name,)), spec={}, observed=None, permission="brokers:edit")  # fmt: skip


def test_the_page_lists_what_ends_and_forgetting_ends_it(lost, client, superuser):
    change = lost.do(("vhost", ["orders"], {}), ("vhost", ["billing"], {}))
    assert (change.state, changes_to_look_at(superuser)) == ("waiting", 1)
    client.force_login(superuser)
    address = reverse("broker_forget", args=[lost.broker.pk])
    page = client.get(address).content.decode()
    assert "This unfinished change ends as stopped" in page
    assert reverse("change", args=[change.pk]) in page
    assert "0 of 2 steps on this broker verified" in page

    answer = client.post(address, {"confirm": lost.broker.name}, follow=True).content.decode()
    assert "1 unfinished change ended as stopped." in answer
    change.refresh_from_db()
    assert (change.state, change.finished_at is not None) == ("stopped", True)
    assert changes_to_look_at(superuser) == 0
    entry = AuditEntry.objects.get(action="change:end")
    assert str(change.pk) in entry.reason
    assert entry.broker_name == lost.broker.name
    shown = client.get(reverse("change", args=[change.pk])).content.decode()
    assert "was removed from the console with 2 steps unfinished" in shown
    assert "0 of 0" not in shown + client.get(reverse("changes")).content.decode()
    assert "Waiting for" not in shown


def test_what_may_have_been_sent_is_said(lost, client, superuser):
    change = lost.do(("vhost", ["orders"], {}))
    Step.objects.update(state="verifying")
    client.force_login(superuser)
    page = client.get(reverse("broker_forget", args=[lost.broker.pk])).content.decode()
    assert "1 may have been sent" in page
    forget_broker(lost.broker, now=utc_now(), acting_user=superuser)
    change.refresh_from_db()
    assert "may have been sent" in change.note


def test_a_change_of_two_brokers_goes_on_with_the_other(lost, engine, names, seen, superuser):
    vhost = names("vhost")
    request = Proposal(
        title="both",
        origin="api",
        desired_objects=[desired(lost.broker, vhost), desired(engine.broker, vhost)],
    )
    change = accept(request, now=utc_now(), acting_user=superuser)
    forget_broker(lost.broker, now=utc_now(), acting_user=superuser)
    change.refresh_from_db()
    assert change.state == "accepted"
    engine.apply()
    change.refresh_from_db()
    assert seen("vhosts", vhost)
    assert change.state == "stopped", "not all of it was done"
    assert lost.broker.name in change.note


def test_a_finished_change_says_where_its_steps_are(lost, client, superuser):
    change = lost.do(("vhost", ["orders"], {}))
    Step.objects.update(state="applied", finished_at=utc_now())
    Change.objects.update(state="done", finished_at=utc_now())
    forget_broker(lost.broker, now=utc_now(), acting_user=superuser)
    change.refresh_from_db()
    assert (change.state, change.abandoned_steps) == ("done", 0)
    assert "was removed" in change.note
    client.force_login(superuser)
    assert "0 of 0" not in client.get(reverse("change", args=[change.pk])).content.decode()


def test_the_api_says_it_too(lost, api, superuser):
    change = lost.do(("vhost", ["orders"], {}))
    assert api.delete(f"/api/v1/brokers/{lost.broker.pk}/").status_code == 204
    answer = api.get(f"/api/v1/changes/{change.pk}/").json()
    assert (answer["state"], answer["steps"]) == ("stopped", {})
    assert "1 step unfinished" in answer["note"]


def test_changes_of_brokers_that_were_removed_before_are_ended_by_the_migration(lost, superuser):
    orphan, kept = lost.ask(("vhost", ["a"], {})), lost.ask(("vhost", ["b"], {}))
    orphan.steps.all().delete()
    Change.objects.update(state="waiting", note=F("note"))
    migration = import_module("console.migrations.0015_changes_of_removed_brokers")
    migration.end_those_without_steps(apps, None)
    states = dict(Change.objects.values_list("pk", "state"))
    assert states == {orphan.pk: "stopped", kept.pk: "waiting"}
    assert changes_to_look_at(superuser) == 1
