"""Whatever is deleted, every background job goes on, and history of what is left stays right."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.db import DataError, IntegrityError, connection

from accessctl.models import ApiToken, BrokerUser, Grant
from accessctl.tokens.service import create_token
from console.background.each_alone import SomeFailed
from console.background.jobs import JOBS
from console.brokers.registry import forget_broker
from console.celery import app
from console.engine import notify as doorbell
from console.engine import tasks
from console.engine.accept import accept
from console.engine.proposal import DesiredObject, Proposal
from console.kinds.common.kind import Ref
from console.models import (
    Broker,
    BrokerLease,
    BrokerStatus,
    Change,
    Heartbeat,
    JobRun,
    ManagedObject,
)
from tests.engine import utc_now
from tests.factories import add_user, add_vhost, permit
from tests.vhosts.test_polling_claims import depths, stored
from vhosts import tasks as vhost_tasks
from vhosts.definitions import backups
from vhosts.definitions.model import sealed
from vhosts.history import partitions, rollups
from vhosts.models import (
    Backup,
    BackupSchedule,
    KnownSpan,
    Poll,
    Queue,
    QueueRollup1h,
    QueueRollup5m,
    QueueSnapshot,
    RecentSnapshot,
    RollupGap,
    RollupMark,
    VirtualHost,
)
from vhosts.polling import run
from vhosts.polling import store as storing
from vhosts.polling.inventory import take as inventory

NOW = datetime.now(UTC)
#: No other test declares one of this name on the same broker.
OURS = f"q {uuid4().hex}"
#: A 5-minute bucket that has been closed for long, in the present run of half an hour or the last.
BUCKET = datetime.fromtimestamp(int(NOW.timestamp()) // 300 * 300 - 1200, UTC)
#: The same of a day whose partitions nobody made.
LONG_AGO = BUCKET - timedelta(days=5)


@dataclass
class World:
    lost: Broker
    kept: Broker
    author: User

    def queue(self, broker: Broker) -> Queue:
        return Queue.objects.get(broker=broker, vhost="/", name=OURS)


def fill(broker: Broker, author: User) -> None:
    """Everything that hangs on a broker, with depths of one queue over one bucket."""
    queue = Queue.objects.create(broker=broker, vhost="/", name=OURS, first_seen_at=NOW, ready=9)
    for start in (LONG_AGO, BUCKET):
        KnownSpan.objects.create(
            broker=broker, from_at=start, last_at=start, until_at=start + timedelta(minutes=5)
        )
        RecentSnapshot.objects.bulk_create(
            RecentSnapshot(
                queue_id=queue.pk, at=start + timedelta(seconds=s), ready=ready, unacked=0
            )
            for s, ready in ((0, 5), (100, 9))
        )
    add_vhost(broker, "gone", NOW)
    add_user(broker, "app", NOW)
    permit(broker, "app", "gone", NOW)
    Backup.objects.create(
        broker=broker, taken_at=NOW, checked_at=NOW, digest="d", objects_count=0, size=2,
        content_encrypted=sealed(b"{}"), origin="page",
    )  # fmt: skip
    Poll.objects.create(broker=broker, slot_at=NOW, started_at=NOW, took_ms=1, complete=True)
    accept(
        Proposal(
            title="a change", origin="page",
            desired_objects=[
                DesiredObject(broker=broker, ref=Ref("vhost", (f"never {broker.pk}",)), spec=None,
                     observed=None, permission="vhosts:delete")
            ],
        ),
        now=NOW, acting_user=author,
    )  # fmt: skip


@pytest.fixture
def world(make_broker: Any, superuser: Any) -> World:
    author = User.objects.create_superuser("author", password="a long password")
    group = Group.objects.create(name="team")
    author.groups.add(group)
    create_token(
        user=author, name="ci", expires_in=timedelta(days=1), now=NOW, acting_user=superuser
    )
    found = World(make_broker(name="lost"), make_broker(name="kept"), author)
    for broker in (found.lost, found.kept):
        fill(broker, author)
        Grant.objects.create(group=group, role="viewer", broker=broker, created_at=NOW)
    return found


@pytest.fixture
def at_once(monkeypatch: Any) -> None:
    """What beat's jobs hand out is done in this process."""
    for task in (vhost_tasks.poll_broker, vhost_tasks.take_inventory):
        monkeypatch.setattr(task, "apply_async", lambda args, task=task, **_: task(*args))
    monkeypatch.setattr(
        doorbell.current_app, "send_task", lambda _name, args, **_: tasks.apply_changes(*args)
    )


def run_every_job() -> None:
    app.loader.import_default_modules()
    for job in JOBS:
        if job.every_s is not None:
            app.tasks[job.task]()


