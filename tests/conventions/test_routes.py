from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pika
import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accessctl.grants.roles import Role
from accessctl.models import (
    BrokerPermission,
    BrokerTopicPermission,
    BrokerUser,
    ConsoleSession,
    Grant,
)
from accessctl.tokens.service import create_token
from console.audit import record
from console.models import Broker, Change
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.reading.tap import Tapped
from tests.alerts.make import fire, make_channel, make_rule
from tests.conventions.routes import ADMIN, AUDITED, NOWHERE, ROUTES, Route
from tests.factories import connect_client
from vhosts.alerts.notifications.ack import link_of
from vhosts.alerts.notifications.route import route_events
from vhosts.definitions.import_file import ImportOptions
from vhosts.definitions.model import sealed
from vhosts.messages.listening.buffer import sealed as sealed_messages
from vhosts.messages.listening.targets import Target
from vhosts.models import (
    AlertDelivery,
    AlertOwner,
    Backup,
    Binding,
    Dashboard,
    DeadLetterGroup,
    Exchange,
    FederationLink,
    FederationUpstream,
    FederationUpstreamSet,
    GlobalParameter,
    IgnoredFinding,
    ImportDraft,
    MaintenanceWindow,
    MaskingRule,
    MessageJob,
    MessageTemplate,
    Node,
    NoisePattern,
    OperatorPolicy,
    Parameter,
    Policy,
    PublishBatch,
    PublishRequest,
    Queue,
    Shovel,
    Tap,
    TapSlice,
    TapViewer,
    VirtualHost,
)

pytestmark = pytest.mark.django_db

REFUSED = {401, 403}


