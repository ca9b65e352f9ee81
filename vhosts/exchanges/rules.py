"""What a deletion of an exchange takes along and breaks, as last seen on its broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q

from console.faces.pages.words import counted
from console.kinds.common.kind import Key, Spec
from console.kinds.exchange import ALTERNATE
from console.models import Broker
from vhosts.exchanges.counts import bindings_of
from vhosts.models import Exchange, Policy, Queue

_DEAD_LETTERS = "dead-letter-exchange"
_NAMED = 5


def guard(broker: Broker, key: Key) -> Mapping[str, int]:
    """Return the number of bindings that are deleted with it; {} if that is unknown."""
    if broker.status.why_unknown("bindings"):
        return {}
    return {"bindings": sum(bindings_of(broker, *key).values())}


def in_use(broker: Broker, key: Key) -> str:
    """Return why RabbitMQ keeps the exchange when only unused ones are deleted; "" if it doesn't."""
    number = bindings_of(broker, *key)["source"]
    if not number:
        return ""
    return (
        f"It's the source of {counted(number, 'binding')}, so it's in use: RabbitMQ keeps it and the "
        "change is rejected."
    )


def dies(broker: Broker, key: Key, spec: Spec | None) -> Iterable[str]:
    """Yield what a deletion changes for others."""
    if sentence := broker.status.why_unknown("bindings"):
        yield f"Its bindings are unknown. {sentence}"
    else:
        yield from _bindings_lost(bindings_of(broker, *key))
    vhost, name = key
    here = {"broker": broker, "vhost": vhost}
    others = Exchange.objects.filter(**here).exclude(name=name)
    alternates = others.filter(**{f"arguments__{ALTERNATE}": name}).order_by("name")
    yield from _named(
        alternates.values_list("name", flat=True),
        "exchange",
        "It is the alternate exchange of {}. What they can't route is lost or returned to publishers.",
    )
    queues = Queue.objects.present().filter(**here, **{f"arguments__x-{_DEAD_LETTERS}": name})
    yield from _named(
        queues.order_by("name").values_list("name", flat=True),
        "queue",
        "It is the dead letter exchange of {}. Their dead-lettered messages are lost.",
    )
    policies = Policy.objects.filter(
        Q(**{f"definition__{ALTERNATE}": name}) | Q(**{f"definition__{_DEAD_LETTERS}": name}),
        **here,
    )
    yield from _named(
        policies.order_by("name").values_list("name", flat=True),
        "policy",
        "It is named as an alternate or dead letter exchange by {}. Messages that they send there are "
        "lost.",
        "policies",
    )


def _bindings_lost(found: Mapping[str, int]) -> Iterable[str]:
    ends = [
        f"{counted(found[end], 'binding')} {way} it"
        for end, way in (("source", "from"), ("destination", "to"))
        if found[end]
    ]
    if not ends:
        yield "It has no bindings in the last inventory."
    elif sum(found.values()) == 1:
        yield f"{ends[0]} is deleted too."
    else:
        yield f"{' and '.join(ends)} are deleted too."


def _named(names: Sequence[str] | Any, noun: str, sentence: str, nouns: str = "") -> Iterable[str]:
    found = list(names)
    if found:
        more = " and more" if len(found) > _NAMED else ""
        many = f"{len(found)} {(nouns or noun + 's') if len(found) != 1 else noun}"
        yield sentence.format(f"{many} ({', '.join(found[:_NAMED])}{more})")
