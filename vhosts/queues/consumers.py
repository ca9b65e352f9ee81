"""How many consumers each queue has, noted beside an inventory."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection, transaction

from console.models import Broker, BrokerStatus
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.prometheus.scrape import spellings
from vhosts.models import Queue
from vhosts.polling.copying import temporary_table
from vhosts.polling.depths.collect import SLOW
from vhosts.polling.depths.scraping import NodeScrapes
from vhosts.polling.inventory.quarantine import why_unfit


def take_consumers(broker: Broker, client: ManagementClient, hold: Callable[[], object]) -> None:
    """Consumers of each queue, where the Prometheus plugin tells; else they stay unknown, as the
    management API would have to gather all statistics for it. `hold` makes sure of the
    inventory's claim, within the transaction that writes."""
    status = BrokerStatus.objects.filter(pk=broker.pk).first()
    if status is None or status.depths_source != "prometheus":
        return
    scraping = NodeScrapes(broker, client)
    urls = scraping.urls(status.cluster(), client.overview().listeners)
    if urls is None:
        return
    odd = spellings(Queue.objects.odd_names_on(broker))
    consumers = scraping.consumers(urls, odd, SLOW)
    rows = [(*names, count) for names, count in consumers.items() if why_unfit(*names) is None]
    with transaction.atomic(), connection.cursor() as cursor:
        hold()
        with temporary_table(cursor, "consuming", _CONSUMING, rows):
            cursor.execute(
                """
                UPDATE vhosts_queue q SET consumers = least(c.consumers, 2147483647)
                FROM consuming c
                WHERE q.broker_id = %s AND q.vhost = c.vhost AND q.name = c.name
                  AND q.gone_at IS NULL
                  AND q.consumers IS DISTINCT FROM least(c.consumers, 2147483647)
                """,
                [broker.pk],
            )


_CONSUMING = {"vhost": "text", "name": "text", "consumers": "bigint"}
