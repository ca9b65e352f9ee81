"""Shovels, federation upstreams, upstream sets and parameters on a live broker: forms, API, states,
and passwords that show up nowhere."""

from __future__ import annotations

import json
import time
from uuid import uuid4

import pytest

from console.models import AuditEntry, Change, ManagedObject, Step, Sync
from tests.acting import apply, confirm, preview
from tests.engine import seen  # noqa: F401
from vhosts.models import (
    FederationLink,
    FederationUpstream,
    FederationUpstreamSet,
    GlobalParameter,
    Parameter,
    Shovel,
)

pytestmark = pytest.mark.django_db
CANARY = "canary-s3cret"
BOTH = {"src-protocol": "amqp091", "dest-protocol": "amqp091"}


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


@pytest.fixture
def broker(make_broker):
    return make_broker()


@pytest.fixture
def vhost(scratch_vhost):
    return scratch_vhost.name


def inventory(broker, poll_now, inventory_now):
    poll_now(broker)
    inventory_now(broker)


def until(holds):
    """Wait for what RabbitMQ does on its own."""
    for _ in range(100):
        if found := holds():
            return found
        time.sleep(0.1)
    raise AssertionError("RabbitMQ didn't do it")


def ends(live_broker, vhost, **more):
    host, _, port = live_broker.amqp_parameters().host, None, live_broker.amqp_parameters().port
    uri = f"amqp://{live_broker.username}:{live_broker.password}@{host}:{port}/{vhost}"
    return {
        "src_uri": uri,
        "src_protocol": "amqp091",
        "dest_uri": uri,
        "dest_protocol": "amqp091",
        **more,
    }


def test_a_shovel_is_created_moves_messages_and_is_edited_and_deleted(
    browser, broker, vhost, scratch_vhost, seen, poll_now, inventory_now, live_broker  # noqa: F811
):  # fmt: skip
    """AC-176: an AMQP 0-9-1 shovel is created, listed, seen and edited."""
    scratch_vhost.declare("from here")
    scratch_vhost.declare("to/there é")
    scratch_vhost.publish("from here", 3)
    inventory(broker, poll_now, inventory_now)
    address = f"/shovels/new/?broker={broker.pk}"
    assert browser.get(address).status_code == 200
    fields = ends(live_broker, vhost, src_queue="from here", dest_queue="to/there é")
    shown = preview(browser, address, vhost=vhost, name="mover é/", **fields)
    assert live_broker.password not in shown.content.decode()
    assert "set_parameter -p" in shown.content.decode()
    assert apply(confirm(browser, address, shown)).state == "done"
    until(
        lambda: (
            scratch_vhost.channel.queue_declare("to/there é", passive=True).method.message_count
            == 3
        )
    )
    there = seen("parameters", "shovel", vhost, "mover é/")["value"]
    assert there["src-uri"] == fields["src_uri"]
    assert there["src-queue"] == "from here"

    row = Shovel.objects.get(broker=broker, vhost=vhost)
    assert row.state == ""
    inventory(broker, poll_now, inventory_now)
    row.refresh_from_db()
    assert row.state == "running"
    listed = browser.get(f"/shovels/?broker={broker.pk}").content.decode()
    assert "Running" in listed
    assert "queue from here" in listed
    page = browser.get(f"/shovels/{row.pk}/").content.decode()
    assert "In sync" in page
    assert live_broker.password not in listed + page

    edit = f"/shovels/{row.pk}/edit/"
    form = browser.get(edit).context["form"]
    kept = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    assert "@" not in kept["src_uri"]
    shown = preview(browser, edit, **{**kept, "reconnect_delay": "7", "more": ""})
    assert apply(confirm(browser, edit, shown)).state == "done"
    there = seen("parameters", "shovel", vhost, "mover é/")["value"]
    assert (there["reconnect-delay"], there["src-uri"]) == (7, fields["src_uri"])

    delete = f"/shovels/{row.pk}/delete/"
    assert apply(confirm(browser, delete, browser.get(delete), typed="mover é/")).state == "done"
    assert seen("parameters", "shovel", vhost, "mover é/") is None
    assert not Shovel.objects.filter(broker=broker, vhost=vhost).exists()


