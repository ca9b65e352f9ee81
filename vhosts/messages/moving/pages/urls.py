from __future__ import annotations

from django.urls import path

from vhosts.messages.moving.pages import views

move_routes = [
    path("queues/<int:queue_id>/move/", views.message_move, name="message_move"),
    path("messages/jobs/", views.message_jobs, name="message_jobs"),
    path("messages/jobs/<uuid:job_id>/", views.message_job, name="message_job"),
    path("messages/jobs/<uuid:job_id>/now/", views.message_job_now, name="message_job_now"),
    path(
        "messages/jobs/<uuid:job_id>/control/",
        views.message_job_control,
        name="message_job_control",
    ),
]
