"""What the demo declares: a virtual host with exchanges, queues, bindings, policies and users."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pika

from vhosts.messages.learning import objects as learning

VHOST = "/test/4730"
#: Of the page Learn, which prefers it (vhosts.messages.learning.pages).
LEARN_VHOST = "learn"

#: Queues with unusual but legal names, which every page must be able to show.
ODD_NAMES = (
    "reports/2026/Q3 – Übersicht",
    "очередь.注文.طلبات",
    "<b>not bold</b> & \"quoted\" 'twice'",
    "long." + "segment." * 31 + "e",  # 254 bytes; RabbitMQ allows 255
)

QUEUES: dict[str, dict[str, Any]] = {
    "task_queue": {},
    "logs.console": {},
    "logs.archive": {},
    "logs.audit": {"x-max-length": 1500, "x-overflow": "drop-head"},
    "topic.kern": {},
    "topic.critical": {"x-max-priority": 5},
    "topic.everything": {},
    "documents.pdf-reports": {},
    "documents.any-report": {"x-queue-mode": "lazy"},
    "orders.incoming": {
        "x-dead-letter-exchange": "orders.dead-letters",
        "x-dead-letter-routing-key": "order",
        "x-message-ttl": 45_000,
    },
    "orders.dead": {"x-max-length": 5000},
    "invoices": {
        "x-dead-letter-exchange": "orders.dead-letters",
        "x-dead-letter-routing-key": "invoice",
    },
    "invoices.dead": {"x-max-length": 5000},
    "labels": {},
    "labels_error": {"x-max-length": 5000},
    "payments": {"x-queue-type": "quorum"},
    "events": {"x-queue-type": "stream", "x-max-age": "6h", "x-max-length-bytes": 50_000_000},
    **{name: {"x-max-length": 200} for name in ODD_NAMES},
}
EXCHANGES = {
    "logs": "fanout",
    "topic_logs": "topic",
    "documents": "headers",
    "orders": "direct",
    "orders.dead-letters": "direct",
}
BINDINGS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("logs", "logs.console", "", {}),
    ("logs", "logs.archive", "", {}),
    ("logs", "logs.audit", "", {}),
    ("topic_logs", "topic.kern", "kern.*", {}),
    ("topic_logs", "topic.critical", "*.critical", {}),
    ("topic_logs", "topic.everything", "#", {}),
    (
        "documents",
        "documents.pdf-reports",
        "",
        {"x-match": "all", "format": "pdf", "type": "report"},
    ),
    ("documents", "documents.any-report", "", {"x-match": "any", "type": "report", "format": "ps"}),
    ("orders", "orders.incoming", "order", {}),
    ("orders.dead-letters", "orders.dead", "order", {}),
    ("orders", "invoices", "invoice", {}),
    ("orders.dead-letters", "invoices.dead", "invoice", {}),
)

#: Each user's tags, and (configure, write, read) in VHOST or None.
USERS: dict[str, tuple[str, tuple[str, str, str] | None]] = {
    "demo-monitor": ("monitoring", ("^$", "^$", ".*")),
    "demo-app": ("", ("^$", r"^(logs|topic_logs)$", r"^task_queue$")),
    "demo-nobody": ("", None),
}


class _Api:
    """The few calls of the management API that AMQP has no method for."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        self.username = unquote(parts.username or "")
        self._authorization = "Basic " + base64.b64encode(login.encode()).decode()
        self._base = f"{parts.scheme}://{parts.hostname}:{parts.port}/api/"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def put(self, *segments: str, **body: Any) -> None:
        self._call("PUT", segments, body)

    def has(self, *segments: str) -> bool:
        try:
            self._call("GET", segments, None)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            raise
        return True

    def _call(self, method: str, segments: tuple[str, ...], body: dict[str, Any] | None) -> None:
        request = urllib.request.Request(  # noqa: S310 (http, from bin/up)
            self._base + "/".join(quote(segment, safe="") for segment in segments),
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": self._authorization, "Content-Type": "application/json"},
        )
        with self._opener.open(request, timeout=20) as answer:
            answer.read()


def declare(url: str, amqp_url: str, *, make_password: Callable[[], str]) -> None:
    """Declare everything; existing objects stay. Both URLs contain the login.

    Raises urllib.error.URLError and pika's errors.
    """
    api = _Api(url)
    if not api.has("vhosts", VHOST):
        api.put(
            "vhosts", VHOST, description="Examples of the RabbitMQ tutorials", tags="demo,tutorial"
        )
    api.put("permissions", VHOST, api.username, configure=".*", write=".*", read=".*")
    _declare(amqp_url, VHOST, EXCHANGES, QUEUES, BINDINGS)
    _declare_examples(api, amqp_url)
    api.put(
        *("policies", VHOST, "demo-everything"),
        **{"pattern": r"^topic\.everything$", "apply-to": "queues", "priority": 1},
        definition={"max-length": 3000, "overflow": "drop-head"},
    )
    api.put(
        *("operator-policies", VHOST, "demo-ceiling"),
        **{"pattern": r"^(logs|topic|documents)\.", "apply-to": "queues", "priority": 0},
        definition={"max-length": 20000},
    )
    for name, (tags, permissions) in USERS.items():
        # A PUT would change the password of an existing user.
        if not api.has("users", name):
            api.put("users", name, password=make_password(), tags=tags)
        if permissions:
            configure, write, read = permissions
            api.put("permissions", VHOST, name, configure=configure, write=write, read=read)
    api.put(
        *("topic-permissions", VHOST, "demo-app"),
        exchange="topic_logs",
        write=r"^kern\.",
        read=".*",
    )


def _declare_examples(api: _Api, amqp_url: str) -> None:
    """Declare what the page *Learn* needs, in a virtual host of its own."""
    if not api.has("vhosts", LEARN_VHOST):
        api.put("vhosts", LEARN_VHOST, description="Examples of the page Learn", tags="demo")
    api.put("permissions", LEARN_VHOST, api.username, configure=".*", write=".*", read=".*")
    queues = dict.fromkeys(learning.QUEUES, learning.ARGUMENTS)
    _declare(amqp_url, LEARN_VHOST, learning.EXCHANGES, queues, learning.BINDINGS)


def _declare(
    amqp_url: str,
    vhost: str,
    exchanges: Mapping[str, str],
    queues: Mapping[str, Mapping[str, Any]],
    bindings: Iterable[tuple[str, str, str, Mapping[str, Any]]],
) -> None:
    parameters = pika.URLParameters(amqp_url)
    parameters.virtual_host = vhost
    connection = pika.BlockingConnection(parameters)
    try:
        channel = connection.channel()
        for exchange, kind in exchanges.items():
            channel.exchange_declare(exchange, kind, durable=True)
        for queue, arguments in queues.items():
            channel.queue_declare(queue, durable=True, arguments=dict(arguments))
        for exchange, queue, key, binding_arguments in bindings:
            channel.queue_bind(queue, exchange, key, arguments=dict(binding_arguments))
    finally:
        connection.close()