def test_a_shovel_that_cannot_connect_is_listed_with_its_state(
    browser, broker, vhost, live_broker, poll_now, inventory_now
):
    """AC-177: a shovel that can't connect is in the list with its state, and can be deleted."""
    value = {
        "src-uri": f"amqp://u:{CANARY}@127.0.0.1:1", "src-queue": "a",
        "dest-uri": "amqp://", "dest-queue": "b", **BOTH,
    }  # fmt: skip
    live_broker.call("PUT", "parameters", "shovel", vhost, "stuck", body={"value": value})
    until(
        lambda: [one for one in live_broker.call("GET", "shovels", vhost) if one["name"] == "stuck"]
    )
    inventory(broker, poll_now, inventory_now)
    row = Shovel.objects.get(broker=broker, vhost=vhost)
    assert row.state in ("starting", "terminated")
    page = browser.get(f"/shovels/{row.pk}/").content.decode()
    assert "can&#x27;t connect" in page or "Repair the cause" in page
    delete = f"/shovels/{row.pk}/delete/"
    assert apply(confirm(browser, delete, browser.get(delete), typed="stuck")).state == "done"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("src_uri", "", "Enter at least one URI"),
        ("src_uri", f"http://u:{CANARY}@h", "must begin with amqp:// or amqps://"),
        ("src_uri", f"amqp//u:{CANARY}@h", "must begin with amqp:// or amqps://"),
        ("src_uri", f"amqp://u:1/{CANARY}@h", "must be escaped"),
        ("src_uri", f"amqp://u:{CANARY}@@h", "must be escaped"),
        ("src_uri", f"amqp://u:{CANARY}@h:port", "no valid host and port"),
        ("src_exchange", "x", "not both"),
        ("src_queue", "", "Set a source queue or a source exchange"),
        ("dest_protocol", "amqp10", "Enter the destination address"),
        ("dest_protocol", "amqp99", "valid choice"),
        ("src_delete_after", "soon", "never, queue-length or a number"),
        ("reconnect_delay", "soon", "must be a whole number"),
        ("more", "src-queue = b", "has a field of its own"),
        ("more", "src-predeclared = 5", "must be true or false"),
        ("name", "..", "consists only of dots"),
    ],
)
def test_what_the_form_refuses_is_said_without_the_password(
    browser, broker, field, value, sentence
):
    sent = {
        "vhost": "/", "name": "s", "src_uri": f"amqp://u:{CANARY}@h", "src_protocol": "amqp091",
        "src_queue": "a", "dest_uri": "amqp://", "dest_protocol": "amqp091", "dest_queue": "b",
        field: value,
    }  # fmt: skip
    response = browser.post(f"/shovels/new/?broker={broker.pk}", {**sent, "step": "preview"})
    text = response.content.decode()
    assert response.status_code == 400, text
    assert sentence in text
    assert CANARY not in text


