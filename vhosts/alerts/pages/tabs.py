"""The tabs of the alerts pages, and the panel of an object's incidents on its own page."""

from __future__ import annotations

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission

_TABS = (
    ("Alerts", "alerts"),
    ("Rules", "alert_rules"),
    ("Channels", "alert_channels"),
    ("Messages", "alert_messages"),
    ("Maintenance", "alert_windows"),
    ("Owners", "alert_owners"),
)


def tabs(user: AnyUser) -> list[tuple[str, str]]:
    """Return (label, route) of the tabs."""
    return list(_TABS) if may(user, Permission.ALERTS_VIEW) else []
