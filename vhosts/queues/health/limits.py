"""Store which length limit is in force on each queue, so that SQL can compare it with the depth.

Which policies apply is what the broker said of each queue; which value counts is decided by
`console.kinds.effective`. Queues with the same settings are decided once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from django.db import DatabaseError, connection, transaction

from console.kinds.effective.select import Choice, Governing, Target
from console.kinds.effective.settings import InForce, in_force
from console.models import Broker, BrokerStatus
from vhosts.models import Exchange
from vhosts.policies.read import Seen, seen_in_all
from vhosts.polling.copying import temporary_table
from vhosts.queues.health.judge import judge_queues

log = structlog.get_logger(__name__)

_ARGUMENTS = (
    "x-max-length",
    "x-max-length-bytes",
    "x-overflow",
    "x-dead-letter-exchange",
    "x-message-ttl",
)
#: The arguments that count here, as one text.
_THEIR_ARGUMENTS = (
    "jsonb_build_object("
    + ", ".join(f"'{name}', q.arguments -> '{name}'" for name in _ARGUMENTS)
    + ")::text"
)
_MOST = 2**63 - 1


class Limits(NamedTuple):
    """Limits in force. `overflow` "": unknown which. `dead_letters`: whether messages that overflow
    go to an exchange that exists; None: unknown. `delays`: whether messages expire into it."""

    max_length: int | None = None
    max_length_bytes: int | None = None
    overflow: str = ""
    dead_letters: bool | None = None
    delays: bool | None = None


_UNKNOWN = Limits()


def limits_of(found: InForce, exists: Callable[[str], bool]) -> Limits:
    """Return the limits among the settings in force. `exists`: whether an exchange may exist."""
    overflow = _value(found, "overflow")
    if not isinstance(overflow, str):
        return _UNKNOWN
    target = _value(found, "dead-letter-exchange")
    dead_letters = isinstance(target, str) and exists(target)
    return Limits(
        _count(_value(found, "max-length")),
        _count(_value(found, "max-length-bytes")),
        overflow,
        dead_letters,
        dead_letters and _count(_value(found, "message-ttl")) is not None,
    )


def _value(found: InForce, key: str) -> Any:
    setting = found.of(key)
    return None if setting is None or setting.no_effect else setting.value


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= _MOST else None


def note_health(broker: Broker, hold: Callable[[], object], now: datetime) -> None:
    """Store limits and conditions after an inventory. A failure is logged and costs the inventory
    nothing; only a lost claim is raised (by `hold`)."""
    try:
        with transaction.atomic():
            hold()
            _note_limits(broker)
    except DatabaseError:
        log.warning("limits_not_noted", broker_id=broker.pk, exc_info=True)
    judge_queues(broker.pk, now)


def _note_limits(broker: Broker) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT q.vhost, q.type, q.policy, q.operator_policy, {_THEIR_ARGUMENTS}"  # noqa: S608
            " FROM vhosts_queue q WHERE q.broker_id = %s AND q.gone_at IS NULL"
            " AND q.inventoried_at IS NOT NULL",
            [broker.pk],
        )
        rows = list(_decided(broker, cursor.fetchall()))
        with temporary_table(cursor, "limited", _COLUMNS, rows):
            cursor.execute(
                f"""
                UPDATE vhosts_queue q SET max_length = l.max_length, overflow = l.overflow,
                       max_length_bytes = l.max_length_bytes, dead_letters = l.dead_letters,
                       delays = l.delays
                FROM limited l
                WHERE q.broker_id = %s AND q.gone_at IS NULL
                  AND l.vhost = q.vhost AND l.type = q.type AND l.policy = q.policy
                  AND l.operator_policy = q.operator_policy AND l.arguments = {_THEIR_ARGUMENTS}
                  AND (q.max_length, q.max_length_bytes, q.overflow, q.dead_letters, q.delays) IS DISTINCT
                      FROM (l.max_length, l.max_length_bytes, l.overflow, l.dead_letters, l.delays)
                """,  # noqa: S608 – no part of it comes from outside
                [broker.pk],
            )


_COLUMNS = {
    "vhost": "text", "type": "text", "policy": "text", "operator_policy": "text",
    "arguments": "text", "max_length": "bigint", "max_length_bytes": "bigint", "overflow": "text",
    "dead_letters": "boolean", "delays": "boolean",
}  # fmt: skip


def _decided(broker: Broker, groups: list[tuple[str, ...]]) -> Iterator[tuple[Any, ...]]:
    status = BrokerStatus.objects.select_related("broker").get(pk=broker.pk)
    seen = seen_in_all(status.broker, {vhost for vhost, *_ in groups})
    exchanges = set(Exchange.objects.filter(broker=broker).values_list("vhost", "name"))
    all_known = status.knows("exchanges") and bool(exchanges)
    for group in groups:
        vhost, of_type, policy, operator_policy, arguments = group

        def exists(name: str, vhost: str = vhost) -> bool:
            return not all_known or name == "" or (vhost, name) in exchanges

        given = {key: value for key, value in json.loads(arguments).items() if value is not None}
        found = _in_force(seen[vhost], of_type, policy, operator_policy, given)
        yield (*group, *(_UNKNOWN if found is None else limits_of(found, exists)))


def _in_force(
    seen: Seen, of_type: str, policy: str, operator_policy: str, arguments: Mapping[str, Any]
) -> InForce | None:
    """Return what is in force; None if a policy that applies isn't known here."""
    named = [
        _named(seen.policies, policy),
        _named(seen.operators, operator_policy),
    ]
    if of_type == "stream" or None in named:
        return None
    users, operators = (Choice(first=one or ()) for one in named)
    return in_force(Target("", of_type, arguments), users, operators, seen.facts)


def _named(policies: tuple[Governing, ...], name: str) -> tuple[Governing, ...] | None:
    """Return the policy of this name, () if there is no name, None if it isn't known."""
    return tuple(one for one in policies if one.name == name) or (None if name else ())
