"""Read the states of shovels with the inventory.

The states are from the plugin rabbitmq_shovel_management. Without it they are unknown, not absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from console.kinds.common.kind import Key
from console.kinds.common.secrets import without_userinfo
from console.rabbitmq.errors import AccessRefused, BrokerError, LoginRefused, NotFound
from console.rabbitmq.management.answers import rows_of
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.objects import ObjectStore
from console.rabbitmq.text import printable

PLUGIN = "rabbitmq_shovel_management"
#: The broker reports states, and none for this shovel.
NONE = "none"
_MOST_STATE, _MOST_REASON = 40, 500


@dataclass(frozen=True, slots=True)
class States:
    """By key: (state, reason, node). `unread` says why there are none; "" if they were read."""

    by_key: Mapping[Key, tuple[str, str, str]] = field(default_factory=dict)
    unread: str = ""

    def of(self, key: Key) -> tuple[str, str, str]:
        """Return (state, reason, node) of a shovel."""
        return ("", self.unread, "") if self.unread else self.by_key.get(key, (NONE, "", ""))


def read_states(client: ManagementClient) -> States:
    """Read the state of every dynamic shovel. Raises LoginRefused; any other trouble is `unread`."""
    try:
        rows = rows_of(ObjectStore(client.http).get("shovels"))
    except LoginRefused:
        raise
    except BrokerError as error:
        return States(unread=why_unread(error, PLUGIN))
    found: dict[Key, tuple[str, str, str]] = {}
    for row in rows:
        vhost, name = row.get("vhost"), row.get("name")
        if isinstance(vhost, str) and isinstance(name, str):
            reason = row.get("reason") or row.get("blocked_status") or ""
            found[vhost, name] = (
                said(row.get("state"), _MOST_STATE) or NONE,
                said(reason, _MOST_REASON),
                said(row.get("node"), 255),
            )
    return States(found)


def said(value: Any, most: int) -> str:
    """Return what a broker reported as text without passwords; "" for None."""
    if value is None:
        return ""
    return printable(str(without_userinfo(value if isinstance(value, str) else str(value))), most)


def why_unread(error: BrokerError, plugin: str) -> str:
    """Return why the states that `plugin` reports are unknown, in one sentence."""
    if isinstance(error, NotFound):
        return f"The plugin {plugin} isn't enabled on the broker. Enable it there to see the state."
    if isinstance(error, AccessRefused):
        return (
            "RabbitMQ refuses to report the state to the console's user. It needs the tag "
            "monitoring or administrator."
        )
    return f"The state couldn't be read: {error.detail or error.summary}"
