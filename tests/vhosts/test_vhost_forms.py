"""Virtual hosts by form: form, preview, change, and what the live broker has in the end."""

from __future__ import annotations

import html

import pytest

from console.kinds.common.kind import Op
from console.models import AuditEntry, Change, ManagedObject
from console.rabbitmq.endpoint import Timeouts
from tests.accessctl.cast import make_cast
from tests.acting import apply, confirm, hidden_of, preview
from tests.engine import names, seen  # noqa: F401
from tests.factories import HOSTILE, add_broker, add_queue, add_vhost
from tests.faults.gate import Gate
from vhosts.models import VirtualHost

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


@pytest.fixture
def broker(make_broker):
    return make_broker()


def test_a_vhost_is_created_as_the_form_says(browser, broker, names, seen):  # noqa: F811
    name = names("vhost")
    address = f"/vhosts/new/?broker={broker.pk}"
    assert browser.get(address).status_code == 200
    shown = preview(
        browser, address, name=name, description="orders", tags="b, a", max_queues="7",
        default_queue_type="quorum",
    )  # fmt: skip
    assert [(line.op, line.ref.key) for line in shown.context["preview"].lines] == [
        (Op.CREATE, (name,))
    ]
    assert not Change.objects.exists()
    change = confirm(browser, address, shown, reason="ticket 7")
    assert (change.reason, change.origin) == ("ticket 7", "page")
    assert apply(change).state == "done"
    there = seen("vhosts", name)
    assert (there["description"], sorted(there["tags"])) == ("orders", ["a", "b"])
    assert seen("vhost-limits", name)[0]["value"] == {"max-queues": 7}


def test_at_first_only_the_consoles_own_user_has_permissions_in_a_new_vhost(
    browser, broker, names, live_broker  # noqa: F811
):  # fmt: skip
    name = names("vhost")
    address = f"/vhosts/new/?broker={broker.pk}"
    shown = preview(browser, address, name=name)
    assert f"own RabbitMQ user ({broker.username}) has permissions in it" in " ".join(
        shown.context["preview"].objections
    )
    assert apply(confirm(browser, address, shown)).state == "done"
    there = [one for one in live_broker.call("GET", "permissions") if one["vhost"] == name]
    assert [one["user"] for one in there] == [broker.username]


def test_a_vhost_is_edited_in_place_and_keeps_what_was_not_changed(
    browser, broker, names, seen, poll_now, inventory_now  # noqa: F811
):  # fmt: skip
    name = names("vhost")
    address = f"/vhosts/new/?broker={broker.pk}"
    apply(confirm(browser, address, preview(browser, address, name=name, description="old")))
    poll_now(broker)
    inventory_now(broker)
    vhost = VirtualHost.objects.get(broker=broker, name=name)
    edit = f"/vhosts/{vhost.pk}/edit/"
    form = browser.get(edit).context["form"]
    assert form["description"].value() == "old"
    filled = {"description": "old", "tags": "x", "generation": form["generation"].value()}
    shown = preview(browser, edit, **filled, max_connections="3")
    fields = {f.name for line in shown.context["preview"].lines for f in line.fields}
    assert fields == {"tags", "limits"}
    assert apply(confirm(browser, edit, shown)).state == "done"
    assert (seen("vhosts", name)["description"], seen("vhosts", name)["tags"]) == ("old", ["x"])
    assert seen("vhost-limits", name)[0]["value"] == {"max-connections": 3}

    stale = browser.post(edit, {**filled, "tags": "mine"})
    assert stale.status_code == 200
    refused = browser.post(edit, {**hidden_of(stale), "step": "apply"})
    assert refused.status_code == 412
    assert b"Someone else changed" in refused.content
    assert b'value="mine"' in refused.content

    page = browser.get(f"/vhosts/{vhost.pk}/?change={Change.objects.first().pk}")
    assert f"/changes/{Change.objects.first().pk}/".encode() in page.content


