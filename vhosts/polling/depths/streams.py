"""Read the depths of streams if the source of depths doesn't report them.

The management API's totals list streams without a depth. So each stream is read individually
beside an inventory. The result is stored as the last known depth with its time, because it is
older than the other depths.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from console.models import Broker
from console.rabbitmq.errors import BrokerError, LoginRefused
from console.rabbitmq.management.client import ManagementClient
from vhosts.models import Queue

#: Each read costs the broker about 1 ms. The streams that were read longest ago come first.
_AT_ONCE = 100


def take_stream_depths(
    broker: Broker, client: ManagementClient, hold: Callable[[], object], now: datetime
) -> None:
    """Read and store the depths. `hold` as in `take_consumers`. Raises LoginRefused."""
    if not broker.status.cluster().whole:
        # What is left of a stream without a majority reports 0 messages.
        return
    streams = Queue.objects.present().filter(broker=broker, type="stream", ready=None)
    chosen = list(streams.order_by("last_depth_at", "pk")[:_AT_ONCE])
    read: list[Queue] = []
    for stream in chosen:
        try:
            depth = client.queue_now(stream.vhost, stream.name).depth
        except LoginRefused:
            raise
        except BrokerError:
            continue
        if depth.ready is not None:
            stream.last_ready, stream.last_unacked, stream.last_depth_at = (
                depth.ready, depth.unacked, now,
            )  # fmt: skip
            read.append(stream)
    if read:
        with transaction.atomic():
            hold()
            Queue.objects.bulk_update(read, ["last_ready", "last_unacked", "last_depth_at"])
