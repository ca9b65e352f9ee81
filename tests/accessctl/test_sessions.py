from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings as console_settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accessctl.models import ConsoleSession
from console.models import AuditEntry
from tests.accessctl.cast import PASSWORD

SESSIONS, WHOAMI = "/api/v1/sessions/", "/api/v1/whoami/"
COOKIE = console_settings.SESSION_COOKIE_NAME


def _log_in(name: str, **headers: str) -> APIClient:
    client = APIClient(**headers)
    answer = client.post(
        "/accounts/login/", {"login": name, "password": PASSWORD}, format="multipart"
    )
    assert answer.status_code == 302, answer.content
    return client


def _move(client: Client, **facts: timedelta) -> None:
    """Puts the session's times back."""
    store = client.session
    known = dict(store["console"])
    for name, by in facts.items():
        known[name] -= int(by.total_seconds())
    store["console"] = known
    store.save()


def test_a_session_says_whose_it_is_from_where_and_since_when(cast) -> None:
    client = _log_in("alice", HTTP_USER_AGENT="Browser/1", REMOTE_ADDR="192.0.2.7")
    (row,) = client.get(SESSIONS).json()["results"]
    assert (row["user"], row["address"], row["user_agent"]) == ("alice", "192.0.2.7", "Browser/1")
    assert row["current"] is True
    assert row["begun_at"] <= row["seen_at"]
    assert AuditEntry.objects.get(action="sessions:begin").username == "alice"


def test_what_is_stored_lets_nobody_in(cast) -> None:
    client = _log_in("alice")
    key = client.cookies[COOKIE].value
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_key::text FROM accessctl_consolesession")
        stored = [row[0] for row in cursor.fetchall()]
    assert key not in stored
    assert not Session.objects.exists()
    thief = APIClient()
    thief.cookies[COOKIE] = stored[0]
    assert thief.get(WHOAMI).status_code == 401


def test_logging_in_changes_the_key_and_logging_out_kills_it(cast) -> None:
    client = APIClient()
    client.get("/accounts/login/")
    session = client.session
    session["planted"] = 1
    session.save()
    client.cookies[COOKIE] = planted = session.session_key
    client.post("/accounts/login/", {"login": "alice", "password": PASSWORD}, format="multipart")
    key = client.cookies[COOKIE].value
    assert key != planted
    client.post("/accounts/logout/")
    for old in (planted, key):
        ghost = APIClient()
        ghost.cookies[COOKIE] = old
        assert ghost.get(WHOAMI).status_code == 401


def test_people_end_their_own_sessions_and_superusers_those_of_all(cast) -> None:
    here, there, bob, root = map(_log_in, ("alice", "alice", "bob", "root"))
    mine = here.get(SESSIONS).json()["results"]
    assert len(mine) == 2
    other = next(row["id"] for row in mine if not row["current"])
    assert bob.delete(f"{SESSIONS}{other}/").status_code == 404
    assert there.get(WHOAMI).status_code == 200
    assert here.delete(f"{SESSIONS}{other}/").status_code == 204
    assert there.get(WHOAMI).status_code == 401
    assert here.get(WHOAMI).status_code == 200
    everybody = root.get(SESSIONS).json()["results"]
    assert {row["user"] for row in everybody} == {"alice", "bob", "root"}
    for row in everybody:
        if row["user"] == "bob":
            assert root.delete(f"{SESSIONS}{row['id']}/").status_code == 204
    assert bob.get(WHOAMI).status_code == 401
    assert AuditEntry.objects.filter(action="sessions:end").count() == 2


def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(cast) -> None:
    here, there = _log_in("alice"), _log_in("alice")
    new = "tomorrow's horse battery"
    sent = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    answer = here.post("/accounts/password/", sent, format="multipart")
    assert answer.status_code == 302
    assert there.get(WHOAMI).status_code == 401
    (row,) = here.get(SESSIONS).json()["results"]
    assert row["current"] is True


def test_an_idle_session_ends_and_so_does_one_that_lasted_too_long(cast, settings) -> None:
    settings.SESSION_IDLE, settings.SESSION_LASTS = timedelta(minutes=30), timedelta(hours=12)
    for facts, alive in (
        ({"seen": timedelta(minutes=29)}, True),
        ({"seen": timedelta(minutes=31)}, False),
        ({"begun": timedelta(hours=11)}, True),
        ({"begun": timedelta(hours=13)}, False),
    ):
        client = _log_in("alice")
        _move(client, **facts)
        assert (client.get(WHOAMI).status_code == 200) is alive
        page = client.get("/")
        assert (page.status_code == 302 and "login" in page["Location"]) is not alive


def test_use_is_noted_at_most_once_a_minute(cast) -> None:
    client = _log_in("alice")
    with CaptureQueriesContext(connection) as queries:
        client.get(WHOAMI)
    written = [q["sql"] for q in queries if not q["sql"].startswith("SELECT")]
    # The request itself is counted.
    assert not [sql for sql in written if "console_request_count" not in sql]
    before = ConsoleSession.objects.get().seen_at
    _move(client, seen=timedelta(minutes=2))
    client.get(WHOAMI)
    assert ConsoleSession.objects.get().seen_at >= before


def test_a_session_of_an_account_that_is_switched_off_is_over(cast) -> None:
    client = _log_in("alice")
    person = cast.alice
    person.is_active = False
    person.save()
    assert client.get(WHOAMI).status_code == 401


def test_expired_rows_are_swept_by_djangos_own_command(cast) -> None:
    _log_in("alice")
    ConsoleSession.objects.update(expire_date=timezone.now() - timedelta(days=1))
    call_command("clearsessions")
    assert not ConsoleSession.objects.exists()


@pytest.mark.parametrize("ref", ["x" * 36, "0", "00000000-0000-0000-0000-00000000000g"])
def test_what_is_no_session_is_not_found(cast, ref) -> None:
    assert _log_in("alice").delete(f"{SESSIONS}{ref}/").status_code == 404
