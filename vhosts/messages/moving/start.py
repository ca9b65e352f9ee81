"""Start a job, and stop, pause, resume or slow down one. All of it is audited."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from console.audit import record
from console.engine.proposals.token import token_of
from console.errors import ConsoleError, InvalidField
from vhosts.messages.moving import notify
from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.places import Mode, Place, Selection, Target
from vhosts.messages.moving.rights import require_move

FASTEST = 100_000
_MOST_REASON = 2000
_MOST_NAME = 255


class JobEnded(ConsoleError):
    code = "job_ended"
    http_status = 409


def start_move(
    actor: Any,
    *,
    source: Place,
    target: Target | None,
    mode: str,
    selection: Selection,
    rate: int | None = None,
    keep_expiration: bool = True,
    reason: str = "",
    purpose: str = "move",
    idempotency_key: str = "",
    now: datetime | None = None,
) -> MessageJob:
    """Store a job and wake a worker; return it. With the idempotency key of an earlier job of the
    same person, return that one.

    `target` None: a deletion. `rate`: messages a second at most. Raises NotAllowed, InvalidField.
    """
    reason = reason.replace("\0", "").strip()
    require_move(actor, source, target, mode)
    _check(source, target, mode, selection, rate, reason)
    now = now or timezone.now()
    columns: dict[str, Any] = {
        "author": actor if getattr(actor, "pk", None) else None,
        "author_name": actor.get_username(),
        "token_id_then": token_of(actor),
        "idempotency_key": idempotency_key.replace("\0", "")[:100],
        "reason": reason,
        "purpose": purpose,
        "mode": mode,
        "broker": source.broker,
        "vhost": source.vhost,
        "queue": source.queue,
        "selection": selection.as_json(),
        "keep_expiration": keep_expiration,
        "rate": rate,
        "created_at": now,
        "next_at": now,
    }
    if target is not None:
        columns |= {
            "target_broker": target.broker,
            "target_vhost": target.vhost,
            "target_exchange": target.exchange,
            "target_key": target.key,
        }
    try:
        with transaction.atomic():
            job: MessageJob = MessageJob.objects.create(**columns)
            _record(f"messages:{mode}", job, actor, after=summary(job), reason=reason)
            transaction.on_commit(lambda: notify.wake(job.pk))
    except IntegrityError:
        found = MessageJob.objects.filter(
            author=columns["author"], idempotency_key=columns["idempotency_key"]
        ).first()
        if found is None:
            raise
        return found
    return job


def summary(job: MessageJob) -> dict[str, Any]:
    """Return the facts of a job for the audit log. Filters may hold content, so only their kind."""
    found: dict[str, Any] = {"job": str(job.pk), "selection": job.selection.get("kind", "all")}
    if job.selection.get("kind") == "first":
        found["count"] = job.selection.get("count")
    if job.selection.get("kind") == "chosen":
        found["count"] = sum(job.selection.get("fingerprints", {}).values())
    if job.target_broker is not None:
        found["target"] = {
            "broker": job.target_broker.name,
            "vhost": job.target_vhost,
            "exchange": job.target_exchange,
            "routing_key": job.target_key,
        }
    if job.rate is not None:
        found["rate"] = job.rate
    return found


def access_job(user: AnyUser, pk: UUID | str, permission: Permission) -> MessageJob:
    """Return a job. Raises Http404 outside the person's scope, NotAllowed without the right."""
    job: MessageJob | None = (
        MessageJob.objects.visible_to(user)
        .select_related("broker__status", "target_broker")
        .filter(pk=pk)
        .first()
    )
    if job is None:
        raise Http404("Job not found.")
    require(user, permission, job.broker, job.vhost)
    return job


def stop(job: MessageJob, actor: Any) -> None:
    """End the job after the messages that are on their way. What was done stays done. Raises
    NotAllowed, JobEnded."""
    _control(job, actor, "stop", stop_requested=True)
    now = timezone.now()
    # Nobody works on it: end it here.
    MessageJob.objects.filter(pk=job.pk, state=MessageJob.State.PAUSED).update(
        state=MessageJob.State.STOPPED, ended_at=now
    )


def pause(job: MessageJob, actor: Any) -> None:
    _control(job, actor, "pause", pause_requested=True)


def resume(job: MessageJob, actor: Any) -> None:
    _control(
        job,
        actor,
        "resume",
        pause_requested=False,
        next_at=timezone.now(),
    )
    MessageJob.objects.filter(pk=job.pk, state=MessageJob.State.PAUSED).update(
        state=MessageJob.State.WAITING, note=""
    )


def change_rate(job: MessageJob, actor: Any, rate: int | None) -> None:
    """Set the rate limit, in messages a second; None: none."""
    check_rate(rate)
    _control(job, actor, "limit", rate=rate)


def _control(job: MessageJob, actor: Any, verb: str, **columns: Any) -> None:
    require(actor, Permission.MESSAGES_MOVE, job.broker, job.vhost)
    with transaction.atomic():
        changed = (
            MessageJob.objects.filter(pk=job.pk)
            .exclude(state__in=MessageJob.ENDED)
            .update(**columns)
        )
        if not changed:
            raise JobEnded("The job has already ended.")
        after = {"job": str(job.pk), **({"rate": columns["rate"]} if "rate" in columns else {})}
        _record(f"message_jobs:{verb}", job, actor, after=after)
        transaction.on_commit(lambda: notify.wake(job.pk))


def _check(
    source: Place,
    target: Target | None,
    mode: str,
    selection: Selection,
    rate: int | None,
    reason: str,
) -> None:
    if mode not in Mode.values:
        raise InvalidField("mode", f"The mode must be one of {', '.join(Mode.values)}.")
    if (target is None) != (mode == Mode.DELETE):
        raise InvalidField("target", "Enter where the messages go. A deletion has no target.")
    selection.check()
    check_rate(rate)
    if len(reason) > _MOST_REASON:
        raise InvalidField("reason", f"A reason has at most {_MOST_REASON:,} characters.")
    names = {"vhost": source.vhost, "queue": source.queue}
    if target is not None:
        names |= {
            "target_vhost": target.vhost,
            "exchange": target.exchange or "",
            "routing_key": target.key or "",
        }
        if target.exchange == "" and not target.key:
            raise InvalidField("routing_key", "Enter the queue that the messages go to.")
        if not target.broker.enabled:
            raise InvalidField("target", f"{target.broker.name} is disabled in the console.")
    for field, text in names.items():
        if "\0" in text or len(text.encode(errors="replace")) > _MOST_NAME:
            raise InvalidField(field, "This isn't a valid name.")
    if not source.broker.enabled:
        raise InvalidField("source", f"{source.broker.name} is disabled in the console.")


def check_rate(rate: int | None) -> None:
    """Raise InvalidField unless it is a rate limit or None."""
    if rate is not None and not 1 <= rate <= FASTEST:
        raise InvalidField("rate", f"Enter 1 to {FASTEST:,} messages a second.")


def _record(
    action: str, job: MessageJob, actor: Any, *, after: dict[str, Any], reason: str = ""
) -> None:
    record(
        action,
        target_kind="queue",
        target=f"{job.vhost} / {job.queue}",
        acting_user=actor,
        broker=job.broker,
        after=after,
        reason=reason,
    )
