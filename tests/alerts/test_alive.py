"""The dead-man's switch reports while the console works, and not otherwise."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.models import JobRun
from tests.alerts.sinks import HttpSink
from vhosts.alerts.notifications.alive import EVERY, read_report, report_alive

pytestmark = pytest.mark.django_db


def test_it_reports_each_minute_while_the_jobs_run(sink: HttpSink, settings: Any) -> None:
    now = timezone.now()
    assert report_alive(now) is False, "no URL is set"
    assert read_report() is None
    settings.ALIVE_URL = f"http://127.0.0.1:{sink.port}/ping/canary-uuid"
    for name in ("dispatch_due_polls", "notify_alerts", "watch_alerts"):
        JobRun.objects.update_or_create(
            name=name, defaults={"expected_since": now, "succeeded_at": now, "failures": 0}
        )
    assert report_alive(now) is True
    assert report_alive(now + timedelta(seconds=5)) is False
    assert [path for path, _, _ in sink.got] == ["/ping/canary-uuid"]
    sink.status = 500
    assert report_alive(now + EVERY) is False
    report = read_report()
    assert report is not None
    assert report.arrived_at == now
    assert "HTTP 500" in report.error
    assert "canary" not in str(report)


def test_it_is_silent_while_polls_are_not_handed_out(sink: HttpSink, settings: Any) -> None:
    now = timezone.now()
    settings.ALIVE_URL = f"http://127.0.0.1:{sink.port}/ping"
    JobRun.objects.update_or_create(
        name="dispatch_due_polls",
        defaults={"expected_since": now, "succeeded_at": now - timedelta(hours=1), "failures": 0},
    )
    assert report_alive(now) is False
    assert sink.got == []
    report = read_report()
    assert report is not None
    assert "Hand out due polls" in report.error
