"""What a message looks like at its target, and where it goes."""

from __future__ import annotations

from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.properties.exact import ExactProperties, exact
from console.rabbitmq.amqp.properties.fields import Typed
from console.rabbitmq.amqp.transfer import MARK

#: How often Warren has moved the message.
MOVES = "x-warren-moves"
DEATH = "x-warren-death"
#: Deaths that are kept over all moves, newest first.
MOST_DEATHS = 100

_FIRST_DEATH = ("x-first-death-exchange", "x-first-death-queue", "x-first-death-reason")
#: Headers that a broker acts upon or counts on, kept under a name of our own. With x-death, a later
#: dead-lettering would count on or be taken for a cycle; clients take a message with a delivery
#: count for failed; CC would route it to further queues.
_OWN = {
    name: f"x-warren-{name.removeprefix('x-').lower()}"
    for name in (
        "x-death",
        *_FIRST_DEATH,
        "x-last-death-exchange",
        "x-last-death-queue",
        "x-last-death-reason",
        "x-delivery-count",
        "x-acquired-count",
        "x-stream-offset",
        "CC",
        "BCC",
    )
}


def outgoing(
    message: Message, *, mark: str, keep_expiration: bool, username: str
) -> ExactProperties:
    """Return the properties to publish a message with; all others keep their bytes.

    `mark` tells this publish from all others. `username`: RabbitMQ refuses a `user_id` of anybody
    else than the user who publishes. Raises BadField if its headers make no sense.
    """
    given = exact(message.properties)
    names = set(given.header_names)
    renamed = {name: own for name, own in _OWN.items() if name in names}
    headers: dict[str, Typed] = {}
    without_headers: set[str] = set()
    if "x-death" in names and DEATH in names:
        headers[DEATH] = _both(given.field("x-death"), given.field(DEATH))
        del renamed["x-death"]
        without_headers.add("x-death")
    if any(_OWN[name] in names for name in _FIRST_DEATH):
        # The first one was before the last move.
        for name in _FIRST_DEATH:
            if renamed.pop(name, None):
                without_headers.add(name)
    without = set()
    if given.expiration is not None and not keep_expiration:
        without.add("expiration")
        headers["x-warren-expiration"] = _text(given.expiration)
    if given.user_id is not None and given.user_id != username:
        without.add("user_id")
        headers["x-warren-user-id"] = _text(given.user_id)
    headers[MOVES] = Typed("I", moves_of(given) + 1)
    headers[MARK] = Typed("S", mark)
    return given.edited(
        headers=headers, renamed=renamed, without=without, without_headers=without_headers
    )


def moves_of(properties: ExactProperties) -> int:
    """Return how often the console has moved the message before."""
    found = properties.field(MOVES)
    value = found.value if found else 0
    return value if isinstance(value, int) and 0 <= value < 2**31 - 1 else 0


def mark_of(message: Message) -> str:
    """Return the mark of the job that published the message; "" if none did."""
    found = exact(message.properties).field(MARK)
    return str(found.value) if found else ""


def destination(message: Message, exchange: str | None, key: str | None) -> tuple[str, str]:
    """Return exchange and routing key to publish to. None for either: where the message was first
    published to."""
    if exchange is None or key is None:
        first_exchange, first_key = origin(message)
        exchange = first_exchange if exchange is None else exchange
        key = first_key if key is None else key
    return exchange, key


def origin(message: Message) -> tuple[str, str]:
    """Return exchange and routing key that a message was first published to: by its first death,
    else as it was delivered."""
    properties = exact(message.properties)
    names = set(properties.header_names)
    for prefix in ("x-", "x-warren-"):
        if f"{prefix}death" not in names:
            continue
        death = properties.field(f"{prefix}death")
        first = _first(
            death.plain if death else None,
            _plain(properties, f"{prefix}first-death-queue"),
            _plain(properties, f"{prefix}first-death-reason"),
        )
        keys = first.get("routing-keys")
        exchange = first.get("exchange")
        if isinstance(exchange, str) and isinstance(keys, list) and keys and isinstance(keys[0], str):  # fmt: skip
            return exchange, keys[0]
    return message.exchange, message.routing_key


def _first(deaths: object, queue: object, reason: object) -> dict[str, object]:
    """Return the entry of the first death: newest come first, but one that happens again moves to
    the front."""
    entries = [one for one in deaths if isinstance(one, dict)] if isinstance(deaths, list) else []
    for one in reversed(entries):
        if (one.get("queue"), one.get("reason")) == (queue, reason):
            return one
    return entries[-1] if entries else {}


def _plain(properties: ExactProperties, name: str) -> object:
    found = properties.field(name)
    return found.plain if found else None


def _both(new: Typed | None, old: Typed | None) -> Typed:
    entries: list[Typed] = []
    for one in (new, old):
        if one is not None and one.letter == "A" and isinstance(one.value, list):
            entries += one.value
    return Typed("A", entries[:MOST_DEATHS])


def _text(value: str | bytes) -> Typed:
    return Typed("S", value)
