"""Definitions files by `manage.py apply`: what is odd is told, what is legal is done exactly."""

from __future__ import annotations

import json

import pytest

from console.models import Change
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import password_matches
from tests.inputs.files import FULL

pytestmark = pytest.mark.django_db


def test_f2_f3_f7_l1_what_is_odd_is_told_and_the_rest_is_done(doors, names, live_broker):
    vhost = names("vhost")
    row = {"name": vhost, "tracin": True, "limits": {"max-queues": -1, "max-connections": 0}}
    body = json.dumps({"rabbit_version": "9" * 5000, "vhosts": [row], "vhost": []}).encode()
    code, told = doors.command(b"\xef\xbb\xbf" + body)
    assert code == 0
    assert "vhosts[0].tracin: This key is unknown" in told
    assert "supports files from RabbitMQ 3 and 4" in told
    assert live_broker.call("GET", "vhost-limits", vhost)[0]["value"] == {"max-connections": 0}


def test_r2_r4_r5_r8_r9_r16_j9_t3_u1_u7_what_is_legal_reaches_the_broker_exactly(
    doors, names, live_broker
):
    vhost, user = names("vhost"), names("user")
    cell = {"vhost": vhost, "user": user}
    file = {
        "vhosts": [{"name": vhost, "tags": ["a b"]}],
        "users": [{"name": user, "password": " a: ", "tags": ["a b"]}],
        "permissions": [{**cell, "configure": "", "write": "^(a+)+$", "read": "^[[:alpha:]]+$"}],
        "topic_permissions": [{**cell, "exchange": "e", "write": "^{client_id}", "read": ""}],
    }
    assert doors.command(file)[0] == 0
    there = live_broker.call("GET", "permissions", vhost, user)
    assert {name: there[name] for name in FULL} == {
        name: file["permissions"][0][name] for name in FULL
    }
    assert live_broker.call("GET", "topic-permissions", vhost, user)[0]["write"] == "^{client_id}"
    hashed = live_broker.call("GET", "users", user)["password_hash"]
    assert password_matches(Secret(" a: "), hashed)
    assert doors.command({"users": [{"name": user, "tags": "b"}]})[0] == 0
    kept = live_broker.call("GET", "users", user)
    assert (kept["tags"], kept["password_hash"]) == (["b"], hashed)
    for pattern in ("^(a(?R)?b)$", "(a{255}){255}"):
        code, told = doors.command({"permissions": [{**cell, **FULL, "read": pattern}]})
        there = live_broker.call("GET", "permissions", vhost, user)
        assert (code == 0) is (there["read"] == pattern), told
        assert code == 0 or "rejected" in told or "Not a valid regular expression" in told


@pytest.mark.parametrize(
    ("row", "said"),
    [
        pytest.param({"tags": ["monitoring"]}, "without the tag administrator", id="O2"),
        pytest.param({"tags": "administrator", "password": "x"}, "another password", id="O3"),
    ],
)
def test_a_file_does_not_shut_the_console_out(doors, make_broker, scratch_user, row, said):
    name, password = scratch_user
    doors.broker = make_broker(username=name, password=password)
    code, told = doors.command({"users": [{"name": name, **row}]})
    assert (code, said in told) == (1, True)
    assert not Change.objects.exists()
