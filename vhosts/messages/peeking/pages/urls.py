from __future__ import annotations

from django.urls import URLPattern, path

from vhosts.messages.peeking.pages import views

peek_routes: list[URLPattern] = [
    path("queues/<int:queue_id>/messages/", views.queue_messages, name="queue_messages"),
    path(
        "queues/<int:queue_id>/messages/<uuid:kept_id>/",
        views.queue_messages_read,
        name="queue_messages_read",
    ),
    path(
        "queues/<int:queue_id>/messages/<uuid:kept_id>/save/",
        views.queue_messages_save,
        name="queue_messages_save",
    ),
    path(
        "queues/<int:queue_id>/messages/<uuid:kept_id>/schema/",
        views.queue_messages_schema,
        name="queue_messages_schema",
    ),
]