@pytest.mark.parametrize(
    ("slug", "component", "value"),
    [
        ("shovels", "shovel", {
            "src-uri": [f"amqp://u:{CANARY}@127.0.0.1:1", f"amqps://u:{CANARY}@127.0.0.2:1?password={CANARY}"],
            "src-queue": "a", "dest-uri": "amqp://", "dest-queue": "b", **BOTH,
        }),
        ("federation-upstreams", "federation-upstream", {"uri": f"amqp://u:{CANARY}@127.0.0.1:1"}),
    ],
)  # fmt: skip
def test_a_password_is_on_the_broker_and_nowhere_else(
    browser, admin_client, broker, vhost, seen, live_broker, poll_now, inventory_now, caplog,  # noqa: F811
    slug, component, value,
):  # fmt: skip
    inventory(broker, poll_now, inventory_now)
    body = {"broker": broker.pk, "vhost": vhost, "name": "s", "value": value}
    answers = [admin_client.post(f"/api/v1/{slug}/?dry_run=true", body, "application/json")]
    made = admin_client.post(f"/api/v1/{slug}/", body, "application/json")
    assert made.status_code == 202, made.content
    change = made.json()["id"]
    assert apply(Change.objects.get(pk=change)).state == "done"
    assert seen("parameters", component, vhost, "s")["value"] == value
    inventory(broker, poll_now, inventory_now)
    rows = admin_client.get(f"/api/v1/{slug}/?vhost={vhost}").json()["results"]
    (row,) = rows
    assert row["sync"] == "in_sync"

    # A refusal of RabbitMQ repeats the value, and an edit keeps the password it doesn't name.
    told = {**row["value"], "reconnect-delay": 3}
    answers.append(
        admin_client.patch(f"/api/v1/{slug}/{row['id']}/", {"value": told}, "application/json")
    )
    assert apply(Change.objects.get(pk=answers[-1].json()["id"])).state == "done"
    assert seen("parameters", component, vhost, "s")["value"] == {**value, "reconnect-delay": 3}
    refused = {**value, "nonsense": 1}
    answers.append(
        admin_client.patch(f"/api/v1/{slug}/{row['id']}/", {"value": refused}, "application/json")
    )
    change = apply(Change.objects.get(pk=answers[-1].json()["id"]))
    assert change.state == "rejected", change.state
    inventory(broker, poll_now, inventory_now)

    answers += [
        admin_client.get(address)
        for address in (
            f"/api/v1/{slug}/", f"/api/v1/{slug}/{row['id']}/", f"/api/v1/changes/{change.pk}/steps/",
            "/api/v1/audit/",
        )
    ]  # fmt: skip
    answers += [
        browser.get(address)
        for address in (
            f"/{slug}/", f"/{slug}/{row['id']}/", f"/{slug}/{row['id']}/edit/", f"/{slug}/{row['id']}/delete/",
            f"/changes/{change.pk}/", "/audit/", "/drift/",
        )
    ]  # fmt: skip
    for answer in answers:
        assert answer.status_code < 400, (answer.status_code, answer.content[:300])
        assert CANARY not in answer.content.decode()
    assert CANARY.encode() not in b"".join(browser.get(f"/{slug}.csv"))
    stored = [
        json.dumps(list(model.objects.values()), default=str)
        for model in (Shovel, FederationUpstream, FederationLink, ManagedObject, Step, AuditEntry)
    ]
    assert CANARY not in "".join(stored)
    assert CANARY not in caplog.text


def test_upstreams_sets_and_links(
    browser, broker, vhost, scratch_vhost, seen, live_broker, poll_now, inventory_now  # noqa: F811
):  # fmt: skip
    """AC-175: links are listed with their state."""
    inventory(broker, poll_now, inventory_now)
    address = f"/federation-upstreams/new/?broker={broker.pk}"
    uri = ends(live_broker, vhost)["src_uri"]
    shown = preview(
        browser, address, vhost=vhost, name="self", uri=uri, max_hops="2", trust_user_id="on"
    )
    assert apply(confirm(browser, address, shown)).state == "done"
    assert seen("parameters", "federation-upstream", vhost, "self")["value"] == {
        "uri": uri, "max-hops": 2, "trust-user-id": True,
    }  # fmt: skip
    address = f"/federation-upstream-sets/new/?broker={broker.pk}"
    members = 'self\n{"exchange": "x", "upstream": "gone"}'
    shown = preview(browser, address, vhost=vhost, name="all of them", members=members)
    assert apply(confirm(browser, address, shown)).state == "done"
    assert seen("parameters", "federation-upstream-set", vhost, "all of them")["value"] == [
        {"upstream": "self"}, {"upstream": "gone", "exchange": "x"},
    ]  # fmt: skip

    live_broker.call(
        "PUT", "policies", vhost, "federate",
        body={"pattern": "^amq.topic$", "apply-to": "exchanges", "definition": {"federation-upstream": "self"}},
    )  # fmt: skip
    until(lambda: live_broker.call("GET", "federation-links", vhost))
    inventory(broker, poll_now, inventory_now)
    link = FederationLink.objects.get(broker=broker, vhost=vhost)
    assert (link.of, link.name, link.upstream) == ("exchange", "amq.topic", "self")
    assert link.state in ("running", "starting")
    assert "@" not in link.uri
    page = browser.get(f"/federation-links/?broker={broker.pk}").content.decode()
    assert "amq.topic" in page
    assert live_broker.password not in page
    assert b"amq.topic" in b"".join(browser.get(f"/federation-links.csv?broker={broker.pk}"))
    row = FederationUpstream.objects.get(broker=broker, vhost=vhost)
    shown = browser.get(f"/federation-upstreams/{row.pk}/delete/").content.decode()
    assert "1 link to it end" in shown
    set_row = FederationUpstreamSet.objects.get(broker=broker, vhost=vhost)
    form = browser.get(f"/federation-upstream-sets/{set_row.pk}/edit/").context["form"]
    assert form["members"].value() == members


