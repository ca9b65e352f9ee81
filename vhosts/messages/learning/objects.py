"""The exchanges, queues and bindings of the examples. Knows no Django: bin/up --demo reads it too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Every name begins like this, and workers of the examples read no other queue.
PREFIX = "learn."
EXCHANGES: Mapping[str, str] = {
    "learn.news": "fanout",
    "learn.alerts": "direct",
    "learn.weather": "topic",
    "learn.documents": "headers",
}
QUEUES = (
    "learn.hello",
    "learn.tasks",
    "learn.news.phone",
    "learn.news.radio",
    "learn.alerts.urgent",
    "learn.alerts.all",
    "learn.weather.berlin",
    "learn.weather.storms",
    "learn.documents.pdf-reports",
    "learn.documents.invoices",
    "learn.rpc",
)
#: Nobody needs to clean up: queues keep the newest 100 messages, for 10 minutes.
ARGUMENTS: Mapping[str, Any] = {"x-max-length": 100, "x-message-ttl": 600_000}
#: (exchange, queue, routing key, arguments)
BINDINGS: tuple[tuple[str, str, str, Mapping[str, Any]], ...] = (
    ("learn.news", "learn.news.phone", "", {}),
    ("learn.news", "learn.news.radio", "", {}),
    ("learn.alerts", "learn.alerts.urgent", "error", {}),
    ("learn.alerts", "learn.alerts.all", "info", {}),
    ("learn.alerts", "learn.alerts.all", "warning", {}),
    ("learn.alerts", "learn.alerts.all", "error", {}),
    ("learn.weather", "learn.weather.berlin", "berlin.*", {}),
    ("learn.weather", "learn.weather.storms", "#.storm", {}),
    (
        "learn.documents",
        "learn.documents.pdf-reports",
        "",
        {"x-match": "all", "format": "pdf", "kind": "report"},
    ),
    (
        "learn.documents",
        "learn.documents.invoices",
        "",
        {"x-match": "any", "kind": "invoice", "sender": "shop"},
    ),
)
