"""The pages of rules, maintenance windows and owners."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.alerts.make import make_rule
from tests.factories import HOSTILE, add_broker, add_queue
from vhosts.models import AlertOwner, AlertRule, MaintenanceWindow

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Client, superuser: Any) -> Client:
    client.force_login(superuser)
    return client


def test_a_rule_is_previewed_created_switched_edited_and_deleted(browser: Client) -> None:
    now = timezone.now()
    broker = add_broker("prod", now)
    add_queue(broker, "orders", now, ready=5000, total=5000)
    AlertRule.objects.all().delete()
    address = f"{reverse('alert_rule_create')}?type=queue_messages"
    fields = {
        "name": "Deep",
        "threshold": "1000",
        "clear_threshold": "800",
        "message_type": "ready",
        "for_s": "0",
        "severity": "critical",
        "vhost_pattern": "*",
        "queue_pattern": "ord*",
        "enabled": "1",
    }
    shown = browser.post(address, {**fields, "step": "preview"}).content.decode()
    assert "Would have fired" in shown
    assert "holds now for 1 object" in shown
    assert not AlertRule.objects.exists()
    wrong = browser.post(address, {**fields, "clear_threshold": "2000"})
    assert wrong.status_code == 400
    assert "It resolves at at most the threshold" in wrong.content.decode()
    assert browser.post(address, {**fields, "brokers": [broker.pk]}).status_code == 302
    rule = AlertRule.objects.get()
    assert (rule.threshold, rule.queue_pattern, list(rule.brokers.all()), rule.enabled) == (
        1000,
        "ord*",
        [broker],
        True,
    )
    assert "Deep" in browser.get(reverse("alert_rules")).content.decode()
    browser.post(reverse("alert_rule_switch", args=[rule.pk]), {"enabled": "0"})
    browser.post(
        reverse("alert_rule_edit", args=[rule.pk]), {**fields, "name": "Deeper", "generation": 2}
    )
    rule.refresh_from_db()
    assert (rule.name, rule.enabled, rule.brokers.count()) == ("Deeper", True, 0)
    browser.post(reverse("alert_rule_delete", args=[rule.pk]))
    assert not AlertRule.objects.exists()


def test_windows_and_owners_are_created_and_ended(browser: Client) -> None:
    ends = timezone.now() + timedelta(hours=2)
    made = browser.post(
        reverse("alert_window_create"), {"reason": HOSTILE[0], "ends_at": f"{ends:%Y-%m-%dT%H:%M}"}
    )
    assert made.status_code == 302
    window = MaintenanceWindow.objects.get()
    text = browser.get(reverse("alert_windows")).content.decode()
    assert "&lt;img src=x" in text
    assert "<img src=x" not in text
    browser.post(reverse("alert_window_end", args=[window.pk]))
    window.refresh_from_db()
    assert window.ends_at < ends - timedelta(hours=1)
    browser.post(reverse("alert_owner_create"), {"name": "payments", "queue_pattern": "pay*"})
    owner = AlertOwner.objects.get()
    browser.post(
        reverse("alert_owner_edit", args=[owner.pk]), {"name": "payments", "contact": "#pay"}
    )
    owner.refresh_from_db()
    assert (owner.contact, owner.queue_pattern) == ("#pay", "*")
    browser.post(reverse("alert_owner_delete", args=[owner.pk]))
    assert not AlertOwner.objects.exists()


def test_who_may_only_view_sees_no_acts(cast: Any, client: Client) -> None:
    rule = make_rule()
    client.force_login(cast.bob)
    text = client.get(reverse("alert_rules")).content.decode()
    assert rule.name in text
    assert "Switch off" not in text
    for route, arguments in (
        ("alert_rule_edit", [rule.pk]),
        ("alert_window_create", []),
        ("alert_owner_create", []),
    ):
        assert client.get(reverse(route, args=arguments)).status_code == 403


def test_the_form_has_the_parameters_of_its_type(browser: Client) -> None:
    address = f"{reverse('alert_rule_create')}?type=queue_redelivery"
    shown = browser.get(address).content.decode()
    assert "Messages are redelivered. One alert for each queue." in shown
    assert "From this many redeliveries a second" in shown
    fields = {
        "name": "Poison",
        "threshold": "20",
        "severity": "warning",
        "parameter_least_rate": "2.5",
    }
    assert browser.post(address, fields).status_code == 302
    rule = AlertRule.objects.get(name="Poison")
    assert rule.parameters == {"least_rate": 2.5}
    edit = reverse("alert_rule_edit", args=[rule.pk])
    assert 'value="2.5"' in browser.get(edit).content.decode()
    browser.post(edit, {**fields, "parameter_least_rate": "", "generation": 1})
    rule.refresh_from_db()
    assert rule.parameters == {}
    assert browser.post(edit, {**fields, "parameter_least_rate": "x"}).status_code == 400


def test_a_list_of_words_is_a_parameter_too(browser: Client) -> None:
    address = f"{reverse('alert_rule_create')}?type=drift"
    fields = {
        "name": "Drift of some",
        "severity": "warning",
        "parameter_kinds": "permission, policy",
    }
    assert browser.post(address, fields).status_code == 302
    rule = AlertRule.objects.get(name="Drift of some")
    assert rule.parameters == {"kinds": ["permission", "policy"]}
    edit = reverse("alert_rule_edit", args=[rule.pk])
    assert 'value="permission, policy"' in browser.get(edit).content.decode()
    browser.post(edit, {**fields, "generation": 1})
    rule.refresh_from_db()
    assert rule.parameters == {"kinds": ["permission", "policy"]}
