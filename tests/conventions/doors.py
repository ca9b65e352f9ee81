"""Every act that changes something or reaches out, and the doors to it: page, API and administration.

`right` is what the act demands, said outright; rights to see (`*:view`) only decide what is found and are left out.
A door is (route, arguments, method, body); `{name}` stands for an object of test_doors.objects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Door:
    """`needs`: what the answer holds where the act was taken as asked, and not only a part of it. `asks`: it lets
    through and asks for a confirmation, with 400."""

    route: str
    args: tuple[str, ...] = ()
    method: str = "post"
    body: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    needs: str = ""
    asks: bool = False
    content_type: str = "application/json"


@dataclass(frozen=True)
class Act:
    name: str
    right: frozenset[str]
    page: tuple[Door, ...] = ()
    api: tuple[Door, ...] = ()
    admin: tuple[Door, ...] = ()


def act(name: str, right: str, **doors: Any) -> Act:
    return Act(name, frozenset(right.split()), **{k: tuple(v) for k, v in doors.items()})


_SETTINGS = {
    "name": "another", "environment": "development", "management_url": "http://127.0.0.1:9",
    "username": "u", "password": "p",
}  # fmt: skip
_TYPED = {**_SETTINGS, "poll_interval_s": 10}
_ALL = {"configure": ".*", "write": ".*", "read": ".*"}
_CELL = {"broker": "{broker}", "vhost": "/", "user": "app"}
_AT = "?broker={broker}"
_DRY = "?dry_run=true"
_CAP = {"pattern": "", "apply_to": "queues", "priority": "0", "definition": "max-length = 9"}
_CAP_WIRE = {"pattern": "", "apply_to": "queues", "priority": 0, "definition": {"max-length": 9}}
_TOPIC = {**_CELL, "exchange": "amq.topic", "write": "a", "read": "a"}

_MASK = {"subject": "header", "target": "x-card", "action": "mask"}

_BINDING = {
    "vhost": "/",
    "source": "e",
    "destination_type": "queue",
    "destination": "q",
    "routing_key": "k",
}


_IN = {"vhost": "/", "name": "new"}
_MOVER = {
    "src_uri": "amqp://",
    "src_protocol": "amqp091",
    "src_queue": "a",
    "dest_uri": "amqp://",
    "dest_protocol": "amqp091",
    "dest_queue": "b",
}
_MOVER_WIRE = {name.replace("_", "-"): value for name, value in _MOVER.items()}

_MESSAGE_WIRE = {"broker": "{broker}", "vhost": "/", "exchange": "", "routing_key": "q"}
_MESSAGE = {**_MESSAGE_WIRE, "token": "0" * 32, "body": "a"}


def _wish(kind: str, **fields: Any) -> dict[str, Any]:
    return {"wishes": [{"kind": kind, "broker": "{broker}", **fields}]}


ACTS = [
    # Brokers
    act("add a broker", "brokers:add",
        page=[Door("broker_add", body=_TYPED), Door("broker_check", query="?field=name", body=_TYPED)],
        api=[Door("api-brokers-list", body=_SETTINGS)],
        admin=[Door("admin:console_broker_add", body=_TYPED)]),
    act("test a connection that is typed", "brokers:add",
        page=[Door("broker_test", body=_TYPED)],
        api=[Door("api-brokers-test-unsaved", body=_SETTINGS)]),
    act("edit a broker", "brokers:edit",
        page=[Door("broker_edit", ("broker",), body={**_TYPED, "generation": 1}),
              Door("broker_switch", ("broker",), body={"enabled": "1"}),
              Door("broker_check_stored", ("broker",), query="?field=name", body=_TYPED),
              Door("backup_schedule", ("broker",), body={"hours": "0"})],
        api=[Door("api-brokers-detail", ("broker",), "patch", {"name": "another"}),
             Door("api-brokers-detail", ("broker",), "put", _SETTINGS)],
        admin=[Door("admin:console_broker_change", ("broker",), body={**_TYPED, "seen_generation": 1})]),
    act("test a connection that is typed over a stored one", "brokers:edit",
        page=[Door("broker_test_stored", ("broker",), body=_TYPED)]),
    act("test a stored connection", "brokers:test",
        page=[Door("broker_test_stored", ("broker",)), Door("node_checks", ("node",))],
        api=[Door("api-brokers-test", ("broker",))]),
    act("prove a sign-in", "messages:publish",
        page=[Door("connect_prove", query="?broker={broker}&vhost=/&user=app", body={"password": "p"})],
        api=[Door("api-connect-prove", body={**_CELL, "password": "p"})]),
    act("forget a broker", "brokers:forget",
        page=[Door("broker_forget", ("broker",), body={"confirm": "{broker_name}"})],
        api=[Door("api-brokers-detail", ("broker",), "delete")],
        admin=[Door("admin:console_broker_delete", ("broker",), body={"post": "yes"})]),
    # Queues
    act("create a queue", "queues:edit",
        page=[Door("queue_create", query=_AT, body={"vhost": "/", "name": "new", "type": "classic"})],
        api=[Door("api-queues-list", query=_DRY, body={"broker": "{broker}", "vhost": "/", "name": "new"}),
             Door("api-plans-list", body=_wish("queue", vhost="/", name="new"))]),
    act("replace a queue", "queues:edit",
        page=[Door("queue_edit", ("queue",), body={"type": "quorum", "generation": 0})],
        api=[Door("api-queues-replace", ("queue",), query=_DRY,
                  body={"arguments": {"x-max-length": 1}, "carry_bindings": False})]),
    act("delete a queue", "queues:edit",
        page=[Door("queue_delete", ("queue",), asks=True), Door("queues_delete", body={"ids": "{queue}"})],
        api=[Door("api-queues-detail", ("queue",), "delete", query=_DRY),
             Door("api-queues-selected-delete", query=_DRY, body={"ids": ["{queue}"]})]),
    act("purge a queue", "queues:purge",
        page=[Door("queue_purge", ("queue",), asks=True), Door("queues_purge", body={"ids": "{queue}"})],
        api=[Door("api-queues-purge", ("queue",), query=_DRY),
             Door("api-queues-selected-purge", query=_DRY, body={"ids": ["{queue}"]})]),
    act("close a connection", "connections:close",
        page=[Door("connection_close", ("connection",), asks=True), Door("connections_close", body={"ids": "{connection}"})],
        api=[Door("api-connections-close", ("connection",), query=_DRY)]),
    # Messages
    act("publish a message", "messages:publish",
        page=[Door("message_publish", body=_MESSAGE, needs="Not sent"),
              Door("message_publish_preview", body=_MESSAGE)],
        api=[Door("api-publish-list", body=_MESSAGE_WIRE), Door("api-publish-preview", body=_MESSAGE_WIRE)]),
    act("save and delete a message", "messages:publish",
        page=[Door("message_template_delete", ("message_template",))],
        api=[Door("api-publish-templates-list", body={**_MESSAGE_WIRE, "name": "new"}),
             Door("api-publish-templates-detail", ("message_template",), "delete")]),
    act("publish messages of a file", "messages:publish",
        page=[Door("message_file", body={"broker": "{broker}", "vhost": "/", "file": "{messages}"}),
              Door("message_batch_start", ("publish_batch",)), Door("message_batch_stop", ("publish_batch",))],
        api=[Door("api-publish-files-list", query=_AT + "&vhost=/", body={"routing_key": "q"},
                  content_type="application/x-ndjson"),
             Door("api-publish-files-start", ("publish_batch",)), Door("api-publish-files-stop", ("publish_batch",))]),
    # Virtual hosts
    act("create a virtual host", "vhosts:create",
        page=[Door("vhost_create", query=_AT, body={"name": "new"})],
        api=[Door("api-vhosts-list", query=_DRY, body={"broker": "{broker}", "name": "new"}),
             Door("api-plans-list", body=_wish("vhost", name="new"))],
        admin=[Door("admin:vhosts_virtualhost_add", query=_AT, body={"name": "new"})]),
    act("edit a virtual host", "vhosts:edit",
        page=[Door("vhost_edit", ("vhost",), body={"description": "a", "generation": 0, "max_queues": "5"})],
        api=[Door("api-vhosts-detail", ("vhost",), "patch", {"description": "a"}, _DRY),
             Door("api-plans-list", body=_wish("vhost", name="/", description="a"))],
        admin=[Door("admin:vhosts_virtualhost_change", ("vhost",),
                    body={"description": "a", "generation": 0, "max_queues": "5"})]),
    act("limit a virtual host", "vhosts:edit vhosts:limit",
        page=[Door("vhost_edit", ("vhost",), body={"max_queues": "7", "generation": 0}, needs="max-queues: 7")],
        api=[Door("api-vhosts-detail", ("vhost",), "patch", {"limits": {"max-queues": 7}}, _DRY),
             Door("api-limits-list", query=_DRY,
                  body={"broker": "{broker}", "vhost": "/", "name": "max-queues", "value": 7}),
             Door("api-limits-detail", ("limit",), "patch", {"value": 7}, _DRY),
             Door("api-limits-detail", ("limit",), "delete", query=_DRY)]),
    act("delete a virtual host", "vhosts:delete",
        page=[Door("vhost_delete", ("vhost",), "get"), Door("vhost_delete", ("vhost",), asks=True)],
        api=[Door("api-vhosts-detail", ("vhost",), "delete", query=_DRY),
             Door("api-plans-list", body=_wish("vhost", name="/", absent=True))],
        admin=[Door("admin:vhosts_virtualhost_delete", ("vhost",), "get")]),
    act("restart a virtual host", "vhosts:restart",
        page=[Door("vhost_restart", ("vhost",), body={"node": "rabbit@nowhere"})]),
    # Users
    act("create a user", "users:edit",
        page=[Door("user_create", query=_AT, body={"name": "new", "password_way": "typed", "password": "p"})],
        api=[Door("api-users-list", query=_DRY, body={"broker": "{broker}", "name": "new", "password": "p"}),
             Door("api-plans-list", body=_wish("user", name="new", password="p"))],
        admin=[Door("admin:accessctl_brokeruser_add", query=_AT,
                    body={"name": "new", "password_way": "typed", "password": "p"})]),
    act("set a user's password", "users:edit",
        page=[Door("user_edit", ("user",), body={"password_way": "typed", "password": "p", "generation": 0})],
        api=[Door("api-users-detail", ("user",), "patch", {"password": "p"}, _DRY),
             Door("api-plans-list", body=_wish("user", name="app", password="p"))],
        admin=[Door("admin:accessctl_brokeruser_change", ("user",),
                    body={"password_way": "typed", "password": "p", "generation": 0})]),
    act("set a user's tags", "users:edit users:tag",
        page=[Door("user_edit", ("user",), needs="monitoring",
                   body={"password_way": "keep", "tags": "monitoring", "generation": 0})],
        api=[Door("api-users-detail", ("user",), "patch", {"tags": ["monitoring"]}, _DRY),
             Door("api-plans-list", body=_wish("user", name="app", tags=["monitoring"]))]),
    act("limit a user", "users:edit vhosts:limit",
        page=[Door("user_edit", ("user",), needs="max-channels: 7",
                   body={"password_way": "keep", "max_channels": "7", "generation": 0})],
        api=[Door("api-users-detail", ("user",), "patch", {"limits": {"max-channels": 7}}, _DRY),
             Door("api-limits-list", query=_DRY,
                  body={"broker": "{broker}", "user": "app", "name": "max-channels", "value": 7})]),
    act("delete a user", "users:edit",
        page=[Door("user_delete", ("user",), "get"), Door("user_delete", ("user",), asks=True)],
        api=[Door("api-users-detail", ("user",), "delete", query=_DRY),
             Door("api-plans-list", body=_wish("user", name="app", absent=True))],
        admin=[Door("admin:accessctl_brokeruser_delete", ("user",), "get")]),
    # Permissions
    act("set a permission", "permissions:edit",
        page=[Door("permission_edit", query=_AT, body={"user": "app", "vhost": "/", "rights": "full"})],
        api=[Door("api-permissions-list", query=_DRY, body={**_CELL, **_ALL}),
             Door("api-permissions-detail", ("permission",), "patch", {"read": "a"}, _DRY),
             Door("api-permissions-many", query=_DRY,
                  body={"broker": "{broker}", "vhosts": ["/"], "users": ["app"], **_ALL}),
             Door("api-plans-list", body=_wish("permission", vhost="/", user="app", **_ALL))],
        admin=[Door("admin:accessctl_brokerpermission_add", query=_AT,
                    body={"user": "app", "vhost": "/", "rights": "full"}),
               Door("admin:accessctl_brokerpermission_change", ("permission",), body={"rights": "full"})]),
    act("take a permission", "permissions:edit",
        page=[Door("permission_edit", query=_AT, body={"user": "app", "vhost": "/", "rights": "clear"})],
        api=[Door("api-permissions-detail", ("permission",), "delete", query=_DRY),
             Door("api-permissions-many", query=_DRY,
                  body={"broker": "{broker}", "vhosts": ["/"], "users": ["app"], "clear": True})],
        admin=[Door("admin:accessctl_brokerpermission_delete", ("permission",), "get")]),
    act("copy permissions", "permissions:edit",
        page=[Door("permission_copy", query=_AT, body={"source": "app", "target": "other"})],
        api=[Door("api-permissions-copy", query=_DRY,
                  body={"broker": "{broker}", "source": "app", "target": "other"})]),
    act("set a topic permission", "permissions:edit",
        page=[Door("topic_permission_edit", query=_AT, body=_TOPIC)],
        api=[Door("api-topic-permissions-list", query=_DRY, body=_TOPIC),
             Door("api-topic-permissions-detail", ("topic_permission",), "patch", {"read": "b"}, _DRY)],
        admin=[Door("admin:accessctl_brokertopicpermission_change", ("topic_permission",),
                    body={"write": "a", "read": "b", "generation": 0})]),
    act("take a topic permission", "permissions:edit",
        page=[Door("topic_permission_clear",
                   query="?broker={broker}&vhost=/&user=app&exchange=amq.topic", method="get"),
              Door("topic_permission_clear", asks=True,
                   query="?broker={broker}&vhost=/&user=app&exchange=amq.topic")],
        api=[Door("api-topic-permissions-detail", ("topic_permission",), "delete", query=_DRY)],
        admin=[Door("admin:accessctl_brokertopicpermission_delete", ("topic_permission",), "get")]),
    # Policies
    *(
        one
        for kind, many, right in (
            ("policy", "policies", "policies:edit"),
            ("operator_policy", "operator-policies", "brokers:edit"),
        )
        for one in (
            act(f"set a {kind}", right,
                page=[Door(f"{kind}_create", query=_AT, body={"vhost": "/", "name": "new", **_CAP}),
                      Door(f"{kind}_edit", (kind,), body={**_CAP, "priority": "5", "generation": 0})],
                api=[Door(f"api-{many}-list", query=_DRY,
                          body={"broker": "{broker}", "vhost": "/", "name": "new", **_CAP_WIRE}),
                     Door(f"api-{many}-detail", (kind,), "patch", {"priority": 5}, _DRY),
                     Door("api-plans-list", body=_wish(kind, vhost="/", name="new", **_CAP_WIRE))],
                admin=[Door(f"admin:vhosts_{kind.replace('_', '')}_add", query=_AT,
                            body={"vhost": "/", "name": "new", **_CAP}),
                       Door(f"admin:vhosts_{kind.replace('_', '')}_change", (kind,),
                            body={**_CAP, "priority": "5", "generation": 0})]),
            act(f"delete a {kind}", right,
                page=[Door(f"{kind}_delete", (kind,), "get"), Door(f"{kind}_delete", (kind,), asks=True)],
                api=[Door(f"api-{many}-detail", (kind,), "delete", query=_DRY),
                     Door("api-plans-list", body=_wish(kind, vhost="/", name="cap", absent=True))],
                admin=[Door(f"admin:vhosts_{kind.replace('_', '')}_delete", (kind,), "get")]),
        )
    ),
    # Exchanges and bindings
    act("create an exchange", "exchanges:edit",
        page=[Door("exchange_create", query=_AT, body={"vhost": "/", "name": "new", "type": "direct"})],
        api=[Door("api-exchanges-list", query=_DRY, body={"broker": "{broker}", "vhost": "/", "name": "new"}),
             Door("api-plans-list", body=_wish("exchange", vhost="/", name="new"))],
        admin=[Door("admin:vhosts_exchange_add", query=_AT,
                    body={"vhost": "/", "name": "new", "type": "direct"})]),
    act("delete an exchange", "exchanges:edit",
        page=[Door("exchange_delete", ("exchange",), "get"), Door("exchange_delete", ("exchange",), asks=True)],
        api=[Door("api-exchanges-detail", ("exchange",), "delete", query=_DRY),
             Door("api-plans-list", body=_wish("exchange", vhost="/", name="e", absent=True))],
        admin=[Door("admin:vhosts_exchange_delete", ("exchange",), "get")]),
    act("replace an exchange", "exchanges:edit bindings:edit",
        page=[Door("exchange_replace", ("exchange",), body={"type": "fanout", "generation": 0})]),
    act("bind", "bindings:edit",
        page=[Door("binding_create", query=_AT, body=_BINDING)],
        api=[Door("api-bindings-list", query=_DRY, body={"broker": "{broker}", **_BINDING}),
             Door("api-plans-list", body=_wish("binding", **_BINDING))],
        admin=[Door("admin:vhosts_binding_add", query=_AT, body=_BINDING)]),
    act("unbind", "bindings:edit",
        page=[Door("binding_delete", ("binding",), "get"), Door("binding_delete", ("binding",), asks=True),
              Door("bindings_unbind", body={"ids": ["{binding}"]})],
        api=[Door("api-bindings-detail", ("binding",), "delete", query=_DRY),
             Door("api-plans-list", body=_wish("binding", **{**_BINDING, "routing_key": ""}, absent=True))],
        admin=[Door("admin:vhosts_binding_delete", ("binding",), "get")]),
    # Parameters
    *(
        one
        for kind, right, key, form, wire in (
            ("shovel", "brokers:edit", _IN, _MOVER, _MOVER_WIRE),
            ("federation_upstream", "brokers:edit", _IN, {"uri": "amqp://far"}, {"uri": "amqp://far"}),
            ("federation_upstream_set", "parameters:edit", _IN, {"members": "far"}, [{"upstream": "far"}]),
            ("parameter", "parameters:edit", {**_IN, "component": "mine"}, {"text": "5"}, 5),
            ("global_parameter", "brokers:edit", {"name": "new"}, {"text": "5"}, 5),
        )
        for model, many in [(kind.replace("_", ""), f"{kind.replace('_', '-')}s")]
        for one in (
            act(f"set a {kind}", right,
                page=[Door(f"{kind}_create", query=_AT, body={**key, **form}),
                      Door(f"{kind}_edit", (kind,), body={**form, "generation": 0})],
                api=[Door(f"api-{many}-list", query=_DRY, body={"broker": "{broker}", **key, "value": wire}),
                     Door(f"api-{many}-detail", (kind,), "patch", {"value": wire}, _DRY),
                     Door("api-plans-list", body=_wish(kind, **key, value=wire))],
                admin=[Door(f"admin:vhosts_{model}_add", query=_AT, body={**key, **form}),
                       Door(f"admin:vhosts_{model}_change", (kind,), body={**form, "generation": 0})]),
            act(f"delete a {kind}", right,
                page=[Door(f"{kind}_delete", (kind,), "get"), Door(f"{kind}_delete", (kind,), asks=True)],
                api=[Door(f"api-{many}-detail", (kind,), "delete", query=_DRY)],
                admin=[Door(f"admin:vhosts_{model}_delete", (kind,), "get")]),
        )
    ),
    act("restart a shovel", "parameters:edit",
        page=[Door("shovel_restart", ("shovel",), "get"), Door("shovel_restart", ("shovel",), asks=True)]),
    act("restart a federation link", "parameters:edit",
        page=[Door("federation_link_restart", ("federation_link",), "get"),
              Door("federation_link_restart", ("federation_link",), asks=True)]),
    # The cluster
    act("rename a cluster", "brokers:edit", page=[Door("cluster_name", ("broker",), body={"name": "new"})]),
    act("enable a feature flag", "brokers:edit",
        page=[Door("cluster_flags", ("broker",), "get", query="?flag=a"),
              Door("cluster_flags", ("broker",), asks=True, query="?flag=a")]),
    act("rebalance leaders", "replicas:edit",
        page=[Door("cluster_rebalance", ("broker",), "get"), Door("cluster_rebalance", ("broker",), asks=True)]),
    act("change a member of a queue", "replicas:edit",
        page=[Door("queue_member", ("queue",), asks=True, query="?act=add_member&node=n")]),
    act("change members on a node", "replicas:edit",
        page=[Door("cluster_members", ("broker",), asks=True, query="?act=grow&node=n")]),
    # Drift
    act("resolve the drift of a permission", "drift:resolve permissions:edit",
        page=[Door("drift_resolve", body={"act": "push", "ids": ["{drifted}"]})],
        api=[Door("api-drift-resolve", query=_DRY, body={"act": "push", "ids": ["{drifted}"]})],
        admin=[Door("admin:console_managedobject_changelist",
                    body={"action": "push_chosen", "_selected_action": ["{drifted}"]})]),
    act("adopt a permission", "drift:resolve permissions:edit",
        page=[Door("drift_adopt", body={"broker": "{broker}", "kind": "permission", "key": ["/", "app"]}),
              Door("unmanaged_adopt", body={"kind": "permission", "ids": ["{permission}"]})],
        api=[Door("api-drift-adopt", query=_DRY,
                  body={"broker": "{broker}", "kind": "permission", "keys": [{"vhost": "/", "user": "app"}]})],
        admin=[Door("admin:accessctl_brokerpermission_changelist",
                    body={"action": "adopt_chosen", "_selected_action": ["{permission}"]})]),
    act("adopt a user", "drift:resolve users:edit",
        page=[Door("drift_adopt", body={"broker": "{broker}", "kind": "user", "key": ["app"]}),
              Door("unmanaged_adopt", body={"kind": "user", "ids": ["{user}"]})],
        api=[Door("api-drift-adopt", query=_DRY,
                  body={"broker": "{broker}", "kind": "user", "keys": [{"name": "app"}]})],
        admin=[Door("admin:accessctl_brokeruser_changelist",
                    body={"action": "adopt_chosen", "_selected_action": ["{user}"]})]),
    # Messages
    act("move messages", "messages:move",
        page=[Door("message_move", ("queue",), body={
                  "mode": "delete", "which": "all", "step": "apply", "typed": "no such queue"}),
              Door("message_job_control", ("message_job",), body={"act": "pause"})],
        api=[Door("api-message-jobs-list", body={
                 "broker": "{broker}", "vhost": "/", "queue": "no such queue", "mode": "delete",
                 "confirm": "no such queue"}),
             *(Door(f"api-message-jobs-{verb}", ("message_job",)) for verb in ("pause", "resume", "stop")),
             Door("api-message-jobs-rate", ("message_job",), body={"rate": 5})]),
    # Alerts
    act("ignore a finding", "brokers:edit",
        page=[Door("finding_ignore", ("broker",), query="?rule=alarm", body={"reason": "known"}),
              Door("finding_heed", ("ignored_finding",))],
        api=[Door("api-findings-ignore", body={"broker": "{broker}", "rule": "alarm", "reason": "known"}),
             Door("api-findings-heed", ("ignored_finding",), "delete")]),
    act("mark a dead letter queue, and schedule its samples", "messages:move",
        page=[Door("dead_letter_mark", ("queue",), body={"is": "yes"}),
              Door("dead_letter_schedule", ("queue",), body={"every": ""})]),
    act("replay dead letters", "messages:move",
        page=[Door("dead_letter_replay", ("dead_letter_group",), body={"to": "original", "step": "apply"}),
              Door("dead_letter_replay_all", ("queue",), body={"to": "original", "step": "apply"})],
        api=[Door("api-dead-letter-groups-replay", ("dead_letter_group",)),
             Door("api-dead-letter-queues-replay", ("queue",))]),
    act("export dead letters", "messages:export",
        page=[Door("dead_letter_export", ("dead_letter_group",))]),
    act("edit a dead letter", "messages:read messages:publish",
        page=[Door("dead_letter_edit", ("queue",), body={"message": "0" * 32})]),
    act("discard dead letters", "messages:move",
        page=[Door("dead_letter_discard", ("dead_letter_group",)), Door("dead_letter_discard_all", ("queue",))],
        api=[Door("api-dead-letter-groups-discard", ("dead_letter_group",)),
             Door("api-dead-letter-queues-discard", ("queue",))]),
    act("set a noise pattern", "brokers:edit",
        page=[Door("noise", body={"pattern": "new*"}), Door("noise_remove", ("noise_pattern",))],
        api=[Door("api-noise-list", body={"pattern": "new*"}),
             Door("api-noise-detail", ("noise_pattern",), "delete")]),
    act("acknowledge an alert", "alerts:acknowledge",
        page=[Door("alerts_acknowledge", body={"ids": "{alert}", "step": "apply"}, needs="Acknowledged: 1"),
              Door("alert_link", ("alert_token",), needs="Acknowledged: 1")],
        api=[Door("api-alerts-acknowledge", ("alert",)), Door("api-alerts-reopen", ("alert",))]),
    act("snooze an alert", "alerts:acknowledge",
        page=[Door("alerts_snooze", body={"ids": "{alert}", "step": "apply", "hours": "4"}, needs="Snoozed: 1")],
        api=[Door("api-alerts-snooze", ("alert",), body={"until": "{tomorrow}:00Z"})]),
    act("create a rule", "alerts:edit",
        page=[Door("alert_rule_create", query="?type=memory_alarm", body={"name": "r", "severity": "warning"})],
        api=[Door("api-alert-rules-list", body={"name": "r", "type": "memory_alarm"}),
             Door("api-alert-rules-file", body={"version": 1, "rules": [{"name": "r", "type": "memory_alarm"}]})]),
    act("edit a rule", "alerts:edit",
        page=[Door("alert_rule_edit", ("alert_rule",), body={"name": "r", "severity": "warning", "threshold": "1"}),
              Door("alert_rule_switch", ("alert_rule",), body={"enabled": "0"}),
              Door("alert_rule_delete", ("alert_rule",))],
        api=[Door("api-alert-rules-detail", ("alert_rule",), "patch", body={"enabled": False}),
             Door("api-alert-rules-detail", ("alert_rule",), "delete")]),
    act("edit a maintenance window", "alerts:edit",
        page=[Door("alert_window_create", body={"reason": "r", "ends_at": "{tomorrow}"}),
              Door("alert_window_end", ("alert_window",))]),
    act("edit an owner", "alerts:edit",
        page=[Door("alert_owner_create", body={"name": "o"}),
              Door("alert_owner_edit", ("alert_owner",), body={"name": "o"}),
              Door("alert_owner_delete", ("alert_owner",))]),
    act("create a channel", "alerts:edit",
        page=[Door("alert_channel_create", query="?kind=apprise",
                   body={"name": "c", "least_severity": "info", "apprise_url": "ntfys://ntfy.example.org/a"})],
        api=[Door("api-alert-channels-list",
                  body={"name": "c", "kind": "apprise", "address": {"apprise_url": "ntfys://ntfy.example.org/a"}})]),
    act("edit a channel", "alerts:edit",
        page=[Door("alert_channel_edit", ("alert_channel",), body={"name": "c", "least_severity": "info"}),
              Door("alert_channel_delete", ("alert_channel",)),
              Door("alert_channel_test", ("alert_channel",))],
        api=[Door("api-alert-channels-detail", ("alert_channel",), "patch", body={"enabled": False}),
             Door("api-alert-channels-detail", ("alert_channel",), "delete"),
             Door("api-alert-channels-test", ("alert_channel",))]),
    # Changes of somebody else
    act("stop a change", "changes:stop",
        page=[Door("change_stop", ("open_change",))], api=[Door("api-changes-stop", ("open_change",))]),
    act("retry a change of a permission", "permissions:edit",
        page=[Door("change_retry", ("rejected_change",))],
        api=[Door("api-changes-retry", ("rejected_change",))]),
    act("confirm a deletion of a permission", "permissions:edit",
        page=[Door("change_confirm", ("waiting_change",))],
        api=[Door("api-changes-confirm", ("waiting_change",))]),
    # Not the right of the change, but of its inverse.
    act("revert the deletion of a virtual host", "vhosts:create",
        page=[Door("change_revert", ("applied_change",), asks=True),
              Door("revert_to", query="?broker={broker}&vhost=gone&since=2020-01-01T00:00", asks=True)],
        api=[Door("api-changes-revert", ("applied_change",), query=_DRY),
             Door("api-changes-revert-since", query=_DRY,
                  body={"broker": "{broker}", "vhost": "gone", "since": "2020-01-01T00:00:00Z"})]),
    # Definitions
    act("export definitions", "definitions:export",
        page=[Door("definitions_export", body={"export-broker": "{broker}"})],
        api=[Door("api-definitions-list", query=_AT, method="get")]),
    act("plan an import of definitions", "definitions:import",
        page=[Door("definitions_import", body={"import-broker": "{broker}", "import-file": "{file}"})],
        api=[Door("api-definitions-plan", query=_AT, body={"vhosts": [{"name": "new"}]})]),
    act("apply an import of a virtual host", "definitions:import vhosts:create",
        api=[Door("api-definitions-apply", query=_AT, body={"vhosts": [{"name": "new"}]})]),
    act("copy a virtual host", "definitions:export definitions:import",
        page=[Door("definitions_copy", body={"copy-source": "{broker}", "copy-source_vhost": "/",
                                             "copy-broker": "{broker}", "copy-vhost": "new"})],
        api=[Door("api-definitions-plan",
                  query="?broker={broker}&from_broker={broker}&source_vhost=/&vhost=new")]),
    act("take a backup", "definitions:export",
        page=[Door("backup_take", ("broker",))],
        api=[Door("api-backups-list", body={"broker": "{broker}"})]),
    act("download a backup", "definitions:export",
        page=[Door("backup_download", ("backup",))],
        api=[Door("api-backups-file", ("backup",), "get")]),
    act("compose a dashboard", "dashboards:edit",
        page=[Door("dashboard_new", body={"name": "new", "rows": "0"}),
              Door("dashboard_edit", ("dashboard",), body={"name": "new", "rows": "0"})],
        api=[Door("api-dashboards-list", body={"name": "new", "charts": []}),
             Door("api-dashboards-detail", ("dashboard",), "patch", {"name": "new"})]),
    act("delete a dashboard", "dashboards:edit",
        page=[Door("dashboard_delete", ("dashboard",))],
        api=[Door("api-dashboards-detail", ("dashboard",), "delete")]),
    # The console's own
    # Besides, all that the grant holds: a viewer's role holds explain:use.
    act("give a grant", "explain:use grants:edit",
        page=[Door("access_grants", body={"to": "user-{person}", "role": "viewer", "place": "broker-{broker}",
                                          "vhost_pattern": "*"})],
        api=[Door("api-grants-list", body={"user": "somebody", "role": "viewer", "broker": "{broker}"})]),
    act("take a grant", "explain:use grants:edit",
        page=[Door("access_grant_take", ("grant",))],
        api=[Door("api-grants-detail", ("grant",), "delete")]),
    act("set a masking rule", "grants:edit",
        page=[Door("masking_new", body=_MASK), Door("masking_edit", ("masking_rule",), body=_MASK),
              Door("masking_delete", ("masking_rule",))],
        api=[Door("api-masking-rules-list", body=_MASK),
             Door("api-masking-rules-detail", ("masking_rule",), "put", _MASK),
             Door("api-masking-rules-detail", ("masking_rule",), "delete")]),
    act("edit people", "people:edit",
        page=[Door("access_people", body={"username": "fresh"}),
              Door("access_person_groups", ("person",)),
              Door("access_person_switch", ("person",), body={"active": "0"}),
              Door("access_person_password", ("person",)),
              Door("access_group_add", body={"name": "another team"}),
              Door("access_group_delete", ("group",))]),
]  # fmt: skip

#: Doors to what is one's own, or to a plan that was made at another door: rights are asked there.
OWN = {
    "account_change_password", "account_login", "account_logout", "account_reauthenticate",
    "access_first_password", "access_session_end", "access_token_revoke", "access_tokens",
    "api-sessions-detail", "api-tokens-detail", "api-tokens-list", "definitions_plan",
    "mfa_activate_totp", "mfa_authenticate", "mfa_deactivate_totp", "mfa_download_recovery_codes",
    "mfa_generate_recovery_codes", "mfa_reauthenticate", "openid_connect_callback",
    "once", "openid_connect_login", "livez", "readyz", "metrics",
    "api-route-list",  # calculates, changes nothing
    "queues_policy",  # leads to the form of a policy
    "dead_letters_sample", "dead_letter_messages", "api-dead-letter-queues-sample",  # read, by a right to see: tests/messages/dead_letters
    "queue_messages", "api-queues-peek",  # read, by a right to see: tests/messages/test_peek_live.py
    # Copies of messages, by a right to see, and a key of one's own by bindings:edit: tests/messages/test_listening.py.
    "listen_start", "listen_messages", "listen_stop", "api-taps-list", "api-taps-messages", "api-taps-detail",
    # By messages:publish: tests/messages/test_listening.py, test_learning.py.
    "listen_publish", "learn_start", "learn_send",
    # A change of the engine, by the right for each object in it: tests/messages/test_learning.py.
    "learn_create", "learn_remove",
    "api-alert-rules-restore",  # by alerts:edit, as its page: tests/alerts/test_rest.py
    "fleet_density",  # one's own choice
}  # fmt: skip
