"""What a console user may do, as one alphabetized enum of `<resource>:<action>`.

Not to be confused with RabbitMQ's own permissions (accessctl.models.BrokerPermission).
"""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    BROKERS_ADD = "brokers:add"
    BROKERS_EDIT = "brokers:edit"
    BROKERS_FORGET = "brokers:forget"
    BROKERS_TEST = "brokers:test"
    BROKERS_VIEW = "brokers:view"
    PERMISSIONS_VIEW = "permissions:view"
    POLLS_VIEW = "polls:view"
    QUEUES_VIEW = "queues:view"
    USERS_VIEW = "users:view"
    VHOSTS_VIEW = "vhosts:view"
