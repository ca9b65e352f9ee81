"""Masks: what they hide, and that no spelling of a message gets round them."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import msgpack
import pika
import pytest

from accessctl.grants.roles import Role
from console.errors import NotAllowed
from console.rabbitmq.amqp.message import Message
from tests.messages.test_decoding import DATUM, RECORD
from vhosts.messages.decoding.schemas import Schema
from vhosts.messages.masking.paths import read_path
from vhosts.messages.masking.service import hides_less
from vhosts.messages.matching import Match, match
from vhosts.messages.moving.places import Place, Target
from vhosts.messages.moving.rights import missing_right, require_move
from vhosts.messages.showing import Reason, raw, reader_of, shown
from vhosts.models import MaskingRule

pytestmark = pytest.mark.django_db
CANARY = "4111-CANARY"
CARD = {"card": {"number": CANARY}}
LEVEL = json.dumps(CARD)


@pytest.fixture
def rule(now):
    def make(target, subject="body", action="mask", **columns):
        return MaskingRule.objects.create(
            target=target, subject=subject, action=action, created_at=now, **columns
        )

    return make


def message(body=b"{}", headers=None, **properties):
    given = {"headers": headers or {}} | properties
    return Message("shop", "order", False, pika.BasicProperties(**given), body)


def faces(one, reader, schema=None):
    """Everything that the door lets out, as one text."""
    found = shown(one, reader, schema=schema)
    return " ".join(map(repr, (found, found.exported(), raw(one, reader))))


BODIES = {
    "plain": LEVEL,
    "in a list": json.dumps([CARD]),
    "in lists of lists": json.dumps([[{"x": [CARD]}]]),
    "duplicate key, last": '{"card": {"number": 1}, "card": {"number": "CANARY"}}'.replace("CANARY", CANARY),
    "duplicate key, first": '{"card": {"number": "CANARY", "number": 1}}'.replace("CANARY", CANARY),
    "escaped key": '{"c\\u0061rd": {"numb\\u0065r": "CANARY"}}'.replace("CANARY", CANARY),
    "other case": json.dumps({"Card": {"NUMBER": CANARY}}),
    "byte order mark": "\ufeff" + LEVEL,
    "JSON in a string": json.dumps({"card": json.dumps({"number": CANARY})}),
    "JSON in JSON in a string": json.dumps(json.dumps(LEVEL)),
    "base64 in a string": json.dumps({"x": base64.b64encode(LEVEL.encode()).decode()}),
    "base64 with line ends": json.dumps({"x": base64.encodebytes(LEVEL.encode()).decode()}),
    "base64 for URLs": json.dumps({"x": base64.urlsafe_b64encode(LEVEL.encode()).decode().rstrip("=")}),
    "hex in a string": json.dumps({"x": LEVEL.encode().hex()}),
    "gzip in base64 in a string": json.dumps({"x": base64.b64encode(gzip.compress(LEVEL.encode())).decode()}),
    "zlib in base64 in a string": json.dumps({"x": base64.b64encode(zlib.compress(LEVEL.encode())).decode()}),
    "MessagePack in base64": json.dumps({"x": base64.b64encode(msgpack.packb(CARD)).decode()}),
    "gzip": gzip.compress(LEVEL.encode()),
    "gzip in gzip": gzip.compress(gzip.compress(LEVEL.encode())),
    "base64": base64.b64encode(LEVEL.encode()),
    "MessagePack": msgpack.packb(CARD),
    "MessagePack with JSON in bytes": msgpack.packb({"x": LEVEL.encode()}),
    "CBOR": b"\xa1\x64card\xa1\x66number\x6b" + CANARY.encode(),
    "UTF-16": LEVEL.encode("utf-16"),
    "JSON lines": LEVEL + "\n" + LEVEL,
    "JSON with a comment": LEVEL + " // more",
    "JSON with a comma too many": LEVEL[:-1] + ",}",
    "cut off": LEVEL[:-2],
    "text": f"card.number={CANARY}",
    "binary": b"\xff\xfe" + LEVEL.encode(),
    "too large": json.dumps({"pad": "x" * 1_100_000, **CARD}),
    "too deep": '{"a":' * 200 + LEVEL + "}" * 200,
    "deep in deep strings": json.dumps({"a": json.dumps({"a": json.dumps({"a": json.dumps({"a": LEVEL})})})}),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("target", ["$..number", "$..card", "$"])
def test_no_spelling_of_a_body_gets_round_a_mask(name, target, broker, reading, rule):
    rule(target)
    body = BODIES[name]
    one = message(body if isinstance(body, bytes) else body.encode())
    reader = reader_of(reading, broker.pk, "/")
    seen = faces(one, reader)
    for spelled in (CANARY, base64.b64encode(CANARY.encode()).decode()[:12], CANARY.encode().hex()):
        assert spelled not in seen
    assert not match(one, reader, Match.of({"body": CANARY}))
    assert not isinstance(raw(one, reader), bytes)


def test_a_mask_hides_only_what_its_path_leads_to(broker, reading, rule):
    rule("$.card.number")
    body = json.dumps(
        {"card": {"number": CANARY, "kind": "visa"}, "number": 5, "id": "a-usual-name-1234"}
    )
    found = shown(message(body.encode()), reader_of(reading, broker.pk, "/"))
    assert json.loads(found.payload.text) == {
        "card": {"number": "***", "kind": "visa"}, "number": 5, "id": "a-usual-name-1234",
    }  # fmt: skip
    assert found.payload.masked
    assert found.payload.raw == ""
    assert found.exported()["masked"]
    untouched = message(b'{"number": 5.0}')
    reader = reader_of(reading, broker.pk, "/")
    assert raw(untouched, reader) == b'{"number": 5.0}'
    assert shown(untouched, reader).payload.raw
    assert shown(untouched, reader).exported()["body"] == '{"number": 5.0}'


@pytest.mark.parametrize(
    ("target", "action", "expected"),
    [
        ("$.a", "mask", {"a": "***", "b": [{"c": 1, "d": 2}, {"c": 3}]}),
        ("$.a", "remove", {"b": [{"c": 1, "d": 2}, {"c": 3}]}),
        ("$.b[*].c", "remove", {"a": 0, "b": [{"d": 2}, {}]}),
        ("$.b.c", "mask", {"a": 0, "b": [{"c": "***", "d": 2}, {"c": "***"}]}),
        ("$.b[1]", "remove", {"a": 0, "b": [{"c": 1, "d": 2}]}),
        ("$..c", "mask", {"a": 0, "b": [{"c": "***", "d": 2}, {"c": "***"}]}),
        ("$['a']", "replace", {"a": "hidden", "b": [{"c": 1, "d": 2}, {"c": 3}]}),
        ("$.*", "mask", {"a": "***", "b": "***"}),
        ("$.x.y", "mask", {"a": 0, "b": [{"c": 1, "d": 2}, {"c": 3}]}),
    ],
)
def test_paths_and_actions(target, action, expected, broker, reading, rule):
    rule(target, action=action, replacement="hidden")
    body = b'{"a": 0, "b": [{"c": 1, "d": 2}, {"c": 3}]}'
    found = shown(message(body), reader_of(reading, broker.pk, "/"))
    assert json.loads(found.payload.text) == expected


def test_unreadable_paths_are_refused():
    for wrong in ("a", "", "$.", "$[", "$..", "$.a[", "$.a[?(@.b)]", "$[1:2]", "$" + ".a" * 300):
        with pytest.raises(ValueError, match="JSON path"):
            read_path(wrong)


def test_a_schema_of_the_reader_does_not_rename_masked_fields(broker, reading, rule):
    """Protobuf and Avro name fields by the schema, which the reader brings."""
    schema = Schema("avro", RECORD.replace(b'"id"', b'"harmless"'))
    assert "abc" in faces(message(DATUM), reader_of(reading, broker.pk, "/"), schema)
    rule("$.id")
    found = shown(message(DATUM), reader_of(reading, broker.pk, "/"), schema=schema)
    assert found.payload is None
    assert "can't be read as JSON" in found.reason


HEADERS = {
    "kept by a move": {"x-warren-customer": CANARY},
    "name": {"X-Customer": CANARY},
    "other case": {"x-CUSTOMER": CANARY},
    "underscore": {"x_customer": CANARY},
    "in a table": {"t": {"x-customer": CANARY}},
    "in a list in a table": {"t": {"l": [{"x-customer": [CANARY]}]}},
    "in x-death": {"x-death": [{"queue": "q", "x-customer": CANARY}]},
    "bytes": {"x-customer": CANARY.encode()},
    "in JSON in a header": {"h": json.dumps({"x-customer": CANARY})},
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("action", ["remove", "mask", "replace"])
def test_no_spelling_of_a_header_gets_round_a_mask(name, action, broker, reading, rule):
    rule("x-cust*", "header", action, replacement="hidden")
    one, reader = message(headers=HEADERS[name]), reader_of(reading, broker.pk, "/")
    seen = faces(one, reader)
    assert CANARY not in seen
    assert CANARY.encode().hex() not in seen
    for header in HEADERS[name]:
        assert not match(one, reader, Match.of({"header": f"{header}={CANARY}"}))


def test_properties_and_deaths_are_masked_by_name(broker, reading, rule):
    rule("correlation-id", "header")
    rule("routing-keys", "header")
    rule("x-first-death-*", "header", "remove")
    death = {"queue": "q", "reason": "rejected", "routing-keys": [CANARY]}
    headers = {"x-death": [death], "x-first-death-queue": CANARY}
    one = message(headers=headers, correlation_id=CANARY)
    reader = reader_of(reading, broker.pk, "/")
    assert CANARY not in faces(one, reader)
    assert shown(one, reader).deaths[0].queue == "q"
    rule("x-death", "header")
    assert shown(one, reader_of(reading, broker.pk, "/")).deaths == ()


def test_body_masks_reach_documents_in_headers(broker, reading, rule):
    """Error handlers copy bodies into headers."""
    rule("$..number")
    for headers in (
        {"original": LEVEL},
        {"original": base64.b64encode(LEVEL.encode())},
        {"o": CARD},
    ):
        assert CANARY not in faces(message(headers=headers), reader_of(reading, broker.pk, "/"))


def test_rules_apply_by_role_broker_and_virtual_host(broker, person, superuser, rule):
    rule("$.a", roles=[Role.OPERATOR.value], broker=broker, vhost_pattern="team-*")
    one = message(b'{"a": 1}')

    def masked(user, vhost="team-a"):
        return shown(one, reader_of(user, broker.pk, vhost)).payload.masked

    operator = person("op", (Role.OPERATOR, True))
    both = person("both", (Role.OPERATOR, True), (Role.VHOST_ADMINISTRATOR, True))
    other = person("other", (Role.VHOST_ADMINISTRATOR, True))
    assert masked(operator)
    assert not masked(operator, "prod")
    assert masked(both), "a further grant doesn't lift a rule"
    assert not masked(other)
    assert not masked(superuser)
    rule("$.a")
    assert masked(superuser), "a rule for everybody"
    assert masked(other, "prod")


def test_too_much_to_look_into_hides_all(broker, reading, rule):
    rule("$..number")
    body = json.dumps(['{"a": 1}'] * 2500).encode()
    found = shown(message(body), reader_of(reading, broker.pk, "/"))
    assert found.payload is None
    assert "too many values" in found.reason
    bomb = base64.b64encode(gzip.compress(b"0" * 3_000_000)).decode()
    found = shown(message(json.dumps({"x": bomb}).encode()), reader_of(reading, broker.pk, "/"))
    assert json.loads(found.payload.text) == {"x": "***"}
    assert isinstance(raw(message(json.dumps({"x": bomb}).encode()), reader_of(reading, broker.pk, "/")), Reason)  # fmt: skip


def test_messages_are_not_taken_to_where_less_is_hidden(broker, reading, superuser, rule):
    """Otherwise a move would lift every rule."""
    here, there = (broker, "team-a"), (broker, "prod")
    assert not hides_less(reading, here, there)
    rule("$.a", vhost_pattern="team-*", roles=[Role.OPERATOR.value])
    assert hides_less(reading, here, there)
    assert not hides_less(reading, there, here)
    assert not hides_less(reading, here, (broker, "team-b"))
    assert not hides_less(superuser, here, there), "nothing is hidden from them"
    rule("$.a", vhost_pattern="prod")
    assert not hides_less(reading, here, there), "the same is hidden there"
    elsewhere = Target(broker, "open", "", "q")
    with pytest.raises(NotAllowed, match="Masking rules hide"):
        require_move(reading, Place(broker, "team-a", "q"), elsewhere, "copy")
    assert missing_right(reading, Place(broker, "team-a", "q"), elsewhere, "move") == (
        "messages:read",
        "source",
    )
    assert (
        missing_right(
            reading, Place(broker, "team-a", "q"), Target(broker, "prod", "", "q"), "move"
        )
        is None
    )
