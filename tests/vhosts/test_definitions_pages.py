from __future__ import annotations

import html
import io
import json
import re
from typing import Any
from uuid import uuid4

import pytest

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.engine.applying.apply import apply_broker
from console.models import Change
from tests.engine import utc_now
from vhosts.models import Backup, ImportDraft

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(make_broker: Any) -> Any:
    return make_broker(name="one")


@pytest.fixture
def page(client: Any, superuser: Any) -> Any:
    client.force_login(superuser)
    return client


@pytest.fixture
def vhost(live_broker: Any) -> Any:
    name = f"test/{uuid4().hex[:10]} <b>"
    yield name
    live_broker.forget("vhosts", name)


def upload(page: Any, broker: Any, file: Any, **fields: Any) -> Any:
    sent = io.BytesIO(file if isinstance(file, bytes) else json.dumps(file).encode())
    sent.name = "definitions.json"
    given = {"import-broker": str(broker.pk), "import-file": sent}
    return page.post(
        "/definitions/import/", {**given, **{f"import-{k}": v for k, v in fields.items()}}
    )


def test_a_file_is_planned_looked_at_and_applied(page, broker, vhost, live_broker):
    queue = {"vhost": vhost, "name": "q", "durable": True, "arguments": {}}
    sent = upload(page, broker, {"vhosts": [{"name": vhost}], "queues": [queue], "quees": []})
    assert sent.status_code == 302
    plan = sent["Location"]
    shown = page.get(plan).content.decode()
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown
    assert "create&nbsp;2" in re.sub(r"<[^>]+>", "", shown)
    assert "quees: This section is unknown" in shown
    assert "q" in page.get(plan, {"kind": "queue"}).content.decode()
    assert "0</span> objects" in page.get(plan, {"search": "nothing like this"}).content.decode()

    done = page.post(plan, {"act": "apply", "reason": "because"})
    change = Change.objects.get()
    assert done["Location"] == f"/changes/{change.pk}/"
    assert (change.reason, change.origin) == ("because", "page")
    # A second click leads to the same change.
    assert page.post(plan, {"act": "apply"})["Location"] == done["Location"]
    apply_broker(broker.pk, owner="test", clock=utc_now)
    assert live_broker.call("GET", "queues", vhost, "q")
    assert "has been applied" in page.get(plan).content.decode()


def test_a_held_replacement_is_told_and_done_once_it_is_chosen(page, broker, scratch_vhost):
    scratch_vhost.declare("q")
    queue = {"vhost": scratch_vhost.name, "name": "q", "arguments": {"x-max-length": 3}}
    plan = upload(page, broker, {"queues": [queue]})["Location"]
    shown = page.get(plan).content.decode()
    assert "held" in shown
    assert "Apply plan" not in shown
    assert page.post(plan, {"act": "apply"}).status_code == 409
    assert not Change.objects.exists()
    assert page.post(plan, {"act": "plan", "replace": "on"}).status_code == 302
    assert "This can’t be undone" in page.get(plan).content.decode()
    assert page.post(plan, {"act": "apply"}).status_code == 302
    apply_broker(broker.pk, owner="test", clock=utc_now)
    assert Change.objects.get().state == "done"


def test_a_broker_that_changed_meanwhile_shows_the_new_plan_first(page, broker, vhost, live_broker):
    plan = upload(page, broker, {"vhosts": [{"name": vhost, "description": "x"}]})["Location"]
    live_broker.call("PUT", "vhosts", vhost)
    refused = page.post(plan, {"act": "apply"})
    assert refused.status_code == 412
    assert "has changed since" in refused.content.decode()
    assert "update&nbsp;1" in re.sub(r"<[^>]+>", "", page.get(plan).content.decode())


@pytest.mark.parametrize(
    ("file", "told"),
    [(b"", "isn't valid JSON"), (b"\xff", "isn't valid UTF-8"), (b"[1]", "one JSON object")],
)
def test_bad_input_is_told_at_its_field_and_nothing_typed_is_lost(page, broker, file, told):
    refused = upload(page, broker, file, vhost="my vhost")
    assert refused.status_code == 400
    text = refused.content.decode()
    assert told in html.unescape(text)
    assert 'value="my vhost"' in text
    assert not ImportDraft.objects.exists()


def test_a_broker_in_trouble_is_a_sentence(page, broker):
    broker.management_url = "http://127.0.0.1:9"
    broker.save()
    refused = upload(page, broker, {})
    assert refused.status_code == 409
    assert "one: " in refused.content.decode()
    for address, fields in (
        ("/definitions/export/", {"export-broker": broker.pk}),
        ("/definitions/copy/", {"copy-source": broker.pk, "copy-broker": broker.pk, "copy-source_vhost": "a"}),
    ):  # fmt: skip
        assert page.post(address, fields).status_code == 409
    assert page.post(f"/definitions/backups/take/{broker.pk}/", follow=True).status_code == 200


