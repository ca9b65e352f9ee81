"""Fixtures that every folder may use. Brokers and Postgres are real; bin/test starts them.

RABBITMQ_URL names the broker: http://user:password@host:port of its management API. RABBITMQ_AMQP_URL
its AMQP listener; unset, it is asked of the broker.
"""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from uuid import uuid4

import hypothesis
import pika
import pytest

# By name for --hypothesis-profile; a test's own settings win. No test fails for being slow.
hypothesis.settings.register_profile("usual", deadline=None)
hypothesis.settings.register_profile("long", deadline=None, max_examples=1000)
#: The same examples each time, so that two runs of bench.mutations compare.
hypothesis.settings.register_profile("mutations", deadline=None, derandomize=True)
hypothesis.settings.load_profile("usual")

#: Fixtures of the change engine, and of two tenants of a broker.
pytest_plugins = ["tests.engine", "tests.tenants"]

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LiveBroker:
    """A real RabbitMQ, spoken to without the code under test."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.username = unquote(parts.username or "guest")
        self.password = unquote(parts.password or "guest")
        self.url = f"{parts.scheme}://{parts.hostname}:{parts.port}"

    def call(self, method: str, *segments: str, body: object = None, query: str = "") -> Any:
        """The decoded answer, None for an empty one. Raises urllib.error.HTTPError."""
        path = "/api/" + "/".join(quote(segment, safe="") for segment in segments)
        request = urllib.request.Request(  # noqa: S310 – an address of our own
            f"{self.url}{path}{query}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": "Basic "
                + b64encode(f"{self.username}:{self.password}".encode()).decode(),
                "Content-Type": "application/json",
            },
        )
        with _OPENER.open(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def forget(self, *segments: str) -> None:
        """DELETE that does not mind what is gone already."""
        try:
            self.call("DELETE", *segments)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise

    def amqp_parameters(self, vhost: str = "/") -> pika.ConnectionParameters:
        given = urlsplit(os.environ.get("RABBITMQ_AMQP_URL", ""))
        port = given.port or next(
            listener["port"]
            for listener in self.call("GET", "overview")["listeners"]
            if listener["protocol"] == "amqp"
        )
        return pika.ConnectionParameters(
            host=given.hostname or urlsplit(self.url).hostname,
            port=port,
            virtual_host=vhost,
            credentials=pika.PlainCredentials(self.username, self.password),
        )


class ScratchVhost:
    """A vhost of a test's own on the live broker, with one AMQP channel into it."""

    def __init__(self, live: LiveBroker, name: str) -> None:
        self.live = live
        self.name = name
        self._connection: pika.BlockingConnection | None = None
        self._channel: Any = None

    @property
    def channel(self) -> Any:
        if self._channel is None or not self._channel.is_open:
            self._connection = pika.BlockingConnection(self.live.amqp_parameters(self.name))
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        return self._channel

    def declare(self, name: str, **arguments: Any) -> str:
        self.channel.queue_declare(name, durable=True, arguments=arguments or None)
        return name

    def publish(self, queue: str, count: int = 1) -> None:
        for number in range(count):
            self.channel.basic_publish("", queue, f"message {number}".encode(), mandatory=True)

    def take(self, queue: str, count: int = 1) -> None:
        for _ in range(count):
            self.channel.basic_get(queue, auto_ack=True)

    def delete(self, queue: str) -> None:
        self.channel.queue_delete(queue)

    def close(self) -> None:
        if self._connection is not None and self._connection.is_open:
            self._connection.close()


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    """http://user:password@host:port of the broker the tests may use."""
    url = os.environ.get("RABBITMQ_URL", "")
    if not url:
        pytest.fail("RABBITMQ_URL names no broker: run the tests by bin/test.", pytrace=False)
    return url


@pytest.fixture(scope="session")
def live_broker(rabbitmq_url: str) -> LiveBroker:
    return LiveBroker(rabbitmq_url)


@pytest.fixture
def scratch_vhost(live_broker: LiveBroker) -> Iterator[ScratchVhost]:
    """A new vhost on the live broker, removed with all in it after the test."""
    name = f"test-{uuid4().hex[:12]}"
    live_broker.call("PUT", "vhosts", name)
    live_broker.call(
        "PUT",
        "permissions",
        name,
        live_broker.username,
        body={"configure": ".*", "write": ".*", "read": ".*"},
    )
    vhost = ScratchVhost(live_broker, name)
    try:
        yield vhost
    finally:
        vhost.close()
        live_broker.forget("vhosts", name)


@pytest.fixture
def scratch_user(live_broker: LiveBroker) -> Iterator[tuple[str, str]]:
    """A new administrator on the live broker: name and password; removed after the test."""
    name, password = f"test-{uuid4().hex[:12]}", uuid4().hex
    live_broker.call("PUT", "users", name, body={"password": password, "tags": "administrator"})
    try:
        yield name, password
    finally:
        live_broker.forget("users", name)


