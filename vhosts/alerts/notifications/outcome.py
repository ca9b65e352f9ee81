"""What the sending process stores: that a try begins, and how it ended. Plain SQL, because the process
knows no Django. Each statement names the claim, so a try whose claim has run out changes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import psycopg2
from psycopg2.extras import Json

from vhosts.alerts.notifications.retries import GIVE_UP_AFTER, RECORD_S, SEND_S, wait_after

_BEGIN: Final = """
    UPDATE vhosts_alertdelivery SET started_at = clock_timestamp()
    WHERE id = %(delivery)s AND claim = %(claim)s AND state = 'sending' AND started_at IS NULL
      AND lease_until > clock_timestamp() + make_interval(secs => %(least)s)
    RETURNING attempts
"""
_SENT: Final = """
    WITH done AS (
        UPDATE vhosts_alertdelivery
        SET state = 'sent', sent_at = clock_timestamp(), took_ms = %(took)s, error = '', claim = NULL,
            lease_until = NULL, tries = tries || %(entry)s
        WHERE id = %(delivery)s AND claim = %(claim)s RETURNING channel_id
    )
    UPDATE vhosts_alertchannel AS channel
    SET sent_at = clock_timestamp(), took_ms = %(took)s, failures = 0, error = ''
    FROM done WHERE channel.id = done.channel_id
"""
_FAILED: Final = """
    WITH done AS (
        UPDATE vhosts_alertdelivery
        SET state = CASE WHEN clock_timestamp() > first_due_at + %(give_up)s THEN 'failed' ELSE 'waiting' END,
            due_at = clock_timestamp() + %(wait)s, took_ms = %(took)s, error = %(why)s, claim = NULL,
            lease_until = NULL, tries = tries || %(entry)s
        WHERE id = %(delivery)s AND claim = %(claim)s RETURNING channel_id
    )
    UPDATE vhosts_alertchannel AS channel
    SET failed_at = clock_timestamp(), failures = channel.failures + 1, error = %(why)s
    FROM done WHERE channel.id = done.channel_id
"""


def begin(database: Mapping[str, Any], delivery: int, claim: str) -> int | None:
    """Store that the try begins. Return its number; None if the claim is no longer held, and then
    nothing may be sent. Raises psycopg2.Error."""
    rows = _run(
        database, _BEGIN, {"delivery": delivery, "claim": claim, "least": SEND_S + RECORD_S}
    )
    return rows[0][0] if rows else None


def end(
    database: Mapping[str, Any],
    delivery: int,
    claim: str,
    *,
    attempt: int,
    sent: bool,
    why: str,
    took_ms: int,
    at: str,
) -> None:
    """Store the result. Tries for RECORD_S seconds where Postgres doesn't answer; raises psycopg2.Error
    after that, and the delivery is tried again when its lease ends."""
    values = {
        "delivery": delivery, "claim": claim, "took": took_ms, "why": why, "give_up": GIVE_UP_AFTER,
        "wait": wait_after(attempt),
        "entry": Json([{"at": at, "sent": sent, "why": why, "took_ms": took_ms}]),
    }  # fmt: skip
    ends = time.monotonic() + RECORD_S
    while True:
        try:
            _run(database, _SENT if sent else _FAILED, values)
            return
        except psycopg2.OperationalError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.5)


def _run(database: Mapping[str, Any], statement: str, values: Mapping[str, Any]) -> list[Any]:
    connection = psycopg2.connect(**{**database, "connect_timeout": 5})
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if "RETURNING attempts" in statement else []
    finally:
        connection.close()
