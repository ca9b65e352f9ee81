"""Diagnosis, upgrade readiness and noise in a browser: no fault that axe finds, nothing wider than a phone."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.factories import HOSTILE, add_broker, add_queue
from vhosts.models import ClusterReport, NoisePattern

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_and_are_accessible(
    page: Any, live_server: Any, logged_in: Any, axe_source: str, scheme: str
) -> None:
    now = datetime.now(UTC)
    broker = add_broker(
        "orders-eu", now, nodes=[{"name": f"rabbit@{n}", "running": n != "c"} for n in "abc"],
        vitals_at=now, consumers_at=now, alarms=[], rabbitmq_version="3.10.8", erlang_version="25.2", plugins=[],
    )  # fmt: skip
    add_broker("dark", now, inventory_at=None)
    for name in HOSTILE:
        add_queue(
            broker,
            name,
            now,
            durable=len(name) % 2 == 0,
            exclusive=False,
            arguments={"x-max-length": 5},
        )
    ClusterReport.objects.create(
        broker=broker, read_at=now, versions={"a": "3.10.8"}, why={"churn": "Statistics are disabled."},
        flags=[{"name": "stream_queue", "state": "disabled", "stability": "stable"}],
    )  # fmt: skip
    NoisePattern.objects.create(pattern="celery@*.pidbox", created_at=now, author_name="root")
    page.emulate_media(color_scheme=scheme)
    folder = os.environ.get("SCREENSHOTS", "")
    for name, path in (
        ("diagnosis", "/diagnosis/"), ("readiness", f"/upgrade/?broker={broker.pk}"), ("fleet", "/upgrade/"),
        ("noise", "/noise/?pattern=amq.gen-*"), ("ignore", f"/diagnosis/{broker.pk}/ignore/?rule=alarm"),
    ):  # fmt: skip
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.goto(f"{live_server.url}{path}").status == 200
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            if folder:
                page.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png", full_page=True)
        page.evaluate(axe_source)
        found = page.evaluate("axe.run()")["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], name
