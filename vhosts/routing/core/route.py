"""Where does a message to an exchange go? The router's entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vhosts.routing.core.after import what_follows
from vhosts.routing.core.matching.matcher import Message
from vhosts.routing.core.matching.of_type import delay_note
from vhosts.routing.core.text import counted, shown, typed, valued
from vhosts.routing.core.topology import DEFAULT, Topology
from vhosts.routing.core.trace import After, Refusal, Trace
from vhosts.routing.core.walk import Walk, by_name

#: Queues of which the answer says what follows.
_MOST_FOLLOWED = 50


def route(
    topology: Topology,
    exchange: str,
    key: str,
    headers: Mapping[str, Any] | None = None,
    properties: Mapping[str, Any] | None = None,
    *,
    mandatory: bool = False,
    follow: bool = True,
) -> Trace:
    """Return where the message goes and why. Never calls a broker.

    `properties`: AMQP's own, of which `expiration` (text, milliseconds) and `user_id` count. `follow`:
    whether to tell what follows in the queues (dead letters, limits).
    """
    headers, properties = headers or {}, properties or {}
    refusal = _refusal(topology, exchange, headers, properties)
    if refusal is not None:
        return Trace(
            exchange,
            (key,),
            "refused",
            refusal.sentence,
            refusal=refusal,
            incomplete=topology.incomplete,
        )
    message = Message(_keys(key, headers), {n: v for n, v in headers.items() if n != "BCC"})
    if exchange not in topology.exchanges:
        sentence = f"The exchange {shown(exchange)} isn't known, but not all exchanges are."
        return Trace(exchange, message.keys, "depends", sentence, incomplete=topology.incomplete)
    if exchange == DEFAULT:
        queues, possible, root = by_name(topology, message)
        walk, surely = None, False
    else:
        walk = Walk(topology, message)
        walk.follow(topology.exchanges[exchange])
        root = walk.tree(topology.exchanges[exchange], "yes", "published here", via="publish")
        queues, possible, surely = walk.queues, walk.possible, walk.one_surely
    returned = False if queues or surely else mandatory
    unknown = not queues and not surely and (bool(possible) or (walk is not None and walk.unknown))
    after: tuple[After, ...] = ()
    if follow:
        after = what_follows(topology, [*queues, *possible][:_MOST_FOLLOWED], message, properties)
    return Trace(
        exchange,
        message.keys,
        "depends" if unknown else "routed" if queues or surely else "unroutable",
        _sentence(queues, possible, surely, unknown, mandatory),
        tuple(queues),
        tuple(possible),
        None if unknown else returned,
        root=root,
        near=tuple(walk.near) if walk else (),
        after=after,
        notes=tuple(_notes(topology, walk, headers, properties)),
        incomplete=topology.incomplete,
    )


def _refusal(
    topology: Topology, name: str, headers: Mapping[str, Any], properties: Mapping[str, Any]
) -> Refusal | None:
    """What the broker refuses, in the order in which it checks. Each closes the channel."""
    exchange = topology.exchanges.get(name)
    if exchange is None:
        if "exchanges" not in topology.whole:
            return None
        return Refusal(
            404,
            f"The exchange {shown(name)} doesn't exist in {shown(topology.vhost)}. RabbitMQ answers 404 "
            "NOT_FOUND and closes the channel.",
        )
    if exchange.internal:
        return Refusal(
            403,
            f"{shown(name)} is internal: only other exchanges can route to it. RabbitMQ answers 403 "
            "ACCESS_REFUSED and closes the channel.",
        )
    expiration = properties.get("expiration")
    if expiration is not None and not is_expiration(expiration):
        return Refusal(
            406,
            f"The expiration {valued(expiration)} isn't a whole number of milliseconds as text. RabbitMQ "
            "answers 406 PRECONDITION_FAILED and closes the channel.",
        )
    for header in ("CC", "BCC"):
        if header in headers and not isinstance(headers[header], list):
            return Refusal(
                406,
                f"The header {header} must be a list of routing keys, but it is {typed(headers[header])}. "
                "RabbitMQ answers 406 PRECONDITION_FAILED and closes the channel.",
            )
    return None


def is_expiration(value: object) -> bool:
    """Return whether it is a time to live that RabbitMQ takes."""
    return (
        isinstance(value, str)
        and value.isascii()
        and value.isdecimal()
        and len(value) <= 255
        and int(value) <= 4_294_967_295
    )


def _keys(key: str, headers: Mapping[str, Any]) -> tuple[str, ...]:
    more = [one for name in ("CC", "BCC") for one in headers.get(name, ()) if isinstance(one, str)]
    return tuple(dict.fromkeys((key, *more)))


def _sentence(
    queues: Sequence[str], possible: Sequence[str], surely: bool, unknown: bool, mandatory: bool
) -> str:
    if queues:
        said = (
            "1 queue gets one copy"
            if len(queues) == 1
            else f"{len(queues):,} queues get one copy each"
        )
        return f"{said}; {len(possible):,} more may." if possible else f"{said}."
    if surely:
        return f"One of {counted(len(possible), 'queue')} gets it; which one can't be predicted."
    if possible:
        return f"Not predictable: {counted(len(possible), 'queue')} may get it."
    if unknown:
        return "No known binding leads to a queue, but some of the virtual host isn't known."
    return (
        "No queue gets it. RabbitMQ returns it to the publisher, because it is mandatory."
        if mandatory
        else "No queue gets it. RabbitMQ drops it without an error, because it isn't mandatory."
    )


def _notes(
    topology: Topology,
    walk: Walk | None,
    headers: Mapping[str, Any],
    properties: Mapping[str, Any],
) -> list[str]:
    notes = []
    for name in walk.visited if walk else ():
        if note := delay_note(topology.exchanges[name]):
            notes.append(note)
    more = [name for name in ("CC", "BCC") if headers.get(name)]
    if more:
        notes.append(
            f"The keys in {' and '.join(more)} are routed like the routing key."
            + (" Consumers don't see BCC." if "BCC" in more else "")
        )
    if user := properties.get("user_id"):
        notes.append(
            f"RabbitMQ takes the user ID {shown(str(user))} only from a connection of that user (or of an "
            "impersonator)."
        )
    return notes
