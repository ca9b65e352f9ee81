"""The pages to start and watch a job: preview first, rights, hostile names, control."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse

from accessctl.models import Grant
from tests.factories import HOSTILE, add_queue
from tests.messages.moving import Mover
from vhosts.messages.moving.model import MessageJob, MessageOutcome

NOW = datetime.now(UTC)


@pytest.fixture
def queue(broker_row: Any) -> Any:
    return add_queue(broker_row(name="b"), "orders", NOW, ready=12, consumers=2)


def _form(**more: Any) -> dict[str, Any]:
    return {
        "mode": "move", "which": "all", "to": "queue", "target_queue": "parked",
        "keep_expiration": "on", **more,
    }  # fmt: skip


def test_nothing_starts_before_the_preview_is_confirmed(admin_client: Any, queue: Any) -> None:
    url = reverse("message_move", args=[queue.pk])
    assert "Preview job" in admin_client.get(url).content.decode()
    page = admin_client.post(url, _form(step="preview")).content.decode()
    assert "All messages that are ready when the job begins are moved (12 now)" in page
    assert "2 consumers are reading the queue" in page
    assert "No inventory has seen a queue parked" in page
    assert not MessageJob.objects.exists()
    answer = admin_client.post(url, _form(step="apply", key="k"))
    job = MessageJob.objects.get()
    assert answer["Location"] == reverse("message_job", args=[job.pk])
    admin_client.post(url, _form(step="apply", key="k"))
    assert MessageJob.objects.count() == 1


def test_a_deletion_in_production_needs_the_name(admin_client: Any, broker_row: Any) -> None:
    row = add_queue(broker_row(environment="production"), "orders", NOW)
    url = reverse("message_move", args=[row.pk])
    body = _form(mode="delete", step="apply")
    answer = admin_client.post(url, body)
    assert answer.status_code == 400
    assert "The name doesn" in answer.content.decode()
    assert not MessageJob.objects.exists()
    assert admin_client.post(url, {**body, "typed": "orders"}).status_code == 302


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"target_queue": ""}, "Enter the name of the queue."),
        ({"to": "exchange"}, "Enter the name of the exchange."),
        ({"which": "first", "count": ""}, "Enter how many messages"),
        ({"which": "matching"}, "Enter what the messages must match."),
        ({"rate": "0"}, "Enter 1 to"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    admin_client: Any, queue: Any, body: dict[str, str], text: str
) -> None:
    answer = admin_client.post(
        reverse("message_move", args=[queue.pk]), _form(step="apply", **body)
    )
    assert answer.status_code == 400
    assert text in answer.content.decode()


def test_a_stream_can_only_be_copied(admin_client: Any, broker_row: Any) -> None:
    row = add_queue(broker_row(), "log", NOW, type="stream")
    url = reverse("message_move", args=[row.pk])
    answer = admin_client.post(url, _form(step="apply"))
    assert answer.status_code == 400
    assert "taken out of a stream" in answer.content.decode()
    assert admin_client.post(url, _form(step="apply", mode="copy")).status_code == 302


def test_a_full_target_is_warned_about(admin_client: Any, queue: Any) -> None:
    add_queue(queue.broker, "parked", NOW, total=5, arguments={"x-max-length": 10})
    page = admin_client.post(
        reverse("message_move", args=[queue.pk]), _form(step="preview")
    ).content.decode()
    assert "holds at most 10 messages. It drops its oldest for more." in page


def test_hostile_names_stay_text(admin_client: Any, queue: Any) -> None:
    for name in HOSTILE[:8]:
        job = MessageJob.objects.create(
            broker=queue.broker, vhost="/", queue=name, mode="move", created_at=NOW,
            target_broker=queue.broker, target_vhost=name, target_exchange=name, target_key=name,
            note=name, reason=name, author_name=name, state="failed",
        )  # fmt: skip
        MessageOutcome.objects.create(
            job=job, at=NOW, outcome="returned", fingerprint="0" * 32, message_id=name,
            routing_key=name, reason=name,
        )  # fmt: skip
        for route in ("message_job", "message_job_now"):
            text = admin_client.get(reverse(route, args=[job.pk])).content.decode()
            assert "<img src=x" not in text
            assert "<script>alert" not in text
            assert "<svg/onload" not in text
    page = admin_client.get(reverse("message_jobs")).content.decode()
    assert "<script>alert" not in page


def test_a_job_is_hidden_from_who_may_not_see_its_source(
    client: Any, queue: Any, django_user_model: Any
) -> None:
    job = MessageJob.objects.create(
        broker=queue.broker, vhost="/", queue="q", mode="move", created_at=NOW
    )
    client.force_login(django_user_model.objects.create_user("nobody"))
    assert client.get(reverse("message_job", args=[job.pk])).status_code == 404
    assert client.post(reverse("message_job_control", args=[job.pk])).status_code == 404
    assert client.get(reverse("message_move", args=[queue.pk])).status_code == 404


def test_a_viewer_sees_a_job_and_may_not_control_it(
    client: Any, queue: Any, django_user_model: Any
) -> None:
    job = MessageJob.objects.create(
        broker=queue.broker, vhost="/", queue="q", mode="move", created_at=NOW, state="running"
    )
    viewer = django_user_model.objects.create_user("viewer")
    Grant.objects.create(user=viewer, role="viewer", created_at=NOW)
    client.force_login(viewer)
    answer = client.get(reverse("message_job", args=[job.pk]))
    assert answer.status_code in (200, 404)
    assert b"Stop job" not in answer.content
    stop = client.post(reverse("message_job_control", args=[job.pk]), {"act": "stop"})
    assert stop.status_code in (403, 404)
    job.refresh_from_db()
    assert not job.stop_requested


def test_a_job_is_started_run_and_shown(mover: Mover, client: Any, superuser: Any) -> None:
    client.force_login(superuser)
    mover.vhost.declare("a")
    mover.vhost.declare("parked")
    mover.put("a", "x", "y")
    row = add_queue(mover.broker, "a", NOW, vhost=mover.vhost.name)
    client.post(reverse("message_move", args=[row.pk]), _form(step="apply", key="k"))
    job = mover.run(MessageJob.objects.get())
    page = client.get(reverse("message_job_now", args=[job.pk])).content.decode()
    assert "Done" in page
    assert "data-refresh" not in page
    assert mover.bodies("parked") == ["x", "y"]
    assert "parked" in client.get(reverse("message_jobs")).content.decode()
