"""Close connections: one, or those selected in the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accessctl.authorize import AnyUser, may, require
from accessctl.rights import Permission
from console.engine.acts.request import RequestedAct
from console.errors import ConsoleError, InvalidField
from console.faces.acts.acts import Asked, confirm
from console.faces.lists import read_list
from console.faces.operations.declare import MOST_SELECTED, Bulk, Selected
from console.faces.pages.words import counted
from console.kinds.cluster.connection import CLOSE, CONNECTION, OPENED, USER, opened_at
from console.kinds.common.kind import Ref
from console.models import Broker
from console.scope import Scope
from vhosts.live.find import access_row, read_for, seen
from vhosts.live.lists import CONNECTION_LIST
from vhosts.live.model import LiveChannel, LiveConnection, LiveConsumer
from vhosts.live.rows import CONNECTIONS

#: Most of something named in a sentence.
_NAMED = 5


def why_not_closable(row: LiveConnection) -> str:
    """Return why it can't be closed, as last read: one sentence, "" if it can."""
    if row.connected_at is None:
        return (
            "RabbitMQ doesn't report when this connection was opened, so a later one with the same "
            "addresses would look the same."
        )
    return ""


def closing(row: LiveConnection, user: AnyUser, *, alone: bool = True) -> RequestedAct:
    """Return the act that closes a connection. `alone`: with sentences that run queries. Raises
    NotAllowed, InvalidField."""
    require(user, Permission.CONNECTIONS_CLOSE, row.broker, row.vhost)
    if reason := why_not_closable(row):
        raise InvalidField("", reason)
    milliseconds = round(row.connected_at.timestamp() * 1000) if row.connected_at else 0
    return RequestedAct(
        broker=row.broker,
        ref=Ref(CONNECTION.name, (row.vhost, row.name)),
        act=CLOSE.name,
        permission=Permission.CONNECTIONS_CLOSE,
        parameters={
            OPENED: opened_at(milliseconds),
            USER: row.user,
            **({"client": row.client_name} if row.client_name else {}),
        },
        notes=what_goes([row]) if alone else (),
    )


def title_of(row: LiveConnection) -> str:
    """Return the title of the change."""
    return f"Close the connection {row.client_name or row.name} of {row.user}"


def what_goes(rows: Sequence[LiveConnection]) -> list[str]:
    """Return sentences about what goes with the connections, by what was last read of channels and
    consumers. Two queries."""
    of = {
        "broker": rows[0].broker_id,
        "vhost__in": {row.vhost for row in rows},
        "connection__in": [row.name for row in rows],
    }
    unacked = [n for n in LiveChannel.objects.filter(**of).values_list("unacked", flat=True) if n]
    queues: dict[tuple[str, str], int] = {}
    for key in (
        LiveConsumer.objects.filter(**of).order_by("vhost", "queue").values_list("vhost", "queue")
    ):
        queues[key] = queues.get(key, 0) + 1
    found = []
    if queues:
        named = ", ".join(queue for _, queue in list(queues)[:_NAMED])
        more = f" and {len(queues) - _NAMED:,} more" if len(queues) > _NAMED else ""
        consumers = counted(sum(queues.values()), "consumer")
        found.append(f"Stops {consumers} of {counted(len(queues), 'queue')}: {named}{more}.")
    if unacked:
        messages = counted(sum(unacked), "unacked message")
        found.append(
            f"{messages} (as last read) return{'s' if sum(unacked) == 1 else ''} to the queues and will be "
            "delivered again."
        )
    found.append(
        "Clients usually reconnect at once. Exclusive queues are deleted. The client gets your reason."
    )
    return found


def _make(rows: Sequence[Any], user: Any) -> Selected:
    fit = [row for row in rows if not why_not_closable(row)]
    allowed = [row for row in fit if may(user, Permission.CONNECTIONS_CLOSE, row.broker, row.vhost)]
    if not allowed:
        if fit:
            require(user, Permission.CONNECTIONS_CLOSE, fit[0].broker, fit[0].vhost)
        raise InvalidField("", why_not_closable(rows[0]))
    remarks = what_goes(allowed)
    if len(fit) < len(rows):
        remarks.append(f"Left out: {len(rows) - len(fit):,}. {why_not_closable(_unfit(rows))}")
    if len(allowed) < len(fit):
        remarks.append(
            f"Left out: {len(fit) - len(allowed):,} in virtual hosts where you may not close connections."
        )
    return Selected(acts=[closing(row, user, alone=False) for row in allowed], remarks=remarks)


