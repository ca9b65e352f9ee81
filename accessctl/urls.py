from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from accessctl.access import own_views as access_own
from accessctl.access import revoke_views as revoking
from accessctl.access import views as access
from accessctl.people import password_views as passwords
from accessctl.people import security
from accessctl.people import views as access_people
from accessctl.users import views as users

urlpatterns: list[URLPattern | URLResolver] = [
    path("access/", access.access, name="access"),
    path("access/grants/", access.grants, name="access_grants"),
    path("access/grants/<int:grant_id>/take/", revoking.grant_take, name="access_grant_take"),
    path("access/people/", access_people.people, name="access_people"),
    path("access/people/<int:person_id>/", access_people.person, name="access_person"),
    path(
        "access/people/<int:person_id>/groups/",
        access_people.person_groups,
        name="access_person_groups",
    ),
    path(
        "access/people/<int:person_id>/switch/",
        access_people.person_switch,
        name="access_person_switch",
    ),
    path(
        "access/people/<int:person_id>/password/",
        access_people.person_password,
        name="access_person_password",
    ),
    path("access/first-password/", passwords.first_password, name="access_first_password"),
    path("access/groups/", access_people.group_add, name="access_group_add"),
    path(
        "access/groups/<int:group_id>/delete/",
        access_people.group_delete,
        name="access_group_delete",
    ),
    path("access/tokens/", access_own.tokens, name="access_tokens"),
    path(
        "access/tokens/<int:token_id>/revoke/", access_own.token_revoke, name="access_token_revoke"
    ),
    path("access/connection/", security.connection, name="access_connection"),
    path("access/sessions/", access_own.sessions, name="access_sessions"),
    path("access/sessions/<uuid:ref>/end/", access_own.session_end, name="access_session_end"),
    path("users/<int:user_id>/", users.user, name="user"),
    path("users/<int:user_id>/connections/", users.user_connections, name="user_connections"),
]
