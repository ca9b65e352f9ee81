"""The matrix of permissions and the forms that change them, up to the live broker."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accessctl.models import BrokerPermission, BrokerUser
from console.models import Change, ManagedObject
from tests.accessctl.cast import make_cast
from tests.acting import apply, confirm, hidden_of, preview
from tests.engine import names, seen  # noqa: F401
from tests.factories import HOSTILE, add_broker, add_user, add_vhost, permit
from vhosts.matrix.cells import COLUMNS, in_short
from vhosts.models import VirtualHost

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


@pytest.fixture
def broker(make_broker):
    return make_broker()


def cells_of(response):
    return {
        (row.user.name, cell.vhost): cell.short
        for row in response.context["matrix"].rows
        for cell in row.cells
    }


@pytest.mark.parametrize(
    ("patterns", "short"),
    [
        ((".*", ".*", ".*"), "full"),
        (("^$", "^$", ".*"), "read"),
        (("", ".*", ""), "write"),
        (("^$", "", "^$"), "none"),
        (("^$", ".*", ".*"), "write + read"),
        (("^a.*", ".*", ".*"), "custom"),
    ],
)
def test_a_permission_in_short(patterns, short):
    assert in_short(*patterns)[0] == short
    assert in_short(*patterns)[1].startswith("Can ")


def fill(now, users, vhosts):
    broker = add_broker(f"b{users}", now)
    for number in range(vhosts):
        add_vhost(broker, f"v{number:03}", now)
    for number in range(users):
        add_user(broker, f"u{number:03}", now)
        for vhost in range(min(vhosts, 3)):
            permit(broker, f"u{number:03}", f"v{vhost:03}", now)
    return broker


def test_the_matrix_costs_the_same_queries_however_large_the_broker(browser, now):
    def cost(broker):
        address = f"/permissions/matrix/?broker={broker.pk}"
        browser.get(address)
        with CaptureQueriesContext(connection) as queries:
            response = browser.get(address)
        return len(queries), len(cells_of(response))

    few, one = cost(fill(now, 1, 1))
    many, all_of_them = cost(fill(now, 60, 25))
    assert one == 1
    assert all_of_them == 50 * COLUMNS
    assert many == few <= 15


def test_users_and_virtual_hosts_are_paged_and_filtered(browser, now):
    broker = fill(now, 60, 25)
    address = f"/permissions/matrix/?broker={broker.pk}"
    second = cells_of(browser.get(f"{address}&page=2&columns=2"))
    assert len(second) == 10 * 5
    assert ("u050", "v020") in second
    found = cells_of(browser.get(f"{address}&users=u00&vhosts=v001"))
    assert found == {(f"u00{n}", "v001"): "full" for n in range(10)}
    BrokerPermission.objects.filter(user="u007").delete()
    BrokerPermission.objects.filter(user="u008", vhost="v001").update(read="^$")
    without = cells_of(browser.get(f"{address}&having=without"))
    assert {user for user, _ in without} == {"u007"}
    differing = f"{address}&having=differing&vhosts=v00&users=u00"
    everyone = {user for user, _ in cells_of(browser.get(differing))}
    assert "u007" not in everyone
    few = cells_of(browser.get(f"{address}&having=differing&vhosts=v001&users=u00"))
    assert few == {}
    VirtualHost.objects.exclude(name__in=["v000", "v001", "v002"]).delete()
    odd = cells_of(browser.get(f"{address}&having=differing"))
    assert {user for user, _ in odd} == {"u008"}


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "columns=-1", "page_size=7", "having=luck", "users=%00"]
)
def test_a_matrix_address_that_cannot_be_read_is_told(query, browser, now):
    broker = fill(now, 1, 1)
    answer = browser.get(f"/permissions/matrix/?broker={broker.pk}&{query}")
    assert answer.status_code == 400
    assert cells_of(answer) == {("u000", "v000"): "full"}


def test_hostile_names_stand_in_the_matrix_as_text(browser, now):
    broker = add_broker("b", now)
    for name in HOSTILE:
        add_vhost(broker, name, now)
        add_user(broker, name, now)
        permit(broker, name, name, now)
    text = browser.get(f"/permissions/matrix/?broker={broker.pk}").content.decode()
    for markup in ("<img src=x", "<svg/onload", "<script>alert"):
        assert markup not in text
    for name in HOSTILE:
        if "\n" in name or "\t" in name:
            continue
        query = urlencode({"broker": broker.pk, "user": name, "vhost": name})
        shown = browser.get(f"/permissions/edit/?{query}")
        assert shown.status_code == 200
        assert shown.context["current"].observed is not None


def seen_soon(broker, poll_now, inventory_now):
    poll_now(broker)
    inventory_now(broker)


def test_one_cell_is_set_and_cleared_on_the_broker(
    browser, broker, names, seen, live_broker, poll_now, inventory_now  # noqa: F811
):  # fmt: skip
    user, vhost = names("user"), names("vhost")
    live_broker.call("PUT", "vhosts", vhost, body={})
    live_broker.call("PUT", "users", user, body={"password_hash": "", "tags": ""})
    seen_soon(broker, poll_now, inventory_now)
    query = urlencode({"broker": broker.pk, "user": user, "vhost": vhost})
    address = f"/permissions/edit/?{query}"
    fields = {"user": user, "vhost": vhost}
    shown = preview(browser, address, **fields, rights="prefix", prefix="orders.")
    assert apply(confirm(browser, address, shown)).state == "done"
    there = seen("permissions", vhost, user)
    assert {there[n] for n in ("configure", "write", "read")} == {r"^orders\..*"}

    shown = preview(
        browser, address, **fields, rights="custom", configure="", write="^a", read="b",
        generation=str(ManagedObject.objects.get(kind="permission").generation),
    )  # fmt: skip
    assert b"Not anchored with ^" in shown.content
    assert apply(confirm(browser, address, shown)).state == "done"
    assert seen("permissions", vhost, user)["write"] == "^a"

    seen_soon(broker, poll_now, inventory_now)
    assert cells_of(browser.get(f"/permissions/matrix/?broker={broker.pk}&users={user[:10]}"))[
        user, vhost
    ] == "custom"  # fmt: skip
    shown = preview(browser, address, **fields, rights="clear")
    assert apply(confirm(browser, address, shown)).state == "done"
    assert seen("permissions", vhost, user) is None


def test_many_cells_are_set_at_once_and_copied(
    browser, broker, names, seen, live_broker, poll_now, inventory_now  # noqa: F811
):  # fmt: skip
    users = [names("user") for _ in range(3)]
    vhosts = [names("vhost") for _ in range(2)]
    for vhost in vhosts:
        live_broker.call("PUT", "vhosts", vhost, body={})
    for user in users:
        live_broker.call("PUT", "users", user, body={"password_hash": "", "tags": ""})
    seen_soon(broker, poll_now, inventory_now)
    address = f"/permissions/edit/?broker={broker.pk}"
    opened = browser.post(
        address,
        {"step": "open", "user": users[:2], "shown_vhost": vhosts, "shown_user": users,
         "cell": json.dumps([users[2], vhosts[0]]), "next": "/permissions/matrix/?users=x"},
    )  # fmt: skip
    assert opened.context["cell_count"] == 5
    cells = hidden_of(opened)["cells"][0]
    shown = preview(browser, address, cells=cells, rights="read only", next="/permissions/matrix/")
    assert shown.context["preview"].counts["create"] == 5
    change = confirm(browser, address, shown)
    assert apply(change).state == "done"
    assert seen("permissions", vhosts[1], users[1])["read"] == ".*"
    assert seen("permissions", vhosts[1], users[2]) is None

    seen_soon(broker, poll_now, inventory_now)
    copy = f"/permissions/copy/?broker={broker.pk}"
    shown = preview(browser, copy, source=users[0], target=users[2])
    assert apply(confirm(browser, copy, shown)).state == "done"
    assert seen("permissions", vhosts[1], users[2])["read"] == ".*"

    shown = preview(browser, address, cells=cells, rights="clear")
    assert shown.context["preview"].counts["delete"] == 5
    assert apply(confirm(browser, address, shown)).state == "done"
    assert seen("permissions", vhosts[0], users[0]) is None


def test_a_topic_permission_is_set_and_taken_away(
    browser, broker, names, seen, live_broker, poll_now, inventory_now  # noqa: F811
):  # fmt: skip
    user, vhost = names("user"), names("vhost")
    live_broker.call("PUT", "vhosts", vhost, body={})
    live_broker.call("PUT", "users", user, body={"password_hash": "", "tags": ""})
    seen_soon(broker, poll_now, inventory_now)
    address = f"/topic-permissions/edit/?broker={broker.pk}"
    fields = {"user": user, "vhost": vhost, "exchange": "amq.topic"}
    shown = preview(browser, address, **fields, write=r"^{username}\..*", read="^a")
    assert apply(confirm(browser, address, shown)).state == "done"
    assert seen("topic-permissions", vhost, user)[0]["read"] == "^a"
    clear = f"/topic-permissions/clear/?{urlencode({'broker': broker.pk, **fields})}"
    assert apply(confirm(browser, clear, browser.get(clear))).state == "done"
    assert not seen("topic-permissions", vhost, user)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"user": "", "vhost": "v000"}, "Enter a user."),
        ({"user": "nobody", "vhost": "v000"}, "has no user nobody"),
        ({"user": "u000", "vhost": "nowhere"}, "has no virtual host nowhere"),
        ({"rights": ""}, "Select the permissions."),
        ({"rights": "prefix"}, "Enter a prefix."),
        ({"configure": "("}, "Not a valid regular expression"),
        ({"write": "[a"}, "Not a valid regular expression"),
        ({"read": "x" * 1025}, "1,025 bytes"),
        ({"read": "a\\x00"}, "NUL"),
    ],
)
def test_a_bad_permission_is_told_at_its_field_and_nothing_typed_is_lost(
    fields, said, browser, now
):
    broker = fill(now, 1, 1)
    given = {"user": "u000", "vhost": "v000", "rights": "custom", "configure": "^kept", **fields}
    answer = browser.post(f"/permissions/edit/?broker={broker.pk}", given)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert said in text
    assert 'value="^kept"' in text or "configure" in fields
    assert not Change.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"step": "open"},
        {"step": "open", "cell": "nonsense"},
        {"step": "open", "cell": "[[[[1"},
        {"step": "open", "cell": "[1,2,3]"},
        {"step": "open", "cell": '["a\\u0000", "b"]'},
        {"step": "open", "cell": '["a", "\\ud800"]'},
        {"step": "apply", "rights": "full", "cells": '[[["\\ud800"], ["u000"]]]'},
        {"step": "preview", "cells": "[[[1],[2]]]"},
        {"step": "preview", "cells": "[" * 100_000},
        {"step": "apply", "rights": "full"},
    ],
)
def test_what_no_page_sends_is_refused_in_a_sentence(body, browser, now):
    broker = fill(now, 1, 1)
    assert browser.post(f"/permissions/edit/?broker={broker.pk}", body).status_code == 400


def test_the_editor_of_a_cell_is_a_part_of_the_page(browser, now):
    broker = fill(now, 1, 1)
    part = browser.get(
        f"/permissions/edit/?broker={broker.pk}&user=u000&vhost=v000",
        headers={"HX-Request": "true"},
    )
    assert b"<html" not in part.content
    assert browser.get(f"/permissions/matrix/?broker={broker.pk}&change=x").status_code == 200
    assert part.context["form"]["rights"].value() == "full"


class TestGrants:
    @pytest.fixture
    def cast(self, db):
        return make_cast()

    def test_a_vhost_administrator_sees_and_sets_only_their_own(self, client, cast):
        client.force_login(cast.vera)
        shown = client.get(f"/permissions/matrix/?broker={cast.a.pk}")
        assert {vhost for _, vhost in cells_of(shown)} == {"/team-red", "/team-blue"}
        assert "other" not in {user for user, _ in cells_of(shown)}
        assert client.get(f"/permissions/matrix/?broker={cast.b.pk}").status_code == 404
        address = f"/permissions/edit/?broker={cast.a.pk}"
        preview(client, address, user="red", vhost="/team-red", rights="read only")
        refused = client.post(address, {"user": "red", "vhost": "/", "rights": "full"})
        assert refused.status_code == 403
        hidden = client.get(f"{address}&user=root&vhost=/")
        assert hidden.context["current"] is None

    def test_a_viewer_sees_the_matrix_without_the_acts(self, client, cast):
        client.force_login(cast.bob)
        shown = client.get(f"/permissions/matrix/?broker={cast.a.pk}")
        assert shown.status_code == 200
        assert b"/permissions/edit/" not in shown.content
        for page in ("edit", "copy"):
            assert client.get(f"/permissions/{page}/?broker={cast.a.pk}").status_code == 403
        assert BrokerUser.objects.exists()
