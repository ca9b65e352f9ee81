from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.http import Http404

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.errors import BrokerTrouble, NotAllowed
from console.models import AuditEntry
from vhosts.definitions import backups
from vhosts.definitions.model import sealed
from vhosts.models import Backup, BackupSchedule, ImportDraft

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(make_broker: Any) -> Any:
    return make_broker()


@pytest.fixture
def quiet(monkeypatch: Any, scratch_vhost: Any) -> str:
    """The broker is shared: only what is in one vhost counts."""
    real = backups.read_live

    def read(store: Any) -> Any:
        import dataclasses

        from console.reconcile.definitions.compare import within

        live = real(store)
        return dataclasses.replace(live, objects=within(live.objects, scratch_vhost.name))

    monkeypatch.setattr(backups, "read_live", read)
    return scratch_vhost.name


def take(broker: Any, now: Any, user: Any = None) -> Backup:
    return backups.take_backup(broker, now=now, origin="page", acting_user=user)


def test_what_did_not_change_is_stored_once(broker, quiet, scratch_vhost, now):
    first = take(broker, now)
    later = now + timedelta(hours=1)
    assert take(broker, later) == first
    assert Backup.objects.get().checked_at == later
    scratch_vhost.declare("q")
    second = take(broker, later)
    assert second != first
    assert Backup.objects.count() == 2


def test_hashes_are_inside_and_nothing_of_it_is_readable_in_the_database(
    broker, scratch_user, superuser, now
):
    backup = take(broker, now)
    name, _ = scratch_user
    file = json.loads(backups.download_backup(backup, secrets=True, acting_user=superuser))
    hashed = next(row["password_hash"] for row in file["users"] if row["name"] == name)
    assert hashed not in str(Backup.objects.values().get())
    assert name not in str(Backup.objects.values().get())
    bare = backups.download_backup(backup, secrets=False, acting_user=superuser).decode()
    assert name in bare
    assert hashed not in bare
    told = AuditEntry.objects.filter(action="backups:download")
    assert [entry.after["secrets"] for entry in told.order_by("pk")] == [True, False]


def test_two_backups_and_a_backup_and_now_are_compared(
    broker, quiet, scratch_vhost, superuser, live_broker, now
):
    first = take(broker, now)
    scratch_vhost.declare("q")
    second = take(broker, now + timedelta(minutes=1))
    found = backups.compare_backups(first, second, acting_user=superuser)
    assert [(str(row.op), row.ref.key) for row in found.rows] == [("create", (quiet, "q"))]
    assert found.unchanged == first.objects_count
    scratch_vhost.delete("q")
    found = backups.compare_backups(second, None, acting_user=superuser)
    assert [str(row.op) for row in found.rows] == ["delete"]
    assert backups.compare_backups(first, None, acting_user=superuser).rows == ()


def test_each_broker_is_backed_up_when_it_is_due_and_once(broker, make_broker, now, settings):
    settings.BACKUP_HOURS = 24
    make_broker(enabled=False)
    assert backups.take_due_backups(now) == 1
    assert backups.take_due_backups(now + timedelta(hours=23)) == 0
    assert backups.take_due_backups(now + timedelta(hours=24)) == 1
    assert {b.broker for b in Backup.objects.all()} == {broker}


def test_a_broker_has_a_schedule_of_its_own_or_none(broker, superuser, now, django_user_model):
    backups.set_schedule(broker, 0, now=now, acting_user=superuser)
    assert backups.take_due_backups(now) == 0
    backups.set_schedule(broker, 1, now=now, acting_user=superuser)
    assert backups.take_due_backups(now) == 1
    assert backups.take_due_backups(now + timedelta(hours=1)) == 1
    eve = django_user_model.objects.create_user("eve", password="a password")
    with pytest.raises(NotAllowed):
        backups.set_schedule(broker, 1, now=now, acting_user=eve)


def test_a_backup_that_failed_is_told_and_tried_again_soon(broker, now):
    home = broker.management_url
    broker.management_url = "http://127.0.0.1:9"
    broker.save()
    assert backups.take_due_backups(now) == 0
    schedule = BackupSchedule.objects.get(broker=broker)
    assert schedule.error
    assert schedule.next_at == now + backups.RETRY_AFTER
    broker.management_url = home
    broker.save()
    assert backups.take_due_backups(schedule.next_at) == 1
    schedule.refresh_from_db()
    assert schedule.error == ""
    broker.enabled = False
    with pytest.raises(BrokerTrouble):
        take(broker, now)


def test_old_backups_go_but_never_the_newest(broker, now, settings):
    settings.KEEP_BACKUPS_DAYS = 32
    for days in (100, 50, 40):
        at = now - timedelta(days=days)
        Backup.objects.create(
            broker=broker, taken_at=at, checked_at=at, digest=uuid4().hex, objects_count=0, size=2,
            content_encrypted=sealed(b"{}"), origin="schedule",
        )  # fmt: skip
    backups.drop_old(now)
    assert [b.taken_at for b in Backup.objects.all()] == [now - timedelta(days=40)]


def test_a_plan_nobody_came_back_to_is_gone_after_a_day(broker, superuser, now):
    for hours in (1, 30):
        ImportDraft.objects.create(
            broker=broker, author=superuser, created_at=now - timedelta(hours=hours), title="a",
            content_encrypted=sealed(b"{}"), options={}, plan={}, planned_at=now,
        )  # fmt: skip
    backups.drop_old(now)
    assert ImportDraft.objects.count() == 1


def test_backups_are_for_those_who_may_export_the_whole_broker(broker, now, django_user_model):
    backup = take(broker, now)
    vera = django_user_model.objects.create_user("vera", password="a password")
    Grant.objects.create(
        user=vera, role=Role.VHOST_ADMINISTRATOR, broker=broker, vhost_pattern="a*", created_at=now
    )
    with pytest.raises(Http404):
        backups.access_backup(vera, backup.pk)
    otto = django_user_model.objects.create_user("otto", password="a password")
    Grant.objects.create(
        user=otto, role=Role.OPERATOR, broker=broker, vhost_pattern="*", created_at=now
    )
    assert backups.access_backup(otto, backup.pk) == backup
    assert backups.download_backup(backup, secrets=False, acting_user=otto)
    with pytest.raises(NotAllowed):
        backups.download_backup(backup, secrets=True, acting_user=otto)


def test_keys_are_rotated_in_backups_too(broker, now, settings, superuser):
    from cryptography.fernet import Fernet

    backup = take(broker, now)
    new = Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [new, *settings.ENCRYPTION_KEYS]
    call_command("rotate_keys")
    settings.ENCRYPTION_KEYS = [new]
    backup.refresh_from_db()
    assert backups.download_backup(backup, secrets=True, acting_user=superuser)
