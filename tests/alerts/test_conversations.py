"""What messages of one conversation say of what is left, and when a conversation ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.brokers.registry import forget_broker
from tests.alerts.make import add_event, fire, make_channel, make_rule, resolve
from tests.factories import add_broker
from vhosts.alerts.edit.rules import delete_rule
from vhosts.alerts.notifications.old import KEPT
from vhosts.alerts.notifications.route import BETWEEN, WAIT, route_events
from vhosts.alerts.retention import drop_old_incidents
from vhosts.models import AlertDelivery, AlertIncident, AlertNotification

pytestmark = pytest.mark.django_db
AGO = WAIT + timedelta(seconds=5)


def unseen(incident: AlertIncident, at: Any) -> None:
    incident.state, incident.state_before = "no_data", incident.state
    incident.save()
    add_event(incident, "no_data", at)


def route(now: Any) -> AlertNotification:
    """Write the one message that is due, and return it."""
    assert route_events(now) == 1
    return AlertNotification.objects.latest("pk")


def test_what_is_back_and_still_fires_is_not_said_to_be_over() -> None:
    now, broker, rule = timezone.now(), add_broker("prod", timezone.now()), make_rule()
    make_channel("json://example.org/")
    one = fire(rule, broker, "q", now - AGO)
    route(now)
    unseen(one, now - AGO)
    lost = route(now)
    assert lost.title == "No data: 1 alert on prod can't be evaluated"
    assert "Without data now: 1 alert here." in lost.body
    one.state = "firing"
    one.save()
    add_event(one, "data_back", now - AGO)
    back = route(now + BETWEEN + WAIT)
    assert (back.title, back.ends) == ("Data is back: alerts on prod are evaluated again", True)
    assert "fires here any more" not in back.body
    assert "All are evaluated again." in back.body


def test_a_conversation_about_missing_data_ends_when_its_alerts_resolve_at_once() -> None:
    now, broker = timezone.now(), add_broker("prod", timezone.now())
    incidents = [fire(make_rule(name), broker, name, now - AGO) for name in ("A", "B")]
    on_call = make_channel("json://example.org/", "on call")
    make_channel("json://example.org/", "only what fires", sends_resolved=False)
    route_events(now)
    for one in incidents:
        unseen(one, now - AGO)
    route(now)
    make_channel("json://example.org/", "added later")
    after = now + BETWEEN + timedelta(seconds=1)
    resolve(incidents[0], after - AGO)
    assert "Resolved: A" in route(after).title
    resolve(incidents[1], after - AGO)
    assert route_events(after) == 2
    end = AlertNotification.objects.latest("pk")
    assert (end.thread, end.type, end.ends) == (f"no-data-broker-{broker.pk}", "success", True)
    assert end.title == "Data is back: alerts on prod are evaluated again"
    assert [one.channel for one in end.deliveries.all()] == [on_call]
    assert set(end.incidents.all()) == set(incidents)
    assert route_events(after + BETWEEN + WAIT) == 0


def test_what_still_fires_after_its_rule_was_renamed_is_counted() -> None:
    now, broker, rule = timezone.now(), add_broker("prod", timezone.now()), make_rule("Old name")
    over = fire(rule, broker, "a", now - AGO)
    fire(rule, broker, "b", now - AGO, rule_name="New name")
    route(now)
    after = now + BETWEEN + timedelta(seconds=1)
    resolve(over, after - AGO)
    message = route(after)
    assert message.title == "Resolved: Old name – a in / on prod, 1 still firing"
    assert not message.ends


def test_a_message_is_read_only_by_who_may_see_all_that_it_names(cast: Any, client: Client) -> None:
    now, rule = timezone.now(), make_rule()
    mine = fire(rule, cast.a, "mine", now - AGO, vhost="/team-red")
    make_channel("json://example.org/", "on call")
    assert "mine in" in route(now).title
    after = now + BETWEEN + timedelta(seconds=1)
    fire(rule, cast.a, "secret-queue", after - AGO, vhost="/")
    resolve(mine, after - AGO)
    message = route(after)
    assert "secret-queue" in message.title
    client.force_login(cast.vera)
    page = client.get(reverse("alert", args=[mine.pk])).content.decode()
    assert "on call" in page
    assert "secret-queue" not in page
    assert "It names alerts that you can’t see." in page
    assert "mine in" in page
    assert "secret-queue" not in client.get(reverse("alert_messages")).content.decode()
    assert client.get(reverse("alert_message", args=[message.pk])).status_code == 404
    client.force_login(cast.bob)
    assert "secret-queue" in client.get(reverse("alert", args=[mine.pk])).content.decode()


def test_messages_of_a_removed_broker_need_a_grant_on_all_brokers(
    cast: Any, client: Client
) -> None:
    now = timezone.now()
    broker = add_broker("gone", now)
    fire(make_rule(), broker, "secret-queue", now - AGO)
    make_channel("json://example.org/")
    message = route(now)
    broker.delete()
    address = reverse("alert_message", args=[message.pk])
    for name, status in (("alice", 404), ("vera", 404), ("audrey", 200), ("root", 200)):
        client.force_login(getattr(cast, name))
        assert client.get(address).status_code == status, name
        found = client.get(reverse("alert_messages")).content.decode()
        assert ("secret-queue" in found) == (status == 200), name


def test_incidents_outlive_the_messages_that_name_them(settings: Any) -> None:
    settings.KEEP_ROLLUPS_1H_DAYS = 2
    now, broker, rule = timezone.now(), add_broker("prod", timezone.now()), make_rule()
    for name, age in (("new", KEPT), ("old", KEPT + timedelta(days=2))):
        resolve(fire(rule, broker, name, now - age), now - age)
    drop_old_incidents(now)
    assert list(AlertIncident.objects.values_list("name", flat=True)) == ["new"]


def waiting() -> list[tuple[str, bool, str]]:
    """(channel, whether it ends the conversation, key of the conversation) of what is to be sent."""
    rows = AlertDelivery.objects.filter(state="waiting").order_by("pk")
    return [(one.channel_name, one.notification.ends, one.thread) for one in rows]


def test_a_broker_that_is_forgotten_ends_what_was_reported_about_it(superuser: Any) -> None:
    """With the same key, so that PagerDuty and Opsgenie close what they opened."""
    now, broker, other = (
        timezone.now(),
        add_broker("prod", timezone.now()),
        add_broker("b", timezone.now()),
    )
    rule = make_rule()
    make_channel("pagerduty://key@key/", "pager")
    make_channel("json://example.org/", "only what fires", sends_resolved=False)
    fire(rule, broker, "q", now - AGO)
    fire(rule, other, "q", now - AGO)
    over = fire(make_rule("Over"), broker, "r", now - AGO)
    route_events(now)
    resolve(over, now)
    route_events(now + BETWEEN + WAIT)
    AlertDelivery.objects.update(state="sent")
    pk = broker.pk
    forget_broker(broker, now=now, acting_user=superuser)
    assert waiting() == [("pager", True, f"rule-{rule.pk}-broker-{pk}")]
    last = AlertNotification.objects.latest("pk")
    assert (last.type, last.broker) == ("success", None)
    assert last.title == "Resolved: prod was removed from the console"
    # Sent as any other: the page of the message has no broker to show.
    assert route_events(now + 2 * BETWEEN) == 0


def test_a_rule_that_is_deleted_ends_what_was_reported_about_it(superuser: Any) -> None:
    now, broker, rule = timezone.now(), add_broker("prod", timezone.now()), make_rule()
    make_channel("pagerduty://key@key/", "pager")
    fire(rule, broker, "q", now - AGO)
    route_events(now)
    AlertDelivery.objects.update(state="sent")
    pk = rule.pk
    delete_rule(rule.pk, superuser, now)
    assert waiting() == [("pager", True, f"rule-{pk}-broker-{broker.pk}")]
    # Not once more under another key, which would open a new incident there or close none.
    assert route_events(now + BETWEEN + WAIT) == 0
    assert AlertIncident.objects.get().state == "resolved"


def test_what_was_reported_to_nobody_ends_silently(superuser: Any) -> None:
    now, broker, rule = timezone.now(), add_broker("prod", timezone.now()), make_rule()
    make_channel("json://example.org/", least_severity="critical")
    rule.severity = "info"
    rule.save()
    fire(rule, broker, "q", now - AGO)
    route_events(now)
    forget_broker(broker, now=now, acting_user=superuser)
    assert waiting() == []