def _unfit(rows: Sequence[LiveConnection]) -> LiveConnection:
    return next(row for row in rows if why_not_closable(row))


BULK = Bulk(
    name=CLOSE.name, verb=CLOSE.verb, right=Permission.CONNECTIONS_CLOSE, make=_make, icon="x-mark"
)


@require_http_methods(["GET", "HEAD", "POST"])
def close_one(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Preview closing one connection, or request it."""
    row = access_row(request.user, CONNECTIONS, connection_id, Permission.CONNECTIONS_CLOSE)
    assert isinstance(row, LiveConnection)  # noqa: S101 – what access_row returns for this list
    back = list_address(row.broker)

    def ask() -> Asked:
        return Asked(
            title=title_of(row),
            acts=[closing(row, request.user)],
            act="Close connection",
            back=back,
            typed=(row.user or row.name) if Scope.at(row.broker).is_production else "",
            danger=True,
        )

    return confirm(request, ask, back, broker=row.broker)


@require_POST
def close_selected(request: HttpRequest) -> HttpResponse:
    """Preview closing the selected connections, or request it. What is confirmed is the connections
    that were shown (`ids`), whatever the filter matches by then."""
    require(request.user, Permission.CONNECTIONS_CLOSE)
    shown = request.POST.get("step") != "apply"
    back = f"{reverse('connections')}?{request.GET.urlencode()}".rstrip("?")
    try:
        rows, gone = _selected(request)
    except ConsoleError as error:
        context = {"refusal": error.message, "cancel": back}
        return render(request, "components/act_preview.html", context, status=error.http_status)
    broker = rows[0].broker

    def ask() -> Asked:
        made = _make(rows, request.user)
        number = counted(len(made.acts), "connection")
        left = [f"{counted(gone, 'connection')} closed meanwhile."] if gone else []
        return Asked(
            title=f"Close {number} on {broker.name}",
            acts=made.acts,
            act=f"Close {number}",
            back=list_address(broker),
            warnings=[*made.remarks, *left],
            typed=number if Scope.at(broker).is_production else "",
            danger=True,
        )

    ids = ",".join(str(row.pk) for row in rows)
    return confirm(
        request, ask, back, shown_first=shown, hidden=[("ids", ids)], broker=broker,
        many=counted(len(rows), "connection"),
    )  # fmt: skip


def list_address(broker: Broker) -> str:
    """Return the address of the broker's list of connections."""
    return f"{reverse('connections')}?{urlencode({'broker': broker.pk})}"


def _selected(request: HttpRequest) -> tuple[list[LiveConnection], int]:
    """Return the selected connections of one broker, and how many of them have closed since they
    were shown. `ids` are repeated or separated by commas; `all` takes every row that the list's
    address matches, except `except`. Raises InvalidField."""
    gone = 0
    if request.POST.get("all") == "yes" and request.POST.get("step") != "apply":
        scope, read = read_for(request, CONNECTIONS, timezone.now())
        asked = read_list(CONNECTION_LIST, request.GET)
        if asked.problems:
            raise asked.problems[0]
        found = asked.filtered(seen(read, request.user, scope.vhost))
        found = found.exclude(pk__in=_ids(request, "except"))
    else:
        wanted = _ids(request, "ids")
        found = LiveConnection.objects.visible_to(request.user).filter(pk__in=wanted)
        gone = len(wanted) - found.count()
    found = found.select_related("broker__status").order_by("vhost", "name", "pk")
    rows = list(found[: MOST_SELECTED + 1])
    if not rows:
        raise InvalidField("ids", "Select at least one connection that is still open.")
    if len(rows) > MOST_SELECTED:
        raise InvalidField(
            "ids", f"More than {MOST_SELECTED:,} connections match. Filter the list to fewer."
        )
    if len({row.broker_id for row in rows}) > 1:
        raise InvalidField("ids", "Select connections of one broker.")
    return rows, gone


def _ids(request: HttpRequest, name: str) -> list[int]:
    texts = ",".join(request.POST.getlist(name)).split(",")
    ids = {int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 17}
    return [pk for pk in ids if pk < 2**53]
