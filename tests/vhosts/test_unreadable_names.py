"""One name that no console can keep must not stand in the way of all others: it is left out, and named."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.models import BrokerPermission, Grant
from console.models import BrokerStatus
from tests.inputs.doors import APPLY, PLAN, Doors
from vhosts.definitions.backups import compare_backups, take_backup
from vhosts.definitions.import_file import ImportOptions, plan_import
from vhosts.models import Exchange, Poll, Queue, VirtualHost

pytestmark = pytest.mark.django_db


@pytest.fixture
def doors(make_broker: Any, admin_client: Any, api: Any, tmp_path: Any) -> Doors:
    return Doors(make_broker(name="one"), admin_client, api, tmp_path)


@pytest.fixture
def odd(scratch_vhost: Any, scratch_user: Any) -> Any:
    """A vhost with a NUL wherever RabbitMQ takes one, beside what is sound."""
    live, vhost, (user, _) = scratch_vhost.live, scratch_vhost.name, scratch_user
    live.call("PUT", "vhosts", vhost, body={"description": "de\0sc", "tags": "ta\0g"})
    channel = scratch_vhost.channel
    for name in ("q", "nul\0x", "ctl\x01\x1bx"):
        channel.queue_declare(name, durable=True)
    channel.queue_declare("args", durable=True, arguments={"x-odd": "va\0lue"})
    channel.exchange_declare("ex\0x", "topic", durable=True)
    channel.exchange_declare("e", "topic", durable=True)
    channel.queue_bind("q", "e", "sound")
    channel.queue_bind("q", "e", "rk\0x")
    channel.queue_bind("q", "amq.headers", "", arguments={"a\0b": "c\0d"})
    body = {"pattern": "^a\0", "definition": {"max-length": 5}}
    live.call("PUT", "policies", vhost, "p", body=body)
    live.call("PUT", "policies", vhost, "pol\0icy", body={**body, "pattern": "^a"})
    live.call("PUT", "users", user, body={"password_hash": "", "tags": "ta\0g,monitoring"})
    rights = {"configure": "a\0", "write": "", "read": ""}
    live.call("PUT", "permissions", vhost, user, body=rights)
    return scratch_vhost


LEFT_OUT = (
    'queue "nul\\x00x" in "{v}": A text contains a NUL character.',
    'queue "args" in "{v}"',
    'exchange "ex\\x00x" in "{v}"',
    'binding from "e" to "q" by "rk\\x00x" in "{v}"',
    'binding from "amq.headers" to "q" by "" in "{v}"',
    'policy "p" in "{v}"',
    'policy "pol\\x00icy" in "{v}"',
    'permission of "{u}" on "{v}"',
    'virtual host "{v}", description',
    'virtual host "{v}", tags',
)


def names_all(told: str, odd: Any, user: str) -> bool:
    wanted = [one.format(v=odd.name, u=user) for one in LEFT_OUT]
    return [one for one in wanted if one not in told] == []


def test_an_export_leaves_it_out_names_it_and_can_be_imported(doors, odd, scratch_user):
    user, _ = scratch_user
    answer = doors.api.get("/api/v1/definitions/?broker=one&secrets=true")
    assert answer.status_code == 200, answer.content
    assert b"\\u0000" not in answer.content
    file = answer.json()
    # What only an address can't hold is kept.
    assert "ctl\x01\x1bx" in [row["name"] for row in file["queues"]]
    assert names_all(file["explanation"], odd, user), file["explanation"]
    assert f'user "{user}", tags' in file["explanation"]
    inside = [row["name"] for row in file["queues"] if row["vhost"] == odd.name]
    assert inside == ["ctl\x01\x1bx", "q"]
    bound = [row["routing_key"] for row in file["bindings"] if row["vhost"] == odd.name]
    assert bound == ["sound"]
    assert user in [row["name"] for row in file["users"]]
    # It is another broker's loss too: whoever imports the file is told.
    plan = doors.file(file, PLAN).json()
    assert (plan["sound"], plan["rows"]) == (True, [])
    assert any("nul\\x00x" in finding["text"] for finding in plan["findings"])
    one = doors.api.get(f"/api/v1/definitions/?broker=one&vhost={quote(odd.name)}").json()
    assert "nul\\x00x" in one["explanation"]
    assert user not in one["explanation"].replace(f'permission of "{user}"', "")
    err = io.StringIO()
    call_command("export", "--broker", "one", "--as", "root", stdout=io.StringIO(), stderr=err)
    assert "nul\\x00x" in err.getvalue()


def test_a_plan_names_it_and_goes_on(doors, odd, scratch_user, superuser, now):
    user, _ = scratch_user
    file = {
        "queues": [{"vhost": odd.name, "name": "new", "durable": True, "arguments": {}}],
        "permissions": [
            {"vhost": odd.name, "user": user, "configure": "^x", "write": "", "read": ""}
        ],
    }
    plan = plan_import(
        broker=doors.broker, body=json.dumps(file).encode(), options=ImportOptions(),
        acting_user=superuser, now=now,
    )  # fmt: skip
    assert names_all("\n".join(plan.objections), odd, user), plan.objections
    shown = doors.browser.get(doors.upload(file)["Location"]).content.decode()
    assert "nul\\x00x" in shown
    assert doors.file(file, APPLY).status_code == 202
    doors.apply()
    there = [row["name"] for row in odd.live.call("GET", "queues", odd.name)]
    assert "new" in there
    assert "nul\0x" in there
    assert odd.live.call("GET", "permissions", odd.name, user)["configure"] == "^x"
    code, said = doors.command(file, "--as", "root")
    assert code == 0
    assert "nul\\x00x" in said


def test_pruning_leaves_it_alone(doors, odd):
    file = {
        "vhosts": [{"name": odd.name}],
        **{section: [] for section in ("queues", "exchanges", "bindings", "policies")},
    }
    answer = doors.file(file, APPLY, prune="true", vhost=odd.name)
    assert answer.status_code == 202, answer.content
    doors.apply()
    there = [row["name"] for row in odd.live.call("GET", "queues", odd.name)]
    assert sorted(there) == ["args", "ctl\x01\x1bx", "nul\0x"]
    assert {row["name"] for row in odd.live.call("GET", "policies", odd.name)} == {"p", "pol\0icy"}


def test_the_administrator_of_another_vhost_is_told_nothing_of_it(
    doors, odd, django_user_model, now
):
    vera = django_user_model.objects.create_user("vera")
    Grant.objects.create(
        user=vera, role=Role.VHOST_ADMINISTRATOR, broker=doors.broker, vhost_pattern="other",
        created_at=now,
    )  # fmt: skip
    plan = plan_import(
        broker=doors.broker, body=b'{"queues": []}', options=ImportOptions(), acting_user=vera,
        now=now,
    )  # fmt: skip
    assert plan.objections == ()


def test_backups_and_comparisons_name_it(doors, odd, superuser, now):
    backup = take_backup(doors.broker, now=now, origin="page", acting_user=None)
    assert any("nul\\x00x" in one for one in backup.left_out)
    listed = doors.api.get("/api/v1/definitions/backups/").json()["results"][0]
    assert listed["left_out"] == backup.left_out
    page = doors.browser.get(f"/definitions/backups/?broker={doors.broker.pk}").content.decode()
    assert "nul\\x00x" in page
    file = doors.api.get(f"/api/v1/definitions/backups/{backup.pk}/file/").json()
    assert "nul\\x00x" in file["explanation"]
    odd.channel.queue_declare("later", durable=True)
    found = compare_backups(backup, None, acting_user=superuser)
    assert [row.ref.key for row in found.rows] == [(odd.name, "later")]
    assert any("nul\\x00x" in one for one in found.left_out)
    answer = doors.api.get(f"/api/v1/definitions/compare/?older={backup.pk}").json()
    assert answer["left_out"] == list(found.left_out)
    compared = doors.browser.get(f"/definitions/backups/compare/?older={backup.pk}")
    assert "nul\\x00x" in compared.content.decode()


def test_a_copy_names_what_stays_behind(doors, odd, live_broker):
    target = f"{odd.name}-copy"
    query = {"from_broker": "one", "source_vhost": odd.name, "vhost": target}
    try:
        plan = doors.file(b"", PLAN, **query).json()
        assert any("nul\\x00x" in finding["text"] for finding in plan["findings"])
        assert doors.file(b"", APPLY, **query).status_code == 202
        doors.apply()
        assert [row["name"] for row in live_broker.call("GET", "queues", target)] == ["q"]
    finally:
        live_broker.forget("vhosts", target)


def test_an_inventory_still_finds_out_what_is_gone_and_says_what_it_left_out(
    doors, odd, scratch_user, engine, poll_now, inventory_now, django_user_model, now, client
):
    user, _ = scratch_user
    broker, vhost, live = engine.broker, odd.name, odd.live
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    other = f"{user}-other"
    live.call("PUT", "users", other, body={"password_hash": "", "tags": ""})
    try:
        poll_now(broker)
        assert engine.do(("permission", [vhost, other], rights)).state == "done"
        status = inventory_now(broker)
        assert status.inventory_at is not None
        assert status.part_errors["queues"] == "1 row couldn't be read and were skipped."
        assert status.left_out["queues"] == [f'"nul\\x00x" in "{vhost}"']
        assert status.left_out["exchanges"] == [f'"ex\\x00x" in "{vhost}"']
        assert status.left_out["policies"] == [f'"pol\\x00icy" in "{vhost}"', f'"p" in "{vhost}"']
        assert status.left_out["permissions"] == [f'"{user}" in "{vhost}"']
        page = reverse("broker", args=[broker.pk])
        assert "nul\\x00x" in doors.browser.get(page).content.decode()
        vera = django_user_model.objects.create_user("vera")
        Grant.objects.create(
            user=vera, role=Role.VIEWER, broker=broker, vhost_pattern="other", created_at=now
        )
        client.force_login(vera)
        shown = client.get(page)
        assert shown.status_code == 200
        assert "skipped" in shown.content.decode()
        assert 'nul\\x00x" in' not in shown.content.decode()
        assert VirtualHost.objects.get(broker=broker, name=vhost).description == "de\ufffdsc"
        assert Queue.objects.present().filter(broker=broker, vhost=vhost, name="q").exists()
        odd.channel.queue_delete("q")
        odd.channel.exchange_delete("e")
        live.forget("permissions", vhost, other)
        inventory_now(broker)
        assert not Queue.objects.present().filter(broker=broker, vhost=vhost, name="q").exists()
        assert not Exchange.objects.filter(broker=broker, vhost=vhost, name="e").exists()
        assert not BrokerPermission.objects.filter(broker=broker, user=other).exists()
        assert engine.target("permission", vhost, other).sync == "drifted"
    finally:
        live.forget("users", other)


def test_a_permission_that_can_no_longer_be_read_is_neither_equal_nor_missing(
    doors, scratch_vhost, scratch_user, engine, poll_now, inventory_now
):
    (user, _), vhost = scratch_user, scratch_vhost.name
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    poll_now(engine.broker)
    engine.do(("permission", [vhost, user], rights))
    before = engine.target("permission", vhost, user)
    body = {**rights, "read": "a\0"}
    scratch_vhost.live.call("PUT", "permissions", vhost, user, body=body)
    inventory_now(engine.broker)
    after = engine.target("permission", vhost, user)
    assert (after.sync, after.verified_at) == ("in_sync", before.verified_at)
    assert BrokerPermission.objects.filter(broker=engine.broker, vhost=vhost, user=user).exists()


def test_polls_go_on_and_tell_of_it(doors, odd, poll_now, inventory_now, eventually):
    odd.publish("q", 2)

    def known() -> bool:
        poll_now(doors.broker)
        queue = Queue.objects.filter(broker=doors.broker, vhost=odd.name, name="q").first()
        return queue is not None and queue.total == 2

    eventually(known)
    poll_now(doors.broker)
    for poll in Poll.objects.filter(broker=doors.broker):
        assert poll.complete
        # Other tests may have such queues on the same broker meanwhile.
        assert poll.rejected >= 1
        assert any("nul\\x00x" in one["sample"] for one in poll.rejected_samples)
    status = inventory_now(doors.broker)
    assert status.messages_ready is not None
    place = f"?broker={doors.broker.pk}"
    for page in ("/queues/", "/vhosts/", "/users/", "/", "/queues.csv"):
        assert doors.browser.get(f"{page}{place}").status_code == 200
    found = doors.browser.get(f"/queues/{place}&search=nul").content.decode()
    assert "nul\0x" not in found
    queue = Queue.objects.get(broker=doors.broker, vhost=odd.name, name="q")
    bindings = doors.browser.get(f"/queues/{queue.pk}/bindings/")
    assert bindings.status_code == 200
    assert "sound" in bindings.content.decode()
    odd.channel.queue_delete("nul\0x")

    def vanished() -> bool:
        poll_now(doors.broker)
        return Poll.objects.filter(broker=doors.broker).latest("slot_at").rejected == 0

    eventually(vanished)
    assert BrokerStatus.objects.get(broker=doors.broker).state == "reachable"
