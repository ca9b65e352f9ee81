"""What pages say of a broker that was never read: nothing that isn't so."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import BrokerStatus
from tests.factories import add_broker, add_user, add_vhost, permit, register_broker

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
    assert "none unreachable or impaired" not in said
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
    assert "none unreachable or impaired" in page("/")
    assert "the last inventory of the broker" in page(reverse("user_delete", args=[user.pk]))
    said = page(reverse("user", args=[user.pk]))
    assert "can log in" not in said
    assert "can connect to no virtual host" in said


NARROW = "team-*"


@pytest.fixture
def narrow(client, django_user_model, now):
    """A page as somebody sees it who views some virtual hosts of the broker, and nobody else's."""

    def look(broker, address):
        person = django_user_model.objects.create_user("narrow", password="a password")
        Grant.objects.create(
            user=person, role=Role.VIEWER, broker=broker, vhost_pattern=NARROW, created_at=now
        )
        client.force_login(person)
        return text(client.get(address))

    return look


@pytest.mark.parametrize("name", ["users", "vhosts", "permissions"])
def test_what_is_hidden_is_not_said_not_to_be(name, narrow, now):
    broker = add_broker("b", now)
    add_user(broker, "root", now)
    add_vhost(broker, "other", now)
    permit(broker, "root", "other", now)
    said = narrow(broker, reverse(name))
    assert "The last inventory found none in this scope that you can see." in said
    assert "root" not in said


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("policies", "None that you can see"),
        ("changes", "No changes that you can see"),
        ("drift", "No managed object that you can see"),
    ],
)
def test_nor_are_policies_changes_and_drift(name, sentence, narrow, planner):
    BrokerStatus.objects.update(inventory_at=datetime.now(UTC), answered_at=datetime.now(UTC))
    planner.ask(("vhost", ["other"], {"description": "", "tags": [], "default_queue_type": ""}))
    assert sentence in narrow(planner.broker, reverse(name))


def test_old_objects_are_said_to_be_of_an_inventory_and_old_depths_of_a_poll(page, now):
    broker = add_broker("b", now, state="unreachable")
    add_vhost(broker, "v", now)
    BrokerStatus.objects.update(depths_at=now - timedelta(hours=2), answered_at=None)
    assert "are from the last inventory, the oldest" in page(reverse("vhosts"))
    assert "are from the last successful poll, the oldest" in page(reverse("queues"))


def test_nodes_that_could_not_be_read_have_their_reason(page, now):
    broker = add_broker("b", now, vitals_at=now, part_errors={"nodes": "No answer within 5 s."})
    said = page(reverse("broker", args=[broker.pk]))
    assert "The nodes couldn’t be read No answer within 5 s." in said
    assert "monitoring" not in said


def test_somebody_without_a_role_is_not_told_of_lists(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("nobody", password="a password"))
    assert client.get(reverse("queues")).status_code == 403
    assert "Until then, you see no brokers" in text(client.get(reverse("access")))
