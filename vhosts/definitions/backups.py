"""Back up definitions by schedule or on request; compare backups with each other or with now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.http import Http404

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from console.audit import record
from console.background.each_alone import each_alone, error_text
from console.brokers.connect import unless_forgotten
from console.errors import ConsoleError, InvalidField
from console.kinds.common.kind import Op, SpecError
from console.models import Broker
from console.reconcile.definitions.compare import Objects
from console.reconcile.definitions.emit import emit_definitions
from console.reconcile.definitions.read import parse_definitions
from console.reconcile.definitions.text import NotDefinitions
from console.reconcile.diff import compare
from console.reconcile.disclose import public_change
from vhosts.definitions.import_losses import Row
from vhosts.definitions.model import sealed, unsealed
from vhosts.definitions.read import digest_of, file_bytes, open_broker, public_objects, read_live
from vhosts.models import Backup, BackupSchedule, ImportDraft

log = structlog.get_logger(__name__)
#: A failed backup is retried after this time.
RETRY_AFTER = timedelta(minutes=15)
DRAFTS_LAST = timedelta(days=1)
_MOST_BYTES = 256 * 1024 * 1024


def take_backup(
    broker: Broker, *, now: datetime, origin: str, acting_user: AnyUser | None
) -> Backup:
    """Back up the broker's definitions. If nothing changed since the newest backup, return it with
    `checked_at` = `now`. `acting_user` None: the schedule. Raises NotAllowed, BrokerTrouble."""
    if acting_user is not None:
        require(acting_user, Permission.DEFINITIONS_EXPORT, broker)
    with open_broker(broker) as store:
        live = read_live(store)
    objects = live.all_objects
    digest = digest_of(objects)
    left_out = [str(one) for one in live.left_out]
    with transaction.atomic():
        # One at a time per broker, so that the same state isn't stored twice.
        Broker.objects.select_for_update().get(pk=broker.pk)
        newest = Backup.objects.filter(broker=broker).first()
        if newest is not None and newest.digest == digest:
            Backup.objects.filter(pk=newest.pk, checked_at__lt=now).update(
                checked_at=now, left_out=left_out
            )
            newest.checked_at, newest.left_out = max(newest.checked_at, now), left_out
            return newest
        content = file_bytes(
            emit_definitions(objects, version=live.version, secrets=True, left_out=left_out)
        )
        backup = Backup.objects.create(
            broker=broker,
            taken_at=now,
            checked_at=now,
            digest=digest,
            objects_count=len(objects),
            left_out=left_out,
            size=len(content),
            rabbitmq_version=live.version[:64],
            content_encrypted=sealed(content),
            origin=origin,
        )
        if acting_user is not None:
            record(
                "backups:take",
                target_kind="broker",
                target=broker.name,
                broker=broker,
                acting_user=acting_user,
                after={"backup": backup.pk, "objects": backup.objects_count},
            )
    return backup


def access_backup(user: AnyUser, backup_id: int) -> Backup:
    """Return a backup. Raises Http404 if the person may not see it."""
    found = Backup.objects.visible_to(user).select_related("broker").filter(pk=backup_id).first()
    if found is None:
        raise Http404("Backup not found.")
    return found


def download_backup(backup: Backup, *, secrets: bool, acting_user: AnyUser) -> bytes:
    """Return the file. `secrets` requires the right to export hashes. Raises NotAllowed,
    WrongEncryptionKey."""
    require(acting_user, Permission.DEFINITIONS_EXPORT, backup.broker)
    if secrets:
        require(acting_user, Permission.HASHES_EXPORT, backup.broker)
    content = unsealed(backup.content_encrypted)
    record(
        "backups:download",
        target_kind="backup",
        target=f"{backup.broker.name} {backup.taken_at:%Y-%m-%d %H:%M}",
        broker=backup.broker,
        acting_user=acting_user,
        after={"backup": backup.pk, "secrets": secrets},
    )
    if secrets:
        return content
    shown = public_objects(objects_of(backup))
    return file_bytes(
        emit_definitions(shown, version=backup.rabbitmq_version, left_out=backup.left_out)
    )


def objects_of(backup: Backup) -> Objects:
    """Return a backup's objects. Raises WrongEncryptionKey, InvalidField."""
    try:
        read = parse_definitions(unsealed(backup.content_encrypted), most_bytes=_MOST_BYTES)
    except NotDefinitions as error:
        raise InvalidField("backup", f"The backup can't be read: {error}") from None
    return {**read.objects, **{ref: one.spec for ref, one in read.carried.items()}}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The changes from older to newer definitions. `left_out` names what couldn't be read in
    either."""

    rows: tuple[Row, ...] = field(repr=False)
    unchanged: int
    left_out: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        return {
            **{str(op): sum(1 for row in self.rows if row.op is op) for op in Op},
            "unchanged": self.unchanged,
        }


def compare_backups(older: Backup, newer: Backup | None, *, acting_user: AnyUser) -> Comparison:
    """Compare two backups. `newer` None: the broker's current state. Raises NotAllowed,
    BrokerTrouble."""
    require(acting_user, Permission.DEFINITIONS_EXPORT, older.broker)
    if newer is not None:
        require(acting_user, Permission.DEFINITIONS_EXPORT, newer.broker)
        after, left_out = objects_of(newer), list(newer.left_out)
    else:
        with open_broker(older.broker) as store:
            live = read_live(store)
        after, left_out = live.all_objects, [str(one) for one in live.left_out]
    told = dict.fromkeys([*older.left_out, *left_out])
    return replace(compared(objects_of(older), after), left_out=tuple(told))


def compared(before: Objects, after: Objects) -> Comparison:
    rows: list[Row] = []
    unchanged = 0
    for ref in sorted({*before, *after}):
        try:
            difference = compare(ref, after.get(ref), before.get(ref))
        except SpecError as error:
            rows.append(Row(ref, Op.UPDATE, "impossible", str(error)))
            continue
        # A field that one of the two doesn't report doesn't count as different.
        if difference.op is Op.UNCHANGED:
            unchanged += 1
            continue
        fields = tuple(
            {"name": f.name, "before": f.before, "after": f.after, "secret": f.secret}
            for f in (public_change(ref.kind, change) for change in difference.fields)
        )
        rows.append(Row(ref, difference.op, "planned", "", fields))
    return Comparison(rows=tuple(rows), unchanged=unchanged)


# Schedule


def set_schedule(
    broker: Broker, every_hours: int | None, *, now: datetime, acting_user: AnyUser
) -> BackupSchedule:
    """Set the interval in hours. None: the default from the settings; 0: never. Raises NotAllowed,
    InvalidField."""
    require(acting_user, Permission.BROKERS_EDIT, broker)
    if every_hours is not None and not 0 <= every_hours <= 8760:
        raise InvalidField("every_hours", "Enter an interval from 0 (never) to 8760 hours.")
    with transaction.atomic():
        _make_rows(now)
        schedule = BackupSchedule.objects.select_for_update().get(broker=broker)
        before = schedule.every_hours
        schedule.every_hours = every_hours
        schedule.next_at = now
        schedule.save(update_fields=["every_hours", "next_at"])
        record(
            "backups:schedule",
            target_kind="broker",
            target=broker.name,
            broker=broker,
            acting_user=acting_user,
            before={"every_hours": before},
            after={"every_hours": every_hours},
        )
    return schedule


def take_due_backups(now: datetime) -> int:
    """Back up every broker that is due. Return how many succeeded.

    Safe in parallel: each broker is due for only one run. A broker that fails blocks no other. A
    broker's errors are stored with its schedule; any other raises SomeFailed after the last one."""
    _make_rows(now)
    taken: list[int] = []
    brokers = Broker.objects.filter(pk__in=_claim(now)).order_by("name")
    each_alone((broker.name, partial(_take_due, broker, now, taken)) for broker in brokers)
    return len(taken)


