"""What RabbitMQ's user tags and rights mean, in plain words.

Sources: RabbitMQ's access control and management documentation.
"""

from __future__ import annotations

from accessctl.patterns.words import PatternWords, in_words

__all__ = ["RIGHTS", "TAGS", "PatternWords", "in_words"]

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
