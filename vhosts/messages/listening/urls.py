"""Routes of listening."""

from __future__ import annotations

from django.urls import URLPattern, path

from vhosts.messages.listening import pages

listening_routes: list[URLPattern] = [
    path("listen/", pages.listen, name="listen"),
    path("listen/start/", pages.listen_start, name="listen_start"),
    path("listen/<uuid:viewer_id>/messages/", pages.listen_messages, name="listen_messages"),
    path(
        "listen/<uuid:viewer_id>/messages/<int:seq>/",
        pages.listen_message,
        name="listen_message",
    ),
    path("listen/<uuid:viewer_id>/publish/", pages.listen_publish, name="listen_publish"),
    path("listen/<uuid:viewer_id>/stop/", pages.listen_stop, name="listen_stop"),
]
