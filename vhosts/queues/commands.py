"""Shell commands that show the same as a page, to copy."""

from __future__ import annotations

from urllib.parse import quote

from console.kinds.common.shell import shell_word
from console.models import Broker
from vhosts.models import Queue

_FIGURES = "name messages_ready messages_unacknowledged consumers state policy"


def queue_commands(queue: Queue) -> list[tuple[str, str]]:
    """Return (tool, line) pairs: what RabbitMQ's own tools report about this queue."""
    path = f"queues/{quote(queue.vhost, safe='')}/{quote(queue.name, safe='')}"
    return [
        ("rabbitmqctl", f"rabbitmqctl list_queues -p {shell_word(queue.vhost)} {_FIGURES}"),
        ("curl", _curl(queue.broker, path)),
        ("bindings", _curl(queue.broker, f"{path}/bindings")),
    ]


def vhost_commands(broker: Broker, vhost: str) -> list[tuple[str, str]]:
    return [
        ("rabbitmqctl", f"rabbitmqctl list_permissions -p {shell_word(vhost)}"),
        ("curl", _curl(broker, f"vhosts/{quote(vhost, safe='')}")),
    ]


def _curl(broker: Broker, path: str) -> str:
    """curl prompts for the password, so the line never contains one."""
    url = f"{broker.management_url.rstrip('/')}/api/{path}"
    return f"curl -u {shell_word(broker.username)} {shell_word(url)}"
