"""The lists and pages of queues and virtual hosts."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.models import Grant
from tests.factories import HOSTILE, add_broker, add_queue, add_user, add_vhost, permit
from vhosts.history import partitions
from vhosts.models import Queue, QueueSnapshot

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
LISTS = ["queues", "vhosts"]


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


def text_of(response) -> str:
    """The page without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


def names_on(response) -> list[str]:
    return [row.queue.name for row, _, _ in response.context["queue_rows"]]


def fill(count: int) -> None:
    broker = add_broker(f"broker {count}", NOW)
    for number in range(count):
        add_vhost(broker, f"vhost {number}", NOW, cluster_state={"rabbit@a": "running"})
        add_queue(broker, f"queue {number}", NOW, vhost=f"vhost {number}", policy="ha")
        permit(broker, f"user {number}", f"vhost {number}", NOW)


@pytest.mark.parametrize("route", LISTS)
def test_a_list_costs_the_same_queries_for_one_row_and_for_a_hundred(
    browser, route, django_assert_max_num_queries
):
    fill(1)
    browser.get(reverse(route))
    with django_assert_max_num_queries(13) as one:
        browser.get(reverse(route))
    fill(100)
    with django_assert_max_num_queries(13) as many:
        response = browser.get(reverse(route))
    assert len(response.context["listing"].rows) == 100
    assert len(many) == len(one)


def test_the_filtered_list_of_queues_takes_at_most_12_queries(
    browser, django_assert_max_num_queries
):
    fill(20)
    broker = Queue.objects.first().broker
    url = f"/queues/?broker={broker.pk}&vhost=vhost+1&sort=-total&search=q&non_empty=1"
    with django_assert_max_num_queries(13):
        response = browser.get(url)
    assert names_on(response) == ["queue 1"]


def test_so_it_does_for_someone_whose_grants_are_for_a_part(client, django_assert_max_num_queries):
    fill(20)
    broker = Queue.objects.first().broker
    person = get_user_model().objects.create_user("part")
    for pattern in ("vhost 1*", "other"):
        Grant.objects.create(
            user=person, role=Role.VIEWER, broker=broker, vhost_pattern=pattern, created_at=NOW
        )
    client.force_login(person)
    with django_assert_max_num_queries(13):
        response = client.get("/queues/?sort=-total&search=q&non_empty=1")
    assert names_on(response)
    with django_assert_max_num_queries(13):
        client.get(f"/queues/?broker={broker.pk}&vhost=vhost+1&sort=-total&search=q&non_empty=1")


def test_queues_are_deepest_first_and_sort_both_ways_with_unknown_last(browser):
    broker = add_broker("b", NOW)
    for name, total in (("low", 1), ("high", 9), ("unknown", None)):
        add_queue(broker, name, NOW, total=total)
    assert names_on(browser.get("/queues/")) == ["high", "low", "unknown"]
    assert names_on(browser.get("/queues/?sort=total")) == ["low", "high", "unknown"]
    assert names_on(browser.get("/queues/?sort=name")) == ["high", "low", "unknown"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=RD", {"orders", "odd_rd"}),
        ("search=_", {"odd_rd"}),
        ("type=quorum", {"orders"}),
        ("type=other", {"mqtt"}),
        ("type=unknown", {"new"}),
        ("state=running", {"orders", "mqtt", "odd_rd"}),
        ("state=unknown", {"new"}),
        ("state=gone", {"left"}),
        ("non_empty=1", {"orders", "odd_rd"}),
        ("no_consumers=1", {"orders"}),
        ("policy=ha", {"orders"}),
        ("vhost=%2Fother", {"odd_rd"}),
        ("env=production", set()),
        ("", {"orders", "mqtt", "odd_rd", "new"}),
    ],
)
def test_filters_narrow_the_list_of_queues(browser, query, found):
    broker = add_broker("b", NOW)
    add_queue(broker, "orders", NOW, type="quorum", consumers=0, policy="ha")
    add_queue(broker, "mqtt", NOW, type="rabbit_mqtt_qos0_queue", total=0)
    add_queue(broker, "odd_rd", NOW, vhost="/other")
    add_queue(broker, "new", NOW, type="", state="", total=None, consumers=None)
    add_queue(broker, "left", NOW, gone_at=NOW)
    response = browser.get(f"/queues/?{query}")
    assert response.status_code == 200
    assert set(names_on(response)) == found


