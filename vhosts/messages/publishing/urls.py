"""Routes of publishing."""

from __future__ import annotations

from django.urls import URLPattern, path

from vhosts.messages.publishing import views

publishing_routes: list[URLPattern] = [
    path("messages/publish/", views.message_publish, name="message_publish"),
    path(
        "messages/publish/preview/", views.message_publish_preview, name="message_publish_preview"
    ),
    path(
        "messages/published/<uuid:request_id>/", views.message_published, name="message_published"
    ),
]
