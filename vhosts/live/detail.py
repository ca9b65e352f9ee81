"""The pages of one connection and of one channel."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import may
from accessctl.models import BrokerUser
from accessctl.rights import Permission
from console.scope import Scope
from vhosts.crumbs import crumbs
from vhosts.live.close import list_address, why_not_closable
from vhosts.live.find import access_row, seen
from vhosts.live.model import LiveChannel, LiveConnection, LiveRow
from vhosts.live.reading import Read, read_live
from vhosts.live.rows import CHANNELS, CONNECTIONS, CONSUMERS

#: Most channels or consumers on a page; the lists have the rest.
MOST = 100
_CERTIFICATE = {
    "peer_cert_subject": "Client certificate",
    "peer_cert_issuer": "Issued by",
    "peer_cert_validity": "Valid",
}
_TLS = {
    "ssl_protocol": "TLS version",
    "ssl_cipher": "Cipher",
    "ssl_key_exchange": "Key exchange",
    "ssl_hash": "Hash",
}


@require_safe
def connection(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Show one connection with its channels and consumers, from readings that are shared by all
    viewers."""
    row, reads = _current(request, CONNECTIONS, connection_id, (CHANNELS, CONSUMERS))
    assert isinstance(row, LiveConnection)  # noqa: S101 – what the list has
    channels = seen(reads[CHANNELS], request.user).filter(connection=row.name)
    consumers = seen(reads[CONSUMERS], request.user).filter(connection=row.name)
    may_close = may(request.user, Permission.CONNECTIONS_CLOSE, row.broker, row.vhost)
    context = {
        "found": row,
        "facts": _facts(row),
        "properties": pairs(row.client_properties),
        "user_id": _user_id(request, row),
        "channels": list(channels.order_by("number", "pk")[:MOST]),
        "channels_count": channels.count(),
        "consumers": list(consumers.order_by("queue", "tag", "pk")[:MOST]),
        "consumers_count": consumers.count(),
        "may_close": may_close,
        "why_not": why_not_closable(row),
        "most": MOST,
    }
    return _page(request, "vhosts/connection.html", row, reads, context)


@require_safe
def channel(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Show one channel with its consumers."""
    row, reads = _current(request, CHANNELS, channel_id, (CONNECTIONS, CONSUMERS))
    assert isinstance(row, LiveChannel)  # noqa: S101 – what the list has
    consumers = seen(reads[CONSUMERS], request.user).filter(channel=row.name)
    context = {
        "found": row,
        "consumers": list(consumers.order_by("queue", "tag", "pk")[:MOST]),
        "consumers_count": consumers.count(),
        "user_id": _user_id(request, row),
        "most": MOST,
    }
    return _page(request, "vhosts/channel.html", row, reads, context)


def _current(
    request: HttpRequest, what: str, row_id: int, more: tuple[str, ...]
) -> tuple[LiveRow, dict[str, Read]]:
    """Return the row as of a recent reading, and that reading and others by list. Raises Http404 if
    the list no longer has it."""
    known = access_row(request.user, what, row_id, Permission.CONNECTIONS_VIEW)
    now = timezone.now()
    reads = {one: read_live(known.broker, one, now=now) for one in (what, *more)}
    return access_row(request.user, what, row_id, Permission.CONNECTIONS_VIEW), reads


def _page(
    request: HttpRequest, template: str, row: Any, reads: dict[str, Read], context: dict[str, Any]
) -> HttpResponse:
    trouble = next((one for one in reads.values() if one.trouble is not None), None)
    return render(
        request,
        template,
        {
            **context,
            "now": timezone.now(),
            "scope": Scope.at(row.broker, row.vhost),
            "reads": reads,
            "read": trouble or next(iter(reads.values())),
            "crumbs": [
                *crumbs(row.broker, row.vhost),
                ("Connections", list_address(row.broker)),
            ],
        },
    )


def _facts(row: LiveConnection) -> list[tuple[str, Any]]:
    """Return (label, value) pairs about TLS; empty without TLS."""
    return [
        (label, row.facts[name])
        for name, label in {**_TLS, **_CERTIFICATE}.items()
        if row.facts.get(name) not in (None, "")
    ]


def pairs(table: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return a table that a client sent as (name, text) pairs, one level of nesting unfolded."""
    found: list[tuple[str, str]] = []
    for name, value in sorted(table.items()):
        if isinstance(value, dict) and not prefix:
            found += pairs(value, f"{name} ▸ ")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            found.append((f"{prefix}{name}", text[:500]))
    return found


def _user_id(request: HttpRequest, row: Any) -> int | None:
    """Return the ID of the RabbitMQ user's page, if the person may see it."""
    rows = BrokerUser.objects.visible_to(request.user).filter(broker=row.broker, name=row.user)
    return rows.values_list("pk", flat=True).first()
