"""The console's permissions, as one alphabetical enum of `<resource>:<action>`.

Not RabbitMQ's permissions (accessctl.models.BrokerPermission). Which role has which, and why:
accessctl/grants/roles.py and docs/access.md.
"""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    ALERTS_ACKNOWLEDGE = "alerts:acknowledge"
    ALERTS_EDIT = "alerts:edit"
    ALERTS_VIEW = "alerts:view"
    AUDIT_VIEW = "audit:view"
    BINDINGS_EDIT = "bindings:edit"
    BROKERS_ADD = "brokers:add"
    BROKERS_EDIT = "brokers:edit"
    BROKERS_FORGET = "brokers:forget"
    BROKERS_TEST = "brokers:test"
    BROKERS_VIEW = "brokers:view"
    CHANGES_STOP = "changes:stop"
    CHANGES_VIEW = "changes:view"
    CONNECTIONS_CLOSE = "connections:close"
    CONNECTIONS_VIEW = "connections:view"
    DASHBOARDS_EDIT = "dashboards:edit"
    DEFINITIONS_EXPORT = "definitions:export"
    DEFINITIONS_IMPORT = "definitions:import"
    DRIFT_RESOLVE = "drift:resolve"
    DRIFT_VIEW = "drift:view"
    EXCHANGES_EDIT = "exchanges:edit"
    EXPLAIN_USE = "explain:use"
    GRANTS_EDIT = "grants:edit"
    GRANTS_VIEW = "grants:view"
    HASHES_EXPORT = "hashes:export"
    MESSAGES_EXPORT = "messages:export"
    MESSAGES_MOVE = "messages:move"
    MESSAGES_PUBLISH = "messages:publish"
    MESSAGES_READ = "messages:read"
    MESSAGES_VIEW = "messages:view"
    PARAMETERS_EDIT = "parameters:edit"
    PARAMETERS_VIEW = "parameters:view"
    PEOPLE_EDIT = "people:edit"
    PEOPLE_VIEW = "people:view"
    PERMISSIONS_EDIT = "permissions:edit"
    PERMISSIONS_VIEW = "permissions:view"
    POLICIES_EDIT = "policies:edit"
    POLICIES_VIEW = "policies:view"
    POLLS_VIEW = "polls:view"
    QUEUES_EDIT = "queues:edit"
    QUEUES_PURGE = "queues:purge"
    QUEUES_VIEW = "queues:view"
    REPLICAS_EDIT = "replicas:edit"
    SESSIONS_OWN = "sessions:own"
    TOKENS_OWN = "tokens:own"
    USERS_EDIT = "users:edit"
    USERS_TAG = "users:tag"
    USERS_VIEW = "users:view"
    VHOSTS_CREATE = "vhosts:create"
    VHOSTS_DELETE = "vhosts:delete"
    VHOSTS_EDIT = "vhosts:edit"
    VHOSTS_LIMIT = "vhosts:limit"
    VHOSTS_RESTART = "vhosts:restart"
    VHOSTS_VIEW = "vhosts:view"


#: For every account that may sign in, for its own items only.
EVERYBODYS = frozenset({Permission.SESSIONS_OWN, Permission.TOKENS_OWN})
#: They concern no specific broker: they need a grant on all brokers with all virtual hosts.
CONSOLE_WIDE = frozenset({Permission.BROKERS_ADD, Permission.PEOPLE_EDIT})
#: Facts about a broker itself: a grant on any part of it is enough.
OF_ANY_PART = frozenset({Permission.BROKERS_VIEW, Permission.POLLS_VIEW})
