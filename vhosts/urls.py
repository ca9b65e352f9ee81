from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from console.faces.face import FACES, drawn_faces
from console.faces.objects.form_pages import form_routes
from console.faces.objects.pages import list_routes, page_routes
from console.faces.operations.pages import act_routes
from console.kinds.registry import TOPIC_PERMISSION
from vhosts.bindings import views as bindings
from vhosts.dashboards import views as dashboards
from vhosts.diagnosis import views as diagnosis
from vhosts.exchanges.replace import exchange_replace
from vhosts.explain_access import views as explain
from vhosts.federation import views as federation
from vhosts.limits import views as limits
from vhosts.live.urls import live_routes
from vhosts.matrix import form_views as permission_forms
from vhosts.matrix import views as matrix
from vhosts.messages.connecting.urls import connecting_routes
from vhosts.messages.dead_letters.urls import dead_letter_routes
from vhosts.messages.learning.urls import learning_routes
from vhosts.messages.listening.urls import listening_routes
from vhosts.messages.masking.pages import masking_routes
from vhosts.messages.moving.pages.urls import move_routes
from vhosts.messages.peeking.pages.urls import peek_routes
from vhosts.messages.publishing.urls import publishing_routes
from vhosts.nodes import views as nodes
from vhosts.noise import views as noise
from vhosts.queues import detail as queue
from vhosts.queues import rates
from vhosts.queues import views as queues
from vhosts.queues.changing import pages as queue_changes
from vhosts.queues.flow.views import queue_flow
from vhosts.readiness import views as readiness
from vhosts.replicas import views as replicas
from vhosts.routing import views as routing
from vhosts.shovels import views as shovels
from vhosts.topology import views as topology
from vhosts.virtual_hosts import views as vhosts

urlpatterns: list[URLPattern | URLResolver] = [
    path("nodes/", nodes.nodes, name="nodes"),
    path("nodes.csv", nodes.nodes_csv, name="nodes_csv"),
    path("nodes/<int:node_id>/", nodes.node, name="node"),
    path("nodes/<int:node_id>/history.json", nodes.node_history, name="node_history"),
    path("nodes/<int:node_id>/memory/", nodes.node_memory, name="node_memory"),
    path("nodes/<int:node_id>/checks/", nodes.node_checks, name="node_checks"),
    path("queues/", queues.queues, name="queues"),
    path("queues.csv", queues.queues_csv, name="queues_csv"),
    path("queues/<int:queue_id>/", queue.queue, name="queue"),
    path("queues/<int:object_id>/delete/", queue_changes.queue_delete, name="queue_delete"),
    path("queues/<int:object_id>/edit/", queue_changes.queue_replace, name="queue_edit"),
    path("queues/<int:queue_id>/now/", queue.queue_now, name="queue_now"),
    path("queues/<int:queue_id>/flow/", queue_flow, name="queue_flow"),
    path("queues/<int:queue_id>/details/", queue.queue_details, name="queue_details"),
    path("queues/<int:queue_id>/bindings/", queue.queue_bindings, name="queue_bindings"),
    path("queues/<int:queue_id>/history/", queue.queue_history_table, name="queue_history_table"),
    path("queues/<int:queue_id>/history.json", queue.queue_history, name="queue_history"),
    path("queues/<int:queue_id>/history.csv", queue.queue_history_csv, name="queue_history_csv"),
    path("queues/<int:queue_id>/rates/", rates.queue_rates_table, name="queue_rates_table"),
    path("queues/<int:queue_id>/rates.json", rates.queue_rates, name="queue_rates"),
    path("queues/<int:queue_id>/rates.csv", rates.queue_rates_csv, name="queue_rates_csv"),
    path("exchanges/<int:object_id>/replace/", exchange_replace, name="exchange_replace"),
    path("bindings/unbind/", bindings.bindings_unbind, name="bindings_unbind"),
    path("shovels/<int:shovel_id>/restart/", shovels.restart, name="shovel_restart"),
    path(
        "federation-links/<int:link_id>/restart/",
        federation.restart_link,
        name="federation_link_restart",
    ),
    path("federation-links/", federation.links, name="federation_links"),
    path("federation-links.csv", federation.links_csv, name="federation_links_csv"),
    path("queues/<int:queue_id>/members/", replicas.members, name="queue_members"),
    path("queues/<int:queue_id>/members/change/", replicas.change_member, name="queue_member"),
    *live_routes,
    *learning_routes,
    *listening_routes,
    *publishing_routes,
    *dead_letter_routes,
    *masking_routes,
    *move_routes,
    *peek_routes,
    path("dashboards/", dashboards.dashboards, name="dashboards"),
    path("dashboards/new/", dashboards.dashboard_new, name="dashboard_new"),
    path("dashboards/chart/", dashboards.chart_table, name="chart_table"),
    path("dashboards/chart.json", dashboards.chart_figures, name="chart_figures"),
    path("dashboards/chart.csv", dashboards.chart_csv, name="chart_csv"),
    path("dashboards/<uuid:dashboard_id>/", dashboards.dashboard, name="dashboard"),
    path("dashboards/<uuid:dashboard_id>/edit/", dashboards.dashboard_edit, name="dashboard_edit"),
    path(
        "dashboards/<uuid:dashboard_id>/delete/",
        dashboards.dashboard_delete,
        name="dashboard_delete",
    ),
    path("limits/", limits.limits, name="limits"),
    path("diagnosis/", diagnosis.diagnosis, name="diagnosis"),
    path("diagnosis/<int:broker_id>/ignore/", diagnosis.finding_ignore, name="finding_ignore"),
    path("diagnosis/ignored/<int:ignored_id>/heed/", diagnosis.finding_heed, name="finding_heed"),
    path("upgrade/", readiness.readiness, name="readiness"),
    path("noise/", noise.noise, name="noise"),
    path("noise/<int:pattern_id>/remove/", noise.noise_remove, name="noise_remove"),
    path("explain/", explain.explain, name="explain"),
    path("explain/<int:broker_id>/pattern/", explain.pattern, name="pattern_preview"),
    *connecting_routes,
    path("route/", routing.route, name="route"),
    path("permissions/matrix/", matrix.matrix, name="matrix"),
    path("permissions/edit/", permission_forms.permission_edit, name="permission_edit"),
    path("permissions/copy/", permission_forms.permission_copy, name="permission_copy"),
    path(
        "topic-permissions/edit/",
        permission_forms.topic_edit,
        name=f"{TOPIC_PERMISSION.name}_edit",
    ),
    path(
        "topic-permissions/clear/",
        permission_forms.topic_clear,
        name=f"{TOPIC_PERMISSION.name}_clear",
    ),
    path("topology/", topology.topology, name="topology"),
    path("topology.json", topology.topology_data, name="topology_data"),
    path("vhosts/<int:vhost_id>/", vhosts.vhost, name="vhost"),
    path("vhosts/<int:vhost_id>/restart/", vhosts.vhost_restart, name="vhost_restart"),
    *(route for face in FACES.values() if face.is_listed for route in list_routes(face)),
    *(
        route
        for face in FACES.values()
        if face.has_form
        for route in form_routes(face)
        if route.name not in ("queue_edit", "queue_delete")
    ),
    *(route for face in FACES.values() for route in act_routes(face)),
    *(route for face in drawn_faces() for route in page_routes(face)),
]
