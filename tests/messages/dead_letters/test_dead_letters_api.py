"""Dead letters in the API, to people with masks and fewer rights, by schedule and by command."""

from __future__ import annotations

import io
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accessctl.grants.roles import Role
from console.scope import Scope
from vhosts.messages.dead_letters.listing.page import Asked, board
from vhosts.messages.dead_letters.sampling.sample import sample_queue
from vhosts.messages.dead_letters.sampling.scheduled import sample_due
from vhosts.messages.dead_letters.sampling.settings import schedule_samples
from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.running.run import run_job
from vhosts.models import DeadLetterGroup, DeadLetterSample, DeadLetterSetting, MaskingRule, Queue

pytestmark = pytest.mark.django_db
API = "/api/v1/dead-letters"


@pytest.fixture
def dead(place, found, superuser, eventually):
    """The queue orders.dead with five messages."""
    place.kill_one_of_each(eventually)
    return next(one.queue for one in found().holding if one.queue.name == "orders.dead")


def test_from_the_list_to_a_replay(dead, place, api, broker):
    queues = api.get(f"{API}/queues/?broker={broker.pk}").json()["results"]
    row = next(one for one in queues if one["name"] == "orders.dead")
    assert (row["id"], row["why"], row["sampled_at"]) == (dead.pk, "holds", None)
    assert row["origins"][0] == {
        "queue": "limited", "exchange": "dlx", "key": "dead", "set_by": "argument",
    }  # fmt: skip
    passing = api.get(f"{API}/queues/?broker={broker.name}&why=passes").json()["results"]
    assert {one["name"] for one in passing} == {"work", "work.wait"}
    done = api.post(f"{API}/queues/{dead.pk}/sample/").json()
    assert done == {"read": 5, "groups": 4, "trouble": ""}
    groups = api.get(f"{API}/groups/?broker={broker.pk}&reason=rejected").json()["results"]
    assert [one["messages"] for one in groups] == [2]
    assert groups[0]["exception"] == "no rate for country XI"
    assert api.get(f"{API}/groups/?search=COUNTRY").json()["count"] == 1
    at = f"{API}/groups/{groups[0]['id']}/replay/"
    planned = api.post(f"{at}?dry_run=true").json()
    assert (planned["job"], planned["messages"], planned["routed"]) == (None, 2, 2)
    assert planned["ways"][0]["queues"] == ["orders"]
    assert MessageJob.objects.count() == 0
    answer = api.post(at, {"rate": 100}, format="json", headers={"Idempotency-Key": "a"})
    again = api.post(at, {"rate": 100}, format="json", headers={"Idempotency-Key": "a"})
    assert answer.status_code == 202
    assert again.json()["job"] == answer.json()["job"]
    run_job(answer.json()["job"], uuid4().hex)
    assert place.depth("orders") == 2


def test_a_mask_hides_the_exception_at_every_face(dead, superuser, api, client):
    sample_queue(dead, acting_user=superuser, now=timezone.now())
    MaskingRule.objects.create(
        subject="header", target="x-exception-*", action="mask", created_at=timezone.now()
    )
    client.force_login(superuser)
    group = DeadLetterGroup.objects.get(reason="rejected")
    faces = [
        client.get(f"/dead-letters/?group={group.pk}").content,
        client.get("/dead-letters.csv").getvalue(),
        client.get(f"/dead-letters/groups/{group.pk}/replay/").content,
        client.get(f"/dead-letters/groups/{group.pk}/discard/").content,
        client.post(f"/dead-letters/groups/{group.pk}/messages/").content,
        api.get(f"{API}/groups/").content,
    ]
    assert not [face for face in faces if b"country XI" in face]
    assert b"hidden by a masking rule" in faces[0]
    # A search finds nothing by what is hidden.
    assert api.get(f"{API}/groups/?search=country").json()["count"] == 0


def test_shapes_do_not_part_groups_for_who_may_not_read_payloads(
    dead, place, superuser, person, found, broker
):
    place.publish("order.2", b'{"other": 1}', exchange="orders", headers={"x-exception-message": "no rate for country XI"})  # fmt: skip
    place.reject("orders")
    sample_queue(dead, acting_user=superuser, now=timezone.now())
    assert DeadLetterGroup.objects.filter(reason="rejected").count() == 2
    blind = person("blind", (Role.OPERATOR, False))
    scope = Scope(broker=type(broker).objects.select_related("status").get(pk=broker.pk))
    groups = board(scope, blind, timezone.now(), Asked()).groups
    assert [one.count for one in groups if one.reasons == ["rejected"]] == [3]
    seen = board(scope, superuser, timezone.now(), Asked()).groups
    assert sorted(one.count for one in seen if one.reasons == ["rejected"]) == [1, 2]
    # Who may not read payloads samples without looking at bodies.
    sample_queue(dead, acting_user=blind, now=timezone.now())
    assert set(DeadLetterGroup.objects.filter(count__gt=0).values_list("shape", flat=True)) == {""}


def test_a_schedule_samples_in_the_name_of_who_set_it(dead, person):
    operator = person("operator", (Role.OPERATOR, False))
    now = timezone.now()
    schedule_samples(dead, 300, acting_user=operator, now=now)
    assert sample_due(now) == 0
    assert sample_due(now + timedelta(minutes=6)) == 1
    assert DeadLetterSample.objects.get().read == 5
    assert DeadLetterSample.objects.get().author_name == "operator"
    # Once the right is gone, nothing is read, and the page says so.
    operator.grants.all().delete()
    assert sample_due(now + timedelta(minutes=12)) == 1
    assert "may not see messages here any more" in DeadLetterSample.objects.get().trouble
    DeadLetterSetting.objects.update(author=None)
    assert sample_due(now + timedelta(minutes=18)) == 1


def test_the_page_costs_the_same_for_many_queues(dead, place, superuser, broker, found):
    sample_queue(dead, acting_user=superuser, now=timezone.now())
    scope = Scope(broker=type(broker).objects.select_related("status").get(pk=broker.pk))

    def cost():
        with CaptureQueriesContext(connection) as queries:
            board(scope, superuser, timezone.now(), Asked())
        return len(queries)

    one = cost()
    row = Queue.objects.get(pk=dead.pk)
    for number in range(20):
        row.pk, row.name = None, f"other{number}.dlq"
        row.save(force_insert=True)
        DeadLetterSetting.objects.create(
            broker=broker, vhost=row.vhost, queue=row.name, is_dead_letters=True, at=timezone.now()
        )
    assert cost() == one


def test_the_command_replays(dead, place, superuser, broker):
    sample_queue(dead, acting_user=superuser, now=timezone.now())

    def run(*given):
        out = io.StringIO()
        call_command(
            "messages", "replay", "orders.dead", "--broker", broker.name, "--vhost", place.vhost,
            "--as", "root", *given, stdout=out,
        )  # fmt: skip
        return out.getvalue()

    text = run("--dry-run", "--reason", "rejected")
    assert "     2  orders order.invoice.1: 1 queue gets one copy." in text
    assert MessageJob.objects.count() == 0
    assert "Started job" in run("--reason", "rejected")
    job = MessageJob.objects.get()
    run_job(str(job.pk), uuid4().hex)
    assert place.depth("orders") == 2
    with pytest.raises(SystemExit) as ended:
        run("--group", "999999")
    assert ended.value.code == 2
