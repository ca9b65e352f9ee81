"""The page of dead letters, its acts, and the export of groups."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accessctl.authorize import may, require
from accessctl.rights import Permission
from console.brokers.observation import observe
from console.errors import ConsoleError, NotAllowed
from console.faces.lists import Column, read_scope, stream_csv
from console.scope import PARAMETERS
from vhosts.authorize import access_queue
from vhosts.messages.dead_letters.access import access_group, queue_of
from vhosts.messages.dead_letters.listing.groups import BY, GroupRow
from vhosts.messages.dead_letters.listing.page import Asked, board
from vhosts.messages.dead_letters.listing.queues import dead_letter_queues
from vhosts.messages.dead_letters.parsing.deaths import REASONS
from vhosts.messages.dead_letters.parsing.exceptions import alike
from vhosts.messages.dead_letters.replay.service import groups_for
from vhosts.messages.dead_letters.sampling.letters import letters_of_group
from vhosts.messages.dead_letters.sampling.look import MOST
from vhosts.messages.dead_letters.sampling.sample import sample_queue
from vhosts.messages.dead_letters.sampling.settings import EVERY, mark_queue, schedule_samples
from vhosts.messages.showing import Reason
from vhosts.models import DeadLetterGroup

#: Queues that one request samples; the rest by another.
_MOST_SAMPLED = 10
#: Parameters of the page that its forms keep.
_KEPT = (*PARAMETERS, "by", "reason", "search", "queue", "group")


@require_safe
def dead_letters(request: HttpRequest) -> HttpResponse:
    """Show which queues in scope hold dead letters, and their groups. `group`: the one selected."""
    require(request.user, Permission.QUEUES_VIEW)
    now = timezone.now()
    scope, problems = read_scope(request)
    asked = Asked.of(request.GET)
    shown = None if problems else board(scope, request.user, now, asked)
    context = {
        "now": now,
        "scope": scope,
        "scope_problems": problems,
        "board": shown,
        "asked": asked,
        "by": BY,
        "reasons": [*REASONS, "none"],
        "every": EVERY,
        "most": MOST,
        "may_alert": may(request.user, Permission.ALERTS_EDIT),
        "observed": observe(
            scope.enabled_brokers(request.user), "depths_at", now, parts=("queues", "bindings")
        ),
    }
    return render(
        request, "vhosts/messages/dead_letters/page.html", context, status=400 if problems else 200
    )


def _back(request: HttpRequest) -> HttpResponse:
    """Return to the page with the filters that the form's address kept."""
    kept = {name: request.GET[name] for name in _KEPT if request.GET.get(name)}
    return redirect(f"{reverse('dead_letters')}{'?' if kept else ''}{urlencode(kept)}")


_COLUMNS = (
    Column(key="broker", label="", value=lambda row: row.broker.name),
    Column(key="vhost", label="", value=lambda row: row.vhost),
    Column(
        key="queues", label="", value=lambda row: _joined(one.queue.name for one in row.held_in)
    ),
    Column(key="origins", label="", value=lambda row: _joined(row.origins)),
    Column(key="reasons", label="", value=lambda row: _joined(row.reasons)),
    Column(key="exception", label="", value=lambda row: row.exception),
    Column(key="exception_hidden", label="", value=lambda row: row.hidden),
    Column(key="messages", label="", value=lambda row: row.count),
    Column(key="shapes", label="", value=lambda row: _joined(row.shapes)),
    Column(key="first_death_at", label="", value=lambda row: row.first_death_at),
    Column(key="last_death_at", label="", value=lambda row: row.last_death_at),
    Column(key="most_times", label="", value=lambda row: row.most_times),
    Column(key="sampled_at", label="", value=lambda row: row.seen_at),
    Column(key="is_old", label="", value=lambda row: row.is_old),
)


def _joined(names: Iterator[str] | list[str]) -> str:
    return ", ".join(names)


@require_safe
def dead_letters_csv(request: HttpRequest) -> HttpResponseBase:
    """Return the groups of the page as CSV, with the same filters."""
    require(request.user, Permission.MESSAGES_VIEW)
    scope, problems = read_scope(request)
    if problems:
        text = "\n".join(problem.message for problem in problems)
        return HttpResponse(text + "\n", status=400, content_type="text/plain; charset=utf-8")
    rows: list[GroupRow] = board(
        scope, request.user, timezone.now(), Asked.of(request.GET), most=None
    ).groups
    return stream_csv("dead-letters.csv", _COLUMNS, rows)


