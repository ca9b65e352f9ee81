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
