"""What a reader sees of a message by their rights, and that filters see no more."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pika
import pytest
from django.http import Http404
from django.template.loader import render_to_string

from accessctl.grants.roles import Role
from accessctl.reach import limit_reach
from accessctl.rights import Permission
from console.errors import InvalidField
from console.models import AuditEntry
from console.rabbitmq.amqp.message import Message
from vhosts.messages.matching import Match, match
from vhosts.messages.reading import record_reading
from vhosts.messages.serializers import ShownMessageSerializer
from vhosts.messages.showing import Reason, raw, reader_of, shown

pytestmark = pytest.mark.django_db

DEATH = {
    "queue": "orders", "reason": "rejected", "count": 3, "exchange": "shop",
    "routing-keys": ["order.new", b"\xff"], "time": datetime(2026, 11, 28, 2, 46, tzinfo=UTC),
}  # fmt: skip


def message(body=b'{"a": 1}', **properties):
    headers = {"x-exception": "TaxRateMissing", "n": 7, "x-death": [DEATH, "odd", {"count": True}]}
    given = {"content_type": "application/json", "headers": headers, "priority": 3} | properties
    return Message("shop", "order.new", True, pika.BasicProperties(**given), body)


def test_rights_decide_what_is_shown(broker, person, superuser):
    """Metadata with messages:view, payloads with messages:read, files with messages:export."""
    sees = shown(message(), reader_of(person("op", (Role.OPERATOR, False)), broker.pk, "/"))
    assert (sees.payload, sees.size) == (None, 8)
    assert "messages:read" in sees.reason
    assert [row.name for row in sees.headers] == ["x-exception", "n", "x-death"]
    assert "body" not in str(sees.exported().keys())
    reads = reader_of(person("viewer", (Role.VIEWER, True)), broker.pk, "/")
    assert shown(message(), reads).payload.text == '{\n  "a": 1\n}'
    for kept in (raw(message(), reads), shown(message(), reads).exported()):
        assert isinstance(kept, Reason)
        assert "messages:export" in str(kept)
    everything = reader_of(person("both", (Role.OPERATOR, True)), broker.pk, "/")
    assert raw(message(), everything) == b'{"a": 1}'
    assert shown(message(), everything).exported()["body"] == '{"a": 1}'
    assert raw(message(b"\xff"), reader_of(superuser, broker.pk, "/")) == b"\xff"


def test_who_may_see_nothing_learns_nothing(broker, person):
    """AC: hidden is answered like absent, per virtual host."""
    only = {"broker": broker, "vhost_pattern": "team-*"}
    for someone, vhost in (
        (person("none"), "/"),
        (person("viewer", (Role.VIEWER, False)), "/"),
        (person("team", (Role.OPERATOR, True, only)), "other"),
    ):
        with pytest.raises(Http404):
            reader_of(someone, broker.pk, vhost)
    with pytest.raises(Http404):
        reader_of(person("ann", (Role.OPERATOR, True)), 999_999, "/")


def test_an_api_token_limits_the_reader(broker, reading):
    limit_reach(reading, frozenset({Permission.MESSAGES_VIEW, Permission.BROKERS_VIEW}))
    reader = reader_of(reading, broker.pk, "/")
    assert (reader.reads, reader.exports) == (False, False)


def test_headers_properties_and_deaths(broker, reading):
    headers = {
        "t": {"k": [1, None, Decimal("1.50"), b"\xff"]}, "at": datetime(2026, 1, 1, tzinfo=UTC),
        "x-death": [DEATH], "yes": True, "\u202eevil": "a\x1b[2J",
    }  # fmt: skip
    found = shown(message(headers=headers), reader_of(reading, broker.pk, "/"))
    rows = {row.name: (row.type, row.text) for row in found.headers}
    assert rows["t"] == ("table", '{"k": [1, null, 1.50, "0xff"]}')
    assert rows["at"] == ("timestamp", "2026-01-01T00:00:00+00:00")
    assert rows["yes"] == ("boolean", "true")
    assert rows["\\u202eevil"] == ("string", "a\\x1b[2J")
    assert {row.name: row.value for row in found.properties} == {
        "content_type": "application/json",
        "priority": 3,
    }
    (death,) = found.deaths
    assert (death.queue, death.reason, death.count, death.routing_keys) == ("orders", "rejected", 3, ("order.new", "0xff"))  # fmt: skip
    assert death.at == DEATH["time"]
    naive = {**DEATH, "time": DEATH["time"].replace(tzinfo=None)}
    found = shown(message(headers={"x-death": [naive]}), reader_of(reading, broker.pk, "/"))
    assert found.deaths[0].at == DEATH["time"]
    deep: dict = {}
    for _ in range(500):
        deep = {"d": deep}
    found = shown(message(headers={"deep": deep, "x-death": "no list"}), reader_of(reading, broker.pk, "/"))  # fmt: skip
    assert "nested" in found.headers[0].text
    assert found.deaths == ()
    odd = shown(message(), reader_of(reading, broker.pk, "/"))
    assert odd.deaths[1].count is None, "a count that is no number isn't zero or one"


def test_a_filter_finds_by_what_the_reader_sees(broker, person, reading):
    """A filter by payload is no oracle for who may not read payloads."""
    reads = reader_of(reading, broker.pk, "/")
    sees = reader_of(person("op", (Role.OPERATOR, False)), broker.pk, "/")
    for wanted in (
        {"header": "X-Exception"}, {"header": "x-exception=taxrate"}, {"header": "n=7"}, {"key": "ORDER"},
        {"exchange": "shop"}, {"property": "priority=3"}, {"property": "content_type"}, {},
    ):  # fmt: skip
        assert match(message(), reads, Match.of(wanted)), wanted
        assert match(message(), sees, Match.of(wanted)), wanted
    for wanted in (
        {"header": "absent"},
        {"header": "n=8"},
        {"key": "x"},
        {"property": "priority=4"},
    ):
        assert not match(message(), reads, Match.of(wanted)), wanted
    assert match(message(), reads, Match.of({"body": '"A": 1'}))
    assert not match(message(), reads, Match.of({"body": "b"}))
    assert not match(message(), sees, Match.of({"body": "a"}))
    assert match(message(b"\xff" * 9000 + b"needle"), reads, Match.of({"body": "needle"}))
    stored = Match.of({"key": " order ", "other": "x"})
    assert (bool(stored), bool(Match.of({})), Match.of(stored.params())) == (True, False, stored)
    for bad in ("a\0b", "a" * 1001):
        with pytest.raises(InvalidField):
            Match.of({"body": bad})


def test_the_api_and_the_page_show_the_same(broker, reading):
    found = shown(message(b'{"a": "<script>x</script>"}'), reader_of(reading, broker.pk, "/"))
    data = ShownMessageSerializer(found).data
    assert json.loads(data["payload"]["text"]) == {"a": "<script>x</script>"}
    assert data["deaths"][0]["queue"] == "orders"
    page = render_to_string("vhosts/messages/_message.html", {"message": found, "at": 1})
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_reading_is_recorded_without_contents(broker, reading):
    record_reading(reading, broker, "/", "queue orders", 20, "peek")
    entry = AuditEntry.objects.get(action="messages:read")
    assert (entry.target, entry.username) == ("/ / queue orders", "reading")
    assert entry.after == {"messages": 20, "how": "peek"}