@require_POST
def dead_letters_sample(request: HttpRequest) -> HttpResponse:
    """Sample the queues in scope that were sampled longest ago, or `queue` alone."""
    now = timezone.now()
    scope, problems = read_scope(request)
    back = _back(request)
    if problems:
        messages.error(request, problems[0].message)
        return back
    if chosen := request.POST.get("queue", ""):
        number = int(chosen) if chosen.isascii() and chosen.isdecimal() and len(chosen) < 10 else 0
        queues = [access_queue(request.user, number, Permission.MESSAGES_VIEW)]
    else:
        require(request.user, Permission.MESSAGES_VIEW)
        found = dead_letter_queues(scope, request.user, now, figures=False).holding
        due = [one for one in found if one.may_view and one.is_worth_a_look]
        due.sort(key=lambda one: one.tried_at)
        queues = [one.queue for one in due[:_MOST_SAMPLED]]
        if len(due) > _MOST_SAMPLED:
            messages.info(
                request, f"{_MOST_SAMPLED} of {len(due)} queues are sampled at once, the oldest samples first."
            )  # fmt: skip
    read = 0
    for queue in queues:
        result = sample_queue(queue, acting_user=request.user, now=timezone.now())
        read += result.read
        if result.trouble:
            messages.warning(request, f"{queue.name}: {result.trouble}")
    if not queues:
        messages.info(request, "No dead letter queue here has messages to sample.")
    elif read or len(queues) == 1:
        messages.success(request, f"Sampled {read:,} messages; all are back in their queues.")
    return back


@require_POST
def dead_letter_messages(request: HttpRequest, group_id: int) -> HttpResponse:
    """Show messages of a group, read from the broker now. Trouble is a state of the panel."""
    first = access_group(request.user, group_id, Permission.MESSAGES_VIEW)
    groups = _alike(request, first)
    found = letters_of_group(queue_of(first), groups, acting_user=request.user, now=timezone.now())
    rights = (Permission.MESSAGES_READ, Permission.MESSAGES_PUBLISH)
    may_edit = all(may(request.user, one, first.broker, first.vhost) for one in rights)
    context = {"found": found, "group": first, "may_edit": may_edit, "now": timezone.now()}
    context["may_move"] = may(request.user, Permission.MESSAGES_MOVE, first.broker, first.vhost)
    return render(request, "vhosts/messages/dead_letters/_letters.html", context)


def _alike(request: HttpRequest, first: DeadLetterGroup) -> list[DeadLetterGroup]:
    """Return the groups of one queue that the page shows as one: `by` queue or exception merges them."""
    by = request.GET.get("by", "")
    if by not in ("queue", "exception"):
        return groups_for(request.user, first)
    rows = DeadLetterGroup.objects.filter(
        broker=first.broker_id, vhost=first.vhost, queue=first.queue, count__gt=0
    )
    if by == "queue":
        return list(rows.filter(origin=first.origin))
    said = alike(first.exception)
    return [row for row in rows if alike(row.exception) == said]


@require_POST
def dead_letter_export(request: HttpRequest, group_id: int) -> HttpResponse:
    """Return the group's messages among the first of its queue, one JSON object a line, as the person may
    see them."""
    first = access_group(request.user, group_id, Permission.MESSAGES_EXPORT)
    found = letters_of_group(
        queue_of(first), _alike(request, first), acting_user=request.user, now=timezone.now(), most=MOST,
        how="export",
    )  # fmt: skip
    if found.trouble:
        messages.error(request, found.trouble)
        return redirect("dead_letter_discard", group_id)
    lines = []
    for letter in found.letters:
        what = letter.message.exported()
        if isinstance(what, Reason):
            raise NotAllowed(what.text)
        lines.append(json.dumps({"position": letter.position, **what}, default=str))
    response = HttpResponse(
        "".join(f"{line}\n" for line in lines), content_type="application/jsonl"
    )
    response["Content-Disposition"] = 'attachment; filename="dead-letters.jsonl"'
    return response


@require_POST
def dead_letter_mark(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Say whether a queue holds dead letters: `is` yes, no, or empty for what topology says."""
    queue = access_queue(request.user, queue_id, Permission.MESSAGES_MOVE)
    value = {"yes": True, "no": False}.get(request.POST.get("is", ""))
    mark_queue(queue, value, acting_user=request.user, now=timezone.now())
    said = {True: "is a dead letter queue", False: "isn’t a dead letter queue"}
    sentence = said[value] if value is not None else "counts by topology again"
    messages.success(request, f"{queue.name} {sentence}.")
    return _back(request)


@require_POST
def dead_letter_schedule(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Sample a queue every `every` seconds; empty: never."""
    queue = access_queue(request.user, queue_id, Permission.MESSAGES_MOVE)
    every = request.POST.get("every", "")
    number = int(every) if every.isascii() and every.isdecimal() and len(every) < 9 else None
    try:
        schedule_samples(
            queue, -1 if every and number is None else number, acting_user=request.user,
            now=timezone.now(),
        )  # fmt: skip
    except ConsoleError as error:
        messages.error(request, error.message)
    else:
        done = f"is sampled {EVERY[number]}" if number else "isn’t sampled by itself any more"
        messages.success(request, f"{queue.name} {done}.")
    return _back(request)
