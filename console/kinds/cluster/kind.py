"""The cluster itself: feature flags, the leaders of queues, and members on its nodes.

It has no desired state: all that is requested of it are acts. Sources:
`rabbit_mgmt_wm_feature_flag_enable.erl`, `rabbit_mgmt_wm_rebalance_queues.erl`,
`rabbit_mgmt_wm_quorum_queue_replicas_grow.erl`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from console.kinds.common.acts import Act, Facts, Get, Parameters
from console.kinds.common.kind import Key, Kind
from console.kinds.common.rows import Section
from console.kinds.common.shell import shell_word
from console.kinds.common.wire import Call, Named
from console.rabbitmq.management.answers import rows_of

#: The first version whose management API changes members of quorum queues.
CHANGES_MEMBERS = "3.12.1"
_QUORUM = "quorum"
_EVERY = {"vhost_pattern": ".*", "queue_pattern": ".*", "strategy": "all"}


def _flag(key: Key, parameters: Parameters, get: Get) -> Facts:
    rows = rows_of(get("feature-flags"))
    found = next((row for row in rows if row.get("name") == parameters["flag"]), None)
    return {"state": None if found is None else found.get("state")}


def _why_not_enabled(before: Facts) -> str:
    if before["state"] is None:
        return "RabbitMQ has no such feature flag."
    if before["state"] == "enabled":
        return "The feature flag is already enabled."
    if before["state"] == "unavailable":
        return "A node doesn't support the feature flag. Upgrade every node first."
    return ""


def _enabled(before: Facts, after: Facts | None) -> str:
    if after is None or after["state"] != "enabled":
        return "RabbitMQ accepted it, but didn't report it as enabled yet. Look at the list again."
    return "It is enabled on every node."


def leaders_by_node(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many quorum queues and streams each node leads."""
    led = (row.get("leader") or row.get("node") for row in rows if row.get("type") != "classic")
    return dict(sorted(Counter(node for node in led if isinstance(node, str)).items()))


def _leaders(key: Key, parameters: Parameters, get: Get) -> Facts:
    query = {"disable_stats": "true", "columns": "name,type,leader,node"}
    return {"leaders": leaders_by_node(rows_of(get("queues", query=query)))}


def _listed(leaders: Mapping[str, int]) -> str:
    return ", ".join(f"{node}: {number:,}" for node, number in leaders.items()) or "none"


def _rebalanced(before: Facts, after: Facts | None) -> str:
    now = "unknown" if after is None else _listed(after["leaders"])
    return (
        f"RabbitMQ moves leaders in the background. By node before – {_listed(before['leaders'])}; "
        f"right after – {now}."
    )


def _members(key: Key, parameters: Parameters, get: Get) -> Facts:
    query = {"disable_stats": "true", "columns": "name,type,members"}
    rows = [row for row in rows_of(get("queues", query=query)) if row.get("type") == _QUORUM]
    node = parameters["node"]
    return {
        "queues": len(rows),
        "there": sum(1 for row in rows if node in (row.get("members") or [])),
    }


def _grown(before: Facts, after: Facts | None) -> str:
    now = "unknown" if after is None else f"{after['there']:,}"
    return (
        f"Of {before['queues']:,} quorum queues, {before['there']:,} had a member there; now {now}."
    )


def _on(node: str) -> tuple[str, ...]:
    return ("queues", _QUORUM, "replicas", "on", node)


ENABLE = Act(
    name="enable",
    verb="Enable a feature flag",
    call=lambda key, said: Call(
        "PUT", ("feature-flags", said["flag"], "enable"), {"name": said["flag"]}
    ),
    reads=_flag,
    refuses=_why_not_enabled,
    result=_enabled,
    rabbitmqctl=lambda key, said: [["enable_feature_flag", shell_word(said["flag"])]],
)
REBALANCE = Act(
    name="rebalance",
    verb="Rebalance leaders",
    call=lambda key, _: Call("POST", ("rebalance", "queues"), {}),
    reads=_leaders,
    result=_rebalanced,
)
GROW = Act(
    name="grow",
    verb="Add members on a node",
    call=lambda key, said: Call("POST", (*_on(said["node"]), "grow"), _EVERY),
    reads=_members,
    result=_grown,
)
SHRINK = Act(
    name="shrink",
    verb="Remove members from a node",
    call=lambda key, said: Call("DELETE", (*_on(said["node"]), "shrink")),
    reads=_members,
    result=_grown,
    destructive=True,
)
CLUSTER = Kind(
    name="whole_cluster",
    noun="cluster",
    identity=("name",),
    fields=(),
    rank=0,
    has_state=False,
    wire=Named("whole_cluster", ("name",), spec=lambda row: {}, body=lambda key, spec: {}),
    section=Section(name="whole_cluster", order=0, emit=lambda key, spec: iter(())),
    acts={act.name: act for act in (ENABLE, REBALANCE, GROW, SHRINK)},
)
