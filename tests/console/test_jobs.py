"""Background jobs: what is recorded of them, and where their trouble is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console.background import jobs
from console.background.each_alone import SomeFailed, each_alone, error_text
from console.background.job_runs import expect_all, read_jobs, recorded, run_steps
from console.background.queues import QUEUES
from console.background.signs.heartbeats import write_heartbeat
from console.celery import app
from console.engine import tasks
from console.errors import BrokerTrouble
from console.models import JobRun
from vhosts import tasks as vhost_tasks
from vhosts.history import partitions, rollups

pytestmark = pytest.mark.django_db


def ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


def state_of(name: str) -> str:
    return next(one.state for one in read_jobs(datetime.now(UTC)) if one.name == name)


def fails(*_: Any, **__: Any) -> None:
    raise ValueError("amqp://warren:secret-password@10.0.0.1 The console failed")


def break_keep_history(monkeypatch: Any) -> None:
    monkeypatch.setattr(rollups, "fill_one", fails)
    with pytest.raises(SomeFailed):
        vhost_tasks.keep_history()


def test_every_task_of_the_console_is_a_listed_job_and_goes_to_a_listed_queue() -> None:
    app.loader.import_default_modules()
    ours = {name for name in app.tasks if name.startswith(("console.", "vhosts.", "accessctl."))}
    assert ours == {job.task for job in jobs.JOBS} | {"console.engine.tasks.sign_of_life"}
    for job in jobs.JOBS:
        route = app.amqp.router.route({}, job.task)
        asked = getattr(app.tasks[job.task], "queue", None) or route.get("queue", "default")
        assert getattr(asked, "name", asked) == job.queue
        assert job.queue in QUEUES
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} == {
        job.task for job in jobs.JOBS if job.every_s
    }


@pytest.mark.parametrize("job", [job for job in jobs.JOBS if job.every_s], ids=lambda job: job.name)
def test_each_job_of_beat_records_itself_and_each_of_its_steps(job: jobs.Job) -> None:
    app.loader.import_default_modules()
    app.tasks[job.task]()
    runs = {run.name: run for run in JobRun.objects.all()}
    assert set(runs) == {name for name, _ in jobs.names(job)}
    for run in runs.values():
        assert run.started_at
        assert run.succeeded_at
        assert (run.failures, run.error, run.failed_at) == (0, "", None)


def test_a_step_that_fails_is_recorded_and_stops_no_other(monkeypatch: Any) -> None:
    break_keep_history(monkeypatch)
    break_keep_history(monkeypatch)
    runs = {run.name: run for run in JobRun.objects.all()}
    bad = {name for name, run in runs.items() if run.failures}
    steps = ("rollup_5m", "rollup_1h", "rollup_rates_5m", "rollup_rates_1h")
    assert bad == {"keep_history", *(f"keep_history.{step}" for step in steps)}
    assert {runs[name].failures for name in bad} == {2}
    assert {runs[name].succeeded_at for name in bad} == {None}
    assert runs["keep_history.drop_partitions"].succeeded_at
    assert runs["keep_history.request_counts"].succeeded_at
    monkeypatch.undo()
    vhost_tasks.keep_history()
    after = JobRun.objects.get(name="keep_history.rollup_5m")
    assert (after.failures, bool(after.succeeded_at), bool(after.error)) == (0, True, True)


def test_errors_are_kept_without_secrets_values_and_addresses(monkeypatch: Any) -> None:
    break_keep_history(monkeypatch)
    kept = JobRun.objects.get(name="keep_history.rollup_5m").error
    assert kept.startswith("ValueError in ")
    assert "test_jobs" in kept
    assert not JobRun.objects.filter(error__contains="secret-password").exists()
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        connection.cursor().execute(
            "WITH one AS (INSERT INTO vhosts_queue_rollup_1h (queue_id, bucket_at, known_s)"
            " VALUES (987654, now(), 1) RETURNING 1) SELECT * FROM one"
        )
    text = error_text(caught.value)
    assert "violates foreign key constraint" in text
    assert "987654" not in text
    with pytest.raises(DataError) as refused, transaction.atomic():
        connection.cursor().execute("SELECT 'secret-password'::int")
    assert "invalid input syntax" in error_text(refused.value)
    assert "secret-password" not in error_text(refused.value)
    assert error_text(BrokerTrouble("The broker refuses.")) == "The broker refuses."
    assert len(error_text(SomeFailed("x" * 5000))) <= 500


def test_everything_is_done_whatever_fails() -> None:
    done: list[int] = []
    with pytest.raises(SomeFailed, match=r"^2 of 4 failed\. a: .*b: "):
        each_alone([
            ("a", fails), ("one", lambda: done.append(1)), ("b", fails), ("two", lambda: done.append(2)),
        ])  # fmt: skip
    assert done == [1, 2]


def test_a_record_that_cannot_be_written_does_not_stop_the_job() -> None:
    done: list[int] = []

    def refuse(execute: Any, sql: str, *arguments: Any) -> Any:
        if "console_jobrun" in sql:
            raise IntegrityError("no")
        return execute(sql, *arguments)

    with connection.execute_wrapper(refuse):
        run_steps("keep_history", {"settle": lambda: done.append(1)})
    assert done == [1]


def test_what_a_job_is_called_by_its_age_and_failures() -> None:
    assert state_of("keep_history") == "not_run"
    expect_all()
    assert state_of("keep_history") == "not_run"
    run = JobRun.objects.filter(name="keep_history")
    run.update(expected_since=ago(minutes=4))
    assert state_of("keep_history") == "late"  # never started, although beat has lived for so long
    run.update(started_at=ago(seconds=5))
    assert state_of("keep_history") == "late"  # it hangs
    run.update(succeeded_at=ago(seconds=70))
    assert state_of("keep_history") == "working"
    run.update(failures=1)
    assert state_of("keep_history") == "retrying"
    run.update(succeeded_at=ago(minutes=4))
    assert state_of("keep_history") == "job_failing"
    expect_all()
    assert state_of("keep_history") == "job_failing"


def test_an_unexpected_error_of_a_poll_is_told_for_a_while(
    monkeypatch: Any, make_broker: Any
) -> None:
    broker = make_broker()
    monkeypatch.setattr(vhost_tasks.run, "poll", fails)
    with pytest.raises(ValueError, match="The console failed"):
        vhost_tasks.poll_broker(broker.pk, 1)
    assert state_of("poll_broker") == "job_failing"
    JobRun.objects.update(failed_at=ago(minutes=11))
    assert state_of("poll_broker") == "no_errors"


@pytest.fixture
def alive() -> None:
    for name in ("beat", *(f"queue.{queue}" for queue in QUEUES)):
        write_heartbeat(name)


def fail_for_long(monkeypatch: Any) -> None:
    break_keep_history(monkeypatch)
    JobRun.objects.update(expected_since=ago(minutes=10))


def test_ready_says_which_job_fails_and_stays_ready(
    client: Client, alive: None, monkeypatch: Any
) -> None:
    assert client.get("/readyz").json()["degraded"] == []
    fail_for_long(monkeypatch)
    answer = client.get("/readyz")
    body = answer.json()
    assert (answer.status_code, body["ok"]) == (200, True)
    steps = ("rollup_5m", "rollup_1h", "rollup_rates_5m", "rollup_rates_1h")
    assert body["degraded"] == [f"keep_history.{step}" for step in steps]
    assert not body["checks"]["jobs"]["ok"]
    assert "keep_history.rollup_5m" in body["checks"]["jobs"]["detail"]
    assert "ValueError" not in answer.content.decode()  # anybody may ask


def test_metrics_tell_of_each_job_and_step(client: Client, settings: Any, monkeypatch: Any) -> None:
    settings.METRICS_OPEN = True
    fail_for_long(monkeypatch)
    text = client.get("/metrics").content.decode()
    assert 'warren_job_failures{job="keep_history.rollup_5m"} 1.0' in text
    assert 'warren_job_in_trouble{job="keep_history.rollup_5m"} 1.0' in text
    assert 'warren_job_in_trouble{job="keep_history.settle"} 0.0' in text
    assert 'warren_job_success_age_seconds{job="keep_history.settle"}' in text
    assert 'warren_job_success_age_seconds{job="keep_history.rollup_5m"}' not in text
    assert 'warren_job_failures{job="take_backups"}' not in text


def test_the_fleet_tells_what_stops_and_only_who_runs_the_console_where_to_look(
    client: Client, superuser: Any, monkeypatch: Any, make_broker: Any, now: Any
) -> None:
    from django.contrib.auth.models import User

    from accessctl.models import Grant

    make_broker()
    client.force_login(superuser)
    assert "jobs-in-trouble" not in client.get("/").content.decode()
    fail_for_long(monkeypatch)
    shown = client.get("/").content.decode()
    assert "History isn&#x27;t summed up or cleaned up." in shown
    assert "4 steps of the background job “Keep history” fail" in shown
    assert "/system/" in shown
    viewer = User.objects.create_user("viewer")
    Grant.objects.create(user=viewer, role="viewer", created_at=now)
    client.force_login(viewer)
    shown = client.get("/").content.decode()
    assert "4 steps of the background job “Keep history” fail" in shown
    assert "/system/" not in shown
    assert "ValueError" not in shown
    assert client.get("/system/").status_code == 403


def test_the_system_page_shows_jobs_and_processes_with_their_trouble(
    admin_client: Client, alive: None, monkeypatch: Any
) -> None:
    page = admin_client.get("/system/").content.decode()
    assert "note-bad" not in page
    assert page.count("Not run yet") >= len(jobs.JOBS) - 3
    fail_for_long(monkeypatch)
    page = admin_client.get("/system/").content.decode()
    assert "is failing" in page
    assert "ValueError in" in page
    assert "secret-password" not in page
    assert "Worker for polling" in page
    part = admin_client.get("/system/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    JobRun.objects.all().delete()
    write_heartbeat("queue.apply")
    from console.models import Heartbeat

    Heartbeat.objects.filter(name="queue.apply").update(at=ago(minutes=4))
    page = admin_client.get("/system/").content.decode()
    assert "No change is applied, and no backup is taken." in page
    assert "No sign of life" in page


def test_the_pages_cost_the_same_whatever_is_recorded(
    admin_client: Client, make_broker: Any, monkeypatch: Any
) -> None:
    make_broker()

    def cost(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(address).status_code == 200
        return len(queries)

    before = [cost(address) for address in ("/", "/system/", "/", "/system/")][2:]
    expect_all()
    fail_for_long(monkeypatch)
    tasks.sign_of_life("apply")
    assert [cost("/"), cost("/system/")] == before


def test_a_decorated_task_gives_its_arguments_on() -> None:
    seen: list[Any] = []

    @recorded("apply_changes")
    def task(one: int, *, two: int) -> None:
        seen.append((one, two))

    task(1, two=2)
    assert seen == [(1, 2)]
    assert partitions.missing(datetime.now(UTC)) == []
