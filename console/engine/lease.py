"""One writer per broker, by a lease in Postgres with a fence number."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction

from console.models import BrokerLease

LEASE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Lease:
    broker_id: int
    owner: str
    fence: int


def take_lease(broker_id: int, owner: str) -> Lease | None:
    """Take the lease of the broker; None while another owner holds it. Expiry is judged by the
    database's clock, so a worker with a wrong clock neither keeps nor steals a lease."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO console_brokerlease (broker_id, owner, until, fence, failures)
            SELECT id, %(owner)s, now() + make_interval(secs => %(seconds)s), 1, 0
            FROM console_broker WHERE id = %(broker)s
            ON CONFLICT (broker_id) DO UPDATE
            SET owner = EXCLUDED.owner, until = EXCLUDED.until,
                fence = console_brokerlease.fence + 1
            WHERE console_brokerlease.until < now()
            RETURNING fence
            """,
            {"broker": broker_id, "owner": owner, "seconds": LEASE_SECONDS},
        )
        row = cursor.fetchone()
    return Lease(broker_id, owner, row[0]) if row else None


def renew_lease(lease: Lease) -> bool:
    """Extend the lease. False if it was lost: stop at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE console_brokerlease SET until = now() + make_interval(secs => %s)
            WHERE broker_id = %s AND fence = %s AND owner = %s
            """,
            [LEASE_SECONDS, lease.broker_id, lease.fence, lease.owner],
        )
        return bool(cursor.rowcount == 1)


def release_lease(lease: Lease) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE console_brokerlease SET until = now() - interval '1 microsecond', owner = ''
            WHERE broker_id = %s AND fence = %s
            """,
            [lease.broker_id, lease.fence],
        )


def still_held(lease: Lease) -> bool:
    """Lock the lease row and return whether the fence is still this one. Call it inside a
    transaction. A worker that slept past its lease then stores nothing."""
    assert transaction.get_connection().in_atomic_block  # noqa: S101 – a lock outside one is none
    row = BrokerLease.objects.select_for_update().filter(broker=lease.broker_id).first()
    return row is not None and row.fence == lease.fence
