"""Pages that replay or discard dead letters: of a group, or all of a queue."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accessctl.authorize import may
from accessctl.rights import Permission
from console.errors import ConsoleError, InvalidField
from console.scope import Scope
from vhosts.authorize import access_queue
from vhosts.messages.dead_letters.access import access_group, queue_of
from vhosts.messages.dead_letters.listing.groups import exception_for
from vhosts.messages.dead_letters.replay.form import ReplayForm
from vhosts.messages.dead_letters.replay.service import (
    Preview,
    groups_for,
    needs_name,
    preview_replay,
    require_replay,
    start_discard,
    start_replay,
)
from vhosts.messages.showing import reader_of
from vhosts.models import DeadLetterGroup, Queue


@require_http_methods(["GET", "HEAD", "POST"])
def dead_letter_replay(request: HttpRequest, group_id: int) -> HttpResponse:
    """Replay a group: the form, its preview by the router (`step` preview), and the start."""
    first = access_group(request.user, group_id, Permission.MESSAGES_MOVE)
    return _replay(request, queue_of(first), groups_for(request.user, first))


@require_http_methods(["GET", "HEAD", "POST"])
def dead_letter_replay_all(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Like `dead_letter_replay`, for all dead letters of a queue."""
    return _replay(request, access_queue(request.user, queue_id, Permission.MESSAGES_MOVE), [])


def _replay(request: HttpRequest, queue: Queue, groups: Sequence[DeadLetterGroup]) -> HttpResponse:
    require_replay(request.user, queue)
    marks = tuple(request.GET.getlist("message"))
    form = ReplayForm(request.POST or None)
    preview: Preview | None = None
    if request.method == "POST" and form.is_valid():
        try:
            if request.POST.get("step") != "apply":
                preview = preview_replay(
                    queue, groups, form.options(marks), acting_user=request.user, now=timezone.now()
                )
            else:
                start_replay(
                    queue, groups, form.options(marks), acting_user=request.user, now=timezone.now(),
                    idempotency_key=request.POST.get("key", ""),
                )  # fmt: skip
                messages.success(request, "The replay has started.")
                return redirect(_back(queue, groups))
        except InvalidField as error:
            form.refuse(error)
        except ConsoleError as error:
            form.add_error(None, error.message)
    context = {
        **_about(request, queue, groups),
        "form": form,
        "chosen": len(marks),
        "preview": preview,
        "form_key": request.POST.get("key") or uuid4().hex,
    }
    return render(
        request, "vhosts/messages/dead_letters/replay.html", context,
        status=400 if form.errors else 200,
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def dead_letter_discard(request: HttpRequest, group_id: int) -> HttpResponse:
    """Delete a group's messages: the question, and the start."""
    first = access_group(request.user, group_id, Permission.MESSAGES_MOVE)
    return _discard(request, queue_of(first), groups_for(request.user, first))


@require_http_methods(["GET", "HEAD", "POST"])
def dead_letter_discard_all(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Like `dead_letter_discard`, for all messages of a queue."""
    return _discard(request, access_queue(request.user, queue_id, Permission.MESSAGES_MOVE), [])


def _discard(request: HttpRequest, queue: Queue, groups: Sequence[DeadLetterGroup]) -> HttpResponse:
    require_replay(request.user, queue)
    problem = ""
    if request.method == "POST":
        try:
            start_discard(
                queue, groups, typed=request.POST.get("typed", ""), acting_user=request.user,
                reason=request.POST.get("reason", "").strip(), now=timezone.now(),
                idempotency_key=request.POST.get("key", ""),
            )  # fmt: skip
        except ConsoleError as error:
            problem = error.message
        else:
            messages.success(request, "The deletion has started.")
            return redirect(_back(queue, groups))
    context = {
        **_about(request, queue, groups),
        "problem": problem,
        "typed": request.POST.get("typed", ""),
        "reason": request.POST.get("reason", ""),
        "needs_name": needs_name(queue),
        "may_export": may(request.user, Permission.MESSAGES_EXPORT, queue.broker, queue.vhost),
        "form_key": request.POST.get("key") or uuid4().hex,
    }
    return render(
        request,
        "vhosts/messages/dead_letters/discard.html",
        context,
        status=400 if problem else 200,
    )


def _about(
    request: HttpRequest, queue: Queue, groups: Sequence[DeadLetterGroup]
) -> dict[str, object]:
    """Return what the pages say about the queue and the group; `group` None: all of the queue."""
    reader = reader_of(request.user, queue.broker_id, queue.vhost)
    exception, hidden = exception_for(groups[0], reader) if groups else ("", False)
    return {
        "now": timezone.now(),
        "scope": Scope.at(queue.broker, queue.vhost),
        "queue": queue,
        "group": groups[0] if groups else None,
        "count": sum(one.count for one in groups) if groups else queue.total,
        "exception": exception,
        "exception_hidden": hidden,
        "back": _back(queue, groups),
    }


def _back(queue: Queue, groups: Sequence[DeadLetterGroup]) -> str:
    chosen = f"&group={groups[0].pk}" if groups else ""
    return f"{reverse('dead_letters')}{Scope.at(queue.broker).query()}{chosen}"
