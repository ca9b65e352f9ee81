"""Values of settings as text, with their unit and where they come from."""

from __future__ import annotations

from typing import Any

from console.kinds.effective.settings import Source
from vhosts.queues.arguments import explain_policy

SOURCES: dict[Source, str] = {
    "A": "argument",
    "P": "policy",
    "OP": "operator policy",
    "–": "default",
}
#: What is in force if nothing sets the key.
_UNSET = {
    "message-ttl": "no time limit",
    "expires": "never",
    "dead-letter-exchange": "none",
    "alternate-exchange": "none",
}


def shown(key: str, value: Any, of_type: str) -> str:
    """Return a value with its unit: "3,000 messages", "1 min 30 s", "no limit" for None."""
    if value is None:
        return _UNSET.get(key, "no limit")
    (one,) = explain_policy({key: value}, of_type)
    if one.reading:
        return one.reading
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,} {one.counted}".rstrip()
    return one.value if value != "" else "empty"


def both_shown(key: str, before: Any, after: Any, of_type: str) -> tuple[str, str]:
    """Return two different values as texts that differ: rounded ones may be the same."""
    texts = shown(key, before, of_type), shown(key, after, of_type)
    return texts if texts[0] != texts[1] else (f"{before}", f"{after}")
