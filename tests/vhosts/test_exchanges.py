"""Exchanges by page, form, API, drift and Django admin, on a live broker."""

from __future__ import annotations

import json
import time
from urllib.error import HTTPError

import pytest

from console.kinds.common.kind import Op
from console.models import BrokerStatus, Change, ManagedObject, StepState, Sync
from tests.acting import apply, confirm, preview
from tests.engine import names, seen  # noqa: F401
from tests.factories import HOSTILE
from vhosts.models import Exchange, Policy, Queue

pytestmark = pytest.mark.django_db
TOPIC = {"type": "topic", "durable": True, "auto_delete": False, "internal": False, "arguments": {}}


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


@pytest.fixture
def broker(make_broker, poll_now):
    found = make_broker()
    poll_now(found)
    return found


@pytest.fixture
def inventory_now(inventory_now):
    """The general one, again while something could not be listed or too much was missing at once:
    other tests create and delete virtual hosts on the same node."""

    def take(broker):
        for _ in range(10):
            status = inventory_now(broker)
            if not status.part_errors and not status.suspect:
                break
            time.sleep(0.3)
        return status

    return take


@pytest.fixture
def vhost(names, live_broker):  # noqa: F811
    name = names("vhost")
    live_broker.call("PUT", "vhosts", name, body={})
    live_broker.call(
        "PUT", "permissions", name, live_broker.username,
        body={"configure": ".*", "write": ".*", "read": ".*"},
    )  # fmt: skip
    return name


@pytest.fixture
def declare(live_broker, vhost):
    def put(name, **body):
        live_broker.call("PUT", "exchanges", vhost, name, body={**TOPIC, **body})

    return put


@pytest.fixture
def bind(live_broker, vhost):
    def post(source, destination, key="", kind="e", **arguments):
        live_broker.call(
            "POST", "bindings", vhost, "e", source, kind, destination,
            body={"routing_key": key, "arguments": arguments},
        )  # fmt: skip

    return post


def send(client, method, address, body):
    return getattr(client, method)(address, data=json.dumps(body), content_type="application/json")


def row_of(broker, vhost, name):
    return Exchange.objects.get(broker=broker, vhost=vhost, name=name)


def test_an_exchange_is_created_by_its_form_and_on_its_page_at_once(
    browser, broker, vhost, seen, inventory_now  # noqa: F811
):  # fmt: skip
    """AC-056, AC-059."""
    inventory_now(broker)
    address = f"/exchanges/new/?broker={broker.pk}"
    form = browser.get(address).context["form"]
    offered = {value for value, _ in form.fields["type"].choices}
    assert offered == set(BrokerStatus.objects.get(broker=broker).exchange_types)
    shown = preview(
        browser, address, vhost=vhost, name="orders é/", type="topic", durable="on",
        alternate="lost", arguments='note = "3"\nlist = [1, "a"]\ntable = {"b": {"c": true}}',
    )  # fmt: skip
    assert "curl" in shown.content.decode()
    assert apply(confirm(browser, address, shown)).state == "done"
    arguments = {
        "alternate-exchange": "lost", "note": "3", "list": [1, "a"], "table": {"b": {"c": True}},
    }  # fmt: skip
    there = seen("exchanges", vhost, "orders é/")
    assert (there["type"], there["durable"], there["auto_delete"], there["internal"]) == (
        "topic", True, False, False,
    )  # fmt: skip
    assert there["arguments"] == arguments
    row = row_of(broker, vhost, "orders é/")
    assert (row.type, row.durable, row.arguments, row.policy) == ("topic", True, arguments, "")
    inventory_now(broker)
    assert row_of(broker, vhost, "orders é/").pk == row.pk
    page = browser.get(f"/exchanges/{row.pk}/").content.decode()
    for part in ("In sync", "lost", "It routes nowhere"):
        assert part in page
    assert f"/exchanges/{row.pk}/edit/" not in page
    assert browser.get(f"/exchanges/{row.pk}/edit/").status_code == 404
    # Others use the node too: the list has several pages.
    listed = browser.get(
        "/exchanges/", {"broker": broker.pk, "search": "orders é/"}
    ).content.decode()
    assert "orders é/" in listed.split("</thead>")[1]


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"name": "amq.mine"}, "name", "reserves names that begin with amq"),
        ({"name": "é" * 128}, "name", "256 bytes"),
        ({"name": ""}, "name", "Enter a name."),
        ({"type": "x-nothing"}, "type", "doesn't offer this exchange type"),
        ({"type": "x-federation-upstream"}, "arguments", "without x-max-hops"),
        ({"arguments": "a = null"}, "arguments", "holds a null"),
        ({"arguments": "alternate-exchange = 7"}, "arguments", "must be text"),
        (
            {"alternate": "a", "arguments": "alternate-exchange = b"},
            "arguments",
            "already set above",
        ),
    ],
)
def test_what_the_broker_would_refuse_is_said_at_its_field_before_it_is_sent(
    browser, broker, vhost, fields, field, sentence
):
    """AC-057."""
    if fields.get("type", "") not in ("", "x-nothing"):
        types = [*BrokerStatus.objects.get(broker=broker).exchange_types, fields["type"]]
        BrokerStatus.objects.filter(broker=broker).update(exchange_types=types)
    sent = {"vhost": vhost, "name": "e", "type": "direct", "durable": "on", **fields}
    answer = browser.post(f"/exchanges/new/?broker={broker.pk}", {**sent, "step": "preview"})
    assert answer.status_code == 400
    form = answer.context["form"]
    assert sentence in "".join(form.errors[field]), form.errors
    assert form["name"].value() == sent["name"]
    assert Change.objects.count() == 0


