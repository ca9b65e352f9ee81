"""The five roles and their rights. They are fixed: a role means the same on every console.

docs/access.md has the table with the reasons. Two rights are in no role. people:edit: accounts and
groups are for superusers, because a person who edits a group edits its grants. messages:read:
operating a broker doesn't require message contents; a flag on a grant adds it. messages:export
allows nothing without it.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models

from accessctl.rights import Permission


class Role(models.TextChoices):
    VIEWER = "viewer", "Viewer"
    OPERATOR = "operator", "Operator"
    VHOST_ADMINISTRATOR = "vhost_administrator", "Vhost administrator"
    BROKER_ADMINISTRATOR = "broker_administrator", "Broker administrator"
    AUDITOR = "auditor", "Auditor"


_VIEWER = frozenset({
    Permission.ALERTS_VIEW, Permission.BROKERS_VIEW, Permission.CHANGES_VIEW, Permission.CONNECTIONS_VIEW, Permission.DRIFT_VIEW, Permission.EXPLAIN_USE, Permission.PARAMETERS_VIEW,
    Permission.PERMISSIONS_VIEW,
    Permission.POLICIES_VIEW, Permission.POLLS_VIEW, Permission.QUEUES_VIEW, Permission.USERS_VIEW, Permission.VHOSTS_VIEW,
})  # fmt: skip
_OPERATOR = _VIEWER | {
    Permission.ALERTS_ACKNOWLEDGE, Permission.ALERTS_EDIT, Permission.BROKERS_TEST, Permission.CHANGES_STOP,
    Permission.CONNECTIONS_CLOSE, Permission.DASHBOARDS_EDIT, Permission.DEFINITIONS_EXPORT, Permission.DRIFT_RESOLVE,
    Permission.MESSAGES_EXPORT, Permission.MESSAGES_MOVE, Permission.MESSAGES_PUBLISH, Permission.MESSAGES_VIEW, Permission.POLICIES_EDIT,
    Permission.QUEUES_PURGE, Permission.VHOSTS_RESTART,
}  # fmt: skip
# No tags, limits or hashes: each of them reaches beyond the grant's virtual hosts.
_VHOST_ADMINISTRATOR = _VIEWER | {
    Permission.ALERTS_ACKNOWLEDGE, Permission.ALERTS_EDIT, Permission.BINDINGS_EDIT, Permission.CHANGES_STOP,
    Permission.CONNECTIONS_CLOSE, Permission.DASHBOARDS_EDIT, Permission.DEFINITIONS_EXPORT, Permission.DEFINITIONS_IMPORT, Permission.DRIFT_RESOLVE,
    Permission.EXCHANGES_EDIT, Permission.MESSAGES_EXPORT, Permission.MESSAGES_MOVE, Permission.MESSAGES_PUBLISH,
    Permission.MESSAGES_VIEW, Permission.PARAMETERS_EDIT, Permission.PERMISSIONS_EDIT, Permission.POLICIES_EDIT, Permission.QUEUES_EDIT,
    Permission.QUEUES_PURGE, Permission.USERS_EDIT, Permission.VHOSTS_CREATE, Permission.VHOSTS_DELETE,
    Permission.VHOSTS_EDIT, Permission.VHOSTS_RESTART,
}  # fmt: skip
_BROKER_ADMINISTRATOR = _OPERATOR | _VHOST_ADMINISTRATOR | {
    Permission.BROKERS_ADD, Permission.BROKERS_EDIT, Permission.BROKERS_FORGET, Permission.GRANTS_EDIT, Permission.GRANTS_VIEW,
    Permission.HASHES_EXPORT, Permission.PEOPLE_VIEW, Permission.REPLICAS_EDIT, Permission.USERS_TAG,
    Permission.VHOSTS_LIMIT,
}  # fmt: skip
_AUDITOR = _VIEWER | {Permission.AUDIT_VIEW, Permission.GRANTS_VIEW, Permission.PEOPLE_VIEW}

PERMISSIONS_OF: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.VHOST_ADMINISTRATOR: _VHOST_ADMINISTRATOR,
    Role.BROKER_ADMINISTRATOR: _BROKER_ADMINISTRATOR,
    Role.AUDITOR: _AUDITOR,
}
#: One sentence each, for pages.
ABOUT: Mapping[Role, str] = {
    Role.VIEWER: "Views queues, virtual hosts, users, permissions and changes; can't change anything.",
    Role.OPERATOR: "Everything a viewer can do; also acknowledges alerts and edits their rules, tests connections, "
    "stops changes, resolves drift, sets policies, purges queues, publishes and moves messages, "
    "and closes connections.",
    Role.VHOST_ADMINISTRATOR: (
        "Everything a viewer can do; also creates, edits and deletes virtual hosts, "
        "what is in them, their permissions and the users that belong only to them, and closes "
        "connections to them. Can't set tags or limits."
    ),
    Role.BROKER_ADMINISTRATOR: (
        "Full control of the broker, its settings and its grants; can't read messages."
    ),
    Role.AUDITOR: "Everything a viewer can do; also views the audit log and who has access.",
}
#: Roles for whole brokers only: with a virtual host pattern, they would promise limits that can't
#: be enforced.
WHOLE_BROKER = frozenset({Role.BROKER_ADMINISTRATOR})
