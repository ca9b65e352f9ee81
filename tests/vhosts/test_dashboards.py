"""Dashboards: sums that keep their gaps, limited to what the viewer may see; pages and API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import AuditEntry, Broker
from tests.console import fleet
from vhosts.dashboards.charts import Chart
from vhosts.dashboards.figures import figures
from vhosts.history import partitions
from vhosts.models import (
    BrokerSample,
    Dashboard,
    KnownSpan,
    Queue,
    QueueRollup5m,
    QueueSnapshot,
    RecentSnapshot,
    RollupMark,
)

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture
def root() -> Any:
    return get_user_model().objects.create_superuser("root", password="x")


@pytest.fixture
def broker() -> Broker:
    partitions.make_ahead(NOW, back_days=9)
    made = fleet.make("one", NOW)
    known(made, NOW - timedelta(days=8), NOW)
    return made


def known(broker: Broker, start: datetime, end: datetime) -> None:
    KnownSpan.objects.create(broker=broker, from_at=start, last_at=end, until_at=end)


def queue(broker: Broker, name: str, *changes: tuple[int, int], vhost: str = "/") -> Queue:
    """A queue with changes (minutes ago, ready)."""
    last = changes[-1]
    made = Queue.objects.create(
        broker=broker, vhost=vhost, name=name, first_seen_at=NOW, ready=last[1], unacked=1,
        total=last[1], depth_changed_at=NOW - timedelta(minutes=last[0]),
    )  # fmt: skip
    for minutes, ready in changes:
        table = RecentSnapshot if minutes < 30 else QueueSnapshot
        table.objects.create(
            queue_id=made.pk, at=NOW - timedelta(minutes=minutes), ready=ready, unacked=1
        )
    return made


def read(user: Any, chart: Chart, hours: int = 1, compare: bool = False) -> Any:
    return figures(user, chart, start=NOW - hours * HOUR, end=NOW, compare=compare, now=NOW)


def at(found: Any, minutes: int, name: str = "ready") -> float | None:
    place = (int((NOW - timedelta(minutes=minutes)).timestamp()) - found.begin) // found.step_s
    return found.columns[name][place]


def test_depths_of_queues_are_summed_from_their_changes(root: Any, broker: Broker) -> None:
    queue(broker, "orders.a", (90, 5), (40, 7), (10, 100))
    queue(broker, "orders.b", (200, 30))
    queue(broker, "other", (50, 1000))
    found = read(root, Chart(queue="orders"))
    assert [at(found, minutes) for minutes in (50, 30, 5)] == [35, 37, 130]
    assert at(found, 5, "unacked") == 2
    assert read(root, Chart(queue="*.b")).columns["ready"][5] == 30
    assert read(root, Chart(queue="orders.b", vhost="team-*")).columns["ready"][5] is None
    assert found.notes == []
    Queue.objects.filter(name="orders.b").update(ready=None)
    assert "depth isn't known now: 1." in read(root, Chart(queue="orders")).notes[0]


def test_a_gap_stays_a_gap_and_a_queue_that_went_counts_nothing(root: Any) -> None:
    partitions.make_ahead(NOW, back_days=1)
    broker = fleet.make("one", NOW)
    known(broker, NOW - 3 * HOUR, NOW - timedelta(minutes=40))
    known(broker, NOW - timedelta(minutes=20), NOW)
    stays = queue(broker, "stays", (100, 5))
    gone = queue(broker, "went", (100, 50))
    QueueSnapshot.objects.create(
        queue_id=gone.pk, at=NOW - timedelta(minutes=50), ready=None, unacked=None
    )
    Queue.objects.filter(pk=gone.pk).update(
        ready=None, gone_at=NOW, depth_changed_at=NOW - timedelta(minutes=50)
    )
    found = read(root, Chart())
    assert [at(found, minutes) for minutes in (55, 45, 30, 10)] == [55, 5, None, 5]
    assert stays.pk


def test_a_depth_that_was_unknown_is_no_zero(root: Any, broker: Broker) -> None:
    made = queue(broker, "orders", (100, 5), (10, 7))
    QueueSnapshot.objects.create(
        queue_id=made.pk, at=NOW - timedelta(minutes=45), ready=None, unacked=None
    )
    found = read(root, Chart())
    assert [at(found, minutes) for minutes in (50, 40, 20, 5)] == [5, None, None, 7]
    assert at(found, 20, "unacked") is None
    assert [note for note in found.notes if "up to 1. The sum" in note]
    queue(broker, "other", (100, 30))
    found = read(root, Chart())
    assert [at(found, minutes) for minutes in (50, 40, 5)] == [35, 30, 37]
    assert [note for note in found.notes if "up to 1. The sum" in note]
    Queue.objects.create(broker=broker, vhost="/", name="never known", first_seen_at=NOW - HOUR)
    assert set(read(root, Chart(queue="never known")).columns["ready"]) == {None}


def test_a_long_range_reads_rollups_and_the_changes_after_them(root: Any, broker: Broker) -> None:
    made = queue(broker, "orders", (20, 9))
    end = NOW - timedelta(minutes=30)
    RollupMark.objects.create(name="5m", done_until=end)
    QueueRollup5m.objects.create(
        queue_id=made.pk,
        bucket_at=NOW - timedelta(hours=10),
        ready_last=4,
        unacked_last=0,
        known_s=300,
    )
    found = read(root, Chart(), hours=24)
    assert found.step_s % 300 == 0
    assert (at(found, 23 * 60), at(found, 300), at(found, 2)) == (0, 4, 9)


def test_a_week_before_is_beside_today(root: Any, broker: Broker) -> None:
    queue(broker, "orders", (7 * 1440 + 30, 3), (7 * 1440 - 90, 8), (30, 20))
    found = read(root, Chart(), compare=True)
    assert (at(found, 10), at(found, 10, "ready_before"), at(found, 50, "ready_before")) == (
        20,
        3,
        0,
    )


def test_totals_of_brokers_are_sums_while_all_of_them_are_known(root: Any, broker: Broker) -> None:
    other = fleet.make("two", NOW)
    known(other, NOW - 2 * HOUR, NOW - timedelta(minutes=30))
    for one, ready in ((broker, 10), (other, 5)):
        for minutes in (59, 45, 31, 10):
            BrokerSample.objects.create(
                broker_id=one.pk, at=NOW - timedelta(minutes=minutes), ready=ready, unacked=0,
                publish_rate=2.5, deliver_rate=None,
            )  # fmt: skip
    found = read(root, Chart(kind="broker_depth"))
    assert (at(found, 45), at(found, 10)) == (15, None)
    rates = read(root, Chart(kind="broker_rates", broker=broker.pk))
    assert (at(rates, 45, "publish"), at(rates, 45, "deliver")) == (2.5, None)
    third = fleet.make("three", NOW)
    assert "1 broker without any known figure" in read(root, Chart(kind="broker_depth")).notes[0]
    assert third.pk


def test_a_chart_shows_only_what_its_viewer_may_see_and_says_so(
    broker: Broker, client: Client
) -> None:
    """AC-90: a dashboard of an administrator gives a tenant no figure of others."""
    queue(broker, "mine", (30, 3), vhost="team-a")
    queue(broker, "theirs", (30, 500), vhost="team-b")
    tenant = get_user_model().objects.create_user("tenant", password="x")
    Grant.objects.create(
        user=tenant, role=Role.VIEWER, broker=broker, vhost_pattern="team-a", created_at=NOW
    )
    found = read(tenant, Chart())
    assert at(found, 10) == 3
    assert list(found.notes) == ["Only what you can see is included."]
    assert read(tenant, Chart(broker=broker.pk, vhost="team-a")).notes == []
    hidden = fleet.make("hidden", NOW)
    elsewhere = read(tenant, Chart(kind="broker_depth", broker=hidden.pk))
    assert list(elsewhere.notes) == ["There is no such broker, or you can't see it."]
    assert read(tenant, Chart(kind="broker_depth", broker=10**6)).notes == elsewhere.notes
    client.force_login(tenant)
    sent = client.get("/dashboards/chart.json").json()
    assert sent["notes"] == ["Only what you can see is included."]
    assert max(value for value in sent["ready"] if value is not None) == 3


def test_the_queries_of_a_chart_are_constant(root: Any, broker: Broker) -> None:
    counts = []
    for number in (1, 30):
        for one in range(number):
            queue(broker, f"{number} {one}", (40, 1), (10, 2))
        with CaptureQueriesContext(connection) as caught:
            read(root, Chart(), compare=True)
        counts.append(len(caught))
    assert counts[0] == counts[1] <= 6


def test_a_person_composes_previews_and_shares_a_dashboard(
    admin_client: Client, broker: Broker
) -> None:
    row = {"0-kind": "queue_depth", "0-vhost": "*", "0-queue": "orders", "0-place": "2",
           "1-kind": "broker_rates", "1-broker": str(broker.pk), "1-vhost": "*", "1-place": "1"}  # fmt: skip
    preview = admin_client.post(
        "/dashboards/new/", {"name": "Shop", "rows": "2", **row, "preview": "1"}
    )
    assert preview.status_code == 200
    assert "nothing is saved yet" in preview.content.decode()
    assert not Dashboard.objects.exists()
    added = admin_client.post("/dashboards/new/", {"name": "Shop", "rows": "2", **row, "add": "1"})
    assert 'name="2-kind"' in added.content.decode()
    made = admin_client.post("/dashboards/new/", {"name": "Shop", "rows": "2", **row})
    dashboard = Dashboard.objects.get()
    assert made["Location"] == f"/dashboards/{dashboard.pk}/"
    assert [chart["kind"] for chart in dashboard.charts] == ["broker_rates", "queue_depth"]
    page = admin_client.get(f"/dashboards/{dashboard.pk}/?range=24h&compare=1").content.decode()
    assert "ready unacked ready_before unacked_before" in page
    assert "queue=orders&amp;range=24h&amp;compare=1" in page
    assert admin_client.get(f"/dashboards/{dashboard.pk}/?range=9y").status_code == 400
    edited = admin_client.post(
        f"/dashboards/{dashboard.pk}/edit/",
        {"name": "Shop", "rows": "2", **row, "1-remove": "1", "generation": "1", "listed": "1"},
    )
    assert edited.status_code == 302
    dashboard.refresh_from_db()
    assert ([chart["kind"] for chart in dashboard.charts], dashboard.listed) == (
        ["queue_depth"],
        True,
    )
    late = admin_client.post(
        f"/dashboards/{dashboard.pk}/edit/", {"name": "Late", "rows": "0", "generation": "1"}
    )
    assert "was edited meanwhile" in late.content.decode()
    assert admin_client.post(f"/dashboards/{dashboard.pk}/delete/").status_code == 302
    assert not Dashboard.objects.exists()
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))[-3:] == [
        "dashboards:create", "dashboards:update", "dashboards:delete",
    ]  # fmt: skip


def test_what_cannot_be_a_chart_is_refused(admin_client: Client) -> None:
    for query in (
        "kind=pie",
        "vhost=a*b*c*d*e*f*g",
        "broker=x",
        "environment=mars",
        "range=9y",
        "queue=%00",
    ):
        assert admin_client.get(f"/dashboards/chart.json?{query}").status_code == 400, query
    answer = admin_client.post("/dashboards/new/", {"name": "", "rows": "1", "0-kind": "pie"})
    assert answer.status_code == 400
    assert "kind must be one of" in answer.content.decode()


def test_hostile_names_are_text(admin_client: Client, admin_user: Any) -> None:
    name = fleet.HOSTILE.replace("\u202e", "")
    one = Dashboard.objects.create(
        name=name, owner=admin_user, owner_name=fleet.HOSTILE, created_at=NOW, updated_at=NOW,
        charts=[Chart(title=fleet.HOSTILE[:90], queue="<script>alert(1)</script>").as_json()],
    )  # fmt: skip
    for path in (
        "/dashboards/",
        f"/dashboards/{one.pk}/",
        f"/dashboards/{one.pk}/edit/",
        f"/dashboards/{one.pk}/delete/",
    ):
        page = admin_client.get(path).content.decode()
        for markup in ("<img src=x", "<script>alert"):
            assert markup not in page, path


def test_only_the_owner_or_an_administrator_of_all_edits(
    client: Client, broker: Broker, root: Any
) -> None:
    people = {}
    for name in ("owner", "colleague"):
        people[name] = get_user_model().objects.create_user(name, password="x")
        Grant.objects.create(user=people[name], role=Role.OPERATOR, broker=broker, created_at=NOW)
    one = Dashboard.objects.create(
        name="mine", owner=people["owner"], owner_name="owner", created_at=NOW, updated_at=NOW
    )
    for person, status in ((people["owner"], 200), (people["colleague"], 403), (root, 200)):
        client.force_login(person)
        assert client.get(f"/dashboards/{one.pk}/").status_code == 200
        assert client.get(f"/dashboards/{one.pk}/edit/").status_code == status
    client.force_login(people["colleague"])
    assert "mine" not in client.get("/dashboards/").content.decode()


def test_figures_as_csv_and_as_a_table(admin_client: Client, broker: Broker) -> None:
    queue(broker, "orders", (30, 12))
    lines = b"".join(admin_client.get("/dashboards/chart.csv?queue=orders")).decode().splitlines()
    assert lines[0] == '"at","ready","unacked"'
    assert any('"12"' in line for line in lines)
    table = admin_client.get("/dashboards/chart/?queue=orders&compare=1").content.decode()
    assert "Ready, a week ago" in table


def test_the_api_of_dashboards(admin_client: Client, admin_user: Any) -> None:
    charts = [{"kind": "queue_depth", "queue": "orders*"}]
    made = admin_client.post(
        "/api/v1/dashboards/", {"name": "Shop", "charts": charts}, content_type="application/json"
    )
    assert made.status_code == 201, made.content
    address = f"/api/v1/dashboards/{made.json()['id']}/"
    assert made.json()["charts"][0]["vhost"] == "*"
    assert admin_client.get(address)["ETag"] == '"1"'
    assert (
        admin_client.get("/api/v1/dashboards/").json()["results"][0]["owner"] == admin_user.username
    )
    for body, status in (
        ({"listed": True}, 200),
        ({"colour": "red"}, 400),
        ({"charts": [{"kind": "pie"}]}, 400),
    ):
        answer = admin_client.patch(address, body, content_type="application/json")
        assert answer.status_code == status, answer.content
    stale = admin_client.patch(
        address, {"name": "x"}, content_type="application/json", headers={"If-Match": '"1"'}
    )
    assert stale.status_code == 412
    assert admin_client.delete(address).status_code == 204
    assert admin_client.get(address).status_code == 404
