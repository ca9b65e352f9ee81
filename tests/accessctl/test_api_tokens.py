from __future__ import annotations

import hashlib
import io
import json
import os
import stat
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accessctl.models import ApiToken
from accessctl.tokens.service import MAX_TOKENS_PER_USER, create_token
from console.errors import InvalidField, NotAllowed
from console.models import AuditEntry, Broker
from console.secrets import decrypt

pytestmark = pytest.mark.django_db

TOKENS, WHOAMI = "/api/v1/tokens/", "/api/v1/whoami/"


def bearer(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.fixture
def person(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("plain")


@pytest.fixture
def session(person: Any) -> Any:
    client = APIClient()
    client.force_login(person)
    return client


def test_a_token_is_shown_once_and_then_lets_in(session: Any) -> None:
    made = session.post(TOKENS, {"name": "deploy", "expires_in_days": 7})
    assert made.status_code == 201
    token = made.json()["token"]
    assert token.startswith("wrn_")
    assert len(token) == 68

    shown = (
        session.get(TOKENS).content.decode()
        + session.get(f"{TOKENS}{made.json()['id']}/").content.decode()
    )
    assert token not in shown
    assert "digest" not in shown

    who = bearer(token).get(WHOAMI).json()
    assert (who["username"], who["authenticated_by"], who["token"]["name"]) == (
        "plain",
        "token",
        "deploy",
    )
    assert "brokers:view" not in who["permissions"]


def test_only_a_digest_is_stored(session: Any) -> None:
    token = session.post(TOKENS, {"name": "deploy"}).json()["token"]
    row = ApiToken.objects.get()
    assert row.digest == hashlib.sha512(token.encode()).hexdigest()
    assert row.token_key == token[:12]
    stored = json.dumps([str(value) for value in ApiToken.objects.values_list().get()])
    assert token not in stored
    audited = str(list(AuditEntry.objects.values_list()))
    assert token not in audited
    assert row.digest not in audited


def test_a_token_of_an_earlier_release_still_lets_in(person: Any) -> None:
    """A row as releases on another library of tokens stored it, written down with its digest."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accessctl_apitoken
                (user_id, digest, token_key, name, created, expiry, scopes, networks)
            VALUES (%s, %s, %s, 'ci', now(), now() + interval '1 day', NULL, '{}')
            """,
            [
                person.pk,
                "17dad1ede304cff4f688b5c74878a6afb7f4c2761d9c6d841f11157aceec3ae1"
                "07efc40515b87cf28db69c23548f6e8b3103bd3185f03f5278e3623013cec677",
                "wrn_55555555",
            ],
        )
    who = bearer("wrn_" + "5" * 64).get(WHOAMI)
    assert who.status_code == 200
    assert (who.json()["username"], who.json()["token"]["name"]) == ("plain", "ci")
    assert bearer("wrn_" + "5" * 63 + "4").get(WHOAMI).status_code == 401


def test_a_revoked_token_is_refused_at_once(session: Any) -> None:
    made = session.post(TOKENS, {"name": "deploy"}).json()
    client = bearer(made["token"])
    assert client.get(WHOAMI).status_code == 200
    assert session.delete(f"{TOKENS}{made['id']}/").status_code == 204
    answer = client.get(WHOAMI)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert session.delete(f"{TOKENS}{made['id']}/").status_code == 404


def test_an_expired_token_is_refused(session: Any) -> None:
    token = session.post(TOKENS, {"name": "deploy"}).json()["token"]
    ApiToken.objects.update(expiry=timezone.now())
    assert bearer(token).get(WHOAMI).status_code == 401
    assert ApiToken.objects.count() == 1, "refusing must not write"


def test_a_token_of_somebody_inactive_is_refused(session: Any, person: Any) -> None:
    token = session.post(TOKENS, {"name": "deploy"}).json()["token"]
    person.is_active = False
    person.save()
    assert bearer(token).get(WHOAMI).status_code == 401
    assert session.get(WHOAMI).status_code == 401


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer a b", "Bearer x", "Bearer wrn_" + "0" * 64, "Bearer wrn_", "Basic x",
     "Token wrn_" + "0" * 64, "Bearer \xff\xfe", "Bearer " + "x" * 10_000, "Bearer wrn_\u0660"],
)  # fmt: skip
def test_a_bad_header_is_refused_even_with_a_session(session: Any, header: str) -> None:
    answer = session.get(WHOAMI, HTTP_AUTHORIZATION=header.encode("utf-8").decode("latin-1"))
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "authentication_failed"


def test_a_token_in_the_address_lets_nobody_in(session: Any, client: Client) -> None:
    token = session.post(TOKENS, {"name": "deploy"}).json()["token"]
    assert client.get(f"{WHOAMI}?token={token}").status_code == 401
    assert client.get(WHOAMI, headers={"cookie": f"token={token}"}).status_code == 401


