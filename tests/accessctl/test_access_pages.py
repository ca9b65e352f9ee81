from __future__ import annotations

import re

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.test import Client

from accessctl.models import ApiToken, ConsoleSession, Grant
from accessctl.roles import Role
from console.models import AuditEntry

SECRET = re.compile(r"<code>([^<]{20,})</code>")


@pytest.fixture
def log_in(cast):
    def as_(name: str) -> Client:
        client = Client()
        client.force_login(getattr(cast, name))
        return client

    return as_


@pytest.mark.parametrize(
    ("name", "sees"),
    [
        ("root", {"grants", "people", "tokens", "sessions"}),
        ("audrey", {"grants", "people", "tokens", "sessions"}),
        ("charlie", {"grants", "people", "tokens", "sessions"}),
        ("alice", {"tokens", "sessions"}),
        ("vera", {"tokens", "sessions"}),
        ("paula", {"tokens", "sessions"}),
    ],
)
def test_each_sees_the_pages_of_their_role(log_in, name, sees) -> None:
    client = log_in(name)
    front = client.get("/access/").content.decode()
    for page in ("grants", "people", "tokens", "sessions"):
        assert (client.get(f"/access/{page}/").status_code == 200) is (page in sees)
        assert (f'href="/access/{page}/"' in front) is (page in sees)


def test_who_has_no_grant_is_told_so_and_where_to_turn(log_in) -> None:
    client = log_in("paula")
    assert "Nothing has been granted to you yet" in client.get("/access/").content.decode()
    answer = client.get("/queues/")
    assert answer.status_code in (200, 403)
    assert "Nothing has been granted to you yet" in answer.content.decode()


def test_a_grant_is_given_and_taken_by_form(cast, log_in) -> None:
    client = log_in("root")
    sent = {
        "to": f"user-{cast.paula.pk}",
        "role": Role.VHOST_ADMINISTRATOR,
        "place": f"broker-{cast.a.pk}",
        "vhost_pattern": "/x-*",
    }
    assert client.post("/access/grants/", sent).status_code == 302
    grant = Grant.objects.get(user=cast.paula)
    assert grant.words == "Vhost administrator on virtual hosts /x-* of a"
    again = client.post("/access/grants/", sent)
    assert again.status_code == 400
    assert "granted already" in again.content.decode()
    assert "/x-*" in again.content.decode(), "what was typed is lost"
    assert client.post(f"/access/grants/{grant.pk}/take/").status_code == 302
    assert not Grant.objects.filter(user=cast.paula).exists()
    assert client.post(f"/access/grants/{grant.pk}/take/").status_code == 404


def test_a_broker_administrator_sees_and_takes_only_grants_that_reach_the_own_broker(
    cast, log_in
) -> None:
    client = log_in("charlie")
    text = client.get("/access/grants/").content.decode()
    assert "charlie" in text
    assert "audrey" in text, "a grant on all brokers reaches b"
    assert "Vhost administrator on virtual hosts /team-* of a" not in text
    on_a = Grant.objects.get(user__username="vera")
    assert client.post(f"/access/grants/{on_a.pk}/take/").status_code == 404
    on_all = Grant.objects.get(user__username="audrey")
    assert client.post(f"/access/grants/{on_all.pk}/take/").status_code == 403
    assert Grant.objects.filter(pk__in=[on_a.pk, on_all.pk]).count() == 2


def test_an_account_is_made_with_a_password_shown_once(log_in) -> None:
    client = log_in("root")
    answer = client.post("/access/people/", {"username": "newcomer"})
    password = SECRET.search(answer.content.decode())[1]
    assert authenticate(username="newcomer", password=password)
    for page in ("/access/people/", f"/access/people/{User.objects.get(username='newcomer').pk}/"):
        assert password not in client.get(page).content.decode()
    assert password not in str(list(AuditEntry.objects.values_list()))
    for bad in ("newcomer", "NEWCOMER", "", "a b", "x" * 151, "<b>"):
        assert client.post("/access/people/", {"username": bad}).status_code == 400


def test_a_new_password_and_disabling_end_sessions(cast, log_in) -> None:
    root, alice = log_in("root"), log_in("alice")
    address = f"/access/people/{cast.alice.pk}/"
    answer = root.post(f"{address}password/")
    password = SECRET.search(answer.content.decode())[1]
    assert alice.get("/access/").status_code == 302
    assert alice.login(username="alice", password=password)
    root.post(f"{address}switch/")
    assert not cast.alice.is_active
    assert alice.get("/access/").status_code == 302
    assert not ConsoleSession.objects.filter(user=cast.alice).exists()
    root.post(f"{address}switch/")
    assert cast.alice.is_active
    mine = root.post(f"/access/people/{cast.root.pk}/switch/")
    assert mine.status_code == 403
    assert cast.root.is_active


