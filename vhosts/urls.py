from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from vhosts.views import explain, queue, queues, vhosts

urlpatterns: list[URLPattern | URLResolver] = [
    path("queues/", queues.queues, name="queues"),
    path("queues.csv", queues.queues_csv, name="queues_csv"),
    path("queues/<int:queue_id>/", queue.queue, name="queue"),
    path("queues/<int:queue_id>/now/", queue.queue_now, name="queue_now"),
    path("queues/<int:queue_id>/details/", queue.queue_details, name="queue_details"),
    path("queues/<int:queue_id>/bindings/", queue.queue_bindings, name="queue_bindings"),
    path("queues/<int:queue_id>/history/", queue.queue_history_table, name="queue_history_table"),
    path("queues/<int:queue_id>/history.json", queue.queue_history, name="queue_history"),
    path("queues/<int:queue_id>/history.csv", queue.queue_history_csv, name="queue_history_csv"),
    path("explain/", explain.explain, name="explain"),
    path("explain/<int:broker_id>/pattern/", explain.pattern, name="pattern_preview"),
    path("vhosts/", vhosts.vhosts, name="vhosts"),
    path("vhosts.csv", vhosts.vhosts_csv, name="vhosts_csv"),
    path("vhosts/<int:vhost_id>/", vhosts.vhost, name="vhost"),
]
