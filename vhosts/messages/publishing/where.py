"""Where a message is published: who may, over which connection, and what is refused before."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.http import Http404

from accessctl.authorize import AnyUser, require
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.brokers.amqp import amqp_endpoint
from console.brokers.connect import endpoint_of
from console.brokers.fresh import why_not_asked
from console.errors import BrokerTrouble, ConsoleError, InvalidField
from console.models import Broker, BrokerStatus
from console.rabbitmq.endpoint import AmqpEndpoint, Timeouts
from console.rabbitmq.types import Listener
from vhosts.messages.publishing.message import DELAYED_TYPE, Draft
from vhosts.models import Exchange
from vhosts.routing.core.text import shown
from vhosts.routing.message import check_name

#: Alarms that make RabbitMQ read nothing from publishers.
_BLOCKING = ("memory", "disk")


@dataclass(frozen=True, slots=True)
class Place:
    """A virtual host of a broker in which the person may publish. `broker` has its status."""

    broker: Broker
    vhost: str


def place_for(user: AnyUser, broker: Broker, vhost: str) -> Place:
    """Return the place. Raises NotAllowed, InvalidField, and Http404 for a broker that the person
    may not see."""
    if not Broker.objects.visible_to(user).filter(pk=broker.pk).exists():
        raise Http404("Broker not found.")
    require(user, Permission.MESSAGES_PUBLISH, broker, vhost)
    check_name("vhost", vhost)
    return Place(broker, vhost)


def brokers_to_publish(user: AnyUser) -> list[Broker]:
    """Return the brokers on which, or in a part of which, the person may publish, by name."""
    brokers = Broker.objects.visible_to(user).filter(
        reach_of(user).brokers(Permission.MESSAGES_PUBLISH)
    )
    return list(brokers.select_related("status").order_by("name"))


def why_not_now(broker: Broker) -> str:
    """Return why nothing can be published on the broker now, as last seen; "" if it can."""
    if not broker.enabled:
        return "This broker is disabled in the console. Enable it to publish."
    if (trouble := why_not_asked(broker)) is not None:
        return f"The broker refuses the stored username or password. {trouble.advice}"
    blocking = [one for one in broker.status.alarms or [] if str(one).startswith(_BLOCKING)]
    if blocking:
        return (
            f"The broker blocks publishers: alarm {shown(str(blocking[0]))}. A message would wait in its "
            "network buffers, and nobody could say whether it arrived."
        )
    return ""


def check_target(place: Place, draft: Draft, *, delays: bool) -> str:
    """Return the exchange's type; "" if the exchange isn't known, of which the broker decides.
    `delays`: whether the message is to be delayed. Raises InvalidField."""
    if not draft.exchange:
        found, kind = None, "direct"
    else:
        found = Exchange.objects.filter(
            broker=place.broker, vhost=place.vhost, name=draft.exchange
        ).first()
        kind = found.type if found is not None else ""
    if found is not None and found.internal:
        raise InvalidField(
            "exchange",
            f"{shown(draft.exchange)} is internal: only other exchanges can route to it. Publish to an "
            "exchange that is bound to it.",
        )
    if delays and kind != DELAYED_TYPE:
        known = f"is of the type {shown(kind)}" if kind else "isn't known to the console yet"
        name = shown(draft.exchange) if draft.exchange else "The default exchange"
        raise InvalidField(
            "delay",
            f"{name} {known}. Only exchanges of the type {DELAYED_TYPE} delay messages, which a "
            "plugin provides.",
        )
    return kind


def amqp_of(place: Place, timeouts: Timeouts) -> AmqpEndpoint:
    """Return the endpoint of the virtual host, with the console's user of the broker. Raises
    ConsoleError, BrokerError."""
    status = BrokerStatus.objects.filter(broker=place.broker).only("listeners").first()
    listeners = [Listener(**one) for one in status.listeners] if status else []
    management = endpoint_of(place.broker, timeouts=timeouts)
    endpoint = amqp_endpoint(place.broker.amqp_url, management, listeners, timeouts)
    return replace(endpoint, vhost=place.vhost)


def refuse_if_not_now(broker: Broker) -> None:
    """Raise BrokerTrouble if nothing can be published on the broker now."""
    if reason := why_not_now(broker):
        raise BrokerTrouble(reason)


__all__ = [
    "ConsoleError", "Place", "amqp_of", "brokers_to_publish", "check_target", "place_for",
    "refuse_if_not_now", "why_not_now",
]  # fmt: skip
