"""Routes of publishing."""

from __future__ import annotations

from django.urls import URLPattern, path

from vhosts.messages.publishing import views
from vhosts.messages.publishing.batches import pages as batches

publishing_routes: list[URLPattern] = [
    path("messages/publish/", views.message_publish, name="message_publish"),
    path(
        "messages/publish/preview/", views.message_publish_preview, name="message_publish_preview"
    ),
    path(
        "messages/published/<uuid:request_id>/", views.message_published, name="message_published"
    ),
    path("messages/files/new/", batches.message_file, name="message_file"),
    path("messages/files/<uuid:batch_id>/", batches.message_batch, name="message_batch"),
    path(
        "messages/files/<uuid:batch_id>/start/",
        batches.message_batch_start,
        name="message_batch_start",
    ),
    path(
        "messages/files/<uuid:batch_id>/stop/",
        batches.message_batch_stop,
        name="message_batch_stop",
    ),
]
