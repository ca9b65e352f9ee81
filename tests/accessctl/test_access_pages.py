from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.test import Client
from django.utils import timezone

from accessctl.grants.roles import Role
from accessctl.models import ApiToken, ConsoleSession, Grant
from accessctl.tokens.service import create_token
from console.models import AuditEntry
from tests.accessctl.cast import PASSWORD

SECRET = re.compile(r"<code>([^<]{20,})</code>")
LINK = re.compile(r"<code>http://127\.0\.0\.1:8000/access/first-password/#([^<]{20,})</code>")
FIRST_PASSWORD = "/access/first-password/"
PASSWORD_SET = "correct horse battery"


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
    assert "You have no roles yet" in client.get("/access/").content.decode()
    answer = client.get("/queues/")
    assert answer.status_code in (200, 403)
    assert "You’re signed in, but have no role yet" in answer.content.decode()


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
    assert grant.words == "Vhost administrator on virtual hosts /x-* on a"
    again = client.post("/access/grants/", sent)
    assert again.status_code == 400
    assert "grant already exists" in again.content.decode()
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
    assert "Vhost administrator on virtual hosts /team-* on a" not in text
    on_a = Grant.objects.get(user__username="vera")
    assert client.post(f"/access/grants/{on_a.pk}/take/").status_code == 404
    on_all = Grant.objects.get(user__username="audrey")
    assert client.post(f"/access/grants/{on_all.pk}/take/").status_code == 403
    assert Grant.objects.filter(pk__in=[on_a.pk, on_all.pk]).count() == 2


def _code(answer) -> str:
    return LINK.search(answer.content.decode())[1]


def _set_password(code: str, password: str = PASSWORD_SET, again: str | None = None):
    sent = {"code": code, "password1": password, "password2": password if again is None else again}
    return Client().post(FIRST_PASSWORD, sent)


def test_an_account_is_made_with_a_link_shown_once_by_which_its_owner_sets_a_password(
    log_in,
) -> None:
    client = log_in("root")
    answer = client.post("/access/people/", {"username": "newcomer"})
    code, person = _code(answer), User.objects.get(username="newcomer")
    assert not person.has_usable_password()
    for page in ("/access/people/", f"/access/people/{person.pk}/"):
        assert code not in client.get(page).content.decode()
    assert Client().get(FIRST_PASSWORD).status_code == 200
    for weak, again in (("short", None), ("newcomer1234", None), ("password1234", None),
                        ("correct horse battery", "correct horse"), ("", None)):  # fmt: skip
        answer = _set_password(code, weak, again)
        assert answer.status_code == 400
        assert f'value="{weak}"' not in answer.content.decode()
    assert not User.objects.get(pk=person.pk).has_usable_password()
    answer = _set_password(code)
    assert answer["Location"] == "/accounts/login/"
    assert "_auth_user_id" not in answer.client.session, "the log-in asks for what it asks for"
    assert "Your password is set" in answer.client.get("/accounts/login/").content.decode()
    assert authenticate(username="newcomer", password="correct horse battery")
    assert _set_password(code, "another password").status_code == 400, "it is good once"
    assert authenticate(username="newcomer", password="correct horse battery")
    audit = str(list(AuditEntry.objects.values_list()))
    assert code not in audit
    assert "correct horse" not in audit
    for bad in ("newcomer", "NEWCOMER", "", "a b", "x" * 151, "<b>"):
        assert client.post("/access/people/", {"username": bad}).status_code == 400


def test_a_link_ends_with_the_next_one_with_its_day_and_with_the_account(
    cast, log_in, settings, monkeypatch
) -> None:
    root = log_in("root")
    address = f"/access/people/{cast.paula.pk}/password/"
    first, second = _code(root.post(address)), _code(root.post(address))
    assert _set_password(first).status_code == 400
    # Without a zone, as Django counts here.
    tomorrow = timezone.now().replace(tzinfo=None) + timedelta(
        seconds=settings.PASSWORD_RESET_TIMEOUT + 5
    )
    with monkeypatch.context() as later:
        later.setattr(PasswordResetTokenGenerator, "_now", lambda self: tomorrow)
        assert _set_password(second).status_code == 400
    User.objects.filter(pk=cast.paula.pk).update(is_active=False)
    assert _set_password(second).status_code == 400
    User.objects.filter(pk=cast.paula.pk).update(is_active=True)
    other = second.partition("-")[2]
    forged = [
        "",
        "-",
        "x",
        f"{cast.root.pk}-{other}",
        f"{'9' * 30}-{other}",
        "\x00",
        "٣-x-y",
        second[:-1],
    ]
    for code in forged:
        assert _set_password(code).status_code == 400
    assert "_auth_user_id" not in Client().session
    assert _set_password(second).status_code == 302


