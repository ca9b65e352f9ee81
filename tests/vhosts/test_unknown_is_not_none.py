"""What the broker's user may not read is unknown on every page, in every count, check and plan."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from tests.factories import add_broker, add_user, add_vhost
from vhosts.virtual_hosts.rules import vhost_objections

pytestmark = pytest.mark.django_db

REFUSED = "RabbitMQ refuses to list its permissions for the user w. Unknown until it has the tag."
HIDDEN = "RabbitMQ doesn't list what is in 1 of 1 virtual hosts for the user w."


@pytest.fixture
def scene(db: None) -> Any:
    """What a monitoring user without permissions shows: the virtual hosts, and a user of earlier."""
    now = datetime.now(UTC)
    broker = add_broker(
        "watched",
        now,
        inventory_at=None,
        queues=None,
        parts_at={part: now.isoformat() for part in ("vhosts", "queues", "exchanges")},
        part_errors={
            "permissions": REFUSED, "topic_permissions": REFUSED, "users": REFUSED,
            "queues": HIDDEN, "policies": HIDDEN,
        },
    )  # fmt: skip
    return broker, add_vhost(broker, "/", now), add_user(broker, "plain", now)


def page_of(client: Client, path: str) -> str:
    return str(client.get(path).content.decode())


def test_a_virtual_host_does_not_say_that_nobody_can_use_it(
    admin_client: Client, scene: Any
) -> None:
    _, vhost, _ = scene
    page = page_of(admin_client, f"/vhosts/{vhost.pk}/")
    assert "no user can use" not in page
    assert "routing keys are not restricted" not in page
    assert "Every queue is empty" not in page
    assert f"Unknown. {REFUSED}" in page
    for figure in ("Queues", "Ready", "Unacked", "Users with access"):
        value = page.split(f"<dt>{figure}</dt>")[1].split("</dd>")[0]
        assert 'class="unknown"' in value, figure


def test_lists_count_nothing_of_what_is_not_shown(admin_client: Client, scene: Any) -> None:
    broker, vhost, _ = scene
    row = page_of(admin_client, "/vhosts/").split(f'id="vhost-{vhost.pk}"')[1].split("</tr>")[0]
    assert row.count('class="unknown"') >= 4
    assert "Nobody has" not in row
    assert f'id="vhost-{vhost.pk}"' not in page_of(admin_client, "/vhosts/?no_users=1")
    csv = b"".join(admin_client.get("/vhosts.csv")).decode().splitlines()
    told = dict(zip(csv[0].split(","), csv[1].split(","), strict=False))
    assert (told['"queues"'], told['"users"']) == ('""', '""')
    for path in ("/queues/", "/permissions/", "/topic-permissions/", "/policies/"):
        listed = page_of(admin_client, f"{path}?broker={broker.pk}")
        assert "says that there are none" not in listed, path
        assert "This is not the same as having none." in listed, path
        assert listed.count("RabbitMQ") >= 1, path


def test_a_user_is_not_said_to_have_no_access(admin_client: Client, scene: Any) -> None:
    _, _, user = scene
    page = page_of(admin_client, f"/users/{user.pk}/")
    assert "No access" not in page
    assert "can use no virtual host" not in page
    assert f"Unknown. {REFUSED}" in page
    assert "no access" not in page_of(admin_client, "/users/").split(f'id="user-{user.pk}"')[1]
    assert f'id="user-{user.pk}"' not in page_of(admin_client, "/users/?no_access=1")


def test_the_matrix_shows_unknown_cells(admin_client: Client, scene: Any) -> None:
    broker, _, _ = scene
    page = page_of(admin_client, f"/permissions/matrix/?broker={broker.pk}")
    assert "No permission." not in page
    assert f"Unknown. {REFUSED}" in page


def test_checks_say_that_it_is_not_known(api: Any, scene: Any) -> None:
    broker, _, _ = scene
    body = {"broker": broker.pk, "vhost": "/", "user": "other",
            "configure": "", "write": "", "read": ""}  # fmt: skip
    answer = api.post("/api/v1/permissions/", body, format="json", HTTP_IDEMPOTENCY_KEY="a")
    assert answer.status_code == 400
    said = answer.content.decode()
    assert "has no user" not in said
    assert f"Whether watched has a user other is unknown. {REFUSED}" in said


def test_what_a_deletion_loses_is_not_said_to_be_nothing(scene: Any) -> None:
    broker, _, _ = scene
    said = " ".join(vhost_objections(broker, "/"))
    assert "It has no queues" not in said
    assert f"Which queues it has, and what they hold is not known. {HIDDEN}" in said
    assert f"Which users have permissions on it is not known. {REFUSED}" in said
