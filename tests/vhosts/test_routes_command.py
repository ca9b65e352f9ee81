"""`manage.py routes check`: expectations in a file, against a definitions file and a live broker."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.core.management import CommandError, call_command

from console.models import BrokerStatus
from vhosts.polling.inventory import take as inventory

DEFINITIONS = {
    "rabbitmq_version": "4.0.5",
    "vhosts": [{"name": "v", "default_queue_type": "quorum"}],
    "exchanges": [
        {"name": "orders", "vhost": "v", "type": "topic", "durable": True, "auto_delete": False, "internal": False, "arguments": {}},
    ],
    "queues": [
        {"name": name, "vhost": "v", "durable": True, "auto_delete": False, "arguments": {}}
        for name in ("billing", "log", "lost")
    ],
    "bindings": [
        {"source": source, "vhost": "v", "destination": to, "destination_type": "queue", "routing_key": key, "arguments": {}}
        for source, to, key in (
            ("orders", "billing", "orders.eu.*"), ("orders", "log", "*.*.deleted"), ("amq.fanout", "lost", ""),
        )
    ],
    "policies": [
        {"name": name, "vhost": "v", "pattern": "^orders$", "apply-to": "exchanges", "priority": at, "definition": {"alternate-exchange": to}}
        for at, (name, to) in enumerate((("low", "amq.topic"), ("high", "amq.fanout")))
    ],
}  # fmt: skip
CASES = """
vhost: v
routes:
  - name: EU orders reach billing alone
    exchange: orders
    routing_key: orders.eu.created
    expect: {exactly: [billing]}
  - exchange: orders
    routing_key: orders.eu.deleted
    expect: {at_least: [log], none_of: [lost]}
  - name: the policy with the higher priority counts
    exchange: orders
    routing_key: misspelt
    expect: {exactly: [lost]}
  - exchange: amq.default
    routing_key: nobody
    mandatory: true
    expect: {unroutable: true}
  - exchange: nowhere
    expect: {refused: 404}
"""


@pytest.fixture
def check(tmp_path: Path) -> Any:
    def run(cases: str | bytes, *more: str, definitions: Any = DEFINITIONS) -> tuple[int, str]:
        (tmp_path / "routes.yaml").write_bytes(cases.encode() if isinstance(cases, str) else cases)
        (tmp_path / "definitions.json").write_text(json.dumps(definitions))
        given = [] if "--broker" in more else ["--definitions", str(tmp_path / "definitions.json")]
        out = io.StringIO()
        try:
            call_command(
                "routes", "check", str(tmp_path / "routes.yaml"), *given, *more, stdout=out
            )
        except SystemExit as end:
            return int(end.code or 0), out.getvalue()
        except CommandError as error:
            return error.returncode, str(error)
        return 0, out.getvalue()

    return run


def test_a_definitions_file_needs_neither_broker_nor_database(check: Any) -> None:
    code, text = check(CASES)
    assert (code, text.splitlines()[-1]) == (0, "5 of 5 as expected."), text


def test_a_difference_says_why(check: Any) -> None:
    code, text = check(CASES.replace("[billing]", "[log]"))
    assert code == 2
    assert text.splitlines()[:3] == [
        "FAIL  EU orders reach billing alone",
        "        - log: expected; orders: key orders.eu.created doesn't match *.*.deleted: third word is created, "
        "not deleted",
        "        + billing: not expected; orders: key orders.eu.created matches orders.eu.*",
    ]


def test_the_result_as_json_and_junit(check: Any, tmp_path: Path) -> None:
    bad = CASES.replace("[billing]", "[log]")
    code, text = check(bad, "--format", "json")
    told = json.loads(text)
    assert (code, told["held"], told["routes"][0]["queues"]) == (2, False, ["billing"])
    code, text = check(bad, "--format", "junit", "--output", str(tmp_path / "out.xml"))
    suite = ElementTree.fromstring((tmp_path / "out.xml").read_text())  # noqa: S314 – our own file
    assert (code, text, suite.get("tests"), suite.get("failures")) == (2, "", "5", "1")


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        (b"\xff\xfe", "isn't UTF-8"),
        ("routes: [", "Not valid YAML"),
        ('{"routes": ', "Not valid JSON"),
        ("routes: &a [*a]", "aliases"),
        ("routes: [{exchange: a, headers: {d: {1: a, b: c}}, expect: {unroutable: true}}]", "Quote numbers"),
        ("[]", "needs an object with the list routes"),
        ("routes: [{exchange: a}]", "Route 1: expect needs one of"),
        ("routes: [{exchange: a, expect: {exactly: b}}]", "exactly must be a list"),
        ("routes: [{exchange: a, expect: {unroutable: true, exactly: []}}]", "without other keys"),
        ("routes: [{exchange: a, expect: {refused: 500}}]", "refused must be"),
        ("routes: [{exchange: a, key: b, expect: {unroutable: true}}]", "unknown key key"),
        ("routes: [{exchange: a, headers: {d: 2026-01-01}, expect: {unroutable: true}}]", "headers"),
        (f"routes: [{{exchange: {'a' * 256}, expect: {{unroutable: true}}}}]", "256 bytes"),
        ("routes: [{exchange: !!python/name:os.system '', expect: {unroutable: true}}]", "Not valid YAML"),
    ],
)  # fmt: skip
def test_a_bad_file_is_an_error_with_its_place(check: Any, cases: Any, said: str) -> None:
    code, text = check(cases)
    assert code == 1
    assert said in text


def test_definitions_that_cannot_be_read_are_an_error(check: Any) -> None:
    code, text = check(CASES, definitions=[])
    assert code == 1
    assert "definitions.json" in text


@pytest.mark.django_db
def test_a_broker_is_checked_as_it_was_last_seen(
    check: Any, make_broker: Any, scratch_vhost: Any, superuser: Any, now: datetime
) -> None:
    scratch_vhost.channel.exchange_declare("orders", "topic", durable=True)
    scratch_vhost.channel.queue_bind(scratch_vhost.declare("billing"), "orders", "orders.#")
    broker = make_broker()
    BrokerStatus.objects.filter(pk=broker.pk).update(
        inventory_claim=1,
        inventory_claimed_until=now + timedelta(minutes=1),
        rabbitmq_version="3.10.8",
    )
    assert inventory.take(broker.pk, 1, now)
    cases = json.dumps({
        "vhost": scratch_vhost.name,
        "routes": [{"exchange": "orders", "routing_key": "orders", "expect": {"exactly": ["billing"]}}],
    })  # fmt: skip
    asked = ("--broker", broker.name, "--as", superuser.username)
    assert check(cases, *asked)[0] == 0
    BrokerStatus.objects.filter(pk=broker.pk).update(part_errors={"bindings": "Refused."})
    code, text = check(cases, *asked)
    assert code == 1
    assert "Not all bindings are known" in text
