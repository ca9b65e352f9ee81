"""Forget a broker: shows what is lost with it and which of its changes end."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accessctl.authorize import AnyUser, access_broker
from accessctl.models import BrokerUser
from accessctl.rights import Permission
from accessctl.visibility.changes import changes_seen_by
from console.brokers.leftovers import unfinished_changes
from console.brokers.registry import forget_broker
from console.models import Broker
from console.scope import Scope
from vhosts.models import Poll, Queue, VirtualHost


@require_http_methods(["GET", "HEAD", "POST"])
def broker_forget(request: HttpRequest, broker_id: int) -> HttpResponse:
    """Ask for the broker's name, then forget the broker."""
    found = access_broker(request.user, broker_id, Permission.BROKERS_FORGET)
    error = ""
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == found.name.strip():
            ended = forget_broker(found, now=timezone.now(), acting_user=request.user)
            changes = (
                f" {ended} unfinished {'change' if ended == 1 else 'changes'} ended as stopped."
            )
            messages.success(
                request,
                f"Broker {found.name} forgotten. The broker itself wasn’t changed."
                f"{changes if ended else ''}",
            )
            return redirect("fleet")
        error = "The name doesn’t match. Nothing was changed."
    context = {
        "broker": found,
        "scope": Scope.at(found),
        "error": error,
        "typed": request.POST.get("confirm", ""),
        "lost": _lost_with(found),
        "now": timezone.now(),
        **_unfinished(request.user, found),
    }
    return render(request, "console/broker_forget.html", context, status=400 if error else 200)


def _unfinished(user: AnyUser, found: Broker) -> dict[str, Any]:
    """Return the changes that end with the broker, and how many of them the user can't see."""
    changes = unfinished_changes(found)
    seen = list(changes.filter(pk__in=changes_seen_by(user).values("pk")))
    return {"unfinished": seen, "unfinished_hidden": changes.count() - len(seen)}


def _lost_with(found: Broker) -> list[tuple[int, str]]:
    """Return the console's data about the broker that is lost: (number, description)."""
    return [
        (Queue.objects.filter(broker=found).count(), "queues with their depth history"),
        (VirtualHost.objects.filter(broker=found).count(), "virtual hosts (the console’s copy)"),
        (
            BrokerUser.objects.filter(broker=found).count(),
            "users with their permissions (the console’s copy)",
        ),
        (Poll.objects.filter(broker=found).count(), "polls"),
    ]
