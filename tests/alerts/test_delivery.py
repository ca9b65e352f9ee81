"""Events become messages that really arrive, once and in order, whatever dies or is down meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from tests.alerts.make import add_event, fire, make_channel, make_rule, resolve
from tests.alerts.sinks import HttpSink, SmtpSink
from tests.factories import HOSTILE, register_broker
from vhosts.alerts.notifications.deliver import claim_due, deliver_due
from vhosts.alerts.notifications.old import drop_old
from vhosts.alerts.notifications.retries import LEASE
from vhosts.alerts.notifications.route import BETWEEN, WAIT, route_events
from vhosts.models import AlertChannel, AlertDelivery, AlertEvent, AlertNotification

pytestmark = pytest.mark.django_db(transaction=True)
AGO = WAIT + timedelta(seconds=5)


def until(holds: Callable[[], Any], what: str) -> Any:
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        if found := holds():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within two minutes: {what}")


def later(delta: timedelta) -> None:
    """Let time pass for the deliveries that wait or are claimed."""
    for one in AlertDelivery.objects.all():
        one.due_at -= delta
        one.first_due_at -= delta
        one.lease_until = one.lease_until and one.lease_until - delta
        one.save()


def test_one_message_for_three_hundred_queues_and_one_when_all_is_well(sink: HttpSink) -> None:
    now = timezone.now()
    broker, rule = register_broker(name="production"), make_rule()
    make_channel(f"json://127.0.0.1:{sink.port}/hook")
    incidents = [fire(rule, broker, f"q{n}", now - AGO) for n in range(312)]
    assert route_events(now) == 1
    assert route_events(now) == 0
    assert deliver_due() == 1
    [(_, headers, body)] = sink.got
    assert body["title"] == "Critical: No consumers – 312 alerts on production"
    assert "q0 in /: 1,204 ready, no consumers." in body["message"]
    assert "and 302 more" in body["message"]
    assert body["type"] == "failure"
    assert body["alert_key"] == f"warren-rule-{rule.pk}-broker-{broker.pk}"
    assert headers["Idempotency-Key"].startswith("warren-")
    assert "/alerts/link/" in body["message"]
    for one in incidents:
        resolve(one, now)
    after = now + BETWEEN + timedelta(seconds=1)
    assert route_events(after) == 1
    later(timedelta(hours=1))
    assert deliver_due() == 1
    assert sink.titles[1] == "Resolved: No consumers – 312 alerts on production"
    assert sink.got[1][2]["type"] == "success"
    assert "/alerts/link/" not in sink.got[1][2]["message"]
    channel = AlertChannel.objects.get()
    assert channel.sent_at is not None
    assert channel.failures == 0


def test_more_queues_join_within_the_window_and_wait_after_a_message(sink: HttpSink) -> None:
    now = timezone.now()
    broker, rule = register_broker(), make_rule()
    make_channel(f"json://127.0.0.1:{sink.port}/")
    fire(rule, broker, "a", now - timedelta(seconds=2))
    assert route_events(now) == 0, "it waits for more"
    fire(rule, broker, "b", now)
    assert route_events(now + WAIT) == 1
    fire(rule, broker, "c", now)
    assert route_events(now + WAIT + WAIT) == 0, "the next message waits"
    assert route_events(now + WAIT + BETWEEN) == 1
    assert AlertNotification.objects.count() == 2
    assert not AlertEvent.objects.filter(handled_at=None).exists()


def test_muted_events_and_acts_of_people_notify_nobody(sink: HttpSink) -> None:
    now = timezone.now()
    broker, rule = register_broker(), make_rule()
    make_channel(f"json://127.0.0.1:{sink.port}/")
    one = fire(rule, broker, "a", now - AGO)
    one.events.update(muted=True)
    add_event(one, "acknowledged", now - AGO)
    assert route_events(now) == 0
    assert not AlertEvent.objects.filter(handled_at=None).exists()
    add_event(one, "window_ended", now - AGO)
    assert route_events(now) == 1


def test_a_channel_gets_what_it_wants(sink: HttpSink) -> None:
    from vhosts.models import AlertOwner

    now = timezone.now()
    broker = register_broker()
    loud, quiet = make_rule("Loud"), make_rule("Quiet", severity="info")
    owner = AlertOwner.objects.create(name="payments")
    url = f"json://127.0.0.1:{sink.port}/"
    make_channel(url, "all")
    make_channel(url, "severe", least_severity="warning")
    make_channel(url, "off", enabled=False)
    make_channel(url, "quiet only", everything=False).rules.add(quiet)
    make_channel(url, "payments only", everything=False).owners.add(owner)
    fire(loud, broker, "a", now - AGO, owner=owner)
    fire(quiet, broker, "b", now - AGO)
    assert route_events(now) == 2

    def names(title: str) -> set[str]:
        found = AlertDelivery.objects.filter(notification__title__contains=title)
        return set(found.values_list("channel_name", flat=True))

    assert names("Loud") == {"all", "severe", "payments only"}
    assert names("Quiet") == {"all", "quiet only"}


def test_a_channel_down_for_an_hour_gets_everything_in_order_and_once(sink: HttpSink) -> None:
    now = timezone.now()
    broker, rule = register_broker(), make_rule()
    channel = make_channel(f"json://127.0.0.1:{sink.port}/hook/canary-token")
    incident = fire(rule, broker, "a", now - AGO)
    route_events(now)
    resolve(incident, now)
    route_events(now + BETWEEN + WAIT)
    sink.status = 503
    for _ in range(7):
        later(timedelta(minutes=16))
        assert deliver_due() == 1, "only the first of the conversation is tried"
    channel.refresh_from_db()
    assert channel.failures == 7
    assert "503" in channel.error
    first, second = AlertDelivery.objects.order_by("id")
    assert (first.state, first.attempts, len(first.tries)) == ("waiting", 7, 7)
    assert second.attempts == 0
    assert "canary-token" not in str(first.tries) + first.error
    sink.status = 200
    sink.got.clear()
    for _ in range(3):
        later(timedelta(minutes=16))
        deliver_due()
    assert [title.partition(":")[0] for title in sink.titles] == ["Critical", "Resolved"]
    assert set(AlertDelivery.objects.values_list("state", flat=True)) == {"sent"}


def test_it_gives_up_after_a_day(sink: HttpSink) -> None:
    now = timezone.now()
    make_channel(f"json://127.0.0.1:{sink.port}/")
    fire(make_rule(), register_broker(), "a", now - AGO)
    route_events(now)
    sink.status = 500
    later(timedelta(hours=25))
    deliver_due()
    assert AlertDelivery.objects.get().state == "failed"
    later(timedelta(hours=1))
    assert deliver_due() == 0


def test_two_workers_send_nothing_twice(sink: HttpSink) -> None:
    now = timezone.now()
    broker = register_broker()
    make_channel(f"json://127.0.0.1:{sink.port}/")
    for n in range(6):
        fire(make_rule(f"rule {n}"), broker, "a", now - AGO)

    def work(_: int) -> None:
        try:
            route_events(now)
            deliver_due()
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    until(lambda: deliver_due() == 0, "nothing is due")
    assert AlertNotification.objects.count() == 6
    assert len(sink.got) == 6
    assert len(set(sink.titles)) == 6


_WORKER = """
import django; django.setup()
from django.conf import settings
settings.ALLOW_LOOPBACK_BROKERS = True
settings.DATABASES["default"]["NAME"] = {name!r}
from vhosts.alerts.notifications.deliver import deliver_due
deliver_due()
"""


def start_worker() -> subprocess.Popen[bytes]:
    name = connection.settings_dict["NAME"]
    return subprocess.Popen(
        [sys.executable, "-c", _WORKER.format(name=name)],
        cwd=django_settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "console.settings"},
    )


def test_a_worker_killed_while_it_sends_loses_and_repeats_nothing(sink: HttpSink) -> None:
    now = timezone.now()
    make_channel(f"json://127.0.0.1:{sink.port}/")
    fire(make_rule(), register_broker(), "a", now - AGO)
    route_events(now)
    sink.hold.clear()
    worker = start_worker()
    until(lambda: sink.got, "the message is at the service")
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert AlertDelivery.objects.get().state == "sending"
    assert deliver_due() == 0, "it is claimed"
    sink.hold.set()
    until(
        lambda: AlertDelivery.objects.get().state == "sent",
        "the result is stored without the worker",
    )
    later(LEASE + timedelta(minutes=1))
    assert deliver_due() == 0
    assert len(sink.got) == 1


def test_a_worker_killed_before_it_sends_loses_nothing(sink: HttpSink) -> None:
    now = timezone.now()
    make_channel(f"json://127.0.0.1:{sink.port}/")
    fire(make_rule(), register_broker(), "a", now - AGO)
    route_events(now)
    assert len(claim_due()) == 1
    assert deliver_due() == 0, "it is claimed"
    later(LEASE + timedelta(seconds=1))
    assert deliver_due() == 1
    assert len(sink.got) == 1
    assert AlertDelivery.objects.get().attempts == 2


def test_a_try_whose_claim_ran_out_sends_nothing(sink: HttpSink) -> None:
    from vhosts.alerts.channels.send import send_and_store
    from vhosts.alerts.notifications.deliver import _messages

    now = timezone.now()
    make_channel(f"json://127.0.0.1:{sink.port}/")
    fire(make_rule(), register_broker(), "a", now - AGO)
    route_events(now)
    stale = _messages(claim_due())
    later(LEASE + timedelta(seconds=1))
    assert deliver_due() == 1
    send_and_store(stale)
    assert len(sink.got) == 1


def test_hostile_names_are_harmless_in_mail_and_chat(mail: SmtpSink, sink: HttpSink) -> None:
    now = timezone.now()
    broker, rule = register_broker(name="b\r\nBcc: x@y.example"), make_rule("<b>@everyone</b>")
    make_channel(
        f"mailto://127.0.0.1:{mail.port}?smtp=127.0.0.1&from=warren@example.org&to=ops@example.org&mode=insecure",
        "mail",
    )
    make_channel(f"json://127.0.0.1:{sink.port}/", "hook")
    names = [*HOSTILE[:6], "@everyone", "<!channel>", "[x](http://evil.example)"]
    for name in names:
        fire(rule, broker, name, now - AGO, detail="<script>alert(1)</script>")
    route_events(now)
    until(lambda: deliver_due() == 0, "nothing is due")
    [message] = mail.got
    assert mail.recipients == ["ops@example.org"]
    assert message["Bcc"] is None
    html = message.get_body(("html",))
    text = (html.get_content() if html else "") + sink.got[0][2]["message"] + sink.titles[0]
    for bad in (
        "<script",
        "<img",
        "<svg",
        "@everyone",
        "<!channel",
        "](http",
        "\u202e",
        "http://evil",
    ):
        assert bad not in text, bad


def test_what_waits_for_a_deleted_channel_is_given_up(sink: HttpSink) -> None:
    now = timezone.now()
    channel = make_channel(f"json://127.0.0.1:{sink.port}/")
    fire(make_rule(), register_broker(), "a", now - AGO)
    route_events(now)
    channel.delete()
    drop_old(now)
    assert deliver_due() == 0
    assert AlertDelivery.objects.get().error == "The channel was deleted."