def test_an_export_is_a_download_that_no_cache_keeps(page, broker, scratch_vhost):
    got = page.post(
        "/definitions/export/",
        {"export-broker": broker.pk, "export-vhost": scratch_vhost.name},
    )
    assert got["Content-Disposition"].startswith('attachment; filename="definitions-one-test-')
    assert "no-store" in got["Cache-Control"]
    assert json.loads(got.content)["original_vhost_name"] == scratch_vhost.name


def test_a_vhost_is_copied_under_another_name(page, broker, vhost, live_broker):
    live_broker.call("PUT", "vhosts", vhost)
    live_broker.call("PUT", "queues", vhost, "q", body={"durable": True})
    try:
        sent = page.post(
            "/definitions/copy/",
            {"copy-source": broker.pk, "copy-broker": broker.pk, "copy-source_vhost": vhost,
             "copy-vhost": f"{vhost} 2"},
        )  # fmt: skip
        assert page.post(sent["Location"], {"act": "apply"}).status_code == 302
        apply_broker(broker.pk, owner="test", clock=utc_now)
        assert live_broker.call("GET", "queues", f"{vhost} 2", "q")
    finally:
        live_broker.forget("vhosts", f"{vhost} 2")


def test_a_plan_is_seen_by_its_author_alone(page, broker, vhost, client, django_user_model):
    plan = upload(page, broker, {"vhosts": [{"name": vhost}]})["Location"]
    other = django_user_model.objects.create_superuser("other", password="a password")
    client.force_login(other)
    assert client.get(plan).status_code == 404
    assert client.post(plan, {"act": "apply"}).status_code == 404


def test_backups_are_listed_taken_downloaded_and_compared(page, broker, vhost, live_broker):
    assert "No backups yet" in page.get("/definitions/backups/").content.decode()
    page.post(f"/definitions/backups/take/{broker.pk}/")
    live_broker.call("PUT", "vhosts", vhost)
    page.post(f"/definitions/backups/take/{broker.pk}/")
    newer, older = Backup.objects.all()
    listed = page.get("/definitions/backups/", {"broker": broker.pk}).content.decode()
    assert f'value="{older.pk}"' in listed
    found = page.get("/definitions/backups/compare/", {"older": newer.pk, "newer": older.pk})
    assert "&lt;b&gt;" in found.content.decode()
    assert (
        page.get("/definitions/backups/compare/", {"older": older.pk, "newer": ""}).status_code
        == 200
    )
    assert page.get("/definitions/backups/compare/", {"older": "x"}).status_code == 404
    got = page.post(f"/definitions/backups/{newer.pk}/download/")
    assert "password_hash" not in got.content.decode()
    got = page.post(f"/definitions/backups/{newer.pk}/download/", {"secrets": "1"})
    assert "password_hash" in got.content.decode()


def test_the_schedule_is_set_or_refused_with_a_sentence(page, broker):
    from vhosts.models import BackupSchedule

    address = f"/definitions/backups/schedule/{broker.pk}/"
    assert page.post(address, {"every_hours": "6"}).status_code == 302
    assert BackupSchedule.objects.get().every_hours == 6
    told = page.post(address, {"every_hours": "soon"}, follow=True).content.decode()
    assert "Enter an interval from 0" in told
    page.post(address, {"every_hours": ""})
    assert BackupSchedule.objects.get().every_hours is None


def test_a_viewer_is_refused_and_an_operator_exports_without_secrets(
    client, broker, django_user_model, now
):
    viewer = django_user_model.objects.create_user("viewer", password="a password")
    Grant.objects.create(user=viewer, role=Role.VIEWER, broker=broker, created_at=now)
    client.force_login(viewer)
    assert client.get("/definitions/").status_code == 403
    operator = django_user_model.objects.create_user("operator", password="a password")
    Grant.objects.create(user=operator, role=Role.OPERATOR, broker=broker, created_at=now)
    client.force_login(operator)
    shown = client.get("/definitions/").content.decode()
    assert "Preview import" not in shown
    assert "Include password hashes" not in shown
    got = client.post("/definitions/export/", {"export-broker": broker.pk})
    assert got.status_code == 200
    assert "password_hash" not in got.content.decode()
    got = client.post("/definitions/export/", {"export-broker": broker.pk, "export-secrets": "on"})
    assert got.status_code == 403
    assert client.post("/definitions/import/").status_code == 403
