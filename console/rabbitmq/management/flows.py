"""Who sends messages and who takes them: rates by exchange and by channel.

A broker tells them by exchange, queue and channel only with `rates_mode = detailed`. Otherwise a
channel has one rate for all that it publishes.
"""

from __future__ import annotations

from collections.abc import Iterable

from console.rabbitmq.management.decode import Rows
from console.rabbitmq.management.records import (
    ChannelNowRow,
    ClientNameRow,
    FlowFrom,
    FlowTo,
    MessageStats,
    Rate,
)
from console.rabbitmq.types import ChannelNow, Taken

CHANNEL_COLUMNS = (
    "name,user,confirm,connection_details.name,connection_details.peer_host,consumer_count,"
    "messages_unacknowledged,message_stats"
)
CLIENT_NAME_COLUMNS = "name,user_provided_name"


def added(*parts: Rate | None) -> float | None:
    """Return the sum of the rates that are known; None if none is."""
    known = [part.rate for part in parts if part and part.rate is not None]
    return sum(known) if known else None


def sent_by_exchange(rows: Iterable[FlowFrom]) -> dict[str, float]:
    """Return what a queue gets from each exchange."""
    return {
        row.exchange.name: added(row.stats.publish_details) or 0.0
        for row in rows
        if row.exchange and row.stats
    }


def taken_by_channel(rows: Iterable[FlowTo]) -> dict[str, Taken]:
    """Return what each channel takes from a queue."""
    found = {}
    for row in rows:
        if row.channel_details and row.channel_details.name and row.stats:
            delivered = added(row.stats.deliver_details, row.stats.deliver_no_ack_details)
            acked = added(row.stats.ack_details)
            found[row.channel_details.name] = Taken(delivered or 0.0, acked or 0.0)
    return found


def channel_now(row: ChannelNowRow) -> ChannelNow:
    connection, stats = row.connection_details, row.message_stats or MessageStats()
    return ChannelNow(
        name=row.name,
        connection=(connection and connection.name) or None,
        peer=(connection and connection.peer_host) or None,
        user=row.user,
        confirms=row.confirm,
        consumers=row.consumer_count,
        unacked=row.messages_unacknowledged,
        # A channel that never did something reports no rate of it.
        publish=added(stats.publish_details) or 0.0,
        deliver=added(stats.deliver_details, stats.deliver_no_ack_details) or 0.0,
        ack=added(stats.ack_details) or 0.0,
    )


CHANNELS_NOW = Rows(ChannelNowRow, channel_now)
#: Connections by name, with the name that the client gave; "" if it gave none.
CLIENT_NAMES = Rows(ClientNameRow, lambda row: (row.name, row.user_provided_name or ""))
