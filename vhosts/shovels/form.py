"""The form of a shovel."""

from __future__ import annotations

from typing import ClassVar

from console.faces.drawing import Opened, OwnForm
from console.kinds.refusals.shovels import problems
from vhosts.parameters.typed import Key, TypedForm

_PROTOCOLS = {
    "amqp091": "AMQP 0-9-1",
    "amqp10": "AMQP 1.0",
    "local": "Local, without a connection (4.2 and later)",
}
_URI = (
    "amqp://user:password@host:5672/vhost, or amqps:// for TLS; one a line, and one of them is "
    "used. Without username and password, the URI keeps those that it has on the broker. RabbitMQ: "
)
_SOURCE, _DESTINATION, _DELIVERY = "Source", "Destination", "Delivery"


def _ends(end: str, section: str) -> list[Key]:
    what = section.lower()
    return [
        Key(
            name=f"{end}-protocol", section=section, label="Protocol", widget="choice",
            choices=_PROTOCOLS, help=f"How messages are moved. RabbitMQ: {end}-protocol.",
        ),
        Key(
            name=f"{end}-uri", section=section, label="URI", widget="uris", required=True,
            help=f"{_URI}{end}-uri.",
        ),
        Key(
            name=f"{end}-queue", section=section, label="Queue",
            help=f"Either a queue or an exchange. RabbitMQ declares it if it is missing. RabbitMQ: {end}-queue.",
        ),
        Key(
            name=f"{end}-exchange", section=section, label="Exchange",
            help=f"The {what} exchange, which must exist. RabbitMQ: {end}-exchange.",
        ),
        Key(
            name=f"{end}-exchange-key", section=section, label="Routing key",
            help=f"For an exchange only. RabbitMQ: {end}-exchange-key.",
        ),
        Key(
            name=f"{end}-address", section=section, label="Address",
            help=f"For AMQP 1.0 only, such as /queues/orders. RabbitMQ: {end}-address.",
        ),
    ]  # fmt: skip


_KEYS = [
    *_ends("src", _SOURCE),
    Key(
        name="src-prefetch-count", section=_SOURCE, label="Prefetch count", widget="number",
        unit="messages",
        help="Messages taken before the first of them is confirmed; 1,000 if empty. RabbitMQ: src-prefetch-count.",
    ),
    Key(
        name="src-delete-after", section=_SOURCE, label="Delete the shovel after",
        widget="text_or_number",
        help="never (also if empty), queue-length for the messages there at the start, or a number of messages. "
        "RabbitMQ: src-delete-after.",
    ),
    Key(
        name="src-consumer-args", section=_SOURCE, label="Consumer arguments", widget="table",
        help="One a line: x-stream-offset = first. RabbitMQ: src-consumer-args.",
    ),
    *_ends("dest", _DESTINATION),
    Key(
        name="dest-add-forward-headers", section=_DESTINATION, label="Add headers that say where a message came from",
        widget="flag", help="RabbitMQ: dest-add-forward-headers.",
    ),
    Key(
        name="dest-add-timestamp-header", section=_DESTINATION, label="Add a header with the time of shovelling",
        widget="flag", help="RabbitMQ: dest-add-timestamp-header.",
    ),
    Key(
        name="dest-publish-properties", section=_DESTINATION, label="Message properties", widget="table",
        help="Properties to overwrite, one a line: delivery_mode = 2. AMQP 0-9-1 only. RabbitMQ: "
        "dest-publish-properties.",
    ),
    Key(
        name="ack-mode", section=_DELIVERY, label="Acknowledge", widget="choice",
        choices={
            "": "Default: after the destination confirmed",
            "on-confirm": "After the destination confirmed: nothing is lost",
            "on-publish": "After publishing: lost if the destination fails",
            "no-ack": "Never: lost if either side fails",
        },
        help="When a message is removed from the source. RabbitMQ: ack-mode.",
    ),
    Key(
        name="reconnect-delay", section=_DELIVERY, label="Reconnect after", widget="number", unit="seconds",
        help="Pause after a lost connection; 5 if empty, 0 for never again. RabbitMQ: reconnect-delay.",
    ),
]  # fmt: skip


class ShovelForm(TypedForm):
    settings: ClassVar = _KEYS
    key_controls: ClassVar = (
        ("vhost", "Virtual host", "The shovel belongs to it and is deleted with it.", "vhosts"),
        ("name", "Name", "1 to 255 bytes. A name can't be changed later.", ""),
    )


def _make(opened: Opened) -> ShovelForm:
    return ShovelForm(opened, problems)


SHOVEL_FORM = OwnForm(
    make=_make,
    about=(
        "A shovel moves messages from one queue or exchange to another, on this broker or elsewhere.",
        "A changed shovel starts again; messages that it holds return to the source.",
    ),
)