def test_a_vhost_is_deleted_only_with_its_name_typed(
    browser, broker, names, seen, poll_now, inventory_now  # noqa: F811
):  # fmt: skip
    name = names("vhost")
    address = f"/vhosts/new/?broker={broker.pk}"
    apply(confirm(browser, address, preview(browser, address, name=name)))
    poll_now(broker)
    inventory_now(broker)
    vhost = VirtualHost.objects.get(broker=broker, name=name)
    delete = f"/vhosts/{vhost.pk}/delete/"
    shown = browser.get(delete)
    assert b"bindings are deleted too" in shown.content
    wrong = browser.post(delete, {**hidden_of(shown), "step": "apply", "typed": "something"})
    assert wrong.status_code == 400
    assert b"The name doesn&#x27;t match" in wrong.content
    assert seen("vhosts", name) is not None
    assert apply(confirm(browser, delete, shown, typed=name)).state == "done"
    assert seen("vhosts", name) is None


def test_what_changed_between_preview_and_confirmation_is_shown_anew(browser, now):
    broker = add_broker("b", now)
    vhost = add_vhost(broker, "/v", now, description="one")
    edit = f"/vhosts/{vhost.pk}/edit/"
    shown = preview(browser, edit, description="three", generation="0")
    VirtualHost.objects.update(description="two")
    again = browser.post(edit, {**hidden_of(shown), "step": "apply"})
    assert again.status_code == 400
    assert b"has changed since this preview" in again.content
    assert not Change.objects.exists()
    change = confirm(browser, edit, again)
    assert change.steps.get().before["description"] == "two"


def test_a_confirmation_sent_twice_is_one_change(browser, now):
    add_broker("b", now)
    shown = preview(browser, "/vhosts/new/", name="twice")
    assert confirm(browser, "/vhosts/new/", shown) == confirm(browser, "/vhosts/new/", shown)
    assert Change.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": ".."}, "can't be addressed over HTTP"),
        ({"name": "a\nb"}, "control characters"),
        ({"name": "a\0b"}, "Null characters are not allowed"),
        ({"name": "é" * 128}, "256 bytes in UTF-8"),
        ({"name": "x" * 5000}, "at most 1000 characters"),
        ({"name": "ok", "max_queues": "many"}, "must be a whole number"),
        ({"name": "ok", "max_queues": "-1"}, "must be 0 or more"),
        ({"name": "ok", "default_queue_type": "lazy"}, "lazy"),
        ({"name": "ok", "description": "x" * 1001}, "at most 1000 characters"),
    ],
)
def test_bad_input_is_told_at_its_field_and_nothing_typed_is_lost(fields, said, browser, now):
    add_broker("b", now)
    answer = browser.post("/vhosts/new/", {"tags": "kept, too", **fields})
    assert answer.status_code == 400
    text = answer.content.decode()
    assert said in html.unescape(text)
    assert 'value="kept, too"' in text
    assert not ManagedObject.objects.exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_previewed_as_text_or_refused(name, browser, now):
    broker = add_broker("b", now)
    answer = browser.post("/vhosts/new/", {"name": name})
    text = answer.content.decode()
    assert answer.status_code == (400 if "\n" in name or "\t" in name else 200)
    for markup in ("<img src=x", "<svg/onload", "<script>alert"):
        assert markup not in text
    vhost = add_vhost(broker, name, now)
    for page in ("edit", "delete"):
        shown = browser.get(f"/vhosts/{vhost.pk}/{page}/")
        assert shown.status_code == 200
        assert "<img src=x" not in shown.content.decode()


def test_back_to_the_form_keeps_what_was_typed(browser, now):
    add_broker("b", now)
    shown = preview(browser, "/vhosts/new/", name="/a b", tags="x, y")
    form = browser.post("/vhosts/new/", {**hidden_of(shown), "step": "edit"})
    assert form.status_code == 200
    assert 'value="/a b"' in form.content.decode()
    assert 'value="x, y"' in form.content.decode()


def test_what_dies_with_a_vhost_is_listed(browser, now):
    broker = add_broker("b", now)
    vhost = add_vhost(broker, "/v", now)
    add_queue(broker, "q", now, vhost="/v", total=7)
    text = browser.get(f"/vhosts/{vhost.pk}/delete/").content.decode()
    assert "Permanently lost: 1 queue with 7 messages" in text
    protected = add_vhost(broker, "/p", now, protected_from_deletion=True)
    refused = browser.get(f"/vhosts/{protected.pk}/delete/")
    assert refused.status_code == 403
    assert b"protected from deletion" in refused.content