def test_global_parameters_by_pages_and_the_brokers_own_are_protected(
    browser, admin_client, broker, seen, poll_now, inventory_now  # noqa: F811
):  # fmt: skip
    """AC-145: global parameters are created, listed and deleted."""
    inventory(broker, poll_now, inventory_now)
    name = f"warren test {uuid4().hex[:8]}/é"
    address = f"/global-parameters/new/?broker={broker.pk}"
    text = json.dumps({"at": f"amqp://u:{CANARY}@h", "empty": {}})
    shown = preview(browser, address, name=name, text=text)
    assert CANARY not in shown.content.decode()
    assert apply(confirm(browser, address, shown)).state == "done"
    assert seen("global-parameters", name)["value"]["at"] == f"amqp://u:{CANARY}@h"
    inventory(broker, poll_now, inventory_now)
    row = GlobalParameter.objects.get(broker=broker, name=name)
    assert row.value["at"] == "amqp://h"
    assert (
        ManagedObject.objects.get(broker=broker, kind="global_parameter", key=[name]).sync
        == Sync.IN_SYNC
    )
    delete = f"/global-parameters/{row.pk}/delete/"
    assert apply(confirm(browser, delete, browser.get(delete), typed=name)).state == "done"
    assert seen("global-parameters", name) is None

    own = GlobalParameter.objects.get(broker=broker, name="internal_cluster_id")
    assert (
        "broker&#x27;s own" in browser.get(f"/global-parameters/{own.pk}/delete/").content.decode()
    )
    answer = admin_client.patch(
        f"/api/v1/global-parameters/{own.pk}/", {"value": "x"}, "application/json"
    )
    assert answer.status_code == 400


def test_a_parameter_of_a_component_that_rabbitmq_does_not_know_is_rejected(
    browser, broker, vhost, poll_now, inventory_now
):
    """AC-144: an unknown component is refused by the broker; one with a list of its own here."""
    inventory(broker, poll_now, inventory_now)
    address = f"/parameters/new/?broker={broker.pk}"
    for component, sentence in (
        ("shovel", "change them there"),
        ("vhost-limits", "change them there"),
    ):
        sent = {"vhost": vhost, "component": component, "name": "x", "text": "5", "step": "preview"}
        refused = browser.post(address, sent)
        assert refused.status_code == 400
        assert sentence in refused.content.decode()
    shown = preview(browser, address, vhost=vhost, component="nonsense", name="x", text="5")
    change = apply(confirm(browser, address, shown))
    assert change.state == "rejected"
    assert "nonsense not found" in change.steps.get().error_detail
    assert not Parameter.objects.filter(broker=broker, vhost=vhost).exists()


