"""The queues whose dead letters go to an exchange, or can arrive in a queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db.models import Q

from console.kinds.exchange import EXCHANGE
from vhosts.models import Binding, Exchange, Queue
from vhosts.topology import in_force
from vhosts.topology.in_force import Target
from vhosts.topology.reference import (
    MOST,
    MOST_NAMES,
    Of,
    Reference,
    exchange_called,
    first_of,
    named,
)

#: The most bindings from exchange to exchange that a dead letter is followed through.
_STEPS = 3
#: A queue's name, and where its dead letters go.
_Found = list[tuple[str, Target]]


def dead_letters_to(of: Of) -> Iterator[Reference]:
    """Yield the queues whose dead-letter exchange it is."""
    found = list(_dead_lettering(of, [of.name]))
    if not found:
        return
    if len(found) == 1:
        sentence = f"Queue {found[0][0]} sends it its dead letters, set by {found[0][1].source}."
    else:
        sourced = [f"{name} ({target.source})" for name, target in found]
        sentence = (
            f"{len(found)} queues send it their dead letters: {named(sourced, len(sourced))}."
        )
    yield _reference(
        found,
        sentence,
        "Dead letters of {} are lost from then on.",
        "Dead letters of {} stay in their queue while the exchange is missing (at-least-once).",
    )


def dead_letters_reaching(of: Of) -> Iterator[Reference]:
    """Yield the queues whose dead letters can arrive in it, directly or through other exchanges."""
    keys: dict[str, set[str]] = {}
    into = of.rows(Binding).filter(destination_type=of.kind, destination=of.name)
    for source, key in into.values_list("source", "routing_key")[:MOST]:
        keys.setdefault(source, set()).add(key)
    direct = of.rows(Exchange).filter(name__in=list(keys)[:MOST_NAMES], type="direct")
    by_key = set(direct.values_list("name", flat=True))
    before = _exchanges_before(of, list(keys)[:MOST_NAMES])
    # The default exchange routes by the name of the queue.
    keys[""] = {of.name}
    by_key.add("")
    found: _Found = []
    for name, target in _dead_lettering(of, ["", *keys, *before]):
        if target.exchange == "" and target.routing_key is None:
            continue
        exact = target.exchange in by_key and target.exchange not in before
        wanted = keys[target.exchange] if exact and target.routing_key is not None else ()
        if wanted and target.routing_key not in wanted:
            continue
        if name != of.name:
            found.append((name, target))
    if not found:
        return
    exchanges = sorted({exchange_called(target.exchange) for _, target in found})
    through = named(exchanges, len(exchanges))
    names = named([name for name, _ in found], len(found))
    sentence = (
        f"It can receive dead letters of {names}, through {through}."
        if len(found) > 1
        else f"It can receive dead letters of queue {names}, through {through}, set by {found[0][1].source}."
    )
    yield _reference(
        found,
        sentence,
        "Dead letters of {} are lost if no other queue receives them.",
        "Dead letters of {} stay in their queue while no other queue receives them "
        "(at-least-once).",
    )


def _reference(found: _Found, sentence: str, lost: str, stay: str) -> Reference:
    effects = []
    for waits, effect in ((False, lost), (True, stay)):
        if names := [name for name, target in found if target.waits is waits]:
            effects.append(effect.format(named(names, len(names))))
    return Reference("dead_letters", len(found), first_of(found), sentence, " ".join(effects))


def _exchanges_before(of: Of, names: Sequence[str]) -> set[str]:
    """Return the exchanges that are bound to these, and to those in turn. At most _STEPS queries."""
    found: set[str] = set()
    edge = set(names)
    for _ in range(_STEPS):
        rows = of.rows(Binding).filter(destination_type=EXCHANGE.name, destination__in=edge)
        edge = set(rows.values_list("source", flat=True).distinct()[:MOST_NAMES]) - found
        if not edge:
            break
        found |= edge
    return found


def _dead_lettering(of: Of, exchanges: Sequence[str]) -> Iterator[tuple[str, Target]]:
    """Yield the queues with one of these as dead-letter exchange. One query."""
    chosen = set(exchanges[:MOST_NAMES])
    setting = [
        name
        for name, definition in of.policies.items()
        if definition.get(in_force.DEAD_LETTER) in chosen
    ]
    rows = of.rows(Queue).filter(
        Q(**{f"arguments__x-{in_force.DEAD_LETTER}__in": sorted(chosen)}) | Q(policy__in=setting)
    )
    rows = rows.order_by("name").values_list("name", "type", "arguments", "policy")
    for name, of_type, arguments, policy in rows[:MOST]:
        target = in_force.dead_letter_of(of_type, arguments, policy, of.policies)
        if target is not None and target.exchange in chosen:
            yield name, target
