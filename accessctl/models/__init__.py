"""Models of access control: broker users, grants, sessions and tokens."""

from accessctl.grants.model import Grant
from accessctl.sessions.model import ConsoleSession
from accessctl.tokens.model import ApiToken
from accessctl.users.model import BrokerPermission, BrokerTopicPermission, BrokerUser

__all__ = [
    "ApiToken",
    "BrokerPermission",
    "BrokerTopicPermission",
    "BrokerUser",
    "ConsoleSession",
    "Grant",
]
