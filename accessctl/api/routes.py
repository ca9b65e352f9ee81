from __future__ import annotations

from accessctl.api.grants import GrantsView
from accessctl.api.sessions import SessionsView
from accessctl.api.tokens import TokensView
from accessctl.api.views import (
    PermissionsView,
    TopicPermissionsView,
    UsersView,
    WhoamiView,
)

#: (address under /api/v1/, view, name of the route)
routes = (
    ("users", UsersView, "api-users"),
    ("permissions", PermissionsView, "api-permissions"),
    ("topic-permissions", TopicPermissionsView, "api-topic-permissions"),
    ("grants", GrantsView, "api-grants"),
    ("sessions", SessionsView, "api-sessions"),
    ("tokens", TokensView, "api-tokens"),
    ("whoami", WhoamiView, "api-whoami"),
)
