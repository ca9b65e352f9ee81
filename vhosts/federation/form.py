"""The forms of federation upstreams and upstream sets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from console.faces.acts.forms import TEXT, Row
from console.faces.drawing import Opened, OwnForm
from console.kinds.refusals.upstreams import set_problems, upstream_problems
from vhosts.parameters.typed import Key, SecretForm, TypedForm

_MAIN, _EXCHANGES, _QUEUES = "Upstream", "Federated exchanges", "Federated queues"
_KEYS = [
    Key(
        name="uri", section=_MAIN, label="URI", widget="uris", required=True,
        help="amqp://user:password@host:5672/vhost, or amqps:// for TLS; one a line, and one of them "
        "is used. Without username and password, the URI keeps those that it has on the broker. RabbitMQ: uri.",
    ),
    Key(
        name="ack-mode", section=_MAIN, label="Acknowledge", widget="choice",
        choices={
            "": "Default: after this broker confirmed",
            "on-confirm": "After this broker confirmed: nothing is lost",
            "on-publish": "After publishing: lost if this broker fails",
            "no-ack": "Never: lost if either side fails",
        },
        help="When a message is removed upstream. RabbitMQ: ack-mode.",
    ),
    Key(
        name="prefetch-count", section=_MAIN, label="Prefetch count", widget="number", unit="messages",
        help="Messages taken before the first of them is confirmed; 1,000 if empty. RabbitMQ: prefetch-count.",
    ),
    Key(
        name="reconnect-delay", section=_MAIN, label="Reconnect after", widget="number", unit="seconds",
        help="Pause after a lost connection; 5 if empty. RabbitMQ: reconnect-delay.",
    ),
    Key(
        name="trust-user-id", section=_MAIN, label="Keep the user ID of messages", widget="flag",
        help="Only if you trust who publishes upstream. RabbitMQ: trust-user-id.",
    ),
    Key(
        name="exchange", section=_EXCHANGES, label="Upstream exchange",
        help="The exchange there; empty for the same name as here. RabbitMQ: exchange.",
    ),
    Key(
        name="max-hops", section=_EXCHANGES, label="Most hops", widget="number",
        help="How many links a message may pass; 1 if empty. RabbitMQ: max-hops.",
    ),
    Key(
        name="expires", section=_EXCHANGES, label="Queue expires after", widget="number", unit="ms",
        help="The queue upstream that collects messages is deleted after this time without a link; empty for "
        "never, so it grows while the link is down. RabbitMQ: expires.",
    ),
    Key(
        name="message-ttl", section=_EXCHANGES, label="Messages expire after", widget="number", unit="ms",
        help="In that queue, while the link is down; empty for never. RabbitMQ: message-ttl.",
    ),
    Key(
        name="queue", section=_QUEUES, label="Upstream queue",
        help="The queue there; empty for the same name as here. RabbitMQ: queue.",
    ),
    Key(
        name="consumer-tag", section=_QUEUES, label="Consumer tag",
        help="How the link is named as a consumer upstream. RabbitMQ: consumer-tag.",
    ),
]  # fmt: skip
_NAMES = (
    ("vhost", "Virtual host", "Where the federated exchanges and queues are.", "vhosts"),
    ("name", "Name", "1 to 255 bytes, for policies. A name can't be changed later.", ""),
)


class UpstreamForm(TypedForm):
    settings: ClassVar = _KEYS
    key_controls: ClassVar = _NAMES


class UpstreamSetForm(SecretForm):
    """`members` are one upstream a line."""

    key_controls: ClassVar = _NAMES
    members = forms.CharField(
        label="Upstreams",
        max_length=20_000,
        strip=False,
        widget=forms.Textarea(attrs={**TEXT, "rows": 5, "class": "form-control mono"}),
        help_text="One a line: the name of an upstream. To override its settings, write JSON: "
        '{"upstream": "name", "exchange": "orders"}.',
        error_messages={"required": "Enter at least one upstream."},
    )

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened, set_problems)
        self.layout = [
            ("Upstream set", [*(Row(name) for name, *_ in self.key_controls), Row("members")])
        ]

    def shown(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, list):
            return {}
        return {"members": "\n".join(_line(member) for member in value)}

    def value(self, said: Mapping[str, Any]) -> list[Any]:
        lines = [line.strip() for line in said["members"].splitlines()]
        return [_member(line) for line in lines if line]

    def control_of(self, key: str) -> str | None:
        return "members"


def _line(member: Any) -> str:
    if isinstance(member, dict) and set(member) == {"upstream"}:
        name = member["upstream"]
        if isinstance(name, str) and name == name.strip() and not name.startswith("{"):
            return name
    return json.dumps(member, ensure_ascii=False)


def _member(line: str) -> Any:
    if not line.startswith("{"):
        return {"upstream": line}
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise forms.ValidationError({"members": "A line isn't valid JSON."}) from None


UPSTREAM_FORM = OwnForm(
    make=lambda opened: UpstreamForm(opened, upstream_problems),
    about=(
        "Another broker from which exchanges and queues here get messages. A policy says which.",
        "Links that use it start again.",
    ),
)
UPSTREAM_SET_FORM = OwnForm(
    make=UpstreamSetForm,
    about=(
        "Several upstreams under one name, for the key federation-upstream-set of a policy.",
        "Links that use it start again.",
    ),
)
