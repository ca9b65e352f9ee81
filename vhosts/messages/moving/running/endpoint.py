"""Where messages of a virtual host are reached over AMQP."""

from __future__ import annotations

from dataclasses import replace

from console.brokers.amqp import amqp_endpoint
from console.brokers.connect import connect, endpoint_of
from console.models import Broker, BrokerStatus
from console.rabbitmq.endpoint import AmqpEndpoint, Timeouts
from console.rabbitmq.types import Listener

_TIMEOUTS = Timeouts(connect=5.0, read=10.0, total=60.0)


def messages_endpoint(broker: Broker, vhost: str) -> AmqpEndpoint:
    """Return the endpoint. Reads the broker's listeners if no poll has yet. Raises BrokerTrouble,
    WrongEncryptionKey, BrokerError."""
    management = endpoint_of(broker, timeouts=_TIMEOUTS)
    status = BrokerStatus.objects.filter(broker=broker).only("listeners").first()
    listeners = [Listener(**one) for one in status.listeners] if status else []
    if not listeners and not broker.amqp_url:
        with connect(broker, timeouts=_TIMEOUTS) as client:
            listeners = list(client.overview().listeners)
    return replace(amqp_endpoint(broker.amqp_url, management, listeners, _TIMEOUTS), vhost=vhost)
