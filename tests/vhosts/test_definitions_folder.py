"""A folder of definitions: export, plan, apply, prune, who owns what, and breaking the glass."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import AuditEntry, Change, ManagedObject
from tests.console.test_pipeline_commands import run
from vhosts.definitions.folder.names import stem_of
from vhosts.models import Policy

pytestmark = pytest.mark.django_db


class Fleet:
    """A broker, a folder for it, and virtual hosts that are removed after the test."""

    def __init__(self, broker: Any, live: Any, root: Path) -> None:
        self.broker, self.live, self.root = broker, live, root
        self.made: list[str] = []
        self.users: list[str] = []

    @property
    def folder(self) -> Path:
        return self.root / stem_of(self.broker.name)

    def vhost(self) -> str:
        name = f"git/{uuid4().hex[:10]}"
        self.made.append(name)
        return name

    def user(self) -> str:
        name = f"git-{uuid4().hex[:10]}"
        self.users.append(name)
        self.live.call("PUT", "users", name, body={"password": "Xy9-kelp-orbit", "tags": ""})
        return name

    def write(self, vhost: str, root: Path | None = None, **sections: Any) -> Path:
        """Write the file of a virtual host; rows get its name."""
        folder = (root or self.root) / stem_of(self.broker.name)
        folder.mkdir(parents=True, exist_ok=True)
        rows = {name: [{"vhost": vhost, **row} for row in more] for name, more in sections.items()}
        file = folder / f"{stem_of(vhost)}.json"
        file.write_text(json.dumps({"vhosts": [{"name": vhost}], **rows}))
        return file

    def run(self, command: str, *more: str, root: Path | None = None) -> tuple[int, str]:
        yes = ["--yes"] if command == "apply" else []
        return run(command, str(root or self.root), *yes, "--source", "fleet", *more)


@pytest.fixture
def fleet(make_broker: Any, superuser: Any, live_broker: Any, tmp_path: Path) -> Any:
    made = Fleet(make_broker(name="Orders/EU"), live_broker, tmp_path / "fleet")
    yield made
    for name in made.made:
        live_broker.forget("vhosts", name)
    for name in made.users:
        live_broker.forget("users", name)


QUEUE = {"name": "jobs", "durable": True, "auto_delete": False, "arguments": {}}
POLICY = {"name": "cap", "pattern": "^jobs", "apply-to": "queues", "priority": 1, "definition": {"max-length": 10}}  # fmt: skip


def owned(vhost: str) -> dict[str, str]:
    """kind -> owner of the managed objects of a virtual host"""
    rows = ManagedObject.objects.filter(key__contains=[vhost], spec__isnull=False)
    return {row.kind: row.source for row in rows}


def policy_of(vhost: str) -> Policy:
    return Policy.objects.get(vhost=vhost, name="cap")


def test_what_is_exported_plans_as_nothing_to_do(fleet: Fleet) -> None:
    vhost, live = fleet.vhost(), fleet.live
    live.call("PUT", "vhosts", vhost, body={"description": "Orders", "tags": "a,b"})
    live.call(
        "PUT", "queues", vhost, "jobs", body={"durable": True, "arguments": {"x-max-length": 5}}
    )
    live.call("PUT", "exchanges", vhost, "orders", body={"type": "topic", "durable": True})
    live.call("POST", "bindings", vhost, "e", "orders", "q", "jobs", body={"routing_key": "a.#", "arguments": {}})  # fmt: skip
    live.call(
        "PUT", "policies", vhost, "cap", body={"pattern": "^jobs", "definition": {"max-length": 10}}
    )
    live.call("PUT", "vhost-limits", vhost, "max-queues", body={"value": 7})
    user = fleet.user()
    live.call("PUT", "permissions", vhost, user, body={"configure": "", "write": "", "read": ".*"})
    code, told = run("export", str(fleet.root), "--broker", "Orders/EU")
    file = fleet.folder / f"{stem_of(vhost)}.json"
    assert (code, str(file) in told) == (0, True)
    assert fleet.folder.name == "Orders%2FEU"
    content = json.loads(file.read_text())
    assert [row["name"] for row in content["queues"]] == ["jobs"]
    assert not {"rabbit_version", "users"} & set(content)
    whole = json.loads((fleet.folder / "_broker.json").read_text())
    assert "password_hash" not in json.dumps(whole)
    assert {"queues", "vhosts"}.isdisjoint(whole)

    # Other tests use the same node: what they made or deleted meanwhile is exported again.
    for _ in range(5):
        plans = [fleet.run("plan"), fleet.run("plan", "--prune=all")]
        if all(code == 0 for code, _ in plans):
            break
        run("export", str(fleet.root))
    assert [code for code, _ in plans] == [0, 0], plans
    before = {path.name: path.read_bytes() for path in fleet.folder.iterdir()}
    run("export", str(fleet.root))
    assert {path.name: path.read_bytes() for path in fleet.folder.iterdir()} == before

    code, told = fleet.run("apply", "--vhost", vhost, "--revision", "abc123")
    assert code == 0, told
    assert set(owned(vhost).values()) == {"fleet"}
    assert set(owned(vhost)) == {"vhost", "queue", "exchange", "binding", "policy", "permission"}
    assert fleet.run("apply", "--vhost", vhost)[0] == 0
    assert Change.objects.count() == 1, "owned and in sync: there is nothing to do"


def test_plan_apply_and_prune_only_what_the_folder_owned(fleet: Fleet) -> None:
    vhost, live = fleet.vhost(), fleet.live
    file = fleet.write(vhost, queues=[QUEUE, {**QUEUE, "name": "old"}], policies=[POLICY])
    code, told = fleet.run("plan")
    assert (code, f"+ queue jobs in {vhost}" in told) == (2, True)
    assert not Change.objects.exists()
    code, told = fleet.run("apply", "--revision", "abc123", "--json")
    (outcome,) = json.loads(told)
    assert (code, outcome["broker"], outcome["state"]) == (0, "Orders/EU", "done")
    assert fleet.run("plan", "--prune")[0] == 0
    row = ManagedObject.objects.get(kind="policy", key=[vhost, "cap"])
    assert (row.source, row.source_revision) == ("fleet", "abc123")

    live.call("PUT", "queues", vhost, "by-hand", body={"durable": True})
    fleet.write(vhost, queues=[QUEUE], policies=[POLICY])
    assert fleet.run("plan")[0] == 0, "without --prune nothing is deleted"
    code, told = fleet.run("plan", "--prune")
    assert (code, "- queue old" in told, "by-hand" in told) == (2, True, False)
    assert fleet.run("apply", "--prune", "--force")[0] == 0
    assert {row["name"] for row in live.call("GET", "queues", vhost)} == {"jobs", "by-hand"}
    assert fleet.run("apply", "--prune=all", "--force")[0] == 0
    assert {row["name"] for row in live.call("GET", "queues", vhost)} == {"jobs"}

    # A file that is gone: its virtual host goes with what the folder owned in it.
    other = fleet.vhost()
    fleet.write(other)
    assert fleet.run("apply")[0] == 0
    file.unlink()
    code, told = fleet.run("plan", "--prune")
    assert (code, f"- virtual host {vhost}" in told) == (2, True)


def test_a_virtual_host_without_a_file_stays_for_what_the_folder_does_not_own(fleet: Fleet) -> None:
    vhost, live = fleet.vhost(), fleet.live
    file = fleet.write(vhost, queues=[QUEUE])
    fleet.write(fleet.vhost())
    assert fleet.run("apply")[0] == 0
    live.call("PUT", "queues", vhost, "by-hand", body={"durable": True})
    file.unlink()
    for prune in ("--prune", "--prune=all"):
        code, told = fleet.run("plan", prune)
        assert (code, f"- virtual host {vhost}" in told, "- queue jobs" in told) == (2, False, True)
        assert f"The virtual host {vhost} is not deleted: RabbitMQ would delete 1 object" in told
        assert "by-hand" in told
    assert fleet.run("apply", "--prune", "--force")[0] == 0
    assert {row["name"] for row in live.call("GET", "queues", vhost)} == {"by-hand"}
    live.call("DELETE", "queues", vhost, "by-hand")
    code, told = fleet.run("apply", "--prune")
    assert (code, f"- virtual host {vhost}" in told) == (0, True)
    assert vhost not in {row["name"] for row in live.call("GET", "vhosts")}


def test_a_virtual_host_with_a_file_is_never_pruned(fleet: Fleet) -> None:
    vhost = fleet.vhost()
    file = fleet.write(vhost, queues=[QUEUE])
    assert fleet.run("apply", "--vhost", vhost)[0] == 0
    whole = json.loads(file.read_text())
    file.write_text(json.dumps({"queues": whole["queues"]}))
    for prune in ("--prune", "--prune=all"):
        code, told = fleet.run("plan", "--vhost", vhost, prune)
        assert (code, "delete" in told.lower()) == (0, False), told


def test_nothing_is_pruned_while_an_entry_cannot_be_read(fleet: Fleet) -> None:
    vhost = fleet.vhost()
    file = fleet.write(vhost, queues=[QUEUE], policies=[POLICY])
    assert fleet.run("apply", "--vhost", vhost)[0] == 0
    content = json.loads(file.read_text())
    content["queues"] = {}
    file.write_text(json.dumps(content))
    _, told = fleet.run("plan", "--vhost", vhost, "--prune", "--valid-part")
    assert "Nothing is deleted, because some entries can't be read." in told
    fleet.run("apply", "--vhost", vhost, "--prune", "--valid-part", "--force")
    assert [row["name"] for row in fleet.live.call("GET", "queues", vhost)] == ["jobs"]


def test_the_folder_is_the_truth_about_its_objects(fleet: Fleet) -> None:
    vhost, live = fleet.vhost(), fleet.live
    fleet.write(vhost, policies=[POLICY])
    assert fleet.run("apply")[0] == 0
    live.call("PUT", "vhost-limits", vhost, "max-queues", body={"value": 7})
    live.call("PUT", "policies", vhost, "cap", body={"pattern": "^other", "definition": {"max-length": 10}})  # fmt: skip
    code, told = fleet.run("plan")
    assert code == 2
    assert "'^other' -> '^jobs'" in told
    assert "max-queues" in told
    assert fleet.run("apply")[0] == 0
    assert live.call("GET", "policies", vhost, "cap")["pattern"] == "^jobs"
    assert live.call("GET", "vhost-limits", vhost) in ([], [{"vhost": vhost, "value": {}}])


def test_two_folders_own_different_virtual_hosts(fleet: Fleet, tmp_path: Path) -> None:
    mine, theirs = fleet.vhost(), fleet.vhost()
    other = tmp_path / "other"
    fleet.write(mine, queues=[QUEUE])
    fleet.write(theirs, root=other, queues=[QUEUE])
    assert fleet.run("apply")[0] == 0
    assert run("apply", str(other), "--yes", "--source", "other")[0] == 0
    assert (owned(mine)["queue"], owned(theirs)["queue"]) == ("fleet", "other")
    assert fleet.run("plan", "--prune")[0] == 0, "what the other owns is left alone"

    fleet.write(theirs, queues=[{**QUEUE, "arguments": {"x-max-length": 3}}])
    code, told = fleet.run("plan")
    assert code == 1
    assert "It's managed by Git: other" in told
    assert fleet.run("apply")[0] == 1
    fleet.write(theirs, queues=[QUEUE])
    assert fleet.run("apply", "--take-over")[0] == 0
    assert owned(theirs)["queue"] == "fleet"


def test_a_hand_edit_by_the_api_needs_break_glass(fleet: Fleet, api: Any) -> None:
    vhost = fleet.vhost()
    fleet.write(vhost, policies=[POLICY])
    assert fleet.run("apply", "--revision", "abc123")[0] == 0
    address = f"/api/v1/policies/{policy_of(vhost).pk}/"
    found = api.get(address).json()
    assert (found["managed_by"], found["managed_revision"]) == ("fleet", "abc123")

    edit = {"priority": 9}
    plan = api.patch(f"{address}?dry_run=true", edit, format="json").json()
    assert plan["owned"] == [f"The policy cap in {vhost} is managed by Git: fleet, commit abc123."]
    answer = api.patch(address, edit, format="json")
    assert answer.status_code == 409
    assert "managed by Git: fleet, commit abc123" in answer.content.decode()
    assert api.delete(address).status_code == 409
    answer = api.patch(address, {**edit, "break_glass": True}, format="json")
    assert answer.status_code == 400, "a reason is missing"
    assert not AuditEntry.objects.filter(action="glass:break").exists()
    answer = api.patch(address, {**edit, "break_glass": True, "reason": "INC-7"}, format="json")
    assert answer.status_code == 202
    entry = AuditEntry.objects.get(action="glass:break")
    assert (entry.reason, entry.target_kind, entry.after["source"]) == ("INC-7", "policy", "fleet")
    assert entry.after["change"] == answer.json()["id"]
    assert owned(vhost)["policy"] == "fleet"

    assert fleet.run("plan")[0] == 0, "not applied yet"
    engine_applies(fleet)
    code, told = fleet.run("plan")
    assert (code, "priority: 9 -> 1" in told) == (2, True)
    assert fleet.run("apply")[0] == 0
    assert fleet.live.call("GET", "policies", vhost, "cap")["priority"] == 1


def engine_applies(fleet: Fleet) -> None:
    from datetime import UTC, datetime

    from console.engine.applying.apply import apply_broker

    apply_broker(fleet.broker.pk, owner="test", clock=lambda: datetime.now(UTC))


def test_a_hand_edit_by_page_needs_break_glass(fleet: Fleet, superuser: Any) -> None:
    vhost = fleet.vhost()
    fleet.write(vhost, policies=[POLICY])
    assert fleet.run("apply", "--revision", "abc123")[0] == 0
    browser = Client()
    browser.force_login(superuser)
    row = policy_of(vhost)
    text = browser.get(f"/policies/{row.pk}/").content.decode()
    assert "Managed by Git: fleet, commit abc123" in text
    assert "Managed by Git: fleet" in browser.get("/policies/").content.decode()
    shown = browser.get(f"/policies/{row.pk}/delete/")
    text = shown.content.decode()
    assert "is managed by Git: fleet, commit abc123" in text
    assert 'name="break_glass"' in text
    sent = {
        "step": "apply",
        "seen": shown.context["seen"],
        "key": "k1",
        "typed": "cap",
        "reason": "",
    }
    answer = browser.post(f"/policies/{row.pk}/delete/", sent)
    assert (answer.status_code, "break the glass" in answer.content.decode()) == (400, True)
    answer = browser.post(f"/policies/{row.pk}/delete/", {**sent, "break_glass": "on"})
    assert (answer.status_code, "Give a reason" in answer.content.decode()) == (400, True)
    answer = browser.post(
        f"/policies/{row.pk}/delete/", {**sent, "break_glass": "on", "reason": "INC-8"}
    )
    assert answer.status_code == 302
    assert AuditEntry.objects.get(action="glass:break").reason == "INC-8"
    engine_applies(fleet)
    code, told = fleet.run("plan")
    assert (code, "+ policy cap" in told) == (2, True), "the folder still has it"

    admin = browser.get(f"/admin/vhosts/virtualhost/?q={vhost}")
    assert admin.status_code == 200


def test_deleting_a_virtual_host_by_hand_breaks_the_glass_of_what_is_in_it(
    fleet: Fleet, api: Any
) -> None:
    vhost = fleet.vhost()
    fleet.live.call("PUT", "vhosts", vhost)
    fleet.write(vhost, policies=[POLICY])
    assert fleet.run("apply")[0] == 0
    ManagedObject.objects.filter(kind="vhost").update(source="")
    row = fleet_vhost(vhost)
    answer = api.delete(f"/api/v1/vhosts/{row}/")
    assert answer.status_code == 409
    assert "policy cap" in answer.content.decode()


def fleet_vhost(name: str) -> int:
    from vhosts.models import VirtualHost

    return VirtualHost.objects.get(name=name).pk


def test_the_rights_of_the_named_account_apply(fleet: Fleet, now: Any) -> None:
    vhost, secret = fleet.vhost(), fleet.vhost()
    fleet.write(vhost, queues=[QUEUE])
    fleet.write(secret, queues=[QUEUE])
    person = get_user_model().objects.create_user("vera", password="x")
    Grant.objects.create(
        user=person, role=Role.VHOST_ADMINISTRATOR, broker=fleet.broker, vhost_pattern=vhost, created_at=now
    )  # fmt: skip
    assert fleet.run("apply", "--as", "vera")[0] == 1
    told = run_with_errors("apply", str(fleet.root), "--yes", "--as", "vera", "--source", "fleet")
    assert "aren't allowed to import" in told
    assert not Change.objects.exists()
    assert fleet.run("apply", "--as", "vera", "--vhost", vhost)[0] == 0
    assert run("export", str(fleet.root), "--as", "vera")[0] == 1
    assert run("export", str(fleet.root), "--as", "vera", "--vhost", vhost)[0] == 0


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("orders.json", "{", "orders.json"),
        (
            "orders.json",
            '{"queues": [{"vhost": "other", "name": "q"}]}',
            "doesn't belong into the file",
        ),
        (
            "_broker.json",
            '{"queues": [{"vhost": "/", "name": "q"}]}',
            "doesn't belong into the file",
        ),
        ("orders.json", '{"queues": [{"name": "a\\nb"}]}', "orders.json: queues[0].name"),
        ("orders.json", '{"users": [{"name": "u", "password_hash": "<secret>"}]}', "orders.json"),
        ("x~0123.json", '{"vhosts": [{"name": "x"}]}', "isn't named after its virtual host"),
    ],
)
def test_a_file_that_is_wrong_is_named_and_nothing_is_changed(
    fleet: Fleet, name: str, content: str, told: str
) -> None:
    fleet.folder.mkdir(parents=True)
    (fleet.folder / name).write_text(content)
    code, said = fleet.run("plan")
    assert code == 1
    assert fleet.run("apply")[0] == 1
    assert not Change.objects.exists()
    out = run_with_errors("plan", str(fleet.root), "--source", "fleet")
    assert told in said + out


def run_with_errors(*words: str) -> str:
    import io

    from django.core.management import call_command

    out, err = io.StringIO(), io.StringIO()
    with contextlib.suppress(SystemExit):
        call_command(*words, stdout=out, stderr=err)
    return out.getvalue() + err.getvalue()


def test_a_virtual_host_has_one_file(fleet: Fleet) -> None:
    fleet.folder.mkdir(parents=True)
    for stem in ("Orders", "%4Frders"):
        (fleet.folder / f"{stem}.json").write_text('{"vhosts": [{"name": "Orders"}]}')
    told = run_with_errors("plan", str(fleet.root), "--source", "fleet")
    assert "has two files for the virtual host Orders" in told


def test_an_export_names_files_that_it_did_not_write(fleet: Fleet) -> None:
    gone = fleet.vhost()
    file = fleet.write(gone)
    told = run_with_errors("export", str(fleet.root), "--broker", "Orders/EU")
    assert f"{file}: Orders/EU has no virtual host for this file" in told
    assert file.exists()


def test_trouble_and_wrong_options_are_exit_code_1(fleet: Fleet, tmp_path: Path) -> None:
    fleet.root.mkdir()
    assert fleet.run("plan") == (1, f"{fleet.root} has no folder of a broker. Export one first.")
    fleet.folder.mkdir()
    assert fleet.run("plan", "--broker", "Orders/EU")[0] == 1, (
        "an empty checkout is not a folder from which everything was removed"
    )
    vhost = fleet.vhost()
    file = fleet.write(vhost)
    assert run("apply", str(fleet.root), "--source", "fleet")[0] == 1, "nobody to ask"
    assert fleet.run("plan", "--transform", "drop_empty_policies")[0] == 1
    assert run("plan", str(file), "--source", "fleet")[0] == 1
    assert run("export", str(fleet.root), "--secrets")[0] == 1
    assert not Change.objects.exists()


def test_the_source_is_git_s_repository_path_and_commit(fleet: Fleet) -> None:
    vhost = fleet.vhost()
    fleet.write(vhost)

    def git(*words: str) -> str:
        names = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        done = subprocess.run(
            ["git", *names, *words], cwd=fleet.root, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "-q")
    git("remote", "add", "origin", "https://me:secret@git.example.com/team/rabbits.git")
    git("add", ".")
    git("commit", "-qm", "first")
    assert run("apply", str(fleet.root), "--yes")[0] == 0
    row = ManagedObject.objects.get(kind="vhost", key=[vhost])
    assert row.source == "rabbits"
    assert row.source_revision == git("rev-parse", "--short=12", "HEAD")
    fleet.write(vhost, policies=[POLICY])
    assert run("apply", str(fleet.root), "--yes")[0] == 0
    assert ManagedObject.objects.get(kind="policy").source_revision.endswith("-dirty")