def test_use_is_noted_once_a_minute(session: Any) -> None:
    token = session.post(TOKENS, {"name": "deploy"}).json()["token"]
    client = bearer(token)
    client.get(WHOAMI)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    with CaptureQueriesContext(connection) as queries:
        client.get(WHOAMI)
    written = [query["sql"] for query in queries if not query["sql"].startswith("SELECT")]
    assert not [sql for sql in written if "console_request_count" not in sql]
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(seconds=61))
    client.get(WHOAMI)
    assert ApiToken.objects.get().last_used_at > first


def test_people_see_and_revoke_only_their_own(session: Any, django_user_model: Any) -> None:
    mine = session.post(TOKENS, {"name": "mine"}).json()
    other = APIClient()
    other.force_login(django_user_model.objects.create_user("other"))
    assert other.get(TOKENS).json()["count"] == 0
    assert other.get(f"{TOKENS}{mine['id']}/").status_code == 404
    assert other.delete(f"{TOKENS}{mine['id']}/").status_code == 404


def test_superusers_see_and_revoke_those_of_everybody(session: Any, superuser: Any) -> None:
    made = session.post(TOKENS, {"name": "mine"}).json()
    admin = APIClient()
    admin.force_login(superuser)
    seen = admin.get(TOKENS, {"owner": "plain"})
    assert [(row["owner"], row["name"]) for row in seen.json()["results"]] == [("plain", "mine")]
    assert made["token"] not in seen.content.decode()
    assert admin.get(TOKENS, {"owner": "root"}).json()["count"] == 0
    assert admin.delete(f"{TOKENS}{made['id']}/").status_code == 204
    assert bearer(made["token"]).get(WHOAMI).status_code == 401


def test_a_token_made_with_a_token_does_not_outlive_it(session: Any) -> None:
    token = session.post(TOKENS, {"name": "a", "expires_in_days": 5}).json()["token"]
    answer = bearer(token).post(TOKENS, {"name": "b", "expires_in_days": 6}, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "expires_in_days"
    assert bearer(token).post(TOKENS, {"name": "b", "expires_in_days": 4}).status_code == 201


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({}, "name"), ({"name": ""}, "name"), ({"name": " "}, "name"), ({"name": "a\nb"}, "name"),
        ({"name": "x" * 101}, "name"), ({"name": 5}, "name"),
        ({"name": "a", "expires_in_days": 0}, "expires_in_days"),
        ({"name": "a", "expires_in_days": 367}, "expires_in_days"),
        ({"name": "a", "expires_in_days": None}, "expires_in_days"),
        ({"name": "a", "expires_in_days": "7"}, "expires_in_days"),
        ({"name": "a", "user": 1}, "user"), ({"name": "a", "digest": "x"}, "digest"),
        ({"name": "a", "token": "x"}, "token"),
    ],
)  # fmt: skip
def test_a_bad_request_for_a_token_names_the_field(
    session: Any, sent: dict[str, Any], named: str
) -> None:
    answer = session.post(TOKENS, sent)
    assert answer.status_code == 400
    assert [fault["attr"] for fault in answer.json()["errors"]] == [named]
    assert not ApiToken.objects.exists()


def test_unsafe_requests_of_a_session_need_the_csrf_token(person: Any) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(person)
    assert client.post(TOKENS, {"name": "a"}).status_code == 403
    assert not ApiToken.objects.exists()


def test_nobody_hoards_tokens(person: Any) -> None:
    now = timezone.now()
    ApiToken.objects.bulk_create(
        ApiToken(user=person, name="x", digest=f"{number}", token_key="wrn_")
        for number in range(MAX_TOKENS_PER_USER)
    )
    with pytest.raises(NotAllowed):
        create_token(
            user=person, name="a", expires_in=timedelta(days=1), now=now, acting_user=person
        )


@pytest.mark.parametrize("days", [0, -1, 367])
def test_no_token_lives_for_ever(person: Any, days: int) -> None:
    with pytest.raises(InvalidField):
        create_token(
            user=person,
            name="a",
            expires_in=timedelta(days=days),
            now=timezone.now(),
            acting_user=person,
        )


