"""The log of messages: what was sent where, when, and what came of it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import require
from accessctl.rights import Permission
from console.faces.lists import Column, Filter, ListSpec, contains, equals, list_response, read_list
from console.faces.pages.refreshed import refreshed
from vhosts.alerts.notifications.model import DeliveryState
from vhosts.alerts.pages.tabs import tabs
from vhosts.alerts.pages.visible import visible_messages
from vhosts.models import AlertDelivery

MESSAGES = ListSpec(
    name="alert-messages",
    default_sort="-at",
    tiebreak=("-id",),
    columns=[
        Column(key="at", label="Written", order=["first_due_at", "id"], value=lambda d: d.first_due_at, descending_first=True),
        Column(key="title", label="Message", order=["notification__title"], value=lambda d: d.notification.title),
        Column(key="channel", label="Channel", order=["channel_name"], value=lambda d: d.channel_name),
        Column(key="state", label="State", order=["state"], value=lambda d: d.state),
        Column(key="sent", label="Sent", order=["sent_at"], value=lambda d: d.sent_at),
        Column(key="tries", label="Tries", order=["attempts"], value=lambda d: d.attempts, align="end", descending_first=True),
        Column(key="error", label="Last error", value=lambda d: d.error),
    ],
    filters=[
        Filter(key="search", label="Message", where=contains("notification__title")),
        Filter(key="state", label="State", kind="choice", choices=dict(DeliveryState.choices), where=equals("state")),
        Filter(key="channel", label="Channel", where=equals("channel_name")),
    ],
)  # fmt: skip


@require_safe
@refreshed("polls")
def messages(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.ALERTS_VIEW)
    asked = read_list(MESSAGES, request.GET)
    seen = visible_messages(request.user).values("pk")
    rows = AlertDelivery.objects.select_related("notification", "channel").filter(
        notification__in=seen
    )
    context = {"now": timezone.now(), "listing": asked.show(rows), "tabs": tabs(request.user)}
    return list_response(
        request,
        "vhosts/alerts/messages.html",
        "vhosts/alerts/_messages.html",
        context,
        list(asked.problems),
    )


@require_safe
def message(request: HttpRequest, notification_id: int) -> HttpResponse:
    require(request.user, Permission.ALERTS_VIEW)
    found = visible_messages(request.user).filter(pk=min(notification_id, 2**63 - 1)).first()
    if found is None:
        raise Http404("No such message.")
    context = {
        "now": timezone.now(),
        "message": found,
        "deliveries": found.deliveries.select_related("channel").order_by("channel_name"),
        "incidents": found.incidents.select_related("broker").order_by("-id")[:200],
    }
    return render(request, "vhosts/alerts/message.html", context)
