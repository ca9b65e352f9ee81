"""The meaning of each queue argument and policy key, as text.

Sources: RabbitMQ's documentation and validators (rabbit_amqqueue, rabbit_policies), from 3.10 to
4.3. What each version refuses is in `console/kinds/refusals/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from console.kinds.refusals.queue_table import ARGUMENTS, Argument, Unit

_CLASSIC, _QUORUM, _STREAM = "classic", "quorum", "stream"
_QUEUES = (_CLASSIC, _QUORUM)
_ALL = (_CLASSIC, _QUORUM, _STREAM)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of a key. `types`: the queue types on which it has an effect; empty: it isn't
    about queues."""

    label: str
    sentence: str
    unit: Unit = ""
    types: tuple[str, ...] = _QUEUES
    #: Its mark in the list's features column; "": none.
    mark: str = ""


def _of(argument: Argument) -> Meaning:
    types = [one for one in _ALL if one in (*argument.types, argument.also[0])]
    return Meaning(argument.label, argument.help, argument.unit, tuple(types), argument.mark)


#: By policy key; the argument with the same meaning is x-<key>. Those of arguments come from
#: `ARGUMENTS`.
MEANINGS: Mapping[str, Meaning] = {
    **{name.removeprefix("x-"): _of(argument) for name, argument in ARGUMENTS.items()},
    "queue-type": Meaning("Queue type", "The type of the queue.", types=_ALL),
    "quorum-target-group-size": Meaning(
        "Target group size", "How many members the queue should have.", "members", (_QUORUM,)
    ),
    "target-group-size": Meaning(
        "Target group size", "How many members the queue should have.", "members", (_QUORUM,)
    ),
    "queue-leader-locator": Meaning(
        "Leader locator",
        "Where the leader is placed: client-local uses the client’s node, balanced distributes "
        "leaders over the nodes.",
        types=_ALL,
    ),
    "consumer-timeout": Meaning(
        "Consumer timeout",
        "RabbitMQ closes the channel of a consumer that doesn’t acknowledge a message within this time.",
        "ms",
    ),
    "member-placement-tag": Meaning(
        "Member placement", "Members are placed only on nodes with this tag.", types=(_QUORUM,)
    ),
    "ha-mode": Meaning(
        "Mirroring mode",
        "Which nodes mirror a classic queue; removed in RabbitMQ 4.0.",
        types=(_CLASSIC,),
        mark="HA",
    ),
    "ha-params": Meaning(
        "Mirroring parameters", "Number of nodes, or their names.", types=(_CLASSIC,)
    ),
    "ha-sync-mode": Meaning(
        "Mirror synchronisation", "Whether new mirrors copy existing messages.", types=(_CLASSIC,)
    ),
    "ha-promote-on-shutdown": Meaning(
        "Promote on shutdown",
        "Whether an unsynchronised mirror can be promoted after a clean shutdown.",
        types=(_CLASSIC,),
    ),
    "ha-promote-on-failure": Meaning(
        "Promote on failure",
        "Whether an unsynchronised mirror can be promoted after a failure.",
        types=(_CLASSIC,),
    ),
    "ha-sync-batch-size": Meaning(
        "Synchronisation batch", "Number of messages copied per batch.", "messages", (_CLASSIC,)
    ),
    "federation-upstream": Meaning(
        "Federation upstream", "Receives messages from this upstream's queue.", types=_ALL
    ),
    "federation-upstream-set": Meaning(
        "Federation upstream set", "Receives messages from every upstream in this set.", types=_ALL
    ),
    "federation-upstream-pattern": Meaning(
        "Federation upstream pattern",
        "Receives messages from every upstream whose name matches.",
        types=_ALL,
    ),
    "alternate-exchange": Meaning(
        "Alternate exchange",
        "Where an exchange sends messages it can't route. Only for exchanges.",
        types=(),
    ),
}
