from __future__ import annotations

from django.urls import path

from vhosts.messages.connecting import views

connecting_routes = [
    path("connect/", views.connect, name="connect"),
    path("connect/prove/", views.connect_prove, name="connect_prove"),
]
