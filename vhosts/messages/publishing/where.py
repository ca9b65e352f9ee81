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
from console.errors import BrokerTrouble, InvalidField
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


class TargetCheck:
    """Checks messages for one virtual host, with one query per exchange."""

    def __init__(self, place: Place) -> None:
        self._place = place
        #: (type, whether it is internal) by exchange.
        self._known: dict[str, tuple[str, bool]] = {"": ("direct", False)}

    def __call__(self, draft: Draft) -> None:
        """Raise InvalidField for what the virtual host doesn't allow. What isn't known here, the
        broker decides."""
        name, (kind, internal) = draft.exchange, self._of(draft.exchange)
        if internal:
            raise InvalidField(
                "exchange",
                f"{shown(name)} is internal: only other exchanges can route to it. Publish to an exchange "
                "that is bound to it.",
            )
        if draft.delays and kind != DELAYED_TYPE:
            known = f"is of the type {shown(kind)}" if kind else "isn't known to the console yet"
            raise InvalidField(
                "delay",
                f"{shown(name) if name else 'The default exchange'} {known}. Only exchanges of the type "
                f"{DELAYED_TYPE} delay messages, which a plugin provides.",
            )

    def holds(self, draft: Draft) -> bool:
        """Return whether the exchange holds the message before it routes it. RabbitMQ returns such
        a message as not routed if it is mandatory."""
        return self._of(draft.exchange)[0] == DELAYED_TYPE and bool(draft.delay)

    def _of(self, name: str) -> tuple[str, bool]:
        if name not in self._known:
            here = Exchange.objects.filter(
                broker=self._place.broker, vhost=self._place.vhost, name=name
            )
            kind, internal = here.values_list("type", "internal").first() or ("", False)
            self._known[name] = (kind, bool(internal))
        return self._known[name]


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
