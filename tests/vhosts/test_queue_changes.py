"""Queues and streams by page and API: created, purged, deleted, replaced, many at once; and what the live
broker has in the end."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth import get_user_model
from pika.exceptions import ChannelClosedByBroker
from rest_framework.test import APIClient

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import BrokerStatus, Change, ManagedObject, Step
from tests.acting import apply, confirm, hidden_of, preview, problems_of
from vhosts.models import Queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


@pytest.fixture
def api(superuser):
    client = APIClient()
    client.force_authenticate(superuser)
    return client


@pytest.fixture
def broker(make_broker, scratch_vhost, look):
    found = make_broker()
    look(found)
    return found


@pytest.fixture
def look(poll_now, inventory_now):
    """Polls and takes an inventory: what the pages know."""

    def read(broker):
        poll_now(broker)
        for _ in range(10):
            # While other tests delete their virtual hosts, RabbitMQ fails to list some things.
            if not inventory_now(broker).part_errors:
                break
            time.sleep(0.3)
        poll_now(broker)

    return read


@pytest.fixture
def ready(scratch_vhost):
    def count(name):
        return scratch_vhost.channel.queue_declare(name, passive=True).method.message_count

    return count


@pytest.fixture
def held(scratch_vhost, live_broker, broker, look):
    """held(name, count) declares a queue with so many messages that RabbitMQ has counted."""

    def make(name, count, **arguments):
        scratch_vhost.declare(name, **arguments)
        scratch_vhost.publish(name, count)
        for _ in range(60):
            row = live_broker.call("GET", "queues", scratch_vhost.name, name)
            if row.get("messages") == count:
                break
            time.sleep(0.25)
        look(broker)
        return Queue.objects.get(broker=broker, vhost=scratch_vhost.name, name=name)

    return make


def sentences(response):
    shown = response.context["preview"]
    return [*shown.objections, *(one for line in shown.lines for one in line.objections)]


# Create


@pytest.mark.parametrize(
    ("of_type", "more", "arguments"),
    [
        ("classic", {"x-max-priority": "5", "x-message-ttl": "60000"}, {"x-max-priority": 5, "x-message-ttl": 60000}),
        ("quorum", {"x-delivery-limit": "3", "x-single-active-consumer": "true"}, {"x-delivery-limit": 3, "x-single-active-consumer": True}),
        ("stream", {"x-max-age": "7D", "x-max-length-bytes": "1000000"}, {"x-max-age": "7D", "x-max-length-bytes": 1000000}),
    ],
)  # fmt: skip
def test_a_queue_of_each_type_is_created_as_the_form_says(
    of_type, more, arguments, browser, broker, scratch_vhost, seen, look
):  # fmt: skip
    """AC-067."""
    address = f"/queues/new/?broker={broker.pk}&vhost={scratch_vhost.name}"
    page = browser.get(address)
    assert page.status_code == 200
    assert page.context["form"]["vhost"].value() == scratch_vhost.name
    fields = {
        "vhost": scratch_vhost.name,
        "name": "orders",
        "type": of_type,
        "durable": "on",
        **more,
    }
    # What is typed at another type's control doesn't matter.
    fields["x-max-age" if of_type != "stream" else "x-max-priority"] = "nonsense"
    shown = preview(browser, address, **fields)
    commands = [text for _, text in shown.context["preview"].commands]
    assert any(
        one.startswith("rabbitmqadmin --vhost=") and " declare queue " in one for one in commands
    ), commands
    assert any(one.startswith("curl ") for one in commands), commands
    change = confirm(browser, address, shown)
    assert apply(change).state == "done"
    there = seen("queues", scratch_vhost.name, "orders")
    assert there["type"] == of_type
    assert {k: v for k, v in there["arguments"].items() if k != "x-queue-type"} == arguments
    look(broker)
    row = Queue.objects.get(broker=broker, vhost=scratch_vhost.name, name="orders")
    assert browser.get(f"/queues/{row.pk}/").status_code == 200


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": "amq.mine"}, "RabbitMQ reserves names that begin with amq."),
        ({"x-max-priority": "300"}, "Maximum priority must be from 0 to 255"),
        ({"x-message-ttl": "soon"}, "Message TTL must be a whole number."),
        ({"x-dead-letter-routing-key": "k"}, "x-dead-letter-routing-key without x-dead-letter-exchange"),
        ({"type": "stream", "x-max-age": "7 days"}, "must be a number and one of Y, M, D, h, m, s"),
        ({"more": "x-queue-type = quorum"}, "Set x-queue-type with its own control."),
        ({"vhost": "nowhere"}, "Select a virtual host of this broker."),
    ],
)  # fmt: skip
def test_what_rabbitmq_would_refuse_is_refused_at_its_control(
    fields, says, browser, broker, scratch_vhost
):
    address = f"/queues/new/?broker={broker.pk}"
    given = {"vhost": scratch_vhost.name, "name": "q", "type": "classic", "durable": "on", **fields}
    response = browser.post(address, {**given, "step": "preview"})
    assert response.status_code == 400
    assert says in problems_of(response)
    assert not Change.objects.exists()


def test_a_queue_that_is_there_is_not_created_again(browser, broker, scratch_vhost, held):
    held("orders", 0)
    address = f"/queues/new/?broker={broker.pk}"
    given = {"vhost": scratch_vhost.name, "name": "orders", "type": "classic", "durable": "on"}
    response = browser.post(address, {**given, "step": "preview"})
    assert response.status_code == 409
    assert "already exists" in response.content.decode()


def test_the_api_creates_a_queue_and_says_why_not(api, broker, scratch_vhost, seen):
    """AC-067, AC-068, AC-069."""
    body = {"broker": broker.pk, "vhost": scratch_vhost.name, "name": "orders"}
    planned = api.post("/api/v1/queues/?dry_run=true", body, format="json")
    assert planned.status_code == 200, planned.content
    assert planned.json()["steps"][0]["op"] == "create"
    assert seen("queues", scratch_vhost.name, "orders") is None
    made = api.post("/api/v1/queues/", body, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert made.status_code == 202, made.content
    again = api.post("/api/v1/queues/", body, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert again.json()["id"] == made.json()["id"]
    assert apply(Change.objects.get()).state == "done"
    assert seen("queues", scratch_vhost.name, "orders")["durable"] is True
    for wrong, status in (
        ({"vhost": "nowhere"}, 400),
        ({"durable": "maybe"}, 400),
        ({"arguments": {"x-queue-type": "odd"}}, 400),
        ({"arguments": []}, 400),
    ):
        response = api.post("/api/v1/queues/", {**body, "name": "q", **wrong}, format="json")
        assert response.status_code == status, response.content


def test_a_plan_of_several_objects_creates_and_deletes_queues(
    api, broker, scratch_vhost, held, seen
):
    held("old", 0)
    entry = {"kind": "queue", "broker": broker.pk, "vhost": scratch_vhost.name}
    body = {
        "wishes": [{**entry, "name": "new"}, {**entry, "name": "old", "absent": True}],
        "apply": True,
    }
    response = api.post("/api/v1/plans/", body, format="json")
    assert response.status_code == 202, response.content
    assert apply(Change.objects.get()).state == "done"
    assert seen("queues", scratch_vhost.name, "new") is not None
    assert seen("queues", scratch_vhost.name, "old") is None


# Purge


def test_a_purge_tells_what_is_lost_and_who_consumes(browser, broker, scratch_vhost, held, ready):
    """AC-077, AC-078."""
    row = held("orders", 4)
    shown = browser.get(f"/queues/{row.pk}/purge/")
    assert "Lost: 4 ready messages, as counted now." in sentences(shown)
    assert "It has no consumers." in sentences(shown)
    lines = shown.context["preview"].lines
    assert (lines[0].op, lines[0].act) == ("purge", "Purge")
    assert any("purge_queue" in text for _, text in shown.context["preview"].commands)
    change = confirm(browser, f"/queues/{row.pk}/purge/", shown, reason="ticket 9")
    assert (change.title, change.reason) == (
        f"Purge the queue orders in {scratch_vhost.name}",
        "ticket 9",
    )
    assert apply(change).state == "done"
    assert ready("orders") == 0
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    assert "Deleted 4 ready messages, as counted before." in page
    assert b"Purge queue" in browser.get(f"/queues/{row.pk}/").content


def test_a_stream_is_not_purged(browser, api, held):
    row = held("log", 1, **{"x-queue-type": "stream"})
    assert b"Purge queue" not in browser.get(f"/queues/{row.pk}/").content
    response = browser.get(f"/queues/{row.pk}/purge/")
    assert response.status_code == 400
    assert "purge a stream" in response.context["refusal"]
    assert api.post(f"/api/v1/queues/{row.pk}/purge/").status_code == 400
    assert not Change.objects.exists()


def test_the_api_purges_and_reports_the_result(api, held, ready):
    row = held("orders", 3)
    planned = api.post(f"/api/v1/queues/{row.pk}/purge/?dry_run=true")
    assert planned.status_code == 200, planned.content
    assert planned.json()["counts"]["purge"] == 1
    assert "Lost: 3 ready messages, as counted now." in planned.json()["steps"][0]["objections"]
    made = api.post(
        f"/api/v1/queues/{row.pk}/purge/", {"reason": "r"}, format="json", HTTP_IDEMPOTENCY_KEY="p"
    )
    assert made.status_code == 202, made.content
    assert (
        api.post(
            f"/api/v1/queues/{row.pk}/purge/",
            {"reason": "r"},
            format="json",
            HTTP_IDEMPOTENCY_KEY="p",
        ).json()["id"]
        == made.json()["id"]
    )
    apply(Change.objects.get())
    (step,) = api.get(f"/api/v1/changes/{made.json()['id']}/steps/").json()["results"]
    assert (step["op"], step["state"]) == ("purge", "applied")
    assert step["result"].startswith("Deleted 3 ready messages")
    assert ready("orders") == 0
    assert ManagedObject.objects.get().sync == "retired"


def test_a_purge_needs_its_right(browser, held, client, now, broker):
    row = held("orders", 1)
    user = get_user_model().objects.create_user("vera")
    Grant.objects.create(user=user, role=Role.VIEWER, broker=broker, created_at=now)
    client.force_login(user)
    assert b"Purge queue" not in client.get(f"/queues/{row.pk}/").content
    assert client.get(f"/queues/{row.pk}/purge/").status_code == 403
    assert client.post(f"/queues/{row.pk}/purge/").status_code == 403
    assert client.get(f"/queues/{row.pk}/delete/").status_code == 403
    assert client.get(f"/queues/{row.pk}/edit/").status_code == 403


def test_in_production_the_name_is_typed(browser, held, broker, ready):
    row = held("orders", 2)
    type(broker).objects.filter(pk=broker.pk).update(environment="production")
    address = f"/queues/{row.pk}/purge/"
    shown = browser.get(address)
    response = browser.post(address, {**hidden_of(shown), "step": "apply"})
    assert response.status_code == 400
    assert ready("orders") == 2
    assert apply(confirm(browser, address, shown, typed="orders")).state == "done"


# Delete


def test_a_deletion_tells_what_is_lost(
    browser, broker, scratch_vhost, held, live_broker, look, seen
):
    held("source", 0, **{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "orders"})
    row = held("orders", 5)
    live_broker.call(
        "POST", "bindings", scratch_vhost.name, "e", "amq.topic", "q", "orders",
        body={"routing_key": "a.b", "arguments": {}},
    )  # fmt: skip
    look(broker)
    address = f"/queues/{row.pk}/delete/"
    shown = browser.get(address)
    told = sentences(shown)
    assert "Lost: 5 messages (5 ready, 0 unacked), as counted now." in told
    assert "It has no consumers." in told
    assert "Its binding from amq.topic is deleted too." in told
    assert "Dead letters of source are lost if no other queue receives them." in told
    assert any(one.startswith("Its number of messages last changed ") for one in told)
    assert apply(confirm(browser, address, shown)).state == "done"
    assert seen("queues", scratch_vhost.name, "orders") is None
    row.refresh_from_db()
    assert row.gone_at is not None, "the row stays for its history"


@pytest.mark.parametrize(("mode", "reason"), [("if_empty", "not empty"), ("if_unused", "in use")])
def test_only_if_empty_and_only_if_unused_are_refused_with_the_reason(
    mode, reason, api, held, scratch_vhost, ready
):
    """AC-079."""
    row = held("orders", 2)
    scratch_vhost.channel.basic_qos(prefetch_count=1)
    if mode == "if_unused":
        scratch_vhost.channel.basic_consume("orders", lambda *_: None)
    made = api.delete(f"/api/v1/queues/{row.pk}/", {"mode": mode}, format="json")
    assert made.status_code == 202, made.content
    change = apply(Change.objects.get())
    step = change.steps.get()
    assert (change.state, step.state) == ("rejected", "rejected")
    assert reason in step.error_detail
    assert ready("orders") >= 1


@pytest.mark.parametrize("mode", ["always", "if_empty", "if_unused"])
def test_each_way_deletes_an_empty_unused_queue(mode, api, held, seen, scratch_vhost):
    row = held("orders", 0)
    assert api.delete(f"/api/v1/queues/{row.pk}/", {"mode": mode}, format="json").status_code == 202
    assert apply(Change.objects.get()).state == "done"
    assert seen("queues", scratch_vhost.name, "orders") is None


def test_a_deletion_that_would_lose_more_than_confirmed_is_not_applied(
    browser, held, scratch_vhost, live_broker, ready
):
    row = held("orders", 1)
    change = confirm(browser, f"/queues/{row.pk}/delete/", browser.get(f"/queues/{row.pk}/delete/"))
    scratch_vhost.publish("orders", 150)
    for _ in range(60):
        if live_broker.call("GET", "queues", scratch_vhost.name, "orders").get("messages") == 151:
            break
        time.sleep(0.25)
    assert apply(change).steps.get().state == "needs_confirmation"
    assert ready("orders") == 151


def test_an_exclusive_queue_is_neither_purged_nor_deleted(api, broker, scratch_vhost, look):
    """AC-073."""
    scratch_vhost.channel.queue_declare("mine", exclusive=True)
    look(broker)
    row = Queue.objects.get(broker=broker, name="mine")
    for method, address in (("post", "purge/"), ("delete", "")):
        response = getattr(api, method)(f"/api/v1/queues/{row.pk}/{address}")
        assert response.status_code in (400, 409)
        assert "exclusive" in response.content.decode()


# Replace


def test_a_queue_is_replaced_with_its_bindings(
    browser, broker, scratch_vhost, held, live_broker, look, seen
):  # fmt: skip
    row = held("orders", 0)
    live_broker.call(
        "POST", "bindings", scratch_vhost.name, "e", "amq.topic", "q", "orders",
        body={"routing_key": "a.b", "arguments": {"x": 1}},
    )  # fmt: skip
    look(broker)
    address = f"/queues/{row.pk}/edit/"
    form = browser.get(address).context["form"]
    assert form["type"].value() == "classic"
    fields = {"type": "quorum", "generation": form["generation"].value(), "carry_bindings": "on"}
    shown = preview(browser, address, **fields)
    assert [line.op for line in shown.context["preview"].lines] == ["replace", "create"]
    assert any("Each consumer loses its subscription" in one for one in sentences(shown))
    refused = "A client that still declares it as before is refused (inequivalent x-queue-type)."
    assert any(one.startswith(refused) for one in sentences(shown))
    assert apply(confirm(browser, address, shown)).state == "done"
    assert seen("queues", scratch_vhost.name, "orders")["type"] == "quorum"
    bindings = live_broker.call("GET", "queues", scratch_vhost.name, "orders", "bindings")
    assert [(b["source"], b["routing_key"], b["arguments"]) for b in bindings if b["source"]] == [
        ("amq.topic", "a.b", {"x": 1})
    ]
    with pytest.raises(ChannelClosedByBroker, match="inequivalent arg 'x-queue-type'"):
        scratch_vhost.channel.queue_declare("orders", durable=True)


@pytest.mark.parametrize("lose", [False, True])
def test_messages_are_lost_by_a_replacement_only_if_that_was_said(
    lose, api, held, ready, seen, scratch_vhost
):
    row = held("orders", 3)
    body = {"arguments": {"x-max-length": 10}, "lose_messages": lose}
    made = api.post(f"/api/v1/queues/{row.pk}/replace/", body, format="json")
    assert made.status_code == 202, made.content
    change = apply(Change.objects.get())
    assert change.state == ("done" if lose else "rejected")
    assert ready("orders") == (0 if lose else 3)
    assert ("x-max-length" in seen("queues", scratch_vhost.name, "orders")["arguments"]) is lose


def test_no_binding_is_lost_by_a_replacement_without_a_word(
    api, broker, held, live_broker, scratch_vhost, look, seen
):
    row = held("orders", 0)
    body = {"arguments": {"x-max-length": 10}}
    address = f"/api/v1/queues/{row.pk}/replace/"
    live_broker.call(
        "PUT", "exchanges", scratch_vhost.name, "auto",
        body={"type": "fanout", "durable": True, "auto_delete": True},
    )  # fmt: skip
    live_broker.call(
        "POST", "bindings", scratch_vhost.name, "e", "auto", "q", "orders",
        body={"routing_key": "", "arguments": {}},
    )  # fmt: skip
    look(broker)
    refused = api.post(address, body, format="json")
    assert (refused.status_code, "RabbitMQ would also delete auto" in refused.json()["errors"][0]["detail"]) == (400, True)  # fmt: skip
    said = api.post(f"{address}?dry_run=true", {**body, "carry_bindings": False}, format="json")
    told = said.json()["steps"][0]["objections"]
    assert "Its 1 binding is deleted and not created again." in told
    BrokerStatus.objects.filter(broker=broker).update(part_errors={"bindings": "It answered 500."})
    unknown = api.post(address, body, format="json")
    assert unknown.status_code == 400
    assert "Its bindings are unknown" in unknown.json()["errors"][0]["detail"]
    assert "x-max-length" not in seen("queues", scratch_vhost.name, "orders")["arguments"]


def test_a_replacement_without_a_difference_is_refused(api, held):
    row = held("orders", 0)
    same = api.post(f"/api/v1/queues/{row.pk}/replace/", {"arguments": {}}, format="json")
    assert same.status_code == 400
    assert "Nothing differs" in same.json()["errors"][0]["detail"]


def test_the_form_keeps_a_type_that_only_the_virtual_host_gave(browser, broker, held, now):
    row = held("orders", 0)
    Queue.objects.filter(pk=row.pk).update(type="quorum")
    form = browser.get(f"/queues/{row.pk}/edit/").context["form"]
    assert form["type"].value() == "quorum"


def test_an_unknown_mode_deletes_nothing(browser, held):
    assert browser.get(f"/queues/{held('orders', 0).pk}/delete/?mode=if-empty").status_code == 400


# Many at once


def test_selected_queues_are_purged_as_one_change(browser, broker, scratch_vhost, held, ready):
    rows = [held(f"q{number}", number) for number in (1, 2)]
    held("other", 1)
    page = browser.get("/queues/")
    assert b'name="ids"' in page.content
    address = "/queues/selected/purge/"
    shown = browser.post(address, {"ids": [row.pk for row in rows]})
    assert "Lost in all: 3 ready messages, as last polled." in sentences(shown)
    change = confirm(browser, address, shown)
    assert change.title == f"Purge 2 queues on {broker.name}"
    assert apply(change).state == "done"
    assert [ready("q1"), ready("q2"), ready("other")] == [0, 0, 1]


def test_all_that_match_are_deleted_but_those_left_out_and_those_that_came_later(
    browser, broker, scratch_vhost, held, seen, look
):  # fmt: skip
    for name in ("a1", "a2", "a3", "b1"):
        scratch_vhost.declare(name)
    look(broker)
    kept = Queue.objects.get(broker=broker, name="a3")
    address = f"/queues/selected/delete/?broker={broker.pk}&vhost={scratch_vhost.name}&search=a"
    shown = browser.post(address, {"all": "yes", "except": str(kept.pk)})
    assert [line.ref.key[1] for line in shown.context["preview"].lines] == ["a1", "a2"]
    scratch_vhost.declare("a4")
    look(broker)
    assert apply(confirm(browser, address, shown)).state == "done"
    there = {
        one for one in ("a1", "a2", "a3", "a4", "b1") if seen("queues", scratch_vhost.name, one)
    }
    assert there == {"a3", "a4", "b1"}
    assert Step.objects.count() == 2


@pytest.mark.parametrize(
    ("query", "body", "says"),
    [
        ("", {}, "Select at least one queue."),
        ("?nonsense=1", {"all": "yes"}, "no filter called"),
        ("?search=none+such", {"all": "yes"}, "Select at least one queue."),
        ("", {"ids": "x,99999999999999999999"}, "Select at least one queue."),
    ],
)
def test_a_selection_that_means_nothing_changes_nothing(browser, broker, query, body, says):
    response = browser.post(f"/queues/selected/delete/{query}", body)
    assert response.status_code == 400
    assert says in response.context["refusal"]
    assert not Change.objects.exists()


def test_more_than_the_limit_is_refused(browser, broker, scratch_vhost, held, monkeypatch):
    monkeypatch.setattr("console.faces.operations.pages.MOST_SELECTED", 1)
    held("a", 0)
    held("b", 0)
    response = browser.post("/queues/selected/delete/", {"all": "yes"})
    assert response.status_code == 400
    assert "More than 1 queues match." in response.context["refusal"]


def test_who_may_not_purge_sees_no_check_boxes(client, broker, held, now):
    held("orders", 1)
    user = get_user_model().objects.create_user("vera")
    Grant.objects.create(user=user, role=Role.VIEWER, broker=broker, created_at=now)
    client.force_login(user)
    assert b'name="ids"' not in client.get("/queues/").content
    assert client.post("/queues/selected/purge/", {"all": "yes"}).status_code == 403


def test_selected_queues_lead_to_the_form_of_a_policy_for_them(
    browser, broker, scratch_vhost, look
):
    for name in ("a.1", "a(2)", "ab1"):
        scratch_vhost.declare(name)
    look(broker)
    rows = list(Queue.objects.filter(broker=broker, name__in=["a.1", "a(2)"]))
    opened = browser.post(
        "/queues/selected/policy/", {"ids": [row.pk for row in rows]}, follow=True
    )
    form = opened.context["form"]
    pattern = form.initial["pattern"]
    assert (form.initial["vhost"], form.initial["apply_to"]) == (scratch_vhost.name, "queues")
    address = opened.redirect_chain[-1][0]
    shown = preview(
        browser, address, vhost=scratch_vhost.name, name="cap", pattern=pattern, apply_to="queues",
        priority=0, definition="max-length = 5",
    )  # fmt: skip
    assert apply(confirm(browser, address, shown)).state == "done"
    look(broker)
    matched = Queue.objects.filter(broker=broker, vhost=scratch_vhost.name, policy="cap")
    assert {row.name for row in matched} == {"a.1", "a(2)"}


def test_what_no_pattern_can_name_is_said(browser, broker, scratch_vhost, look):
    for start in ("x", "y"):
        for number in range(20):
            scratch_vhost.declare(f"{start}{'n' * 200}{number}")
    look(broker)
    address = f"/queues/selected/policy/?broker={broker.pk}&vhost={scratch_vhost.name}"
    refused = browser.post(address, {"all": "yes"})
    assert refused.status_code == 400
    assert "too long for one pattern" in refused.context["refusal"]
    led = browser.post(f"{address}&search=xn", {"all": "yes"})
    assert "pattern=%5Exnn" in led["Location"]


def test_the_api_changes_all_that_match_as_one_change(
    api, broker, scratch_vhost, held, ready, seen
):
    for number, name in enumerate(("a1", "a2", "b1")):
        held(name, number + 1)
    where = {"broker": str(broker.pk), "vhost": scratch_vhost.name, "search": "a"}
    address = "/api/v1/queues/selected/purge/"
    planned = api.post(f"{address}?dry_run=true", {"filter": where}, format="json")
    assert planned.status_code == 200, planned.content
    assert "Lost in all: 3 ready messages, as last polled." in planned.json()["objections"]
    assert not Change.objects.exists()
    made = api.post(address, {"filter": where, "reason": "T-1"}, format="json")
    assert made.status_code == 202, made.content
    change = apply(Change.objects.get())
    assert (change.title, change.state) == ("Purge 2 queues", "done")
    assert [ready("a1"), ready("a2"), ready("b1")] == [0, 0, 3]
    row = Queue.objects.get(broker=broker, name="a1")
    gone = api.post("/api/v1/queues/selected/delete/", {"ids": [row.pk]}, format="json")
    assert apply(Change.objects.get(pk=gone.json()["id"])).state == "done"
    assert seen("queues", scratch_vhost.name, "a1") is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "Send the IDs of objects"),
        ({"ids": [1], "filter": {"search": "a"}}, "Send only one of ids, filter."),
        ({"filter": {"nonsense": "1"}}, "no filter called"),
        ({"filter": {"search": ""}}, "has no value"),
        ({"filter": {"search": "  "}}, "has no value"),
        ({"filter": {"broker": None}}, "has no value"),
        ({"filter": {"search": ["a"]}}, "has no value"),
        ({"filter": {"gone": "maybe"}}, "valid choice"),
        ({"filter": {"search": "none such"}}, "No queue matches."),
        ({"ids": [2**31]}, "less than or equal"),
    ],
)
def test_a_selection_by_api_that_means_nothing_changes_nothing(api, broker, body, says):
    answer = api.post("/api/v1/queues/selected/delete/", body, format="json")
    assert answer.status_code == 400
    assert says in answer.content.decode()
    assert not Change.objects.exists()
