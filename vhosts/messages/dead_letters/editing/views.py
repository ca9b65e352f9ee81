"""The page that edits one dead letter and publishes the copy."""

from __future__ import annotations

import re
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accessctl.rights import Permission
from console.errors import ConsoleError
from console.scope import Scope
from vhosts.authorize import access_queue
from vhosts.messages.dead_letters.editing.service import (
    MOST_TYPED,
    Original,
    original_of,
    publish_copy,
    require_edit,
)

_MARK = re.compile(r"[0-9a-f]{32}")


@never_cache
@require_POST
def dead_letter_edit(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Show the message with the fingerprint `message` to edit; with `step=publish`, publish the copy."""
    queue = access_queue(request.user, queue_id, Permission.MESSAGES_PUBLISH)
    require_edit(request.user, queue)
    mark, token = request.POST.get("message", ""), request.POST.get("key", "")
    now = timezone.now()
    if _MARK.fullmatch(mark):
        original = original_of(queue, mark, acting_user=request.user, now=now)
    else:
        original = Original("", trouble="Choose a message among those of a group.")
    values = {
        "exchange": original.exchange or "",
        "routing_key": original.key or "",
        "body": original.text,
    }
    problem, status = "", 200
    if request.POST.get("step") == "publish":
        values = {name: request.POST.get(name, "") for name in values}
        try:
            sent = publish_copy(
                queue, original, exchange=values["exchange"], key=values["routing_key"],
                body=values["body"][:MOST_TYPED], acting_user=request.user,
                token=token if _MARK.fullmatch(token) else uuid4().hex, now=now,
            )  # fmt: skip
        except ConsoleError as error:
            problem, status = error.message, error.http_status
        else:
            return redirect("message_published", sent.pk)
    context = {
        "now": now,
        "scope": Scope.at(queue.broker, queue.vhost),
        "queue": queue,
        "original": original,
        "values": values,
        "problem": problem,
        "form_key": token if _MARK.fullmatch(token) and not problem else uuid4().hex,
        "most": MOST_TYPED,
    }
    return render(request, "vhosts/messages/dead_letters/edit.html", context, status=status)
