"""How far RabbitMQ's users reach, in words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.users.access.reach import reach_of_user, reach_of_users

pytestmark = pytest.mark.django_db


@pytest.fixture
def add_user(broker_row: Any, now: datetime) -> Any:
    broker = broker_row()
    broker.status.inventory_at = now
    broker.status.save()
    seen = {"broker": broker, "first_seen_at": now, "changed_at": now}

    def add(name: str, rights: dict[str, tuple[str, str, str]], **columns: Any) -> BrokerUser:
        for vhost, (configure, write, read) in rights.items():
            BrokerPermission.objects.create(
                vhost=vhost, user=name, configure=configure, write=write, read=read, **seen
            )
        return BrokerUser.objects.create(name=name, **seen, **columns)

    add.seen = seen  # type: ignore[attr-defined]
    return add


def test_each_vhost_is_said_in_one_sentence(add_user: Any) -> None:
    user = add_user(
        "ann",
        {
            "/": (".*", ".*", ".*"),
            "/a": ("", "^$", ""),
            "/b": ("^$", r"^orders\..*", "^(work|jobs)$"),
        },
    )
    reach = reach_of_user(user)
    assert [(vhost.vhost, vhost.words) for vhost in reach.vhosts] == [
        ("/", "Can do everything."),
        ("/a", "Can connect, but nothing else."),
        ("/b", "Can write to names that begin with orders.; read from only work or jobs."),
    ]
    assert reach.flags == ()


@pytest.mark.parametrize(
    ("columns", "rights", "codes"),
    [
        ({"tags": ["administrator"]}, {}, ["administrator"]),
        ({"tags": ["administrator"]}, {"/": (".*", ".*", ".*")}, ["administrator"]),
        ({}, {"/": (".*", ".*", ".*"), "/b": (".*", "^.*$", ".*")}, ["everything"]),
        ({}, {}, ["unused"]),
        ({"tags": ["monitoring"]}, {}, []),
        ({"tags": ["management"]}, {}, ["unused"]),
        ({"has_default_password": True}, {"/": ("a", "b", "c")}, ["default_password"]),
        ({"has_default_password": False}, {"/": ("a", "b", "c")}, []),
        ({"has_default_password": None}, {"/": ("a", "b", "c")}, []),
    ],
)
def test_what_deserves_a_look_is_flagged(
    add_user: Any, columns: dict[str, Any], rights: Any, codes: list[str]
) -> None:
    reach = reach_of_user(add_user("guest", rights, **columns))
    assert [flag.code for flag in reach.flags] == codes


def test_topic_permissions_stand_with_their_vhost_or_idle(add_user: Any) -> None:
    user = add_user("ann", {"/": ("", "", "")})
    for vhost in ("/", "/nowhere"):
        BrokerTopicPermission.objects.create(
            vhost=vhost, user="ann", exchange="x", write="a", read="b", **add_user.seen
        )
    reach = reach_of_user(user)
    assert [topic.vhost for topic in reach.vhosts[0].topics] == ["/"]
    assert [topic.vhost for topic in reach.idle_topics] == ["/nowhere"]


def test_many_users_take_two_queries(add_user: Any, django_assert_num_queries: Any) -> None:
    users = [add_user(f"u{number}", {"/": (".*", ".*", ".*")}) for number in range(20)]
    with django_assert_num_queries(2):
        reaches = reach_of_users(users)
    assert [reach.user.name for reach in reaches] == [user.name for user in users]
