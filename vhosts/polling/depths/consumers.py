"""Count the consumers of each queue beside an inventory, with a timestamp of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from django.db import connection, transaction

from console.models import Broker, BrokerStatus
from console.rabbitmq.errors import BrokerError, LoginRefused, MalformedAnswer
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.prometheus.labels import spellings
from vhosts.models import Queue
from vhosts.polling.copying import temporary_table
from vhosts.polling.depths.collect import SLOW
from vhosts.polling.depths.scraping import NodeScrapes
from vhosts.polling.inventory.quarantine import why_unfit

log = structlog.get_logger(__name__)

#: Up to this number of consumers, a listing costs a node less than the Prometheus plugin's count
#: of all queues.
_CHEAPER_LISTED = 1_000
#: With more consumers, the listing isn't read at all: it costs a node about 0.8 s.
_LISTED_AT_MOST = 20_000
_MOST = 2**31 - 1
#: The tags whose users see the consumers of every virtual host.
_SEES_ALL = frozenset({"administrator", "monitoring"})

#: Consumers by (vhost, name), and the count for each queue not named there; None if unknown.
Counted = tuple[Mapping[tuple[str, str], int], int | None]


def take_consumers(
    broker: Broker, client: ManagementClient, hold: Callable[[], object], now: datetime
) -> None:
    """Count the consumers of every queue from the cheapest source. If no source works, set them to
    unknown: an old count must not look current.

    `hold` verifies the inventory's claim within the transaction that writes. Raises LoginRefused.
    """
    counted = _count(broker, client)
    found, rest = counted if counted is not None else ({}, None)
    rows = [
        (*names, min(count, _MOST)) for names, count in found.items() if why_unfit(*names) is None
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        hold()
        with temporary_table(cursor, "consuming", _CONSUMING, rows):
            cursor.execute(
                """
                UPDATE vhosts_queue q SET consumers = c.consumers
                FROM (
                    SELECT q.id, coalesce(c.consumers, %(rest)s::integer) AS consumers
                    FROM vhosts_queue q
                    LEFT JOIN consuming c ON c.vhost = q.vhost AND c.name = q.name
                    WHERE q.broker_id = %(broker)s AND q.gone_at IS NULL
                ) c
                WHERE q.id = c.id AND q.consumers IS DISTINCT FROM c.consumers
                """,
                {"broker": broker.pk, "rest": rest},
            )
        BrokerStatus.objects.filter(pk=broker.pk).update(
            consumers_at=None if counted is None else now
        )


def _count(broker: Broker, client: ManagementClient) -> Counted | None:
    """Return the counts, or None if no source works."""
    overview = client.overview()
    status = BrokerStatus.objects.get(pk=broker.pk)
    scraping = NodeScrapes(broker, client)
    urls = scraping.urls(status.cluster(), overview.listeners)

    def listed() -> Counted:
        return _listed(client, overview.consumers)

    def scraped() -> Counted:
        if urls is None:
            raise MalformedAnswer("The address of a node's Prometheus plugin is unknown.")
        odd = spellings(Queue.objects.odd_names_on(broker))
        # A queue that no node names may be on a node that didn't answer.
        return scraping.consumers(urls, odd, SLOW), None

    many = overview.consumers is None or overview.consumers > _CHEAPER_LISTED
    for source in (scraped, listed) if many else (listed, scraped):
        try:
            return source()
        except LoginRefused:
            raise
        except BrokerError as error:
            log.info(
                "consumers_untold", broker_id=broker.pk, source=source.__name__, code=error.code
            )
    return None


def _listed(client: ManagementClient, told: int | None) -> Counted:
    """Count from the listing of consumers, which one node returns for the whole cluster.

    It is used only if the user sees all consumers; a queue that isn't in it then has none. Raises
    BrokerError.
    """
    if told is not None and told > _LISTED_AT_MOST:
        raise MalformedAnswer(f"{told:,} consumers are too many to list.")
    if not _SEES_ALL & set(client.whoami().tags):
        raise MalformedAnswer("The broker's user doesn't see all consumers.")
    listing = client.consumed()
    if listing.rejected or not listing.complete:
        raise MalformedAnswer("The listing of consumers can't be read whole.")
    # It may omit virtual hosts in which the user has no permission.
    if len(listing.items) < (told or 0) and len(listing.items) < (client.overview().consumers or 0):
        raise MalformedAnswer("The broker counts more consumers than it lists.")
    return Counter(listing.items), 0


_CONSUMING = {"vhost": "text", "name": "text", "consumers": "integer"}
