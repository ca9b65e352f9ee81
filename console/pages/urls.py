from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from console.faces.acts.once_views import once
from console.pages import (
    audit,
    broker_forget,
    brokers,
    drift,
    fleet,
    scope,
    system,
    unmanaged,
)
from console.pages.changes import listed as changes
from console.pages.changes import one as change
from console.pages.cluster import views as cluster
from console.pages.reverts import views as reverts
from console.pages.search.views import search

urlpatterns: list[URLPattern | URLResolver] = [
    path("", fleet.fleet, name="fleet"),
    path("fleet.csv", fleet.fleet_csv, name="fleet_csv"),
    path("fleet/density/", fleet.fleet_density, name="fleet_density"),
    path("scope/", scope.scope_menu, name="scope"),
    path("brokers/add/", brokers.broker_add, name="broker_add"),
    path("brokers/add/check/", brokers.broker_check, name="broker_check"),
    path("brokers/add/test/", brokers.broker_test, name="broker_test"),
    path("brokers/<int:broker_id>/", brokers.broker, name="broker"),
    path("brokers/<int:broker_id>/history.json", brokers.broker_history, name="broker_history"),
    path("brokers/<int:broker_id>/edit/", brokers.broker_edit, name="broker_edit"),
    path("brokers/<int:broker_id>/check/", brokers.broker_check, name="broker_check_stored"),
    path("brokers/<int:broker_id>/test/", brokers.broker_test, name="broker_test_stored"),
    path("brokers/<int:broker_id>/switch/", brokers.broker_switch, name="broker_switch"),
    path("brokers/<int:broker_id>/forget/", broker_forget.broker_forget, name="broker_forget"),
    path("brokers/<int:broker_id>/cluster/", cluster.cluster, name="cluster"),
    path("brokers/<int:broker_id>/cluster/name/", cluster.cluster_name, name="cluster_name"),
    path("brokers/<int:broker_id>/cluster/flags/", cluster.cluster_flags, name="cluster_flags"),
    path(
        "brokers/<int:broker_id>/cluster/rebalance/",
        cluster.cluster_rebalance,
        name="cluster_rebalance",
    ),
    path(
        "brokers/<int:broker_id>/cluster/members/", cluster.cluster_members, name="cluster_members"
    ),
    path("changes/", changes.changes, name="changes"),
    path("changes.csv", changes.changes_csv, name="changes_csv"),
    path("changes/<uuid:change_id>/", change.change, name="change"),
    path("changes/<uuid:change_id>/strip/", change.change_strip, name="change_strip"),
    path("changes/<uuid:change_id>/stop/", change.change_stop, name="change_stop"),
    path("changes/<uuid:change_id>/retry/", change.change_retry, name="change_retry"),
    path("changes/<uuid:change_id>/confirm/", change.change_confirm, name="change_confirm"),
    path("changes/<uuid:change_id>/revert/", reverts.change_revert, name="change_revert"),
    path("changes/revert/", reverts.revert_to, name="revert_to"),
    path("once/", once, name="once"),
    path("drift/", drift.drift, name="drift"),
    path("drift.csv", drift.drift_csv, name="drift_csv"),
    path("drift/resolve/", drift.drift_resolve, name="drift_resolve"),
    path("drift/adopt/", drift.drift_adopt, name="drift_adopt"),
    path("drift/unmanaged/", unmanaged.unmanaged_objects, name="unmanaged"),
    path("drift/unmanaged/adopt/", unmanaged.unmanaged_adopt, name="unmanaged_adopt"),
    path("audit/", audit.audit, name="audit"),
    path("audit.csv", audit.audit_csv, name="audit_csv"),
    path("audit/<int:entry_id>/", audit.audit_entry, name="audit_entry"),
    path("search/", search, name="search"),
    path("system/", system.system, name="system"),
]
