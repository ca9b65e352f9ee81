"""Acts on the members of one quorum queue: each member is a replica on a node.

Source: `rabbit_mgmt_wm_quorum_queue_replicas_add_member.erl`.
"""

from __future__ import annotations

from console.kinds.common.acts import Act, Facts, Get, Parameters
from console.kinds.common.kind import Key
from console.kinds.common.rows import some
from console.kinds.common.wire import Call
from console.rabbitmq.management.answers import must_name

_QUORUM = "quorum"


def _members(key: Key, parameters: Parameters, get: Get) -> Facts:
    row = get("queues", *key)
    must_name(row, vhost=key[0], name=key[1])
    return {**some(row, "type", "members", "leader"), "node": parameters["node"]}


def _why_not_added(before: Facts) -> str:
    if before.get("type") != _QUORUM:
        return "Only quorum queues get members over HTTP."
    if before["node"] in (before.get("members") or []):
        return f"The queue has a member on {before['node']} already."
    return ""


def _why_not_removed(before: Facts) -> str:
    if before.get("type") != _QUORUM:
        return "Only members of quorum queues are removed over HTTP."
    members = before.get("members") or []
    if before["node"] not in members:
        return f"The queue has no member on {before['node']}."
    if len(members) == 1:
        return "A quorum queue needs at least one member."
    return ""


def _result(before: Facts, after: Facts | None) -> str:
    if after is None or not isinstance(after.get("members"), list):
        return "The queue's members are unknown now."
    return f"Its members are now on {', '.join(map(str, after['members']))}."


def _at(key: Key, act: str) -> tuple[str, ...]:
    return ("queues", _QUORUM, *key, "replicas", act)


ADD_MEMBER = Act(
    name="add_member",
    verb="Add a member",
    call=lambda key, said: Call("POST", _at(key, "add"), {"node": said["node"]}),
    reads=_members,
    refuses=_why_not_added,
    result=_result,
)
REMOVE_MEMBER = Act(
    name="remove_member",
    verb="Remove a member",
    call=lambda key, said: Call("DELETE", _at(key, "delete"), {"node": said["node"]}),
    reads=_members,
    refuses=_why_not_removed,
    result=_result,
    destructive=True,
)
