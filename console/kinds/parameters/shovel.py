"""Dynamic shovels: they move messages from a queue or exchange to another, also between brokers.

A shovel is a runtime parameter of the component shovel.
"""

from __future__ import annotations

from console.kinds.common.acts import Act, Facts, Get, Parameters
from console.kinds.common.kind import Field, Key
from console.kinds.common.parameters import component_kind
from console.kinds.common.shell import shell_word
from console.kinds.common.values import table
from console.kinds.common.wire import Call
from console.kinds.refusals.shovels import problems
from console.rabbitmq.management.answers import rows_of


def _state(key: Key, parameters: Parameters, get: Get) -> Facts:
    rows = rows_of(get("shovels", key[0]))
    found = next((row for row in rows if row.get("name") == key[1]), None)
    return {"state": None if found is None else found.get("state")}


def _why_not_restarted(before: Facts) -> str:
    if before["state"] is None:
        return "RabbitMQ reports no state of the shovel, so there is nothing to restart."
    return ""


def _restarted(before: Facts, after: Facts | None) -> str:
    now = "unknown" if after is None or after["state"] is None else after["state"]
    return f"It was {before['state']}; its state is {now} now."


RESTART = Act(
    name="restart",
    verb="Restart",
    call=lambda key, _: Call("DELETE", ("shovels", "vhost", *key, "restart")),
    reads=_state,
    refuses=_why_not_restarted,
    result=_restarted,
    rabbitmqctl=lambda key, _: [["restart_shovel", "-p", *map(shell_word, key)]],
)

SHOVEL = component_kind(
    component="shovel",
    name="shovel",
    noun="shovel",
    value=Field("value", {}, table, label="settings"),
    plugins=("rabbitmq_shovel",),
    problems=problems,
    reaches_elsewhere=True,
    acts=(RESTART,),
)
