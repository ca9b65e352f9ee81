"""Rules, the file of rules, and channels in the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import AuditEntry
from console.secrets import decrypt
from tests.alerts.make import fire, make_channel, make_rule
from tests.factories import add_broker
from vhosts.models import AlertChannel, AlertIncident, AlertRule

pytestmark = pytest.mark.django_db

RULES, CHANNELS = "/api/v1/alert-rules/", "/api/v1/alert-channels/"
DEEP = {"name": "Deep", "type": "queue_messages", "threshold": 1000, "severity": "critical"}
SECRET = "canary-0a1b2c3d"


def send(api: Any, method: str, address: str, body: Any = None, **headers: str) -> Any:
    return getattr(api, method)(address, body, format="json", headers=headers)


def test_a_rule_is_created_read_edited_and_deleted(api: Any) -> None:
    broker = add_broker("prod", timezone.now())
    made = send(api, "post", RULES, {**DEEP, "brokers": ["prod"], "enabled": True})
    assert made.status_code == 201, made.content
    address = f"{RULES}{made.json()['id']}/"
    assert made["Location"].endswith(address)
    assert (made["ETag"], made.json()["brokers"]) == ('"1"', [broker.pk])
    found = api.get(address)
    assert (found.json()["threshold"], found["ETag"]) == (1000, '"1"')
    edited = send(api, "patch", address, {"threshold": 5, "brokers": []}, **{"If-Match": '"1"'})
    assert (edited.json()["threshold"], edited.json()["brokers"]) == (5, [])
    # The second that edits what it saw first is told.
    assert send(api, "patch", address, {"threshold": 9}, **{"If-Match": '"1"'}).status_code == 412
    incident = fire(AlertRule.objects.get(name="Deep"), broker, "q", timezone.now())
    assert api.delete(address).status_code == 204
    assert AlertIncident.objects.get(pk=incident.pk).state == "resolved"
    assert api.get(address).status_code == 404
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"alerts:add_rule", "alerts:edit_rule", "alerts:delete_rule"} <= actions


@pytest.mark.parametrize(
    ("changed", "attr"),
    [
        ({"type": "nonsense"}, "type"),
        ({"threshold": "5"}, "threshold"),
        ({"threshold": None}, "threshold"),
        ({"clear_threshold": 2000}, "clear_threshold"),
        ({"reminder_s": 5}, "reminder_s"),
        ({"for_s": -1}, "for_s"),
        ({"queue_pattern": ""}, "queue_pattern"),
        ({"parameters": {"x": 1}}, "parameters"),
        ({"parameters": []}, "parameters"),
        ({"brokers": ["hidden"]}, "brokers"),
        ({"nope": 1}, "nope"),
        ({"standard": "x"}, "standard"),
    ],
)
def test_a_field_that_is_wrong_is_named(api: Any, changed: dict[str, Any], attr: str) -> None:
    answer = send(api, "post", RULES, {**DEEP, **changed})
    assert answer.status_code == 400, answer.content
    assert str(answer.json()["errors"][0]["attr"]).startswith(attr)
    assert not AlertRule.objects.filter(name="Deep").exists()


def test_rules_are_listed_and_filtered(api: Any) -> None:
    make_rule("Mine")
    found = api.get(f"{RULES}?enabled=true").json()["results"]
    assert [one["name"] for one in found] == ["Mine"]
    found = api.get(f"{RULES}?type=memory_alarm").json()["results"]
    assert [one["standard"] for one in found] == ["memory-alarm"]


def test_a_standard_rule_is_restored_and_not_deleted(api: Any) -> None:
    rule = AlertRule.objects.get(standard_key="memory-high")
    address = f"{RULES}{rule.pk}/"
    assert send(api, "patch", address, {"threshold": 95}).json()["threshold"] == 95
    assert api.delete(address).status_code == 400
    assert api.post(f"{address}restore/").json()["threshold"] == 90


def test_the_file_is_read_planned_and_applied(api: Any) -> None:
    content = api.get(f"{RULES}file/").json()
    assert len(content["rules"]) == AlertRule.objects.count()
    again = send(api, "post", f"{RULES}file/", content).json()
    assert {one["act"] for one in again["rules"]} == {"unchanged"}
    body = {
        "version": 1,
        "rules": [DEEP, {"name": "Memory alarm", "type": "memory_alarm", "enabled": True}],
    }
    planned = send(api, "post", f"{RULES}file/?dry_run=true", body).json()
    assert not planned["applied"]
    assert [one["act"] for one in planned["rules"]] == ["create", "update"]
    assert {"field": "enabled", "before": False, "after": True} in planned["rules"][1]["changes"]
    assert not AlertRule.objects.filter(name="Deep").exists()
    assert send(api, "post", f"{RULES}file/", body).json()["applied"]
    assert AlertRule.objects.get(name="Deep").threshold == 1000
    for odd in ({"version": 2, "rules": []}, {"version": 1, "rules": [{"name": 5}]}, {"rules": 1}):
        assert send(api, "post", f"{RULES}file/", odd).status_code == 400
    assert send(api, "post", f"{RULES}file/?dry_run=1", body).status_code == 400


@pytest.fixture
def part(django_user_model: Any) -> Any:
    """An operator of one of two brokers."""
    now = timezone.now()
    mine, hidden = add_broker("mine", now), add_broker("hidden-canary", now)
    person = django_user_model.objects.create_user("part")
    Grant.objects.create(user=person, role=Role.OPERATOR, broker=mine, created_at=now)
    both = make_rule("Both")
    both.brokers.set([mine, hidden])
    make_rule("Theirs").brokers.set([hidden])
    client = Client()
    client.force_login(person)
    return client


def test_a_broker_that_is_hidden_is_named_nowhere(part: Any) -> None:
    def patch(address: str, body: Any) -> Any:
        return part.patch(address, body, content_type="application/json")

    def post(address: str, body: Any) -> Any:
        return part.post(address, body, content_type="application/json")

    listed = part.get(RULES)
    both = next(one for one in listed.json()["results"] if one["name"] == "Both")
    assert (len(both["brokers"]), both["other_brokers"]) == (1, 1)
    file = part.get(f"{RULES}file/")
    assert "Both" not in [one["name"] for one in file.json()["rules"]]
    edited = patch(f"{RULES}{both['id']}/", {"threshold": 5})
    assert edited.status_code == 403
    answers = [listed, file, edited]
    for entry in (
        {"name": "Both"},
        {"name": "Both", "threshold": 5},
        {"name": "Both", "brokers": ["mine"]},
    ):
        answers.append(post(f"{RULES}file/", {"version": 1, "rules": [entry]}))
    assert [one.status_code for one in answers[3:]] == [200, 403, 403]
    assert not [one for one in answers if b"hidden-canary" in one.content]
    # A channel serves all brokers.
    sent = {"name": "c", "kind": "webhook", "address": {"url": "https://example.org/x"}}
    assert post(CHANNELS, sent).status_code == 403


def test_a_channel_is_created_edited_tested_and_deleted_and_tells_no_address(
    api: Any, sink: Any, settings: Any
) -> None:
    shown = []
    body = {
        "name": "pager", "kind": "apprise",
        "address": {"apprise_url": f"json://127.0.0.1:{sink.port}/{SECRET}"}, "least_severity": "critical",
    }  # fmt: skip
    made = send(api, "post", CHANNELS, body)
    assert made.status_code == 201, made.content
    shown.append(made)
    address = f"{CHANNELS}{made.json()['id']}/"
    rule = make_rule("Mine")
    edited = send(
        api, "patch", address, {"everything": False, "rules": [rule.pk]}, **{"If-Match": '"1"'}
    )
    assert (edited.json()["rules"], edited.json()["least_severity"]) == ([rule.pk], "critical")
    shown.append(edited)
    stored = AlertChannel.objects.get()
    # The address that nobody sent again is still the same.
    assert SECRET in decrypt(stored.url_encrypted).reveal()
    assert send(api, "patch", address, {"name": "x"}, **{"If-Match": '"1"'}).status_code == 412
    tested = api.post(f"{address}test/")
    assert (tested.status_code, tested.json()["sent"]) == (200, True), tested.content
    shown += [tested, api.get(address), api.get(CHANNELS)]
    shown.append(send(api, "patch", address, {"address": {"apprise_url": f"nonsense://{SECRET}"}}))
    assert shown[-1].status_code == 400
    assert not [one for one in shown if SECRET in one.content.decode()]
    assert api.delete(address).status_code == 204
    assert not AlertChannel.objects.exists()
    assert not [
        row for row in AuditEntry.objects.values_list("before", "after") if SECRET in str(row)
    ]


def test_another_kind_needs_another_address(api: Any) -> None:
    channel = make_channel("json://127.0.0.1/x")
    answer = send(api, "patch", f"{CHANNELS}{channel.pk}/", {"kind": "slack"})
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "kind")