@pytest.mark.parametrize("form", ["exchanges", "bindings"])
def test_a_virtual_host_with_a_nul_is_refused_at_its_field(browser, broker, form):
    address = f"/{form}/new/?broker={broker.pk}"
    answer = browser.post(address, {"vhost": "a\0b", "name": "x", "source": "x"})
    assert answer.status_code == 400
    assert "vhost" in answer.context["form"].errors


def test_only_an_unused_exchange_is_deleted_unless_it_is_said(
    browser, broker, vhost, declare, bind, live_broker, seen, inventory_now  # noqa: F811
):  # fmt: skip
    """AC-058."""
    for name in ("e", "f", "behind"):
        declare(name, **({"arguments": {"alternate-exchange": "e"}} if name == "behind" else {}))
    live_broker.call(
        "PUT", "queues", vhost, "q",
        body={"durable": True, "arguments": {"x-dead-letter-exchange": "e"}},
    )  # fmt: skip
    for key in ("a", "b"):
        bind("e", "f", key)
    bind("f", "e", "c")
    inventory_now(broker)
    row = row_of(broker, vhost, "e")
    delete = f"/exchanges/{row.pk}/delete/"
    shown = browser.get(delete)
    text = shown.content.decode()
    for part in (
        "the source of 2 bindings, so it",
        "Its 2 bindings to f are deleted too.",
        "Its binding from f is deleted too.",
        "Messages that behind can&#x27;t route are lost from then on",
        "Dead letters of q are lost from then on.",
        "Delete it with its bindings",
    ):
        assert part in text
    change = apply(confirm(browser, delete, shown, typed="e"))
    step = change.steps.get()
    assert (step.state, step.error_code) == (StepState.REJECTED, "rejected")
    assert seen("exchanges", vhost, "e") is not None

    forced = f"{delete}?force=yes"
    shown = browser.get(forced)
    assert "in use" not in shown.content.decode()
    assert apply(confirm(browser, forced, shown, typed="e")).state == "done"
    assert seen("exchanges", vhost, "e") is None
    assert not Exchange.objects.filter(broker=broker, vhost=vhost, name="e").exists()
    from vhosts.models import Binding

    assert not Binding.objects.filter(broker=broker, vhost=vhost).exists()


def test_a_deletion_waits_for_a_new_confirmation_if_more_bindings_fall_by_then(
    browser, broker, vhost, declare, bind, seen, inventory_now  # noqa: F811
):  # fmt: skip
    declare("e")
    declare("f")
    bind("e", "f", "a")
    inventory_now(broker)
    forced = f"/exchanges/{row_of(broker, vhost, 'e').pk}/delete/?force=yes"
    change = confirm(browser, forced, browser.get(forced), typed="e")
    bind("f", "e", "b")
    assert apply(change).steps.get().state == StepState.NEEDS_CONFIRMATION
    step = change.steps.get()
    assert step.guard == {"bindings": 2, "force": 1}
    assert seen("exchanges", vhost, "e") is not None


