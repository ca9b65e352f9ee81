"""What is offered after a change has created something."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from console.models import Change
from tests.acting import apply, confirm, preview
from tests.engine import names, seen  # noqa: F401

pytestmark = pytest.mark.django_db


def offered(browser, change: Change) -> dict[str, str]:
    page = browser.get(f"/changes/{change.pk}/strip/").content.decode()
    part = page.partition("change-strip-next")[2]
    return {
        label: href for href, label in re.findall(r'<a class="btn" href="([^"]*)">([^<]*)<', part)
    }


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


def test_after_a_create_come_its_permissions_its_page_and_another(
    browser, make_broker, names, live_broker  # noqa: F811
):  # fmt: skip
    broker = make_broker()
    for route, noun, name, query in (
        ("users", "user", names("user"), "user"),
        ("vhosts", "virtual host", names("vhost"), "vhost"),
    ):
        address = f"/{route}/new/?broker={broker.pk}"
        fields = {"password_way": "none"} if route == "users" else {}
        change = confirm(browser, address, preview(browser, address, name=name, **fields))
        assert offered(browser, change) == {}, "there is nothing to go on with yet"
        assert apply(change).state == "done"
        links = offered(browser, change)
        assert list(links) == ["Set permissions", f"Open {noun}", f"Create another {noun}"]
        for href in links.values():
            assert browser.get(href.replace("&amp;", "&")).status_code == 200
        assert urlencode({query: name}) in links["Set permissions"]
        assert links[f"Create another {noun}"] == address


def test_nothing_is_offered_after_a_deletion_or_to_who_may_not(
    browser, client, make_broker, names, live_broker, scratch_vhost  # noqa: F811
):  # fmt: skip
    from django.contrib.auth.models import User

    broker = make_broker()
    address = f"/vhosts/new/?broker={broker.pk}"
    change = confirm(browser, address, preview(browser, address, name=names("vhost")))
    assert apply(change).state == "done"
    viewer = User.objects.create_user("vera")
    viewer.grants.create(role="viewer", broker=broker, created_at=change.created_at)
    client.force_login(viewer)
    assert [*offered(client, change)] == ["Open virtual host"]
