"""Sum up rates over 5 minutes and over an hour: the statement that vhosts.history.rollups runs."""

from __future__ import annotations

KINDS = ("publish", "deliver", "ack", "redeliver", "get")

_COLUMNS = ", ".join(KINDS)
_OPENING = ", ".join(f"CASE WHEN o.at IS NULL THEN 0 ELSE o.{kind} END" for kind in KINDS)
_SUMS = ", ".join(
    f"sum({kind} * w) / sum(w) AS {kind}_avg, max({kind}) AS {kind}_max" for kind in KINDS
)
_NAMES = [f"{kind}_{what}" for kind in KINDS for what in ("avg", "max", "last")]
_VALUES = ", ".join(f"s.{kind}_avg, s.{kind}_max, c.{kind}" for kind in KINDS)
_UPDATES = ", ".join(f"{name} = excluded.{name}" for name in [*_NAMES, "known_s"])

# touched:  queues with a row in the bucket that still exist here, locked until theirs is written
# changes:  each change within a span, and the values at the start of the bucket or span: the last
#           row of the span, or 0
# holding:  each of them with the seconds during which it was valid
FILL_RATES = f"""
WITH inside AS MATERIALIZED (
    SELECT queue_id, at, {_COLUMNS} FROM vhosts_queue_rate
    WHERE at >= %(start)s AND at < %(end)s
), touched AS MATERIALIZED (
    SELECT q.id AS queue_id, q.broker_id FROM vhosts_queue q
    WHERE q.id IN (SELECT queue_id FROM inside)
      AND (%(broker)s::bigint IS NULL OR q.broker_id = %(broker)s::bigint)
    ORDER BY q.id FOR KEY SHARE
), spans AS MATERIALIZED (
    SELECT broker_id, from_at, greatest(from_at, %(start)s) AS opens_at,
           least(until_at, %(end)s) AS closes_at
    FROM vhosts_ratespan WHERE from_at < %(end)s AND until_at > %(start)s
), changes AS (
    SELECT i.queue_id, i.at, {_COLUMNS}, s.from_at, s.opens_at, s.closes_at
    FROM inside i JOIN touched t USING (queue_id)
    JOIN spans s ON s.broker_id = t.broker_id AND i.at >= s.from_at AND i.at < s.closes_at
    UNION ALL
    SELECT t.queue_id, s.opens_at - interval '1 us', {_OPENING}, s.from_at, s.opens_at, s.closes_at
    FROM touched t JOIN spans s USING (broker_id)
    LEFT JOIN LATERAL (
        SELECT r.* FROM vhosts_queue_rate r
        WHERE r.queue_id = t.queue_id AND r.at >= s.from_at AND r.at < s.opens_at
        ORDER BY r.at DESC LIMIT 1
    ) o ON TRUE
), holding AS (
    SELECT queue_id, {_COLUMNS}, extract(epoch FROM
           coalesce(lead(at) OVER (PARTITION BY queue_id, from_at ORDER BY at), closes_at)
           - greatest(at, opens_at)) AS w
    FROM changes
), summed AS (
    SELECT queue_id, {_SUMS}, sum(w) AS known_s
    FROM holding WHERE publish IS NOT NULL AND w > 0 GROUP BY queue_id
), closing AS (
    SELECT DISTINCT ON (queue_id) queue_id, {_COLUMNS} FROM changes ORDER BY queue_id, at DESC
)
INSERT INTO {{table}} (queue_id, bucket_at, {", ".join(_NAMES)}, known_s)
SELECT c.queue_id, %(start)s, {_VALUES}, round(coalesce(s.known_s, 0))
FROM closing c LEFT JOIN summed s USING (queue_id)
ORDER BY c.queue_id
ON CONFLICT (queue_id, bucket_at) DO UPDATE SET {_UPDATES}
"""  # noqa: S608 – no part of it comes from outside
