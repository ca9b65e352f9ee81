"""Two tenants of a live broker: vadm administers the virtual hosts that begin with `team`, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from rest_framework.test import APIClient

from accessctl.grants.roles import Role
from accessctl.models import BrokerUser, Grant
from console.models import Change, Step
from tests.engine import Engine, utc_now

API = "/api/v1"
ALL = {"configure": ".*", "write": ".*", "read": ".*"}
PASSWORD = "correct horse battery"


@dataclass
class Tenants:
    """`team` is the beginning of vadm's virtual hosts; `vhost` is one of them, `secret` is another's."""

    engine: Engine
    live: Any
    inventory: Any
    poll: Any
    team: str
    vhost: str
    secret: str
    made: list[str] = field(default_factory=list)

    @property
    def broker(self) -> Any:
        return self.engine.broker

    def person(self, name: str, pattern: str | None = None) -> Any:
        """A vhost administrator of the pattern, vadm's own if None."""
        person = get_user_model().objects.create_user(name, password="a password")
        Grant.objects.create(
            user=person, role=Role.VHOST_ADMINISTRATOR, broker=self.broker, created_at=utc_now(),
            vhost_pattern=self.pattern if pattern is None else pattern,
        )  # fmt: skip
        return person

    @property
    def pattern(self) -> str:
        return f"{self.team}*"

    def api(self, person: Any) -> APIClient:
        client = APIClient()
        client.force_login(person)
        return client

    def name(self) -> str:
        """A new name of a RabbitMQ user, which is removed after the test."""
        self.made.append(f"user-{uuid4().hex[:10]}")
        return self.made[-1]

    def look(self) -> None:
        """What the broker has, as an inventory finds it."""
        self.poll(self.broker)
        self.inventory(self.broker)

    def create(self, client: APIClient, name: str, **fields: Any) -> int | None:
        """Creates the user through the console; the id in the mirror."""
        body = {"broker": self.broker.pk, "name": name, "password": PASSWORD, **fields}
        answer = client.post(f"{API}/users/", body, format="json")
        assert answer.status_code == 202, answer.content
        self.engine.apply()
        assert Change.objects.get(pk=answer.json()["id"]).state == "done"
        return self.id_of(name)

    def id_of(self, name: str) -> int | None:
        return BrokerUser.objects.filter(broker=self.broker, name=name).values_list("pk", flat=True).first()  # fmt: skip

    def put_user(self, name: str, **fields: Any) -> None:
        """Directly on the broker."""
        self.live.call("PUT", "users", name, body={"password": "x", "tags": "", **fields})

    def permit(self, name: str, vhost: str) -> None:
        """Directly on the broker."""
        self.live.call("PUT", "permissions", vhost, name, body=ALL)

    def hash_of(self, name: str) -> str:
        return str(self.live.call("GET", "users", name)["password_hash"])

    def outcome(self, answer: Any) -> tuple[str, str, str]:
        """Applies an accepted change of one step: the step's state, code and words."""
        assert answer.status_code == 202, answer.content
        self.engine.apply()
        step = Step.objects.get(change=answer.json()["id"])
        return step.state, step.error_code, step.error_detail


@pytest.fixture
def tenants(
    engine: Engine, live_broker: Any, inventory_now: Any, poll_now: Any
) -> Iterator[Tenants]:
    mark = uuid4().hex[:8]
    found = Tenants(
        engine, live_broker, inventory_now, poll_now,
        f"/team-{mark}/", f"/team-{mark}/1", f"/secret-{mark}",
    )  # fmt: skip
    for vhost in (found.vhost, found.secret):
        live_broker.call("PUT", "vhosts", vhost, body={})
        # Who creates a virtual host gets a permission in it.
        live_broker.forget("permissions", vhost, live_broker.username)
    found.look()
    yield found
    for vhost in (found.vhost, found.secret):
        live_broker.forget("vhosts", vhost)
    for name in found.made:
        live_broker.forget("users", name)


@pytest.fixture
def vadm(tenants: Tenants) -> Any:
    return tenants.person("vadm")


@pytest.fixture
def vadm_api(tenants: Tenants, vadm: Any) -> APIClient:
    return tenants.api(vadm)


@pytest.fixture
def root_api(tenants: Tenants, superuser: Any) -> APIClient:
    return tenants.api(superuser)
