from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from accessctl.views import permissions, users

urlpatterns: list[URLPattern | URLResolver] = [
    path("users/", users.users, name="users"),
    path("users.csv", users.users_csv, name="users_csv"),
    path("users/<int:user_id>/", users.user, name="user"),
    path("permissions/", permissions.permissions, name="permissions"),
    path("permissions.csv", permissions.permissions_csv, name="permissions_csv"),
    path("topic-permissions/", permissions.topic_permissions, name="topic_permissions"),
    path("topic-permissions.csv", permissions.topic_permissions_csv, name="topic_permissions_csv"),
]
