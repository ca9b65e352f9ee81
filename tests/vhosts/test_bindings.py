"""Bindings by page, form, API, drift and in bulk, on a live broker."""

from __future__ import annotations

import json

import pytest

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import BrokerStatus, Change, ManagedObject, Sync
from tests.acting import apply, confirm, preview
from tests.engine import names, seen  # noqa: F401
from tests.factories import HOSTILE
from tests.vhosts.test_exchanges import bind, broker, browser, declare, send, vhost  # noqa: F401
from vhosts.models import Binding, Exchange

pytestmark = pytest.mark.django_db


@pytest.fixture
def ends(declare, live_broker, vhost, broker, inventory_now):  # noqa: F811
    """Exchanges `d`, `t`, `h`, `f`, of the type that begins so, and a queue `q`."""
    for of_type in ("direct", "topic", "headers", "fanout"):
        declare(of_type[0], type=of_type)
    live_broker.call("PUT", "queues", vhost, "q", body={"durable": True})
    inventory_now(broker)


def bound(live_broker, vhost, source):  # noqa: F811
    rows = live_broker.call("GET", "exchanges", vhost, source, "bindings", "source")
    return sorted(
        (row["destination_type"], row["destination"], row["routing_key"], json.dumps(row["arguments"], sort_keys=True))
        for row in rows
    )  # fmt: skip


def test_a_binding_is_created_by_its_form_and_deleted_by_its_page(
    browser, broker, vhost, ends, live_broker, inventory_now  # noqa: F811
):  # fmt: skip
    """AC-061, AC-062, AC-064, AC-066."""
    address = f"/bindings/new/?broker={broker.pk}&vhost={vhost}&source=h"
    form = browser.get(f"/bindings/new/?broker={broker.pk}&source=h").context["form"]
    assert form["source"].value() == "h"
    assert "q" in form.offers["destinations"]
    shown = preview(
        browser, address, vhost=vhost, source="h", destination_type="queue", destination="q",
        match="any-with-x", arguments='x-kind = a\nsize = 3\ntext = "3"\nflag = true\nlist = [1, "b"]',
    )  # fmt: skip
    assert apply(confirm(browser, address, shown)).state == "done"
    arguments = {
        "x-match": "any-with-x",
        "x-kind": "a",
        "size": 3,
        "text": "3",
        "flag": True,
        "list": [1, "b"],
    }
    assert bound(live_broker, vhost, "h") == [
        ("queue", "q", "", json.dumps(arguments, sort_keys=True))
    ]
    row = Binding.objects.get(broker=broker, vhost=vhost, source="h")
    assert row.table == arguments
    inventory_now(broker)
    assert Binding.objects.get(broker=broker, vhost=vhost, source="h").pk == row.pk
    page = browser.get(f"/bindings/{row.pk}/").content.decode()
    for part in ("In sync", "routes to the queue", "any-with-x"):
        assert part in page
    assert f"/bindings/{row.pk}/edit/" not in page

    shown = preview(
        browser, address, vhost=vhost, source="t", destination_type="exchange", destination="f",
        routing_key="a.*.ü/#",
    )  # fmt: skip
    assert apply(confirm(browser, address, shown)).state == "done"
    assert bound(live_broker, vhost, "t") == [("exchange", "f", "a.*.ü/#", "{}")]
    of = Exchange.objects.get(broker=broker, vhost=vhost, name="f")
    page = browser.get(f"/exchanges/{of.pk}/")
    assert [one.source for one in page.context["bindings_to"].rows] == ["t"]
    assert page.context["bindings_from"].rows == []

    delete = f"/bindings/{row.pk}/delete/"
    shown = browser.get(delete)
    assert "It is the only binding of the queue q." in shown.content.decode()
    assert apply(confirm(browser, delete, shown, typed="q")).state == "done"
    assert bound(live_broker, vhost, "h") == []
    assert not Binding.objects.filter(broker=broker, vhost=vhost, source="h").exists()


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"source": ""}, "source", "Enter an exchange."),
        ({"destination": ""}, "destination", "Enter a queue or an exchange."),
        ({"routing_key": "é" * 128}, "routing_key", "256 bytes"),
        ({"routing_key": "a~b", "arguments": "c = 1"}, "routing_key", "can't have ~"),
        ({"source": "h", "arguments": "x-match = some"}, "arguments", "x-match must be all, any"),
        ({"source": "h", "arguments": "a = [null]"}, "arguments", "null"),
        ({"match": "all", "arguments": "x-match = any"}, "arguments", "already set above"),
        ({"destination_type": "topic"}, "destination_type", "valid choice"),
    ],
)
def test_what_the_broker_would_refuse_is_said_at_its_field(
    browser, broker, vhost, ends, fields, field, sentence  # noqa: F811
):  # fmt: skip
    sent = {
        "vhost": vhost,
        "source": "d",
        "destination_type": "queue",
        "destination": "q",
        **fields,
    }
    answer = browser.post(f"/bindings/new/?broker={broker.pk}", {**sent, "step": "preview"})
    assert answer.status_code == 400, answer.content
    assert sentence in "".join(answer.context["form"].errors[field]), answer.context["form"].errors
    assert Change.objects.count() == 0


