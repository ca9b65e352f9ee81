"""A list costs the same number of queries for many rows as for one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accessctl.models import ApiToken, BrokerPermission, BrokerTopicPermission, BrokerUser
from console.audit import record
from console.models import Change, ManagedObject, Step
from vhosts.models import Node, Poll, Queue, VirtualHost

pytestmark = pytest.mark.django_db

LISTS = (
    "brokers",
    "nodes",
    "queues",
    "vhosts",
    "users",
    "permissions",
    "topic-permissions",
    "polls",
    "tokens",
    "changes",
    "drift",
    "audit",
)
#: The token, the count, the rows, and room for two more.
MOST = 5


def fill(make_broker: Any, user: Any, now: datetime, first: int, count: int) -> None:
    for number in range(first, first + count):
        broker = make_broker()
        seen = {"broker": broker, "first_seen_at": now, "changed_at": now}
        rights = {"vhost": "/", "user": "app", "write": "", "read": ""}
        Queue.objects.create(broker=broker, vhost="/", name="a", first_seen_at=now)
        Node.objects.create(
            broker=broker, name="n", running=True, running_since=now, seen_at=now, first_seen_at=now
        )
        VirtualHost.objects.create(**seen, name="/")
        BrokerUser.objects.create(**seen, name="app")
        BrokerPermission.objects.create(**seen, **rights, configure="")
        BrokerTopicPermission.objects.create(**seen, **rights, exchange="x")
        Poll.objects.create(
            broker=broker, slot_at=now + timedelta(seconds=number), started_at=now, took_ms=1,
            complete=True, rejected_samples=[],
        )  # fmt: skip
        change = Change.objects.create(
            created_at=now, author=user, author_name="root", origin="page", title="a"
        )
        target = ManagedObject.objects.create(
            broker=broker, kind="vhost", key=["/"], sync="drifted", drifted_since=now
        )
        Step.objects.create(
            change=change, ordinal=1, broker=broker, target=target, op="create", generation=1,
            permission="vhosts:create", next_at=now,
        )  # fmt: skip
        record("a:b", target_kind="a", target="b", acting_user=user, broker=broker)
        ApiToken.objects.create(user=user, name="a", digest=str(number), token_key="wrn_")


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_for_many_rows(
    api: Any, make_broker: Any, superuser: Any, now: datetime, name: str
) -> None:
    def cost(least_rows: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            answer = api.get(f"/api/v1/{name}/")
        assert len(answer.json()["results"]) >= least_rows
        return len(queries)

    fill(make_broker, superuser, now, 0, 1)
    cost(1)
    one = cost(1)
    fill(make_broker, superuser, now, 1, 12)
    assert cost(13) == one <= MOST
