"""The page of all limits: how much of each is used."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


def test_limits_are_listed_by_how_near_they_are(
    client,
    superuser,
    make_broker,
    live_broker,
    scratch_vhost,
    scratch_user,
    poll_now,
    inventory_now,
):
    """AC-147, AC-148: limits of virtual hosts and users, with what is used of them."""
    vhost, (user, _) = scratch_vhost.name, scratch_user
    for name in ("a", "b", "c"):
        scratch_vhost.declare(name)
    live_broker.call("PUT", "vhost-limits", vhost, "max-queues", body={"value": 3})
    live_broker.call("PUT", "vhost-limits", vhost, "max-connections", body={"value": 4})
    live_broker.call("PUT", "user-limits", user, "max-channels", body={"value": 5})
    broker = make_broker()
    poll_now(broker)
    inventory_now(broker)
    client.force_login(superuser)
    page = client.get("/limits/")
    rows = {(row.limit.owner_name, row.limit.name): row for row in page.context["rows"]}
    assert (rows[vhost, "max-queues"].used, rows[vhost, "max-queues"].state) == (3, "reached")
    assert rows[vhost, "max-connections"].used is None
    assert page.context["rows"][0].state == "reached"
    assert "Select a broker" in page.content.decode()
    # RabbitMQ lists a new connection a moment later.
    page = client.get(f"/limits/?broker={broker.pk}")
    rows = {(row.limit.owner_name, row.limit.name): row for row in page.context["rows"]}
    assert rows[vhost, "max-connections"].used in (0, 1)
    assert rows[user, "max-channels"].used == 0