def test_the_header_sums_what_matches_and_says_what_it_leaves_out(browser):
    broker = add_broker("b", NOW)
    add_queue(broker, "a1", NOW, ready=1200, unacked=34, total=1234)
    add_queue(broker, "a2", NOW, ready=None, unacked=None, total=None)
    add_queue(broker, "b1", NOW, ready=5, unacked=0, total=5)
    listing = browser.get("/queues/?search=a").context["listing"]
    assert (listing.matched, listing.total) == (2, 3)
    assert listing.totals == {
        "ready": 1200,
        "unacked": 34,
        "messages": 1234,
        "unknown": 1,
        "empty": 0,
    }


@pytest.mark.parametrize(
    "query",
    [
        "sort=password",
        "sort=broker__password_encrypted",
        "page=0",
        "page=%00",
        "page_size=501",
        "type=nope",
        "search=%00",
        "search=" + "x" * 10_240,
        "env=mars",
        "broker=abc",
        "vhost=%00",
        "broker__password_encrypted__startswith=g",
    ],
)
@pytest.mark.parametrize("route", LISTS)
def test_an_unusable_url_shows_the_page_with_one_sentence_and_400(browser, route, query):
    fill(1)
    response = browser.get(f"{reverse(route)}?{query}")
    assert response.status_code == 400
    (problem,) = response.context["problems"]
    assert problem.message in response.content.decode().replace("&#x27;", "'")
    assert "data-refresh=" not in response.content.decode()
    assert browser.get(f"{reverse(route + '_csv')}?{query}").status_code == 400


def test_a_scope_that_cannot_be_read_shows_no_rows(browser):
    fill(3)
    assert names_on(browser.get("/queues/?env=mars")) == []


@pytest.mark.parametrize("broker", ["999999", "9" * 18])
def test_a_broker_that_does_not_exist_is_a_404(browser, broker):
    assert browser.get(f"/queues/?broker={broker}").status_code == 404


def test_htmx_gets_the_part_that_is_refreshed_and_nothing_around_it(browser):
    fill(2)
    part = browser.get("/queues/", headers={"HX-Request": "true"})
    assert part.content.strip().startswith(b'<div id="queues"')
    assert b"<html" not in part.content
    assert "HX-Request" in part["Vary"]
    assert b"<html" in browser.get("/queues/").content


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_on_every_page_it_is_on(browser, name):
    broker = add_broker(name[:100], NOW)
    vhost = add_vhost(broker, name, NOW, description=name, tags=[name])
    queue = add_queue(
        broker, name, NOW, vhost=name, policy=name, operator_policy=name, node=name, type=name,
        state=name, arguments={name: name, "x-dead-letter-exchange": name, "y": {name: [name]}},
    )  # fmt: skip
    permit(broker, name, name, NOW, name, name, name)
    add_user(broker, name, NOW, tags=[name])
    for url in (
        "/queues/?columns=name,vhost,broker,type,state,policy,operator_policy,features,node",
        f"/queues/{queue.pk}/",
        "/vhosts/",
        f"/vhosts/{vhost.pk}/",
    ):
        response = browser.get(url)
        assert response.status_code == 200
        html = response.content.decode()
        assert "<img src=x" not in html
        assert "<svg/onload" not in html
        assert "<script>alert" not in html
        assert 'href="javascript' not in html
        assert "\u202e" not in re.sub(r'data-copy="[^"]*"|value="[^"]*"', "", html)


def test_unknown_is_a_dash_with_its_reason_and_never_zero(browser):
    broker = add_broker("b", NOW, depths_at=None)
    add_queue(broker, "q", NOW, ready=None, unacked=None, total=None, consumers=None)
    html = browser.get("/queues/").content.decode()
    assert "No poll of this broker has read depths yet." in html
    assert '<span class="num">0</span>' not in html[html.index("<tbody>") : html.index("</tbody>")]


def test_stale_figures_say_so(browser):
    broker = add_broker("b", NOW, depths_at=NOW - timedelta(hours=3))
    add_queue(broker, "q", NOW)
    response = browser.get("/queues/")
    assert "is-stale-figure" in response.content.decode()
    assert "stale, 3 h ago" in text_of(response)
    assert "Some figures are out of date" in text_of(response)


