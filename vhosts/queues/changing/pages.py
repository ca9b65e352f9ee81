"""Pages to replace and delete a queue. To create one, the general page is enough."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accessctl.authorize import may
from accessctl.rights import Permission
from console.engine.supported import facts_of_version
from console.errors import InvalidField
from console.faces.acts.acts import Asked, carry_out, confirm
from console.faces.drawing import Opened
from console.faces.pages.words import listed
from console.kinds.common.kind import Ref, Spec
from console.kinds.queue import QUEUE
from console.kinds.refusals.redeclare import inequivalent
from console.scope import Scope
from vhosts.authorize import access_queue
from vhosts.crumbs import crumbs
from vhosts.models import Queue
from vhosts.queues.changing.form import CARRY, LOSE, QUEUE_FORM
from vhosts.queues.changing.losses import losses, without_bindings
from vhosts.queues.changing.services import (
    MODES,
    Mode,
    default_type,
    delete_queue,
    queue_state,
    replace_queue,
)
from vhosts.queues.read_now import read_queue_now


@require_http_methods(["GET", "HEAD", "POST"])
def queue_delete(request: HttpRequest, object_id: int) -> HttpResponse:
    """Preview and confirm a deletion. `mode`: always, or only while it is empty or unused."""
    row = access_queue(request.user, object_id, Permission.QUEUES_EDIT)
    given = request.POST.get("mode") or request.GET.get("mode")
    mode: Mode | None = next((one for one in MODES if one == (given or "always")), None)
    if mode is None:
        # Never the most destructive one by mistake.
        raise InvalidField("mode", f"The mode must be {', '.join(MODES)}.")
    back = reverse("queue", args=[row.pk])

    def ask() -> Asked:
        key = (row.vhost, row.name)
        desired = delete_queue(broker=row.broker, key=key, acting_user=request.user, mode=mode)
        return Asked(
            title=f"Delete the {QUEUE.phrase(key)}{_only(mode)}",
            desired_objects=[desired],
            act="Delete queue",
            back=f"{reverse('queues')}?broker={row.broker_id}",
            dies=losses(row, read_queue_now(row, now=timezone.now())),
            typed=row.name if Scope.at(row.broker).is_production else "",
            danger=True,
            context={"choices": [("mode", "When", MODES, mode)]},
        )

    hidden = [("mode", mode)]
    return confirm(request, ask, back, broker=row.broker, hidden=hidden)


def _only(mode: Mode) -> str:
    return {"always": "", "if_empty": ", only if empty", "if_unused": ", only if unused"}[mode]


@require_http_methods(["GET", "HEAD", "POST"])
def queue_replace(request: HttpRequest, object_id: int) -> HttpResponse:
    """Delete the queue and declare it again with other properties."""
    row = access_queue(request.user, object_id, Permission.QUEUES_EDIT)
    key = (row.vhost, row.name)
    state = queue_state(row.broker, key)
    form = QUEUE_FORM.make(
        Opened(
            user=request.user,
            broker=row.broker,
            row=row,
            data=request.POST or None,
            spec=state.wanted or state.observed or {},
            generation=state.generation,
        )
    )
    if not may(request.user, Permission.BINDINGS_EDIT, row.broker, row.vhost):
        form.fields.pop(CARRY)
    back = reverse("queue", args=[row.pk])

    def ask() -> Asked:
        said = form.cleaned_data
        desired_objects = replace_queue(
            broker=row.broker,
            key=key,
            fields=form.wanted(),
            acting_user=request.user,
            expected_generation=said["generation"],
            lose_messages=said[LOSE],
            carry_bindings=said.get(CARRY, False),
        )
        return Asked(
            title=f"Replace the {QUEUE.phrase(key)}",
            desired_objects=desired_objects,
            act="Replace queue",
            back=back,
            dies={
                Ref(QUEUE.name, key): [
                    *_replaced(row, lose=said[LOSE], carry=said.get(CARRY, False)),
                    *_clients_refused(row, state.observed, desired_objects[0].spec),
                ]
            },
            typed=row.name if Scope.at(row.broker).is_production else "",
            danger=True,
        )

    def show(status: int) -> HttpResponse:
        form.mark()
        context: dict[str, Any] = {
            "form": form,
            "row": row,
            "broker": row.broker,
            "cancel": back,
            "scope": Scope.at(row.broker, row.vhost),
            "crumbs": crumbs(row.broker, row.vhost),
            "about": QUEUE_FORM.about[1],
            "css": QUEUE_FORM.css,
        }
        return render(request, "vhosts/queue_replace.html", context, status=status)

    return carry_out(request, form, ask, show)


def _clients_refused(row: Queue, before: Spec | None, after: Spec | None) -> list[str]:
    """Return a sentence if clients that still declare the queue as it was are refused then."""
    if before is None or after is None:
        return []
    found = inequivalent(
        QUEUE.canonical(after),
        QUEUE.canonical(before),
        default_type(row.broker, row.vhost) or None,
        facts_of_version(row.broker),
    )
    if not found:
        return []
    return [
        f"A client that still declares it as before is refused (inequivalent {listed(found)}). Update "
        "its declaration."
    ]


def _replaced(row: Queue, *, lose: bool, carry: bool) -> list[str]:
    found = losses(row, read_queue_now(row, now=timezone.now()), replaced=True)
    if not lose:
        found[0] = (
            f"RabbitMQ replaces it only if it holds no messages. {found[0]}"
            if row.total
            else "RabbitMQ replaces it only if it holds no messages."
        )
    if not carry:
        found += without_bindings(row)
    return [
        *found,
        "Each consumer loses its subscription, and messages published meanwhile aren't routed to it.",
    ]
