"""Every route, and who may use it. A route that is not here fails test_routes.

open    anybody, logged in or not
person  anybody who is logged in
super   superusers; a person without grants is refused (403), sees nothing there (404), or is
        shown an empty list ("empty")
none    there is no such method here
absent  404 to everybody, until something is set up
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Who = Literal["open", "person", "empty", "super", "none", "absent"]


@dataclass(frozen=True, slots=True)
class Route:
    """`arguments` are the names of fixtures' ids (test_routes.objects) that the address takes."""

    name: str
    get: Who
    post: Who
    arguments: tuple[str, ...] = ()


_PAGES = [
    Route("livez", "open", "open"),
    Route("readyz", "open", "open"),
    Route("metrics", "super", "super"),
    Route("account_login", "open", "open"),
    Route("account_logout", "open", "open"),
    Route("account_change_password", "person", "person"),
    Route("account_reauthenticate", "person", "person"),
    Route("mfa_index", "person", "none"),
    # The second step of a log-in: who has not begun one is sent to the first.
    Route("mfa_authenticate", "open", "open"),
    Route("mfa_reauthenticate", "person", "person"),
    Route("mfa_activate_totp", "person", "person"),
    # Nothing there without a second factor.
    Route("mfa_deactivate_totp", "absent", "absent"),
    Route("mfa_view_recovery_codes", "absent", "none"),
    Route("mfa_generate_recovery_codes", "person", "person"),
    Route("mfa_download_recovery_codes", "absent", "absent"),
    # Nothing there where no provider is set.
    Route("openid_connect_login", "absent", "absent", ("provider",)),
    Route("openid_connect_callback", "absent", "absent", ("provider",)),
    Route("socialaccount_login_cancelled", "open", "none"),
    Route("fleet", "empty", "none"),
    Route("fleet_csv", "empty", "none"),
    Route("fleet_density", "none", "super"),
    Route("scope", "person", "none"),
    # It finds only what the person may see.
    Route("search", "person", "none"),
    Route("broker_add", "super", "super"),
    Route("broker_check", "none", "super"),
    Route("broker_test", "none", "super"),
    Route("broker", "super", "none", ("broker",)),
    Route("broker_history", "super", "none", ("broker",)),
    Route("broker_edit", "super", "super", ("broker",)),
    Route("broker_check_stored", "none", "super", ("broker",)),
    Route("broker_test_stored", "none", "super", ("broker",)),
    Route("broker_switch", "none", "super", ("broker",)),
    Route("broker_forget", "super", "super", ("broker",)),
    Route("cluster", "super", "none", ("broker",)),
    Route("cluster_name", "super", "super", ("broker",)),
    Route("cluster_flags", "super", "super", ("broker",)),
    Route("cluster_rebalance", "super", "super", ("broker",)),
    Route("cluster_members", "super", "super", ("broker",)),
    Route("node", "super", "none", ("node",)),
    Route("node_history", "super", "none", ("node",)),
    Route("node_memory", "super", "none", ("node",)),
    Route("node_checks", "none", "super", ("node",)),
    *(
        Route(f"{name}{suffix}", "empty", "none")
        for name in (
            "nodes",
            "queues",
            "vhosts",
            "users",
            "permissions",
            "topic_permissions",
            "federation_links",
        )
        for suffix in ("", "_csv")
    ),
    *(
        route
        for kind, many in (
            ("policy", "policies"),
            ("operator_policy", "operator_policies"),
            ("shovel", "shovels"),
            ("federation_upstream", "federation_upstreams"),
            ("federation_upstream_set", "federation_upstream_sets"),
            ("parameter", "parameters"),
            ("global_parameter", "global_parameters"),
        )
        for route in (
            Route(many, "empty", "none"),
            Route(f"{many}_csv", "empty", "none"),
            Route(kind, "super", "none", (kind,)),
            Route(f"{kind}_create", "super", "super"),
            Route(f"{kind}_edit", "super", "super", (kind,)),
            Route(f"{kind}_delete", "super", "super", (kind,)),
        )
    ),
    *(
        route
        for kind in ("exchange", "binding")
        for route in (
            Route(f"{kind}s", "empty", "none"),
            Route(f"{kind}s_csv", "empty", "none"),
            Route(kind, "super", "none", (kind,)),
            Route(f"{kind}_create", "super", "super"),
            Route(f"{kind}_delete", "super", "super", (kind,)),
        )
    ),
    Route("bindings_unbind", "none", "super"),
    Route("exchange_replace", "super", "super", ("exchange",)),
    Route("queue_members", "super", "none", ("queue",)),
    Route("queue_member", "super", "super", ("queue",)),
    Route("shovel_restart", "super", "super", ("shovel",)),
    Route("federation_link_restart", "super", "super", ("federation_link",)),
    *(
        Route(f"{what}{suffix}", "super", "none")
        for what in ("connections", "channels", "consumers")
        for suffix in ("", "_csv")
    ),
    Route("connections_close", "none", "super"),
    Route("connection", "super", "none", ("connection",)),
    Route("connection_close", "super", "super", ("connection",)),
    Route("channel", "super", "none", ("channel",)),
    Route("queue", "super", "none", ("queue",)),
    Route("queue_create", "super", "super"),
    Route("queue_edit", "super", "super", ("queue",)),
    Route("queue_delete", "super", "super", ("queue",)),
    Route("queue_purge", "super", "super", ("queue",)),
    Route("queues_policy", "none", "super"),
    Route("queues_purge", "none", "super"),
    Route("queues_delete", "none", "super"),
    Route("queue_messages", "super", "super", ("queue",)),
    # What was read belongs to a session; of the fixture's queue nothing was.
    Route("queue_messages_read", "absent", "none", ("queue", "kept")),
    Route("queue_messages_save", "none", "absent", ("queue", "kept")),
    Route("queue_messages_schema", "none", "absent", ("queue", "kept")),
    Route("queue_now", "super", "none", ("queue",)),
    Route("queue_details", "super", "none", ("queue",)),
    Route("queue_flow", "super", "none", ("queue",)),
    Route("queue_bindings", "super", "none", ("queue",)),
    Route("queue_history_table", "super", "none", ("queue",)),
    Route("queue_history", "super", "none", ("queue",)),
    Route("queue_history_csv", "super", "none", ("queue",)),
    Route("queue_rates_table", "super", "none", ("queue",)),
    Route("queue_rates", "super", "none", ("queue",)),
    Route("queue_rates_csv", "super", "none", ("queue",)),
    Route("limits", "empty", "none"),
    Route("message_move", "super", "super", ("queue",)),
    Route("message_jobs", "empty", "none"),
    Route("message_job", "super", "none", ("message_job",)),
    Route("message_job_now", "super", "none", ("message_job",)),
    Route("message_job_control", "none", "super", ("message_job",)),
    Route("diagnosis", "empty", "none"),
    Route("finding_ignore", "super", "super", ("broker",)),
    Route("finding_heed", "none", "super", ("ignored_finding",)),
    Route("readiness", "empty", "none"),
    Route("masking", "super", "none"),
    Route("masking_new", "super", "super"),
    Route("masking_edit", "super", "super", ("masking_rule",)),
    Route("masking_delete", "super", "super", ("masking_rule",)),
    Route("noise", "empty", "super"),
    Route("noise_remove", "none", "super", ("noise_pattern",)),
    Route("explain", "super", "none"),
    Route("route", "super", "none"),
    Route("pattern_preview", "super", "none", ("broker",)),
    Route("vhost", "super", "none", ("vhost",)),
    Route("vhost_create", "super", "super"),
    Route("vhost_edit", "super", "super", ("vhost",)),
    Route("vhost_delete", "super", "super", ("vhost",)),
    Route("topology", "super", "none"),
    Route("topology_data", "super", "none"),
    Route("vhost_restart", "none", "super", ("vhost",)),
    Route("user_create", "super", "super"),
    Route("user_edit", "super", "super", ("user",)),
    Route("user_delete", "super", "super", ("user",)),
    Route("matrix", "super", "none"),
    Route("permission_edit", "super", "super"),
    Route("permission_copy", "super", "super"),
    Route("topic_permission_edit", "super", "super"),
    Route("topic_permission_clear", "super", "super"),
    Route("user", "super", "none", ("user",)),
    Route("user_connections", "super", "none", ("user",)),
    Route("changes", "empty", "none"),
    Route("changes_csv", "empty", "none"),
    Route("change", "super", "none", ("change",)),
    Route("change_strip", "super", "none", ("change",)),
    Route("change_stop", "none", "super", ("change",)),
    Route("change_retry", "none", "super", ("change",)),
    Route("change_confirm", "none", "super", ("change",)),
    Route("change_revert", "super", "super", ("change",)),
    Route("revert_to", "super", "super"),
    Route("once", "person", "person"),
    Route("audit", "super", "none"),
    Route("audit_csv", "super", "none"),
    Route("audit_entry", "super", "none", ("audit",)),
    Route("system", "super", "none"),
    Route("drift", "empty", "none"),
    Route("drift_csv", "empty", "none"),
    Route("drift_resolve", "none", "super"),
    Route("drift_adopt", "none", "super"),
    Route("unmanaged", "empty", "none"),
    Route("unmanaged_adopt", "none", "super"),
    Route("alerts", "super", "none"),
    Route("alerts_csv", "super", "none"),
    Route("alert", "super", "none", ("alert",)),
    Route("alerts_acknowledge", "none", "super"),
    Route("alerts_snooze", "none", "super"),
    # By the token in a message, where the channel allows it without signing in.
    Route("alert_link", "open", "open", ("alert_token",)),
    Route("alert_channels", "super", "none"),
    Route("alert_channel_create", "super", "super"),
    Route("alert_channel_edit", "super", "super", ("alert_channel",)),
    Route("alert_channel_test", "none", "super", ("alert_channel",)),
    Route("alert_channel_delete", "super", "super", ("alert_channel",)),
    Route("alert_rules", "super", "none"),
    Route("alert_rule_create", "super", "super"),
    Route("alert_rule_edit", "super", "super", ("alert_rule",)),
    Route("alert_rule_switch", "none", "super", ("alert_rule",)),
    Route("alert_rule_delete", "super", "super", ("alert_rule",)),
    Route("alert_windows", "super", "none"),
    Route("alert_window_create", "super", "super"),
    Route("alert_window_end", "none", "super", ("alert_window",)),
    Route("alert_owners", "super", "none"),
    Route("alert_owner_create", "super", "super"),
    Route("alert_owner_edit", "super", "super", ("alert_owner",)),
    Route("alert_owner_delete", "super", "super", ("alert_owner",)),
    Route("alert_messages", "super", "none"),
    Route("alert_message", "super", "none", ("alert_message",)),
    Route("access", "person", "none"),
    Route("access_grants", "super", "super"),
    Route("access_grant_take", "super", "super", ("grant",)),
    Route("access_people", "super", "super"),
    Route("access_person", "super", "none", ("person",)),
    Route("access_person_groups", "none", "super", ("person",)),
    Route("access_person_switch", "super", "super", ("person",)),
    Route("access_person_password", "none", "super", ("person",)),
    Route("access_first_password", "open", "open"),
    Route("access_group_add", "none", "super"),
    Route("access_group_delete", "super", "super", ("group",)),
    Route("access_tokens", "person", "person"),
    # One's own: the token of the fixture is the superuser's.
    Route("access_token_revoke", "super", "super", ("token",)),
    Route("access_connection", "person", "none"),
    Route("access_sessions", "person", "none"),
    Route("access_session_end", "none", "super", ("session",)),
    Route("definitions", "super", "none"),
    Route("definitions_export", "none", "super"),
    Route("definitions_import", "none", "super"),
    Route("definitions_copy", "none", "super"),
    # One's own: the plan of the fixture is the superuser's.
    Route("definitions_plan", "super", "super", ("plan",)),
    Route("dashboards", "super", "none"),
    Route("dashboard_new", "super", "super"),
    Route("dashboard", "super", "none", ("dashboard",)),
    Route("dashboard_edit", "super", "super", ("dashboard",)),
    Route("dashboard_delete", "super", "super", ("dashboard",)),
    Route("chart_table", "super", "none"),
    Route("chart_figures", "super", "none"),
    Route("chart_csv", "super", "none"),
    Route("backups", "super", "none"),
    Route("backup_compare", "super", "none"),
    Route("backup_download", "none", "super", ("backup",)),
    Route("backup_take", "none", "super", ("broker",)),
    Route("backup_schedule", "none", "super", ("broker",)),
]
_API = [
    Route("api-brokers-list", "super", "super"),
    Route("api-brokers-test-unsaved", "none", "super"),
    Route("api-brokers-detail", "super", "none", ("broker",)),
    Route("api-brokers-test", "none", "super", ("broker",)),
    Route("api-alerts-list", "super", "none"),
    Route("api-alerts-detail", "super", "none", ("alert",)),
    *(
        Route(f"api-alerts-{act}", "none", "super", ("alert",))
        for act in ("acknowledge", "snooze", "reopen")
    ),
    Route("api-queues-list", "super", "super"),
    Route("api-queues-detail", "super", "none", ("queue",)),
    Route("api-queues-history", "super", "none", ("queue",)),
    Route("api-queues-peek", "none", "super", ("queue",)),
    Route("api-queues-purge", "none", "super", ("queue",)),
    Route("api-queues-selected-purge", "none", "super"),
    Route("api-queues-selected-delete", "none", "super"),
    Route("api-queues-replace", "none", "super", ("queue",)),
    *(
        Route(f"api-{what}-list", "super", "none")
        for what in ("connections", "channels", "consumers")
    ),
    Route("api-connections-detail", "super", "none", ("connection",)),
    Route("api-connections-close", "none", "super", ("connection",)),
    Route("api-channels-detail", "super", "none", ("channel",)),
    Route("api-consumers-detail", "super", "none", ("consumer",)),
    Route("api-vhosts-list", "super", "super"),
    Route("api-vhosts-detail", "super", "none", ("vhost",)),
    Route("api-limits-list", "super", "super"),
    Route("api-limits-detail", "super", "none", ("limit",)),
    Route("api-nodes-list", "super", "none"),
    Route("api-nodes-detail", "super", "none", ("node",)),
    Route("api-nodes-history", "super", "none", ("node",)),
    Route("api-nodes-forecast", "super", "none", ("node",)),
    Route("api-message-jobs-list", "empty", "super"),
    Route("api-message-jobs-detail", "super", "none", ("message_job",)),
    Route("api-message-jobs-outcomes", "super", "none", ("message_job",)),
    Route("api-message-jobs-stop", "none", "super", ("message_job",)),
    Route("api-message-jobs-pause", "none", "super", ("message_job",)),
    Route("api-message-jobs-resume", "none", "super", ("message_job",)),
    Route("api-message-jobs-rate", "none", "super", ("message_job",)),
    Route("api-findings-list", "super", "none"),
    Route("api-findings-unjudged", "super", "none"),
    Route("api-findings-ignored", "super", "none"),
    Route("api-findings-ignore", "none", "super"),
    Route("api-findings-heed", "none", "none", ("ignored_finding",)),
    Route("api-masking-rules-list", "super", "super"),
    Route("api-masking-rules-detail", "super", "none", ("masking_rule",)),
    Route("api-noise-list", "super", "super"),
    Route("api-noise-detail", "super", "none", ("noise_pattern",)),
    Route("api-readiness-list", "super", "none"),
    Route("api-polls-list", "super", "none"),
    Route("api-users-list", "super", "super"),
    Route("api-users-detail", "super", "none", ("user",)),
    Route("api-users-connections", "super", "none", ("user",)),
    Route("api-permissions-list", "super", "super"),
    Route("api-permissions-detail", "super", "none", ("permission",)),
    Route("api-topic-permissions-list", "super", "super"),
    Route("api-topic-permissions-detail", "super", "none", ("topic_permission",)),
    Route("api-permissions-many", "none", "super"),
    Route("api-permissions-copy", "none", "super"),
    Route("api-exchanges-list", "super", "super"),
    Route("api-exchanges-detail", "super", "none", ("exchange",)),
    Route("api-bindings-list", "super", "super"),
    Route("api-bindings-detail", "super", "none", ("binding",)),
    Route("api-policies-list", "super", "super"),
    Route("api-policies-detail", "super", "none", ("policy",)),
    Route("api-operator-policies-list", "super", "super"),
    Route("api-operator-policies-detail", "super", "none", ("operator_policy",)),
    *(
        route
        for kind in (
            "shovel",
            "federation_upstream",
            "federation_upstream_set",
            "parameter",
            "global_parameter",
        )
        for route in (
            Route(f"api-{kind.replace('_', '-')}s-list", "super", "super"),
            Route(f"api-{kind.replace('_', '-')}s-detail", "super", "none", (kind,)),
        )
    ),
    Route("api-changes-list", "super", "none"),
    Route("api-changes-detail", "super", "none", ("change",)),
    Route("api-changes-steps", "super", "none", ("change",)),
    Route("api-changes-stop", "none", "super", ("change",)),
    Route("api-changes-retry", "none", "super", ("change",)),
    Route("api-changes-confirm", "none", "super", ("change",)),
    Route("api-changes-revert", "none", "super", ("change",)),
    Route("api-changes-revert-since", "none", "super"),
    Route("api-plans-list", "none", "super"),
    Route("api-search-list", "person", "none"),
    Route("api-audit-list", "super", "none"),
    Route("api-audit-detail", "super", "none", ("audit",)),
    Route("api-drift-list", "super", "none"),
    Route("api-drift-resolve", "none", "super"),
    Route("api-drift-adopt", "none", "super"),
    Route("api-tokens-list", "person", "person"),
    # One's own: the token of the fixture is the superuser's.
    Route("api-tokens-detail", "super", "none", ("token",)),
    Route("api-grants-list", "super", "super"),
    Route("api-grants-detail", "super", "none", ("grant",)),
    Route("api-sessions-list", "person", "none"),
    Route("api-sessions-detail", "none", "none", ("session",)),
    Route("api-explain-list", "super", "none"),
    Route("api-route-list", "none", "super"),
    Route("api-patterns-list", "super", "none"),
    Route("api-definitions-list", "super", "none"),
    Route("api-definitions-plan", "none", "super"),
    Route("api-definitions-apply", "none", "super"),
    Route("api-definitions-compare", "super", "none"),
    Route("api-dashboards-list", "super", "super"),
    Route("api-dashboards-detail", "super", "none", ("dashboard",)),
    Route("api-backups-list", "super", "super"),
    Route("api-backups-detail", "super", "none", ("backup",)),
    Route("api-backups-file", "super", "none", ("backup",)),
    Route("api-whoami-list", "person", "none"),
    Route("api-index", "person", "none"),
    Route("api-schema", "person", "none"),
    Route("api-docs", "person", "none"),
]
ROUTES = {route.name: route for route in (*_PAGES, *_API)}

#: Answer 404 to everybody.
NOWHERE = {"api-root", "api-unknown"}
#: Under admin/: one guard for all (console.faces.admin.site), tried in test_routes.
ADMIN = "admin/"
#: Reading these is told in the audit trail: they hand out a broker's definitions.
AUDITED = {"api-definitions-list", "api-backups-file"}
