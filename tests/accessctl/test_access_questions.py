"""Pages under /access/: drawers instead of forms that are always there, presets of tokens, and questions first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accessctl.grants.roles import PERMISSIONS_OF, Role
from accessctl.models import ApiToken, Grant
from accessctl.tokens.service import create_token

pytestmark = pytest.mark.django_db


def test_revoking_deleting_and_disabling_ask_first_and_a_get_changes_nothing(
    cast: Any, log_in: Any
) -> None:
    root = log_in("root")
    group = Group.objects.create(name="ops")
    token, _ = create_token(
        user=cast.alice, name="ci", expires_in=timedelta(days=1), now=timezone.now(), acting_user=None,
    )  # fmt: skip
    grant = Grant.objects.get(user__username="vera")
    for address, button, left in (
        (f"/access/tokens/{token.pk}/revoke/", "Revoke token", ApiToken.objects),
        (f"/access/grants/{grant.pk}/take/", "Revoke role", Grant.objects.filter(pk=grant.pk)),
        (f"/access/groups/{group.pk}/delete/", "Delete group", Group.objects),
    ):
        page = root.get(address)
        assert page.status_code == 200
        assert f'class="btn btn-danger">{button}</button>' in page.content.decode()
        assert left.count() == 1, "asking is not doing"
        assert root.post(address).status_code == 302
        assert left.count() == 0
    switch = f"/access/people/{cast.alice.pk}/switch/"
    assert "Disable account" in root.get(switch).content.decode()
    assert cast.alice.is_active
    for member in ("alice", "vera"):
        other = Grant.objects.exclude(user__username=member).first()
        assert log_in(member).get(f"/access/grants/{other.pk}/take/").status_code == 404


def test_a_list_has_a_button_and_its_form_is_in_a_drawer(cast: Any, log_in: Any) -> None:
    root = log_in("root")
    for address, drawer, label in (
        ("/access/grants/", "grant", "Grant role"),
        ("/access/people/", "account", "Create account"),
        ("/access/people/", "group", "Create group"),
        ("/access/tokens/", "token", "Create token"),
    ):
        text = root.get(address).content.decode()
        assert f'href="?new={drawer}" data-open-dialog="{drawer}"' in text
        assert label in text
        assert f'id="{drawer}" aria-labelledby="{drawer}-title">' in text
        opened = root.get(f"{address}?new={drawer}").content.decode()
        assert f'id="{drawer}" aria-labelledby="{drawer}-title" open>' in opened
    wrong = root.post("/access/tokens/", {"name": "", "expires_in_days": 7})
    assert 'id="token" aria-labelledby="token-title" open>' in wrong.content.decode()


@pytest.mark.parametrize(
    ("sent", "has", "lacks"),
    [
        ({}, "queues:view", "vhosts:edit"),
        ({"preset": "read"}, "changes:view", "users:edit"),
        ({"preset": "deploy"}, "vhosts:create", "vhosts:delete"),
        ({"preset": "deploy"}, "definitions:import", "grants:edit"),
        ({"preset": "custom", "scopes": ["audit:view"]}, "audit:view", "queues:view"),
        ({"scopes": ["audit:view"]}, "audit:view", "queues:view"),
    ],
)
def test_a_token_gets_the_least_unless_more_is_asked_for(
    cast: Any, log_in: Any, sent: dict[str, Any], has: str, lacks: str
) -> None:
    answer = log_in("alice").post("/access/tokens/", {"name": "ci", "expires_in_days": 7, **sent})
    row = ApiToken.objects.get()
    assert row.scopes is not None
    assert has in row.scopes
    assert lacks not in row.scopes
    text = answer.content.decode()
    assert "curl -H &quot;Authorization: Bearer wrn_" in text
    assert "/api/v1/whoami/" in text


def test_full_is_no_limit_and_nothing_selected_is_an_error(cast: Any, log_in: Any) -> None:
    client = log_in("alice")
    sent = {"name": "ci", "expires_in_days": 7}
    wrong = client.post("/access/tokens/", {**sent, "preset": "custom"})
    assert wrong.status_code == 400
    assert "Select at least one permission" in wrong.content.decode()
    client.post("/access/tokens/", {**sent, "preset": "full"})
    assert ApiToken.objects.get().scopes is None


def test_read_only_is_what_a_viewer_has() -> None:
    from accessctl.tokens.presets import Preset, scopes_of

    assert set(scopes_of(Preset.READ, []) or []) == PERMISSIONS_OF[Role.VIEWER]


def test_the_administration_and_the_api_pages_lead_back(cast: Any, log_in: Any) -> None:
    root = log_in("root")
    for address in ("/admin/", "/admin/console/broker/", "/api/v1/docs/"):
        assert '<a href="/">Back to the console</a>' in root.get(address).content.decode()