def of_kept(world: World) -> list[tuple[Any, ...]]:
    return list(
        QueueRollup5m.objects.filter(queue_id=world.queue(world.kept).pk, bucket_at__lte=BUCKET)
        .order_by("bucket_at")
        .values_list("bucket_at", "ready_min", "ready_max", "ready_last", "known_s")
    )


RIGHT = [(LONG_AGO, 5, 9, 9, 300), (BUCKET, 5, 9, 9, 300)]


def drop_every_partition(world: World) -> None:
    with connection.cursor() as cursor:
        for table in partitions.TABLES:
            for name in partitions._existing(table):
                cursor.execute(f"DROP TABLE {name}")


def queue_gone_for_long(world: World) -> None:
    Queue.objects.filter(broker=world.lost).update(gone_at=NOW - timedelta(days=400))


def queue_gone_just_now(world: World) -> None:
    Queue.objects.filter(broker=world.lost).update(gone_at=NOW, ready=None)


Deletion = Callable[[World], object]
DELETIONS: dict[str, Deletion] = {
    "nothing": lambda world: None,
    "broker forgotten": lambda world: forget_broker(
        world.lost, now=utc_now(), acting_user=world.author
    ),
    "broker's row deleted": lambda world: world.lost.delete(),
    "queue deleted": lambda world: Queue.objects.filter(broker=world.lost).delete(),
    "queue gone for long": queue_gone_for_long,
    "queue gone": queue_gone_just_now,
    "virtual host gone": lambda world: VirtualHost.objects.filter(broker=world.lost).delete(),
    "RabbitMQ user gone": lambda world: BrokerUser.objects.filter(broker=world.lost).delete(),
    "change's author deleted": lambda world: world.author.delete(),
    "group deleted": lambda world: Group.objects.all().delete(),
    "token deleted": lambda world: ApiToken.objects.all().delete(),
    "grants deleted": lambda world: Grant.objects.all().delete(),
    "backup deleted": lambda world: Backup.objects.filter(broker=world.lost).delete(),
    "schedule deleted": lambda world: BackupSchedule.objects.all().delete(),
    "change deleted": lambda world: Change.objects.filter(steps__broker=world.lost).delete(),
    "managed object deleted": lambda world: ManagedObject.objects.all().delete(),
    "lease deleted": lambda world: BrokerLease.objects.all().delete(),
    "polls deleted": lambda world: Poll.objects.all().delete(),
    "spans of one deleted": lambda world: KnownSpan.objects.filter(broker=world.lost).delete(),
    "rollup mark deleted": lambda world: RollupMark.objects.all().delete(),
    "partitions dropped": drop_every_partition,
    "heartbeats and records deleted": lambda world: (
        Heartbeat.objects.all().delete(),
        JobRun.objects.all().delete(),
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("deletion", DELETIONS, ids=list(DELETIONS))
def test_every_job_goes_on_after_it(world: World, at_once: None, deletion: str) -> None:
    DELETIONS[deletion](world)
    run_every_job()
    # Once more: with what the first run wrote, and polls due again.
    BrokerStatus.objects.update(next_poll_at=NOW, claimed_until=None)
    run_every_job()
    assert [(one.name, one.error) for one in JobRun.objects.exclude(failures=0)] == []
    assert JobRun.objects.filter(succeeded_at=None).count() == 0
    assert of_kept(world) == RIGHT
    assert BrokerStatus.objects.get(pk=world.kept.pk).state == "reachable"
    assert Backup.objects.filter(broker=world.kept, origin="schedule").exists()
    assert not RollupGap.objects.exists()
    left = set(Queue.objects.values_list("pk", flat=True))
    for model in (QueueRollup5m, QueueRollup1h):
        assert set(model.objects.values_list("queue_id", flat=True)) <= left


@pytest.mark.django_db
def test_history_of_the_others_is_summed_up_after_a_broker_was_forgotten(world: World) -> None:
    partitions.make_ahead(LONG_AGO)
    QueueSnapshot.objects.bulk_create(
        QueueSnapshot(queue_id=queue.pk, at=BUCKET + timedelta(seconds=s), ready=ready, unacked=0)
        for queue in Queue.objects.all()
        for s, ready in ((0, 5), (100, 9))
    )
    RecentSnapshot.objects.filter(at__gte=BUCKET).delete()
    forget_broker(world.lost, now=utc_now(), acting_user=world.author)
    for _ in range(3):
        vhost_tasks.keep_history()
    assert of_kept(world) == RIGHT


def forgets(world: World, before: Any = None) -> Callable[..., Any]:
    """In place of a function: the broker is forgotten, then the function is called."""

    def act(*args: Any, **kwargs: Any) -> Any:
        if Broker.objects.filter(pk=world.lost.pk).exists():
            forget_broker(
                Broker.objects.get(pk=world.lost.pk), now=utc_now(), acting_user=world.author
            )
        return before(*args, **kwargs)

    return act


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("module", "name"),
    [
        (run.dispatch, "hold_poll"), (run, "connect"), (run, "_look"), (run, "answered"),
        (run, "store"), (run, "_remember"), (run.dispatch, "hold_inventory"),
        (inventory, "connect"), (inventory, "_take_part"),
        (inventory, "note_part"), (inventory, "take_consumers"), (inventory, "_finish"),
        (tasks, "apply_broker"), (backups, "read_live"), (backups, "digest_of"),
        (rollups, "fill_bucket"), (rollups, "_next_bucket"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)  # fmt: skip
def test_every_job_goes_on_when_a_broker_is_forgotten_under_way(
    world: World, at_once: None, monkeypatch: Any, module: Any, name: str
) -> None:
    monkeypatch.setattr(module, name, forgets(world, getattr(module, name)))
    run_every_job()
    monkeypatch.undo()
    assert not Broker.objects.filter(pk=world.lost.pk).exists()
    vhost_tasks.keep_history()
    assert [(one.name, one.error) for one in JobRun.objects.exclude(failures=0)] == []
    assert of_kept(world) == RIGHT
    for model in (Queue, Poll, KnownSpan, VirtualHost, BrokerUser, Backup):
        assert not model.objects.filter(broker=world.lost.pk).exists()


class Meanwhile:
    """Runs an act in a thread with a connection of its own. `error`: what it raised."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self._act = act
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with closing(connection):
            try:
                self._act()
            except BaseException as error:
                self.error = error

    def start(self) -> Meanwhile:
        self._thread.start()
        return self

    def end(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error


@pytest.fixture
def held(monkeypatch: Any) -> Callable[[Any, str], threading.Event]:
    """held(module, name): that function waits for half a second before it goes on. The event it gives
    says that it was reached."""

    def hold(module: Any, name: str) -> threading.Event:
        reached, real = threading.Event(), getattr(module, name)

        def wait(*args: Any, **kwargs: Any) -> Any:
            result = real(*args, **kwargs) if name == "hold" else None
            reached.set()
            threading.Event().wait(0.5)
            return result if name == "hold" else real(*args, **kwargs)

        monkeypatch.setattr(module, name, wait)
        return reached

    return hold


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["hold", "_extend_span"])
def test_forgetting_a_broker_waits_for_the_poll_that_is_being_stored(
    world: World, held: Any, name: str
) -> None:
    reached = held(storing, name)
    polling = Meanwhile(
        lambda: stored(world.lost, 7, NOW.replace(microsecond=0), depths((OURS, 3), ("new", 4)))
    ).start()
    assert reached.wait(10)
    forget_broker(world.lost, now=utc_now(), acting_user=world.author)
    polling.end()
    assert set(Queue.objects.values_list("broker", flat=True)) == {world.kept.pk}
    vhost_tasks.keep_history()
    assert of_kept(world) == RIGHT


@pytest.mark.django_db(transaction=True)
def test_editing_a_broker_and_storing_its_poll_never_lock_each_other_out(
    world: World, held: Any
) -> None:
    from dataclasses import replace

    from console.brokers.broker_settings import BrokerSettings
    from console.brokers.registry import edit_broker

    reached = held(storing, "_extend_span")
    polling = Meanwhile(
        lambda: stored(world.lost, 7, NOW.replace(microsecond=0), depths((OURS, 3)))
    ).start()
    assert reached.wait(10)
    edit_broker(
        world.lost,
        replace(BrokerSettings.of(world.lost), enabled=False),
        now=NOW,
        acting_user=world.author,
    )
    polling.end()
    assert not Broker.objects.get(pk=world.lost.pk).enabled


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("forget", [True, False], ids=["broker forgotten", "queues deleted"])
def test_deleting_waits_for_the_rollup_that_is_being_written(
    world: World, held: Any, forget: bool
) -> None:
    reached = held(rollups, "fill_bucket")
    keeping = Meanwhile(vhost_tasks.keep_history).start()
    assert reached.wait(10)
    if forget:
        forget_broker(world.lost, now=utc_now(), acting_user=world.author)
    else:
        Queue.objects.filter(broker=world.lost).delete()
    keeping.end()
    assert of_kept(world) == RIGHT
    left = set(Queue.objects.values_list("pk", flat=True))
    assert set(QueueRollup5m.objects.values_list("queue_id", flat=True)) <= left


# One that fails


@pytest.fixture
def bad_broker(world: World, monkeypatch: Any) -> Any:
    """The rollups of `lost` can't be computed, by themselves or with others."""
    real = rollups.fill_bucket

    def refuse(rollup: Any, start: datetime, broker_id: int | None = None) -> int:
        if broker_id in (None, world.lost.pk):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 70000::smallint")
        return real(rollup, start, broker_id)

    monkeypatch.setattr(rollups, "fill_bucket", refuse)
    return monkeypatch


@pytest.mark.django_db
def test_a_broker_whose_rollups_fail_holds_up_no_other_and_is_caught_up_with(
    world: World, bad_broker: Any
) -> None:
    with pytest.raises(SomeFailed):
        vhost_tasks.keep_history()
    assert of_kept(world) == RIGHT
    assert set(RollupGap.objects.values_list("broker", flat=True)) == {world.lost.pk}
    failing = JobRun.objects.get(name="keep_history.rollup_5m")
    assert "Broker lost" in failing.error
    assert "smallint out of range" in failing.error
    lost = world.queue(world.lost).pk
    assert not QueueRollup5m.objects.filter(queue_id=lost).exists()
    bad_broker.undo()
    vhost_tasks.keep_history()
    assert not RollupGap.objects.exists()
    assert list(
        QueueRollup5m.objects.filter(queue_id=lost, bucket_at=BUCKET).values_list("ready_max")
    ) == [(9,)]


@pytest.mark.django_db
def test_what_fails_for_all_is_tried_again_as_a_whole(world: World, monkeypatch: Any) -> None:
    def refuse(*_: Any) -> int:
        raise DataError("no")

    monkeypatch.setattr(rollups, "fill_bucket", refuse)
    with pytest.raises(SomeFailed):
        vhost_tasks.keep_history()
    assert not RollupGap.objects.exists()
    monkeypatch.undo()
    vhost_tasks.keep_history()
    assert of_kept(world) == RIGHT


@pytest.mark.django_db
def test_retention_goes_on_while_rollups_fail(world: World, monkeypatch: Any) -> None:
    partitions.make_ahead(NOW - timedelta(days=100))
    queue_gone_for_long(world)

    def refuse(*_: Any) -> int:
        raise IntegrityError("no")

    monkeypatch.setattr(rollups, "fill_one", refuse)
    with pytest.raises(SomeFailed):
        vhost_tasks.keep_history()
    assert set(Queue.objects.values_list("broker", flat=True)) == {world.kept.pk}
    old = f"{NOW - timedelta(days=100):%Y%m%d}"
    assert not any(
        old in name for table in partitions.TABLES for name in partitions._existing(table)
    )


@pytest.mark.django_db
def test_rollups_kept_for_less_long_than_snapshots_do_not_stop_catching_up(
    world: World, settings: Any
) -> None:
    settings.KEEP_ROLLUPS_5M_DAYS = 2
    for _ in range(2):
        vhost_tasks.keep_history()
    assert of_kept(world) == RIGHT[1:]


@pytest.mark.django_db
def test_rows_of_a_clock_that_was_wrong_make_no_partitions(world: World) -> None:
    queue = world.queue(world.kept)
    RecentSnapshot.objects.create(
        queue_id=queue.pk, at=datetime(1970, 1, 1, tzinfo=UTC), ready=1, unacked=0
    )
    vhost_tasks.keep_history()
    assert not RecentSnapshot.objects.filter(at__lt=LONG_AGO).exists()
    assert sum(len(partitions._existing(table)) for table in partitions.TABLES) < 60
    assert of_kept(world) == RIGHT


@pytest.mark.django_db
def test_a_backup_that_fails_unexpectedly_holds_up_no_other_and_is_tried_again_soon(
    world: World, monkeypatch: Any
) -> None:
    real = backups.take_backup

    def refuse(broker: Broker, **more: Any) -> Any:
        if broker.name == "kept":
            raise ValueError("secret")
        return real(broker, **more)

    monkeypatch.setattr(backups, "take_backup", refuse)
    with pytest.raises(SomeFailed):
        vhost_tasks.take_backups()
    assert Backup.objects.filter(broker=world.lost, origin="schedule").exists()
    schedule = BackupSchedule.objects.get(broker=world.kept)
    assert schedule.error.startswith("ValueError in ")
    assert schedule.next_at - schedule.tried_at == backups.RETRY_AFTER
    assert JobRun.objects.get(name="take_backups.drop_old").succeeded_at


@pytest.mark.django_db
def test_a_worker_that_dies_over_a_backup_costs_no_day(world: World, monkeypatch: Any) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(backups, "take_backup", die)
    now = datetime.now(UTC)
    with pytest.raises(SystemExit):
        backups.take_due_backups(now)
    monkeypatch.undo()
    assert backups.take_due_backups(now + backups.RETRY_AFTER) == 2
