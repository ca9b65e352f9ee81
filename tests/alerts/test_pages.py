"""The list of alerts, the page of one, acknowledging and snoozing, and the link in a message."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.models import AuditEntry
from tests.alerts.make import fire, make_channel, make_rule, resolve
from tests.factories import HOSTILE, add_broker, add_queue
from vhosts.alerts.notifications import ack
from vhosts.alerts.notifications.route import WAIT, route_events
from vhosts.models import AlertDelivery, AlertIncident

pytestmark = pytest.mark.django_db
AGO = WAIT + timedelta(minutes=5)


@pytest.fixture
def browser(client: Client, superuser: Any) -> Client:
    client.force_login(superuser)
    return client


def test_the_list_shows_what_is_open_with_hostile_names_and_filters(browser: Client) -> None:
    now = timezone.now()
    broker, rule = add_broker("prod", now), make_rule()
    for name in HOSTILE:
        fire(rule, broker, name, now - AGO, detail=f"Evidence {name}")
    over = fire(rule, broker, "long over", now - AGO)
    resolve(over, now)
    page = browser.get(reverse("alerts"))
    text = page.content.decode()
    assert page.status_code == 200
    assert "<img src=x" not in text
    assert "<script>alert(1)" not in text
    assert "\u202e" not in text
    assert "long over" not in text
    assert "long over" in browser.get(reverse("alerts") + "?state=resolved").content.decode()
    assert f"{len(HOSTILE)} firing or without data" in text
    assert "long over" in b"".join(browser.get(reverse("alerts_csv"))).decode()


def test_the_page_of_an_alert_has_evidence_chart_events_and_messages(browser: Client) -> None:
    now = timezone.now()
    broker, rule = add_broker("prod", now), make_rule(description="Start the consumer.")
    queue = add_queue(broker, "orders", now)
    make_channel("json://example.org/", "on call")
    earlier = fire(rule, broker, "orders", now - timedelta(days=1))
    resolve(earlier, now - timedelta(hours=20))
    incident = fire(rule, broker, "orders", now - AGO)
    route_events(now)
    text = browser.get(reverse("alert", args=[incident.pk])).content.decode()
    for part in (
        "1,204 ready, no consumers.",
        "Start the consumer.",
        "on call",
        "Depth at that time",
        f"/queues/{queue.pk}/history.json?from=",
        f"/alerts/{earlier.pk}/",
    ):
        assert part in text, part
    sent = incident.notifications.get()
    text = browser.get(reverse("alert_message", args=[sent.pk])).content.decode()
    assert "orders in /" in text
    assert "on call" in browser.get(reverse("alert_messages")).content.decode()


def test_selected_alerts_are_acknowledged_and_snoozed_with_a_note(browser: Client) -> None:
    now = timezone.now()
    broker, rule = add_broker("prod", now), make_rule()
    ids = [fire(rule, broker, f"q{n}", now - AGO).pk for n in range(3)]
    pending = fire(rule, broker, "p", now - AGO, state="pending", fired_at=None).pk
    address = reverse("alerts_acknowledge")
    asked = browser.post(address, {"ids": [*ids[:2], pending]})
    assert "Acknowledge 3 alerts" in asked.content.decode()
    assert AlertIncident.objects.filter(state="acknowledged").count() == 0
    answer = browser.post(
        address,
        {"ids": f"{ids[0]},{ids[1]},{pending}", "step": "apply", "note": "on it"},
        follow=True,
    )
    assert "Acknowledged: 2 alerts" in answer.content.decode()
    one = AlertIncident.objects.get(pk=ids[0])
    assert (one.state, one.acknowledged_by, one.note) == ("acknowledged", "root", "on it")
    last = one.events.last()
    assert (last.kind, last.number, last.by) == ("acknowledged", one.transitions, "root")
    browser.post(reverse("alerts_snooze"), {"ids": ids[2], "step": "apply", "hours": "4"})
    snoozed = AlertIncident.objects.get(pk=ids[2])
    assert snoozed.state == "snoozed"
    assert timedelta(hours=3) < snoozed.snoozed_until - now < timedelta(hours=5)
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {
        "alerts:acknowledged",
        "alerts:snoozed",
    }
    assert browser.post(address, {"ids": "1", "back": "//evil.example"})["Location"] == reverse(
        "alerts"
    )


def test_all_that_match_are_acknowledged_without_those_taken_out(browser: Client) -> None:
    now = timezone.now()
    broker, rule = add_broker("prod", now), make_rule()
    ids = [fire(rule, broker, f"q{n}", now - AGO).pk for n in range(5)]
    fire(make_rule("Other"), broker, "other", now - AGO, detail="Else.")
    asked = browser.post(
        f"{reverse('alerts_acknowledge')}?search=No+consumers", {"all": "yes", "except": ids[0]}
    )
    assert "Acknowledge 4 alerts" in asked.content.decode()


def test_people_see_and_acknowledge_only_what_their_grants_cover(cast: Any, client: Client) -> None:
    now = timezone.now()
    rule = make_rule()
    mine = fire(rule, cast.a, "q", now - AGO)
    theirs = fire(rule, cast.b, "secret-queue", now - AGO)
    console = fire(rule, None, "", now - AGO, subject_kind="console", vhost="")
    client.force_login(cast.alice)
    text = client.get(reverse("alerts")).content.decode()
    assert f"/alerts/{mine.pk}/" in text
    assert "secret-queue" not in text
    for hidden in (theirs, console):
        assert client.get(reverse("alert", args=[hidden.pk])).status_code == 404
    client.post(
        reverse("alerts_acknowledge"), {"ids": [mine.pk, theirs.pk, console.pk], "step": "apply"}
    )
    assert list(AlertIncident.objects.filter(state="acknowledged")) == [mine]
    client.force_login(cast.bob)
    assert client.post(reverse("alerts_acknowledge"), {"ids": [mine.pk]}).status_code == 403


def message(now: Any, **channel: Any) -> tuple[AlertIncident, str]:
    incident = fire(make_rule(), add_broker("prod", now), "q", now - AGO)
    make_channel("json://example.org/", "on call", **channel)
    route_events(now)
    return incident, ack.link_of(AlertDelivery.objects.get().pk).partition("8000")[2]


def test_opening_the_link_changes_nothing_and_its_button_acknowledges(client: Client) -> None:
    now = timezone.now()
    incident, link = message(now, link_acts=True)
    assert "Acknowledge alerts" in client.get(link).content.decode()
    client.head(link)
    incident.refresh_from_db()
    assert incident.state == "firing"
    assert "Acknowledged: 1 alert" in client.post(link).content.decode()
    incident.refresh_from_db()
    assert (incident.state, incident.acknowledged_by) == ("acknowledged", "link of on call")
    assert "Nothing to acknowledge" in client.post(link).content.decode()
    entry = AuditEntry.objects.get(action="alerts:acknowledged")
    assert entry.username == "link of on call"


def test_without_the_channels_leave_the_link_asks_to_sign_in(
    client: Client, superuser: Any
) -> None:
    incident, link = message(timezone.now())
    for answer in (client.get(link), client.post(link)):
        assert answer.status_code == 302
        assert "/accounts/login/" in answer["Location"]
    incident.refresh_from_db()
    assert incident.state == "firing"
    client.force_login(superuser)
    client.post(link)
    incident.refresh_from_db()
    assert incident.acknowledged_by == "root"


def test_a_link_gives_no_right_to_who_is_signed_in_without_it(client: Client, cast: Any) -> None:
    incident, link = message(timezone.now(), link_acts=True)
    client.force_login(cast.vera)
    client.post(link)
    incident.refresh_from_db()
    assert incident.state == "firing"


def test_a_forged_or_old_link_does_nothing(client: Client, time_machine: Any) -> None:
    now = timezone.now()
    incident, link = message(now, link_acts=True)
    assert client.post(link[:-4] + "AAA/").status_code == 404
    assert client.post("/alerts/link/nonsense/").status_code == 404
    time_machine.move_to(now + ack.LASTS + timedelta(minutes=1))
    assert client.post(link).status_code == 404
    incident.refresh_from_db()
    assert incident.state == "firing"


def test_a_queue_and_its_broker_show_their_last_alerts(browser: Client) -> None:
    now = timezone.now()
    broker = add_broker("prod", now)
    queue = add_queue(broker, "orders", now)
    incident = fire(make_rule(), broker, "orders", now - AGO)
    other = fire(make_rule("Other rule"), broker, "elsewhere", now - AGO)
    text = browser.get(reverse("queue", args=[queue.pk])).content.decode()
    assert f'href="/alerts/{incident.pk}/"' in text
    assert f'href="/alerts/{other.pk}/"' not in text
    text = browser.get(reverse("broker", args=[broker.pk])).content.decode()
    assert f'href="/alerts/{incident.pk}/"' in text
    assert f'href="/alerts/{other.pk}/"' in text
