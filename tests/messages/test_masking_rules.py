"""Who may see, create, change and delete masking rules, on pages and in the API."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import AuditEntry
from tests.factories import add_broker
from vhosts.models import MaskingRule

pytestmark = pytest.mark.django_db
API = "/api/v1/masking-rules/"
GIVEN = {"subject": "body", "target": "$.card.number", "action": "mask"}


def api(user):
    client = APIClient()
    client.force_login(user)
    return client


def test_a_rule_from_form_to_audit(client, superuser, broker):
    client.force_login(superuser)
    assert "No masking rules" in client.get("/access/masking/").content.decode()
    form = {
        **GIVEN,
        "broker": broker.pk,
        "vhost_pattern": "team-*",
        "roles": ["operator"],
        "reason": "PCI",
    }
    assert client.post("/access/masking/new/", form).status_code == 302
    rule = MaskingRule.objects.get()
    assert (rule.broker, rule.vhost_pattern, rule.roles) == (broker, "team-*", ["operator"])
    page = client.get("/access/masking/").content.decode()
    for shown in ("$.card.number", "Operator", "team-*", "PCI"):
        assert shown in page
    changed = {**GIVEN, "action": "replace", "replacement": "x"}
    assert client.post(f"/access/masking/{rule.pk}/", changed).status_code == 302
    rule.refresh_from_db()
    assert (rule.broker, rule.vhost_pattern, rule.roles, rule.action) == (None, "*", [], "replace")
    assert client.get(f"/access/masking/{rule.pk}/delete/").status_code == 200
    assert MaskingRule.objects.exists(), "a GET only asks"
    assert client.post(f"/access/masking/{rule.pk}/delete/").status_code == 302
    assert not MaskingRule.objects.exists()
    entries = AuditEntry.objects.filter(target_kind="masking rule").order_by("pk")
    assert [entry.action for entry in entries] == ["masking:add", "masking:edit", "masking:delete"]
    assert entries[0].reason == "PCI"
    assert entries[1].before["roles"] == ["operator"]
    assert entries[1].after["roles"] == "everybody"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"target": "card"}, "target"),
        ({"target": "$.a[?(@)]"}, "target"),
        ({"target": "a*b*c*d*e*f*g", "subject": "header"}, "target"),
        ({"action": "replace"}, "replacement"),
        ({"vhost_pattern": "a\u202eb"}, "vhost_pattern"),
    ],
)
def test_wrong_rules_are_refused_alike(wrong, field, client, superuser):
    client.force_login(superuser)
    refused = client.post("/access/masking/new/", GIVEN | wrong)
    assert refused.status_code == 422
    answer = api(superuser).post(API, GIVEN | wrong, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == field
    assert not MaskingRule.objects.exists()


def test_nobody_lifts_a_rule_that_applies_to_them(broker, person):
    """A right never follows from a fact that its holder just made."""
    admin = person("admin", (Role.BROKER_ADMINISTRATOR, False), (Role.OPERATOR, False))
    other = person("other", (Role.BROKER_ADMINISTRATOR, False))
    made = api(admin).post(API, {**GIVEN, "roles": ["operator"]}, format="json")
    assert made.status_code == 201, made.content
    rule = made.json()["id"]
    for lifting in (
        api(admin).delete(f"{API}{rule}/"),
        api(admin).put(f"{API}{rule}/", {**GIVEN, "roles": ["viewer"]}, format="json"),
        api(admin).post(f"/access/masking/{rule}/delete/"),
        api(admin).get(f"/access/masking/{rule}/"),
    ):
        assert lifting.status_code == 403
    Grant.objects.filter(user=admin, role=Role.OPERATOR).delete()
    everybody = api(other).post(API, GIVEN, format="json").json()["id"]
    assert api(other).delete(f"{API}{everybody}/").status_code == 403
    assert api(other).delete(f"{API}{rule}/").status_code == 204
    assert MaskingRule.objects.count() == 1


def test_rules_stay_within_the_editors_scope(broker, person, now):
    elsewhere = add_broker("elsewhere", now)
    here = person("here", (Role.BROKER_ADMINISTRATOR, False, {"broker": broker}))
    client = api(here)
    only = {"roles": ["operator"]}
    assert client.post(API, {**GIVEN, **only}, format="json").status_code == 403, "all brokers"
    assert (
        client.post(API, {**GIVEN, **only, "broker": elsewhere.pk}, format="json").status_code
        == 400
    )
    made = client.post(API, {**GIVEN, **only, "broker": broker.pk}, format="json")
    assert made.status_code == 201
    moved = client.put(f"{API}{made.json()['id']}/", {**GIVEN, **only}, format="json")
    assert moved.status_code == 403, "a rule doesn't grow beyond the scope"
    hidden = MaskingRule.objects.create(
        **GIVEN, broker=elsewhere, roles=["operator"], created_at=now
    )
    assert client.delete(f"{API}{hidden.pk}/").status_code == 404
    assert [row["id"] for row in client.get(API).json()["results"]] == [made.json()["id"]]
    viewer = api(person("viewer", (Role.VIEWER, True)))
    assert viewer.get(API).status_code == 403
    assert viewer.get("/access/masking/").status_code == 403


def test_hostile_rules_are_escaped(client, superuser, now):
    MaskingRule.objects.create(
        subject="header", target="<script>alert(1)</script>", action="replace",
        replacement="\u202e<b>", reason="<img src=x>", author_name="root", created_at=now,
    )  # fmt: skip
    client.force_login(superuser)
    page = client.get("/access/masking/").content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "\u202e" not in page
