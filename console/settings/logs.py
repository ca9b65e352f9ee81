"""Structured logs: one JSON object per line, control characters escaped, no secrets."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

from console.settings.env import env_str

Event = MutableMapping[str, Any]

#: The query of a URL or of a request's path, anywhere in a text.
_QUERY = re.compile(r"(?<=[\w/.\]~%-])\?([^\s\"'<>]+)")
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,40}")


def hide_queries(logger: Any, method: str, event: Event) -> Event:
    """Remove the values from the query of every URL and keep the parameter names: a value may be a
    token or a code."""
    return {
        key: _QUERY.sub(_hidden, value) if isinstance(value, str) and "?" in value else value
        for key, value in event.items()
    }


def _hidden(found: re.Match[str]) -> str:
    return "?" + "&".join(
        f"{name}=*" if equals and _NAME.fullmatch(name) else "*"
        for name, equals, _ in (part.partition("=") for part in found[1].split("&"))
    )


def shorten_refused_requests(logger: Any, method: str, event: Event) -> Event:
    """Shorten the log entry of a request that Django refuses as malformed, such as one with a
    foreign Host. The traceback is of no use, and anyone can cause as many as they like."""
    record = event.get("_record")
    if record is not None and record.name.startswith("django.security"):
        event.pop("exc_info", None)
        event["level"] = "warning"
        event["event"] = str(event.get("event", ""))[:300]
    return event


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    shorten_refused_requests,
    structlog.processors.format_exc_info,
]
structlog.configure(
    processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)


def make_formatter() -> structlog.stdlib.ProcessorFormatter:
    """Return a formatter with one JSON object per line, for our own events and those of
    libraries."""
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            hide_queries,
            structlog.processors.JSONRenderer(default=str),
        ],
        foreign_pre_chain=_SHARED,
    )


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": make_formatter},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": env_str("CONSOLE_LOG_LEVEL", "INFO")},
    "loggers": {
        # Request lines would repeat what django_structlog writes.
        "httpcore2": {"level": "WARNING"},
        "pika": {"level": "CRITICAL"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
DJANGO_STRUCTLOG_USER_ID_FIELD = "pk"
#: It would trust headers that anyone can write: see console/client_address.py.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
