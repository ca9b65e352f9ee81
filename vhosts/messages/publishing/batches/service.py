"""Store a file of messages, start it, stop it, continue it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from celery import current_app
from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.http import Http404
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accessctl.authorize import may
from accessctl.rights import Permission
from console.audit import record
from console.background.queues import APPLY
from console.engine.proposals.token import token_of
from console.errors import IdempotencyMismatch, NotThere
from vhosts.definitions.model import sealed
from vhosts.messages.publishing.batches.model import (
    BatchState,
    LineState,
    PublishBatch,
    PublishLine,
)
from vhosts.messages.publishing.batches.read import checked
from vhosts.messages.publishing.headers.values import for_router
from vhosts.messages.publishing.message import Draft
from vhosts.messages.publishing.where import Place, TargetCheck, refuse_if_not_now
from vhosts.routing.core.route import route
from vhosts.routing.mirror import topology_of

log = structlog.get_logger(__name__)
KEPT_FOR = timedelta(days=7)
#: Lines that are stored at once.
_AT_ONCE = 200


def store(
    chunks: Iterable[bytes], place: Place, *, exchange: str, title: str, actor: Any, key: str,
    origin: str,
) -> PublishBatch:  # fmt: skip
    """Check all lines and store them; nothing is sent yet. A known key returns its batch. The caller
    has authorized the actor. Raises BadFile, InvalidField, IdempotencyMismatch."""
    digest = hashlib.sha256(repr((place.broker.pk, place.vhost, exchange)).encode())
    check = TargetCheck(place)
    routes = (
        _Routes(place) if may(actor, Permission.QUEUES_VIEW, place.broker, place.vhost) else None
    )
    try:
        with transaction.atomic():
            batch = PublishBatch.objects.create(
                broker=place.broker, vhost=place.vhost, title=title[:200], author=actor,
                author_name=actor.get_username(), token_id_then=token_of(actor), origin=origin,
                key=key, published_as=place.broker.username, total=0, size=0,
                created_at=timezone.now(),
            )  # fmt: skip
            waiting: list[PublishLine] = []
            for line in checked(_digested(chunks, digest), exchange, check):
                draft = line.draft
                waiting.append(
                    PublishLine(
                        batch=batch, number=line.number, exchange=draft.exchange,
                        routing_key=draft.routing_key, size=len(draft.body),
                        content_encrypted=sealed(line.text),
                    )
                )  # fmt: skip
                batch.total, batch.size = batch.total + 1, batch.size + len(draft.body)
                if routes is not None:
                    routes.add(draft)
                if len(waiting) == _AT_ONCE:
                    PublishLine.objects.bulk_create(waiting)
                    waiting = []
            PublishLine.objects.bulk_create(waiting)
            batch.routes = dict(routes.found) if routes is not None else None
            batch.fingerprint = _fingerprint(digest.hexdigest())
            batch.save()
    except IntegrityError:
        return _known(chunks, digest.copy(), actor, key)
    return batch


def start(batch: PublishBatch, actor: Any) -> None:
    """Let a worker send the lines that weren't sent yet. A batch that is already on its way stays
    as it is. Raises BrokerTrouble, NotThere."""
    refuse_if_not_now(batch.broker)
    with transaction.atomic():
        startable = PublishBatch.objects.filter(
            pk=batch.pk, state__in=(BatchState.CHECKED, BatchState.STOPPED, BatchState.INTERRUPTED)
        )
        now = timezone.now()
        if startable.update(state=BatchState.WAITING, problem="", started_at=now, ended_at=None):
            _record("messages:publish_file", batch, actor, {"messages": batch.total})
        elif not PublishBatch.objects.filter(pk=batch.pk).exists():
            raise NotThere("The file was deleted.")
    batch.refresh_from_db()
    notify(batch.pk)


def stop(batch: PublishBatch, actor: Any) -> None:
    """Send no further line. What is sent stays sent; the line that is on its way ends by itself."""
    with transaction.atomic():
        open_ = PublishBatch.objects.filter(
            pk=batch.pk, state__in=(BatchState.WAITING, BatchState.RUNNING)
        )
        if open_.update(state=BatchState.STOPPED, ended_at=timezone.now()):
            _record("messages:stop_file", batch, actor, {})
    batch.refresh_from_db()


def notify(batch_id: UUID) -> None:
    """Tell a worker. Never raises: the sweep finds what no message announced."""
    try:
        current_app.send_task(
            "vhosts.tasks.publish_batch", [str(batch_id)], queue=APPLY, expires=60
        )
    except Exception as error:
        log.warning("batch_not_announced", batch=str(batch_id), error=type(error).__name__)


def access_batch(user: Any, batch_id: UUID) -> PublishBatch:
    """Return a batch that the user may see: their own, or of a virtual host in which they may
    publish. Raises Http404."""
    found = (
        PublishBatch.objects.select_related("broker__status", "author").filter(pk=batch_id).first()
    )
    if found is None or not may(user, Permission.MESSAGES_PUBLISH, found.broker, found.vhost):
        raise Http404("File not found.")
    return found


def counts_of(batch: PublishBatch) -> dict[str, int]:
    """Return the number of lines by state, of all states."""
    numbers = {str(state): Count("pk", filter=Q(state=state)) for state in LineState}
    return PublishLine.objects.filter(batch=batch).aggregate(**numbers)


def record_end(batch: PublishBatch) -> None:
    """Add the outcome of a batch that has ended to the audit log."""
    facts = {"state": str(batch.state), **counts_of(batch)}
    _record("messages:published_file", batch, batch.author, facts)


def _record(action: str, batch: PublishBatch, actor: Any, facts: dict[str, Any]) -> None:
    record(
        action,
        target_kind="vhost",
        target=batch.vhost,
        acting_user=actor,
        broker=batch.broker,
        after={"file": str(batch.pk), "name": batch.title, **facts},
    )


class _Routes:
    """Counts lines by where the router sends them."""

    def __init__(self, place: Place) -> None:
        self._topology = topology_of(place.broker, place.vhost)
        self.found: Counter[str] = Counter()

    def add(self, draft: Draft) -> None:
        trace = route(
            self._topology, draft.exchange, draft.routing_key, for_router(draft.headers),
            dict(draft.properties), mandatory=True, follow=False,
        )  # fmt: skip
        self.found[trace.verdict] += 1


def _digested(chunks: Iterable[bytes], digest: Any) -> Iterable[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _known(chunks: Iterable[bytes], digest: Any, actor: Any, key: str) -> PublishBatch:
    """Return the batch of the key. The file may not have been read yet."""
    for chunk in chunks:
        digest.update(chunk)
    batch = PublishBatch.objects.select_related("broker__status").get(author=actor, key=key)
    if batch.fingerprint != _fingerprint(digest.hexdigest()):
        raise IdempotencyMismatch(
            "This key was already used for another file, so nothing was sent. Use a new key."
        )
    return batch


def _fingerprint(digest: str) -> str:
    return salted_hmac("vhosts.messages.publishing.batches", digest, algorithm="sha256").hexdigest()