def walk(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for each in (resolver or get_resolver()).url_patterns:
        address = f"{prefix}{each.pattern}"
        if isinstance(each, URLResolver):
            yield from walk(each, address)
        else:
            yield address, each


_MOVER = {"src-uri": "amqp://", "src-queue": "a", "dest-uri": "amqp://", "dest-queue": "b"}


def tap_viewer(broker: Broker, user: Any, now: datetime) -> Any:
    """Somebody who listens to an exchange, and a message that came."""
    target = Target("/", "exchange", "e")
    tap = Tap.objects.create(
        broker=broker,
        digest=target.digest,
        target=target.as_dict(),
        seq=1,
        leased_until=now + timedelta(hours=1),
    )
    message = Message("e", "", False, pika.BasicProperties(), b"hello")
    TapSlice.objects.create(
        tap=tap, seq=1, at=now, seconds=1, kept=1, skipped=0, at_least=False, bytes=0,
        sealed=sealed_messages([Tapped(message, 5)]),
    )  # fmt: skip
    return TapViewer.objects.create(tap=tap, user=user, joined_at=now, seen_at=now).pk


@pytest.fixture
def objects(make_broker: Any, now: datetime, superuser: Any) -> dict[str, Any]:
    broker = make_broker()
    seen = {"broker": broker, "first_seen_at": now, "changed_at": now}
    rights = {"vhost": "/", "user": "app", "write": "", "read": ""}
    capped: dict[str, Any] = {
        "vhost": "/", "name": "cap", "pattern": "", "apply_to": "queues", "priority": 0,
        "definition": {"max-length": 9},
    }  # fmt: skip
    token, _ = create_token(
        user=superuser, name="a", expires_in=timedelta(days=1), now=now, acting_user=None
    )
    vhost = VirtualHost.objects.create(**seen, name="/", limits={"max-queues": 1})
    return {
        "broker": broker.pk,
        "provider": "sso",
        "queue": Queue.objects.create(
            broker=broker, vhost="/", name="no such queue", first_seen_at=now
        ).pk,
        "vhost": vhost.pk,
        "limit": f"vhost-{vhost.pk}-max-queues",
        "user": BrokerUser.objects.create(**seen, name="app").pk,
        "permission": BrokerPermission.objects.create(**seen, **rights, configure="").pk,
        "topic_permission": BrokerTopicPermission.objects.create(
            **seen, **rights, exchange="amq.topic"
        ).pk,
        "exchange": Exchange.objects.create(**seen, vhost="/", name="e", type="direct").pk,
        "binding": Binding.objects.create(
            **seen, vhost="/", source="e", destination_type="queue", destination="q"
        ).pk,
        "policy": Policy.objects.create(**seen, **capped).pk,
        "ignored_finding": IgnoredFinding.objects.create(
            broker=broker, rule="alarm", reason="known", at=now
        ).pk,
        "dead_letter_group": DeadLetterGroup.objects.create(
            broker=broker,
            vhost="/",
            queue="no such queue",
            base="a",
            first_seen_at=now,
            seen_at=now,
        ).pk,
        "masking_rule": MaskingRule.objects.create(
            subject="header", target="x-card", action="mask", created_at=now
        ).pk,
        "message_job": MessageJob.objects.create(
            broker=broker, vhost="/", queue="q", mode="delete", created_at=now
        ).pk,
        "noise_pattern": NoisePattern.objects.create(pattern="celery*", created_at=now).pk,
        "operator_policy": OperatorPolicy.objects.create(**seen, **capped).pk,
        "shovel": Shovel.objects.create(**seen, vhost="/", name="mover", value=_MOVER).pk,
        "federation_upstream": FederationUpstream.objects.create(
            **seen, vhost="/", name="far", value={"uri": "amqp://far"}
        ).pk,
        "federation_upstream_set": FederationUpstreamSet.objects.create(
            **seen, vhost="/", name="some", value=[{"upstream": "far"}]
        ).pk,
        "federation_link": FederationLink.objects.create(
            **seen,
            vhost="/",
            node="n",
            link="l",
            of="queue",
            name="q",
            upstream="far",
            state="running",
        ).pk,
        "node": Node.objects.create(
            broker=broker,
            name="n",
            running=False,
            running_since=now,
            seen_at=now,
            first_seen_at=now,
        ).pk,
        "parameter": Parameter.objects.create(
            **seen, component="mine", vhost="/", name="one", value=1
        ).pk,
        "global_parameter": GlobalParameter.objects.create(**seen, name="mine", value=1).pk,
        **connect_client(broker, now),
        "tap_viewer": tap_viewer(broker, superuser, now),
        "tapped": 1,
        "example": "hello",
        "token": token.pk,
        "grant": Grant.objects.create(
            group=Group.objects.create(name="team"), role=Role.VIEWER, created_at=now
        ).pk,
        "session": ConsoleSession.objects.create(
            session_key="a", session_data="", expire_date=now + timedelta(days=1), user=superuser
        ).ref,
        "audit": record("a:b", target_kind="a", target="b", acting_user=superuser).pk,
        "change": Change.objects.create(
            created_at=now, author=superuser, author_name="root", origin="page", title="a change"
        ).pk,
        "group": Group.objects.get(name="team").pk,
        "plan": ImportDraft.objects.create(
            broker=broker,
            author=superuser,
            created_at=now,
            planned_at=now,
            title="a file",
            content_encrypted=sealed(b"{}"),
            options=asdict(ImportOptions()),
            plan={"rows": [], "counts": {}, "fingerprint": "", "sound": True},
        ).pk,
        "backup": Backup.objects.create(
            broker=broker,
            taken_at=now,
            checked_at=now,
            digest="d",
            objects_count=0,
            size=2,
            content_encrypted=sealed(b"{}"),
            origin="page",
        ).pk,
        "dashboard": Dashboard.objects.create(
            name="depths", owner=superuser, owner_name="root", created_at=now, updated_at=now
        ).pk,
        "publish_request": PublishRequest.objects.create(
            broker=broker, vhost="/", size=1, author=superuser, key="a", created_at=now
        ).pk,
        "message_template": MessageTemplate.objects.create(
            name="a",
            owner=superuser,
            updated_at=now,
            broker=broker,
            vhost="/",
            message={"exchange": "", "routing_key": "q", "properties": {}},
            content_encrypted=sealed(b'{"headers": {}, "body": ""}'),
        ).pk,
        "publish_batch": PublishBatch.objects.create(
            broker=broker, vhost="/", total=0, size=0, author=superuser, key="a", created_at=now
        ).pk,
        "person": User.objects.create_user("somebody").pk,
        "kept": uuid4(),
        **_of_alerts(broker, now),
    }


def _of_alerts(broker: Broker, now: datetime) -> dict[str, Any]:
    # At an address that is refused: a test message goes nowhere.
    channel = make_channel("json://169.254.169.254/", link_acts=True)
    incident = fire(make_rule(), broker, "q", now - timedelta(hours=1))
    route_events(now)
    delivery = AlertDelivery.objects.get()
    return {
        "alert": incident.pk,
        "alert_rule": incident.rule_id,
        "alert_owner": AlertOwner.objects.create(name="team").pk,
        "alert_window": MaintenanceWindow.objects.create(
            reason="upgrade", starts_at=now, ends_at=now + timedelta(days=1)
        ).pk,
        "alert_channel": channel.pk,
        "alert_message": delivery.notification_id,
        "alert_token": link_of(delivery.pk).rstrip("/").rpartition("/")[2],
    }


@pytest.fixture
def person(client: Client, django_user_model: Any) -> Client:
    client.force_login(django_user_model.objects.create_user("plain", password="a password"))
    return client


def address_of(route: Route, objects: dict[str, Any]) -> str:
    return reverse(route.name, args=[objects[name] for name in route.arguments])


def is_refused(answer: Any) -> bool:
    """Refused, hidden, or sent to log in (and back here)."""
    to_login = answer.status_code == 302 and f"{reverse('account_login')}?" in answer["Location"]
    return answer.status_code in {*REFUSED, 404} or to_login


def test_every_route_is_listed_with_who_may_use_it() -> None:
    found = {
        pattern.name or f"(no name) {address}"
        for address, pattern in walk()
        if not address.startswith(ADMIN)
    }
    assert found - NOWHERE == set(ROUTES), "list new routes in tests/conventions/routes.py"


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("route", ROUTES.values(), ids=lambda route: route.name)
class TestWho:
    def test_anonymous(self, route: Route, method: str, objects: Any, client: Client) -> None:
        answer = getattr(client, method)(address_of(route, objects))
        if getattr(route, method) == "open":
            assert answer.status_code in {200, 302, 503}
            assert not is_refused(answer)
        elif getattr(route, method) != "none":
            assert is_refused(answer), answer.status_code

    def test_person_without_grants(
        self, route: Route, method: str, objects: Any, person: Client
    ) -> None:
        before = list(Broker.objects.values())
        answer = getattr(person, method)(address_of(route, objects))
        match getattr(route, method):
            case "super":
                assert is_refused(answer), answer.status_code
            case "empty":
                assert answer.status_code in {200, 403}
                shown = b"".join(answer) if answer.streaming else answer.content
                assert b"no such queue" not in shown
                assert Broker.objects.get().name.encode() not in shown
            case "person":
                assert not is_refused(answer), answer.status_code
            case "absent":
                assert answer.status_code == 404
            case "none":
                assert answer.status_code in {403, 404, 405}
        assert list(Broker.objects.values()) == before

    def test_superuser(
        self, route: Route, method: str, objects: Any, client: Client, superuser: Any
    ) -> None:
        client.force_login(superuser)
        answer = getattr(client, method)(address_of(route, objects))
        if getattr(route, method) == "none":
            assert answer.status_code == 405
        elif getattr(route, method) == "absent":
            assert answer.status_code == 404
        else:
            assert not is_refused(answer), answer.status_code
            assert answer.status_code < 500 or route.name == "readyz"


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES.values() if route.post != "none"],
    ids=lambda route: route.name,
)
def test_no_browser_is_made_to_change_anything_by_another_site(
    route: Route, objects: Any, superuser: Any
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(superuser)
    before = list(Broker.objects.values())
    assert client.post(address_of(route, objects), {"name": "x"}).status_code == 403
    assert list(Broker.objects.values()) == before


@pytest.mark.parametrize(
    ("method", "name"), [("put", "broker"), ("patch", "broker"), ("delete", "broker"), ("delete", "token")]
)  # fmt: skip
def test_other_unsafe_methods_need_the_csrf_token_too(
    method: str, name: str, objects: Any, superuser: Any
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(superuser)
    address = reverse(f"api-{name}s-detail", args=[objects[name]])
    assert getattr(client, method)(address).status_code == 403


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES.values() if route.get not in ("none",)],
    ids=lambda route: route.name,
)
def test_looking_changes_nothing(
    route: Route, objects: Any, client: Client, superuser: Any
) -> None:
    client.force_login(superuser)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address_of(route, objects))
        if answer.streaming:
            b"".join(answer)
    writes = [
        query["sql"][:200]
        for query in queries
        if query["sql"].split()[0] in {"INSERT", "UPDATE", "DELETE"}
        # What limits count by is no change of anything.
        and not any(table in query["sql"] for table in ("console_cache", "console_request_count"))
        and not (route.name in AUDITED and "console_auditentry" in query["sql"])
    ]
    assert writes == []


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_admin_is_for_superusers(person: Client, method: str, objects: Any) -> None:
    broker = objects["broker"]
    for address in (
        "",
        "console/broker/",
        f"console/broker/{broker}/change/",
        f"console/broker/{broker}/delete/",
        "auth/user/add/",
        "jsi18n/",
        "autocomplete/",
        "nope/",
    ):
        answer = getattr(person, method)(f"/admin/{address}", {"post": "yes"})
        assert is_refused(answer) or answer.status_code == 302, address
    assert Broker.objects.exists()
