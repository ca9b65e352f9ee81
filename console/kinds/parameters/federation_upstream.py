"""Federation upstreams: other brokers whose exchanges and queues a policy federates here.

An upstream is a runtime parameter of the component federation-upstream.
"""

from __future__ import annotations

from console.kinds.common.acts import Act, Facts, Get, Parameters
from console.kinds.common.kind import Field, Key
from console.kinds.common.parameters import component_kind
from console.kinds.common.shell import shell_word
from console.kinds.common.values import table
from console.kinds.common.wire import Call
from console.kinds.refusals.policy_keys import FEDERATION_PLUGINS
from console.kinds.refusals.upstreams import upstream_problems
from console.rabbitmq.management.answers import rows_of


def _link(key: Key, parameters: Parameters, get: Get) -> Facts:
    rows = rows_of(get("federation-links", key[0]))
    found = [
        row.get("status")
        for row in rows
        if (row.get("id"), row.get("node")) == (parameters["link"], parameters["node"])
    ]
    return {"state": found[0] if found else None}


def _why_not_restarted(before: Facts) -> str:
    return "" if before["state"] is not None else "RabbitMQ no longer has this link."


def _restarted(before: Facts, after: Facts | None) -> str:
    now = "unknown" if after is None or after["state"] is None else after["state"]
    return f"The link was {before['state']}; its state is {now} now."


RESTART_LINK = Act(
    name="restart_link",
    verb="Restart a link",
    call=lambda key, said: Call(
        "DELETE", ("federation-links", "vhost", key[0], said["link"], said["node"], "restart")
    ),
    reads=_link,
    refuses=_why_not_restarted,
    result=_restarted,
    rabbitmqctl=lambda key, said: [["restart_federation_link", shell_word(said["link"])]],
)

FEDERATION_UPSTREAM = component_kind(
    component="federation-upstream",
    name="federation_upstream",
    noun="federation upstream",
    value=Field("value", {}, table, label="settings"),
    plugins=FEDERATION_PLUGINS,
    problems=upstream_problems,
    reaches_elsewhere=True,
    acts=(RESTART_LINK,),
)