def _take_due(broker: Broker, now: datetime, taken: list[int]) -> None:
    """Back up one broker. If it succeeds, add the broker's ID to `taken`."""
    error = ""
    try:
        with unless_forgotten(broker.pk):
            take_backup(broker, now=now, origin="schedule", acting_user=None)
            taken.append(broker.pk)
    except ConsoleError as trouble:
        error = trouble.message
        log.warning("backup_failed", broker=broker.pk, code=trouble.code)
    except Exception as failure:
        _note_outcome(broker, now, error_text(failure))
        raise
    _note_outcome(broker, now, error)


def _note_outcome(broker: Broker, now: datetime, error: str) -> None:
    """Store the outcome. With `error` "", the next backup is due after the scheduled interval.
    Otherwise the claim's time stays: soon."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE vhosts_backupschedule SET error = %(error)s, tried_at = %(now)s,
                   next_at = CASE WHEN %(error)s <> '' OR next_at <> %(soon)s THEN next_at
                             ELSE %(now)s + make_interval(hours => COALESCE(every_hours, %(hours)s))
                             END
            WHERE broker_id = %(broker)s
            """,
            {
                "error": error,
                "now": now,
                "soon": now + RETRY_AFTER,
                "hours": settings.BACKUP_HOURS,
                "broker": broker.pk,
            },
        )


def _make_rows(now: datetime) -> None:
    with connection.cursor() as cursor:
        # One statement, which locks the brokers: one that is removed meanwhile is skipped.
        cursor.execute(
            """
            INSERT INTO vhosts_backupschedule (broker_id, next_at, error)
            SELECT b.id, %s, '' FROM console_broker b
            WHERE NOT EXISTS (SELECT FROM vhosts_backupschedule s WHERE s.broker_id = b.id)
            ORDER BY b.id FOR KEY SHARE OF b
            ON CONFLICT (broker_id) DO NOTHING
            """,
            [now],
        )


def _claim(now: datetime) -> list[int]:
    """Claim the brokers that are due and return their IDs. One conditional UPDATE, so that two
    beats take each broker only once. A claim lasts for RETRY_AFTER, the most a dead worker costs."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE vhosts_backupschedule AS s
            SET next_at = %(soon)s
            FROM console_broker AS b
            WHERE b.id = s.broker_id AND b.enabled AND s.next_at <= %(now)s
              AND COALESCE(s.every_hours, %(hours)s) > 0
            RETURNING s.broker_id
            """,
            {"now": now, "soon": now + RETRY_AFTER, "hours": settings.BACKUP_HOURS},
        )
        return [row[0] for row in cursor.fetchall()]


def drop_old(now: datetime) -> None:
    """Delete expired backups, but never a broker's newest, and abandoned import plans."""
    newest = Backup.objects.order_by("broker_id", "-taken_at", "-pk").distinct("broker_id")
    past = Backup.objects.filter(checked_at__lt=now - timedelta(days=settings.KEEP_BACKUPS_DAYS))
    past.exclude(pk__in=list(newest.values_list("pk", flat=True))).delete()
    ImportDraft.objects.filter(created_at__lt=now - DRAFTS_LAST).delete()
