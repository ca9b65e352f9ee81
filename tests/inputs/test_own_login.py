"""The user that the console logs in with: no door takes what would lock the console out."""

from __future__ import annotations

import html
from typing import Any
from uuid import uuid4

import pytest

from console.engine.accept import accept
from console.engine.applying.own_login import lock_out
from console.engine.proposal import DesiredObject, Proposal
from console.kinds.common.kind import Ref
from console.models import Broker, BrokerStatus, Change, ManagedObject, Sync
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import hash_password
from tests.acting import hidden_of
from tests.engine import utc_now
from tests.factories import add_user, add_vhost, permit

pytestmark = pytest.mark.django_db
PATTERNS = {"configure": ".*", "write": ".*", "read": ".*"}
NONE = dict.fromkeys(PATTERNS, "^$")
ADMINISTRATOR = {"tags": ["administrator"]}


@pytest.fixture
def own(broker: Broker, now: Any) -> Any:
    """The console's own user with a permission, as an inventory would have found them."""
    add_vhost(broker, "v", now)
    permit(broker, broker.username, "v", now)
    return add_user(broker, broker.username, now, tags=["administrator"])


@pytest.fixture
def permission(doors: Any, own: Any) -> str:
    (row,) = doors.api.get(f"/api/v1/permissions/?broker={doors.broker.pk}").json()["results"]
    return f"/api/v1/permissions/{row['id']}/"


def refused(answer: Any, said: str) -> None:
    text = html.unescape(answer.content.decode())
    assert answer.status_code == 400, text[:500]
    assert "The console signs in" in text
    assert said in text
    assert "give it another user" in text
    assert not Change.objects.exists()


@pytest.mark.parametrize(
    ("kind", "before", "after", "field"),
    [
        ("user", ADMINISTRATOR, None, "name"),
        ("user", None, None, "name"),
        ("user", ADMINISTRATOR, {"tags": []}, "tags"),
        ("user", ADMINISTRATOR, {"tags": ["monitoring"]}, "tags"),
        ("user", {"tags": ["monitoring"]}, {"tags": []}, "tags"),
        ("user", {"tags": ["monitoring"]}, {"tags": ["management"]}, "tags"),
        ("user", ADMINISTRATOR, {**ADMINISTRATOR, "limits": {"max-connections": 0}}, "limits"),
        ("user", ADMINISTRATOR, {**ADMINISTRATOR, "limits": {"max-channels": 0}}, "limits"),
        ("permission", PATTERNS, None, "user"),
        ("permission", PATTERNS, NONE, "user"),
        # What leaves the console where it was.
        ("user", ADMINISTRATOR, ADMINISTRATOR, None),
        ("user", {"tags": ["monitoring"]}, ADMINISTRATOR, None),
        ("user", ADMINISTRATOR, {"tags": ["administrator", "more"]}, None),
        ("user", {"tags": []}, {"tags": []}, None),
        ("user", ADMINISTRATOR, {**ADMINISTRATOR, "limits": {"max-connections": 50}}, None),
        ("permission", None, PATTERNS, None),
        ("permission", PATTERNS, {**PATTERNS, "configure": "^$"}, None),
        ("permission", NONE, None, None),
    ],
)
def test_what_locks_the_console_out(
    kind: str, before: Any, after: Any, field: str | None, broker: Broker
) -> None:
    key = (broker.username,) if kind == "user" else ("v", broker.username)
    found = lock_out(broker, Ref(kind, key), before, after)
    assert (found and found.field) == field
    other = ("other",) if kind == "user" else (broker.username, "other")
    assert lock_out(broker, Ref(kind, other), before, after, new_password=True) is None


def test_any_password_that_is_given_counts_as_another(broker: Broker) -> None:
    ref = Ref("user", (broker.username,))
    found = lock_out(broker, ref, ADMINISTRATOR, ADMINISTRATOR, new_password=True)
    assert found
    assert found.field == "password"


def test_the_page_of_the_user(doors: Any, own: Any) -> None:
    page = f"/users/{own.pk}/edit/"
    for fields in (
        {"password_way": "typed", "password": "correct horse"},
        {"password_way": "generated"},
        {"password_way": "none"},
    ):
        answer = doors.browser.post(page, {"tags": ["administrator"], "generation": "0", **fields})
        refused(answer, "with another password the console")
    limits = {"password_way": "keep", "max_connections": "0", "generation": "0"}
    answer = doors.browser.post(page, {"tags": ["administrator"], **limits})
    refused(answer, "with max-connections 0")


def test_the_pages_of_permissions(doors: Any, own: Any) -> None:
    where = f"/permissions/edit/?broker={doors.broker.pk}"
    fields = {"user": own.name, "vhost": "v", "rights": "none"}
    refused(doors.browser.post(where, fields), "without a permission")


def test_the_administration(doors: Any, own: Any) -> None:
    page = f"/admin/accessctl/brokeruser/{own.pk}/change/"
    opened = doors.browser.get(page)
    fields = {**hidden_of(opened), "tags": ["administrator"], "password_way": "none"}
    refused(doors.browser.post(page, {**fields, "step": "preview"}), "with another password")
    refused(
        doors.browser.get(f"/admin/accessctl/brokeruser/{own.pk}/delete/"), "without it the console"
    )


