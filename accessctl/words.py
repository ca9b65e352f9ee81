"""The meaning of RabbitMQ's user tags and rights, in plain English.

Sources: RabbitMQ's access control and management documentation.
"""

from __future__ import annotations

from accessctl.patterns.words import PatternWords, in_words

__all__ = ["RIGHTS", "TAGS", "PatternWords", "in_words"]

TAGS = {
    "administrator": "Can do everything: users, virtual hosts, permissions, policies, limits.",
    "monitoring": "Can see all connections, channels and nodes.",
    "policymaker": "Can manage policies and parameters in virtual hosts it has access to.",
    "management": "Can use the management UI and API within its permissions.",
    "impersonator": "Can publish messages with another user's user ID.",
    "protected": "Can't be changed or deleted through the HTTP API.",
}
#: What each of the three patterns of a permission controls.
RIGHTS = {
    "configure": "Declare and delete queues and exchanges with these names.",
    "write": "Publish to exchanges and bind to queues with these names.",
    "read": "Consume, get and purge queues, and bind from exchanges, with these names.",
}
