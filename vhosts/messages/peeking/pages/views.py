"""Pages of a queue's messages: choose how many, read them, look at what was read, save it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages as notices
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accessctl.authorize import may
from accessctl.rights import Permission
from console.errors import ConsoleError, InvalidField, NotAllowed
from console.scope import Scope
from vhosts.authorize import access_queue
from vhosts.crumbs import crumbs
from vhosts.messages.matching import Match
from vhosts.messages.peeking.kept import keep, kept_of, messages_of
from vhosts.messages.peeking.pages.schema import schema_of, use_schema
from vhosts.messages.peeking.read import foresee, read_messages
from vhosts.messages.peeking.rows import rows_of
from vhosts.messages.peeking.texts import as_kept, notes_of
from vhosts.messages.peeking.wanted import DEFAULT, MOST, STARTS, Wanted
from vhosts.messages.reading import record_reading
from vhosts.messages.showing import Reason, raw, reader_of, shown
from vhosts.models import Queue

#: Rows of the list that are shown at once.
_ROWS = 100


@require_http_methods(["GET", "HEAD", "POST"])
def queue_messages(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Show what reading means here; with POST, read."""
    queue = access_queue(request.user, queue_id, Permission.MESSAGES_VIEW)
    now = timezone.now()
    if request.method != "POST":
        return _form(request, queue, now)
    try:
        wanted = Wanted.of(request.POST)
        outcome = read_messages(request.user, queue, wanted, now, "peek")
    except InvalidField as error:
        return _form(request, queue, now, problems=[error.message], status=400)
    except ConsoleError as error:
        return _form(request, queue, now, problems=[error.message], status=error.http_status)
    if not outcome.is_read:
        return _form(request, queue, now, outcome=outcome)
    kept = keep(request.user, _session(request), queue, outcome.messages, as_kept(outcome), now)
    return redirect("queue_messages_read", queue.pk, kept.pk)


