"""What RabbitMQ's user tags and permission patterns mean, in plain words.

Sources: RabbitMQ's access control and management documentation. The patterns are Erlang's (PCRE)
and are not run here: only the commonest forms are put into words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

TAGS = {
    "administrator": "May do everything: users, virtual hosts, permissions, policies, limits.",
    "monitoring": "Sees all connections, channels and nodes.",
    "policymaker": "Manages policies and parameters of the virtual hosts it has access to.",
    "management": "May use the management interface for what its permissions allow.",
    "impersonator": "May publish messages in another user's name.",
    "protected": "Cannot be changed or deleted over HTTP.",
}
#: What each of the three patterns of a permission governs.
RIGHTS = {
    "configure": "Declare and delete queues and exchanges with these names.",
    "write": "Publish to exchanges and bind to queues with these names.",
    "read": "Consume, get and purge queues, and bind from exchanges, with these names.",
}


@dataclass(frozen=True, slots=True)
class PatternWords:
    """A pattern and what it allows. `note` warns of what is easily overlooked; "": nothing."""

    pattern: str
    words: str
    kind: Literal["all", "nothing", "some"]
    note: str = ""


def in_words(pattern: str) -> PatternWords:
    """A permission's regular expression in words."""
    if pattern in (".*", "^.*$", "^.*", ".*$"):
        return PatternWords(pattern, "everything", "all")
    if pattern in ("", "^$"):
        return PatternWords(pattern, "nothing", "nothing")
    if exact := re.fullmatch(r"\^([A-Za-z0-9_/:-]+)\$", pattern):
        return PatternWords(pattern, f"only {exact[1]}", "some")
    if start := re.fullmatch(r"\^([A-Za-z0-9_/:-]+)(\.\*\$?)?", pattern):
        return PatternWords(pattern, f"names that begin with {start[1]}", "some")
    if not pattern.startswith("^"):
        return PatternWords(
            pattern,
            "names that match",
            "some",
            "Not tied to the beginning of the name, so it also matches in the middle of one.",
        )
    return PatternWords(pattern, "names that match", "some")
