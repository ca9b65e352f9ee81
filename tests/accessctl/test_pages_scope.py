"""What somebody with grants on some virtual hosts sees of users whom others share."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from tests.accessctl.cast import make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def vera(client):
    make_cast()
    client.force_login(get_user_model().objects.get(username="vera"))
    return client


def test_a_shared_user_is_shown_without_the_virtual_hosts_of_others(vera):
    rows = {row.user.name: row.vhosts for row in vera.get(reverse("users")).context["user_rows"]}
    assert rows["shared"] == ["/team-red"]


def test_so_is_it_in_the_export(vera):
    lines = vera.get(reverse("users_csv")).getvalue().decode().splitlines()
    (shared,) = [line for line in lines if line.startswith('"shared"')]
    assert '"/team-red"' in shared
    assert '"/, /team-red"' not in shared


@pytest.mark.parametrize("page", ["fleet", "queues", "vhosts", "users", "permissions", "changes"])
def test_who_has_no_grant_is_told_whom_to_ask_inside_the_frame(client, cast, settings, page):
    settings.CONTACT = "platform <team@example.com>"
    client.force_login(cast.paula)
    answer = client.get(reverse(page))
    text = answer.content.decode()
    assert answer.status_code == 403
    assert "Ask a console administrator: platform &lt;team@example.com&gt;." in text
    assert f'href="{reverse("access")}"' in text
    assert 'id="main"' in text
    assert reverse("broker", args=[cast.a.pk]) not in text


def test_the_api_says_the_same_as_the_pages(client, cast):
    client.force_login(cast.paula)
    for kind in ("brokers", "queues", "vhosts", "users", "permissions", "limits", "changes"):
        answer = client.get(f"/api/v1/{kind}/")
        assert answer.status_code == 403
        (error,) = answer.json()["errors"]
        assert error["code"] == "permission_denied"
        assert error["detail"].startswith(
            "You don't have any access yet. Ask a console administrator"
        )


def test_who_lacks_one_right_keeps_the_frame_and_is_told_which(client, cast):
    client.force_login(cast.bob)
    answer = client.get(reverse("audit"))
    assert answer.status_code == 403
    assert "audit:view" in answer.content.decode()
    assert f'href="{reverse("queues")}"' in answer.content.decode()
    assert "audit:view" in client.get("/api/v1/audit/").json()["errors"][0]["detail"]
