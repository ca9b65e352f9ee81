"""Claim the brokers that are due.

One conditional UPDATE claims them, so two beats do no harm and a broker is never polled twice at
once. All times are from the database's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

#: How long a claim waits for its poll to start. A lost message costs no more than this.
_WAIT = timedelta(seconds=20)
#: A running poll renews its claim before each part. If its worker was killed, another one takes
#: over.
LEASE = timedelta(seconds=45)
#: An older message is dropped: its claim has expired.
EXPIRES_S = 15


@dataclass(frozen=True)
class Claimed:
    broker_id: int
    claim: int


def database_now() -> datetime:
    """Return the time of the clock that all workers share."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment


def claim_due_polls(now: datetime) -> list[Claimed]:
    """Claim every broker that is due at `now` for one poll.

    Slots are multiples of the interval, so that histories of brokers with the same interval line
    up. A phase per broker spreads the polls themselves. A poll requested out of turn (a person
    edited the broker) uses the current second as its slot. If the next poll is further away than
    any back-off, the clock was set back, and the broker counts as due.
    """
    return _claim(_POLLS, now, _WAIT)


def claim_due_inventories(now: datetime) -> list[Claimed]:
    """Claim the brokers that answer and whose inventory is due at `now`."""
    return _claim(_INVENTORIES, now, _WAIT)


_POLLS = """
WITH due AS (
    SELECT s.broker_id, b.poll_interval_s AS step,
           to_timestamp(floor(extract(epoch FROM %(now)s) / b.poll_interval_s)
                        * b.poll_interval_s) AS slot,
           make_interval(secs => mod((b.id * 7)::numeric, least(b.poll_interval_s / 2, 5) * 10) / 10)
               AS phase
    FROM console_brokerstatus s JOIN console_broker b ON b.id = s.broker_id
    WHERE b.enabled
      AND (s.next_poll_at <= %(now)s
           OR s.next_poll_at > %(now)s
              + greatest(interval '20 min', make_interval(secs => 3 * b.poll_interval_s)))
      AND (s.claimed_until IS NULL OR s.claimed_until <= %(now)s
           OR s.claimed_until > %(now)s + interval '10 min')
    FOR UPDATE OF s SKIP LOCKED
)
UPDATE console_brokerstatus s
SET claim = s.claim + 1,
    claimed_until = %(until)s,
    attempted_at = %(now)s,
    slot_at = CASE WHEN s.slot_at IS NULL OR due.slot > s.slot_at
                        OR s.slot_at > %(now)s + interval '1 min'
                   THEN due.slot ELSE date_trunc('second', %(now)s) END,
    next_poll_at = due.slot + make_interval(secs => due.step) + due.phase
FROM due WHERE due.broker_id = s.broker_id
RETURNING s.broker_id, s.claim
"""

_INVENTORIES = """
WITH due AS (
    SELECT s.broker_id
    FROM console_brokerstatus s JOIN console_broker b ON b.id = s.broker_id
    WHERE b.enabled AND s.state = 'reachable' AND s.failures = 0
      AND (s.next_inventory_at <= %(now)s OR s.next_inventory_at > %(now)s + interval '7 days')
      AND (s.inventory_claimed_until IS NULL OR s.inventory_claimed_until <= %(now)s
           OR s.inventory_claimed_until > %(now)s + interval '10 min')
    FOR UPDATE OF s SKIP LOCKED
)
UPDATE console_brokerstatus s
SET inventory_claim = s.inventory_claim + 1, inventory_claimed_until = %(until)s
FROM due WHERE due.broker_id = s.broker_id
RETURNING s.broker_id, s.inventory_claim
"""


def _claim(statement: str, now: datetime, wait: timedelta) -> list[Claimed]:
    with connection.cursor() as cursor:
        # %(now)s is used in arithmetic, so Postgres needs an explicit type.
        cursor.execute(
            statement.replace("%(now)s", "%(now)s::timestamptz"), {"now": now, "until": now + wait}
        )
        return [Claimed(*row) for row in cursor.fetchall()]


def hold_poll(broker_id: int, claim: int) -> bool:
    """Renew the poll's claim for another LEASE. Return False if the poll has lost it."""
    return _hold("claim", "claimed_until", broker_id, claim)


def hold_inventory(broker_id: int, claim: int) -> bool:
    return _hold("inventory_claim", "inventory_claimed_until", broker_id, claim)


def _hold(column: str, until: str, broker_id: int, claim: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            # No wait for the disk: a crash of Postgres loses only the renewal of a claim.
            f"UPDATE console_brokerstatus SET {until} = clock_timestamp() + make_interval(secs => %s)"  # noqa: S608
            " FROM (SELECT set_config('synchronous_commit', 'off', true) AS set) quick"
            f" WHERE broker_id = %s AND {column} = %s AND quick.set IS NOT NULL",
            [LEASE.total_seconds(), broker_id, claim],
        )
        return bool(cursor.rowcount)
