"""Listening in the console: pages, rights, sharing, the end, on a live node."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pika
import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import AuditEntry, Broker
from tests.messages.listening import listening, signed_in, taps_end, wait
from vhosts.messages.listening.model import Tap, TapSlice, TapViewer
from vhosts.messages.listening.runner import LEFT_AFTER, LISTENS_FOR
from vhosts.models import Exchange, MaskingRule, Queue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _taps_end(db: None) -> Iterator[None]:
    """No thread of a test listens on into the next."""
    yield
    taps_end()


@pytest.fixture
def broker(make_broker: Any, live_broker: Any) -> Broker:
    found: Broker = make_broker(amqp_url=f"amqp://127.0.0.1:{live_broker.amqp_parameters().port}")
    return found


@pytest.fixture
def exchange(broker: Broker, scratch_vhost: Any) -> Exchange:
    """A fanout exchange with one bound queue, as seen by an inventory."""
    scratch_vhost.channel.exchange_declare("logs", "fanout", durable=True)
    scratch_vhost.declare("theirs")
    scratch_vhost.channel.queue_bind("theirs", "logs")
    return see(broker, scratch_vhost.name, "logs", "fanout")


def see(broker: Broker, vhost: str, name: str, kind: str) -> Exchange:
    now = timezone.now()
    found: Exchange = Exchange.objects.create(
        broker=broker, vhost=vhost, name=name, type=kind, first_seen_at=now, changed_at=now
    )
    return found


@pytest.fixture
def person(broker: Broker, scratch_vhost: Any) -> Callable[..., Any]:
    """A person with a role in the virtual host, and perhaps the right to read payloads."""

    def make(name: str, role: Role, *, reads: bool = False) -> Any:
        user = get_user_model().objects.create_user(name, password="a password")
        Grant.objects.create(
            user=user, role=role, broker=broker, vhost_pattern=scratch_vhost.name,
            created_at=timezone.now(), reads_messages=reads,
        )  # fmt: skip
        return user

    return make


def begun() -> bool:
    return Tap.objects.filter(listening_since__isnull=False).exists()


def queues_of_taps(live_broker: Any, vhost: str) -> list[str]:
    found = live_broker.call("GET", "queues", vhost)
    return [row["name"] for row in found if row["name"].startswith("amq.gen-")]


def test_a_page_hears_what_comes(
    broker: Broker, exchange: Exchange, superuser: Any, scratch_vhost: Any, live_broker: Any
) -> None:
    page = listening(signed_in(superuser), broker, vhost=exchange.vhost, exchange="logs")
    wait(begun)
    scratch_vhost.channel.basic_publish(
        "logs", "a.key", b"<b>hello</b>", pika.BasicProperties(headers={"shop": "one"})
    )
    wait(lambda: page.hears("&lt;b&gt;hello&lt;/b&gt;"))
    assert "a.key" in page.text
    address = re.search(r'data-url="([^"]+)"', page.text)
    assert address is not None
    one = page.client.get(address[1]).content.decode()
    assert "shop" in one
    assert "&lt;b&gt;hello" in one
    # Nothing was taken from those whose message it is.
    assert scratch_vhost.channel.queue_declare("theirs", passive=True).method.message_count == 1
    entry = AuditEntry.objects.get(action="messages:read")
    assert entry.after == {"messages": 0, "how": "listen"}
    assert entry.target == f"{exchange.vhost} / exchange logs"
    page.stop()
    wait(lambda: not Tap.objects.exists())
    assert not TapSlice.objects.exists()
    wait(lambda: not queues_of_taps(live_broker, exchange.vhost))


def test_viewers_share_a_tap_and_each_sees_what_they_may(
    broker: Broker,
    exchange: Exchange,
    person: Callable[..., Any],
    scratch_vhost: Any,
) -> None:
    reader = person("reader", Role.OPERATOR, reads=True)
    other = person("other", Role.OPERATOR)
    pages = [
        listening(signed_in(user), broker, vhost=exchange.vhost, exchange="logs")
        for user in (reader, other)
    ]
    assert Tap.objects.count() == 1
    wait(begun)
    scratch_vhost.channel.basic_publish("logs", "a.key", b"canary")
    wait(lambda: pages[0].hears("canary"))
    wait(lambda: pages[1].hears("a.key"))
    assert "canary" not in pages[1].text
    # A filter is no way around: it finds nothing by what its reader may not see.
    again = signed_in(other).post(
        reverse("listen_messages", args=[pages[1].id]), {"after": "0", "body": "canary"}
    )
    assert "a.key" not in again.content.decode()
    # Nobody reads through another person's page.
    stolen = reverse("listen_messages", args=[pages[0].id])
    assert signed_in(other).post(stolen, {"after": "0"}).status_code == 404
    # What is stored is encrypted.
    assert "canary" not in "".join(TapSlice.objects.values_list("sealed", flat=True))


def test_a_right_that_is_withdrawn_ends_listening(
    broker: Broker, exchange: Exchange, person: Callable[..., Any]
) -> None:
    user = person("reader", Role.OPERATOR, reads=True)
    page = listening(signed_in(user), broker, vhost=exchange.vhost, exchange="logs")
    Grant.objects.filter(user=user).delete()
    address = reverse("listen_messages", args=[page.id])
    assert page.client.post(address, {"after": "0"}).status_code in (403, 404)
    wait(lambda: not Tap.objects.exists())


def test_a_key_of_ones_own_needs_the_right_to_edit_bindings(
    broker: Broker, exchange: Exchange, person: Callable[..., Any]
) -> None:
    client = signed_in(person("operator", Role.OPERATOR))
    given = {"broker": broker.pk, "vhost": exchange.vhost, "exchange": "logs"}
    assert client.post(reverse("listen_start"), {**given, "mode": "key"}).status_code == 403
    assert client.post(reverse("listen_start"), given).status_code == 302


def test_without_rights_there_is_nothing(
    broker: Broker, exchange: Exchange, person: Callable[..., Any]
) -> None:
    given = {"broker": broker.pk, "vhost": exchange.vhost, "exchange": "logs"}
    nobody = get_user_model().objects.create_user("nobody", password="a password")
    viewer = person("viewer", Role.VIEWER)
    for user in (nobody, viewer):
        assert signed_in(user).post(reverse("listen_start"), given).status_code in (403, 404)
    assert not Tap.objects.exists()


def test_a_tap_ends_when_its_last_viewer_is_gone(
    broker: Broker, exchange: Exchange, superuser: Any, live_broker: Any
) -> None:
    page = listening(signed_in(superuser), broker, vhost=exchange.vhost, exchange="logs")
    wait(begun)
    wait(lambda: queues_of_taps(live_broker, exchange.vhost))
    TapViewer.objects.filter(pk=page.id).update(seen_at=timezone.now() - LEFT_AFTER)
    wait(lambda: not Tap.objects.exists(), within_s=30)
    wait(lambda: not queues_of_taps(live_broker, exchange.vhost))
    address = reverse("listen_messages", args=[page.id])
    assert page.client.post(address, {"after": "0"}).status_code == 404


def test_listening_ends_after_its_time(broker: Broker, exchange: Exchange, superuser: Any) -> None:
    page = listening(signed_in(superuser), broker, vhost=exchange.vhost, exchange="logs")
    TapViewer.objects.filter(pk=page.id).update(joined_at=timezone.now() - LISTENS_FOR)
    address = reverse("listen_messages", args=[page.id])
    assert page.client.post(address, {"after": "0"}).status_code == 404


_RUNNER = """
import os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "console.settings"
import django
django.setup()
from django.conf import settings
from django.db import connection
settings.ALLOW_LOOPBACK_BROKERS = True
connection.settings_dict["NAME"] = sys.argv[1]
from django.utils import timezone
from vhosts.messages.listening.model import Tap
from vhosts.messages.listening.runner import ensure_running
ensure_running(Tap.objects.get(), timezone.now())
time.sleep(120)
"""


def test_a_killed_process_leaves_nothing_and_another_goes_on(
    broker: Broker,
    exchange: Exchange,
    superuser: Any,
    live_broker: Any,
    scratch_vhost: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from vhosts.messages.listening import viewers

    with monkeypatch.context() as patch:
        patch.setattr(viewers, "ensure_running", lambda *_: None)
        page = listening(signed_in(superuser), broker, vhost=exchange.vhost, exchange="logs")
        name = connection.settings_dict["NAME"]
        process = subprocess.Popen([sys.executable, "-c", _RUNNER, name])
        try:
            [first] = wait(lambda: page.ask() and queues_of_taps(live_broker, exchange.vhost))
            wait(begun)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        wait(lambda: page.ask() and not queues_of_taps(live_broker, exchange.vhost))
    [second] = wait(lambda: page.ask() and queues_of_taps(live_broker, exchange.vhost))
    assert first != second
    wait(lambda: Tap.objects.filter(interruptions=1).exists())
    scratch_vhost.channel.basic_publish("logs", "", b"after the crash")
    wait(lambda: page.hears("after the crash"))
    assert "interrupted 1" in page.text


def test_what_a_dead_process_left_is_deleted(broker: Broker, superuser: Any) -> None:
    from vhosts.tasks import keep_history

    now = timezone.now()
    tap = Tap.objects.create(broker=broker, digest="d", target={}, lease=None)
    TapViewer.objects.create(
        tap=tap, user=superuser, joined_at=now, seen_at=now - timedelta(minutes=1)
    )
    keep_history()
    assert not Tap.objects.exists()


def test_the_default_exchange_and_types_that_share_out_are_refused(
    broker: Broker, superuser: Any, scratch_vhost: Any
) -> None:
    client = signed_in(superuser)
    vhost = scratch_vhost.name
    see(broker, vhost, "", "direct")
    hashing = see(broker, vhost, "shards", "x-consistent-hash")
    given = {"broker": broker.pk, "vhost": vhost}
    answer = client.post(reverse("listen_start"), {**given, "exchange": ""})
    assert answer.status_code == 400
    assert "default exchange can’t be tapped" in answer.content.decode().replace("&#x27;", "’")
    shown = client.get(reverse("listen"), {**given, "exchange": hashing.name}).content.decode()
    assert "could take messages from" in shown


def test_an_alternate_exchange_loses_nothing_to_a_key_of_ones_own(
    broker: Broker, superuser: Any, scratch_vhost: Any
) -> None:
    scratch_vhost.channel.exchange_declare("rest", "fanout")
    scratch_vhost.channel.exchange_declare(
        "main", "topic", arguments={"alternate-exchange": "rest"}
    )
    see(broker, scratch_vhost.name, "main", "topic")
    page = listening(
        signed_in(superuser), broker,
        vhost=scratch_vhost.name, exchange="main", mode="key", key="#",
    )  # fmt: skip
    wait(lambda: page.hears("This exchange has an alternate exchange"))


def test_a_queues_bindings_are_copied(
    broker: Broker, exchange: Exchange, superuser: Any, scratch_vhost: Any
) -> None:
    now = timezone.now()
    scratch_vhost.channel.exchange_declare("topics", "topic")
    scratch_vhost.channel.queue_bind("theirs", "topics", "kern.*")
    Queue.objects.create(broker=broker, vhost=exchange.vhost, name="theirs", first_seen_at=now)
    page = listening(signed_in(superuser), broker, vhost=exchange.vhost, queue="theirs")
    wait(begun)
    for key, body in (("cron.info", b"not for it"), ("kern.info", b"for it")):
        scratch_vhost.channel.basic_publish("topics", key, body)
    wait(lambda: page.hears("for it"))
    assert "not for it" not in page.text


def test_the_api_listens(
    broker: Broker, exchange: Exchange, superuser: Any, scratch_vhost: Any
) -> None:
    api = APIClient()
    api.force_login(superuser)
    given = {"broker": broker.pk, "vhost": exchange.vhost}
    assert api.post("/api/v1/taps/", given, format="json").status_code == 400
    made = api.post("/api/v1/taps/", {**given, "exchange": "logs"}, format="json")
    assert made.status_code == 201, made.content
    tap = made.json()
    assert tap["target"] == "exchange logs"
    wait(begun)
    scratch_vhost.channel.basic_publish("logs", "one", b'{"n": 1}')
    scratch_vhost.channel.basic_publish("logs", "two", b"second")
    heard: list[Any] = []
    after = tap["after"]

    def all_came() -> bool:
        nonlocal after
        answer = api.post(
            f"/api/v1/taps/{tap['id']}/messages/",
            {"after": after, "match": {"key": "two"}},
            format="json",
        )
        assert answer.status_code == 200, answer.content
        after = answer.json()["after"]
        heard.extend(answer.json()["messages"])
        return after >= tap["after"] + 2

    wait(all_came)
    assert [(one["message"]["routing_key"], one["cut"]) for one in heard] == [("two", False)]
    assert heard[0]["message"]["payload"]["text"] == "second"
    assert api.delete(f"/api/v1/taps/{tap['id']}/").status_code == 204
    assert api.delete(f"/api/v1/taps/{tap['id']}/").status_code == 404
    assert not Tap.objects.exists()


def test_the_command_prints_what_comes(
    broker: Broker, exchange: Exchange, superuser: Any, scratch_vhost: Any
) -> None:
    out = StringIO()
    done: list[int] = []

    def listen() -> None:
        try:
            call_command(
                "messages", "listen", "--exchange", "logs", "--vhost", exchange.vhost,
                "--broker", broker.name, "--as", superuser.username, "--count", "1", stdout=out,
            )  # fmt: skip
            done.append(0)
        except SystemExit as left:
            done.append(int(left.code or 0))
        finally:
            connection.close()

    thread = threading.Thread(target=listen)
    thread.start()
    wait(begun)
    scratch_vhost.channel.basic_publish("logs", "a.key", b"printed")
    thread.join(60)
    assert done == [0]
    assert "logs a.key  7 B  printed" in out.getvalue()
    assert not Tap.objects.exists()


def test_masks_hide_what_comes_even_if_it_is_cut(
    broker: Broker, exchange: Exchange, person: Callable[..., Any], scratch_vhost: Any
) -> None:
    now = timezone.now()
    for subject, target in (("body", "$.card"), ("header", "authorization")):
        MaskingRule.objects.create(
            subject=subject, target=target, action="mask", vhost_pattern="*", created_at=now
        )
    page = listening(
        signed_in(person("reader", Role.OPERATOR, reads=True)), broker,
        vhost=exchange.vhost, exchange="logs",
    )  # fmt: skip
    wait(begun)
    for key, body in (("whole", {}), ("cut", {"filler": "x" * 100_000})):
        scratch_vhost.channel.basic_publish(
            "logs", key, json.dumps({"card": "canary-4730", **body}).encode(),
            pika.BasicProperties(headers={"authorization": "canary-token"}),
        )  # fmt: skip
    wait(lambda: page.hears(">whole<") and page.hears(">cut<"))
    for address in re.findall(r'data-url="([^"]+)"', page.text):
        page.text += page.client.get(address).content.decode()
    assert "canary" not in page.text
    for wanted in ({"body": "canary"}, {"header": "authorization=canary"}):
        found = page.client.post(page.address, {"after": "0", **wanted}).content.decode()
        assert "listen-row" not in found