def test_how_many_hashes_a_topic_key_takes_depends_on_the_version(
    browser, broker, vhost, ends  # noqa: F811
):  # fmt: skip
    sent = {"vhost": vhost, "source": "t", "destination_type": "queue", "destination": "q",
            "routing_key": "#.a.#.b.#", "step": "preview"}  # fmt: skip
    for version, status in (("3.10.8", 200), ("4.3.0", 400)):
        BrokerStatus.objects.filter(broker=broker).update(rabbitmq_version=version)
        answer = browser.post(f"/bindings/new/?broker={broker.pk}", sent)
        assert answer.status_code == status, answer.content
    assert "at most two #" in "".join(answer.context["form"].errors["routing_key"])


def test_the_preview_says_which_end_is_missing_and_what_is_ignored(
    browser, broker, vhost, ends  # noqa: F811
):  # fmt: skip
    address = f"/bindings/new/?broker={broker.pk}"

    def told(**fields):
        sent = {"vhost": vhost, "source": "d", "destination_type": "queue", "destination": "q"}
        return preview(browser, address, **sent, **fields).content.decode()

    assert "ignores the arguments" in told(arguments="a = 1")
    sent = {
        "vhost": vhost,
        "source": "nowhere",
        "destination_type": "exchange",
        "destination": "none",
    }
    text = preview(browser, address, **sent).content.decode()
    assert "The exchange nowhere wasn" in text
    assert "The exchange none wasn" in text
    sent |= {"source": "f", "destination": "d", "routing_key": "x"}
    assert "ignores the routing key" in preview(browser, address, **sent).content.decode()


def test_a_missing_end_is_refused_by_the_broker_and_the_change_says_so(
    browser, broker, vhost, ends  # noqa: F811
):  # fmt: skip
    """AC-061."""
    address = f"/bindings/new/?broker={broker.pk}"
    shown = preview(
        browser, address, vhost=vhost, source="d", destination_type="queue", destination="none"
    )
    change = apply(confirm(browser, address, shown))
    assert change.steps.get().state == "rejected"


def test_selected_bindings_are_deleted_as_one_change(
    browser, broker, vhost, ends, bind, live_broker, inventory_now  # noqa: F811
):  # fmt: skip
    """AC-062, AC-063."""
    for key in ("", "a", "b/c", "~"):
        bind("d", "q", key, "q")
    bind("h", "q", "k", "q", **{"x-match": "all", "a": 1})
    inventory_now(broker)
    rows = {row.routing_key: row for row in Binding.objects.filter(broker=broker, vhost=vhost)}
    listed = browser.get("/bindings/", {"broker": broker.pk, "vhost": vhost})
    assert "Unbind selected" in listed.content.decode()
    address = "/bindings/unbind/"
    shown = browser.post(address, {"ids": [rows[key].pk for key in ("", "b/c", "~", "k")]})
    assert shown.status_code == 200
    assert shown.context["preview"].counts["delete"] == 4
    assert Change.objects.count() == 0
    change = confirm(browser, address, shown)
    assert change.steps.count() == 4
    assert apply(change).state == "done"
    assert bound(live_broker, vhost, "d") == [("queue", "q", "a", "{}")]
    assert bound(live_broker, vhost, "h") == []
    assert list(
        Binding.objects.filter(broker=broker, vhost=vhost).values_list("routing_key", flat=True)
    ) == ["a"]
    assert browser.post(address, {}).status_code == 400


def test_filters_and_the_api(
    browser, broker, vhost, ends, bind, seen, live_broker, inventory_now  # noqa: F811
):  # fmt: skip
    """AC-061, AC-066."""
    bind("d", "q", "orders", "q")
    bind("t", "f", "orders.#")
    bind("h", "q", "", "q", **{"x-match": "any", "a": [1]})
    inventory_now(broker)
    here = {"broker": broker.pk, "vhost": vhost}

    def keys(**more):
        rows = browser.get("/bindings/", here | more).context["listing"].rows
        return {(row.source, row.destination) for row in rows}

    assert keys() == {("d", "q"), ("t", "f"), ("h", "q")}
    assert keys(source="d") == {("d", "q")}
    assert keys(destination="q") == {("d", "q"), ("h", "q")}
    assert keys(routing_key="orders") == {("d", "q")}
    assert keys(search="orders") == {("d", "q"), ("t", "f")}
    assert keys(destination_type="exchange") == {("t", "f")}
    assert keys(with_arguments="1") == {("h", "q")}
    for sort in ("source", "-source", "destination", "-routing_key", "vhost", "first_seen"):
        assert browser.get("/bindings/", {**here, "sort": sort}).status_code == 200
    answer = browser.get("/api/v1/bindings/", {"vhost": vhost, "with_arguments": "true"}).json()
    assert [one["arguments"] for one in answer["results"]] == [{"x-match": "any", "a": [1]}]

    body = {
        "broker": broker.pk, "vhost": vhost, "source": "h", "destination_type": "queue",
        "destination": "q", "arguments": {"x-match": "all", "n": 1, "deep": {"b": [True]}},
    }  # fmt: skip
    plan = send(browser, "post", "/api/v1/bindings/?dry_run=true", body)
    assert [one["op"] for one in plan.json()["steps"]] == ["create"], plan.content
    made = send(browser, "post", "/api/v1/bindings/", body)
    assert made.status_code == 202, made.content
    assert apply(Change.objects.get(pk=made.json()["id"])).state == "done"
    row = next(
        row
        for row in Binding.objects.filter(broker=broker, vhost=vhost, source="h")
        if "n" in row.table
    )
    found = browser.get(f"/api/v1/bindings/{row.pk}/").json()
    assert (found["arguments"], found["sync"]) == (body["arguments"], "in_sync")
    assert send(browser, "post", "/api/v1/bindings/", body).status_code == 409
    assert send(browser, "patch", f"/api/v1/bindings/{row.pk}/", {}).status_code == 405
    refused = send(browser, "post", "/api/v1/bindings/", {**body, "source": "", "arguments": {}})
    assert refused.status_code == 400
    bad = send(browser, "post", "/api/v1/bindings/", {**body, "arguments": [1]})
    assert bad.status_code == 400
    gone = send(browser, "delete", f"/api/v1/bindings/{row.pk}/", {})
    assert apply(Change.objects.get(pk=gone.json()["id"])).state == "done"
    assert [one for one in bound(live_broker, vhost, "h") if "deep" in one[3]] == []


