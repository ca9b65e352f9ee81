"""However many people look, a broker is read once; and what a reading is worth when it fails."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from console.models import Broker
from console.rabbitmq.endpoint import Timeouts
from tests.factories import register_broker
from tests.faults.hostile import Conversation, HostileServer
from vhosts.live.find import seen
from vhosts.live.reading import forget_old, read_live
from vhosts.models import LiveConnection, LiveReading

ROW = {
    "name": "10.0.0.1:50000 -> 10.0.0.9:5672", "vhost": "/", "user": "app", "connected_at": 1_764_311_111_222,
}  # fmt: skip


class Answers:
    """A management API of which the test sets what it lists."""

    def __init__(self) -> None:
        self.rows: Any = [ROW]
        self.status = "200 OK"
        self.tags = ["administrator"]
        self.disable_stats = False
        self.slow_s = 0.0

    def __call__(self, talk: Conversation) -> None:
        what = urlsplit(talk.request.target).path.rpartition("/")[2]
        if what == "whoami":
            return talk.reply(json.dumps({"name": "warren", "tags": self.tags}).encode())
        if what == "overview":
            body = {"rabbitmq_version": "4.3.0", "disable_stats": self.disable_stats}
            return talk.reply(json.dumps(body).encode())
        talk.wait(self.slow_s)
        return talk.reply(json.dumps(self.rows).encode(), status=self.status)


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def server(answers: Answers) -> Any:
    with HostileServer(answers) as found:
        yield found


def calls(server: HostileServer, what: str = "connections") -> int:
    return sum(f"/api/{what}" in one.target for one in server.requests)


@pytest.mark.django_db(transaction=True)
def test_ten_viewers_cost_one_reading(server: Any, answers: Answers) -> None:
    broker = register_broker(management_url=server.url)
    answers.slow_s = 0.3
    people = [get_user_model().objects.create_superuser(f"p{number}") for number in range(10)]

    def look(person: Any) -> int:
        browser = Client()
        browser.force_login(person)
        try:
            page = browser.get(reverse("connections"), {"broker": broker.pk})
            return len(page.context["listing"].rows) if page.status_code == 200 else -1
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(look, people)) == [1] * 10
    assert calls(server) == 1


@pytest.mark.django_db
class TestReading:
    @pytest.fixture
    def broker(self, server: Any) -> Broker:
        found: Broker = register_broker(management_url=server.url)
        return found

    def test_it_is_shared_for_some_seconds(self, server: Any, broker: Broker) -> None:
        now = timezone.now()
        first = read_live(broker, "connections", now=now)
        again = read_live(broker, "connections", now=now + timedelta(seconds=4))
        assert (first.at, calls(server)) == (again.at, 1)
        read_live(broker, "connections", now=timezone.now() + timedelta(seconds=60))
        assert calls(server) == 2

    def test_a_list_that_takes_long_is_read_less_often(self, server: Any, broker: Broker) -> None:
        read_live(broker, "connections", now=timezone.now())
        LiveReading.objects.update(took_ms=3000)
        read_live(broker, "connections", now=timezone.now() + timedelta(seconds=20))
        assert calls(server) == 1

    def test_ids_stay_and_a_successor_has_another(self, answers: Answers, broker: Broker) -> None:
        ids = set()
        for opened in (1, 1, 2):
            answers.rows = [{**ROW, "connected_at": opened}]
            LiveReading.objects.update(tried_at=None)
            read_live(broker, "connections", now=timezone.now())
            ids.add(LiveConnection.objects.get().pk)
        assert len(ids) == 2

    def test_trouble_keeps_the_last_rows(self, answers: Answers, broker: Broker) -> None:
        first = read_live(broker, "connections", now=timezone.now())
        answers.status, answers.rows = "500 Internal Server Error", []
        LiveReading.objects.update(tried_at=None)
        found = read_live(broker, "connections", now=timezone.now())
        assert (found.at, found.is_stale) == (first.at, True)
        assert found.trouble is not None
        assert found.trouble.code == "broker_failed"
        assert LiveConnection.objects.count() == 1

    def test_an_empty_list_without_statistics_proves_nothing(
        self, answers: Answers, broker: Broker
    ) -> None:
        """4.3 with disable_metrics_collector answers [] although clients are connected."""
        answers.rows, answers.disable_stats = [], True
        found = read_live(broker, "connections", now=timezone.now())
        assert found.at is None
        assert found.trouble is not None
        assert found.trouble.code == "stats_disabled"

    def test_a_login_that_sees_only_its_own_is_said(
        self, answers: Answers, broker: Broker, client: Any, superuser: Any
    ) -> None:
        """AC-024: with the tag management, RabbitMQ lists only its user's own connections."""
        answers.tags, answers.rows = ["management"], []
        found = read_live(broker, "connections", now=timezone.now())
        assert "only the connections of the console's own user" in found.remark
        client.force_login(superuser)
        page = client.get(reverse("connections"), {"broker": broker.pk}).content.decode()
        assert "The list is incomplete" in page

    def test_one_odd_row_costs_only_itself(self, answers: Answers, broker: Broker) -> None:
        answers.rows = [
            ROW,
            {"vhost": "/"},
            {**ROW, "name": "b", "port": "x", "client_properties": []},
            ROW,
        ]
        found = read_live(broker, "connections", now=timezone.now())
        assert (found.rejected, LiveConnection.objects.count()) == (1, 2)

    def test_another_address_may_be_another_broker(self, server: Any, broker: Broker) -> None:
        read_live(broker, "connections", now=timezone.now())
        broker.management_url, broker.generation = "http://127.0.0.1:9", broker.generation + 1
        broker.save()
        assert read_live(broker, "connections", now=timezone.now()).at is None

    def test_a_reader_that_died_doesnt_block_others(self, server: Any, broker: Broker) -> None:
        now = timezone.now()
        LiveReading.objects.create(
            broker=broker, list="connections", generation=broker.generation,
            lease="00000000-0000-0000-0000-000000000001", leased_until=now - timedelta(seconds=1),
        )  # fmt: skip
        assert read_live(broker, "connections", now=now).at is not None
        assert calls(server) == 1

    def test_rows_that_nobody_looks_at_are_deleted(self, broker: Broker) -> None:
        read_live(broker, "connections", now=timezone.now())
        forget_old(timezone.now())
        assert LiveConnection.objects.count() == 1
        forget_old(timezone.now() + timedelta(hours=1))
        assert not LiveConnection.objects.exists()
        assert read_live(broker, "connections", now=timezone.now()).at is None

    def test_rows_of_another_address_are_not_found_and_deleted(
        self, broker: Broker, client: Any, superuser: Any
    ) -> None:
        read_live(broker, "connections", now=timezone.now())
        address = reverse("connection", args=[LiveConnection.objects.get().pk])
        client.force_login(superuser)
        assert client.get(address).status_code == 200
        broker.management_url, broker.generation = "http://127.0.0.1:9", broker.generation + 1
        broker.save()
        assert client.get(address).status_code == 404
        read_live(broker, "connections", now=timezone.now())
        assert not LiveConnection.objects.exists()

    def test_rows_that_are_too_old_to_be_shown_are_not_found(
        self, broker: Broker, client: Any, superuser: Any, api: Any
    ) -> None:
        read_live(broker, "connections", now=timezone.now())
        pk = LiveConnection.objects.get().pk
        told = api.get(f"/api/v1/connections/{pk}/")
        assert (told.status_code, parse_datetime(told.json()["read_at"])) == (
            200,
            LiveReading.objects.get().read_at,
        )
        LiveReading.objects.update(read_at=timezone.now() - timedelta(hours=1))
        client.force_login(superuser)
        assert client.get(reverse("connection", args=[pk])).status_code == 404
        assert api.get(f"/api/v1/connections/{pk}/").status_code == 404

    def test_while_a_dead_process_has_the_lease_old_rows_dont_look_current(
        self, broker: Broker, server: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read_live(broker, "connections", now=timezone.now())
        monkeypatch.setattr("vhosts.live.reading.DEADLINE", Timeouts(total=0.1))
        now = timezone.now()
        old = now - timedelta(minutes=5)
        LiveReading.objects.update(
            read_at=old, tried_at=old, lease="00000000-0000-0000-0000-000000000001",
            leased_until=now + timedelta(seconds=20),
        )  # fmt: skip
        found = read_live(broker, "connections", now=now)
        assert (found.at, found.is_stale, calls(server)) == (old, True, 1)

    def test_a_channel_takes_no_name_from_a_connection_of_another_virtual_host(
        self, answers: Answers, broker: Broker, superuser: Any
    ) -> None:
        """On two nodes, clients of the same machine can have connections of the same name."""
        answers.rows = [
            {**ROW, "vhost": "mine", "user_provided_name": "my worker", "connected_at": 1},
            {**ROW, "vhost": "hidden", "user_provided_name": "hidden worker", "connected_at": 2},
        ]
        read_live(broker, "connections", now=timezone.now())
        of = {"name": ROW["name"], "peer_host": "10.0.0.1", "peer_port": 50000}
        answers.rows = [{"name": "c (1)", "vhost": "mine", "user": "app", "connection_details": of}]
        found = read_live(broker, "channels", now=timezone.now())
        (channel,) = seen(found, superuser)
        mine = LiveConnection.objects.get(vhost="mine")
        assert (channel.client_name, channel.connection_id) == ("my worker", mine.pk)
