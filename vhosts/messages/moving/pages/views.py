"""The pages to start a job and to watch it."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accessctl.authorize import AnyUser, may, require
from accessctl.rights import Permission
from console.errors import ConsoleError, InvalidField
from console.faces.lists import read_scope
from console.faces.person import person_of
from console.rabbitmq.amqp.properties.fingerprint import fingerprint
from console.scope import Scope
from vhosts.authorize import access_queue
from vhosts.crumbs import crumbs
from vhosts.messages.moving import start as jobs
from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.pages.form import MoveForm
from vhosts.messages.moving.pages.preview import Plan, plan_move
from vhosts.messages.moving.places import Place
from vhosts.messages.moving.rights import may_control, require_move
from vhosts.messages.moving.running.outcomes import outcomes_for
from vhosts.messages.peeking.kept import kept_of, messages_of
from vhosts.models import Queue

_MOST_JOBS = 200
_MOST_OUTCOMES = 200


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def message_move(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Show the form, then what the job will do, then start it."""
    row = access_queue(request.user, queue_id, Permission.MESSAGES_MOVE)
    step = request.POST.get("step", "open")
    bound = request.method == "POST"
    initial = {"mode": request.GET.get("mode", "move")}
    given = _chosen(request, row) if request.POST.get("kept") else request.POST
    form = MoveForm(given if bound else None, initial=initial, source=row, user=request.user)
    if not bound or step in ("open", "edit") or not form.is_valid():
        return _form(request, row, form, 400 if bound and step not in ("open", "edit") else 200)
    try:
        plan = _plan(request, row, form)
        problem = _missing(request, plan) if step == "apply" else ""
        if step == "apply" and not problem:
            job = _start(request, row, form)
            return redirect("message_job", job.pk)
        return _preview(request, row, form, plan, problem)
    except ConsoleError as error:
        form.refuse(error)
        return _form(request, row, form, error.http_status)


def _chosen(request: HttpRequest, row: Queue) -> QueryDict:
    """Return the form's first values for messages that were chosen among those read (`kept`, `at`).
    Raises Http404 if they aren't kept any more."""
    try:
        kept_id = UUID(request.POST["kept"])
    except ValueError as error:
        raise Http404("Messages not found.") from error
    session = request.session.session_key or ""
    kept = kept_of(request.user, session, row, kept_id, timezone.now())
    read = messages_of(kept)
    places = {int(at) for at in request.POST.getlist("at") if at.isascii() and at.isdecimal()}
    chosen = [one for at, one in enumerate(read, 1) if at in places and not one.is_cut]
    given = QueryDict(mutable=True)
    given.update({
        "mode": "move", "which": "chosen" if chosen else "all", "to": "queue", "keep_expiration": "on",
        "target_broker": str(row.broker_id), "target_vhost": row.vhost,
        "fingerprints": " ".join(fingerprint(one) for one in chosen),
    })  # fmt: skip
    return given


def _plan(request: HttpRequest, row: Queue, form: MoveForm) -> Plan:
    given, selection, target = form.cleaned_data, form.selection(), form.target()
    selection.check()
    jobs.check_rate(given["rate"])
    require_move(request.user, Place(row.broker, row.vhost, row.name), target, given["mode"])
    return plan_move(
        request.user, row, target, given["mode"], selection,
        rate=given["rate"], keep_expiration=given["keep_expiration"], now=timezone.now(),
    )  # fmt: skip


def _start(request: HttpRequest, row: Queue, form: MoveForm) -> MessageJob:
    given = form.cleaned_data
    return jobs.start_move(
        person_of(request),
        source=Place(row.broker, row.vhost, row.name),
        target=form.target(),
        mode=given["mode"],
        selection=form.selection(),
        rate=given["rate"],
        keep_expiration=given["keep_expiration"],
        reason=given["reason"],
        idempotency_key=request.POST.get("key", "").replace("\0", "")[:100],
    )


def _missing(request: HttpRequest, plan: Plan) -> str:
    typed = request.POST.get("typed", "")
    if plan.refusals:
        return plan.refusals[0]
    if plan.typed and typed != plan.typed and typed.strip() != (plan.typed.strip() or None):
        return "The name doesn't match. Nothing was started."
    return ""


def _form(request: HttpRequest, row: Queue, form: MoveForm, status: int) -> HttpResponse:
    form.mark()
    context = {
        "form": form, "row": row, "broker": row.broker, "scope": Scope.at(row.broker, row.vhost),
        "crumbs": crumbs(row.broker, row.vhost), "cancel": reverse("queue", args=[row.pk]),
    }  # fmt: skip
    return render(request, "vhosts/messages/move.html", context, status=status)


