"""Preview which of the observed queues and exchanges a permission's pattern matches."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from accessctl.authorize import AnyUser, require
from accessctl.explain.rights import DEFAULT_EXCHANGE
from accessctl.patterns.check import PREVIEW_BUDGET, Checked, Matches, check, dialect_of, preview
from accessctl.rights import Permission
from console.models import Broker
from vhosts.explain_access.facts import known_parts
from vhosts.models import Exchange, Queue

#: Maximum number of names tested, so that no page waits longer.
_MOST = 50_000


@dataclass(frozen=True, slots=True)
class PatternPreview:
    """A pattern with its matches. `queues` and `exchanges` are None if they weren't read from the
    broker. `observed_at` is when the names were read, None if never."""

    checked: Checked
    queues: Matches | None
    exchanges: Matches | None
    observed_at: datetime | None


def preview_pattern(
    *,
    broker: Broker,
    vhost: str,
    pattern: str,
    acting_user: AnyUser,
    limit: int = 20,
    topic: bool = False,
) -> PatternPreview:
    """Check the pattern and return its matches.

    `broker` needs its status loaded. `topic`: the pattern is matched against routing keys, so
    there are no names to show. Raises NotAllowed. Two queries; the time is limited for any
    pattern.
    """
    require(acting_user, Permission.PERMISSIONS_VIEW, broker, vhost)
    require(acting_user, Permission.QUEUES_VIEW, broker, vhost)
    dialect = dialect_of(broker.status.erlang_version)
    checked = check(pattern, dialect=dialect, topic=topic)
    known = known_parts(broker.status)
    queues = exchanges = None
    ends = time.monotonic() + PREVIEW_BUDGET
    if not topic and "queues" in known:
        rows = Queue.objects.present().filter(broker=broker, vhost=vhost).order_by("name")
        names = list(rows.values_list("name", flat=True)[:_MOST])
        queues = preview(pattern, names, limit, dialect=dialect)
    if not topic and "exchanges" in known:
        listed = Exchange.objects.filter(broker=broker, vhost=vhost).order_by("name")
        found = [name or DEFAULT_EXCHANGE for name in listed.values_list("name", flat=True)[:_MOST]]
        left = max(ends - time.monotonic(), 0.02)
        exchanges = preview(pattern, found, limit, dialect=dialect, budget=left)
    return PatternPreview(checked, queues, exchanges, broker.status.inventory_at)