def test_predeclared_exchanges_are_told_apart_and_never_deleted(
    browser, broker, vhost, live_broker, inventory_now
):
    """AC-055."""
    with pytest.raises(HTTPError):
        live_broker.call("DELETE", "exchanges", vhost, "amq.topic")
    assert live_broker.call("GET", "exchanges", vhost, "amq.topic")["type"] == "topic"
    inventory_now(broker)
    found = {row.name for row in Exchange.objects.filter(broker=broker, vhost=vhost)}
    assert {"", "amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.topic"} <= found
    for name in ("", "amq.topic"):
        row = row_of(broker, vhost, name)
        page = browser.get(f"/exchanges/{row.pk}/")
        assert page.status_code == 200
        assert f"/exchanges/{row.pk}/delete/" not in page.content.decode()
        refused = browser.get(f"/exchanges/{row.pk}/delete/")
        assert refused.status_code == 403
        assert "from the start" in refused.content.decode()
        answer = send(browser, "delete", f"/api/v1/exchanges/{row.pk}/", {})
        assert answer.status_code == 403, answer.content
    page = browser.get(f"/exchanges/{row_of(broker, vhost, '').pk}/").content.decode()
    assert "(default exchange)" in page
    assert "RabbitMQ binds every queue to it" in page


def test_the_alternate_exchange_says_what_sets_it(
    browser, broker, vhost, declare, live_broker, poll_now, inventory_now
):
    declare("own", arguments={"alternate-exchange": "mine"})
    declare("ruled")
    live_broker.call(
        "PUT", "policies", vhost, "ae",
        body={"pattern": "", "definition": {"alternate-exchange": "theirs"}, "priority": 0,
              "apply-to": "exchanges"},
    )  # fmt: skip
    inventory_now(broker)
    listed = browser.get("/exchanges/", {"broker": broker.pk, "vhost": vhost, "search": "own"})
    assert "mine" in listed.content.decode()
    listed = browser.get("/exchanges/", {"broker": broker.pk, "vhost": vhost, "search": "ruled"})
    (row,) = listed.context["listing"].rows
    assert (row.policy, row.policy_alternate) == ("ae", "theirs")
    page = browser.get(f"/exchanges/{row.pk}/").content.decode()
    assert "theirs" in page
    assert "policy ae" in page


def test_filters_and_counts(browser, broker, vhost, declare, bind, inventory_now):
    declare("a", internal=True)
    declare("b", type="fanout")
    declare("c")
    bind("a", "b", "1")
    bind("a", "b", "2")
    inventory_now(broker)
    where = {"broker": broker.pk, "vhost": vhost, "declared": "1"}

    def named(**more):
        return {
            row.name for row in browser.get("/exchanges/", where | more).context["listing"].rows
        }

    assert named() == {"a", "b", "c"}
    assert named(internal="1") == {"a"}
    assert named(unbound="1") == {"c"}
    assert named(type="fanout") == {"b"}
    assert named(with_policy="yes") == set()
    assert named(with_policy="no") == {"a", "b", "c"}
    counts = {
        row.name: (row.bindings_from, row.bindings_to)
        for row in browser.get("/exchanges/", where).context["listing"].rows
    }
    assert counts == {"a": (2, 0), "b": (0, 2), "c": (0, 0)}
    answer = browser.get(
        "/api/v1/exchanges/", {"vhost": vhost, "unbound": "true", "declared": "true"}
    )
    assert [one["name"] for one in answer.json()["results"]] == ["c"]
    text = b"".join(browser.get("/exchanges.csv", where)).decode()
    assert [line.partition(",")[0] for line in text.split()[1:]].count('"a"') == 1