def _form(
    request: HttpRequest,
    queue: Queue,
    now: datetime,
    *,
    outcome: Any = None,
    problems: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    given = request.POST
    verdict = foresee(queue, now) if outcome is None else outcome.verdict
    context = {
        **_page(queue, now),
        "verdict": verdict,
        "trouble": outcome.trouble if outcome else None,
        "problems": problems or [],
        "count": given.get("count") or DEFAULT,
        "most": MOST,
        "starts": STARTS,
        "given": given,
        "reader": reader_of(request.user, queue.broker_id, queue.vhost),
    }
    return render(request, "vhosts/messages/peek.html", context, status=status)


@require_safe
def queue_messages_read(request: HttpRequest, queue_id: int, kept_id: UUID) -> HttpResponse:
    """Show what was read, filtered; one message of it open."""
    queue = access_queue(request.user, queue_id, Permission.MESSAGES_VIEW)
    now = timezone.now()
    kept = kept_of(request.user, _session(request), queue, kept_id, now)
    reader = reader_of(request.user, queue.broker_id, queue.vhost)
    messages = messages_of(kept)
    problems: list[str] = []
    try:
        wanted = Match.of(request.GET)
    except InvalidField as error:
        problems.append(error.message)
        wanted = Match()
    rows = list(rows_of(messages, reader, wanted, schema_of(kept)))
    start = _page_start(request.GET.get("page"), len(rows))
    at = _open(request.GET.get("open"))
    shown_rows = rows[start : start + _ROWS]
    opened = next((row for row in rows if row.at == at), shown_rows[0] if shown_rows else None)
    query = {name: value for name, value in request.GET.items() if name in wanted.params()}
    context = {
        **_page(queue, now),
        "kept": kept,
        "outcome": kept.outcome,
        "notes": notes_of(kept.outcome),
        "reader": reader,
        "read": len(messages),
        "rows": shown_rows,
        "found": len(rows),
        "opened": opened,
        "match": wanted,
        "schema": kept.schema,
        "given": request.GET,
        "problems": problems,
        "keep_query": urlencode(query),
        "earlier": max(0, start - _ROWS) // _ROWS + 1 if start else None,
        "later": start // _ROWS + 2 if start + _ROWS < len(rows) else None,
        "page": start // _ROWS + 1,
        "is_stream": kept.outcome.get("way") == "stream",
        "may_move": kept.outcome.get("way") != "stream"
        and may(request.user, Permission.MESSAGES_MOVE, queue.broker, queue.vhost),
    }
    return render(request, "vhosts/messages/read.html", context, status=400 if problems else 200)


@require_POST
def queue_messages_save(request: HttpRequest, queue_id: int, kept_id: UUID) -> HttpResponse:
    """Send the body of one message (`at`), or all that match as JSON lines."""
    queue = access_queue(request.user, queue_id, Permission.MESSAGES_EXPORT)
    now = timezone.now()
    kept = kept_of(request.user, _session(request), queue, kept_id, now)
    reader = reader_of(request.user, queue.broker_id, queue.vhost)
    messages = messages_of(kept)
    at = _open(request.POST.get("at"))
    if at is not None:
        if at > len(messages):
            raise Http404("Message not found.")
        body = raw(messages[at - 1], reader)
        if isinstance(body, Reason):
            raise NotAllowed(str(body))
        _record(request, queue, 1, "download")
        return _attachment(body, "application/octet-stream", f"message-{at}.bin")
    lines = []
    for row in rows_of(messages, reader, Match.of(request.POST)):
        found = shown(messages[row.at - 1], reader).exported()
        if isinstance(found, Reason):
            raise NotAllowed(str(found))
        if row.read is not None:
            found = {**found, "body_cut_at": row.read}
        lines.append(json.dumps({"position": row.at, **found}, ensure_ascii=True))
    _record(request, queue, len(lines), "export")
    text = "".join(f"{line}\n" for line in lines)
    return _attachment(text.encode(), "application/x-ndjson", "messages.jsonl")


@require_POST
def queue_messages_schema(request: HttpRequest, queue_id: int, kept_id: UUID) -> HttpResponse:
    """Use a schema for what was read, or none any more."""
    queue = access_queue(request.user, queue_id, Permission.MESSAGES_VIEW)
    kept = kept_of(request.user, _session(request), queue, kept_id, timezone.now())
    try:
        use_schema(kept, request.POST, request.FILES.get("file"))
    except InvalidField as error:
        notices.error(request, error.message)
    at = _open(request.POST.get("at"))
    address = reverse("queue_messages_read", args=[queue.pk, kept.pk])
    return redirect(f"{address}?open={at}#message" if at else address)


def _record(request: HttpRequest, queue: Queue, count: int, how: str) -> None:
    record_reading(request.user, queue.broker, queue.vhost, f"queue {queue.name}", count, how)


def _attachment(content: bytes, content_type: str, name: str) -> HttpResponse:
    """Return a file that no browser opens: it may hold anything."""
    return HttpResponse(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "no-store",
        },
    )


def _page(queue: Queue, now: datetime) -> dict[str, Any]:
    trail = [*crumbs(queue.broker, queue.vhost), (queue.name, reverse("queue", args=[queue.pk]))]
    return {
        "now": now,
        "queue": queue,
        "scope": Scope.at(queue.broker, queue.vhost),
        "crumbs": trail,
    }


def _session(request: HttpRequest) -> str:
    if not request.session.session_key:
        request.session.save()
    return request.session.session_key or ""


def _open(said: str | None) -> int | None:
    """Return a message's position from 1; None if none is named."""
    text = said or ""
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        return None
    return int(text) or None


def _page_start(said: str | None, rows: int) -> int:
    page = _open(said) or 1
    last = max(0, (rows - 1) // _ROWS)
    return min(page - 1, last) * _ROWS
