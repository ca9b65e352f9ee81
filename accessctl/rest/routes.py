from __future__ import annotations

from accessctl.grants.api import GrantsView
from accessctl.rest.views import WhoamiView
from accessctl.sessions.api import SessionsView
from accessctl.tokens.api import TokensView

#: (path under /api/v1/, view, route name)
routes = (
    ("grants", GrantsView, "api-grants"),
    ("sessions", SessionsView, "api-sessions"),
    ("tokens", TokensView, "api-tokens"),
    ("whoami", WhoamiView, "api-whoami"),
)