def test_the_default_exchange_takes_no_binding(browser, broker, vhost, ends):  # noqa: F811
    """AC-065."""
    body = {
        "broker": broker.pk,
        "vhost": vhost,
        "source": "",
        "destination_type": "queue",
        "destination": "q",
    }
    answer = send(browser, "post", "/api/v1/bindings/", body)
    assert answer.status_code == 400, answer.content
    assert not Binding.objects.filter(broker=broker, source="").exists()


def test_a_managed_binding_drifts_and_is_restored(
    engine, vhost, declare, live_broker, browser, poll_now, inventory_now  # noqa: F811
):  # fmt: skip
    declare("a")
    declare("b")
    poll_now(engine.broker)
    key = (vhost, "a", "exchange", "b", "k", '{"n":1}')
    assert engine.do(("binding", key, {})).state == "done"
    inventory_now(engine.broker)
    managed = ManagedObject.objects.get(broker=engine.broker, kind="binding")
    assert managed.sync == Sync.IN_SYNC
    (row,) = live_broker.call("GET", "exchanges", vhost, "a", "bindings", "source")
    live_broker.call("DELETE", "bindings", vhost, "e", "a", "e", "b", row["properties_key"])
    inventory_now(engine.broker)
    managed.refresh_from_db()
    assert managed.sync == Sync.DRIFTED
    shown = browser.post("/drift/resolve/", {"act": "push", "ids": [managed.pk]})
    assert apply(confirm(browser, "/drift/resolve/", shown)).state == "done"
    assert bound(live_broker, vhost, "a") == [("exchange", "b", "k", '{"n": 1}')]


def test_nobody_sees_or_unbinds_beyond_their_scope(
    client, django_user_model, broker, vhost, ends, bind, inventory_now, now  # noqa: F811
):  # fmt: skip
    """AC-027."""
    bind("d", "q", "a", "q")
    inventory_now(broker)
    row = Binding.objects.get(broker=broker, vhost=vhost)
    person = django_user_model.objects.create_user("ann")
    Grant.objects.create(
        user=person,
        role=Role.VHOST_ADMINISTRATOR,
        broker=broker,
        vhost_pattern="other*",
        created_at=now,
    )
    client.force_login(person)
    assert client.get("/bindings/").context["listing"].rows == []
    assert client.get(f"/bindings/{row.pk}/").status_code == 404
    assert client.get(f"/bindings/{row.pk}/delete/").status_code == 404
    assert client.post("/bindings/unbind/", {"ids": [row.pk]}).status_code == 400


def test_nothing_that_a_broker_says_runs_in_the_browser(browser, broker, now):  # noqa: F811
    for number, name in enumerate((*HOSTILE, "<script>alert(1)</script>")):
        Binding.objects.create(
            broker=broker, vhost="/", source=name, destination_type="queue", destination=name,
            routing_key=name, arguments=json.dumps({name: name, "n": number}), first_seen_at=now, changed_at=now,
        )  # fmt: skip
    listed = browser.get(f"/bindings/?broker={broker.pk}").content.decode()
    assert "<script>alert" not in listed
    for row in Binding.objects.filter(broker=broker):
        for address in (f"/bindings/{row.pk}/", f"/bindings/{row.pk}/delete/"):
            answer = browser.get(address)
            assert answer.status_code == 200
            assert "<script>alert" not in answer.content.decode()
    row = Binding.objects.filter(broker=broker).first()
    assert browser.get("/admin/vhosts/binding/").status_code == 200
    assert browser.get(f"/admin/vhosts/binding/{row.pk}/change/").status_code == 200
    assert browser.get(f"/admin/vhosts/binding/add/?broker={broker.pk}").status_code == 200
