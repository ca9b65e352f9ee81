"""Dead letters are replayed and discarded on a live broker, and none is lost."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from console.errors import InvalidField
from console.models import AuditEntry, Broker
from vhosts.messages.dead_letters.listing.jobs import jobs_in
from vhosts.messages.dead_letters.replay.plan import Destination
from vhosts.messages.dead_letters.replay.service import (
    Options,
    preview_replay,
    start_discard,
    start_replay,
)
from vhosts.messages.dead_letters.replay.watch import watch_replays
from vhosts.messages.dead_letters.sampling.sample import sample_queue
from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.running.run import run_job
from vhosts.models import DeadLetterGroup, DeadLetterReplay

pytestmark = pytest.mark.django_db


@pytest.fixture
def dead(place, found, superuser, eventually):
    """The queue orders.dead with five messages, sampled."""
    place.kill_one_of_each(eventually)
    queue = next(one.queue for one in found().holding if one.queue.name == "orders.dead")
    sample_queue(queue, acting_user=superuser, now=timezone.now())
    return queue


def group(reason):
    return DeadLetterGroup.objects.get(reason=reason)


def run(job):
    run_job(str(job.pk), uuid4().hex)
    return MessageJob.objects.get(pk=job.pk)


def test_the_preview_says_where_each_goes(dead, superuser, place):
    found = preview_replay(dead, [], Options(), acting_user=superuser, now=timezone.now())
    ways = {
        (way.exchange, way.key): (way.outcome, way.queues, way.count) for way in found.plan.ways
    }
    assert ways == {
        ("orders", "order.invoice.1"): ("routed", ("orders",), 2),
        ("", "slow"): ("routed", ("slow",), 1),
        ("", "short"): ("routed", ("short",), 1),
        ("", "limited"): ("routed", ("limited",), 1),
    }
    assert (found.plan.routed, found.plan.lost, found.plan.replayed_before) == (5, 0, 0)
    assert place.depth("orders.dead") == 5


def test_the_preview_counts_what_no_queue_gets_and_what_comes_back(dead, superuser):
    nowhere = Options(Destination("orders", "nobody.wants.this"))
    found = preview_replay(dead, [], nowhere, acting_user=superuser, now=timezone.now()).plan
    assert (found.count, found.routed, found.lost) == (5, 0, 5)
    back = Options(Destination("dlx", "dead"))
    assert preview_replay(dead, [], back, acting_user=superuser, now=timezone.now()).plan.back == 5
    old = Options(skip_hours=1)
    later = timezone.now() + timedelta(hours=3)
    assert preview_replay(dead, [], old, acting_user=superuser, now=later).plan.older == 5


def test_a_group_goes_back_to_where_it_came_from(dead, superuser, place):
    job = run(start_replay(dead, [group("rejected")], Options(), acting_user=superuser, now=timezone.now()))  # fmt: skip
    assert (job.state, job.confirmed, job.returned, job.unknown) == ("done", 2, 0, 0)
    assert (place.depth("orders"), place.depth("orders.dead")) == (2, 3)
    properties, body = place.take("orders")
    assert body == b'{"id": 1}'
    # Kept under names that RabbitMQ doesn't act upon.
    assert "x-death" not in properties.headers
    assert properties.headers["x-warren-death"][0]["queue"] == "orders"
    assert properties.headers["x-warren-moves"] == 1


def test_a_message_that_was_replayed_says_so(dead, superuser, place, eventually):
    run(
        start_replay(
            dead, [group("rejected")], Options(), acting_user=superuser, now=timezone.now()
        )
    )
    place.reject("orders")
    eventually(lambda: place.depth("orders.dead") == 4)
    sample_queue(dead, acting_user=superuser, now=timezone.now())
    assert group("rejected").count == 1
    plan = preview_replay(
        dead, [group("rejected")], Options(), acting_user=superuser, now=timezone.now()
    ).plan
    assert (plan.count, plan.replayed_before, plan.most_moves) == (1, 1, 1)
    assert (plan.ways[0].exchange, plan.ways[0].key) == ("orders", "order.invoice.1")


def test_what_is_older_and_what_no_queue_gets_stays(dead, superuser, place):
    nowhere = Options(Destination("orders", "nobody.wants.this"))
    job = run(start_replay(dead, [group("rejected")], nowhere, acting_user=superuser, now=timezone.now()))  # fmt: skip
    assert (job.confirmed, job.returned) == (0, 2)
    later = timezone.now() + timedelta(hours=3)
    job = start_replay(dead, [], Options(skip_hours=1), acting_user=superuser, now=later)
    MessageJob.objects.filter(pk=job.pk).update(next_at=timezone.now())
    job = run(job)
    assert (job.state, job.confirmed, job.skipped) == ("done", 0, 5)
    assert place.depth("orders.dead") == 5


def test_a_message_without_deaths_stays_unless_a_target_is_named(dead, superuser, place):
    place.publish("orders.dead", b"published here")
    job = run(start_replay(dead, [], Options(), acting_user=superuser, now=timezone.now()))
    assert (job.confirmed, job.skipped) == (5, 1)
    assert place.take("orders.dead")[1] == b"published here"


def test_a_replay_is_started_once(dead, superuser):
    now = timezone.now()
    jobs = {
        start_replay(dead, [], Options(), acting_user=superuser, now=now, idempotency_key="k").pk
        for _ in range(2)
    }
    assert len(jobs) == MessageJob.objects.count() == DeadLetterReplay.objects.count() == 1


def test_a_replay_stops_when_too_many_come_back(dead, superuser, place, broker, eventually, found):
    """All are dead letters again at once: the target leads back to the queue."""
    for _ in range(20):
        place.publish("order.1", exchange="orders")
        place.reject("orders")
    eventually(lambda: place.depth("orders.dead") == 25)
    options = Options(Destination("dlx", "dead"), stop_percent=50)
    job = start_replay(dead, [], options, acting_user=superuser, now=timezone.now())
    run(job)
    # As it is while the job still runs.
    MessageJob.objects.filter(pk=job.pk).update(state="running", ended_at=None)

    def stopped():
        watch_replays(timezone.now())
        return DeadLetterReplay.objects.get().stopped

    eventually(stopped)
    assert MessageJob.objects.get(pk=job.pk).stop_requested
    assert DeadLetterReplay.objects.get().again == 25
    entry = AuditEntry.objects.filter(action="message_jobs:stop").latest("pk")
    assert (entry.after["again"], entry.username) == (25, "console")


def test_what_does_not_come_back_stops_nothing(dead, superuser, place, eventually):
    job = run(start_replay(dead, [group("rejected")], Options(stop_percent=1), acting_user=superuser, now=timezone.now()))  # fmt: skip

    def counted():
        watch_replays(timezone.now())
        return DeadLetterReplay.objects.get().again == 0

    eventually(counted)
    assert not DeadLetterReplay.objects.get().stopped
    assert DeadLetterReplay.objects.get().watch_until == job.ended_at + timedelta(minutes=1)


def test_a_discard_deletes_the_group_alone(dead, superuser, place):
    Broker.objects.filter(pk=dead.broker_id).update(environment="production")
    dead.broker.refresh_from_db()
    with pytest.raises(InvalidField):
        start_discard(dead, [group("rejected")], typed="orders", reason="", acting_user=superuser, now=timezone.now())  # fmt: skip
    job = start_discard(dead, [group("rejected")], typed="orders.dead", reason="INC-1", acting_user=superuser, now=timezone.now())  # fmt: skip
    job = run(job)
    assert (job.state, job.deleted) == ("done", 2)
    assert place.depth("orders.dead") == 3


def test_the_pages_of_a_replay_and_of_a_discard(dead, superuser, place, client):
    client.force_login(superuser)
    at = f"/dead-letters/groups/{group('rejected').pk}"
    assert "no rate for country XI" in client.get(f"{at}/replay/").content.decode()
    given = {"to": "original", "rate": "10", "stop_percent": "10", "key": "a"}
    text = client.post(f"{at}/replay/", {**given, "step": "preview"}).content.decode()
    assert "Start replay" in text
    assert "order.invoice.1" in text
    assert MessageJob.objects.count() == 0
    answer = client.post(f"{at}/replay/", {**given, "step": "apply"}, follow=True)
    assert "The replay has started." in answer.content.decode()
    assert "Replay of" in answer.content.decode()
    run(MessageJob.objects.get())
    assert place.depth("orders") == 2
    text = client.get("/dead-letters/").content.decode()
    assert "published and confirmed" in text
    wrong = client.post(f"{at}/replay/", {"to": "other", "exchange": "", "step": "preview"})
    assert wrong.status_code == 400
    assert "Enter the queue that the messages go to" in wrong.content.decode()
    assert client.get(f"{at}/discard/").status_code == 200
    client.post(f"{at}/discard/", {"key": "b"})
    assert MessageJob.objects.filter(mode="delete", purpose="discard").count() == 1


def test_sums_of_the_day(dead, superuser, broker):
    from console.scope import Scope

    run(
        start_replay(
            dead, [group("rejected")], Options(), acting_user=superuser, now=timezone.now()
        )
    )
    DeadLetterReplay.objects.update(again=1)
    jobs = jobs_in(Scope(), [broker], superuser, timezone.now())
    assert (jobs.replayed_today, jobs.again_today, len(jobs.shown)) == (2, 1, 1)
