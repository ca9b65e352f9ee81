from accessctl.models.broker_users import BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.models.grants import Grant
from accessctl.models.sessions import ConsoleSession
from accessctl.models.tokens import ApiToken

__all__ = [
    "ApiToken",
    "BrokerPermission",
    "BrokerTopicPermission",
    "BrokerUser",
    "ConsoleSession",
    "Grant",
]
