"""Claim deliveries that are due and have them sent.

A claim is one conditional UPDATE with a lease, so two workers, two beats and a worker that dies are
harmless. The sending process stores each result (vhosts/alerts/notifications/outcome.py). Only if that
process is killed between sending and storing is a message sent again: an alert that arrives twice is better
than none, and PagerDuty, Opsgenie and webhooks are given a key by which they recognize it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from console.errors import WrongEncryptionKey
from console.faces.pages.links import absolute
from console.secrets import decrypt
from vhosts.alerts.channels.send import Message, send_and_store
from vhosts.alerts.notifications import ack, keys
from vhosts.alerts.notifications.message import with_links
from vhosts.alerts.notifications.model import AlertDelivery
from vhosts.alerts.notifications.retries import LEASE, WAITS

log = structlog.get_logger(__name__)
#: The most deliveries of one claim, and of one channel in it: a slow channel blocks only its own.
_MOST = 40
_MOST_OF_A_CHANNEL = 5
_PROCESSES = 4

#: Of one conversation on one channel, only the oldest open delivery is sent, so that messages arrive in order.
_CLAIM = """
    WITH due AS (
        SELECT id FROM vhosts_alertdelivery AS one
        WHERE (state = 'waiting' AND due_at <= now() OR state = 'sending' AND lease_until < now())
          AND EXISTS (SELECT 1 FROM vhosts_alertchannel c WHERE c.id = one.channel_id AND c.enabled)
          AND NOT EXISTS (
              SELECT 1 FROM vhosts_alertdelivery AS earlier
              WHERE earlier.channel_id = one.channel_id AND earlier.thread = one.thread
                AND earlier.id < one.id AND earlier.state IN ('waiting', 'sending')
          )
        ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
    )
    UPDATE vhosts_alertdelivery AS delivery
    SET tries = CASE WHEN delivery.started_at IS NOT NULL AND delivery.state = 'sending'
            THEN tries || jsonb_build_array(jsonb_build_object('at', to_char(delivery.started_at AT TIME ZONE 'UTC',
                 'YYYY-MM-DD"T"HH24:MI:SS+00:00'), 'sent', NULL, 'why',
                 'The process ended while it sent the message. It may have arrived.', 'took_ms', NULL))
            ELSE tries END,
        state = 'sending', claim = gen_random_uuid(), lease_until = now() + make_interval(secs => %(lease)s), started_at = NULL,
        attempts = attempts + 1
    FROM due, vhosts_alertchannel AS channel
    WHERE delivery.id = due.id AND channel.id = delivery.channel_id
    RETURNING delivery.id, delivery.claim::text, channel.id, channel.url_encrypted
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    delivery: int
    claim: str
    channel: int
    url_encrypted: str


def deliver_due() -> int:
    """Send what is due. Return how many messages were handled. Runs in a worker each few seconds."""
    claimed = claim_due()
    by_channel: dict[int, list[Claimed]] = defaultdict(list)
    for one in claimed:
        by_channel[one.channel].append(one)
    batches = [
        messages
        for group in by_channel.values()
        for start in range(0, len(group), _MOST_OF_A_CHANNEL)
        if (messages := _messages(group[start : start + _MOST_OF_A_CHANNEL]))
    ]
    if not batches:
        return 0
    with ThreadPoolExecutor(min(_PROCESSES, len(batches)), thread_name_prefix="alerts") as pool:
        return sum(pool.map(send_and_store, batches))


def claim_due() -> list[Claimed]:
    """Claim the deliveries that are due, at most _MOST."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"most": _MOST, "lease": LEASE.total_seconds()})
        return [Claimed(*row) for row in sorted(cursor.fetchall())]


def _messages(claimed: Sequence[Claimed]) -> list[Message]:
    """Return the messages. One whose channel can't be decrypted fails, and is tried again later."""
    said = AlertDelivery.objects.select_related("notification").in_bulk(
        [one.delivery for one in claimed]
    )
    messages = []
    for one in claimed:
        notification = said[one.delivery].notification
        link = ack.link_of(one.delivery) if not notification.ends else ""
        page = absolute(reverse("alert_message", args=[notification.pk]))
        try:
            url = keys.with_keys(
                decrypt(one.url_encrypted),
                thread=notification.thread,
                notification=notification.pk,
                link=page,
            )
        except WrongEncryptionKey as error:
            fail(one, error.message)
            continue
        body = with_links(notification.body, page=page, link=link)
        messages.append(
            Message(url, notification.title, body, notification.type, one.delivery, one.claim)
        )
    return messages


def fail(claimed: Claimed, why: str) -> None:
    """Store that a claimed delivery couldn't be sent; it is tried again in some minutes."""
    log.warning("alert_not_sent", delivery=claimed.delivery, why=why)
    AlertDelivery.objects.filter(pk=claimed.delivery, claim=claimed.claim).update(
        state="waiting", error=why, claim=None, lease_until=None, due_at=timezone.now() + WAITS[-1]
    )
