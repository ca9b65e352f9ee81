"""What pages say of a broker that was never read: nothing that isn't so."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from console.models import BrokerStatus
from tests.factories import add_broker, add_user, add_vhost, register_broker

pytestmark = pytest.mark.django_db

LISTS = (
    "queues", "vhosts", "users", "permissions", "topic_permissions", "policies", "operator_policies",
    "unmanaged",
)  # fmt: skip


@pytest.fixture(params=["new", "unreachable"])
def unread(request):
    """A broker that was never polled, or never answered."""
    broker = register_broker(name="b")
    if request.param == "unreachable":
        BrokerStatus.objects.update(
            state="unreachable", attempted_at=datetime.now(UTC), failures=3,
            error_code="connection_refused", error_detail="Nothing listens on that host and port.",
        )  # fmt: skip
    broker.refresh_from_db()
    return broker


def text(answer):
    body = answer.content.decode()
    main = re.search(r"<main.*?</main>", body, re.DOTALL)
    kept = re.sub(
        r"<(option|select|script)\b.*?</\1>", "", main[0] if main else body, flags=re.DOTALL
    )
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", kept)).split())


@pytest.fixture
def page(client, superuser):
    client.force_login(superuser)
    return lambda address: text(client.get(address))


@pytest.mark.parametrize("name", LISTS)
def test_a_list_does_not_count_what_it_does_not_know(name, page, unread):
    said = page(f"{reverse(name)}?broker={unread.pk}")
    assert "Unknown number of" in said
    assert not re.search(
        r"\b0 (queues|virtual hosts|users|permissions|policies|operator|objects)", said
    )
    assert "Unknown so far" in said
    assert "None " not in said


def test_the_matrix_does_not_either(page, unread):
    said = page(f"{reverse('matrix')}?broker={unread.pk}")
    assert "Unknown so far" in said
    assert "None yet" not in said
    assert "0 users" not in said


def test_the_fleet_does_not_call_it_free_of_problems(page, unread):
    said = page("/")
    assert "no problems" not in said
    assert ("1 not polled yet" in said) is (unread.status.state == "new")


def test_a_preview_compares_with_no_inventory(page, unread, now):
    vhost = add_vhost(unread, "v", now)
    said = page(reverse("vhost_delete", args=[vhost.pk]))
    assert "No inventory has read the broker yet" in said
    assert "the last inventory of the broker" not in said


def test_what_was_read_is_counted(page, now):
    broker = add_broker("b", now)
    add_vhost(broker, "v", now)
    user = add_user(broker, "u", now)
    assert "0 permissions" in page(f"{reverse('permissions')}?broker={broker.pk}")
    assert "no problems" in page("/")
    assert "the last inventory of the broker" in page(reverse("user_delete", args=[user.pk]))
    said = page(reverse("user", args=[user.pk]))
    assert "can log in" not in said
    assert "can connect to no virtual host" in said
