"""One dead letter is edited, replayed or exported, and linked to its original."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest
from django.utils import timezone

from accessctl.grants.roles import Role
from vhosts.messages.dead_letters.sampling.sample import sample_queue
from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.running.run import run_job
from vhosts.models import DeadLetterGroup, EditedLetter, MaskingRule, PublishRequest

pytestmark = pytest.mark.django_db


@pytest.fixture
def dead(place, found, superuser, eventually):
    """The queue orders.dead with five messages, sampled."""
    place.kill_one_of_each(eventually)
    queue = next(one.queue for one in found().holding if one.queue.name == "orders.dead")
    sample_queue(queue, acting_user=superuser, now=timezone.now())
    return queue


def marks(client):
    """The fingerprints of the rejected messages, from the panel."""
    group = DeadLetterGroup.objects.get(reason="rejected")
    panel = client.post(f"/dead-letters/groups/{group.pk}/messages/").content.decode()
    return re.findall(r'name="message" value="([0-9a-f]{32})"', panel)


def test_an_edited_copy_names_its_original_which_stays(dead, place, superuser, client):
    client.force_login(superuser)
    first = marks(client)[0]
    at = f"/dead-letters/queues/{dead.pk}/edit/"
    page = client.post(at, {"message": first}).content.decode()
    assert "&quot;id&quot;: 1" in page
    assert 'value="order.invoice.1"' in page
    given = {
        "message": first, "step": "publish", "key": uuid4().hex, "exchange": "orders",
        "routing_key": "order.invoice.1", "body": '{"id": 1, "country": "GB"}',
    }  # fmt: skip
    for _ in range(2):
        answer = client.post(at, given)
        assert answer.status_code == 302
    request = PublishRequest.objects.get()
    assert (request.state, answer.url) == ("confirmed", f"/messages/published/{request.pk}/")
    assert (place.depth("orders"), place.depth("orders.dead")) == (1, 5)
    properties, body = place.take("orders")
    assert body == b'{"id": 1, "country": "GB"}'
    assert properties.headers["x-warren-edited-from"] == first
    assert properties.headers["x-exception-message"] == "no rate for country XI"
    assert "x-death" not in properties.headers
    assert properties.content_type == "application/json"
    link = EditedLetter.objects.get()
    assert (link.original, link.request_id, link.queue) == (first, request.pk, "orders.dead")
    assert "A copy of this message was already published" in client.post(at, {"message": first}).content.decode()  # fmt: skip
    gone = client.post(at, {"message": "0" * 32})
    assert "isn’t among the first" in gone.content.decode().replace("&#x27;", "’")


def test_who_may_not_see_all_of_it_may_not_edit(dead, place, superuser, person, client):
    client.force_login(superuser)
    first = marks(client)[0]
    at = f"/dead-letters/queues/{dead.pk}/edit/"
    client.force_login(person("blind", (Role.OPERATOR, False)))
    assert client.post(at, {"message": first}).status_code == 403
    MaskingRule.objects.create(
        subject="body", target="$.id", action="mask", created_at=timezone.now()
    )
    client.force_login(person("masked", (Role.OPERATOR, True)))
    page = client.post(at, {"message": first}).content.decode()
    assert "Masking rules hide parts of the message" in page
    assert "&quot;id&quot;: 1" not in page


def test_one_message_is_replayed(dead, place, superuser, client):
    client.force_login(superuser)
    second = marks(client)[1]
    at = f"/dead-letters/queues/{dead.pk}/replay/?message={second}"
    page = client.post(at, {"to": "original", "step": "preview"}).content.decode()
    assert "1 chosen" in page
    client.post(at, {"to": "original", "step": "apply", "key": "a"})
    job = MessageJob.objects.get()
    run_job(str(job.pk), uuid4().hex)
    job.refresh_from_db()
    assert (job.state, job.confirmed) == ("done", 1)
    assert place.take("orders")[1] == b'{"id": 2}'
    wrong = client.post(at.replace(second, "nonsense"), {"to": "original", "step": "apply"})
    assert wrong.status_code == 400


def test_a_group_is_exported_before_it_is_discarded(dead, place, superuser, person, client):
    group = DeadLetterGroup.objects.get(reason="rejected")
    client.force_login(superuser)
    assert "Export messages" in client.get(f"/dead-letters/groups/{group.pk}/discard/").content.decode()  # fmt: skip
    answer = client.post(f"/dead-letters/groups/{group.pk}/export/")
    rows = [json.loads(line) for line in answer.content.decode().splitlines()]
    assert [row["body"] for row in rows] == ['{"id": 1}', '{"id": 2}']
    assert place.depth("orders.dead") == 5
