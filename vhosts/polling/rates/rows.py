"""Store rates in the rows of exchanges, where they changed; and what queues share with that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.backends.utils import CursorWrapper

from console.rabbitmq.prometheus.rates import Rates
from vhosts.models import RateSpan
from vhosts.polling.depths.rows import Slot
from vhosts.polling.inventory.quarantine import why_unfit
from vhosts.polling.rates.fallback import Published

EXCHANGE = ("in", "out", "returned", "dropped")


def hold(cursor: CursorWrapper, slot: Slot) -> bool:
    """Lock the broker's status. Return False if another poll has claimed the broker since."""
    cursor.execute(
        # No wait for the disk: what a crash of Postgres loses is polled again. Compiling (jit) takes
        # longer than the statements, whose costs the planner overestimates for many queues.
        "SELECT set_config('synchronous_commit', 'off', true), set_config('jit', 'off', true)"
        " FROM console_brokerstatus WHERE broker_id = %s AND claim = %s FOR UPDATE",
        [slot.broker_id, slot.claim],
    )
    return cursor.fetchone() is not None


def extend_span(slot: Slot, since: datetime) -> bool:
    """Extend the span of known rates by the time since the last poll. Return whether a span
    began."""
    spans = RateSpan.objects.filter(broker_id=slot.broker_id)
    newest = spans.order_by("-from_at").first()
    if newest is not None and newest.from_at <= since <= newest.until_at:
        spans.filter(pk=newest.pk).update(until_at=max(slot.at, newest.until_at))
        return False
    spans.update_or_create(broker_id=slot.broker_id, from_at=since, defaults={"until_at": slot.at})
    return True


def store_exchanges(cursor: CursorWrapper, slot: Slot, rates: Rates) -> None:
    """Store the rates of exchanges. One that isn't named had no traffic. If some rows couldn't be
    read, those with quotes or backslashes are unknown."""
    _store(cursor, slot, rates.exchanges.items(), unsure=rates.unreadable > 0, rest=0)


def forget_exchanges(cursor: CursorWrapper, slot: Slot, published: Published | None) -> None:
    """Set the rates of exchanges to unknown, but for what the management API reports of them
    (`published`)."""
    found = {names: (into, out, None, None) for names, (into, out) in (published or {}).items()}
    _store(cursor, slot, found.items(), unsure=False, rest=None)


def _store(
    cursor: CursorWrapper,
    slot: Slot,
    found: Iterable[tuple[tuple[str, str], Sequence[float | None]]],
    *,
    unsure: bool,
    rest: float | None,
) -> None:
    cursor.execute(
        _EXCHANGES,
        {
            "broker": slot.broker_id,
            "at": slot.at,
            "unsure": unsure,
            "rest": rest,
            **arrays(EXCHANGE, found),
        },
    )


def arrays(
    kinds: Sequence[str], found: Iterable[tuple[tuple[str, str], Sequence[float | None]]]
) -> dict[str, list[Any]]:
    """Return the names and rates as arrays, for `listed`. Names that can't be stored are left out."""
    rows = [(*names, *row) for names, row in found if why_unfit(*names) is None]
    columns = zip(*rows, strict=True) if rows else ((),) * (2 + len(kinds))
    return dict(zip(("vhosts", "names", *kinds), map(list, columns), strict=True))


def listed(kinds: Sequence[str]) -> str:
    """Return the SQL of the rows that `arrays` were made of, as t (vhost, name, …)."""
    types = ["%(vhosts)s::text[]", "%(names)s::text[]"]
    types += [f"%({kind})s::double precision[]" for kind in kinds]
    columns = ", ".join(f'"{kind}"' for kind in kinds)
    return f"unnest({', '.join(types)}) AS t (vhost, name, {columns})"


def new_rate(kind: str, *, gone: str) -> str:
    """Return the SQL of a rate: as listed, NULL if it is unknown, else what `rest` says."""
    return (
        f'CASE WHEN {gone} THEN NULL WHEN t.name IS NOT NULL THEN t."{kind}"'
        f" WHEN %(unsure)s AND {ODD_NAME} THEN NULL ELSE %(rest)s::double precision END"
    )


#: For regular expressions of Postgres: a quote or a backslash.
ODD_NAME = r"""(q.name ~ '["\\]' OR q.vhost ~ '["\\]')"""

_OLD = ", ".join(f"q.{kind}_rate" for kind in EXCHANGE)
_NEW = ", ".join(f'n."{kind}"' for kind in EXCHANGE)
_EXCHANGES = f"""
UPDATE vhosts_exchange q
SET {", ".join(f'{kind}_rate = n."{kind}"' for kind in EXCHANGE)}, rates_at = %(at)s
FROM (
    SELECT q.id, {", ".join(f'{new_rate(kind, gone="FALSE")} AS "{kind}"' for kind in EXCHANGE)}
    FROM vhosts_exchange q LEFT JOIN {listed(EXCHANGE)} ON t.vhost = q.vhost AND t.name = q.name
    WHERE q.broker_id = %(broker)s
) n
WHERE q.id = n.id AND ({_OLD}) IS DISTINCT FROM ({_NEW})
"""  # noqa: S608 – no part of it comes from outside
