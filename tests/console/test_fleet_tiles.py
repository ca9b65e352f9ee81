"""Fleet as tiles: the last hour with its gaps, limits, densities that are kept, and the wall."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import Broker
from console.pages.on_call.curves import curve
from console.pages.on_call.trend import POINTS, trends
from tests.console import fleet
from vhosts.history import partitions
from vhosts.models import BrokerSample, FleetDensity

pytestmark = pytest.mark.django_db


def now() -> datetime:
    return datetime.now(UTC)


def text_of(response: Any) -> str:
    return str(response.content.decode())


def sample(broker: Broker, at: datetime, ready: int, publish: float = 1.0) -> None:
    partitions.make_ahead(now(), back_days=1)
    BrokerSample.objects.create(
        broker_id=broker.pk, at=at, queues=1, connections=1, ready=ready, unacked=0,
        publish_rate=publish, deliver_rate=publish / 2,
    )  # fmt: skip


def tile_of(page: str, broker: Broker) -> str:
    found = re.search(rf'<article[^>]*id="broker-{broker.pk}".*?</article>', page, re.DOTALL)
    assert found, f"no tile for {broker}"
    return found.group()


def words(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


def test_the_last_hour_keeps_its_gaps_and_the_peak_of_each_minute() -> None:
    at = now()
    broker = fleet.make("one", at)
    sample(broker, at - timedelta(minutes=50, seconds=30), 10)
    sample(broker, at - timedelta(minutes=50, seconds=35), 70)
    sample(broker, at - timedelta(seconds=5), 20, publish=8)
    brokers = list(Broker.objects.select_related("status"))
    trend = trends(brokers, at)[broker.pk]
    assert len(trend.ready) == POINTS
    assert trend.ready[9] == 70
    assert trend.ready[20] is None
    assert trend.ready[-1] == 20
    assert (trend.peak, trend.scale) == (70, 8)
    assert curve(trend.ready, 70, base=21, height=19).line.count("M") == 2


def test_a_tile_says_what_is_known_of_a_broker(admin_client: Client) -> None:
    broker = fleet.make("orders-eu", now(), environment="production")
    sample(broker, now() - timedelta(minutes=1), 500_000)
    tile = tile_of(text_of(admin_client.get("/")), broker)
    shown = words(tile)
    for part in (
        "orders-eu", "Reachable", "RabbitMQ 4.0.5", "1 of 1 node", "184 231", "max 500 000",
        "no problems", "10 482 queues", "12 conn.",
    ):  # fmt: skip
        assert part in shown, part
    assert 'class="bar bar-ok"' in tile
    assert "bar-mark" in tile
    assert "env-production" in tile


def test_a_tile_of_a_broker_that_is_not_read_says_so_and_when_it_is_tried_again(
    admin_client: Client,
) -> None:
    broker = fleet.make(
        "billing", now(), state="unreachable", age=None, next_poll_at=now() + timedelta(seconds=100)
    )
    tile = tile_of(text_of(admin_client.get("/")), broker)
    assert "is-unknown" in tile
    assert tile.count('class="unknown"') >= 6
    assert re.search(r"next try in \d+ s", words(tile))
    assert not re.search(r'class="num">\s*0', tile)


def test_many_brokers_are_compact_and_a_choice_is_kept(
    admin_client: Client, admin_user: Any
) -> None:
    for number in range(12):
        fleet.make(f"b{number}", now())
    assert 'class="tile"' in text_of(admin_client.get("/"))
    fleet.make("b12", now())
    page = text_of(admin_client.get("/"))
    assert 'class="tile"' not in page
    assert page.count('class="mini"') == 13
    answer = admin_client.post("/fleet/density/?state=reachable", {"density": "tiles"})
    assert answer["Location"] == "/?state=reachable"
    assert 'class="tile"' in text_of(admin_client.get("/"))
    assert FleetDensity.objects.get(user=admin_user).density == "tiles"
    assert '<tr id="broker-' in text_of(admin_client.get("/?view=table"))
    assert admin_client.post("/fleet/density/", {"density": "loud"}).status_code == 400


def test_the_worst_comes_first_within_an_environment(admin_client: Client) -> None:
    names = {
        "fine": fleet.make("a-fine", now()),
        "dead": fleet.make("b-dead", now(), state="unreachable", age=None),
        "blocked": fleet.make("c-blocked", now(), alarms=["memory alarm"]),
        "live": fleet.make("d-live", now(), environment="production"),
    }
    page = text_of(admin_client.get("/?view=compact"))
    order = [int(pk) for pk in re.findall(r'id="broker-(\d+)"', page)]
    assert order == [names[key].pk for key in ("live", "blocked", "dead", "fine")]


def test_filters_hold_for_tiles(admin_client: Client) -> None:
    one, other = (
        fleet.make("payments", now()),
        fleet.make("orders", now(), state="refused", age=None),
    )
    page = text_of(admin_client.get("/?search=pay"))
    assert f'id="broker-{one.pk}"' in page
    assert f'id="broker-{other.pk}"' not in page
    assert f'id="broker-{other.pk}"' in text_of(admin_client.get("/?state=refused"))
    assert "No matches" in text_of(admin_client.get("/?search=zzz"))


def test_the_wall_has_large_tiles_and_no_navigation(admin_client: Client) -> None:
    fleet.make_all_states(now())
    page = text_of(admin_client.get("/?wall=1"))
    assert 'class="is-wall"' in page
    assert 'data-bs-theme="dark"' in page
    assert 'id="rail"' not in page
    assert 'data-refresh="5"' in page
    assert "wall=1" in page
    assert "Leave wall mode" in page


def test_a_part_of_the_fleet_is_all_that_a_person_sees(client: Client) -> None:
    seen, hidden = fleet.make("seen", now()), fleet.make("hidden", now(), state="refused")
    person = get_user_model().objects.create_user("viewer", password="x")
    Grant.objects.create(
        user=person, role=Role.VIEWER, broker=seen, vhost_pattern="team-*", created_at=now()
    )
    client.force_login(person)
    for query in ("view=tiles", "view=compact", "view=table", "wall=1"):
        page = text_of(client.get(f"/?{query}"))
        assert f'id="broker-{seen.pk}"' in page, query
        assert "hidden" not in re.sub(
            r'(aria-hidden|visually-hidden|type="hidden"|hidden>)', "", page
        ).replace("overflow: hidden", ""), query
        assert f"broker-{hidden.pk}" not in page, query


@pytest.mark.parametrize("view", ["tiles", "compact"])
def test_tiles_cost_the_same_for_many_brokers(admin_client: Client, view: str) -> None:
    counts = []
    for more in (1, 20):
        for number in range(more):
            sample(fleet.make(f"{more} {number}", now()), now() - timedelta(minutes=5), 3)
        admin_client.get(f"/?view={view}")
        with CaptureQueriesContext(connection) as caught:
            admin_client.get(f"/?view={view}")
        counts.append(len(caught))
    assert counts[0] == counts[1] <= 22