def test_a_restart_calls_the_broker_once_and_is_audited(
    browser, broker, names, poll_now, inventory_now, live_broker  # noqa: F811
):  # fmt: skip
    name = names("vhost")
    live_broker.call("PUT", "vhosts", name, body={})
    poll_now(broker)
    inventory_now(broker)
    vhost = VirtualHost.objects.get(broker=broker, name=name)
    (node,) = vhost.cluster_state
    answer = browser.post(f"/vhosts/{vhost.pk}/restart/", {"node": node}, follow=True)
    assert "RabbitMQ restarted the virtual host" in answer.content.decode()
    said = AuditEntry.objects.filter(action="vhost:restart").order_by("pk")
    asked, done = [entry.after["outcome"] for entry in said]
    assert "unknown unless" in asked
    assert done == "done"
    answer = browser.post(f"/vhosts/{vhost.pk}/restart/", {"node": "rabbit@else"}, follow=True)
    assert "has no node rabbit@else" in answer.content.decode()
    live_broker.call("DELETE", "vhosts", name)
    answer = browser.post(f"/vhosts/{vhost.pk}/restart/", {"node": node}, follow=True)
    assert "couldn't be started" in html.unescape(answer.content.decode())


@pytest.mark.faults
def test_a_restart_whose_answer_is_lost_is_called_unknown_and_not_repeated(
    browser, broker, names, poll_now, inventory_now, live_broker, monkeypatch  # noqa: F811
):  # fmt: skip
    name = names("vhost")
    live_broker.call("PUT", "vhosts", name, body={})
    poll_now(broker)
    inventory_now(broker)
    vhost = VirtualHost.objects.get(broker=broker, name=name)
    (node,) = vhost.cluster_state
    quick = Timeouts(connect=1, read=1, total=1)
    monkeypatch.setattr("vhosts.virtual_hosts.restart.DEADLINE", quick)
    with Gate(live_broker.url, hold="answer") as gate:
        type(broker).objects.filter(pk=broker.pk).update(management_url=gate.url)
        answer = browser.post(f"/vhosts/{vhost.pk}/restart/", {"node": node}, follow=True)
        assert "It's unknown whether" in html.unescape(answer.content.decode())
        assert len(gate.writes) == 1
    said = AuditEntry.objects.filter(action="vhost:restart").latest("pk")
    assert said.after["outcome"].startswith("unknown: ")


class TestGrants:
    @pytest.fixture
    def cast(self, db):
        return make_cast()

    def go(self, client, person):
        client.force_login(person)
        return client

    def test_a_vhost_administrator_makes_and_changes_only_what_is_theirs(self, client, cast):
        browser = self.go(client, cast.vera)
        address = f"/vhosts/new/?broker={cast.a.pk}"
        assert "max_queues" not in browser.get(address).content.decode()
        preview(browser, address, name="/team-new")
        refused = browser.post(address, {"name": "/other", "tags": "kept"})
        assert refused.status_code == 403
        assert b'value="kept"' in refused.content
        mine = VirtualHost.objects.get(broker=cast.a, name="/team-red")
        theirs = VirtualHost.objects.get(broker=cast.a, name="/")
        elsewhere = VirtualHost.objects.get(broker=cast.b, name="/team-red")
        for page in ("edit", "delete"):
            assert browser.get(f"/vhosts/{mine.pk}/{page}/").status_code == 200
            assert browser.get(f"/vhosts/{theirs.pk}/{page}/").status_code == 404
            assert browser.get(f"/vhosts/{elsewhere.pk}/{page}/").status_code == 404

    def test_a_viewer_is_refused_and_not_offered_the_acts(self, client, cast):
        browser = self.go(client, cast.bob)
        found = VirtualHost.objects.get(broker=cast.a, name="/")
        for page in ("edit", "delete"):
            assert browser.get(f"/vhosts/{found.pk}/{page}/").status_code == 403
        assert browser.get(f"/vhosts/new/?broker={cast.a.pk}").status_code == 403
        assert browser.post(f"/vhosts/{found.pk}/restart/", {"node": "n"}).status_code == 403
        page = browser.get(f"/vhosts/{found.pk}/").content.decode()
        assert f"/vhosts/{found.pk}/edit/" not in page
        assert f"/vhosts/{found.pk}/delete/" not in page