def test_none_and_could_not_ask_do_not_look_alike(browser):
    assert "No brokers in this scope" in text_of(browser.get("/queues/"))
    asked = add_broker("asked", NOW)
    assert "The last poll that was answered found no queues in this scope" in text_of(
        browser.get("/queues/")
    )
    assert "The last inventory found none in this scope" in text_of(browser.get("/vhosts/"))
    asked.delete()
    add_broker("never", NOW, depths_at=None, inventory_at=None, state="new")
    for url in ("/queues/", "/vhosts/"):
        response = browser.get(url)
        assert "Unknown so far" in text_of(response)
        assert "empty-unknown" in response.content.decode()


def test_the_csv_holds_the_whole_filtered_list_in_its_order_with_safe_cells(browser):
    broker = add_broker("=cmd", NOW)
    for number in range(150):
        add_queue(broker, f"=name{number:03}", NOW, total=number, ready=number)
    add_queue(broker, "other", NOW)
    response = browser.get("/queues.csv?search=name&sort=-total&page_size=10&page=2")
    body = b"".join(response.streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(body)))
    assert len(rows) == 150
    assert (rows[0]["name"], rows[0]["total"], rows[0]["broker"]) == ("'=name149", "149", "'=cmd")
    assert response["Content-Disposition"] == 'attachment; filename="queues.csv"'
    body = b"".join(browser.get("/vhosts.csv").streaming_content).decode()
    assert body.splitlines()[0].startswith('"name","broker","queues"')


def test_the_list_of_vhosts_sums_up_queues_and_users(browser):
    broker = add_broker("b", NOW)
    add_vhost(broker, "full", NOW, limits={"max-queues": 5}, tracing=True)
    add_vhost(broker, "empty", NOW)
    add_queue(broker, "a", NOW, vhost="full")
    add_queue(broker, "b", NOW, vhost="full", ready=None, total=None)
    add_queue(broker, "left", NOW, vhost="full", gone_at=NOW)
    permit(broker, "u", "full", NOW)
    rows = {row.vhost.name: row for row in browser.get("/vhosts/").context["vhost_rows"]}
    full = rows["full"]
    assert (full.queues, full.ready, full.unacked, full.unknown, full.users) == (2, 5, 4, 1, 1)
    assert (rows["empty"].queues, rows["empty"].users) == (0, 0)
    for sort in ("queues", "-ready", "unacked", "-users"):
        assert browser.get(f"/vhosts/?sort={sort}").status_code == 200
    first = browser.get("/vhosts/?sort=-queues").context["vhost_rows"][0]
    assert first.vhost.name == "full"
    nobody = browser.get("/vhosts/?no_users=1").context["vhost_rows"]
    assert [row.vhost.name for row in nobody] == ["empty"]


def test_one_vhost_shows_its_limits_its_nodes_and_who_may_use_it(browser):
    broker = add_broker("b", NOW)
    vhost = add_vhost(
        broker, "v", NOW, limits={"max-connections": 0}, cluster_state={"rabbit@a": "stopped"}
    )
    add_queue(broker, "deep", NOW, vhost="v", total=99)
    permit(broker, "app", "v", NOW, "^app$", "", ".*")
    text = text_of(browser.get(f"/vhosts/{vhost.pk}/"))
    for said in ("none allowed", "rabbit@a", "Stopped", "deep", "app", "nothing", "everything"):
        assert said in text


def test_a_vhost_without_queues_is_not_called_one_whose_queues_are_empty(browser):
    broker = add_broker("b", NOW)
    page = f"/vhosts/{add_vhost(broker, 'v', NOW).pk}/"
    assert "No queues were found in this virtual host." in text_of(browser.get(page))
    add_queue(broker, "q", NOW, vhost="v", ready=0, unacked=0, total=0)
    assert "All queues are empty." in text_of(browser.get(page))


def test_a_broker_that_never_answered_has_no_figures_from_a_time(browser):
    never = add_broker("never", NOW, depths_at=None, state="unreachable", answered_at=None)
    text = text_of(browser.get(f"/queues/?broker={never.pk}"))
    assert "It has never answered, so there are no figures." in text
    answered = add_broker("answered", NOW, state="unreachable", answered_at=NOW)
    text = text_of(browser.get(f"/queues/?broker={answered.pk}"))
    assert "Its figures are from" in text


