"""The form of a new policy, filled in from selected queues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.ports import REQUIRE

#: Longest query of an address: a web server refuses a longer request line.
_MOST_QUERY = 3_000


def pattern_of(names: Iterable[str]) -> str:
    """Return a regular expression that matches exactly these names, in RabbitMQ's dialects: a
    backslash makes any ASCII character that isn't a letter or a digit literal (PCRE, PCRE2)."""
    each = [_literal(name) for name in sorted(set(names))]
    return f"^{each[0]}$" if len(each) == 1 else f"^({'|'.join(each)})$"


def policy_for(queues: Sequence[Any], user: Any) -> str:
    """Return the address of the form of a policy that matches the queues. If their names are too
    many for one address, its pattern is what they begin with; the form's preview then shows which
    other queues match. Raises InvalidField, NotAllowed."""
    rows = [row for row in queues if row.gone_at is None]
    if not rows:
        raise InvalidField("ids", "These queues don't exist any more.")
    broker = rows[0].broker
    if any(row.broker_id != broker.pk for row in rows):
        raise InvalidField("ids", "Select queues of one broker: a policy belongs to one.")
    vhosts = sorted({row.vhost for row in rows})
    for vhost in vhosts:
        REQUIRE.ask(user, Permission.POLICIES_EDIT, broker, vhost)
    where = {"vhost": vhosts[0]} if len(vhosts) == 1 else {"vhosts": pattern_of(vhosts)}
    names = [row.name for row in rows]
    fields = {"broker": broker.pk, **where, "pattern": pattern_of(names), "apply_to": "queues"}
    if len(urlencode(fields)) > _MOST_QUERY:
        start = _common_start(names)
        fields["pattern"] = f"^{_literal(start)}"
        if not start or len(urlencode(fields)) > _MOST_QUERY:
            raise InvalidField(
                "ids",
                f"The names of these {len(rows):,} queues are too long for one pattern and begin "
                "differently. Select fewer, or create a policy and enter its pattern.",
            )
    return f"{reverse('policy_create')}?{urlencode(fields)}"


def _literal(name: str) -> str:
    return "".join(
        f"\\{one}" if one.isascii() and not one.isalnum() and one not in "_-" else one
        for one in name
    )


def _common_start(names: Sequence[str]) -> str:
    low, high = min(names), max(names)
    pairs = enumerate(zip(low, high, strict=False))
    return low[: next((at for at, (one, other) in pairs if one != other), len(low))]
