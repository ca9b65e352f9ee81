"""Routes of the examples."""

from __future__ import annotations

from django.urls import URLPattern, path

from vhosts.messages.learning import pages

learning_routes: list[URLPattern] = [
    path("learn/", pages.learn, name="learn"),
    path("learn/create/", pages.learn_create, name="learn_create"),
    path("learn/remove/", pages.learn_remove, name="learn_remove"),
    path("learn/<slug:slug>/", pages.learn_example, name="learn_example"),
    path("learn/<slug:slug>/start/", pages.learn_start, name="learn_start"),
    path("learn/<slug:slug>/send/", pages.learn_send, name="learn_send"),
]
