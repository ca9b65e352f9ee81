"""Alerts in the API: list, filters, acknowledge, snooze, reopen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.models import AuditEntry
from tests.alerts.make import fire, make_rule, resolve
from tests.factories import HOSTILE, add_broker
from vhosts.models import AlertIncident

pytestmark = pytest.mark.django_db


def test_alerts_are_listed_and_filtered(api: Any) -> None:
    now = timezone.now()
    broker, rule = add_broker("prod", now), make_rule()
    names = [name for name in HOSTILE if "\0" not in name]
    for name in names:
        fire(rule, broker, name, now)
    resolve(fire(rule, broker, "over", now), now)
    found = api.get("/api/v1/alerts/?open=true").json()["results"]
    assert {one["name"] for one in found} == set(names)
    assert (found[0]["state"], found[0]["value"], found[0]["broker"]) == (
        "firing",
        1204.0,
        broker.pk,
    )
    over = api.get("/api/v1/alerts/?open=false").json()["results"]
    assert [one["name"] for one in over] == ["over"]
    assert api.get("/api/v1/alerts/?nonsense=1").status_code == 400


def test_an_alert_is_acknowledged_snoozed_and_opened_again(api: Any) -> None:
    now = timezone.now()
    alert = fire(make_rule(), add_broker("prod", now), "orders", now)
    address = f"/api/v1/alerts/{alert.pk}"
    taken = api.post(f"{address}/acknowledge/", {"note": "On it."}, format="json").json()
    assert (taken["state"], taken["note"]) == ("acknowledged", "On it.")
    until = (now + timedelta(hours=2)).isoformat()
    snoozed = api.post(f"{address}/snooze/", {"until": until}, format="json").json()
    assert snoozed["state"] == "snoozed"
    late = {"until": (now + timedelta(days=90)).isoformat()}
    refused = api.post(f"{address}/snooze/", late, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "until")
    for odd in (
        f"{now + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}",
        "2026-13-01T00:00Z",
        5,
        None,
        ["x"],
    ):
        refused = api.post(f"{address}/snooze/", {"until": odd}, format="json")
        assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "until")
    assert api.post(f"{address}/reopen/").json()["state"] == "firing"
    assert AuditEntry.objects.filter(action__startswith="alerts:").count() == 3
    resolve(AlertIncident.objects.get(pk=alert.pk), now)
    assert api.post(f"{address}/acknowledge/").status_code == 409


def test_nobody_acts_beyond_their_grants(cast: Any, client: Any) -> None:
    now, rule = timezone.now(), make_rule()
    mine = fire(rule, cast.a, "q", now)
    theirs = fire(rule, cast.b, "secret-queue", now)
    client.force_login(cast.alice)
    assert "secret-queue" not in client.get("/api/v1/alerts/").content.decode()
    assert client.get(f"/api/v1/alerts/{theirs.pk}/").status_code == 404
    assert client.post(f"/api/v1/alerts/{theirs.pk}/acknowledge/").status_code == 404
    client.force_login(cast.bob)
    assert client.get(f"/api/v1/alerts/{mine.pk}/").status_code == 200
    assert client.post(f"/api/v1/alerts/{mine.pk}/acknowledge/").status_code == 403
    assert set(AlertIncident.objects.values_list("state", flat=True)) == {"firing"}


def test_whoever_sees_one_virtual_host_acts_on_its_alerts_only(cast: Any, client: Any) -> None:
    now, rule = timezone.now(), make_rule()
    mine = fire(rule, cast.a, "q", now, vhost="/team-red")
    theirs = [
        fire(rule, cast.a, "secret-queue", now, vhost="/"),
        fire(rule, cast.a, "rabbit@secret", now, vhost="", subject_kind="node"),
        fire(rule, cast.a, "", now, vhost="", subject_kind="broker"),
        fire(rule, None, "secret-worker", now, vhost="", subject_kind="console"),
    ]
    client.force_login(cast.vera)
    found = client.get("/api/v1/alerts/").json()
    assert [one["id"] for one in found["results"]] == [mine.pk]
    for one in theirs:
        for act in ("acknowledge", "reopen"):
            assert (
                client.post(f"/api/v1/alerts/{one.pk}/{act}/", {}, "application/json").status_code
                == 404
            )
    assert (
        client.post(f"/api/v1/alerts/{mine.pk}/acknowledge/", {}, "application/json").status_code
        == 200
    )
    assert AlertIncident.objects.filter(state="firing").count() == len(theirs)
