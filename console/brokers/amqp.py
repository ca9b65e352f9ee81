"""Where a broker is reached over AMQP."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from console.models import Broker, BrokerStatus
from console.rabbitmq.amqp.objects import ByAmqp
from console.rabbitmq.endpoint import AmqpEndpoint, Endpoint, Timeouts
from console.rabbitmq.errors import NotFound
from console.rabbitmq.management.calls import Call
from console.rabbitmq.network.addresses import BadAddress, parse_amqp_url, parse_management_url
from console.rabbitmq.types import Listener


def amqp_endpoint(
    amqp_url: str, management: Endpoint, listeners: Sequence[Listener], timeouts: Timeouts
) -> AmqpEndpoint:
    """Return the AMQP endpoint: the one configured for the broker, else the listener that the
    broker reports, on the management URL's host. Raises NotFound.

    If the management URL has HTTPS, a listener without TLS isn't used unless it is configured: the
    password would cross the network in clear text.
    """
    try:
        if amqp_url:
            given = parse_amqp_url(amqp_url)
            scheme, host, port = given.scheme, given.host, given.port
        else:
            found = {listener.protocol: listener.port for listener in listeners}
            secure = management.url.startswith("https:")
            scheme = "amqps" if secure else "amqp"
            host = parse_management_url(management.url).host
            port = found["amqp/ssl" if secure else "amqp"]
    except (KeyError, BadAddress):
        raise NotFound(
            "The broker reports no AMQP listener that fits its management URL."
        ) from None
    return AmqpEndpoint(
        scheme="amqps" if scheme == "amqps" else "amqp",
        host=host,
        port=port,
        credentials=management.credentials,
        tls=management.tls,
        timeouts=timeouts,
        policy=management.policy,
    )


def amqp_way(
    broker: Broker, management: Endpoint, timeouts: Timeouts
) -> Callable[[Call], bool] | None:
    """Return what does over AMQP what the management API doesn't let through; None if no AMQP
    address is known."""
    status = BrokerStatus.objects.filter(broker=broker).only("listeners").first()
    listeners = [Listener(**one) for one in status.listeners] if status else []
    try:
        return ByAmqp(amqp_endpoint(broker.amqp_url, management, listeners, timeouts)).send
    except NotFound:
        return None
