"""Jobs by the API and by the command."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.factories import add_queue
from tests.messages.moving import Mover
from vhosts.messages.moving.model import MessageJob

NOW = datetime.now(UTC)
URL = "/api/v1/message-jobs/"


@pytest.fixture
def api(client: Any, api_token: str) -> Any:
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {api_token}"
    return client


@pytest.fixture
def ready(mover: Mover) -> Mover:
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    mover.put("a", "x", "y", "z")
    add_queue(mover.broker, "a", NOW, vhost=mover.vhost.name, ready=3)
    return mover


def _body(mover: Mover, **more: Any) -> dict[str, Any]:
    return {
        "broker": mover.broker.pk, "vhost": mover.vhost.name, "queue": "a", "mode": "move",
        "target": {"queue": "b"}, **more,
    }  # fmt: skip


def _post(api: Any, url: str, body: Any = None, **headers: str) -> Any:
    return api.post(url, body, content_type="application/json", headers=headers)


def test_a_job_is_previewed_started_run_and_read(api: Any, ready: Mover) -> None:
    dry = _post(api, f"{URL}?dry_run=true", _body(ready))
    assert dry.status_code == 200
    assert "(3 now)" in dry.json()["does"][0]
    assert not MessageJob.objects.exists()
    made = _post(api, URL, _body(ready), **{"Idempotency-Key": "k"})
    assert made.status_code == 201
    again = _post(api, URL, _body(ready), **{"Idempotency-Key": "k"})
    assert again.json()["id"] == made.json()["id"]
    ready.run(MessageJob.objects.get())
    found = api.get(made["Location"]).json()
    assert (found["state"], found["confirmed"], found["selection"]) == ("done", 3, "all")
    assert api.get(f"{URL}{found['id']}/outcomes/").json() == []
    assert [one["id"] for one in api.get(f"{URL}?state=done").json()["results"]] == [found["id"]]


def test_a_job_is_controlled(api: Any, ready: Mover) -> None:
    job = _post(api, URL, _body(ready, rate=5)).json()
    assert _post(api, f"{URL}{job['id']}/rate/", {"rate": None}).json()["rate"] is None
    assert _post(api, f"{URL}{job['id']}/pause/").json()["pause_requested"]
    ready.run(MessageJob.objects.get())
    assert _post(api, f"{URL}{job['id']}/resume/").json()["state"] == "waiting"
    assert _post(api, f"{URL}{job['id']}/stop/").json()["stop_requested"]
    ready.run(MessageJob.objects.get())
    assert _post(api, f"{URL}{job['id']}/stop/").status_code == 409
    assert ready.ready("a") == 3


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"target": None}, "target"),
        ({"target": {}}, "target"),
        ({"target": {"queue": "b", "origin": True}}, "target"),
        ({"mode": "delete"}, "target"),
        ({"first": 1, "match": {"key": "x"}}, "match"),
        ({"queue": "nowhere"}, "queue"),
        ({"rate": 0}, "rate"),
    ],
)
def test_what_makes_no_sense_is_refused(
    api: Any, ready: Mover, more: dict[str, Any], field: str
) -> None:
    answer = _post(api, URL, _body(ready, **more))
    assert answer.status_code in (400, 422)
    assert field in answer.content.decode()
    assert not MessageJob.objects.exists()


def test_a_deletion_in_production_needs_the_name(api: Any, ready: Mover) -> None:
    ready.broker.environment = "production"
    ready.broker.save()
    body = {key: value for key, value in _body(ready, mode="delete").items() if key != "target"}
    assert _post(api, URL, body).status_code in (400, 422)
    assert _post(api, URL, {**body, "confirm": "a"}).status_code == 201


def _command(mover: Mover, *more: str) -> tuple[int, str]:
    out = StringIO()
    code = 0
    try:
        call_command(
            "messages", "move", "a", "--broker", mover.broker.name, "--vhost", mover.vhost.name,
            *more, stdout=out,
        )  # fmt: skip
    except SystemExit as error:
        code = int(error.code or 0)
    return code, out.getvalue()


def test_the_command_moves_and_reports(ready: Mover) -> None:
    code, text = _command(ready, "--to-queue", "b", "--dry-run")
    assert (code, ready.ready("a")) == (0, 3)
    assert "All messages" in text
    code, text = _command(ready, "--to-queue", "b", "--first", "2")
    assert code == 0
    assert "Done: 2 done" in text
    assert ready.bodies("b") == ["x", "y"]
    code, text = _command(ready, "--to-queue", "nowhere")
    assert code == 2
    assert "1 not routed" in text


def test_the_command_refuses_what_makes_no_sense(ready: Mover) -> None:
    with pytest.raises(CommandError):
        _command(ready)
    with pytest.raises(CommandError):
        _command(ready, "--to-queue", "b", "--first", "2", "--body", "x")
    ready.broker.environment = "production"
    ready.broker.save()
    with pytest.raises(CommandError):
        _command(ready, "--mode", "delete")
    assert ready.ready("a") == 3
