"""Health as an orchestrator and a monitoring see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError, connection
from psycopg2.errors import UndefinedTable

from console.background.beat import BeatScheduler
from console.background.signs.heartbeats import write_heartbeat
from console.celery import app
from console.models import BrokerStatus, Heartbeat

QUEUES = ["queue.default", "queue.polling", "queue.apply"]
READY = ["database", "migrations", "partitions", "beat", *QUEUES, "polls", "jobs"]


class Away:
    """In the way of every statement, as if Postgres had gone."""

    def __call__(self, execute: Any, *arguments: Any) -> Any:
        raise OperationalError('connection to server at "10.1.2.3", user "console" failed')


def test_alive_says_nothing_of_what_it_depends_on(client) -> None:
    answer = client.get("/livez")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_ready_names_beat_and_each_queue_apart(client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert list(checks) == READY
    assert [name for name in READY if checks[name]["ok"]] == [
        "database",
        "migrations",
        "partitions",
        "polls",
        "jobs",
    ]
    for name in ("beat", *QUEUES):
        assert client.get("/readyz").status_code == 503
        write_heartbeat(name)
        assert client.get("/readyz").json()["checks"][name]["ok"]
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    Heartbeat.objects.filter(name="queue.apply").update(at=datetime.now(UTC) - timedelta(minutes=2))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert [name for name in READY if not checks[name]["ok"]] == ["queue.apply"]
    assert "No change is applied" in checks["queue.apply"]["detail"]
    assert 119 < checks["queue.apply"]["age_s"] < 130


@pytest.mark.django_db
def test_what_waits_in_each_queue_is_told(client, settings, tmp_path, monkeypatch) -> None:
    settings.METRICS_OPEN = True
    options = {**app.conf.broker_transport_options}
    for name in ("data_folder_in", "data_folder_out", "processed_folder", "control_folder"):
        options[name] = str(tmp_path)
    monkeypatch.setitem(app.conf, "broker_transport_options", options)
    for name in (
        "1_a.polling.msg",
        "2_b.polling.msg",
        ".3_c.polling.msg",  # not whole yet
        "4_d.apply.msg",
        "5_e.polling.apply.msg",
    ):
        (tmp_path / name).write_text("{}")
    checks = client.get("/readyz").json()["checks"]
    assert [checks[name]["backlog"] for name in QUEUES] == [0, 2, 1]
    assert checks["beat"]["backlog"] is None
    assert 'warren_celery_queue_messages{queue="polling"} 2.0' in (
        client.get("/metrics").content.decode()
    )


@pytest.mark.django_db
def test_a_queue_that_cannot_be_asked_is_unknown_and_not_empty(
    client, settings, monkeypatch
) -> None:
    settings.METRICS_OPEN = True
    monkeypatch.setattr(app, "connection_for_read", Away())
    assert {queue["backlog"] for queue in client.get("/readyz").json()["checks"].values()} == {None}
    assert "warren_celery_queue_messages{" not in client.get("/metrics").content.decode()


@pytest.mark.django_db
def test_polls_that_nobody_makes_are_said(client, broker_row) -> None:
    broker = broker_row()
    late = datetime.now(UTC) - timedelta(minutes=3)
    BrokerStatus.objects.filter(pk=broker.pk).update(next_poll_at=late)
    polls = client.get("/readyz").json()["checks"]["polls"]
    assert not polls["ok"]
    assert "1 brokers" in polls["detail"]


@pytest.mark.django_db
def test_without_postgres_ready_says_so_and_shows_no_driver_text(client) -> None:
    with connection.execute_wrapper(Away()):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert not answer.json()["checks"]["database"]["ok"]
    assert "10.1.2.3" not in answer.content.decode()


class NoTables:
    """As if `migrate` had never run."""

    def __call__(self, execute: Any, *arguments: Any) -> Any:
        raise ProgrammingError("gone") from UndefinedTable(
            'relation "console_brokerstatus" does not exist'
        )


@pytest.mark.django_db
@pytest.mark.parametrize("trouble", [Away(), NoTables()], ids=["away", "no tables"])
@pytest.mark.parametrize("who", ["open", "token", "session"])
def test_metrics_without_their_tables_are_unavailable_and_no_failure(
    client, superuser, api_token, settings, trouble, who
) -> None:
    settings.METRICS_OPEN = who == "open"
    if who == "session":
        client.force_login(superuser)
    headers = {"Authorization": f"Bearer {api_token}"} if who == "token" else {}
    with connection.execute_wrapper(trouble):
        answer = client.get("/metrics", headers=headers)
        assert answer.status_code == 503
        assert b"console_brokerstatus" not in answer.content
        assert client.get("/readyz").status_code == 503


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["10.244.3.17:8000", "warren-web", "[fd00::7]:8000", "a_b", ""])
def test_health_and_metrics_answer_by_any_host_and_nothing_else_does(
    client, settings, host
) -> None:
    settings.METRICS_OPEN = True
    headers = {"Host": host}
    assert client.get("/livez", headers=headers).status_code == 200
    assert client.get("/readyz", headers=headers).json()["checks"]["database"]["ok"]
    assert client.get("/metrics", headers=headers).status_code == 200
    for path in ("/", "/accounts/login/", "/livez/", "/static/x"):
        assert client.get(path, headers=headers).status_code in (400, 404), path
    settings.METRICS_OPEN = False
    assert client.get("/metrics", headers=headers).status_code == 401


@pytest.mark.django_db
def test_without_postgres_pages_and_api_answer_503_and_when_to_come_back(client, superuser) -> None:
    client.force_login(superuser)
    client.raise_request_exception = False
    with connection.execute_wrapper(Away()):
        for path in ("/", "/api/v1/brokers/", "/queues/"):
            answer = client.get(path)
            assert answer.status_code == 503, path
            assert answer.headers["Retry-After"]
            assert "10.1.2.3" not in answer.content.decode()


@pytest.mark.django_db
def test_metrics_take_a_superuser(client, superuser, django_user_model, settings) -> None:
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer wrn_x"}).status_code == 401
    client.force_login(django_user_model.objects.create_user("somebody"))
    assert client.get("/metrics").status_code == 401
    client.force_login(superuser)
    assert client.get("/metrics").status_code == 200
    client.logout()
    settings.METRICS_OPEN = True
    assert client.get("/metrics").status_code == 200


@pytest.mark.django_db
def test_metrics_tell_of_each_broker_and_leave_out_what_is_not_known(
    client, settings, make_broker, poll_now
) -> None:
    settings.METRICS_OPEN = True
    poll_now(make_broker(name='good "one"'))
    make_broker(name="unseen")
    text = client.get("/metrics").content.decode()
    assert (
        'warren_broker_state{broker="good \\"one\\"",environment="development",state="reachable"} 1.0'
        in text
    )
    assert 'warren_broker_queues{broker="good \\"one\\""}' in text
    assert 'warren_broker_poll_seconds{broker="good \\"one\\""}' in text
    assert 'state="new"} 1.0' in text
    assert 'warren_broker_queues{broker="unseen"}' not in text
    assert 'warren_build_info{version="' in text


@pytest.mark.django_db(transaction=True)  # Celery closes connections while it sets up
def test_beat_signs_by_itself_and_outlives_postgres() -> None:
    scheduler = BeatScheduler(app=app, lazy=True)
    scheduler.tick()
    assert Heartbeat.objects.filter(name="beat").exists()
    with connection.execute_wrapper(Away()):
        scheduler._give_signs()


@pytest.mark.django_db(transaction=True)
def test_beat_sends_a_message_of_life_into_each_queue_also_without_postgres(monkeypatch) -> None:
    scheduler = BeatScheduler(app=app, lazy=True)
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(
        scheduler, "send_task", lambda name, args, queue, **_: sent.append((args[0], queue))
    )
    with connection.execute_wrapper(Away()):
        scheduler._give_signs()
    assert sent == [(name, name) for name in ("default", "polling", "apply")]

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(scheduler, "send_task", refuse)
    scheduler._give_signs()
    assert Heartbeat.objects.filter(name="beat").exists()
