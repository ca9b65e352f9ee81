"""The exception that a consumer or framework put into the headers of a message it gave up on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: (type, message) headers by framework, the most telling first. Either may be absent.
_HEADERS: tuple[tuple[str, str, str], ...] = (
    ("MassTransit", "MT-Fault-ExceptionType", "MT-Fault-Message"),
    ("NServiceBus", "NServiceBus.ExceptionInfo.ExceptionType", "NServiceBus.ExceptionInfo.Message"),
    ("Spring", "x-exception-type", "x-exception-message"),
    ("Spring Cloud", "x-exception-fqcn", "x-exception-message"),
    ("Rebus", "rbs2-error-type", "rbs2-error-details"),
    ("EasyNetQ", "EasyNetQ.Error.Type", "EasyNetQ.Error.Message"),
    ("Wolverine", "exception-type", "exception-message"),
    ("CAP", "cap-exception-type", "cap-exception"),
    ("Celery", "exc_type", "exc_message"),
    ("Brighter", "x-exception-class", "x-original-error"),
    ("", "x-error-type", "x-error-message"),
    ("", "x-exception-class", "x-exception"),
    ("", "x-error-class", "x-error"),
    ("", "error-type", "error"),
    ("", "exception.type", "exception.message"),
    ("", "exception", "error_message"),
)
#: Only the first line of a stack trace says what happened; it is used if nothing else is there.
_TRACES = (
    "x-exception-stacktrace",
    "MT-Fault-StackTrace",
    "NServiceBus.ExceptionInfo.StackTrace",
    "x-stacktrace",
)
#: Characters of an exception that are kept.
MOST = 300
_VARYING = (
    (re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.I), "<id>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b", re.I), "<hex>"),
    (re.compile(r"\d+"), "<n>"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """What the headers say. `header` is the one that `text` is from, or two, one a line; both "" for nothing. `alike` is the
    text without what differs from message to message: numbers and IDs."""

    header: str = ""
    text: str = ""
    alike: str = ""


def exception_of(headers: Mapping[str, Any]) -> Said:
    """Return the exception in the headers, in any spelling of their names."""
    by_name = {
        name.lower(): (name, value) for name, value in headers.items() if isinstance(name, str)
    }
    for _, kind, message in _HEADERS:
        of_type, text = _first_line(by_name, kind), _first_line(by_name, message)
        if text[1]:
            whole = _joined(of_type[1], text[1])
            # The type is content too: whoever may not see its header may not see the whole.
            names = text[0] if whole == text[1] else f"{of_type[0]}\n{text[0]}"
            return _said(names, whole)
        if of_type[1]:
            return _said(*of_type)
    for name in _TRACES:
        header, line = _first_line(by_name, name)
        if line:
            return _said(header, line)
    return Said()


def headers_with_exceptions() -> frozenset[str]:
    """Return the names, in lower case, of all headers that explain a failure."""
    pairs = {name.lower() for _, *names in _HEADERS for name in names}
    return frozenset(pairs.union(name.lower() for name in _TRACES))


def _first_line(headers: Mapping[str, tuple[str, Any]], name: str) -> tuple[str, str]:
    found, value = headers.get(name.lower(), ("", ""))
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if not isinstance(value, str):
        return "", ""
    # Bounded before it is split: a header may have megabytes.
    lines = (line.strip() for line in value[: 10 * MOST].splitlines())
    return found, next((line for line in lines if line), "")[:MOST]


def _joined(of_type: str, text: str) -> str:
    short = of_type.split(",")[0].strip()
    return text if not short or text.startswith(short) else f"{short}: {text}"[:MOST]


def _said(header: str, text: str) -> Said:
    return Said(header, text, alike(text))


def alike(text: str) -> str:
    """Return an exception without what differs from message to message."""
    for pattern, placeholder in _VARYING:
        text = pattern.sub(placeholder, text)
    return text