class TestCommands:
    """What bin/up calls at each start."""

    password = "zebra crossing 77"

    def run(self, *arguments: str, stdin: str = "", monkeypatch: Any = None) -> str:
        out = io.StringIO()
        if monkeypatch:
            monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        call_command(*arguments, stdout=out, stderr=out)
        return out.getvalue()

    @pytest.fixture(autouse=True)
    def _environment(self, monkeypatch: Any) -> None:
        monkeypatch.setenv("CONSOLE_ADMIN_USER", "admin")
        monkeypatch.setenv("CONSOLE_ADMIN_PASSWORD", self.password)

    def test_an_administrator_is_made_once(self, monkeypatch: Any, django_user_model: Any) -> None:
        assert "created" in self.run("ensure_admin")
        assert "already up to date" in self.run("ensure_admin")
        user = django_user_model.objects.get()
        assert user.is_superuser
        assert user.check_password(self.password)
        monkeypatch.setenv("CONSOLE_ADMIN_PASSWORD", "another long one")
        said = self.run("ensure_admin")
        assert "updated" in said
        assert "another" not in said
        assert django_user_model.objects.get().check_password("another long one")

    def test_a_new_password_revokes_tokens_unless_they_are_kept(
        self, monkeypatch: Any, django_user_model: Any
    ) -> None:
        self.run("ensure_admin")
        create_token(
            user=django_user_model.objects.get(), name="ci", expires_in=timedelta(days=1),
            now=timezone.now(), acting_user=None,
        )  # fmt: skip
        assert "already up to date" in self.run("ensure_admin")
        monkeypatch.setenv("CONSOLE_ADMIN_PASSWORD", "another long one")
        self.run("ensure_admin", "--keep-tokens")
        assert ApiToken.objects.count() == 1
        monkeypatch.setenv("CONSOLE_ADMIN_PASSWORD", "yet another long one")
        self.run("ensure_admin")
        assert not ApiToken.objects.exists()

    def test_a_poor_password_is_refused(self, monkeypatch: Any) -> None:
        monkeypatch.setenv("CONSOLE_ADMIN_PASSWORD", "admin")
        with pytest.raises(CommandError, match="too short"):
            self.run("ensure_admin")

    def test_a_chosen_token_is_put_in_place_once(self, monkeypatch: Any) -> None:
        self.run("ensure_admin")
        token = "wrn_" + "5" * 64
        for _ in range(2):
            said = self.run(
                "ensure_token", "--user=admin", "--name=bin-up", "--stdin",
                stdin=token + "\n", monkeypatch=monkeypatch,
            )  # fmt: skip
            assert token not in said
        assert ApiToken.objects.count() == 1
        assert bearer(token).get(WHOAMI).status_code == 200
        other = "wrn_" + "6" * 64
        self.run(
            "ensure_token", "--user=admin", "--name=bin-up", "--stdin",
            stdin=other, monkeypatch=monkeypatch,
        )  # fmt: skip
        assert bearer(token).get(WHOAMI).status_code == 401
        assert bearer(other).get(WHOAMI).status_code == 200

    def test_a_new_token_is_written_for_its_owner_only(self, tmp_path: Any) -> None:
        self.run("ensure_admin")
        file = tmp_path / "token"
        self.run("ensure_token", "--user=admin", "--name=x", f"--output={file}")
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
        assert bearer(file.read_text().strip()).get(WHOAMI).status_code == 200

    @pytest.mark.parametrize("value", ["", "short", "wrn_" + "g" * 64])
    def test_a_bad_token_is_refused_by_a_sentence(self, monkeypatch: Any, value: str) -> None:
        self.run("ensure_admin")
        with pytest.raises(CommandError):
            self.run(
                "ensure_token", "--user=admin", "--name=x", "--stdin",
                stdin=value, monkeypatch=monkeypatch,
            )  # fmt: skip

    def test_a_broker_is_known_afterwards(self, monkeypatch: Any) -> None:
        given = {
            "management_url": "http://10.0.0.1:15672/", "username": "u", "password": "secret one",
            "environment": "development",
        }  # fmt: skip

        def ensure(**changed: Any) -> str:
            text = json.dumps({**given, **changed})
            said = self.run("ensure_broker", "--name=local", stdin=text, monkeypatch=monkeypatch)
            assert "secret" not in said
            return said

        assert "added" in ensure()
        assert "already up to date" in ensure()
        assert "changed" in ensure(management_url="http://10.0.0.2:15672")
        assert decrypt(Broker.objects.get().password_encrypted).reveal() == "secret one"
        assert "changed" in ensure(management_url="http://10.0.0.2:15672", password="secret two")
        assert decrypt(Broker.objects.get().password_encrypted).reveal() == "secret two"
        del given["password"]
        assert "changed" in ensure(management_url="http://10.0.0.2:15672/other-tenant")
        assert not Broker.objects.get().has_password

    @pytest.mark.parametrize(
        "text",
        ["", "5", "{", '{"nope":1}', '{"name":"x"}', '{"enabled":"yes"}', '{"username":"u"}',
         '{"management_url":"ftp://x","username":"u","password":"p"}'],
    )  # fmt: skip
    def test_bad_settings_are_refused_by_a_sentence(self, monkeypatch: Any, text: str) -> None:
        with pytest.raises(CommandError):
            self.run("ensure_broker", "--name=local", stdin=text, monkeypatch=monkeypatch)
        assert not Broker.objects.exists()