@pytest.fixture
def guest(live_broker: LiveBroker) -> Iterator[None]:
    """The user that RabbitMQ is shipped with, with its default password, on the live broker."""
    there = any(user["name"] == "guest" for user in live_broker.call("GET", "users"))
    if not there:
        live_broker.call("PUT", "users", "guest", body={"password": "guest", "tags": ""})
    yield
    if not there:
        live_broker.forget("users", "guest")


@pytest.fixture(scope="session", autouse=True)
def _audit_trail_is_emptied_between_tests() -> Iterator[None]:
    """A test that commits has all tables truncated after it, which the audit trail refuses. The tests' role
    is a superuser; the console's is not and cannot do this (tests/local/test_database_roles.py)."""
    from django.db.backends.postgresql.operations import DatabaseOperations

    flush = DatabaseOperations.execute_sql_flush

    def flush_all(self: Any, statements: list[str]) -> Any:
        without_triggers = "SET LOCAL session_replication_role = replica"
        return flush(self, [without_triggers, *statements] if statements else [])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", flush_all)
        yield


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(autouse=True)
def _brokers_on_this_machine(settings: Any) -> None:
    """The live broker is on loopback, which only a setting allows."""
    settings.ALLOW_LOOPBACK_BROKERS = True


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Hashing console passwords as slowly as they deserve would be most of the tests' time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


MakeBroker = Callable[..., Any]


@pytest.fixture
def make_broker(live_broker: LiveBroker, db: None) -> MakeBroker:
    """make_broker(**columns) -> Broker, with its BrokerStatus, for the live broker unless
    `management_url`, `username` or `password` say otherwise. Due for its first poll."""
    from tests.factories import register_broker

    def make(**columns: Any) -> Any:
        return register_broker(
            **{
                "management_url": live_broker.url,
                "username": live_broker.username,
                "password": live_broker.password,
                **columns,
            }
        )

    return make


@pytest.fixture
def broker_row(db: None) -> MakeBroker:
    """broker_row(**columns) -> Broker, as make_broker's but with no node behind it: for pages and services
    that only read what is stored."""
    from tests.factories import register_broker

    return register_broker


@pytest.fixture
def management(live_broker: LiveBroker) -> Iterator[Any]:
    """The adapter's client on the live broker."""
    from console.rabbitmq.endpoint import AddressPolicy, Credentials, Endpoint, Secret
    from console.rabbitmq.management.client import ManagementClient

    endpoint = Endpoint(
        url=live_broker.url,
        credentials=Credentials(live_broker.username, Secret(live_broker.password)),
        policy=AddressPolicy(allow_loopback=True),
    )
    with ManagementClient(endpoint) as client:
        yield client


@pytest.fixture
def superuser(db: None) -> Any:
    """Log in with `client.force_login(superuser)`, or use pytest-django's `admin_client`."""
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_superuser("root", password="correct horse battery")


@pytest.fixture
def api_token(superuser: Any, now: datetime) -> str:
    """A token of the superuser."""
    from accessctl.tokens.service import create_token

    return create_token(
        user=superuser, name="tests", expires_in=timedelta(days=1), now=now, acting_user=None
    )[1]


@pytest.fixture
def api(api_token: str) -> Any:
    """A client of the REST API with the superuser's token; bodies are JSON."""
    from rest_framework.test import APIClient

    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_token}")
    return client


@pytest.fixture
def poll_now() -> Callable[..., Any]:
    """poll_now(broker, at=None) -> BrokerStatus: one poll in this process, due or not."""
    from console.models import BrokerStatus
    from vhosts.polling import dispatch, run

    def poll(broker: Any, at: datetime | None = None) -> Any:
        moment = at or dispatch.database_now()
        BrokerStatus.objects.filter(pk=broker.pk).update(next_poll_at=moment, claimed_until=None)
        for due in dispatch.claim_due_polls(moment):
            if due.broker_id == broker.pk:
                run.poll(due.broker_id, due.claim, moment)
        return BrokerStatus.objects.select_related("broker").get(pk=broker.pk)

    return poll


@pytest.fixture
def inventory_now() -> Callable[..., Any]:
    """inventory_now(broker, at=None) -> BrokerStatus: one inventory in this process, due or not. The
    broker must have been polled."""
    from console.models import BrokerStatus
    from vhosts.polling import dispatch
    from vhosts.polling.inventory import take as inventory

    def take(broker: Any, at: datetime | None = None) -> Any:
        moment = at or dispatch.database_now()
        BrokerStatus.objects.filter(pk=broker.pk).update(
            next_inventory_at=moment, inventory_claimed_until=None
        )
        for due in dispatch.claim_due_inventories(moment):
            if due.broker_id == broker.pk:
                inventory.take(due.broker_id, due.claim, moment)
        return BrokerStatus.objects.select_related("broker").get(pk=broker.pk)

    return take


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """eventually(check, within=20): calls `check` until it gives something true, and gives that.
    RabbitMQ's own figures are some seconds old."""

    def wait(check: Callable[[], Any], within: float = 20) -> Any:
        ends = time.monotonic() + within
        while True:
            found = check()
            if found:
                return found
            if time.monotonic() > ends:
                pytest.fail(f"Nothing came of it within {within:g} s; the last was {found!r}.")
            time.sleep(0.4)

    return wait
