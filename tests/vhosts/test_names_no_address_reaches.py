"""Queues that RabbitMQ has and no address of its API reaches: files carry them, and nothing else is done with
them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import call_command

from tests.inputs.doors import APPLY, PLAN, Doors
from vhosts.definitions import read
from vhosts.definitions.backups import compare_backups, download_backup, take_backup

pytestmark = pytest.mark.django_db

ODD = [".", "..", "tab\there"]


@pytest.fixture
def doors(make_broker: Any, admin_client: Any, api: Any, tmp_path: Any) -> Doors:
    return Doors(make_broker(name="one"), admin_client, api, tmp_path)


@pytest.fixture
def vhost(scratch_vhost: Any) -> Any:
    for name in [*ODD, "usual"]:
        scratch_vhost.channel.queue_declare(name, durable=True, arguments={"x-max-length": 5})
        scratch_vhost.channel.queue_bind(name, "amq.topic", "#")
    return scratch_vhost


def names(file: Any, vhost: str) -> list[str]:
    return sorted(row["name"] for row in file["queues"] if row["vhost"] == vhost)


def test_an_export_has_what_the_brokers_own_export_has(doors, vhost):
    own = vhost.live.call("GET", "definitions")
    file = doors.api.get("/api/v1/definitions/?broker=one").json()
    assert names(file, vhost.name) == names(own, vhost.name) == [*ODD, "usual"]
    bound = {row["destination"] for row in file["bindings"] if row["vhost"] == vhost.name}
    assert bound == {*ODD, "usual"}
    assert "explanation" not in file or vhost.name not in file["explanation"]
    out = io.StringIO()
    call_command("export", "--broker", "one", "--as", "root", stdout=out)
    assert names(json.loads(out.getvalue()), vhost.name) == [*ODD, "usual"]


def test_a_backup_has_them_and_is_compared_with_them(doors, vhost, superuser, now):
    backup = take_backup(doors.broker, now=now, origin="page", acting_user=superuser)
    file = json.loads(download_backup(backup, secrets=False, acting_user=superuser))
    assert names(file, vhost.name) == [*ODD, "usual"]
    vhost.channel.queue_delete("..")
    found = compare_backups(backup, None, acting_user=superuser)
    deleted = {row.ref.key for row in found.rows if row.ref.kind == "queue"}
    assert deleted == {(vhost.name, "..")}


def test_a_file_with_them_changes_nothing_where_they_are_and_is_not_sound_elsewhere(doors, vhost):
    file = doors.api.get("/api/v1/definitions/?broker=one").json()
    plan = doors.file(file, PLAN).json()
    assert (plan["sound"], plan["in_sync"], plan["rows"]) == (True, True, [])
    vhost.channel.queue_delete("tab\there")
    plan = doors.file(file, PLAN).json()
    assert not plan["sound"]
    why = {row["key"][1]: row["why"] for row in plan["rows"] if row["kind"] == "queue"}
    assert list(why) == ["tab\there"]
    assert "rabbitmqctl import_definitions" in why["tab\there"]
    assert doors.file(file, APPLY).status_code == 400


def test_pruning_leaves_them_alone_and_says_so(doors, vhost):
    file = {"vhosts": [{"name": vhost.name}], "queues": [], "bindings": []}
    plan = doors.file(file, PLAN, vhost=vhost.name, prune="true").json()
    doomed = [
        row["key"][1] for row in plan["rows"] if (row["kind"], row["op"]) == ("queue", "delete")
    ]
    assert doomed == ["usual"]
    told = "\n".join(plan["objections"])
    assert f"Skipped: queue .. in {vhost.name}: A name that consists only of dots" in told


def test_a_copy_names_each_that_stays_behind(doors, vhost):
    target = f"{vhost.name}-copy"
    query = {"from_broker": "one", "source_vhost": vhost.name, "vhost": target}
    plan = doors.file(b"", PLAN, **query).json()
    assert plan["sound"]
    told = "\n".join(finding["text"] for finding in plan["findings"])
    assert [name for name in (".", "..", "tab\\x09here") if f"queue {name} in" not in told] == [], (
        told
    )


def test_internal_exchanges_are_exported_where_the_brokers_own_export_lacks_them(
    doors, scratch_vhost, monkeypatch
):
    """RabbitMQ 4.3 leaves them out of its definitions, and lists their bindings."""
    name = scratch_vhost.name
    scratch_vhost.live.call(
        "PUT", "exchanges", name, "inner", body={"type": "fanout", "internal": True}
    )
    scratch_vhost.live.call("PUT", "exchanges", name, "outer", body={"type": "fanout"})
    scratch_vhost.channel.exchange_bind("inner", "outer")
    parse = read.parse_live

    def as_4_3(body: bytes, *, most_bytes: int) -> Any:
        told = json.loads(body)
        if "vhosts" in told:
            told["rabbitmq_version"] = told["rabbit_version"] = "4.3.6"
            told["exchanges"] = [row for row in told["exchanges"] if not row.get("internal")]
        return parse(json.dumps(told).encode(), most_bytes=most_bytes)

    monkeypatch.setattr(read, "parse_live", as_4_3)
    file = doors.api.get("/api/v1/definitions/?broker=one").json()
    there = {row["name"] for row in file["exchanges"] if row["vhost"] == name}
    assert there == {"inner", "outer"}
    plan = doors.file(file, PLAN, vhost=name).json()
    assert (plan["sound"], plan["rows"]) == (True, [])
