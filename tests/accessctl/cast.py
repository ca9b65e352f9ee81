"""The people of the access tests: Alice operates broker A, Bob reads there, Charlie administers
broker B, Vera the virtual hosts /team-* of A, Audrey audits everything; Paula holds nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model

from accessctl.grants.roles import Role
from accessctl.models import BrokerPermission, BrokerUser, Grant
from console.models import Broker, BrokerStatus
from vhosts.models import Queue, VirtualHost

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"


@dataclass
class Cast:
    a: Broker
    b: Broker
    names: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        """A fresh row each time: what is granted is remembered on the object, as in one request."""
        if name.startswith("_") or name not in self.names:
            raise AttributeError(name)
        return get_user_model().objects.get(username=name)

    def grant(self, name: str, role: Role, broker: Broker | None = None, **columns: Any) -> Grant:
        return Grant.objects.create(
            user=getattr(self, name), role=role, broker=broker, created_at=AT, **columns
        )


def _broker(name: str, environment: str) -> Broker:
    broker = Broker.objects.create(
        name=name,
        management_url=f"http://{name}.test:15672",
        username="console",
        environment=environment,
    )
    BrokerStatus.objects.create(
        broker=broker, state_since=AT, next_poll_at=AT, next_inventory_at=AT
    )
    return broker


def _objects(broker: Broker) -> None:
    seen = {"broker": broker, "first_seen_at": AT, "changed_at": AT}
    for vhost in ("/", "/team-red", "/team-blue"):
        VirtualHost.objects.create(name=vhost, **seen)
        Queue.objects.create(broker=broker, vhost=vhost, name="jobs", first_seen_at=AT)
    for name, tags, vhosts, scope in (
        ("root", ["administrator"], ["/", "/team-red"], None),
        ("red", [], ["/team-red", "/team-blue"], ["/team-*"]),
        ("borrowed", [], ["/team-red"], None),
        ("shared", [], ["/", "/team-red"], ["/team-*"]),
        ("other", [], ["/"], None),
        ("orphan", [], [], None),
        ("own", [], [], ["/team-*"]),
    ):
        BrokerUser.objects.create(name=name, tags=tags, owner_scope=scope, **seen)
        for vhost in vhosts:
            BrokerPermission.objects.create(
                vhost=vhost, user=name, configure=".*", write=".*", read=".*", **seen
            )


def make_cast() -> Cast:
    people = get_user_model().objects
    cast = Cast(_broker("a", "production"), _broker("b", "staging"))
    _objects(cast.a)
    _objects(cast.b)
    for name in ("alice", "bob", "charlie", "vera", "audrey", "paula"):
        people.create_user(name, password=PASSWORD)
        cast.names.append(name)
    people.create_superuser("root", password=PASSWORD)
    cast.names.append("root")
    cast.grant("alice", Role.OPERATOR, cast.a)
    cast.grant("bob", Role.VIEWER, cast.a)
    cast.grant("charlie", Role.BROKER_ADMINISTRATOR, cast.b)
    cast.grant("vera", Role.VHOST_ADMINISTRATOR, cast.a, vhost_pattern="/team-*")
    cast.grant("audrey", Role.AUDITOR)
    return cast