def test_one_queue_explains_its_arguments_and_shows_unknown_ones_as_they_are(browser):
    broker = add_broker("b", NOW)
    queue = add_queue(
        broker, "q", NOW, type="quorum",
        arguments={"x-message-ttl": 90_000, "x-max-priority": 5, "x-odd": {"a": 1}},
    )  # fmt: skip
    text = text_of(browser.get(f"/queues/{queue.pk}/"))
    assert "90000 = 1 min 30 s" in text
    assert "Messages are dropped or dead-lettered after this time." in text
    assert "No effect on a queue of this type." in text
    assert "x-odd {&quot;a&quot;: 1}" in text


def test_a_queue_that_is_gone_says_since_when_and_keeps_its_history(browser):
    partitions.make_ahead(NOW, back_days=2)
    broker = add_broker("b", NOW)
    queue = add_queue(broker, "q", NOW, gone_at=NOW - timedelta(hours=2))
    QueueSnapshot.objects.create(queue_id=queue.pk, at=NOW - timedelta(hours=5), ready=7, unacked=1)
    QueueSnapshot.objects.create(
        queue_id=queue.pk, at=NOW - timedelta(hours=2), ready=None, unacked=None
    )
    Queue.objects.filter(pk=queue.pk).update(
        ready=None, unacked=None, depth_changed_at=NOW - timedelta(hours=2)
    )
    response = browser.get(f"/queues/{queue.pk}/")
    assert "This queue was deleted" in text_of(response)
    assert "2 h ago" in text_of(response)
    history = browser.get(f"/queues/{queue.pk}/history.json?range=6h").json()
    assert 7 in history["ready"]
    assert history["ready"][-1] is None


def test_a_queue_on_a_dead_node_says_why_and_what_its_depth_was(browser):
    nodes = [{"name": "rabbit@a", "running": True}, {"name": "rabbit@b", "running": False}]
    broker = add_broker("b", NOW, nodes=nodes, vitals_at=NOW)
    unknown = {"ready": None, "unacked": None, "total": None, "consumers": None}
    read = datetime.now(UTC) - timedelta(hours=4)
    last = {"last_ready": 300, "last_unacked": 12, "last_depth_at": read}
    down = add_queue(broker, "d", NOW, state="down", node="rabbit@b", **unknown, **last)
    minority = add_queue(broker, "m", NOW, type="quorum", state="minority", **unknown, **last)
    unlisted = add_queue(broker, "u", NOW, type="quorum", state="", **unknown)
    listed = browser.get("/queues/").content.decode()
    assert "Node rabbit@b is down. Last known depth 312, 4 h ago." in listed
    assert "Too few of its members are online. Node rabbit@b is down." in listed
    assert listed.count("state-bad") == 2
    page = text_of(browser.get(f"/queues/{down.pk}/"))
    assert "Node rabbit@b is down. Last known depth 312, 4 h ago." in page
    assert "gone" not in page
    assert "Minority" in text_of(browser.get(f"/queues/{minority.pk}/"))
    page = text_of(browser.get(f"/queues/{unlisted.pk}/"))
    assert "Node rabbit@b is down. Its depth has never been read." in page
    found = browser.get("/queues/?state=down").content.decode()
    assert (">d<" in found, ">m<" in found) == (True, False)


