"""A change that was asked with an API token is applied only while the token is good for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accessctl.models import ApiToken
from accessctl.tokens.service import create_token, revoke_token
from console.engine.proposals.retry import ask_again
from console.faces.seen import seen_objects
from console.models import Change, ManagedObject, StepState, Sync
from tests.acting import apply

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(superuser: Any) -> tuple[ApiToken, APIClient]:
    row, text = create_token(
        user=superuser, name="deploy", expires_in=timedelta(days=1), now=timezone.now(),
        acting_user=superuser, scopes=["brokers:view", "vhosts:create", "vhosts:view", "vhosts:limit"],
    )  # fmt: skip
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return row, client


def ask(client: APIClient, broker: Any, name: str) -> Change:
    answer = client.post("/api/v1/vhosts/", {"broker": broker.pk, "name": name})
    assert answer.status_code == 202, answer.json()
    return Change.objects.get(pk=answer.json()["id"])


def revoked(row: ApiToken) -> None:
    revoke_token(row, acting_user=row.user)


def expired(row: ApiToken) -> None:
    ApiToken.objects.filter(pk=row.pk).update(expiry=timezone.now() - timedelta(seconds=1))


def limited(row: ApiToken) -> None:
    ApiToken.objects.filter(pk=row.pk).update(scopes=["vhosts:view"])


@pytest.mark.parametrize(
    ("withdraw", "sentence"),
    [
        (revoked, "The API token used for this request has been revoked."),
        (expired, "The API token used for this request has expired."),
        (
            limited,
            "root, through the API token used for this request, no longer has the "
            "right to do this (vhosts:create).",
        ),
    ],
)
def test_a_token_withdrawn_between_accept_and_apply_refuses_the_step(
    token: Any, make_broker: Any, names: Any, seen: Any, withdraw: Any, sentence: str
) -> None:
    row, client = token
    broker, name = make_broker(), names("vhost")
    change = ask(client, broker, name)
    assert change.token_id_then == row.pk
    withdraw(row)
    assert apply(change).state == "rejected"
    step = change.steps.get()
    assert (step.state, step.error_code, step.error_detail) == (
        StepState.REJECTED, "not_allowed", sentence,
    )  # fmt: skip
    assert seen("vhosts", name) is None
    assert ManagedObject.objects.get(broker=broker).sync == Sync.REJECTED


def test_a_token_that_is_good_still_applies_and_its_owners_rights_count_too(
    token: Any, make_broker: Any, names: Any, seen: Any, superuser: Any
) -> None:
    _, client = token
    broker, first, second = make_broker(), names("vhost"), names("vhost")
    assert apply(ask(client, broker, first)).state == "done"
    assert seen("vhosts", first) is not None
    change = ask(client, broker, second)
    type(superuser).objects.filter(pk=superuser.pk).update(is_superuser=False)
    assert apply(change).state == "rejected"
    assert seen("vhosts", second) is None


def test_who_asks_again_by_a_log_in_needs_no_token(
    token: Any, make_broker: Any, names: Any, seen: Any, superuser: Any
) -> None:
    row, client = token
    broker, name = make_broker(), names("vhost")
    change = ask(client, broker, name)
    revoked(row)
    assert apply(change).state == "rejected"
    again = ask_again(
        change, [StepState.REJECTED], seen=seen_objects, origin="page", now=timezone.now(),
        acting_user=type(superuser).objects.get(pk=superuser.pk),
    )  # fmt: skip
    assert again.token_id_then is None
    assert apply(again).state == "done"
    assert seen("vhosts", name) is not None


def test_a_change_by_log_in_outlives_the_persons_tokens(
    token: Any, make_broker: Any, names: Any, client: Any, superuser: Any
) -> None:
    row, _ = token
    broker, name = make_broker(), names("vhost")
    session = APIClient()
    session.force_login(superuser)
    change = ask(session, broker, name)
    revoked(row)
    assert apply(change).state == "done"
