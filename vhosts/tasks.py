"""What beat and workers run. Tasks read the clock and pass it on; none carries more than ids.

The threads pool is safe here: Celery's Django fixup closes the database connections of the thread
after each task (celery/fixups/django.py, on_task_postrun), so none is shared or left open.
"""

from __future__ import annotations

from celery import shared_task

from console.heartbeats import write_heartbeat
from console.memory import give_back
from console.rest.request_counts import forget_old_counts
from vhosts.polling import dispatch, inventory, partitions, retention, rollups, run, settle
from vhosts.services import backups


@shared_task(ignore_result=True)
def dispatch_due_polls() -> None:
    """Each second, by beat: claims what is due and hands it out. A message that waited too long is
    dropped by the worker; its claim lapses and the broker is due again."""
    write_heartbeat("worker")
    now = dispatch.database_now()
    for due in dispatch.claim_due_polls(now):
        poll_broker.apply_async((due.broker_id, due.claim), expires=dispatch.EXPIRES_S)
    for due in dispatch.claim_due_inventories(now):
        take_inventory.apply_async((due.broker_id, due.claim), expires=dispatch.EXPIRES_S)


@shared_task(ignore_result=True)
def poll_broker(broker_id: int, claim: int) -> None:
    run.poll(broker_id, claim, dispatch.database_now())
    give_back()


@shared_task(ignore_result=True)
def take_inventory(broker_id: int, claim: int) -> None:
    inventory.take(broker_id, claim, dispatch.database_now())
    give_back()


@shared_task(ignore_result=True)
def keep_history() -> None:
    """Each minute, by beat. Harmless to run twice, or beside another."""
    now = dispatch.database_now()
    partitions.make_ahead(now)
    settle.settle(now)
    rollups.fill(now)
    retention.drop_old(now)
    forget_old_counts(now.timestamp())


@shared_task(ignore_result=True)
def take_backups() -> None:
    """Each minute, by beat: backs up the brokers that are due. Harmless beside another."""
    now = dispatch.database_now()
    backups.take_due_backups(now)
    backups.drop_old(now)