def test_the_chart_the_table_and_the_csv_tell_the_same_and_gaps_stay_gaps(browser):
    partitions.make_ahead(NOW, back_days=2)
    broker = add_broker("b", NOW)
    queue = add_queue(broker, "q", NOW, depth_changed_at=NOW - timedelta(minutes=10))
    at = NOW - timedelta(minutes=10)
    QueueSnapshot.objects.create(queue_id=queue.pk, at=at, ready=5, unacked=2)
    url = f"/queues/{queue.pk}/history"
    data = browser.get(f"{url}.json?range=1h").json()
    assert len(data["at"]) == len(data["ready"]) == len(data["unacked"])
    known = [value for value in data["ready"] if value is not None]
    assert known
    assert set(known) == {5}
    assert None in data["ready"]
    body = b"".join(browser.get(f"{url}.csv?range=1h").streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(body)))
    assert sum(row["ready"] == "5" for row in rows) == pytest.approx(len(known), abs=1)
    assert any(row["ready"] == "" for row in rows)
    assert "unknown" in text_of(browser.get(f"{url}/?range=1h"))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("range=2h", "range"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
        ("from=2026-02-30T00:00:00Z", "from"),
        ("from=2026-01-01T24:61:00Z", "from"),
        ("from=2026-01-01T00:00:00", "from"),
        ("from=0000-01-01T00:00:00Z", "from"),
        ("from=0001-01-01T00:00:00%2B14:00", "from"),
        ("to=9999-12-31T23:59:59-14:00", "to"),
        ("from=1795445500000", "from"),
        ("from=2001-01-01T00:00:00Z&to=2030-01-01T00:00:00Z", "from"),
        ("from=2199-01-01T00:00:00Z&to=2199-01-02T00:00:00Z", "from"),
        ("from=%00", "from"),
        ("from=" + "9" * 5000, "from"),
    ],
)
def test_an_unusable_range_is_a_sentence_that_names_it(browser, query, field):
    queue = add_queue(add_broker("b", NOW), "q", NOW)
    answer = browser.get(f"/queues/{queue.pk}/history.json?{query}")
    assert answer.status_code == 400
    assert answer.json()["field"] == field
    page = browser.get(f"/queues/{queue.pk}/?{query}")
    assert page.status_code == 400
    assert page.context["problems"][0].field == field
    assert browser.get(f"/queues/{queue.pk}/history.csv?{query}").status_code == 400


def test_a_given_range_is_read_to_the_second_in_any_zone(browser):
    queue = add_queue(add_broker("b", NOW), "q", NOW)
    response = browser.get(
        f"/queues/{queue.pk}/?from=2026-01-01T14:00:00%2B14:00&to=2026-01-01T02:00:00Z"
    )
    assert response.context["range"].start == datetime(2026, 1, 1, tzinfo=UTC)
    assert response.status_code == 200


ROUTES = [
    "/queues/",
    "/queues.csv",
    "/queues/{queue}/",
    "/queues/{queue}/now/",
    "/queues/{queue}/details/",
    "/queues/{queue}/bindings/",
    "/queues/{queue}/history/",
    "/queues/{queue}/history.json",
    "/queues/{queue}/history.csv",
    "/vhosts/",
    "/vhosts.csv",
    "/vhosts/{vhost}/",
]


@pytest.mark.parametrize("route", ROUTES)
def test_somebody_without_grants_sees_nothing_and_nobody_unknown_gets_in(client, route):
    broker = add_broker("secret broker", NOW)
    url = route.format(
        queue=add_queue(broker, "secret queue", NOW).pk,
        vhost=add_vhost(broker, "secret vhost", NOW).pk,
    )
    anonymous = client.get(url)
    assert anonymous.status_code == 302
    assert "/accounts/login/" in anonymous["Location"]
    client.force_login(get_user_model().objects.create_user("plain", password="x"))
    response = client.get(url)
    assert response.status_code in (200, 403, 404)
    body = b"".join(response.streaming_content) if response.streaming else response.content
    assert b"secret" not in body
    if "{" in route:
        assert response.status_code == 404


@pytest.mark.parametrize("route", ROUTES)
def test_only_reading_is_allowed(browser, route):
    broker = add_broker("b", NOW)
    url = route.format(queue=add_queue(broker, "q", NOW).pk, vhost=add_vhost(broker, "v", NOW).pk)
    assert browser.post(url).status_code == 405


def test_reading_writes_nothing(browser, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    broker = add_broker("b", NOW)
    queue, vhost = add_queue(broker, "q", NOW), add_vhost(broker, "v", NOW)
    read = [url for url in ROUTES if not url.endswith(("now/", "details/", "bindings/"))]
    with CaptureQueriesContext(connection) as captured:
        for route in read:
            response = browser.get(route.format(queue=queue.pk, vhost=vhost.pk))
            if response.streaming:
                b"".join(response.streaming_content)
    written = [
        q["sql"]
        for q in captured
        if not q["sql"].startswith(
            ("SELECT", "DECLARE", "FETCH", "\n", "(SELECT", "SAVEPOINT", "RELEASE")
        )
    ]
    assert written == []
