"""The examples: their objects, their receivers, what can be sent, their programs."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.local.demo import topology
from console.models import Broker, Change
from tests.acting import apply
from tests.messages.listening import Page, signed_in, taps_end, wait
from vhosts.messages.learning.code import code_of
from vhosts.messages.learning.examples import BY_SLUG, EXAMPLES
from vhosts.messages.learning.objects import ARGUMENTS, BINDINGS, EXCHANGES, PREFIX, QUEUES
from vhosts.messages.learning.pictures import picture_of
from vhosts.messages.listening.model import Tap
from vhosts.models import Exchange, Queue, VirtualHost

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _taps_end(db: None) -> Any:
    yield
    taps_end()


@pytest.fixture
def broker(make_broker: Any, live_broker: Any, scratch_vhost: Any) -> Broker:
    found: Broker = make_broker(amqp_url=f"amqp://127.0.0.1:{live_broker.amqp_parameters().port}")
    now = timezone.now()
    VirtualHost.objects.create(
        broker=found, name=scratch_vhost.name, first_seen_at=now, changed_at=now
    )
    return found


@pytest.fixture
def installed(broker: Broker, scratch_vhost: Any, live_broker: Any) -> str:
    """The virtual host with the objects as the demo declares them, seen by an inventory."""
    parameters = live_broker.amqp_parameters()
    url = (
        f"amqp://{live_broker.username}:{live_broker.password}@{parameters.host}:{parameters.port}/"
    )
    queues = dict.fromkeys(QUEUES, ARGUMENTS)
    topology._declare(url, scratch_vhost.name, EXCHANGES, queues, BINDINGS)
    now = timezone.now()
    seen = {"broker": broker, "vhost": scratch_vhost.name, "first_seen_at": now}
    for name, kind in EXCHANGES.items():
        Exchange.objects.create(**seen, name=name, type=kind, changed_at=now)
    for name in QUEUES:
        Queue.objects.create(**seen, name=name)
    return str(scratch_vhost.name)


def at(route: str, broker: Broker, vhost: str, *arguments: str) -> str:
    return reverse(route, args=arguments, query={"broker": broker.pk, "vhost": vhost})


def started(client: Any, broker: Broker, vhost: str, slug: str) -> list[Page]:
    """Start the receivers of an example; return each as its script sees it."""
    answer = client.post(at("learn_start", broker, vhost, slug))
    assert answer.status_code == 302, answer.content.decode()
    shown = client.get(answer["Location"])
    assert shown.status_code == 200
    pages = Page.all_of(client, shown.content.decode())
    assert len(pages) == len(BY_SLUG[slug].panes)
    wait(lambda: all(page.ask() and page.state == "listening" for page in pages))
    return pages


def sent(client: Any, broker: Broker, vhost: str, slug: str, choice: int) -> str:
    answer = client.post(at("learn_send", broker, vhost, slug), {"choice": choice})
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_objects_fit_together() -> None:
    assert all(name.startswith(PREFIX) for name in (*EXCHANGES, *QUEUES))
    assert {(source, queue) for source, queue, _, _ in BINDINGS} == {
        (example.exchange, queue)
        for example in EXAMPLES
        if example.exchange
        for queue in example.queues
    }
    assert {queue for example in EXAMPLES for queue in example.queues} == set(QUEUES)
    for example in EXAMPLES:
        picture = picture_of(example)
        assert all(box.y >= 0 and box.y + box.height < picture.height for box in picture.boxes)


@pytest.mark.parametrize(
    ("slug", "choice", "heard"),
    [
        ("publish-subscribe", 0, [True, True]),
        ("routing", 0, [True, True]),
        ("routing", 1, [False, True]),
        ("topics", 0, [True, False]),
        ("topics", 1, [True, True]),
        ("topics", 2, [False, True]),
        ("headers", 0, [True, False]),
        ("headers", 2, [False, True]),
    ],
)
def test_each_receiver_hears_what_its_bindings_say(
    broker: Broker, installed: str, superuser: Any, slug: str, choice: int, heard: list[bool]
) -> None:
    client = signed_in(superuser)
    pages = started(client, broker, installed, slug)
    assert "1 message sent and confirmed." in sent(client, broker, installed, slug, choice)
    body = BY_SLUG[slug].choices[choice].body
    wait(lambda: [page.hears(body) for page in pages] == heard)


def test_what_nobody_gets_is_reported(broker: Broker, installed: str, superuser: Any) -> None:
    assert "no binding fits" in sent(signed_in(superuser), broker, installed, "routing", 2)


def test_the_fast_worker_does_more(
    broker: Broker, installed: str, superuser: Any, scratch_vhost: Any
) -> None:
    client = signed_in(superuser)
    fast, slow = started(client, broker, installed, "work")
    assert "6 messages sent and confirmed." in sent(client, broker, installed, "work", 1)

    def done() -> tuple[int, int]:
        fast.ask()
        slow.ask()
        return fast.text.count("<details"), slow.text.count("<details")

    wait(lambda: sum(done()) == 6)
    by_fast, by_slow = done()
    assert by_fast > by_slow > 0
    # They were consumed: nothing is left, and nothing is delivered twice.
    left = scratch_vhost.channel.queue_declare("learn.tasks", passive=True)
    assert left.method.message_count == 0


def test_a_call_gets_its_reply_or_says_that_none_came(
    broker: Broker, installed: str, superuser: Any
) -> None:
    client = signed_in(superuser)
    assert "No reply within 5 seconds" in sent(client, broker, installed, "rpc", 0)
    started(client, broker, installed, "rpc")
    assert "MAKE ME LOUDER" in sent(client, broker, installed, "rpc", 0)


def test_a_worker_needs_the_right_to_take_messages(
    broker: Broker, installed: str, superuser: Any
) -> None:
    user = get_user_model().objects.create_user("viewer", password="a password")
    Grant.objects.create(
        user=user, role=Role.VIEWER, broker=broker, vhost_pattern=installed,
        created_at=timezone.now(), reads_messages=True,
    )  # fmt: skip
    client = signed_in(user)
    assert client.post(at("learn_start", broker, installed, "work")).status_code == 403
    assert (
        client.post(at("learn_send", broker, installed, "work"), {"choice": 0}).status_code == 403
    )
    assert client.post(at("learn_create", broker, installed)).status_code in (302, 403)
    assert not Tap.objects.exists()
    assert not Change.objects.exists()


def test_the_objects_are_created_and_removed_by_a_change(
    broker: Broker, scratch_vhost: Any, superuser: Any, live_broker: Any
) -> None:
    client = signed_in(superuser)
    shown = client.get(at("learn", broker, scratch_vhost.name)).content.decode()
    assert "Create example objects" in shown
    assert client.post(at("learn_create", broker, scratch_vhost.name)).status_code == 302
    apply(Change.objects.latest("created_at"))
    names = {row["name"] for row in live_broker.call("GET", "queues", scratch_vhost.name)}
    assert names == set(QUEUES)
    bound = live_broker.call("GET", "bindings", scratch_vhost.name)
    assert len([row for row in bound if row["source"]]) == len(BINDINGS)
    shown = client.get(at("learn", broker, scratch_vhost.name)).content.decode()
    assert "objects are in this virtual host" in shown
    started(client, broker, scratch_vhost.name, "work")
    taps_end()
    assert client.post(at("learn_remove", broker, scratch_vhost.name)).status_code == 302
    apply(Change.objects.latest("created_at"))
    assert live_broker.call("GET", "queues", scratch_vhost.name) == []
    left = {row["name"] for row in live_broker.call("GET", "exchanges", scratch_vhost.name)}
    assert not left & set(EXCHANGES)


def run(program: str, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", program],
        env={**os.environ, "AMQP_URL": url},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.slug)
def test_the_programs_do_what_the_page_does(example: Any, installed: str, live_broker: Any) -> None:
    parameters = live_broker.amqp_parameters()
    url = (
        f"amqp://{live_broker.username}:{live_broker.password}@"
        f"{parameters.host}:{parameters.port}/{installed}"
    )
    first, second = (run(program, url) for program in code_of(example).values())
    talker, listener = (second, first) if example.calls else (first, second)
    try:
        printing = talker if example.calls else listener
        assert printing.stdout is not None
        line = printing.stdout.readline()
        body = example.choices[0].body
        assert (body.upper() if example.calls else body) in line
        assert talker.wait(60) == 0
    finally:
        for process in (first, second):
            process.kill()
            process.wait()