def test_by_the_api(browser, broker, vhost, seen, declare, bind, inventory_now):  # noqa: F811
    """AC-056, AC-057, AC-058."""
    body = {"broker": broker.pk, "vhost": vhost, "name": "e", "type": "headers", "durable": False}
    plan = send(browser, "post", "/api/v1/exchanges/?dry_run=true", body)
    assert [one["op"] for one in plan.json()["steps"]] == ["create"]
    made = send(browser, "post", "/api/v1/exchanges/", body)
    assert made.status_code == 202, made.content
    assert apply(Change.objects.get(pk=made.json()["id"])).state == "done"
    assert (seen("exchanges", vhost, "e")["type"], seen("exchanges", vhost, "e")["durable"]) == (
        "headers", False,
    )  # fmt: skip
    row = row_of(broker, vhost, "e")
    assert browser.get(f"/api/v1/exchanges/{row.pk}/").json()["sync"] == "in_sync"
    assert send(browser, "post", "/api/v1/exchanges/", body).status_code == 409
    assert (
        send(browser, "patch", f"/api/v1/exchanges/{row.pk}/", {"durable": True}).status_code == 405
    )
    # The same again by a plan is nothing to do; other properties are refused.
    for durable, status in ((False, 200), (True, 400)):
        body["durable"] = durable
        plan = {"wishes": [{"kind": "exchange", **body}]}
        answer = send(browser, "post", "/api/v1/plans/?dry_run=true", plan)
        assert answer.status_code == status, answer.content
    declare("f")
    bind("e", "f", "a")
    inventory_now(broker)
    plan = send(browser, "delete", f"/api/v1/exchanges/{row.pk}/?dry_run=true", {}).json()
    assert any("in use" in one for one in plan["steps"][0]["objections"])
    gone = send(browser, "delete", f"/api/v1/exchanges/{row.pk}/", {"force": True})
    assert apply(Change.objects.get(pk=gone.json()["id"])).state == "done"
    assert seen("exchanges", vhost, "e") is None


def test_a_managed_exchange_drifts_and_unmanaged_ones_are_not_listed_as_such(
    engine, vhost, live_broker, declare, browser, poll_now, inventory_now
):
    poll_now(engine.broker)
    assert engine.do(("exchange", (vhost, "kept"), TOPIC)).state == "done"
    declare("of an application")
    inventory_now(engine.broker)
    managed = ManagedObject.objects.get(broker=engine.broker, kind="exchange")
    assert managed.sync == Sync.IN_SYNC
    live_broker.call("DELETE", "exchanges", vhost, "kept")
    inventory_now(engine.broker)
    managed.refresh_from_db()
    assert (managed.sync, managed.reason) == (Sync.DRIFTED, "Deleted outside the console.")
    assert "kept" in browser.get(f"/drift/?broker={engine.broker.pk}").content.decode()
    kinds = dict(browser.get("/drift/unmanaged/").context["kinds"])
    assert not {"exchange", "binding"} & set(kinds)
    assert "policy" in kinds
    assert browser.get("/drift/unmanaged/", {"kind": "exchange"}).context["kind"] != "exchange"
    shown = browser.post("/drift/resolve/", {"act": "push", "ids": [managed.pk]})
    change = confirm(browser, "/drift/resolve/", shown)
    assert apply(change).state == "done"
    assert live_broker.call("GET", "exchanges", vhost, "kept")["type"] == "topic"


def test_one_is_adopted_by_its_key(engine, vhost, declare, browser, poll_now, inventory_now):
    declare("theirs")
    poll_now(engine.broker)
    inventory_now(engine.broker)
    body = {
        "broker": engine.broker.pk,
        "kind": "exchange",
        "keys": [{"vhost": vhost, "name": "theirs"}],
    }
    made = send(browser, "post", "/api/v1/drift/adopt/", body)
    assert made.status_code == 202, made.content
    assert apply(Change.objects.get(pk=made.json()["id"])).state == "done"
    assert engine.target("exchange", vhost, "theirs").sync == Sync.IN_SYNC


