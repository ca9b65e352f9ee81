"""Dead letters on a live broker: by argument and by policy, of every reason, sampled and shown."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from accessctl.grants.roles import Role
from accessctl.models import Grant
from vhosts.messages.dead_letters.listing.groups import groups_of
from vhosts.messages.dead_letters.sampling.sample import sample_queue
from vhosts.models import DeadLetterCount, DeadLetterGroup, DeadLetterSample, Queue

pytestmark = pytest.mark.django_db


def test_the_topology_says_where_dead_letters_are(place, found):
    """By argument with a key, by policy through a fanout, through a cycle, and by name alone."""
    there = found()
    holding = {one.queue.name: one for one in there.holding}
    assert set(holding) == {"orders.dead", "graves.all"}
    origins = holding["orders.dead"].origins
    assert [one.queue for one in origins] == ["limited", "orders", "short", "slow"]
    assert {(one.exchange, one.key, one.set_by) for one in origins} == {("dlx", "dead", "argument")}
    (origin,) = holding["graves.all"].origins
    assert (origin.queue, origin.key, origin.set_by) == ("mail", None, "policy dead")
    assert {one.queue.name for one in there.passing} == {"work", "work.wait"}
    assert [one.queue.name for one in there.looking] == ["work_error"]


def test_a_sample_finds_every_reason_and_loses_nothing(place, broker, found, superuser, eventually):
    place.kill_one_of_each(eventually)
    holding = found().holding
    queue = next(one.queue for one in holding if one.queue.name == "orders.dead")
    result = sample_queue(queue, acting_user=superuser, now=timezone.now())
    assert (result.trouble, result.read, result.groups) == ("", 5, 4)
    assert place.depth("orders.dead") == 5
    groups = groups_of(found().holding, superuser, timezone.now())
    assert {(one.origins[0], one.reasons[0], one.count) for one in groups} == {
        ("orders", "rejected", 2),
        ("slow", "expired", 1),
        ("short", "maxlen", 1),
        ("limited", "delivery_limit", 1),
    }
    rejected = groups[0]
    assert rejected.exception == "no rate for country XI"
    assert not rejected.hidden
    assert rejected.rows[0].exchange == "orders"
    assert rejected.rows[0].routing_key == "order.invoice.1"
    assert rejected.first_death_at is not None
    stored = DeadLetterSample.objects.get()
    assert (stored.read, stored.ready, stored.without_deaths, stored.with_shapes) == (5, 5, 0, True)


def test_a_group_that_is_gone_keeps_its_trend(place, found, superuser, eventually):
    place.kill_one_of_each(eventually)
    queue = next(one.queue for one in found().holding if one.queue.name == "orders.dead")
    sample_queue(queue, acting_user=superuser, now=timezone.now())
    place.scratch.channel.queue_purge("orders.dead")
    result = sample_queue(queue, acting_user=superuser, now=timezone.now())
    assert (result.read, result.trouble) == (0, "")
    assert groups_of(found().holding, superuser, timezone.now()) == []
    of_one = DeadLetterCount.objects.filter(group=DeadLetterGroup.objects.get(reason="rejected"))
    assert list(of_one.order_by("at").values_list("count", flat=True)) == [2, 0]


def test_the_page_from_queues_to_a_message(place, broker, found, superuser, client, eventually):
    place.kill_one_of_each(eventually)
    found()
    client.force_login(superuser)
    at = f"?broker={broker.pk}&vhost={place.vhost}"
    page = client.get(f"/dead-letters/{at}")
    assert page.status_code == 200
    assert "Not sampled yet" in page.content.decode()
    answer = client.post(f"/dead-letters/sample/{at}", follow=True)
    text = answer.content.decode()
    assert "Sampled 5 messages" in text
    assert "no rate for country XI" in text
    group = DeadLetterGroup.objects.get(reason="rejected")
    page = client.get(f"/dead-letters/{at}&group={group.pk}")
    assert "messages in this group" in page.content.decode()
    panel = client.post(
        f"/dead-letters/groups/{group.pk}/messages/", headers={"HX-Request": "true"}
    )
    text = panel.content.decode()
    assert "1 of 2" in text
    assert "order.invoice.1" in text
    assert "&quot;id&quot;" in text
    assert place.depth("orders.dead") == 5
    lines = client.get(f"/dead-letters.csv{at}").getvalue().decode().splitlines()
    assert len(lines) == 5
    assert '"no rate for country XI"' in lines[1]


def test_a_broker_that_is_down_is_a_state(place, broker, found, superuser, client, eventually):
    place.kill_one_of_each(eventually)
    found()
    queue = Queue.objects.get(vhost=place.vhost, name="orders.dead")
    sample_queue(queue, acting_user=superuser, now=timezone.now())
    type(broker).objects.filter(pk=broker.pk).update(
        amqp_url="amqp://127.0.0.1:9", management_url="http://127.0.0.1:9"
    )
    client.force_login(superuser)
    answer = client.post("/dead-letters/sample/", {"queue": queue.pk}, follow=True)
    assert answer.status_code == 200
    stored = DeadLetterSample.objects.get()
    assert stored.trouble
    assert stored.read == 5
    group = DeadLetterGroup.objects.first()
    panel = client.post(f"/dead-letters/groups/{group.pk}/messages/")
    assert panel.status_code == 200
    assert "couldn’t be read" in panel.content.decode()


def test_a_right_for_each_act(place, broker, found, client, eventually):
    """Who sees queues only, sees no group; who sees no queue, finds nothing."""
    place.kill_one_of_each(eventually)
    root = get_user_model().objects.get(username="root")
    queue = next(one.queue for one in found().holding if one.queue.name == "orders.dead")
    sample_queue(queue, acting_user=root, now=timezone.now())
    group = DeadLetterGroup.objects.first()
    viewer = get_user_model().objects.create_user("viewer", password="a password")
    Grant.objects.create(
        user=viewer, role=Role.VIEWER, broker=broker, vhost_pattern="*", created_at=timezone.now()
    )
    client.force_login(viewer)
    at = f"?broker={broker.pk}&vhost={place.vhost}"
    text = client.get(f"/dead-letters/{at}").content.decode()
    assert "orders.dead" in text
    assert "country XI" not in text
    assert client.post("/dead-letters/sample/", {"queue": queue.pk}).status_code == 403
    assert client.post(f"/dead-letters/groups/{group.pk}/messages/").status_code == 404
    assert client.post(f"/dead-letters/queues/{queue.pk}/mark/", {"is": "no"}).status_code == 403
    stranger = get_user_model().objects.create_user("stranger", password="a password")
    Grant.objects.create(
        user=stranger, role=Role.OPERATOR, broker=broker, vhost_pattern="other*",
        created_at=timezone.now(),
    )  # fmt: skip
    client.force_login(stranger)
    assert "orders.dead" not in client.get("/dead-letters/").content.decode()
    assert client.post("/dead-letters/sample/", {"queue": queue.pk}).status_code == 404
    assert client.post(f"/dead-letters/groups/{group.pk}/messages/").status_code == 404


def test_marks_by_hand_precede_topology_and_name(place, broker, found, superuser, client):
    there = found()
    client.force_login(superuser)
    looks = there.looking[0].queue
    client.post(f"/dead-letters/queues/{looks.pk}/mark/", {"is": "yes"})
    dead = next(one.queue for one in there.holding if one.queue.name == "graves.all")
    client.post(f"/dead-letters/queues/{dead.pk}/mark/", {"is": "no"})
    there = found()
    assert {one.queue.name for one in there.holding} == {"orders.dead", "work_error"}
    assert [one.queue.name for one in there.marked_not] == ["graves.all"]
    client.post(f"/dead-letters/queues/{dead.pk}/mark/", {"is": ""})
    assert {one.queue.name for one in found().holding} == {
        "orders.dead",
        "work_error",
        "graves.all",
    }