def test_groups_are_made_filled_and_deleted_with_their_grants(cast, log_in) -> None:
    root = log_in("root")
    root.post("/access/groups/", {"name": "ops"})
    group = Group.objects.get(name="ops")
    root.post(f"/access/people/{cast.paula.pk}/groups/", {"groups": [group.pk]})
    assert list(cast.paula.groups.all()) == [group]
    sent = {"to": f"group-{group.pk}", "role": Role.VIEWER, "place": "all", "vhost_pattern": ""}
    root.post("/access/grants/", sent)
    assert log_in("paula").get("/queues/").status_code == 200
    root.post(f"/access/groups/{group.pk}/delete/")
    assert not Grant.objects.filter(role=Role.VIEWER, broker=None).exists()
    assert log_in("paula").get("/queues/").status_code == 403
    actions = AuditEntry.objects.values_list("action", flat=True)
    assert {"groups:create", "people:groups", "grants:give", "groups:delete"} <= set(actions)


@pytest.mark.parametrize("name", ["audrey", "charlie", "alice", "paula"])
def test_only_superusers_change_people(cast, log_in, name) -> None:
    client = log_in(name)
    group = Group.objects.create(name="ops")
    address = f"/access/people/{cast.bob.pk}/"
    for path, sent in (
        ("/access/people/", {"username": "mallory"}),
        ("/access/groups/", {"name": "x"}),
        (f"/access/groups/{group.pk}/delete/", {}),
        (f"{address}groups/", {"groups": [group.pk]}),
        (f"{address}switch/", {}),
        (f"{address}password/", {}),
    ):
        assert client.post(path, sent).status_code == 403
    assert cast.bob.check_password("correct horse battery")
    assert cast.bob.is_active
    assert not User.objects.filter(username="mallory").exists()
    assert list(Group.objects.all()) == [group]


def test_a_token_is_made_by_form_and_shown_once(cast, log_in) -> None:
    client = log_in("alice")
    sent = {
        "name": "<b>ci</b>",
        "expires_in_days": 7,
        "scopes": ["queues:view"],
        "networks": "10.0.0.0/8, 192.0.2.7",
    }
    answer = client.post("/access/tokens/", sent)
    token = SECRET.search(answer.content.decode())[1]
    assert token.startswith("wrn_")
    row = ApiToken.objects.get()
    assert (row.scopes, row.networks) == (["queues:view"], ["10.0.0.0/8", "192.0.2.7/32"])
    page = client.get("/access/tokens/").content.decode()
    assert token not in page
    assert "<b>ci</b>" not in page
    assert log_in("bob").post(f"/access/tokens/{row.pk}/revoke/").status_code == 404
    assert log_in("root").get("/access/tokens/").content.decode().count("Revoke") > 0
    assert client.post(f"/access/tokens/{row.pk}/revoke/").status_code == 302
    assert not ApiToken.objects.exists()
    wrong = client.post("/access/tokens/", {**sent, "networks": "nowhere"})
    assert wrong.status_code == 400
    assert "is no network" in wrong.content.decode()


def test_sessions_are_ended_by_page(cast, log_in) -> None:
    here, there = log_in("alice"), log_in("alice")
    refs = set(ConsoleSession.objects.filter(user=cast.alice).values_list("ref", flat=True))
    assert log_in("bob").post(f"/access/sessions/{min(refs)}/end/").status_code == 404
    mine = here.session["console"]["ref"]
    other = next(ref for ref in refs if ref.hex != mine)
    assert here.post(f"/access/sessions/{other}/end/").status_code == 302
    assert there.get("/access/").status_code == 302
    assert here.get("/access/").status_code == 200


def test_the_page_answers_why(cast, log_in) -> None:
    asked = {"person": "vera", "permission": "vhosts:edit", "broker": cast.a.pk, "vhost": "/team-x"}
    page = log_in("root").get("/access/", asked).content.decode()
    assert "Granted to vera: Vhost administrator on virtual hosts /team-* of a." in page
    page = log_in("bob").get("/access/", asked).content.decode()
    assert "No grant of this account includes vhosts:edit." in page, "asks about oneself only"
    assert log_in("bob").get("/access/", {**asked, "broker": cast.b.pk}).status_code == 400
