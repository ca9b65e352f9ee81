from __future__ import annotations

from django.urls import URLPattern, path

from vhosts.messages.dead_letters import views
from vhosts.messages.dead_letters.editing import views as editing
from vhosts.messages.dead_letters.replay import views as replaying

dead_letter_routes: list[URLPattern] = [
    path("dead-letters/", views.dead_letters, name="dead_letters"),
    path("dead-letters.csv", views.dead_letters_csv, name="dead_letters_csv"),
    path("dead-letters/sample/", views.dead_letters_sample, name="dead_letters_sample"),
    path(
        "dead-letters/queues/<int:queue_id>/mark/", views.dead_letter_mark, name="dead_letter_mark"
    ),
    path(
        "dead-letters/queues/<int:queue_id>/schedule/",
        views.dead_letter_schedule,
        name="dead_letter_schedule",
    ),
    path(
        "dead-letters/queues/<int:queue_id>/replay/",
        replaying.dead_letter_replay_all,
        name="dead_letter_replay_all",
    ),
    path(
        "dead-letters/queues/<int:queue_id>/discard/",
        replaying.dead_letter_discard_all,
        name="dead_letter_discard_all",
    ),
    path(
        "dead-letters/queues/<int:queue_id>/edit/",
        editing.dead_letter_edit,
        name="dead_letter_edit",
    ),
    path(
        "dead-letters/groups/<int:group_id>/export/",
        views.dead_letter_export,
        name="dead_letter_export",
    ),
    path(
        "dead-letters/groups/<int:group_id>/replay/",
        replaying.dead_letter_replay,
        name="dead_letter_replay",
    ),
    path(
        "dead-letters/groups/<int:group_id>/discard/",
        replaying.dead_letter_discard,
        name="dead_letter_discard",
    ),
    path(
        "dead-letters/groups/<int:group_id>/messages/",
        views.dead_letter_messages,
        name="dead_letter_messages",
    ),
]
