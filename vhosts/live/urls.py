"""Routes of the live lists."""

from __future__ import annotations

from django.urls import URLPattern, path

from vhosts.live import close, detail
from vhosts.live.rows import CHANNELS, CONNECTIONS, CONSUMERS
from vhosts.live.views import csv_view, list_view

live_routes: list[URLPattern] = [
    *(path(f"{what}/", list_view(what), name=what) for what in (CONNECTIONS, CHANNELS, CONSUMERS)),
    *(
        path(f"{what}.csv", csv_view(what), name=f"{what}_csv")
        for what in (CONNECTIONS, CHANNELS, CONSUMERS)
    ),
    path("connections/selected/close/", close.close_selected, name="connections_close"),
    path("connections/<int:connection_id>/", detail.connection, name="connection"),
    path("connections/<int:connection_id>/close/", close.close_one, name="connection_close"),
    path("channels/<int:channel_id>/", detail.channel, name="channel"),
]
