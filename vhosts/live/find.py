"""Find what a person may see of the live lists."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest
from django.utils import timezone

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from accessctl.targets import target_broker
from console.models import Broker
from console.scope import Scope
from vhosts.live.model import LiveConnection, LiveRow
from vhosts.live.reading import Read, is_known, read_live, rows_of
from vhosts.live.rows import CONNECTIONS, CONSUMERS, MODELS
from vhosts.models import Queue


def read_for(request: HttpRequest, what: str, now: datetime) -> tuple[Scope, Read]:
    """Return the scope and a reading of its broker. Raises BrokerNotChosen, NotAllowed, Http404,
    InvalidField."""
    broker, _ = target_broker(request, Permission.CONNECTIONS_VIEW)
    vhost = Scope.read(request.GET, request.user).vhost
    return Scope.at(broker, vhost), read(broker, what, now)


def read(broker: Broker, what: str, now: datetime) -> Read:
    """Return a reading of a list; of connections as well, whose names for themselves the other
    lists show."""
    if what != CONNECTIONS:
        read_live(broker, CONNECTIONS, now=now)
    return read_live(broker, what, now=now)


def seen(read: Read, user: AnyUser, vhost: str | None = None) -> Any:
    """Return the rows of a reading that the person may see, with what they link to."""
    rows = rows_of(read).visible_to(user)
    if vhost is not None:
        rows = rows.filter(vhost=vhost)
    return with_links(rows, read.what)


def with_links(rows: Any, what: str) -> Any:
    """Annotate rows of channels and consumers with `connection_id` and `client_name`, consumers
    with `queue_id`; None for what isn't known. Connections on two nodes can have one name, so only
    those in the row's virtual host count: they are as visible as the row."""
    if what == CONNECTIONS:
        return rows
    of = LiveConnection.objects.filter(
        broker=OuterRef("broker"), vhost=OuterRef("vhost"), name=OuterRef("connection")
    )
    latest = of.order_by("-connected_at", "id")
    rows = rows.annotate(
        connection_id=Subquery(latest.values("id")[:1]),
        client_name=Subquery(latest.values("client_name")[:1]),
    )
    if what != CONSUMERS:
        return rows
    queues = Queue.objects.present().filter(
        broker=OuterRef("broker"), vhost=OuterRef("vhost"), name=OuterRef("queue")
    )
    return rows.annotate(queue_id=Subquery(queues.values("id")[:1]))


def access_row(user: AnyUser, what: str, row_id: int, permission: Permission) -> LiveRow:
    """Return the row with its broker and the broker's status loaded. Raises Http404 outside the
    user's scope or if it isn't in a current reading, NotAllowed inside it without the right."""
    found = (
        with_links(MODELS[what].objects.visible_to(user), what)
        .select_related("broker__status")
        .filter(pk=row_id)
        .first()
    )
    if not isinstance(found, LiveRow) or not is_known(found.broker, what, timezone.now()):
        raise Http404(f"This {what[:-1]} isn't in the last list. Open the list to read it again.")
    require(user, permission, found.broker, found.vhost)
    return found
