"""Which brokers are due, claimed by one conditional UPDATE each time: two beats are harmless, and a
broker is never polled twice at once. All times are the database's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

#: A claim is this long before the poll begins: a message lost costs no more than that.
_WAIT = timedelta(seconds=20)
#: A poll that runs renews its claim before each part; one whose worker was killed is taken over.
LEASE = timedelta(seconds=45)
#: A message older than this is not worth working on: its claim has lapsed.
EXPIRES_S = 15


@dataclass(frozen=True)
class Claimed:
    broker_id: int
    claim: int


def database_now() -> datetime:
    """The clock that every worker shares."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment


def claim_due_polls(now: datetime) -> list[Claimed]:
    """Claims every broker that is due at `now` for one poll.

    Slots are multiples of the interval, so histories of brokers with one interval line up; the polls
    themselves are spread by a phase of each broker's own. A poll asked for out of turn (somebody
    edited the broker) takes the present second as its slot. A next poll further off than any
    back-off reaches is the work of a clock that was set back.
    """
    return _claim(_POLLS, now, _WAIT)


def claim_due_inventories(now: datetime) -> list[Claimed]:
    """Claims every broker that answers and whose inventory is due at `now`."""
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
        # %(now)s is written into arithmetic, where Postgres must be told that it is a time.
        cursor.execute(
            statement.replace("%(now)s", "%(now)s::timestamptz"), {"now": now, "until": now + wait}
        )
        return [Claimed(*row) for row in cursor.fetchall()]


def hold_poll(broker_id: int, claim: int) -> bool:
    """Whether the poll still has its claim, which then holds for another LEASE."""
    return _hold("claim", "claimed_until", broker_id, claim)


def hold_inventory(broker_id: int, claim: int) -> bool:
    return _hold("inventory_claim", "inventory_claimed_until", broker_id, claim)


def _hold(column: str, until: str, broker_id: int, claim: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            # Not worth waiting for the disk: a crash of Postgres loses a claim's renewal, no more.
            f"UPDATE console_brokerstatus SET {until} = clock_timestamp() + make_interval(secs => %s)"  # noqa: S608
            " FROM (SELECT set_config('synchronous_commit', 'off', true) AS set) quick"
            f" WHERE broker_id = %s AND {column} = %s AND quick.set IS NOT NULL",
            [LEASE.total_seconds(), broker_id, claim],
        )
        return bool(cursor.rowcount)