def test_the_api_of_users(doors: Any, own: Any) -> None:
    where = f"/api/v1/users/{own.pk}/"
    hashed = hash_password(Secret("other")).reveal()
    for body in (
        {"password": "correct horse"},
        {"password_hash": hashed},
        {"no_password": True},
        {"generate_password": True},
    ):
        refused(doors.api.patch(where, body), "with another password the console")
        refused(doors.api.patch(f"{where}?dry_run=true", body), "with another password")
    refused(doors.api.patch(where, {"limits": {"max-connections": 0}}), "with max-connections 0")
    refused(doors.api.delete(where), "without it the console")


def test_a_user_that_no_inventory_has_found_yet(doors: Any) -> None:
    answer = doors.post("users", name=doors.broker.username, password="correct horse")
    refused(answer, "with another password the console")


def test_the_api_of_limits(doors: Any, own: Any) -> None:
    answer = doors.post("limits", user=own.name, name="max-channels", value=0)
    refused(answer, "with max-channels 0")


def test_the_api_of_permissions(doors: Any, own: Any, permission: str, now: Any) -> None:
    refused(doors.api.delete(permission), "without a permission")
    refused(doors.api.patch(permission, NONE), "without a permission")
    many = {"vhosts": ["v"], "users": [own.name]}
    refused(doors.post("permissions/bulk", **many, clear=True), "without a permission")
    refused(doors.post("permissions/bulk", **many, **NONE), "without a permission")
    add_user(doors.broker, "poor", now)
    add_vhost(doors.broker, "w", now)
    permit(doors.broker, "poor", "w", now)
    BrokerStatus.objects.filter(broker=doors.broker).update(inventory_at=now)
    copy = {"source": "poor", "target": own.name, "replace": True}
    refused(doors.post("permissions/copy", **copy), "without a permission")


@pytest.mark.parametrize("apply", [True, False])
@pytest.mark.parametrize(
    ("desired", "said"),
    [
        ({"kind": "user", "password": "correct horse"}, "with another password"),
        ({"kind": "user", "limits": {"max-connections": 0}}, "with max-connections 0"),
        ({"kind": "permission", "vhost": "v", "absent": True}, "without a permission"),
    ],
)
def test_the_api_of_plans(desired: Any, said: str, apply: bool, doors: Any, own: Any) -> None:
    named = {"name": own.name} if desired["kind"] == "user" else {"user": own.name}
    body = {"wishes": [{**desired, **named, "broker": doors.broker.pk}], "apply": apply}
    refused(doors.api.post("/api/v1/plans/", body), said)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"tags": "administrator", "password": "other"}, "with another password"),
        ({"tags": ["monitoring"]}, "without the tag administrator"),
        ({"tags": ["administrator"], "limits": {"max-connections": 0}}, "with max-connections 0"),
    ],
)
def test_files_and_the_command(
    row: Any, said: str, doors: Any, make_broker: Any, scratch_user: Any
) -> None:
    name, password = scratch_user
    doors.broker = make_broker(username=name, password=password)
    file = {"users": [{"name": name, **row}]}
    answer = doors.file(file)
    assert answer.status_code == 400
    assert said in answer.content.decode()
    code, text = doors.command(file)
    assert code != 0
    assert said in text
    page = doors.browser.get(doors.upload(file).url)
    assert said in html.unescape(page.content.decode())
    assert not Change.objects.exists()


def test_drift_is_not_pushed_back_onto_it(doors: Any, own: Any) -> None:
    """Asked for before the broker was given this user, or by an older console."""
    row = ManagedObject.objects.create(
        broker=doors.broker, kind="user", key=[own.name], spec={"tags": [], "limits": {}},
        generation=1, verified_generation=1, sync=Sync.DRIFTED,
    )  # fmt: skip
    body = {"ids": [row.pk], "act": "push"}
    refused(doors.api.post("/api/v1/drift/resolve/", body), "without the tag administrator")
    page = doors.browser.post("/drift/resolve/", {**body, "step": "apply"})
    assert "without the tag administrator" in html.unescape(page.content.decode())
    assert not Change.objects.exists()
    accepted = doors.api.post("/api/v1/drift/resolve/", {"ids": [row.pk], "act": "accept"})
    assert accepted.status_code == 202


def test_what_was_accepted_is_not_sent_once_the_console_logs_in_with_that_user(
    doors: Any, scratch_user: Any, seen: Any, superuser: Any, make_broker: Any
) -> None:
    name, password = scratch_user
    live = doors.broker
    other = f"other-{uuid4().hex[:6]}"
    Broker.objects.filter(pk=live.pk).update(username=other)
    broker = Broker.objects.get(pk=live.pk)
    ref = Ref("user", (name,))
    spec = {"tags": ["administrator"], "limits": {}}
    secrets = {
        "password_hash": hash_password(Secret("other")).reveal(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
    }
    desired_objects = [
        DesiredObject(
            broker=broker,
            ref=ref,
            spec=spec,
            observed=spec,
            permission="users:edit",
            secrets=secrets,
        )
    ]
    change = accept(
        Proposal(title="t", origin="api", desired_objects=desired_objects),
        now=utc_now(),
        acting_user=superuser,
    )
    mine = make_broker(username=name, password=password)
    Broker.objects.filter(pk=live.pk).update(
        username=name, password_encrypted=mine.password_encrypted
    )
    before = seen("users", name)["password_hash"]
    doors.apply()
    change.refresh_from_db()
    assert change.state == "rejected"
    assert "with another password the console" in change.steps.get().error_detail
    assert seen("users", name)["password_hash"] == before
