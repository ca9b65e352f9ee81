"""What is on a broker and was never asked for here: listed by kind, adopted many at once."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import Change
from tests.acting import hidden_of
from tests.factories import HOSTILE, add_user, add_vhost, permit

pytestmark = pytest.mark.django_db
PAGE = "/drift/unmanaged/"


@pytest.fixture
def found(engine, names, live_broker, poll_now, inventory_now):
    """Three vhosts on the broker, of which the console made the first; seen by an inventory."""
    mine, first = names("vhost"), names("vhost")
    second = f"{first} too"
    engine.do(("vhost", [mine], {"description": "mine"}))
    for name in (first, second):
        live_broker.call("PUT", "vhosts", name, body={"description": "theirs"})
    poll_now(engine.broker)
    inventory_now(engine.broker)
    yield mine, first, second
    live_broker.call("DELETE", "vhosts", second)


def listed(response):
    return {parts[-1][1] for _, parts in response.context["object_rows"]}


def test_only_what_nobody_asked_for_is_listed(found, admin_client, engine):
    mine, first, second = found
    shown = listed(admin_client.get(f"{PAGE}?broker={engine.broker.pk}&page_size=500"))
    assert {first, second} <= shown
    assert mine not in shown
    assert listed(admin_client.get(PAGE, {"search": first})) == {first, second}


def test_all_that_match_are_adopted_as_one_change_and_nothing_is_written(
    found, admin_client, engine, seen
):
    _, first, second = found
    address = f"{reverse('unmanaged_adopt')}?broker={engine.broker.pk}&search={quote(first)}"
    before = Change.objects.count()
    shown = admin_client.post(address, {"kind": "vhost", "all": "yes"})
    assert b">Plan<" in shown.content
    assert Change.objects.count() == before
    done = admin_client.post(reverse("unmanaged_adopt"), {**hidden_of(shown), "step": "apply"})
    assert done.status_code == 302
    engine.apply()
    assert Change.objects.latest("created_at").state == "done"
    for name in (first, second):
        assert engine.target("vhost", name).sync == "in_sync"
        assert engine.target("vhost", name).spec["description"] == "theirs"
        assert seen("vhosts", name)["description"] == "theirs"
    assert listed(admin_client.get(PAGE, {"search": first})) == set()


def test_permissions_and_users_are_adopted_by_their_ticked_rows(engine, now, admin_client):
    broker = engine.broker
    add_vhost(broker, "/a", now)
    hostile = HOSTILE[0]
    add_user(broker, hostile, now)
    row = permit(broker, hostile, "/a", now)
    page = admin_client.get(PAGE, {"kind": "permission"})
    assert [one.pk for one, _ in page.context["object_rows"]] == [row.pk]
    assert hostile not in page.content.decode()
    post = {"kind": "permission", "ids": [row.pk]}
    shown = admin_client.post(reverse("unmanaged_adopt"), post)
    assert shown.status_code == 200
    admin_client.post(reverse("unmanaged_adopt"), {**hidden_of(shown), "step": "apply"})
    assert engine.target("permission", "/a", hostile).spec["configure"] == row.configure


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "vhost"}, "Select at least one object"),
        ({"kind": "vhost", "ids": ["x", "99999999999999999999"]}, "Select at least one object"),
        ({"kind": "node", "ids": ["1"]}, "kind must be one of"),
        ({}, "kind must be one of"),
    ],
)
def test_what_cannot_be_adopted_is_said(admin_client, fields, said):
    response = admin_client.post(reverse("unmanaged_adopt"), fields)
    assert response.status_code == 400
    assert said in response.content.decode()


def test_a_viewer_sees_their_part_and_adopts_nothing(engine, now, client, django_user_model):
    for name in ("/mine", "/other"):
        add_vhost(engine.broker, name, now)
    vera = django_user_model.objects.create_user("vera")
    Grant.objects.create(
        user=vera, role=Role.VIEWER, broker=engine.broker, vhost_pattern="/mine", created_at=now
    )
    client.force_login(vera)
    page = client.get(PAGE)
    assert listed(page) == {"/mine"}
    assert b"Adopt selected" not in page.content
    row = page.context["object_rows"][0][0]
    answer = client.post(reverse("unmanaged_adopt"), {"kind": "vhost", "ids": [row.pk]})
    assert answer.status_code == 403
