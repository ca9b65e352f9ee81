from __future__ import annotations

from accessctl.api.views import (
    PermissionsView,
    TokensView,
    TopicPermissionsView,
    UsersView,
    WhoamiView,
)

#: (address under /api/v1/, view, name of the route)
routes = (
    ("users", UsersView, "api-users"),
    ("permissions", PermissionsView, "api-permissions"),
    ("topic-permissions", TopicPermissionsView, "api-topic-permissions"),
    ("tokens", TokensView, "api-tokens"),
    ("whoami", WhoamiView, "api-whoami"),
)