def test_a_user_without_the_tag_policymaker_leaves_parameters_unknown(
    browser, live_broker, make_broker, scratch_user, poll_now, inventory_now
):
    """AC-030: monitoring users can't list parameters: they are unknown, not none."""
    name, password = scratch_user
    live_broker.call("PUT", "users", name, body={"password": password, "tags": "monitoring"})
    live_broker.call(
        "PUT", "permissions", "/", name, body={"configure": "", "write": "", "read": ""}
    )
    broker = make_broker(username=name, password=password)
    inventory(broker, poll_now, inventory_now)
    for slug in ("shovels", "federation-upstreams", "parameters", "global-parameters"):
        page = browser.get(f"/{slug}/?broker={broker.pk}").content.decode()
        assert "policymaker" in page, slug
        assert "Unknown" in page


def test_a_shovel_and_a_link_are_restarted(
    browser, broker, vhost, scratch_vhost, live_broker, poll_now, inventory_now
):
    """AC-175, AC-178: restarting is one act, sent once, and its result is told."""
    scratch_vhost.declare("a")
    value = {
        "src-uri": "amqp://",
        "src-queue": "a",
        "dest-uri": "amqp://",
        "dest-queue": "b",
        **BOTH,
    }
    uri = ends(live_broker, vhost)["src_uri"]
    value |= {"src-uri": uri, "dest-uri": uri}
    live_broker.call("PUT", "parameters", "shovel", vhost, "é/ %", body={"value": value})
    live_broker.call(
        "PUT", "parameters", "federation-upstream", vhost, "self", body={"value": {"uri": uri}}
    )
    live_broker.call(
        "PUT", "policies", vhost, "federate",
        body={"pattern": "^amq.topic$", "apply-to": "exchanges", "definition": {"federation-upstream": "self"}},
    )  # fmt: skip
    until(lambda: live_broker.call("GET", "federation-links", vhost))
    until(
        lambda: [
            one for one in live_broker.call("GET", "shovels", vhost) if one["state"] == "running"
        ]
    )
    inventory(broker, poll_now, inventory_now)
    before = live_broker.call("GET", "shovels", vhost)[0]["timestamp"]
    time.sleep(1.1)
    row = Shovel.objects.get(broker=broker, vhost=vhost)
    assert "Restart shovel" in browser.get(f"/shovels/{row.pk}/").content.decode()
    address = f"/shovels/{row.pk}/restart/"
    change = apply(confirm(browser, address, browser.get(address)))
    assert (change.state, change.steps.get().state) == ("done", "applied")
    assert "It was running" in change.steps.get().result
    until(
        lambda: [
            one for one in live_broker.call("GET", "shovels", vhost) if one["timestamp"] > before
        ]
    )

    link = FederationLink.objects.get(broker=broker, vhost=vhost)
    address = f"/federation-links/{link.pk}/restart/"
    change = apply(confirm(browser, address, browser.get(address)))
    assert (change.state, change.steps.get().state) == ("done", "applied")
    assert "The link was" in change.steps.get().result


def test_without_the_plugin_states_are_unknown_and_not_absent(broker, vhost, live_broker, poll_now, inventory_now, monkeypatch, browser):  # fmt: skip
    """AC-179: a broker without the management plugins of shovels and federation is no error."""
    value = {
        "src-uri": "amqp://",
        "src-queue": "a",
        "dest-uri": "amqp://",
        "dest-queue": "b",
        **BOTH,
    }
    live_broker.call("PUT", "parameters", "shovel", vhost, "s", body={"value": value})
    from console.rabbitmq.errors import NotFound
    from console.rabbitmq.management.objects import ObjectStore

    get = ObjectStore.get

    def without_plugins(self, *segments, query=None):
        if segments[0] in ("shovels", "federation-links"):
            raise NotFound("")
        return get(self, *segments, query=query)

    monkeypatch.setattr(ObjectStore, "get", without_plugins)
    inventory(broker, poll_now, inventory_now)
    row = Shovel.objects.get(broker=broker, vhost=vhost)
    assert row.state == ""
    assert "rabbitmq_shovel_management isn't enabled" in row.reason
    assert "rabbitmq_federation_management" in browser.get("/federation-links/").content.decode()