def test_nothing_that_a_broker_says_runs_in_the_browser(browser, broker, now):
    for number, name in enumerate((*HOSTILE, "<script>alert(1)</script>")):
        Exchange.objects.create(
            broker=broker, vhost="/", name=f"{name}{number}", type=name, arguments={name: name, "alternate-exchange": name},
            policy=name, first_seen_at=now, changed_at=now,
        )  # fmt: skip
        Policy.objects.create(
            broker=broker, vhost="/", name=f"{name}{number}", pattern="", apply_to="all", priority=0,
            definition={}, first_seen_at=now, changed_at=now,
        )  # fmt: skip
    Queue.objects.create(broker=broker, vhost="/", name="q", first_seen_at=now)
    listed = browser.get(f"/exchanges/?broker={broker.pk}").content.decode()
    assert "<script>alert" not in listed
    for row in Exchange.objects.filter(broker=broker):
        for address in (f"/exchanges/{row.pk}/", f"/exchanges/{row.pk}/delete/"):
            answer = browser.get(address)
            assert answer.status_code == 200
            assert "<script>alert" not in answer.content.decode()
    assert browser.get(f"/exchanges/new/?broker={broker.pk}").status_code == 200
    row = Exchange.objects.filter(broker=broker).first()
    assert browser.get("/admin/vhosts/exchange/").status_code == 200
    assert browser.get(f"/admin/vhosts/exchange/{row.pk}/change/").status_code == 200
    assert browser.get(f"/admin/vhosts/exchange/add/?broker={broker.pk}").status_code == 200


def test_the_plan_says_create(browser, broker, vhost):
    address = f"/exchanges/new/?broker={broker.pk}&vhost={vhost}"
    shown = preview(browser, address, vhost=vhost, name="e", type="fanout")
    (line,) = shown.context["preview"].lines
    assert line.op == Op.CREATE
    assert {field.name: field.becomes for field in line.fields}["durable"] == "off"


def test_an_exchange_is_replaced_and_its_bindings_are_made_again(
    browser, broker, vhost, declare, bind, live_broker, seen, inventory_now  # noqa: F811
):  # fmt: skip
    declare("e", arguments={"alternate-exchange": "lost"})
    declare("f")
    for key in ("a", "b.#"):
        bind("e", "f", key)
    bind("f", "e", "", n=1)
    inventory_now(broker)
    row = row_of(broker, vhost, "e")
    replace = f"/exchanges/{row.pk}/replace/"
    assert replace in browser.get(f"/exchanges/{row.pk}/").content.decode()
    form = browser.get(replace).context["form"]
    assert (form["type"].value(), form["alternate"].value()) == ("topic", "lost")
    sent = {"type": "fanout", "durable": "on", "alternate": "lost", "generation": 0}
    same = browser.post(replace, {**sent, "type": "topic", "step": "preview"})
    assert same.status_code == 400
    assert "Nothing differs" in same.content.decode()
    shown = preview(browser, replace, **sent)
    text = shown.content.decode()
    assert "Its 3 bindings are deleted with it and created again" in text
    ops = [line.op for line in shown.context["preview"].lines]
    assert ops == [Op.REPLACE, Op.CREATE, Op.CREATE, Op.CREATE]
    change = apply(confirm(browser, replace, shown, typed="e"))
    assert change.state == "done", list(change.steps.values_list("state", "error_detail"))
    assert seen("exchanges", vhost, "e")["type"] == "fanout"
    assert seen("exchanges", vhost, "e")["arguments"] == {"alternate-exchange": "lost"}
    from_it = live_broker.call("GET", "exchanges", vhost, "e", "bindings", "source")
    to_it = live_broker.call("GET", "exchanges", vhost, "e", "bindings", "destination")
    assert sorted(one["routing_key"] for one in from_it) == ["a", "b.#"]
    assert [one["arguments"] for one in to_it] == [{"n": 1}]
    assert row_of(broker, vhost, "e").type == "fanout"


def test_a_replacement_waits_if_more_bindings_would_fall_than_are_made_again(
    browser, broker, vhost, declare, bind, live_broker, seen, inventory_now  # noqa: F811
):  # fmt: skip
    declare("e")
    declare("f")
    bind("e", "f", "a")
    inventory_now(broker)
    replace = f"/exchanges/{row_of(broker, vhost, 'e').pk}/replace/"
    shown = preview(browser, replace, type="fanout", durable="on", generation=0)
    change = confirm(browser, replace, shown, typed="e")
    bind("e", "f", "new")
    apply(change)
    assert change.steps.get(op="replace").state == StepState.NEEDS_CONFIRMATION
    assert seen("exchanges", vhost, "e")["type"] == "topic"
    assert len(live_broker.call("GET", "exchanges", vhost, "e", "bindings", "source")) == 2
