"""The same right at every door: each act, asked by page, API and administration with one right missing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accessctl import reach
from accessctl.grants.roles import PERMISSIONS_OF, Role
from accessctl.models import BrokerPermission
from accessctl.reach import Reach
from accessctl.rights import Permission
from console.models import BrokerStatus, Change, ChangeState, ManagedObject, Step, StepState, Sync
from tests.conventions.doors import ACTS, OWN, Act, Door
from tests.conventions.routes import ROUTES
from tests.conventions.test_routes import objects as of_routes
from tests.conventions.test_routes import walk
from tests.factories import add_user

pytestmark = pytest.mark.django_db

UNSAFE = {"post", "put", "patch", "delete"}


class Held:
    """What the person holds who asks (all, at first), and which rights were asked for."""

    def __init__(self) -> None:
        self.only: frozenset[Permission] | None = None
        self.asked: set[Permission] = set()


@pytest.fixture
def held(monkeypatch: Any) -> Held:
    found, lets = Held(), Reach.lets

    def read(user: Any) -> Reach:
        return Reach(active=user.is_authenticated, everything=True, only=found.only)

    def noted(self: Reach, permission: Permission) -> bool:
        found.asked.add(permission)
        return lets(self, permission)

    monkeypatch.setattr(reach, "_read", read)
    monkeypatch.setattr(Reach, "lets", noted)
    # What may be known is what may be seen here.
    monkeypatch.setattr(Reach, "of_the_person", property(lambda self: self))
    return found


@pytest.fixture
def asked_of(make_broker: Any, now: datetime, superuser: Any) -> dict[str, Any]:
    """Objects by the names that doors use for them."""
    found = of_routes.__wrapped__(make_broker, now, superuser)
    from console.models import Broker

    broker = Broker.objects.get(pk=found["broker"])
    BrokerStatus.objects.filter(broker=broker).update(inventory_at=now)
    add_user(broker, "other", now)
    add_user(broker, "moved", now)
    author = type(superuser).objects.create_superuser("author")

    def change(op: str, state: StepState, of: ChangeState, user: str) -> Any:
        made = Change.objects.create(
            created_at=now, author=author, author_name="author", origin="page", title="a", state=of
        )
        target = ManagedObject.objects.create(
            broker=broker, kind="permission", key=["/", user], spec=None, sync=Sync.REJECTED
        )
        Step.objects.create(
            change=made, ordinal=1, broker=broker, target=target, op=op, generation=1, state=state,
            permission="permissions:edit", next_at=now, before={"configure": "", "write": "", "read": ""},
        )  # fmt: skip
        return made.pk

    BrokerPermission.objects.create(
        broker=broker, vhost="/", user="moved", configure="", write="", read="",
        first_seen_at=now, changed_at=now,
    )  # fmt: skip
    drifted = ManagedObject.objects.create(
        broker=broker, kind="permission", key=["/", "moved"], sync=Sync.DRIFTED,
        spec={"configure": ".*", "write": ".*", "read": ".*"},
    )  # fmt: skip
    applied = Change.objects.create(
        created_at=now, author=author, author_name="author", origin="page", title="a",
        state=ChangeState.DONE, finished_at=now,
    )  # fmt: skip
    Step.objects.create(
        change=applied, ordinal=1, broker=broker, op="delete", generation=1, state=StepState.APPLIED,
        target=ManagedObject.objects.create(broker=broker, kind="vhost", key=["gone"], spec=None),
        permission="vhosts:delete", next_at=now, finished_at=now, before={"description": ""},
    )  # fmt: skip
    return {
        **found,
        "broker_name": broker.name,
        "tomorrow": f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M}",
        "applied_change": applied.pk,
        "drifted": drifted.pk,
        "open_change": change("delete", StepState.PENDING, ChangeState.APPLYING, "one"),
        "rejected_change": change("delete", StepState.REJECTED, ChangeState.REJECTED, "two"),
        "waiting_change": change(
            "delete", StepState.NEEDS_CONFIRMATION, ChangeState.REJECTED, "three"
        ),
        "messages": SimpleUploadedFile("m.jsonl", b'{"routing_key": "q"}'),
        "file": SimpleUploadedFile("d.json", b'{"vhosts":[{"name":"new"}]}', "application/json"),
    }


def filled(value: Any, objects: dict[str, Any]) -> Any:
    if isinstance(value, str):
        whole = re.fullmatch(r"{([a-z_]+)}", value)
        if whole:
            return objects[whole[1]]
        return re.sub(r"{([a-z_]+)}", lambda found: str(objects[found[1]]), value)
    if isinstance(value, dict):
        return {name: filled(one, objects) for name, one in value.items()}
    return [filled(one, objects) for one in value] if isinstance(value, list) else value


def go_in(door: Door, client: Client, objects: dict[str, Any]) -> bool:
    """Whether the door lets through. Nothing of it is kept."""
    args = [objects[name] for name in door.args]
    address = reverse(door.route, args=args) + filled(door.query, objects)
    body = filled(door.body, objects)
    for one in body.values():
        if isinstance(one, SimpleUploadedFile):
            one.seek(0)
    sent: dict[str, Any] = {"data": body}
    if door.route.startswith("api-"):
        sent = {"data": json.dumps(body) if body else "", "content_type": door.content_type}
    with transaction.atomic():
        answer = getattr(client, door.method)(address, **({} if door.method == "get" else sent))
        status = answer.status_code
        if status == 302:
            # Some doors tell what they refuse on the page that follows.
            following = client.get(answer["Location"])
            answer = following if following.status_code == 200 else answer
        content = (b"".join(answer) if answer.streaming else answer.content).decode()
        transaction.set_rollback(True)
    if status in (401, 403, 404) or "allowed to do this here" in content:
        return False
    assert status < 400 or (door.asks and status == 400), (door, status, content[-3000:])
    return door.needs in content


def demanded(door: Door, client: Client, objects: dict[str, Any], held: Held) -> set[str]:
    """The rights without any one of which the door does not let through."""
    held.only, held.asked = None, set()
    assert go_in(door, client, objects), f"not even a superuser: {door}"
    candidates = [one for one in held.asked if not one.endswith(":view")]
    found = set()
    for one in candidates:
        held.only = frozenset(Permission) - {one}
        if not go_in(door, client, objects):
            found.add(str(one))
    return found


@pytest.fixture
def browser(client: Client, superuser: Any, held: Held) -> Iterator[Client]:
    client.force_login(superuser)
    return client


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
def test_page_and_api_demand_the_same_right(
    act: Act, browser: Client, asked_of: dict[str, Any], held: Held
) -> None:
    told = {
        f"{door.method} {door.route} {door.body}": demanded(door, browser, asked_of, held)
        for door in (*act.page, *act.api)
    }
    assert told == {name: set(act.right) for name in told}


@pytest.mark.parametrize("act", [act for act in ACTS if act.admin], ids=lambda act: act.name)
def test_the_administration_lets_superusers_in_and_nobody_else(
    act: Act, browser: Client, asked_of: dict[str, Any], held: Held, django_user_model: Any
) -> None:
    everything = django_user_model.objects.create_user("nearly")
    held.only = frozenset().union(*PERMISSIONS_OF.values()) | set(Permission)
    for door in act.admin:
        assert demanded(door, browser, asked_of, held) <= act.right, door
        other = Client()
        other.force_login(everything)
        address = reverse(door.route, args=[asked_of[name] for name in door.args])
        assert getattr(other, door.method)(address).status_code in (302, 403, 404)
    assert Role.BROKER_ADMINISTRATOR


def _unsafe_methods() -> set[tuple[str, str]]:
    """(route, method) of all that is not reading, with what routes.py says of them."""
    found = set()
    for _, pattern in walk():
        if pattern.name not in ROUTES:
            continue
        if ROUTES[pattern.name].post not in ("none", "absent"):
            found.add((pattern.name, "post"))
        actions = getattr(pattern.callback, "actions", None) or {}
        found |= {(pattern.name, method) for method in actions if method in UNSAFE}
    return found


def test_every_act_is_in_the_table() -> None:
    told = {
        (door.route, door.method)
        for act in ACTS
        for door in (*act.page, *act.api)
        if door.method in UNSAFE
    }
    missing = {(route, method) for route, method in _unsafe_methods() - told if route not in OWN}
    assert not missing, "list new acts in tests/conventions/doors.py"