def _preview(
    request: HttpRequest, row: Queue, form: MoveForm, plan: Plan, problem: str
) -> HttpResponse:
    mode = form.cleaned_data["mode"]
    context = {
        "plan": plan, "row": row, "broker": row.broker, "mode": mode, "problem": problem,
        "scope": Scope.at(row.broker, row.vhost), "crumbs": crumbs(row.broker, row.vhost),
        "verb": MessageJob.Mode(mode).label, "hidden": form.carried(),
        "key": request.POST.get("key") or uuid4().hex, "typed": request.POST.get("typed", ""),
        "cancel": reverse("queue", args=[row.pk]),
    }  # fmt: skip
    return render(
        request, "vhosts/messages/move_preview.html", context, status=400 if problem else 200
    )


@require_safe
def message_jobs(request: HttpRequest) -> HttpResponse:
    """List jobs in scope, newest first."""
    require(request.user, Permission.MESSAGES_VIEW)
    scope, problems = read_scope(request)
    rows = MessageJob.objects.none()
    if not problems:
        rows = (
            MessageJob.objects.visible_to(request.user)
            .filter(broker__in=scope.brokers(request.user))
            .select_related("broker", "target_broker")
        )
        if scope.vhost is not None:
            rows = rows.filter(vhost=scope.vhost)
    found = list(rows[:_MOST_JOBS])
    context = {
        "jobs": [(job, target_words(job, request.user)) for job in found],
        "most": _MOST_JOBS, "scope": scope, "scope_problems": problems, "now": timezone.now(),
    }  # fmt: skip
    return render(request, "vhosts/messages/jobs.html", context, status=400 if problems else 200)


@require_safe
def message_job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    job = jobs.access_job(request.user, job_id, Permission.MESSAGES_VIEW)
    context = {
        **job_context(job, request.user),
        "scope": Scope.at(job.broker, job.vhost),
        "crumbs": crumbs(job.broker, job.vhost),
        "queue_id": Queue.objects.visible_to(request.user)
        .filter(broker=job.broker, vhost=job.vhost, name=job.queue)
        .values_list("pk", flat=True)
        .first(),
    }
    return render(request, "vhosts/messages/job.html", context)


@require_safe
def message_job_now(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Render the progress of a job, for its page and others that show it."""
    job = jobs.access_job(request.user, job_id, Permission.MESSAGES_VIEW)
    return render(request, "vhosts/messages/_job.html", job_context(job, request.user))


@require_POST
def message_job_control(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Stop, pause, resume or slow down a job (`act`, `rate`)."""
    job = jobs.access_job(request.user, job_id, Permission.MESSAGES_VIEW)
    person, act = person_of(request), request.POST.get("act", "")
    try:
        if act == "rate":
            jobs.change_rate(job, person, _rate(request.POST.get("rate", "")))
        elif act in _ACTS:
            _ACTS[act](job, person)
        else:
            raise InvalidField("act", "There is no such operation.")
    except ConsoleError as error:
        if error.http_status in (403, 404):
            raise
        messages.error(request, error.message)
    return redirect("message_job", job.pk)


_ACTS = {"stop": jobs.stop, "pause": jobs.pause, "resume": jobs.resume}


def _rate(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise InvalidField("rate", "Enter a whole number of messages a second.")
    return int(text)


def job_context(job: MessageJob, user: AnyUser) -> dict[str, Any]:
    """Return what vhosts/messages/_job.html needs."""
    total = job.frozen
    if total is not None and job.selection.get("kind") == "first":
        total = min(total, int(job.selection.get("count") or 0))
    if job.selection.get("kind") == "chosen":
        total = sum(job.selection.get("fingerprints", {}).values())
    return {
        "now": timezone.now(),
        "job": job,
        "total": total,
        "looked": job.done + job.left_behind + job.skipped,
        "outcomes": outcomes_for(user, job, _MOST_OUTCOMES),
        "may_control": not job.has_ended and may_control(user, job),
        "target": target_words(job, user),
        "may_see_target": job.target_broker is None
        or may(user, Permission.BROKERS_VIEW, job.target_broker),
    }


def target_words(job: MessageJob, user: AnyUser) -> list[tuple[str, str]]:
    """Return what and name of each part of the target; nothing of a broker that the person doesn't
    see."""
    broker = job.target_broker
    if broker is None:
        return []
    if not may(user, Permission.BROKERS_VIEW, broker):
        return [("Broker", "not visible to you")]
    found = [("Broker", broker.name), ("Virtual host", job.target_vhost)]
    if job.target_exchange == "":
        return [*found, ("Queue", job.target_key or "")]
    exchange, key = job.target_exchange, job.target_key
    return [
        *found,
        ("Exchange", "of each message’s first publication" if exchange is None else exchange),
        ("Routing key", "of each message’s first publication" if key is None else key),
    ]
