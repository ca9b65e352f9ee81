"""Publish one message, at most once.

The request is stored before anything happens, by a key that its author gives: the same key again
returns the same request, and sends nothing. Where a process may die:

- before `sending` is stored: nothing was sent. The request ends as *not sent*.
- after it: the message may be on the broker. The request ends as *unknown*.

Both are settled by whoever looks next, once nobody can be working on it any more. Each step is one
conditional update, so a process that wakes up late sends nothing and overwrites nothing.
"""

from __future__ import annotations

import hashlib
import json
import time
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from console.audit import record
from console.errors import ConsoleError, IdempotencyMismatch
from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.amqp.publish import Outcome, Sender
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import BrokerError
from console.rabbitmq.network.deadline import Deadline
from vhosts.messages.publishing.message import Draft
from vhosts.messages.publishing.model import PublishRequest, PublishState
from vhosts.messages.publishing.where import Place, TargetCheck, amqp_of, refuse_if_not_now

DEADLINE = Timeouts(connect=3.0, read=8.0, total=20.0)
#: Seconds for which a repeated request waits for the first one.
_WAITS_S = 25.0
_STOPPED_BEFORE = "The console stopped before it sent the message."
STOPPED_AFTER = "The console stopped while it sent the message, so the broker's answer was lost."


def publish(draft: Draft, place: Place, *, actor: Any, key: str, origin: str) -> PublishRequest:
    """Publish the message and return the request with its outcome; for a key that is known, the
    first request. The caller has authorized the actor (`where.place_for`).

    Raises InvalidField, BrokerTrouble and IdempotencyMismatch, with nothing sent. Trouble with the
    broker is an outcome.
    """
    digest = _fingerprint(draft, place)
    known = PublishRequest.objects.filter(author=actor, key=key).first()
    if known is None:
        check = TargetCheck(place)
        check(draft)
        refuse_if_not_now(place.broker)
        holds = check.holds(draft)
        try:
            with transaction.atomic():
                stored = _store(draft, place, actor, key, digest, origin, holds)
        except IntegrityError:  # the same request came twice at once
            known = PublishRequest.objects.get(author=actor, key=key)
    if known is not None:
        if known.fingerprint != digest:
            raise IdempotencyMismatch(
                "This key was already used for another message, so nothing was sent. Use a new key."
            )
        return wait_for(known)
    _settle(stored, _sent(stored, draft, place, mandatory=not holds), actor)
    return stored


def wait_for(request: PublishRequest, seconds: float = _WAITS_S) -> PublishRequest:
    """Return the request once it has ended, or as it is when the time is over."""
    ends = time.monotonic() + seconds
    while settle_abandoned(request).is_open and time.monotonic() < ends:
        time.sleep(0.1)
        request.refresh_from_db()
    return request


def settle_abandoned(request: PublishRequest, now: datetime | None = None) -> PublishRequest:
    """End a request whose process has died: it wasn't sent, or nobody knows."""
    now = now or timezone.now()
    if request.is_abandoned(now):
        if request.state == PublishState.ACCEPTED:
            _settle(request, _STOPPED_BEFORE, None)
        else:
            _settle(request, Outcome("unknown", None, STOPPED_AFTER), None)
    return request


def _store(
    draft: Draft, place: Place, actor: Any, key: str, digest: str, origin: str, holds: bool
) -> PublishRequest:
    stored = PublishRequest.objects.create(
        broker=place.broker,
        vhost=place.vhost,
        exchange=draft.exchange,
        routing_key=draft.routing_key,
        size=len(draft.body),
        author=actor,
        author_name=actor.get_username(),
        origin=origin,
        key=key,
        fingerprint=digest,
        published_as=place.broker.username,
        delay=draft.delay if holds else None,
        created_at=timezone.now(),
    )
    _record("message:publish", stored, actor, {"size": stored.size, "origin": origin})
    return stored


def _record(action: str, stored: PublishRequest, actor: Any, facts: dict[str, Any]) -> None:
    record(
        action,
        target_kind="exchange",
        target=f"{stored.vhost} / {stored.exchange or '(default exchange)'}",
        acting_user=actor,
        broker=stored.broker,
        after={"request": str(stored.pk), "routing_key": stored.routing_key, **facts},
    )


def _sent(stored: PublishRequest, draft: Draft, place: Place, *, mandatory: bool) -> Outcome | str:
    """Return the outcome, or a sentence why nothing was sent."""
    deadline = Deadline(DEADLINE.total)
    outcome: Outcome | None = None
    try:
        endpoint = amqp_of(place, DEADLINE)
        with connected(endpoint, deadline) as connection:
            sender, properties = Sender(connection, endpoint.host), draft.wire()
            sender.prepare()
            if reason := sender.too_large(properties):
                return reason
            begun = PublishRequest.objects.filter(pk=stored.pk, state=PublishState.ACCEPTED)
            if not begun.update(state=PublishState.SENDING):
                return _STOPPED_BEFORE
            outcome = sender.send(
                draft.exchange, draft.routing_key, properties, draft.body, mandatory=mandatory
            )
    except BrokerError as error:
        # Closing the connection can fail as well, after the outcome is known.
        if outcome is None:
            return f"{error.summary} {error.detail}".strip()
    except ConsoleError as error:
        return error.message
    return outcome if outcome is not None else _STOPPED_BEFORE


def _settle(stored: PublishRequest, outcome: Outcome | str, actor: Any) -> None:
    if isinstance(outcome, str):
        state, code, text = str(PublishState.FAILED), None, outcome
    else:
        state, code, text = outcome.state, outcome.code, outcome.text
    with transaction.atomic():
        was = PublishState.SENDING if isinstance(outcome, Outcome) else PublishState.ACCEPTED
        open_ = PublishRequest.objects.filter(pk=stored.pk, state=was)
        if open_.update(state=state, code=code, text=text, ended_at=timezone.now()):
            facts = {"size": stored.size, "outcome": state, "code": code, "reply": text}
            _record("message:published", stored, actor, facts)
    stored.refresh_from_db()


def _fingerprint(draft: Draft, place: Place) -> str:
    """Return a digest of the whole message; keyed, because payloads can be guessed."""
    about = [place.broker.pk, place.vhost, draft.data(), hashlib.sha256(draft.body).hexdigest()]
    text = json.dumps(about, sort_keys=True)
    return salted_hmac("vhosts.messages.publishing", text, algorithm="sha256").hexdigest()
