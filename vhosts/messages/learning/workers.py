"""Start the receivers of an example, and send to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from django.contrib.auth.models import User

from accessctl.authorize import require
from accessctl.rights import Permission
from console.errors import ConsoleError, InvalidField
from console.models import Broker
from console.rabbitmq.amqp.work import call
from console.rabbitmq.errors import BrokerError, Rejected
from console.rabbitmq.text import printable
from vhosts.messages.learning.examples import Choice, Example, Pane
from vhosts.messages.learning.objects import PREFIX, QUEUES
from vhosts.messages.listening.model import TapViewer
from vhosts.messages.listening.runner import endpoint_for
from vhosts.messages.listening.targets import Target
from vhosts.messages.listening.viewers import join
from vhosts.messages.publishing.message import read_message
from vhosts.messages.publishing.model import PublishState
from vhosts.messages.publishing.send import publish
from vhosts.messages.publishing.where import place_for, refuse_if_not_now

_WAITS_S = 5.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message, as one sentence; `tone` is ok, warn or bad."""

    tone: str
    text: str


def target_of(vhost: str, pane: Pane) -> Target:
    """Return what a receiver listens to, or how it works."""
    assert pane.queue in QUEUES  # noqa: S101 – workers consume from no other queue
    assert pane.queue.startswith(PREFIX)  # noqa: S101
    if not pane.worker:
        return Target(vhost, "queue", pane.queue)
    return Target(
        vhost,
        "worker",
        pane.queue,
        number=pane.worker,
        prefetch=pane.prefetch,
        work_s=pane.work_s,
        replies=pane.replies,
    )


def start(
    actor: User, broker: Broker, vhost: str, example: Example, *, now: datetime
) -> list[TapViewer]:
    """Start every receiver of the example. Raises like `join`."""
    return [join(actor, broker, target_of(vhost, pane), now=now) for pane in example.panes]


def send(actor: User, broker: Broker, vhost: str, example: Example, choice: Choice) -> Sent:
    """Send the message of a choice, as often as it says. Raises Http404, NotAllowed."""
    place = place_for(actor, broker, vhost)
    try:
        if example.calls:
            return _call(actor, broker, vhost, choice)
        states = []
        for number in range(1, choice.count + 1):
            body = choice.body if choice.count == 1 else f"{choice.body} {number}"
            draft = read_message(
                {
                    "exchange": example.exchange,
                    "routing_key": choice.key,
                    "headers": dict(choice.headers),
                    "payload": body,
                }
            )
            key = f"learn-{uuid4().hex}"
            states.append(publish(draft, place, actor=actor, key=key, origin="page"))
    except ConsoleError as error:
        return Sent("bad", error.message)
    if all(one.state == PublishState.CONFIRMED for one in states):
        many = f"{len(states)} messages" if len(states) > 1 else "1 message"
        return Sent("ok", f"{many} sent and confirmed.")
    if all(one.state == PublishState.RETURNED for one in states):
        return Sent("warn", "Not routed: no binding fits, so no queue got the message.")
    worst = next(one for one in states if one.state != PublishState.CONFIRMED)
    return Sent("bad", f"{worst.get_state_display()}. {printable(worst.text, 500)}".strip())


def _call(actor: User, broker: Broker, vhost: str, choice: Choice) -> Sent:
    require(actor, Permission.MESSAGES_READ, broker, vhost)
    refuse_if_not_now(broker)
    if choice.key not in QUEUES:
        raise InvalidField("queue", "Select one of the example's messages.")
    try:
        endpoint = endpoint_for(broker, vhost)
        reply = call(endpoint, choice.key, choice.body.encode(), within_s=_WAITS_S)
    except Rejected:
        return Sent("warn", "Not routed: the queue of the server doesn't exist.")
    except BrokerError as error:
        return Sent("bad", f"{error.summary} {error.detail}".strip())
    if reply is None:
        return Sent("warn", "No reply within 5 seconds. Start the server, then call again.")
    return Sent("ok", f"The reply: {printable(reply.decode(errors='replace'), 500)}")
