from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accessctl.grants.roles import Role
from accessctl.models import ApiToken, Grant
from accessctl.tokens.service import create_token
from console.errors import InvalidField

TOKENS, WHOAMI, BROKERS = "/api/v1/tokens/", "/api/v1/whoami/", "/api/v1/brokers/"


def _token(owner: Any, **options: Any) -> str:
    return create_token(
        user=owner,
        name="t",
        expires_in=timedelta(days=9),
        now=timezone.now(),
        acting_user=owner,
        **options,
    )[1]


def _client(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def test_a_token_reaches_as_far_as_its_owner_and_loses_what_the_owner_loses(cast) -> None:
    client = _client(_token(cast.bob))
    assert [b["name"] for b in client.get(BROKERS).json()["results"]] == ["a"]
    Grant.objects.filter(user__username="bob").delete()
    assert client.get(BROKERS).status_code == 403
    assert client.get(f"{BROKERS}{cast.a.pk}/").status_code == 403


def test_a_scope_that_the_owner_does_not_hold_gives_nothing(cast) -> None:
    client = _client(_token(cast.bob, scopes=["brokers:view", "brokers:forget", "queues:view"]))
    assert client.get(WHOAMI).json()["permissions"] == ["brokers:view", "queues:view"]
    assert client.delete(f"{BROKERS}{cast.a.pk}/").status_code == 403
    cast.grant("bob", Role.BROKER_ADMINISTRATOR, cast.a)
    assert client.delete(f"{BROKERS}{cast.a.pk}/").status_code == 204


@pytest.mark.parametrize("owner", ["root", "alice"])
def test_a_token_is_held_to_its_scopes_whoever_owns_it(cast, owner) -> None:
    client = _client(_token(getattr(cast, owner), scopes=["queues:view"]))
    assert client.get("/api/v1/queues/").json()["count"] > 0
    for path in (
        "vhosts",
        "users",
        "permissions",
        "brokers",
        "polls",
        "tokens",
        "sessions",
        "grants",
    ):
        assert client.get(f"/api/v1/{path}/").status_code == 403, path
    assert client.post(TOKENS, {"name": "more"}).status_code == 403
    assert client.post(BROKERS, {}).status_code == 403


def test_a_token_made_with_a_token_has_no_more_scopes_and_no_other_networks(cast) -> None:
    scopes, networks = ["queues:view", "tokens:own"], ["127.0.0.0/24"]
    client = _client(_token(cast.root, scopes=scopes, networks=networks))
    for more, field in (
        ({}, "scopes"),
        ({"scopes": ["brokers:view"]}, "scopes"),
        ({"scopes": ["queues:view"]}, "networks"),
        ({"scopes": ["queues:view"], "networks": ["127.0.0.0/16"]}, "networks"),
        ({"scopes": ["queues:view"], "networks": ["::/0"]}, "networks"),
    ):
        answer = client.post(TOKENS, {"name": "x", "expires_in_days": 1, **more})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["attr"] == field
    fewer = {
        "name": "x",
        "expires_in_days": 1,
        "scopes": ["queues:view"],
        "networks": ["127.0.0.1"],
    }
    assert client.post(TOKENS, fewer).status_code == 201


@pytest.mark.parametrize(
    ("networks", "address", "let_in"),
    [
        ([], "203.0.113.9", True),
        (["10.1.0.0/16"], "10.1.2.3", True),
        (["10.1.0.0/16"], "10.2.0.1", False),
        (["10.1.2.3"], "10.1.2.3", True),
        (["10.1.0.0/16", "2001:db8::/32"], "2001:db8::1", True),
        (["10.1.0.0/16"], "2001:db8::1", False),
        (["10.1.0.0/16"], "::ffff:10.1.2.3", True),
        (["0.0.0.0/0"], "", False),
    ],
)
def test_a_token_is_good_from_its_networks_only(cast, networks, address, let_in) -> None:
    client = _client(_token(cast.alice, networks=networks))
    answer = client.get(WHOAMI, REMOTE_ADDR=address)
    assert answer.status_code == (200 if let_in else 401)
    # What a client claims of itself does not count.
    claimed = client.get(WHOAMI, REMOTE_ADDR="198.51.100.1", HTTP_X_FORWARDED_FOR="10.1.2.3")
    assert claimed.status_code == (401 if networks and networks != ["0.0.0.0/0"] else 200)
    used = ApiToken.objects.get().last_used_at
    assert (used is None) is (not let_in and networks != ["0.0.0.0/0"])


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["queues:eat"]}, "scopes"),
        ({"networks": ["10.0.0.1/8"]}, "networks"),
        ({"networks": ["localhost"]}, "networks"),
        ({"networks": ["10.0.0.0/8"] * 21}, "networks"),
    ],
)
def test_what_a_token_cannot_be_limited_to_is_named(cast, asked, field) -> None:
    with pytest.raises(InvalidField) as refused:
        _token(cast.alice, **asked)
    assert refused.value.field == field
    client = APIClient()
    client.force_login(cast.alice)
    answer = client.post(TOKENS, {"name": "x", **asked})
    assert answer.status_code == 400
    assert (answer.json()["errors"][0]["attr"] or "").startswith(field)


def test_what_is_said_of_a_token_names_its_limits(cast) -> None:
    client = APIClient()
    client.force_login(cast.alice)
    asked = {"name": "x", "scopes": ["queues:view", "brokers:view"], "networks": ["10.1.2.3"]}
    made = client.post(TOKENS, asked).json()
    assert (made["scopes"], made["networks"]) == (["brokers:view", "queues:view"], ["10.1.2.3/32"])
    assert client.get(f"{TOKENS}{made['id']}/").json()["owner"] == "alice"
