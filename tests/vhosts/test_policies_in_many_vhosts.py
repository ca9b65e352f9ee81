"""One policy in many virtual hosts: one form, one plan with a step for each, one change."""

from __future__ import annotations

import json

import pytest

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import Change
from tests.acting import apply, confirm, preview
from tests.engine import names, seen  # noqa: F401
from vhosts.models import Policy, VirtualHost

pytestmark = pytest.mark.django_db
WHOLE = {
    "name": "caps", "pattern": "", "apply_to": "queues", "priority": "0",
    "definition": "max-length = 3000",
}  # fmt: skip


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


@pytest.fixture
def broker(make_broker):
    return make_broker()


@pytest.fixture
def vhosts(names, live_broker, broker, now):  # noqa: F811
    made = []
    for _ in range(3):
        name = names("vhost")
        live_broker.call("PUT", "vhosts", name, body={})
        VirtualHost.objects.create(broker=broker, name=name, first_seen_at=now, changed_at=now)
        made.append(name)
    return sorted(made)


def _pattern(vhosts):
    return "^(" + "|".join(name.replace("/", "\\/").replace("%", "\\%") for name in vhosts) + ")"


def test_a_policy_is_set_in_every_virtual_host_that_matches(browser, broker, vhosts, seen, now):  # noqa: F811
    """AC-141: one change with one step for each; one that is there already is changed."""
    Policy.objects.create(
        broker=broker, vhost=vhosts[1], name="caps", pattern="", apply_to="queues", priority=0,
        definition={"max-length": 5}, first_seen_at=now, changed_at=now,
    )  # fmt: skip
    address = f"/policies/new/?broker={broker.pk}"
    shown = preview(browser, address, vhost="", vhosts=_pattern(vhosts), **WHOLE)
    plan = shown.context["preview"]
    assert {line.ref.key[0]: line.op for line in plan.lines} == {
        vhosts[0]: "create", vhosts[1]: "update", vhosts[2]: "create",
    }  # fmt: skip
    assert "Create 3 policies" in shown.content.decode()
    assert all("It matches no queues" in line.objections[0] for line in plan.lines)
    assert apply(confirm(browser, address, shown)).state == "done"
    for vhost in vhosts:
        assert seen("policies", vhost, "caps")["definition"] == {"max-length": 3000}
    assert Change.objects.count() == 1
    assert Change.objects.get().steps.count() == 3


def test_the_same_by_a_plan_of_the_api(admin_client, broker, vhosts, seen):  # noqa: F811
    wishes = [
        {
            "kind": "policy", "broker": broker.pk, "vhost": vhost, "name": "caps", "pattern": "",
            "apply_to": "queues", "definition": {"max-length": 7},
        }
        for vhost in vhosts
    ]  # fmt: skip
    send = lambda **more: admin_client.post(  # noqa: E731
        "/api/v1/plans/", data=json.dumps({"wishes": wishes, **more}),
        content_type="application/json",
    )  # fmt: skip
    plan = send().json()
    assert [step["op"] for step in plan["steps"]] == ["create"] * 3
    assert all("It matches no queues" in step["objections"][0] for step in plan["steps"])
    assert apply(Change.objects.get(pk=send(apply=True).json()["id"])).state == "done"
    assert all(seen("policies", vhost, "caps") for vhost in vhosts)


@pytest.mark.parametrize(
    ("vhost", "pattern", "field", "sentence"),
    [
        ("", "", "vhost", "Enter the virtual host."),
        ("/", "^o", "vhosts", "not both"),
        ("", "(", "vhosts", "regular expression"),
        ("", "^nothing like that$", "vhosts", "No virtual host that you can see matches"),
    ],
)
def test_what_is_refused_is_said_at_its_field(browser, broker, vhost, pattern, field, sentence):
    response = browser.post(
        f"/policies/new/?broker={broker.pk}",
        {"vhost": vhost, "vhosts": pattern, **WHOLE, "step": "preview"},
    )
    assert response.status_code == 400
    assert sentence in " ".join(response.context["form"].errors[field])


def test_a_pattern_reaches_only_where_the_person_may(
    client, broker, vhosts, django_user_model, now
):
    person = django_user_model.objects.create_user("ann", password="correct horse battery")
    Grant.objects.create(
        user=person, role=Role.OPERATOR, broker=broker, vhost_pattern=vhosts[0], created_at=now
    )
    client.force_login(person)
    shown = preview(
        client, f"/policies/new/?broker={broker.pk}", vhost="", vhosts=_pattern(vhosts), **WHOLE
    )
    assert [line.ref.key[0] for line in shown.context["preview"].lines] == [vhosts[0]]


@pytest.mark.parametrize(
    ("version", "has", "lacks"),
    [("3.10.8", "ha-mode", "consumer-timeout"), ("4.0.5", "consumer-timeout", "ha-mode")],
)
def test_the_form_lists_the_keys_of_the_version(browser, broker, version, has, lacks):
    broker.status.rabbitmq_version = version
    broker.status.save()
    page = browser.get(f"/policies/new/?broker={broker.pk}").content.decode()
    keys = page.split("definition-keys")[1].split("</details>")[0]
    assert f"<code>{has}</code>" in keys
    assert f"<code>{lacks}</code>" not in keys
    assert "whole number, not negative" in keys
    operator = browser.get(f"/operator-policies/new/?broker={broker.pk}").content.decode()
    assert "<code>dead-letter-exchange</code>" not in operator
