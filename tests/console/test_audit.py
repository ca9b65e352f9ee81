from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import InternalError, ProgrammingError, connection, transaction
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.audit import record
from console.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def log_in(client, now):
    def as_person(*grants):
        user = get_user_model().objects.create_user("audrey")
        for role, columns in grants:
            Grant.objects.create(user=user, role=role, created_at=now, **columns)
        client.force_login(user)
        return client

    return as_person


def test_an_act_is_told_with_who_where_and_with_what(api, planner, admin_client):
    body = {"broker": planner.broker.pk, "name": "planned", "reason": "because of 4730"}
    api.post(
        "/api/v1/vhosts/", body, headers={"User-Agent": "curl/8\x07 <b>"}, REMOTE_ADDR="10.1.2.3"
    )
    entry = AuditEntry.objects.get(action="vhost:create")
    assert (entry.username, entry.address, entry.reason) == ("root", "10.1.2.3", "because of 4730")
    assert entry.user_agent == "curl/8? <b>"
    assert entry.request_id
    listed = admin_client.get(reverse("audit"), {"action": "vhost:", "user": "root", "period": "1"})
    assert b"because of 4730" in listed.content
    page = admin_client.get(reverse("audit_entry", args=[entry.pk])).content.decode()
    assert "10.1.2.3" in page
    assert "&lt;b&gt;" in page
    assert reverse("change", args=[entry.change_id_then]) in page


def test_pages_name_operations_in_words_and_times_with_their_zone(superuser, admin_client):
    for action in ("user:update", "grants:take"):
        record(action, target_kind="user", target="app", acting_user=superuser)
    entry = AuditEntry.objects.get(action="user:update")
    at = f"{entry.at:%Y-%m-%d %H:%M:%S} UTC"
    listed = admin_client.get(reverse("audit")).content.decode()
    assert ">Edit user<" in listed
    assert ">Revoke role<" in listed
    assert listed.count(at) >= 1
    page = admin_client.get(reverse("audit_entry", args=[entry.pk])).content.decode()
    assert "<h1>Edit user: " in page
    assert at in page
    found = admin_client.get(reverse("audit"), {"action": "edit USER"}).context["listing"]
    assert [row.action for row in found.rows] == ["user:update"]
    found = admin_client.get(reverse("audit"), {"action": "grants:"}).context["listing"]
    assert [row.action for row in found.rows] == ["grants:take"]


def test_a_password_that_was_set_is_told_and_not_shown(api, planner, admin_client):
    body = {"broker": planner.broker.pk, "name": "planned", "password": "correct horse"}
    api.post("/api/v1/users/", body)
    found = api.get("/api/v1/audit/?action=user:create").json()["results"][0]
    assert found["after"]["password"] == "changed"
    assert "hash" not in str(found)
    csv = b"".join(admin_client.get(reverse("audit_csv")).streaming_content).decode()
    assert "user:create" in csv
    assert "correct horse" not in csv


@pytest.mark.parametrize("act", ["UPDATE console_auditentry SET username = 'x'", "DELETE FROM console_auditentry", "TRUNCATE console_auditentry"])  # fmt: skip
def test_nobody_rewrites_the_trail(act, superuser):
    record("a:b", target_kind="a", target="b", acting_user=superuser)
    with (
        pytest.raises((ProgrammingError, InternalError)),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(act)
    assert AuditEntry.objects.get(action="a:b").username == "root"


def test_an_auditor_of_one_broker_sees_what_was_done_to_it(log_in, broker_row, superuser):
    mine, other = broker_row(), broker_row()
    for broker, target in ((mine, "mine"), (other, "other"), (None, "people")):
        record("a:b", target_kind="a", target=target, acting_user=superuser, broker=broker)
    client = log_in((Role.AUDITOR, {"broker": mine}))
    text = client.get(reverse("audit")).content.decode()
    assert "mine" in text
    assert ">other<" not in text
    assert ">people<" not in text
    entries = {e.target: e.pk for e in AuditEntry.objects.all()}
    assert client.get(reverse("audit_entry", args=[entries["mine"]])).status_code == 200
    assert client.get(reverse("audit_entry", args=[entries["other"]])).status_code == 404
    assert client.get("/api/v1/audit/").json()["count"] == 1


def test_some_virtual_hosts_or_another_role_show_nothing(log_in, broker_row, superuser):
    broker = broker_row()
    record("a:b", target_kind="a", target="secret", acting_user=superuser, broker=broker)
    client = log_in(
        (Role.AUDITOR, {"broker": broker, "vhost_pattern": "/red*"}), (Role.OPERATOR, {})
    )
    assert b"secret" not in client.get(reverse("audit")).content
    assert client.get("/api/v1/audit/").json()["count"] == 0


def test_a_viewer_may_not_look(log_in):
    client = log_in((Role.VIEWER, {}))
    assert client.get(reverse("audit")).status_code == 403
    assert client.get("/api/v1/audit/").status_code == 403


def test_the_trail_is_searched_by_the_api(api, superuser, now):
    record("x:y", target_kind="a", target="needle in hay", acting_user=superuser)
    assert api.get("/api/v1/audit/?search=needle&username=root&kind=a").json()["count"] == 1
    assert api.get("/api/v1/audit/?from=2199-01-01T00:00:00Z").json()["count"] == 0
    assert api.get("/api/v1/audit/?change=nope").status_code == 400
    entry = AuditEntry.objects.get(action="x:y")
    assert api.get(f"/api/v1/audit/{entry.pk}/").json()["target"] == "needle in hay"