def test_a_link_for_a_new_password_and_disabling_end_sessions(cast, log_in) -> None:
    root, alice = log_in("root"), log_in("alice")
    address = f"/access/people/{cast.alice.pk}/"
    code = _code(root.post(f"{address}password/"))
    assert alice.get("/access/").status_code == 302
    assert not alice.login(username="alice", password=PASSWORD), "the old one is void at once"
    assert _set_password(code).status_code == 302
    assert alice.login(username="alice", password="correct horse battery")
    root.post(f"{address}switch/")
    assert not cast.alice.is_active
    assert alice.get("/access/").status_code == 302
    assert not ConsoleSession.objects.filter(user=cast.alice).exists()
    root.post(f"{address}switch/")
    assert cast.alice.is_active
    mine = root.post(f"/access/people/{cast.root.pk}/switch/")
    assert mine.status_code == 403
    assert cast.root.is_active


@pytest.mark.parametrize(("sent", "left"), [({}, 0), ({"keep_tokens": "on"}, 1)])
def test_a_password_reset_revokes_tokens_unless_they_are_kept(cast, log_in, sent, left) -> None:
    for person in (cast.alice, cast.bob):
        create_token(
            user=person,
            name="ci",
            expires_in=timedelta(days=1),
            now=timezone.now(),
            acting_user=None,
        )
    root, address = log_in("root"), f"/access/people/{cast.alice.pk}/"
    assert "its API tokens are revoked" in root.get(address).content.decode()
    # The link is CONSOLE_URL's, whatever host the administrator came by.
    _code(root.post(f"{address}password/", sent, headers={"host": "localhost:1"}))
    assert ApiToken.objects.of(cast.alice).count() == left
    assert ApiToken.objects.of(cast.bob).count() == 1


def test_a_password_set_in_the_administration_revokes_tokens_and_ends_sessions(
    cast, log_in
) -> None:
    create_token(
        user=cast.alice,
        name="ci",
        expires_in=timedelta(days=1),
        now=timezone.now(),
        acting_user=None,
    )
    root, alice = log_in("root"), log_in("alice")
    address = f"/admin/auth/user/{cast.alice.pk}/password/"
    assert "revokes its API tokens" in root.get(address).content.decode()
    sent = {"password1": PASSWORD_SET + " 2", "password2": "other", "usable_password": "true"}
    root.post(address, sent)
    assert ApiToken.objects.of(cast.alice).exists(), "nothing was changed"
    assert root.post(address, {**sent, "password2": sent["password1"]}).status_code == 302
    assert not ApiToken.objects.of(cast.alice).exists()
    assert not ConsoleSession.objects.filter(user=cast.alice).exists()
    assert alice.get("/access/").status_code == 302


def test_an_account_without_a_password_is_told_so_where_passwords_are_changed(cast, log_in) -> None:
    User.objects.filter(pk=cast.bob.pk).update(password=make_password(None))
    client = log_in("bob")
    for method in (client.get, client.post):
        answer = method("/accounts/password/")
        assert answer.status_code == 200
        assert "has no password in Warren" in answer.content.decode()
    for page in ("/accounts/confirm/", "/accounts/2fa/", "/accounts/2fa/totp/activate/"):
        assert client.get(page).status_code in (200, 302, 403)
    client = log_in("alice")
    assert b"Change password" in client.get("/accounts/password/").content


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
    assert "a valid network" in wrong.content.decode()


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
    assert "Granted to vera: Vhost administrator on virtual hosts /team-* on a." in page
    page = log_in("bob").get("/access/", asked).content.decode()
    assert "None of the account&#x27;s grants includes vhosts:edit." in page, (
        "asks about oneself only"
    )
    assert log_in("bob").get("/access/", {**asked, "broker": cast.b.pk}).status_code == 400
