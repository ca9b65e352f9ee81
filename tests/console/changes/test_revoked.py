"""A right that is taken away between asking and applying: nothing is sent, and it is said why."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from rest_framework.test import APIClient

from accessctl.grants.roles import Role
from accessctl.models import BrokerPermission, BrokerUser, Grant
from console.models import Attempt, Change
from vhosts.models import VirtualHost

pytestmark = pytest.mark.django_db
BASE = "/api/v1"
ALL = {"configure": ".*", "write": ".*", "read": ".*"}
LESS = {"configure": "^$", "write": "^$", "read": ".*"}


@pytest.fixture
def person(engine, now):
    user = get_user_model().objects.create_user("olga")
    Grant.objects.create(
        user=user, role=Role.BROKER_ADMINISTRATOR, broker=engine.broker, created_at=now
    )
    return user


@pytest.fixture
def browser(person):
    client = APIClient()
    client.force_login(person)
    return client


@pytest.fixture
def there(engine, names, live_broker, now):
    """A vhost, a user and a permission on the broker, as an inventory has seen them."""
    vhost, user = names("vhost"), names("user")
    live_broker.call("PUT", "vhosts", vhost, body={})
    live_broker.call("PUT", "users", user, body={"password": "correct horse", "tags": ""})
    live_broker.call("PUT", "permissions", vhost, user, body=ALL)
    seen = {"broker": engine.broker, "first_seen_at": now, "changed_at": now}
    return {
        "vhosts": ((vhost,), VirtualHost.objects.create(name=vhost, **seen).pk),
        "users": ((user,), BrokerUser.objects.create(name=user, tags=[], **seen).pk),
        "permissions": (
            (vhost, user),
            BrokerPermission.objects.create(vhost=vhost, user=user, **ALL, **seen).pk,
        ),
    }


def take_the_grant(person):
    Grant.objects.filter(user=person).delete()


def narrow_the_grant(person):
    Grant.objects.filter(user=person).update(role=Role.VIEWER)


def switch_the_account_off(person):
    type(person).objects.filter(pk=person.pk).update(is_active=False)


def delete_the_account(person):
    person.delete()


WAYS = [take_the_grant, narrow_the_grant, switch_the_account_off, delete_the_account]
EDITS = {"vhosts": {"description": "mine"}, "users": {"tags": ["management"]}, "permissions": LESS}


@pytest.mark.parametrize("revoke", WAYS)
@pytest.mark.parametrize("op", ["update", "delete"])
@pytest.mark.parametrize("kind", ["vhosts", "users", "permissions"])
def test_neither_an_edit_nor_a_deletion_is_sent(
    kind, op, revoke, engine, person, browser, there, seen
):
    key, pk = there[kind]
    before, url = seen(kind, *key), f"{BASE}/{kind}/{pk}/"
    answer = browser.delete(url) if op == "delete" else browser.patch(url, EDITS[kind], "json")
    assert answer.status_code == 202, answer.content
    revoke(person)
    engine.apply()
    change = Change.objects.get()
    step = change.steps.get()
    assert (change.state, step.state, step.error_code) == ("rejected", "rejected", "not_allowed")
    assert "olga" in step.error_detail
    assert engine.target(kind.removesuffix("s"), *key).sync == "rejected"
    assert not Attempt.objects.exists()
    assert seen(kind, *key) == before


@pytest.mark.parametrize("revoke", WAYS)
def test_nothing_new_is_made(revoke, engine, person, browser, names, seen):
    vhost, user = names("vhost"), names("user")
    body = {
        "apply": True,
        "wishes": [
            {"kind": "vhost", "broker": engine.broker.pk, "name": vhost},
            {"kind": "user", "broker": engine.broker.pk, "name": user, "no_password": True},
            {"kind": "permission", "broker": engine.broker.pk, "vhost": vhost, "user": user, **ALL},
        ],
    }
    answer = browser.post(f"{BASE}/plans/", body, "json")
    assert answer.status_code == 202, answer.content
    revoke(person)
    engine.apply()
    change = Change.objects.get()
    assert change.state == "rejected"
    assert set(change.steps.values_list("error_code", flat=True)) == {"not_allowed"}
    assert not Attempt.objects.exists()
    assert seen("vhosts", vhost) is None
    assert seen("users", user) is None


def test_who_keeps_the_right_is_served(engine, browser, there, seen):
    (name,), pk = there["vhosts"]
    browser.patch(f"{BASE}/vhosts/{pk}/", EDITS["vhosts"], "json")
    engine.apply()
    assert Change.objects.get().state == "done"
    assert seen("vhosts", name)["description"] == "mine"
