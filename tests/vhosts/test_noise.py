"""Noise patterns: what they match, what leaves noise out, who may change them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import AuditEntry, BrokerStatus
from console.rabbitmq.types import Listing, QueueDepth
from tests.factories import add_broker, add_queue
from vhosts.models import BrokerSample, NoisePattern, Queue, RecentSnapshot
from vhosts.noise.mark import mark_noise
from vhosts.polling.depths.found import whole
from vhosts.polling.depths.rows import Slot
from vhosts.polling.store import Outcome, store

pytestmark = pytest.mark.django_db


def noisy():
    return set(Queue.objects.filter(noise=True).values_list("name", flat=True))


def test_patterns_match_whole_names_of_one_broker_or_all(now, superuser, client):
    one, two = add_broker("one", now), add_broker("two", now)
    for broker in (one, two):
        for name in (
            "celery@a.pidbox",
            "celery@a_pidbox",
            "x celery@a.pidbox",
            "amq.gen-1",
            "50%",
            "500",
        ):
            add_queue(broker, name, now)
    client.force_login(superuser)
    assert client.post("/noise/", {"pattern": "celery@*.pidbox", "on": one.pk}).status_code == 302
    assert list(Queue.objects.filter(noise=True).values_list("name", "broker")) == [
        ("celery@a.pidbox", one.pk)
    ]
    assert client.post("/noise/", {"pattern": "50%", "on": "", "reason": "odd"}).status_code == 302
    assert Queue.objects.filter(noise=True, name="50%").count() == 2
    assert not Queue.objects.filter(noise=True, name="500").exists(), "% is no wildcard"
    for bad, why in (
        ("*", "every queue"),
        ("", "Enter a pattern"),
        ("50%", "exists already"),
        ("a\u202eb*", "control"),
    ):
        refused = client.post("/noise/", {"pattern": bad, "on": ""})
        assert refused.status_code == 422 or refused.status_code == 400
        assert why in refused.content.decode()
    entry = AuditEntry.objects.get(action="noise:add", target="50%")
    assert (entry.username, entry.reason) == ("root", "odd")
    page = client.get("/noise/").content.decode()
    assert "celery@*.pidbox" in page
    pk = NoisePattern.objects.get(pattern="50%").pk
    assert client.post(f"/noise/{pk}/remove/").status_code == 302
    assert noisy() == {"celery@a.pidbox"}


def test_lists_leave_noise_out_and_count_it(now, superuser, client, api):
    broker = add_broker("one", now)
    for name in ("work", "celery@a.pidbox", "celery@b.pidbox"):
        add_queue(broker, name, now)
    NoisePattern.objects.create(pattern="celery@*", created_at=now)
    assert mark_noise(None, now) == 2
    assert mark_noise(None, now) == 0
    client.force_login(superuser)
    page = client.get("/queues/")
    assert [row.name for row in page.context["listing"].rows] == ["work"]
    assert page.context["listing"].total == 1
    assert page.context["noise"] == 2
    assert "kept out as noise" in page.content.decode()
    shown = client.get("/queues/?noise=1")
    assert {row.name for row in shown.context["listing"].rows} == {
        "celery@a.pidbox",
        "celery@b.pidbox",
    }
    assert b"celery@" not in b"".join(client.get("/queues.csv").streaming_content)
    assert [row["name"] for row in api.get("/api/v1/queues/").json()["results"]] == ["work"]
    assert len(api.get("/api/v1/queues/", {"noise": "true"}).json()["results"]) == 2


def test_rights_of_patterns(now, client, api):
    broker, other = add_broker("one", now), add_broker("two", now)
    user = User.objects.create_user("ed")
    Grant.objects.create(user=user, role=Role.BROKER_ADMINISTRATOR, created_at=now, broker=broker)
    client.force_login(user)
    assert client.post("/noise/", {"pattern": "a*", "on": broker.pk}).status_code == 302
    assert client.post("/noise/", {"pattern": "b*", "on": ""}).status_code == 403
    assert client.post("/noise/", {"pattern": "b*", "on": other.pk}).status_code == 404
    hidden = NoisePattern.objects.create(pattern="c*", broker=other, created_at=now)
    fleet = NoisePattern.objects.create(pattern="d*", created_at=now)
    assert client.post(f"/noise/{hidden.pk}/remove/").status_code == 404
    assert client.post(f"/noise/{fleet.pk}/remove/").status_code == 403
    page = client.get("/noise/").content.decode()
    assert "c*" not in page
    made = api.post("/api/v1/noise/", {"pattern": "e*", "broker": "two"}, format="json")
    assert made.status_code == 201
    assert api.post("/api/v1/noise/", {"pattern": "**"}, format="json").status_code == 400
    assert api.delete(f"/api/v1/noise/{made.json()['id']}/").status_code == 204


def test_polls_keep_no_history_of_noise_and_leave_it_out_of_totals(
    make_broker, scratch_vhost, poll_now, inventory_now, now
):
    broker, vhost = make_broker(), scratch_vhost.name
    for name in ("noise 1", "work"):
        scratch_vhost.declare(name)
    poll_now(broker)
    inventory_now(broker)
    NoisePattern.objects.create(pattern="*", broker=broker, created_at=now)
    poll_now(broker)
    inventory_now(broker)
    status = BrokerStatus.objects.get(pk=broker.pk)
    assert Queue.objects.get(vhost=vhost, name="work").noise
    poll_now(broker)
    status.refresh_from_db()
    assert (status.queues, status.messages_ready) == (0, 0)
    assert BrokerSample.objects.filter(broker_id=broker.pk).latest("at").queues == 0
    quiet = Queue.objects.get(vhost=vhost, name="noise 1")
    last = RecentSnapshot.objects.filter(queue_id=quiet.pk).latest("at")
    assert last.ready is None, "its history ends as unknown"
    kept = RecentSnapshot.objects.filter(queue_id=quiet.pk).count()
    scratch_vhost.publish("noise 1", 2)
    for _ in range(40):
        poll_now(broker)
        quiet.refresh_from_db()
        if quiet.ready == 2:
            break
    assert quiet.ready == 2
    assert RecentSnapshot.objects.filter(queue_id=quiet.pk).count() == kept
    NoisePattern.objects.all().delete()
    mark_noise(broker.pk, Queue.objects.get(pk=quiet.pk).depth_changed_at)
    assert RecentSnapshot.objects.filter(queue_id=quiet.pk, ready=2).exists()


def test_each_pattern_counts_what_the_viewer_sees_in_a_constant_number_of_queries(
    now, superuser, client
):
    broker, other = add_broker("one", now), add_broker("two", now)
    for where, vhost, name in ((broker, "mine", "a1"), (broker, "theirs", "a2"), (other, "mine", "a3")):  # fmt: skip
        add_queue(where, name, now, vhost=vhost)
    client.force_login(superuser)
    client.post("/noise/", {"pattern": "a*", "on": "", "reason": "odd\0reason"})
    client.post("/noise/", {"pattern": "*1", "on": broker.pk})
    assert NoisePattern.objects.get(pattern="a*").reason == "oddreason"

    def cost():
        with CaptureQueriesContext(connection) as queries:
            page = client.get("/noise/")
        return len(queries), {row.pattern: row.matched for row in page.context["patterns"]}

    assert cost()[1] == {"a*": 3, "*1": 1}
    tenant = User.objects.create_user("tenant")
    Grant.objects.create(user=tenant, role=Role.VIEWER, broker=broker, vhost_pattern="mine", created_at=now)  # fmt: skip
    client.force_login(tenant)
    few, seen = cost()
    assert seen == {"a*": 1, "*1": 1}
    NoisePattern.objects.bulk_create(
        NoisePattern(pattern=f"{number}*", broker=broker, created_at=now) for number in range(9)
    )
    assert cost()[0] == few


def test_totals_leave_noise_out_although_depths_could_not_be_read(now):
    """The broker counts noise as well, so the history of its queues would jump."""
    broker = add_broker("one", now, claim=1, queues=7)
    add_queue(broker, "celery@a.pidbox", now, noise=True)
    slot = Slot(broker.pk, 1, now, 10)
    sample = {"queues": 7, "ready": None, "unacked": None}
    poll = {"started_at": now, "took_ms": 5, "complete": False}
    store(slot, Outcome(status={}, poll=poll, sample=dict(sample)), now=now)
    found = BrokerSample.objects.get(broker_id=broker.pk, at=now)
    assert (found.queues, found.ready) == (6, None)
    part = whole("totals", Listing([QueueDepth("/", "work", 1, 0, 1)], [], complete=False))
    store(slot, Outcome(status={}, poll=poll, sample=sample, depths=part), now=now)
    status = BrokerStatus.objects.get(pk=broker.pk)
    assert (status.queues, status.messages_ready) == (6, None)
