"""Users with the tag `protected` are known before a plan, by what each version does with them."""

from __future__ import annotations

from urllib.error import HTTPError

import pytest

from accessctl.users.rules import Password, delete_user, edit_user, user_objections
from console.errors import NotAllowed
from console.kinds.user import USER
from console.models import BrokerStatus
from console.rabbitmq.endpoint import Secret
from tests.factories import add_broker, add_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def protected(now):
    """protected(version) -> a broker of that version with the user u."""

    def make(version):
        broker = add_broker("b", now, rabbitmq_version=version, parts_at={"users": now.isoformat()})
        add_user(broker, "u", now, tags=["management", "protected"])
        return broker

    return make


@pytest.mark.parametrize(
    ("version", "refused", "noted"),
    [("3.10.8", False, False), ("4.0.5", False, False), ("4.2.1", False, True), ("4.3.6", True, False), ("", False, False)],
)  # fmt: skip
def test_a_deletion_is_refused_where_the_broker_would_refuse_it(
    version, refused, noted, protected, superuser
):
    broker = protected(version)
    said = " ".join(user_objections(broker, "u"))
    assert ("tag protected" in said) is noted
    if refused:
        with pytest.raises(NotAllowed, match="run rabbitmqctl on a node of b"):
            delete_user(broker=broker, name="u", acting_user=superuser)
    else:
        assert delete_user(broker=broker, name="u", acting_user=superuser).spec is None


@pytest.mark.parametrize(
    ("fields", "password", "refused"),
    [
        ({"tags": ["management"]}, None, True),
        ({}, Password(clear=Secret("another one")), True),
        ({"limits": {"max-connections": 5}}, None, False),
    ],
)
def test_an_edit_is_refused_where_it_would_write_the_user(
    fields, password, refused, protected, superuser
):
    broker = protected("4.3.6")
    act = {"broker": broker, "name": "u", "fields": fields, "password": password}
    if refused:
        with pytest.raises(NotAllowed, match="tag protected"):
            edit_user(**act, acting_user=superuser)
    else:
        assert edit_user(**act, acting_user=superuser).spec["limits"] == fields["limits"]


def test_the_page_refuses_before_a_preview(protected, client, superuser):
    broker = protected("4.3.6")
    client.force_login(superuser)
    user = add_user(broker, "free", BrokerStatus.objects.get(broker=broker).state_since, tags=[])
    assert client.get(f"/users/{user.pk}/delete/").status_code == 200
    answer = client.get(f"/users/{user.pk - 1}/delete/")
    assert answer.status_code == 403
    assert "run rabbitmqctl" in answer.content.decode()


def test_a_live_broker_agrees(live_broker, names):
    """Run with RABBITMQ_URL of a 4.3 to see it refuse; older ones take the change."""
    user = names("user")
    live_broker.call("PUT", "users", user, body={"password": "x", "tags": "protected"})
    version = live_broker.call("GET", "overview")["rabbitmq_version"].split(".")
    if tuple(map(int, version[:2])) >= (4, 3):
        with pytest.raises(HTTPError):
            live_broker.call("DELETE", "users", user)
    else:
        live_broker.call("DELETE", "users", user)


def test_many_users_at_once_are_no_way_past_the_tag():
    """RabbitMQ 4.3.6 answers 400 to a PUT of a protected user, and takes it within definitions."""
    assert USER.goes_together({"tags": ["management"]})
    assert USER.goes_together(None)
    assert not USER.goes_together({"tags": ["management", "protected"]})
